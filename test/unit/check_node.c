/* node: against real Erlang nodes and a real EPMD, as dialler and as dialled. */
#include "node_trace.h"

#include "err.h"
#include "real_epmd.h"
#include "real_erl.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERL "erl@127.0.0.1"
#define GREATER "zzz@127.0.0.1"
#define SMALLER "aaa@127.0.0.1"

static uv_loop_t loop;
static struct node_trace t;
static struct real_epmd epmd;
static struct real_erl erl;

static void open_as(const char *name, uint32_t ticktime_s)
{
	struct gc_node_config c = {.name = name, .cookie = "cook", .net_ticktime_s = ticktime_s};

	node_trace_open(&t, &loop, &c);
	wait_count(&t, n_epmd, 1);
}

static void setup(void)
{
	ck_assert(real_epmd_start(&epmd));
	uv_loop_init(&loop);
	ck_assert(real_erl_start(&erl, &loop, ERL, "cook", "-kernel net_ticktime 8"));
}

static void teardown(void)
{
	real_erl_stop(&erl);
	node_trace_close(&t, 0);
	ck_assert(loop_drain(&loop));
	real_epmd_kill(&epmd);
}

START_TEST(we_dial)
{
	struct gc_link_info info;
	struct gc_node_stats s;

	open_as(ME, 8);
	ck_assert_int_eq(node_trace_dial(&t, ERL, 0, 5000), 0);
	gc_link_info(t.link, &info);
	ck_assert(info.dialled && !info.hidden);
	ck_assert_uint_eq(info.flags & 0x4000001, 0x4000001);
	/* It sees us as hidden, with the creation that EPMD gave us. */
	ck_assert_str_eq(real_erl_eval(&erl, "{nodes(), nodes(hidden)}"), "{[],['" ME "']}");
	gc_node_stats(t.n, &s);
	ck_assert_uint_eq(s.epmd_registrations, 1);
	ck_assert_str_eq(real_erl_eval(&erl, "erlang:disconnect_node('" ME "')"), "true");
	wait_count(&t, n_down, 1);
	ck_assert_int_eq(t.why.err, GC_EOF);
}
END_TEST

START_TEST(it_dials)
{
	open_as(ME, 8);
	ck_assert_str_eq(real_erl_eval(&erl, "net_kernel:connect_node('" ME "')"), "true");
	wait_count(&t, n_up, 1);
	ck_assert_str_eq(real_erl_eval(&erl, "nodes(hidden)"), "['" ME "']");
	/* A dial of ours now succeeds with that link. */
	ck_assert_int_eq(node_trace_dial(&t, ERL, 0, 5000), 0);
	ck_assert_int_eq(t.n_up, 1);
	/* Frames are plain: no atom cache, no fragments, also for what is large. */
	(void)real_erl_eval(&erl, "{x, '" ME "'} ! binary:copy(<<\"b\">>, 500000), ok");
	wait_count(&t, n_ctl, 1);
	ck_assert_uint_eq(t.msg.len, 500005);
	ck_assert_int_eq(t.n_down, 0);
}
END_TEST

/* With the flags we offer it monitors names of ours and asks to spawn, instead of giving up by itself. */
START_TEST(what_our_flags_bring)
{
	open_as(ME, 8);
	ck_assert_int_eq(node_trace_dial(&t, ERL, 0, 5000), 0);
	(void)real_erl_eval(&erl, "erlang:monitor(process, {x, '" ME "'}), ok");
	wait_count(&t, n_ctl, 1);
	ck_assert_uint_eq(t.ctl.data[3], 19); /* {19, ...: MONITOR_P */
	gc_buf_reset(&t.ctl);
	(void)real_erl_eval(&erl, "erlang:spawn_request('" ME "', a, b, []), ok");
	wait_count(&t, n_ctl, 2);
	ck_assert_uint_eq(t.ctl.data[3], 29); /* SPAWN_REQUEST */
}
END_TEST

START_TEST(wrong_cookies)
{
	struct gc_node_config c = {.name = ME, .cookie = "another"};

	node_trace_open(&t, &loop, &c);
	wait_count(&t, n_epmd, 1);
	ck_assert_int_eq(node_trace_dial(&t, ERL, 0, 5000), GC_EBADCOOKIE);
	ck_assert_int_eq(t.dialled.fail.stage, GC_STAGE_HANDSHAKE);
	ck_assert_str_eq(real_erl_eval(&erl, "net_kernel:connect_node('" ME "')"), "false");
	ck_assert_int_eq(t.n_up, 0);
}
END_TEST

START_TEST(wrong_names)
{
	char port[8];

	open_as(ME, 8);
	(void)snprintf(port, sizeof(port), "%s",
		       real_erl_eval(&erl, "element(2, erl_epmd:port_please(\"erl\", {127,0,0,1}))"));
	ck_assert_int_eq(node_trace_dial(&t, "other@127.0.0.1", 0, 5000), GC_ENOTINEPMD);
	ck_assert_int_eq(
		node_trace_dial(&t, "other@127.0.0.1", (uint16_t)atoi(port), 5000), GC_ENAME);
	ck_assert_ptr_nonnull(strstr(t.dialled.fail.detail, ERL));
}
END_TEST

/* Killed: its successor is there at once. */
START_TEST(killed_and_back)
{
	open_as(ME, 8);
	ck_assert_int_eq(node_trace_dial(&t, ERL, 0, 5000), 0);
	real_erl_stop(&erl);
	wait_count(&t, n_down, 1);
	ck_assert(t.why.err == GC_EOF || t.why.err == GC_ERESET);
	ck_assert(real_erl_start(&erl, &loop, ERL, "cook", "-kernel net_ticktime 8"));
	ck_assert_str_eq(real_erl_eval(&erl, "net_kernel:connect_node('" ME "')"), "true");
	wait_count(&t, n_up, 2);
}
END_TEST

START_TEST(stopped_and_noticed)
{
	uint64_t since, took;

	open_as(ME, 4);
	ck_assert_int_eq(node_trace_dial(&t, ERL, 0, 5000), 0);
	real_erl_signal(&erl, SIGSTOP);
	since = uv_hrtime() / 1000000;
	wait_count(&t, n_down, 1);
	took = uv_hrtime() / 1000000 - since;
	ck_assert_int_eq(t.why.err, GC_ETICK);
	ck_assert_uint_le(took, at_most_ms(5000 + 500));
	/* A dial now ends by its deadline. */
	ck_assert_int_eq(node_trace_dial(&t, ERL, 0, 500), GC_ETIMEDOUT);
	ck_assert_int_eq(t.dialled.fail.stage, GC_STAGE_HANDSHAKE);
	real_erl_signal(&erl, SIGCONT);
	/* It thinks the old link is up: `alive`, and our `true`. */
	ck_assert_int_eq(node_trace_dial(&t, ERL, 0, 5000), 0);
	ck_assert_str_eq(real_erl_eval(&erl, "nodes(hidden)"), "['" ME "']");
}
END_TEST

/* Idle for longer than its net_ticktime: the link stands, whether ours is longer, as long, or shorter. */
START_TEST(idle_and_up)
{
	static const uint32_t ticktime_s[] = {60, 8, 4};

	open_as(ME, ticktime_s[_i]);
	ck_assert_int_eq(node_trace_dial(&t, ERL, 0, 5000), 0);
	loop_for(&loop, 11000);
	ck_assert_int_eq(t.n_down, 0);
	ck_assert_str_eq(real_erl_eval(&erl, "nodes(hidden)"), "['" ME "']");
}
END_TEST

static bool is_up(void *arg)
{
	(void)arg;
	return t.n_up - t.n_down == 1;
}

static bool is_down(void *arg)
{
	(void)arg;
	return t.n_up == t.n_down;
}

/* Both dial at once, a hundred times: one link, and both sides say so. */
START_TEST(both_at_once)
{
	const char *me = _i ? GREATER : SMALLER;

	open_as(me, 8);
	for (int i = 1; i <= 100; i++) {
		if (i % 2)
			(void)node_trace_start_dial(&t, ERL, 0, 5000);
		real_erl_tell(&erl, "net_kernel:connect_node('%s')", me);
		for (int k = 0; k < i % 5; k++)
			uv_run(&loop, UV_RUN_NOWAIT);
		if (i % 2 == 0)
			(void)node_trace_start_dial(&t, ERL, 0, 5000);
		ck_assert_str_eq(real_erl_result(&erl), "true");
		wait_count(&t, n_dialled, i);
		ck_assert_int_eq(t.dialled.fail.err, 0);
		ck_assert(loop_until(&loop, is_up, NULL, 5000));
		ck_assert_uint_eq(gc_node_link_count(t.n), 1);
		ck_assert_ptr_nonnull(strstr(real_erl_eval(&erl, "nodes(hidden)"), me));
		ck_assert_str_eq(real_erl_eval(&erl, "erlang:disconnect_node('%s')", me), "true");
		ck_assert(loop_until(&loop, is_down, NULL, 5000));
	}
}
END_TEST

START_TEST(epmd_names_us_as_hidden_and_forgets_us)
{
	open_as(ME, 8);
	ck_assert(gc_node_is_registered(t.n));
	ck_assert_str_eq(real_erl_eval(&erl, "lists:keymember(\"me\", 1, element(2, "
					     "erl_epmd:names({127,0,0,1})))"),
			 "true");
	node_trace_close(&t, 0);
	ck_assert_str_eq(real_erl_eval(&erl, "erl_epmd:port_please(\"me\", {127,0,0,1})"),
			 "noport");
	open_as(ME, 8); /* for teardown */
}
END_TEST

int main(void)
{
	Suite *s = suite_create("node");
	TCase *k = tcase_create("node");
	SRunner *r;

	if (!real_epmd_found() || !real_erl_found()) {
		puts("skipped: no erl or no epmd here");
		return 77;
	}
	r = srunner_create(s);
	tcase_add_checked_fixture(k, setup, teardown);
	tcase_set_timeout(k, 120);
	tcase_add_test(k, we_dial);
	tcase_add_test(k, it_dials);
	tcase_add_test(k, what_our_flags_bring);
	tcase_add_test(k, wrong_cookies);
	tcase_add_test(k, wrong_names);
	tcase_add_test(k, killed_and_back);
	tcase_add_test(k, stopped_and_noticed);
	tcase_add_loop_test(k, idle_and_up, 0, 3);
	tcase_add_loop_test(k, both_at_once, 0, 2);
	tcase_add_test(k, epmd_names_us_as_hidden_and_forgets_us);
	suite_add_tcase(s, k);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);

	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
