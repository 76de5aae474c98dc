/* The store of the cluster state machine: a table of nodes by name, a heap of their due times, and
 * the queue of actions. Making a node is the one place where memory is needed: it also makes room
 * in heap and queue, so that whatever comes later cannot fail half-way. Owner: struct gc_cluster.
 */
#include "cluster_priv.h"

#include "check.h"
#include "name.h"

#include <stdlib.h>
#include <string.h>

#define ACTIONS_A_NODE 3 /* no call causes more for one node: an event, a cancel, a close */
#define WORDS_MAX 64
#define WORD_LEN_MAX 255 /* of an atom */

/* ---- due times: a binary heap ---- */
static void heap_put(struct gc_cluster *c, size_t at, struct gc_known *n)
{
	c->heap[at] = n;
	n->heap_at = (uint32_t)at;
}

static void heap_up(struct gc_cluster *c, size_t at)
{
	struct gc_known *n = c->heap[at];

	while (at > 0 && c->heap[(at - 1) / 2]->due_ms > n->due_ms) {
		heap_put(c, at, c->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_put(c, at, n);
}

static void heap_down(struct gc_cluster *c, size_t at)
{
	struct gc_known *n = c->heap[at];

	for (size_t kid; (kid = 2 * at + 1) < c->n_heap; at = kid) {
		if (kid + 1 < c->n_heap && c->heap[kid + 1]->due_ms < c->heap[kid]->due_ms)
			kid++;
		if (c->heap[kid]->due_ms >= n->due_ms)
			break;
		heap_put(c, at, c->heap[kid]);
	}
	heap_put(c, at, n);
}

static void heap_take_out(struct gc_cluster *c, struct gc_known *n)
{
	size_t at = n->heap_at;
	struct gc_known *last = c->heap[--c->n_heap];

	if (last == n)
		return;
	heap_put(c, at, last);
	heap_up(c, at);
	heap_down(c, last->heap_at);
}

void gc_known_set_due(struct gc_cluster *c, struct gc_known *n, uint64_t due_ms)
{
	if (n->due_ms == due_ms)
		return;
	if (n->due_ms != GC_FOREVER)
		heap_take_out(c, n);
	n->due_ms = due_ms;
	if (due_ms == GC_FOREVER)
		return;
	GC_REQUIRE(c->n_heap < c->room);
	heap_put(c, c->n_heap++, n);
	heap_up(c, n->heap_at);
}

uint64_t gc_known_due(const struct gc_cluster *c)
{
	return c->n_heap > 0 ? c->heap[0]->due_ms : GC_FOREVER;
}

/* ---- the queue ---- */
static bool queue_grow(struct gc_cluster *c, size_t room)
{
	struct gc_queued *queue = calloc(room, sizeof(*queue));

	if (!queue)
		return false;
	for (size_t i = 0; i < c->n_queue; i++)
		queue[i] = c->queue[(c->queue_at + i) % c->queue_room];
	free(c->queue);
	c->queue = queue;
	c->queue_room = room;
	c->queue_at = 0;
	return true;
}

void gc_queue_push(struct gc_cluster *c, enum gc_action_type type, struct gc_known *n,
		   const char *reason)
{
	/* only a caller that does not empty the queue between calls ever gets here */
	if (c->n_queue == c->queue_room)
		GC_REQUIRE(queue_grow(c, 2 * c->queue_room));
	c->queue[(c->queue_at + c->n_queue++) % c->queue_room] =
	    (struct gc_queued){.node = n, .reason = reason, .type = type};
	if (n)
		n->queued++;
}

static void fill(struct gc_action *a, const struct gc_known *n)
{
	a->node = n->name;
	a->instance = n->origin ? n->origin->name : NULL;
	a->hidden_ok = n->want != NULL;
	if (a->type == GC_DO_DIAL)
		gc_naming_place(n, &a->address, &a->port);
	else
		gc_known_place(n, &a->address, &a->port);
}

bool gc_cluster_next(struct gc_cluster *c, struct gc_action *a)
{
	struct gc_known *popped = c->popped;

	c->popped = NULL;
	if (popped) {
		popped->queued--;
		gc_known_release(c, popped);
	}
	if (c->n_queue == 0)
		return false;
	struct gc_queued q = c->queue[c->queue_at];
	c->queue_at = (c->queue_at + 1) % c->queue_room;
	c->n_queue--;
	*a = (struct gc_action){.type = q.type, .reason = q.reason};
	if (q.type == GC_DO_NODEUP || q.type == GC_DO_NODEDOWN || q.type == GC_DO_READY)
		a->seq = ++c->popped_seq;
	if (q.type == GC_DO_READY)
		a->count = c->ready_count;
	c->popped = q.node;
	if (q.node)
		fill(a, q.node);
	return true;
}

/* ---- reasons ---- */
struct gc_word {
	struct gc_word *next;
	char text[];
};

/* Reasons of losses are a handful of atoms; should a backend make them up without end, the rest is
 * told as connection_closed. */
const char *gc_cluster_word(struct gc_cluster *c, const char *reason)
{
	const char *fallback = gc_err_name(GC_EOF);
	size_t len = reason ? strlen(reason) : 0;
	int err = len ? gc_err_from_name(reason) : 0;

	if (err)
		return gc_err_name(err);
	if (len == 0 || len > WORD_LEN_MAX)
		return fallback;
	for (struct gc_word *w = c->words; w; w = w->next)
		if (strcmp(w->text, reason) == 0)
			return w->text;
	struct gc_word *w = c->n_words < WORDS_MAX ? malloc(sizeof(*w) + len + 1) : NULL;
	if (!w)
		return fallback;
	memcpy(w->text, reason, len + 1);
	w->next = c->words;
	c->words = w;
	c->n_words++;
	return w->text;
}

static void free_words(struct gc_cluster *c)
{
	for (struct gc_word *w = c->words, *next; w; w = next) {
		next = w->next;
		free(w);
	}
}

/* ---- nodes ---- */
static bool grow_arrays(struct gc_cluster *c, size_t room)
{
	void *heap = realloc(c->heap, room * sizeof(*c->heap));

	if (!heap)
		return false;
	c->heap = heap;
	void *sorted = realloc(c->sorted, room * sizeof(*c->sorted));
	if (!sorted)
		return false;
	c->sorted = sorted;
	/* one more for READY */
	if (c->queue_room < room * ACTIONS_A_NODE + 1 && !queue_grow(c, room * ACTIONS_A_NODE + 1))
		return false;
	c->room = room;
	return true;
}

bool gc_known_init(struct gc_cluster *c)
{
	return grow_arrays(c, 16);
}

static bool make_room(struct gc_cluster *c)
{
	if (c->n_nodes < c->room)
		return true;
	if (c->room > UINT32_MAX / 2)
		return false;
	return grow_arrays(c, c->room + c->room / 2);
}

struct gc_known *gc_known_find(const struct gc_cluster *c, const char *name)
{
	struct gc_known *n;

	HASH_FIND_STR(c->nodes, name, n);
	return n;
}

static struct gc_known *known_create(struct gc_cluster *c, const char *name, size_t len)
{
	struct gc_known *n = make_room(c) ? calloc(1, sizeof(*n) + len + 1) : NULL;

	if (!n)
		return NULL;
	memcpy(n->name, name, len + 1);
	n->due_ms = GC_FOREVER;
	n->has_credit = true;
	HASH_ADD_KEYPTR(hh, c->nodes, n->name, len, n);
	if (!n->hh.tbl) {
		free(n);
		return NULL;
	}
	c->n_nodes++;
	return n;
}

struct gc_known *gc_known_get(struct gc_cluster *c, const char *name)
{
	struct gc_known *n = gc_known_find(c, name);
	size_t len = strlen(name);

	if (n || !gc_name_ok(name, len))
		return n;
	return known_create(c, name, len);
}

static void known_free(struct gc_known *n)
{
	gc_source_unref(n->origin);
	gc_want_free(n->want);
	free(n->address);
	free(n->fail_detail);
	free(n);
}

static bool is_idle(const struct gc_known *n)
{
	return !n->namings && !n->want && !n->linked && !n->connected && !n->orphan &&
	       !n->dialling && !n->joining && !n->leaving && n->queued == 0;
}

void gc_known_release(struct gc_cluster *c, struct gc_known *n)
{
	if (!is_idle(n))
		return;
	gc_known_set_due(c, n, GC_FOREVER);
	HASH_DEL(c->nodes, n);
	c->n_nodes--;
	known_free(n);
}

void gc_known_destroy_all(struct gc_cluster *c)
{
	struct gc_known *n, *next;

	HASH_ITER(hh, c->nodes, n, next)
	{
		while (n->namings)
			gc_naming_remove(c, n->namings);
		HASH_DEL(c->nodes, n);
		known_free(n);
	}
	free_words(c);
	free(c->heap);
	free(c->sorted);
	free(c->queue);
}

void gc_known_count(struct gc_cluster *c, struct gc_known *n)
{
	bool is_peer = n->namings || n->member;

	if (is_peer && !n->is_peer)
		c->n_peers++;
	if (!is_peer && n->is_peer)
		c->n_peers--;
	n->is_peer = is_peer;
}

bool gc_known_set_text(char **slot, const char *s)
{
	if (s && !*s)
		s = NULL;
	if (*slot == s || (*slot && s && strcmp(*slot, s) == 0))
		return true;
	char *copy = s ? strdup(s) : NULL;
	if (s && !copy)
		return false;
	free(*slot);
	*slot = copy;
	return true;
}

void gc_known_note(struct gc_cluster *c, struct gc_known *n, const struct gc_fail *fail)
{
	n->fail_err = fail->err;
	n->fail_stage = (uint8_t)fail->stage;
	n->fail_ms = c->now_ms;
	if (!gc_known_set_text(&n->fail_detail, fail->detail))
		gc_known_set_text(&n->fail_detail, NULL); /* better none than an old one */
}

void gc_known_place(const struct gc_known *n, const char **address_r, uint16_t *port_r)
{
	if (!n->address) {
		gc_naming_place(n, address_r, port_r);
		return;
	}
	*address_r = n->address;
	*port_r = n->port;
}
