/* Links in the cluster state machine: accepted ones, watching and probing, hidden nodes, addresses,
 * wanted links. One rule a test. */
#include "cluster_trace.h"

static void up_with(const char *peers)
{
	cluster_up();
	answer("dns", peers);
}

START_TEST(test_accepted_link_makes_a_dial_moot)
{
	up_with("b@h");
	EXPECT("dial b@h");
	link_up("b@h");
	EXPECT("join b@h");
	dial_fails("b@h", GC_EALREADY);
	EXPECT("");
	ck_assert_int_eq(view("b@h").last_fail.err, 0);
	ck_assert_uint_eq(view("b@h").attempts, 0);
}
END_TEST

START_TEST(test_accepted_link_ends_a_pause)
{
	up_with("b@h");
	EXPECT("dial b@h");
	dial_fails("b@h", GC_EREFUSED);
	link_up("b@h");
	EXPECT("join b@h");
	ck_assert_int_eq(next_in(), -1);
}
END_TEST

START_TEST(test_moot_dial_does_not_hide_flapping)
{
	up_with("b@h");
	EXPECT("dial b@h");
	link_up("b@h");
	join_ok("b@h");
	member_down("b@h", "disconnect");
	EXPECT("join b@h; up b@h; down b@h disconnect; join b@h");
	join_ok("b@h");
	member_down("b@h", "disconnect");
	EXPECT("up b@h; down b@h disconnect");
	wake(200, 400);
	EXPECT("join b@h");
}
END_TEST

START_TEST(test_member_already_is_watched)
{
	cluster_up();
	member_up("b@h");
	EXPECT("");
	ck_assert_uint_eq(gc_cluster_count_peers(cl), 0);
	answer("dns", "b@h");
	EXPECT("up b@h; dial b@h");
	dial_ok("b@h");
	EXPECT("");
	/* the watch alone is lost: no event, but a new dial */
	link_down("b@h");
	EXPECT("dial b@h");
}
END_TEST

/* A member that cannot be watched is not dialled in a tight loop, yet its loss is answered at once.
 */
START_TEST(test_unwatchable_member)
{
	uint64_t top = 200;

	cluster_up();
	member_up("b@h");
	answer("dns", "b@h");
	EXPECT("up b@h; dial b@h");
	for (int i = 0; i < 10; i++) {
		dial_fails("b@h", GC_ETIMEDOUT);
		top = top * 2 > 30000 ? 30000 : top * 2;
		wake(top / 2, top);
		EXPECT("dial b@h");
	}
	dial_fails("b@h", GC_ETIMEDOUT);
	member_down("b@h", "net_tick_timeout");
	EXPECT("down b@h net_tick_timeout; dial b@h");
}
END_TEST

START_TEST(test_unwatchable_member_lost_while_dialled)
{
	cluster_up();
	member_up("b@h");
	answer("dns", "b@h");
	EXPECT("up b@h; dial b@h");
	for (int i = 0; i < 5; i++) {
		dial_fails("b@h", GC_ETIMEDOUT);
		wake(1, 30000);
		EXPECT("dial b@h");
	}
	pass(10000);
	member_down("b@h", "net_tick_timeout");
	EXPECT("down b@h net_tick_timeout");
	dial_fails("b@h", GC_ETIMEDOUT);
	wake(200, 400);
	EXPECT("dial b@h");
}
END_TEST

START_TEST(test_member_already_is_not_probed)
{
	conf.links_probe = true;
	cluster_up();
	member_up("b@h");
	answer("dns", "b@h");
	EXPECT("up b@h");
	member_down("b@h", "disconnect");
	EXPECT("down b@h disconnect; dial b@h");
}
END_TEST

START_TEST(test_probe_closes_its_link)
{
	conf.links_probe = true;
	cluster_up();
	make_member("b@h");
	ck_assert(!view("b@h").linked);
	ck_assert_int_eq(next_in(), -1);
	member_down("b@h", "connection_closed");
	EXPECT("down b@h connection_closed; dial b@h");
}
END_TEST

START_TEST(test_probe_leaves_the_peers_own_link)
{
	conf.links_probe = true;
	cluster_up();
	make_member("b@h");
	link_up("b@h");
	EXPECT("");
	link_down("b@h");
	EXPECT("");
	ck_assert(view("b@h").member);
}
END_TEST

START_TEST(test_probe_cancels_a_dial_when_joined_meanwhile)
{
	conf.links_probe = true;
	up_with("b@h");
	EXPECT("dial b@h");
	member_up("b@h");
	EXPECT("up b@h; cancel b@h");
}
END_TEST

START_TEST(test_probe_member_shows_no_old_failures)
{
	conf.links_probe = true;
	cluster_up();
	answer("dns", "b@h");
	happened();
	dial_fails("b@h", GC_EREFUSED);
	member_up("b@h");
	ck_assert_uint_eq(view("b@h").attempts, 1);
	pass(10000);
	ck_assert_uint_eq(view("b@h").attempts, 0);
}
END_TEST

START_TEST(test_loss_of_what_was_not_wanted_costs_nothing)
{
	conf.links_probe = true;
	cluster_up();
	make_member("b@h");
	link_up("b@h");
	link_down("b@h");
	EXPECT("");
	ck_assert_int_eq(view("b@h").last_fail.err, 0);
	member_down("b@h", "connection_closed");
	EXPECT("down b@h connection_closed; dial b@h");
}
END_TEST

START_TEST(test_link_closed_by_us_and_wanted_again)
{
	conf.links_probe = true;
	cluster_up();
	answer("dns", "b@h");
	dial_ok("b@h");
	join_ok("b@h");
	EXPECT("dial b@h; join b@h; up b@h; close b@h");
	want("b@h", true);
	link_down("b@h");
	EXPECT("dial any b@h");
	ck_assert_int_eq(view("b@h").last_fail.err, 0);
	ck_assert_uint_eq(view("b@h").attempts, 0);
	dial_ok("b@h");
	link_down("b@h"); /* the first loss that counts */
	EXPECT("dial any b@h");
}
END_TEST

START_TEST(test_hidden_by_dial)
{
	up_with("b@h");
	EXPECT("dial b@h");
	dial_fails("b@h", GC_EHIDDEN);
	ck_assert(view("b@h").hidden);
	wake(30000, 30000);
	EXPECT("dial b@h");
	dial_ok("b@h");
	EXPECT("join b@h");
	ck_assert(!view("b@h").hidden);
}
END_TEST

START_TEST(test_hidden_by_link)
{
	up_with("b@h");
	EXPECT("dial b@h");
	gc_cluster_link(cl, "b@h", true, true, NULL, now);
	dial_fails("b@h", GC_EHIDDEN);
	EXPECT("");
	member_up("b@h"); /* a backend to which each link is a member */
	EXPECT("");
	member_down("b@h", "connection_closed");
	link_down("b@h");
	EXPECT("");
	wake(30000, 30000);
	EXPECT("dial b@h");
}
END_TEST

START_TEST(test_hidden_becomes_visible)
{
	up_with("b@h");
	EXPECT("dial b@h");
	dial_fails("b@h", GC_EHIDDEN);
	member_up("b@h");
	EXPECT("up b@h");
	ck_assert(!view("b@h").hidden);
}
END_TEST

START_TEST(test_new_address_at_next_dial)
{
	up_with("b@h=10.0.0.1");
	EXPECT("dial b@h 10.0.0.1");
	dial_fails("b@h", GC_EREFUSED);
	answer("dns", "b@h=10.0.0.2/4000");
	EXPECT("");
	wake(200, 400);
	EXPECT("dial b@h 10.0.0.2/4000");
	answer("dns", "b@h");
	dial_fails("b@h", GC_EREFUSED);
	wake(400, 800);
	EXPECT("dial b@h");
}
END_TEST

START_TEST(test_instances_that_differ_take_turns)
{
	cluster_up();
	answer("one", "b@h=10.0.0.1");
	answer("two", "b@h=10.0.0.2/4000");
	EXPECT("dial b@h 10.0.0.1");
	dial_fails("b@h", GC_ETIMEDOUT);
	wake(200, 400);
	EXPECT("dial b@h 10.0.0.2/4000");
	dial_fails("b@h", GC_ETIMEDOUT);
	wake(400, 800);
	EXPECT("dial b@h 10.0.0.1");
}
END_TEST

START_TEST(test_known_place_stays_until_told_otherwise)
{
	up_with("b@h=10.0.0.1/4000");
	EXPECT("dial b@h 10.0.0.1/4000");
	ck_assert_str_eq(view("b@h").address, "10.0.0.1");
	dial_ok("b@h");
	answer("dns", "b@h=10.0.0.1/4000");
	ck_assert_str_eq(view("b@h").address, "10.0.0.99");
	ck_assert_uint_eq(view("b@h").port, 9999);
	link_down("b@h");
	happened();
	wake(200, 400);
	EXPECT("dial b@h 10.0.0.1/4000");
	dial_fails("b@h", GC_EREFUSED); /* without an address */
	ck_assert_str_eq(view("b@h").address, "10.0.0.99");
	ck_assert_uint_eq(view("b@h").port, 9999);
	answer("dns", "b@h=10.0.0.1/4001");
	ck_assert_str_eq(view("b@h").address, "10.0.0.1");
	ck_assert_uint_eq(view("b@h").port, 4001);
	answer("dns", "b@h=10.0.0.2/4001");
	ck_assert_str_eq(view("b@h").address, "10.0.0.2");
}
END_TEST

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

START_TEST(test_wanted_by_port_alone)
{
	cluster_up();
	ck_assert_int_eq(gc_cluster_want_link(cl, "s@h", NULL, 4000, true, now), 0);
	EXPECT("dial any s@h /4000");
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

static void add_tests(TCase *t)
{
	tcase_add_test(t, test_accepted_link_makes_a_dial_moot);
	tcase_add_test(t, test_accepted_link_ends_a_pause);
	tcase_add_test(t, test_moot_dial_does_not_hide_flapping);
	tcase_add_test(t, test_member_already_is_watched);
	tcase_add_test(t, test_unwatchable_member);
	tcase_add_test(t, test_unwatchable_member_lost_while_dialled);
	tcase_add_test(t, test_member_already_is_not_probed);
	tcase_add_test(t, test_probe_closes_its_link);
	tcase_add_test(t, test_probe_leaves_the_peers_own_link);
	tcase_add_test(t, test_probe_cancels_a_dial_when_joined_meanwhile);
	tcase_add_test(t, test_probe_member_shows_no_old_failures);
	tcase_add_test(t, test_loss_of_what_was_not_wanted_costs_nothing);
	tcase_add_test(t, test_link_closed_by_us_and_wanted_again);
	tcase_add_test(t, test_hidden_by_dial);
	tcase_add_test(t, test_hidden_by_link);
	tcase_add_test(t, test_hidden_becomes_visible);
	tcase_add_test(t, test_new_address_at_next_dial);
	tcase_add_test(t, test_instances_that_differ_take_turns);
	tcase_add_test(t, test_known_place_stays_until_told_otherwise);
	tcase_add_test(t, test_wanted_link);
	tcase_add_test(t, test_wanted_by_port_alone);
	tcase_add_test(t, test_wanted_pauses_end_at_five_seconds);
	tcase_add_test(t, test_wanted_is_counted);
	tcase_add_test(t, test_wanted_peer_keeps_its_link);
	tcase_add_test(t, test_want_shortens_a_pause);
}

int main(void)
{
	return run_tests("cluster_links", add_tests);
}
