/* A node for tests; see node_trace.h. */
#include "node_trace.h"

#include "log.h"

#include <string.h>

static void on_up(void *arg, struct gc_link *l)
{
	struct node_trace *t = arg;

	t->was_down_first = t->n_up == t->n_down;
	t->n_up++;
	t->link = l;
	ck_assert_ptr_eq(gc_node_find(t->n, gc_link_name(l)), l);
}

static void on_down(void *arg, struct gc_link *l, const struct gc_fail *why)
{
	struct node_trace *t = arg;

	t->n_down++;
	t->why = *why;
	if (t->link == l)
		t->link = NULL;
	ck_assert_ptr_ne(gc_node_find(t->n, gc_link_name(l)), l);
	if (t->on_down)
		t->on_down(t, l);
}

static void on_control(void *arg, struct gc_link *l, struct gc_span ctl, struct gc_span msg)
{
	struct node_trace *t = arg;

	gc_buf_put(&t->ctl, ctl.p, ctl.len);
	gc_buf_put(&t->msg, msg.p, msg.len);
	if (++t->n_ctl == t->close_at_ctl)
		gc_link_close(l, GC_EREMOVED, "asked for");
	if (t->on_ctl)
		t->on_ctl(t, l);
}

static void on_epmd(void *arg, bool registered, const struct gc_fail *fail)
{
	struct node_trace *t = arg;

	(void)fail;
	t->n_epmd += registered;
}

static void quiet(void *arg, enum gc_log_level level, const char *area, const char *line)
{
	(void)arg;
	(void)level;
	(void)area;
	(void)line;
}

void node_trace_open(struct node_trace *t, uv_loop_t *loop, const struct gc_node_config *c)
{
	struct gc_node_config config = {.no_epmd = true};
	char err[256] = "";

	if (c)
		config = *c;
	*t = (struct node_trace){.loop = loop};
	gc_log_open(quiet, NULL, GC_LOG_ERROR);
	config.loop = loop;
	config.name = config.name ? config.name : ME;
	config.cookie = config.cookie ? config.cookie : COOKIE;
	config.arg = t;
	config.on_link_up = on_up;
	config.on_link_down = on_down;
	config.on_control = on_control;
	config.on_epmd = on_epmd;
	ck_assert_msg(gc_node_create(&config, &t->n, err, sizeof(err)) == 0, "%s", err);
}

static void on_closed(void *arg)
{
	((struct node_trace *)arg)->n_closed++;
}

void node_trace_close(struct node_trace *t, uint64_t flush_ms)
{
	gc_node_close(t->n, flush_ms, on_closed, t);
	wait_count(t, n_closed, 1);
	ck_assert_int_eq(t->n_up, t->n_down);
	gc_buf_deinit(&t->ctl);
	gc_buf_deinit(&t->msg);
}

static void on_dialled(void *arg, const struct gc_dial_result *result)
{
	struct node_trace *t = arg;

	t->n_dialled++;
	t->dialled = *result;
	if (result->fail.err == 0)
		ck_assert_ptr_nonnull(result->link);
	else
		ck_assert_ptr_null(result->link);
}

struct gc_dial *node_trace_start_dial(struct node_trace *t, const char *name, uint16_t port,
				      uint64_t timeout_ms)
{
	struct gc_dial *d;
	int before = t->n_dialled;

	uv_update_time(t->loop);
	d = gc_node_dial(t->n, name, NULL, port, true, timeout_ms, on_dialled, t);
	ck_assert_ptr_nonnull(d);
	ck_assert_int_eq(t->n_dialled, before); /* never from inside */
	return d;
}

int node_trace_dial(struct node_trace *t, const char *name, uint16_t port, uint64_t timeout_ms)
{
	int n = t->n_dialled + 1;

	(void)node_trace_start_dial(t, name, port, timeout_ms);
	wait_count(t, n_dialled, n);
	return t->dialled.fail.err;
}

void node_trace_link(struct node_trace *t, struct fake_peer *p, const char *name)
{
	int n = t->n_up + 1;

	ck_assert(fake_peer_connect(p, t->loop, gc_node_port(t->n)));
	ck_assert(fake_peer_dial(p, name, VISIBLE, COOKIE));
	wait_count(t, n_up, n);
}
