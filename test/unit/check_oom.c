/* Memory runs out: each allocation of each parser, and of the plugin host, is made to fail once.
 * Nothing may be leaked, nothing torn may be taken for whole, and what fails says so. (The cluster:
 * check_cluster_oom.) */
#include "config.h"
#include "counted_alloc.h"
#include "discover.h"
#include "dns_priv.h"
#include "err.h"
#include "etf.h"
#include "log.h"
#include "plugin.h"
#include "port.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ck_assert takes memory itself */
#define REQUIRE(x)                                                                                 \
	do {                                                                                       \
		if (!(x))                                                                          \
			stop(__LINE__, #x);                                                        \
	} while (0)

static void stop(int line, const char *what)
{
	fail_call(0);
	ck_abort_msg("line %d: %s", line, what);
}

/* Runs it with each of its allocations failing in turn, and once with none. It gives 0 or a
 * negative gc_err; without a failure it must give `want`. */
static void each_fails(int (*run)(const char *input), const char *input, int want)
{
	for (uint64_t n = 1;; n++) {
		size_t before = counted_bytes();
		uint64_t failed = failed_calls();

		fail_call(n);
		int rc = run(input);
		fail_call(0);
		ck_assert_uint_eq(counted_bytes(), before);
		if (failed_calls() == failed) {
			ck_assert_int_eq(rc, want);
			ck_assert_uint_gt(n, 1); /* or there was nothing to fail */
			return;
		}
		ck_assert_int_le(rc, 0);
	}
}

/* ---- parsers ---- */

static int parse_text(struct gc_arena *a, const char *text, const struct gc_term **t_r)
{
	char err[200] = "";
	int rc = a ? gc_term_parse(a, text, strlen(text), false, t_r, err, sizeof(err)) : GC_ENOMEM;

	REQUIRE((rc == 0) == (*t_r != NULL));
	return rc;
}

/* Text, tree, bytes, tree again. */
static int term_round(const char *text)
{
	struct gc_arena *a = gc_arena_create(0);
	const struct gc_term *t = NULL, *again = NULL;
	struct gc_buf etf = {0}, printed = {0};
	int rc = parse_text(a, text, &t);

	if (rc == 0) {
		gc_etf_put_term(&etf, t);
		gc_term_print(t, &printed, SIZE_MAX);
		rc = etf.failed || printed.failed ? GC_ENOMEM
						  : gc_etf_decode(a, etf.data, etf.len, &again);
	}
	gc_buf_deinit(&etf);
	gc_buf_deinit(&printed);
	gc_arena_destroy(a);
	return rc;
}

static int configuration(const char *text)
{
	struct gc_arena *a = gc_arena_create(0);
	const struct gc_term *t = NULL;
	struct gc_config *c = NULL;
	struct gc_buf told = {0};
	char err[400] = "";
	int rc = parse_text(a, text, &t);

	if (rc == 0) {
		rc = gc_config_from_term(t, "f", &c, err, sizeof(err));
		REQUIRE((rc == 0) == (c != NULL) && (rc == 0 || *err));
	}
	if (c) {
		gc_config_put(c, &told);
		REQUIRE(told.failed || gc_etf_check(told.data, told.len) == (int64_t)told.len);
	}
	gc_buf_deinit(&told);
	gc_config_destroy(c);
	gc_arena_destroy(a);
	return rc;
}

static const struct gc_option options[] = {
    {"domain", GC_STRING | GC_LIST, GC_OPT_MAIN, NULL, 0, 0, NULL, "names"},
    {"port", GC_INTEGER, 0, NULL, 1, 65535, NULL, "a port"},
    {"ports", GC_INTEGER | GC_LIST, 0, "[80, 443]", 0, 0, NULL, "ports"},
    {"seeds", GC_NODE | GC_LIST, 0, NULL, 0, 0, NULL, "nodes"},
    {0},
};

static int settings(const char *text)
{
	struct gc_arena *a = gc_arena_create(0);
	const struct gc_term *t = NULL;
	struct gc_settings *s = NULL;
	char err[400] = "";
	int rc = parse_text(a, text, &t);

	if (rc == 0) {
		rc = gc_settings_create(options, NULL, "#{port => 1}", t, &s, err, sizeof(err));
		REQUIRE((rc == 0) == (s != NULL) && (rc == 0 || *err));
	}
	gc_settings_destroy(s);
	gc_arena_destroy(a);
	return rc;
}

/* The answer of a server to A web.test: one address. */
static int dns_answer(const char *unused)
{
	static const uint8_t message[] = "\0\1\x81\x80\0\1\0\1\0\0\0\0\3web\4test\0\0\1\0\1\xc0\x0c"
					 "\0\1\0\1\0\0\0\5\0\4\x0a\0\0\1";
	struct gc_buf records = {0};
	const char *why = NULL;
	int n = gc_dns_parse(message, sizeof(message) - 1, "web.test", GC_DNS_A, &records, &why);

	(void)unused;
	REQUIRE(why && records.len == (n > 0 ? sizeof(struct gc_dns_record) : 0));
	gc_buf_deinit(&records);
	return n > 0 ? 0 : n;
}

#define EVERYTHING                                                                                 \
	"{a, 'b c', 1, -1, 16#ff, 1208925819614629174706176, 1.5, \"s\", <<\"b\">>, [], [x, "      \
	"\"y\"], "                                                                                 \
	"#{k => #{v => [1, 2, 3]}}}"
#define CONFIG                                                                                     \
	"[{discovery, [{static, ['a@h', 'b@h']}, {dns, #{domain => \"d\"}}]}, {dist, erl}, "       \
	"{reconnect, #{min_ms => 1, max_ms => 2}}, {notify, [x, {y, 'z@h'}]}, {owner, 'o@h'}, "    \
	"{plugin_path, [\"/p\", \"/q\"]}, {removed, {disconnect_after, 5}}, {ready, #{members => " \
	"1}}]"

START_TEST(parsers)
{
	each_fails(term_round, EVERYTHING, 0);
	each_fails(configuration, CONFIG, 0);
	each_fails(configuration, "[{discovery, {static, []}}, {conect_timeout_ms, 1}]", GC_EINVAL);
	each_fails(settings, "#{domain => [\"a\", \"b\"], ports => [1, 2], seeds => ['a@h']}", 0);
	each_fails(settings, "#{domains => [\"a\", \"b\"]}", GC_EINVAL);
	each_fails(dns_answer, NULL, 0);
}
END_TEST

/* ---- the plugin host ---- */

static uv_loop_t loop;
static int n_answers, n_closed;
static enum gc_quality quality;

static void quiet(void *arg, enum gc_log_level level, const char *area, const char *line)
{
	(void)arg;
	(void)level;
	(void)area;
	(void)line;
}

static void on_answer(void *arg, const struct gc_answer *a)
{
	(void)arg;
	n_answers++;
	quality = a->quality;
	REQUIRE(a->quality != GC_COMPLETE || a->n == 2); /* a part is never taken for the whole */
}

static void on_closed(void *arg)
{
	(void)arg;
	n_closed++;
}

/* An instance of the plugin static from its making to its end, with one answer in between. */
static int instance(const char *dir)
{
	struct gc_plugin_path path = {&dir, 1};
	struct gc_discover_config c = {.loop = &loop,
				       .refresh_interval_ms = UINT64_MAX,
				       .max_peers = 10,
				       .owner = "o@h",
				       .cnode = "c@h",
				       .on_answer = on_answer};
	struct gc_arena *a = gc_arena_create(0);
	const struct gc_term *t = NULL;
	struct gc_discover *d = NULL;
	char err[400] = "";
	int rc = parse_text(a, "['a@h', 'b@h']", &t);

	n_answers = n_closed = 0;
	if (rc == 0)
		rc = gc_discover_create(&c, &d);
	if (rc == 0) {
		rc = gc_discover_add(d, &path, "static", t, err, sizeof(err));
		REQUIRE(rc == 0 || *err);
	}
	if (rc == 0) {
		struct gc_buf told = {0};

		gc_discover_start(d);
		while (n_answers == 0)
			(void)uv_run(&loop, UV_RUN_ONCE);
		gc_discover_put(d, &told);
		gc_buf_deinit(&told);
		rc = quality == GC_COMPLETE ? 0 : GC_ENOMEM;
	}
	if (d) {
		gc_discover_close(d, on_closed, NULL);
		while (n_closed == 0)
			(void)uv_run(&loop, UV_RUN_ONCE);
	}
	gc_arena_destroy(a);
	return rc;
}

START_TEST(plugin_host)
{
	const char *build = getenv("GC_BUILDDIR");
	char dir[600];

	(void)snprintf(dir, sizeof(dir), "%s/plugins/.libs", build ? build : ".");
	gc_log_open(quiet, NULL, GC_LOG_ERROR);
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(instance(dir), 0); /* what is kept for good, as the table of handles */
	each_fails(instance, dir, 0);
	while (uv_run(&loop, UV_RUN_NOWAIT) != 0)
		;
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("out of memory");
	TCase *t = tcase_create("each allocation fails");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, parsers);
	tcase_add_test(t, plugin_host);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
