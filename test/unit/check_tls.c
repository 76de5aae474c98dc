/* tls: two nodes of ours over TLS with certificates made for the test, and each way in which they may refuse each other, told
 * on both sides; renewed files; and a peer that speaks TLS, or does not, as it likes. */
#include "node_trace.h"

#include "err.h"
#include "log.h"
#include "test_ca.h"
#include "tls.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HERE "DNS:127.0.0.1,IP:127.0.0.1"
#define DAY 86400

static uv_loop_t loop;
static struct node_trace t, u, v; /* t, and sometimes v, dial u */
static bool has_t, has_u, has_v;
static struct fake_peer p;
static struct test_ca ca, stranger;
static char dir[] = "/tmp/check_tls.XXXXXX", made[sizeof(dir)], texts[64][300];
static size_t n_texts;
static char logged[8192];
static int fds;

static void note_log(void *arg, enum gc_log_level level, const char *area, const char *line)
{
	size_t len = strlen(logged);

	(void)arg;
	(void)level;
	(void)snprintf(logged + len, sizeof(logged) - len, "%s: %s\n", area, line);
}

static void setup(void)
{
	(void)strcpy(made, dir);
	ck_assert_ptr_nonnull(mkdtemp(made));
	uv_loop_init(&loop); /* the first brings libuv's own pipe, which stays */
	ck_assert(loop_drain(&loop));
	fds = count_fds();
	uv_loop_init(&loop);
	n_texts = 0;
	logged[0] = '\0';
	ck_assert(test_ca_init(&ca, made, "ca") && test_ca_init(&stranger, made, "stranger"));
}

static void teardown(void)
{
	char command[64];

	fake_peer_close(&p);
	if (has_t)
		node_trace_close(&t, 0);
	if (has_u)
		node_trace_close(&u, 0);
	if (has_v)
		node_trace_close(&v, 0);
	has_t = has_u = has_v = false;
	ck_assert(loop_drain(&loop));
	ck_assert_int_eq(count_fds(), fds);
	test_ca_deinit(&ca);
	test_ca_deinit(&stranger);
	(void)snprintf(command, sizeof(command), "rm -r %s", made);
	ck_assert_int_eq(system(command), 0);
}

/* ---- options ---- */

static const char *path(const char *name, const char *ext)
{
	ck_assert_uint_lt(n_texts, 64);
	(void)snprintf(texts[n_texts], sizeof(texts[0]), "%s/%s.%s", made, name, ext);
	return texts[n_texts++];
}

static long issue(struct test_ca *by, const char *file, const char *names, long from_s, long until_s)
{
	struct test_cert c = {.file = file, .names = names, .from_s = from_s, .until_s = until_s};
	long serial = test_ca_issue(by, &c);

	ck_assert_int_ne(serial, 0);
	return serial;
}

/* Strict on both sides. */
static struct gc_tls_options strict(const char *cert)
{
	struct gc_tls_side side = {.certfile = path(cert, "pem"),
				   .keyfile = path(cert, "key"),
				   .cacertfile = path("ca", "pem"),
				   .depth = GC_TLS_DEPTH,
				   .verify = true,
				   .must_have_cert = true,
				   .check_client_name = true};

	return (struct gc_tls_options){.server = side, .client = side};
}

static void open_t(const struct gc_tls_options *o)
{
	struct gc_node_config c = {.no_epmd = true, .tls = o};

	node_trace_open(&t, &loop, &c);
	has_t = true;
	gc_log_open(note_log, NULL, GC_LOG_DEBUG);
}

static void open_u(const struct gc_tls_options *o)
{
	struct gc_node_config c = {.no_epmd = true, .name = PEER, .tls = o};

	node_trace_open(&u, &loop, &c);
	has_u = true;
	gc_log_open(note_log, NULL, GC_LOG_DEBUG);
}

static int dial(void)
{
	return node_trace_dial(&t, PEER, gc_node_port(u.n), 5000);
}

static uint64_t cut(struct node_trace *of, int err)
{
	struct gc_node_stats s;

	gc_node_stats(of->n, &s);
	return s.accepts_cut[-err];
}

static bool is_cut(void *arg)
{
	struct gc_node_stats s;

	(void)arg;
	gc_node_stats(u.n, &s);
	return s.accepts_failed > 0;
}

/* What the dialler is told, and what the other side has counted and logged. */
static void expect(int err, const char *detail, int err_there, const char *log)
{
	(void)dial();
	ck_assert_msg(t.dialled.fail.err == err && t.dialled.fail.stage == GC_STAGE_TLS,
		      "%s in %s (%s), wanted %s", gc_err_name(t.dialled.fail.err),
		      gc_stage_name(t.dialled.fail.stage), t.dialled.fail.detail, gc_err_name(err));
	ck_assert_msg(strstr(t.dialled.fail.detail, detail) != NULL, "\"%s\" lacks \"%s\"",
		      t.dialled.fail.detail, detail);
	ck_assert_ptr_null(t.link);
	ck_assert_ptr_null(u.link);
	ck_assert(loop_until(&loop, is_cut, NULL, 5000));
	ck_assert_msg(cut(&u, err_there) == 1, "it was not cut with %s; log: %s",
		      gc_err_name(err_there), logged);
	ck_assert_msg(strstr(logged, log) != NULL, "no \"%s\" in: %s", log, logged);
}

/* ---- it works ---- */

static void set_versions(struct gc_tls_options *o, uint8_t min, uint8_t max)
{
	o->server.min_version = o->client.min_version = min;
	o->server.max_version = o->client.max_version = max;
}

static void say(struct node_trace *from, struct node_trace *to, size_t len)
{
	struct gc_buf ctl = {0}, msg = {0};
	int before = to->n_ctl;

	gc_etf_put_tuple(&ctl, 1);
	gc_etf_put_uint(&ctl, 5);
	gc_buf_put_u8(&msg, 109); /* BINARY_EXT */
	gc_buf_put_u32(&msg, (uint32_t)len);
	memset(gc_buf_reserve(&msg, len), 'x', len);
	ck_assert_int_eq(gc_link_send(from->link, &ctl, &msg), 0);
	wait_count(to, n_ctl, before + 1);
	ck_assert_uint_ge(to->msg.len, len + 5);
	gc_buf_deinit(&ctl);
	gc_buf_deinit(&msg);
}

/* Frames of all sizes around those of a record, both ways, and again over a resumed session. */
START_TEST(a_link)
{
	static const uint8_t versions[][2] = {{12, 12}, {13, 13}, {0, 0}};
	static const size_t sizes[] = {0, 1, 16000, 16383, 16384, 16385, 70000, 900000};
	struct gc_tls_options o;

	(void)issue(&ca, "node", HERE, 0, 0);
	o = strict("node");
	set_versions(&o, versions[_i][0], versions[_i][1]);
	open_t(&o);
	open_u(&o);
	for (int i = 0; i < 3; i++) {
		ck_assert_msg(dial() == 0, "%s", t.dialled.fail.detail);
		wait_count(&u, n_up, i + 1);
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			say(&t, &u, sizes[k]);
			say(&u, &t, sizes[k]);
		}
		gc_link_close(t.link, GC_EREMOVED, "");
		wait_count(&t, n_down, i + 1);
		wait_count(&u, n_down, i + 1);
		ck_assert_int_eq(u.why.err, GC_EOF); /* it has said goodbye */
		ck_assert_int_eq(strstr(logged, "to peer@127.0.0.1, resumed: ") != NULL, i > 0);
	}
	ck_assert_ptr_nonnull(strstr(logged, "from a client, resumed: "));
	ck_assert_ptr_nonnull(strstr(logged, _i == 0 ? "TLSv1.2, " : "TLSv1.3, "));
}
END_TEST

/* Each takes a while, so that links have had their share of the loop in the middle of what was read. */
static void spin(struct node_trace *of, struct gc_link *l)
{
	uint64_t since = uv_hrtime();

	(void)of;
	(void)l;
	while (uv_hrtime() - since < 50000)
		;
}

static void flood(struct node_trace *from, int n)
{
	struct gc_buf ctl = {0};

	gc_etf_put_tuple(&ctl, 2);
	gc_etf_put_uint(&ctl, 5);
	gc_etf_put_text(&ctl, "and something that makes it longer, for more of them to be in one record");
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(gc_link_send(from->link, &ctl, NULL), 0);
	gc_buf_deinit(&ctl);
}

START_TEST(two_floods)
{
	struct gc_node_config c = {.no_epmd = true, .name = "v@127.0.0.1"};
	struct gc_node_stats s;
	struct gc_tls_options o;

	(void)issue(&ca, "node", HERE, 0, 0);
	o = strict("node");
	c.tls = &o;
	open_t(&o);
	open_u(&o);
	node_trace_open(&v, &loop, &c);
	has_v = true;
	ck_assert_int_eq(dial(), 0);
	ck_assert_int_eq(node_trace_dial(&v, PEER, gc_node_port(u.n), 5000), 0);
	wait_count(&u, n_up, 2);
	u.on_ctl = spin;
	flood(&t, 5000);
	flood(&v, 5000);
	wait_count(&u, n_ctl, 10000);
	ck_assert_int_eq(u.n_down, 0);
	gc_node_stats(u.n, &s);
	ck_assert_uint_gt(s.links_paused, 10);
	ck_assert_uint_eq(s.bad_frames, 0);
}
END_TEST

START_TEST(both_dial)
{
	struct gc_tls_options o;

	(void)issue(&ca, "node", HERE, 0, 0);
	o = strict("node");
	open_t(&o);
	open_u(&o);
	for (int i = 0; i < 10; i++) {
		(void)node_trace_start_dial(&t, PEER, gc_node_port(u.n), 5000);
		(void)node_trace_start_dial(&u, ME, gc_node_port(t.n), 5000);
		wait_count(&t, n_dialled, i + 1);
		wait_count(&u, n_dialled, i + 1);
		ck_assert_int_eq(t.dialled.fail.err, 0);
		ck_assert_int_eq(u.dialled.fail.err, 0);
		ck_assert(t.link && u.link);
		gc_link_close(t.link, GC_EREMOVED, "");
		wait_count(&u, n_down, u.n_up);
		wait_count(&t, n_down, t.n_up);
	}
}
END_TEST

/* Who needs no certificate, and names that are allowed or overridden. */
START_TEST(let_in)
{
	static const char *const names[] = {"DNS:127.0.0.1", "IP:127.0.0.1", NULL, "DNS:elsewhere.example",
					    "DNS:elsewhere.example", HERE, HERE};
	struct test_cert c = {.file = "node", .names = names[_i], .cn = _i == 2 ? "127.0.0.1" : NULL};
	struct gc_tls_options o;

	ck_assert_int_ne(test_ca_issue(&ca, &c), 0);
	o = strict("node");
	o.server.check_client_name = _i < 3;
	open_u(&o);
	if (_i == 3)
		o.client.allows_any_name = true;
	else if (_i == 4)
		o.client.server_name = "Elsewhere.Example";
	else if (_i == 5)
		o.client.verify = false;
	else if (_i == 6)
		o.client.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
	open_t(&o);
	ck_assert_msg(dial() == 0, "%s", t.dialled.fail.detail);
}
END_TEST

/* ---- refused ---- */

/* We refuse its certificate: row by row, what is wrong with it. */
static const struct {
	const char *names;
	long from_s, until_s;
	bool is_stranger;
	int err;
	const char *detail, *alert;
} bad[] = {
	{HERE, -2 * DAY, -60, false, GC_ETLSEXPIRED, "certificate CN=bad: certificate has expired",
	 "certificate expired"},
	{HERE, 3600, DAY, false, GC_ETLSNOTYET, "certificate CN=bad: certificate is not yet valid",
	 "bad certificate"},
	{"DNS:elsewhere.example", 0, 0, false, GC_ETLSHOST, "certificate CN=bad: not for 127.0.0.1",
	 "bad certificate"},
	{"DNS:*.0.0.1", 0, 0, false, GC_ETLSHOST, "certificate CN=bad: not for 127.0.0.1",
	 "bad certificate"},
	{HERE, 0, 0, true, GC_ETLSUNKNOWNCA, "certificate CN=bad: unable to get local issuer",
	 "unknown CA"},
};
#define N_BAD ((int)(sizeof(bad) / sizeof(bad[0])))

START_TEST(its_certificate_is_bad)
{
	struct gc_tls_options mine, its;
	char log[200];

	(void)issue(&ca, "node", HERE, 0, 0);
	(void)issue(bad[_i].is_stranger ? &stranger : &ca, "bad", bad[_i].names, bad[_i].from_s,
		    bad[_i].until_s);
	mine = strict("node");
	its = strict("bad");
	set_versions(&its, 12, _i % 2 ? 12 : 13);
	open_t(&mine);
	open_u(&its);
	(void)snprintf(log, sizeof(log), "alert: %s; our certificate: CN=bad", bad[_i].alert);
	expect(bad[_i].err, bad[_i].detail,
	       bad[_i].err == GC_ETLSNOTYET || bad[_i].err == GC_ETLSHOST ? GC_ETLSBADCERT
									     : bad[_i].err,
	       log);
}
END_TEST

/* Ours is bad, and it refuses us: with TLS 1.3 it says so behind our own end of the handshake. */
START_TEST(our_certificate_is_bad)
{
	static const int rows[] = {0, 1, 4};
	int row = rows[_i / 2];
	struct gc_tls_options mine, its;
	char log[200], said[200];

	(void)issue(&ca, "node", HERE, 0, 0);
	(void)issue(bad[row].is_stranger ? &stranger : &ca, "bad", HERE, bad[row].from_s,
		    bad[row].until_s);
	its = strict("node");
	mine = strict("bad");
	set_versions(&mine, 12, _i % 2 ? 12 : 13);
	open_t(&mine);
	open_u(&its);
	(void)snprintf(said, sizeof(said), "alert: %s; our certificate: CN=bad", bad[row].alert);
	(void)snprintf(log, sizeof(log), "we refuse the %s", bad[row].detail);
	expect(bad[row].err == GC_ETLSNOTYET ? GC_ETLSBADCERT : bad[row].err, said, bad[row].err, log);
}
END_TEST

/* A good certificate, but of another host than its name says. */
START_TEST(our_name_is_not_in_our_certificate)
{
	struct gc_tls_options mine, its;

	(void)issue(&ca, "node", HERE, 0, 0);
	(void)issue(&ca, "bad", "DNS:elsewhere.example", 0, 0);
	mine = strict("bad");
	its = strict("node");
	open_t(&mine);
	open_u(&its);
	ck_assert_int_eq(dial(), GC_ENOTALLOWED);
	ck_assert_uint_eq(cut(&u, GC_ETLSHOST), 1);
	ck_assert_ptr_nonnull(strstr(logged, "we refuse the certificate CN=bad: not for 127.0.0.1"));
}
END_TEST

START_TEST(no_certificate)
{
	struct gc_tls_options mine, its;

	(void)issue(&ca, "node", HERE, 0, 0);
	mine = its = strict("node");
	mine.client.certfile = mine.client.keyfile = NULL;
	set_versions(&mine, 12, _i ? 12 : 13);
	open_t(&mine);
	open_u(&its);
	expect(_i ? GC_ETLSHANDSHAKE : GC_ETLSNOCERT, "our certificate: (none)", GC_ETLSNOCERT,
	       "it shows no certificate");
}
END_TEST

START_TEST(revoked)
{
	long serial = issue(&ca, "bad", HERE, 0, 0);
	struct gc_tls_options mine, its;

	(void)issue(&ca, "node", HERE, 0, 0);
	ck_assert(test_ca_revoke(&ca, &serial, 1));
	mine = strict("node");
	mine.client.crlfile = mine.server.crlfile = path("ca", "crl");
	mine.client.crl = mine.server.crl = GC_TLS_CRL_ALL;
	its = strict("bad");
	if (_i == 0) {
		open_t(&mine);
		open_u(&its);
		expect(GC_ETLSREVOKED, "certificate CN=bad: certificate revoked", GC_ETLSREVOKED,
		       "alert: certificate revoked; our certificate: CN=bad");
	} else {
		open_t(&its);
		open_u(&mine);
		expect(GC_ETLSREVOKED, "alert: certificate revoked; our certificate: CN=bad",
		       GC_ETLSREVOKED, "certificate CN=bad: certificate revoked");
	}
}
END_TEST

/* No list for the authority at all. */
START_TEST(no_list)
{
	struct gc_tls_options mine, its;

	(void)issue(&ca, "node", HERE, 0, 0);
	ck_assert(test_ca_revoke(&stranger, NULL, 0));
	mine = its = strict("node");
	mine.client.crlfile = path("stranger", "crl");
	mine.client.crl = _i ? GC_TLS_CRL_BEST : GC_TLS_CRL_ALL;
	open_t(&mine);
	open_u(&its);
	if (_i)
		ck_assert_int_eq(dial(), 0);
	else
		expect(GC_ETLSBADCERT, "unable to get certificate CRL", GC_ETLSUNKNOWNCA, "alert: ");
}
END_TEST

START_TEST(no_version_in_common)
{
	struct gc_tls_options mine, its;

	(void)issue(&ca, "node", HERE, 0, 0);
	mine = its = strict("node");
	set_versions(&mine, _i ? 12 : 13, _i ? 12 : 13);
	set_versions(&its, _i ? 13 : 12, _i ? 13 : 12);
	open_t(&mine);
	open_u(&its);
	expect(GC_ETLSVERSION, "protocol version", GC_ETLSVERSION, "protocol");
}
END_TEST

START_TEST(no_cipher_in_common)
{
	struct gc_tls_options mine, its;

	(void)issue(&ca, "node", HERE, 0, 0);
	mine = its = strict("node");
	mine.client.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
	its.server.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384";
	open_t(&mine);
	open_u(&its);
	expect(GC_ETLSHANDSHAKE, "handshake failure", GC_ETLSHANDSHAKE, "no shared cipher");
}
END_TEST

START_TEST(one_speaks_plain)
{
	struct gc_tls_options o;

	(void)issue(&ca, "node", HERE, 0, 0);
	o = strict("node");
	open_t(_i ? &o : NULL);
	open_u(_i ? NULL : &o);
	(void)dial();
	ck_assert(loop_until(&loop, is_cut, NULL, 5000));
	if (_i) { /* its answer, if any, is no TLS */
		ck_assert_uint_eq(cut(&u, GC_EPEERTLS), 1);
		ck_assert_int_eq(t.dialled.fail.stage, GC_STAGE_TLS);
		ck_assert_ptr_nonnull(strstr(t.dialled.fail.detail, "does it speak TLS?"));
	} else {
		ck_assert_uint_eq(cut(&u, GC_ENOTTLS), 1);
		ck_assert_ptr_nonnull(strstr(logged, "it speaks Erlang distribution over plain TCP"));
		ck_assert_ptr_nonnull(strstr(t.dialled.fail.detail, "does it speak TLS?"));
	}
}
END_TEST

/* ---- files ---- */

static void refused_at_start(const struct gc_tls_options *o, const char *why)
{
	struct gc_node_config c = {.loop = &loop, .name = ME, .cookie = COOKIE, .no_epmd = true, .tls = o};
	struct gc_node *n;
	char err[512] = "";

	ck_assert_int_ne(gc_node_create(&c, &n, err, sizeof(err)), 0);
	ck_assert_ptr_null(n);
	ck_assert_msg(strstr(err, why) != NULL, "\"%s\" lacks \"%s\"", err, why);
	uv_run(&loop, UV_RUN_NOWAIT);
}

START_TEST(bad_files)
{
	struct test_cert locked = {.file = "locked", .names = HERE, .password = "open sesame"};
	struct gc_tls_options o;

	(void)issue(&ca, "node", HERE, 0, 0);
	(void)issue(&ca, "other", HERE, 0, 0);
	ck_assert_int_ne(test_ca_issue(&ca, &locked), 0);
	o = strict("nobody");
	refused_at_start(&o, "nobody.pem: No such file or directory");
	o = strict("node");
	o.server.keyfile = path("other", "key");
	refused_at_start(&o, "other.key: the key does not belong to the certificate");
	o = strict("node");
	o.client.cacertfile = path("node", "key");
	refused_at_start(&o, "client: ");
	o = strict("node");
	o.client.crlfile = path("ca", "pem");
	o.client.crl = GC_TLS_CRL_ALL;
	refused_at_start(&o, "ca.pem: no revocation list");
	o = strict("node");
	o.server.ciphers = "no-such-cipher";
	refused_at_start(&o, "ciphers: ");
	o = strict("locked");
	refused_at_start(&o, "locked.key: no key (or password is missing)");
	o.server.password = o.client.password = "shut sesame";
	refused_at_start(&o, "locked.key: no key that this password opens");
	ck_assert_ptr_null(strstr(logged, "sesame"));
	o.server.password = o.client.password = "open sesame";
	open_t(&o);
	ck_assert_int_eq(chmod(path("node", "key"), 0644), 0);
	o = strict("node");
	refused_at_start(&o, "node.key: holds a key, and others may read");
	ck_assert_int_eq(chmod(path("node", "key"), 0640), 0);
	ck_assert_int_eq(chmod(path("ca", "pem"), 0666), 0); /* whoever writes it says whom we trust */
	refused_at_start(&o, "ca.pem: the file is writable by everybody");
	ck_assert_int_eq(chmod(path("ca", "pem"), 0644), 0);
	open_u(&o);
}
END_TEST

/* Whoever is under way keeps what it began with; the next one gets what is there then. */
START_TEST(renewed_files)
{
	struct gc_tls_options mine, its;
	FILE *f;

	(void)issue(&ca, "mine", HERE, 0, 0);
	(void)issue(&ca, "its", HERE, -2 * DAY, -60);
	mine = strict("mine");
	its = strict("its");
	open_t(&mine);
	open_u(&its);
	ck_assert_int_eq(dial(), GC_ETLSEXPIRED);
	loop_for(&loop, 1100); /* it looks once a second at most */
	(void)issue(&ca, "its", HERE, 0, 0);
	ck_assert_msg(dial() == 0, "%s", t.dialled.fail.detail);
	ck_assert_ptr_nonnull(strstr(logged, "the files have changed and are in use"));
	loop_for(&loop, 1100);
	f = fopen(path("its", "pem"), "w");
	ck_assert_int_ge(fprintf(f, "half a file"), 0);
	fclose(f);
	gc_link_close(t.link, GC_EREMOVED, "");
	wait_count(&u, n_down, 1);
	ck_assert_msg(dial() == 0, "%s", t.dialled.fail.detail);
	ck_assert_ptr_nonnull(strstr(logged, "the old files stay in use: tls: server: "));
}
END_TEST

START_TEST(reconfigured)
{
	struct gc_tls_options o;
	char err[300];

	(void)issue(&ca, "node", HERE, 0, 0);
	o = strict("node");
	open_t(&o);
	open_u(&o);
	ck_assert_int_eq(dial(), 0);
	gc_link_close(t.link, GC_EREMOVED, "");
	wait_count(&u, n_down, 1);
	set_versions(&o, 13, 13);
	ck_assert_int_eq(gc_node_set_tls(t.n, &o, err, sizeof(err)), 0);
	set_versions(&o, 12, 12);
	ck_assert_int_eq(gc_node_set_tls(u.n, &o, err, sizeof(err)), 0);
	expect(GC_ETLSVERSION, "protocol version", GC_ETLSVERSION, "protocol");
	o.server.certfile = "/nonexistent";
	ck_assert_int_eq(gc_node_set_tls(u.n, &o, err, sizeof(err)), GC_EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "/nonexistent: No such file"));
	ck_assert_int_eq(gc_node_set_tls(u.n, NULL, err, sizeof(err)), GC_EINVAL);
	o = strict("node");
	ck_assert_int_eq(gc_node_set_tls(u.n, &o, err, sizeof(err)), 0);
	ck_assert_msg(dial() == 0, "%s", t.dialled.fail.detail);
}
END_TEST

/* ---- strangers, over TLS and before it ---- */

/* A FAKE: a client that speaks TLS through a fake peer. */
static SSL_CTX *fake_ctx;
static SSL *fake;

static void fake_open(int version)
{
	fake_ctx = SSL_CTX_new(TLS_client_method());
	ck_assert(fake_ctx && SSL_CTX_set_max_proto_version(fake_ctx, version) == 1 &&
		  SSL_CTX_use_certificate_file(fake_ctx, path("node", "pem"), SSL_FILETYPE_PEM) == 1 &&
		  SSL_CTX_use_PrivateKey_file(fake_ctx, path("node", "key"), SSL_FILETYPE_PEM) == 1);
	fake = SSL_new(fake_ctx);
	SSL_set_bio(fake, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(fake);
	ck_assert(fake_peer_connect(&p, &loop, gc_node_port(u.n)));
}

static void fake_close(void)
{
	SSL_free(fake);
	SSL_CTX_free(fake_ctx);
}

/* The bytes of TLS there, at most so many at a time, and back. */
static void fake_pump(size_t piece)
{
	char *out;
	long len = BIO_get_mem_data(SSL_get_wbio(fake), &out);

	for (long at = 0; at < len && !p.has_ended; at += (long)piece) {
		size_t n = len - at < (long)piece ? (size_t)(len - at) : piece;

		fake_peer_send(&p, out + at, n);
		(void)uv_run(&loop, UV_RUN_NOWAIT);
	}
	(void)BIO_reset(SSL_get_wbio(fake));
	loop_for(&loop, 1);
	(void)BIO_write(SSL_get_rbio(fake), p.in, (int)p.len);
	p.len = 0;
}

/* Until the fake has something to read: how much; 0: the connection has ended, -1: neither in that time. */
static int fake_read(uint64_t wait_ms)
{
	uint64_t until = uv_hrtime() / 1000000 + wait_ms;

	while (uv_hrtime() / 1000000 < until) {
		int n = SSL_read(fake, p.packet, sizeof(p.packet));

		if (n > 0)
			return n;
		if (p.has_ended)
			return 0;
		fake_pump(65536);
	}
	return -1;
}

static void fake_shake(size_t piece)
{
	uint64_t until = uv_hrtime() / 1000000 + 5000;

	while (SSL_do_handshake(fake) != 1) {
		fake_pump(piece);
		ck_assert(!p.has_ended && uv_hrtime() / 1000000 < until);
	}
	fake_pump(piece);
}

static void open_server(void)
{
	struct gc_tls_options o;

	(void)issue(&ca, "node", HERE, 0, 0);
	o = strict("node");
	open_u(&o);
}

/* TLS byte by byte, then our name in a packet with 4 bytes of length, byte by byte, each in its own record. */
START_TEST(dripping)
{
	struct wire_name mine = {.flags = VISIBLE, .creation = 5, .name = ME};
	uint8_t out[4 + WIRE_MAX] = {0};
	size_t len = 2 + wire_put_name(out + 2, &mine);

	open_server();
	fake_open(_i ? TLS1_2_VERSION : TLS1_3_VERSION);
	fake_shake(1);
	for (size_t i = 0; i < len; i++) {
		ck_assert_int_eq(SSL_write(fake, out + i, 1), 1);
		fake_pump(1);
	}
	ck_assert_int_ge(fake_read(5000), 7);
	ck_assert_int_eq(memcmp(p.packet, "\0\0\0\3sok", 7), 0);
	fake_close();
}
END_TEST

/* What is sent instead of a hello, behind it, and over TLS once it stands. */
START_TEST(garbage)
{
	static const char *const before[] = {"GET / HTTP/1.0\r\n\r\n", "\26\3\1\377\377....................",
					     "\26\3\1\0\5\1\0\0\1\0", "\25\3\3\0\2\2\50", "\24\3\3\0\1\1",
					     "\27\3\3\0\1x", "\200\56\1\3\1...................."};
	static const size_t lens[] = {18, 24, 10, 7, 6, 6, 23};

	open_server();
	if (_i < 7) {
		ck_assert(fake_peer_connect(&p, &loop, gc_node_port(u.n)));
		fake_peer_send(&p, before[_i], lens[_i]);
		/* what is the beginning of a hello may go on; the deadline ends it */
		ck_assert(fake_peer_wait_end(&p));
	} else {
		fake_open(_i == 7 ? TLS1_2_VERSION : TLS1_3_VERSION);
		fake_shake(65536);
		(void)SSL_write(fake, "\177\377\377\377xxxxxxxx", 12);
		ck_assert_int_eq(fake_read(5000), 0);
		ck_assert_uint_eq(cut(&u, GC_ETOOBIG), 1);
		fake_close();
	}
	ck_assert(is_cut(NULL));
	ck_assert_int_eq(u.n_up, 0);
}
END_TEST

/* Silent before TLS and once it stands: one deadline over all of it. */
START_TEST(silence)
{
	uint64_t since = uv_hrtime() / 1000000;

	open_server();
	if (_i == 0) {
		ck_assert(fake_peer_connect(&p, &loop, gc_node_port(u.n)));
	} else {
		fake_open(TLS1_3_VERSION);
		fake_shake(65536);
	}
	ck_assert(fake_peer_wait_end(&p));
	ck_assert_uint_ge(uv_hrtime() / 1000000 - since, 1900);
	ck_assert_uint_le(uv_hrtime() / 1000000 - since, at_most_ms(4000));
	ck_assert_uint_eq(cut(&u, GC_ETIMEDOUT), 1);
	ck_assert_ptr_nonnull(strstr(logged, _i ? "no name" : "no hello"));
	if (_i)
		fake_close();
}
END_TEST

/* A hello without end: 128 KiB, then it is cut, whatever the deadline says. */
START_TEST(too_much)
{
	static uint8_t record[5 + 16384] = {22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff};

	open_server();
	ck_assert(fake_peer_connect(&p, &loop, gc_node_port(u.n)));
	for (int i = 0; i < 20 && !p.has_ended; i++) {
		fake_peer_send(&p, record, sizeof(record));
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	ck_assert(fake_peer_wait_end(&p));
	ck_assert_uint_eq(cut(&u, GC_ETIMEDOUT), 0);
}
END_TEST

/* TLS 1.2: asked for new keys, it says no; which OpenSSL as a client does not take. */
START_TEST(renegotiation_is_refused)
{
	open_server();
	fake_open(TLS1_2_VERSION);
	fake_shake(65536);
	ck_assert_int_eq(SSL_renegotiate(fake), 1);
	(void)SSL_do_handshake(fake);
	fake_pump(65536);
	ck_assert_int_eq(fake_read(5000), 0);
	ck_assert_int_eq(SSL_is_init_finished(fake), 0);
	ck_assert_ptr_nonnull(strstr(logged, "the other side refused, alert: handshake failure"));
	ck_assert_int_eq(u.n_up, 0);
	fake_close();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tls");
	TCase *k = tcase_create("tls");
	SRunner *r = srunner_create(s);

	tcase_add_checked_fixture(k, setup, teardown);
	tcase_set_timeout(k, 60);
	tcase_add_loop_test(k, a_link, 0, 3);
	tcase_add_test(k, two_floods);
	tcase_add_test(k, both_dial);
	tcase_add_loop_test(k, let_in, 0, 7);
	tcase_add_loop_test(k, its_certificate_is_bad, 0, N_BAD);
	tcase_add_loop_test(k, our_certificate_is_bad, 0, 6);
	tcase_add_test(k, our_name_is_not_in_our_certificate);
	tcase_add_loop_test(k, no_certificate, 0, 2);
	tcase_add_loop_test(k, revoked, 0, 2);
	tcase_add_loop_test(k, no_list, 0, 2);
	tcase_add_loop_test(k, no_version_in_common, 0, 2);
	tcase_add_test(k, no_cipher_in_common);
	tcase_add_loop_test(k, one_speaks_plain, 0, 2);
	tcase_add_test(k, bad_files);
	tcase_add_test(k, renewed_files);
	tcase_add_test(k, reconfigured);
	tcase_add_loop_test(k, dripping, 0, 2);
	tcase_add_loop_test(k, garbage, 0, 9);
	tcase_add_loop_test(k, silence, 0, 2);
	tcase_add_test(k, too_much);
	tcase_add_test(k, renegotiation_is_refused);
	suite_add_tcase(s, k);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);

	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
