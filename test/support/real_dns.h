/* A real DNS server of its own for a test: Knot DNS (Debian: knot) in the foreground on a free port of
 * 127.0.0.1. Serves the zone "test." from text, and "broken.", whose file is not there: SERVFAIL. Any
 * other name: REFUSED. Answers beyond 1232 bytes are truncated over UDP (udp-max-payload). */
#ifndef GC_REAL_DNS_H
#define GC_REAL_DNS_H

#include "child.h"

struct real_dns {
	struct child child;
	uint16_t port;
	char text[32]; /* "127.0.0.1:PORT" */
	char dir[32];
};

bool real_dns_found(void); /* else: skip */
/* zone: the records below the SOA, "web A 10.0.0.1\n..."; $ORIGIN is test. */
bool real_dns_start(struct real_dns *d, const char *zone);
void real_dns_stop(struct real_dns *d);

#endif
