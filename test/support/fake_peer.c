/* A scripted peer on the test's loop; see fake_peer.h. */
#include "fake_peer.h"

#include "loop_until.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 5000

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct fake_peer *p = h->data;

	(void)suggested;
	*buf = uv_buf_init((char *)p->in + p->len, (unsigned)(sizeof(p->in) - p->len));
}

static void on_read(uv_stream_t *s, ssize_t nread, const uv_buf_t *buf)
{
	struct fake_peer *p = s->data;

	(void)buf;
	if (nread > 0)
		p->len += (size_t)nread;
	if (nread >= 0)
		return;
	p->has_ended = true;
	p->end_err = (int)nread;
	uv_read_stop(s);
}

static void start(struct fake_peer *p)
{
	p->is_connected = true;
	p->has_ended = false;
	p->len = 0;
	uv_read_start((uv_stream_t *)&p->tcp, on_alloc, on_read);
}

static void on_closed(uv_handle_t *h)
{
	*(bool *)h->data = true;
}

static bool is_true(void *arg)
{
	return *(bool *)arg;
}

static void close_tcp(struct fake_peer *p, bool reset)
{
	bool closed = false;

	if (!p->has_tcp)
		return;
	p->has_tcp = p->is_connected = false;
	p->tcp.data = &closed;
	if (reset)
		uv_tcp_close_reset(&p->tcp, on_closed);
	else
		uv_close((uv_handle_t *)&p->tcp, on_closed);
	loop_until(p->loop, is_true, &closed, WAIT_MS);
}

static void on_connection(uv_stream_t *s, int status)
{
	struct fake_peer *p = s->data;

	if (status != 0)
		return;
	close_tcp(p, false);
	p->n_accepted++;
	uv_tcp_init(p->loop, &p->tcp);
	p->tcp.data = p;
	p->has_tcp = true;
	if (uv_accept(s, (uv_stream_t *)&p->tcp) == 0)
		start(p);
}

bool fake_peer_listen(struct fake_peer *p, uv_loop_t *loop)
{
	struct sockaddr_in a;
	int len = sizeof(a);

	*p = (struct fake_peer){.loop = loop, .has_listener = true};
	uv_ip4_addr("127.0.0.1", 0, &a);
	uv_tcp_init(loop, &p->listener);
	p->listener.data = p;
	if (uv_tcp_bind(&p->listener, (struct sockaddr *)&a, 0) != 0 ||
	    uv_listen((uv_stream_t *)&p->listener, 16, on_connection) != 0 ||
	    uv_tcp_getsockname(&p->listener, (struct sockaddr *)&a, &len) != 0)
		return false;
	p->port = ntohs(a.sin_port);
	return true;
}

static void on_connect(uv_connect_t *req, int status)
{
	struct fake_peer *p = req->data;

	if (status == 0)
		start(p);
	else
		p->has_ended = true;
}

static bool is_settled(void *arg)
{
	struct fake_peer *p = arg;

	return p->is_connected || p->has_ended;
}

bool fake_peer_connect(struct fake_peer *p, uv_loop_t *loop, uint16_t port)
{
	struct sockaddr_in a;
	uv_connect_t req = {.data = p};

	*p = (struct fake_peer){.loop = loop, .has_tcp = true};
	uv_ip4_addr("127.0.0.1", port, &a);
	uv_tcp_init(loop, &p->tcp);
	p->tcp.data = p;
	if (uv_tcp_connect(&req, &p->tcp, (struct sockaddr *)&a, on_connect) != 0)
		return false;
	loop_until(loop, is_settled, p, WAIT_MS);
	return p->is_connected;
}

struct sending {
	uv_write_t req;
	char bytes[];
};

static void on_sent(uv_write_t *req, int status)
{
	(void)status;
	free(req);
}

void fake_peer_send(struct fake_peer *p, const void *bytes, size_t len)
{
	struct sending *s = malloc(sizeof(*s) + len);
	uv_buf_t buf = uv_buf_init(s->bytes, (unsigned)len);

	if (!p->has_tcp) {
		free(s);
		return;
	}
	memcpy(s->bytes, bytes, len);
	if (uv_write(&s->req, (uv_stream_t *)&p->tcp, &buf, 1, on_sent) != 0)
		free(s);
}

void fake_peer_reset(struct fake_peer *p)
{
	close_tcp(p, true);
}

void fake_peer_hang_up(struct fake_peer *p)
{
	close_tcp(p, false);
}

void fake_peer_pause(struct fake_peer *p)
{
	uv_read_stop((uv_stream_t *)&p->tcp);
}

void fake_peer_close(struct fake_peer *p)
{
	bool closed = false;

	close_tcp(p, false);
	if (!p->has_listener)
		return;
	p->has_listener = false;
	p->listener.data = &closed;
	uv_close((uv_handle_t *)&p->listener, on_closed);
	loop_until(p->loop, is_true, &closed, WAIT_MS);
}

/* ---- waiting ---- */

bool fake_peer_wait_connected(struct fake_peer *p)
{
	return loop_until(p->loop, is_true, &p->is_connected, WAIT_MS);
}

bool fake_peer_wait_end(struct fake_peer *p)
{
	return loop_until(p->loop, is_true, &p->has_ended, WAIT_MS);
}

static size_t whole_packet(const struct fake_peer *p)
{
	size_t n = p->len < 2 ? 0 : 2u + wire_get16(p->in);

	return n <= p->len ? n : 0;
}

static size_t whole_frame(const struct fake_peer *p)
{
	size_t n = p->len < 4 ? 0 : 4u + wire_get32(p->in);

	return n <= p->len ? n : 0;
}

static bool has_packet(void *arg)
{
	return whole_packet(arg) > 0 || ((struct fake_peer *)arg)->has_ended;
}

static bool has_frame(void *arg)
{
	return whole_frame(arg) > 0 || ((struct fake_peer *)arg)->has_ended;
}

static int take(struct fake_peer *p, size_t n, size_t header)
{
	if (n == 0) {
		fprintf(stderr, "%zu bytes came%s\n", p->len, p->has_ended ? ", then the end" : "");
		return -1;
	}
	memcpy(p->packet, p->in + header, n - header);
	p->len -= n;
	memmove(p->in, p->in + n, p->len);
	return (int)(n - header);
}

int fake_peer_packet(struct fake_peer *p)
{
	loop_until(p->loop, has_packet, p, WAIT_MS);
	return take(p, whole_packet(p), 2);
}

int fake_peer_frame(struct fake_peer *p)
{
	loop_until(p->loop, has_frame, p, WAIT_MS);
	return take(p, whole_frame(p), 4);
}

/* ---- whole handshakes ---- */

static struct wire_name my_name(const char *name, uint64_t flags)
{
	struct wire_name n = {.flags = flags, .creation = 4711, .challenge = wire_random32()};

	(void)snprintf(n.name, sizeof(n.name), "%s", name);
	return n;
}

bool fake_peer_dial(struct fake_peer *p, const char *name, uint64_t flags, const char *cookie)
{
	struct wire_name mine = my_name(name, flags);
	uint8_t out[WIRE_MAX], digest[16];
	int n;

	fake_peer_send(p, out, wire_put_name(out, &mine));
	n = fake_peer_packet(p);
	if (n > 0 && wire_is_status(p->packet, (size_t)n, "alive")) {
		fake_peer_send(p, out, wire_put_status(out, "true"));
	} else if (n < 0 || !(wire_is_status(p->packet, (size_t)n, "ok") ||
			      wire_is_status(p->packet, (size_t)n, "ok_simultaneous"))) {
		return false;
	}
	n = fake_peer_packet(p);
	if (n < 0 || !wire_get_challenge(p->packet, (size_t)n, &p->theirs))
		return false;
	wire_digest(cookie, p->theirs.challenge, digest);
	fake_peer_send(p, out, wire_put_reply(out, mine.challenge, digest));
	n = fake_peer_packet(p);
	return n > 0 && wire_check_ack(p->packet, (size_t)n, cookie, mine.challenge);
}

bool fake_peer_go_on(struct fake_peer *p, const char *name, uint64_t flags, const char *cookie,
		     const char *status)
{
	struct wire_name mine = my_name(name, flags);
	uint8_t out[WIRE_MAX], digest[16];
	uint32_t challenge;
	int n;

	fake_peer_send(p, out, wire_put_status(out, status));
	if (strcmp(status, "alive") == 0) {
		n = fake_peer_packet(p);
		if (n < 0 || !wire_is_status(p->packet, (size_t)n, "true"))
			return false;
	}
	fake_peer_send(p, out, wire_put_challenge(out, &mine));
	n = fake_peer_packet(p);
	if (n < 0 || !wire_check_reply(p->packet, (size_t)n, cookie, mine.challenge, &challenge))
		return false;
	wire_digest(cookie, challenge, digest);
	fake_peer_send(p, out, wire_put_ack(out, digest));
	return true;
}

bool fake_peer_answer(struct fake_peer *p, const char *name, uint64_t flags, const char *cookie,
		      const char *status)
{
	int n = fake_peer_packet(p);

	return n > 0 && wire_get_name(p->packet, (size_t)n, &p->theirs) &&
	       fake_peer_go_on(p, name, flags, cookie, status);
}

void fake_peer_send_frame(struct fake_peer *p, const void *bytes, size_t len)
{
	uint8_t header[4];

	wire_put32(header, (uint32_t)len);
	fake_peer_send(p, header, sizeof(header));
	fake_peer_send(p, bytes, len);
}
