/* Random schedules for the cluster state machine, each step checked against the model
 * (cluster_model.h); at the end of each the world becomes quiet and healthy, and all that should be
 * members must be so within the longest pause. GC_SEED=n starts at another seed (printed),
 * GC_SCHEDULES=n runs that many, GC_TRACE=1 prints them. Without GC_SCHEDULES: 20000, or as many as
 * fit into a few seconds. */
#include "cluster_model.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SCHEDULES 20000
#define SECONDS 8

static struct model_node *any(struct model *m)
{
	return &m->node[model_random(m, NODES)];
}

static struct model_node *any_with(struct model *m, bool (*is)(const struct model_node *))
{
	uint64_t first = model_random(m, NODES);

	for (uint64_t i = 0; i < NODES; i++)
		if (is(&m->node[(first + i) % NODES]))
			return &m->node[(first + i) % NODES];
	return NULL;
}

static bool is_dialled(const struct model_node *n)
{
	return n->dial;
}

static bool is_asked(const struct model_node *n)
{
	return n->join || n->leave;
}

static bool is_closing(const struct model_node *n)
{
	return n->closing;
}

static bool is_away(const struct model_node *n)
{
	return !n->linked && !n->connected;
}

/* ---- one step each ---- */
static void do_answer(struct model *m)
{
	unsigned nodes[8];
	size_t n = chance(m, 25) ? 0 : model_random(m, 8);

	for (size_t i = 0; i < n; i++)
		nodes[i] = (unsigned)model_random(m, NODES + 2);
	model_answer(m, (unsigned)model_random(m, SOURCES), (enum gc_quality)model_random(m, 3),
		     nodes, n);
}

static void do_dialled(struct model *m)
{
	static const int errors[] = {GC_ENAME, GC_EREFUSED, GC_ETIMEDOUT, GC_EALREADY};
	struct model_node *n = any_with(m, is_dialled);

	if (!n)
		return;
	if (n->really_hidden && !n->wants && !n->linked)
		model_dialled(m, n, GC_EHIDDEN, false);
	else if (chance(m, 50))
		model_dialled(m, n, errors[model_random(m, 4)], false);
	else
		model_dialled(m, n, 0, n->really_hidden || chance(m, 70));
}

static void do_joined(struct model *m)
{
	struct model_node *n = any_with(m, is_asked);

	if (n)
		model_joined(m, n, chance(m, 60), chance(m, 50));
}

static void do_link(struct model *m)
{
	struct model_node *n = any_with(m, is_closing);

	if (!n || chance(m, 50))
		n = any(m);
	model_link(m, n, chance(m, 10) ? n->linked : !n->linked);
}

static void do_member(struct model *m)
{
	struct model_node *n = any(m);

	if (!n->really_hidden || n->linked || n->connected)
		model_member(m, n, chance(m, 10) ? n->connected : !n->connected);
}

static void do_members(struct model *m)
{
	unsigned set = 0;

	for (unsigned i = 0; i < NODES; i++) {
		bool up = chance(m, 20) ? !m->node[i].connected : m->node[i].connected;

		set |= up && !m->node[i].really_hidden ? 1u << i : 0;
	}
	model_members(m, set);
}

static void do_time(struct model *m)
{
	uint64_t next = gc_cluster_next_ms(m->c);

	if (chance(m, 20))
		m->now += model_random(m, 1000); /* the next call brings it */
	else if (chance(m, 40))
		model_tick(m, m->now + model_random(m, 100));
	else if (chance(m, 60) && next != GC_FOREVER && next < m->now + 100000)
		model_tick(m, next < m->now ? m->now : next);
	else
		model_tick(m, m->now + model_random(m, 40000));
}

static void do_rare(struct model *m)
{
	struct model_node *n;

	switch (model_random(m, 6)) {
	case 0:
		model_dist(m, chance(m, 60));
		break;
	case 1:
		model_configure(m);
		break;
	case 2:
		model_drop(m, (unsigned)model_random(m, SOURCES));
		break;
	case 3:
		model_hurry(m);
		break;
	case 4:
		model_noise(m, any(m));
		break;
	default:
		if ((n = any_with(m, is_away)))
			n->really_hidden = !n->really_hidden;
		break;
	}
}

static void do_want(struct model *m)
{
	model_want(m, any(m), chance(m, 50));
}

static void do_something(struct model *m)
{
	static void (*const steps[])(struct model *) = {
	    do_answer, do_dialled, do_dialled, do_joined, do_joined, do_link, do_link,
	    do_member, do_time,	   do_time,    do_time,	  do_rare,   do_want, do_members,
	};

	steps[model_random(m, sizeof(steps) / sizeof(steps[0]))](m);
}

/* ---- a quiet and healthy end ---- */
static bool answer_one(struct model *m)
{
	struct model_node *n = any_with(m, is_dialled);

	if (n && n->really_hidden && !n->wants && !n->linked)
		model_dialled(m, n, GC_EHIDDEN, false);
	else if (n)
		model_dialled(m, n, 0, true);
	else if ((n = any_with(m, is_asked)))
		model_joined(m, n, true, true);
	else if ((n = any_with(m, is_closing)))
		model_link(m, n, false);
	return n != NULL;
}

static void settle(struct model *m, uint64_t until_ms)
{
	int rounds = 0;

	for (;;) {
		while (answer_one(m))
			REQUIRE(m, rounds++ < BUSY_ROUNDS, NULL);
		uint64_t next = gc_cluster_next_ms(m->c);
		if (next > until_ms)
			return;
		model_tick(m, next);
	}
}

static void check_settled(struct model *m, const struct model_node *n)
{
	bool visible = !n->really_hidden && !n->hidden;

	if (n->named && visible)
		REQUIRE(m, n->member, n->name);
	if (n->wants || (n->named && visible && !m->conf.links_probe))
		REQUIRE(m, n->linked, n->name);
	if (!n->named && m->conf.removed == GC_REMOVED_DISCONNECT)
		REQUIRE(m, !n->member, n->name);
	REQUIRE(m, !n->dial && !n->join && !n->leave && !n->closing, n->name);
}

static void heal(struct model *m)
{
	unsigned set = 0;

	model_trace(m, "---- quiet and healthy from here");
	for (unsigned i = 0; i < NODES; i++)
		set |= m->node[i].connected ? 1u << i : 0;
	model_members(m, set);
	model_dist(m, true);
	settle(m, m->now + m->conf.reconnect_max_ms);
	for (int i = 0; i < NODES; i++)
		check_settled(m, &m->node[i]);
}

static void run_schedule(struct model *m, uint64_t seed)
{
	model_start(m, seed);
	uint64_t steps = 20 + model_random(m, 300);
	for (uint64_t i = 0; i < steps; i++)
		do_something(m);
	heal(m);
	model_stop(m);
}

static uint64_t from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

START_TEST(test_random_schedules)
{
	static struct model m;
	uint64_t seed = from_env("GC_SEED", (uint64_t)time(NULL) * 1000000u);
	uint64_t count = from_env("GC_SCHEDULES", 0), done = 0;
	clock_t end = clock() + (clock_t)SECONDS * CLOCKS_PER_SEC;

	m.tracing = getenv("GC_TRACE") != NULL;
	while (count ? done < count : done < SCHEDULES && clock() < end)
		run_schedule(&m, seed + done++);
	printf("%" PRIu64 " schedules from GC_SEED=%" PRIu64 ": %" PRIu64 " actions, %" PRIu64
	       " events\n",
	       done, seed, m.n_actions, m.n_events);
	ck_assert_uint_ge(m.n_events, done / 2); /* they were about something */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cluster_model");
	TCase *tcase = tcase_create("random");

	tcase_set_timeout(tcase, 0);
	tcase_add_test(tcase, test_random_schedules);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
