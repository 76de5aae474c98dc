/* Bytes in and out: a growable buffer, a bounds-checked reader, and an arena with a budget.
 *
 * All three are sticky: after a failed step (no memory, past the end) `failed` is set, all further
 * steps do nothing, and one test at the end is enough. Integers are big-endian. No I/O. */
#ifndef GC_BUF_H
#define GC_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- gc_buf: a buffer that owns its bytes. {0} is an empty one. ---- */
struct gc_buf {
	uint8_t *data;
	size_t len, cap;
	bool failed;
	bool is_secret; /* set at the begin: no copy of the bytes is left in memory that was given back */
};
void gc_buf_deinit(struct gc_buf *b); /* frees; b is empty and usable again */
void gc_buf_reset(struct gc_buf *b);  /* len = 0, failed = false; keeps the memory */
void gc_buf_put(struct gc_buf *b, const void *bytes, size_t len);
void gc_buf_put_u8(struct gc_buf *b, uint8_t v);
void gc_buf_put_u16(struct gc_buf *b, uint16_t v);
void gc_buf_put_u32(struct gc_buf *b, uint32_t v);
void gc_buf_put_u64(struct gc_buf *b, uint64_t v);
void gc_buf_put_str(struct gc_buf *b, const char *s); /* without its NUL */
void gc_buf_printf(struct gc_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for len more bytes, appended and uninitialised; NULL if failed. */
uint8_t *gc_buf_reserve(struct gc_buf *b, size_t len);
/* Overwrites 4 bytes at an offset below len. */
void gc_buf_set_u32(struct gc_buf *b, size_t at, uint32_t v);
/* Drops the first n bytes (n <= len). */
void gc_buf_consume(struct gc_buf *b, size_t n);

/* ---- gc_reader: borrows bytes ---- */
struct gc_reader {
	const uint8_t *p;
	size_t len; /* bytes left */
	bool failed;
};
static inline struct gc_reader gc_reader(const void *p, size_t len)
{
	return (struct gc_reader){(const uint8_t *)p, len, false};
}
uint8_t gc_read_u8(struct gc_reader *r);
uint16_t gc_read_u16(struct gc_reader *r);
uint32_t gc_read_u32(struct gc_reader *r);
uint64_t gc_read_u64(struct gc_reader *r);
/* The next n bytes, still inside the buffer that r borrows; NULL if there are fewer. */
const uint8_t *gc_read_bytes(struct gc_reader *r, size_t n);

/* ---- gc_arena: many small allocations, freed together ---- */
struct gc_arena;
/* limit: bytes in all that may be allocated; 0 is no limit. NULL: out of memory. */
struct gc_arena *gc_arena_create(size_t limit);
void gc_arena_destroy(struct gc_arena *a); /* wipes it: a cookie or a password may be among the terms */
/* Zeroed and aligned for any type; NULL if the budget or the memory is used up. */
void *gc_arena_alloc(struct gc_arena *a, size_t size);
/* A NUL-terminated copy of len bytes. */
char *gc_arena_strndup(struct gc_arena *a, const char *s, size_t len);

#endif
