/* One reading of the resolver configuration: a c-ares channel for each server, on the loop.
 *
 * A channel of its own for each server, without retries by c-ares, because with several servers in one
 * channel c-ares 1.18 turns SERVFAIL and REFUSED into "connection refused" when it has asked the last
 * of them, or (NOCHECKRESP) does not ask another one at all. Whom to ask when is up to dns.c.
 *
 * When resolv.conf changes, dns.c drops its conf and makes a new one; the old one lives until its last
 * question has been answered. c-ares may not be destroyed within its own callbacks, so that is left
 * to the timer. Owner: itself, once dropped. Loop thread. */
#include "dns_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define UDP_SIZE 1232 /* fits any path: DNS flag day 2020 */

struct sock {
	uv_poll_t poll;
	ares_socket_t fd;
	struct gc_dns_chan *chan;
	struct sock *next;
};

struct gc_dns_chan {
	ares_channel ares;
	struct gc_dns_conf *conf;
	struct sock *socks;
	int ifindex;   /* of the zone of its address; -1: it has none */
	char text[64]; /* "10.0.0.10", "fe80::1%eth0", or with ":PORT" */
};

struct asked {
	struct gc_dns_conf *conf;
	ares_callback cb;
	void *arg;
};

static void on_timer(uv_timer_t *t);

static void on_handle_closed(struct gc_dns_conf *c)
{
	if (--c->n_open > 0)
		return;
	c->gone(c->arg);
	for (int i = 0; i < c->n_domains; i++)
		free(c->domains[i]);
	free(c->domains);
	for (unsigned i = 0; i < c->n_servers; i++)
		free(c->chans[i]);
	free(c);
}

static void on_timer_close(uv_handle_t *h)
{
	on_handle_closed(h->data);
}

static void on_poll_close(uv_handle_t *h)
{
	struct sock *s = h->data;
	struct gc_dns_conf *c = s->chan->conf;

	free(s);
	on_handle_closed(c);
}

/* ares_timeout walks all its questions: asked only when the timer does not run. Since all questions
 * have the same timeout, the running timer is never too late. */
static void arm(struct gc_dns_conf *c)
{
	uint64_t least_ms = UINT64_MAX;

	if (c->is_torn_down || uv_is_active((uv_handle_t *)&c->timer))
		return;
	for (unsigned i = 0; i < c->n_servers; i++) {
		struct timeval tv, *t = ares_timeout(c->chans[i]->ares, NULL, &tv);
		uint64_t ms = t ? (uint64_t)t->tv_sec * 1000 + (uint64_t)t->tv_usec / 1000 + 1
				: UINT64_MAX;

		least_ms = ms < least_ms ? ms : least_ms;
	}
	if (least_ms != UINT64_MAX)
		uv_timer_start(&c->timer, on_timer, least_ms, 0);
}

static bool is_idle(const struct gc_dns_conf *c)
{
	return c->is_dropped && c->n_users == 0 && c->n_asked == 0;
}

/* Outside of c-ares: now it may be destroyed. */
static void settle(struct gc_dns_conf *c)
{
	if (is_idle(c))
		gc_dns_conf_tear_down(c);
	else
		arm(c);
}

static void on_timer(uv_timer_t *t)
{
	struct gc_dns_conf *c = t->data;

	for (unsigned i = 0; i < c->n_servers; i++)
		ares_process_fd(c->chans[i]->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	settle(c);
}

/* A poll error is handed on as both: c-ares then finds the error of the socket itself. */
static void on_poll(uv_poll_t *p, int status, int events)
{
	struct sock *s = p->data;
	struct gc_dns_conf *c = s->chan->conf;
	bool readable = status < 0 || events & UV_READABLE;
	bool writable = status < 0 || events & UV_WRITABLE;

	ares_process_fd(s->chan->ares, readable ? s->fd : ARES_SOCKET_BAD,
			writable ? s->fd : ARES_SOCKET_BAD);
	settle(c); /* s may be gone, c is not: it waits for the close callback of s */
}

static struct sock *add_sock(struct gc_dns_chan *chan, ares_socket_t fd)
{
	struct sock *s = calloc(1, sizeof(*s));

	if (!s || uv_poll_init_socket(chan->conf->loop, &s->poll, fd) < 0) {
		free(s); /* nothing will be heard on it: the deadline of the question ends it */
		return NULL;
	}
	s->poll.data = s;
	s->fd = fd;
	s->chan = chan;
	s->next = chan->socks;
	chan->socks = s;
	chan->conf->n_open++;
	return s;
}

/* Called before c-ares closes a descriptor, with 0, 0: the poll must be off it by then. */
static void on_sock_state(void *data, ares_socket_t fd, int readable, int writable)
{
	struct gc_dns_chan *chan = data;
	struct sock **at = &chan->socks, *s;

	while (*at && (*at)->fd != fd)
		at = &(*at)->next;
	s = *at;
	if (readable || writable) {
		s = s ? s : add_sock(chan, fd);
		if (s)
			uv_poll_start(&s->poll,
				      (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
				      on_poll);
	} else if (s) {
		*at = s->next;
		uv_close((uv_handle_t *)&s->poll, on_poll_close);
	}
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *p, int len)
{
	struct asked *a = arg;

	a->conf->n_asked--;
	a->cb(a->arg, status, timeouts, p, len);
	free(a);
}

void gc_dns_conf_ask(struct gc_dns_conf *c, unsigned server, const char *name,
		     enum gc_dns_type type, ares_callback cb, void *arg)
{
	struct asked *a = malloc(sizeof(*a));

	if (!a) {
		cb(arg, ARES_ENOMEM, 0, NULL, 0);
		return;
	}
	*a = (struct asked){c, cb, arg};
	c->n_asked++;
	ares_query(c->chans[server]->ares, name, 1 /* IN */, (int)type, on_answer, a);
	arm(c);
}

const char *gc_dns_conf_server(const struct gc_dns_conf *c, unsigned server)
{
	return c->chans[server]->text;
}

static int count_dots(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += *s == '.';
	return n;
}

bool gc_dns_conf_candidate(const struct gc_dns_conf *c, const char *host, bool search, int n,
			   char *name)
{
	size_t len = strlen(host);
	bool absolute = len > 0 && host[len - 1] == '.';
	int n_domains = search && !absolute ? c->n_domains : 0;
	int as_is = count_dots(host) >= c->ndots ? 0 : n_domains;

	if (n > n_domains)
		return false;
	if (n == as_is)
		return snprintf(name, GC_DNS_NAME, "%s", host) < GC_DNS_NAME;
	const char *domain = c->domains[n > as_is ? n - 1 : n];

	domain += domain[0] == '.'; /* "search ." is the root */
	return snprintf(name, GC_DNS_NAME, "%s.%s", host, domain) < GC_DNS_NAME;
}

/* ---- making one ---- */

static int open_channel(const struct gc_dns_conf_options *o, struct gc_dns_chan *chan,
			ares_channel *ares_r)
{
	struct ares_options ao = {.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOALIASES |
					   ARES_FLAG_EDNS,
				  .timeout = (int)o->timeout_ms,
				  .tries = 1,
				  .ednspsz = UDP_SIZE,
				  .sock_state_cb = on_sock_state,
				  .sock_state_cb_data = chan};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
		   ARES_OPT_SOCK_STATE_CB;

	if (o->resolv_path) {
		ao.resolvconf_path = (char *)(uintptr_t)o->resolv_path;
		mask |= ARES_OPT_RESOLVCONF;
	}
	return ares_init_options(ares_r, &ao, mask);
}

static void print_server(struct gc_dns_chan *chan, const struct ares_addr_port_node *n)
{
	union gc_addr a = {0};
	char text[INET6_ADDRSTRLEN];

	a.sa.sa_family = (sa_family_t)n->family;
	if (n->family == AF_INET)
		a.in.sin_addr = n->addr.addr4;
	else
		memcpy(&a.in6.sin6_addr, &n->addr.addr6, sizeof(a.in6.sin6_addr));
	gc_addr_print(&a, text, sizeof(text));
	if (n->udp_port == 0 || n->udp_port == 53)
		(void)snprintf(chan->text, sizeof(chan->text), "%s", text);
	else
		(void)snprintf(chan->text, sizeof(chan->text),
			       n->family == AF_INET ? "%s:%d" : "[%s]:%d", text, n->udp_port);
}

static int add_server(struct gc_dns_conf *c, const struct gc_dns_conf_options *o,
		      const struct ares_addr_port_node *server)
{
	struct ares_addr_port_node one = *server;
	struct gc_dns_chan *chan = calloc(1, sizeof(*chan));
	int err;

	if (!chan)
		return ARES_ENOMEM;
	one.next = NULL;
	chan->conf = c;
	chan->ifindex = -1;
	err = open_channel(o, chan, &chan->ares);
	if (err != ARES_SUCCESS) {
		free(chan);
		return err;
	}
	c->chans[c->n_servers++] = chan;
	print_server(chan, &one);
	ares_set_socket_configure_callback(chan->ares, gc_dns_bind_zone, &chan->ifindex);
	return ares_set_servers_ports(chan->ares, &one);
}

static int add_zoned(struct gc_dns_conf *c, const struct gc_dns_conf_options *o,
		     const struct gc_dns_zone *z)
{
	struct ares_addr_port_node one = {.family = AF_INET6};
	int err;

	memcpy(&one.addr.addr6, &z->addr, sizeof(one.addr.addr6));
	err = add_server(c, o, &one);
	if (err == ARES_SUCCESS) {
		struct gc_dns_chan *chan = c->chans[c->n_servers - 1];
		size_t len = strlen(chan->text);
		chan->ifindex = z->ifindex;
		(void)snprintf(chan->text + len, sizeof(chan->text) - len, "%%%s", z->zone);
	}
	return err;
}

/* Those that c-ares has read, and those with a zone at their places between. */
static int add_servers(struct gc_dns_conf *c, const struct gc_dns_conf_options *o,
		       const struct ares_addr_port_node *s)
{
	struct gc_dns_zoned zoned = {.n = 0};
	unsigned at = 0, n_plain = 0;
	int err = ARES_SUCCESS;

	if (!o->nameservers)
		gc_dns_zoned_read(&zoned, o->resolv_path);
	if (zoned.n > 0 && zoned.n_plain == 0)
		s = NULL; /* what c-ares asks where it finds none */
	while (err == ARES_SUCCESS && c->n_servers < GC_DNS_SERVERS && (s || at < zoned.n)) {
		if (at < zoned.n && (!s || zoned.zones[at].n_before <= n_plain)) {
			err = add_zoned(c, o, &zoned.zones[at++]);
		} else {
			err = add_server(c, o, s);
			s = s->next;
			n_plain++;
		}
	}
	return err;
}

static int copy_search(struct gc_dns_conf *c, ares_channel probe)
{
	struct ares_options ao = {0};
	int mask = 0, err = ares_save_options(probe, &ao, &mask);

	if (err != ARES_SUCCESS)
		return err;
	c->ndots = ao.ndots;
	c->domains = calloc((size_t)ao.ndomains + 1, sizeof(char *));
	for (int i = 0; c->domains && i < ao.ndomains; i++) {
		c->domains[i] = strdup(ao.domains[i]);
		if (!c->domains[i])
			break;
		c->n_domains++;
	}
	err = c->domains && c->n_domains == ao.ndomains ? ARES_SUCCESS : ARES_ENOMEM;
	ares_destroy_options(&ao);
	return err;
}

/* A first channel reads the configuration; then one is made for each server that it found. */
static int load(struct gc_dns_conf *c, const struct gc_dns_conf_options *o)
{
	struct ares_addr_port_node *servers = NULL;
	ares_channel probe;
	int err = open_channel(o, NULL, &probe);

	if (err != ARES_SUCCESS)
		return err;
	if (o->nameservers)
		err = ares_set_servers_ports_csv(probe, o->nameservers);
	if (err == ARES_SUCCESS)
		err = copy_search(c, probe);
	if (err == ARES_SUCCESS)
		err = ares_get_servers_ports(probe, &servers);
	if (err == ARES_SUCCESS)
		err = add_servers(c, o, servers);
	if (err == ARES_SUCCESS && c->n_servers == 0)
		err = ARES_EBADSTR;
	if (servers)
		ares_free_data(servers);
	ares_destroy(probe);
	return err;
}

static void no_one(void *arg)
{
	(void)arg;
}

int gc_dns_conf_create(uv_loop_t *loop, const struct gc_dns_conf_options *o,
		       void (*gone)(void *arg), void *arg, struct gc_dns_conf **conf_r, char *err,
		       size_t err_len)
{
	struct gc_dns_conf *c = calloc(1, sizeof(*c));

	*conf_r = NULL;
	if (!c) {
		(void)snprintf(err, err_len, "out of memory");
		return GC_ENOMEM;
	}
	c->loop = loop;
	c->gone = no_one;
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	c->n_open = 1;
	int status = load(c, o);

	if (status != ARES_SUCCESS) {
		if (o->nameservers && status == ARES_EBADSTR)
			(void)snprintf(err, err_len, "\"%s\" is not a list of DNS server addresses",
				       o->nameservers);
		else
			(void)snprintf(err, err_len, "the resolver configuration: %s",
				       ares_strerror(status));
		gc_dns_conf_tear_down(c);
		return status == ARES_ENOMEM ? GC_ENOMEM : GC_EINVAL;
	}
	c->gone = gone;
	c->arg = arg;
	*conf_r = c;
	return 0;
}

/* ---- ending one ---- */

void gc_dns_conf_tear_down(struct gc_dns_conf *c)
{
	if (c->is_torn_down)
		return;
	c->is_dropped = c->is_torn_down = true;
	for (unsigned i = 0; i < c->n_servers; i++)
		ares_destroy(c->chans[i]->ares);
	uv_close((uv_handle_t *)&c->timer, on_timer_close);
}

static void settle_next_turn(struct gc_dns_conf *c)
{
	if (is_idle(c) && !c->is_torn_down)
		uv_timer_start(&c->timer, on_timer, 0, 0);
}

void gc_dns_conf_drop(struct gc_dns_conf *c)
{
	c->is_dropped = true;
	settle_next_turn(c);
}

void gc_dns_conf_release(struct gc_dns_conf *c)
{
	c->n_users--;
	settle_next_turn(c);
}
