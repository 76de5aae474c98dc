/* config: every option from file, port term, command line and environment; what the Erlang library
 * took; the sentence of each error; the cookie file. */
#include "config.h"

#include "err.h"
#include "etf.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sys/wait.h>
#include <signal.h>

static char err[1024], dir[32], file[64];

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/gc_config_XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/f.config", dir);
}

static void teardown(void)
{
	(void)unlink(file);
	(void)rmdir(dir);
}

static void write_file(const void *text, size_t len, mode_t mode)
{
	(void)unlink(file);
	FILE *f = fopen(file, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(file, mode), 0);
}

static int load(const char *text, struct gc_config **c)
{
	write_file(text, strlen(text), 0600);
	err[0] = '\0';
	int rc = gc_config_from_file(file, c, err, sizeof(err));
	ck_assert((rc == 0) == (*c != NULL));
	ck_assert((rc == 0) == (err[0] == '\0'));
	return rc;
}

/* The same options as they come over the port. */
static int load_term(const char *text, struct gc_config **c)
{
	struct gc_arena *a = gc_arena_create(0);
	const struct gc_term *t;
	struct gc_buf b = {0};

	ck_assert_int_eq(gc_term_parse(a, text, strlen(text), false, &t, err, sizeof(err)), 0);
	gc_etf_put_term(&b, t);
	ck_assert_int_eq(gc_etf_decode(a, b.data, b.len, &t), 0);
	int rc = gc_config_from_term(t, NULL, c, err, sizeof(err));
	gc_buf_deinit(&b);
	gc_arena_destroy(a); /* the configuration needs nothing of it */
	return rc;
}

static struct gc_config *good(const char *text)
{
	struct gc_config *c;
	int rc = load(text, &c);

	ck_assert_msg(rc == 0, "%s: %s", text, err);
	return c;
}

/* want: as it prints, or with other spaces. */
static void assert_answer(const struct gc_config *c, const char *key, const char *want)
{
	struct gc_arena *a = gc_arena_create(0);
	struct gc_buf b = {0}, text = {0}, wanted = {0};
	const struct gc_term *t;

	gc_config_put(c, &b);
	ck_assert_int_eq(gc_etf_decode(a, b.data, b.len, &t), 0);
	gc_term_print(gc_term_get(t, key), &text, SIZE_MAX);
	gc_buf_put_u8(&text, 0);
	ck_assert_int_eq(gc_term_parse(a, want, strlen(want), false, &t, err, sizeof(err)), 0);
	gc_term_print(t, &wanted, SIZE_MAX);
	gc_buf_put_u8(&wanted, 0);
	ck_assert_msg(strcmp((char *)text.data, (char *)wanted.data) == 0, "%s: %s is not %s", key,
		      (char *)text.data, want);
	gc_buf_deinit(&b);
	gc_buf_deinit(&text);
	gc_buf_deinit(&wanted);
	gc_arena_destroy(a);
}

/* ---- defaults ---- */

START_TEST(defaults)
{
	struct gc_config *c;

	ck_assert_int_eq(gc_config_default(&c), 0);
	ck_assert(!c->is_empty);
	ck_assert_uint_eq(c->n_discovery, 0);
	ck_assert_ptr_null(c->dist.name);
	ck_assert_uint_eq(c->refresh_interval_ms, 5000);
	ck_assert_double_eq(c->refresh_jitter, 0.1);
	ck_assert_uint_eq(c->reconnect_min_ms, 200);
	ck_assert_uint_eq(c->reconnect_max_ms, 30000);
	ck_assert_uint_eq(c->connect_timeout_ms, 7000);
	ck_assert_int_eq(c->removed, GC_REMOVED_KEEP);
	ck_assert_uint_eq(c->confirm_removal, 3);
	ck_assert_uint_eq(c->max_peers, 5000);
	ck_assert_uint_eq(c->n_notify, 1);
	ck_assert_str_eq(c->notify[0].name, "gen_cluster");
	ck_assert_ptr_null(c->notify[0].node);
	ck_assert(!c->links_probe);
	ck_assert(!c->has_ready);
	ck_assert_uint_eq(c->n_plugin_path, 0);
	ck_assert_uint_eq(c->n_allow, 0);
	ck_assert_ptr_null(c->owner);
	ck_assert_ptr_null(c->name);
	ck_assert_ptr_null(c->cookie_file);
	ck_assert_int_eq(gc_config_epmd(c), GC_CONFIG_EPMD_TRUE);
	ck_assert_uint_eq(c->n_listen_addresses, 0);
	ck_assert_uint_eq(c->net_ticktime_s, 60);
	ck_assert_int_eq(c->log_level, GC_LOG_NOTICE);
	gc_config_destroy(c);
	gc_config_destroy(NULL);
}
END_TEST

struct rows {
	size_t n;
	const struct gc_config *c;
};

/* The default that is documented is the one that is in force. */
static void check_row(void *arg, const char *key, const char *type, const char *dflt,
		      const char *help)
{
	struct rows *rows = arg;

	rows->n++;
	ck_assert(*key && *type && *help);
	if (!dflt)
		assert_answer(rows->c, key, "undefined");
	else if (strcmp(key, "reconnect") == 0)
		assert_answer(rows->c, key, type);
	else
		assert_answer(rows->c, key, dflt);
}

START_TEST(help_tells_the_defaults)
{
	struct gc_config *c;
	struct rows rows = {0};

	ck_assert_int_eq(gc_config_default(&c), 0);
	rows.c = c;
	gc_config_each_row(check_row, &rows);
	ck_assert_uint_eq(rows.n, 26);
	gc_config_destroy(c);
}
END_TEST

/* ---- right ---- */

/* Every option once; want: what `config` answers. */
static const struct {
	const char *key, *text, *want;
} right[] = {
    {"discovery", "{dns, #{domain => \"a\"}}", "[<<\"dns\">>]"},
    {"discovery", "static", "[<<\"static\">>]"},
    {"discovery", "{static, ['a@h', \"b@h\"]}", "[<<\"static\">>]"},
    {"discovery", "{gc_discover_dns_srv, [{domain, \"a\"}]}", "[<<\"gc_discover_dns_srv\">>]"},
    {"discovery", "[static, {epmd, #{}}, {\"/x/y.so\", #{}}, <<\"z\">>]",
     "[<<\"static\">>,<<\"epmd\">>,<<\"/x/y.so\">>,<<\"z\">>]"},
    {"discovery", "\"/x/y.so\"", "[<<\"/x/y.so\">>]"},
    {"discovery", "[]", "[]"},
    {"dist", "erl", "<<\"erl\">>"},
    {"dist", "{partisan, #{}}", "<<\"partisan\">>"},
    {"dist", "{\"/path/x.so\", [{a, b}]}", "<<\"/path/x.so\">>"},
    {"refresh_interval_ms", "infinity", "infinity"},
    {"refresh_interval_ms", "1", "1"},
    {"refresh_interval_ms", "4294967295", "4294967295"},
    {"refresh_jitter", "0", "0.0"},
    {"refresh_jitter", "1", "1.0"},
    {"refresh_jitter", "0.25", "0.25"},
    {"reconnect", "#{min_ms => 5}", "#{min_ms => 5,max_ms => 30000}"},
    {"reconnect", "[{max_ms, 1000}]", "#{min_ms => 200,max_ms => 1000}"},
    {"reconnect", "[]", "#{min_ms => 200,max_ms => 30000}"},
    {"connect_timeout_ms", "100", "100"},
    {"removed", "disconnect", "disconnect"},
    {"removed", "{disconnect_after, 0}", "{disconnect_after,0}"},
    {"confirm_removal", "1", "1"},
    {"max_peers", "2", "2"},
    {"notify", "[]", "[]"},
    {"notify", "a", "[a]"},
    {"notify", "{a, 'b@c'}", "[{a,b@c}]"},
    {"notify", "[a, {b, \"c@d\"}]", "[a,{b,c@d}]"},
    {"links", "probe", "probe"},
    {"ready", "#{}", "#{members => 0,stable_ms => 5000,timeout_ms => infinity}"},
    {"ready", "#{members => 3, stable_ms => 0, timeout_ms => 9}",
     "#{members => 3,stable_ms => 0,timeout_ms => 9}"},
    {"plugin_path", "[\"/a\", <<\"b\">>, c]", "[<<\"/a\">>,<<\"b\">>,<<\"c\">>]"},
    {"plugin_path", "\"/a\"", "[<<\"/a\">>]"},
    {"owner", "'a@b.c'", "'a@b.c'"},
    {"owner", "\"a@b.c\"", "'a@b.c'"},
    {"owner", "<<\"a@::1\">>", "'a@::1'"},
    {"owner_address", "\"10.0.0.1\"", "<<\"10.0.0.1\">>"},
    {"owner_address", "\"fe80::1%eth0\"", "<<\"fe80::1%eth0\">>"},
    {"owner_port", "65535", "65535"},
    {"name", "'g@h'", "g@h"},
    {"cookie_file", "\"/a/b\"", "<<\"/a/b\">>"},
    {"allow", "[\"10.0.0.0/8\", <<\"fd00::/8\">>, eth0]", "[<<\"10.0.0.0/8\">>,<<\"fd00::/8\">>,<<\"eth0\">>]"},
    {"allow", "\"10.1.2.3\"", "[<<\"10.1.2.3\">>]"},
    {"listen_address", "\"::\"", "[<<\"::\">>]"},
    {"listen_address", "[\"10.0.0.1\", <<\"fd00::7\">>, '::1']",
     "[<<\"10.0.0.1\">>,<<\"fd00::7\">>,<<\"::1\">>]"},
    {"listen_address", "[]", "undefined"},
    {"listen_port", "1", "1"},
    {"epmd", "false", "false"},
    {"epmd", "true", "true"},
    {"epmd", "auto", "auto"},
    {"dist_port", "4370", "4370"},
    {"net_ticktime", "8", "8"},
    {"log_level", "debug", "debug"},
};

START_TEST(right_values)
{
	char text[300];
	struct gc_config *c;

	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		(void)snprintf(text, sizeof(text), "[{%s, %s}].", right[i].key, right[i].text);
		c = good(text);
		assert_answer(c, right[i].key, right[i].want);
		ck_assert(!c->is_empty);
		gc_config_destroy(c);
		ck_assert_int_eq(load_term(text, &c), 0);
		assert_answer(c, right[i].key, right[i].want);
		gc_config_destroy(c);
		ck_assert_int_eq(gc_config_default(&c), 0);
		ck_assert_int_eq(
		    gc_config_set(c, right[i].key, right[i].text, "--x", err, sizeof(err)), 0);
		assert_answer(c, right[i].key, right[i].want);
		gc_config_destroy(c);
	}
}
END_TEST

START_TEST(options_of_plugins)
{
	struct gc_config *c = good("[{discovery, [{dns, #{domain => \"a\"}}, static]},\n"
				   " {dist, {partisan, [{b, c}]}}].");

	ck_assert_str_eq(gc_term_text(gc_term_get(c->discovery[0].opts, "domain")), "a");
	ck_assert_uint_eq(c->discovery[0].opts->line, 1);
	ck_assert_ptr_null(c->discovery[1].opts);
	ck_assert_str_eq(c->dist.name, "partisan");
	ck_assert(gc_term_is_atom(gc_term_get(c->dist.opts, "b"), "c"));
	gc_config_destroy(c);
}
END_TEST

START_TEST(shapes_of_a_file)
{
	static const struct {
		const char *text;
		unsigned port;
		bool is_empty;
	} shapes[] = {
	    {"[{listen_port, 7}].", 7, false},
	    {"#{listen_port => 7}.", 7, false},
	    {"{gen_cluster, [{listen_port, 7}]}.", 7, false},
	    {"[{kernel, [{a, b}]}, {gen_cluster, [{listen_port, 7}]}, \"other.config\"].", 7,
	     false},
	    {"[{gen_cluster, [{program, 1}, {listen_port, 7}, {restart, #{min_ms => 1}}]}].", 7,
	     false},
	    {"[].", 0, true},
	    {"#{}.", 0, true},
	    {"{gen_cluster, []}.", 0, true},
	    {"[{kernel, []}, {gen_cluster, []}].", 0, true},
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		struct gc_config *c = good(shapes[i].text);
		ck_assert_uint_eq(c->listen_port, shapes[i].port);
		ck_assert(c->is_empty == shapes[i].is_empty);
		gc_config_destroy(c);
	}
}
END_TEST

/* ---- wrong ---- */

static const struct {
	const char *text, *sentence; /* behind the name of the file */
} wrong[] = {
    {"", ":1: there is no term"},
    {"[{a, b}", ":1: ',' or ']' is missing at the end; the last bracket still open is of line 1"},
    {"[]", ":1: '.' is missing before the end"},
    {"foo.", ":1: foo: must be {key, value}, in a list"},
    {"[\n a].", ":2: a: must be {key, value}, in a list"},
    {"[{a, b, c}].", ":1: {a,b,c}: must be {key, value}, in a list"},
    {"[{\"owner\", 1}].", ":1: a key must be an atom"},
    {"[{listen_port, 1},\n {listen_port, 2}].", ":2: listen_port: given twice"},
    {"[\n{refresh_interval, 5}].",
     ":2: refresh_interval: unknown option (did you mean refresh_interval_ms?)"},
    {"[{discovry, dns}].", ":1: discovry: unknown option (did you mean discovery?)"},
    {"[{discovery, 5}].", ":1: discovery: 5: must be Name, {Name, Options}, or a list of these"},
    {"[{discovery, {dns, a, b}}].",
     ":1: discovery: {dns,a,b}: must be Name, {Name, Options}, or a list of these"},
    {"[{discovery, [dns,\n {\"\", 1}]}].",
     ":2: discovery: {[],1}: must be Name, {Name, Options}, or a list of these"},
    {"[{dist, [erl]}].", ":1: dist: [erl]: must be erl, ei, partisan, Name or {Name, Options}"},
    {"[{refresh_interval_ms, 0}].",
     ":1: refresh_interval_ms: 0: must be milliseconds from 1 to 4294967295, or infinity"},
    {"[{refresh_interval_ms, 4294967296}].", ":1: refresh_interval_ms: 4294967296: must be "
					     "milliseconds from 1 to 4294967295, or infinity"},
    {"[{connect_timeout_ms, infinity}].",
     ":1: connect_timeout_ms: infinity: must be milliseconds from 1 to 4294967295"},
    {"[{refresh_jitter, 1.5}].", ":1: refresh_jitter: 1.5: must be a number from 0 to 1"},
    {"[{refresh_jitter, -0.1}].", ":1: refresh_jitter: -0.1: must be a number from 0 to 1"},
    {"[{reconnect, #{min => 1}}].", ":1: reconnect: min: unknown option (did you mean min_ms?)"},
    {"[{reconnect, #{min_ms => 0}}].",
     ":1: reconnect: min_ms: 0: must be milliseconds from 1 to 4294967295"},
    {"[{reconnect, #{min_ms => 5, max_ms => 4}}].", ":1: reconnect: min_ms is more than max_ms"},
    {"[{reconnect, 5}].", ":1: reconnect: 5: must be #{min_ms => 200, max_ms => 30000}"},
    {"[{reconnect, [min_ms]}].",
     ":1: reconnect: [min_ms]: must be #{min_ms => 200, max_ms => 30000}"},
    {"[{removed, {disconnect_after, -1}}].", ":1: removed: {disconnect_after,-1}: must be keep, "
					     "disconnect or {disconnect_after, Ms}"},
    {"[{confirm_removal, 0}].", ":1: confirm_removal: 0: must be an integer from 1 to 1000000"},
    {"[{max_peers, 0}].", ":1: max_peers: 0: must be an integer from 1 to 10000000"},
    {"[{max_peers, 99999999999999999999}].",
     ":1: max_peers: 99999999999999999999: must be an integer from 1 to 10000000"},
    {"[{notify, [undefined]}].",
     ":1: notify: undefined: must be a list of Name (on the owner) or {Name, Node}"},
    {"[{notify, {a, b}}].",
     ":1: notify: {a,b}: must be a list of Name (on the owner) or {Name, Node}"},
    {"[{links, prob}].", ":1: links: prob: must be keep or probe (did you mean probe?)"},
    {"[{ready, #{members => -1}}].",
     ":1: ready: members: -1: must be an integer from 0 to 10000000"},
    {"[{plugin_path, [\"\"]}].", ":1: plugin_path: []: must be a list of directories"},
    {"[{allow, [\"10.0.0.1/8\"]}].",
     ":1: allow: \"10.0.0.1/8\": must be a list of addresses, networks (10.0.0.0/8, no bit set beyond the "
     "prefix) or interfaces"},
    {"[{allow, []}].",
     ":1: allow: []: must be a list of addresses, networks (10.0.0.0/8, no bit set beyond the prefix) or interfaces"},
    {"[{allow, [1.5]}].",
     ":1: allow: 1.5: must be a list of addresses, networks (10.0.0.0/8, no bit set beyond the prefix) or interfaces"},
    {"[{owner, a}].", ":1: owner: a: must be a node name (name@host)"},
    {"[{owner, 'a b@c'}].", ":1: owner: 'a b@c': must be a node name (name@host)"},
    {"[{name, \"a@b@c\"}].", ":1: name: \"a@b@c\": must be a node name (name@host)"},
    {"[{owner_address, \"host\"}].",
     ":1: owner_address: \"host\": must be a numeric IPv4 or IPv6 address"},
    {"[{owner_address, \"1.2.3.4%eth0\"}].",
     ":1: owner_address: \"1.2.3.4%eth0\": must be a numeric IPv4 or IPv6 address"},
    {"[{listen_port, 65536}].", ":1: listen_port: 65536: must be an integer from 0 to 65535"},
    {"[{epmd, no}].", ":1: epmd: no: must be true, false or auto (where there is one)"},
    {"[{cookie_file, []}].", ":1: cookie_file: []: must be a file name"},
    {"[{cookie_file, \"a\\0b\"}].", ":1: cookie_file: [97,0,98]: must be a file name"},
    {"[{net_ticktime, 0}].", ":1: net_ticktime: 0: must be an integer from 1 to 86400"},
    {"[{log_level, notic}].", ":1: log_level: notic: must be error, warning, notice, info or "
			      "debug (did you mean notice?)"},
};

START_TEST(wrong_files)
{
	char want[600];
	struct gc_config *c;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		ck_assert_msg(load(wrong[i].text, &c) == GC_EINVAL, "%s", wrong[i].text);
		(void)snprintf(want, sizeof(want), "%s%s", file, wrong[i].sentence);
		ck_assert_str_eq(err, want);
	}
}
END_TEST

/* No key comes near: then all are told, and what a sys.config needs. */
START_TEST(wrong_sys_config)
{
	struct gc_config *c;

	ck_assert_int_eq(load("[{kernel, [{logger, []}]}].", &c), GC_EINVAL);
	ck_assert_ptr_nonnull(
	    strstr(err, ":1: kernel: unknown option; known are discovery, dist, "));
	ck_assert_ptr_nonnull(strstr(err, ", net_ticktime, log_level (a sys.config needs an entry "
					  "{gen_cluster, [...]})"));
}
END_TEST

/* Over the port there is neither file nor line. */
START_TEST(wrong_terms)
{
	struct gc_config *c;

	ck_assert_int_eq(load_term("[{links, prob}]", &c), GC_EINVAL);
	ck_assert_ptr_null(c);
	ck_assert_str_eq(err, "links: prob: must be keep or probe (did you mean probe?)");
	ck_assert_int_eq(load_term("[{lnks, keep}]", &c), GC_EINVAL);
	ck_assert_str_eq(err, "lnks: unknown option (did you mean links?)");
}
END_TEST

START_TEST(wrong_kinds_of_file)
{
	struct gc_config *c;
	char want[100];
	char *text = malloc((1 << 20) + 10);

	ck_assert_int_eq(gc_config_from_file("/nonexistent/x", &c, err, sizeof(err)), GC_EIO);
	ck_assert_str_eq(err, "/nonexistent/x: No such file or directory");
	ck_assert_int_eq(gc_config_from_file(dir, &c, err, sizeof(err)), GC_EIO);
	(void)snprintf(want, sizeof(want), "%s: not a regular file", dir);
	ck_assert_str_eq(err, want);
	ck_assert_int_eq(mkfifo(file, 0600), 0); /* must not wait for a writer */
	ck_assert_int_eq(gc_config_from_file(file, &c, err, sizeof(err)), GC_EIO);
	(void)snprintf(want, sizeof(want), "%s: not a regular file", file);
	ck_assert_str_eq(err, want);
	memset(text, '%', (1 << 20) + 10);
	write_file(text, (1 << 20) + 10, 0600);
	ck_assert_int_eq(gc_config_from_file(file, &c, err, sizeof(err)), GC_EIO);
	(void)snprintf(want, sizeof(want), "%s: larger than 1 MiB", file);
	ck_assert_str_eq(err, want);
	memcpy(text + (1 << 20) - 4, "\n[].", 4);
	write_file(text, 1 << 20, 0600);
	ck_assert_int_eq(gc_config_from_file(file, &c, err, sizeof(err)), 0);
	ck_assert(c->is_empty);
	gc_config_destroy(c);
	free(text);
}
END_TEST

static void refused_file(const char *with)
{
	struct gc_config *c;

	ck_assert_int_eq(gc_config_from_file(file, &c, err, sizeof(err)), GC_EINVAL);
	ck_assert_msg(strstr(err, with) != NULL, "\"%s\" does not say \"%s\"", err, with);
	ck_assert(strncmp(err, file, strlen(file)) == 0);
}

/* Points dir/link to one and the other, as quickly as it can, until it is killed. */
static pid_t swap_links(const char *one, const char *other)
{
	char link[80], new[80];
	pid_t pid;

	(void)snprintf(link, sizeof(link), "%s/link", dir);
	(void)snprintf(new, sizeof(new), "%s/new", dir);
	ck_assert_int_eq(symlink(one, link), 0);
	pid = fork();
	for (int i = 0; pid == 0; i++)
		if (symlink(i % 2 ? one : other, new) != 0 || rename(new, link) != 0)
			_exit(1);
	return pid;
}

/* What was opened is judged, not what has its name by then. */
START_TEST(file_that_is_exchanged)
{
	char good[80], bad[80], bad_file[90], link[80];
	unsigned n_taken = 0, n_refused = 0;
	struct gc_config *c;
	pid_t pid;

	(void)snprintf(link, sizeof(link), "%s/link", dir);
	(void)snprintf(bad, sizeof(bad), "%s/bad", dir);
	(void)snprintf(bad_file, sizeof(bad_file), "%s/bad/c", dir);
	(void)snprintf(good, sizeof(good), "%s", file);
	write_file("[{log_level, debug}].", 21, 0644);
	ck_assert_int_eq(mkdir(bad, 0700), 0);
	ck_assert_int_eq(rename(file, bad_file) | chmod(bad, 0777), 0);
	write_file("[{log_level, error}].", 21, 0644);
	pid = swap_links(good, bad_file);
	for (int i = 0; i < 5000 || ((!n_taken || !n_refused) && i < 1000000); i++) {
		if (gc_config_from_file(link, &c, err, sizeof(err)) != 0) {
			n_refused++;
			continue;
		}
		n_taken++;
		ck_assert_int_eq(c->log_level, GC_LOG_ERROR);
		gc_config_destroy(c);
	}
	(void)kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert(n_taken > 0 && n_refused > 0);
	(void)unlink(link);
	(void)snprintf(link, sizeof(link), "%s/new", dir);
	(void)unlink(link);
	(void)unlink(bad_file);
	(void)rmdir(bad);
}
END_TEST

/* Who may write it decides whom the release connects to. */
START_TEST(file_that_others_may_write)
{
	struct gc_config *c;

	write_file("[].", 3, 0666);
	refused_file("the file is writable by everybody (mode 0666)");
	write_file("[].", 3, 0662);
	refused_file("the file is writable by everybody (mode 0662)");
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(file, 0, 65534), 0);
		ck_assert_int_eq(chmod(file, 0664), 0);
		refused_file("the file is writable by group 65534 (mode 0664)");
	}
	write_file("[].", 3, 0644);
	ck_assert_int_eq(chmod(dir, 0777), 0);
	refused_file("its directory is writable by everybody (mode 0777)");
	ck_assert_int_eq(chmod(dir, 01777), 0); /* as /tmp: only the owner of a file can replace it */
	ck_assert_int_eq(gc_config_from_file(file, &c, err, sizeof(err)), 0);
	gc_config_destroy(c);
	ck_assert_int_eq(chmod(dir, 0700), 0);
	ck_assert_int_eq(gc_config_from_file(file, &c, err, sizeof(err)), 0);
	gc_config_destroy(c);
}
END_TEST

START_TEST(short_room_for_the_sentence)
{
	struct gc_config *c;
	char room[16];

	write_file("[{links, prob}].", 16, 0600);
	for (size_t len = 1; len < sizeof(room); len++) {
		memset(room, 'x', sizeof(room));
		ck_assert_int_eq(gc_config_from_file(file, &c, room, len), GC_EINVAL);
		ck_assert_uint_eq(strlen(room), len - 1);
		ck_assert_int_eq(room[len], 'x');
	}
}
END_TEST

/* ---- one option as text ---- */

static int set(struct gc_config *c, const char *key, const char *value)
{
	return gc_config_set(c, key, value, "--key", err, sizeof(err));
}

START_TEST(bare_values)
{
	static const char *const bare[][3] = {
	    {"owner", "a@b-c.d", "'a@b-c.d'"},
	    {"cookie_file", "/a b/.c", "<<\"/a b/.c\">>"},
	    {"cookie_file", "infinity", "<<\"infinity\">>"},
	    {"cookie_file", "7", "<<\"7\">>"},
	    {"cookie_file", "\"/x\"", "<<\"/x\">>"},
	    {"owner_address", "::1", "<<\"::1\">>"},
	    {"plugin_path", "/a/b", "[<<\"/a/b\">>]"},
	    {"discovery", "my-plugin", "[<<\"my-plugin\">>]"},
	    {"discovery", "/x/y.so", "[<<\"/x/y.so\">>]"},
	    {"log_level", "debug", "debug"},
	    {"refresh_interval_ms", "1_000", "1000"},
	};

	for (size_t i = 0; i < sizeof(bare) / sizeof(*bare); i++) {
		struct gc_config *c;
		ck_assert_int_eq(gc_config_default(&c), 0);
		ck_assert_msg(set(c, bare[i][0], bare[i][1]) == 0, "%s", err);
		assert_answer(c, bare[i][0], bare[i][2]);
		gc_config_destroy(c);
	}
}
END_TEST

START_TEST(wrong_values)
{
	static const char *const bad[][3] = {
	    {"lnks", "keep", "--key: lnks: unknown option (did you mean links?)"},
	    {"links", "prob", "--key: prob: must be keep or probe (did you mean probe?)"},
	    {"links", "", "--key: \"\": must be keep or probe"},
	    {"listen_port", "x", "--key: x: must be an integer from 0 to 65535"},
	    {"listen_port", "1.", NULL},
	    {"owner", "a", "--key: \"a\": must be a node name (name@host)"},
	    {"reconnect", "#{min_ms => 0}",
	     "--key: min_ms: 0: must be milliseconds from 1 to 4294967295"},
	    {"discovery", "{dns",
	     "--key: {dns: ',' or '}' is missing at the end; the last bracket still open is of "
	     "line 1"},
	};
	struct gc_config *c;

	ck_assert_int_eq(gc_config_default(&c), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int rc = set(c, bad[i][0], bad[i][1]);
		ck_assert_int_eq(rc, bad[i][2] ? GC_EINVAL : 0);
		if (bad[i][2])
			ck_assert_str_eq(err, bad[i][2]);
	}
	gc_config_destroy(c);
}
END_TEST

START_TEST(the_later_wins)
{
	struct gc_config *c = good("[{listen_port, 1}, {reconnect, #{min_ms => 1, max_ms => 2}}].");

	ck_assert_int_eq(set(c, "listen_port", "2"), 0);
	ck_assert_uint_eq(c->listen_port, 2);
	ck_assert_int_eq(set(c, "reconnect", "#{max_ms => 900}"), 0); /* as a whole */
	assert_answer(c, "reconnect", "#{min_ms => 200,max_ms => 900}");
	gc_config_destroy(c);
	c = good("[].");
	ck_assert_int_eq(set(c, "owner", "a@b"), 0);
	ck_assert(c->is_empty);
	ck_assert_int_eq(set(c, "discovery", "static"), 0);
	ck_assert(!c->is_empty);
	gc_config_destroy(c);
}
END_TEST

/* ---- environment ---- */

static int from_env(struct gc_config *c, const char *a, const char *b)
{
	char *copies[3] = {strdup(a), b ? strdup(b) : NULL, NULL};
	int rc = gc_config_from_env(c, copies, err, sizeof(err));

	free(copies[0]);
	free(copies[1]);
	return rc;
}

START_TEST(environment)
{
	struct gc_config *c;

	ck_assert_int_eq(gc_config_default(&c), 0);
	ck_assert_int_eq(from_env(c, "GEN_CLUSTER_LISTEN_PORT=7", "GEN_CLUSTER_OWNER=a@b"), 0);
	ck_assert_uint_eq(c->listen_port, 7);
	ck_assert_str_eq(c->owner, "a@b");
	ck_assert_int_eq(from_env(c, "GEN_CLUSTER_LINKS=prob", NULL), GC_EINVAL);
	ck_assert_str_eq(err,
			 "GEN_CLUSTER_LINKS: prob: must be keep or probe (did you mean probe?)");
	ck_assert_int_eq(from_env(c, "GEN_CLUSTER_LNKS=keep", NULL), GC_EINVAL);
	ck_assert_str_eq(err, "GEN_CLUSTER_LNKS: lnks: unknown option (did you mean links?)");
	ck_assert_int_eq(from_env(c, "OTHER=1", "NOTHING"), 0);
	/* what Kubernetes sets for a service called gen-cluster */
	ck_assert_int_eq(from_env(c, "GEN_CLUSTER_SERVICE_HOST=10.0.0.1",
				  "GEN_CLUSTER_PORT_4369_TCP=tcp://10.0.0.1:4369"),
			 0);
	ck_assert_int_eq(
	    from_env(c, "GEN_CLUSTER_PORT=tcp://10.0.0.1:4369", "GEN_CLUSTER_PLUGIN_DIR=/x"), 0);
	gc_config_destroy(c);
}
END_TEST

START_TEST(erl_dist_port)
{
	static const struct {
		const char *value;
		unsigned port;
	} ports[] = {{"ERL_DIST_PORT=4370", 4370},
		     {"ERL_DIST_PORT=0", 0},
		     {"ERL_DIST_PORT=x", 0},
		     {"ERL_DIST_PORT=70000", 0},
		     {"ERL_DIST_PORT=", 0}};
	struct gc_config *c;

	for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
		ck_assert_int_eq(gc_config_default(&c), 0);
		ck_assert_int_eq(from_env(c, ports[i].value, NULL), 0);
		ck_assert_uint_eq(c->dist_port, ports[i].port);
		/* nodes that share a port do without EPMD: it is used where there is one */
		ck_assert_int_eq(gc_config_epmd(c), ports[i].port ? GC_CONFIG_EPMD_AUTO
								  : GC_CONFIG_EPMD_TRUE);
		gc_config_destroy(c);
	}
	ck_assert_int_eq(gc_config_default(&c), 0); /* what is given wins */
	ck_assert_int_eq(from_env(c, "ERL_DIST_PORT=4370", "GEN_CLUSTER_DIST_PORT=5"), 0);
	ck_assert_uint_eq(c->dist_port, 5);
	ck_assert_int_eq(set(c, "epmd", "true"), 0);
	ck_assert_int_eq(gc_config_epmd(c), GC_CONFIG_EPMD_TRUE);
	gc_config_destroy(c);
}
END_TEST

/* ---- cookie ---- */

static int cookie(const char *text, mode_t mode, char *cookie_r)
{
	write_file(text, strlen(text), mode);
	return gc_cookie_read(file, cookie_r, err, sizeof(err));
}

START_TEST(cookies)
{
	/* as erl of release 25 takes and refuses them */
	static const char *const good_ones[][2] = {
	    {"abc", "abc"},   {"abc\n", "abc"},	   {"a b\n", "a b"},
	    {" abc", " abc"}, {"abc \n", "abc "},  {"abc\r\n\n", "abc"},
	    {" ", " "},	      {"abc\n \n", "abc"}, {"a'b\n", "a'b"}};
	static const char *const bad_ones[] = {"\nabc", "abc\ndef\n", "", "\n", "ab\tc", "ab\xe9"};
	char got[256], longest[300];

	for (size_t i = 0; i < sizeof(good_ones) / sizeof(*good_ones); i++) {
		ck_assert_int_eq(cookie(good_ones[i][0], 0400, got), 0);
		ck_assert_str_eq(got, good_ones[i][1]);
	}
	for (size_t i = 0; i < sizeof(bad_ones) / sizeof(*bad_ones); i++) {
		ck_assert_int_eq(cookie(bad_ones[i], 0400, got), GC_EINVAL);
		ck_assert_str_eq(got, "");
		ck_assert_ptr_null(strstr(err, "abc")); /* never told */
	}
	memset(longest, 'x', sizeof(longest));
	longest[256] = '\0';
	ck_assert_int_eq(cookie(longest, 0400, got), GC_EINVAL);
	longest[255] = '\0';
	ck_assert_int_eq(cookie(longest, 0400, got), 0);
	ck_assert_str_eq(got, longest);
}
END_TEST

START_TEST(cookie_permissions)
{
	static const mode_t bad[] = {0440, 0404, 0620, 0602, 0410, 0401, 0644};
	char got[256], want[200];

	ck_assert_int_eq(cookie("abc", 0600, got), 0);
	ck_assert_int_eq(cookie("abc", 0700, got), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_int_eq(cookie("abc", bad[i], got), GC_EIO);
	(void)snprintf(want, sizeof(want),
		       "cookie file %s: must be accessible by its owner only (chmod 400)", file);
	ck_assert_str_eq(err, want);
	ck_assert_int_eq(gc_cookie_read("/nonexistent", got, err, sizeof(err)), GC_EIO);
	ck_assert_str_eq(err, "cookie file /nonexistent: No such file or directory");
	ck_assert_int_eq(gc_cookie_read(dir, got, err, sizeof(err)), GC_EIO);
	(void)unlink(file);
	ck_assert_int_eq(mkfifo(file, 0600), 0);
	ck_assert_int_eq(gc_cookie_read(file, got, err, sizeof(err)), GC_EIO);
}
END_TEST

/* What root has put there for us may be read by its group. */
START_TEST(cookie_of_root)
{
	static const struct {
		mode_t mode;
		int code;
	} cases[] = {{0400, GC_EIO}, {0440, 0},	     {0640, 0},
		     {0444, GC_EIO}, {0460, GC_EIO}, {0450, GC_EIO}};
	const gid_t nogroup = 65534;
	char got[256];

	if (geteuid() != 0)
		return; /* nothing of root's can be put there */
	ck_assert_int_eq(chmod(dir, 0711), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		write_file("abc", 3, cases[i].mode);
		ck_assert_int_eq(chown(file, 0, nogroup), 0);
		ck_assert_int_eq(setegid(nogroup) | seteuid(65534), 0);
		int rc = gc_cookie_read(file, got, err, sizeof(err));
		ck_assert_int_eq(seteuid(0) | setegid(0), 0);
		ck_assert_int_eq(rc, cases[i].code);
	}
}
END_TEST

START_TEST(cookie_at_home)
{
	char got[256], home[64], xdg[64], path[128];

	(void)snprintf(home, sizeof(home), "%s/.erlang.cookie", dir);
	(void)snprintf(xdg, sizeof(xdg), "%s/erlang", dir);
	(void)snprintf(path, sizeof(path), "%s/.erlang.cookie", xdg);
	setenv("HOME", dir, 1);
	setenv("XDG_CONFIG_HOME", dir, 1);
	ck_assert_int_eq(gc_cookie_read(NULL, got, err, sizeof(err)), GC_EIO);
	write_file("second", 6, 0400);
	ck_assert_int_eq(mkdir(xdg, 0700), 0);
	ck_assert_int_eq(rename(file, path), 0);
	ck_assert_int_eq(gc_cookie_read(NULL, got, err, sizeof(err)), 0);
	ck_assert_str_eq(got, "second");
	write_file("first", 5, 0400);
	ck_assert_int_eq(rename(file, home), 0);
	ck_assert_int_eq(gc_cookie_read(NULL, got, err, sizeof(err)), 0);
	ck_assert_str_eq(got, "first");
	unsetenv("HOME");
	unsetenv("XDG_CONFIG_HOME");
	ck_assert_int_eq(gc_cookie_read(NULL, got, err, sizeof(err)), GC_EINVAL);
	(void)unlink(home);
	(void)unlink(path);
	(void)rmdir(xdg);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, defaults);
	tcase_add_test(tc, help_tells_the_defaults);
	tcase_add_test(tc, right_values);
	tcase_add_test(tc, options_of_plugins);
	tcase_add_test(tc, shapes_of_a_file);
	tcase_add_test(tc, wrong_files);
	tcase_add_test(tc, wrong_sys_config);
	tcase_add_test(tc, wrong_terms);
	tcase_add_test(tc, wrong_kinds_of_file);
	tcase_add_test(tc, short_room_for_the_sentence);
	tcase_add_test(tc, bare_values);
	tcase_add_test(tc, wrong_values);
	tcase_add_test(tc, the_later_wins);
	tcase_add_test(tc, environment);
	tcase_add_test(tc, erl_dist_port);
	tcase_add_test(tc, file_that_others_may_write);
	tcase_add_test(tc, file_that_is_exchanged);
	tcase_add_test(tc, cookies);
	tcase_add_test(tc, cookie_permissions);
	tcase_add_test(tc, cookie_of_root);
	tcase_add_test(tc, cookie_at_home);
}

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tc = tcase_create("config");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	add_tests(tc);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? 1 : 0;
}
