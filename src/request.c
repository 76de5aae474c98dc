/* The requests of design 1.5; see request.h. */
#include "request.h"
#include "build_config.h"
#include "event.h"
#include "usage.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

uint64_t gc_wall_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- a map whose size is known only at its end ---- */

struct map {
	struct gc_buf *b;
	size_t at;
	uint32_t pairs;
};

static struct map map_open(struct gc_buf *b)
{
	struct map m = {b, b->len, 0};

	gc_etf_put_map(b, 0);
	return m;
}

static void map_close(struct map *m)
{
	gc_buf_set_u32(m->b, m->at + 1, m->pairs); /* behind the tag */
}

static struct gc_buf *key(struct map *m, const char *name)
{
	gc_etf_put_atom(m->b, name);
	m->pairs++;
	return m->b;
}

static void pair_uint(struct map *m, const char *name, uint64_t v)
{
	gc_etf_put_uint(key(m, name), v);
}

static void pair_text(struct map *m, const char *name, const char *v)
{
	gc_etf_put_text(key(m, name), v);
}

static void pair_atom(struct map *m, const char *name, const char *v)
{
	gc_etf_put_atom(key(m, name), v);
}

/* ---- peers ---- */

static void put_fail(struct map *m, const struct gc_peer_view *v, uint64_t now_ms)
{
	struct map f;

	if (v->last_fail.err == 0)
		return;
	f = map_open(key(m, "last_error"));
	gc_event_put_reason(key(&f, "reason"), gc_err_name(v->last_fail.err));
	pair_atom(&f, "stage", gc_stage_name(v->last_fail.stage));
	pair_text(&f, "text", gc_err_text(v->last_fail.err));
	if (v->last_fail.detail[0])
		pair_text(&f, "detail", v->last_fail.detail);
	pair_uint(&f, "ago_ms", now_ms - v->last_fail_ms);
	map_close(&f);
}

static void put_instances(struct map *m, const struct gc_peer_view *v)
{
	struct gc_buf *b = key(m, "discovery");

	if (v->n_instances)
		gc_etf_put_list(b, (uint32_t)v->n_instances);
	for (size_t i = 0; i < v->n_instances; i++)
		gc_etf_put_text(b, v->instances[i]);
	gc_etf_put_nil(b);
}

static void put_peer(struct gc_buf *b, const struct gc_peer_view *v, uint64_t now_ms)
{
	struct map m = map_open(b);

	pair_atom(&m, "node", v->node);
	pair_atom(&m, "state", gc_peer_state_name(v->state));
	gc_etf_put_bool(key(&m, "linked"), v->linked);
	gc_etf_put_bool(key(&m, "member"), v->member);
	gc_etf_put_bool(key(&m, "removed"), v->n_instances == 0);
	put_instances(&m, v);
	if (v->address && *v->address)
		pair_text(&m, "address", v->address);
	if (v->port)
		pair_uint(&m, "port", v->port);
	pair_uint(&m, "attempts", v->attempts);
	if (v->next_attempt_ms != GC_FOREVER)
		pair_uint(&m, "next_attempt_ms",
			  v->next_attempt_ms > now_ms ? v->next_attempt_ms - now_ms : 0);
	if (v->member)
		pair_uint(&m, "member_for_ms", now_ms - v->member_since_ms);
	put_fail(&m, v, now_ms);
	map_close(&m);
}

struct peers {
	struct gc_buf *b;
	uint64_t now_ms;
};

static void on_peer(void *arg, const struct gc_peer_view *v)
{
	struct peers *p = arg;

	put_peer(p->b, v, p->now_ms);
}

/* ---- the answers ---- */

typedef void (*answer_fn)(const struct gc_request_context *c, const struct gc_term *request,
			  struct gc_buf *b);

static void answer_members(const struct gc_request_context *c, const struct gc_term *request,
			   struct gc_buf *b)
{
	(void)request;
	gc_event_put_members(b, c->cluster, gc_node_name(c->node), uv_now(c->loop), gc_wall_ms());
}

static void answer_peers(const struct gc_request_context *c, const struct gc_term *request,
			 struct gc_buf *b)
{
	struct peers p = {b, uv_now(c->loop)};
	size_t n = gc_cluster_count_peers(c->cluster);

	(void)request;
	if (n)
		gc_etf_put_list(b, (uint32_t)n);
	gc_cluster_each(c->cluster, on_peer, &p);
	gc_etf_put_nil(b);
}

static void put_error(struct gc_buf *b, const char *reason)
{
	gc_etf_put_tuple(b, 2);
	gc_etf_put_atom(b, "error");
	gc_etf_put_atom(b, reason);
}

static void answer_peer(const struct gc_request_context *c, const struct gc_term *request,
			struct gc_buf *b)
{
	struct gc_peer_view v;
	const char *node = gc_term_text(request->items[1]);

	if (node && gc_cluster_get(c->cluster, node, &v))
		put_peer(b, &v, uv_now(c->loop));
	else
		put_error(b, "not_found");
}

/* Only where something is wrong. */
static void pair_fail(struct map *m, const char *name, const struct gc_fail *fail)
{
	char text[512];

	if (!fail->err)
		return;
	gc_fail_print(fail, text, sizeof(text));
	pair_text(m, name, text);
}

static void answer_info(const struct gc_request_context *c, const struct gc_term *request,
			struct gc_buf *b)
{
	struct map m = map_open(b);
	struct gc_node_stats n;

	(void)request;
	gc_node_stats(c->node, &n);
	pair_atom(&m, "node", gc_node_name(c->node));
	pair_atom(&m, "owner", c->owner ? c->owner : "undefined");
	pair_text(&m, "version", PACKAGE_VERSION);
	pair_uint(&m, "pid", (uint64_t)getpid());
	pair_uint(&m, "uptime_ms", uv_now(c->loop) - c->start_mono_ms);
	pair_uint(&m, "listen_port", gc_node_port(c->node));
	gc_etf_put_bool(key(&m, "registered"), gc_node_is_registered(c->node));
	pair_fail(&m, "not_registered", c->epmd_fail);
	pair_fail(&m, "owner_missing", c->owner_fail);
	pair_text(&m, "dist", c->dist);
	pair_uint(&m, "members", gc_cluster_count_members(c->cluster));
	pair_uint(&m, "peers", gc_cluster_count_peers(c->cluster));
	pair_uint(&m, "links", gc_node_link_count(c->node));
	gc_etf_put_bool(key(&m, "ready"), gc_cluster_is_ready(c->cluster));
	pair_uint(&m, "seq", gc_cluster_seq(c->cluster));
	pair_uint(&m, "loop_max_ms", n.loop_max_ms);
	gc_subscribers_put(c->subscribers, key(&m, "subscribers"));
	map_close(&m);
}

static void answer_discovery(const struct gc_request_context *c, const struct gc_term *request,
			     struct gc_buf *b)
{
	(void)request;
	gc_discover_put(c->discover, b);
}

static void answer_config(const struct gc_request_context *c, const struct gc_term *request,
			  struct gc_buf *b)
{
	(void)request;
	gc_config_put(c->config, b);
}

static void put_process_metrics(struct map *m)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) != 0)
		return;
	pair_uint(m, "cpu_ms",
		  (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
			  (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000);
	pair_uint(m, "max_rss_kb", gc_usage_peak_kb());
}

/* #{Reason => Count} of those that have happened. */
static void put_cuts(struct gc_buf *b, const uint64_t counts[GC_ERR_LIMIT])
{
	struct map m = map_open(b);

	for (int i = 0; i < GC_ERR_LIMIT; i++)
		if (counts[i] > 0)
			pair_uint(&m, gc_err_name(-i), counts[i]);
	map_close(&m);
}

static void answer_metrics(const struct gc_request_context *c, const struct gc_term *request,
			   struct gc_buf *b)
{
	struct map m = map_open(b);
	struct gc_node_stats n;
	struct gc_dispatch_stats d;

	(void)request;
	gc_node_stats(c->node, &n);
	gc_dispatch_stats(c->dispatch, &d);
#define NODE(name) pair_uint(&m, #name, n.name);
	NODE(dials) NODE(dials_ok) NODE(dials_failed) NODE(accepts) NODE(accepts_ok)
	NODE(accepts_failed) NODE(links_lost) NODE(frames_in) NODE(frames_out) NODE(bytes_in)
	NODE(bytes_out) NODE(ticks_in) NODE(ticks_out) NODE(bad_frames) NODE(epmd_registrations)
	NODE(epmd_losses) NODE(handshakes_pending) NODE(loop_max_ms) NODE(loop_over_10ms)
	NODE(loop_over_50ms) NODE(links_paused)
#undef NODE
	put_cuts(key(&m, "accepts_cut"), n.accepts_cut);
	put_cuts(key(&m, "links_cut"), n.links_cut);
#define DISPATCH(name) pair_uint(&m, #name, d.name);
	DISPATCH(calls) DISPATCH(pings) DISPATCH(spawns) DISPATCH(refused) DISPATCH(unknown_ops)
	DISPATCH(malformed) DISPATCH(ignored)
#undef DISPATCH
	put_process_metrics(&m);
	map_close(&m);
}

static void answer_refresh(const struct gc_request_context *c, const struct gc_term *request,
			   struct gc_buf *b)
{
	(void)request;
	c->refresh(c->arg);
	gc_etf_put_atom(b, "ok");
}

/* {subscribe | unsubscribe, Pid | Name | {Name, Node}}; a bare Name is one on the owner. */
static int change_subscription(const struct gc_request_context *c, const struct gc_term *who,
			       bool add)
{
	struct gc_subscribers *s = c->subscribers;
	const char *name = NULL, *node = c->owner;

	if (who->type == GC_TERM_PID && who->raw) {
		struct gc_span pid = {who->raw, who->raw_len};
		return add ? gc_subscribers_add_pid(s, pid) : gc_subscribers_remove_pid(s, pid);
	}
	if (who->type == GC_TERM_ATOM)
		name = who->text;
	if (who->type == GC_TERM_TUPLE && who->n_items == 2 &&
	    who->items[0]->type == GC_TERM_ATOM && who->items[1]->type == GC_TERM_ATOM) {
		name = who->items[0]->text;
		node = who->items[1]->text;
	}
	if (!name || !node || !gc_name_ok(node, strlen(node)))
		return GC_EINVAL;
	return add ? gc_subscribers_add_name(s, name, node)
		   : gc_subscribers_remove_name(s, name, node);
}

static void answer_subscription(const struct gc_request_context *c, const struct gc_term *request,
				struct gc_buf *b)
{
	bool add = gc_term_is_atom(request->items[0], "subscribe");
	int err = change_subscription(c, request->items[1], add);

	if (err)
		put_error(b, gc_err_name(err));
	else
		gc_etf_put_atom(b, "ok");
}

static void answer_help(const struct gc_request_context *c, const struct gc_term *request,
			struct gc_buf *b);

/* ---- the table ---- */

static const struct row {
	const char *name;
	size_t arity; /* of the tuple {name, ...}; 0: the bare atom */
	answer_fn answer;
	const char *help;
} rows[] = {
	{"members", 0, answer_members, "[{Node, Info}]: the nodes that have joined"},
	{"peers", 0, answer_peers,
	 "a list of maps: each peer with its state, next attempt and last error"},
	{"peer", 2, answer_peer, "{peer, Node}: one of them, or {error, not_found}"},
	{"info", 0, answer_info, "a map about this C-node: owner, counts, subscribers"},
	{"discovery", 0, answer_discovery,
	 "a list of maps: each discovery instance with its last answer"},
	{"config", 0, answer_config, "a map of the configuration in force, without secrets"},
	{"metrics", 0, answer_metrics, "a map of counters"},
	{"refresh", 0, answer_refresh, "discover and dial again now; answers ok"},
	{"subscribe", 2, answer_subscription,
	 "{subscribe, Pid | Name | {Name, Node}}: be told of changes"},
	{"unsubscribe", 2, answer_subscription, "{unsubscribe, ...}: not any more"},
	{"help", 0, answer_help, "this list"},
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void answer_help(const struct gc_request_context *c, const struct gc_term *request,
			struct gc_buf *b)
{
	(void)c;
	(void)request;
	gc_etf_put_list(b, N_ROWS);
	for (size_t i = 0; i < N_ROWS; i++) {
		gc_etf_put_tuple(b, 2);
		gc_etf_put_atom(b, rows[i].name);
		gc_etf_put_text(b, rows[i].help);
	}
	gc_etf_put_nil(b);
}

static bool matches(const struct row *row, const struct gc_term *request)
{
	return row->arity == 0 ? gc_term_is_atom(request, row->name)
			       : gc_term_is_tuple(request, row->arity, row->name);
}

/* {error, {unknown_request, What, [Known]}}: What as text, cut, so that nothing large is echoed. */
static void answer_unknown(const struct gc_term *request, struct gc_buf *b)
{
	struct gc_buf text = {0};

	gc_term_print(request, &text, 200);
	gc_etf_put_tuple(b, 2);
	gc_etf_put_atom(b, "error");
	gc_etf_put_tuple(b, 3);
	gc_etf_put_atom(b, "unknown_request");
	gc_etf_put_binary(b, text.data, text.len);
	gc_etf_put_list(b, N_ROWS);
	for (size_t i = 0; i < N_ROWS; i++)
		gc_etf_put_atom(b, rows[i].name);
	gc_etf_put_nil(b);
	gc_buf_deinit(&text);
}

void gc_request_answer(const struct gc_request_context *c, const struct gc_term *request,
		       struct gc_buf *reply)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (matches(&rows[i], request)) {
			rows[i].answer(c, request, reply);
			return;
		}
	answer_unknown(request, reply);
}
