/* A FAKE epmd for faults; see fake_epmd.h. */
#include "fake_epmd.h"

#include <arpa/inet.h>
#include <string.h>

static void on_conn_close(uv_handle_t *h)
{
	struct fake_epmd_conn *c = h->data;

	if (--c->n_open > 0)
		return;
	c->used = false;
	c->fake->n_open--;
}

static void close_conn(struct fake_epmd_conn *c)
{
	if (!c->used || uv_is_closing((uv_handle_t *)&c->tcp))
		return;
	uv_close((uv_handle_t *)&c->tcp, on_conn_close);
	uv_close((uv_handle_t *)&c->timer, on_conn_close);
}

static size_t send_bytes(struct fake_epmd_conn *c, size_t len)
{
	uv_buf_t b = uv_buf_init((char *)(uintptr_t)c->bytes + c->sent, (unsigned)len);
	int n = len ? uv_try_write((uv_stream_t *)&c->tcp, &b, 1) : 0;

	c->sent += n > 0 ? (size_t)n : 0;
	return c->sent;
}

static void on_drip(uv_timer_t *t)
{
	struct fake_epmd_conn *c = t->data;

	if (c->sent < c->len)
		send_bytes(c, 1);
	else
		uv_timer_stop(t);
}

/* As much as the socket takes, the rest a little later. */
static void on_more(uv_timer_t *t)
{
	struct fake_epmd_conn *c = t->data;

	if (send_bytes(c, c->len - c->sent) < c->len)
		return;
	uv_timer_stop(t);
	if (c->mode == FAKE_ANSWER_END)
		close_conn(c);
}

static void reply(struct fake_epmd_conn *c)
{
	struct fake_epmd *f = c->fake;

	f->n_requests++;
	if (f->on_request)
		f->on_request(f, (const uint8_t *)c->in + 2, c->in_len - 2);
	c->mode = f->mode;
	c->bytes = f->bytes;
	c->len = f->len;
	if (f->len > 0 && f->len <= sizeof(c->small)) /* the next request may reuse its place */
		c->bytes = memcpy(c->small, f->bytes, f->len);
	switch (c->mode) {
	case FAKE_MUTE:
		break;
	case FAKE_ANSWER:
	case FAKE_ANSWER_END:
		uv_timer_start(&c->timer, on_more, 0, 1);
		break;
	case FAKE_DRIP:
		uv_timer_start(&c->timer, on_drip, f->drip_ms, f->drip_ms);
		break;
	case FAKE_RESET:
		uv_tcp_close_reset(&c->tcp, on_conn_close);
		uv_close((uv_handle_t *)&c->timer, on_conn_close);
		break;
	}
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct fake_epmd_conn *c = h->data;

	(void)suggested;
	*buf = uv_buf_init(c->in + c->in_len, (unsigned)(sizeof(c->in) - c->in_len));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct fake_epmd_conn *c = s->data;

	(void)buf;
	if (n < 0) {
		close_conn(c);
		return;
	}
	bool was_whole = c->in_len >= 2 && c->in_len >= 2u + (uint8_t)c->in[1];

	c->in_len += (size_t)n;
	if (!was_whole && c->in_len >= 2 && c->in_len >= 2u + (uint8_t)c->in[1])
		reply(c);
}

static void on_connection(uv_stream_t *s, int status)
{
	struct fake_epmd *f = s->data;
	struct fake_epmd_conn *c = f->conns;

	while (c < f->conns + FAKE_CONNS && c->used)
		c++;
	if (status < 0 || c == f->conns + FAKE_CONNS)
		return;
	memset(c, 0, sizeof(*c));
	c->fake = f;
	c->used = true;
	uv_tcp_init(s->loop, &c->tcp);
	uv_timer_init(s->loop, &c->timer);
	c->n_open = 2;
	c->tcp.data = c->timer.data = c;
	f->n_accepted++;
	f->n_open++;
	uv_accept(s, (uv_stream_t *)&c->tcp);
	uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

bool fake_epmd_open(struct fake_epmd *f, uv_loop_t *loop, const char *ip, uint16_t port)
{
	int len = sizeof(f->addr);

	memset(f, 0, sizeof(*f));
	f->drip_ms = 1;
	uv_tcp_init(loop, &f->listener);
	f->listener.data = f;
	return uv_ip4_addr(ip, port, &f->addr) == 0 &&
	       uv_tcp_bind(&f->listener, (struct sockaddr *)&f->addr, 0) == 0 &&
	       uv_listen((uv_stream_t *)&f->listener, 128, on_connection) == 0 &&
	       uv_tcp_getsockname(&f->listener, (struct sockaddr *)&f->addr, &len) == 0;
}

void fake_epmd_drop_conns(struct fake_epmd *f)
{
	for (int i = 0; i < FAKE_CONNS; i++)
		close_conn(&f->conns[i]);
}

void fake_epmd_close(struct fake_epmd *f)
{
	fake_epmd_drop_conns(f);
	uv_close((uv_handle_t *)&f->listener, NULL);
}
