/* The policies of the cluster state machine: quality of answers, removal, budget, the owner's
 * absence, wanted links, ready, reload, views. One rule a test. */
#include "cluster_trace.h"

#include <stdio.h>
#include <string.h>

/* ---- answers ---- */
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

/* ---- removal ---- */
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

/* ---- budget ---- */
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

/* ---- the owner's absence ---- */
START_TEST(test_owner_down_and_back)
{
	cluster_up();
	make_member("b@h");
	make_member("c@h");
	gc_cluster_dist(cl, false, now);
	EXPECT("down b@h owner_down; down c@h owner_down");
	answer("made", "b@h c@h d@h");
	EXPECT("dial d@h");
	dial_ok("d@h");
	EXPECT("");
	pass(1000);
	gc_cluster_dist(cl, true, now);
	EXPECT("join b@h; join c@h; join d@h");
	join_ok("b@h");
	EXPECT("up b@h");
	ck_assert_uint_eq(view("b@h").attempts, 0);
}
END_TEST

START_TEST(test_members_told_before_the_owner_is_back)
{
	cluster_up();
	make_member("b@h");
	gc_cluster_dist(cl, false, now);
	EXPECT("down b@h owner_down");
	snapshot("b@h");
	EXPECT("");
	gc_cluster_dist(cl, true, now);
	EXPECT("up b@h");
}
END_TEST

START_TEST(test_probe_rests_without_owner)
{
	conf.links_probe = true;
	cluster_up();
	make_member("b@h");
	answer("made", "b@h c@h");
	EXPECT("dial c@h");
	gc_cluster_dist(cl, false, now);
	EXPECT("down b@h owner_down; cancel c@h");
	ck_assert_int_eq(next_in(), -1);
	snapshot("b@h");
	gc_cluster_dist(cl, true, now);
	EXPECT("up b@h; dial c@h");
}
END_TEST

START_TEST(test_join_under_way_when_owner_goes)
{
	cluster_up();
	answer("dns", "b@h");
	dial_ok("b@h");
	EXPECT("dial b@h; join b@h");
	gc_cluster_dist(cl, false, now);
	join_fails("b@h");
	join_ok("b@h");
	EXPECT("");
	ck_assert_uint_eq(view("b@h").attempts, 0);
	gc_cluster_dist(cl, true, now);
	EXPECT("join b@h");
}
END_TEST

/* Kept though removed: an absence of the owner does not change that. */
START_TEST(test_removed_member_outlives_the_owners_absence)
{
	cluster_up();
	make_member("b@h");
	answer("made", "a@h");
	link_down("b@h");
	gc_cluster_dist(cl, false, now);
	EXPECT("down b@h owner_down");
	gc_cluster_dist(cl, true, now);
	EXPECT("");
	snapshot("b@h");
	EXPECT("up b@h");
	gc_cluster_dist(cl, false, now);
	gc_cluster_dist(cl, true, now);
	EXPECT("down b@h owner_down");
	snapshot("");
	member_up("b@h"); /* its connection did not live */
	EXPECT("");
}
END_TEST

START_TEST(test_removed_in_the_owners_absence)
{
	conf.removed = GC_REMOVED_DISCONNECT;
	cluster_up();
	make_member("b@h");
	gc_cluster_dist(cl, false, now);
	answer("made", "a@h");
	EXPECT("down b@h owner_down");
	gc_cluster_dist(cl, true, now);
	snapshot("b@h");
	EXPECT("leave b@h");
	join_ok("b@h");
	EXPECT("close b@h");
}
END_TEST

START_TEST(test_snapshot)
{
	cluster_up();
	make_member("b@h");
	make_member("c@h");
	answer("made", "b@h c@h d@h");
	EXPECT("dial d@h");
	snapshot("b@h d@h x@h a@h");
	EXPECT("up d@h; down c@h connection_closed; join c@h");
	snapshot("b@h d@h x@h a@h");
	EXPECT("");
	answer_as("made", GC_PARTIAL, "x@h");
	EXPECT("up x@h; dial x@h");
}
END_TEST

START_TEST(test_reasons)
{
	char name[300];

	cluster_up();
	make_member("b@h");
	member_down("b@h", "tick_timeout");
	member_up("b@h");
	member_down("b@h", "some_atom");
	member_up("b@h");
	member_down("b@h", NULL);
	member_up("b@h");
	memset(name, 'x', sizeof(name));
	name[299] = '\0';
	member_down("b@h", name);
	EXPECT("down b@h tick_timeout; join b@h; up b@h; down b@h some_atom; up b@h; "
	       "down b@h connection_closed; up b@h; down b@h connection_closed");
	for (int i = 0; i < 100; i++) { /* no memory for each of them */
		snprintf(name, sizeof(name), "reason_%d", i);
		member_up("b@h");
		member_down("b@h", name);
		ck_assert_ptr_nonnull(strstr(happened(), i < 60 ? name : "down b@h "));
	}
}
END_TEST

/* ---- wanted links ---- */
START_TEST(test_wanted_link)
{
	cluster_up();
	ck_assert_int_eq(gc_cluster_want_link(cl, "a@h", "127.0.0.1", 4000, true, now), 0);
	EXPECT("dial any a@h 127.0.0.1/4000");
	dial_ok("a@h");
	EXPECT("");
	pass(10000);
	link_down("a@h");
	EXPECT("dial any a@h 127.0.0.1/4000");
	dial_ok("a@h");
	link_down("a@h");
	EXPECT("");
	wake(200, 400);
	EXPECT("dial any a@h 127.0.0.1/4000");
	ck_assert_uint_eq(gc_cluster_count_peers(cl), 0);
}
END_TEST

START_TEST(test_wanted_pauses_end_at_five_seconds)
{
	uint64_t top = 200;

	cluster_up();
	want("a@h", true);
	for (int i = 0; i < 10; i++) {
		EXPECT("dial any a@h");
		dial_fails("a@h", i % 2 ? GC_EHIDDEN : GC_ENOEPMD);
		top = top * 2 > 5000 ? 5000 : top * 2;
		if (i % 2)
			wake(5000, 5000);
		else
			wake(1, 5000);
	}
}
END_TEST

START_TEST(test_wanted_is_counted)
{
	cluster_up();
	want("s@h", true);
	want("s@h", true);
	want("s@h", false);
	EXPECT("dial any s@h");
	want("s@h", false);
	EXPECT("cancel s@h");
	want("s@h", false);
	want("s@h", true);
	dial_ok("s@h");
	EXPECT("dial any s@h");
	want("s@h", false);
	EXPECT("");
	ck_assert_int_eq(gc_cluster_want_link(cl, "gc_a@h", NULL, 0, true, now), GC_EINVAL);
	ck_assert_int_eq(gc_cluster_want_link(cl, "s", NULL, 0, true, now), GC_EINVAL);
}
END_TEST

START_TEST(test_wanted_peer_keeps_its_link)
{
	conf.links_probe = true;
	conf.removed = GC_REMOVED_DISCONNECT;
	cluster_up();
	want("b@h", true);
	EXPECT("dial any b@h");
	dial_ok("b@h");
	answer("dns", "b@h");
	EXPECT("join b@h");
	join_ok("b@h");
	EXPECT("up b@h");
	answer("dns", "a@h");
	join_ok("b@h");
	EXPECT("leave b@h; down b@h removed");
	answer("dns", "b@h");
	join_ok("b@h");
	EXPECT("join b@h; up b@h");
	want("b@h", false);
	EXPECT("close b@h");
}
END_TEST

START_TEST(test_want_shortens_a_pause)
{
	cluster_up();
	answer("dns", "b@h");
	EXPECT("dial b@h");
	dial_fails("b@h", GC_EHIDDEN);
	ck_assert_int_eq(next_in(), 30000);
	want("b@h", true);
	wake(5000, 5000);
	EXPECT("dial any b@h");
	gc_cluster_link(cl, "b@h", true, true, NULL, now);
	gc_cluster_dialled(cl, "b@h", NULL, NULL, 0, now);
	EXPECT(""); /* linked, but a hidden node is not joined */
}
END_TEST

/* ---- ready ---- */
START_TEST(test_ready_formed)
{
	conf.has_ready = true;
	conf.ready_members = 2;
	conf.ready_stable_ms = 5000;
	conf.ready_timeout_ms = GC_FOREVER;
	cluster_up();
	make_member("b@h");
	ck_assert_int_eq(next_in(), -1);
	make_member("c@h");
	pass(4999);
	make_member("d@h");
	ck_assert(!gc_cluster_is_ready(cl));
	wake(5000, 5000);
	EXPECT("ready 3 formed");
	ck_assert(gc_cluster_is_ready(cl));
	make_member("e@h");
	pass(100000);
	EXPECT("");
}
END_TEST

START_TEST(test_ready_timeout)
{
	conf.has_ready = true;
	conf.ready_members = 2;
	conf.ready_stable_ms = 5000;
	conf.ready_timeout_ms = 20000;
	cluster_up();
	make_member("b@h");
	wake(20000, 20000);
	EXPECT("ready 1 timeout");
	make_member("c@h");
	pass(100000);
	EXPECT("");
}
END_TEST

START_TEST(test_ready_alone)
{
	conf.has_ready = true;
	conf.ready_stable_ms = 5000;
	conf.ready_timeout_ms = GC_FOREVER;
	cluster_up();
	wake(5000, 5000);
	EXPECT("ready 0 formed");
}
END_TEST

START_TEST(test_ready_waits_for_the_owner)
{
	conf.has_ready = true;
	conf.ready_stable_ms = 5000;
	conf.ready_timeout_ms = GC_FOREVER;
	cluster_up();
	gc_cluster_dist(cl, false, now);
	pass(100000);
	EXPECT("");
	gc_cluster_dist(cl, true, now);
	wake(5000, 5000);
	EXPECT("ready 0 formed");
}
END_TEST

START_TEST(test_ready_by_reload)
{
	cluster_up();
	make_member("b@h");
	pass(100000);
	conf.has_ready = true;
	conf.ready_members = 2;
	conf.ready_stable_ms = 5000;
	conf.ready_timeout_ms = 20000;
	gc_cluster_configure(cl, &conf, now);
	wake(20000, 20000);
	EXPECT("ready 1 timeout");
}
END_TEST

START_TEST(test_stable_set_is_not_asked_to_wait_again)
{
	cluster_up();
	make_member("b@h");
	pass(100000);
	conf.has_ready = true;
	conf.ready_members = 1;
	conf.ready_stable_ms = 5000;
	gc_cluster_configure(cl, &conf, now);
	EXPECT("ready 1 formed");
}
END_TEST

/* ---- reload ---- */
START_TEST(test_reload_of_links)
{
	cluster_up();
	make_member("b@h");
	conf.links_probe = true;
	gc_cluster_configure(cl, &conf, now);
	EXPECT("close b@h");
	link_down("b@h");
	EXPECT("");
	conf.links_probe = false;
	gc_cluster_configure(cl, &conf, now);
	EXPECT("dial b@h");
}
END_TEST

START_TEST(test_reload_of_removed)
{
	cluster_up();
	make_member("b@h");
	answer("made", "a@h");
	EXPECT("");
	conf.removed = GC_REMOVED_DISCONNECT;
	gc_cluster_configure(cl, &conf, now);
	EXPECT("leave b@h");
}
END_TEST

START_TEST(test_reload_of_pauses)
{
	cluster_up();
	answer("dns", "b@h");
	happened();
	dial_fails("b@h", GC_EHIDDEN);
	conf.reconnect_max_ms = 1000;
	gc_cluster_configure(cl, &conf, now);
	wake(1000, 1000);
	EXPECT("dial b@h");
}
END_TEST

START_TEST(test_odd_pauses)
{
	static const uint64_t pairs[][2] = {
	    {0, 0}, {5, 1}, {1, GC_FOREVER}, {GC_FOREVER, GC_FOREVER}};

	for (size_t i = 0; i < 4; i++) {
		conf.reconnect_min_ms = pairs[i][0];
		conf.reconnect_max_ms = pairs[i][1];
		cluster_up();
		want("s@h", true);
		answer("dns", "b@h");
		for (int k = 0; k < 100; k++) {
			dial_fails("b@h", GC_EREFUSED);
			dial_fails("s@h", GC_EREFUSED);
			happened();
			ck_assert_int_ge(next_in(), 1);
			pass((uint64_t)next_in());
		}
		happened();
		cluster_down();
	}
	cluster_up();
}
END_TEST

/* ---- views ---- */
static void collect(void *arg, const struct gc_peer_view *v)
{
	char *text = arg;

	sprintf(text + strlen(text), "%s:%s:%zu ", v->node, gc_peer_state_name(v->state),
		v->n_instances);
}

START_TEST(test_each_is_sorted)
{
	char text[256] = "";

	cluster_up();
	want("w@h", true);
	link_up("l@h");
	member_up("m@h");
	answer("dns", "e@h b@h d@h");
	answer("two", "c@h b@h");
	dial_ok("d@h");
	dial_fails("c@h", GC_EREFUSED);
	gc_cluster_each(cl, collect, text);
	ck_assert_str_eq(text, "b@h:dialling:2 c@h:waiting:1 d@h:joining:1 e@h:dialling:1 ");
	struct gc_peer_view v;
	ck_assert(!gc_cluster_get(cl, "w@h", &v));
	ck_assert(!gc_cluster_get(cl, "nobody@h", &v));
}
END_TEST

START_TEST(test_view_of_a_member)
{
	cluster_up();
	pass(50);
	make_member("b@h");
	struct gc_peer_view v = view("b@h");
	ck_assert_uint_eq(v.member_since_ms, now);
	ck_assert_uint_eq(v.seq, 1);
	ck_assert_uint_eq(v.next_attempt_ms, GC_FOREVER);
	ck_assert(v.linked && v.member && !v.hidden);
	ck_assert_int_eq(v.last_fail.err, 0);
	ck_assert_str_eq(gc_peer_state_name((enum gc_peer_state)99), "unknown");
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
	tcase_add_test(t, test_owner_down_and_back);
	tcase_add_test(t, test_members_told_before_the_owner_is_back);
	tcase_add_test(t, test_probe_rests_without_owner);
	tcase_add_test(t, test_join_under_way_when_owner_goes);
	tcase_add_test(t, test_removed_member_outlives_the_owners_absence);
	tcase_add_test(t, test_removed_in_the_owners_absence);
	tcase_add_test(t, test_snapshot);
	tcase_add_test(t, test_reasons);
	tcase_add_test(t, test_wanted_link);
	tcase_add_test(t, test_wanted_pauses_end_at_five_seconds);
	tcase_add_test(t, test_wanted_is_counted);
	tcase_add_test(t, test_wanted_peer_keeps_its_link);
	tcase_add_test(t, test_want_shortens_a_pause);
	tcase_add_test(t, test_ready_formed);
	tcase_add_test(t, test_ready_timeout);
	tcase_add_test(t, test_ready_alone);
	tcase_add_test(t, test_ready_waits_for_the_owner);
	tcase_add_test(t, test_ready_by_reload);
	tcase_add_test(t, test_stable_set_is_not_asked_to_wait_again);
	tcase_add_test(t, test_reload_of_links);
	tcase_add_test(t, test_reload_of_removed);
	tcase_add_test(t, test_reload_of_pauses);
	tcase_add_test(t, test_odd_pauses);
	tcase_add_test(t, test_each_is_sorted);
	tcase_add_test(t, test_view_of_a_member);
}

int main(void)
{
	return run_tests("cluster_policy", add_tests);
}
