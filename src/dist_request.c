/* Questions to the dist backend and its answers; see dist_priv.h. A request goes to the plugin as a
 * handle (handle.h): one that is used after it ended is not found. Answers are delivered on a later
 * loop turn, in the order in which they came. Loop thread. */
#include "dist_priv.h"

#include "handle.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static void request_destroy(struct gc_dist_request *q)
{
	if (q->handle)
		gc_handle_close(q->handle);
	for (size_t i = 0; i < q->n_found; i++)
		free(q->found[i]);
	free(q->found);
	free(q->node);
	free(q);
}

struct gc_dist_request *gc_dist_request_new(struct gc_dist_host *d, enum gc_dist_kind kind,
					    const char *node)
{
	struct gc_dist_request *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->d = d;
	q->kind = kind;
	q->deadline_ms = uv_now(d->config.loop) + GC_DIST_TIMEOUT_MS;
	q->node = node ? strdup(node) : NULL;
	q->handle = node && !q->node ? NULL : gc_handle_open(q, GC_HANDLE_DIST);
	if (!q->handle) {
		request_destroy(q);
		return NULL;
	}
	DL_APPEND(d->requests, q);
	return q;
}

struct gc_dist_request *gc_dist_request_find(struct gc_request *handle)
{
	return gc_on_loop_thread() ? gc_handle_find(handle, GC_HANDLE_DIST) : NULL;
}

static int grow_found(struct gc_dist_request *q)
{
	size_t cap = q->cap_found ? q->cap_found * 2 : 16;
	char **found;

	if (q->n_found < q->cap_found)
		return 0;
	found = realloc(q->found, cap * sizeof(*found));
	if (!found)
		return GC_ENOMEM;
	q->found = found;
	q->cap_found = cap;
	return 0;
}

int gc_dist_request_add(struct gc_dist_request *q, const char *node)
{
	char *copy;

	if (q->n_found >= q->d->config.max_members)
		return GC_EBUDGET;
	if (grow_found(q) != 0 || !(copy = strdup(node))) {
		gc_dist_request_finish(q, GC_ERROR, GC_ENOMEM, "out of memory");
		return GC_ENOMEM;
	}
	q->found[q->n_found++] = copy;
	return 0;
}

static void deliver(struct gc_dist_host *d, struct gc_dist_request *q)
{
	const struct gc_dist_config *c = &d->config;

	switch (q->kind) {
	case GC_DIST_JOIN:
	case GC_DIST_LEAVE:
		c->on_joined(c->arg, q->node, q->kind == GC_DIST_JOIN, &q->fail);
		break;
	case GC_DIST_MEMBERS:
	case GC_DIST_PUSH:
		if (q->quality == GC_ERROR)
			gc_log(GC_LOG_WARNING, d->instance.facts.area, "members: %s",
			       q->fail.detail);
		if (q->quality != GC_PARTIAL)
			c->on_members(c->arg, &q->fail, (const char *const *)q->found, q->n_found);
		break;
	}
}

void gc_dist_deliver(struct gc_dist_host *d)
{
	while (d->done && !d->is_closing) {
		struct gc_dist_request *q = d->done;
		DL_DELETE(d->done, q);
		deliver(d, q);
		request_destroy(q);
	}
}

static void on_deliver(uv_timer_t *timer)
{
	gc_dist_deliver(timer->data);
}

void gc_dist_request_finish(struct gc_dist_request *q, enum gc_quality quality, int err,
			    const char *reason)
{
	struct gc_dist_host *d = q->d;

	gc_handle_close(q->handle);
	q->handle = NULL;
	DL_DELETE(d->requests, q);
	DL_APPEND(d->done, q);
	q->quality = quality;
	if (quality == GC_ERROR)
		gc_fail_set(&q->fail, err, GC_STAGE_JOIN, "%s", reason ? reason : "");
	if (!d->is_closing)
		uv_timer_start(&d->deliver, on_deliver, 0, 0);
}

/* cancel() may end others of the list, so each is looked for anew. */
static struct gc_dist_request *find_overdue(struct gc_dist_host *d)
{
	struct gc_dist_request *q;

	DL_FOREACH(d->requests, q)
	if (q->deadline_ms <= uv_now(d->config.loop))
		return q;
	return NULL;
}

void gc_dist_on_deadlines(uv_timer_t *timer)
{
	struct gc_dist_host *d = timer->data;
	struct gc_dist_request *q;

	while ((q = find_overdue(d))) {
		struct gc_request *handle = q->handle;
		gc_dist_request_finish(q, GC_ERROR, GC_ETIMEDOUT,
				       "the dist backend did not answer");
		if (d->module->dist.cancel)
			d->module->dist.cancel(d->self, handle);
	}
}

static void drop(struct gc_dist_request **list)
{
	struct gc_dist_request *q, *tmp;

	DL_FOREACH_SAFE(*list, q, tmp)
	{
		DL_DELETE(*list, q);
		request_destroy(q);
	}
}

void gc_dist_drop_requests(struct gc_dist_host *d)
{
	drop(&d->requests);
	drop(&d->done);
}
