/* One connection of the hostile peer: descriptors that never block, waits that end. */
#include "hostile_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define IN_MAX (64u << 10)
#define STEP_MS 10000 /* for what must go at once */

uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool peer_await(int fd, short events, uint64_t due_ms)
{
	struct pollfd f = {.fd = fd, .events = events};
	for (;;) {
		uint64_t now = now_ms();
		int n = poll(&f, 1, now >= due_ms ? 0 : (int)(due_ms - now));
		if (n > 0)
			return true;
		if (n == 0 && now_ms() >= due_ms)
			return false;
	}
}

static bool is_loopback(const struct hostile *h)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&h->target;
	return h->target.ss_family == AF_INET && ntohl(in->sin_addr.s_addr) >> 24 == 127;
}

static bool bind_from(int fd, uint32_t from)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	int one = 1;
	in.sin_addr.s_addr = htonl(0x7f004200u | (from & 0xff));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	return bind(fd, (struct sockaddr *)&in, sizeof in) == 0;
}

static void start_peer(struct peer *p, int fd)
{
	int one = 1;
	*p = (struct peer){.fd = fd, .in = malloc(IN_MAX)};
	if (p->in == NULL)
		abort();
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

bool peer_open_raw(struct hostile *h, struct peer *p, uint32_t from)
{
	int err = 0,
	    fd = socket(h->target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof err;
	*p = (struct peer){.fd = -1};
	if (fd < 0)
		return false;
	if ((from == 0 || !is_loopback(h) || bind_from(fd, from)) &&
	    (connect(fd, (const struct sockaddr *)&h->target, h->target_len) == 0 ||
	     (errno == EINPROGRESS && peer_await(fd, POLLOUT, now_ms() + STEP_MS) &&
	      getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err == 0))) {
		start_peer(p, fd);
		return true;
	}
	close(fd);
	return false;
}

/* Over TLS, if there is TLS. */
static bool secure(struct hostile *h, struct peer *p, bool is_server)
{
	if (!h->tls.is_on || (tls_start(h, p, is_server) && tls_shake(p, STEP_MS)))
		return true;
	peer_close(p);
	return false;
}

bool peer_open_from(struct hostile *h, struct peer *p, uint32_t from)
{
	return peer_open_raw(h, p, from) && secure(h, p, false);
}

bool peer_open(struct hostile *h, struct peer *p)
{
	return peer_open_from(h, p, 6);
}

void peer_close(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	tls_free(p);
	free(p->in);
	p->fd = -1;
	p->in = NULL;
}

void peer_reset(struct peer *p)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};
	if (p->fd >= 0)
		setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	peer_close(p);
}

ssize_t peer_send_now(struct peer *p, const void *data, size_t len)
{
	return p->tls ? tls_send_now(p, data, len) : send(p->fd, data, len, MSG_NOSIGNAL);
}

ssize_t peer_read_now(struct peer *p, void *out, size_t len)
{
	ssize_t n = p->tls ? tls_read_now(p, out, len) : recv(p->fd, out, len, 0);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		p->has_ended = true;
	return n;
}

bool peer_is_sending(const struct peer *p)
{
	return p->tls != NULL && tls_is_sending(p);
}

size_t peer_send_some(struct peer *p, const void *data, size_t len, uint32_t within_ms)
{
	size_t sent = 0;
	while (sent < len || peer_is_sending(p)) {
		ssize_t n = peer_send_now(p, (const uint8_t *)data + sent, len - sent);
		if (n >= 0)
			sent += (size_t)n;
		else if (errno != EAGAIN && errno != EINTR)
			break;
		else if (!peer_await(p->fd, POLLOUT, now_ms() + within_ms))
			break;
	}
	return sent;
}

bool peer_send(struct peer *p, const void *data, size_t len)
{
	return peer_send_some(p, data, len, STEP_MS) == len;
}

unsigned peer_header(const struct peer *p)
{
	return p->tls ? 4 : 2;
}

bool peer_say(struct peer *p, const void *data, size_t len)
{
	struct frame f = {0};
	if (len == 0)
		return true;
	frame_bytes(&f, "\0", peer_header(p) - 2);
	frame_bytes(&f, data, len);
	bool is_sent = peer_send(p, f.p, f.len);
	frame_free(&f);
	return is_sent;
}

bool peer_is_cut(struct peer *p, uint32_t within_ms)
{
	uint64_t due = now_ms() + within_ms;
	uint8_t waste[4096];
	do {
		ssize_t n;
		while ((n = peer_read_now(p, waste, sizeof waste)) > 0 && now_ms() < due)
			;
		if (p->has_ended)
			return true;
	} while (now_ms() < due && peer_await(p->fd, POLLIN, due));
	return false;
}

/* At least want bytes in p->in. */
static bool fill(struct peer *p, size_t want, uint64_t due_ms)
{
	while (p->in_len < want) {
		ssize_t n = peer_read_now(p, p->in + p->in_len, IN_MAX - p->in_len);
		if (n > 0)
			p->in_len += (size_t)n;
		else if (p->has_ended || !peer_await(p->fd, POLLIN, due_ms))
			return false;
	}
	return true;
}

static void used(struct peer *p, size_t len)
{
	p->in_len -= len;
	memmove(p->in, p->in + len, p->in_len);
}

size_t peer_message(struct peer *p, uint8_t *out, size_t max, uint32_t within_ms)
{
	uint64_t due = now_ms() + within_ms;
	unsigned header = peer_header(p);
	if (!fill(p, header, due))
		return 0;
	size_t len = header == 2 ? wire_get16(p->in) : wire_get32(p->in);
	if (len > max || !fill(p, header + len, due))
		return 0;
	memcpy(out, p->in + header, len);
	used(p, header + len);
	return len;
}

/* Long answers are skipped: nobody here wants to read them. */
static bool skip_rest(struct peer *p, uint64_t due_ms)
{
	while (p->skip > 0) {
		if (p->in_len == 0 && !fill(p, 1, due_ms))
			return false;
		size_t n = p->in_len < p->skip ? p->in_len : (size_t)p->skip;
		used(p, n);
		p->skip -= n;
	}
	return true;
}

const uint8_t *peer_frame(struct peer *p, size_t *len_r, uint32_t within_ms)
{
	static uint8_t frame[IN_MAX];
	uint64_t due = now_ms() + within_ms;
	while (p->fd >= 0 && skip_rest(p, due) && fill(p, 4, due)) {
		size_t len = wire_get32(p->in), here = len < IN_MAX - 4 ? len : IN_MAX - 4;
		if (len == 0) {
			p->ticks++;
			used(p, 4);
			continue;
		}
		if (!fill(p, 4 + here, due))
			return NULL;
		memcpy(frame, p->in + 4, here);
		used(p, 4 + here);
		p->skip = len - here;
		p->frames++;
		*len_r = here;
		return frame;
	}
	return NULL;
}

bool peer_say_name(struct peer *p, const char *name, uint64_t flags, char *status_r)
{
	struct wire_name n = {.flags = flags, .creation = HOSTILE_CREATION};
	uint8_t buf[WIRE_MAX];
	status_r[0] = 0;
	snprintf(n.name, sizeof n.name, "%s", name);
	snprintf(p->name, sizeof p->name, "%s", name);
	if (!peer_say(p, buf, wire_put_name(buf, &n)))
		return false;
	size_t len = peer_message(p, buf, 63, STEP_MS);
	if (len < 1 || buf[0] != 's')
		return false;
	memcpy(status_r, buf + 1, len - 1);
	status_r[len - 1] = 0;
	return true;
}

bool peer_finish(struct hostile *h, struct peer *p)
{
	struct wire_name theirs;
	uint8_t buf[WIRE_MAX], digest[16];
	uint32_t challenge = wire_random32();
	size_t len = peer_message(p, buf, sizeof buf, STEP_MS);
	if (!wire_get_challenge(buf, len, &theirs))
		return false;
	wire_digest(h->cookie, theirs.challenge, digest);
	if (!peer_say(p, buf, wire_put_reply(buf, challenge, digest)))
		return false;
	len = peer_message(p, buf, sizeof buf, STEP_MS);
	return wire_check_ack(buf, len, h->cookie, challenge);
}

bool peer_enter(struct hostile *h, struct peer *p, const char *name)
{
	char status[64];
	bool is_in = peer_say_name(p, name, WIRE_FLAGS_HIDDEN, status);
	if (is_in && strcmp(status, "alive") == 0) {
		uint8_t buf[WIRE_MAX];
		is_in = peer_say(p, buf, wire_put_status(buf, "true"));
	} else if (is_in && strncmp(status, "ok", 2) != 0) {
		is_in = false;
	}
	if (is_in && peer_finish(h, p))
		return true;
	peer_close(p);
	return false;
}

bool peer_join(struct hostile *h, struct peer *p, const char *name)
{
	return peer_open(h, p) && peer_enter(h, p, name);
}

bool peer_ping(struct peer *p, uint32_t within_ms)
{
	static uint32_t ref;
	struct frame f = {0};
	uint64_t due = now_ms() + within_ms;
	uint8_t mark[8];
	frame_ping(&f, p->name, ++ref);
	wire_put32(mark, HOSTILE_CREATION);
	wire_put32(mark + 4, ref);
	bool is_sent = frame_send(&f, p);
	frame_free(&f);
	while (is_sent && now_ms() < due) {
		size_t len;
		const uint8_t *q = peer_frame(p, &len, (uint32_t)(due - now_ms()));
		if (q == NULL)
			return false;
		if (memmem(q, len, mark, sizeof mark) != NULL && memmem(q, len, "yes", 3) != NULL)
			return true;
	}
	return false;
}

/* A node that has just cut a link may need a moment before it takes the name again. */
static bool join_again(struct hostile *h, struct peer *p, const char *name)
{
	uint64_t due = now_ms() + h->probe_ms;
	while (!peer_join(h, p, name)) {
		if (now_ms() >= due)
			return false;
		poll(NULL, 0, 10);
	}
	return true;
}

enum fate peer_fate(struct hostile *h, struct peer *p)
{
	char name[sizeof p->name];
	snprintf(name, sizeof name, "%s", p->name);
	if (peer_ping(p, STEP_MS))
		return FATE_KEPT;
	/* The end comes behind answers that were not read yet. */
	bool is_cut = p->fd < 0 || peer_is_cut(p, 1000);
	peer_close(p);
	return is_cut && join_again(h, p, name) ? FATE_CUT : FATE_MUTE;
}

/* ---- the target dials us ---- */

static bool listen_and_register(struct hostile *h)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof in;
	char alive[64];
	uint8_t buf[WIRE_MAX];
	if (h->listen_fd >= 0)
		return true;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	h->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	h->epmd_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(h->listen_fd, (struct sockaddr *)&in, len) != 0 || listen(h->listen_fd, 64) != 0 ||
	    getsockname(h->listen_fd, (struct sockaddr *)&in, &len) != 0)
		return false;
	uint16_t port = ntohs(in.sin_port);
	in.sin_port = htons(h->epmd_port);
	snprintf(alive, sizeof alive, "%.*s", (int)strcspn(h->as, "@"), h->as);
	size_t n = wire_put_alive2_req(buf, alive, port);
	return connect(h->epmd_fd, (struct sockaddr *)&in, len) == 0 &&
	       send(h->epmd_fd, buf, n, MSG_NOSIGNAL) == (ssize_t)n &&
	       peer_await(h->epmd_fd, POLLIN, now_ms() + STEP_MS) &&
	       recv(h->epmd_fd, buf, sizeof buf, 0) >= 4 && buf[1] == 0;
}

bool peer_accept(struct hostile *h, struct peer *p, struct wire_name *theirs_r)
{
	uint8_t buf[WIRE_MAX];
	*p = (struct peer){.fd = -1};
	if (!listen_and_register(h) || !peer_await(h->listen_fd, POLLIN, now_ms() + h->dial_ms))
		return hostile_note(h, "the target does not dial %s", h->as);
	int fd = accept4(h->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return hostile_note(h, "accept: %s", strerror(errno));
	start_peer(p, fd);
	if (!secure(h, p, true))
		return hostile_note(h, "the target dialled, and TLS came to nothing");
	snprintf(p->name, sizeof p->name, "%s", h->as);
	size_t len = peer_message(p, buf, sizeof buf, STEP_MS);
	if (wire_get_name(buf, len, theirs_r))
		return true;
	peer_close(p);
	return hostile_note(h, "the target dialled and did not say its name");
}
