/* config: the option tls, in our own words and as the release's ssl_dist_optfile: what is understood, what is refused and why,
 * what is passed over. */
#include "build_config.h"

#include "config.h"
#include "tls.h"

#include "err.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct gc_config *c;
static char err[700], file[] = "/tmp/check_config_tls.XXXXXX", made[sizeof(file)];

static void setup(void)
{
	int fd;

	(void)strcpy(made, file);
	fd = mkstemp(made);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(gc_config_default(&c), 0);
	err[0] = '\0';
}

static void teardown(void)
{
	gc_config_destroy(c);
	(void)unlink(made);
}

static int set(const char *value)
{
	return gc_config_set(c, "tls", value, "--tls", err, sizeof(err));
}

/* The release's file holds text; more stands beside it. */
static int set_file(const char *text, const char *more)
{
	char value[1024];
	FILE *f = fopen(made, "w");

	ck_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
	(void)snprintf(value, sizeof(value), "[{optfile, \"%s\"}%s]", made, more);
	return set(value);
}

#define FILES "{certfile, \"n.pem\"}, {cacertfile, \"ca.pem\"}"

START_TEST(own_words)
{
	ck_assert_msg(set("[" FILES "]") == 0, "%s", err);
	ck_assert_str_eq(c->tls->server.certfile, "n.pem");
	ck_assert_str_eq(c->tls->client.keyfile, "n.pem"); /* it may hold both */
	ck_assert(c->tls->server.verify && c->tls->client.verify);
	ck_assert(c->tls->server.must_have_cert && c->tls->server.check_client_name);
	ck_assert_uint_eq(c->tls->client.depth, 10);
	ck_assert_int_eq(c->tls->client.crl, GC_TLS_CRL_NO);
	ck_assert_ptr_null(c->tls->ignored);
	ck_assert_int_eq(set("#{certfile => \"n.pem\", keyfile => <<\"n.key\">>, cacertfile => \"ca.pem\", depth => 0, "
			     "crlfile => \"l\", versions => ['tlsv1.3', 'tlsv1.1'], fail_if_no_peer_cert => false, "
			     "server_name_indication => disable, customize_hostname_check => https, "
			     "ciphers => [\"TLS_AES_128_GCM_SHA256\", \"A\", \"TLS_X_WITH_Y\"], ktls => true, "
			     "client => #{verify => verify_none, crl_check => false, versions => ['tlsv1.2','tlsv1.3']}}"),
			 0);
	ck_assert_str_eq(c->tls->client.keyfile, "n.key");
	ck_assert_uint_eq(c->tls->server.depth, 0);
	ck_assert_int_eq(c->tls->server.crl, GC_TLS_CRL_ALL);
	ck_assert(c->tls->server.min_version == 13 && c->tls->server.max_version == 13);
	ck_assert(c->tls->client.min_version == 12 && c->tls->client.max_version == 13);
	ck_assert(!c->tls->client.verify && !c->tls->server.must_have_cert);
	ck_assert(!c->tls->server.check_client_name && c->tls->server.allows_wildcards);
	ck_assert_str_eq(c->tls->server.suites, "TLS_AES_128_GCM_SHA256");
	ck_assert_str_eq(c->tls->server.ciphers, "A:TLS_X_WITH_Y");
	ck_assert_str_eq(c->tls->ignored, "ktls");
}
END_TEST

START_TEST(the_file_of_the_release)
{
	static const char text[] =
		"%% as in the guide of ssl\n[{server, [{certfile, \"s.pem\"}, {keyfile, \"s.key\"},\n"
		"  {secure_renegotiate, true}, {password, \"secret\"}]},\n {client, [{cacertfile, \"ca.pem\"},\n"
		"  {verify, verify_peer}, {hibernate_after, 100}]}].\n";

	ck_assert_msg(set_file(text, "") == 0, "%s", err);
	ck_assert_str_eq(c->tls->server.certfile, "s.pem");
	ck_assert_str_eq(c->tls->server.password, "secret");
	ck_assert_ptr_null(c->tls->client.certfile);
	ck_assert(!c->tls->server.verify && !c->tls->server.must_have_cert &&
		  !c->tls->server.check_client_name && c->tls->client.verify);
	ck_assert_str_eq(c->tls->ignored, "client: hibernate_after");
	ck_assert_int_eq(set_file(text, ", {cacertfile, \"x.pem\"}, {server, [{verify, verify_peer}]}"), 0);
	ck_assert(c->tls->server.verify);
	ck_assert_str_eq(c->tls->client.cacertfile, "x.pem");
}
END_TEST

static const struct {
	const char *text, *why;
} wrong[] = {
	{"[]", "server: a server needs a certfile"},
	{"yes", "must be a list of {Option, Value}"},
	{"[{certfile, \"n.pem\"}]", "server: verify_peer needs a cacertfile"},
	{"[{certfile, \"\"}]", "certfile: []: must be a file name"},
	{"[" FILES ", {verify, true}]", "verify: true: must be verify_peer or verify_none"},
	{"[" FILES ", {depth, 101}]", "depth: 101: must be an integer from 0 to 100"},
	{"[" FILES ", {versions, ['tlsv1.1']}]", "versions: ['tlsv1.1']: must be a list with"},
	{"[" FILES ", {ciphers, [{ecdhe, a, b}]}]", "ciphers: {ecdhe,a,b}: must be a list of names"},
	{"[" FILES ", {crl_check, true}]", "crl_check needs a crlfile"},
	{"[" FILES ", {crl_cache, {ssl_crl_cache, {internal, [{http, 5000}]}}}, {crl_check, peer}]",
	 "lists are not fetched"},
	{"[" FILES ", {crlfile, \"l\"}, {verify, verify_none}]", "crl_check needs {verify, verify_peer}"},
	{"[" FILES ", {verify_fun, {a, b}}]", "verify_fun: not supported: a fun can run in the VM only"},
	{"[" FILES ", {user_lookup_fun, x}]", "user_lookup_fun: not supported"},
	{"[{cert, <<1,2>>}]", "cert: not supported: it lives in the VM; give files"},
	{"[" FILES ", {client, [{sni_fun, x}]}]", "client: sni_fun: not supported"},
	{"[" FILES ", {secure_renegotiate, false}]", "secure_renegotiate: false: must be true"},
	{"[" FILES ", {password, 5}]", "password: must be a string"},
	{"[" FILES ", {cretfile, \"a\"}]", "cretfile: unknown option (did you mean certfile?)"},
	{"[{optfile, \"/nonexistent\"}]", "/nonexistent: No such file or directory"},
	{"[{optfile, 5}]", "optfile: must be a file name"},
};

START_TEST(refused)
{
	ck_assert_int_ne(set(wrong[_i].text), 0);
	ck_assert_msg(strstr(err, wrong[_i].why) != NULL, "\"%s\" lacks \"%s\"", err, wrong[_i].why);
	ck_assert_ptr_null(c->tls);
}
END_TEST

START_TEST(refused_in_the_file)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"[{server, []},\n {server, x}].", ":2: server: must be a list of {Option, Value}"},
		{"[{sever, []}].", "must be {server, ..} or {client, ..}"},
		{"[{server, [{verify_fun, {fun inet_tls_dist:verify_client/3, []}}]}].", "verify_fun and other"},
		{"[{server, [{cacerts, public_key:cacerts_get()}]}].", "calls and variables are not supported"},
		{"[{server, [{certfile, \"a\"}]}]", "(calls and variables"},
		{"", ":"},
	};

	ck_assert_int_ne(set_file(rows[_i].text, ""), 0);
	ck_assert_msg(strstr(err, rows[_i].why) != NULL, "\"%s\" lacks \"%s\"", err, rows[_i].why);
	ck_assert_ptr_eq(strstr(err, made), err);
}
END_TEST

/* `config` shows where the files are, and no password. */
START_TEST(shown)
{
	struct gc_buf b = {0};

	ck_assert_int_eq(set("[" FILES ", {password, \"open sesame\"}]"), 0);
	gc_config_put(c, &b);
	ck_assert(!b.failed && memmem(b.data, b.len, "n.pem", 5) != NULL);
	ck_assert_ptr_null(memmem(b.data, b.len, "sesame", 6));
	gc_buf_deinit(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("config_tls");
	TCase *k = tcase_create("config_tls");
	SRunner *r = srunner_create(s);

	tcase_add_checked_fixture(k, setup, teardown);
	tcase_add_test(k, own_words);
	tcase_add_test(k, the_file_of_the_release);
	tcase_add_loop_test(k, refused, 0, (int)(sizeof(wrong) / sizeof(wrong[0])));
	tcase_add_loop_test(k, refused_in_the_file, 0, 6);
	tcase_add_test(k, shown);
	suite_add_tcase(s, k);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);

	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
