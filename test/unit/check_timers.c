/* timers: order, moving, clearing, and callbacks that change the heap, against a sorted list. */
#include "timers.h"

#include "loop_until.h"

#include <check.h>
#include <stdlib.h>

static uv_loop_t loop;
static struct gc_timers timers;
static bool is_closed;

static void on_closed(void *arg)
{
	*(bool *)arg = true;
}

static void setup(void)
{
	uv_loop_init(&loop);
	ck_assert_int_eq(gc_timers_init(&timers, &loop), 0);
}

static void teardown(void)
{
	gc_timers_close(&timers, on_closed, &is_closed);
	ck_assert(loop_drain(&loop));
	ck_assert(is_closed);
}

static int n_fired;
static uint64_t last_at;

static void on_timer(struct gc_timer *t)
{
	ck_assert(!gc_timer_is_set(t));
	ck_assert_uint_ge(t->at_ms, last_at);
	ck_assert_uint_ge(uv_now(&loop), t->at_ms);
	last_at = t->at_ms;
	n_fired++;
}

START_TEST(they_come_in_order)
{
	static struct gc_timer t[500];
	unsigned seed = 1;
	int cleared = 0;

	for (int i = 0; i < 500; i++) {
		seed = seed * 1103515245u + 12345u;
		ck_assert_int_eq(gc_timer_set(&timers, &t[i], (seed >> 16) % 50, on_timer), 0);
	}
	for (int i = 0; i < 500; i += 3, cleared++)
		gc_timer_clear(&timers, &t[i]);
	for (int i = 1; i < 500; i += 5) /* moved; some come back */ {
		cleared -= !gc_timer_is_set(&t[i]);
		ck_assert_int_eq(gc_timer_set(&timers, &t[i], (unsigned)i % 60, on_timer), 0);
	}
	ck_assert(loop_until_count(&loop, &n_fired, 500 - cleared, 2000));
	loop_for(&loop, 20);
	ck_assert_int_eq(n_fired, 500 - cleared);
}
END_TEST

static struct gc_timer again, other;

static void on_again(struct gc_timer *t)
{
	gc_timer_clear(&timers, &other);
	if (++n_fired < 5)
		ck_assert_int_eq(gc_timer_set(&timers, t, 0, on_again), 0);
}

static void never(struct gc_timer *t)
{
	(void)t;
	ck_abort_msg("it was cleared");
}

START_TEST(callbacks_may_set_and_clear)
{
	ck_assert_int_eq(gc_timer_set(&timers, &again, 0, on_again), 0);
	ck_assert_int_eq(gc_timer_set(&timers, &other, 0, never), 0);
	ck_assert_int_eq(n_fired, 0);
	ck_assert(loop_until_count(&loop, &n_fired, 5, 2000));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("timers");
	TCase *t = tcase_create("timers");
	SRunner *r = srunner_create(s);

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, they_come_in_order);
	tcase_add_test(t, callbacks_may_set_and_clear);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);

	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
