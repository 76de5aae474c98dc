/* The dispatcher of control messages; see dispatch.h. All bytes have passed gc_etf_check. */
#include "dispatch.h"
#include "control.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ARITY 8		   /* of any control tuple of OTP 23 to 29 */
#define MAX_TREE (16u << 20) /* bytes of arena for one request's tree: one frame's worth of small terms */

struct gc_dispatch {
	struct gc_dispatch_config config;
	uint32_t self; /* the pid that answers */
	struct gc_dispatch_stats stats;
};

struct gc_dispatch *gc_dispatch_create(const struct gc_dispatch_config *c)
{
	struct gc_dispatch *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->config = *c;
	d->self = gc_node_new_pid(c->node);
	return d;
}

void gc_dispatch_destroy(struct gc_dispatch *d)
{
	free(d);
}

void gc_dispatch_stats(const struct gc_dispatch *d, struct gc_dispatch_stats *s_r)
{
	*s_r = d->stats;
}

static bool is_atom(struct gc_span s, const char *name)
{
	char atom[GC_ATOM_MAX + 1];

	return gc_etf_atom(s, atom) == 0 && strcmp(atom, name) == 0;
}

/* ---- requests ---- */

/* The answer to one request; what cannot even be read is answered too. */
static void answer(struct gc_dispatch *d, struct gc_span request, struct gc_buf *reply)
{
	struct gc_arena *arena = gc_arena_create(MAX_TREE);
	const struct gc_term *term;

	if (arena && gc_etf_decode(arena, request.p, request.len, &term) == 0) {
		d->config.on_request(d->config.arg, term, reply);
	} else {
		gc_etf_put_tuple(reply, 2);
		gc_etf_put_atom(reply, "error");
		gc_etf_put_atom(reply, "request_too_big");
	}
	gc_arena_destroy(arena);
}

static void reply_to(struct gc_dispatch *d, struct gc_link *link, struct gc_span from,
		     const struct gc_buf *reply)
{
	struct gc_pid self = gc_node_pid(d->config.node, d->self);

	if (gc_control_gen_reply(link, &self, from, reply) == GC_EPROTO)
		d->stats.malformed++;
}

static void gen_cluster_call(struct gc_dispatch *d, struct gc_link *link, struct gc_span from,
			     struct gc_span request)
{
	struct gc_buf reply = {0};

	d->stats.calls++;
	answer(d, request, &reply);
	reply_to(d, link, from, &reply);
	gc_buf_deinit(&reply);
}

/* net_adm:ping/1 asks net_kernel {is_auth, Node} and waits for `yes`, for ever if need be. */
static void net_kernel_call(struct gc_dispatch *d, struct gc_link *link, struct gc_span from,
			    struct gc_span request)
{
	struct gc_span part[2];
	struct gc_buf reply = {0};

	if (gc_etf_tuple(request.p, request.len, part, 2) == 2 && is_atom(part[0], "is_auth")) {
		d->stats.pings++;
		gc_etf_put_atom(&reply, "yes");
	} else {
		d->stats.refused++;
		gc_etf_put_tuple(&reply, 2);
		gc_etf_put_atom(&reply, "error");
		gc_etf_put_atom(&reply, "not_supported");
	}
	reply_to(d, link, from, &reply);
	gc_buf_deinit(&reply);
}

/* The allow-list for rpc:call, erpc:call: gen_cluster:F(A...) is the request F, or {F, A...}. */
static bool is_request_name(const char *f, size_t arity)
{
	static const char *const names[] = {"members", "peers", "info",	   "discovery", "config",
					    "metrics", "help",	"refresh", "peer"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], f) == 0)
			return arity == (strcmp(f, "peer") == 0 ? 1 : 0);
	return false;
}

/* Applies module:function(args). False: not on the list. */
static bool apply(struct gc_dispatch *d, struct gc_span m, struct gc_span f, struct gc_span args,
		  struct gc_buf *result)
{
	struct gc_arena *arena = gc_arena_create(MAX_TREE);
	const struct gc_term *list;
	char function[GC_ATOM_MAX + 1];
	struct gc_buf request = {0};
	bool ok = arena && gc_etf_decode(arena, args.p, args.len, &list) == 0 &&
		  is_atom(m, "gen_cluster") && gc_etf_atom(f, function) == 0 &&
		  list->type == GC_TERM_LIST && is_request_name(function, list->n_items);

	if (ok && list->n_items > 0)
		gc_etf_put_tuple(&request, 1 + (uint32_t)list->n_items);
	if (ok)
		gc_etf_put_atom(&request, function);
	for (size_t i = 0; ok && i < list->n_items; i++)
		gc_etf_put_term(&request, list->items[i]);
	ok = ok && !request.failed;
	if (ok)
		answer(d, (struct gc_span){request.data, request.len}, result);
	gc_buf_deinit(&request);
	gc_arena_destroy(arena);
	return ok;
}

/* rpc:call of OTP before 25 asks rex: {call, M, F, A, GroupLeader}. */
static void rex_call(struct gc_dispatch *d, struct gc_link *link, struct gc_span from,
		     struct gc_span request)
{
	struct gc_span part[5];
	struct gc_buf reply = {0};

	if (gc_etf_tuple(request.p, request.len, part, 5) == 5 && is_atom(part[0], "call") &&
	    apply(d, part[1], part[2], part[3], &reply)) {
		d->stats.calls++;
	} else {
		d->stats.refused++;
		gc_etf_put_tuple(&reply, 2);
		gc_etf_put_atom(&reply, "badrpc");
		gc_etf_put_atom(&reply, "not_allowed");
	}
	reply_to(d, link, from, &reply);
	gc_buf_deinit(&reply);
}

/* ---- messages to names ---- */

typedef void (*call_fn)(struct gc_dispatch *, struct gc_link *, struct gc_span from,
			struct gc_span request);

static const struct {
	const char *name;
	call_fn call;
} servers[] = {
	{"gen_cluster", gen_cluster_call},
	{"net_kernel", net_kernel_call},
	{"rex", rex_call},
};

static call_fn find_server(struct gc_span name)
{
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
		if (is_atom(name, servers[i].name))
			return servers[i].call;
	return NULL;
}

/* {'$gen_call', From, Request} to a name; other messages are for nobody. */
static void on_reg_send(struct gc_dispatch *d, struct gc_link *link, struct gc_span name,
			struct gc_span msg)
{
	struct gc_span part[3];
	call_fn call = find_server(name);

	if (call && gc_etf_tuple(msg.p, msg.len, part, 3) == 3 && is_atom(part[0], "$gen_call"))
		call(d, link, part[1], part[2]);
	else
		d->stats.ignored++;
}

static void on_send(struct gc_dispatch *d, struct gc_link *link, struct gc_span to,
		    struct gc_span msg)
{
	char node[GC_ATOM_MAX + 1];
	uint32_t id, serial, creation;

	if (gc_etf_pid(to, node, &id, &serial, &creation) == 0 &&
	    strcmp(node, gc_node_name(d->config.node)) == 0 &&
	    creation == gc_node_creation(d->config.node) && msg.len > 0)
		d->config.on_message(d->config.arg, link, id | serial << 15, msg);
	else
		d->stats.ignored++;
}

/* ---- monitors and links ---- */

/* Our servers live as long as the link; anything else is told at once to be no process. */
static void on_monitor(struct gc_dispatch *d, struct gc_link *link, const struct gc_span *part)
{
	struct gc_buf reason = {0};

	if (find_server(part[2]))
		return;
	d->stats.refused++;
	gc_etf_put_atom(&reason, "noproc");
	(void)gc_control_monitor_exit(link, part[2], part[1], part[3], &reason);
	gc_buf_deinit(&reason);
}

static void on_monitor_exit(struct gc_dispatch *d, struct gc_link *link, struct gc_span ref)
{
	uint32_t words[3];

	if (gc_etf_ref(ref, words) == 0)
		d->config.on_exit(d->config.arg, link, words);
	else
		d->stats.malformed++;
}

/* ---- erpc: SPAWN_REQUEST {29, ReqId, From, GroupLeader, {erpc, execute_call, 4}, Opts} ---- */

/* [Res, M, F, Args] as four spans. A list has no arity in front of its tail, so it is rebuilt as a tuple. */
static int list_of_4(struct gc_span list, struct gc_buf *storage, struct gc_span part[4])
{
	static const uint8_t head[] = {108, 0, 0, 0, 4};

	if (list.len < 6 || memcmp(list.p, head, sizeof(head)) != 0 || list.p[list.len - 1] != 106)
		return GC_EPROTO;
	gc_etf_put_tuple(storage, 4);
	gc_buf_put(storage, list.p + sizeof(head), list.len - sizeof(head) - 1);
	if (storage->failed)
		return GC_ENOMEM;
	return gc_etf_tuple(storage->data, storage->len, part, 4) == 4 ? 0 : GC_EPROTO;
}

/* The process "ends" with {Res, return, Value}, or {Res, error, Reason, []}. */
static void put_result(struct gc_dispatch *d, const struct gc_span part[4], struct gc_buf *reason)
{
	struct gc_buf value = {0};

	if (apply(d, part[1], part[2], part[3], &value) && !value.failed) {
		d->stats.calls++;
		gc_etf_put_tuple(reason, 3);
		gc_etf_put_raw(reason, part[0]);
		gc_etf_put_atom(reason, "return");
		gc_buf_put(reason, value.data, value.len);
	} else {
		d->stats.refused++;
		gc_etf_put_tuple(reason, 4);
		gc_etf_put_raw(reason, part[0]);
		gc_etf_put_atom(reason, "error");
		gc_etf_put_tuple(reason, 2);
		gc_etf_put_atom(reason, "not_allowed");
		gc_etf_put_tuple(reason, 2);
		gc_etf_put_raw(reason, part[1]);
		gc_etf_put_raw(reason, part[2]);
		gc_etf_put_nil(reason);
	}
	gc_buf_deinit(&value);
}

static bool is_execute_call(struct gc_span mfa)
{
	struct gc_span part[3];
	int64_t arity;

	return gc_etf_tuple(mfa.p, mfa.len, part, 3) == 3 && is_atom(part[0], "erpc") &&
	       is_atom(part[1], "execute_call") && gc_etf_int(part[2], &arity) == 0 && arity == 4;
}


static void on_spawn(struct gc_dispatch *d, struct gc_link *link, const struct gc_span *part,
		     struct gc_span args)
{
	struct gc_buf storage = {0}, reason = {0}, what = {0};
	struct gc_span arg[4];
	struct gc_pid pid;

	d->stats.spawns++;
	if (is_execute_call(part[4]) && list_of_4(args, &storage, arg) == 0) {
		pid = gc_node_pid(d->config.node, gc_node_new_pid(d->config.node));
		gc_etf_put_pid(&what, &pid);
		put_result(d, arg, &reason);
		if (!what.failed && gc_control_spawn_reply(link, part[1], part[2], &pid, NULL) == 0)
			(void)gc_control_monitor_exit(link, (struct gc_span){what.data, what.len},
						      part[2], part[1], &reason);
	} else {
		d->stats.refused++;
		(void)gc_control_spawn_reply(link, part[1], part[2], NULL, "notsup");
	}
	gc_buf_deinit(&what);
	gc_buf_deinit(&reason);
	gc_buf_deinit(&storage);
}

/* ---- the table ---- */

static void dispatch_op(struct gc_dispatch *d, struct gc_link *link, int64_t op,
			const struct gc_span *part, struct gc_span msg)
{
	switch (op) {
	case GC_OP_SEND:
	case GC_OP_SEND_TT:
	case GC_OP_SEND_SENDER:
	case GC_OP_SEND_SENDER_TT:
		on_send(d, link, part[2], msg);
		return;
	case GC_OP_REG_SEND:
	case GC_OP_REG_SEND_TT:
		on_reg_send(d, link, part[3], msg);
		return;
	case GC_OP_LINK:
		(void)gc_control_exit_noproc(link, part[2], part[1]);
		return;
	case GC_OP_UNLINK_ID:
		(void)gc_control_unlink_ack(link, part[1], part[3], part[2]);
		return;
	case GC_OP_MONITOR_P:
		on_monitor(d, link, part);
		return;
	case GC_OP_MONITOR_P_EXIT:
		on_monitor_exit(d, link, part[3]);
		return;
	case GC_OP_SPAWN_REQUEST:
	case GC_OP_SPAWN_REQUEST_TT:
		on_spawn(d, link, part, msg);
		return;
	default: /* known, and nothing to do for a node without processes */
		d->stats.ignored++;
	}
}

/* The arity of each operation that we look into, 0: not looked into; -1: unknown to OTP 29. */
static int arity_of(int64_t op)
{
	static const int8_t arity[] = {
		[GC_OP_LINK] = 3,	      [GC_OP_SEND] = 3,
		[GC_OP_REG_SEND] = 4,	      [GC_OP_SEND_TT] = 4,
		[GC_OP_REG_SEND_TT] = 5,      [GC_OP_MONITOR_P] = 4,
		[GC_OP_MONITOR_P_EXIT] = 5,   [GC_OP_SEND_SENDER] = 3,
		[GC_OP_SEND_SENDER_TT] = 4,   [GC_OP_SPAWN_REQUEST] = 6,
		[GC_OP_SPAWN_REQUEST_TT] = 7, [GC_OP_UNLINK_ID] = 4,
		[GC_OP_UNLINK_ID_ACK] = 0,
	};

	return op >= 1 && op < (int64_t)sizeof(arity) ? arity[op] : -1;
}

void gc_dispatch_control(struct gc_dispatch *d, struct gc_link *link, struct gc_span ctl,
			 struct gc_span msg)
{
	struct gc_span part[MAX_ARITY];
	int64_t op;
	int n = gc_etf_tuple(ctl.p, ctl.len, part, MAX_ARITY);

	if (n < 1 || gc_etf_int(part[0], &op) != 0) {
		d->stats.malformed++;
		return;
	}
	int want = arity_of(op);
	if (want < 0)
		d->stats.unknown_ops++;
	else if (want > 0 && want != n)
		d->stats.malformed++;
	else
		dispatch_op(d, link, op, part, msg);
}
