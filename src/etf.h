/* The external term format (OTP: erts "External Term Format"): the validator that every byte from
 * outside passes, the decoder into a tree, and a writer. Pure; never recursive; no length is
 * believed before the bytes for it have been seen. (facts H02..H05, H29) */
#ifndef GC_ETF_H
#define GC_ETF_H

#include "buf.h"
#include "term.h"

#include <stddef.h>
#include <stdint.h>

#define GC_ETF_VERSION 131
#define GC_ETF_MAX_DEPTH 64

/* Length of the one term that starts at p (no version byte), fully validated: what is accepted here,
 * binary_to_term/1 accepts (from release 24 on; but for a pid of its own node that it never made).
 * Negative: GC_EPROTO (malformed, truncated, a map with a key twice), GC_ETOOBIG (nested deeper than
 * GC_ETF_MAX_DEPTH, an integer over 512 KiB, a tuple over 16 M elements), GC_ENOMEM. Compressed terms
 * and atom-cache references are refused. */
int64_t gc_etf_check(const uint8_t *p, size_t len);

/* Validates, then builds the tree of the one term at p; it must fill len exactly. raw points into
 * p, so p must live as long as a. Work and memory are linear in len. */
int gc_etf_decode(struct gc_arena *a, const uint8_t *p, size_t len, const struct gc_term **term_r);

/* Splits the elements of the tuple at p without building a tree: fills up to max spans with the
 * raw bytes of each element and returns the arity; an error of gc_etf_check if it is not valid,
 * GC_EPROTO if it is not a tuple of at most max elements. What follows it is not looked at. The cheap
 * way to look at a control message. */
struct gc_span {
	const uint8_t *p;
	size_t len;
};
int gc_etf_tuple(const uint8_t *p, size_t len, struct gc_span *spans, size_t max);
/* The small things in such spans: 0, or GC_EPROTO if it is of another type, or a name with a NUL. */
int gc_etf_int(struct gc_span s, int64_t *value_r);
/* name_r: GC_ATOM_MAX + 1 bytes; UTF-8 out of either encoding. */
#define GC_ATOM_MAX 1020
int gc_etf_atom(struct gc_span s, char *name_r);
/* The node (GC_ATOM_MAX + 1 bytes), id, serial, creation of a pid; any of them may be NULL. */
int gc_etf_pid(struct gc_span s, char *node_r, uint32_t *id_r, uint32_t *serial_r,
	       uint32_t *creation_r);

/* A reference: 0 if it is one; words_r (may be NULL): its first three words, missing ones 0. */
int gc_etf_ref(struct gc_span s, uint32_t words_r[3]);

/* ---- writer: appends to a gc_buf, without version byte; never fails but by b->failed ---- */
struct gc_pid { /* a pid of our own node */
	const char *node;
	uint32_t id, serial, creation;
};
struct gc_ref { /* a reference of our own node, 3 words */
	const char *node;
	uint32_t creation, id[3];
};
void gc_etf_put_atom(struct gc_buf *b, const char *utf8); /* longer than 255 characters: cut */
void gc_etf_put_int(struct gc_buf *b, int64_t v);
void gc_etf_put_uint(struct gc_buf *b, uint64_t v);
void gc_etf_put_double(struct gc_buf *b, double v);
void gc_etf_put_bool(struct gc_buf *b, bool v);
void gc_etf_put_binary(struct gc_buf *b, const void *p, size_t len);
void gc_etf_put_text(struct gc_buf *b, const char *s); /* as a binary: what reports use for text */
void gc_etf_put_string(struct gc_buf *b, const char *s); /* as a list of bytes */
void gc_etf_put_tuple(struct gc_buf *b, uint32_t arity);  /* then its elements */
void gc_etf_put_map(struct gc_buf *b, uint32_t pairs);	  /* then key, value, ... */
void gc_etf_put_list(struct gc_buf *b, uint32_t n); /* n > 0: then n elements, then gc_etf_put_nil */
void gc_etf_put_nil(struct gc_buf *b);
void gc_etf_put_pid(struct gc_buf *b, const struct gc_pid *pid);
void gc_etf_put_ref(struct gc_buf *b, const struct gc_ref *ref);
void gc_etf_put_raw(struct gc_buf *b, struct gc_span raw);
/* Any tree, whether it came as text or as bytes. */
void gc_etf_put_term(struct gc_buf *b, const struct gc_term *t);

#endif
