/* A real epmd of its own for a test: a child in the foreground on a free port. */
#ifndef GC_REAL_EPMD_H
#define GC_REAL_EPMD_H

#include "child.h"

#include <netinet/in.h>

struct real_epmd {
	struct child child;
	uint16_t port;
};

/* An epmd can be run here (else: skip). GC_TEST_EPMD names another one than the installed. */
bool real_epmd_found(void);
/* Starts one on a free port (on e->port if that is not 0: the same again after a kill), sets
 * ERL_EPMD_PORT, and returns when it listens. */
bool real_epmd_start(struct real_epmd *e);
void real_epmd_kill(struct real_epmd *e); /* SIGKILL */
struct sockaddr_in real_epmd_addr(const struct real_epmd *e);

#endif
