/* Calls out to Erlang nodes; see rpc.h. One pid of ours takes all answers; calls are told apart by
 * the first word of the reference that came with each. */
#include "rpc.h"
#include "control.h"
#include "hash.h"

#include <stdlib.h>
#include <string.h>

struct call {
	uint32_t id; /* first word of its reference */
	struct gc_link *link;
	uint64_t deadline_ms;
	gc_rpc_cb cb;
	void *arg;
	UT_hash_handle hh;
};

struct gc_rpc {
	uv_timer_t timer;
	struct gc_node *node;
	uint32_t pid; /* number */
	struct call *calls;
	void (*closed)(void *arg);
	void *closed_arg;
};

static uint64_t now_ms(const struct gc_rpc *r)
{
	return uv_now(r->timer.loop);
}

static void finish(struct gc_rpc *r, struct call *c, const struct gc_fail *fail,
		   struct gc_span result)
{
	HASH_DEL(r->calls, c);
	if (c->cb)
		c->cb(c->arg, fail, result);
	free(c);
}

static void arm(struct gc_rpc *r);

static void on_timer(uv_timer_t *timer)
{
	struct gc_rpc *r = timer->data;
	struct call *c, *tmp;
	struct gc_fail fail = {0};

	gc_fail_set(&fail, GC_ETIMEDOUT, GC_STAGE_LINK, "the remote call was not answered");
	HASH_ITER(hh, r->calls, c, tmp)
		if (c->deadline_ms <= now_ms(r))
			finish(r, c, &fail, (struct gc_span){0});
	arm(r);
}

/* The calls of one owner are few; a scan for the next deadline costs less than keeping an order. */
static void arm(struct gc_rpc *r)
{
	struct call *c, *tmp;
	uint64_t next = UINT64_MAX, now = now_ms(r);

	if (uv_is_closing((uv_handle_t *)&r->timer))
		return;
	HASH_ITER(hh, r->calls, c, tmp)
		if (c->deadline_ms < next)
			next = c->deadline_ms;
	if (next == UINT64_MAX)
		uv_timer_stop(&r->timer);
	else
		uv_timer_start(&r->timer, on_timer, next > now ? next - now : 0, 0);
}

struct gc_rpc *gc_rpc_create(uv_loop_t *loop, struct gc_node *node)
{
	struct gc_rpc *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->node = node;
	r->pid = gc_node_new_pid(node);
	uv_timer_init(loop, &r->timer);
	uv_unref((uv_handle_t *)&r->timer);
	r->timer.data = r;
	return r;
}

static void on_closed(uv_handle_t *handle)
{
	struct gc_rpc *r = handle->data;
	void (*closed)(void *) = r->closed;
	void *arg = r->closed_arg;

	free(r);
	closed(arg);
}

void gc_rpc_close(struct gc_rpc *r, void (*closed)(void *arg), void *arg)
{
	struct call *c, *tmp;

	HASH_ITER(hh, r->calls, c, tmp) {
		HASH_DEL(r->calls, c);
		free(c);
	}
	r->closed = closed;
	r->closed_arg = arg;
	uv_close((uv_handle_t *)&r->timer, on_closed);
}

/* {call | cast, Module, Function, Args, user} */
static void put_apply(struct gc_buf *b, const char *how, const char *module, const char *function,
		      struct gc_span args)
{
	gc_etf_put_tuple(b, 5);
	gc_etf_put_atom(b, how);
	gc_etf_put_atom(b, module);
	gc_etf_put_atom(b, function);
	gc_etf_put_raw(b, args);
	gc_etf_put_atom(b, "user");
}

int gc_rpc_call(struct gc_rpc *r, struct gc_link *link, const char *module, const char *function,
		struct gc_span args, uint64_t timeout_ms, gc_rpc_cb cb, void *arg)
{
	struct gc_buf msg = {0};
	struct gc_pid self = gc_node_pid(r->node, r->pid);
	struct gc_ref ref;
	struct call *c = calloc(1, sizeof(*c));

	if (!c)
		return GC_ENOMEM;
	gc_node_new_ref(r->node, &ref);
	*c = (struct call){.id = ref.id[0],
			   .link = link,
			   .deadline_ms = now_ms(r) + timeout_ms,
			   .cb = cb,
			   .arg = arg};
	gc_etf_put_tuple(&msg, 3);
	gc_etf_put_atom(&msg, "$gen_call");
	gc_etf_put_tuple(&msg, 2);
	gc_etf_put_pid(&msg, &self);
	gc_etf_put_ref(&msg, &ref);
	put_apply(&msg, "call", module, function, args);
	int err = gc_control_reg_send(link, &self, "rex", &msg);
	gc_buf_deinit(&msg);
	if (err) {
		free(c);
		return err;
	}
	HASH_ADD(hh, r->calls, id, sizeof(c->id), c);
	arm(r);
	return 0;
}

int gc_rpc_cast(struct gc_rpc *r, struct gc_link *link, const char *module, const char *function,
		struct gc_span args)
{
	struct gc_pid self = gc_node_pid(r->node, r->pid);
	struct gc_buf msg = {0};

	gc_etf_put_tuple(&msg, 2);
	gc_etf_put_atom(&msg, "$gen_cast");
	put_apply(&msg, "cast", module, function, args);
	int err = gc_control_reg_send(link, &self, "rex", &msg);
	gc_buf_deinit(&msg);
	return err;
}

void gc_rpc_forget(struct gc_rpc *r, const void *arg)
{
	struct call *c, *tmp;

	HASH_ITER(hh, r->calls, c, tmp)
		if (c->arg == arg)
			c->cb = NULL;
}

bool gc_rpc_on_message(struct gc_rpc *r, uint32_t pid, struct gc_span msg)
{
	struct gc_span part[2];
	uint32_t words[3];
	struct call *c;
	struct gc_fail none = {0};

	if (pid != r->pid || gc_etf_tuple(msg.p, msg.len, part, 2) != 2 ||
	    gc_etf_ref(part[0], words) != 0)
		return false;
	HASH_FIND(hh, r->calls, &words[0], sizeof(words[0]), c);
	if (c) {
		finish(r, c, &none, part[1]);
		arm(r);
	}
	return true;
}

void gc_rpc_link_down(struct gc_rpc *r, const struct gc_link *link, const struct gc_fail *why)
{
	struct call *c, *tmp;
	struct gc_fail fail = {0};

	gc_fail_set(&fail, GC_ENOLINK, GC_STAGE_LINK, "%s", gc_err_name(why->err));
	HASH_ITER(hh, r->calls, c, tmp)
		if (c->link == link)
			finish(r, c, &fail, (struct gc_span){0});
	arm(r);
}
