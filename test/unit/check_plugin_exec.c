/* The plugin exec, alone under a fake host, on real commands. */
#include "loop_until.h"
#include "plugin_alone.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 10000

static void setup(void)
{
	uv_process_t process;
	char *args[] = {(char[]){"true"}, NULL};
	uv_process_options_t o = {.file = "true", .args = args};

	/* The first child of a process opens descriptors of uv that stay. */
	uv_loop_init(&loop);
	ck_assert_int_eq(uv_spawn(&loop, &process, &o), 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&process, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	alone_setup_dir();
}

static const struct {
	const char *options, *nodes;
} good[] = {
    {"\"echo a@h b@h; echo 10.0.0.1\"", "a@h b@h 10.0.0.1"},
    {"[\"/bin/echo\", \"a@h\", \"b@h\"]", "a@h b@h"},
    {"[echo, \"a@h;\", \"b@h\"]", NULL}, /* no shell: the ; is an argument */
    {"#{command => \"echo $X@h\", environment => [\"X=y\"]}", "y@h"},
    {"#{command => \"echo $HOME@h\", environment => [\"HOME=mine\"]}", "mine@h"},
    {"#{command => \"pwd | tr / .\", directory => \"/usr/lib\"}", ".usr.lib"},
    {"\"echo 'a@h # one'; echo noise >&2\"", "a@h"},
    {"\"echo \\\"['a@h', 'b@h'].\\\"\"", "a@h b@h"},
    {"\"true\"", ""},
    {"\"(trap '' HUP; sleep 0.05; echo a@h) & wait\"", "a@h"},
    {"\"cat\"", ""}, /* nothing to read */
};

START_TEST(test_good)
{
	alone_open("exec", good[_i].options);
	const struct fake_answer *a = alone_ask();
	if (good[_i].nodes)
		is_complete(a, good[_i].nodes);
	else
		is_error(a,
			 "output of the command: line 1: a character that no node name has at ;");
	if (a->quality == GC_COMPLETE && a->n == 0)
		ck_assert_str_eq(a->reason, "the command named nobody");
	alone_ask(); /* and once more */
	ck_assert_int_eq(host.answers[1].quality, host.answers[0].quality);
}
END_TEST

static const struct {
	const char *options, *says;
} bad[] = {
    {"\"echo a@h; exit 3\"", "exit status 3"},
    {"\"echo no such source >&2; exit 1\"", "exit status 1: no such source"},
    {"\"kill -9 $$\"", "killed by signal 9"},
    {"\"/nonexistent/program\"", "exit status 127: /bin/sh: 1: /nonexistent/program: not found"},
    {"[\"/nonexistent/program\", \"x\"]", "cannot run /nonexistent/program: no such file"},
    {"[\"/etc/passwd\", \"x\"]", "cannot run /etc/passwd: permission denied"},
    {"#{command => \"true\", directory => \"/nonexistent\"}", "cannot run /bin/sh: no such file"},
    {"\"echo '<html>'\"", "line 1: no node name or host at <html>"},
    {"#{command => \"yes a@h\", max_output => 1000}", "more than 1000 bytes of output"},
    {"\"head -c 100000 /dev/zero\"", "no node name or host"},
    {"\"echo \\\"['a@h'\\\"\"", "the text ends within the list"},
};

START_TEST(test_bad)
{
	alone_open("exec", bad[_i].options);
	is_error(alone_ask(), bad[_i].says);
}
END_TEST

START_TEST(test_refused)
{
	ck_assert(!fake_host_open(&host, &loop, "exec", "#{}"));
	ck_assert_ptr_nonnull(strstr(host.err, "option command is required"));
	ck_assert(!fake_host_open(&host, &loop, "exec", "[]"));
	ck_assert_ptr_nonnull(strstr(host.err, "command is empty"));
	ck_assert(!fake_host_open(&host, &loop, "exec", "#{command => x, max_output => 0}"));
}
END_TEST

/* The first 1024 bytes of what it says are kept, however much it is. */
START_TEST(test_long_error)
{
	alone_open("exec", "\"head -c 1000000 /dev/zero | tr '\\\\0' x >&2; exit 2\"");
	const struct fake_answer *a = alone_ask();
	is_error(a, "exit status 2: xxx");
	ck_assert_uint_eq(strlen(a->reason), strlen("exit status 2: ") + 1024);
}
END_TEST

START_TEST(test_large_output)
{
	alone_open("exec", "\"seq -f n%g@h 1 20000\"");
	const struct fake_answer *a = alone_ask();
	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert_uint_eq(a->n, 20000);
	ck_assert_str_eq(a->peers[511].node, "n512@h");
}
END_TEST

/* ---- what it inherits ---- */

/* dup2 makes one that is not closed on exec, as a careless library would. */
START_TEST(test_descriptors)
{
	int careless = dup(0);

	ck_assert_int_ge(careless, 3);
	alone_open("exec", "\"for f in /proc/self/fd/*; do echo n${f##*/}; done\"");
	const struct fake_answer *a = alone_ask();
	char own[16];
	(void)snprintf(own, sizeof(own), "n%d", careless);
	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert(fake_answer_has(a, "n0", NULL, 0));
	ck_assert(!fake_answer_has(a, own, NULL, 0));
	ck_assert_uint_le(a->n, 4); /* 0, 1, 2, and the shell's own for the directory */
	close(careless);
}
END_TEST

START_TEST(test_environment)
{
	setenv("RELEASE_COOKIE", "geheim1", 1);
	setenv("my_cookie_file", "geheim2", 1);
	setenv("ERL_FLAGS", "-sname x -setcookie geheim3", 1);
	setenv("HARMLESS", "cookie", 1);
	alone_open("exec", "\"env | grep -c geheim; env | grep -c ^HARMLESS=cookie; true\"");
	is_complete(alone_ask(), "0 1");
}
END_TEST

/* ---- commands that do not end ---- */

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

/* For what no event of the loop tells. */
static bool poll_until(bool (*pred)(void *arg), void *arg)
{
	uv_timer_t tick;

	uv_timer_init(&loop, &tick);
	uv_timer_start(&tick, on_tick, 5, 5);
	bool ok = loop_until(&loop, pred, arg, WAIT_MS);
	uv_close((uv_handle_t *)&tick, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	return ok;
}

static bool is_gone(void *arg)
{
	char path[40], line[200] = "";

	/* Dead is enough: who reaps it is the business of process 1. */
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)*(pid_t *)arg);
	FILE *f = fopen(path, "r");
	if (!f)
		return true;
	bool is_dead = !fgets(line, sizeof(line), f) || strstr(line, ") Z ");
	fclose(f);
	return is_dead;
}

/* A number that the command has written to a file of the test's directory. */
static pid_t pid_in(const char *name)
{
	char path[100];
	int pid = 0;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "r");
	if (!f)
		return 0;
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	fclose(f);
	return (pid_t)pid;
}

static bool is_written(void *arg)
{
	return pid_in(arg) > 0;
}

/* Starts a command that writes the pid of a child of its own, and its own when it gets SIGTERM;
 * both ignore that if stubborn. */
static struct gc_request *start_hanging(bool stubborn)
{
	char options[500], on_term[150];

	(void)snprintf(on_term, sizeof(on_term), "echo $$ > %s/termed; exit", dir);
	(void)snprintf(options, sizeof(options),
		       "\"trap '%s' TERM; sleep 1000 & echo $! > %s/tmp; mv %s/tmp %s/child; "
		       "while true; do wait; done\"",
		       stubborn ? "" : on_term, dir, dir, dir);
	alone_open("exec", options);
	struct gc_request *request = fake_host_refresh(&host);
	ck_assert(poll_until(is_written, (void *)(uintptr_t) "child"));
	return request;
}

/* The whole group dies, by SIGTERM or, when that is ignored, SIGKILL; then the answer comes. */
START_TEST(test_cancel)
{
	struct gc_request *request = start_hanging(_i);
	pid_t child = pid_in("child");
	uint64_t before = uv_hrtime();

	ck_assert(!is_gone(&child));
	fake_host_cancel(&host, request);
	ck_assert_int_eq(host.n_answers, 0); /* not from inside */
	const struct fake_answer *a = fake_host_wait(&host, 1, WAIT_MS);
	ck_assert_ptr_nonnull(a);
	is_error(a, "timeout");
	ck_assert(poll_until(is_gone, &child));
	uint64_t took = (uv_hrtime() - before) / 1000000;
	ck_assert_int_eq(pid_in("termed") > 0, !_i);
	if (_i)
		ck_assert_uint_ge(took, 195);		 /* SIGKILL comes after 200 ms */
	ck_assert_ptr_nonnull(fake_host_refresh(&host)); /* it can be asked again */
}
END_TEST

START_TEST(test_close_while_running)
{
	start_hanging(_i);
	pid_t child = pid_in("child");
	uint64_t before = uv_hrtime();

	ck_assert(fake_host_close(&host));
	ck_assert_uint_lt((uv_hrtime() - before) / 1000000, at_most_ms(2000));
	ck_assert(poll_until(is_gone, &child));
}
END_TEST

/* A child left behind holds the pipes: the answer waits half a second for it, then it is killed. */
START_TEST(test_left_behind)
{
	char options[300];

	(void)snprintf(options, sizeof(options),
		       "\"sleep 1000 & echo $! > %s/tmp; mv %s/tmp %s/child; echo a@h\"", dir, dir,
		       dir);
	alone_open("exec", options);
	is_complete(alone_ask(), "a@h");
	pid_t child = pid_in("child");
	ck_assert_int_gt(child, 0);
	ck_assert(poll_until(is_gone, &child));
}
END_TEST

/* Asked again within the callback of the first answer's turn: the run before is still closing. */
START_TEST(test_in_a_row)
{
	alone_open("exec", "\"echo a@h\"");
	for (int i = 0; i < 30; i++)
		is_complete(alone_ask(), "a@h");
	ck_assert_ptr_nonnull(fake_host_refresh(&host));
	ck_assert_ptr_null(fake_host_refresh(&host)); /* one at a time */
	ck_assert_ptr_nonnull(fake_host_wait(&host, 31, WAIT_MS));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("plugin_exec");
	TCase *t = tcase_create("plugin_exec");

	tcase_add_checked_fixture(t, setup, alone_teardown);
	tcase_add_loop_test(t, test_good, 0, (int)(sizeof(good) / sizeof(good[0])));
	tcase_add_loop_test(t, test_bad, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(t, test_refused);
	tcase_add_test(t, test_long_error);
	tcase_add_test(t, test_large_output);
	tcase_add_test(t, test_descriptors);
	tcase_add_test(t, test_environment);
	tcase_add_loop_test(t, test_cancel, 0, 2);
	tcase_add_loop_test(t, test_close_while_running, 0, 2);
	tcase_add_test(t, test_left_behind);
	tcase_add_test(t, test_in_a_row);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
