/* The port front end; see port.h. */
#include "port.h"

#include "err.h"
#include "port_proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_MAX (4u << 20)
#define QUEUE_LOG (QUEUE_MAX / 2) /* of it for log lines, so that an answer finds room */
#define READ_SIZE 16384

struct gc_port {
	struct gc_port_config config;
	uv_pipe_t in, out;
	uv_timer_t flush;
	struct gc_buf pending; /* bytes of a packet that is not whole yet */
	char read_buf[READ_SIZE];
	unsigned open_handles;
	uint64_t dropped;
	bool is_ended, is_closing;
	void (*closed)(void *arg);
	void *closed_arg;
};

/* ---- reading ---- */

static void end(struct gc_port *p, const char *why)
{
	if (p->is_ended)
		return;
	p->is_ended = true;
	(void)uv_read_stop((uv_stream_t *)&p->in);
	p->config.on_end(p->config.arg, why);
}

static bool on_term(void *arg, struct gc_span term)
{
	struct gc_port *p = arg;

	p->config.on_packet(p->config.arg, term);
	return !p->is_ended && !p->is_closing;
}

static const char *broken(int err)
{
	if (err == GC_ENOMEM)
		return "out of memory";
	return err == GC_ETOOBIG ? "a packet on stdin is larger than the limit"
				 : "a packet on stdin is not one external term";
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct gc_port *p = handle->data;

	(void)suggested;
	*buf = uv_buf_init(p->read_buf, sizeof(p->read_buf));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct gc_port *p = stream->data;

	if (n == 0)
		return;
	if (n < 0) {
		end(p, n == UV_EOF ? "stdin was closed" : uv_strerror((int)n));
		return;
	}
	int err = gc_port_take(&p->pending, buf->base, (size_t)n, on_term, p);

	explicit_bzero(buf->base, (size_t)n); /* the cookie comes this way */
	if (err)
		end(p, broken(err));
}

/* What epoll does not know (a file, /dev/null) would end the program within libuv. */
static int open_pipe(uv_pipe_t *pipe, int fd)
{
	uv_handle_type type = uv_guess_handle(fd);

	return type == UV_FILE || type == UV_UNKNOWN_HANDLE ? UV_EINVAL : uv_pipe_open(pipe, fd);
}

int gc_port_open(const struct gc_port_config *c, struct gc_port **port_r)
{
	struct gc_port *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return GC_ENOMEM;
	p->config = *c;
	p->pending.is_secret = true;
	p->in.data = p->out.data = p->flush.data = p;
	uv_pipe_init(c->loop, &p->in, 0);
	uv_pipe_init(c->loop, &p->out, 0);
	uv_timer_init(c->loop, &p->flush);
	p->open_handles = 3;
	*port_r = p;
	if ((err = open_pipe(&p->in, c->in_fd)) != 0 ||
	    (err = open_pipe(&p->out, c->out_fd)) != 0 ||
	    (err = uv_read_start((uv_stream_t *)&p->in, on_alloc, on_read)) != 0)
		return gc_err_from_uv(err);
	return 0;
}

/* ---- writing ---- */

struct write {
	uv_write_t req;
	struct gc_buf bytes;
};

static void on_flushed(uv_timer_t *timer);
static void tell_dropped(struct gc_port *p);

static void on_written(uv_write_t *req, int status)
{
	struct write *w = req->data;
	struct gc_port *p = req->handle->data;

	gc_buf_deinit(&w->bytes);
	free(w);
	if (status < 0 && status != UV_ECANCELED)
		end(p, "stdout was closed");
	else if (p->dropped && !p->is_closing && p->out.write_queue_size < QUEUE_LOG / 2)
		tell_dropped(p);
	if (p->is_closing && p->out.write_queue_size == 0 &&
	    !uv_is_closing((uv_handle_t *)&p->out))
		uv_timer_start(&p->flush, on_flushed, 0, 0);
}

static int write_term(struct gc_port *p, const struct gc_buf *term)
{
	struct write *w = calloc(1, sizeof(*w));
	uv_buf_t buf;

	if (!w)
		return GC_ENOMEM;
	gc_port_put(&w->bytes, term);
	w->req.data = w;
	buf = uv_buf_init((char *)w->bytes.data, (unsigned)w->bytes.len);
	if (w->bytes.failed || term->failed ||
	    uv_write(&w->req, (uv_stream_t *)&p->out, &buf, 1, on_written) != 0) {
		gc_buf_deinit(&w->bytes);
		free(w);
		return GC_ENOMEM;
	}
	return 0;
}

/* Once there is room again, the owner learns how much of the log it did not see. */
static void tell_dropped(struct gc_port *p)
{
	struct gc_buf b = {0};
	char line[80];

	(void)snprintf(line, sizeof(line), "%llu log lines were dropped, the owner did not read",
		       (unsigned long long)p->dropped);
	gc_etf_put_tuple(&b, 4);
	gc_etf_put_atom(&b, "log");
	gc_etf_put_atom(&b, "warning");
	gc_etf_put_text(&b, "port");
	gc_etf_put_text(&b, line);
	if (write_term(p, &b) == 0)
		p->dropped = 0;
	gc_buf_deinit(&b);
}

int gc_port_send(struct gc_port *p, const struct gc_buf *term, bool droppable)
{
	if (p->is_closing || uv_is_closing((uv_handle_t *)&p->out))
		return GC_ESHUTDOWN;
	if (p->out.write_queue_size + term->len > (droppable ? QUEUE_LOG : QUEUE_MAX)) {
		if (droppable)
			p->dropped++;
		else
			end(p, "the owner does not read");
		return GC_EOVERLOAD;
	}
	return write_term(p, term);
}

/* ---- closing ---- */

static void on_handle_closed(uv_handle_t *handle)
{
	struct gc_port *p = handle->data;
	void (*closed)(void *) = p->closed;
	void *arg = p->closed_arg;

	if (--p->open_handles > 0)
		return;
	gc_buf_deinit(&p->pending);
	free(p);
	closed(arg);
}

static void on_flushed(uv_timer_t *timer)
{
	struct gc_port *p = timer->data;

	if (uv_is_closing((uv_handle_t *)timer))
		return;
	uv_close((uv_handle_t *)&p->in, on_handle_closed);
	uv_close((uv_handle_t *)&p->out, on_handle_closed);
	uv_close((uv_handle_t *)&p->flush, on_handle_closed);
}

void gc_port_close(struct gc_port *p, uint64_t flush_ms, void (*closed)(void *arg), void *arg)
{
	p->is_closing = true;
	p->closed = closed;
	p->closed_arg = arg;
	(void)uv_read_stop((uv_stream_t *)&p->in);
	uv_timer_start(&p->flush, on_flushed, p->out.write_queue_size ? flush_ms : 0, 0);
}
