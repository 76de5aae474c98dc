/* Where the node listens: one dual-stack socket for every address of the host, or one for each address that is
 * configured, all on the same port, since EPMD has room for one. Owner of a listener: the node's list, until
 * gc_listen_close; its memory goes in its close callback. Loop thread.
 *
 * accept(2) is ours, not libuv's, for the time when descriptors have run out: uv_listen closes then, without a word,
 * all who wait, and where its spare descriptor cannot be had again it never returns to the loop. Here whoever has not
 * shown the cookie yet gives way, the oldest first; with nobody left to give way the others wait in the kernel's
 * backlog until there is room. */
#define _GNU_SOURCE /* accept4 */
#include "node_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

/* With port 0 the first address gets a port that may be taken at the next one: so often another is tried. */
#define TRIES 16
#define MAX_A_TURN 32 /* with TLS each is some ten microseconds of work before it has said anything */
#define NO_ROOM_MS 100 /* until accept is tried again */

struct gc_listener {
	uv_poll_t poll;
	struct gc_node *n;
	struct gc_timer no_room;
	int fd;
	struct gc_listener *next;
};

static void on_closed(uv_handle_t *h)
{
	struct gc_listener *l = (struct gc_listener *)(void *)h; /* poll is its first member */
	struct gc_node *n = l->n;

	free(l);
	gc_node_handle_gone(n);
}

static void close_listener(struct gc_listener *l)
{
	gc_timer_clear(&l->n->timers, &l->no_room);
	uv_close((uv_handle_t *)&l->poll, on_closed);
	(void)close(l->fd);
}

void gc_listen_close(struct gc_node *n)
{
	struct gc_listener *l, *next;

	LL_FOREACH_SAFE(n->listeners, l, next)
	{
		LL_DELETE(n->listeners, l);
		close_listener(l);
	}
}

/* ---- who comes ---- */

static void look_for_callers(struct gc_listener *l);

static void on_no_room_over(struct gc_timer *t)
{
	look_for_callers((struct gc_listener *)(void *)((char *)t - offsetof(struct gc_listener, no_room)));
}

static void wait_for_room(struct gc_listener *l, int err)
{
	gc_accept_no_room(l->n, err);
	if (gc_timer_set(&l->n->timers, &l->no_room, NO_ROOM_MS, on_no_room_over) == 0)
		(void)uv_poll_stop(&l->poll);
}

static bool is_out_of_descriptors(int err)
{
	return err == EMFILE || err == ENFILE;
}

/* What Linux tells here of the connection that was in the queue, not of the listener: accept(2). */
static bool is_of_caller(int err)
{
	return err == ECONNABORTED || err == EPROTO || err == EPERM || err == ENETDOWN || err == ENETUNREACH ||
	       err == EHOSTDOWN || err == EHOSTUNREACH || err == ENONET || err == ENOPROTOOPT || err == EOPNOTSUPP ||
	       err == EINTR;
}

/* False: no more for now. */
static bool take_caller(struct gc_listener *l)
{
	int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int err = fd < 0 ? errno : 0;

	if (fd >= 0) {
		gc_accept_connection(l->n, fd);
		return true;
	}
	if (is_of_caller(err) || (is_out_of_descriptors(err) && gc_accept_give_way(l->n)))
		return true;
	if (err != EAGAIN)
		wait_for_room(l, err);
	return false;
}

static void on_callers(uv_poll_t *poll, int status, int events)
{
	struct gc_listener *l = (struct gc_listener *)(void *)poll;

	(void)status; /* an error shows in accept */
	(void)events;
	for (int i = 0; i < MAX_A_TURN && take_caller(l); i++)
		;
}

static void look_for_callers(struct gc_listener *l)
{
	int err = uv_poll_start(&l->poll, UV_READABLE, on_callers);

	if (err)
		wait_for_room(l, -err);
}

void gc_listen_pump(struct gc_node *n)
{
	struct gc_listener *l;

	LL_FOREACH(n->listeners, l)
	{
		look_for_callers(l);
	}
}

/* ---- sockets ---- */

static int add(struct gc_node *n, int fd)
{
	struct gc_listener *l = calloc(1, sizeof(*l));
	int err = l ? uv_poll_init(n->c.loop, &l->poll, fd) : UV_ENOMEM;

	if (err) {
		free(l);
		return err;
	}
	l->n = n;
	l->fd = fd;
	n->n_handles++;
	LL_APPEND(n->listeners, l);
	return 0;
}

static uint16_t port_of(int fd)
{
	union gc_addr addr = {0};
	socklen_t len = sizeof(addr);

	if (getsockname(fd, &addr.sa, &len) != 0)
		return 0;
	return ntohs(addr.sa.sa_family == AF_INET6 ? addr.in6.sin6_port : addr.in.sin_port);
}

/* 0 or errno. */
static int bind_and_listen(int fd, const union gc_addr *addr, int ipv6_only)
{
	bool is_ipv6 = addr->sa.sa_family == AF_INET6;
	socklen_t len = is_ipv6 ? sizeof(addr->in6) : sizeof(addr->in);
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    (is_ipv6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &ipv6_only, sizeof(ipv6_only)) != 0) ||
	    bind(fd, &addr->sa, len) != 0 || listen(fd, SOMAXCONN) != 0)
		return errno;
	return 0;
}

/* A uv error. An IPv6 socket takes IPv4 as well, unless an address of IPv4 has its own. */
static int listen_on(struct gc_node *n, const char *address, uint16_t port, bool ipv6_only)
{
	union gc_addr addr;
	int fd, err;

	if (!gc_addr_parse(&addr, address, port))
		return UV_EINVAL;
	fd = socket(addr.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return uv_translate_sys_error(errno);
	err = uv_translate_sys_error(bind_and_listen(fd, &addr, ipv6_only));
	if (err == 0)
		err = add(n, fd);
	if (err)
		(void)close(fd);
	else if (n->port == 0)
		n->port = port_of(fd);
	return err;
}

static void start_over(struct gc_node *n)
{
	gc_listen_close(n);
	n->port = 0;
}

/* Every address; a host without IPv6 has those of IPv4 alone. */
static int listen_everywhere(struct gc_node *n, const char **culprit_r)
{
	int err = listen_on(n, "::", n->c.listen_port, false);

	*culprit_r = "any address";
	if (err && err != UV_EADDRINUSE) {
		start_over(n);
		err = listen_on(n, "0.0.0.0", n->c.listen_port, false);
	}
	return err;
}

static bool any_ipv4(const char *const *addresses, size_t count)
{
	union gc_addr addr;

	for (size_t i = 0; i < count; i++) {
		if (gc_addr_parse(&addr, addresses[i], 0) && addr.sa.sa_family == AF_INET)
			return true;
	}
	return false;
}

static int listen_on_each(struct gc_node *n, const char *const *addresses, size_t count,
			  const char **culprit_r)
{
	bool ipv6_only = any_ipv4(addresses, count);
	int err = 0;

	for (size_t i = 0; err == 0 && i < count; i++) {
		*culprit_r = addresses[i];
		err = listen_on(n, addresses[i], n->port ? n->port : n->c.listen_port, ipv6_only);
	}
	return err;
}

int gc_listen_start(struct gc_node *n, const char *const *addresses, size_t count, char *err,
		    size_t err_len)
{
	const char *culprit = "";
	uint16_t port = 0;
	int code = 0;

	for (int tries = 0; tries < TRIES; tries++) {
		start_over(n);
		code = count ? listen_on_each(n, addresses, count, &culprit)
			     : listen_everywhere(n, &culprit);
		port = n->port ? n->port : n->c.listen_port;
		if (code != UV_EADDRINUSE || n->c.listen_port != 0)
			break;
	}
	if (code != 0)
		(void)snprintf(err, err_len, "cannot listen on %s port %u: %s", culprit, port,
			       uv_strerror(code));
	return code ? gc_err_from_uv(code) : 0;
}
