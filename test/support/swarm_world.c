/* The world of the swarm: hosts on loopback addresses, their nodes, and what listens for them. */
#include "swarm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096
#define PORT_TRIES 50

static void on_accept(struct swarm *s, struct source *source, struct host *host, struct node *node)
{
	for (;;) {
		int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && errno == EMFILE && s->spare_fd >= 0) {
			/* Out of descriptors: take the connection with the spare one, and close it.
			 */
			close(s->spare_fd);
			close(accept4(source->fd, NULL, NULL, SOCK_CLOEXEC));
			s->spare_fd = dup(s->epoll_fd);
			return;
		}
		if (fd < 0)
			return;
		swarm_conn_open(s, fd, host, node);
	}
}

static void on_epmd_accept(struct swarm *s, struct source *source, uint32_t events)
{
	(void)events;
	on_accept(s, source, (struct host *)source, NULL);
}

static void on_dist_accept(struct swarm *s, struct source *source, uint32_t events)
{
	(void)events;
	struct node *n = (struct node *)source;
	on_accept(s, source, n->host, n);
}

/* A listening descriptor or -1; *port 0 becomes the port the kernel chose. */
static int listen_on(struct in_addr address, uint16_t *port)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr = address};
	socklen_t len = sizeof sin;
	if (fd < 0)
		return -1;
	/* What accept gives inherits TCP_NODELAY. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
	    bind(fd, (struct sockaddr *)&sin, len) == 0 && listen(fd, BACKLOG) == 0 &&
	    getsockname(fd, (struct sockaddr *)&sin, &len) == 0) {
		*port = ntohs(sin.sin_port);
		return fd;
	}
	int err = errno;
	close(fd);
	errno = err;
	return -1;
}

static bool open_source(struct swarm *s, struct source *source, struct in_addr address,
			uint16_t *port)
{
	source->fd = listen_on(address, port);
	if (source->fd < 0)
		return false;
	swarm_watch(s, source, EPOLLIN, true);
	return true;
}

static void close_source(struct source *source)
{
	if (source->fd >= 0)
		close(source->fd);
	source->fd = -1;
}

static bool open_node(struct swarm *s, struct node *n)
{
	if (n->listener.fd >= 0)
		return true;
	n->creation = wire_random32() | 4; /* a new life; 0 to 3 are reserved */
	return open_source(s, &n->listener, n->host->address, &n->port);
}

static bool open_epmds(struct swarm *s)
{
	for (uint32_t i = 0; i < s->host_count; i++)
		if (!open_source(s, &s->hosts[i].epmd, s->hosts[i].address, &s->options.epmd_port))
			return false;
	return true;
}

/* A port that is free on each host, and on 127.0.0.1 for the real epmd beside us. */
static bool choose_epmd_port(struct swarm *s)
{
	struct in_addr localhost = {.s_addr = htonl(INADDR_LOOPBACK)};
	for (int i = 0; i < PORT_TRIES; i++) {
		s->options.epmd_port = 0;
		int fd = listen_on(localhost, &s->options.epmd_port);
		bool is_open = fd >= 0 && open_epmds(s);
		if (fd >= 0)
			close(fd);
		if (is_open)
			return true;
		for (uint32_t h = 0; h < s->host_count; h++)
			close_source(&s->hosts[h].epmd);
		if (errno != EADDRINUSE)
			return false;
	}
	return false;
}

static void name_node(const struct swarm *s, struct node *n)
{
	char address[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &n->host->address, address, sizeof address);
	if (s->options.has_plain_names)
		snprintf(n->alive, sizeof n->alive, "%s", s->options.basename);
	else
		snprintf(n->alive, sizeof n->alive, "%s%u", s->options.basename, n->number);
	snprintf(n->name, sizeof n->name, "%s@%s", n->alive, address);
}

static void lay_out(struct swarm *s)
{
	const struct swarm_options *o = &s->options;
	for (uint32_t i = 0; i < o->nodes; i++) {
		uint32_t h = i / o->per_host;
		struct host *host = &s->hosts[h];
		struct node *n = &s->nodes[i];
		if (i % o->per_host == 0) {
			/* 127.0.1.1 to 127.0.1.250, 127.0.2.1, ... */
			uint32_t ip = 0x7f000000u | (1 + h / 250) << 8 | (1 + h % 250);
			*host = (struct host){.epmd = {-1, on_epmd_accept}, .nodes = n};
			host->address.s_addr = htonl(ip);
		}
		uint16_t place = (uint16_t)host->node_count++;
		*n = (struct node){.listener = {-1, on_dist_accept}, .host = host, .number = i + 1};
		n->port = o->dist_port == 0 ? 0 : (uint16_t)(o->dist_port + place);
		if (o->silent_every != 0 && n->number % o->silent_every == 0)
			n->state = NODE_SILENT;
		TAILQ_INIT(&n->conns);
		name_node(s, n);
	}
}

bool swarm_world_build(struct swarm *s)
{
	const struct swarm_options *o = &s->options;
	s->host_count = (o->nodes + o->per_host - 1) / o->per_host;
	s->hosts = calloc(s->host_count, sizeof *s->hosts);
	s->nodes = calloc(o->nodes, sizeof *s->nodes);
	if (s->hosts == NULL || s->nodes == NULL)
		return false;
	lay_out(s);
	if (!(o->epmd_port == 0 ? choose_epmd_port(s) : open_epmds(s)))
		return false;
	for (uint32_t i = 0; i < o->nodes; i++)
		if (!open_node(s, &s->nodes[i]))
			return false;
	return true;
}

static void drop(struct swarm *s, struct node *n, bool links_only)
{
	struct conn *c = TAILQ_FIRST(&n->conns), *next;
	for (; c != NULL; c = next) {
		next = TAILQ_NEXT(c, of_node);
		if (!links_only || c->stage == CONN_LINK)
			swarm_conn_close(s, c);
	}
}

void swarm_node_drop_links(struct swarm *s, struct node *n)
{
	drop(s, n, true);
}

bool swarm_node_set_state(struct swarm *s, struct node *n, enum node_state state)
{
	bool was_silent = n->state == NODE_SILENT;
	n->state = state;
	if (state == NODE_DOWN || state == NODE_REFUSING)
		close_source(&n->listener);
	else if (!open_node(s, n)) {
		n->state = NODE_DOWN;
		return false;
	}
	/* What a silent node swallowed is lost, so its connections cannot go on. */
	if (state != NODE_SILENT && (was_silent || state != NODE_UP))
		drop(s, n, false);
	return true;
}

void swarm_world_close(struct swarm *s)
{
	for (uint32_t i = 0; s->nodes != NULL && i < s->options.nodes; i++) {
		drop(s, &s->nodes[i], false);
		close_source(&s->nodes[i].listener);
	}
	for (uint32_t i = 0; s->hosts != NULL && i < s->host_count; i++)
		close_source(&s->hosts[i].epmd);
	swarm_free_dead(s);
	free(s->nodes);
	free(s->hosts);
}

const char *swarm_state_text(enum node_state state)
{
	static const char *const text[] = {"up", "silent", "refusing", "down"};
	return text[state];
}
