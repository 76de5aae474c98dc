/* The life of one peer in the cluster state machine: found, dialled, joined, lost, found again, and
 * the outcomes on that way. One rule a test. */
#include "cluster_trace.h"

static void up_with(const char *peers)
{
	cluster_up();
	answer("dns", peers);
}

START_TEST(test_found_dialled_joined)
{
	up_with("b@h");
	EXPECT("dial b@h");
	ck_assert_int_eq(view("b@h").state, GC_PEER_DIALLING);
	link_up("b@h");
	EXPECT("join b@h");
	gc_cluster_dialled(cl, "b@h", NULL, "10.0.0.2", 4001, now);
	EXPECT("");
	ck_assert_int_eq(view("b@h").state, GC_PEER_JOINING);
	join_ok("b@h");
	EXPECT("up b@h");
	struct gc_peer_view v = view("b@h");
	ck_assert_int_eq(v.state, GC_PEER_MEMBER);
	ck_assert_str_eq(v.address, "10.0.0.2");
	ck_assert_uint_eq(v.port, 4001);
	ck_assert_int_eq(next_in(), -1);
}
END_TEST

START_TEST(test_dial_outcome_alone_is_a_link)
{
	up_with("b@h");
	EXPECT("dial b@h");
	gc_cluster_dialled(cl, "b@h", NULL, NULL, 0, now);
	EXPECT("join b@h");
	ck_assert(view("b@h").linked);
}
END_TEST

START_TEST(test_event_shows_address_and_instance)
{
	struct gc_action a;

	up_with("b@h");
	EXPECT("dial b@h");
	link_up("b@h");
	gc_cluster_dialled(cl, "b@h", NULL, "fd00::2", 4001, now);
	EXPECT("join b@h");
	join_ok("b@h");
	ck_assert(gc_cluster_next(cl, &a));
	ck_assert_int_eq(a.type, GC_DO_NODEUP);
	ck_assert_str_eq(a.instance, "dns");
	ck_assert_str_eq(a.address, "fd00::2");
	ck_assert_uint_eq(a.port, 4001);
	ck_assert_uint_eq(a.seq, 1);
	ck_assert(!gc_cluster_next(cl, &a));
}
END_TEST

START_TEST(test_all_at_once)
{
	up_with("b@h c@h d@h");
	EXPECT("dial b@h; dial c@h; dial d@h");
	answer("dns", "b@h c@h d@h");
	EXPECT("");
}
END_TEST

START_TEST(test_never_ourselves_nor_bad_names)
{
	up_with("gc_a@h a@h b b@ @h b@h@h b\x01@h b@h");
	EXPECT("dial b@h");
	member_up("a@h");
	member_up("gc_a@h");
	member_up("b b@h");
	link_up("gc_a@h");
	link_up("a@h");
	EXPECT("");
	ck_assert_uint_eq(gc_cluster_count_peers(cl), 1);
}
END_TEST

START_TEST(test_failure_is_remembered)
{
	up_with("b@h");
	EXPECT("dial b@h");
	dial_fails("b@h", GC_EREFUSED);
	ck_assert_int_eq(view("b@h").last_fail.stage, GC_STAGE_CONNECT);
	ck_assert_str_eq(view("b@h").last_fail.detail, "test");
	wake(200, 400);
	EXPECT("dial b@h");
	link_up("b@h");
	link_down("b@h");
	ck_assert_int_eq(view("b@h").last_fail.err, GC_EOF);
	ck_assert_int_eq(view("b@h").last_fail.stage, GC_STAGE_LINK);
	ck_assert_uint_eq(view("b@h").last_fail_ms, now);
}
END_TEST

START_TEST(test_first_loss_at_once)
{
	cluster_up();
	make_member("b@h");
	pass(10000);
	link_down("b@h");
	EXPECT("dial b@h");
	member_down("b@h", "connection_closed");
	EXPECT("down b@h connection_closed");
	ck_assert_int_eq(next_in(), -1);
}
END_TEST

START_TEST(test_first_loss_at_once_other_order)
{
	cluster_up();
	make_member("b@h");
	pass(10000);
	member_down("b@h", "net_tick_timeout");
	EXPECT("down b@h net_tick_timeout; join b@h");
	link_down("b@h");
	EXPECT("dial b@h");
	join_fails("b@h");
	EXPECT("");
	dial_fails("b@h", GC_EREFUSED);
	wake(200, 400);
	EXPECT("dial b@h");
}
END_TEST

static void flap(void)
{
	dial_ok("b@h");
	EXPECT("join b@h");
	join_ok("b@h");
	EXPECT("up b@h");
	pass(9999);
	link_down("b@h");
	member_down("b@h", "connection_closed");
}

START_TEST(test_flapping_backs_off)
{
	uint64_t top = 200;

	up_with("b@h");
	EXPECT("dial b@h");
	flap();
	EXPECT("dial b@h; down b@h connection_closed");
	for (int i = 0; i < 10; i++) {
		flap();
		EXPECT("down b@h connection_closed");
		top = top * 2 > 30000 ? 30000 : top * 2;
		wake(top / 2, top);
		EXPECT("dial b@h");
	}
}
END_TEST

START_TEST(test_ten_seconds_start_afresh)
{
	up_with("b@h");
	EXPECT("dial b@h");
	for (int i = 0; i < 5; i++) {
		dial_fails("b@h", GC_EREFUSED);
		wake(1, 30000);
		EXPECT("dial b@h");
	}
	dial_ok("b@h");
	EXPECT("join b@h");
	join_ok("b@h");
	EXPECT("up b@h");
	pass(9999);
	ck_assert_uint_eq(view("b@h").attempts, 5);
	pass(1);
	ck_assert_uint_eq(view("b@h").attempts, 0);
	link_down("b@h");
	EXPECT("dial b@h");
	dial_fails("b@h", GC_EREFUSED);
	wake(200, 400);
	EXPECT("dial b@h");
}
END_TEST

START_TEST(test_failed_join_uses_the_link)
{
	uint64_t top = 200;

	up_with("b@h");
	dial_ok("b@h");
	EXPECT("dial b@h; join b@h");
	for (int i = 0; i < 10; i++) {
		join_fails("b@h");
		EXPECT("");
		ck_assert_int_eq(view("b@h").last_fail.stage, GC_STAGE_JOIN);
		ck_assert_int_eq(view("b@h").state, GC_PEER_SCOUTED);
		top = top * 2 > 30000 ? 30000 : top * 2;
		wake(top / 2, top);
		EXPECT("join b@h");
	}
	link_down("b@h"); /* never a member: a failure like the others */
	EXPECT("");
	join_fails("b@h");
	EXPECT("");
	wake(15000, 30000);
	EXPECT("dial b@h");
}
END_TEST

START_TEST(test_later_loss_of_the_link_is_a_failure)
{
	cluster_up();
	make_member("b@h");
	pass(10000);
	member_down("b@h", "disconnect");
	EXPECT("down b@h disconnect; join b@h");
	join_fails("b@h");
	wake(200, 400);
	EXPECT("join b@h");
	link_down("b@h");
	EXPECT("");
	join_fails("b@h");
	wake(400, 800);
	EXPECT("dial b@h");
}
END_TEST

START_TEST(test_old_outcome_of_a_dial)
{
	up_with("b@h");
	EXPECT("dial b@h");
	link_up("b@h");
	EXPECT("join b@h");
	join_fails("b@h");
	link_down("b@h");
	EXPECT("");
	gc_cluster_dialled(cl, "b@h", NULL, NULL, 0, now);
	ck_assert(!view("b@h").linked);
	EXPECT("");
	wake(200, 400);
	EXPECT("dial b@h");
}
END_TEST

START_TEST(test_outcomes_nobody_asked_for)
{
	up_with("b@h");
	EXPECT("dial b@h");
	join_ok("b@h");
	join_fails("b@h");
	EXPECT("");
	dial_fails("b@h", GC_EREFUSED);
	gc_cluster_dialled(cl, "b@h", NULL, NULL, 0, now);
	gc_cluster_dialled(cl, "nobody@h", NULL, NULL, 0, now);
	join_ok("nobody@h");
	link_down("nobody@h");
	member_down("nobody@h", "x");
	EXPECT("");
	ck_assert(!view("b@h").linked);
	ck_assert(!view("b@h").member);
}
END_TEST

START_TEST(test_join_told_by_backend_first)
{
	up_with("b@h");
	dial_ok("b@h");
	EXPECT("dial b@h; join b@h");
	member_up("b@h");
	EXPECT("up b@h");
	join_ok("b@h");
	EXPECT("");
	member_down("b@h", "disconnect");
	EXPECT("down b@h disconnect; join b@h");
	member_up("b@h");
	EXPECT("up b@h");
	join_fails("b@h");
	EXPECT("");
	ck_assert(view("b@h").member);
	ck_assert_uint_eq(view("b@h").attempts, 0);
	ck_assert_int_eq(view("b@h").last_fail.stage, GC_STAGE_LINK); /* the loss before */
	ck_assert_int_eq(view("b@h").last_fail.err, GC_EOF);
	ck_assert_str_eq(view("b@h").last_fail.detail, "disconnect");
}
END_TEST

START_TEST(test_join_won_and_lost_before_its_outcome)
{
	up_with("b@h");
	dial_ok("b@h");
	member_up("b@h");
	member_down("b@h", "disconnect");
	EXPECT("dial b@h; join b@h; up b@h; down b@h disconnect");
	join_ok("b@h");
	EXPECT("join b@h");
	ck_assert(!view("b@h").member);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, test_found_dialled_joined);
	tcase_add_test(t, test_dial_outcome_alone_is_a_link);
	tcase_add_test(t, test_event_shows_address_and_instance);
	tcase_add_test(t, test_all_at_once);
	tcase_add_test(t, test_never_ourselves_nor_bad_names);
	tcase_add_test(t, test_failure_is_remembered);
	tcase_add_test(t, test_first_loss_at_once);
	tcase_add_test(t, test_first_loss_at_once_other_order);
	tcase_add_test(t, test_flapping_backs_off);
	tcase_add_test(t, test_ten_seconds_start_afresh);
	tcase_add_test(t, test_failed_join_uses_the_link);
	tcase_add_test(t, test_later_loss_of_the_link_is_a_failure);
	tcase_add_test(t, test_old_outcome_of_a_dial);
	tcase_add_test(t, test_outcomes_nobody_asked_for);
	tcase_add_test(t, test_join_told_by_backend_first);
	tcase_add_test(t, test_join_won_and_lost_before_its_outcome);
}

int main(void)
{
	return run_tests("cluster", add_tests);
}
