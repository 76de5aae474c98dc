/* One node for the targets that need one; see fuzz_node.h. */
#include "fuzz_node.h"

#include "log.h"

static void quiet(void *arg, enum gc_log_level level, const char *area, const char *line)
{
	(void)arg;
	(void)level;
	(void)area;
	(void)line;
}

static void on_up(void *arg, struct gc_link *l)
{
	struct fuzz_node *f = arg;

	FUZZ_REQUIRE(gc_node_find(f->n, gc_link_name(l)) == l);
	f->n_up++;
}

static void on_down(void *arg, struct gc_link *l, const struct gc_fail *why)
{
	struct fuzz_node *f = arg;

	FUZZ_REQUIRE(why->err < 0 && gc_node_find(f->n, gc_link_name(l)) != l);
	f->n_up--;
}

/* What reaches the dispatcher has been checked to its last byte. */
static void on_control(void *arg, struct gc_link *l, struct gc_span ctl, struct gc_span msg)
{
	struct fuzz_node *f = arg;

	FUZZ_REQUIRE(gc_etf_check(ctl.p, ctl.len) == (int64_t)ctl.len);
	FUZZ_REQUIRE(msg.len == 0 || gc_etf_check(msg.p, msg.len) == (int64_t)msg.len);
	gc_dispatch_control(f->dispatch, l, ctl, msg);
}

/* The answer is the question, which every printer and writer then has to go through. */
static void on_request(void *arg, const struct gc_term *request, struct gc_buf *reply)
{
	struct gc_buf text = {0};

	(void)arg;
	gc_term_print(request, &text, 1000);
	gc_buf_deinit(&text);
	gc_etf_put_term(reply, request);
}

static void on_message(void *arg, struct gc_link *link, uint32_t pid_id, struct gc_span msg)
{
	(void)arg;
	(void)link;
	(void)pid_id;
	FUZZ_REQUIRE(msg.len > 0);
}

static void on_exit_of(void *arg, struct gc_link *link, const uint32_t ref[3])
{
	(void)arg;
	(void)link;
	(void)ref;
}

static void make(struct fuzz_node *f)
{
	char err[256];
	static const char *const loopback[] = {"127.0.0.1"};
	struct gc_node_config c = {
	    .loop = &f->loop,
	    .name = "c@127.0.0.1",
	    .cookie = FUZZ_COOKIE,
	    .listen_addresses = loopback,
	    .n_listen_addresses = 1,
	    .no_epmd = true,
	    .max_frame = 64 * 1024,
	    .max_queue = 4096, /* few answers fill it */
	    .arg = f,
	    .on_link_up = on_up,
	    .on_link_down = on_down,
	    .on_control = on_control,
	};
	struct gc_dispatch_config d = {
	    .arg = f, .on_request = on_request, .on_message = on_message, .on_exit = on_exit_of};

	gc_log_open(quiet, NULL, GC_LOG_DEBUG);
	FUZZ_REQUIRE(uv_loop_init(&f->loop) == 0);
	FUZZ_REQUIRE(gc_node_create(&c, &f->n, err, sizeof(err)) == 0);
	f->n->creation = FUZZ_CREATION;
	gc_node_fix_creation(f->n);
	d.node = f->n;
	f->dispatch = gc_dispatch_create(&d);
	FUZZ_REQUIRE(f->dispatch);
}

struct fuzz_node *fuzz_node(void)
{
	static struct fuzz_node f;

	if (!f.n)
		make(&f);
	return &f;
}

struct gc_link *fuzz_node_link(struct fuzz_node *f)
{
	static const struct gc_conn_ops none = {NULL, NULL, NULL, NULL};
	const struct gc_peer_facts peer = {
	    .name = FUZZ_PEER,
	    .flags = GC_DFLAGS_OURS | GC_DFLAG_PUBLISHED,
	    .creation = 1,
	};
	struct gc_link *l = gc_conn_create(f->n, &none, NULL);

	FUZZ_REQUIRE(l && gc_link_up(l, &peer, false) == 0);
	return l;
}

void fuzz_node_settle(struct fuzz_node *f, struct gc_link *l)
{
	if (l && l->state == GC_LINK_UP)
		gc_link_close(l, GC_ESHUTDOWN, "");
	else if (l && l->state == GC_LINK_YOUNG)
		gc_conn_close(l);
	while (f->n->n_conns > 0)
		(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	FUZZ_REQUIRE(f->n_up == 0 && f->n->n_up == 0 && !f->n->dirty);
	FUZZ_REQUIRE(f->n->n_accepts == 0 && !f->n->challenges && !f->n->sessions);
}
