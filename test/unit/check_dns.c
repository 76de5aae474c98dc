/* dns: the client against a real DNS server (Knot), and against a fake one for what a real one does not do. */
#include "dns.h"

#include "fake_dns.h"
#include "fake_epmd.h"
#include "loop_until.h"
#include "real_dns.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_REC 512

static uv_loop_t loop;
static struct real_dns real;
static struct fake_dns fake, fake2;
static struct gc_dns *dns;
static char dir[32], resolv[64], hosts[64];
static int fds, closed;

struct result {
	int n_calls, n;
	struct gc_fail fail;
	struct gc_dns_record rec[MAX_REC];
	struct gc_dns_query *cancel; /* cancelled inside the callback */
	struct gc_dns *close;	     /* closed inside the callback */
};
static struct result res;

static void on_closed(void *arg)
{
	++*(int *)arg;
}

static void on_dns(void *arg, const struct gc_fail *fail, const struct gc_dns_record *rec, size_t n)
{
	struct result *r = arg;

	r->n_calls++;
	r->fail = *fail;
	r->n = (int)n;
	for (size_t i = 0; i < n && i < MAX_REC; i++)
		r->rec[i] = rec[i];
	gc_dns_cancel(r->cancel);
	if (r->close)
		gc_dns_close(r->close, on_closed, &closed);
}

static void write_text(const char *path, const char *text)
{
	char tmp[80];
	FILE *f;

	snprintf(tmp, sizeof(tmp), "%s.new", path);
	f = fopen(tmp, "we");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(rename(tmp, path), 0);
}

static void open_dns(const char *nameservers, uint64_t timeout_ms)
{
	struct gc_dns_options o = {.nameservers = nameservers,
				   .timeout_ms = timeout_ms,
				   .resolv_path = resolv,
				   .hosts_path = hosts};
	char err[256] = "";

	ck_assert_msg(gc_dns_create(&loop, &o, &dns, err, sizeof(err)) == 0, "%s", err);
}

static void close_dns(void)
{
	int before = closed;

	gc_dns_close(dns, on_closed, &closed);
	ck_assert_int_eq(closed, before);
	ck_assert(loop_until_count(&loop, &closed, before + 1, 2000));
	dns = NULL;
}

static const struct result *wait_answer(struct gc_dns_query *q)
{
	ck_assert_ptr_nonnull(q);
	ck_assert_int_eq(res.n_calls, 0);
	ck_assert(loop_until_count(&loop, &res.n_calls, 1, 8000));
	ck_assert(res.fail.err == 0 || res.fail.stage == GC_STAGE_RESOLVE);
	ck_assert((res.fail.err == 0) == (res.n > 0));
	return &res;
}

static const struct result *ask(enum gc_dns_type type, const char *name)
{
	memset(&res, 0, sizeof(res));
	return wait_answer(gc_dns_ask(dns, type, name, on_dns, &res));
}

static const struct result *resolve(const char *host, int family)
{
	memset(&res, 0, sizeof(res));
	return wait_answer(gc_dns_resolve(dns, host, family, on_dns, &res));
}

static const char *text(const struct gc_dns_record *rec)
{
	static char buf[4][64];
	static int i;

	i = (i + 1) % 4;
	gc_addr_print(&rec->addr, buf[i], sizeof(buf[i]));
	return buf[i];
}

static void setup(void)
{
	uv_loop_init(&loop);
	uv_loop_close(&loop);
	fds = count_fds();
	uv_loop_init(&loop);
	strcpy(dir, "/tmp/gc_dnsc_XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(resolv, sizeof(resolv), "%s/resolv.conf", dir);
	snprintf(hosts, sizeof(hosts), "%s/hosts", dir);
	write_text(resolv, "nameserver 127.0.0.1\n");
	write_text(hosts, "");
	closed = 0;
}

static void teardown(void)
{
	ck_assert(loop_drain(&loop));
	ck_assert_int_eq(count_fds(), fds);
	unlink(resolv);
	unlink(hosts);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* ---- against Knot ---- */

static char *make_zone(void)
{
	static char zone[64 * 1024];
	size_t n = 0;

	n += (size_t)snprintf(zone, sizeof(zone),
			      "web A 10.0.0.1\nweb 20 A 10.0.0.2\nweb AAAA fd00::1\n"
			      "only4 A 10.0.0.4\nonly6 AAAA fd00::6\ntxt TXT \"x\"\n"
			      "alias 7 CNAME alias2\nalias2 CNAME web\nto-none CNAME none\n"
			      "to-txt CNAME txt\n"
			      "_erl._tcp SRV 1 2 4370 web\n_erl._tcp SRV 1 3 4371 only6\n"
			      "_erl._tcp SRV 1 3 4372 elsewhere.example.\n"
			      "_no._tcp SRV 0 0 0 .\n"
			      "a.sub A 10.0.1.1\nUPPER A 10.0.0.9\n");
	for (int i = 0; i < 300; i++)
		n += (size_t)snprintf(zone + n, sizeof(zone) - n,
				      "big A 10.1.%d.%d\n_big._tcp SRV 0 0 %d node-%d\n", i / 250,
				      i % 250 + 1, 5000 + i, i);
	return zone;
}

static void setup_real(void)
{
	setup();
	memset(&real, 0, sizeof(real));
	ck_assert(real_dns_start(&real, make_zone()));
	open_dns(real.text, 3000);
}

static void teardown_real(void)
{
	close_dns();
	real_dns_stop(&real);
	teardown();
}

START_TEST(a_and_aaaa)
{
	const struct result *r = ask(GC_DNS_A, "web.test");

	ck_assert_int_eq(r->n, 2);
	ck_assert_str_eq(text(&r->rec[0]), "10.0.0.1");
	ck_assert_str_eq(text(&r->rec[1]), "10.0.0.2");
	ck_assert_uint_eq(r->rec[1].ttl_s, 20); /* one set has one TTL */
	r = ask(GC_DNS_AAAA, "web.test.");
	ck_assert_int_eq(r->n, 1);
	ck_assert_str_eq(text(&r->rec[0]), "fd00::1");
	ck_assert_int_eq(ask(GC_DNS_A, "upper.TEST")->n, 1);
}
END_TEST

START_TEST(alias)
{
	const struct result *r = ask(GC_DNS_A, "alias.test");

	ck_assert_int_eq(r->n, 2);
	ck_assert_uint_eq(r->rec[0].ttl_s, 7);
	ck_assert_int_eq(ask(GC_DNS_A, "to-none.test")->fail.err, GC_ENXDOMAIN);
	ck_assert_int_eq(ask(GC_DNS_A, "to-txt.test")->fail.err, GC_ENODATA);
}
END_TEST

START_TEST(srv)
{
	const struct result *r = ask(GC_DNS_SRV, "_erl._tcp.test");
	int seen = 0;

	ck_assert_int_eq(r->n, 3);
	for (int i = 0; i < 3; i++) {
		const struct gc_dns_record *rec = &r->rec[i];

		ck_assert_uint_eq(rec->priority, 1);
		if (rec->port == 4370) {
			ck_assert_str_eq(rec->target, "web.test");
			ck_assert_uint_eq(rec->addr.sa.sa_family, AF_INET);
			ck_assert_uint_eq(ntohs(rec->addr.in.sin_port), 4370);
			ck_assert_uint_eq(rec->weight, 2);
		} else if (rec->port == 4371) {
			ck_assert_str_eq(rec->target, "only6.test");
			ck_assert_str_eq(text(rec), "fd00::6");
		} else {
			ck_assert_str_eq(rec->target, "elsewhere.example");
			ck_assert_uint_eq(rec->addr.sa.sa_family, AF_UNSPEC);
		}
		seen |= 1 << (rec->port - 4370);
	}
	ck_assert_int_eq(seen, 7);
	ck_assert_int_eq(ask(GC_DNS_SRV, "_no._tcp.test")->fail.err, GC_ENODATA);
}
END_TEST

/* 300 records do not fit 1232 bytes: TCP. */
START_TEST(truncated_then_tcp)
{
	const struct result *r = ask(GC_DNS_A, "big.test");

	ck_assert_int_eq(r->n, 300);
	r = ask(GC_DNS_SRV, "_big._tcp.test");
	ck_assert_int_eq(r->n, 300);
}
END_TEST

START_TEST(told_apart)
{
	ck_assert_int_eq(ask(GC_DNS_A, "none.test")->fail.err, GC_ENXDOMAIN);
	ck_assert_int_eq(ask(GC_DNS_AAAA, "only4.test")->fail.err, GC_ENODATA);
	ck_assert_int_eq(ask(GC_DNS_SRV, "web.test")->fail.err, GC_ENODATA);
	ck_assert_int_eq(ask(GC_DNS_A, "x.broken")->fail.err, GC_ESERVFAIL);
	ck_assert_int_eq(ask(GC_DNS_A, "x.example")->fail.err, GC_EDNS);
	ck_assert_ptr_nonnull(strstr(res.fail.detail, "refused"));
	ck_assert_ptr_nonnull(strstr(res.fail.detail, real.text));
	ck_assert_int_eq(ask(GC_DNS_A, "a..test")->fail.err, GC_EDNS);
	ck_assert_int_eq(ask(GC_DNS_A, "")->fail.err, GC_EDNS);
}
END_TEST

START_TEST(stopped_and_killed)
{
	close_dns();
	open_dns(real.text, 300);
	child_signal(&real.child, SIGSTOP);
	ck_assert_int_eq(ask(GC_DNS_A, "web.test")->fail.err, GC_ETIMEDOUT);
	child_signal(&real.child, SIGCONT);
	ck_assert_int_eq(ask(GC_DNS_A, "web.test")->n, 2);
	child_kill(&real.child, SIGKILL);
	ck_assert_int_eq(ask(GC_DNS_A, "web.test")->fail.err, GC_EDNS);
	ck_assert_ptr_nonnull(strstr(res.fail.detail, "refused"));
}
END_TEST

START_TEST(resolve_hosts)
{
	const struct result *r = resolve("web.test", AF_UNSPEC);

	ck_assert_int_eq(r->n, 3);
	ck_assert_uint_eq(r->rec[0].addr.sa.sa_family, AF_INET);
	ck_assert_uint_eq(r->rec[2].addr.sa.sa_family, AF_INET6);
	ck_assert_int_eq(resolve("web.test", AF_INET6)->n, 1);
	ck_assert_int_eq(resolve("web.test", AF_INET)->n, 2);
	ck_assert_int_eq(resolve("only6.test", AF_UNSPEC)->n, 1);
	ck_assert_int_eq(resolve("only6.test", AF_INET)->fail.err, GC_ENODATA);
	ck_assert_int_eq(resolve("txt.test", AF_UNSPEC)->fail.err, GC_ENODATA);
	ck_assert_int_eq(resolve("none.test", AF_UNSPEC)->fail.err, GC_ENXDOMAIN);
	ck_assert_int_eq(resolve("x.broken", AF_UNSPEC)->fail.err, GC_ESERVFAIL);
}
END_TEST

START_TEST(many_at_once)
{
	enum { N = 500 };
	struct counted {
		struct result r;
	} *all = calloc(N, sizeof(*all));

	ck_assert_ptr_nonnull(all);
	for (int i = 0; i < N; i++)
		gc_dns_resolve(dns, i % 2 ? "web.test" : "none.test", AF_UNSPEC, on_dns, &all[i].r);
	for (int i = 0; i < N; i++) {
		ck_assert(loop_until_count(&loop, &all[i].r.n_calls, 1, 8000));
		ck_assert_int_eq(all[i].r.fail.err, i % 2 ? 0 : GC_ENXDOMAIN);
	}
	free(all);
}
END_TEST

/* ---- against the fake ---- */

static void setup_fake(void)
{
	setup();
	ck_assert(fake_dns_open(&fake, &loop, "127.0.0.1", 0));
	open_dns(fake.text, 400);
}

static void teardown_fake(void)
{
	if (dns)
		close_dns();
	fake_dns_close(&fake);
	teardown();
}

START_TEST(mute)
{
	uint64_t t0 = uv_hrtime();

	fake.mode = FAKE_DNS_MUTE;
	ck_assert_int_eq(ask(GC_DNS_A, "x.test")->fail.err, GC_ETIMEDOUT);
	uint64_t ms = (uv_hrtime() - t0) / 1000000;

	ck_assert_uint_ge(ms, 390);
	ck_assert_uint_lt(ms, at_most_ms(1500));
	ck_assert_int_ge(fake.n_requests, 2); /* asked again within the deadline */
	ck_assert_ptr_nonnull(strstr(res.fail.detail, fake.text));
}
END_TEST

START_TEST(rcodes)
{
	static const struct {
		unsigned rcode;
		int err;
		const char *why;
	} row[] = {{1, GC_EDNS, "formerr"}, {2, GC_ESERVFAIL, "servfail"}, {3, GC_ENXDOMAIN, ""},
		   {4, GC_EDNS, "notimp"},  {5, GC_EDNS, "refused"},	   {9, GC_EDNS, "unknown"}};

	fake.mode = FAKE_DNS_RCODE;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		fake.rcode = row[i].rcode;
		ck_assert_int_eq(ask(GC_DNS_A, "x.test")->fail.err, row[i].err);
		ck_assert_msg(strstr(res.fail.detail, row[i].why) != NULL, "%s", res.fail.detail);
	}
}
END_TEST

START_TEST(odd_answers)
{
	static const struct {
		enum fake_dns_mode mode;
		int err;
		const char *why;
	} row[] = {{FAKE_DNS_NODATA, GC_ENODATA, ""},
		   {FAKE_DNS_BARE, GC_ENODATA, ""},
		   {FAKE_DNS_REFERRAL, GC_EDNS, "refers"},
		   {FAKE_DNS_WRONG_ID, GC_ETIMEDOUT, ""}, /* could be anybody's */
		   {FAKE_DNS_GARBAGE, GC_ETIMEDOUT, ""},
		   {FAKE_DNS_MALFORMED, GC_EDNS, "malformed"},
		   {FAKE_DNS_CUT, GC_EDNS, "malformed"},
		   {FAKE_DNS_ALIAS, GC_EDNS, "alias"},
		   {FAKE_DNS_ALIAS_LOOP, GC_ENODATA, ""}};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		fake.mode = row[i].mode;
		ck_assert_msg(ask(GC_DNS_A, "x.test")->fail.err == row[i].err, "mode %d: %s %s",
			      (int)row[i].mode, gc_err_name(res.fail.err), res.fail.detail);
		ck_assert_msg(strstr(res.fail.detail, row[i].why) != NULL, "%s", res.fail.detail);
	}
}
END_TEST

/* Truncated, and TCP is refused, or taken and mute: never half an answer. */
START_TEST(truncated_without_tcp)
{
	static struct fake_epmd tcp; /* has the framing of DNS over TCP; closes after this function */

	fake.mode = FAKE_DNS_TRUNCATED;
	ck_assert_int_eq(ask(GC_DNS_A, "x.test")->fail.err, GC_EDNS);
	/* The number of a free UDP port may be taken for TCP by somebody else. */
	if (!fake_epmd_open(&tcp, &loop, "127.0.0.1", ntohs(fake.addr.sin_port))) {
		fake_epmd_close(&tcp);
		return;
	}
	ck_assert_int_eq(ask(GC_DNS_A, "x.test")->fail.err, GC_ETIMEDOUT);
	ck_assert_int_ge(tcp.n_accepted, 1);
	fake_epmd_close(&tcp);
}
END_TEST

/* The answer comes after the deadline: the question is over, the next one is not disturbed. */
START_TEST(late_answer)
{
	fake.mode = FAKE_DNS_LATE;
	fake.delay_ms = 600;
	ck_assert_int_eq(ask(GC_DNS_A, "x.test")->fail.err, GC_ETIMEDOUT);
	loop_for(&loop, 500);
	ck_assert_int_eq(res.n_calls, 1);
	fake.mode = FAKE_DNS_ANSWER;
	ck_assert_int_eq(ask(GC_DNS_A, "x.test")->n, 1);
}
END_TEST

/* One kind is there, the other is mute or fails: what is there is the answer, soon. */
START_TEST(half_of_a_host)
{
	static const enum fake_dns_mode other[] = {FAKE_DNS_MUTE, FAKE_DNS_RCODE, FAKE_DNS_NODATA};
	uint64_t t0;

	fake.rcode = 2;
	for (int i = 0; i < 3; i++) {
		fake.mode_aaaa = other[i];
		t0 = uv_hrtime();
		ck_assert_int_eq(resolve("x.test", AF_UNSPEC)->n, 1);
		ck_assert_str_eq(text(&res.rec[0]), "10.9.9.1");
		ck_assert_uint_lt((uv_hrtime() - t0) / 1000000, at_most_ms(350));
	}
	fake.mode_aaaa = FAKE_DNS_ANSWER;
	fake.mode = FAKE_DNS_MUTE;
	ck_assert_int_eq(resolve("x.test", AF_UNSPEC)->n, 1);
	ck_assert_str_eq(text(&res.rec[0]), "fd09::1");
	fake.mode = FAKE_DNS_NODATA; /* nothing of one kind, failure of the other: failure */
	fake.mode_aaaa = FAKE_DNS_RCODE;
	ck_assert_int_eq(resolve("x.test", AF_UNSPEC)->fail.err, GC_ESERVFAIL);
}
END_TEST

/* Many questions that nobody answers: one that comes after them waits a little, not for them. */
START_TEST(mute_names_do_not_hold_up_others)
{
	enum { N = 200 };
	static struct result good; /* large: not on the stack */
	struct result *mutes = calloc(N, sizeof(*mutes));
	uint64_t t0 = uv_hrtime();

	ck_assert_ptr_nonnull(mutes);
	close_dns();
	open_dns(fake.text, 1500);
	fake.mode = FAKE_DNS_MUTE;
	fake.answer_name = "good.test";
	for (int i = 0; i < N; i++)
		gc_dns_ask(dns, GC_DNS_A, "mute.test", on_dns, &mutes[i]);
	gc_dns_ask(dns, GC_DNS_A, "good.test", on_dns, &good);
	ck_assert(loop_until_count(&loop, &good.n_calls, 1, 3000));
	ck_assert_int_eq(good.n, 1);
	ck_assert_uint_lt((uv_hrtime() - t0) / 1000000, at_most_ms(1000));
	for (int i = 0; i < N; i++) {
		ck_assert(loop_until_count(&loop, &mutes[i].n_calls, 1, 3000));
		ck_assert_int_eq(mutes[i].fail.err, GC_ETIMEDOUT);
	}
	free(mutes);
}
END_TEST

static void open_two(void)
{
	char both[80];

	ck_assert(fake_dns_open(&fake2, &loop, "127.0.0.1", 0));
	close_dns();
	snprintf(both, sizeof(both), "%s,%s", fake.text, fake2.text);
	open_dns(both, 2000);
}

START_TEST(second_server)
{
	static const enum fake_dns_mode bad[] = {FAKE_DNS_MUTE, FAKE_DNS_RCODE, FAKE_DNS_MALFORMED,
						 FAKE_DNS_REFERRAL};

	open_two();
	fake.rcode = 2;
	for (int i = 0; i < 4; i++) {
		fake.mode = bad[i];
		ck_assert_int_eq(ask(GC_DNS_A, "x.test")->n, 1);
	}
	fake2.mode = FAKE_DNS_MUTE; /* the first failed, the second is mute: the failure is told */
	fake.mode = FAKE_DNS_RCODE;
	ck_assert_int_eq(ask(GC_DNS_A, "x.test")->fail.err, GC_ESERVFAIL);
	fake.mode = FAKE_DNS_RCODE; /* a name that does not exist is an answer */
	fake.rcode = 3;
	ck_assert_int_eq(ask(GC_DNS_A, "x.test")->fail.err, GC_ENXDOMAIN);
	fake_dns_close(&fake2);
}
END_TEST

/* After a mute first server the second is asked first: no step is lost each time. */
START_TEST(mute_server_is_remembered)
{
	uint64_t t0;

	open_two();
	fake.mode = FAKE_DNS_MUTE;
	ck_assert_int_eq(ask(GC_DNS_A, "x.test")->n, 1);
	t0 = uv_hrtime();
	ck_assert_int_eq(ask(GC_DNS_A, "x.test")->n, 1);
	ck_assert_uint_lt((uv_hrtime() - t0) / 1000000, at_most_ms(300));
	fake_dns_close(&fake2);
}
END_TEST

static void open_with_search(const char *conf)
{
	write_text(resolv, conf);
	close_dns();
	open_dns(fake.text, 2000);
}

START_TEST(search_list)
{
	open_with_search("search ns.svc.local svc.local local\noptions ndots:2\n");
	fake.only_name = "web.ns.svc.local";
	ck_assert_int_eq(ask(GC_DNS_A, "web.ns")->n, 1);
	ck_assert_int_eq(fake.n_requests, 2); /* web.ns.ns.svc.local, then this one */
	fake.n_requests = 0;
	ck_assert_int_eq(ask(GC_DNS_A, "web.ns.svc.local")->n, 1); /* dots enough: as it is first */
	ck_assert_int_eq(fake.n_requests, 1);
	fake.n_requests = 0;
	ck_assert_int_eq(ask(GC_DNS_A, "web.ns.")->fail.err, GC_ENXDOMAIN); /* absolute */
	ck_assert_int_eq(fake.n_requests, 1);
	fake.n_requests = 0;
	ck_assert_int_eq(ask(GC_DNS_A, "nobody")->fail.err, GC_ENXDOMAIN);
	ck_assert_int_eq(fake.n_requests, 4);
	ck_assert_str_eq(fake.last_name, "nobody");
	fake.only_name = "last.one";
	ck_assert_int_eq(resolve("last.one", AF_UNSPEC)->n, 2); /* as it is, last */
}
END_TEST

/* SERVFAIL for one candidate: another may answer; if none does, it must not look like NXDOMAIN. */
START_TEST(search_with_failure)
{
	open_with_search("search a.test b.test\n");
	fake.only_name = "web.b.test";
	fake.servfail_name = "web.a.test";
	ck_assert_int_eq(ask(GC_DNS_A, "web")->n, 1);
	fake.only_name = "other";
	ck_assert_int_eq(ask(GC_DNS_A, "web")->fail.err, GC_ESERVFAIL);
	ck_assert_ptr_nonnull(strstr(res.fail.detail, "web.a.test"));
	fake.servfail_name = NULL;
	fake.only_name = "web.a.test"; /* exists, has nothing of this type */
	fake.mode = FAKE_DNS_NODATA;
	ck_assert_int_eq(ask(GC_DNS_A, "web")->fail.err, GC_ENODATA);
}
END_TEST

START_TEST(resolv_conf_changes)
{
	open_with_search("search a.test\n");
	fake.only_name = "web.b.test";
	ck_assert_int_eq(ask(GC_DNS_A, "web")->fail.err, GC_ENXDOMAIN);
	/* with a question on the way, which goes on by the old one */
	memset(&res, 0, sizeof(res));
	fake.mode = FAKE_DNS_LATE;
	fake.delay_ms = 100;
	fake.only_name = NULL;
	static struct result first, second;

	memset(&first, 0, sizeof(first));
	memset(&second, 0, sizeof(second));
	ck_assert_ptr_nonnull(gc_dns_ask(dns, GC_DNS_A, "web", on_dns, &first));
	ck_assert(loop_until_count(&loop, &fake.n_requests, 3, 2000));
	write_text(resolv, "search b.test\n");
	ck_assert_ptr_nonnull(gc_dns_ask(dns, GC_DNS_SRV, "", on_dns, &second)); /* reads it */
	ck_assert(loop_until_count(&loop, &second.n_calls, 1, 3000));
	ck_assert(loop_until_count(&loop, &first.n_calls, 1, 3000));
	ck_assert_int_eq(first.n, 1);
	fake.mode = FAKE_DNS_ANSWER;
	fake.only_name = "web.b.test";
	ck_assert_int_eq(ask(GC_DNS_A, "web")->n, 1);
	unlink(resolv); /* gone: defaults, but it goes on */
	ck_assert_int_eq(ask(GC_DNS_A, "web.b.test")->n, 1);
	write_text(resolv, "");
}
END_TEST

START_TEST(hosts_file)
{
	write_text(hosts, "# comment\n10.1.1.1 one One-Alias # more\nfd00::11\tone\n\n10.1.1.2 two\r\n"
			  "not-an-address three\n10.1.1.4\n10.1.1.5 x x x\n");
	fake.mode = fake.mode_aaaa = FAKE_DNS_RCODE;
	fake.rcode = 3;
	ck_assert_int_eq(resolve("one", AF_UNSPEC)->n, 2);
	ck_assert_str_eq(text(&res.rec[0]), "10.1.1.1");
	ck_assert_str_eq(text(&res.rec[1]), "fd00::11");
	ck_assert_int_eq(resolve("one", AF_INET6)->n, 1);
	ck_assert_int_eq(resolve("ONE-alias.", AF_UNSPEC)->n, 1);
	ck_assert_int_eq(resolve("two", AF_INET)->n, 1);
	ck_assert_int_eq(fake.n_requests, 0);
	ck_assert_int_eq(resolve("three", AF_INET)->fail.err, GC_ENXDOMAIN);
	fake.n_requests = 0;
	write_text(hosts, "10.1.1.3 three\n");
	ck_assert_int_eq(resolve("three", AF_INET)->n, 1);
	ck_assert_int_eq(fake.n_requests, 0);
	ck_assert_int_eq(resolve("one", AF_INET)->fail.err, GC_ENXDOMAIN);
	unlink(hosts);
	ck_assert_int_eq(resolve("three", AF_INET)->fail.err, GC_ENXDOMAIN);
	write_text(hosts, "");
}
END_TEST

START_TEST(literals)
{
	ck_assert_int_eq(resolve("10.2.3.4", AF_UNSPEC)->n, 1);
	ck_assert_str_eq(text(&res.rec[0]), "10.2.3.4");
	ck_assert_int_eq(resolve("fd00::7", AF_UNSPEC)->n, 1);
	ck_assert_str_eq(text(&res.rec[0]), "fd00::7");
	ck_assert_int_eq(resolve("fd00::7", AF_INET)->fail.err, GC_ENODATA);
	ck_assert_int_eq(resolve("localhost", AF_UNSPEC)->n, 2);
	ck_assert_str_eq(text(&res.rec[0]), "127.0.0.1");
	ck_assert_int_eq(resolve("x.LOCALHOST.", AF_INET6)->n, 1);
	write_text(hosts, "127.0.0.7 localhost\n");
	ck_assert_int_eq(resolve("localhost", AF_INET)->n, 1);
	ck_assert_str_eq(text(&res.rec[0]), "127.0.0.7");
	ck_assert_int_eq(resolve("localhost", AF_INET6)->n, 1);
	ck_assert_int_eq(fake.n_requests, 0);
	ck_assert_int_eq(resolve("notlocalhost", AF_INET)->n, 1);
	ck_assert_int_eq(fake.n_requests, 1);
}
END_TEST

START_TEST(cancelled)
{
	struct gc_dns_query *q;

	memset(&res, 0, sizeof(res));
	fake.mode = FAKE_DNS_LATE;
	fake.delay_ms = (unsigned)at_most_ms(30); /* longer than six turns take */
	for (int turns = 0; turns < 6; turns++) {
		q = gc_dns_ask(dns, GC_DNS_A, "x.test", on_dns, &res);
		for (int i = 0; i < turns; i++)
			uv_run(&loop, UV_RUN_NOWAIT);
		gc_dns_cancel(q);
		loop_for(&loop, at_most_ms(50));
		ck_assert_int_eq(res.n_calls, 0);
	}
	gc_dns_cancel(NULL);
	res.cancel = gc_dns_ask(dns, GC_DNS_A, "x.test", on_dns, &res);
	ck_assert(loop_until_count(&loop, &res.n_calls, 1, 2000));
}
END_TEST

START_TEST(closed_with_open_questions)
{
	static struct result r[3];

	memset(r, 0, sizeof(r));
	fake.mode = FAKE_DNS_MUTE;
	gc_dns_ask(dns, GC_DNS_A, "x.test", on_dns, &r[0]);
	gc_dns_resolve(dns, "y.test", AF_UNSPEC, on_dns, &r[1]);
	ck_assert(loop_until_count(&loop, &fake.n_requests, 1, 2000));
	gc_dns_ask(dns, GC_DNS_A, "z.test", on_dns, &r[2]);
	gc_dns_close(dns, on_closed, &closed);
	gc_dns_close(dns, on_closed, &closed);
	ck_assert_ptr_null(gc_dns_ask(dns, GC_DNS_A, "x.test", on_dns, &r[0]));
	ck_assert(loop_until_count(&loop, &closed, 1, 2000));
	dns = NULL;
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(r[i].n_calls, 1);
		ck_assert_int_eq(r[i].fail.err, GC_ECANCELED);
	}
}
END_TEST

START_TEST(closed_in_callback)
{
	memset(&res, 0, sizeof(res));
	res.close = dns;
	gc_dns_ask(dns, GC_DNS_A, "x.test", on_dns, &res);
	ck_assert(loop_until_count(&loop, &closed, 1, 2000));
	ck_assert_int_eq(res.n_calls, 1);
	dns = NULL;
}
END_TEST

START_TEST(bad_options)
{
	static const char *const bad[] = {"nobody", "10.0.0.1,x", "10.0.0.300", " ", ","};
	struct gc_dns_options o = {0};
	struct gc_dns *d;
	char err[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		o.nameservers = bad[i];
		err[0] = '\0';
		ck_assert_msg(gc_dns_create(&loop, &o, &d, err, sizeof(err)) < 0, "%s", bad[i]);
		ck_assert_ptr_null(d);
		ck_assert(err[0] != '\0');
	}
}
END_TEST

START_TEST(a_long_name)
{
	char name[400];

	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 50 == 49 ? '.' : 'x';
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(ask(GC_DNS_A, name)->fail.err, GC_EDNS);
	name[100] = '\0';
	memset(name, 'x', 100); /* one label of 100 */
	ck_assert_int_eq(ask(GC_DNS_A, name)->fail.err, GC_EDNS);
}
END_TEST

static void add_real(Suite *s)
{
	TCase *tc = tcase_create("Knot DNS");

	tcase_add_checked_fixture(tc, setup_real, teardown_real);
	tcase_set_timeout(tc, 40);
	tcase_add_test(tc, a_and_aaaa);
	tcase_add_test(tc, alias);
	tcase_add_test(tc, srv);
	tcase_add_test(tc, truncated_then_tcp);
	tcase_add_test(tc, told_apart);
	tcase_add_test(tc, stopped_and_killed);
	tcase_add_test(tc, resolve_hosts);
	tcase_add_test(tc, many_at_once);
	suite_add_tcase(s, tc);
}

static void add_fake(Suite *s)
{
	TCase *tc = tcase_create("fake DNS");

	tcase_add_checked_fixture(tc, setup_fake, teardown_fake);
	tcase_set_timeout(tc, 40);
	tcase_add_test(tc, mute);
	tcase_add_test(tc, rcodes);
	tcase_add_test(tc, odd_answers);
	tcase_add_test(tc, truncated_without_tcp);
	tcase_add_test(tc, late_answer);
	tcase_add_test(tc, half_of_a_host);
	tcase_add_test(tc, mute_names_do_not_hold_up_others);
	tcase_add_test(tc, second_server);
	tcase_add_test(tc, mute_server_is_remembered);
	tcase_add_test(tc, search_list);
	tcase_add_test(tc, search_with_failure);
	tcase_add_test(tc, resolv_conf_changes);
	tcase_add_test(tc, hosts_file);
	tcase_add_test(tc, literals);
	tcase_add_test(tc, cancelled);
	tcase_add_test(tc, closed_with_open_questions);
	tcase_add_test(tc, closed_in_callback);
	tcase_add_test(tc, bad_options);
	tcase_add_test(tc, a_long_name);
	suite_add_tcase(s, tc);
}

int main(void)
{
	Suite *suite = suite_create("dns");
	SRunner *runner;

	signal(SIGPIPE, SIG_IGN);
	unsetenv("LOCALDOMAIN");
	unsetenv("RES_OPTIONS");
	if (real_dns_found())
		add_real(suite);
	else
		printf("no knotd here (Debian: knot): only the fake server is asked\n");
	add_fake(suite);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? 1 : 0;
}
