/* The dist backend `erl`, the default with an owner: the owner's own distribution. It joins by
 * net_kernel:connect_node/1 on the owner, and sees membership through a small watcher process there
 * (dist_erl_watcher.c).
 *
 * One stream carries everything the watcher says, so a later word is never overtaken by an earlier one:
 * that is why `members` asks the watcher too, and why a join is done only when the watcher has seen it. */
#define GC_PLUGIN_ENTRY gc_plugin_entry_erl
#include "dist_erl.h"
#include "hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct node { /* one that the owner is connected to */
	char *name;
	bool seen; /* in the snapshot being read */
	UT_hash_handle hh;
};

struct join { /* waits for the watcher to see it */
	struct gc_request *req;
	struct join *next;
	char node[]; /* NUL-terminated */
};

struct asked { /* a connect_node/1 under way; may outlive its join */
	struct erl *erl;
	struct gc_request *req;
};

struct erl {
	const struct gc_host *host;
	struct gc_instance *inst;
	struct node *nodes;
	struct join *joins;
	struct gc_request *members; /* asked, not yet answered */
	struct gc_erl_watcher watcher;
	bool is_up;
};

/* ---- the set ---- */

static struct node *node_find(struct erl *e, const char *name)
{
	struct node *n;

	HASH_FIND_STR(e->nodes, name, n);
	return n;
}

static void node_add(struct erl *e, const char *name)
{
	struct node *n = node_find(e, name);

	if (!n && (n = calloc(1, sizeof(*n)))) {
		n->name = strdup(name);
		if (!n->name) {
			free(n);
			return;
		}
		HASH_ADD_KEYPTR(hh, e->nodes, n->name, strlen(n->name), n);
	}
	if (n)
		n->seen = true;
}

static void node_remove(struct erl *e, struct node *n)
{
	HASH_DEL(e->nodes, n);
	free(n->name);
	free(n);
}

static void forget_nodes(struct erl *e, bool only_unseen)
{
	struct node *n, *tmp;

	HASH_ITER(hh, e->nodes, n, tmp)
		if (!only_unseen || !n->seen)
			node_remove(e, n);
}

/* ---- joins ---- */

static void end_join(struct erl *e, struct join *j, const char *error)
{
	LL_DELETE(e->joins, j);
	e->host->finish(j->req, error ? GC_ERROR : GC_COMPLETE, error);
	free(j);
}

static void end_joins_of(struct erl *e, const char *node)
{
	struct join *j, *tmp;

	LL_FOREACH_SAFE(e->joins, j, tmp)
		if (strcmp(j->node, node) == 0)
			end_join(e, j, NULL);
}

/* ---- what the watcher says ---- */

static void answer_members(struct erl *e)
{
	struct gc_request *req = e->members ? e->members : e->host->push(e->inst);
	struct node *n, *tmp;
	struct gc_peer peer = {0};

	e->members = NULL;
	if (!req)
		return;
	HASH_ITER(hh, e->nodes, n, tmp) {
		peer.node = n->name;
		(void)e->host->add_peer(req, &peer);
	}
	e->host->finish(req, GC_COMPLETE, NULL);
}

/* {watching, Pid, Nodes} */
static void on_watching(struct erl *e, const struct gc_term *pid, const struct gc_term *nodes)
{
	struct node *n, *tmp;

	if (pid->type != GC_TERM_PID || !pid->raw || nodes->type != GC_TERM_LIST)
		return;
	gc_erl_watcher_is(&e->watcher, (struct gc_span){pid->raw, pid->raw_len});
	HASH_ITER(hh, e->nodes, n, tmp)
		n->seen = false;
	for (size_t i = 0; i < nodes->n_items; i++)
		if (nodes->items[i]->type == GC_TERM_ATOM)
			node_add(e, nodes->items[i]->text);
	forget_nodes(e, true);
	answer_members(e);
	HASH_ITER(hh, e->nodes, n, tmp)
		end_joins_of(e, n->name);
}

static void on_up(struct erl *e, const char *name)
{
	node_add(e, name);
	e->host->member_up(e->inst, name);
	end_joins_of(e, name);
}

/* OTP's words for what a user knows by another name. */
static const char *reason_of(const char *otp)
{
	if (strcmp(otp, "net_tick_timeout") == 0)
		return "tick_timeout";
	if (strcmp(otp, "disconnect") == 0)
		return "disconnected";
	return otp;
}

static void on_down(struct erl *e, const char *name, const char *reason)
{
	struct node *n = node_find(e, name);

	if (n)
		node_remove(e, n);
	e->host->member_down(e->inst, name, reason_of(reason));
}

static void take(struct erl *e, const struct gc_term *t)
{
	bool named = t->n_items > 1 && t->items[1]->type == GC_TERM_ATOM;

	if (gc_term_is_tuple(t, 3, "watching"))
		on_watching(e, t->items[1], t->items[2]);
	else if (gc_term_is_tuple(t, 2, "up") && named)
		on_up(e, t->items[1]->text);
	else if (gc_term_is_tuple(t, 3, "down") && named && t->items[2]->type == GC_TERM_ATOM)
		on_down(e, t->items[1]->text, t->items[2]->text);
}

static void erl_on_message(void *self, const void *term, size_t len)
{
	struct erl *e = self;
	struct gc_arena *arena = gc_arena_create(64 * len + 65536);
	const struct gc_term *t;

	if (e->is_up && arena && gc_etf_decode(arena, term, len, &t) == 0)
		take(e, t);
	gc_arena_destroy(arena);
}

static void erl_on_owner(void *self, int up)
{
	struct erl *e = self;
	struct join *j, *tmp;

	e->is_up = up != 0;
	gc_erl_watcher_forget(&e->watcher);
	forget_nodes(e, false);
	LL_FOREACH_SAFE(e->joins, j, tmp)
		end_join(e, j, "the connection to the owner is down");
	if (e->members && !up) {
		e->host->finish(e->members, GC_ERROR, "the connection to the owner is down");
		e->members = NULL;
	}
	if (up)
		gc_erl_watcher_start(&e->watcher);
}

/* ---- what the host asks ---- */

/* Answered by the watcher; if it is not there, or silent until the deadline, it is started again. */
static int erl_members(void *self, struct gc_request *req)
{
	struct erl *e = self;

	e->members = req;
	if (gc_erl_watcher_ask(&e->watcher) >= 0)
		return 0;
	e->members = NULL;
	return -1;
}

static void erl_cancel(void *self, struct gc_request *req)
{
	struct erl *e = self;
	struct join *j, *tmp;

	LL_FOREACH_SAFE(e->joins, j, tmp)
		if (j->req == req)
			end_join(e, j, "no answer from the owner");
	if (e->members != req)
		return;
	e->members = NULL;
	e->host->finish(req, GC_ERROR, "the watcher on the owner is silent");
	if (e->is_up)
		gc_erl_watcher_start(&e->watcher);
}

static void on_connected(void *arg, int err, const char *reason, const void *term, size_t len)
{
	struct asked asked = *(struct asked *)arg;
	struct erl *e = asked.erl;
	char answer[GC_ATOM_MAX + 1] = "";
	struct join *j;

	free(arg);
	LL_SEARCH_SCALAR(e->joins, j, req, asked.req);
	if (!j)
		return; /* the watcher was faster, or it was cancelled */
	if (!err)
		(void)gc_etf_atom((struct gc_span){term, len}, answer);
	if (err)
		end_join(e, j, reason);
	else if (strcmp(answer, "true") != 0)
		end_join(e, j, "net_kernel:connect_node/1 on the owner did not return true");
	else if (node_find(e, j->node))
		end_join(e, j, NULL);
}

static void put_node_args(struct gc_buf *b, const char *node)
{
	gc_etf_put_list(b, 1);
	gc_etf_put_atom(b, node);
	gc_etf_put_nil(b);
}

static int ask_owner(struct erl *e, struct gc_request *req, const char *node)
{
	struct asked *asked = malloc(sizeof(*asked));
	struct gc_buf args = {0};
	int rc = -1;

	if (!asked)
		return -1;
	*asked = (struct asked){e, req};
	put_node_args(&args, node);
	if (!args.failed)
		rc = e->host->call_owner(e->inst, "net_kernel", "connect_node", args.data,
					 args.len, GC_ERL_CALL_TIMEOUT_MS, on_connected, asked);
	gc_buf_deinit(&args);
	if (rc != 0)
		free(asked);
	return rc;
}

static int erl_connect(void *self, struct gc_request *req, const struct gc_peer *peer)
{
	struct erl *e = self;
	size_t len = strlen(peer->node) + 1;
	struct join *j = calloc(1, sizeof(*j) + len);

	if (!j || ask_owner(e, req, peer->node) != 0) {
		free(j);
		return -1;
	}
	memcpy(j->node, peer->node, len);
	j->req = req;
	LL_PREPEND(e->joins, j);
	return 0;
}

/* Not waited for: the watcher tells when it is gone. */
static int erl_disconnect(void *self, struct gc_request *req, const struct gc_peer *peer)
{
	struct erl *e = self;
	struct gc_buf args = {0};
	int rc;

	put_node_args(&args, peer->node);
	rc = args.failed ? -1
			 : e->host->cast_owner(e->inst, "erlang", "disconnect_node", args.data,
					       args.len);
	gc_buf_deinit(&args);
	if (rc == 0)
		e->host->finish(req, GC_COMPLETE, NULL);
	return rc == 0 ? 0 : -1;
}

static void on_unwatchable(void *arg)
{
	struct erl *e = arg;

	if (e->members)
		e->host->finish(e->members, GC_ERROR, "the owner cannot be watched");
	e->members = NULL;
}

static int erl_create(const struct gc_host *host, struct gc_instance *inst, void **self_r,
		      char *err, size_t err_len)
{
	struct erl *e = calloc(1, sizeof(*e));

	if (!e) {
		(void)snprintf(err, err_len, "out of memory");
		return -1;
	}
	e->host = e->watcher.host = host;
	e->inst = e->watcher.inst = inst;
	e->watcher.failed = on_unwatchable;
	e->watcher.arg = e;
	*self_r = e;
	return 0;
}

static void erl_close(void *self)
{
	struct erl *e = self;
	struct join *j, *tmp;

	forget_nodes(e, false);
	LL_FOREACH_SAFE(e->joins, j, tmp)
		free(j);
	gc_buf_deinit(&e->watcher.pid);
	e->host->closed(e->inst);
	free(e);
}

static const struct gc_dist erl_dist = {
	.struct_size = sizeof(struct gc_dist),
	.needs_owner = 1,
	.create = erl_create,
	.connect = erl_connect,
	.disconnect = erl_disconnect,
	.members = erl_members,
	.cancel = erl_cancel,
	.on_owner = erl_on_owner,
	.on_message = erl_on_message,
	.close = erl_close,
};

GC_PLUGIN_DEFINE(.name = "erl", .version = "1",
		 .summary = "The owner's own distribution: net_kernel:connect_node/1 there",
		 .dist = &erl_dist)
