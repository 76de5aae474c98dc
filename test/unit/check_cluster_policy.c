/* The owner's absence, the rule of ready, reloads and views of the cluster state machine. One rule
 * a test. */
#include "cluster_trace.h"

#include <stdio.h>
#include <string.h>

static void collect(void *arg, const struct gc_peer_view *v)
{
	char *text = arg;

	sprintf(text + strlen(text), "%s:%s:%zu ", v->node, gc_peer_state_name(v->state),
		v->n_instances);
}

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

START_TEST(test_join_waits_no_longer_when_the_owner_is_back)
{
	cluster_up();
	answer("dns", "b@h");
	dial_ok("b@h");
	EXPECT("dial b@h; join b@h");
	join_fails("b@h");
	gc_cluster_dist(cl, false, now);
	EXPECT("");
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
	tcase_add_test(t, test_owner_down_and_back);
	tcase_add_test(t, test_members_told_before_the_owner_is_back);
	tcase_add_test(t, test_probe_rests_without_owner);
	tcase_add_test(t, test_join_under_way_when_owner_goes);
	tcase_add_test(t, test_join_waits_no_longer_when_the_owner_is_back);
	tcase_add_test(t, test_removed_member_outlives_the_owners_absence);
	tcase_add_test(t, test_removed_in_the_owners_absence);
	tcase_add_test(t, test_snapshot);
	tcase_add_test(t, test_reasons);
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
