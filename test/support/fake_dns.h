/* A FAKE: no DNS server, but a UDP socket on the test's own loop that answers as it is told, for what a real server
 * does not do: silence, wrong ids, malformed and cut answers, late ones, referrals. */
#ifndef GC_FAKE_DNS_H
#define GC_FAKE_DNS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum fake_dns_mode {
	FAKE_DNS_ANSWER,     /* A 10.9.9.N, AAAA fd09::N, SRV 1 2 4370 node-N.test; N from 1 to n_records */
	FAKE_DNS_MUTE,
	FAKE_DNS_RCODE,	     /* f->rcode */
	FAKE_DNS_NODATA,     /* with SOA */
	FAKE_DNS_BARE,	     /* no record in any section */
	FAKE_DNS_REFERRAL,   /* NS in the authority section */
	FAKE_DNS_WRONG_ID,
	FAKE_DNS_GARBAGE,    /* bytes that are no message */
	FAKE_DNS_MALFORMED,  /* an address of 3 bytes */
	FAKE_DNS_CUT,	     /* ends within a record */
	FAKE_DNS_TRUNCATED,  /* TC */
	FAKE_DNS_LATE,	     /* an answer after delay_ms */
	FAKE_DNS_ALIAS,	     /* only CNAME other.test, which is not resolved */
	FAKE_DNS_ALIAS_LOOP, /* a CNAME b, b CNAME a */
};

struct fake_dns {
	uv_udp_t udp;
	uv_timer_t timer;
	enum fake_dns_mode mode, mode_aaaa; /* mode_aaaa: for AAAA */
	unsigned rcode, n_records, delay_ms;
	const char *only_name;	   /* if set, all other names are NXDOMAIN */
	const char *servfail_name; /* if set, that name is SERVFAIL */
	const char *answer_name;   /* if set, that name is answered whatever the mode */
	int n_requests;
	char last_name[256];
	struct sockaddr_in addr; /* where it listens */
	char text[32];		 /* "127.0.0.1:4711" */
	uint8_t late[512];
	size_t late_len;
	struct sockaddr_storage late_to;
};

bool fake_dns_open(struct fake_dns *f, uv_loop_t *loop, const char *ip, uint16_t port);
void fake_dns_close(struct fake_dns *f);

#endif
