/* The cluster state machine under a caller that answers while it still reads the queue, as the
 * daemon does with what fails at once: the rest of the queue is then old news when it is read.
 * Whatever the world does with it, events keep their order, no dial begins before the last one of
 * the node has ended, and at the end all are members. GC_SEED=n for another start. */
#include "cluster.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NODES 6
#define SCHEDULES 5000
#define STEPS 200
#define HOT 10000

struct node {
	char name[16];
	bool is_linked, is_connected, is_dialling, is_member;
};

struct world {
	struct gc_cluster *c;
	struct node nodes[NODES];
	uint64_t now, seq, seed, random;
	bool is_healthy, is_owner_up;
};

#define REQUIRE(w, x) ck_assert_msg((x), #x ", GC_SEED=%" PRIu64, (w)->seed)

static uint64_t below(struct world *w, uint64_t n)
{
	w->random = w->random * 6364136223846793005u + 1442695040888963407u;
	return (w->random >> 33) % n;
}

static void set_link(struct world *w, struct node *n, bool up)
{
	struct gc_fail why = {0};

	if (n->is_linked == up)
		return;
	n->is_linked = up;
	gc_fail_set(&why, GC_EOF, GC_STAGE_LINK, "test");
	gc_cluster_link(w->c, n->name, up, false, up ? NULL : &why, w->now);
}

static void set_connected(struct world *w, struct node *n, bool up)
{
	if (n->is_connected == up || !w->is_owner_up)
		return;
	n->is_connected = up;
	gc_cluster_member(w->c, n->name, up, "connection_closed", w->now);
}

static void set_owner(struct world *w, bool up)
{
	w->is_owner_up = up;
	for (int i = 0; i < NODES; i++)
		w->nodes[i].is_connected &= up;
	gc_cluster_dist(w->c, up, w->now);
}

/* ---- actions, carried out at once or later ---- */
static void end_dial(struct world *w, struct node *n, bool ok)
{
	struct gc_fail fail = {0};

	if (!n->is_dialling)
		return;
	n->is_dialling = false;
	if (ok)
		set_link(w, n, true);
	else if (!n->is_linked)
		gc_fail_set(&fail, GC_EREFUSED, GC_STAGE_CONNECT, "test");
	gc_cluster_dialled(w->c, n->name, &fail, "10.0.0.1", 4000, w->now);
}

static void join_or_leave(struct world *w, struct node *n, bool join)
{
	struct gc_fail fail = {0};

	if (!w->is_owner_up)
		return; /* whoever asked has been told that it is away */
	if (w->is_healthy || below(w, 2))
		set_connected(w, n, join);
	else
		gc_fail_set(&fail, GC_EJOIN, GC_STAGE_JOIN, "test");
	gc_cluster_joined(w->c, n->name, &fail, w->now);
}

static void tell(struct world *w, struct node *n, const struct gc_action *a)
{
	bool up = a->type == GC_DO_NODEUP;

	REQUIRE(w, a->seq == ++w->seq);
	REQUIRE(w, n->is_member != up);
	n->is_member = up;
}

static void carry_out(struct world *w, const struct gc_action *a)
{
	struct node *n = &w->nodes[atoi(a->node + 1)];

	switch (a->type) {
	case GC_DO_DIAL:
		REQUIRE(w, !n->is_dialling);
		n->is_dialling = true;
		if (n->is_linked || w->is_healthy || below(w, 3) == 0)
			end_dial(w, n, n->is_linked || w->is_healthy || below(w, 2));
		break;
	case GC_DO_CANCEL_DIAL:
		n->is_dialling = false;
		break;
	case GC_DO_JOIN:
	case GC_DO_LEAVE:
		join_or_leave(w, n, a->type == GC_DO_JOIN);
		break;
	case GC_DO_CLOSE_LINK:
		set_link(w, n, false);
		break;
	case GC_DO_NODEUP:
	case GC_DO_NODEDOWN:
		tell(w, n, a);
		break;
	case GC_DO_READY:
		break;
	}
}

static void drain(struct world *w)
{
	struct gc_action a;

	for (int rounds = 0; gc_cluster_next(w->c, &a); rounds++) {
		REQUIRE(w, rounds < HOT);
		carry_out(w, &a);
	}
}

/* ---- schedules ---- */
static void answer(struct world *w, unsigned set)
{
	struct gc_peer peers[NODES];
	size_t n = 0;

	for (unsigned i = 0; i < NODES; i++)
		if (set & 1u << i)
			peers[n++] = (struct gc_peer){.node = w->nodes[i].name};
	gc_cluster_answer(w->c, "dns", GC_COMPLETE, NULL, peers, n, w->now);
}

static void step(struct world *w)
{
	struct node *n = &w->nodes[below(w, NODES)];

	switch (below(w, 6)) {
	case 0:
		answer(w, (unsigned)below(w, 1u << NODES));
		break;
	case 1:
		end_dial(w, n, below(w, 2));
		break;
	case 2:
		set_link(w, n, below(w, 2));
		break;
	case 3:
		set_connected(w, n, below(w, 2));
		break;
	case 4:
		w->now += below(w, 2) ? below(w, 100) : below(w, 20000);
		gc_cluster_tick(w->c, w->now);
		break;
	default:
		if (below(w, 4) == 0)
			set_owner(w, below(w, 2));
		break;
	}
	drain(w);
}

static void heal(struct world *w)
{
	uint64_t end;

	w->is_healthy = true;
	set_owner(w, true);
	answer(w, (1u << NODES) - 1);
	drain(w);
	for (int i = 0; i < NODES; i++)
		end_dial(w, &w->nodes[i], true);
	drain(w);
	for (end = w->now + 30000; gc_cluster_next_ms(w->c) <= end; drain(w)) {
		w->now = gc_cluster_next_ms(w->c);
		gc_cluster_tick(w->c, w->now);
	}
	for (int i = 0; i < NODES; i++)
		REQUIRE(w, w->nodes[i].is_member);
}

static void run(uint64_t seed)
{
	struct world w = {.now = 1000, .seed = seed, .random = seed, .is_owner_up = true};
	struct gc_cluster_config conf = {.self = "self@h",
					 .removed = (enum gc_removed)below(&w, 3),
					 .disconnect_after_ms = 5000,
					 .max_peers = 100,
					 .links_probe = below(&w, 2),
					 .reconnect_min_ms = 200,
					 .reconnect_max_ms = 30000,
					 .seed = seed};

	for (int i = 0; i < NODES; i++)
		snprintf(w.nodes[i].name, sizeof(w.nodes[i].name), "n%d@h", i);
	w.c = gc_cluster_create(&conf, w.now);
	ck_assert_ptr_nonnull(w.c);
	for (int i = 0; i < STEPS; i++)
		step(&w);
	heal(&w);
	gc_cluster_destroy(w.c);
}

START_TEST(test_answers_from_within)
{
	const char *text = getenv("GC_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : (uint64_t)time(NULL) * 1000000u;

	printf("GC_SEED=%" PRIu64 "\n", seed);
	for (uint64_t i = 0; i < SCHEDULES; i++)
		run(seed + i);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cluster_nested");
	TCase *tcase = tcase_create("nested");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, test_answers_from_within);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
