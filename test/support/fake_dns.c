/* A FAKE DNS server for faults; see fake_dns.h. */
#include "fake_dns.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { TYPE_A = 1, TYPE_NS = 2, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_AAAA = 28, TYPE_SRV = 33 };
enum { QR = 0x8000, AA = 0x0400, TC = 0x0200, RA = 0x0080 };

struct reply {
	uint8_t p[512];
	size_t len;
};

static void put(struct reply *r, const void *bytes, size_t len)
{
	if (len > sizeof(r->p) - r->len)
		return;
	memcpy(r->p + r->len, bytes, len);
	r->len += len;
}

static void put_u16(struct reply *r, unsigned v)
{
	uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	put(r, b, 2);
}

/* The owner is the name of the question, by a pointer to it. */
static void put_rr(struct reply *r, unsigned type, const void *data, size_t len)
{
	put_u16(r, 0xc00c);
	put_u16(r, type);
	put_u16(r, 1);
	put_u16(r, 0);
	put_u16(r, 30); /* TTL */
	put_u16(r, (unsigned)len);
	put(r, data, len);
}

static void set_u16(struct reply *r, size_t at, unsigned v)
{
	r->p[at] = (uint8_t)(v >> 8);
	r->p[at + 1] = (uint8_t)v;
}

static void put_answers(struct fake_dns *f, struct reply *r, unsigned type)
{
	uint8_t a[4] = {10, 9, 9, 0}, aaaa[16] = {0xfd, 9};
	uint8_t srv[19] = {0, 1, 0, 2, 0x11, 0x12, 6, 'n', 'o', 'd', 'e', '-', '0', 4, 't', 'e', 's', 't', 0};

	for (unsigned i = 1; i <= f->n_records; i++) {
		a[3] = aaaa[15] = (uint8_t)i;
		srv[12] = (uint8_t)('0' + i % 10);
		if (type == TYPE_A)
			put_rr(r, type, a, sizeof(a));
		else if (type == TYPE_AAAA)
			put_rr(r, type, aaaa, sizeof(aaaa));
		else
			put_rr(r, type, srv, sizeof(srv));
	}
	set_u16(r, 2, QR | AA | RA);
	set_u16(r, 6, f->n_records);
}

/* Header and question of the request; the counts of the other sections are 0. */
static size_t copy_question(struct fake_dns *f, struct reply *r, const uint8_t *req, size_t len,
			    unsigned *type_r)
{
	size_t at = 12, n = 0;

	while (at < len && req[at] != 0 && at + req[at] < len && n + req[at] < 250) {
		memcpy(f->last_name + n, req + at + 1, req[at]);
		n += req[at];
		f->last_name[n++] = '.';
		at += 1u + req[at];
	}
	f->last_name[n ? n - 1 : 0] = '\0';
	at += 5;
	if (at > len)
		return 0;
	*type_r = (unsigned)req[at - 4] << 8 | req[at - 3];
	put(r, req, at);
	memset(r->p + 6, 0, 6);
	set_u16(r, 2, QR | RA);
	return at;
}

static void put_fault(struct fake_dns *f, struct reply *r, enum fake_dns_mode mode)
{
	static const uint8_t soa[] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 5};
	static const uint8_t name[] = "\5other\4test", loop[] = {1, 'b', 0xc0, 0x0c};

	switch (mode) {
	case FAKE_DNS_RCODE:
		set_u16(r, 2, QR | RA | f->rcode);
		break;
	case FAKE_DNS_NODATA:
		put_rr(r, TYPE_SOA, soa, sizeof(soa));
		set_u16(r, 8, 1);
		break;
	case FAKE_DNS_REFERRAL:
		put_rr(r, TYPE_NS, name, sizeof(name));
		set_u16(r, 2, QR);
		set_u16(r, 8, 1);
		break;
	case FAKE_DNS_WRONG_ID:
		put_answers(f, r, TYPE_A);
		r->p[0] ^= 0x55;
		break;
	case FAKE_DNS_GARBAGE:
		memset(r->p, 0xa5, sizeof(r->p));
		break;
	case FAKE_DNS_MALFORMED:
		put_rr(r, TYPE_A, "\1\2\3", 3);
		set_u16(r, 6, 1);
		break;
	case FAKE_DNS_CUT:
		put_answers(f, r, TYPE_A);
		r->len -= 3;
		break;
	case FAKE_DNS_TRUNCATED:
		set_u16(r, 2, QR | TC);
		break;
	case FAKE_DNS_ALIAS:
		put_rr(r, TYPE_CNAME, name, sizeof(name));
		set_u16(r, 2, QR);
		set_u16(r, 6, 1);
		break;
	case FAKE_DNS_ALIAS_LOOP:
		put_rr(r, TYPE_CNAME, "\xc0\x0c", 2);
		put_rr(r, TYPE_CNAME, loop, sizeof(loop));
		set_u16(r, 6, 2);
		break;
	default:
		break;
	}
}

static void send_to(struct fake_dns *f, uint8_t *p, size_t len, const struct sockaddr *to)
{
	uv_buf_t b = uv_buf_init((char *)p, (unsigned)len);

	uv_udp_try_send(&f->udp, &b, 1, to);
}

static void on_timer(uv_timer_t *t)
{
	struct fake_dns *f = t->data;

	send_to(f, f->late, f->late_len, (struct sockaddr *)&f->late_to);
}

static void answer_later(struct fake_dns *f, const struct reply *r, const struct sockaddr *to)
{
	memcpy(f->late, r->p, r->len);
	f->late_len = r->len;
	memcpy(&f->late_to, to, sizeof(struct sockaddr_in));
	uv_timer_start(&f->timer, on_timer, f->delay_ms, 0);
}

static void answer(struct fake_dns *f, const uint8_t *req, size_t len, const struct sockaddr *to)
{
	struct reply r = {.len = 0};
	unsigned type = 0;

	if (len < 17 || copy_question(f, &r, req, len, &type) == 0)
		return;
	enum fake_dns_mode mode = type == TYPE_AAAA ? f->mode_aaaa : f->mode;

	if (f->answer_name && strcasecmp(f->last_name, f->answer_name) == 0)
		mode = FAKE_DNS_ANSWER;
	if (f->servfail_name && strcasecmp(f->last_name, f->servfail_name) == 0)
		set_u16(&r, 2, QR | RA | 2);
	else if (f->only_name && strcasecmp(f->last_name, f->only_name) != 0)
		set_u16(&r, 2, QR | RA | 3);
	else if (mode == FAKE_DNS_ANSWER || mode == FAKE_DNS_LATE)
		put_answers(f, &r, type);
	else
		put_fault(f, &r, mode);
	if (mode == FAKE_DNS_LATE)
		answer_later(f, &r, to);
	else if (mode != FAKE_DNS_MUTE)
		send_to(f, r.p, r.len, to);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	static char space[2048];

	(void)h;
	(void)suggested;
	*buf = uv_buf_init(space, sizeof(space));
}

static void on_recv(uv_udp_t *u, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
		    unsigned flags)
{
	struct fake_dns *f = u->data;

	(void)flags;
	if (n <= 0 || !from)
		return;
	f->n_requests++;
	answer(f, (const uint8_t *)buf->base, (size_t)n, from);
}

bool fake_dns_open(struct fake_dns *f, uv_loop_t *loop, const char *ip, uint16_t port)
{
	int len = sizeof(f->addr);

	memset(f, 0, sizeof(*f));
	f->n_records = 1;
	uv_udp_init(loop, &f->udp);
	uv_timer_init(loop, &f->timer);
	f->udp.data = f->timer.data = f;
	if (uv_ip4_addr(ip, port, &f->addr) < 0 ||
	    uv_udp_bind(&f->udp, (struct sockaddr *)&f->addr, 0) < 0 ||
	    uv_udp_recv_start(&f->udp, on_alloc, on_recv) < 0 ||
	    uv_udp_getsockname(&f->udp, (struct sockaddr *)&f->addr, &len) < 0)
		return false;
	snprintf(f->text, sizeof(f->text), "%s:%u", ip, ntohs(f->addr.sin_port));
	return true;
}

void fake_dns_close(struct fake_dns *f)
{
	uv_close((uv_handle_t *)&f->udp, NULL);
	uv_close((uv_handle_t *)&f->timer, NULL);
}
