/* An Erlang term as a tree, read-only once built, living in an arena.
 *
 * Both front ends (term text in files, external term format from the port or a shell) make this
 * tree; configuration and requests are read from it. Replies are not trees: they are written
 * straight to bytes (etf.h). */
#ifndef GC_TERM_H
#define GC_TERM_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gc_term_type {
	GC_TERM_ATOM,	/* text: UTF-8, without quotes */
	GC_TERM_INT,	/* integer; fits int64_t */
	GC_TERM_BIGNUM, /* raw only */
	GC_TERM_FLOAT,	/* real */
	GC_TERM_BINARY, /* text: its bytes, may hold NUL; text.len counts */
	GC_TERM_STRING, /* a list of bytes or of code points: text as UTF-8 (and items as integers
			   when it came as a list) */
	GC_TERM_LIST,	/* items; a proper list. [] is a LIST of 0 items */
	GC_TERM_TUPLE,	/* items */
	GC_TERM_MAP,	/* items: key, value, key, value ... (n_items is twice the pairs) */
	GC_TERM_PID,	/* raw; text: the node name */
	GC_TERM_REF,	/* raw; text: the node name */
	GC_TERM_OTHER,	/* raw: port, fun, improper list, bit string ... */
};

struct gc_term {
	enum gc_term_type type;
	uint32_t line; /* where it began in the text; 0 if it came as bytes */
	int64_t integer;
	double real;
	const char *text; /* NUL-terminated as well */
	size_t text_len;
	const struct gc_term *const *items;
	size_t n_items;
	const uint8_t *raw; /* its external format without version byte; NULL if it came as text */
	size_t raw_len;
};

bool gc_term_is_atom(const struct gc_term *t, const char *name);
/* A tuple of n elements (any n if n == SIZE_MAX) whose first is that atom (any if NULL). */
bool gc_term_is_tuple(const struct gc_term *t, size_t n, const char *tag);
/* The value of an atom key in a map or in a list of {Key, Value} (a bare atom K means {K, true});
 * NULL if absent. The last of several wins in neither: the first does. */
const struct gc_term *gc_term_get(const struct gc_term *map, const char *key);
/* Text of an ATOM, BINARY or STRING without NUL inside; NULL otherwise. [] is "" . */
const char *gc_term_text(const struct gc_term *t);
/* Prints as ~0p would, at most max bytes, cut with "..." ; safe for any tree. */
void gc_term_print(const struct gc_term *t, struct gc_buf *out, size_t max);

/* ---- Erlang term text (term_text.c) ----
 * What file:consult/1 reads: terms ended by '.', comments, atoms, quoted atoms, integers (with
 * base and _), floats, "strings", <<"binaries">> (/utf8 allowed), lists, tuples, maps, $c. */

/* Parses ONE term out of text. If `dotted`, it must end with '.'; otherwise the dot is optional
 * (options on a command line). Nothing but white space and comments may follow.
 * On error: GC_EINVAL with "LINE: sentence" in err, or GC_ENOMEM. *term_r lives in a. */
int gc_term_parse(struct gc_arena *a, const char *text, size_t len, bool dotted,
		  const struct gc_term **term_r, char *err, size_t err_len);

#endif
