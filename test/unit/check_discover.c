/* discover: the manager with real plugins, good ones and ones that misbehave (bad_async.c,
 * bad_blocking.c, good_push.c), on a loop of the test's own. */
#define _GNU_SOURCE /* memmem */
#include "discover.h"

#include "err.h"
#include "etf.h"
#include "log.h"
#include "loop_until.h"
#include "plugin_priv.h"
#include "utf8.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT 256

struct kept { /* an answer */
	char instance[64], reason[1300], nodes[200];
	enum gc_quality quality;
	size_t n;
	uint32_t rejected, ttl_s;
	bool pushed;
	uint64_t at_ms;
};

static uv_loop_t loop;
static struct gc_discover *discover;
static struct gc_plugin_path path;
static const char *dirs[2];
static char plugin_dirs[2][600], err[1024], logged[16384];
static struct kept answers[KEPT];
static int n_answers, n_closed, fds;
static void (*on_each)(void); /* called within on_answer */
static uint64_t start_ms;

static void on_log(void *arg, enum gc_log_level level, const char *area, const char *line)
{
	size_t len = strlen(logged);

	(void)arg;
	(void)snprintf(logged + len, sizeof(logged) - len, "%d %s: %s\n", (int)level, area, line);
}

static void on_answer(void *arg, const struct gc_answer *a)
{
	struct kept *k = &answers[n_answers < KEPT ? n_answers : KEPT - 1];
	size_t len = 0;

	(void)arg;
	memset(k, 0, sizeof(*k));
	(void)snprintf(k->instance, sizeof(k->instance), "%s", a->instance);
	(void)snprintf(k->reason, sizeof(k->reason), "%s", a->reason ? a->reason : "");
	for (size_t i = 0; i < a->n && len < sizeof(k->nodes); i++)
		len += (size_t)snprintf(k->nodes + len, sizeof(k->nodes) - len, "%s%s",
					i ? " " : "", a->peers[i].node);
	k->quality = a->quality;
	k->n = a->n;
	k->rejected = a->rejected;
	k->ttl_s = a->ttl_s;
	k->pushed = a->pushed;
	k->at_ms = uv_hrtime() / 1000000 - start_ms;
	n_answers++;
	if (on_each)
		on_each();
}

static void create(uint64_t interval_ms, const char *owner)
{
	const struct gc_discover_config c = {.loop = &loop,
					     .refresh_interval_ms = interval_ms,
					     .refresh_jitter = 0.1,
					     .max_peers = 1000,
					     .owner = owner,
					     .cnode = "gc_me@here",
					     .on_answer = on_answer};

	ck_assert_int_eq(gc_discover_create(&c, &discover), 0);
}

static void setup(void)
{
	const char *build = getenv("GC_BUILDDIR");

	(void)snprintf(plugin_dirs[0], sizeof(plugin_dirs[0]), "%s/test/unit/.libs",
		       build ? build : ".");
	(void)snprintf(plugin_dirs[1], sizeof(plugin_dirs[1]), "%s/plugins/.libs",
		       build ? build : ".");
	dirs[0] = plugin_dirs[0];
	dirs[1] = plugin_dirs[1];
	path = (struct gc_plugin_path){dirs, 2};
	unsetenv("GEN_CLUSTER_PLUGIN_DIR");
	gc_log_open(on_log, NULL, GC_LOG_DEBUG);
	logged[0] = '\0';
	n_answers = n_closed = 0;
	on_each = NULL;
	uv_loop_init(&loop); /* the first one opens a pipe for the process */
	uv_loop_close(&loop);
	fds = count_fds();
	uv_loop_init(&loop);
	start_ms = uv_hrtime() / 1000000;
	create(UINT64_MAX, "web@here");
}

static void on_closed(void *arg)
{
	(void)arg;
	n_closed++;
}

static void close_all(void)
{
	if (discover)
		gc_discover_close(discover, on_closed, NULL);
	discover = NULL;
	ck_assert(loop_until_count(&loop, &n_closed, 1, 3000));
}

/* All is given back: no handle, no descriptor, the loop is empty. */
static void teardown(void)
{
	if (n_closed == 0)
		close_all();
	ck_assert(loop_drain(&loop));
	if (gc_plugin_file_unloads()) /* else a module stays loaded, with its directory */
		ck_assert_int_eq(count_fds(), fds);
}

static int try_add(const char *name, const char *options)
{
	struct gc_arena *arena = gc_arena_create(0);
	const struct gc_term *t = NULL;
	char why[200];
	int rc = 0;

	if (options)
		rc = gc_term_parse(arena, options, strlen(options), false, &t, why, sizeof(why));
	ck_assert_msg(rc == 0, "%s: %s", options, why);
	rc = gc_discover_add(discover, &path, name, t, err, sizeof(err));
	gc_arena_destroy(arena); /* all was copied */
	return rc;
}

static void add(const char *name, const char *options)
{
	ck_assert_msg(try_add(name, options) == 0, "%s", err);
}

static void refused(const char *name, const char *options, const char *with)
{
	ck_assert_int_lt(try_add(name, options), 0);
	ck_assert_msg(strstr(err, with) != NULL, "\"%s\" does not say \"%s\"", err, with);
}

static const struct kept *answer(int n)
{
	ck_assert(loop_until_count(&loop, &n_answers, n, 5000));
	return &answers[n - 1];
}

static const struct kept *first_of(const char *instance)
{
	for (int i = 0; i < n_answers && i < KEPT; i++)
		if (strcmp(answers[i].instance, instance) == 0)
			return &answers[i];
	ck_abort_msg("no answer of %s", instance);
	return NULL;
}

static void is_complete(const struct kept *k, const char *nodes)
{
	ck_assert_msg(k->quality == GC_COMPLETE, "%s: %s", k->instance, k->reason);
	ck_assert_str_eq(k->nodes, nodes);
}

static void is_error(const struct kept *k, const char *reason)
{
	ck_assert_int_eq(k->quality, GC_ERROR);
	ck_assert_msg(strncmp(k->reason, reason, strlen(reason)) == 0, "\"%s\" is not \"%s\"",
		      k->reason, reason);
	ck_assert_uint_eq(k->n, 0);
}

/* ---- good plugins ---- */

START_TEST(test_static)
{
	const struct kept *k;

	add("gc_discover_static", "['a@h', \"b@h\", <<\"c@h\">>, 'a@h', 'no.name@h', here2]");
	gc_discover_start(discover);
	ck_assert_int_eq(n_answers, 0); /* never from inside */
	k = answer(1);
	is_complete(k, "a@h b@h c@h web@here2");
	ck_assert_str_eq(k->instance, "static");
	ck_assert_uint_eq(k->rejected, 1);
	ck_assert(!k->pushed);
	ck_assert_ptr_nonnull(strstr(logged, "1 peers not taken, the first: no.name@h: bad_name"));
	ck_assert_uint_eq(gc_discover_count(discover), 1);
	ck_assert(gc_discover_has(discover, "static"));
	ck_assert(!gc_discover_has(discover, "static-2"));
}
END_TEST

START_TEST(test_static_empty)
{
	add("static", "[]");
	gc_discover_start(discover);
	is_complete(answer(1), "");
	ck_assert_str_eq(answer(1)->reason, "no nodes are configured");
	refused("static", NULL, "option nodes is required");
	refused("static", "['no name']", "nodes: 'no name' is neither NAME@HOST nor a host");
}
END_TEST

START_TEST(test_basenames)
{
	add("static", "#{nodes => [h1], node_basename => [a, \"b\"]}");
	refused("static", "#{nodes => [h1], node_basename => [\"a b\"]}",
		"node_basename: \"a b\" cannot");
	gc_discover_start(discover);
	is_complete(answer(1), "a@h1 b@h1");
}
END_TEST

START_TEST(test_names)
{
	add("static", "['a@h']");
	add("static", "['b@h']");
	add("static", "#{nodes => ['c@h'], name => mine}");
	refused("static", "#{nodes => [], name => mine}", "taken by another instance");
	refused("static", "#{nodes => [], name => ''}", "is no name");
	gc_discover_start(discover);
	answer(3);
	is_complete(first_of("static"), "a@h");
	is_complete(first_of("static-2"), "b@h");
	is_complete(first_of("mine"), "c@h");
	add("static", "['d@h']"); /* into a running one */
	answer(4);
	is_complete(first_of("static-3"), "d@h");
}
END_TEST

START_TEST(test_refused)
{
	refused("nosuch", NULL, "discovery nosuch: there is no plugin nosuch");
	refused("ei", NULL, "dist backend");
	refused("static", "#{nods => []}", "did you mean nodes?");
	refused("bad_async", "create", "discovery bad_async: will not begin");
	refused("static", "#{nodes => [], refresh_interval_ms => 0}", "at least 10");
	refused("static", "#{nodes => [], timeout_ms => 0}", "from 1 to");
	ck_assert_uint_eq(gc_discover_count(discover), 0);
	gc_discover_start(discover);
	gc_discover_refresh(discover);
}
END_TEST

START_TEST(test_push_only)
{
	add("good_push", NULL);
	gc_discover_start(discover);
	const struct kept *k = answer(1);
	is_complete(k, ""); /* pushed within create */
	ck_assert(k->pushed);
	ck_assert_ptr_nonnull(strstr(logged, "no peers: nobody yet"));
	is_complete(answer(2), "a@h b@h");
	ck_assert_ptr_nonnull(strstr(logged, "a whole answer"));
	gc_discover_refresh(discover); /* it cannot be asked */
	ck_assert_int_eq(n_answers, 2);
}
END_TEST

START_TEST(test_interval)
{
	add("static", "#{nodes => ['a@h'], refresh_interval_ms => 30}");
	gc_discover_start(discover);
	uint64_t took = answer(6)->at_ms - answer(1)->at_ms;
	ck_assert_uint_ge(took, 5 * 27 - 5); /* jitter 0.1; the loop's clock is cut to ms */
	gc_discover_refresh(discover);	     /* at once */
	gc_discover_refresh(discover); /* nothing is in flight: once more, but delivered apart */
	ck_assert_int_eq(n_answers, 6);
	answer(8);
}
END_TEST

/* infinity: a failed question is asked again, an answered one never. */
START_TEST(test_once)
{
	add("bad_async", "error_once");
	add("static", "['a@h']");
	gc_discover_start(discover);
	answer(2);
	is_error(first_of("bad_async"), "a line and another");
	const struct kept *k = answer(3);
	ck_assert_str_eq(k->instance, "bad_async");
	is_complete(k, "good@h");
	ck_assert_uint_ge(k->at_ms, 890); /* 1 s, jitter 0.1 */
	loop_for(&loop, 100);
	ck_assert_int_eq(n_answers, 3);
	ck_assert_ptr_nonnull(strstr(logged, "it answers again"));
}
END_TEST

/* infinity: until somebody was named. The empty answer is asked again soon. */
START_TEST(test_once_somebody)
{
	add("bad_async", "empty_once");
	gc_discover_start(discover);
	is_complete(answer(1), "");
	is_complete(answer(2), "good@h");
	ck_assert_uint_ge(answers[1].at_ms, answers[0].at_ms + 220); /* 250 ms, jitter 0.1 */
	loop_for(&loop, 600);
	ck_assert_int_eq(n_answers, 2);
}
END_TEST

/* A plugin that was built with the first header works, and one of a release to come. */
START_TEST(test_abi)
{
	add("abi_old", "'a@h'");
	add("abi_new", NULL);
	gc_discover_start(discover);
	answer(3);
	for (int i = 0; i < 3; i++)
		if (strcmp(answers[i].instance, "abi_new") == 0)
			is_complete(&answers[i], "new@h");
		else if (!answers[i].pushed)
			is_complete(&answers[i], "a@h");
	ck_assert_ptr_nonnull(strstr(logged, "owner web@here, port "));
	ck_assert_ptr_nonnull(strstr(logged, ", 1 of node, number 42"));
}
END_TEST

/* ---- plugins that misbehave on the loop ---- */

START_TEST(test_hang)
{
	const struct kept *k;

	add("bad_async", "#{mode => hang, timeout_ms => 60, refresh_interval_ms => 20}");
	add("static", "['a@h']");
	gc_discover_start(discover);
	answer(1);
	is_complete(first_of("static"), "a@h");
	k = answer(2);
	is_error(k, "timeout");
	ck_assert_str_eq(k->reason, "timeout");
	ck_assert_uint_ge(k->at_ms, 59);
	/* It still has the question: it is not asked again, but each round is answered. */
	is_error(answer(3), "timeout: still busy with the question of 0 s ago");
	ck_assert_ptr_nonnull(strstr(logged, "bad_async: cancelled"));
}
END_TEST

/* One that stays overdue is closed, and another of it is made and asked; nothing else is lost. */
START_TEST(test_again)
{
	struct gc_buf b = {0};

	add("bad_async", "#{mode => hang_first, timeout_ms => 40, refresh_interval_ms => 20}");
	gc_discover_start(discover);
	is_error(answer(1), "timeout");
	is_error(answer(2), "timeout: still busy");
	is_complete(answer(3), "good@h");
	ck_assert_str_eq(answers[2].instance, "bad_async");
	ck_assert_ptr_nonnull(strstr(logged, "no answer in 3 rounds: closed, and made again"));
	ck_assert_ptr_nonnull(strstr(logged, "it answers again"));
	ck_assert_uint_eq(gc_discover_count(discover), 1);
	gc_discover_put(discover, &b);
	ck_assert_ptr_nonnull(memmem(b.data, b.len, "restarts\x61\x01", 10));
	gc_buf_deinit(&b);
	is_complete(answer(4), "good@h");
}
END_TEST

/* Without an answer between, the pauses double: after 3 rounds, 6, 12. */
START_TEST(test_again_backoff)
{
	int first = 0, second = 0;

	add("bad_async", "#{mode => hang, timeout_ms => 20, refresh_interval_ms => 10}");
	gc_discover_start(discover);
	answer(20);
	for (int i = 0; i < 20; i++)
		if (strcmp(answers[i].reason, "timeout") == 0) /* the first of a new one */
			first = second, second = i;
	ck_assert_int_eq(first, 7);
	ck_assert_int_eq(second, 18);
}
END_TEST

/* What is no peer is counted, told once, and harms nobody. */
START_TEST(test_rubbish)
{
	add("bad_async", "#{mode => rubbish, refresh_interval_ms => 20}");
	gc_discover_start(discover);
	is_complete(answer(3), "good@h");
	ck_assert_uint_ge(answers[0].rejected, 14);
	const char *told = strstr(logged, "peers not taken");
	ck_assert_ptr_nonnull(told);
	ck_assert_ptr_null(strstr(told + 1, "peers not taken"));
	ck_assert_ptr_null(strchr(logged, '\x1b'));
	ck_assert_ptr_null(strchr(logged, '\xff'));
}
END_TEST

/* The late answer is swallowed, and the next question finds the plugin well. */
START_TEST(test_late)
{
	add("bad_async", "#{mode => late, timeout_ms => 50, refresh_interval_ms => 400}");
	gc_discover_start(discover);
	is_error(answer(1), "timeout");
	is_complete(answer(2), "good@h");
	is_complete(answer(3), "good@h");
	for (int i = 0; i < n_answers; i++)
		ck_assert_ptr_null(strstr(answers[i].nodes, "late"));
}
END_TEST

START_TEST(test_twice)
{
	add("bad_async", "#{mode => twice, refresh_interval_ms => 20}");
	add("static", "#{nodes => ['a@h'], refresh_interval_ms => 20}");
	gc_discover_start(discover);
	answer(10);
	for (int i = 0; i < 10; i++)
		ck_assert_msg(answers[i].quality == GC_COMPLETE && answers[i].n == 1, "%s: %s",
			      answers[i].instance, answers[i].nodes);
}
END_TEST

/* One that is over is refused in every call, also after its place was used again. */
START_TEST(test_dead_request)
{
	add("bad_async", "#{mode => dead, refresh_interval_ms => 10}");
	gc_discover_start(discover);
	is_complete(answer(1), "real@h");
	for (int i = 2; i <= 12; i++) {
		const struct kept *k = answer(i);
		is_complete(k, "real@h");
		ck_assert_str_eq(k->reason, "taken 0 cancelled 1");
		ck_assert_uint_eq(k->ttl_s, 0);
	}
}
END_TEST

START_TEST(test_flood)
{
	const struct kept *k;
	uint64_t before = uv_hrtime();

	add("bad_async", "flood");
	gc_discover_start(discover);
	k = answer(1);
	ck_assert_int_eq(k->quality, GC_PARTIAL);
	ck_assert_uint_eq(k->n, 1000);
	ck_assert_uint_eq(k->rejected, 9999000);
	fprintf(stderr, "ten million peers took %d ms\n", (int)((uv_hrtime() - before) / 1000000));
}
END_TEST

START_TEST(test_thread)
{
	add("bad_async", "#{mode => thread, timeout_ms => 50}");
	gc_discover_start(discover);
	is_error(answer(1), "timeout: it answered from another thread");
	ck_assert_ptr_nonnull(strstr(logged, "thread: taken 0, push no"));
	ck_assert_ptr_nonnull(strstr(logged, "push() came from another thread"));
	ck_assert_ptr_nonnull(strstr(logged, "closed() came from another thread"));
}
END_TEST

START_TEST(test_refuse)
{
	add("bad_async", "refuse");
	add("bad_async", "quality");
	add("bad_async", "minus"); /* finishes, then says that it cannot: the answer counts */
	gc_discover_start(discover);
	answer(3);
	is_error(first_of("bad_async"), "the plugin could not begin");
	is_error(first_of("bad_async-2"), "the plugin answered with an unknown quality");
	is_complete(first_of("bad_async-3"), "good@h");
}
END_TEST

/* Each complete answer makes the pushed ones before it void: two deliveries, not 100001. */
START_TEST(test_push_flood)
{
	add("bad_async", "push");
	gc_discover_start(discover);
	const struct kept *k = answer(2);
	is_complete(first_of("bad_async"), "last@h");
	ck_assert(first_of("bad_async")->pushed);
	is_complete(k, "good@h");
	ck_assert(!k->pushed);
	ck_assert_ptr_nonnull(strstr(logged, "pushes refused: 0"));
	loop_for(&loop, 20);
	ck_assert_int_eq(n_answers, 2);
}
END_TEST

/* Parts are kept, each may hold something new; but not without end. */
START_TEST(test_push_parts)
{
	add("bad_async", "push_parts");
	gc_discover_start(discover);
	answer(17);
	ck_assert_str_eq(answers[0].nodes, "p0@h");
	ck_assert_str_eq(answers[15].nodes, "p15@h");
	ck_assert_int_eq(answers[15].quality, GC_PARTIAL);
	ck_assert_str_eq(answers[15].reason, "a part");
	is_complete(&answers[16], "good@h");
	ck_assert_ptr_nonnull(strstr(logged, "pushes refused: 84"));
}
END_TEST

START_TEST(test_closed_wrongly)
{
	add("bad_async", "closed_early");
	add("bad_async", "closed_twice");
	ck_assert_ptr_nonnull(strstr(logged, "closed() came before close(): ignored"));
	gc_discover_start(discover);
	answer(2);
	close_all();
}
END_TEST

/* ---- blocking plugins ---- */

START_TEST(test_blocking)
{
	add("bad_blocking", "good");
	add("bad_blocking", "error");
	add("bad_blocking", "reason");
	add("bad_blocking", "finish");
	gc_discover_start(discover);
	answer(4);
	is_complete(first_of("bad_blocking"), "good@h web@10.0.0.1");
	is_error(first_of("bad_blocking-2"), "no such source");
	ck_assert_int_eq(first_of("bad_blocking-3")->quality, GC_PARTIAL);
	const char *reason = first_of("bad_blocking-3")->reason;
	ck_assert_uint_gt(strlen(reason), 1100);
	ck_assert_int_eq(strncmp(reason, "?? .\xc3\xa4", 6), 0);
	/* the half character at its end was cut off, or shown as one that is wrong */
	ck_assert(gc_utf8_count((const uint8_t *)reason, strlen(reason)) != SIZE_MAX);
	is_complete(first_of("bad_blocking-4"), "good@h web@10.0.0.1"); /* finish() was ignored */
	ck_assert_str_eq(first_of("bad_blocking-4")->reason, "");
	ck_assert_ptr_nonnull(strstr(logged, "from the worker, push no"));
	ck_assert_ptr_nonnull(strstr(logged, "a partial answer: ?? ."));
}
END_TEST

/* The loop's own thread is the wrong one for a request that a worker has. */
START_TEST(test_blocking_meddle)
{
	add("bad_blocking", "meddle");
	gc_discover_start(discover);
	is_complete(answer(1), "good@h web@10.0.0.1");
	ck_assert_uint_eq(answer(1)->ttl_s, 0);
}
END_TEST

START_TEST(test_blocking_flood)
{
	add("bad_blocking", "#{mode => flood, timeout_ms => 60000}");
	gc_discover_start(discover);
	ck_assert(loop_until_count(&loop, &n_answers, 1, 60000));
	ck_assert_uint_eq(answers[0].n, 1000);
	ck_assert_uint_eq(answers[0].rejected, 999002);
}
END_TEST

START_TEST(test_blocking_late)
{
	add("bad_blocking", "#{mode => late, timeout_ms => 30, refresh_interval_ms => 200}");
	gc_discover_start(discover);
	is_error(answer(1), "timeout");
	is_complete(answer(2), "good@h web@10.0.0.1");
}
END_TEST

/* Ten that are stuck for ever hold up nobody, and closing neither. Their threads stay, so does what
 * belongs to them: this test is the last in its process. */
START_TEST(test_blocking_forever)
{
	for (int i = 0; i < 10; i++)
		add("bad_blocking",
		    "#{mode => forever, timeout_ms => 500, refresh_interval_ms => 30}");
	add("bad_blocking", "#{mode => good, name => healthy, refresh_interval_ms => 20}");
	gc_discover_start(discover);
	ck_assert_str_eq(answer(1)->instance, "healthy");
	ck_assert(loop_until_count(&loop, &n_answers, 100, 20000));
	is_error(first_of("bad_blocking"), "timeout");
	uint64_t before = uv_hrtime();
	gc_discover_close(discover, on_closed, NULL);
	discover = NULL;
	ck_assert(loop_until_count(&loop, &n_closed, 1, 3000));
	uint64_t took = (uv_hrtime() - before) / 1000000;
	ck_assert_uint_ge(took, 490);
	ck_assert_uint_lt(took, at_most_ms(2000));
	ck_assert_ptr_nonnull(strstr(logged, "did not come back from refresh_blocking"));
	ck_assert(loop_drain(&loop));
}
END_TEST

static int count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void nothing(void *arg)
{
	(void)arg;
}

/* A thread that hangs cannot be ended: others are made in its place, but never more than four, and that is
 * told. They stay. */
START_TEST(test_blocking_stuck)
{
	uv_thread_t first; /* a sanitizer has one of its own from then on */
	ck_assert_int_eq(uv_thread_create(&first, nothing, NULL), 0);
	(void)uv_thread_join(&first);
	int before = count_threads();
	bool is_stuck = false;

	add("bad_blocking", "#{mode => forever, timeout_ms => 15, refresh_interval_ms => 10}");
	add("bad_blocking", "#{mode => good, name => healthy, refresh_interval_ms => 10000}");
	gc_discover_start(discover);
	for (int i = 0; i < KEPT && !is_stuck; i++)
		is_stuck = strncmp(answer(i + 1)->reason, "stuck: 4 of this instance hang", 30) == 0;
	ck_assert(is_stuck);
	answer(n_answers + 20);
	ck_assert_int_le(count_threads(), before + 4);
	ck_assert_uint_eq(gc_discover_count(discover), 2);
	gc_discover_close(discover, on_closed, NULL);
	discover = NULL;
	ck_assert(loop_until_count(&loop, &n_closed, 1, 3000));
	ck_assert(loop_drain(&loop));
}
END_TEST

/* ---- closing ---- */

START_TEST(test_close_in_flight)
{
	add("bad_async", "#{mode => hang, timeout_ms => 5000}");
	add("bad_async", "#{mode => late, timeout_ms => 5000}");
	add("static", "['a@h']");
	add("bad_blocking", "#{mode => late, timeout_ms => 5000}");
	gc_discover_start(discover);
	gc_discover_close(discover, on_closed, NULL);
	ck_assert_int_eq(n_closed, 0); /* never from inside */
	gc_discover_close(discover, on_closed, NULL);
	discover = NULL;
	ck_assert(loop_until_count(&loop, &n_closed, 1, 3000));
	ck_assert_int_eq(n_answers, 0); /* those that waited were dropped */
	ck_assert_int_eq(n_closed, 1);
}
END_TEST

START_TEST(test_close_unused)
{
	add("bad_async", "good");
	add("good_push", NULL);
	ck_assert_int_lt(try_add("bad_async", "create"), 0);
	close_all();
	ck_assert_int_eq(n_answers, 0);
}
END_TEST

static void close_within(void)
{
	if (discover)
		gc_discover_close(discover, on_closed, NULL);
	discover = NULL;
}

START_TEST(test_close_within_answer)
{
	on_each = close_within;
	add("static", "['a@h']");
	add("static", "['b@h']");
	add("bad_blocking", "good");
	gc_discover_start(discover);
	ck_assert(loop_until_count(&loop, &n_closed, 1, 3000));
	ck_assert_int_eq(n_answers, 1);
}
END_TEST

static void refresh_within(void)
{
	if (n_answers < 50)
		gc_discover_refresh(discover);
}

START_TEST(test_refresh_within_answer)
{
	on_each = refresh_within;
	add("static", "['a@h']");
	gc_discover_start(discover);
	answer(50);
	loop_for(&loop, 20);
	ck_assert_int_eq(n_answers, 50);
}
END_TEST

/* Does not close: told, left behind, and the rest goes on. Last in its process, as above. */
START_TEST(test_stay)
{
	add("bad_async", "stay");
	add("static", "['a@h']");
	gc_discover_start(discover);
	answer(2);
	close_all();
	ck_assert_ptr_nonnull(strstr(logged, "did not close within 500 ms: abandoned"));
	ck_assert(loop_drain(&loop));
}
END_TEST

/* A reload: the new ones live while the old ones close. */
START_TEST(test_two_at_once)
{
	struct gc_discover *old = discover;

	add("static", "['a@h']");
	add("bad_blocking", "good");
	gc_discover_start(discover);
	answer(2);
	create(UINT64_MAX, NULL);
	add("static", "['b@h']");
	gc_discover_close(old, NULL, NULL);
	gc_discover_start(discover);
	is_complete(answer(3), "b@h");
	refused("static", "#{nodes => [h], node_basename => 7}", "node_basename");
}
END_TEST

START_TEST(test_no_owner)
{
	close_all();
	n_closed = 0;
	create(UINT64_MAX, NULL);
	add("static", "['a@h', host]");
	gc_discover_start(discover);
	const struct kept *k = answer(1);
	is_complete(k, "a@h");
	ck_assert_uint_eq(k->rejected, 1);
}
END_TEST

/* ---- report ---- */

START_TEST(test_report)
{
	struct gc_arena *arena = gc_arena_create(0);
	struct gc_buf b = {0};
	const struct gc_term *t = NULL, *first;

	gc_discover_put(discover, &b);
	ck_assert_int_eq(gc_etf_decode(arena, b.data, b.len, &t), 0);
	ck_assert_uint_eq(t->n_items, 0);
	gc_buf_reset(&b);
	add("bad_async", "#{mode => good, password => geheim}");
	add("good_push", NULL);
	gc_discover_put(discover, &b); /* before any answer */
	ck_assert_int_eq(gc_etf_decode(arena, b.data, b.len, &t), 0);
	gc_discover_start(discover);
	answer(3);
	gc_buf_reset(&b);
	gc_discover_put(discover, &b);
	ck_assert_int_eq(gc_etf_decode(arena, b.data, b.len, &t), 0);
	ck_assert_uint_eq(t->n_items, 2);
	first = t->items[0];
	ck_assert_str_eq(gc_term_text(gc_term_get(first, "instance")), "bad_async");
	ck_assert(gc_term_is_atom(gc_term_get(first, "quality"), "complete"));
	ck_assert(gc_term_is_atom(gc_term_get(first, "state"), "idle"));
	ck_assert(gc_term_is_atom(gc_term_get(t->items[1], "state"), "pushing"));
	ck_assert_int_eq(gc_term_get(first, "peers")->integer, 1);
	ck_assert_int_eq(gc_term_get(first, "rounds")->integer, 1);
	ck_assert_ptr_null(memmem(b.data, b.len, "geheim", 6));
	gc_buf_deinit(&b);
	gc_arena_destroy(arena);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("discover");
	TCase *t = tcase_create("discover"), *last = tcase_create("abandoned");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_static);
	tcase_add_test(t, test_static_empty);
	tcase_add_test(t, test_basenames);
	tcase_add_test(t, test_names);
	tcase_add_test(t, test_refused);
	tcase_add_test(t, test_push_only);
	tcase_add_test(t, test_interval);
	tcase_add_test(t, test_once);
	tcase_add_test(t, test_once_somebody);
	tcase_add_test(t, test_abi);
	tcase_add_test(t, test_hang);
	tcase_add_test(t, test_again);
	tcase_add_test(t, test_again_backoff);
	tcase_add_test(t, test_rubbish);
	tcase_add_test(t, test_late);
	tcase_add_test(t, test_twice);
	tcase_add_test(t, test_dead_request);
	tcase_add_test(t, test_flood);
	tcase_add_test(t, test_thread);
	tcase_add_test(t, test_refuse);
	tcase_add_test(t, test_push_flood);
	tcase_add_test(t, test_push_parts);
	tcase_add_test(t, test_closed_wrongly);
	tcase_add_test(t, test_blocking);
	tcase_add_test(t, test_blocking_meddle);
	tcase_add_test(t, test_blocking_flood);
	tcase_add_test(t, test_blocking_late);
	tcase_add_test(t, test_close_in_flight);
	tcase_add_test(t, test_close_unused);
	tcase_add_test(t, test_close_within_answer);
	tcase_add_test(t, test_refresh_within_answer);
	tcase_add_test(t, test_two_at_once);
	tcase_add_test(t, test_no_owner);
	tcase_add_test(t, test_report);
	tcase_set_timeout(t, 240); /* ten million peers: seconds of CPU */
	suite_add_tcase(s, t);
	/* What was abandoned is still there: no check that all is given back. */
	tcase_add_checked_fixture(last, setup, NULL);
	tcase_add_test(last, test_stay);
	tcase_add_test(last, test_blocking_stuck);
	tcase_add_test(last, test_blocking_forever);
	suite_add_tcase(s, last);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
