/* EPMD lookups, at most GC_EPMD_PER_HOST at once for each EPMD; the rest waits in line. Owner: the node's
 * table of EPMDs, whose entries live while somebody asks there. Loop thread. */
#include "node_priv.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct gc_lookup {
	struct gc_epmd_host *host;
	struct gc_epmd_query *query; /* NULL: in line */
	struct gc_lookup *prev, *next;
	uint64_t timeout_ms;
	gc_epmd_port_cb cb;
	void *arg;
	const char *name; /* of the node; borrowed */
};

struct gc_epmd_host {
	struct gc_node *n;
	union gc_addr addr; /* the key, zeroed where it has no meaning */
	size_t n_asking;
	struct gc_lookup *line;
	UT_hash_handle hh;
};

static struct gc_epmd_host *host_of(struct gc_node *n, const union gc_addr *addr)
{
	struct gc_epmd_host *h;

	HASH_FIND(hh, n->epmd_hosts, addr, sizeof(*addr), h);
	if (h)
		return h;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->n = n;
	h->addr = *addr;
	HASH_ADD(hh, n->epmd_hosts, addr, sizeof(*addr), h);
	if (!h->hh.tbl) {
		free(h);
		return NULL;
	}
	return h;
}

static void on_answer(void *arg, const struct gc_fail *fail, const struct gc_epmd_node *node);

static bool ask(struct gc_lookup *l)
{
	char alive[GC_NODE_MAX + 1];

	(void)gc_name_alive(l->name, alive, sizeof(alive));
	l->query = gc_epmd_lookup(l->host->n->c.loop, &l->host->addr.sa, alive, l->timeout_ms,
				  on_answer, l);
	l->host->n_asking += l->query != NULL;
	return l->query != NULL;
}

/* Somebody is done there: the next in line, or nobody is left. */
static void next_in_line(struct gc_epmd_host *h)
{
	while (h->line && h->n_asking < GC_EPMD_PER_HOST) {
		struct gc_lookup *l = h->line;
		static const struct gc_fail no_memory = {.err = GC_ENOMEM, .stage = GC_STAGE_EPMD};

		DL_DELETE(h->line, l);
		if (!ask(l)) {
			h->n_asking++; /* keeps h over the callback */
			l->cb(l->arg, &no_memory, NULL);
			h->n_asking--;
			free(l);
		}
	}
	if (!h->line && h->n_asking == 0) {
		HASH_DELETE(hh, h->n->epmd_hosts, h);
		free(h);
	}
}

static void on_answer(void *arg, const struct gc_fail *fail, const struct gc_epmd_node *node)
{
	struct gc_lookup *l = arg;
	struct gc_epmd_host *h = l->host;

	l->cb(l->arg, fail, node);
	free(l);
	h->n_asking--;
	next_in_line(h);
}

struct gc_lookup *gc_lookup_start(struct gc_node *n, const union gc_addr *addr, const char *name,
				  uint64_t timeout_ms, gc_epmd_port_cb cb, void *arg)
{
	struct gc_lookup *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->timeout_ms = timeout_ms;
	l->name = name;
	l->cb = cb;
	l->arg = arg;
	l->host = host_of(n, addr);
	if (l->host && l->host->n_asking >= GC_EPMD_PER_HOST) {
		DL_APPEND(l->host->line, l);
		return l;
	}
	if (l->host && ask(l))
		return l;
	if (l->host)
		next_in_line(l->host);
	free(l);
	return NULL;
}

void gc_lookup_cancel(struct gc_lookup *l)
{
	struct gc_epmd_host *h;

	if (!l)
		return;
	h = l->host;
	if (l->query) {
		gc_epmd_cancel(l->query);
		h->n_asking--;
	} else {
		DL_DELETE(h->line, l);
	}
	free(l);
	next_in_line(h);
}
