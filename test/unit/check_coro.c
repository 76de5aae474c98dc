/* coro: switching, nesting of lifetimes, stacks that are guarded, wiped, kept and given back. */
#include "build_config.h"
#include "coro.h"

#include "err.h"

#include <check.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

static struct gc_coro_pool *pool;

static void setup(void)
{
	pool = gc_coro_pool_create(4);
}

static void teardown(void)
{
	ck_assert_uint_eq(gc_coro_pool_alive(pool), 0);
	gc_coro_pool_destroy(pool);
}

struct counter {
	int n, rounds;
	struct gc_coro *co;
};

static void count(void *arg)
{
	struct counter *c = arg;

	for (int i = 0; i < c->rounds; i++) {
		c->n++;
		gc_coro_yield();
	}
}

START_TEST(it_stops_and_goes_on)
{
	struct counter c = {.rounds = 3};

	ck_assert_int_eq(gc_coro_start(pool, count, &c, &c.co), 0);
	ck_assert_ptr_nonnull(c.co);
	ck_assert_int_eq(c.n, 1);
	ck_assert(gc_coro_resume(c.co));
	ck_assert_int_eq(c.n, 2);
	ck_assert(gc_coro_resume(c.co));
	ck_assert(!gc_coro_resume(c.co));
	ck_assert_int_eq(c.n, 3);
}
END_TEST

START_TEST(one_that_never_stops_leaves_nothing)
{
	struct counter c = {.rounds = 0, .co = (void *)&c};

	ck_assert_int_eq(gc_coro_start(pool, count, &c, &c.co), 0);
	ck_assert_ptr_null(c.co);
	ck_assert_uint_eq(gc_coro_pool_alive(pool), 0);
}
END_TEST

START_TEST(many_at_once_in_any_order)
{
	static struct counter c[300];
	int alive = 300;

	for (int i = 0; i < 300; i++) {
		c[i] = (struct counter){.rounds = 1 + i % 7};
		ck_assert_int_eq(gc_coro_start(pool, count, &c[i], &c[i].co), 0);
	}
	ck_assert_uint_eq(gc_coro_pool_alive(pool), 300);
	for (int at = 0; alive > 0; at = (at + 37) % 300) {
		if (!c[at].co || gc_coro_resume(c[at].co))
			continue;
		c[at].co = NULL;
		alive--;
		ck_assert_int_eq(c[at].n, c[at].rounds);
	}
}
END_TEST

/* 4 KB of the stack written and read back over a switch, by many at once. */
static void fill(void *arg)
{
	struct counter *c = arg;
	volatile unsigned char mine[4096];

	memset((void *)(uintptr_t)mine, c->rounds, sizeof(mine));
	gc_coro_yield();
	for (size_t i = 0; i < sizeof(mine); i++)
		c->n += mine[i] == (unsigned char)c->rounds;
}

START_TEST(stacks_are_their_own)
{
	static struct counter c[50];

	for (int i = 0; i < 50; i++) {
		c[i] = (struct counter){.rounds = i};
		ck_assert_int_eq(gc_coro_start(pool, fill, &c[i], &c[i].co), 0);
	}
	for (int i = 0; i < 50; i++) {
		ck_assert(!gc_coro_resume(c[i].co));
		ck_assert_int_eq(c[i].n, 4096);
	}
	ck_assert_uint_ge(gc_coro_pool_high_water(pool), 4096);
	ck_assert_uint_lt(gc_coro_pool_high_water(pool), GC_CORO_STACK);
}
END_TEST

static uintptr_t secret_at;

static void secret(void *arg)
{
	char key[2048];

	(void)arg;
	memset(key, 'K', sizeof(key));
	secret_at = (uintptr_t)key;
	__asm__ volatile("" : : "r"(key) : "memory");
}

/* Looks for what the one before left behind on the same stack. */
static void spy(void *arg)
{
	const volatile char *p = (const volatile char *)secret_at;

	for (int i = 0; i < 2048; i++)
		*(int *)arg += p[i] == 'K';
}

START_TEST(stacks_are_wiped)
{
#ifdef GC_SANITIZER
	return; /* reads below the stack pointer, which it forbids */
#endif
	struct counter keep = {.rounds = 1};
	struct gc_coro *co;
	int found = 0;

	if (RUNNING_ON_VALGRIND)
		return; /* as above */
	ck_assert_int_eq(gc_coro_start(pool, count, &keep, &keep.co), 0); /* the pool keeps stacks */
	ck_assert_int_eq(gc_coro_start(pool, fill, &keep, &co), 0);
	ck_assert(!gc_coro_resume(co)); /* brings the pages in */
	ck_assert_int_eq(gc_coro_start(pool, secret, NULL, &co), 0);
	ck_assert_int_eq(gc_coro_start(pool, spy, &found, &co), 0);
	ck_assert_int_eq(found, 0);
	ck_assert(!gc_coro_resume(keep.co));
}
END_TEST

static size_t mapped_kb(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	size_t pages = 0;

	ck_assert_int_eq(fscanf(f, "%zu", &pages), 1);
	fclose(f);
	return pages * 4;
}

START_TEST(stacks_are_given_back)
{
#ifdef GC_SANITIZER
	return; /* these map memory of their own */
#endif
	static struct counter c[200];
	size_t before, after;

	if (RUNNING_ON_VALGRIND)
		return; /* as above */
	for (int round = 0; round < 2; round++) { /* the first warms up malloc */
		gc_coro_pool_trim(pool);
		before = mapped_kb();
		for (int i = 0; i < 200; i++) {
			c[i] = (struct counter){.rounds = 1};
			ck_assert_int_eq(gc_coro_start(pool, count, &c[i], &c[i].co), 0);
		}
		ck_assert_uint_ge(mapped_kb(), before + 200 * 64);
		for (int i = 0; i < 200; i++)
			ck_assert(!gc_coro_resume(c[i].co));
	}
	gc_coro_pool_trim(pool);
	after = mapped_kb();
	ck_assert_uint_le(after, before + 64);
}
END_TEST

#ifndef GC_SANITIZER /* they have their own word to say about it */
static void (*volatile again)(void *);

static void overflow(void *arg)
{
	char frame[1024];

	memset(frame, 1, sizeof(frame));
	__asm__ volatile("" : : "r"(frame) : "memory");
	again(arg);
	__asm__ volatile("" : : "r"(frame) : "memory");
}

/* A stack that is used up ends the program at once, and harms no other memory. */
START_TEST(the_guard_page_holds)
{
	struct gc_coro *co;

	again = overflow;
	(void)gc_coro_start(pool, overflow, NULL, &co);
}
END_TEST
#endif

int main(void)
{
	Suite *s = suite_create("coro");
	TCase *t = tcase_create("coro");
	SRunner *r = srunner_create(s);

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, it_stops_and_goes_on);
	tcase_add_test(t, one_that_never_stops_leaves_nothing);
	tcase_add_test(t, many_at_once_in_any_order);
	tcase_add_test(t, stacks_are_their_own);
	tcase_add_test(t, stacks_are_wiped);
	tcase_add_test(t, stacks_are_given_back);
#ifndef GC_SANITIZER
	if (srunner_fork_status(r) == CK_FORK && !RUNNING_ON_VALGRIND)
		tcase_add_test_raise_signal(t, the_guard_page_holds, SIGSEGV);
#endif
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);

	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
