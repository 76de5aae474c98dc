/* allow: which text is a rule, and which addresses each rule lets through. The interfaces are those of this
 * host: lo is on every one. */
#include "allow.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static union gc_addr address(const char *text)
{
	union gc_addr a;

	ck_assert_msg(gc_addr_parse(&a, text, 4369), "%s", text);
	return a;
}

static const char *const good[] = {
	"10.0.0.0/8",	"10.1.2.3", "10.1.2.3/32", "0.0.0.0/0", "::/0",	    "::1",
	"fd00:77::/64", "fe80::/10", "eth0",	    "lo",	"br-1a2b3c", "wg0.7",
	"::ffff:10.0.0.0/104",
};

static const char *const bad[] = {
	"",	       "10.0.0.1/8",   "10.0.0.0/33", "10.0.0.0/",  "10.0.0.0/8x", "10.0.0.0/ 8",
	"10.0.0.0/-8", "10.0.0",       "10",	      "10.0.0.256", "fd00::1/64",  "fd00::/129",
	"eth0/8",      "a b",	       "eth0:1",      "fd00::/064x", "/8",	   "10.0.0.0/8/8",
	"an-interface-of-that-length", "a\nb",	      "10.0.0.0/0008", "::g",
};

START_TEST(rules_that_are_good)
{
	struct gc_net net;

	ck_assert_msg(gc_net_parse(&net, good[_i]), "%s", good[_i]);
}
END_TEST

START_TEST(rules_that_are_not)
{
	struct gc_net net;

	ck_assert_msg(!gc_net_parse(&net, bad[_i]), "%s", bad[_i]);
}
END_TEST

/* {rules, an address, is it let in} */
static const struct {
	const char *rule, *addr;
	bool is_in;
} cases[] = {
	{"10.0.0.0/8", "10.0.0.0", true},
	{"10.0.0.0/8", "10.255.255.255", true},
	{"10.0.0.0/8", "11.0.0.0", false},
	{"10.0.0.0/8", "9.255.255.255", false},
	{"10.0.0.0/8", "::ffff:10.9.9.9", true}, /* IPv4 that came in over IPv6 */
	{"10.0.0.0/8", "::10.9.9.9", false},
	{"10.0.0.0/8", "a00::", false}, /* the same first byte */
	{"10.1.2.3", "10.1.2.3", true},
	{"10.1.2.3", "10.1.2.2", false},
	{"10.1.2.0/23", "10.1.3.255", true},
	{"10.1.2.0/23", "10.1.4.0", false},
	{"10.1.2.128/25", "10.1.2.127", false},
	{"0.0.0.0/0", "255.255.255.255", true},
	{"0.0.0.0/0", "::1", false},
	{"::/0", "fd00::1", true},
	{"::/0", "10.0.0.1", true},
	{"::ffff:10.0.0.0/104", "10.1.1.1", true},
	{"fd00:77::/64", "fd00:77::1", true},
	{"fd00:77::/64", "fd00:77:0:1::1", false},
	{"fd00:77::/63", "fd00:77:0:1::1", true},
	{"::1", "::1", true},
	{"::1", "::2", false},
	{"127.0.0.0/8", "::1", false},
	{"lo", "127.0.0.1", true},
	{"lo", "127.9.9.9", true},
	{"lo", "10.255.255.254", false},
	{"nonesuch0", "127.0.0.1", false},
};

START_TEST(rules_at_work)
{
	union gc_addr addr = address(cases[_i].addr);
	struct gc_allow *a = gc_allow_create(&cases[_i].rule, 1);

	ck_assert_ptr_nonnull(a);
	ck_assert_msg(gc_allow_has(a, &addr.sa, 0) == cases[_i].is_in, "%s in %s", cases[_i].addr,
		      cases[_i].rule);
	gc_allow_destroy(a);
}
END_TEST

/* Every prefix length, with the last bit of the prefix and the first one after it turned. */
START_TEST(every_prefix)
{
	for (unsigned bits = 1; bits <= 32; bits++) {
		uint32_t mask = bits == 32 ? 0xffffffff : ~(0xffffffffu >> bits);
		uint32_t base = 0xac1f5a5b & mask;
		union gc_addr addr = {.in = {.sin_family = AF_INET}};
		char text[INET_ADDRSTRLEN], rule[32];
		const char *rules = rule;
		struct gc_allow *a;

		addr.in.sin_addr.s_addr = htonl(base);
		inet_ntop(AF_INET, &addr.in.sin_addr, text, sizeof(text));
		snprintf(rule, sizeof(rule), "%s/%u", text, bits);
		a = gc_allow_create(&rules, 1);
		ck_assert(gc_allow_has(a, &addr.sa, 0));
		addr.in.sin_addr.s_addr = htonl(base | ~mask);
		ck_assert_msg(gc_allow_has(a, &addr.sa, 0), "the end of %s", rule);
		addr.in.sin_addr.s_addr = htonl(base ^ (1u << (32 - bits)));
		ck_assert_msg(!gc_allow_has(a, &addr.sa, 0), "beyond %s", rule);
		gc_allow_destroy(a);
	}
}
END_TEST

START_TEST(several_rules)
{
	static const char *const rules[] = {"10.0.0.0/8", "fd00::/8", "nonesuch0", "192.168.7.1"};
	struct gc_allow *a = gc_allow_create(rules, 4);
	union gc_addr in[] = {address("10.0.0.1"), address("fd12::1"), address("192.168.7.1")};
	union gc_addr out[] = {address("192.168.7.2"), address("127.0.0.1"), address("::1")};

	for (int i = 0; i < 3; i++) {
		ck_assert(gc_allow_has(a, &in[i].sa, 0));
		ck_assert(!gc_allow_has(a, &out[i].sa, 0));
		ck_assert(gc_allow_has(NULL, &out[i].sa, 0));
	}
	ck_assert_str_eq(gc_allow_idle(a, 0), "nonesuch0");
	ck_assert_ptr_null(gc_allow_idle(NULL, 0));
	gc_allow_destroy(a);
	gc_allow_destroy(NULL);
}
END_TEST

START_TEST(neither_ipv4_nor_ipv6)
{
	static const char *const rules[] = {"::/0"};
	struct gc_allow *a = gc_allow_create(rules, 1);
	union gc_addr addr = {.sa = {.sa_family = AF_UNIX}};

	ck_assert(!gc_allow_has(a, &addr.sa, 0));
	gc_allow_destroy(a);
}
END_TEST

/* A link-local network is one of its interface. */
START_TEST(scopes)
{
	union gc_addr addr = address("fe80::1");
	struct gc_net net;

	addr.in6.sin6_scope_id = 2;
	gc_net_of(&net, &addr, 64);
	ck_assert(gc_net_has(&net, &addr));
	addr.in6.sin6_scope_id = 3;
	ck_assert(!gc_net_has(&net, &addr));
	addr.in6.sin6_scope_id = 0; /* not told */
	ck_assert(gc_net_has(&net, &addr));
}
END_TEST

START_TEST(interfaces_of_this_host)
{
	struct gc_net *nets;
	size_t n, found = 0;
	union gc_addr loopback = address("127.0.0.1");

	ck_assert(gc_nets_read(&nets, &n));
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_gt(strlen(nets[i].interface), 0);
		ck_assert_uint_le(nets[i].bits, 128);
		found += strcmp(nets[i].interface, "lo") == 0 && gc_net_has(&nets[i], &loopback);
	}
	ck_assert_uint_eq(found, 1);
	free(nets);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("allow");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);

	tcase_add_loop_test(t, rules_that_are_good, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(t, rules_that_are_not, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_loop_test(t, rules_at_work, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(t, every_prefix);
	tcase_add_test(t, several_rules);
	tcase_add_test(t, neither_ipv4_nor_ipv6);
	tcase_add_test(t, scopes);
	tcase_add_test(t, interfaces_of_this_host);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);

	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
