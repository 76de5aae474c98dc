/* The peers of one answer; see peerset.h. An array, its strings in an arena, and an index of open
 * addressing over the names. */
#include "peerset.h"

#include "buf.h"
#include "err.h"
#include "name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define INDEX_MIN 32

struct gc_peerset {
	struct gc_peerset_rule rule;
	struct gc_arena *arena;
	struct gc_peer *peers;
	size_t n, cap;
	uint32_t *index; /* peer number + 1, 0: free; twice cap */
	size_t index_len;
	uint32_t rejected;
	int lack; /* why a valid peer is missing */
	char first_rejected[96];
};

struct gc_peerset *gc_peerset_create(const struct gc_peerset_rule *rule)
{
	struct gc_peerset *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->rule = *rule;
	s->arena = gc_arena_create(0);
	if (s->arena)
		return s;
	free(s);
	return NULL;
}

void gc_peerset_destroy(struct gc_peerset *s)
{
	if (!s)
		return;
	gc_arena_destroy(s->arena);
	free(s->peers);
	free(s->index);
	free(s);
}

void gc_peerset_clear(struct gc_peerset *s)
{
	s->n = 0;
	if (s->index)
		memset(s->index, 0, s->index_len * sizeof(*s->index));
}

/* ---- the index ---- */

static size_t hash(const char *name) /* FNV-1a */
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h;
}

/* The place of a name, or the free one where it belongs. index_len is a power of two and more than
 * half of it is free. */
static uint32_t *find_place(const struct gc_peerset *s, const char *name)
{
	size_t i = hash(name);

	for (;; i++) {
		uint32_t *place = &s->index[i & (s->index_len - 1)];
		if (*place == 0 || strcmp(s->peers[*place - 1].node, name) == 0)
			return place;
	}
}

static bool grow(struct gc_peerset *s)
{
	size_t cap = s->cap ? s->cap * 2 : INDEX_MIN / 2;
	struct gc_peer *peers = realloc(s->peers, cap * sizeof(*peers));

	if (!peers)
		return false;
	s->peers = peers;
	uint32_t *index = calloc(cap * 2, sizeof(*index));
	if (!index)
		return false;
	free(s->index);
	s->index = index;
	s->index_len = cap * 2;
	s->cap = cap;
	for (size_t i = 0; i < s->n; i++)
		*find_place(s, s->peers[i].node) = (uint32_t)i + 1;
	return true;
}

/* ---- adding ---- */

static int reject(struct gc_peerset *s, const char *node, int err)
{
	if (s->rejected < UINT32_MAX)
		s->rejected++;
	if (err == GC_ENOMEM || err == GC_EBUDGET)
		s->lack = err;
	if (!s->first_rejected[0])
		(void)snprintf(s->first_rejected, sizeof(s->first_rejected), "%.64s: %s",
			       node ? node : "(no name)",
			       err == GC_ENOTFOUND ? "a host, and no node_basename"
						   : gc_err_name(err));
	return err;
}

static bool is_address(const char *s)
{
	unsigned char bytes[16];

	return uv_inet_pton(AF_INET, s, bytes) == 0 ||
	       (!strchr(s, '%') && uv_inet_pton(AF_INET6, s, bytes) == 0);
}

static int add_named(struct gc_peerset *s, const char *node, const struct gc_peer *peer)
{
	if (s->n == s->cap && !grow(s))
		return GC_ENOMEM;
	uint32_t *place = find_place(s, node);
	if (*place)
		return 0;
	if (s->n >= s->rule.max_peers)
		return GC_EBUDGET;
	struct gc_peer *to = &s->peers[s->n];
	*to = (struct gc_peer){.port = peer->port};
	to->node = gc_arena_strndup(s->arena, node, strlen(node));
	if (peer->address)
		to->address = gc_arena_strndup(s->arena, peer->address, strlen(peer->address));
	if (!to->node || (peer->address && !to->address))
		return GC_ENOMEM;
	*place = (uint32_t)++s->n;
	return 0;
}

/* A host: one node for each basename. */
static int add_host(struct gc_peerset *s, const struct gc_peer *peer)
{
	char node[GC_NODE_MAX + 1];
	int rc = 0;

	if (s->rule.n_basenames == 0 && s->rule.keeps_hosts)
		return gc_host_ok(peer->node, strlen(peer->node)) ? add_named(s, peer->node, peer)
								  : GC_EBADNAME;
	if (s->rule.n_basenames == 0)
		return GC_ENOTFOUND;
	for (size_t i = 0; rc == 0 && i < s->rule.n_basenames; i++) {
		bool ok = gc_name_make(node, sizeof(node), s->rule.basenames[i], peer->node);
		rc = ok ? add_named(s, node, peer) : GC_EBADNAME;
	}
	return rc;
}

int gc_peerset_add(struct gc_peerset *s, const struct gc_peer *peer)
{
	size_t len = peer->node ? strnlen(peer->node, GC_NODE_MAX + 1) : 0;
	int rc;

	if (peer->address && (strnlen(peer->address, 64) == 64 || !is_address(peer->address)))
		rc = GC_EINVAL;
	else if (len == 0 || len > GC_NODE_MAX)
		rc = GC_EBADNAME;
	else if (!memchr(peer->node, '@', len))
		rc = add_host(s, peer);
	else if (gc_name_ok(peer->node, len))
		rc = add_named(s, peer->node, peer);
	else
		rc = GC_EBADNAME;
	return rc ? reject(s, peer->node, rc) : 0;
}

const struct gc_peer *gc_peerset_peers(const struct gc_peerset *s, size_t *n_r)
{
	*n_r = s->n;
	return s->peers;
}

int gc_peerset_lack(const struct gc_peerset *s)
{
	return s->lack;
}

uint32_t gc_peerset_rejected(const struct gc_peerset *s)
{
	return s->rejected;
}

const char *gc_peerset_first_rejected(const struct gc_peerset *s)
{
	return s->first_rejected;
}
