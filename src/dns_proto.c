/* A DNS answer (RFC 1035, 2782), parsed out of untrusted bytes into records. Pure functions over one
 * message; every offset is checked, names are followed strictly backwards, so that each ends. c-ares'
 * own parsers give neither the additional section nor a TTL for SRV, and call a referral "no data". */
#include "dns_priv.h"

#include <string.h>
#include <strings.h>

enum { RR_NS = 2, RR_CNAME = 5, RR_SOA = 6, CLASS_IN = 1 };
enum { RCODE_OK = 0, RCODE_FORMERR = 1, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3, RCODE_NOTIMP = 4,
       RCODE_REFUSED = 5 };
enum { FLAG_QR = 0x8000, FLAG_AA = 0x0400, FLAG_TC = 0x0200, FLAG_RA = 0x0080 };
#define NAME_MAX_WIRE 255
#define MAX_ALIASES 16
#define MAX_JUMPS 128 /* more than a name has labels */

struct msg {
	const uint8_t *p;
	size_t len, at;
	uint16_t flags, counts[4]; /* of question, answer, authority, additional */
	size_t answer_at, authority_at, additional_at;
};

struct rr {
	char owner[256];
	uint16_t type, class;
	uint32_t ttl_s;
	size_t data_at, data_len;
};

static bool get_u16(struct msg *m, uint16_t *v_r)
{
	if (m->len - m->at < 2)
		return false;
	*v_r = (uint16_t)(m->p[m->at] << 8 | m->p[m->at + 1]);
	m->at += 2;
	return true;
}

/* A byte of a label as text. What a host name cannot hold becomes '?', which no node name takes. */
static char label_char(uint8_t c)
{
	bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		  c == '-' || c == '_' || c == '*';

	return (char)(ok ? c : '?');
}

/* One label into text at *n. */
static bool get_label(const struct msg *m, size_t at, size_t len, char *text, size_t *n)
{
	if (len > m->len - at || *n + len + 1 > NAME_MAX_WIRE)
		return false;
	if (*n > 0)
		text[(*n)++] = '.';
	for (size_t i = 0; i < len; i++)
		text[(*n)++] = label_char(m->p[at + i]);
	return true;
}

/* The name at m->at, without trailing dot ("" is the root), into text of 256 bytes; m->at moves
 * behind it. A pointer must lead before everything read so far: no loops. */
static bool get_name(struct msg *m, char *text)
{
	size_t at = m->at, floor = m->at, end = 0, n = 0;
	int jumps = 0;

	while (at < m->len && jumps < MAX_JUMPS) {
		uint8_t c = m->p[at];

		if (c == 0) {
			text[n] = '\0';
			m->at = end ? end : at + 1;
			return true;
		}
		if (c >= 0xc0) {
			if (m->len - at < 2)
				return false;
			if (!end)
				end = at + 2;
			at = (size_t)(c & 0x3f) << 8 | m->p[at + 1];
			if (at >= floor)
				return false;
			floor = at;
			jumps++;
		} else if (c < 0x40) {
			if (!get_label(m, at + 1, c, text, &n))
				return false;
			at += 1u + c;
		} else {
			return false;
		}
	}
	return false;
}

/* RFC 2181: a TTL with its highest bit set is 0. */
static bool get_rr(struct msg *m, struct rr *rr)
{
	uint16_t high, low, len;

	if (!get_name(m, rr->owner) || !get_u16(m, &rr->type) || !get_u16(m, &rr->class) ||
	    !get_u16(m, &high) || !get_u16(m, &low) || !get_u16(m, &len) || len > m->len - m->at)
		return false;
	rr->ttl_s = high & 0x8000 ? 0 : (uint32_t)high << 16 | low;
	rr->data_at = m->at;
	rr->data_len = len;
	m->at += len;
	return true;
}

static bool skip_rrs(struct msg *m, unsigned count)
{
	struct rr rr;

	for (unsigned i = 0; i < count; i++)
		if (!get_rr(m, &rr))
			return false;
	return true;
}

/* Header and question; finds where each section begins, which checks the whole message. */
static bool open_msg(struct msg *m, const uint8_t *p, size_t len)
{
	char name[256];
	uint16_t skip;

	memset(m, 0, sizeof(*m));
	m->p = p;
	m->len = len;
	if (!get_u16(m, &skip) || !get_u16(m, &m->flags))
		return false;
	for (int i = 0; i < 4; i++)
		if (!get_u16(m, &m->counts[i]))
			return false;
	if (!(m->flags & FLAG_QR) || m->counts[0] > 1)
		return false;
	if (m->counts[0] == 1 && (!get_name(m, name) || !get_u16(m, &skip) || !get_u16(m, &skip)))
		return false;
	m->answer_at = m->at;
	if (!skip_rrs(m, m->counts[1]))
		return false;
	m->authority_at = m->at;
	if (!skip_rrs(m, m->counts[2]))
		return false;
	m->additional_at = m->at;
	return skip_rrs(m, m->counts[3]);
}

/* Is there a record of this type? */
static bool authority_has(struct msg *m, uint16_t type)
{
	struct rr rr;

	m->at = m->authority_at;
	for (unsigned i = 0; i < m->counts[2]; i++)
		if (get_rr(m, &rr) && rr.type == type)
			return true;
	return false;
}

/* Replaces name (256 bytes) by what it is an alias of, in whatever order the records come. The number
 * of steps; the TTL of the answer is at most that of each step. */
static int follow_aliases(struct msg *m, char *name, uint32_t *ttl_s)
{
	char target[256];
	struct rr rr;
	int steps = 0;

	for (bool found = true; found && steps < MAX_ALIASES;) {
		found = false;
		m->at = m->answer_at;
		for (unsigned i = 0; i < m->counts[1] && !found; i++) {
			if (!get_rr(m, &rr))
				return steps;
			if (rr.type != RR_CNAME || strcasecmp(rr.owner, name) != 0)
				continue;
			m->at = rr.data_at;
			found = get_name(m, target);
			m->at = rr.data_at + rr.data_len;
			if (!found)
				continue;
			memcpy(name, target, strlen(target) + 1);
			*ttl_s = rr.ttl_s < *ttl_s ? rr.ttl_s : *ttl_s;
		}
		steps += found;
	}
	return steps;
}

static bool get_addr(const struct msg *m, const struct rr *rr, union gc_addr *a)
{
	memset(a, 0, sizeof(*a));
	if (rr->type == GC_DNS_A && rr->data_len == 4) {
		a->in.sin_family = AF_INET;
		memcpy(&a->in.sin_addr, m->p + rr->data_at, 4);
		return true;
	}
	if (rr->type == GC_DNS_AAAA && rr->data_len == 16) {
		a->in6.sin6_family = AF_INET6;
		memcpy(&a->in6.sin6_addr, m->p + rr->data_at, 16);
		return true;
	}
	return false;
}

/* The target may be compressed, although RFC 2782 forbids it: some servers do. */
static bool get_srv(const struct msg *m, const struct rr *rr, struct gc_dns_record *rec)
{
	struct msg data = *m;

	data.at = rr->data_at;
	return get_u16(&data, &rec->priority) && get_u16(&data, &rec->weight) &&
	       get_u16(&data, &rec->port) && get_name(&data, rec->target) &&
	       data.at == rr->data_at + rr->data_len;
}

/* The records of type that name has; false if one is malformed. */
static bool collect(struct msg *m, const char *name, enum gc_dns_type type, uint32_t ttl_s,
		    struct gc_buf *records)
{
	struct rr rr;

	m->at = m->answer_at;
	for (unsigned i = 0; i < m->counts[1]; i++) {
		struct gc_dns_record rec = {0};

		if (!get_rr(m, &rr))
			return false;
		if (rr.type != type || rr.class != CLASS_IN || strcasecmp(rr.owner, name) != 0)
			continue;
		if (type == GC_DNS_SRV ? !get_srv(m, &rr, &rec) : !get_addr(m, &rr, &rec.addr))
			return false;
		rec.ttl_s = rr.ttl_s < ttl_s ? rr.ttl_s : ttl_s;
		/* RFC 2782: the target "." says that there is no such service */
		if (type != GC_DNS_SRV || rec.target[0] != '\0')
			gc_buf_put(records, &rec, sizeof(rec));
	}
	return true;
}

/* Addresses of SRV targets; IPv4 wins, as a stock Erlang node listens on that. */
static void add_addresses(struct msg *m, struct gc_dns_record *rec, size_t n)
{
	union gc_addr addr;
	struct rr rr;

	m->at = m->additional_at;
	for (unsigned i = 0; i < m->counts[3]; i++) {
		get_rr(m, &rr);
		if (rr.class != CLASS_IN || !get_addr(m, &rr, &addr))
			continue;
		for (size_t k = 0; k < n; k++)
			if (rec[k].addr.sa.sa_family != AF_INET &&
			    strcasecmp(rec[k].target, rr.owner) == 0) {
				rec[k].addr = addr;
				gc_addr_set_port(&rec[k].addr, rec[k].port);
			}
	}
}

/* No record: does the server say that there is none, or only that it does not know? */
static int no_records(struct msg *m, int aliases, const char **why_r)
{
	if (authority_has(m, RR_SOA))
		return GC_ENODATA;
	if (aliases > 0 && !(m->flags & FLAG_RA)) {
		*why_r = "gives an alias and does not resolve it";
		return GC_EDNS;
	}
	if (!(m->flags & FLAG_AA) && authority_has(m, RR_NS)) {
		*why_r = "refers to other servers";
		return GC_EDNS;
	}
	return GC_ENODATA;
}

static int from_rcode(unsigned rcode, const char **why_r)
{
	switch (rcode) {
	case RCODE_SERVFAIL:
		*why_r = "servfail";
		return GC_ESERVFAIL;
	case RCODE_NXDOMAIN:
		return GC_ENXDOMAIN;
	case RCODE_REFUSED:
		*why_r = "refused";
		return GC_EREFUSED;
	case RCODE_FORMERR:
		*why_r = "formerr";
		return GC_EDNS;
	case RCODE_NOTIMP:
		*why_r = "notimp";
		return GC_EDNS;
	default:
		*why_r = "an unknown response code";
		return GC_EDNS;
	}
}

int gc_dns_parse(const uint8_t *p, size_t len, const char *name, enum gc_dns_type type,
		 struct gc_buf *records, const char **why_r)
{
	size_t before = records->len, name_len = strnlen(name, NAME_MAX_WIRE);
	uint32_t ttl_s = UINT32_MAX;
	char owner[256];
	struct msg m;

	*why_r = "a malformed answer";
	if (!open_msg(&m, p, len))
		return GC_EPROTO;
	if (m.flags & FLAG_TC) { /* even over TCP */
		*why_r = "a truncated answer";
		return GC_EPROTO;
	}
	if ((m.flags & 0xf) != RCODE_OK)
		return from_rcode(m.flags & 0xf, why_r);
	memcpy(owner, name, name_len);
	owner[name_len] = '\0';
	if (name_len > 0 && owner[name_len - 1] == '.')
		owner[name_len - 1] = '\0';
	int aliases = follow_aliases(&m, owner, &ttl_s);

	if (!collect(&m, owner, type, ttl_s, records)) {
		records->len = before;
		return GC_EPROTO;
	}
	if (records->failed)
		return GC_ENOMEM;
	size_t n = (records->len - before) / sizeof(struct gc_dns_record);

	if (n == 0)
		return no_records(&m, aliases, why_r);
	if (type == GC_DNS_SRV)
		add_addresses(&m, (void *)(records->data + before), n);
	return (int)n;
}
