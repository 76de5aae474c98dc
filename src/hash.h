/* Hash tables (uthash) with a hash that strangers cannot aim at: node names come from DNS, from EPMDs of other
 * hosts, from whoever connects. Within max_peers (5000 by default) they may be chosen so that all collide in a hash
 * that is known, as uthash's own are; each round of discovery would then take seconds on the loop. So it is
 * SipHash-2-4 (Aumasson, Bernstein 2012) with a key drawn at start. Include this, not <uthash.h>. Loop thread. */
#ifndef GC_HASH_H
#define GC_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t gc_siphash(const uint64_t key[2], const void *bytes, size_t len);
/* With the key of this process. */
unsigned gc_hash(const void *bytes, size_t len);

#define HASH_FUNCTION(bytes, len, hash) ((hash) = gc_hash((bytes), (len)))
#include <uthash.h>

#endif
