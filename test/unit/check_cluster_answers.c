/* Answers of discovery and what they remove, in the cluster state machine: quality, confirmation,
 * several instances, the removal policies, the budget. One rule a test. */
#include "cluster_trace.h"

START_TEST(test_complete_replaces)
{
	cluster_up();
	answer("dns", "b@h c@h");
	EXPECT("dial b@h; dial c@h");
	answer("dns", "c@h d@h");
	EXPECT("cancel b@h; dial d@h");
	ck_assert_uint_eq(gc_cluster_count_peers(cl), 2);
}
END_TEST

START_TEST(test_partial_adds_and_error_keeps)
{
	cluster_up();
	answer("dns", "b@h");
	answer_as("dns", GC_PARTIAL, "c@h");
	EXPECT("dial b@h; dial c@h");
	answer_as("dns", GC_ERROR, "");
	answer_as("dns", GC_ERROR, "d@h");
	answer_as("dns", GC_PARTIAL, "");
	EXPECT("");
	ck_assert_uint_eq(gc_cluster_count_peers(cl), 2);
}
END_TEST

START_TEST(test_empty_answers_need_confirmation)
{
	cluster_up();
	answer("dns", "b@h");
	EXPECT("dial b@h");
	answer("dns", "");
	answer("dns", "");
	EXPECT("");
	answer("dns", "");
	EXPECT("cancel b@h");
	ck_assert_uint_eq(gc_cluster_count_peers(cl), 0);
}
END_TEST

START_TEST(test_names_between_start_the_count_anew)
{
	static const enum gc_quality good[] = {GC_COMPLETE, GC_PARTIAL};

	cluster_up();
	for (int i = 0; i < 2; i++) {
		answer("dns", "b@h");
		answer("dns", "");
		answer("dns", "");
		answer_as("dns", good[i], "b@h");
		answer("dns", "");
		answer("dns", "");
	}
	EXPECT("dial b@h");
	answer("dns", "");
	EXPECT("cancel b@h");
}
END_TEST

START_TEST(test_errors_neither_count_nor_break)
{
	cluster_up();
	answer("dns", "b@h");
	answer("dns", "");
	answer_as("dns", GC_ERROR, "");
	answer_as("dns", GC_PARTIAL, "");
	answer_as("dns", GC_ERROR, "");
	answer("dns", "");
	EXPECT("dial b@h");
	answer("dns", "");
	EXPECT("cancel b@h");
}
END_TEST

START_TEST(test_nothing_but_bad_names_is_empty)
{
	cluster_up();
	answer("dns", "b@h");
	answer("dns", "b c");
	answer("dns", "@h");
	EXPECT("dial b@h");
	answer("dns", "b");
	EXPECT("cancel b@h");
}
END_TEST

START_TEST(test_only_ourselves_is_an_answer)
{
	cluster_up();
	answer("dns", "b@h");
	answer("dns", "a@h");
	EXPECT("dial b@h; cancel b@h");
}
END_TEST

START_TEST(test_empty_at_first_is_no_doubt)
{
	cluster_up();
	answer("dns", "");
	answer("dns", "");
	answer("dns", "b@h");
	answer("dns", "");
	answer("dns", "");
	EXPECT("dial b@h");
}
END_TEST

START_TEST(test_confirm_one)
{
	conf.confirm_removal = 1;
	cluster_up();
	answer("dns", "b@h");
	answer("dns", "");
	EXPECT("dial b@h; cancel b@h");
}
END_TEST

START_TEST(test_two_instances)
{
	cluster_up();
	answer("one", "b@h");
	answer("two", "b@h c@h");
	EXPECT("dial b@h; dial c@h");
	struct gc_peer_view v = view("b@h");
	ck_assert_uint_eq(v.n_instances, 2);
	ck_assert_str_eq(v.instances[0], "one");
	ck_assert_str_eq(v.instances[1], "two");
	answer("one", "d@h");
	EXPECT("dial d@h");
	answer("two", "c@h");
	EXPECT("cancel b@h");
}
END_TEST

START_TEST(test_dropped_instance)
{
	struct gc_action a;

	cluster_up();
	make_member("b@h");
	answer("two", "b@h c@h");
	EXPECT("dial c@h");
	gc_cluster_drop_instance(cl, "two", now);
	EXPECT("cancel c@h");
	gc_cluster_drop_instance(cl, "made", now);
	gc_cluster_drop_instance(cl, "made", now);
	gc_cluster_drop_instance(cl, "never", now);
	EXPECT("");
	ck_assert_uint_eq(view("b@h").n_instances, 0);
	member_down("b@h", "disconnect");
	ck_assert(gc_cluster_next(cl, &a));
	ck_assert_int_eq(a.type, GC_DO_NODEDOWN);
	ck_assert_str_eq(a.instance, "made"); /* the last that named it */
}
END_TEST

START_TEST(test_instance_is_the_first_that_still_names_it)
{
	struct gc_action a;

	cluster_up();
	make_member("b@h");
	answer("two", "b@h");
	answer("made", "a@h");
	member_down("b@h", "disconnect");
	ck_assert(gc_cluster_next(cl, &a));
	ck_assert_str_eq(a.instance, "two");
}
END_TEST

START_TEST(test_removed_keep)
{
	cluster_up();
	make_member("b@h");
	answer("made", "c@h");
	EXPECT("dial c@h");
	ck_assert(view("b@h").member);
	ck_assert_uint_eq(view("b@h").n_instances, 0);
	link_down("b@h");
	EXPECT("");
	member_down("b@h", "connection_closed");
	EXPECT("down b@h connection_closed");
	ck_assert_uint_eq(gc_cluster_count_peers(cl), 1);
	ck_assert_int_eq(next_in(), -1);
}
END_TEST

START_TEST(test_removed_and_named_again)
{
	cluster_up();
	make_member("b@h");
	answer("made", "c@h");
	link_down("b@h");
	EXPECT("dial c@h");
	answer("made", "b@h c@h");
	EXPECT("dial b@h");
	ck_assert(view("b@h").member);
}
END_TEST

START_TEST(test_removed_disconnect)
{
	conf.removed = GC_REMOVED_DISCONNECT;
	cluster_up();
	make_member("b@h");
	answer("made", "c@h");
	EXPECT("leave b@h; dial c@h");
	ck_assert_int_eq(view("b@h").state, GC_PEER_LEAVING);
	member_down("b@h", "disconnect");
	EXPECT("down b@h removed");
	join_ok("b@h");
	EXPECT("close b@h");
	link_down("b@h");
	EXPECT("");
	/* what the nodes do on their own account later is left alone */
	member_up("b@h");
	link_up("b@h");
	EXPECT("");
}
END_TEST

START_TEST(test_removed_disconnect_outcome_alone)
{
	conf.removed = GC_REMOVED_DISCONNECT;
	cluster_up();
	make_member("b@h");
	answer("made", "a@h");
	EXPECT("leave b@h");
	join_ok("b@h");
	EXPECT("down b@h removed; close b@h");
	member_down("b@h", "disconnect");
	EXPECT("");
}
END_TEST

START_TEST(test_failed_leave_is_tried_again)
{
	conf.removed = GC_REMOVED_DISCONNECT;
	cluster_up();
	make_member("b@h");
	answer("made", "a@h");
	EXPECT("leave b@h");
	join_fails("b@h");
	EXPECT("");
	ck_assert(view("b@h").member);
	wake(200, 400);
	EXPECT("leave b@h");
	join_fails("b@h");
	wake(400, 800);
	EXPECT("leave b@h");
}
END_TEST

START_TEST(test_named_again_while_leaving)
{
	conf.removed = GC_REMOVED_DISCONNECT;
	cluster_up();
	make_member("b@h");
	answer("made", "a@h");
	EXPECT("leave b@h");
	answer("made", "b@h");
	EXPECT("");
	join_ok("b@h");
	EXPECT("down b@h removed; join b@h");
	join_ok("b@h");
	member_down("b@h", "disconnect"); /* the first loss: the leave was none */
	EXPECT("up b@h; down b@h disconnect; join b@h");
}
END_TEST

START_TEST(test_removed_while_joining)
{
	conf.removed = GC_REMOVED_DISCONNECT;
	cluster_up();
	answer("dns", "b@h");
	dial_ok("b@h");
	EXPECT("dial b@h; join b@h");
	answer("dns", "a@h");
	EXPECT("");
	join_ok("b@h");
	EXPECT("leave b@h");
	join_ok("b@h");
	EXPECT("close b@h");
}
END_TEST

START_TEST(test_removed_when_scouted)
{
	conf.removed = GC_REMOVED_DISCONNECT;
	cluster_up();
	gc_cluster_dist(cl, false, now);
	answer("dns", "b@h");
	dial_ok("b@h");
	EXPECT("dial b@h");
	answer("dns", "a@h");
	EXPECT("close b@h");
}
END_TEST

START_TEST(test_never_named_is_never_left)
{
	conf.removed = GC_REMOVED_DISCONNECT;
	cluster_up();
	member_up("x@h");
	link_up("x@h");
	answer("dns", "b@h");
	answer("dns", "a@h");
	EXPECT("dial b@h; cancel b@h");
}
END_TEST

START_TEST(test_disconnect_after)
{
	conf.removed = GC_REMOVED_DISCONNECT_AFTER;
	conf.disconnect_after_ms = 60000;
	cluster_up();
	make_member("b@h");
	answer("made", "a@h");
	EXPECT("");
	wake(60000, 60000);
	EXPECT("leave b@h");
	join_ok("b@h");
	EXPECT("down b@h removed; close b@h");
}
END_TEST

START_TEST(test_disconnect_after_is_cancelled)
{
	conf.removed = GC_REMOVED_DISCONNECT_AFTER;
	conf.disconnect_after_ms = 60000;
	cluster_up();
	make_member("b@h");
	answer("made", "a@h");
	pass(59999);
	answer("made", "b@h");
	EXPECT("");
	ck_assert_int_eq(next_in(), -1);
	answer("made", "a@h");
	wake(60000, 60000); /* from the start */
	EXPECT("leave b@h");
}
END_TEST

START_TEST(test_disconnect_after_loss)
{
	conf.removed = GC_REMOVED_DISCONNECT_AFTER;
	conf.disconnect_after_ms = 60000;
	cluster_up();
	make_member("b@h");
	answer("made", "a@h");
	link_down("b@h");
	member_down("b@h", "connection_closed");
	EXPECT("down b@h connection_closed");
	ck_assert_int_eq(next_in(), -1);
}
END_TEST

START_TEST(test_budget)
{
	conf.max_peers = 3;
	cluster_up();
	ck_assert_uint_eq(answer("one", "b@h c@h a@h"), 0);
	ck_assert_uint_eq(answer("two", "b@h c@h d@h e@h f@h"), 2);
	EXPECT("dial b@h; dial c@h; dial d@h");
	ck_assert_uint_eq(gc_cluster_count_peers(cl), 3);
	/* those that go make room for those that come */
	ck_assert_uint_eq(answer("two", "b@h c@h e@h f@h"), 1);
	EXPECT("cancel d@h; dial e@h");
}
END_TEST

START_TEST(test_budget_spares_members)
{
	conf.max_peers = 2;
	cluster_up();
	make_member("b@h");
	ck_assert_uint_eq(answer("made", "c@h d@h e@h"), 2);
	EXPECT("dial c@h");
	ck_assert(view("b@h").member);
	conf.max_peers = 1;
	gc_cluster_configure(cl, &conf, now);
	EXPECT("");
	ck_assert_uint_eq(gc_cluster_count_peers(cl), 2);
	ck_assert_uint_eq(answer("made", "c@h b@h"), 0);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, test_complete_replaces);
	tcase_add_test(t, test_partial_adds_and_error_keeps);
	tcase_add_test(t, test_empty_answers_need_confirmation);
	tcase_add_test(t, test_names_between_start_the_count_anew);
	tcase_add_test(t, test_errors_neither_count_nor_break);
	tcase_add_test(t, test_nothing_but_bad_names_is_empty);
	tcase_add_test(t, test_only_ourselves_is_an_answer);
	tcase_add_test(t, test_empty_at_first_is_no_doubt);
	tcase_add_test(t, test_confirm_one);
	tcase_add_test(t, test_two_instances);
	tcase_add_test(t, test_dropped_instance);
	tcase_add_test(t, test_instance_is_the_first_that_still_names_it);
	tcase_add_test(t, test_removed_keep);
	tcase_add_test(t, test_removed_and_named_again);
	tcase_add_test(t, test_removed_disconnect);
	tcase_add_test(t, test_removed_disconnect_outcome_alone);
	tcase_add_test(t, test_failed_leave_is_tried_again);
	tcase_add_test(t, test_named_again_while_leaving);
	tcase_add_test(t, test_removed_while_joining);
	tcase_add_test(t, test_removed_when_scouted);
	tcase_add_test(t, test_never_named_is_never_left);
	tcase_add_test(t, test_disconnect_after);
	tcase_add_test(t, test_disconnect_after_is_cancelled);
	tcase_add_test(t, test_disconnect_after_loss);
	tcase_add_test(t, test_budget);
	tcase_add_test(t, test_budget_spares_members);
}

int main(void)
{
	return run_tests("cluster_answers", add_tests);
}
