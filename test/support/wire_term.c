/* As much of the external term format as the peers of the tests need: lengths of terms, without
 * recursion and never beyond the buffer, and the answer to net_adm:ping. Pure. */
#include "wire.h"

#include <string.h>

enum { TAG_VERSION = 131, TAG_PASS_THROUGH = 112, OP_SEND = 2, OP_REG_SEND = 6 };

/* How long a term is without the terms in it: a head that is always there, and a variable part. */
struct shape {
	size_t head;	 /* bytes with the tag; 0: not a tag we know */
	size_t extra;	 /* bytes behind the head */
	uint64_t inside; /* terms behind these */
};

static struct shape fixed(size_t head, uint64_t inside)
{
	return (struct shape){head, 0, inside};
}

/* n: bytes of a length field behind the tag; unit: bytes each counts for; more: bytes besides. */
static struct shape counted(const uint8_t *p, size_t len, size_t n, size_t unit, size_t more)
{
	if (len < 1 + n)
		return fixed(0, 0);
	size_t count = n == 1 ? p[1] : n == 2 ? wire_get16(p + 1) : wire_get32(p + 1);
	return (struct shape){1 + n, count * unit + more, 0};
}

static struct shape composite(const uint8_t *p, size_t len, size_t n, uint64_t unit, uint64_t more)
{
	struct shape s = counted(p, len, n, 0, 0);
	if (s.head != 0)
		s.inside = (n == 1 ? p[1] : wire_get32(p + 1)) * unit + more;
	return s;
}

static struct shape shape_of(const uint8_t *p, size_t len)
{
	switch (p[0]) {
	case 97: /* SMALL_INTEGER */
		return fixed(2, 0);
	case 98: /* INTEGER */
		return fixed(5, 0);
	case 70: /* NEW_FLOAT */
		return fixed(9, 0);
	case 106: /* NIL */
		return fixed(1, 0);
	case 100: /* ATOM, ATOM_UTF8, STRING */
	case 118:
	case 107:
		return counted(p, len, 2, 1, 0);
	case 115: /* SMALL_ATOM, SMALL_ATOM_UTF8 */
	case 119:
		return counted(p, len, 1, 1, 0);
	case 109: /* BINARY */
		return counted(p, len, 4, 1, 0);
	case 77: /* BIT_BINARY */
		return counted(p, len, 4, 1, 1);
	case 110: /* SMALL_BIG, LARGE_BIG */
		return counted(p, len, 1, 1, 1);
	case 111:
		return counted(p, len, 4, 1, 1);
	case 104: /* SMALL_TUPLE, LARGE_TUPLE, LIST, MAP */
		return composite(p, len, 1, 1, 0);
	case 105:
		return composite(p, len, 4, 1, 0);
	case 108:
		return composite(p, len, 4, 1, 1);
	case 116:
		return composite(p, len, 4, 2, 0);
	case 113: /* EXPORT */
		return fixed(1, 3);
	case 112: /* NEW_FUN: its size counts itself */
		return len < 5 || wire_get32(p + 1) < 4 ? fixed(0, 0) : counted(p, len, 4, 1, 0);
	default:
		return fixed(0, 0);
	}
}

/* Pids, ports and references: a head, the node (an atom), then fixed bytes. 0: p is none of them,
 * or is malformed. */
static bool identifier_shape(const uint8_t *p, size_t len, size_t *before_r, size_t *after_r)
{
	bool is_reference = p[0] == 90 || p[0] == 114;
	*before_r = is_reference ? 3 : 1;
	size_t words = is_reference && len >= 3 ? wire_get16(p + 1) : 0;
	switch (p[0]) {
	case 88: /* NEW_PID, V4_PORT */
	case 120:
		*after_r = 12;
		return true;
	case 103: /* PID */
		*after_r = 9;
		return true;
	case 89: /* NEW_PORT */
		*after_r = 8;
		return true;
	case 102: /* PORT */
		*after_r = 5;
		return true;
	case 90: /* NEWER_REFERENCE */
		*after_r = 4 + 4 * words;
		return true;
	case 114: /* NEW_REFERENCE */
		*after_r = 1 + 4 * words;
		return true;
	default:
		return false;
	}
}

/* Bytes of p up to its first inner term, 0 if malformed; *inside_r: how many of those follow. */
static size_t one_len(const uint8_t *p, size_t len, uint64_t *inside_r)
{
	size_t before, after;
	*inside_r = 0;
	if (!identifier_shape(p, len, &before, &after)) {
		struct shape s = shape_of(p, len);
		*inside_r = s.inside;
		return s.head == 0 ? 0 : s.head + s.extra;
	}
	if (len <= before)
		return 0;
	struct shape atom = shape_of(p + before, len - before);
	if (atom.head == 0 || atom.inside != 0)
		return 0;
	return before + atom.head + atom.extra + after;
}

size_t wire_term_len(const uint8_t *p, size_t len)
{
	size_t at = 0;
	for (uint64_t need = 1, inside; need > 0; need += inside - 1) {
		size_t size = at < len ? one_len(p + at, len - at, &inside) : 0;
		if (size == 0 || size > len - at)
			return 0;
		at += size;
	}
	return at;
}

bool wire_enter_tuple(const uint8_t **p, size_t *len, uint32_t arity)
{
	size_t head = *len >= 2 && (*p)[0] == 104 && (*p)[1] == arity		   ? 2
		      : *len >= 5 && (*p)[0] == 105 && wire_get32(*p + 1) == arity ? 5
										   : 0;
	*p += head;
	*len -= head;
	return head != 0;
}

bool wire_next(const uint8_t **p, size_t *len, const uint8_t **span_r, size_t *span_len_r)
{
	size_t n = wire_term_len(*p, *len);
	if (n == 0)
		return false;
	if (span_r != NULL) {
		*span_r = *p;
		*span_len_r = n;
	}
	*p += n;
	*len -= n;
	return true;
}

bool wire_is_atom(const uint8_t *p, size_t len, const char *text)
{
	size_t head = len >= 1 && (p[0] == 100 || p[0] == 118) ? 3 : 2, text_len = strlen(text);
	if (len != head + text_len || (head == 2 && p[0] != 115 && p[0] != 119))
		return false;
	size_t claimed = head == 3 ? wire_get16(p + 1) : p[1];
	return claimed == text_len && memcmp(p + head, text, text_len) == 0;
}

size_t wire_put_atom(uint8_t *out, const char *text)
{
	size_t len = strnlen(text, WIRE_NAME_MAX);
	out[0] = 119;
	out[1] = (uint8_t)len;
	memcpy(out + 2, text, len);
	return 2 + len;
}

static bool is_integer(const uint8_t *p, size_t len, uint32_t value)
{
	return (len == 2 && p[0] == 97 && p[1] == value) ||
	       (len == 5 && p[0] == 98 && wire_get32(p + 1) == value);
}

/* The control message REG_SEND {6, From, '', net_kernel}. */
static bool is_to_net_kernel(const uint8_t **p, size_t *len)
{
	const uint8_t *op, *to;
	size_t op_len, to_len;
	return wire_enter_tuple(p, len, 4) && wire_next(p, len, &op, &op_len) &&
	       is_integer(op, op_len, OP_REG_SEND) && wire_next(p, len, NULL, NULL) &&
	       wire_next(p, len, NULL, NULL) && wire_next(p, len, &to, &to_len) &&
	       wire_is_atom(to, to_len, "net_kernel");
}

struct asker {
	const uint8_t *pid, *tag;
	size_t pid_len, tag_len;
};

/* {'$gen_call', {Pid, Tag}, {is_auth, Node}} */
static bool is_auth_call(const uint8_t *p, size_t len, struct asker *a)
{
	const uint8_t *call, *request;
	size_t call_len, request_len;
	return wire_enter_tuple(&p, &len, 3) && wire_next(&p, &len, &call, &call_len) &&
	       wire_is_atom(call, call_len, "$gen_call") && wire_enter_tuple(&p, &len, 2) &&
	       wire_next(&p, &len, &a->pid, &a->pid_len) &&
	       wire_next(&p, &len, &a->tag, &a->tag_len) && wire_enter_tuple(&p, &len, 2) &&
	       wire_next(&p, &len, &request, &request_len) &&
	       wire_is_atom(request, request_len, "is_auth");
}

size_t wire_answer_is_auth(const uint8_t *frame, size_t len, uint8_t *out, size_t max)
{
	struct asker a;
	if (len < 2 || frame[0] != TAG_PASS_THROUGH || frame[1] != TAG_VERSION)
		return 0;
	frame += 2;
	len -= 2;
	if (!is_to_net_kernel(&frame, &len) || len < 1 || frame[0] != TAG_VERSION ||
	    !is_auth_call(frame + 1, len - 1, &a) || a.pid_len + a.tag_len + 32 > max)
		return 0;
	uint8_t *q = out + 4;
	const uint8_t send[] = {TAG_PASS_THROUGH, TAG_VERSION, 104, 3, 97, OP_SEND, 119, 0};
	memcpy(q, send, sizeof send);
	q += sizeof send;
	memcpy(q, a.pid, a.pid_len);
	q += a.pid_len;
	*q++ = TAG_VERSION;
	*q++ = 104;
	*q++ = 2;
	memcpy(q, a.tag, a.tag_len);
	q += a.tag_len;
	q += wire_put_atom(q, "yes");
	wire_put32(out, (uint32_t)(q - out - 4));
	return (size_t)(q - out);
}
