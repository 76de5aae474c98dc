/* Bytes of the distribution protocol: numbers, handshake, EPMD, the cookie. Terms: wire_term.c. */
#include "wire.h"
#include "md5.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define EPMD_HIGHEST 6
#define EPMD_LOWEST 5

uint16_t wire_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t wire_get32(const uint8_t *p)
{
	return (uint32_t)wire_get16(p) << 16 | wire_get16(p + 2);
}

uint64_t wire_get64(const uint8_t *p)
{
	return (uint64_t)wire_get32(p) << 32 | wire_get32(p + 4);
}

void wire_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void wire_put32(uint8_t *p, uint32_t v)
{
	wire_put16(p, (uint16_t)(v >> 16));
	wire_put16(p + 2, (uint16_t)v);
}

void wire_put64(uint8_t *p, uint64_t v)
{
	wire_put32(p, (uint32_t)(v >> 32));
	wire_put32(p + 4, (uint32_t)v);
}

void wire_digest(const char *cookie, uint32_t challenge, uint8_t digest_r[16])
{
	char text[WIRE_NAME_MAX + 16];
	int len = snprintf(text, sizeof text, "%.*s%u", WIRE_NAME_MAX, cookie, challenge);
	md5(text, (size_t)len, digest_r);
}

uint32_t wire_random32(void)
{
	uint32_t v;
	if (getrandom(&v, sizeof v, 0) != (ssize_t)sizeof v)
		abort();
	return v;
}

/* ---- handshake ---- */

static size_t put_name_tail(uint8_t *p, const char *name)
{
	size_t len = strnlen(name, WIRE_NAME_MAX);
	wire_put16(p, (uint16_t)len);
	memcpy(p + 2, name, len);
	return 2 + len;
}

static bool get_name_tail(const uint8_t *p, size_t len, char *name_r)
{
	size_t name_len = len < 2 ? 0 : wire_get16(p);
	if (name_len == 0 || name_len > WIRE_NAME_MAX || len < 2 + name_len ||
	    memchr(p + 2, 0, name_len) != NULL)
		return false;
	memcpy(name_r, p + 2, name_len);
	name_r[name_len] = 0;
	return true;
}

static size_t finish(uint8_t *out, size_t body_len)
{
	wire_put16(out, (uint16_t)body_len);
	return 2 + body_len;
}

size_t wire_put_name(uint8_t *out, const struct wire_name *n)
{
	uint8_t *p = out + 2;
	p[0] = 'N';
	wire_put64(p + 1, n->flags);
	wire_put32(p + 9, n->creation);
	return finish(out, 13 + put_name_tail(p + 13, n->name));
}

size_t wire_put_v5_name(uint8_t *out, const struct wire_name *n)
{
	size_t len = strnlen(n->name, WIRE_NAME_MAX);
	uint8_t *p = out + 2;
	p[0] = 'n';
	wire_put16(p + 1, 5);
	wire_put32(p + 3, (uint32_t)n->flags);
	memcpy(p + 7, n->name, len);
	return finish(out, 7 + len);
}

size_t wire_put_complement(uint8_t *out, const struct wire_name *n)
{
	uint8_t *p = out + 2;
	p[0] = 'c';
	wire_put32(p + 1, (uint32_t)(n->flags >> 32));
	wire_put32(p + 5, n->creation);
	return finish(out, 9);
}

bool wire_get_name(const uint8_t *p, size_t len, struct wire_name *n_r)
{
	if (len < 15 || p[0] != 'N')
		return false;
	n_r->flags = wire_get64(p + 1);
	n_r->creation = wire_get32(p + 9);
	n_r->challenge = 0;
	return get_name_tail(p + 13, len - 13, n_r->name);
}

size_t wire_put_status(uint8_t *out, const char *status)
{
	size_t len = strnlen(status, 64);
	out[2] = 's';
	memcpy(out + 3, status, len);
	return finish(out, 1 + len);
}

bool wire_is_status(const uint8_t *p, size_t len, const char *status)
{
	return len == 1 + strlen(status) && p[0] == 's' && memcmp(p + 1, status, len - 1) == 0;
}

size_t wire_put_challenge(uint8_t *out, const struct wire_name *n)
{
	uint8_t *p = out + 2;
	p[0] = 'N';
	wire_put64(p + 1, n->flags);
	wire_put32(p + 9, n->challenge);
	wire_put32(p + 13, n->creation);
	return finish(out, 17 + put_name_tail(p + 17, n->name));
}

bool wire_get_challenge(const uint8_t *p, size_t len, struct wire_name *n_r)
{
	if (len < 19 || p[0] != 'N')
		return false;
	n_r->flags = wire_get64(p + 1);
	n_r->challenge = wire_get32(p + 9);
	n_r->creation = wire_get32(p + 13);
	return get_name_tail(p + 17, len - 17, n_r->name);
}

size_t wire_put_reply(uint8_t *out, uint32_t challenge, const uint8_t digest[16])
{
	out[2] = 'r';
	wire_put32(out + 3, challenge);
	memcpy(out + 7, digest, 16);
	return finish(out, 21);
}

bool wire_check_reply(const uint8_t *p, size_t len, const char *cookie, uint32_t challenge,
		      uint32_t *challenge_r)
{
	uint8_t digest[16];
	if (len != 21 || p[0] != 'r')
		return false;
	*challenge_r = wire_get32(p + 1);
	wire_digest(cookie, challenge, digest);
	return memcmp(digest, p + 5, 16) == 0;
}

size_t wire_put_ack(uint8_t *out, const uint8_t digest[16])
{
	out[2] = 'a';
	memcpy(out + 3, digest, 16);
	return finish(out, 17);
}

bool wire_check_ack(const uint8_t *p, size_t len, const char *cookie, uint32_t challenge)
{
	uint8_t digest[16];
	if (len != 17 || p[0] != 'a')
		return false;
	wire_digest(cookie, challenge, digest);
	return memcmp(digest, p + 1, 16) == 0;
}

/* ---- EPMD ---- */

size_t wire_put_alive2_req(uint8_t *out, const char *alive, uint16_t port)
{
	size_t len = strnlen(alive, WIRE_NAME_MAX);
	uint8_t *p = out + 2;
	p[0] = 120;
	wire_put16(p + 1, port);
	p[3] = 77; /* a visible node */
	p[4] = 0;
	wire_put16(p + 5, EPMD_HIGHEST);
	wire_put16(p + 7, EPMD_LOWEST);
	wire_put16(p + 9, (uint16_t)len);
	memcpy(p + 11, alive, len);
	wire_put16(p + 11 + len, 0);
	return finish(out, 13 + len);
}

size_t wire_put_port2_req(uint8_t *out, const char *alive)
{
	size_t len = strnlen(alive, WIRE_NAME_MAX);
	out[2] = 122;
	memcpy(out + 3, alive, len);
	return finish(out, 1 + len);
}

size_t wire_put_port2(uint8_t *out, const char *alive, uint16_t port)
{
	size_t len = strnlen(alive, WIRE_NAME_MAX);
	out[0] = 119;
	out[1] = 0;
	wire_put16(out + 2, port);
	out[4] = 77; /* a visible node */
	out[5] = 0;  /* TCP over IPv4 */
	wire_put16(out + 6, EPMD_HIGHEST);
	wire_put16(out + 8, EPMD_LOWEST);
	wire_put16(out + 10, (uint16_t)len);
	memcpy(out + 12, alive, len);
	wire_put16(out + 12 + len, 0);
	return 14 + len;
}

size_t wire_get_port2(const uint8_t *p, size_t len, uint16_t *port_r)
{
	*port_r = 0;
	if (len < 2 || (p[1] == 0 && len < 12))
		return 0;
	if (p[0] != 119 || p[1] != 0)
		return 2;
	size_t whole = 14u + wire_get16(p + 10);
	if (len < whole)
		return 0;
	*port_r = wire_get16(p + 2);
	return whole;
}

/* ---- files ---- */

bool wire_read_cookie(const char *path, char *cookie_r, size_t max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, cookie_r, max - 1);
	close(fd);
	cookie_r[n > 0 ? n : 0] = 0;
	for (char *c = cookie_r; *c != 0; c++)
		if (isspace((unsigned char)*c)) {
			*c = 0;
			break;
		}
	return cookie_r[0] != 0;
}
