/* The epmd plugin as built, in a fake host: against a real epmd, and against fake ones on several loopback addresses. */
#include "epmd.h"

#include "fake_epmd.h"
#include "loop_until.h"
#include "plugin_alone.h"
#include "real_epmd.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char port_text[8];

static void setup(void)
{
	alone_setup();
	host.env[GC_ENV_OWNER] = "owner@127.0.0.1";
	host.env[GC_ENV_CNODE] = "gc_owner@127.0.0.1";
	host.env[GC_ENV_HOST] = "127.0.0.1";
	host.env[GC_ENV_EPMD_PORT] = port_text;
}

/* ---- a real epmd ---- */

static void on_reg(void *arg, enum gc_epmd_state state, uint32_t creation,
		   const struct gc_fail *fail)
{
	(void)creation;
	(void)fail;
	*(int *)arg += state == GC_EPMD_REGISTERED;
}

static struct gc_epmd_reg *add_node(const char *alive, uint16_t port, uint8_t type)
{
	static int n_up; /* also told later, when the epmd is killed */
	int before = n_up;
	struct gc_epmd_reg *r = gc_epmd_register(&loop, NULL, alive, port, type, on_reg, &n_up);

	ck_assert(loop_until_count(&loop, &n_up, before + 1, 5000));
	return r;
}

START_TEST(real_one)
{
	struct real_epmd epmd = {.port = 0};
	const struct fake_answer *a;

	ck_assert(real_epmd_start(&epmd));
	snprintf(port_text, sizeof(port_text), "%u", epmd.port);
	struct gc_epmd_reg *r[] = {add_node("a", 5001, GC_EPMD_NORMAL),
				   add_node("b-2", 5002, GC_EPMD_NORMAL),
				   add_node("hidden", 5003, GC_EPMD_HIDDEN),
				   add_node("ei_node", 5004, 104),
				   add_node("owner", 5005, GC_EPMD_NORMAL),
				   add_node("gc_owner", 5006, GC_EPMD_HIDDEN)};

	alone_open("epmd", "#{hosts => [localhost, \"127.0.0.2\"]}");
	a = alone_ask();
	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert_uint_eq(a->n, 5); /* two here; there also the name of the owner, which is not ours */
	ck_assert(fake_answer_has(a, "a@127.0.0.1", "", 5001));
	ck_assert(fake_answer_has(a, "b-2@127.0.0.1", "", 5002));
	ck_assert(fake_answer_has(a, "a@127.0.0.2", "127.0.0.2", 5001));
	ck_assert(fake_answer_has(a, "owner@127.0.0.2", "127.0.0.2", 5005));
	real_epmd_kill(&epmd);
	a = alone_ask();
	ck_assert_int_eq(a->quality, GC_ERROR);
	ck_assert_ptr_nonnull(strstr(a->reason, "no_epmd"));
	ck_assert_ptr_nonnull(strstr(a->reason, "127.0.0.2"));
	for (size_t i = 0; i < sizeof(r) / sizeof(r[0]); i++)
		gc_epmd_unregister(r[i]);
}
END_TEST

/* ---- fake ones ---- */

struct world {
	const char *names; /* the text of the NAMES answer */
	int n_names, n_port2, n_open_max;
	uint8_t answer[600];
	bool port2_mute;
};

/* NAMES: the text. PORT2: hidden if the name begins with 'h', gone with 'x', the port is 7000. */
static void on_request(struct fake_epmd *f, const uint8_t *req, size_t len)
{
	struct world *w = f->arg;

	f->bytes = w->answer;
	f->mode = FAKE_ANSWER_END;
	w->n_open_max = f->n_open > w->n_open_max ? f->n_open : w->n_open_max;
	if (req[0] == 110) {
		w->n_names++;
		memcpy(w->answer, "\0\0\021\021", 4);
		f->len = 4 + (size_t)snprintf((char *)w->answer + 4, sizeof(w->answer) - 4, "%s",
					      w->names);
		return;
	}
	w->n_port2++;
	if (w->port2_mute)
		f->mode = FAKE_MUTE;
	const uint8_t head[] = {119, req[1] == 'x', 7000 >> 8, 7000 & 0xff, req[1] == 'h' ? 72 : 77,
				0, 0, 6, 0, 5, 0, (uint8_t)(len - 1)};

	memcpy(w->answer, head, sizeof(head));
	memcpy(w->answer + sizeof(head), req + 1, len - 1);
	f->len = req[1] == 'x' ? 2 : sizeof(head) + len - 1;
}

static struct fake_epmd fake[2];
static struct world world[2];

static void setup_fakes(void)
{
	uint16_t port = free_port();

	setup();
	snprintf(port_text, sizeof(port_text), "%u", port);
	for (int i = 0; i < 2; i++) {
		ck_assert(fake_epmd_open(&fake[i], &loop, i ? "127.0.0.3" : "127.0.0.2", port));
		memset(&world[i], 0, sizeof(world[i]));
		world[i].names = "";
		fake[i].arg = &world[i];
		fake[i].on_request = on_request;
	}
}

static void teardown_fakes(void)
{
	for (int i = 0; i < 2; i++)
		fake_epmd_close(&fake[i]);
	alone_teardown();
}

START_TEST(types_are_asked_once)
{
	const struct fake_answer *a;

	world[0].names = "name a at port 7000\nname h at port 7000\nname xx at port 1\nname b at port 7000\n";
	alone_open("epmd", "#{hosts => [\"127.0.0.2\"]}");
	a = alone_ask();
	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert_uint_eq(a->n, 2);
	ck_assert(fake_answer_has(a, "a@127.0.0.2", "127.0.0.2", 7000));
	ck_assert(fake_answer_has(a, "b@127.0.0.2", NULL, 7000));
	ck_assert_int_eq(world[0].n_port2, 4);
	world[0].names = "name b at port 7000\nname a at port 7000\nname h at port 7000\n";
	a = alone_ask();
	ck_assert_uint_eq(a->n, 2);
	ck_assert_int_eq(world[0].n_port2, 4); /* all known */
	world[0].names = "name a at port 7001\nname c at port 7000\n"; /* moved, and new */
	a = alone_ask();
	ck_assert_uint_eq(a->n, 2);
	ck_assert_int_eq(world[0].n_port2, 6);
	ck_assert_int_eq(world[0].n_names, 3);
	world[0].names = "";
	a = alone_ask();
	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert_uint_eq(a->n, 0);
}
END_TEST

START_TEST(few_lookups_at_once)
{
	static const char names[] = "name a at port 1\nname b at port 1\nname c at port 1\nname d at port 1\n"
				    "name e at port 1\nname f at port 1\nname g at port 1\nname i at port 1\n"
				    "name j at port 1\nname k at port 1\nname l at port 1\nname m at port 1\n";

	world[0].names = names;
	alone_open("epmd", "[\"127.0.0.2\"]"); /* hosts is the main option */
	ck_assert_uint_eq(alone_ask()->n, 12);
	ck_assert_int_eq(world[0].n_port2, 12);
	ck_assert_int_le(world[0].n_open_max, 5);
}
END_TEST

/* `allow`: no question leaves for a host outside of it; our own host is always asked. */
START_TEST(fenced)
{
	const struct fake_answer *a;

	world[0].names = "name a at port 7000\n";
	alone_open("epmd", "#{hosts => [\"127.0.0.2\", \"127.0.0.3\"]}");
	host.is_fenced = true;
	a = alone_ask();
	ck_assert_int_eq(a->quality, GC_ERROR);
	ck_assert_msg(strstr(a->reason, "address_not_allowed") != NULL, "%s", a->reason);
	ck_assert_int_eq(world[0].n_names + world[1].n_names, 0);
	host.is_fenced = false;
	a = alone_ask();
	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert_uint_eq(a->n, 1);
}
END_TEST

START_TEST(partial_and_error)
{
	const struct fake_answer *a;

	world[0].names = "name a at port 1\n";
	alone_open("epmd", "#{hosts => [\"127.0.0.2\", \"127.0.0.3\", \"127.0.0.4\"], lookup_timeout => 300}");
	a = alone_ask(); /* nobody listens on 127.0.0.4 */
	ck_assert_int_eq(a->quality, GC_PARTIAL);
	ck_assert_uint_eq(a->n, 1);
	ck_assert_ptr_nonnull(strstr(a->reason, "127.0.0.4: epmd: no_epmd"));
	ck_assert_ptr_null(strstr(a->reason, "127.0.0.3"));
	fake[1].on_request = NULL; /* now mute */
	fake[1].mode = FAKE_MUTE;
	a = alone_ask();
	ck_assert_int_eq(a->quality, GC_PARTIAL);
	ck_assert_ptr_nonnull(strstr(a->reason, "127.0.0.3: epmd: timeout"));
	fake[0].on_request = NULL;
	fake[0].mode = FAKE_RESET;
	a = alone_ask();
	ck_assert_int_eq(a->quality, GC_ERROR);
	ck_assert_uint_eq(a->n, 0);
	ck_assert_ptr_nonnull(strstr(a->reason, "connection_reset"));
}
END_TEST

/* A name whose type nobody tells is left out, and the answer is not complete. */
START_TEST(type_unknown)
{
	const struct fake_answer *a;

	world[0].names = "name a at port 7000\n";
	alone_open("epmd", "#{hosts => [\"127.0.0.2\"], lookup_timeout => 300}");
	ck_assert_int_eq(alone_ask()->quality, GC_COMPLETE);
	world[0].names = "name a at port 7000\nname b at port 7000\n";
	world[0].port2_mute = true;
	a = alone_ask();
	ck_assert_int_eq(a->quality, GC_PARTIAL);
	ck_assert_uint_eq(a->n, 1);
	ck_assert(fake_answer_has(a, "a@127.0.0.2", NULL, 0));
	world[0].port2_mute = false;
	a = alone_ask(); /* asked again */
	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert_uint_eq(a->n, 2);
}
END_TEST

START_TEST(cancelled_and_closed)
{
	struct gc_request *r;

	world[0].names = "name a at port 1\n";
	world[0].port2_mute = true;
	alone_open("epmd", "#{hosts => [\"127.0.0.2\", \"127.0.0.3\"]}");
	for (int turns = 0; turns < 12; turns++) { /* at each stage */
		int n = host.n_answers;

		r = fake_host_refresh(&host);
		ck_assert_ptr_nonnull(r);
		for (int i = 0; i < turns; i++)
			uv_run(&loop, UV_RUN_NOWAIT);
		ck_assert_int_eq(host.n_answers, n);
		fake_host_cancel(&host, r);
		ck_assert_ptr_nonnull(fake_host_wait(&host, n + 1, 1000));
	}
	ck_assert_ptr_nonnull(fake_host_refresh(&host)); /* and closed with one open */
	uv_run(&loop, UV_RUN_NOWAIT);
}
END_TEST

START_TEST(own_host_by_default)
{
	host.env[GC_ENV_HOST] = "own.host";
	host.env[GC_ENV_OWNER] = "owner@own.host";
	fake_epmd_close(&fake[1]);
	uv_run(&loop, UV_RUN_NOWAIT);
	ck_assert(fake_epmd_open(&fake[1], &loop, "127.0.0.1", (uint16_t)atoi(port_text)));
	fake[1].arg = &world[1];
	fake[1].on_request = on_request;
	world[1].names = "name a at port 1\nname owner at port 2\n";
	alone_open("epmd", NULL);
	const struct fake_answer *a = alone_ask();

	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert_uint_eq(a->n, 1);
	ck_assert(fake_answer_has(a, "a@own.host", "", 7000));
	ck_assert_int_eq(world[1].n_port2, 1); /* not for the owner */
}
END_TEST

START_TEST(bad_hosts)
{
	static const char *const bad[] = {"#{hosts => [\"a b\"]}", "#{hosts => [\"\"]}",
					  "#{hosts => [\"x@y\"]}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!fake_host_open(&host, &loop, "epmd", bad[i]), "%s", bad[i]);
		ck_assert_ptr_nonnull(strstr(host.err, "hosts"));
	}
	alone_open("epmd", "#{hosts => [\"127.0.0.2\"]}");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("plugin_epmd");
	TCase *real = tcase_create("real epmd"), *fakes = tcase_create("fake epmd");

	tcase_add_checked_fixture(real, setup, alone_teardown);
	tcase_set_timeout(real, 30);
	tcase_add_test(real, real_one);
	tcase_add_checked_fixture(fakes, setup_fakes, teardown_fakes);
	tcase_set_timeout(fakes, 30);
	tcase_add_test(fakes, types_are_asked_once);
	tcase_add_test(fakes, few_lookups_at_once);
	tcase_add_test(fakes, fenced);
	tcase_add_test(fakes, partial_and_error);
	tcase_add_test(fakes, type_unknown);
	tcase_add_test(fakes, cancelled_and_closed);
	tcase_add_test(fakes, own_host_by_default);
	tcase_add_test(fakes, bad_hosts);
	if (real_epmd_found())
		suite_add_tcase(suite, real);
	else
		printf("no epmd here: only fake ones are asked\n");
	suite_add_tcase(suite, fakes);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(make_suite());

	signal(SIGPIPE, SIG_IGN);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? 1 : 0;
}
