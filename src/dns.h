/* DNS over c-ares on the loop: hosts to addresses, and the A, AAAA and SRV questions of the dns
 * plugin with their true outcome (facts 6.1). A convenience library: the program links it for
 * dialling, plugins/dns links its own copy. Loop thread only; depends on err.h and buf.h alone. */
#ifndef GC_DNS_H
#define GC_DNS_H

#include "err.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct gc_dns;

struct gc_dns_options { /* zero: the defaults of /etc/resolv.conf */
	const char *nameservers;  /* "10.0.0.10,[fd00::1]:53", NULL: resolv.conf */
	uint64_t timeout_ms;	  /* one overall deadline per question; 0: 5000 */
	bool no_search;		  /* do not apply the search list of resolv.conf */
	const char *resolv_path;  /* NULL: /etc/resolv.conf */
	const char *hosts_path;	  /* NULL: /etc/hosts */
};

union gc_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* 0, or negative with a sentence in err. The options are copied. resolv.conf is read again when it has
 * changed. */
int gc_dns_create(uv_loop_t *loop, const struct gc_dns_options *o, struct gc_dns **dns_r, char *err,
		  size_t err_len);
/* Pending questions are answered with GC_ECANCELED before it is gone; closed is called in the end,
 * when no handle is left. */
void gc_dns_close(struct gc_dns *d, void (*closed)(void *arg), void *arg);

/* One record of an answer. */
struct gc_dns_record {
	union gc_addr addr; /* A, AAAA; SRV: an address of the target if the answer carried one, else sa_family 0 */
	char target[256];   /* SRV: target without trailing dot */
	uint16_t port, priority, weight; /* SRV */
	uint32_t ttl_s;
};
enum gc_dns_type { GC_DNS_A = 1, GC_DNS_AAAA = 28, GC_DNS_SRV = 33 };

/* fail->err: 0; GC_ENXDOMAIN; GC_ENODATA (exists, none of this type); GC_ESERVFAIL; GC_ETIMEDOUT;
 * GC_EDNS (refused, malformed, a referral, no server listens; detail says which); GC_ECANCELED; GC_ENOMEM.
 * With several servers or search domains NXDOMAIN and NODATA are told only if none of them failed in another way.
 * Once, never from inside the question; records are borrowed. */
typedef void (*gc_dns_cb)(void *arg, const struct gc_fail *fail, const struct gc_dns_record *rec,
			  size_t n);
struct gc_dns_query;
/* A raw question; TCP after truncation; search list applied unless the name ends with a dot.
 * NULL: out of memory, or gc_dns_close was called. */
struct gc_dns_query *gc_dns_ask(struct gc_dns *d, enum gc_dns_type type, const char *name,
				gc_dns_cb cb, void *arg);
/* A host to addresses: a literal address as it is, localhost, the hosts file, then A and AAAA; answers
 * with what is there, IPv4 first (a stock Erlang node listens on that alone). If one kind is there and
 * no answer comes for the other, that is not waited for. family: AF_UNSPEC, AF_INET, AF_INET6. */
struct gc_dns_query *gc_dns_resolve(struct gc_dns *d, const char *host, int family, gc_dns_cb cb,
				    void *arg);
void gc_dns_cancel(struct gc_dns_query *q); /* no callback any more; NULL is fine */

/* "10.0.0.1" / "fd00::1" into addr with that port; false if it is no literal. */
bool gc_addr_parse(union gc_addr *a, const char *literal, uint16_t port);
/* "10.0.0.1" / "fd00::1" without port. */
void gc_addr_print(const union gc_addr *a, char *buf, size_t len);
void gc_addr_set_port(union gc_addr *a, uint16_t port);

#endif
