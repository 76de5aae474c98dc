/* The discovery manager: all instances together; see discover.h. What one does is in
 * discover_instance.c and discover_round.c. Loop thread. */
#include "discover_priv.h"

#include "err.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* Instances that never closed: their plugins may still run, so their memory stays. */
static struct gc_discover *abandoned;

static void discover_free(struct gc_discover *d)
{
	gc_where_deinit(&d->where);
	free(d);
}

int gc_discover_create(const struct gc_discover_config *c, struct gc_discover **d_r)
{
	struct gc_discover *d = calloc(1, sizeof(*d));

	*d_r = NULL;
	if (!d)
		return GC_ENOMEM;
	int rc = gc_where_init(&d->where, c->owner, c->cnode);
	if (!rc)
		rc = gc_mail_open(&d->mail, c->loop, gc_job_done, d);
	if (rc) {
		discover_free(d);
		return rc;
	}
	d->where.mail_out = d->mail.out;
	d->config = *c;
	d->config.owner = d->where.owner;
	d->config.cnode = d->where.cnode;
	d->random = uv_hrtime() | 1;
	gc_discover_host_init(d);
	uv_idle_init(c->loop, &d->deliver);
	uv_timer_init(c->loop, &d->close_timer);
	d->deliver.data = d->close_timer.data = d;
	d->open_handles = 3;
	*d_r = d;
	return 0;
}

struct gc_instance *gc_discover_find(const struct gc_discover *d, const char *name)
{
	struct gc_instance *inst;

	DL_FOREACH(d->instances, inst)
	if (!inst->is_closing && strcmp(inst->name, name) == 0)
		return inst;
	return NULL;
}

bool gc_discover_has(const struct gc_discover *d, const char *instance)
{
	return gc_discover_find(d, instance) != NULL;
}

void gc_discover_each(const struct gc_discover *d, void (*cb)(void *arg, const char *instance),
		      void *arg)
{
	struct gc_instance *inst;

	DL_FOREACH(d->instances, inst)
	if (gc_instance_is_shown(inst))
		cb(arg, inst->name);
}

void gc_discover_start(struct gc_discover *d)
{
	d->is_started = true;
	gc_discover_refresh(d);
}

void gc_discover_refresh(struct gc_discover *d)
{
	struct gc_instance *inst;

	DL_FOREACH(d->instances, inst)
	if (inst->state == GC_IDLE && !inst->is_closing && gc_instance_is_asked(inst))
		gc_instance_begin_round(inst);
}

size_t gc_discover_count(const struct gc_discover *d)
{
	struct gc_instance *inst;
	size_t n = 0;

	DL_FOREACH(d->instances, inst)
	n += gc_instance_is_shown(inst);
	return n;
}

static void on_own_closed(uv_handle_t *handle)
{
	struct gc_discover *d = handle->data;
	void (*closed)(void *) = d->closed;
	void *arg = d->closed_arg;

	if (--d->open_handles > 0)
		return;
	if (d->n_abandoned) {
		d->next_abandoned = abandoned;
		abandoned = d;
	} else {
		discover_free(d);
	}
	if (closed)
		closed(arg);
}

/* When only our own three handles are left, they go, too. */
void gc_discover_maybe_closed(struct gc_discover *d)
{
	if (!d->is_closing || d->open_handles > 3 || uv_is_closing((uv_handle_t *)&d->deliver))
		return;
	uv_close((uv_handle_t *)&d->deliver, on_own_closed);
	uv_close((uv_handle_t *)&d->close_timer, on_own_closed);
	gc_mail_close(&d->mail, d->n_abandoned > 0, on_own_closed);
}

static void on_close_timeout(uv_timer_t *timer)
{
	struct gc_discover *d = timer->data;
	struct gc_instance *inst;

	DL_FOREACH(d->instances, inst)
	if (!inst->is_closed)
		gc_instance_abandon(inst);
}

void gc_discover_close(struct gc_discover *d, void (*closed)(void *arg), void *arg)
{
	struct gc_instance *inst;

	if (d->is_closing)
		return;
	d->is_closing = true;
	d->closed = closed;
	d->closed_arg = arg;
	uv_idle_stop(&d->deliver);
	uv_timer_start(&d->close_timer, on_close_timeout, GC_CLOSE_TIMEOUT_MS, 0);
	DL_FOREACH(d->instances, inst)
	if (!inst->is_closing)
		gc_instance_close(inst);
	gc_discover_maybe_closed(d);
}
