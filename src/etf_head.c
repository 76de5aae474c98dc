/* The head of one external term: every tag, every length and every range that does not need a look
 * at children is checked here, once, for the validator, the decoder and the splitter alike. Pure.
 * What is refused though binary_to_term/1 of some release takes it: references of 0 words, funs
 * whose size is a lie, whose pid is none or whose numbers are larger than 32 bits, exports whose
 * arity is more than a byte. (OTP: erts, External Term Format, and external.c by experiment on
 * release 25) */
#include "etf_priv.h"

#include "utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FLOAT_LEN 31
#define ATOM_MAX_CHARS 255

/* ---- atoms ---- */

static int read_atom(struct gc_reader *r, struct gc_head_atom *a)
{
	uint8_t tag = gc_read_u8(r);

	switch (tag) {
	case GC_ETF_ATOM:
	case GC_ETF_ATOM_UTF8:
		a->len = gc_read_u16(r);
		break;
	case GC_ETF_SMALL_ATOM:
	case GC_ETF_SMALL_ATOM_UTF8:
		a->len = gc_read_u8(r);
		break;
	default:
		return GC_EPROTO;
	}
	a->is_latin1 = tag == GC_ETF_ATOM || tag == GC_ETF_SMALL_ATOM;
	a->p = gc_read_bytes(r, a->len);
	if (!a->p)
		return GC_EPROTO;
	size_t chars = a->is_latin1 ? a->len : gc_utf8_count(a->p, a->len);
	return chars <= ATOM_MAX_CHARS ? 0 : GC_EPROTO;
}

size_t gc_head_atom_text(const struct gc_head_atom *a, char *name_r)
{
	size_t len = 0;

	if (a->is_latin1) {
		for (size_t i = 0; i < a->len; i++)
			len += gc_utf8_put(a->p[i], name_r + len);
	} else if (a->len) {
		memcpy(name_r, a->p, a->len);
		len = a->len;
	}
	name_r[len] = '\0';
	return len;
}

/* ---- numbers ---- */

static int32_t read_i32(struct gc_reader *r)
{
	return (int32_t)gc_read_u32(r);
}

static void big_to_int(struct gc_head *h, uint64_t magnitude)
{
	uint64_t limit = (uint64_t)INT64_MAX + (h->is_negative ? 1 : 0);

	if (magnitude > limit)
		return;
	h->kind = GC_HEAD_INT;
	h->integer = h->is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
}

/* Digits come little-endian; leading zeros are legal and mean nothing, as does the sign of 0. */
static int read_big(struct gc_reader *r, struct gc_head *h, uint32_t len)
{
	h->kind = GC_HEAD_BIG;
	h->is_negative = gc_read_u8(r) != 0;
	if (!r->failed && len > GC_ETF_MAX_BIG)
		return GC_ETOOBIG;
	h->p = gc_read_bytes(r, len);
	if (!h->p)
		return GC_EPROTO;
	while (len > 0 && h->p[len - 1] == 0)
		len--;
	h->len = len;
	if (len > 8)
		return 0;
	uint64_t magnitude = 0;
	for (uint32_t i = 0; i < len; i++)
		magnitude |= (uint64_t)h->p[i] << (8 * i);
	big_to_int(h, magnitude);
	return 0;
}

static int read_new_float(struct gc_reader *r, struct gc_head *h)
{
	uint64_t bits = gc_read_u64(r);

	h->kind = GC_HEAD_FLOAT;
	memcpy(&h->real, &bits, sizeof(bits));
	return isfinite(h->real) ? 0 : GC_EPROTO;
}

static size_t skip_digits(const char *s)
{
	return strspn(s, "0123456789");
}

/* [+-]D+[.,]D+([eE][+-]?D+)? is all that the emulator takes. */
static bool is_float_text(char *s)
{
	s += *s == '+' || *s == '-';
	size_t n = skip_digits(s);
	if (n == 0 || (s[n] != '.' && s[n] != ','))
		return false;
	s[n] = '.';
	s += n + 1;
	n = skip_digits(s);
	if (n == 0)
		return false;
	s += n;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '+' || *s == '-';
		n = skip_digits(s);
		if (n == 0)
			return false;
		s += n;
	}
	return *s == '\0';
}

/* minor_version 0 of old releases: text, filled up with NUL; at least one of them, as an emulator
 * reads on without. The C locale is never changed. */
static int read_old_float(struct gc_reader *r, struct gc_head *h)
{
	const uint8_t *p = gc_read_bytes(r, FLOAT_LEN);
	char text[FLOAT_LEN + 1] = "";

	if (!p || !memchr(p, 0, FLOAT_LEN))
		return GC_EPROTO;
	memcpy(text, p, FLOAT_LEN);
	if (!is_float_text(text))
		return GC_EPROTO;
	h->kind = GC_HEAD_FLOAT;
	h->real = strtod(text, NULL);
	return isfinite(h->real) ? 0 : GC_EPROTO;
}

/* ---- pids, ports, references ---- */

/* The creation had two bits once. */
static int read_creation(struct gc_reader *r, struct gc_head *h, bool is_long)
{
	h->creation = is_long ? gc_read_u32(r) : gc_read_u8(r);
	return is_long || h->creation <= 3 ? 0 : GC_EPROTO;
}

static int read_pid(struct gc_reader *r, struct gc_head *h, bool is_new)
{
	h->kind = GC_HEAD_PID;
	if (read_atom(r, &h->atom))
		return GC_EPROTO;
	h->id = gc_read_u32(r);
	h->serial = gc_read_u32(r);
	return read_creation(r, h, is_new);
}

static int read_port(struct gc_reader *r, struct gc_head *h, uint8_t tag)
{
	h->kind = GC_HEAD_PORT;
	if (read_atom(r, &h->atom))
		return GC_EPROTO;
	h->id = tag == GC_ETF_V4_PORT ? gc_read_u64(r) : gc_read_u32(r);
	return read_creation(r, h, tag != GC_ETF_PORT);
}

#define REF_MAX_WORDS 5
#define REF_OLD_WORD0 (1u << 18) /* the first word had 18 bits as long as the creation had 2 */

static int read_ref_words(struct gc_reader *r, struct gc_head *h, uint16_t words, bool is_newer)
{
	h->len = (size_t)4 * words;
	h->p = gc_read_bytes(r, h->len);
	if (!h->p || words == 0 || words > REF_MAX_WORDS)
		return GC_EPROTO;
	struct gc_reader word0 = gc_reader(h->p, 4);
	return is_newer || gc_read_u32(&word0) < REF_OLD_WORD0 ? 0 : GC_EPROTO;
}

static int read_ref(struct gc_reader *r, struct gc_head *h, uint8_t tag)
{
	bool is_newer = tag == GC_ETF_NEWER_REFERENCE;
	uint16_t words = tag == GC_ETF_REFERENCE ? 1 : gc_read_u16(r);

	h->kind = GC_HEAD_REF;
	if (read_atom(r, &h->atom))
		return GC_EPROTO;
	if (tag == GC_ETF_REFERENCE) { /* the creation comes last here */
		int rc = read_ref_words(r, h, words, false);
		return rc ? rc : read_creation(r, h, false);
	}
	int rc = read_creation(r, h, is_newer);
	return rc ? rc : read_ref_words(r, h, words, is_newer);
}

/* ---- funs ---- */

static int read_export(struct gc_reader *r, struct gc_head *h)
{
	h->kind = GC_HEAD_EXPORT;
	if (read_atom(r, &h->atom) || read_atom(r, &h->fname))
		return GC_EPROTO;
	if (gc_read_u8(r) != GC_ETF_SMALL_INTEGER)
		return GC_EPROTO;
	h->id = gc_read_u8(r);
	return 0;
}

/* An integer of at most 32 bits: SMALL_INTEGER, INTEGER, or as old emulators did, SMALL_BIG. */
static bool skip_small(struct gc_reader *r)
{
	uint8_t tag = gc_read_u8(r);

	if (tag == GC_ETF_SMALL_BIG) {
		uint8_t len = gc_read_u8(r);
		gc_read_u8(r);
		return len <= 4 && gc_read_bytes(r, len);
	}
	if (tag != GC_ETF_SMALL_INTEGER && tag != GC_ETF_INTEGER)
		return false;
	return gc_read_bytes(r, tag == GC_ETF_INTEGER ? 4 : 1);
}

static bool skip_pid(struct gc_reader *r)
{
	struct gc_head pid = {0};
	uint8_t tag = gc_read_u8(r);

	if (tag != GC_ETF_PID && tag != GC_ETF_NEW_PID)
		return false;
	return read_pid(r, &pid, tag == GC_ETF_NEW_PID) == 0;
}

/* Size(4) Arity(1) Uniq(16) Index(4) NumFree(4) Module OldIndex OldUniq Pid, then NumFree terms. */
static int read_fun(struct gc_reader *r, struct gc_head *h)
{
	const uint8_t *start = r->p;
	size_t left = r->len;
	uint32_t size = gc_read_u32(r);

	h->kind = GC_HEAD_FUN;
	gc_read_u8(r);
	gc_read_bytes(r, 16);
	h->id = gc_read_u32(r);
	h->n = gc_read_u32(r);
	if (r->failed || size > left || h->n > 255)
		return GC_EPROTO;
	h->end = start + size;
	if (read_atom(r, &h->atom) || !skip_small(r) || !skip_small(r) || !skip_pid(r))
		return GC_EPROTO;
	return 0;
}

/* ---- bytes and containers ---- */

static int read_bytes(struct gc_reader *r, struct gc_head *h, enum gc_head_kind kind, size_t len)
{
	h->kind = kind;
	h->len = len;
	h->p = gc_read_bytes(r, len);
	return h->p ? 0 : GC_EPROTO;
}

static int read_bits(struct gc_reader *r, struct gc_head *h)
{
	uint32_t len = gc_read_u32(r);

	h->bits = gc_read_u8(r);
	if (len == 0 || h->bits == 0 || h->bits > 8) /* from release 27 on not even 0 of 0 */
		return GC_EPROTO;
	return read_bytes(r, h, h->bits == 8 ? GC_HEAD_BINARY : GC_HEAD_BITS, len);
}

/* Each child takes a byte at least. */
static int children(const struct gc_reader *r, struct gc_head *h, enum gc_head_kind kind,
		    uint64_t n)
{
	h->kind = kind;
	if (r->failed || n > r->len)
		return GC_EPROTO;
	h->n = (uint32_t)n;
	return 0;
}

static int read_tuple(struct gc_reader *r, struct gc_head *h, uint32_t arity)
{
	int rc = children(r, h, GC_HEAD_TUPLE, arity);

	return rc == 0 && arity > GC_ETF_MAX_ARITY ? GC_ETOOBIG : rc;
}

static int read_int(struct gc_head *h, int64_t v)
{
	h->kind = GC_HEAD_INT;
	h->integer = v;
	return 0;
}

static int read_nil(struct gc_head *h)
{
	h->kind = GC_HEAD_NIL;
	return 0;
}

static int read_tagged(struct gc_reader *r, uint8_t tag, struct gc_head *h)
{
	switch (tag) {
	case GC_ETF_SMALL_INTEGER:
		return read_int(h, gc_read_u8(r));
	case GC_ETF_INTEGER:
		return read_int(h, read_i32(r));
	case GC_ETF_SMALL_BIG:
		return read_big(r, h, gc_read_u8(r));
	case GC_ETF_LARGE_BIG:
		return read_big(r, h, gc_read_u32(r));
	case GC_ETF_NEW_FLOAT:
		return read_new_float(r, h);
	case GC_ETF_FLOAT:
		return read_old_float(r, h);
	case GC_ETF_NIL:
		return read_nil(h);
	case GC_ETF_STRING:
		return read_bytes(r, h, GC_HEAD_STRING, gc_read_u16(r));
	case GC_ETF_BINARY:
		return read_bytes(r, h, GC_HEAD_BINARY, gc_read_u32(r));
	case GC_ETF_BIT_BINARY:
		return read_bits(r, h);
	case GC_ETF_LIST:
		return children(r, h, GC_HEAD_LIST, gc_read_u32(r));
	case GC_ETF_SMALL_TUPLE:
		return read_tuple(r, h, gc_read_u8(r));
	case GC_ETF_LARGE_TUPLE:
		return read_tuple(r, h, gc_read_u32(r));
	case GC_ETF_MAP:
		return children(r, h, GC_HEAD_MAP, 2 * (uint64_t)gc_read_u32(r));
	case GC_ETF_PID:
	case GC_ETF_NEW_PID:
		return read_pid(r, h, tag == GC_ETF_NEW_PID);
	case GC_ETF_PORT:
	case GC_ETF_NEW_PORT:
	case GC_ETF_V4_PORT:
		return read_port(r, h, tag);
	case GC_ETF_REFERENCE:
	case GC_ETF_NEW_REFERENCE:
	case GC_ETF_NEWER_REFERENCE:
		return read_ref(r, h, tag);
	case GC_ETF_EXPORT:
		return read_export(r, h);
	case GC_ETF_NEW_FUN:
		return read_fun(r, h);
	default:
		return GC_EPROTO;
	}
}

int gc_head_read(struct gc_reader *r, struct gc_head *h)
{
	*h = (struct gc_head){0};
	struct gc_reader look = *r;
	uint8_t tag = gc_read_u8(r);

	if (r->failed)
		return GC_EPROTO;
	if (tag == GC_ETF_ATOM || tag == GC_ETF_SMALL_ATOM || tag == GC_ETF_ATOM_UTF8 ||
	    tag == GC_ETF_SMALL_ATOM_UTF8) {
		*r = look;
		h->kind = GC_HEAD_ATOM;
		return read_atom(r, &h->atom);
	}
	int rc = read_tagged(r, tag, h);
	return r->failed ? GC_EPROTO : rc;
}
