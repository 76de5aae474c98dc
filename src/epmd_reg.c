/* Registration with EPMD, kept over its restarts: a name lives there as long as the connection that
 * brought it. ei registers once and never looks again (facts H13); erl_epmd tries every 2 s, and so
 * do we.
 *
 *              +--------- retry timer <-- failure, deadline, EOF ---------+
 *              v                                                         |
 *   WAITING: connect (127.0.0.1, then ::1) --> send ALIVE2 --> answer --> REGISTERED
 *
 * The registration owns a timer (first start, deadline of an attempt, wait for the next) and at most
 * one connection, a new one for each attempt, which frees itself when closed. Loop thread. */
#include "epmd.h"

#include <stdlib.h>
#include <string.h>

struct conn {
	uv_tcp_t tcp;
	uv_connect_t connect;
	struct gc_epmd_reg *reg; /* NULL: dropped */
	size_t in_len;
	uint8_t in[16]; /* the answer has 6 bytes; later ones are thrown away */
};

struct gc_epmd_reg {
	uv_loop_t *loop;
	uv_timer_t timer;
	struct conn *conn;
	struct sockaddr_storage addr; /* family 0: this host */
	bool is_closing, on_ipv6, has_creation;
	enum gc_epmd_state state;
	uint32_t creation;
	struct gc_fail fail; /* of the running attempt, or what was told last */
	int told_err;
	gc_epmd_reg_cb cb;
	void *arg;
	uint16_t port;
	uint8_t type;
	char alive[];
};

static void attempt(struct gc_epmd_reg *r);
static void on_retry(uv_timer_t *t);

static void on_conn_close(uv_handle_t *h)
{
	free(h->data);
}

static void drop_conn(struct gc_epmd_reg *r)
{
	if (!r->conn)
		return;
	r->conn->reg = NULL;
	uv_close((uv_handle_t *)&r->conn->tcp, on_conn_close);
	r->conn = NULL;
}

/* The callback comes last: it may unregister. */
static void failed(struct gc_epmd_reg *r, int err, const char *detail)
{
	bool was_registered = r->state == GC_EPMD_REGISTERED;

	drop_conn(r);
	gc_fail_set(&r->fail, err, GC_STAGE_EPMD, "%s", detail);
	r->state = GC_EPMD_WAITING;
	uv_timer_start(&r->timer, on_retry, GC_EPMD_RETRY_MS, 0);
	if (!was_registered && r->told_err == r->fail.err)
		return;
	r->told_err = r->fail.err;
	r->cb(r->arg, r->state, r->creation, &r->fail);
}

/* An EPMD may listen on ::1 alone. If there is none either, the first failure is the one told. */
static void connect_failed(struct gc_epmd_reg *r, int uv_err)
{
	int err = uv_err == UV_ECONNREFUSED ? GC_ENOEPMD : gc_err_from_uv(uv_err);

	if (r->addr.ss_family != AF_UNSPEC || r->on_ipv6) {
		failed(r, err, uv_strerror(uv_err));
		return;
	}
	gc_fail_set(&r->fail, err, GC_STAGE_EPMD, "%s", uv_strerror(uv_err));
	drop_conn(r);
	r->on_ipv6 = true;
	attempt(r);
}

static void registered(struct gc_epmd_reg *r, uint32_t creation)
{
	if (!r->has_creation)
		r->creation = creation;
	r->has_creation = true;
	r->state = GC_EPMD_REGISTERED;
	r->told_err = 0;
	memset(&r->fail, 0, sizeof(r->fail));
	uv_timer_stop(&r->timer);
	r->cb(r->arg, r->state, r->creation, &r->fail);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct conn *c = h->data;

	(void)suggested;
	if (c->reg->state == GC_EPMD_REGISTERED)
		c->in_len = 0;
	*buf = uv_buf_init((char *)c->in + c->in_len, (unsigned)(sizeof(c->in) - c->in_len));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct conn *c = s->data;
	struct gc_epmd_reg *r = c->reg;
	uint32_t creation;

	(void)buf;
	if (n < 0) {
		failed(r, gc_err_from_uv((int)n), "EPMD closed the connection");
		return;
	}
	if (r->state == GC_EPMD_REGISTERED)
		return;
	c->in_len += (size_t)n;
	int used = gc_epmd_parse_alive2(c->in, c->in_len, &creation);

	if (used > 0)
		registered(r, creation);
	else if (used < 0)
		failed(r, used, used == GC_ETAKEN ? r->alive : "this is not an answer of EPMD");
}

static void on_connect(uv_connect_t *req, int status)
{
	struct conn *c = req->data;
	struct gc_epmd_reg *r = c->reg;
	struct gc_buf out = {0};

	if (!r) /* dropped: UV_ECANCELED */
		return;
	if (status < 0) {
		connect_failed(r, status);
		return;
	}
	gc_epmd_put_alive2(&out, r->alive, r->port, r->type);
	uv_buf_t b = uv_buf_init((char *)out.data, (unsigned)out.len);
	int n = out.failed ? UV_ENOMEM : uv_try_write((uv_stream_t *)&c->tcp, &b, 1);

	if (n >= 0) /* an empty socket buffer takes it whole */
		n = n == (int)out.len ? uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read)
				      : UV_EIO;
	gc_buf_deinit(&out);
	if (n < 0)
		failed(r, gc_err_from_uv(n), uv_strerror(n));
}

static void on_deadline(uv_timer_t *t)
{
	failed(t->data, GC_ETIMEDOUT, "EPMD does not answer");
}

static void on_retry(uv_timer_t *t)
{
	struct gc_epmd_reg *r = t->data;

	memset(&r->fail, 0, sizeof(r->fail));
	r->on_ipv6 = false;
	uv_timer_start(&r->timer, on_deadline, GC_EPMD_ATTEMPT_MS, 0);
	attempt(r);
}

static const struct sockaddr *target(struct gc_epmd_reg *r, struct sockaddr_storage *host)
{
	if (r->addr.ss_family != AF_UNSPEC)
		return (struct sockaddr *)&r->addr;
	if (r->on_ipv6)
		uv_ip6_addr("::1", gc_epmd_port(), (struct sockaddr_in6 *)host);
	else
		uv_ip4_addr("127.0.0.1", gc_epmd_port(), (struct sockaddr_in *)host);
	return (struct sockaddr *)host;
}

static void attempt(struct gc_epmd_reg *r)
{
	struct sockaddr_storage host;
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		failed(r, GC_ENOMEM, "");
		return;
	}
	uv_tcp_init(r->loop, &c->tcp); /* makes no socket yet: cannot fail */
	c->tcp.data = c->connect.data = c;
	c->reg = r;
	r->conn = c;
	int err = uv_tcp_connect(&c->connect, &c->tcp, target(r, &host), on_connect);

	if (err < 0)
		connect_failed(r, err);
}

struct gc_epmd_reg *gc_epmd_register(uv_loop_t *loop, const struct sockaddr *addr,
				     const char *alive, uint16_t port, uint8_t type,
				     gc_epmd_reg_cb cb, void *arg)
{
	size_t len = strlen(alive) + 1;
	struct gc_epmd_reg *r = calloc(1, sizeof(*r) + len);

	if (!r)
		return NULL;
	memcpy(r->alive, alive, len);
	if (addr)
		memcpy(&r->addr, addr,
		       addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						   : sizeof(struct sockaddr_in));
	r->loop = loop;
	r->port = port;
	r->type = type;
	r->cb = cb;
	r->arg = arg;
	uv_timer_init(loop, &r->timer);
	r->timer.data = r;
	uv_timer_start(&r->timer, on_retry, 0, 0); /* never call back from here */
	return r;
}

static void on_timer_close(uv_handle_t *h)
{
	free(h->data);
}

void gc_epmd_unregister(struct gc_epmd_reg *r)
{
	if (!r || r->is_closing)
		return;
	r->is_closing = true;
	drop_conn(r);
	uv_close((uv_handle_t *)&r->timer, on_timer_close);
}
