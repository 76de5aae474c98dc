/* The option `allow`: which addresses may be dialled, and which may come in. A rule is an address, a network
 * (10.0.0.0/8, fd00::/8) or an interface, which stands for the networks it is in at the moment. IPv4 is kept
 * as ::ffff:0:0/96, so an IPv4 peer on an IPv6 socket is what it is. Loop thread.
 *
 *   allow.c      rules and matching: pure      allow_net.c  the networks of interfaces, from the kernel
 */
#ifndef GC_ALLOW_H
#define GC_ALLOW_H

#include "dns.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How old what is known of the interfaces may be; addresses come and go while we run. */
#define GC_ALLOW_NETS_MS 2000

struct gc_net {
	uint8_t addr[16]; /* bits beyond the prefix are zero */
	uint8_t bits;	  /* of the 128 */
	uint32_t scope;	  /* of a link-local network: the interface's index; else 0 */
	char interface[IF_NAMESIZE]; /* "" : none */
};

/* "10.0.0.0/8", "10.1.2.3", "fd00::/8", "eth0"; false: none of these, or bits are set beyond the prefix.
 * An interface need not exist: bits and addr are 0 then. */
bool gc_net_parse(struct gc_net *net, const char *text);
/* The network of that prefix (of the address' own family) that the address is in. */
void gc_net_of(struct gc_net *net, const union gc_addr *addr, uint8_t prefix);
bool gc_net_has(const struct gc_net *net, const union gc_addr *addr);

struct gc_allow;
/* Rules as above, all of them good; copied. NULL: out of memory. */
struct gc_allow *gc_allow_create(const char *const *rules, size_t n);
void gc_allow_destroy(struct gc_allow *a); /* NULL is fine */
/* sa: IPv4 or IPv6. a NULL: everything. Asks the kernel for the networks of interfaces, if there are such rules and what is
 * known is older than GC_ALLOW_NETS_MS. */
bool gc_allow_has(struct gc_allow *a, const struct sockaddr *sa, uint64_t now_ms);
/* The first rule that names an interface which has no address now; NULL: none. For a warning. */
const char *gc_allow_idle(struct gc_allow *a, uint64_t now_ms);

/* allow_net.c: the networks of all interfaces that are up, in memory the caller frees. False: cannot tell. */
bool gc_nets_read(struct gc_net **nets_r, size_t *n_r);

#endif
