/* Buffer, reader and arena; see buf.h. Pure. */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- gc_buf ---- */

static void give_back(struct gc_buf *b)
{
	if (b->is_secret && b->data)
		explicit_bzero(b->data, b->cap);
	free(b->data);
}

void gc_buf_deinit(struct gc_buf *b)
{
	give_back(b);
	*b = (struct gc_buf){.is_secret = b->is_secret};
}

void gc_buf_reset(struct gc_buf *b)
{
	b->len = 0;
	b->failed = false;
}

static uint8_t *resize(struct gc_buf *b, size_t cap)
{
	uint8_t *data;

	if (!b->is_secret)
		return realloc(b->data, cap);
	data = malloc(cap);
	if (data && b->len)
		memcpy(data, b->data, b->len);
	if (data)
		give_back(b);
	return data;
}

static bool grow(struct gc_buf *b, size_t more)
{
	if (b->failed)
		return false;
	if (more <= b->cap - b->len)
		return true;
	size_t cap = b->cap ? b->cap : 64;
	while (cap - b->len < more) {
		if (cap > SIZE_MAX / 4) {
			b->failed = true;
			return false;
		}
		cap *= 2;
	}
	uint8_t *data = resize(b, cap);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

uint8_t *gc_buf_reserve(struct gc_buf *b, size_t len)
{
	if (!grow(b, len))
		return NULL;
	b->len += len;
	return b->data + b->len - len;
}

void gc_buf_put(struct gc_buf *b, const void *bytes, size_t len)
{
	uint8_t *to = len ? gc_buf_reserve(b, len) : NULL;

	if (to)
		memcpy(to, bytes, len);
}

static void put_be(struct gc_buf *b, uint64_t v, unsigned bytes)
{
	uint8_t *to = gc_buf_reserve(b, bytes);

	for (unsigned i = 0; to && i < bytes; i++)
		to[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

void gc_buf_put_u8(struct gc_buf *b, uint8_t v)
{
	put_be(b, v, 1);
}

void gc_buf_put_u16(struct gc_buf *b, uint16_t v)
{
	put_be(b, v, 2);
}

void gc_buf_put_u32(struct gc_buf *b, uint32_t v)
{
	put_be(b, v, 4);
}

void gc_buf_put_u64(struct gc_buf *b, uint64_t v)
{
	put_be(b, v, 8);
}

void gc_buf_put_str(struct gc_buf *b, const char *s)
{
	gc_buf_put(b, s, strlen(s));
}

void gc_buf_printf(struct gc_buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !grow(b, (size_t)n + 1)) {
		b->failed = true;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void gc_buf_set_u32(struct gc_buf *b, size_t at, uint32_t v)
{
	if (b->failed || b->len < 4 || at > b->len - 4)
		return;
	for (unsigned i = 0; i < 4; i++)
		b->data[at + i] = (uint8_t)(v >> (24 - 8 * i));
}

void gc_buf_consume(struct gc_buf *b, size_t n)
{
	if (n == 0 || n > b->len)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	if (b->is_secret)
		explicit_bzero(b->data + b->len, n);
}

/* ---- gc_reader ---- */

const uint8_t *gc_read_bytes(struct gc_reader *r, size_t n)
{
	if (r->failed || n > r->len) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *p = r->p;
	r->p += n;
	r->len -= n;
	return p;
}

static uint64_t read_be(struct gc_reader *r, unsigned bytes)
{
	const uint8_t *p = gc_read_bytes(r, bytes);
	uint64_t v = 0;

	for (unsigned i = 0; p && i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t gc_read_u8(struct gc_reader *r)
{
	return (uint8_t)read_be(r, 1);
}

uint16_t gc_read_u16(struct gc_reader *r)
{
	return (uint16_t)read_be(r, 2);
}

uint32_t gc_read_u32(struct gc_reader *r)
{
	return (uint32_t)read_be(r, 4);
}

uint64_t gc_read_u64(struct gc_reader *r)
{
	return read_be(r, 8);
}

/* ---- gc_arena: a list of chunks, filled from the front ---- */

#define CHUNK_MIN 4096
#define ALIGN _Alignof(max_align_t)

struct chunk {
	struct chunk *next;
	size_t used, size;
	max_align_t bytes[];
};

struct gc_arena {
	struct chunk *head;
	size_t limit, allocated;
};

struct gc_arena *gc_arena_create(size_t limit)
{
	struct gc_arena *a = calloc(1, sizeof(*a));

	if (a)
		a->limit = limit;
	return a;
}

void gc_arena_destroy(struct gc_arena *a)
{
	if (!a)
		return;
	while (a->head) {
		struct chunk *next = a->head->next;
		explicit_bzero(a->head->bytes, a->head->used);
		free(a->head);
		a->head = next;
	}
	free(a);
}

static struct chunk *add_chunk(struct gc_arena *a, size_t size)
{
	size_t want = size > CHUNK_MIN ? size : CHUNK_MIN;
	struct chunk *c = calloc(1, sizeof(*c) + want);

	if (!c)
		return NULL;
	c->size = want;
	/* A large one goes behind the head, so that the head's free room stays in use. */
	if (a->head && size > CHUNK_MIN) {
		c->next = a->head->next;
		a->head->next = c;
	} else {
		c->next = a->head;
		a->head = c;
	}
	return c;
}

void *gc_arena_alloc(struct gc_arena *a, size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size_t room = (size + ALIGN - 1) / ALIGN * ALIGN;
	if (a->limit && (room > a->limit || a->allocated > a->limit - room))
		return NULL;
	struct chunk *c = a->head;
	if (!c || c->size - c->used < room)
		c = add_chunk(a, room);
	if (!c)
		return NULL;
	void *p = (unsigned char *)c->bytes + c->used;
	c->used += room;
	a->allocated += room;
	return p;
}

char *gc_arena_strndup(struct gc_arena *a, const char *s, size_t len)
{
	char *copy = len < SIZE_MAX ? gc_arena_alloc(a, len + 1) : NULL;

	if (copy && len)
		memcpy(copy, s, len);
	return copy;
}
