/* Time in the cluster state machine: pauses and their jitter, wake-ups, clocks, and the queue. One
 * rule a test. */
#include "cluster_trace.h"

#include <stdio.h>
#include <string.h>

static void up_with(const char *peers)
{
	cluster_up();
	answer("dns", peers);
}

START_TEST(test_failures_back_off)
{
	uint64_t top = 200;

	up_with("b@h");
	for (uint32_t k = 1; k <= 12; k++) {
		EXPECT("dial b@h");
		dial_fails("b@h", k % 2 ? GC_EREFUSED : GC_ENAME);
		EXPECT("");
		ck_assert_uint_eq(view("b@h").attempts, k);
		ck_assert_int_eq(view("b@h").last_fail.err, k % 2 ? GC_EREFUSED : GC_ENAME);
		ck_assert_uint_eq(view("b@h").last_fail_ms, now);
		ck_assert_uint_eq(view("b@h").next_attempt_ms, now + (uint64_t)next_in());
		top = top * 2 > 30000 ? 30000 : top * 2;
		wake(top / 2, top);
	}
}
END_TEST

START_TEST(test_pauses_have_jitter)
{
	int64_t first = 0, differ = 0;

	cluster_up();
	for (int i = 0; i < 20; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d@h", i);
		answer_as("dns", GC_PARTIAL, name);
		happened();
		dial_fails(name, GC_ENOEPMD);
		int64_t in = (int64_t)(view(name).next_attempt_ms - now);
		ck_assert(in >= 200 && in <= 400);
		first = i == 0 ? in : first;
		differ += in != first;
	}
	ck_assert_int_ge(differ, 10);
}
END_TEST

START_TEST(test_seed_makes_the_jitter)
{
	uint64_t first;

	conf.reconnect_min_ms = 10000;
	up_with("b@h");
	happened();
	dial_fails("b@h", GC_EREFUSED);
	first = view("b@h").next_attempt_ms;
	cluster_down();
	conf.seed++;
	up_with("b@h");
	happened();
	dial_fails("b@h", GC_EREFUSED);
	ck_assert_uint_ne(view("b@h").next_attempt_ms, first);
}
END_TEST

START_TEST(test_pauses_do_not_overflow)
{
	int64_t last = 1;

	conf.reconnect_min_ms = 1;
	conf.reconnect_max_ms = GC_FOREVER;
	up_with("b@h");
	for (int k = 0; k < 100; k++) {
		EXPECT("dial b@h");
		dial_fails("b@h", GC_EREFUSED);
		ck_assert_int_ge(next_in(), last / 2);
		last = next_in();
		pass((uint64_t)last);
	}
	ck_assert_int_ge(last, INT64_C(1) << 39);
	EXPECT("dial b@h");
}
END_TEST

START_TEST(test_hurry)
{
	up_with("b@h c@h d@h");
	happened();
	dial_fails("b@h", GC_EREFUSED);
	dial_fails("c@h", GC_EHIDDEN);
	gc_cluster_hurry(cl, now);
	EXPECT("dial b@h; dial c@h");
	dial_fails("b@h", GC_EREFUSED);
	wake(400, 800); /* the row goes on */
	EXPECT("dial b@h");
}
END_TEST

START_TEST(test_clock_that_steps_back)
{
	up_with("b@h");
	EXPECT("dial b@h");
	dial_fails("b@h", GC_EREFUSED);
	uint64_t next = gc_cluster_next_ms(cl);
	gc_cluster_tick(cl, 5);
	EXPECT("");
	ck_assert_uint_eq(gc_cluster_next_ms(cl), next);
	gc_cluster_hurry(cl, 5);
	EXPECT("dial b@h");
	gc_cluster_dialled(cl, "b@h", &(struct gc_fail){.err = GC_EREFUSED}, NULL, 0, 5);
	ck_assert_uint_eq(view("b@h").last_fail_ms, now);
	next = gc_cluster_next_ms(cl);
	gc_cluster_tick(cl, next);
	EXPECT("dial b@h");
}
END_TEST

START_TEST(test_end_of_time_is_no_time)
{
	up_with("b@h");
	EXPECT("dial b@h");
	gc_cluster_tick(cl, gc_cluster_next_ms(cl));
	dial_fails("b@h", GC_EREFUSED);
	wake(200, 400);
	EXPECT("dial b@h");
}
END_TEST

START_TEST(test_what_is_due_comes_with_any_call)
{
	up_with("b@h");
	EXPECT("dial b@h");
	dial_fails("b@h", GC_EREFUSED);
	now += 400;
	link_up("x@h");
	EXPECT("dial b@h");
}
END_TEST

START_TEST(test_every_call_brings_the_time)
{
	cluster_up();
	make_member("b@h");
	now += 10;
	gc_cluster_members(cl, NULL, 0, now);
	ck_assert_uint_eq(view("b@h").last_fail_ms, now);
	now += 10;
	gc_cluster_member(cl, "b@h", true, NULL, now);
	ck_assert_uint_eq(view("b@h").member_since_ms, now);
	now += 10;
	gc_cluster_dist(cl, false, now);
	gc_cluster_dist(cl, true, now);
	now += 10;
	join_ok("b@h");
	ck_assert_uint_eq(view("b@h").member_since_ms, now);
	now += 10;
	link_down("b@h");
	ck_assert_uint_eq(view("b@h").last_fail_ms, now);
	happened();
	wake(200, 400);
	now += 10;
	dial_fails("b@h", GC_EREFUSED);
	ck_assert_uint_eq(view("b@h").last_fail_ms, now);
}
END_TEST

static void find_earliest(void *arg, const struct gc_peer_view *v)
{
	uint64_t *earliest = arg;

	if (v->next_attempt_ms < *earliest)
		*earliest = v->next_attempt_ms;
}

static void check_earliest(void)
{
	uint64_t earliest = GC_FOREVER;

	gc_cluster_each(cl, find_earliest, &earliest);
	ck_assert_uint_eq(gc_cluster_next_ms(cl), earliest);
}

START_TEST(test_next_is_the_earliest)
{
	char name[16];

	conf.max_peers = 1000;
	cluster_up();
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "n%u@h", i * 7919 % 300);
		answer_as(i % 3 ? "one" : "two", GC_PARTIAL, name);
		dial_fails(name, i % 5 ? GC_EREFUSED : GC_EHIDDEN);
		if (i % 4 == 0) /* takes one out of the middle */
			link_up(name);
		if (i % 8 == 0)
			link_down(name);
		if (i % 100 == 0)
			pass(700);
		if (i == 2000)
			gc_cluster_drop_instance(cl, "two", now);
		happened();
		check_earliest();
	}
}
END_TEST

START_TEST(test_queue_grows_in_order)
{
	char expected[4096] = "";

	conf.max_peers = 1000;
	cluster_up();
	struct gc_action a;
	answer("dns", "b@h c@h d@h");
	ck_assert(gc_cluster_next(cl, &a));
	ck_assert_str_eq(a.node, "b@h");
	for (int i = 0; i < 100; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d@h", i);
		answer_as("dns", GC_PARTIAL, name);
		snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected),
			 "; dial %s", name);
	}
	char all[4200];
	snprintf(all, sizeof(all), "dial c@h; dial d@h%s", expected);
	EXPECT(all);
}
END_TEST

START_TEST(test_an_hour_of_nothing_there)
{
	int dials = 0;
	uint64_t end;

	up_with("b@h");
	for (end = now + 3600000; now < end; dials++) {
		EXPECT("dial b@h");
		dial_fails("b@h", GC_EREFUSED);
		wake(200, 30000);
	}
	ck_assert_int_ge(dials, 120); /* 30 s apart at most */
	ck_assert_int_le(dials, 250); /* 15 s at least, but for the first few */
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, test_failures_back_off);
	tcase_add_test(t, test_pauses_have_jitter);
	tcase_add_test(t, test_seed_makes_the_jitter);
	tcase_add_test(t, test_pauses_do_not_overflow);
	tcase_add_test(t, test_hurry);
	tcase_add_test(t, test_clock_that_steps_back);
	tcase_add_test(t, test_end_of_time_is_no_time);
	tcase_add_test(t, test_what_is_due_comes_with_any_call);
	tcase_add_test(t, test_every_call_brings_the_time);
	tcase_add_test(t, test_next_is_the_earliest);
	tcase_add_test(t, test_queue_grows_in_order);
	tcase_add_test(t, test_an_hour_of_nothing_there);
}

int main(void)
{
	return run_tests("cluster_time", add_tests);
}
