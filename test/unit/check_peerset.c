/* peerset and handle: the peers of one answer, and what a plugin holds of it. */
#include "handle.h"
#include "peerset.h"

#include "err.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static struct gc_peerset *set;
static const char *const basenames[] = {"web", "job"};

static void make(size_t n_basenames, size_t max)
{
	const struct gc_peerset_rule rule = {basenames, n_basenames, false, max};

	set = gc_peerset_create(&rule);
	ck_assert_ptr_nonnull(set);
}

static void teardown(void)
{
	gc_peerset_destroy(set);
	set = NULL;
}

static int add(const char *node, const char *address, uint16_t port)
{
	const struct gc_peer peer = {node, address, port};

	return gc_peerset_add(set, &peer);
}

static const struct gc_peer *at(size_t i, size_t n)
{
	size_t found;
	const struct gc_peer *peers = gc_peerset_peers(set, &found);

	ck_assert_uint_eq(found, n);
	return &peers[i];
}

START_TEST(test_add)
{
	char node[8] = "a@h";

	make(1, 10);
	ck_assert_int_eq(add(node, "10.0.0.1", 4370), 0);
	memset(node, 'x', 7); /* it was copied */
	ck_assert_str_eq(at(0, 1)->node, "a@h");
	ck_assert_str_eq(at(0, 1)->address, "10.0.0.1");
	ck_assert_uint_eq(at(0, 1)->port, 4370);
	ck_assert_int_eq(add("a@h", "10.0.0.2", 1), 0); /* the first counts */
	ck_assert_str_eq(at(0, 1)->address, "10.0.0.1");
	ck_assert_int_eq(add("b@h", NULL, 0), 0);
	ck_assert_ptr_null(at(1, 2)->address);
	ck_assert_uint_eq(gc_peerset_rejected(set), 0);
	gc_peerset_clear(set);
	at(0, 0);
	ck_assert_int_eq(add("a@h", NULL, 0), 0);
	at(0, 1);
}
END_TEST

START_TEST(test_hosts)
{
	make(2, 10);
	ck_assert_int_eq(add("10.0.0.1", "10.0.0.1", 0), 0);
	ck_assert_str_eq(at(0, 2)->node, "web@10.0.0.1");
	ck_assert_str_eq(at(1, 2)->node, "job@10.0.0.1");
	ck_assert_int_eq(add("fd00::1", NULL, 0), 0);
	ck_assert_str_eq(at(3, 4)->node, "job@fd00::1");
	ck_assert_int_eq(add("c@h", NULL, 0), 0);
	ck_assert_str_eq(at(4, 5)->node, "c@h");
	teardown();
	make(0, 10);
	ck_assert_int_eq(add("10.0.0.1", NULL, 0), GC_ENOTFOUND);
	at(0, 0);
	ck_assert_str_eq(gc_peerset_first_rejected(set), "10.0.0.1: a host, and no node_basename");
	teardown();
	const struct gc_peerset_rule rule = {NULL, 0, true, 10};
	ck_assert_ptr_nonnull(set = gc_peerset_create(&rule));
	ck_assert_int_eq(add("10.0.0.1", NULL, 0), 0);
	ck_assert_int_eq(add("a b", NULL, 0), GC_EBADNAME);
	ck_assert_str_eq(at(0, 1)->node, "10.0.0.1");
}
END_TEST

START_TEST(test_rejected)
{
	char longest[300];

	make(1, 10);
	ck_assert_int_eq(add("a b@h", NULL, 0), GC_EBADNAME);
	ck_assert_int_eq(add("a@", NULL, 0), GC_EBADNAME);
	ck_assert_int_eq(add("@h", NULL, 0), GC_EBADNAME);
	ck_assert_int_eq(add("a@b@c", NULL, 0), GC_EBADNAME);
	ck_assert_int_eq(add("", NULL, 0), GC_EBADNAME);
	ck_assert_int_eq(add(NULL, NULL, 0), GC_EBADNAME);
	ck_assert_int_eq(add("h'; halt().", NULL, 0), GC_EBADNAME);
	ck_assert_int_eq(add("a@h", "h", 0), GC_EINVAL);
	ck_assert_int_eq(add("a@h", "10.0.0", 0), GC_EINVAL);
	ck_assert_int_eq(add("a@h", "fe80::1%eth0", 0), GC_EINVAL);
	ck_assert_int_eq(add("a@h", "", 0), GC_EINVAL);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[299] = '\0';
	ck_assert_int_eq(add(longest, NULL, 0), GC_EBADNAME);
	ck_assert_int_eq(add("a@h", longest, 0), GC_EINVAL);
	longest[253] = '\0'; /* a host of its own, too long with its name */
	ck_assert_int_eq(add(longest, NULL, 0), GC_EBADNAME);
	ck_assert_uint_eq(gc_peerset_rejected(set), 14);
	ck_assert_str_eq(gc_peerset_first_rejected(set), "a b@h: bad_name");
	at(0, 0);
}
END_TEST

START_TEST(test_budget)
{
	char node[32];

	make(1, 1000);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(node, sizeof(node), "n%d@h", i);
		ck_assert_int_eq(add(node, NULL, 0), i < 1000 ? 0 : GC_EBUDGET);
	}
	ck_assert_int_eq(add("n7@h", NULL, 0), 0); /* it is there */
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(node, sizeof(node), "n%d@h", i);
		ck_assert_str_eq(at((size_t)i, 1000)->node, node);
	}
	ck_assert_uint_eq(gc_peerset_rejected(set), 4000);
}
END_TEST

START_TEST(test_handle)
{
	int a = 1, b = 2;
	struct gc_request *ha = gc_handle_open(&a, GC_HANDLE_ASK), *hb = gc_handle_open(&b, GC_HANDLE_ASK);

	ck_assert_ptr_ne(ha, hb);
	ck_assert_ptr_eq(gc_handle_find(ha, GC_HANDLE_ASK), &a);
	ck_assert_ptr_eq(gc_handle_find(hb, GC_HANDLE_ASK), &b);
	ck_assert_ptr_null(gc_handle_find(hb, GC_HANDLE_DIST));
	ck_assert(!gc_handle_is(ha, GC_HANDLE_CANCELLED));
	gc_handle_set(ha, GC_HANDLE_CANCELLED);
	ck_assert(gc_handle_is(ha, GC_HANDLE_CANCELLED));
	ck_assert(!gc_handle_is(ha, GC_HANDLE_WRONG_THREAD));
	ck_assert(!gc_handle_is(hb, GC_HANDLE_CANCELLED));
	gc_handle_close(ha);
	ck_assert_ptr_null(gc_handle_find(ha, GC_HANDLE_ASK));
	ck_assert(gc_handle_is(ha, GC_HANDLE_CANCELLED)); /* over */
	gc_handle_close(ha);
	gc_handle_set(ha, GC_HANDLE_WRONG_THREAD);
	ck_assert_ptr_eq(gc_handle_find(hb, GC_HANDLE_ASK), &b);
	gc_handle_close(hb);
}
END_TEST

/* A dead handle is not revived by the next uses of its place. */
START_TEST(test_handle_dead)
{
	enum { N = 3000 };
	int object;
	struct gc_request *dead[N], *live[N];

	for (int i = 0; i < N; i++)
		dead[i] = gc_handle_open(&object, GC_HANDLE_ASK);
	for (int i = 0; i < N; i++)
		gc_handle_close(dead[i]);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < N; i++)
			ck_assert_ptr_nonnull(live[i] = gc_handle_open(&live[i], GC_HANDLE_ASK));
		for (int i = 0; i < N; i++) {
			ck_assert_ptr_eq(gc_handle_find(live[i], GC_HANDLE_ASK), &live[i]);
			ck_assert_ptr_null(gc_handle_find(dead[i], GC_HANDLE_ASK));
			gc_handle_close(live[i]);
		}
	}
}
END_TEST

/* Whatever number a plugin makes up: it is looked up, never followed. */
START_TEST(test_handle_garbage)
{
	int object;
	struct gc_request *live = gc_handle_open(&object, GC_HANDLE_ASK);
	uintptr_t x = 88172645463325252u & UINTPTR_MAX;

	for (int i = 0; i < 1000000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		struct gc_request *made_up = (struct gc_request *)x;
		ck_assert(made_up == live || gc_handle_find(made_up, GC_HANDLE_ASK) == NULL);
	}
	ck_assert_ptr_null(gc_handle_find(NULL, GC_HANDLE_ASK));
	ck_assert_ptr_null(gc_handle_find((struct gc_request *)(uintptr_t)&object, GC_HANDLE_ASK));
	gc_handle_close(NULL);
	gc_handle_close(live);
}
END_TEST

/* All places taken: refused, not fatal. */
START_TEST(test_handle_full)
{
	enum { MANY = 70000 };
	static struct gc_request *all[MANY];
	int n = 0;

	while (n < MANY && (all[n] = gc_handle_open(&n, GC_HANDLE_ASK)))
		n++;
	ck_assert_int_lt(n, MANY);
	ck_assert_int_gt(n, 60000);
	while (n > 0)
		gc_handle_close(all[--n]);
	ck_assert_ptr_nonnull(all[0] = gc_handle_open(&n, GC_HANDLE_ASK));
	gc_handle_close(all[0]);
}
END_TEST

/* Flags are set from another thread while the place is used again and again. */
static struct gc_request *_Atomic shared;

static void flag_it(void *arg)
{
	for (int i = 0; i < 100000; i++) {
		gc_handle_set(shared, GC_HANDLE_WRONG_THREAD);
		(void)gc_handle_is(shared, GC_HANDLE_CANCELLED);
	}
	(void)arg;
}

START_TEST(test_handle_threads)
{
	uv_thread_t thread;
	int object;

	shared = gc_handle_open(&object, GC_HANDLE_ASK);
	ck_assert_int_eq(uv_thread_create(&thread, flag_it, NULL), 0);
	for (int i = 0; i < 100000; i++) {
		struct gc_request *old = shared, *new = gc_handle_open(&object, GC_HANDLE_ASK);
		shared = new;
		gc_handle_close(old);
		ck_assert_ptr_eq(gc_handle_find(new, GC_HANDLE_ASK), &object);
		ck_assert_ptr_null(gc_handle_find(old, GC_HANDLE_ASK));
	}
	uv_thread_join(&thread);
	gc_handle_close(shared);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("peerset");
	TCase *t = tcase_create("peerset");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, test_add);
	tcase_add_test(t, test_hosts);
	tcase_add_test(t, test_rejected);
	tcase_add_test(t, test_budget);
	tcase_add_test(t, test_handle);
	tcase_add_test(t, test_handle_dead);
	tcase_add_test(t, test_handle_garbage);
	tcase_add_test(t, test_handle_full);
	tcase_add_test(t, test_handle_threads);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
