/* A DNS answer: the first byte chooses the question, the rest is the message. */
#include "dns_priv.h"
#include "fuzz.h"

#include <string.h>

static void check_record(const struct gc_dns_record *rec, enum gc_dns_type type)
{
	int family = rec->addr.sa.sa_family;

	FUZZ_REQUIRE(memchr(rec->target, '\0', sizeof(rec->target)) != NULL);
	FUZZ_REQUIRE(rec->ttl_s <= INT32_MAX);
	for (const char *c = rec->target; *c; c++)
		FUZZ_REQUIRE(*c > ' ' && *c < 0x7f);
	if (type == GC_DNS_A)
		FUZZ_REQUIRE(family == AF_INET);
	else if (type == GC_DNS_AAAA)
		FUZZ_REQUIRE(family == AF_INET6);
	else
		FUZZ_REQUIRE(rec->target[0] != '\0');
}

FUZZ_TARGET(dns)
{
	static const enum gc_dns_type types[] = {GC_DNS_A, GC_DNS_AAAA, GC_DNS_SRV};
	static const char *const names[] = {"web.test", "ALIAS.test.", "_erl._tcp.test"};
	struct gc_buf records = {0};
	const char *why;

	if (len == 0)
		return 0;
	enum gc_dns_type type = types[data[0] % 3];
	int n = gc_dns_parse(data + 1, len - 1, names[data[0] / 3 % 3], type, &records, &why);

	FUZZ_REQUIRE(n != 0 && why);
	FUZZ_REQUIRE(records.len == (n > 0 ? (size_t)n * sizeof(struct gc_dns_record) : 0));
	for (int i = 0; i < n; i++)
		check_record((const struct gc_dns_record *)(void *)records.data + i, type);
	gc_buf_deinit(&records);
	return 0;
}
