/* One host of the epmd plugin: resolve it, ask its EPMD for all names, and for the type of those that
 * are new. */
#ifndef GC_PLUGIN_EPMD_PLACE_H
#define GC_PLUGIN_EPMD_PLACE_H

#include "buf.h"
#include "dns.h"
#include "epmd.h"

#define PLACE_ADDRESSES 8
#define PLACE_LOOKUPS 4 /* at once: a stock epmd serves some at a time and resets the rest */

struct place_name {
	char alive[256];
	uint16_t port;
	uint8_t type; /* 0: not asked yet */
	bool is_lost; /* gone again, or nobody could say its type */
};

struct place;
struct place_lookup {
	struct place *place;
	struct gc_epmd_query *query; /* NULL: free */
	size_t index;		     /* into names */
};

typedef bool (*place_may_cb)(void *arg, const struct sockaddr *addr);

struct place {
	/* set by the owner, once */
	uv_loop_t *loop;
	struct gc_dns *dns;
	const char *host;     /* to resolve; also what stands behind '@' */
	const char *owner, *cnode; /* node names that need no question; may be NULL */
	bool is_local;	      /* ask the loopback address first */
	uint16_t epmd_port;
	uint64_t timeout_ms; /* of one round */
	place_may_cb may_reach; /* is not asked for the EPMD of our own host */
	void (*done)(void *arg);
	void *arg;

	/* a round */
	bool is_busy;
	uint64_t deadline_ms;
	union gc_addr addrs[PLACE_ADDRESSES];
	size_t n_addrs, at; /* at: the one in use */
	bool is_resolved;
	struct gc_dns_query *dns_query;
	struct gc_epmd_query *names_query;
	struct place_lookup lookups[PLACE_LOOKUPS];
	size_t next; /* of names, to be asked */

	/* its outcome */
	struct gc_fail fail;	  /* err 0: names are good */
	struct gc_fail type_fail; /* of a name whose type could not be learned */
	struct gc_buf names;	  /* struct place_name, sorted by alive; kept as a cache */
};

/* done is called once, in a later turn, unless cancelled. */
void place_start(struct place *p);
void place_cancel(struct place *p);
void place_deinit(struct place *p); /* cancels */
size_t place_count(const struct place *p);
struct place_name *place_name_at(const struct place *p, size_t i);
/* True if it is ourselves or the owner. */
bool place_is_own(const struct place *p, const struct place_name *name);

#endif
