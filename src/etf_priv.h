/* Inside of etf*.c: the head of one external term, parsed and checked, without its children. */
#ifndef GC_ETF_PRIV_H
#define GC_ETF_PRIV_H

#include "err.h"
#include "etf.h"

/* Of the external term format, as binary_to_term/1 knows it. Left out on purpose: COMPRESSED (80),
 * ATOM_CACHE_REF (82), FUN_EXT (117, refused since OTP 23), LOCAL_EXT (121) and the tags that the
 * emulator keeps for itself. */
enum gc_etf_tag {
	GC_ETF_NEW_FLOAT = 70,
	GC_ETF_BIT_BINARY = 77,
	GC_ETF_NEW_PID = 88,
	GC_ETF_NEW_PORT = 89,
	GC_ETF_NEWER_REFERENCE = 90,
	GC_ETF_SMALL_INTEGER = 97,
	GC_ETF_INTEGER = 98,
	GC_ETF_FLOAT = 99,
	GC_ETF_ATOM = 100, /* latin1 */
	GC_ETF_REFERENCE = 101,
	GC_ETF_PORT = 102,
	GC_ETF_PID = 103,
	GC_ETF_SMALL_TUPLE = 104,
	GC_ETF_LARGE_TUPLE = 105,
	GC_ETF_NIL = 106,
	GC_ETF_STRING = 107,
	GC_ETF_LIST = 108,
	GC_ETF_BINARY = 109,
	GC_ETF_SMALL_BIG = 110,
	GC_ETF_LARGE_BIG = 111,
	GC_ETF_NEW_FUN = 112,
	GC_ETF_EXPORT = 113,
	GC_ETF_NEW_REFERENCE = 114,
	GC_ETF_SMALL_ATOM = 115, /* latin1 */
	GC_ETF_MAP = 116,
	GC_ETF_ATOM_UTF8 = 118,
	GC_ETF_SMALL_ATOM_UTF8 = 119,
	GC_ETF_V4_PORT = 120,
};

#define GC_ETF_MAX_ARITY 0xffffffu   /* of a tuple */
#define GC_ETF_MAX_BIG (65535u * 8u) /* bytes of an integer: what every release still takes */

enum gc_head_kind {
	GC_HEAD_INT, /* fits int64_t, whatever it came in */
	GC_HEAD_BIG,
	GC_HEAD_FLOAT,
	GC_HEAD_ATOM,
	GC_HEAD_BINARY,
	GC_HEAD_BITS, /* not a whole number of bytes */
	GC_HEAD_NIL,
	GC_HEAD_STRING,
	GC_HEAD_PID,
	GC_HEAD_PORT,
	GC_HEAD_REF,
	GC_HEAD_EXPORT,
	/* with n children, and for a list its tail behind them */
	GC_HEAD_LIST,
	GC_HEAD_TUPLE,
	GC_HEAD_MAP, /* n: keys and values */
	GC_HEAD_FUN, /* n: free variables */
};

struct gc_head_atom {
	const uint8_t *p;
	size_t len;
	bool is_latin1;
};

struct gc_head {
	enum gc_head_kind kind;
	uint32_t n;
	int64_t integer;
	double real;
	const uint8_t *p; /* bytes of a binary or string; digits of a big, without leading zeros;
			   * words of a reference */
	size_t len;
	bool is_negative; /* of a big */
	uint8_t bits;	  /* of the last byte of a bit string */
	struct gc_head_atom
	    atom; /* an atom; the node of a pid, port, reference; the module of a fun */
	struct gc_head_atom fname; /* of an export */
	uint64_t id; /* of a pid, a port; the arity of an export; the index of a fun */
	uint32_t serial, creation;
	const uint8_t *end; /* where a fun says that it ends */
};

/* Reads the head of the term at r and stops at its first child. 0, GC_EPROTO or GC_ETOOBIG. */
int gc_head_read(struct gc_reader *r, struct gc_head *h);
/* UTF-8 of an atom into name_r (GC_ATOM_MAX + 1 bytes); its length. An atom may hold NUL. */
size_t gc_head_atom_text(const struct gc_head_atom *a, char *name_r);

#endif
