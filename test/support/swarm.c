/* swarm: one process that stands in for N visible Erlang nodes, so that tests and the bench can
 * have two thousand peers without two thousand virtual machines. It is a stand-in: it listens,
 * answers EPMD, completes handshakes, answers ticks and net_adm:ping, and does nothing else a node
 * does (no processes, no global, no monitors; other messages are read and forgotten). It never
 * dials. test/e2e/test_swarm.py holds it against a real erl.
 *
 * Node I (from 1) is swI@127.0.X.Y: hosts are 127.0.1.1 to 127.0.1.250, 127.0.2.1 and so on, one
 * node each unless --per-host says otherwise. On every host EPMD answers on the same port (the
 * diallers' ERL_EPMD_PORT): PORT2 and NAMES, any number at once; it registers nobody. A real epmd
 * for the diallers fits beside it on 127.0.0.1 (ERL_EPMD_ADDRESS=127.0.0.1).
 *
 *   --nodes N          how many (default 10, at most 10000)
 *   --cookie-file F    the cookie, up to the first white space; needed
 *   --epmd-port P      0 (default): one that is free on all hosts and on 127.0.0.1
 *   --dist-port P      the Jth node of each host listens on P+J-1; 0 (default): any port
 *   --per-host M       nodes on each address (default 1)
 *   --basename B       sw; with --plain-names B itself, without a number (needs one node per host)
 *   --silent-every K   every Kth node is silent: it takes connections and never says a word
 *   --delay-ms MS      each answer (EPMD, handshake, tick, ping) waits that long
 *   --drop-after MS    each link is cut that long after its handshake
 *   --tick-s S         each S seconds a tick on the links on which nothing was sent since the last
 * time, as a real node does each quarter of net_ticktime; 0 (default): ticks are only answered
 *   --ready-fd FD      "ready epmd-port=P nodes=N" is written there once all listen (default
 * stdout)
 *
 * Commands on stdin, a line each (WHICH: a number, FROM-TO or all), answers on stdout:
 *   kill WHICH      cuts its connections, refuses new ones, and EPMD forgets it
 *   refuse WHICH    the same, but EPMD still names it
 *   silence WHICH   it goes mute, links stay up: a stopped virtual machine
 *   revive WHICH    it is up again, with a new creation and no connections if it was silent
 *   drop WHICH      cuts its links only
 *   state [WHICH]   "node I NAME STATE port P links L accepted A handshakes H" each
 *   wait min|max COUNT TIMEOUT_MS   answers once at least/most COUNT nodes have a link
 *   stats, reset    counters and times (CLOCK_MONOTONIC) since the last reset
 *   quit            as the end of stdin, SIGTERM or SIGINT: leave. SIGUSR1: stats to stderr.
 *
 * Bounds: messages before the handshake 1 KiB, frames above 4 KiB are skipped unread, 256 KiB
 * unsent bytes or 7 s without a finished handshake cut a connection; out of descriptors, new
 * connections are closed at once. */
#include "swarm.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256

uint64_t swarm_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void swarm_watch(struct swarm *s, struct source *source, uint32_t events, bool is_new)
{
	struct epoll_event e = {.events = events, .data.ptr = source};
	if (epoll_ctl(s->epoll_fd, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, source->fd, &e) != 0) {
		perror("swarm: epoll_ctl");
		abort();
	}
}

/* ---- deadlines ---- */

static void close_old(struct swarm *s, struct conn_list *list)
{
	struct conn *c;
	while ((c = TAILQ_FIRST(list)) != NULL && c->age_due_ms <= s->now_ms)
		swarm_conn_close(s, c);
}

static void send_delayed(struct swarm *s)
{
	struct conn *c;
	while ((c = TAILQ_FIRST(&s->delayed)) != NULL && c->due_ms <= s->now_ms) {
		TAILQ_REMOVE(&s->delayed, c, of_delay);
		c->is_delayed = false;
		swarm_conn_flush(s, c);
	}
}

static void tick_if_due(struct swarm *s)
{
	if (s->options.tick_ms == 0 || s->now_ms < s->tick_due_ms)
		return;
	s->tick_due_ms = s->now_ms + s->options.tick_ms;
	swarm_tick_links(s, s->options.tick_ms);
}

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int next_timeout_ms(const struct swarm *s)
{
	const struct conn *delayed = TAILQ_FIRST(&s->delayed);
	const struct conn *shaking = TAILQ_FIRST(&s->shaking), *linked = TAILQ_FIRST(&s->linked);
	uint64_t due = s->wait.is_set ? s->wait.due_ms : UINT64_MAX;
	if (s->options.tick_ms != 0)
		due = min64(due, s->tick_due_ms);
	if (delayed != NULL)
		due = min64(due, delayed->due_ms);
	if (shaking != NULL)
		due = min64(due, shaking->age_due_ms);
	if (linked != NULL)
		due = min64(due, linked->age_due_ms);
	if (due == UINT64_MAX)
		return -1;
	return due <= s->now_ms ? 0 : (int)min64(due - s->now_ms, 60000);
}

static void run(struct swarm *s)
{
	struct epoll_event events[EVENTS];
	while (!s->is_leaving) {
		int n = epoll_wait(s->epoll_fd, events, EVENTS, next_timeout_ms(s));
		s->now_ms = swarm_now_ns() / 1000000;
		for (int i = 0; i < n; i++) {
			struct source *source = events[i].data.ptr;
			if (source->fd >= 0)
				source->on_event(s, source, events[i].events);
		}
		tick_if_due(s);
		send_delayed(s);
		close_old(s, &s->shaking);
		close_old(s, &s->linked);
		swarm_check_wait(s);
		swarm_free_dead(s);
	}
}

/* ---- start ---- */

static void on_signal(struct swarm *s, struct source *source, uint32_t events)
{
	struct signalfd_siginfo info;
	(void)events;
	if (read(source->fd, &info, sizeof info) != (ssize_t)sizeof info)
		return;
	if (info.ssi_signo == SIGUSR1)
		swarm_print_stats(s, STDERR_FILENO);
	else
		s->is_leaving = true;
}

static bool open_signals(struct swarm *s)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	s->signals = (struct source){signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), on_signal};
	if (s->signals.fd < 0)
		return false;
	swarm_watch(s, &s->signals, EPOLLIN, true);
	return true;
}

static void raise_descriptors(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static __attribute__((noreturn)) void fail(const char *what, const char *detail)
{
	fprintf(stderr, "swarm: %s: %s\n", what, detail);
	exit(2);
}

static uint32_t number(const char *option, const char *text, uint32_t min, uint32_t max)
{
	char *end;
	errno = 0;
	unsigned long v = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != 0 || v < min || v > max)
		fail(option, "a number in range is needed");
	return (uint32_t)v;
}

static void set_option(struct swarm_options *o, int c)
{
	switch (c) {
	case 'n':
		o->nodes = number("--nodes", optarg, 1, SWARM_MAX_NODES);
		break;
	case 'c':
		if (!wire_read_cookie(optarg, o->cookie, sizeof o->cookie))
			fail("--cookie-file", "no cookie in it");
		break;
	case 'e':
		o->epmd_port = (uint16_t)number("--epmd-port", optarg, 0, UINT16_MAX);
		break;
	case 'd':
		o->dist_port = (uint16_t)number("--dist-port", optarg, 0, UINT16_MAX);
		break;
	case 'm':
		o->per_host = number("--per-host", optarg, 1, 1000);
		break;
	case 'b':
		o->basename = optarg;
		break;
	case 'p':
		o->has_plain_names = true;
		break;
	case 's':
		o->silent_every = number("--silent-every", optarg, 0, SWARM_MAX_NODES);
		break;
	case 'w':
		o->delay_ms = number("--delay-ms", optarg, 0, 3600000);
		break;
	case 'a':
		o->drop_after_ms = number("--drop-after", optarg, 0, 3600000);
		break;
	case 't':
		o->tick_ms = 1000 * number("--tick-s", optarg, 0, 3600);
		break;
	case 'r':
		o->ready_fd = (int)number("--ready-fd", optarg, 0, 1000);
		break;
	default:
		fail("usage", "see the top of test/support/swarm.c");
	}
}

static void parse_options(struct swarm_options *o, int argc, char **argv)
{
	static const struct option longs[] = {{"nodes", 1, NULL, 'n'},
					      {"cookie-file", 1, NULL, 'c'},
					      {"epmd-port", 1, NULL, 'e'},
					      {"dist-port", 1, NULL, 'd'},
					      {"per-host", 1, NULL, 'm'},
					      {"basename", 1, NULL, 'b'},
					      {"plain-names", 0, NULL, 'p'},
					      {"silent-every", 1, NULL, 's'},
					      {"delay-ms", 1, NULL, 'w'},
					      {"drop-after", 1, NULL, 'a'},
					      {"tick-s", 1, NULL, 't'},
					      {"ready-fd", 1, NULL, 'r'},
					      {NULL, 0, NULL, 0}};
	int c;
	*o = (struct swarm_options){.nodes = 10, .per_host = 1, .basename = "sw", .ready_fd = 1};
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		set_option(o, c);
	if (optind < argc)
		fail("unknown argument", argv[optind]);
	if (o->cookie[0] == 0)
		fail("--cookie-file", "is needed");
	if (o->has_plain_names && o->per_host > 1)
		fail("--plain-names", "needs one node per host");
	if (o->dist_port != 0 && o->dist_port + o->per_host > UINT16_MAX)
		fail("--dist-port", "too high for --per-host");
}

int main(int argc, char **argv)
{
	struct swarm s = {.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
	parse_options(&s.options, argc, argv);
	raise_descriptors();
	TAILQ_INIT(&s.delayed);
	TAILQ_INIT(&s.shaking);
	TAILQ_INIT(&s.linked);
	TAILQ_INIT(&s.dead);
	s.now_ms = swarm_now_ns() / 1000000;
	s.spare_fd = dup(s.epoll_fd);
	if (s.epoll_fd < 0 || s.spare_fd < 0 || !open_signals(&s))
		fail("start", strerror(errno));
	if (!swarm_world_build(&s))
		fail("listen", strerror(errno));
	if (!swarm_commands_open(&s))
		fail("stdin", "must be a pipe, a socket or a terminal");
	dprintf(s.options.ready_fd, "ready epmd-port=%u nodes=%u\n", s.options.epmd_port,
		s.options.nodes);
	run(&s);
	swarm_world_close(&s);
	close(s.spare_fd);
	close(s.signals.fd);
	close(s.epoll_fd);
	return 0;
}
