/* Commands to the swarm, one a line on stdin; each is answered with one line "ok ..." or "error
 * ..." on stdout ("state" with a line for each node before it). swarm.c lists them. */
#include "swarm.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static char line[256];
static size_t line_len;
static bool is_too_long; /* its beginning is gone already */

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

void swarm_print_stats(struct swarm *s, int fd)
{
	const struct swarm_stats *t = &s->stats;
	dprintf(fd,
		"ok stats nodes=%u linked=%u links=%u handshakes=%" PRIu64 " failed=%" PRIu64
		" accepts=%" PRIu64 " epmd_requests=%" PRIu64 " pings=%" PRIu64 " ticks_in=%" PRIu64
		" ticks_out=%" PRIu64 " frames_in=%" PRIu64 " first_accept_ns=%" PRIu64
		" first_byte_ns=%" PRIu64 " last_handshake_ns=%" PRIu64 "\n",
		s->options.nodes, t->linked_nodes, t->links, t->handshakes, t->failed, t->accepts,
		t->epmd_requests, t->pings, t->ticks_in, t->ticks_out, t->frames_in,
		t->first_accept_ns, t->first_byte_ns, t->last_handshake_ns);
}

static void print_node(struct swarm *s, struct node *n)
{
	(void)s;
	printf("node %u %s %s port %u links %u accepted %" PRIu64 " handshakes %" PRIu64 "\n",
	       n->number, n->name, swarm_state_text(n->state), n->port, n->link_count, n->accepted,
	       n->handshakes);
}

static void revive(struct swarm *s, struct node *n)
{
	if (!swarm_node_set_state(s, n, NODE_UP))
		fprintf(stderr, "swarm: revive %s: %s\n", n->name, strerror(errno));
}

static void kill_node(struct swarm *s, struct node *n)
{
	swarm_node_set_state(s, n, NODE_DOWN);
}

static void refuse(struct swarm *s, struct node *n)
{
	swarm_node_set_state(s, n, NODE_REFUSING);
}

static void silence(struct swarm *s, struct node *n)
{
	swarm_node_set_state(s, n, NODE_SILENT);
}

static const struct {
	const char *word;
	void (*run)(struct swarm *s, struct node *n);
} on_nodes[] = {{"kill", kill_node}, {"revive", revive},    {"silence", silence},
		{"refuse", refuse},  {"state", print_node}, {"drop", swarm_node_drop_links}};

/* "7", "3-9" or "all" */
static bool parse_selection(const struct swarm *s, const char *text, uint32_t *from_r,
			    uint32_t *to_r)
{
	char after;
	*from_r = 1;
	*to_r = s->options.nodes;
	if (text[0] == 0 || strcmp(text, "all") == 0)
		return true;
	int n = sscanf(text, "%u-%u%c", from_r, to_r, &after);
	if (n == 1 && sscanf(text, "%u%c", from_r, &after) == 1)
		*to_r = *from_r;
	else if (n != 2)
		return false;
	return *from_r >= 1 && *from_r <= *to_r && *to_r <= s->options.nodes;
}

static bool run_on_nodes(struct swarm *s, const char *word, const char *which)
{
	uint32_t from, to;
	for (size_t i = 0; i < sizeof on_nodes / sizeof *on_nodes; i++) {
		if (strcmp(on_nodes[i].word, word) != 0)
			continue;
		if (!parse_selection(s, which, &from, &to)) {
			say("error no such node: %s", which);
			return true;
		}
		for (uint32_t n = from; n <= to; n++)
			on_nodes[i].run(s, &s->nodes[n - 1]);
		say("ok %s %u-%u", word, from, to);
		return true;
	}
	return false;
}

/* Answers a pending wait if its time has come. */
void swarm_check_wait(struct swarm *s)
{
	if (!s->wait.is_set)
		return;
	uint32_t linked = s->stats.linked_nodes;
	bool is_there = s->wait.is_max ? linked <= s->wait.count : linked >= s->wait.count;
	if (!is_there && s->now_ms < s->wait.due_ms)
		return;
	s->wait.is_set = false;
	say("%s linked=%u last_handshake_ns=%" PRIu64, is_there ? "ok wait" : "error timeout",
	    linked, s->stats.last_handshake_ns);
}

static void start_wait(struct swarm *s, const char *args)
{
	char word[8];
	uint32_t count, timeout_ms;
	if (sscanf(args, "%7s %u %u", word, &count, &timeout_ms) != 3 ||
	    (strcmp(word, "min") != 0 && strcmp(word, "max") != 0) || s->wait.is_set) {
		say("error wait min|max COUNT TIMEOUT_MS, one at a time");
		return;
	}
	s->wait.is_set = true;
	s->wait.is_max = strcmp(word, "max") == 0;
	s->wait.count = count;
	s->wait.due_ms = s->now_ms + timeout_ms;
}

static void reset_stats(struct swarm *s)
{
	uint32_t links = s->stats.links, linked_nodes = s->stats.linked_nodes;
	s->stats = (struct swarm_stats){.links = links, .linked_nodes = linked_nodes};
	say("ok reset");
}

static void run_line(struct swarm *s, char *text)
{
	size_t word_len = strcspn(text, " ");
	char *args = text + word_len + (text[word_len] == ' ' ? 1 : 0);
	text[word_len] = 0;
	if (text[0] == 0 || run_on_nodes(s, text, args))
		return;
	if (strcmp(text, "wait") == 0)
		start_wait(s, args);
	else if (strcmp(text, "stats") == 0)
		swarm_print_stats(s, STDOUT_FILENO);
	else if (strcmp(text, "reset") == 0)
		reset_stats(s);
	else if (strcmp(text, "quit") == 0)
		s->is_leaving = true;
	else
		say("error unknown command: %s", text);
}

static void on_commands(struct swarm *s, struct source *source, uint32_t events)
{
	(void)events;
	ssize_t n = read(source->fd, line + line_len, sizeof line - 1 - line_len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		s->is_leaving = true;
		return;
	}
	line_len += (size_t)n;
	line[line_len] = 0;
	char *end, *at = line;
	for (; (end = strchr(at, '\n')) != NULL; at = end + 1) {
		*end = 0;
		if (!is_too_long)
			run_line(s, at);
		is_too_long = false;
	}
	line_len = strlen(at);
	memmove(line, at, line_len);
	if (line_len == sizeof line - 1) {
		if (!is_too_long)
			say("error line too long");
		is_too_long = true;
		line_len = 0;
	}
}

bool swarm_commands_open(struct swarm *s)
{
	s->commands = (struct source){STDIN_FILENO, on_commands};
	/* A file or /dev/null cannot be watched: then there are no commands, and the end has come.
	 */
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = &s->commands};
	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &e) == 0;
}
