/* One question to EPMD: connect, send, read until the answer is whole, all under one deadline.
 * A query owns its socket and its timer, and is freed when both have closed. Loop thread.
 * Registration is in epmd_reg.c. Protocol: epmd_proto.h. */
#include "epmd.h"

#include "name.h"

#include <stdlib.h>
#include <string.h>

#define LOOKUP_CHUNK 320   /* the longest PORT2 answer without extra has 271 bytes */
#define NAMES_CHUNK 16384

struct gc_epmd_query {
	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_connect_t connect;
	int n_open; /* handles not closed yet */
	bool is_over, is_connected;
	struct gc_fail fail; /* of a start that failed at once: told next turn */
	struct gc_buf in;
	gc_epmd_port_cb port_cb; /* one of the two */
	gc_epmd_names_cb names_cb;
	void *arg;
	char alive[]; /* empty for NAMES */
};

uint16_t gc_epmd_port(void)
{
	const char *s = getenv("ERL_EPMD_PORT");
	char *end = NULL;
	long port = s ? strtol(s, &end, 10) : 0;

	return s && *end == '\0' && port > 0 && port <= UINT16_MAX ? (uint16_t)port : 4369;
}

static void on_close(uv_handle_t *h)
{
	struct gc_epmd_query *q = h->data;

	if (--q->n_open > 0)
		return;
	gc_buf_deinit(&q->in);
	free(q);
}

/* Ends the query; the memory stays until the handles have closed, so that a callback may still read
 * from it, and may cancel it again. */
void gc_epmd_cancel(struct gc_epmd_query *q)
{
	if (!q || q->is_over)
		return;
	q->is_over = true;
	uv_close((uv_handle_t *)&q->tcp, on_close);
	uv_close((uv_handle_t *)&q->timer, on_close);
}

static void answer(struct gc_epmd_query *q, const struct gc_fail *fail,
		   const struct gc_epmd_node *node, const struct gc_buf *names)
{
	gc_epmd_cancel(q);
	if (q->port_cb)
		q->port_cb(q->arg, fail, node);
	else
		q->names_cb(q->arg, fail, names ? (const void *)names->data : NULL,
			    names ? names->len / sizeof(struct gc_epmd_name) : 0);
}

static void fail(struct gc_epmd_query *q, int err, const char *detail)
{
	struct gc_fail f = {0};

	gc_fail_set(&f, err, GC_STAGE_EPMD, "%s", detail);
	answer(q, &f, NULL, NULL);
}

static void add_name(void *arg, const char *alive, uint16_t port)
{
	struct gc_epmd_name name = {.port = port};

	memcpy(name.alive, alive, strlen(alive) + 1);
	gc_buf_put(arg, &name, sizeof(name));
}

static void names_done(struct gc_epmd_query *q)
{
	static const struct gc_fail none = {0};
	struct gc_buf names = {0};
	int n = gc_epmd_parse_names(q->in.data, q->in.len, add_name, &names, NULL);

	if (names.failed)
		n = GC_ENOMEM;
	if (n < 0)
		fail(q, n, n == GC_EPROTO ? "the list of names is cut off" : "");
	else
		answer(q, &none, NULL, &names);
	gc_buf_deinit(&names);
}

static void try_port(struct gc_epmd_query *q)
{
	static const struct gc_fail none = {0};
	struct gc_epmd_node node;
	int n = gc_epmd_parse_port2(q->in.data, q->in.len, q->alive, &node);

	if (n > 0)
		answer(q, &none, &node, NULL);
	else if (n < 0)
		fail(q, n, n == GC_EPROTO ? "this is not an answer of EPMD" : q->alive);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct gc_epmd_query *q = h->data;
	size_t len = q->names_cb ? NAMES_CHUNK : LOOKUP_CHUNK;
	uint8_t *room = gc_buf_reserve(&q->in, len);

	(void)suggested;
	*buf = uv_buf_init((char *)room, room ? (unsigned)len : 0);
}

static void on_end(struct gc_epmd_query *q, int err)
{
	if (err != UV_EOF)
		fail(q, gc_err_from_uv(err), uv_strerror(err));
	else if (q->in.len == 0)
		fail(q, GC_EOF, "EPMD closed the connection without an answer");
	else if (q->names_cb)
		names_done(q);
	else
		fail(q, GC_EPROTO, "EPMD closed the connection within its answer");
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct gc_epmd_query *q = s->data;

	if (buf->base)
		q->in.len -= buf->len - (size_t)(n > 0 ? n : 0);
	if (n == UV_ENOBUFS)
		fail(q, GC_ENOMEM, "");
	else if (n < 0)
		on_end(q, (int)n);
	else if (n > 0 && q->port_cb)
		try_port(q);
	else if (q->in.len > GC_EPMD_NAMES_MAX)
		fail(q, GC_ETOOBIG, "the list of names");
}

/* The request fits any empty socket buffer, so a write that does not take it whole is an error. */
static void send_request(struct gc_epmd_query *q)
{
	struct gc_buf out = {0};

	if (q->names_cb)
		gc_epmd_put_names(&out);
	else
		gc_epmd_put_port2(&out, q->alive);
	uv_buf_t b = uv_buf_init((char *)out.data, (unsigned)out.len);
	int n = out.failed ? UV_ENOMEM : uv_try_write((uv_stream_t *)&q->tcp, &b, 1);

	if (n >= 0)
		n = n == (int)out.len ? uv_read_start((uv_stream_t *)&q->tcp, on_alloc, on_read)
				      : UV_EIO;
	gc_buf_deinit(&out);
	if (n < 0)
		fail(q, gc_err_from_uv(n), uv_strerror(n));
}

static int connect_err(int uv_err)
{
	return uv_err == UV_ECONNREFUSED ? GC_ENOEPMD : gc_err_from_uv(uv_err);
}

static void on_connect(uv_connect_t *c, int status)
{
	struct gc_epmd_query *q = c->data;

	if (q->is_over) /* UV_ECANCELED by the close */
		return;
	if (status < 0) {
		fail(q, connect_err(status), uv_strerror(status));
		return;
	}
	q->is_connected = true;
	send_request(q);
}

static void on_timer(uv_timer_t *t)
{
	struct gc_epmd_query *q = t->data;

	if (q->fail.err)
		answer(q, &q->fail, NULL, NULL);
	else if (!q->is_connected)
		fail(q, GC_ETIMEDOUT, "connecting to EPMD");
	else
		fail(q, GC_ETIMEDOUT, "EPMD took the connection but does not answer");
}

static struct gc_epmd_query *create(uv_loop_t *loop, const char *alive, void *arg)
{
	size_t len = strlen(alive) + 1;
	struct gc_epmd_query *q = calloc(1, sizeof(*q) + len);

	if (!q)
		return NULL;
	memcpy(q->alive, alive, len);
	q->arg = arg;
	uv_tcp_init(loop, &q->tcp); /* makes no socket yet: cannot fail */
	uv_timer_init(loop, &q->timer);
	q->n_open = 2;
	q->tcp.data = q->timer.data = q->connect.data = q;
	return q;
}

static void fail_next_turn(struct gc_epmd_query *q, int err, const char *detail)
{
	gc_fail_set(&q->fail, err, GC_STAGE_EPMD, "%s", detail);
	uv_timer_start(&q->timer, on_timer, 0, 0);
}

static void start(struct gc_epmd_query *q, const struct sockaddr *addr, uint64_t timeout_ms)
{
	int err = uv_tcp_connect(&q->connect, &q->tcp, addr, on_connect);

	if (err < 0)
		fail_next_turn(q, connect_err(err), uv_strerror(err));
	else
		uv_timer_start(&q->timer, on_timer, timeout_ms, 0);
}

struct gc_epmd_query *gc_epmd_lookup(uv_loop_t *loop, const struct sockaddr *addr,
				     const char *alive, uint64_t timeout_ms, gc_epmd_port_cb cb,
				     void *arg)
{
	struct gc_epmd_query *q = create(loop, alive, arg);

	if (!q)
		return NULL;
	q->port_cb = cb;
	if (gc_alive_ok(alive, strlen(alive)))
		start(q, addr, timeout_ms);
	else
		fail_next_turn(q, GC_EBADNAME, alive);
	return q;
}

struct gc_epmd_query *gc_epmd_names(uv_loop_t *loop, const struct sockaddr *addr,
				    uint64_t timeout_ms, gc_epmd_names_cb cb, void *arg)
{
	struct gc_epmd_query *q = create(loop, "", arg);

	if (!q)
		return NULL;
	q->names_cb = cb;
	start(q, addr, timeout_ms);
	return q;
}
