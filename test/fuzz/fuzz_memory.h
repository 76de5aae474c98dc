/* All memory of OpenSSL, to be put back as it was: for a fuzz target whose every input begins in
 * the middle of a TLS connection, at the price of a copy instead of a handshake, and in the same
 * state to the last bit. */
#ifndef GC_FUZZ_MEMORY_H
#define GC_FUZZ_MEMORY_H

struct fuzz_memory;
/* A copy of what there is now; kept for ever. What OpenSSL has for each thread must be there
 * already: it comes with its first use. */
const struct fuzz_memory *fuzz_memory_keep(void);
/* What OpenSSL has allocated since is no more, what it has freed is there again. */
void fuzz_memory_restore(const struct fuzz_memory *m);

#endif
