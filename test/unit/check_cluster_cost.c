/* What the cluster state machine costs: memory per peer, and that no step grows faster than n log
 * n. Time is compared between a small and a large cluster in the same run, never with a clock of
 * another machine. */
#include "cluster.h"
#include "counted_alloc.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SMALL 1000
#define LARGE 8000
#define NAMED 5000 /* max_peers by default: what the memory is measured with */
#define TIMES 5	   /* the fastest counts */
/* Linear is 8, n log n 10.4, quadratic 64. Caches make large ones a little slower. */
#define RATIO_MAX 32.0
#define BYTES_MAX 600

struct world {
	struct gc_cluster *c;
	struct gc_peer *peers;
	const char **names;
	size_t n, actions;
	uint64_t now;
};

struct phase {
	const char *name;
	void (*run)(struct world *w);
};

static void drain(struct world *w)
{
	struct gc_action a;

	while (gc_cluster_next(w->c, &a))
		w->actions++;
}

static void world_up(struct world *w, size_t n)
{
	struct gc_cluster_config conf = {.self = "gc_a@h",
					 .owner = "a@h",
					 .max_peers = n,
					 .reconnect_min_ms = 200,
					 .reconnect_max_ms = 30000,
					 .seed = 7};
	char text[96];

	*w = (struct world){.n = n, .now = 1000};
	w->peers = calloc(n, sizeof(*w->peers));
	w->names = calloc(n, sizeof(*w->names));
	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "app-%zu@10-42-%zu-%zu.ns.pod.cluster.local", i,
			 i / 250, i % 250);
		w->peers[i].node = w->names[i] = strdup(text);
		snprintf(text, sizeof(text), "10.42.%zu.%zu", i / 250, i % 250);
		w->peers[i].address = strdup(text);
		w->peers[i].port = 4000;
	}
	w->c = gc_cluster_create(&conf, w->now);
	ck_assert_ptr_nonnull(w->c);
}

static void world_down(struct world *w)
{
	gc_cluster_destroy(w->c);
	for (size_t i = 0; i < w->n; i++) {
		free((char *)(uintptr_t)w->peers[i].node);
		free((char *)(uintptr_t)w->peers[i].address);
	}
	free(w->peers);
	free(w->names);
}

/* ---- the phases of a life ---- */
static void found(struct world *w)
{
	ck_assert_uint_eq(gc_cluster_answer(w->c, "dns", GC_COMPLETE, NULL, w->peers, w->n, w->now),
			  0);
	drain(w);
}

static void refused(struct world *w)
{
	struct gc_fail fail = {0};

	gc_fail_set(&fail, GC_EREFUSED, GC_STAGE_CONNECT,
		    "connect to 10.42.0.1 port 4000: refused");
	for (size_t i = 0; i < w->n; i++)
		gc_cluster_dialled(w->c, w->names[i], &fail, w->peers[i].address, 4000, w->now);
	drain(w);
}

static void retried(struct world *w)
{
	while (gc_cluster_next_ms(w->c) != GC_FOREVER) {
		w->now = gc_cluster_next_ms(w->c);
		gc_cluster_tick(w->c, w->now);
		drain(w);
	}
	ck_assert_uint_eq(w->actions, 2 * w->n); /* found, and tried once more */
}

static void dialled(struct world *w)
{
	w->now += 100000;
	gc_cluster_tick(w->c, w->now);
	drain(w);
	for (size_t i = 0; i < w->n; i++) {
		gc_cluster_link(w->c, w->names[i], true, false, NULL, w->now);
		gc_cluster_dialled(w->c, w->names[i], NULL, w->peers[i].address, 4000, w->now);
		drain(w);
	}
}

static void joined(struct world *w)
{
	for (size_t i = 0; i < w->n; i++) {
		gc_cluster_joined(w->c, w->names[i], NULL, w->now);
		drain(w);
	}
	ck_assert_uint_eq(gc_cluster_count_members(w->c), w->n);
}

static void polled(struct world *w)
{
	gc_cluster_members(w->c, w->names, w->n, w->now);
	drain(w);
}

static void count_peer(void *arg, const struct gc_peer_view *v)
{
	size_t *count = arg;

	*count += v->member;
}

static void shown(struct world *w)
{
	size_t count = 0;

	gc_cluster_each(w->c, count_peer, &count);
	ck_assert_uint_eq(count, w->n);
}

static void lost(struct world *w)
{
	for (size_t i = 0; i < w->n; i++) {
		gc_cluster_link(w->c, w->names[i], false, false, NULL, w->now);
		gc_cluster_member(w->c, w->names[i], false, "connection_closed", w->now);
		drain(w);
	}
	ck_assert_uint_eq(gc_cluster_count_members(w->c), 0);
}

static void dropped(struct world *w)
{
	gc_cluster_drop_instance(w->c, "dns", w->now);
	drain(w);
	ck_assert_uint_eq(gc_cluster_count_peers(w->c), 0);
}

static const struct phase phases[] = {
    {"found", found},	{"refused", refused},	{"retried", retried}, {"dialled", dialled},
    {"joined", joined}, {"found again", found}, {"polled", polled},   {"shown", shown},
    {"lost", lost},	{"dropped", dropped},
};
#define PHASES (sizeof(phases) / sizeof(phases[0]))

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void measure(size_t n, double best[PHASES])
{
	struct world w;

	for (int times = 0; times < TIMES; times++) {
		world_up(&w, n);
		for (size_t i = 0; i < PHASES; i++) {
			double start = cpu_us();

			phases[i].run(&w);
			double took = cpu_us() - start;
			if (times == 0 || took < best[i])
				best[i] = took;
		}
		world_down(&w);
	}
}

START_TEST(test_no_step_is_quadratic)
{
	double small[PHASES], large[PHASES];

	measure(SMALL, small);
	measure(LARGE, large);
	for (size_t i = 0; i < PHASES; i++) {
		printf("%-12s %8.3f us a peer of %d, %8.3f of %d\n", phases[i].name,
		       small[i] / SMALL, SMALL, large[i] / LARGE, LARGE);
		ck_assert_msg(large[i] < small[i] * RATIO_MAX, "%s: %.0f us for %d, %.0f for %d",
			      phases[i].name, small[i], SMALL, large[i], LARGE);
	}
}
END_TEST

START_TEST(test_memory_of_a_peer)
{
	struct world w;
	size_t before, at_phase[PHASES];

	world_up(&w, NAMED);
	before = counted_bytes();
	for (size_t i = 0; i < PHASES; i++) {
		phases[i].run(&w);
		at_phase[i] = (counted_bytes() - before) / NAMED;
		printf("%-12s %zu bytes a peer of %d\n", phases[i].name, at_phase[i], NAMED);
		ck_assert_uint_le(at_phase[i], BYTES_MAX);
	}
	ck_assert_uint_ge(at_phase[0], 100); /* it does count */
	world_down(&w);
}
END_TEST

/* Names, instances and reasons that come and go leave nothing behind. */
static void churn(struct gc_cluster *c, unsigned from, unsigned to)
{
	struct gc_action a;
	char node[32], instance[32];

	for (unsigned i = from; i < to; i++) {
		snprintf(node, sizeof(node), "n%u@h", i);
		snprintf(instance, sizeof(instance), "i%u", i);
		struct gc_peer peer = {.node = node, .address = "10.0.0.1"};
		gc_cluster_answer(c, instance, GC_COMPLETE, NULL, &peer, 1, i);
		gc_cluster_member(c, node, true, NULL, i);
		gc_cluster_want_link(c, node, "10.0.0.2", 0, true, i);
		gc_cluster_want_link(c, node, NULL, 0, false, i);
		gc_cluster_member(c, node, false, instance, i);
		gc_cluster_drop_instance(c, instance, i);
		while (gc_cluster_next(c, &a))
			;
	}
}

START_TEST(test_nothing_is_left_behind)
{
	struct world w;
	size_t before;

	world_up(&w, 100);
	churn(w.c, 0, 1000);
	before = counted_bytes();
	churn(w.c, 1000, 100000);
	ck_assert_uint_eq(counted_bytes(), before);
	world_down(&w);
}
END_TEST

/* An idle cluster asks for no wake-up, and none of its calls touches all peers. */
START_TEST(test_idle_costs_nothing)
{
	struct world w;
	double start, took[2];

	for (int large = 0; large < 2; large++) {
		world_up(&w, large ? LARGE : SMALL);
		found(&w);
		dialled(&w);
		joined(&w);
		ck_assert_uint_eq(gc_cluster_next_ms(w.c), GC_FOREVER);
		start = cpu_us();
		for (int i = 0; i < 100000; i++)
			gc_cluster_tick(w.c, ++w.now);
		took[large] = cpu_us() - start;
		world_down(&w);
	}
	ck_assert_msg(took[1] < took[0] * 4, "100000 ticks: %.0f us, of a large one %.0f us",
		      took[0], took[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cluster_cost");
	TCase *tcase = tcase_create("cost");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, test_no_step_is_quadratic);
	tcase_add_test(tcase, test_memory_of_a_peer);
	tcase_add_test(tcase, test_nothing_is_left_behind);
	tcase_add_test(tcase, test_idle_costs_nothing);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
