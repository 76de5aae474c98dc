/* epmd: the client against a real epmd that is killed and started again, and against a fake one for
 * the faults that a real one does not show. */
#include "epmd.h"

#include "fake_epmd.h"
#include "loop_until.h"
#include "real_epmd.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uv_loop_t loop;
static struct real_epmd epmd;
static struct fake_epmd fake;
static struct sockaddr_in addr;
static int fds;

struct result {
	int n_calls;
	struct gc_fail fail;
	struct gc_epmd_node node;
	int n_names;
	struct gc_epmd_name names[16];
	struct gc_epmd_query *cancel; /* cancelled inside the callback */
};

static void on_port(void *arg, const struct gc_fail *fail, const struct gc_epmd_node *node)
{
	struct result *r = arg;

	r->n_calls++;
	r->fail = *fail;
	if (node)
		r->node = *node;
	gc_epmd_cancel(r->cancel);
}

static void on_names(void *arg, const struct gc_fail *fail, const struct gc_epmd_name *names,
		     size_t n)
{
	struct result *r = arg;

	r->n_calls++;
	r->fail = *fail;
	r->n_names = (int)n;
	for (size_t i = 0; i < n && i < 16; i++)
		r->names[i] = names[i];
	gc_epmd_cancel(r->cancel);
}

struct reg_result {
	int n_calls, n_up;
	enum gc_epmd_state state;
	uint32_t creation;
	struct gc_fail fail;
	struct gc_epmd_reg *leave; /* unregistered inside the callback */
};

static void on_reg(void *arg, enum gc_epmd_state state, uint32_t creation,
		   const struct gc_fail *fail)
{
	struct reg_result *r = arg;

	r->n_calls++;
	r->n_up += state == GC_EPMD_REGISTERED;
	r->state = state;
	r->creation = creation;
	r->fail = *fail;
	gc_epmd_unregister(r->leave);
}

/* Asks and waits; the answer never comes from inside the question. */
static struct result lookup(const char *alive, uint64_t timeout_ms)
{
	struct result r = {0};

	ck_assert_ptr_nonnull(
		gc_epmd_lookup(&loop, (struct sockaddr *)&addr, alive, timeout_ms, on_port, &r));
	ck_assert_int_eq(r.n_calls, 0);
	ck_assert(loop_until_count(&loop, &r.n_calls, 1, 5000));
	ck_assert(r.fail.err == 0 || r.fail.stage == GC_STAGE_EPMD);
	return r;
}

static struct result list(uint64_t timeout_ms)
{
	struct result r = {0};

	ck_assert_ptr_nonnull(
		gc_epmd_names(&loop, (struct sockaddr *)&addr, timeout_ms, on_names, &r));
	ck_assert_int_eq(r.n_calls, 0);
	ck_assert(loop_until_count(&loop, &r.n_calls, 1, 5000));
	return r;
}

static void setup(void)
{
	uv_loop_init(&loop);
	uv_loop_close(&loop); /* what libuv opens once and keeps is not counted */
	fds = count_fds();
	uv_loop_init(&loop);
	memset(&epmd, 0, sizeof(epmd));
}

static void teardown(void)
{
	ck_assert(loop_drain(&loop));
	ck_assert_int_eq(count_fds(), fds);
}

static void setup_real(void)
{
	setup();
	ck_assert(real_epmd_start(&epmd));
	addr = real_epmd_addr(&epmd);
}

static void teardown_real(void)
{
	real_epmd_kill(&epmd);
	teardown();
}

static void setup_fake(void)
{
	setup();
	ck_assert(fake_epmd_open(&fake, &loop, "127.0.0.1", 0));
	addr = fake.addr;
}

static void teardown_fake(void)
{
	fake_epmd_close(&fake);
	teardown();
}

static struct gc_epmd_reg *registered(struct reg_result *r, const char *alive, uint16_t port,
				      uint8_t type)
{
	struct gc_epmd_reg *reg = gc_epmd_register(&loop, NULL, alive, port, type, on_reg, r);

	ck_assert_ptr_nonnull(reg);
	ck_assert_int_eq(r->n_calls, 0);
	ck_assert(loop_until_count(&loop, &r->n_up, 1, 5000));
	return reg;
}

/* ---- against a real epmd ---- */

START_TEST(unknown_name)
{
	ck_assert_int_eq(lookup("nobody", 2000).fail.err, GC_ENOTINEPMD);
	ck_assert_int_eq(lookup("no@body", 2000).fail.err, GC_EBADNAME);
	ck_assert_int_eq(lookup("", 2000).fail.err, GC_EBADNAME);
	ck_assert_int_eq(list(2000).n_names, 0);
}
END_TEST

START_TEST(register_and_find)
{
	struct reg_result a = {0}, b = {0};
	struct gc_epmd_reg *ra = registered(&a, "gc_a", 4711, GC_EPMD_HIDDEN);
	struct gc_epmd_reg *rb = registered(&b, "app-b", 4712, GC_EPMD_NORMAL);
	struct result r = lookup("gc_a", 2000);

	ck_assert_uint_ge(a.creation, 4);
	ck_assert_int_eq(r.fail.err, 0);
	ck_assert_uint_eq(r.node.port, 4711);
	ck_assert_uint_eq(r.node.type, GC_EPMD_HIDDEN);
	ck_assert_uint_eq(lookup("app-b", 2000).node.type, GC_EPMD_NORMAL);
	r = list(2000);
	ck_assert_int_eq(r.n_names, 2);
	for (int i = 0; i < 2; i++)
		ck_assert_uint_eq(r.names[i].port, strcmp(r.names[i].alive, "gc_a") == 0 ? 4711 : 4712);
	gc_epmd_unregister(ra);
	gc_epmd_unregister(rb);
	ck_assert(loop_empty(&loop));
	/* by the same epmd, a later connection: it has seen the ends of the earlier ones or will */
	for (int i = 0; i < 1000 && list(2000).n_names > 0; i++)
		;
	ck_assert_int_eq(list(2000).n_names, 0);
	ck_assert_int_eq(a.n_calls, 1);
}
END_TEST

START_TEST(taken_then_free)
{
	struct reg_result a = {0}, b = {0};
	struct gc_epmd_reg *ra = registered(&a, "gc_a", 4711, GC_EPMD_HIDDEN);
	struct gc_epmd_reg *rb =
		gc_epmd_register(&loop, NULL, "gc_a", 4712, GC_EPMD_HIDDEN, on_reg, &b);

	ck_assert(loop_until_count(&loop, &b.n_calls, 1, 5000));
	ck_assert_int_eq(b.state, GC_EPMD_WAITING);
	ck_assert_int_eq(b.fail.err, GC_ETAKEN);
	gc_epmd_unregister(ra);
	ck_assert(loop_until_count(&loop, &b.n_up, 1, 3 * GC_EPMD_RETRY_MS));
	ck_assert_uint_eq(lookup("gc_a", 2000).node.port, 4712);
	ck_assert_int_eq(b.n_calls, 2);
	gc_epmd_unregister(rb);
}
END_TEST

/* kill -9 and again: registered again within two retries, with the first creation kept. */
START_TEST(epmd_restarts)
{
	struct reg_result a = {0};
	struct gc_epmd_reg *ra = registered(&a, "gc_a", 4711, GC_EPMD_HIDDEN);
	uint32_t creation = a.creation;

	for (int round = 1; round <= 2; round++) {
		real_epmd_kill(&epmd);
		ck_assert(loop_until_count(&loop, &a.n_calls, 2 * round, 2000));
		ck_assert_int_eq(a.state, GC_EPMD_WAITING);
		ck_assert(a.fail.err == GC_EOF || a.fail.err == GC_ERESET);
		ck_assert_int_eq(lookup("gc_a", 2000).fail.err, GC_ENOEPMD);
		ck_assert_int_eq(list(2000).fail.err, GC_ENOEPMD);
		ck_assert(real_epmd_start(&epmd));
		ck_assert(loop_until_count(&loop, &a.n_up, round + 1, 3 * GC_EPMD_RETRY_MS));
		ck_assert_uint_eq(a.creation, creation);
		ck_assert_uint_eq(lookup("gc_a", 2000).node.port, 4711);
	}
	gc_epmd_unregister(ra);
}
END_TEST

/* Nobody there at first: told once, not each 2 s, then registered. */
START_TEST(epmd_comes_later)
{
	struct reg_result a = {0};
	struct gc_epmd_reg *ra;

	real_epmd_kill(&epmd);
	ra = gc_epmd_register(&loop, NULL, "gc_a", 4711, GC_EPMD_HIDDEN, on_reg, &a);
	ck_assert(loop_until_count(&loop, &a.n_calls, 1, 2000));
	ck_assert_int_eq(a.fail.err, GC_ENOEPMD);
	loop_for(&loop, GC_EPMD_RETRY_MS * 3 / 2); /* one more failure passes */
	ck_assert_int_eq(a.n_calls, 1);
	ck_assert(real_epmd_start(&epmd));
	ck_assert(loop_until_count(&loop, &a.n_up, 1, 3 * GC_EPMD_RETRY_MS));
	ck_assert_int_eq(a.n_calls, 2);
	gc_epmd_unregister(ra);
}
END_TEST

/* A stopped epmd: the kernel takes the connection, nobody answers. */
START_TEST(epmd_stopped)
{
	struct result r;
	uint64_t t0 = uv_hrtime();

	child_signal(&epmd.child, SIGSTOP);
	r = lookup("gc_a", 300);
	ck_assert_int_eq(r.fail.err, GC_ETIMEDOUT);
	ck_assert_uint_lt((uv_hrtime() - t0) / 1000000, at_most_ms(1500));
	ck_assert_int_eq(list(100).fail.err, GC_ETIMEDOUT);
	child_signal(&epmd.child, SIGCONT);
	ck_assert_int_eq(lookup("gc_a", 2000).fail.err, GC_ENOTINEPMD);
}
END_TEST

START_TEST(many_lookups_at_once)
{
	enum { N = 200 };
	static struct result r[N];
	struct reg_result a = {0};
	struct gc_epmd_reg *ra = registered(&a, "gc_a", 4711, GC_EPMD_HIDDEN);

	memset(r, 0, sizeof(r));
	for (int i = 0; i < N; i++)
		gc_epmd_lookup(&loop, (struct sockaddr *)&addr, i % 2 ? "gc_a" : "gc_b", 5000,
			       on_port, &r[i]);
	for (int i = 0; i < N; i++) {
		ck_assert(loop_until_count(&loop, &r[i].n_calls, 1, 5000));
		ck_assert_int_eq(r[i].fail.err, i % 2 ? 0 : GC_ENOTINEPMD);
	}
	gc_epmd_unregister(ra);
}
END_TEST

START_TEST(register_and_leave_at_once)
{
	struct reg_result a = {0};

	for (int i = 0; i < 50; i++) {
		struct gc_epmd_reg *r =
			gc_epmd_register(&loop, NULL, "gc_a", 4711, GC_EPMD_HIDDEN, on_reg, &a);
		for (int turns = 0; turns < i % 5; turns++)
			uv_run(&loop, UV_RUN_NOWAIT);
		int n = a.n_calls;

		gc_epmd_unregister(r);
		ck_assert(loop_empty(&loop));
		ck_assert_int_eq(a.n_calls, n);
	}
	a.leave = gc_epmd_register(&loop, NULL, "gc_z", 4711, GC_EPMD_HIDDEN, on_reg, &a);
	int n = a.n_calls;

	ck_assert(loop_until_count(&loop, &a.n_calls, n + 1, 2000));
	gc_epmd_unregister(NULL);
}
END_TEST

/* ---- against the fake: what a real one does not do ---- */

static void answer_with(enum fake_epmd_mode mode, const void *bytes, size_t len)
{
	fake.mode = mode;
	fake.bytes = bytes;
	fake.len = len;
}

static const char good[] = "\167\0\022\147M\0\0\6\0\6\0\1a\0\0";

START_TEST(mute)
{
	answer_with(FAKE_MUTE, NULL, 0);
	struct result r = lookup("a", 100);

	ck_assert_int_eq(r.fail.err, GC_ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(r.fail.detail, "does not answer"));
	ck_assert_int_eq(list(100).fail.err, GC_ETIMEDOUT);
}
END_TEST

/* Byte by byte is fine, but one deadline covers it all. */
START_TEST(dripping)
{
	answer_with(FAKE_DRIP, good, sizeof(good) - 1);
	struct result r = lookup("a", 3000);

	ck_assert_int_eq(r.fail.err, 0);
	ck_assert_uint_eq(r.node.port, 0x1267);
	fake.drip_ms = 50;
	ck_assert_int_eq(lookup("a", 150).fail.err, GC_ETIMEDOUT);
}
END_TEST

START_TEST(garbage)
{
	static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	static const char other[] = "\167\0\022\147M\0\0\6\0\6\0\1b\0\0";

	answer_with(FAKE_ANSWER, http, sizeof(http) - 1);
	ck_assert_int_eq(lookup("a", 2000).fail.err, GC_EPROTO);
	answer_with(FAKE_ANSWER, other, sizeof(other) - 1); /* of another name */
	ck_assert_int_eq(lookup("a", 2000).fail.err, GC_EPROTO);
	answer_with(FAKE_ANSWER_END, http, sizeof(http) - 1);
	struct result r = list(2000);

	ck_assert_int_eq(r.fail.err, 0); /* odd lines are no names */
	ck_assert_int_eq(r.n_names, 0);
}
END_TEST

START_TEST(cut_off)
{
	static const char names[] = "\0\0\021\021name a at port 77\nname b at po";

	for (size_t len = 0; len < 13; len++) {
		answer_with(FAKE_ANSWER_END, good, len);
		ck_assert_int_eq(lookup("a", 2000).fail.err, len == 0 ? GC_EOF : GC_EPROTO);
	}
	answer_with(FAKE_ANSWER_END, names, sizeof(names) - 1);
	ck_assert_int_eq(list(2000).fail.err, GC_EPROTO);
	answer_with(FAKE_ANSWER_END, names, 0);
	ck_assert_int_eq(list(2000).fail.err, GC_EOF);
	answer_with(FAKE_ANSWER_END, names, 22);
	struct result r = list(2000);

	ck_assert_int_eq(r.n_names, 1);
	ck_assert_str_eq(r.names[0].alive, "a");
	ck_assert_uint_eq(r.names[0].port, 77);
}
END_TEST

START_TEST(reset_by_peer)
{
	answer_with(FAKE_RESET, NULL, 0);
	ck_assert_int_eq(lookup("a", 2000).fail.err, GC_ERESET);
	ck_assert_int_eq(list(2000).fail.err, GC_ERESET);
}
END_TEST

START_TEST(endless_names)
{
	size_t len = GC_EPMD_NAMES_MAX * 2;
	char *p = malloc(len);

	ck_assert_ptr_nonnull(p);
	memset(p, '\n', len);
	answer_with(FAKE_ANSWER, p, len);
	ck_assert_int_eq(list(5000).fail.err, GC_ETOOBIG);
	fake_epmd_drop_conns(&fake);
	ck_assert(loop_until_count(&loop, &fake.n_accepted, 1, 1000));
	loop_for(&loop, 10);
	free(p);
}
END_TEST

START_TEST(cancelled)
{
	struct result r = {0};
	struct gc_epmd_query *q;

	answer_with(FAKE_ANSWER, good, sizeof(good) - 1);
	for (int turns = 0; turns < 5; turns++) { /* at each stage of it */
		int n = r.n_calls;

		r.cancel = NULL;
		q = gc_epmd_lookup(&loop, (struct sockaddr *)&addr, "a", 2000, on_port, &r);
		for (int i = 0; i < turns && r.n_calls == n; i++)
			uv_run(&loop, UV_RUN_NOWAIT);
		if (r.n_calls > n)
			continue;
		gc_epmd_cancel(q);
		loop_for(&loop, 20);
		ck_assert_int_eq(r.n_calls, n);
	}
	r.n_calls = 0;
	r.cancel = gc_epmd_lookup(&loop, (struct sockaddr *)&addr, "a", 2000, on_port, &r);
	ck_assert(loop_until_count(&loop, &r.n_calls, 1, 2000));
	gc_epmd_cancel(NULL);
	r.n_calls = 0;
	r.cancel = NULL;
	answer_with(FAKE_MUTE, NULL, 0);
	q = gc_epmd_names(&loop, (struct sockaddr *)&addr, 10, on_names, &r);
	gc_epmd_cancel(q);
	loop_for(&loop, 30);
	ck_assert_int_eq(r.n_calls, 0);
}
END_TEST

START_TEST(connect_fails_at_once)
{
	struct sockaddr_in6 none = {.sin6_family = AF_INET6, .sin6_port = 1};

	/* a documentation prefix without a route, or refused by the kernel: never from inside */
	uv_ip6_addr("2001:db8::1", 4369, &none);
	struct result r = {0};

	gc_epmd_lookup(&loop, (struct sockaddr *)&none, "a", 200, on_port, &r);
	ck_assert_int_eq(r.n_calls, 0);
	ck_assert(loop_until_count(&loop, &r.n_calls, 1, 2000));
	ck_assert(r.fail.err == GC_EUNREACHABLE || r.fail.err == GC_ETIMEDOUT);
}
END_TEST

/* The faults of an answer to ALIVE2; each is told with its reason and tried again. */
START_TEST(register_faults)
{
	static const char taken[] = "\166\1\0\0\0\143", ok[] = "\166\0\0\0\1\0trailing bytes, more than 16";
	static const char old[] = "\171\0\0\2", ssh[] = "SSH-2.0";
	struct reg_result a = {0};
	struct gc_epmd_reg *reg;

	answer_with(FAKE_ANSWER, taken, sizeof(taken) - 1);
	reg = gc_epmd_register(&loop, (struct sockaddr *)&addr, "gc", 1, 72, on_reg, &a);
	ck_assert(loop_until_count(&loop, &a.n_calls, 1, 2000));
	ck_assert_int_eq(a.fail.err, GC_ETAKEN);
	answer_with(FAKE_ANSWER, ssh, sizeof(ssh) - 1);
	ck_assert(loop_until_count(&loop, &a.n_calls, 2, 3000));
	ck_assert_int_eq(a.fail.err, GC_EPROTO);
	answer_with(FAKE_DRIP, ok, sizeof(ok) - 1);
	ck_assert(loop_until_count(&loop, &a.n_calls, 3, 3000));
	ck_assert_int_eq(a.state, GC_EPMD_REGISTERED);
	ck_assert_uint_eq(a.creation, 0x100);
	answer_with(FAKE_ANSWER, old, sizeof(old) - 1);
	fake_epmd_drop_conns(&fake);
	ck_assert(loop_until_count(&loop, &a.n_calls, 4, 2000));
	ck_assert_int_eq(a.fail.err, GC_EOF);
	ck_assert(loop_until_count(&loop, &a.n_calls, 5, 3000));
	ck_assert_int_eq(a.state, GC_EPMD_REGISTERED);
	ck_assert_uint_eq(a.creation, 0x100); /* the first one is kept */
	gc_epmd_unregister(reg);
}
END_TEST

START_TEST(register_mute)
{
	struct reg_result a = {0};
	struct gc_epmd_reg *reg;

	answer_with(FAKE_MUTE, NULL, 0);
	reg = gc_epmd_register(&loop, (struct sockaddr *)&addr, "gc", 1, 72, on_reg, &a);
	ck_assert(loop_until_count(&loop, &a.n_calls, 1, GC_EPMD_ATTEMPT_MS + 1000));
	ck_assert_int_eq(a.fail.err, GC_ETIMEDOUT);
	gc_epmd_unregister(reg);
}
END_TEST

START_TEST(port_of_epmd)
{
	unsetenv("ERL_EPMD_PORT");
	ck_assert_uint_eq(gc_epmd_port(), 4369);
	setenv("ERL_EPMD_PORT", "5000", 1);
	ck_assert_uint_eq(gc_epmd_port(), 5000);
	setenv("ERL_EPMD_PORT", "", 1);
	ck_assert_uint_eq(gc_epmd_port(), 4369);
	setenv("ERL_EPMD_PORT", "70000", 1);
	ck_assert_uint_eq(gc_epmd_port(), 4369);
	setenv("ERL_EPMD_PORT", "12x", 1);
	ck_assert_uint_eq(gc_epmd_port(), 4369);
}
END_TEST

static void add_real(Suite *s)
{
	TCase *tc = tcase_create("real epmd");

	tcase_add_checked_fixture(tc, setup_real, teardown_real);
	tcase_set_timeout(tc, 40);
	tcase_add_test(tc, unknown_name);
	tcase_add_test(tc, register_and_find);
	tcase_add_test(tc, taken_then_free);
	tcase_add_test(tc, epmd_restarts);
	tcase_add_test(tc, epmd_comes_later);
	tcase_add_test(tc, epmd_stopped);
	tcase_add_test(tc, many_lookups_at_once);
	tcase_add_test(tc, register_and_leave_at_once);
	suite_add_tcase(s, tc);
}

static void add_fake(Suite *s)
{
	TCase *tc = tcase_create("fake epmd");

	tcase_add_checked_fixture(tc, setup_fake, teardown_fake);
	tcase_set_timeout(tc, 40);
	tcase_add_test(tc, mute);
	tcase_add_test(tc, dripping);
	tcase_add_test(tc, garbage);
	tcase_add_test(tc, cut_off);
	tcase_add_test(tc, reset_by_peer);
	tcase_add_test(tc, endless_names);
	tcase_add_test(tc, cancelled);
	tcase_add_test(tc, connect_fails_at_once);
	tcase_add_test(tc, register_faults);
	tcase_add_test(tc, register_mute);
	tcase_add_test(tc, port_of_epmd);
	suite_add_tcase(s, tc);
}

int main(void)
{
	Suite *suite = suite_create("epmd");
	SRunner *runner;

	signal(SIGPIPE, SIG_IGN);
	if (real_epmd_found())
		add_real(suite);
	else
		printf("no epmd here: only the fake one is asked\n");
	add_fake(suite);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? 1 : 0;
}
