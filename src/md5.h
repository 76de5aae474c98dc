/* MD5 (RFC 1321), for the digests of the distribution handshake and nothing else. Pure. ei has one but
 * does not publish it, and a crypto library would be a dependency of the core for these lines. */
#ifndef GC_MD5_H
#define GC_MD5_H

#include <stddef.h>
#include <stdint.h>

#define GC_MD5_LEN 16

struct gc_md5 {
	uint32_t state[4];
	uint64_t n_bytes;
	uint8_t block[64];
};
void gc_md5_init(struct gc_md5 *m);
void gc_md5_update(struct gc_md5 *m, const void *bytes, size_t len);
/* Writes the digest and wipes m, which may have held a secret. */
void gc_md5_final(struct gc_md5 *m, uint8_t digest_r[GC_MD5_LEN]);

#endif
