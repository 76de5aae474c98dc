/* The dns plugin as built, in a fake host: against Knot DNS, and against a fake server for faults. */
#include "fake_dns.h"
#include "plugin_alone.h"
#include "real_dns.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct real_dns real;
static struct fake_dns fake;

/* options: the rest of the map, with the server to ask in the place of %s. */
static void open_plugin(const char *server, const char *options)
{
	char text[512];

	snprintf(text, sizeof(text), "#{nameservers => [\"%s\"], %s}", server, options);
	alone_open("dns", text);
}

static const struct fake_answer *ask_once(const char *server, const char *options)
{
	open_plugin(server, options);
	return alone_ask();
}

/* ---- Knot ---- */

static void setup_real(void)
{
	memset(&real, 0, sizeof(real));
	ck_assert(real_dns_start(&real, "web A 10.0.0.1\nweb A 10.0.0.2\nweb AAAA fd00::1\n"
					"only4 7 A 10.0.0.4\nonly6 AAAA fd00::6\ntxt TXT \"x\"\n"
					"far 9 A 10.0.0.9\n"
					"_erl._tcp SRV 0 0 4370 only4\n_erl._tcp SRV 0 0 4371 only6\n"
					"_far._tcp SRV 0 0 4372 far\n"
					"_lost._tcp SRV 0 0 4373 only4\n_lost._tcp SRV 0 0 4374 nobody\n"));
	alone_setup();
}

static void teardown_real(void)
{
	alone_teardown();
	real_dns_stop(&real);
}

START_TEST(addresses)
{
	const struct fake_answer *a = ask_once(real.text, "domain => \"web.test\"");

	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert_str_eq(a->reason, "");
	ck_assert_uint_eq(a->n, 2); /* a host of both families is one peer */
	ck_assert(fake_answer_has(a, "10.0.0.1", "10.0.0.1", 0));
	ck_assert(fake_answer_has(a, "10.0.0.2", "10.0.0.2", 0));
	ck_assert_uint_eq(a->peers[0].port, 0);
	ck_assert_uint_eq(a->ttl_s, 30);
	ck_assert_uint_eq(ask_once(real.text, "domain => \"web.test\", ipv6 => false")->n, 2);
	ck_assert_uint_eq(ask_once(real.text, "domain => \"web.test\", ipv6 => true")->n, 1);
	ck_assert_uint_eq(ask_once(real.text, "domain => \"web.test\", record_type => a")->n, 2);
	ck_assert_uint_eq(ask_once(real.text, "domain => \"web.test\", record_type => aaaa")->n, 1);
	a = ask_once(real.text, "domain => \"only4.test.\", port => 4999");
	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert(fake_answer_has(a, "10.0.0.4", "10.0.0.4", 4999));
	ck_assert_uint_eq(a->ttl_s, 7);
}
END_TEST

START_TEST(empty_answers)
{
	const struct fake_answer *a = ask_once(real.text, "domain => \"nobody.test\"");

	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert_uint_eq(a->n, 0);
	ck_assert_str_eq(a->reason, "nxdomain: nobody.test");
	a = ask_once(real.text, "domain => \"txt.test\"");
	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert_str_eq(a->reason, "nodata: txt.test");
	a = ask_once(real.text, "domain => \"only4.test\", record_type => aaaa");
	ck_assert_str_eq(a->reason, "nodata: only4.test");
	a = ask_once(real.text, "domain => \"x.broken\"");
	ck_assert_int_eq(a->quality, GC_ERROR);
	ck_assert_ptr_nonnull(strstr(a->reason, "servfail"));
	a = ask_once(real.text, "domain => \"x.example\"");
	ck_assert_int_eq(a->quality, GC_ERROR);
	ck_assert_ptr_nonnull(strstr(a->reason, "refused"));
}
END_TEST

START_TEST(several_domains)
{
	const struct fake_answer *a =
	    ask_once(real.text, "domain => [\"only4.test\", \"only6.test\"]");

	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert_uint_eq(a->n, 2);
	a = ask_once(real.text, "domain => [\"only4.test\", \"nobody.test\"]");
	ck_assert_int_eq(a->quality, GC_COMPLETE); /* never was there: no reason to doubt it */
	ck_assert_uint_eq(a->n, 1);
	a = ask_once(real.text, "domain => [\"only4.test\", \"x.broken\"]");
	ck_assert_int_eq(a->quality, GC_PARTIAL);
	ck_assert_uint_eq(a->n, 1);
	ck_assert_ptr_nonnull(strstr(a->reason, "x.broken"));
	a = ask_once(real.text, "domain => [\"nobody.test\", \"x.broken\"]");
	ck_assert_int_eq(a->quality, GC_ERROR);
}
END_TEST

START_TEST(srv_names)
{
	const struct fake_answer *a =
	    ask_once(real.text, "domain => \"_erl._tcp.test\", record_type => srv");

	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert_uint_eq(a->n, 2);
	ck_assert(fake_answer_has(a, "only4.test", "10.0.0.4", 4370));
	ck_assert(fake_answer_has(a, "only6.test", "fd00::6", 4371));
	a = ask_once(real.text, "domain => \"_erl._tcp.test\", record_type => srv, srv_port => false");
	ck_assert_uint_eq(a->peers[0].port + a->peers[1].port, 0);
	a = ask_once(real.text,
		     "domain => \"_erl._tcp.test\", record_type => srv, srv_port => false, port => 9");
	ck_assert(fake_answer_has(a, "only4.test", NULL, 9));
	a = ask_once(real.text, "domain => \"_none._tcp.test\", record_type => srv");
	ck_assert_str_eq(a->reason, "nxdomain: _none._tcp.test");
	a = ask_once(real.text, "domain => \"web.test\", record_type => srv");
	ck_assert_str_eq(a->reason, "nodata: web.test");
}
END_TEST

START_TEST(srv_addresses)
{
	const struct fake_answer *a = ask_once(
	    real.text, "domain => \"_erl._tcp.test\", record_type => srv, host_type => ip");

	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert(fake_answer_has(a, "10.0.0.4", "10.0.0.4", 4370));
	ck_assert(fake_answer_has(a, "fd00::6", "fd00::6", 4371));
	/* the other family only: one target has none */
	a = ask_once(real.text,
		     "domain => \"_erl._tcp.test\", record_type => srv, host_type => ip, ipv6 => true");
	ck_assert_int_eq(a->quality, GC_PARTIAL);
	ck_assert_uint_eq(a->n, 1);
	ck_assert_ptr_nonnull(strstr(a->reason, "only4.test"));
	a = ask_once(real.text, "domain => \"_lost._tcp.test\", record_type => srv, host_type => ip");
	ck_assert_int_eq(a->quality, GC_PARTIAL);
	ck_assert_uint_eq(a->n, 1);
	ck_assert_ptr_nonnull(strstr(a->reason, "nobody.test"));
	a = ask_once(real.text, "domain => \"_lost._tcp.test\", record_type => srv");
	ck_assert_int_eq(a->quality, GC_COMPLETE); /* names need no address */
	ck_assert(fake_answer_has(a, "nobody.test", "", 4374));
}
END_TEST

/* Without SRV the domain itself is the host. */
START_TEST(hostname_of_a_domain)
{
	const struct fake_answer *a = ask_once(
	    real.text, "domain => [\"only4.test.\", \"only6.test\"], host_type => hostname");

	ck_assert_uint_eq(a->n, 2);
	ck_assert(fake_answer_has(a, "only4.test", "", 0));
	ck_assert(fake_answer_has(a, "only6.test", "", 0));
	ck_assert_int_eq(host.n_logs, 0);
	a = ask_once(real.text, "domain => \"web.test\", record_type => a, host_type => hostname");
	ck_assert_uint_eq(a->n, 1);
	ck_assert_ptr_nonnull(strstr(host.last_log, "2 addresses"));
	alone_ask();
	ck_assert_int_eq(host.n_logs, 1); /* once */
}
END_TEST

/* ---- the fake ---- */

static void setup_fake(void)
{
	alone_setup();
	ck_assert(fake_dns_open(&fake, &loop, "127.0.0.1", 0));
}

static void teardown_fake(void)
{
	fake_dns_close(&fake);
	alone_teardown();
}

START_TEST(failures)
{
	static const struct {
		enum fake_dns_mode mode;
		const char *reason;
	} row[] = {{FAKE_DNS_MUTE, "timeout"},	     {FAKE_DNS_RCODE, "servfail"},
		   {FAKE_DNS_GARBAGE, "timeout"},    {FAKE_DNS_MALFORMED, "malformed"},
		   {FAKE_DNS_REFERRAL, "dns_error"}, {FAKE_DNS_TRUNCATED, "dns_error"}};

	open_plugin(fake.text, "domain => \"x.test\", record_type => a, lookup_timeout => 200");
	fake.rcode = 2;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		fake.mode = row[i].mode;
		const struct fake_answer *a = alone_ask();

		ck_assert_int_eq(a->quality, GC_ERROR);
		ck_assert_uint_eq(a->n, 0);
		ck_assert_msg(strstr(a->reason, row[i].reason) != NULL, "%s", a->reason);
	}
	fake.mode = FAKE_DNS_ANSWER;
	ck_assert_uint_eq(alone_ask()->n, 1);
}
END_TEST

/* Where the owner is named by an IPv6 address, so are the others. Each family stands in where the other has
 * nothing. */
START_TEST(preferred_family)
{
	const struct fake_answer *a = ask_once(real.text, "domain => \"only6.test\"");

	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert(a->n == 1 && fake_answer_has(a, "fd00::6", "fd00::6", 0));
	ck_assert(fake_host_close(&host));
	host.env[GC_ENV_HOST] = "fd00::99";
	a = ask_once(real.text, "domain => \"web.test\"");
	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert(a->n == 1 && fake_answer_has(a, "fd00::1", "fd00::1", 0));
	a = ask_once(real.text, "domain => [\"only4.test\", \"web.test\"]");
	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert_uint_eq(a->n, 2);
	ck_assert(fake_answer_has(a, "10.0.0.4", "10.0.0.4", 0));
	ck_assert_uint_eq(ask_once(real.text, "domain => \"web.test\", ipv6 => false")->n, 2);
	host.env[GC_ENV_HOST] = NULL;
}
END_TEST

/* The preferred family goes empty for a while, the other does not: nobody gets another name before three
 * rounds. */
START_TEST(family_goes)
{
	const struct fake_answer *a;

	open_plugin(fake.text, "domain => \"x.test\", lookup_timeout => 200");
	ck_assert_uint_eq(alone_ask()->n, 1);
	fake.mode = FAKE_DNS_NODATA;
	fake.mode_aaaa = FAKE_DNS_ANSWER;
	for (int round = 1; round < 3; round++) {
		a = alone_ask();
		ck_assert_int_eq(a->quality, GC_PARTIAL);
		ck_assert_uint_eq(a->n, 0);
	}
	a = alone_ask();
	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert_uint_eq(a->n, 1);
}
END_TEST

/* A and AAAA: what one of them says when the other fails. */
START_TEST(one_kind_fails)
{
	const struct fake_answer *a;

	open_plugin(fake.text, "domain => \"x.test\", lookup_timeout => 200");
	fake.mode_aaaa = FAKE_DNS_RCODE;
	fake.rcode = 2;
	a = alone_ask();
	ck_assert_int_eq(a->quality, GC_COMPLETE); /* the other family would not have been taken */
	ck_assert_uint_eq(a->n, 1);
	fake.mode = FAKE_DNS_NODATA;
	ck_assert_int_eq(alone_ask()->quality, GC_ERROR);
	fake.mode = FAKE_DNS_ANSWER;
	fake.rcode = 3;
	ck_assert_int_eq(alone_ask()->quality, GC_COMPLETE);
}
END_TEST

/* One of two domains is suddenly unknown: doubted for some rounds. */
START_TEST(a_domain_vanishes)
{
	const struct fake_answer *a;

	open_plugin(fake.text, "domain => [\"a.test.\", \"b.test.\"], record_type => a");
	ck_assert_int_eq(alone_ask()->quality, GC_COMPLETE);
	fake.only_name = "a.test";
	for (int i = 0; i < 2; i++) {
		a = alone_ask();
		ck_assert_int_eq(a->quality, GC_PARTIAL);
		ck_assert_ptr_nonnull(strstr(a->reason, "nxdomain: "));
		ck_assert_ptr_nonnull(strstr(a->reason, "b.test"));
	}
	ck_assert_int_eq(alone_ask()->quality, GC_COMPLETE);
	ck_assert_int_eq(alone_ask()->quality, GC_COMPLETE);
	fake.only_name = NULL;
	ck_assert_int_eq(alone_ask()->quality, GC_COMPLETE);
	fake.only_name = "a.test";
	ck_assert_int_eq(alone_ask()->quality, GC_PARTIAL);
	fake.only_name = NULL; /* back: forgotten */
	alone_ask();
	fake.only_name = "a.test";
	alone_ask();
	ck_assert_int_eq(alone_ask()->quality, GC_PARTIAL);
	fake.only_name = "c.test"; /* all gone: up to the host */
	a = alone_ask();
	ck_assert_int_eq(a->quality, GC_COMPLETE);
	ck_assert_int_eq(strncmp(a->reason, "nxdomain: ", 10), 0);
}
END_TEST

START_TEST(literal_and_localhost)
{
	const struct fake_answer *a =
	    ask_once(fake.text, "domain => [\"10.3.3.3\", \"fd00::3\", \"localhost\"]");

	ck_assert_uint_eq(a->n, 3);
	ck_assert(fake_answer_has(a, "10.3.3.3", NULL, 0));
	ck_assert(fake_answer_has(a, "fd00::3", NULL, 0));
	ck_assert(fake_answer_has(a, "127.0.0.1", NULL, 0));
	ck_assert_int_eq(fake.n_requests, 0);
}
END_TEST

START_TEST(cancelled_and_closed)
{
	open_plugin(fake.text, "domain => [\"a.test\", \"b.test\"], record_type => srv, host_type => ip");
	fake.n_records = 3;
	fake.mode_aaaa = FAKE_DNS_MUTE;
	for (int turns = 0; turns < 12; turns++) { /* at each stage */
		int n = host.n_answers;
		struct gc_request *r = fake_host_refresh(&host);

		ck_assert_ptr_nonnull(r);
		for (int i = 0; i < turns && host.n_answers == n; i++)
			uv_run(&loop, UV_RUN_NOWAIT);
		if (host.n_answers > n)
			continue;
		fake_host_cancel(&host, r);
		ck_assert_ptr_nonnull(fake_host_wait(&host, n + 1, 1000));
	}
	ck_assert_uint_eq(alone_ask()->n, 6); /* the targets have the same addresses in the fake */
	ck_assert_ptr_nonnull(fake_host_refresh(&host)); /* and closed with one open */
	uv_run(&loop, UV_RUN_NOWAIT);
}
END_TEST

START_TEST(several_instances)
{
	struct gc_instance other;
	char text[200];

	memset(&other, 0, sizeof(other));
	open_plugin(fake.text, "domain => \"a.test\"");
	snprintf(text, sizeof(text), "#{domain => \"b.test\", nameservers => [\"%s\"]}", fake.text);
	ck_assert(fake_host_open(&other, &loop, "dns", text));
	ck_assert_uint_eq(alone_ask()->n, 1);
	ck_assert_uint_eq(fake_host_ask(&other, 5000)->n, 1);
	ck_assert(fake_host_close(&other));
	ck_assert_uint_eq(alone_ask()->n, 1);
}
END_TEST

START_TEST(bad_options)
{
	static const struct {
		const char *options, *word;
	} bad[] = {{"#{}", "domain"},
		   {"#{domain => \"\"}", "domain"},
		   {"#{domain => [\"a b\"]}", "domain"},
		   {"#{domain => []}", "domain"},
		   {"#{domain => \"x\", record_type => mx}", "record_type"},
		   {"#{domain => \"x\", host_type => name}", "host_type"},
		   {"#{domain => \"x\", port => 70000}", "port"},
		   {"#{domain => \"x\", nameservers => [\"ns.test\"]}", "ns.test"}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!fake_host_open(&host, &loop, "dns", bad[i].options), "%s",
			      bad[i].options);
		ck_assert_msg(strstr(host.err, bad[i].word) != NULL, "%s", host.err);
	}
	ck_assert(fake_host_open(&host, &loop, "dns", "\"short.form\""));
	ck_assert(fake_host_close(&host));
	open_plugin("fd00::53\", \"[fd00::54]:53\", \"[fd00::55]\", \"10.0.0.1:5353", "domain => \"x\"");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("plugin_dns");
	TCase *knot = tcase_create("Knot DNS"), *faults = tcase_create("fake DNS");

	tcase_add_checked_fixture(knot, setup_real, teardown_real);
	tcase_set_timeout(knot, 40);
	tcase_add_test(knot, addresses);
	tcase_add_test(knot, preferred_family);
	tcase_add_test(knot, empty_answers);
	tcase_add_test(knot, several_domains);
	tcase_add_test(knot, srv_names);
	tcase_add_test(knot, srv_addresses);
	tcase_add_test(knot, hostname_of_a_domain);
	tcase_add_checked_fixture(faults, setup_fake, teardown_fake);
	tcase_set_timeout(faults, 40);
	tcase_add_test(faults, failures);
	tcase_add_test(faults, one_kind_fails);
	tcase_add_test(faults, family_goes);
	tcase_add_test(faults, a_domain_vanishes);
	tcase_add_test(faults, literal_and_localhost);
	tcase_add_test(faults, cancelled_and_closed);
	tcase_add_test(faults, several_instances);
	tcase_add_test(faults, bad_options);
	if (real_dns_found())
		suite_add_tcase(suite, knot);
	else
		printf("no knotd here (Debian: knot): only the fake server is asked\n");
	suite_add_tcase(suite, faults);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(make_suite());

	signal(SIGPIPE, SIG_IGN);
	setenv("LOCALDOMAIN", "search.test", 1); /* not that of this machine */
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? 1 : 0;
}
