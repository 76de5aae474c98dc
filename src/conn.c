/* A connection as the node sees it: a socket with a queue. Bytes in go to whoever owns it at the time, or
 * to frame.c once it is up; bytes out are gathered and leave together at the end of each turn of the loop. With TLS,
 * all of them pass through tls_conn.c, and everybody else sees plain bytes only.
 * Owner: the struct frees itself when its handle has closed. Loop thread. */
#include "node_priv.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is deciphered at once, so that a slice takes about a tenth of a millisecond whatever is in it. */
#define SLICE_MAX 2048u
#define SLICE_MIN 128u
#define SLICE_NS UINT64_C(100000)

struct gc_write {
	uv_write_t req;
	struct gc_link *link;
	struct gc_buf buf;
};

/* ---- out ---- */

static void mark_dirty(struct gc_link *l)
{
	if (l->is_dirty || l->state == GC_LINK_CLOSING)
		return;
	l->is_dirty = true;
	l->next_dirty = l->n->dirty;
	l->n->dirty = l;
}

static void ended(struct gc_link *l, int uv_err)
{
	if (l->state == GC_LINK_UP)
		gc_link_ended(l, uv_err);
	else if (l->state == GC_LINK_YOUNG)
		l->ops->on_end(l, uv_err);
}

static void on_written(uv_write_t *req, int status)
{
	struct gc_write *w = (struct gc_write *)(void *)req;
	struct gc_link *l = w->link;

	l->writing = NULL;
	gc_buf_deinit(&w->buf);
	free(w);
	if (l->state == GC_LINK_CLOSING)
		return;
	if (status < 0)
		ended(l, status);
	else if (gc_conn_queued(l) > 0)
		mark_dirty(l);
	else if (l->is_drained && l->state == GC_LINK_UP)
		gc_link_close(l, GC_ESHUTDOWN, "");
}

/* Hands all of b over to libuv, which tells when it has gone. */
static int queue(struct gc_link *l, struct gc_buf *b)
{
	struct gc_write *w = malloc(sizeof(*w));
	uv_buf_t buf;
	int err;

	if (!w)
		return UV_ENOMEM;
	w->link = l;
	w->buf = *b;
	buf = uv_buf_init((char *)w->buf.data, (unsigned)w->buf.len);
	err = uv_write(&w->req, (uv_stream_t *)&l->tcp, &buf, 1, on_written);
	if (err) {
		free(w);
		return err;
	}
	l->writing = w;
	*b = (struct gc_buf){0};
	return 0;
}

/* 0 or a libuv error. */
static int send_bytes(struct gc_link *l, struct gc_buf *b)
{
	uv_buf_t buf = uv_buf_init((char *)b->data, (unsigned)b->len);
	int n;

	if (b->len == 0)
		return 0;
	n = uv_try_write((uv_stream_t *)&l->tcp, &buf, 1);
	if (n < 0 && n != UV_EAGAIN)
		return n;
	if (n > 0 && (size_t)n == b->len) {
		gc_buf_deinit(b);
		return 0;
	}
	if (n > 0)
		gc_buf_consume(b, (size_t)n);
	return queue(l, b);
}

/* 0 or a libuv error. */
static int flush(struct gc_link *l)
{
	int err, sent;

	if (l->writing)
		return 0;
	if (!l->tls)
		return send_bytes(l, &l->out);
	err = gc_tls_conn_write(l->tls, &l->out);
	sent = send_bytes(l, gc_tls_conn_wire(l->tls)); /* an alert leaves in any case */
	return err ? err : sent;
}

static void unmark(struct gc_link *l)
{
	struct gc_link **p = &l->n->dirty;

	if (!l->is_dirty)
		return;
	while (*p != l)
		p = &(*p)->next_dirty;
	*p = l->next_dirty;
	l->is_dirty = false;
}

void gc_conn_flush_all(struct gc_node *n)
{
	struct gc_link *l;

	while ((l = n->dirty)) {
		int err;

		n->dirty = l->next_dirty;
		l->is_dirty = false;
		if (l->state == GC_LINK_CLOSING)
			continue;
		err = l->out.failed ? UV_ENOMEM : flush(l);
		if (err)
			ended(l, err);
	}
}

static void note_out(struct gc_link *l, size_t len)
{
	l->bytes_out += len;
	l->n->stats.bytes_out += len;
	l->last_out_ms = uv_now(l->tcp.loop);
}

void gc_conn_wrote(struct gc_link *l, size_t len)
{
	note_out(l, len);
	mark_dirty(l);
}

void gc_conn_write(struct gc_link *l, const void *bytes, size_t len)
{
	gc_buf_put(&l->out, bytes, len);
	gc_conn_wrote(l, len);
}

void gc_conn_write_now(struct gc_link *l, const void *bytes, size_t len)
{
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)len);
	bool may = !l->tls && l->state != GC_LINK_CLOSING && gc_conn_queued(l) == 0;
	int n = may ? uv_try_write((uv_stream_t *)&l->tcp, &buf, 1) : 0;
	size_t gone = n > 0 ? (size_t)n : 0;

	note_out(l, gone);
	if (gone < len)
		gc_conn_write(l, (const uint8_t *)bytes + gone, len - gone);
}

size_t gc_conn_queued(const struct gc_link *l)
{
	return l->out.len + (l->writing ? l->writing->buf.len : 0) +
	       (l->tls ? gc_tls_conn_wire(l->tls)->len : 0);
}

/* ---- in ---- */

/* All connections read into one buffer: what is read is used up before the next read. */
static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct gc_link *l = h->data;

	(void)suggested;
	*buf = uv_buf_init((char *)l->n->read_buf, GC_READ_BUF);
}

static void deliver(struct gc_link *l, const uint8_t *p, size_t len)
{
	if (l->state == GC_LINK_UP)
		gc_link_input(l, p, len);
	else if (l->state == GC_LINK_YOUNG)
		l->ops->on_bytes(l, p, len);
}

static void hold(struct gc_link *l, const uint8_t *p, size_t len)
{
	gc_buf_put(&l->held, p, len);
	if (l->held.failed)
		ended(l, UV_ENOMEM);
}

static void tell_secure(struct gc_link *l)
{
	if (l->is_secure || !gc_tls_conn_is_up(l->tls))
		return;
	l->is_secure = true;
	if (l->state == GC_LINK_YOUNG && l->ops->on_secure)
		l->ops->on_secure(l);
}

/* TLS answers some records by itself (new keys, refusals): who does not read those answers is as any who does not read. */
static void limit_answers(struct gc_link *l)
{
	if (l->state == GC_LINK_UP && gc_conn_queued(l) > l->n->c.max_queue)
		gc_link_close(l, GC_EOVERLOAD, "its queue is full");
}

/* All of it is used up, unless the connection closes. A link that has had its share of the loop keeps plain bytes. */
static void decipher_slice(struct gc_link *l, const uint8_t *p, size_t len)
{
	int n;

	gc_tls_conn_feed(l->tls, p, len);
	do {
		n = gc_tls_conn_read(l->tls, l->n->plain_buf, GC_PLAIN_BUF);
		if (gc_tls_conn_wire(l->tls)->len > 0)
			mark_dirty(l);
		tell_secure(l);
		if (n > 0)
			deliver(l, l->n->plain_buf, (size_t)n);
		else if (n < 0)
			ended(l, n);
	} while (n > 0 && l->state != GC_LINK_CLOSING);
	limit_answers(l);
}

static uint16_t next_slice(size_t slice, uint64_t took_ns)
{
	if (took_ns > 2 * SLICE_NS)
		return (uint16_t)(slice / 4 > SLICE_MIN ? slice / 4 : SLICE_MIN);
	if (took_ns < SLICE_NS && slice < SLICE_MAX)
		return (uint16_t)(slice * 2);
	return (uint16_t)slice;
}

/* A slice at a time, since records may be as small as their sender likes, and each has its cost. What is left once the share
 * is used up waits as it came. */
static void decipher(struct gc_link *l, const uint8_t *p, size_t len)
{
	gc_share_begin(l);
	while (len > 0 && l->state != GC_LINK_CLOSING && !gc_share_is_over(l)) {
		size_t slice = l->tls_slice && l->state == GC_LINK_UP ? l->tls_slice : SLICE_MAX;
		size_t n = len < slice ? len : slice;
		uint64_t since_ns = uv_hrtime(), took_ns;
		bool is_young = l->state == GC_LINK_YOUNG;

		decipher_slice(l, p, n);
		took_ns = uv_hrtime() - since_ns;
		if (is_young)
			gc_share_shook(l->n, took_ns);
		else if (n == slice || took_ns > SLICE_NS)
			l->tls_slice = next_slice(slice, took_ns);
		p += n;
		len -= n;
	}
	if (len > 0 && l->state != GC_LINK_CLOSING)
		hold(l, p, len);
}

static void take(struct gc_link *l, const uint8_t *p, size_t len)
{
	l->bytes_in += len;
	l->n->stats.bytes_in += len;
	if (!l->tls) {
		deliver(l, p, len);
	} else if (l->state == GC_LINK_YOUNG && !gc_share_may_shake(l->n)) {
		gc_share_put_aside(l);
		hold(l, p, len);
	} else {
		decipher(l, p, len);
	}
}

static void on_read(uv_stream_t *s, ssize_t nread, const uv_buf_t *buf)
{
	struct gc_link *l = s->data;

	if (nread < 0) {
		if (l->tls)
			gc_tls_conn_ended(l->tls, (int)nread);
		if (l->state == GC_LINK_UP)
			gc_share_end(l, (int)nread);
		else
			ended(l, (int)nread);
	} else if (nread > 0) {
		take(l, (const uint8_t *)buf->base, (size_t)nread);
	}
}

void gc_conn_look(struct gc_link *l)
{
	uv_os_fd_t fd;
	ssize_t n;

	if (l->is_paused || l->is_drained || uv_fileno((uv_handle_t *)&l->tcp, &fd) != 0)
		return;
	n = recv(fd, l->n->read_buf, GC_READ_BUF, MSG_DONTWAIT);
	if (n > 0)
		take(l, l->n->read_buf, (size_t)n);
}

void gc_conn_set_patient(struct gc_link *l, bool is_patient)
{
	int mark = is_patient ? GC_LEAST_FRAME : 1;
	uv_os_fd_t fd;

	if (l->tls || l->is_patient == is_patient || uv_fileno((uv_handle_t *)&l->tcp, &fd) != 0)
		return;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark)) == 0)
		l->is_patient = is_patient;
}

void gc_conn_pause(struct gc_link *l)
{
	(void)uv_read_stop((uv_stream_t *)&l->tcp);
}

void gc_conn_read(struct gc_link *l, bool on)
{
	l->is_reading = on;
	if (!on)
		gc_conn_pause(l);
	else if (l->held.len > 0 && !l->is_paused)
		gc_share_put_aside(l);
	else if (!l->is_paused)
		(void)uv_read_start((uv_stream_t *)&l->tcp, on_alloc, on_read);
}

void gc_conn_go_on(struct gc_link *l)
{
	struct gc_buf held = l->held;

	if (!l->is_reading || l->state == GC_LINK_CLOSING)
		return;
	l->held = (struct gc_buf){0};
	if (held.len > 0)
		decipher(l, held.data, held.len);
	gc_buf_deinit(&held);
	if (!l->is_paused && l->is_reading && l->state != GC_LINK_CLOSING)
		gc_conn_read(l, true);
}

/* ---- life ---- */

struct gc_link *gc_conn_create(struct gc_node *n, const struct gc_conn_ops *ops, void *owner)
{
	struct gc_link *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	if (uv_tcp_init(n->c.loop, &l->tcp) != 0) {
		free(l);
		return NULL;
	}
	l->tcp.data = l;
	l->n = n;
	l->ops = ops;
	l->owner = owner;
	n->n_conns++;
	return l;
}

static void on_connect(uv_connect_t *req, int status)
{
	struct gc_link *l = req->data;

	free(req);
	if (l->state != GC_LINK_YOUNG)
		return;
	(void)uv_tcp_nodelay(&l->tcp, 1);
	l->ops->on_connect(l, status);
}

int gc_conn_connect(struct gc_link *l, const union gc_addr *addr)
{
	uv_connect_t *req = malloc(sizeof(*req));
	int err;

	if (!req)
		return GC_ENOMEM;
	req->data = l;
	err = uv_tcp_connect(req, &l->tcp, &addr->sa, on_connect);
	if (err)
		free(req);
	return gc_err_from_uv(err);
}

int gc_conn_accept(struct gc_link *l, int fd)
{
	int err = uv_tcp_open(&l->tcp, fd);

	if (err)
		(void)close(fd);
	else
		(void)uv_tcp_nodelay(&l->tcp, 1);
	return gc_err_from_uv(err);
}

int gc_conn_secure(struct gc_link *l, const char *node)
{
	gc_tls_look(l->n->tls, uv_now(l->tcp.loop));
	l->tls = gc_tls_conn_create(l->n->tls, node);
	if (!l->tls)
		return GC_ENOMEM;
	if (node)
		gc_tls_conn_begin(l->tls);
	mark_dirty(l);
	return gc_tls_conn_fail(l->tls)->err;
}

const struct gc_fail *gc_conn_fail(const struct gc_link *l)
{
	const struct gc_fail *fail = l->tls ? gc_tls_conn_fail(l->tls) : NULL;

	return fail && fail->err ? fail : NULL;
}

void gc_conn_timed_out(struct gc_link *l)
{
	if (l->tls)
		gc_tls_conn_ended(l->tls, UV_ETIMEDOUT);
}

bool gc_conn_peer(const struct gc_link *l, union gc_addr *addr_r)
{
	union gc_addr addr = {0};
	int len = sizeof(addr);

	if (uv_tcp_getpeername(&l->tcp, &addr.sa, &len) != 0)
		return false;
	*addr_r = addr;
	if (addr.sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&addr.in6.sin6_addr)) {
		*addr_r = (union gc_addr){.in = {.sin_family = AF_INET, .sin_port = addr.in6.sin6_port}};
		memcpy(&addr_r->in.sin_addr, &addr.in6.sin6_addr.s6_addr[12], 4);
	}
	return true;
}

static void on_closed(uv_handle_t *h)
{
	struct gc_link *l = h->data;
	struct gc_node *n = l->n;

	gc_link_tell_down(l);
	GC_REQUIRE(!l->writing);
	gc_buf_deinit(&l->in);
	gc_buf_deinit(&l->out);
	free(l->why);
	free(l->name);
	free(l);
	gc_node_conn_gone(n);
}

/* A refusal, an alert, the end of TLS; what does not leave now is lost. */
static void last_words(struct gc_link *l)
{
	if (l->tls && gc_tls_conn_write(l->tls, &l->out) == 0)
		gc_tls_conn_bye(l->tls);
	(void)flush(l);
}

void gc_conn_close(struct gc_link *l)
{
	if (l->state == GC_LINK_CLOSING)
		return;
	if (uv_is_writable((uv_stream_t *)&l->tcp))
		last_words(l);
	l->state = GC_LINK_CLOSING;
	gc_share_forget(l);
	unmark(l);
	gc_buf_deinit(&l->held);
	gc_tls_conn_destroy(l->tls); /* now: many may close in one turn, and each holds some ten thousand bytes */
	l->tls = NULL;
	uv_close((uv_handle_t *)&l->tcp, on_closed);
}
