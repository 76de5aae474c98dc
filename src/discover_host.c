/* The services that a discovery plugin gets besides those of host.c; see discover_priv.h. Each call is
 * judged before it touches anything: the handle must be live, the thread the right one. */
#include "discover_priv.h"

#include "err.h"
#include "handle.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* ---- asks ---- */

struct gc_ask *gc_ask_create(struct gc_instance *inst, bool is_push)
{
	const struct gc_peerset_rule rule = {inst->basenames, inst->n_basenames,
					     inst->d->config.keeps_hosts,
					     inst->d->config.max_peers};
	struct gc_ask *ask = calloc(1, sizeof(*ask));

	if (!ask)
		return NULL;
	ask->inst = inst;
	ask->is_push = is_push;
	ask->peers = gc_peerset_create(&rule);
	ask->handle = ask->peers ? gc_handle_open(ask, GC_HANDLE_ASK) : NULL;
	if (ask->handle)
		return ask;
	gc_ask_destroy(ask);
	return NULL;
}

void gc_ask_destroy(struct gc_ask *ask)
{
	if (!ask)
		return;
	if (ask->handle)
		gc_handle_close(ask->handle);
	gc_peerset_destroy(ask->peers);
	free(ask);
}

/* A reason goes into logs, events and shells: one line of UTF-8 without control characters,
 * whatever the plugin quotes. One that is too long is cut between characters. */
static void set_reason(struct gc_ask *ask, const char *reason)
{
	const uint8_t *from = (const uint8_t *)reason;
	size_t left = strlen(reason), len = 0;
	uint32_t code;

	while (left > 0) {
		size_t n = gc_utf8_get(from, left, &code);
		size_t step = n ? n : 1;
		if (len + step >= sizeof(ask->reason))
			break;
		if (n == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
			memset(ask->reason + len, n ? ' ' : '?', step);
		else
			memcpy(ask->reason + len, from, n);
		len += step;
		from += step;
		left -= step;
	}
	ask->reason[len] = '\0';
}

void gc_ask_result(struct gc_ask *ask, enum gc_quality quality, const char *reason)
{
	int lack = gc_peerset_lack(ask->peers);

	ask->quality = quality;
	if (quality == GC_COMPLETE && lack) {
		ask->quality = GC_PARTIAL; /* what is missing may be members */
		set_reason(ask, lack == GC_ENOMEM ? "not all peers were taken: out of memory"
						  : "not all peers were taken: max_peers is reached");
		return;
	}
	if (quality == GC_COMPLETE || quality == GC_PARTIAL) {
		set_reason(ask, reason ? reason : "");
		return;
	}
	ask->quality = GC_ERROR;
	gc_peerset_clear(ask->peers);
	if (quality != GC_ERROR)
		set_reason(ask, "the plugin answered with an unknown quality");
	else
		set_reason(ask, reason && *reason ? reason : "the plugin gave no reason");
}

/* The ask that this thread may add to, or NULL. */
static struct gc_ask *find_ask(struct gc_request *handle)
{
	struct gc_ask *mine = gc_thread_ask(), *ask;

	if (!gc_on_loop_thread()) {
		if (mine && mine->handle == handle)
			return mine;
		gc_handle_set(handle, GC_HANDLE_WRONG_THREAD);
		return NULL;
	}
	ask = gc_handle_find(handle, GC_HANDLE_ASK);
	return ask && !ask->is_blocking ? ask : NULL;
}

/* ---- services ---- */

static int host_add_peer(struct gc_request *handle, const struct gc_peer *peer)
{
	struct gc_ask *ask = find_ask(handle);

	if (!ask)
		return GC_EINVAL;
	if (gc_handle_is(handle, GC_HANDLE_CANCELLED))
		return GC_ECANCELED;
	return gc_peerset_add(ask->peers, peer);
}

static void host_set_ttl(struct gc_request *handle, uint32_t ttl_s)
{
	struct gc_ask *ask = find_ask(handle);

	if (ask)
		ask->ttl_s = ttl_s;
}

static void host_finish(struct gc_request *handle, enum gc_quality quality, const char *reason)
{
	struct gc_ask *ask;

	if (!gc_on_loop_thread()) {
		gc_handle_set(handle, GC_HANDLE_WRONG_THREAD);
		return;
	}
	ask = find_ask(handle);
	if (!ask)
		return;
	gc_ask_result(ask, quality, reason);
	gc_discover_finished(ask);
}

/* An answer that was opened and not finished gives way to a new one. */
static struct gc_request *host_push(struct gc_instance *inst)
{
	if (!gc_on_loop_thread()) {
		gc_facts_log(&inst->facts, GC_ERR, "push() came from another thread: refused");
		return NULL;
	}
	if (inst->is_closing || inst->n_done >= GC_PUSH_QUEUE)
		return NULL;
	gc_ask_destroy(inst->pushing);
	inst->pushing = gc_ask_create(inst, true);
	return inst->pushing ? inst->pushing->handle : NULL;
}

static int host_is_cancelled(struct gc_request *handle)
{
	return gc_handle_is(handle, GC_HANDLE_CANCELLED);
}

static void host_closed(struct gc_instance *inst)
{
	if (gc_on_loop_thread())
		gc_discover_plugin_closed(inst);
	else
		gc_facts_log(&inst->facts, GC_ERR, "closed() came from another thread: refused");
}

static int host_may_reach(struct gc_instance *inst, const struct sockaddr *addr)
{
	const struct gc_discover_config *c = &inst->d->config;

	return !c->may_reach || c->may_reach(c->arg, addr);
}

void gc_discover_host_init(struct gc_discover *d)
{
	struct gc_host *h = &d->host;

	gc_host_init(h, d->config.loop);
	h->add_peer = host_add_peer;
	h->set_ttl = host_set_ttl;
	h->finish = host_finish;
	h->push = host_push;
	h->is_cancelled = host_is_cancelled;
	h->closed = host_closed;
	h->may_reach = host_may_reach;
}
