/* One question of the dns plugin: a domain and a record type, and for SRV the addresses of the targets if they are
 * wanted. */
#ifndef GC_PLUGIN_DNS_QUESTION_H
#define GC_PLUGIN_DNS_QUESTION_H

#include "buf.h"
#include "dns.h"

enum question_kind {
	QUESTION_A,
	QUESTION_AAAA,
	QUESTION_SRV,
	QUESTION_HOST, /* addresses, also literals and the hosts file */
};

struct question;
struct question_target { /* of an SRV record that came without a fitting address */
	struct question *question;
	struct gc_dns_query *query;
	size_t index; /* of the record */
};

struct question {
	/* set by the owner, once */
	struct gc_dns *dns;
	const char *domain;
	enum question_kind kind;
	int family;	    /* of addresses: AF_INET, AF_INET6, AF_UNSPEC (SRV: either) */
	bool wants_address; /* SRV: of every target */
	const struct question *preferred; /* the same domain in the preferred family; NULL: this is it */
	void (*done)(void *arg);
	void *arg;
	/* for the owner's use, over the rounds */
	bool had_records;
	unsigned n_missing;

	/* a round */
	struct gc_dns_query *query;
	struct gc_buf records; /* struct gc_dns_record */
	struct question_target *targets;
	size_t n_targets, n_open; /* targets; those without an answer yet */

	/* its outcome */
	struct gc_fail fail;	  /* err 0: there are records */
	struct gc_fail part_fail; /* of a target that has no address now: its record is not there */
	uint32_t ttl_s;
};

/* done is called once for each start, perhaps from inside when there is no memory; not after
 * question_cancel. */
void question_start(struct question *q);
void question_cancel(struct question *q);
void question_deinit(struct question *q); /* cancels */
size_t question_count(const struct question *q);
struct gc_dns_record *question_records(const struct question *q);

#endif
