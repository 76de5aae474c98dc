/* Memory that is counted and can be made to run out, by the linker's --wrap: for malloc, calloc,
 * realloc, strdup, realpath and free of everything that is linked into the program. Single-threaded tests
 * only. */
#ifndef COUNTED_ALLOC_H
#define COUNTED_ALLOC_H

#include <stddef.h>
#include <stdint.h>

size_t counted_bytes(void); /* allocated and not freed, with malloc's own header */
/* The n-th call from now on fails (1: the next); 0: none. */
void fail_call(uint64_t n);
/* From now on one call in n fails, at random; 0: none. */
void fail_one_in(uint32_t n, uint64_t seed);
uint64_t failed_calls(void); /* since the start */

#endif
