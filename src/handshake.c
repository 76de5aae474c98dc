/* Handshake packets, bytes <-> structs; see handshake.h. Pure. */
#include "handshake.h"

#include "err.h"
#include "md5.h"

#include <stdio.h>
#include <string.h>

static const struct word {
	enum gc_hs_status status;
	const char *text;
} words[] = {
	{GC_HS_OK, "ok"},
	{GC_HS_OK_SIMULTANEOUS, "ok_simultaneous"},
	{GC_HS_NOK, "nok"},
	{GC_HS_NOT_ALLOWED, "not_allowed"},
	{GC_HS_ALIVE, "alive"},
	{GC_HS_TRUE, "true"},
	{GC_HS_FALSE, "false"},
};

static void put_header(struct gc_buf *b, unsigned header, size_t body)
{
	if (header == 4)
		gc_buf_put_u32(b, (uint32_t)body);
	else
		gc_buf_put_u16(b, (uint16_t)body);
}

static void put_text(struct gc_buf *b, const char *name)
{
	gc_buf_put_u16(b, (uint16_t)strlen(name));
	gc_buf_put_str(b, name);
}

void gc_hs_put_name(struct gc_buf *b, unsigned header, uint64_t flags, uint32_t creation,
		    const char *name)
{
	put_header(b, header, 1 + 8 + 4 + 2 + strlen(name));
	gc_buf_put_u8(b, 'N');
	gc_buf_put_u64(b, flags);
	gc_buf_put_u32(b, creation);
	put_text(b, name);
}

void gc_hs_put_status(struct gc_buf *b, unsigned header, enum gc_hs_status s)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i].status != s)
			continue;
		put_header(b, header, 1 + strlen(words[i].text));
		gc_buf_put_u8(b, 's');
		gc_buf_put_str(b, words[i].text);
	}
}

void gc_hs_put_challenge(struct gc_buf *b, unsigned header, uint64_t flags, uint32_t challenge,
			 uint32_t creation, const char *name)
{
	put_header(b, header, 1 + 8 + 4 + 4 + 2 + strlen(name));
	gc_buf_put_u8(b, 'N');
	gc_buf_put_u64(b, flags);
	gc_buf_put_u32(b, challenge);
	gc_buf_put_u32(b, creation);
	put_text(b, name);
}

void gc_hs_put_reply(struct gc_buf *b, unsigned header, uint32_t challenge,
		     const uint8_t digest[GC_HS_DIGEST])
{
	put_header(b, header, 1 + 4 + GC_HS_DIGEST);
	gc_buf_put_u8(b, 'r');
	gc_buf_put_u32(b, challenge);
	gc_buf_put(b, digest, GC_HS_DIGEST);
}

void gc_hs_put_ack(struct gc_buf *b, unsigned header, const uint8_t digest[GC_HS_DIGEST])
{
	put_header(b, header, 1 + GC_HS_DIGEST);
	gc_buf_put_u8(b, 'a');
	gc_buf_put(b, digest, GC_HS_DIGEST);
}

int gc_hs_frame(const uint8_t *p, size_t len, unsigned header)
{
	struct gc_reader r = gc_reader(p, len);
	uint32_t body = header == 4 ? gc_read_u32(&r) : gc_read_u16(&r);

	if (r.failed)
		return 0;
	if (body == 0)
		return GC_EPROTO;
	if (body > GC_HS_PACKET_MAX)
		return GC_ETOOBIG;
	return r.len >= body ? (int)(header + body) : 0;
}

/* OTP 25 may send one flag for all that it takes for granted. */
static uint64_t expand(uint64_t flags)
{
	return flags & GC_DFLAG_MANDATORY_25_DIGEST ? flags | GC_DFLAGS_MANDATORY : flags;
}

static int parse_n(const uint8_t *p, size_t len, bool has_challenge, struct gc_hs_name *n_r)
{
	struct gc_reader r = gc_reader(p, len);
	uint8_t tag = gc_read_u8(&r);

	*n_r = (struct gc_hs_name){0};
	n_r->flags = expand(gc_read_u64(&r));
	if (has_challenge)
		n_r->challenge = gc_read_u32(&r);
	n_r->creation = gc_read_u32(&r);
	n_r->name_len = gc_read_u16(&r);
	/* What may follow the name is for later versions of the protocol. */
	n_r->name = (const char *)gc_read_bytes(&r, n_r->name_len);
	return r.failed || tag != 'N' ? GC_EPROTO : 0;
}

/* 'n' 5 flags name: the name is what is left. */
static int parse_v5_name(const uint8_t *p, size_t len, struct gc_hs_name *n_r)
{
	struct gc_reader r = gc_reader(p, len);

	*n_r = (struct gc_hs_name){.is_v5 = true};
	(void)gc_read_u8(&r);
	(void)gc_read_u16(&r); /* 5; what it can do is in the flags */
	n_r->flags = expand(gc_read_u32(&r));
	n_r->name_len = r.len;
	n_r->name = (const char *)gc_read_bytes(&r, n_r->name_len);
	return r.failed ? GC_EPROTO : 0;
}

int gc_hs_parse_name(const uint8_t *p, size_t len, struct gc_hs_name *n_r)
{
	return len > 0 && p[0] == 'n' ? parse_v5_name(p, len, n_r) : parse_n(p, len, false, n_r);
}

int gc_hs_parse_complement(const uint8_t *p, size_t len, uint64_t *flags_r, uint32_t *creation_r)
{
	struct gc_reader r = gc_reader(p, len);
	uint8_t tag = gc_read_u8(&r);

	*flags_r = (uint64_t)gc_read_u32(&r) << 32;
	*creation_r = gc_read_u32(&r);
	return r.failed || r.len != 0 || tag != 'c' ? GC_EPROTO : 0;
}

int gc_hs_parse_challenge(const uint8_t *p, size_t len, struct gc_hs_name *n_r)
{
	return parse_n(p, len, true, n_r);
}

int gc_hs_parse_status(const uint8_t *p, size_t len, enum gc_hs_status *s_r)
{
	static const char named[] = "named:";

	if (len < 1 || p[0] != 's')
		return GC_EPROTO;
	p++;
	len--;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].text) == len && memcmp(words[i].text, p, len) == 0) {
			*s_r = words[i].status;
			return 0;
		}
	}
	if (len < sizeof(named) - 1 || memcmp(p, named, sizeof(named) - 1) != 0)
		return GC_EPROTO;
	*s_r = GC_HS_NAMED;
	return 0;
}

static int parse_digest(struct gc_reader *r, uint8_t digest_r[GC_HS_DIGEST])
{
	const uint8_t *digest = gc_read_bytes(r, GC_HS_DIGEST);

	if (!digest || r->len != 0)
		return GC_EPROTO;
	memcpy(digest_r, digest, GC_HS_DIGEST);
	return 0;
}

int gc_hs_parse_reply(const uint8_t *p, size_t len, uint32_t *challenge_r,
		      uint8_t digest_r[GC_HS_DIGEST])
{
	struct gc_reader r = gc_reader(p, len);

	if (gc_read_u8(&r) != 'r')
		return GC_EPROTO;
	*challenge_r = gc_read_u32(&r);
	return parse_digest(&r, digest_r);
}

int gc_hs_parse_ack(const uint8_t *p, size_t len, uint8_t digest_r[GC_HS_DIGEST])
{
	struct gc_reader r = gc_reader(p, len);

	return gc_read_u8(&r) != 'a' ? GC_EPROTO : parse_digest(&r, digest_r);
}

uint64_t gc_hs_missing_flags(uint64_t flags)
{
	return GC_DFLAGS_MANDATORY & ~expand(flags);
}

void gc_hs_digest(const char *cookie, uint32_t challenge, uint8_t digest_r[GC_HS_DIGEST])
{
	struct gc_md5 m;
	char text[11];
	int len = snprintf(text, sizeof(text), "%u", challenge);

	gc_md5_init(&m);
	gc_md5_update(&m, cookie, strlen(cookie));
	gc_md5_update(&m, text, (size_t)len);
	gc_md5_final(&m, digest_r);
}

bool gc_hs_digest_equal(const uint8_t a[GC_HS_DIGEST], const uint8_t b[GC_HS_DIGEST])
{
	volatile uint8_t differs = 0;

	for (size_t i = 0; i < GC_HS_DIGEST; i++)
		differs |= (uint8_t)(a[i] ^ b[i]);
	return differs == 0;
}
