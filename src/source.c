/* Where nodes that have proved the cookie connected from, or were dialled: when too many connections are in their handshake
 * at once, those from elsewhere give way first. So a flood from ever so many addresses keeps out no node that has been here
 * before; and TLS, which takes a node milliseconds, makes it no easier. An address that has been proved once stays, until
 * GC_SOURCES others have been since. Owner: the node. Loop thread. */
#include "node_priv.h"

#include <stdlib.h>
#include <string.h>

#define GC_SOURCES 4096u

struct gc_source {
	uint8_t key[sizeof(((struct gc_net *)NULL)->addr) + 1];
	UT_hash_handle hh;
};

void gc_source_net(const union gc_addr *addr, struct gc_net *net_r)
{
	gc_net_of(net_r, addr, addr->sa.sa_family == AF_INET6 ? 64 : 32);
}

static struct gc_source *find(const struct gc_node *n, const union gc_addr *addr,
			      uint8_t key[static sizeof(((struct gc_source *)NULL)->key)])
{
	struct gc_source *s;
	struct gc_net net;

	gc_source_net(addr, &net);
	memcpy(key, net.addr, sizeof(net.addr));
	key[sizeof(net.addr)] = net.bits;
	HASH_FIND(hh, n->sources, key, sizeof(s->key), s);
	return s;
}

bool gc_source_is_proved(const struct gc_node *n, const union gc_addr *addr)
{
	uint8_t key[sizeof(((struct gc_source *)NULL)->key)];

	return find(n, addr, key) != NULL;
}

/* Oldest first. */
static void append(struct gc_node *n, struct gc_source *s)
{
	HASH_ADD(hh, n->sources, key, sizeof(s->key), s);
	if (!s->hh.tbl)
		free(s);
}

static void drop(struct gc_node *n, struct gc_source *s)
{
	HASH_DELETE(hh, n->sources, s);
	free(s);
}

void gc_source_prove(struct gc_node *n, const union gc_addr *addr)
{
	uint8_t key[sizeof(((struct gc_source *)NULL)->key)];
	struct gc_source *s = find(n, addr, key);

	if (s) {
		HASH_DELETE(hh, n->sources, s);
		append(n, s);
		return;
	}
	if (HASH_COUNT(n->sources) >= GC_SOURCES)
		drop(n, n->sources);
	s = calloc(1, sizeof(*s));
	if (!s)
		return;
	memcpy(s->key, key, sizeof(s->key));
	append(n, s);
}

void gc_source_forget_all(struct gc_node *n)
{
	while (n->sources)
		drop(n, n->sources);
}
