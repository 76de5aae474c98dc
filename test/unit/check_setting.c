/* setting: typed options out of terms, the sentences about wrong ones, and the nearest name. */
#define _GNU_SOURCE /* memmem */
#include "plugin.h"

#include "err.h"
#include "etf.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct gc_option options[] = {
    {"domain", GC_STRING | GC_LIST, GC_OPT_REQUIRED | GC_OPT_MAIN, NULL, 0, 0, NULL,
     "the names to look up"},
    {"record_type", GC_ENUM, 0, "ip", 0, 0, "ip|a|aaaa|srv", "what to ask for"},
    {"port", GC_INTEGER, 0, NULL, 1, 65535, NULL, "the port"},
    {"ports", GC_INTEGER | GC_LIST, 0, "[80, 443]", 0, 0, NULL, "ports"},
    {"pause", GC_DURATION, 0, "5000", 0, 0, NULL, "pause in ms"},
    {"least", GC_DURATION, 0, NULL, 10, 0, NULL, "no upper bound"},
    {"ipv6", GC_BOOLEAN, 0, "false", 0, 0, NULL, "ask for AAAA"},
    {"seeds", GC_NODE | GC_LIST, 0, NULL, 0, 0, NULL, "nodes"},
    {"token", GC_STRING, GC_OPT_SECRET, NULL, 0, 0, NULL, "a secret"},
    {0},
};
static const struct gc_option common[] = {
    {"timeout_ms", GC_DURATION, 0, "10000", 1, 3600000, NULL, "deadline in ms"},
    {0},
};
static const struct gc_option no_main[] = {{"size", GC_INTEGER, 0, NULL, 0, 0, NULL, "a size"},
					   {0}};

static struct gc_arena *arena;
static struct gc_settings *s;
static char err[1024];

static void setup(void)
{
	arena = gc_arena_create(0);
	s = NULL;
	err[0] = '\0';
}

static void teardown(void)
{
	gc_settings_destroy(s);
	gc_arena_destroy(arena);
}

static const struct gc_term *term(const char *text)
{
	const struct gc_term *t = NULL;
	char why[200];
	int rc = gc_term_parse(arena, text, strlen(text), false, &t, why, sizeof(why));

	ck_assert_msg(rc == 0, "%s: %s", text, why);
	return t;
}

static int make(const struct gc_option *o, const char *preset, const char *text)
{
	gc_settings_destroy(s);
	return gc_settings_create(o, common, preset, text ? term(text) : NULL, &s, err,
				  sizeof(err));
}

static void taken(const char *text)
{
	ck_assert_msg(make(options, NULL, text) == 0, "%s: %s", text, err);
}

static void refused(const char *text, const char *with)
{
	ck_assert_msg(make(options, NULL, text) == GC_EINVAL, "%s was taken", text);
	ck_assert_ptr_null(s);
	ck_assert_msg(strstr(err, with) != NULL, "%s: \"%s\" does not say \"%s\"", text, err, with);
}

START_TEST(test_types)
{
	taken("#{domain => \"a.b\", record_type => srv, port => 4370, pause => infinity,"
	      "  ipv6 => true, seeds => ['a@h', \"b@h\", <<\"c@h\">>], token => <<\"x\">>,"
	      "  timeout_ms => 1, ports => [1, 2, 3], least => 10}");
	ck_assert_str_eq(gc_settings_str(s, "domain", 0), "a.b");
	ck_assert_str_eq(gc_settings_str(s, "record_type", 0), "srv");
	ck_assert_int_eq(gc_settings_num(s, "port", 0), 4370);
	ck_assert_int_eq(gc_settings_num(s, "pause", 0), GC_INFINITY);
	ck_assert_int_eq(gc_settings_num(s, "ipv6", 0), 1);
	ck_assert_uint_eq(gc_settings_count(s, "seeds"), 3);
	ck_assert_str_eq(gc_settings_str(s, "seeds", 2), "c@h");
	ck_assert_str_eq(gc_settings_str(s, "token", 0), "x");
	ck_assert_int_eq(gc_settings_num(s, "timeout_ms", 0), 1);
	ck_assert_int_eq(gc_settings_num(s, "ports", 2), 3);
	/* beyond what there is */
	ck_assert_ptr_null(gc_settings_str(s, "seeds", 3));
	ck_assert_ptr_null(gc_settings_str(s, "nosuch", 0));
	ck_assert_int_eq(gc_settings_num(s, "ports", 3), 0);
	ck_assert_uint_eq(gc_settings_count(s, "nosuch"), 0);
}
END_TEST

START_TEST(test_defaults)
{
	taken("#{domain => x}");
	ck_assert_str_eq(gc_settings_str(s, "record_type", 0), "ip");
	ck_assert_uint_eq(gc_settings_count(s, "port"), 0);
	ck_assert_int_eq(gc_settings_num(s, "ports", 1), 443);
	ck_assert_int_eq(gc_settings_num(s, "timeout_ms", 0), 10000);
	ck_assert_int_eq(gc_settings_num(s, "ipv6", 0), 0);
	ck_assert_ptr_null(gc_settings_str(s, "token", 0));
	ck_assert_msg(make(no_main, NULL, NULL) == 0, "%s", err);
	ck_assert_int_eq(make(options, NULL, NULL), GC_EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "option domain is required: the names to look up"));
}
END_TEST

/* A map, a list of pairs, the main value; keys as Elixir may give them. */
START_TEST(test_forms)
{
	taken("[{domain, \"a\"}, {port, 1}, {port, 2}]");
	ck_assert_int_eq(gc_settings_num(s, "port", 0), 1); /* the first, as in a proplist */
	taken("#{<<\"domain\">> => <<\"a\">>}");
	ck_assert_str_eq(gc_settings_str(s, "domain", 0), "a");
	taken("\"main\"");
	ck_assert_str_eq(gc_settings_str(s, "domain", 0), "main");
	taken("['a@h', 'b@h']");
	ck_assert_uint_eq(gc_settings_count(s, "domain"), 2);
	taken("[]"); /* the empty list is a value where the main option is a list */
	ck_assert_uint_eq(gc_settings_count(s, "domain"), 0);
	taken("#{domain => x, port => nil, pause => undefined}");
	ck_assert_uint_eq(gc_settings_count(s, "port"), 0);
	ck_assert_int_eq(gc_settings_num(s, "pause", 0), 5000);
	ck_assert_msg(make(no_main, NULL, "[]") == 0, "%s", err);
	ck_assert_msg(make(no_main, NULL, "nil") == 0, "%s", err);
	ck_assert_int_eq(make(no_main, NULL, "\"text\""), GC_EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "must be a map"));
}
END_TEST

START_TEST(test_preset)
{
	ck_assert_msg(make(options, "#{record_type => srv}", "#{domain => x}") == 0, "%s", err);
	ck_assert_str_eq(gc_settings_str(s, "record_type", 0), "srv");
	ck_assert_msg(make(options, "#{record_type => srv}", "#{domain => x, record_type => a}") ==
			  0,
		      "%s", err);
	ck_assert_str_eq(gc_settings_str(s, "record_type", 0), "a");
}
END_TEST

START_TEST(test_wrong)
{
	refused("#{domain => 1}", "domain: 1 is not a string, or a list of these");
	refused("#{domain => [x, 1.5]}", "is not a string");
	refused("#{domain => x, port => 0}", "port: 0 is not an integer from 1 to 65535");
	refused("#{domain => x, port => 65536}", "65536");
	refused("#{domain => x, port => \"80\"}", "is not an integer");
	refused("#{domain => x, port => [80]}", "is not an integer");
	refused("#{domain => x, port => 99999999999999999999999}", "is not an integer");
	refused("#{domain => x, pause => -1}", "pause: -1 is not a duration in ms or infinity");
	refused("#{domain => x, least => 9}", "a duration in ms of at least 10, or infinity");
	refused("#{domain => x, timeout_ms => infinity}", "from 1 to 3600000");
	refused("#{domain => x, ipv6 => maybe}", "ipv6: maybe is not true or false");
	refused("#{domain => x, record_type => mx}", "mx is not one of ip|a|aaaa|srv");
	refused("#{domain => x, record_type => 'ip|a'}", "one of");
	refused("#{domain => x, record_type => ''}", "one of");
	refused("#{domain => x, seeds => ['a@h', b]}", "seeds: b is not a node name");
	refused("#{domain => <<\"a\\0b\">>}", "is not a string");
	refused("#{domain => x, token => 1234567}", "token: the value is not a string");
	ck_assert_ptr_null(strstr(err, "1234567"));
	refused("#{domain => x, 17 => y}", "unknown option (not an atom)");
	refused("17", "domain: 17 is not");
}
END_TEST

START_TEST(test_unknown)
{
	refused("#{domain => x,\n  prot => 80}", "line 2: unknown option prot; did you mean port?");
	refused("#{domain => x, timeout => 80}", "did you mean timeout_ms?");
	refused("#{domain => x, zzzzz => 80}", "(known: domain, record_type, port");
	ck_assert_ptr_null(strstr(err, "did you mean"));
}
END_TEST

/* The host may read its own options whatever the plugin says of them, but only in their type. */
START_TEST(test_shared)
{
	static const struct gc_option same[] = {
	    {"timeout_ms", GC_DURATION, 0, "7", 0, 0, NULL, "mine"}, {0}};
	static const struct gc_option other[] = {{"timeout_ms", GC_STRING, 0, NULL, 0, 0, NULL, ""},
						 {0}};

	ck_assert_msg(make(same, NULL, NULL) == 0, "%s", err);
	ck_assert_int_eq(gc_settings_num(s, "timeout_ms", 0), 7);
	ck_assert_int_eq(make(other, NULL, NULL), GC_EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "timeout_ms with another type"));
}
END_TEST

START_TEST(test_wrong_default)
{
	static const struct gc_option no_term[] = {{"x", GC_STRING, 0, "{", 0, 0, NULL, ""}, {0}};
	static const struct gc_option no_value[] = {{"x", GC_INTEGER, 0, "a", 0, 0, NULL, ""}, {0}};

	ck_assert_int_eq(make(no_term, NULL, NULL), GC_EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "the default of option x is no term"));
	ck_assert_int_eq(make(no_value, NULL, NULL), GC_EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "x: a is not an integer"));
}
END_TEST

/* What came over the port is read like what came as text: a list of small integers is a string
 * there. */
START_TEST(test_from_etf)
{
	struct gc_buf b = {0};
	const struct gc_term *t = NULL;

	gc_etf_put_map(&b, 3);
	gc_etf_put_atom(&b, "domain");
	gc_etf_put_string(&b, "a.b");
	gc_etf_put_atom(&b, "ports");
	gc_etf_put_string(&b, "\x01\x02\x03");
	gc_etf_put_atom(&b, "seeds");
	gc_etf_put_nil(&b);
	ck_assert_int_eq(gc_etf_decode(arena, b.data, b.len, &t), 0);
	ck_assert_msg(gc_settings_create(options, common, NULL, t, &s, err, sizeof(err)) == 0, "%s",
		      err);
	ck_assert_uint_eq(gc_settings_count(s, "domain"), 1);
	ck_assert_str_eq(gc_settings_str(s, "domain", 0), "a.b");
	ck_assert_uint_eq(gc_settings_count(s, "ports"), 3);
	ck_assert_int_eq(gc_settings_num(s, "ports", 2), 3);
	ck_assert_uint_eq(gc_settings_count(s, "seeds"), 0);
	gc_buf_deinit(&b);
}
END_TEST

START_TEST(test_put)
{
	struct gc_buf b = {0};
	const struct gc_term *t = NULL;

	taken("#{domain => x, token => \"geheim\", pause => infinity, seeds => []}");
	gc_settings_put(s, &b);
	ck_assert_int_eq(gc_etf_decode(arena, b.data, b.len, &t), 0);
	ck_assert_str_eq(gc_term_text(gc_term_get(t, "token")), "***");
	ck_assert(gc_term_is_atom(gc_term_get(t, "pause"), "infinity"));
	ck_assert_uint_eq(gc_term_get(t, "seeds")->n_items, 0);
	ck_assert_int_eq(gc_term_get(t, "domain")->type, GC_TERM_LIST);
	ck_assert_ptr_null(gc_term_get(t, "port"));
	ck_assert_ptr_null(memmem(b.data, b.len, "geheim", 6));
	gc_buf_deinit(&b);
}
END_TEST

START_TEST(test_nearest)
{
	static const char *const known[] = {"refresh_interval_ms", "timeout_ms", "port", "domain",
					    "dist"};
	static const struct {
		const char *name, *nearest;
	} rows[] = {
	    {"refresh_intervall_ms", "refresh_interval_ms"},
	    {"refresh_interval", "refresh_interval_ms"},
	    {"Refresh-Interval-Ms", "refresh_interval_ms"},
	    {"timeout", "timeout_ms"},
	    {"prot", "port"},
	    {"domian", "domain"},
	    {"dis", "dist"},
	    {"xyz", NULL},
	    {"", NULL},
	    {"p", NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_pstr_eq(gc_nearest(rows[i].name, known, 5), rows[i].nearest);
	ck_assert_ptr_null(gc_nearest("port", NULL, 0));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("setting");
	TCase *t = tcase_create("setting");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_types);
	tcase_add_test(t, test_defaults);
	tcase_add_test(t, test_forms);
	tcase_add_test(t, test_preset);
	tcase_add_test(t, test_wrong);
	tcase_add_test(t, test_unknown);
	tcase_add_test(t, test_shared);
	tcase_add_test(t, test_wrong_default);
	tcase_add_test(t, test_from_etf);
	tcase_add_test(t, test_put);
	tcase_add_test(t, test_nearest);
	suite_add_tcase(suite, t);
	SRunner *r = srunner_create(suite);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
