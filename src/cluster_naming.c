/* Who names whom, and who is wanted: discovery instances ("sources"), and for each node the list of
 * those that name it, with the address and port each of them told. Owner: struct gc_cluster. */
#include "cluster_priv.h"

#include "name.h"

#include <stdlib.h>
#include <string.h>

/* ---- sources ---- */
struct gc_source *gc_source_find(const struct gc_cluster *c, const char *name)
{
	struct gc_source *s = c->sources;

	while (s && strcmp(s->name, name) != 0)
		s = s->next;
	return s;
}

/* Views list the instances of a node: room for all of them, beforehand. */
static bool make_room(struct gc_cluster *c)
{
	void *p = realloc(c->instances, (c->n_sources + 1) * sizeof(*c->instances));

	if (p)
		c->instances = p;
	return p != NULL;
}

struct gc_source *gc_source_get(struct gc_cluster *c, const char *name)
{
	struct gc_source *s = gc_source_find(c, name);
	size_t len = strlen(name);

	if (s)
		return s;
	s = make_room(c) ? calloc(1, sizeof(*s) + len + 1) : NULL;
	if (!s)
		return NULL;
	memcpy(s->name, name, len + 1);
	s->refs = 1;
	s->next = c->sources;
	c->sources = s;
	c->n_sources++;
	return s;
}

void gc_source_unref(struct gc_source *s)
{
	if (s && --s->refs == 0)
		free(s);
}

void gc_source_drop(struct gc_cluster *c, struct gc_source *s)
{
	struct gc_source **at = &c->sources;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	c->n_sources--;
	gc_source_unref(s);
}

static void set_origin(struct gc_known *n, struct gc_source *s)
{
	s->refs++;
	gc_source_unref(n->origin);
	n->origin = s;
}

/* ---- namings ---- */
struct gc_naming *gc_naming_find(const struct gc_known *n, const struct gc_source *s)
{
	struct gc_naming *g = n->namings;

	while (g && g->source != s)
		g = g->next_of_node;
	return g;
}

static void link_to_node(struct gc_naming *g)
{
	struct gc_naming **at = &g->node->namings;

	while (*at)
		at = &(*at)->next_of_node;
	*at = g;
	set_origin(g->node, g->node->namings->source);
}

static void link_to_source(struct gc_naming *g)
{
	g->next = g->source->namings;
	if (g->next)
		g->next->prev = g;
	g->source->namings = g;
}

bool gc_naming_add(struct gc_cluster *c, struct gc_known *n, struct gc_source *s,
		   const struct gc_peer *peer)
{
	struct gc_naming *g = calloc(1, sizeof(*g));

	if (!g || !gc_known_set_text(&g->address, peer->address)) {
		free(g);
		return false;
	}
	g->node = n;
	g->source = s;
	g->port = peer->port;
	g->round = s->round;
	link_to_node(g);
	link_to_source(g);
	gc_known_count(c, n);
	return true;
}

void gc_naming_update(struct gc_naming *g, const struct gc_peer *peer)
{
	const char *new = peer->address ? peer->address : "";
	struct gc_known *n = g->node;

	if (g->port == peer->port && strcmp(g->address ? g->address : "", new) == 0)
		return;
	if (!gc_known_set_text(&g->address, peer->address))
		return; /* out of memory: the old place, until the next answer */
	g->port = peer->port;
	gc_known_set_text(&n->address, NULL);
}

void gc_naming_remove(struct gc_cluster *c, struct gc_naming *g)
{
	struct gc_known *n = g->node;
	struct gc_naming **at = &n->namings;

	while (*at != g)
		at = &(*at)->next_of_node;
	*at = g->next_of_node;
	if (n->namings)
		set_origin(n, n->namings->source);
	if (g->prev)
		g->prev->next = g->next;
	else
		g->source->namings = g->next;
	if (g->next)
		g->next->prev = g->prev;
	free(g->address);
	free(g);
	gc_known_count(c, n);
}

static uint32_t count_places(const struct gc_known *n)
{
	uint32_t count = n->want ? 1 : 0;

	for (const struct gc_naming *g = n->namings; g; g = g->next_of_node)
		count++;
	return count;
}

/* Sources may differ about where a node is: after a failure the next one is tried. */
void gc_naming_place(const struct gc_known *n, const char **address_r, uint16_t *port_r)
{
	uint32_t count = count_places(n), i = count ? n->fails % count : 0;
	const struct gc_naming *g = n->namings;

	*address_r = NULL;
	*port_r = 0;
	if (n->want && i-- == 0) {
		*address_r = n->want->address;
		*port_r = n->want->port;
		return;
	}
	while (g && i-- > 0)
		g = g->next_of_node;
	if (g) {
		*address_r = g->address;
		*port_r = g->port;
	}
}

/* ---- wanted links ---- */
void gc_want_free(struct gc_want *w)
{
	if (w)
		free(w->address);
	free(w);
}

int gc_known_want(struct gc_cluster *c, const char *name, const char *address, uint16_t port)
{
	bool is_self = c->config.self && strcmp(name, c->config.self) == 0;

	if (is_self || !gc_name_ok(name, strlen(name)))
		return GC_EINVAL;
	struct gc_known *n = gc_known_get(c, name);
	if (!n)
		return GC_ENOMEM;
	if (!n->want && !(n->want = calloc(1, sizeof(*n->want)))) {
		gc_known_release(c, n);
		return GC_ENOMEM;
	}
	n->want->count++;
	bool is_address_new = address && *address && gc_known_set_text(&n->want->address, address);
	if (is_address_new || port)
		n->want->port = port;
	uint64_t latest = gc_add_ms(c->now_ms, gc_known_max_pause(c, n));
	if (n->before_ms > latest)
		n->before_ms = latest;
	gc_known_step(c, n);
	return 0;
}

void gc_known_unwant(struct gc_cluster *c, const char *name)
{
	struct gc_known *n = gc_known_find(c, name);

	if (!n || !n->want || --n->want->count > 0)
		return;
	gc_want_free(n->want);
	n->want = NULL;
	gc_known_step(c, n);
}
