/* floor: the least that joining N nodes can cost. A bare epoll loop that dials all nodes of a swarm
 * (test/support/swarm.c) at once: EPMD lookup, connect, handshake v6 as the dialling side, and
 * nothing else: no names resolved, no deadlines, no retries. Once joined it sends each node a tick
 * every 15 s, as a node with the default net_ticktime does on an idle link.
 *
 *   floor --nodes N --epmd-port P --cookie-file F [--dist-port D] [--want M]
 *     --dist-port D   the ports are known: EPMD is not asked
 *     --want M        M joined nodes are enough (default N): the others are silent
 * Prints one line once M are joined, then holds the links until stdin ends. Exit 1: a dial failed.
 */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 512
#define TICK_MS 15000
#define NAME "floor@127.0.0.1"

/*  EPMD --port--> STATUS --"ok"--> CHALLENGE --their challenge--> ACK --digest right--> JOINED */
enum stage { STAGE_EPMD, STAGE_STATUS, STAGE_CHALLENGE, STAGE_ACK, STAGE_JOINED };

struct dial {
	int fd;
	enum stage stage;
	bool is_connected;
	uint16_t in_len;
	uint32_t number, ip, challenge;
	uint8_t in[WIRE_MAX];
};

static struct {
	uint32_t nodes, want, joined, failed;
	uint16_t epmd_port, dist_port;
	char cookie[WIRE_NAME_MAX + 1];
	int epoll_fd;
	struct timespec begin;
} all;

static __attribute__((noreturn)) void fail(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void give_up(struct dial *d)
{
	close(d->fd);
	d->fd = -1;
	all.failed++;
}

static void dial(struct dial *d, enum stage stage, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = d};
	int one = 1;
	to.sin_addr.s_addr = htonl(d->ip);
	d->stage = stage;
	d->is_connected = false;
	d->in_len = 0;
	d->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0)
		fail("socket");
	if (stage != STAGE_EPMD)
		setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(d->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
		give_up(d);
	else if (epoll_ctl(all.epoll_fd, EPOLL_CTL_ADD, d->fd, &e) != 0)
		fail("epoll_ctl");
}

static void say(struct dial *d, const uint8_t *p, size_t len)
{
	if (send(d->fd, p, len, MSG_NOSIGNAL) != (ssize_t)len)
		give_up(d);
}

static void on_connected(struct dial *d)
{
	uint8_t out[WIRE_MAX];
	char alive[32];
	struct wire_name n = {.flags = WIRE_FLAGS_HIDDEN, .creation = 4711, .name = NAME};
	d->is_connected = true;
	if (d->stage == STAGE_EPMD) {
		snprintf(alive, sizeof alive, "sw%u", d->number);
		say(d, out, wire_put_port2_req(out, alive));
	} else {
		say(d, out, wire_put_name(out, &n));
	}
}

static void on_port(struct dial *d)
{
	uint16_t port;
	if (wire_get_port2(d->in, d->in_len, &port) == 0)
		return;
	if (port == 0) {
		give_up(d);
		return;
	}
	close(d->fd);
	dial(d, STAGE_STATUS, port);
}

static void on_challenge(struct dial *d, const uint8_t *p, size_t len)
{
	struct wire_name theirs;
	uint8_t digest[16], out[WIRE_MAX];
	if (!wire_get_challenge(p, len, &theirs)) {
		give_up(d);
		return;
	}
	wire_digest(all.cookie, theirs.challenge, digest);
	d->challenge = wire_random32();
	d->stage = STAGE_ACK;
	say(d, out, wire_put_reply(out, d->challenge, digest));
}

static void on_message(struct dial *d, const uint8_t *p, size_t len)
{
	if (d->stage == STAGE_STATUS && wire_is_status(p, len, "ok")) {
		d->stage = STAGE_CHALLENGE;
	} else if (d->stage == STAGE_CHALLENGE) {
		on_challenge(d, p, len);
	} else if (d->stage == STAGE_ACK && wire_check_ack(p, len, all.cookie, d->challenge)) {
		d->stage = STAGE_JOINED;
		all.joined++;
	} else {
		give_up(d);
	}
}

/* Takes one message out of the buffer; false: there is none. */
static bool take(struct dial *d)
{
	size_t len = d->in_len < 2 ? 0 : 2u + wire_get16(d->in);
	if (len == 0 || len > d->in_len)
		return false;
	on_message(d, d->in + 2, len - 2);
	d->in_len = (uint16_t)(d->in_len - len);
	memmove(d->in, d->in + len, d->in_len);
	return d->fd >= 0;
}

static void on_readable(struct dial *d)
{
	ssize_t n = recv(d->fd, d->in + d->in_len, sizeof d->in - d->in_len, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		give_up(d);
		return;
	}
	d->in_len = (uint16_t)(d->in_len + n);
	if (d->stage == STAGE_EPMD)
		on_port(d);
	else if (d->stage == STAGE_JOINED)
		d->in_len = 0;
	else
		while (take(d))
			;
}

static void on_event(struct dial *d, uint32_t events)
{
	if (d->fd < 0)
		return;
	if (!d->is_connected && (events & EPOLLOUT) != 0)
		on_connected(d);
	if (d->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		on_readable(d);
}

/* As in swarm.c: one node per host, 250 hosts in each 127.0.X. */
static void dial_all(struct dial *dials)
{
	for (uint32_t i = 0; i < all.nodes; i++) {
		struct dial *d = &dials[i];
		d->number = i + 1;
		d->ip = 0x7f000000u | (1 + i / 250) << 8 | (1 + i % 250);
		dial(d, all.dist_port == 0 ? STAGE_EPMD : STAGE_STATUS,
		     all.dist_port == 0 ? all.epmd_port : all.dist_port);
	}
}

static void report(void)
{
	struct timespec end;
	struct rusage u;
	clock_gettime(CLOCK_MONOTONIC, &end);
	getrusage(RUSAGE_SELF, &u);
	double ms = (double)(end.tv_sec - all.begin.tv_sec) * 1e3 +
		    (double)(end.tv_nsec - all.begin.tv_nsec) / 1e6;
	double cpu_ms = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
			(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
	printf("joined=%u failed=%u ms=%.2f cpu_ms=%.2f rss_kb=%ld\n", all.joined, all.failed, ms,
	       cpu_ms, u.ru_maxrss);
	fflush(stdout);
}

static int64_t elapsed_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - all.begin.tv_sec) * 1000 + (now.tv_nsec - all.begin.tv_nsec) / 1000000;
}

/* Ticks all links if it is time; gives the ms until the next time. */
static int tick(struct dial *dials)
{
	static const uint8_t frame[4];
	static int64_t due_ms = TICK_MS;
	int64_t now_ms = elapsed_ms();
	for (uint32_t i = 0; now_ms >= due_ms && i < all.nodes; i++)
		if (dials[i].fd >= 0 && dials[i].stage == STAGE_JOINED)
			say(&dials[i], frame, sizeof frame);
	if (now_ms >= due_ms)
		due_ms += TICK_MS;
	return (int)(due_ms - now_ms);
}

static void run(struct dial *dials)
{
	struct epoll_event events[EVENTS];
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
	bool has_reported = false;
	epoll_ctl(all.epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &e);
	dial_all(dials);
	for (;;) {
		int n = epoll_wait(all.epoll_fd, events, EVENTS, has_reported ? tick(dials) : -1);
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == NULL)
				return;
			on_event(events[i].data.ptr, events[i].events);
		}
		if (!has_reported && (all.joined >= all.want || all.failed > 0)) {
			has_reported = true;
			report();
		}
	}
}

static void parse_options(int argc, char **argv)
{
	static const struct option longs[] = {
	    {"nodes", 1, NULL, 'n'},	 {"epmd-port", 1, NULL, 'e'}, {"cookie-file", 1, NULL, 'c'},
	    {"dist-port", 1, NULL, 'd'}, {"want", 1, NULL, 'w'},      {NULL, 0, NULL, 0}};
	int c;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'n')
			all.nodes = (uint32_t)atoi(optarg);
		else if (c == 'w')
			all.want = (uint32_t)atoi(optarg);
		else if (c == 'e')
			all.epmd_port = (uint16_t)atoi(optarg);
		else if (c == 'd')
			all.dist_port = (uint16_t)atoi(optarg);
		else if (c != 'c' || !wire_read_cookie(optarg, all.cookie, sizeof all.cookie))
			exit(2);
	}
	if (all.nodes == 0 || all.cookie[0] == 0 || (all.epmd_port == 0 && all.dist_port == 0)) {
		fputs("floor: see the top of test/bench/floor.c\n", stderr);
		exit(2);
	}
	if (all.want == 0)
		all.want = all.nodes;
}

int main(int argc, char **argv)
{
	struct rlimit r;
	clock_gettime(CLOCK_MONOTONIC, &all.begin);
	parse_options(argc, argv);
	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
	all.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct dial *dials = calloc(all.nodes, sizeof *dials);
	if (all.epoll_fd < 0 || dials == NULL)
		fail("start");
	run(dials);
	for (uint32_t i = 0; i < all.nodes; i++)
		if (dials[i].fd >= 0)
			close(dials[i].fd);
	free(dials);
	close(all.epoll_fd);
	return all.failed > 0 ? 1 : 0;
}
