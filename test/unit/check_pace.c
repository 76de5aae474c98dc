/* pace: when an instance is asked again, by a clock that the test turns. */
#include "discover_pace.h"

#include <check.h>
#include <stdlib.h>

#define INTERVAL_MS 5000

static struct gc_pace pace;
static uint64_t now_ms;

static void setup(void)
{
	pace = (struct gc_pace){0};
	now_ms = 0;
}

/* The source answers so until the clock says from_ms, then with a peer; when that one is heard. */
static uint64_t heard_after(enum gc_quality quality, uint64_t from_ms, uint64_t interval_ms)
{
	setup();
	while (now_ms < from_ms) {
		gc_pace_answered(&pace, quality, 0);
		now_ms += gc_pace_wait_ms(&pace, interval_ms);
	}
	gc_pace_answered(&pace, GC_COMPLETE, 1);
	ck_assert_uint_eq(gc_pace_wait_ms(&pace, interval_ms), interval_ms);
	return now_ms - from_ms;
}

static void is_asked_at(const uint64_t *times, size_t n, enum gc_quality quality,
			uint64_t interval_ms)
{
	setup();
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(now_ms, times[i]);
		gc_pace_answered(&pace, quality, 0);
		now_ms += gc_pace_wait_ms(&pace, interval_ms);
	}
}

START_TEST(nobody_yet)
{
	static const uint64_t times[] = {0, 250, 750, 1750, 3750, 7750, 12750, 17750};

	is_asked_at(times, sizeof(times) / sizeof(times[0]), GC_COMPLETE, INTERVAL_MS);
	is_asked_at(times, sizeof(times) / sizeof(times[0]), GC_PARTIAL, INTERVAL_MS);
}
END_TEST

START_TEST(no_answer)
{
	static const uint64_t times[] = {0, 1000, 3000, 7000, 12000, 17000};

	is_asked_at(times, sizeof(times) / sizeof(times[0]), GC_ERROR, INTERVAL_MS);
}
END_TEST

/* Who comes late is heard of not much later than it took to come, and within one interval or a
 * minute. */
START_TEST(soon_heard)
{
	for (uint64_t from_ms = 1; from_ms < 60000; from_ms += 7) {
		uint64_t late_ms = heard_after(GC_COMPLETE, from_ms, INTERVAL_MS);

		ck_assert_uint_le(late_ms, from_ms + 250);
		ck_assert_uint_le(late_ms, INTERVAL_MS);
		ck_assert_uint_le(heard_after(GC_COMPLETE, from_ms, UINT64_MAX), 60000);
		ck_assert_uint_le(heard_after(GC_ERROR, from_ms, UINT64_MAX), 60000);
		ck_assert_uint_le(heard_after(GC_ERROR, from_ms, 3600000), 60000);
	}
}
END_TEST

/* Once it has named all, the interval holds whatever comes, but for errors. */
START_TEST(settled)
{
	gc_pace_answered(&pace, GC_COMPLETE, 2);
	ck_assert_uint_eq(gc_pace_wait_ms(&pace, UINT64_MAX), UINT64_MAX);
	gc_pace_answered(&pace, GC_COMPLETE, 0);
	ck_assert_uint_eq(gc_pace_wait_ms(&pace, INTERVAL_MS), INTERVAL_MS);
	gc_pace_answered(&pace, GC_PARTIAL, 1);
	ck_assert_uint_eq(gc_pace_wait_ms(&pace, INTERVAL_MS), INTERVAL_MS);
	gc_pace_answered(&pace, GC_ERROR, 0);
	ck_assert_uint_eq(gc_pace_wait_ms(&pace, INTERVAL_MS), 1000);
	gc_pace_answered(&pace, GC_COMPLETE, 0);
	ck_assert_uint_eq(gc_pace_wait_ms(&pace, INTERVAL_MS), INTERVAL_MS);
}
END_TEST

/* A part is not all: with infinity, too, it is asked for the rest. */
START_TEST(in_parts)
{
	gc_pace_answered(&pace, GC_PARTIAL, 3);
	ck_assert_uint_eq(gc_pace_wait_ms(&pace, UINT64_MAX), 250);
	gc_pace_pushed(&pace, GC_PARTIAL, 3);
	gc_pace_pushed(&pace, GC_COMPLETE, 0);
	ck_assert_uint_eq(gc_pace_wait_ms(&pace, UINT64_MAX), 250);
	gc_pace_pushed(&pace, GC_COMPLETE, 1);
	ck_assert_uint_eq(gc_pace_wait_ms(&pace, UINT64_MAX), UINT64_MAX);
}
END_TEST

/* An interval that is shorter than any of that. */
START_TEST(short_interval)
{
	gc_pace_answered(&pace, GC_ERROR, 0);
	ck_assert_uint_eq(gc_pace_wait_ms(&pace, 30), 30);
	gc_pace_answered(&pace, GC_COMPLETE, 0);
	ck_assert_uint_eq(gc_pace_wait_ms(&pace, 30), 30);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pace");
	TCase *all = tcase_create("turned clock");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(all, setup, NULL);
	tcase_add_test(all, nobody_yet);
	tcase_add_test(all, no_answer);
	tcase_add_test(all, soon_heard);
	tcase_add_test(all, settled);
	tcase_add_test(all, in_parts);
	tcase_add_test(all, short_interval);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
