/* The cluster state machine when memory runs out: each allocation of a scenario fails once, and
 * then many at random. Nothing may be leaked, events stay in order without gap, and once there is
 * memory again the next answers make members of all. */
#include "cluster.h"
#include "counted_alloc.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEERS 400 /* enough for the hash table and the arrays to grow */
#define WANTED 3
#define HOT 100000
/* ck_assert takes memory itself */
#define REQUIRE(x)                                                                                 \
	do {                                                                                       \
		if (!(x))                                                                          \
			stop(__LINE__, #x);                                                        \
	} while (0)

struct world {
	struct gc_cluster *c;
	uint64_t now, seq;
	bool is_member[PEERS + WANTED], is_linked[PEERS + WANTED], is_healthy;
};

static char names[PEERS + WANTED][16], addresses[2][PEERS][24];
static size_t actions;

static void stop(int line, const char *what)
{
	fail_call(0);
	fail_one_in(0, 0);
	ck_abort_msg("line %d: %s", line, what);
}

static void make_names(void)
{
	for (int i = 0; i < PEERS + WANTED; i++)
		snprintf(names[i], sizeof(names[i]), "n%d@h", i);
	for (int i = 0; i < PEERS; i++) {
		snprintf(addresses[0][i], sizeof(addresses[0][i]), "10.0.%d", i);
		snprintf(addresses[1][i], sizeof(addresses[1][i]), "10.1.%d", i);
	}
}

static int index_of(const char *name)
{
	return atoi(name + 1);
}

/* ---- the world does what it is told, well or ill ---- */
static void dial(struct world *w, int i)
{
	struct gc_fail fail = {0};

	if (!w->is_healthy && i % 3 == 0)
		gc_fail_set(&fail, GC_EREFUSED, GC_STAGE_CONNECT, "nobody at %d", i);
	else if (!w->is_linked[i]) {
		gc_cluster_link(w->c, names[i], true, false, NULL, w->now);
		w->is_linked[i] = true;
	}
	gc_cluster_dialled(w->c, names[i], &fail, i % 2 ? "10.9.9.9" : "", 4000, w->now);
}

static void join(struct world *w, int i)
{
	struct gc_fail fail = {0};

	if (!w->is_healthy && i % 5 == 0)
		gc_fail_set(&fail, GC_EJOIN, GC_STAGE_JOIN, "not %d", i);
	gc_cluster_joined(w->c, names[i], &fail, w->now);
}

static void tell(struct world *w, int i, const struct gc_action *a)
{
	bool up = a->type == GC_DO_NODEUP;

	REQUIRE(a->seq == ++w->seq);
	REQUIRE(w->is_member[i] != up);
	w->is_member[i] = up;
}

static void carry_out(struct world *w, const struct gc_action *a)
{
	int i = index_of(a->node);

	switch (a->type) {
	case GC_DO_DIAL:
		dial(w, i);
		break;
	case GC_DO_JOIN:
		join(w, i);
		break;
	case GC_DO_LEAVE:
		gc_cluster_joined(w->c, names[i], NULL, w->now);
		break;
	case GC_DO_CLOSE_LINK:
		w->is_linked[i] = false;
		gc_cluster_link(w->c, names[i], false, false, NULL, w->now);
		break;
	case GC_DO_NODEUP:
	case GC_DO_NODEDOWN:
		tell(w, i, a);
		break;
	case GC_DO_CANCEL_DIAL:
	case GC_DO_READY:
		break;
	}
}

static void pump(struct world *w)
{
	struct gc_action a;
	int rounds = 0;

	while (gc_cluster_next(w->c, &a)) {
		REQUIRE(rounds++ < HOT);
		actions++;
		carry_out(w, &a);
	}
}

static void pass(struct world *w, uint64_t ms)
{
	uint64_t end = w->now + ms;
	int rounds = 0;

	while (gc_cluster_next_ms(w->c) <= end) {
		REQUIRE(rounds++ < HOT);
		w->now = gc_cluster_next_ms(w->c);
		gc_cluster_tick(w->c, w->now);
		pump(w);
	}
	w->now = end;
}

/* ---- the scenario ---- */
static void answer(struct world *w, const char *instance, int from, int to, int place)
{
	static struct gc_peer peers[PEERS];
	size_t n = 0;

	for (int i = from; i < to; i++)
		peers[n++] = (struct gc_peer){.node = names[i], .address = addresses[place][i]};
	gc_cluster_answer(w->c, instance, GC_COMPLETE, NULL, peers, n, w->now);
	pump(w);
}

static void want_all(struct world *w, bool want)
{
	for (int i = PEERS; i < PEERS + WANTED; i++) {
		/* one more chance: asked again by the next event in real life */
		if (gc_cluster_want_link(w->c, names[i], "127.0.0.1", 4000, want, w->now) != 0)
			(void)gc_cluster_want_link(w->c, names[i], "127.0.0.1", 4000, want, w->now);
		pump(w);
	}
}

static void lose_some(struct world *w)
{
	for (int i = 0; i < PEERS; i += 7) {
		struct gc_fail why = {0};

		gc_fail_set(&why, GC_ETICK, GC_STAGE_LINK, "silent for %d s", i);
		w->is_linked[i] = false;
		gc_cluster_link(w->c, names[i], false, false, &why, w->now);
		gc_cluster_member(w->c, names[i], false, i % 2 ? "some_reason" : "other_reason",
				  w->now);
		pump(w);
	}
}

static void accept_strangers(struct world *w)
{
	for (int i = 300; i < PEERS; i++) {
		w->is_linked[i] = true;
		gc_cluster_link(w->c, names[i], true, false, NULL, w->now);
		gc_cluster_member(w->c, names[i], i % 2, NULL, w->now);
		pump(w);
	}
}

static void scenario(struct world *w)
{
	answer(w, "one", 0, 200, 0);
	want_all(w, true);
	pass(w, 3000);
	accept_strangers(w);
	answer(w, "two", 100, PEERS, 0);
	answer(w, "one", 50, 250, 1);
	lose_some(w);
	pass(w, 20000);
	gc_cluster_dist(w->c, false, w->now);
	pump(w);
	gc_cluster_dist(w->c, true, w->now);
	pump(w);
	gc_cluster_drop_instance(w->c, "two", w->now);
	pump(w);
}

static void heal(struct world *w)
{
	w->is_healthy = true;
	answer(w, "one", 0, PEERS, 0);
	pass(w, 30000);
	for (int i = 0; i < PEERS; i++)
		ck_assert_msg(w->is_member[i], "%s is no member", names[i]);
	ck_assert_uint_eq(gc_cluster_count_members(w->c), PEERS);
}

static bool world_up(struct world *w, enum gc_removed removed)
{
	struct gc_cluster_config conf = {.self = "self@h",
					 .owner = "owner@h",
					 .removed = removed,
					 .max_peers = 5000,
					 .reconnect_min_ms = 200,
					 .reconnect_max_ms = 30000,
					 .seed = 3};

	memset(w, 0, sizeof(*w));
	w->now = 1000;
	w->c = gc_cluster_create(&conf, w->now);
	return w->c != NULL;
}

START_TEST(test_each_allocation_fails_once)
{
	static struct world w;
	uint64_t k, failed = 0;
	size_t before = counted_bytes();

	make_names();
	for (k = 1, failed = 0; failed == k - 1; k++) {
		uint64_t already = failed_calls();

		fail_call(k);
		if (world_up(&w, k % 2 ? GC_REMOVED_KEEP : GC_REMOVED_DISCONNECT)) {
			scenario(&w);
			fail_call(0);
			heal(&w);
		}
		gc_cluster_destroy(w.c);
		failed += failed_calls() - already;
		ck_assert_uint_eq(counted_bytes(), before);
	}
	fail_call(0);
	printf("%d allocations failed, %zu actions\n", (int)failed, actions);
	ck_assert_uint_gt(failed, 1000);
}
END_TEST

START_TEST(test_many_allocations_fail)
{
	static struct world w;
	size_t before = counted_bytes();

	make_names();
	for (uint32_t i = 0; i < 400; i++) {
		fail_one_in(i % 40 + 2, i);
		if (world_up(&w, (enum gc_removed)(i % 2))) {
			scenario(&w);
			fail_one_in(0, 0);
			heal(&w);
		}
		fail_one_in(0, 0);
		gc_cluster_destroy(w.c);
		ck_assert_uint_eq(counted_bytes(), before);
	}
}
END_TEST

/* What the daemon logs: an answer that could not be stored says so. */
START_TEST(test_refused_for_want_of_memory)
{
	static struct world w;
	struct gc_peer peer = {.node = "n0@h", .address = "10.0.0.1"};
	uint64_t failed = 0, before;
	size_t refused;

	do {
		before = failed_calls();
		ck_assert(world_up(&w, GC_REMOVED_KEEP));
		fail_call(++failed);
		refused = gc_cluster_answer(w.c, "one", GC_COMPLETE, NULL, &peer, 1, w.now);
		fail_call(0);
		ck_assert_uint_eq(refused, failed_calls() - before);
		ck_assert_uint_eq(gc_cluster_count_peers(w.c), 1 - refused);
		gc_cluster_destroy(w.c);
	} while (refused);
	ck_assert_uint_gt(failed, 5);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cluster_oom");
	TCase *tcase = tcase_create("oom");

	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, test_each_allocation_fails_once);
	tcase_add_test(tcase, test_many_allocations_fail);
	tcase_add_test(tcase, test_refused_for_want_of_memory);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
