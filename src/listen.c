/* Where the node listens: one dual-stack socket for every address of the host, or one for each address that is
 * configured, all on the same port, since EPMD has room for one. Owner of a listener: the node's list, until
 * gc_listen_close; its memory goes in its close callback. Loop thread. */
#include "node_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

/* With port 0 the first address gets a port that may be taken at the next one: so often another is tried. */
#define TRIES 16

struct gc_listener {
	uv_tcp_t tcp;
	bool has_caller; /* held, until the node is ready */
	struct gc_listener *next;
};

static void on_closed(uv_handle_t *h)
{
	struct gc_node *n = h->data;

	free(h); /* tcp is its first member */
	gc_node_handle_gone(n);
}

void gc_listen_close(struct gc_node *n)
{
	struct gc_listener *l, *next;

	LL_FOREACH_SAFE(n->listeners, l, next)
	{
		LL_DELETE(n->listeners, l);
		uv_close((uv_handle_t *)&l->tcp, on_closed);
	}
}

void gc_listen_hold(uv_stream_t *listener)
{
	((struct gc_listener *)(void *)listener)->has_caller = true;
}

void gc_listen_pump(struct gc_node *n)
{
	struct gc_listener *l;

	LL_FOREACH(n->listeners, l)
	{
		if (l->has_caller)
			gc_accept_on_connection((uv_stream_t *)&l->tcp, 0);
		l->has_caller = false;
	}
}

static struct gc_listener *add(struct gc_node *n)
{
	struct gc_listener *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	(void)uv_tcp_init(n->c.loop, &l->tcp); /* makes no socket yet: cannot fail */
	l->tcp.data = n;
	n->n_handles++;
	LL_APPEND(n->listeners, l);
	return l;
}

static uint16_t port_of(const struct gc_listener *l)
{
	union gc_addr addr = {0};
	int len = sizeof(addr);

	if (uv_tcp_getsockname(&l->tcp, &addr.sa, &len) != 0)
		return 0;
	return ntohs(addr.sa.sa_family == AF_INET6 ? addr.in6.sin6_port : addr.in.sin_port);
}

/* A uv error. An IPv6 socket takes IPv4 as well, unless an address of IPv4 has its own. */
static int listen_on(struct gc_node *n, const char *address, uint16_t port, bool ipv6_only)
{
	struct gc_listener *l = add(n);
	union gc_addr addr;
	int err;

	if (!l)
		return UV_ENOMEM;
	if (!gc_addr_parse(&addr, address, port))
		return UV_EINVAL;
	err = uv_tcp_bind(&l->tcp, &addr.sa,
			  addr.sa.sa_family == AF_INET6 && ipv6_only ? UV_TCP_IPV6ONLY : 0);
	if (err == 0)
		err = uv_listen((uv_stream_t *)&l->tcp, SOMAXCONN, gc_accept_on_connection);
	if (err == 0 && n->port == 0)
		n->port = port_of(l);
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
