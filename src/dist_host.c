/* The services that the dist backend gets besides those of host.c; see dist_priv.h. Loop thread. */
#include "dist_priv.h"

#include "log.h"
#include "name.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* ---- answers ---- */

static int host_add_peer(struct gc_request *handle, const struct gc_peer *peer)
{
	struct gc_dist_request *q = gc_dist_request_find(handle);

	if (!q || !peer->node || !gc_name_ok(peer->node, strnlen(peer->node, GC_NODE_MAX + 1)))
		return GC_EINVAL;
	return gc_dist_request_add(q, peer->node);
}

static void host_set_ttl(struct gc_request *handle, uint32_t ttl_s)
{
	(void)handle;
	(void)ttl_s;
}

static void host_finish(struct gc_request *handle, enum gc_quality quality, const char *reason)
{
	struct gc_dist_request *q = gc_dist_request_find(handle);

	if (q)
		gc_dist_request_finish(q, quality, GC_EJOIN, reason);
}

static struct gc_request *host_push(struct gc_instance *inst)
{
	struct gc_dist_host *d = inst->d;
	struct gc_dist_request *q =
	    d->is_closing ? NULL : gc_dist_request_new(d, GC_DIST_PUSH, NULL);

	return q ? q->handle : NULL;
}

static int host_is_cancelled(struct gc_request *handle)
{
	return gc_dist_request_find(handle) == NULL;
}

static void host_closed(struct gc_instance *inst)
{
	inst->d->plugin_closed = true;
	gc_dist_maybe_closed(inst->d);
}

/* ---- calls to the owner ---- */

static void on_owner_answer(void *arg, const struct gc_fail *fail, struct gc_span result)
{
	struct gc_dist_call *call = arg;
	struct gc_dist_host *d = call->inst->d;

	DL_DELETE(d->calls, call);
	call->done(call->arg, fail->err, fail->err ? gc_err_name(fail->err) : NULL, result.p,
		   result.len);
	free(call);
}

static struct gc_link *owner_link(struct gc_dist_host *d)
{
	return d->config.owner && !d->is_closing ? gc_node_find(d->config.node, d->config.owner)
						 : NULL;
}

static int host_call_owner(struct gc_instance *inst, const char *module, const char *function,
			   const void *args, size_t args_len, uint64_t timeout_ms,
			   void (*done)(void *arg, int err, const char *reason, const void *term,
					size_t len),
			   void *arg)
{
	struct gc_dist_host *d = inst->d;
	struct gc_link *link = owner_link(d);
	struct gc_dist_call *call;
	int err;

	if (!link)
		return GC_ENOLINK;
	if (gc_etf_check(args, args_len) != (int64_t)args_len)
		return GC_EINVAL;
	call = calloc(1, sizeof(*call));
	if (!call)
		return GC_ENOMEM;
	*call = (struct gc_dist_call){.inst = inst, .done = done, .arg = arg};
	err = gc_rpc_call(d->config.rpc, link, module, function, (struct gc_span){args, args_len},
			  timeout_ms, on_owner_answer, call);
	if (err) {
		free(call);
		return err;
	}
	DL_APPEND(d->calls, call);
	return 0;
}

static int host_cast_owner(struct gc_instance *inst, const char *module, const char *function,
			   const void *args, size_t args_len)
{
	struct gc_dist_host *d = inst->d;
	struct gc_link *link = owner_link(d);

	if (!link)
		return GC_ENOLINK;
	if (gc_etf_check(args, args_len) != (int64_t)args_len)
		return GC_EINVAL;
	return gc_rpc_cast(d->config.rpc, link, module, function, (struct gc_span){args, args_len});
}

static size_t host_mailbox(struct gc_instance *inst, void *buf, size_t len)
{
	const struct gc_dist_host *d = inst->d;
	struct gc_pid pid = gc_node_pid(d->config.node, d->mailbox);
	struct gc_buf b = {0};
	size_t n;

	gc_etf_put_pid(&b, &pid);
	n = b.failed || b.len > len ? 0 : b.len;
	if (n)
		memcpy(buf, b.data, n);
	gc_buf_deinit(&b);
	return n;
}

void gc_dist_cancel_calls(struct gc_dist_host *d)
{
	struct gc_dist_call *call, *next;

	DL_FOREACH_SAFE(d->calls, call, next)
	{
		gc_rpc_forget(d->config.rpc, call);
		DL_DELETE(d->calls, call);
		call->done(call->arg, GC_ECANCELED, gc_err_name(GC_ECANCELED), NULL, 0);
		free(call);
	}
}

/* ---- membership ---- */

static void host_member(struct gc_instance *inst, const char *node, bool up, const char *reason)
{
	struct gc_dist_host *d = inst->d;

	/* Nothing may overtake: a whole set that was told before this change is older than it. */
	gc_dist_deliver(d);
	if (!d->is_closing && gc_name_ok(node, strnlen(node, GC_NODE_MAX + 1)))
		d->config.on_member(d->config.arg, node, up, reason);
}

static void host_member_up(struct gc_instance *inst, const char *node)
{
	host_member(inst, node, true, NULL);
}

static void host_member_down(struct gc_instance *inst, const char *node, const char *reason)
{
	host_member(inst, node, false, reason ? reason : "connection_closed");
}

static int host_has_link(struct gc_instance *inst, const char *node)
{
	return gc_node_find(inst->d->config.node, node) != NULL;
}

static void host_close_link(struct gc_instance *inst, const char *node)
{
	struct gc_link *link = gc_node_find(inst->d->config.node, node);

	if (link)
		gc_link_close(link, GC_EREMOVED, "");
}

static int host_may_reach(struct gc_instance *inst, const struct sockaddr *addr)
{
	return gc_node_may_reach(inst->d->config.node, addr);
}

void gc_dist_services_init(struct gc_dist_host *d)
{
	struct gc_host *h = &d->services;

	gc_host_init(h, d->config.loop);
	h->add_peer = host_add_peer;
	h->set_ttl = host_set_ttl;
	h->finish = host_finish;
	h->push = host_push;
	h->is_cancelled = host_is_cancelled;
	h->closed = host_closed;
	h->call_owner = host_call_owner;
	h->cast_owner = host_cast_owner;
	h->mailbox = host_mailbox;
	h->member_up = host_member_up;
	h->member_down = host_member_down;
	h->has_link = host_has_link;
	h->close_link = host_close_link;
	h->may_reach = host_may_reach;
}
