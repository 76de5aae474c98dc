/* The peers of one answer while it is collected: validated, named, without duplicates, and never
 * more than a limit, however many are offered. Pure; used by one thread at a time. */
#ifndef GC_PEERSET_H
#define GC_PEERSET_H

#include <gen_cluster/gc_plugin.h>
#include <stdbool.h>

struct gc_peerset;

struct gc_peerset_rule {
	const char *const *basenames; /* kept: for peers without '@', each gives a name */
	size_t n_basenames;
	bool keeps_hosts; /* without basenames, hosts stay hosts, else they are refused */
	size_t max_peers;
};

/* NULL: out of memory. The rule is copied, its strings are not. */
struct gc_peerset *gc_peerset_create(const struct gc_peerset_rule *rule);
void gc_peerset_destroy(struct gc_peerset *s);
/* Copies. 0 (also for one that is there already: the first counts); GC_EBADNAME: no valid node name
 * or host, or a host and no basename; GC_EINVAL: the address is no literal; GC_EBUDGET: full;
 * GC_ENOMEM. What is not taken is counted. */
int gc_peerset_add(struct gc_peerset *s, const struct gc_peer *peer);
void gc_peerset_clear(struct gc_peerset *s); /* forgets the peers, keeps the count of rejected */

const struct gc_peer *gc_peerset_peers(const struct gc_peerset *s, size_t *n_r);
/* 0, or why a valid peer is missing: GC_ENOMEM, GC_EBUDGET. Then it is not the whole set. */
int gc_peerset_lack(const struct gc_peerset *s);
uint32_t gc_peerset_rejected(const struct gc_peerset *s);
/* The first that was not taken and why, for the log: "b@d name: bad_name"; "" if none. */
const char *gc_peerset_first_rejected(const struct gc_peerset *s);

#endif
