/* The dist backend `partisan`: membership is Partisan's on the owner, by
 * partisan_peer_service:join/1, leave/1 and members/0.
 *
 * Partisan answers join/1 before it has connected, so a join is done when the set shows the node:
 * until then the set is asked for at short intervals, one question for all that wait. It tells
 * nobody outside of changes, so members/0 is asked as well whenever the host asks, and after each
 * leave. Every answer is handed on as the whole set, whoever asked. Loop thread. Source:
 * partisan_peer_service.erl, partisan.erl of Partisan 5.0. */
#include "partisan_term.h"

#include <gen_cluster/gc_plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define CALL_TIMEOUT_MS 10000
#define JOIN_TIMEOUT_MS 3000 /* from the answer `ok` to being a member */
#define LOOK_MIN_MS 50
#define LOOK_MAX_MS 1000

struct join { /* Partisan said ok; it is waited for */
	struct gc_request *req;
	uint64_t deadline_ms;
	struct join *next;
	char node[ATOM_MAX + 1];
};

struct partisan {
	const struct gc_host *host;
	struct gc_instance *inst;
	const char *module;
	uint16_t port;
	int by_nodes; /* partisan:nodes/0 instead of members/0 */
	struct join *joins;
	int is_looking; /* a question of our own is under way */
	uint64_t look_ms;
	uv_timer_t look;
};

struct asked { /* one call to the owner */
	struct partisan *partisan;
	struct gc_request *req; /* NULL: a look of our own */
	char node[ATOM_MAX + 1], address[64];
};
typedef void (*answered_fn)(void *arg, int err, const char *reason, const void *term, size_t len);

static const struct gc_option options[] = {
    {.name = "module",
     .type = GC_STRING,
     .default_text = "partisan_peer_service",
     .help = "the module on the owner that has join/1, leave/1 and members/0"},
    {.name = "port",
     .type = GC_INTEGER,
     .default_text = "0",
     .min = 0,
     .max = 65535,
     .help = "the port where Partisan listens on every peer: join/1 is then given a node "
	     "specification, as "
	     "Partisan 5 needs it; 0: it is given the node name"},
    {.name = "view",
     .type = GC_ENUM,
     .default_text = "members",
     .choices = "members|nodes",
     .help = "who is a member: members() of the module, or those that partisan:nodes() is "
	     "connected to"},
    {.name = NULL},
};

/* ---- calls to the owner ---- */

static int call(struct partisan *p, const char *module, const char *function,
		const struct out *args, answered_fn done, struct asked *asked)
{
	if (args->failed)
		return -1;
	return p->host->call_owner(p->inst, module, function, args->p, args->len, CALL_TIMEOUT_MS,
				   done, asked) == 0
		   ? 0
		   : -1;
}

/* Module:Function(Node) */
static int call_with_node(const char *module, const char *function, answered_fn done,
			  struct asked *asked)
{
	uint8_t buf[ATOM_MAX + 16];
	struct out args = {.p = buf, .size = sizeof(buf)};

	put_list_of_one(&args);
	put_atom(&args, asked->node);
	put_nil(&args);
	return call(asked->partisan, module, function, &args, done, asked);
}

static struct asked *asked_new(struct partisan *p, struct gc_request *req,
			       const struct gc_peer *peer)
{
	struct asked *asked = calloc(1, sizeof(*asked));

	if (!asked)
		return NULL;
	asked->partisan = p;
	asked->req = req;
	if (peer) {
		(void)snprintf(asked->node, sizeof(asked->node), "%s", peer->node);
		(void)snprintf(asked->address, sizeof(asked->address), "%s",
			       peer->address ? peer->address : "");
	}
	return asked;
}

/* Ends a request with an error. Takes asked. */
static void fail(struct asked *asked, const char *reason)
{
	asked->partisan->host->finish(asked->req, GC_ERROR, reason);
	free(asked);
}

static void fail_by_answer(struct asked *asked, const char *function, const void *term, size_t len)
{
	char text[ATOM_MAX + 200];

	say_answer(text, sizeof(text), asked->partisan->module, function, (struct in){term, len});
	fail(asked, text);
}

/* ---- the set ---- */

/* Those who wait: one that is there has joined; one whose time is up (now_ms: 0: not looked at) has
 * not. */
static void end_join(struct partisan *p, struct join **at, const char *error)
{
	struct join *j = *at;

	*at = j->next;
	p->host->finish(j->req, error ? GC_ERROR : GC_COMPLETE, error);
	free(j);
}

/* Of one node, or of all. */
static void end_joins(struct partisan *p, const char *node, const char *error)
{
	for (struct join **at = &p->joins; *at;)
		if (!node || strcmp((*at)->node, node) == 0)
			end_join(p, at, error);
		else
			at = &(*at)->next;
}

static void end_overdue_joins(struct partisan *p)
{
	for (struct join **at = &p->joins; *at;)
		if ((*at)->deadline_ms <= uv_now(p->host->loop))
			end_join(p, at, "Partisan said ok, but 3 s later it is no member");
		else
			at = &(*at)->next;
}

/* [Node] or {ok, [Node]}: into an answer (NULL: not wanted), and off the list of those who wait. */
static int take_set(struct partisan *p, struct gc_request *req, struct in in, int ends_joins)
{
	struct in plain = in;
	char node[ATOM_MAX + 1];
	uint32_t n;
	struct gc_peer peer = {.node = node};

	if (take_pair(&in, "ok"))
		in = plain;
	if (take_list(&in, &n))
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		if (take_atom(&in, node))
			return -1;
		if (req)
			(void)p->host->add_peer(req, &peer);
		if (ends_joins)
			end_joins(p, node, NULL);
	}
	return 0;
}

static void plan_look(struct partisan *p);

static void on_set(void *arg, int err, const char *reason, const void *term, size_t len)
{
	struct asked *asked = arg;
	struct partisan *p = asked->partisan;
	const struct in in = {term, len};

	if (!asked->req) {
		p->is_looking = 0;
		asked->req = p->host->push(p->inst);
	}
	if (err) {
		fail(asked, reason);
	} else if (take_set(p, asked->req, in, 0)) {
		fail_by_answer(asked, p->by_nodes ? "nodes/0" : "members/0", term, len);
	} else {
		p->host->finish(asked->req, GC_COMPLETE, NULL);
		(void)take_set(p, NULL, in,
			       1); /* after the set, so that a join finds its node in it */
		free(asked);
	}
	end_overdue_joins(p);
	plan_look(p);
}

/* req NULL: for ourselves. */
static int ask_set(struct partisan *p, struct gc_request *req)
{
	struct asked *asked = asked_new(p, req, NULL);
	uint8_t buf[1];
	struct out args = {.p = buf, .size = sizeof(buf)};

	put_nil(&args);
	if (asked && call(p, p->by_nodes ? "partisan" : p->module,
			  p->by_nodes ? "nodes" : "members", &args, on_set, asked) == 0) {
		p->is_looking |= !req;
		return 0;
	}
	free(asked);
	return -1;
}

static int partisan_members(void *self, struct gc_request *req)
{
	return ask_set(self, req);
}

static void on_look(uv_timer_t *timer)
{
	struct partisan *p = timer->data;

	p->look_ms = p->look_ms * 2 < LOOK_MAX_MS ? p->look_ms * 2 : LOOK_MAX_MS;
	if (!p->is_looking && ask_set(p, NULL) != 0)
		end_joins(p, NULL, "the owner could not be asked");
}

static void plan_look(struct partisan *p)
{
	if (p->joins && !p->is_looking && !uv_is_closing((uv_handle_t *)&p->look))
		uv_timer_start(&p->look, on_look, p->look_ms, 0);
}

/* ---- joining ---- */

static void wait_for(struct partisan *p, const struct asked *asked)
{
	struct join *j = calloc(1, sizeof(*j));

	if (!j) {
		p->host->finish(asked->req, GC_ERROR, "out of memory");
		return;
	}
	j->req = asked->req;
	j->deadline_ms = uv_now(p->host->loop) + JOIN_TIMEOUT_MS;
	memcpy(j->node, asked->node, sizeof(j->node));
	j->next = p->joins;
	p->joins = j;
	p->look_ms = LOOK_MIN_MS;
	if (!p->is_looking)
		on_look(&p->look);
}

static int is_ok(const void *term, size_t len)
{
	struct in in = {term, len};
	char word[ATOM_MAX + 1];

	return take_atom(&in, word) == 0 && strcmp(word, "ok") == 0;
}

static void on_joined(void *arg, int err, const char *reason, const void *term, size_t len)
{
	struct asked *asked = arg;

	if (err) {
		fail(asked, reason);
	} else if (!is_ok(term, len)) {
		fail_by_answer(asked, "join/1", term, len);
	} else {
		wait_for(asked->partisan, asked);
		free(asked);
	}
}

/* With the channels of the owner, which are those of all, as Partisan's own discovery takes it. */
static void on_channels(void *arg, int err, const char *reason, const void *term, size_t len)
{
	struct asked *asked = arg;
	struct partisan *p = asked->partisan;
	const size_t size = len + (size_t)2 * ATOM_MAX + 200;
	uint8_t *buf = malloc(size);
	struct out args = {.p = buf, .size = buf ? size : 0};

	put_list_of_one(&args);
	put_node_spec(&args, asked->node, asked->address, p->port, term, len);
	put_nil(&args);
	if (err)
		fail(asked, reason);
	else if (take_pair(&(struct in){term, len}, "badrpc") == 0)
		fail(asked, "partisan_config:get(channels) failed on the owner: is Partisan "
			    "running there?");
	else if (call(p, p->module, "join", &args, on_joined, asked) != 0)
		fail(asked, asked->address[0] ? "the owner could not be asked"
					      : "no address of the peer is known");
	free(buf);
}

static int ask_channels(struct partisan *p, struct asked *asked)
{
	uint8_t buf[32];
	struct out args = {.p = buf, .size = sizeof(buf)};

	put_list_of_one(&args);
	put_atom(&args, "channels");
	put_nil(&args);
	return call(p, "partisan_config", "get", &args, on_channels, asked);
}

static int partisan_connect(void *self, struct gc_request *req, const struct gc_peer *peer)
{
	struct partisan *p = self;
	struct asked *asked = asked_new(p, req, peer);

	if (asked && (p->port ? ask_channels(p, asked)
			      : call_with_node(p->module, "join", on_joined, asked)) == 0)
		return 0;
	free(asked);
	return -1;
}

/* ---- leaving ---- */

static void on_left(void *arg, int err, const char *reason, const void *term, size_t len)
{
	struct asked *asked = arg;
	struct partisan *p = asked->partisan;

	if (err) {
		fail(asked, reason);
	} else if (!is_ok(term, len)) {
		fail_by_answer(asked, "leave/1", term, len);
	} else {
		p->host->finish(asked->req, GC_COMPLETE, NULL);
		free(asked);
		if (!p->is_looking)
			(void)ask_set(p, NULL);
	}
}

/* leave/1 of Partisan 5 takes the specification that it has of the node; of older ones, the name.
 */
static void on_spec(void *arg, int err, const char *reason, const void *term, size_t len)
{
	struct asked *asked = arg;
	struct partisan *p = asked->partisan;
	struct in spec = {term, len};
	uint8_t *buf = malloc(len + 16);
	struct out args = {.p = buf, .size = buf ? len + 16 : 0};
	int rc = -1;

	if (err) {
		fail(asked, reason);
	} else {
		if (take_pair(&spec, "ok")) {
			rc = call_with_node(p->module, "leave", on_left, asked);
		} else {
			put_list_of_one(&args);
			put_bytes(&args, spec.p, spec.len);
			put_nil(&args);
			rc = call(p, p->module, "leave", &args, on_left, asked);
		}
		if (rc)
			fail(asked, "the owner could not be asked");
	}
	free(buf);
}

static int partisan_disconnect(void *self, struct gc_request *req, const struct gc_peer *peer)
{
	struct asked *asked = asked_new(self, req, peer);

	if (asked && call_with_node("partisan", "node_spec", on_spec, asked) == 0)
		return 0;
	free(asked);
	return -1;
}

/* ---- life ---- */

static void partisan_on_owner(void *self, int up)
{
	if (!up)
		end_joins(self, NULL, "the connection to the owner is down");
}

/* What broke our link may have broken Partisan's: look soon. */
static void partisan_on_link(void *self, const char *node, int up, const char *reason)
{
	struct partisan *p = self;

	(void)node;
	(void)reason;
	if (up)
		return;
	p->look_ms = LOOK_MIN_MS;
	uv_timer_start(&p->look, on_look, p->look_ms, 0);
}

static int partisan_create(const struct gc_host *host, struct gc_instance *inst, void **self_r,
			   char *err, size_t err_len)
{
	struct partisan *p = calloc(1, sizeof(*p));

	if (!p) {
		(void)snprintf(err, err_len, "out of memory");
		return -1;
	}
	p->host = host;
	p->inst = inst;
	p->module = host->str(inst, "module", 0);
	p->port = (uint16_t)host->num(inst, "port", 0);
	p->by_nodes = strcmp(host->str(inst, "view", 0), "nodes") == 0;
	p->look_ms = LOOK_MIN_MS;
	uv_timer_init(host->loop, &p->look);
	p->look.data = p;
	*self_r = p;
	return 0;
}

static void on_closed(uv_handle_t *timer)
{
	struct partisan *p = timer->data;

	p->host->closed(p->inst);
	free(p);
}

static void partisan_close(void *self)
{
	struct partisan *p = self;

	end_joins(p, NULL, "closing");
	uv_close((uv_handle_t *)&p->look, on_closed);
}

static const struct gc_dist dist = {
    .struct_size = sizeof(struct gc_dist),
    .needs_owner = 1,
    .create = partisan_create,
    .connect = partisan_connect,
    .disconnect = partisan_disconnect,
    .members = partisan_members,
    .on_owner = partisan_on_owner,
    .on_link = partisan_on_link,
    .close = partisan_close,
};

GC_PLUGIN_DEFINE(.name = "partisan", .version = "1",
		 .summary = "Partisan on the owner: join/1, leave/1, members/0", .options = options,
		 .dist = &dist)
