/* The validator of external terms, and the splitter for control messages. Pure; one pass, no
 * recursion: a frame for each open container, GC_ETF_MAX_DEPTH of them at most.
 *
 * A list whose tail is written as another list (what ei makes of one-by-one encoding) goes on in
 * the same frame: it is one list and no deeper.
 *
 * A map with the same key twice is no term: binary_to_term/1 refuses it, and a node that gets one
 * in a message cuts the connection. Keys can be equal without being the same bytes (1 in five
 * encodings, a string as bytes or as list), so each key gets a 64-bit hash of its value, made on
 * the way; two alike refuse the map. That distinct keys collide by chance is unlikely (1e-10 for
 * 100,000 keys); one who makes them collide on purpose has only his own term refused. */
#include "etf_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- hashes of values: equal for equal terms, whatever the encoding ---- */

/* Not the same for (a, b) and (b, a). */
static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h * 0xff51afd7ed558ccdu + 1) ^ v;
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15u;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return h ^ h >> 32;
}

static uint64_t mix_bytes(uint64_t h, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return mix(h, len);
}

static uint64_t mix_atom(uint64_t h, const struct gc_head_atom *a)
{
	char name[GC_ATOM_MAX + 1];
	size_t len = gc_head_atom_text(a, name);

	return mix_bytes(h, (const uint8_t *)name, len);
}

static uint64_t hash_int(int64_t v)
{
	return mix(GC_HEAD_INT, (uint64_t)v);
}

static uint64_t hash_float(double v)
{
	uint64_t bits = 0;

	if (v != 0) /* 0.0 and -0.0 are one key before release 27 */
		memcpy(&bits, &v, sizeof(bits));
	return mix(GC_HEAD_FLOAT, bits);
}

static uint64_t hash_bits(const struct gc_head *h)
{
	uint64_t sum = mix_bytes(GC_HEAD_BITS, h->p, h->len - 1);

	return mix(mix(sum, h->bits), h->p[h->len - 1] >> (8 - h->bits));
}

static uint64_t hash_leaf(const struct gc_head *h)
{
	switch (h->kind) {
	case GC_HEAD_INT:
		return hash_int(h->integer);
	case GC_HEAD_FLOAT:
		return hash_float(h->real);
	case GC_HEAD_BITS:
		return hash_bits(h);
	case GC_HEAD_BIG:
		return mix_bytes(mix(h->kind, h->is_negative), h->p, h->len);
	case GC_HEAD_BINARY:
		return mix_bytes(h->kind, h->p, h->len);
	case GC_HEAD_REF:
		return mix_bytes(mix_atom(mix(h->kind, h->creation), &h->atom), h->p, h->len);
	case GC_HEAD_EXPORT:
		return mix(mix_atom(mix_atom(h->kind, &h->atom), &h->fname), h->id);
	default: /* an atom, a pid, a port, []; what does not apply is 0 */
		return mix(mix(mix(mix_atom(h->kind, &h->atom), h->id), h->serial), h->creation);
	}
}

/* ---- the walk ---- */

struct frame {
	enum gc_head_kind kind;
	bool is_hashed;	    /* it lies within a key */
	uint64_t left;	    /* terms still to come, the tail of a list included */
	uint64_t sum;	    /* hash so far */
	uint64_t key;	    /* of a map: hash of the key whose value comes next */
	size_t keys_at;	    /* of a map: where its keys begin in walk.keys */
	const uint8_t *end; /* of a fun */
};

#define KEYS_FIXED 32

struct walk {
	struct gc_reader r;
	struct frame frames[GC_ETF_MAX_DEPTH];
	size_t depth, max_depth;
	uint64_t fixed[KEYS_FIXED]; /* hashes of the keys of all open maps; moves to the heap */
	uint64_t *keys;
	size_t n_keys, cap_keys;
};

static struct frame *top(struct walk *w)
{
	return w->depth ? &w->frames[w->depth - 1] : NULL;
}

static bool at_key(const struct frame *f)
{
	return f->kind == GC_HEAD_MAP && f->left % 2 == 0;
}

static int add_key(struct walk *w, uint64_t hash)
{
	if (w->n_keys == w->cap_keys) {
		size_t size = w->cap_keys * sizeof(*w->keys);
		uint64_t *more = realloc(w->keys == w->fixed ? NULL : w->keys, 2 * size);
		if (!more)
			return GC_ENOMEM;
		if (w->keys == w->fixed)
			memcpy(more, w->fixed, size);
		w->keys = more;
		w->cap_keys *= 2;
	}
	w->keys[w->n_keys++] = hash;
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Takes the keys of a finished map off. */
static bool has_twins(struct walk *w, const struct frame *f)
{
	uint64_t *keys = w->keys + f->keys_at;
	size_t n = w->n_keys - f->keys_at;

	w->n_keys = f->keys_at;
	if (n > 1)
		qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < n; i++) {
		if (keys[i] == keys[i - 1])
			return true;
	}
	return false;
}

/* One child of f is complete. The sum of a map does not depend on the order of its pairs. */
static int count_child(struct walk *w, struct frame *f, uint64_t hash)
{
	bool is_key = at_key(f);

	f->left--;
	if (is_key) {
		f->key = hash;
		return add_key(w, hash);
	}
	if (f->is_hashed)
		f->sum = f->kind == GC_HEAD_MAP ? f->sum + mix(f->key, hash) : mix(f->sum, hash);
	return 0;
}

static int close_frame(struct walk *w, const struct frame *f)
{
	if (f->kind == GC_HEAD_FUN && f->end != w->r.p)
		return GC_EPROTO;
	if (f->kind == GC_HEAD_MAP && has_twins(w, f))
		return GC_EPROTO;
	return 0;
}

/* A term is complete, and with it perhaps those around it. */
static int complete(struct walk *w, uint64_t hash)
{
	struct frame *f;

	while ((f = top(w)) != NULL) {
		int rc = count_child(w, f, hash);
		if (rc)
			return rc;
		if (f->left > 0)
			return 0;
		rc = close_frame(w, f);
		if (rc)
			return rc;
		hash = f->sum;
		w->depth--;
	}
	return 0;
}

static bool is_wanted(const struct frame *f)
{
	return f && (f->is_hashed || at_key(f));
}

/* The tail of an open list is the next term. */
static bool at_tail(const struct frame *f)
{
	return f && f->kind == GC_HEAD_LIST && f->left == 1;
}

static uint64_t add_string(uint64_t sum, const struct gc_head *h)
{
	for (size_t i = 0; i < h->len; i++)
		sum = mix(sum, hash_int(h->p[i]));
	return sum;
}

static uint64_t hash_nil(void)
{
	return hash_leaf(&(struct gc_head){.kind = GC_HEAD_NIL});
}

/* The value of "ab" is that of [97, 98]. */
static uint64_t hash_string(const struct gc_head *h)
{
	return h->len ? mix(add_string(GC_HEAD_LIST, h), hash_nil()) : hash_nil();
}

/* A whole string, on its own or as the tail of a list. */
static int take_string(struct walk *w, const struct gc_head *h)
{
	struct frame *f = top(w);

	if (at_tail(f) && f->is_hashed) {
		f->sum = add_string(f->sum, h);
		return complete(w, hash_nil());
	}
	return complete(w, is_wanted(f) ? hash_string(h) : 0);
}

static int take_leaf(struct walk *w, const struct gc_head *h)
{
	if (h->kind == GC_HEAD_STRING)
		return take_string(w, h);
	return complete(w, is_wanted(top(w)) ? hash_leaf(h) : 0);
}

static uint64_t seed(const struct gc_head *h)
{
	if (h->kind == GC_HEAD_FUN)
		return mix(mix_atom(h->kind, &h->atom), h->id);
	return mix(h->kind, h->n); /* the kind first, as everywhere: mix(n, kind) is that of an integer */
}

static int open_frame(struct walk *w, const struct gc_head *h)
{
	struct frame *around = top(w);
	bool is_hashed = is_wanted(around);

	if (w->depth == w->max_depth)
		return GC_ETOOBIG;
	w->frames[w->depth++] = (struct frame){
	    .kind = h->kind,
	    .is_hashed = is_hashed,
	    .left = h->kind == GC_HEAD_LIST ? (uint64_t)h->n + 1 : h->n,
	    .sum = h->kind == GC_HEAD_LIST ? GC_HEAD_LIST
		   : is_hashed		   ? seed(h)
					   : 0,
	    .keys_at = w->n_keys,
	    .end = h->end,
	};
	return 0;
}

static int take_list(struct walk *w, const struct gc_head *h)
{
	/* [] has a name of its own; what else may follow "list of 0" only wears a disguise */
	if (h->n == 0) {
		if (gc_read_u8(&w->r) != GC_ETF_NIL)
			return GC_EPROTO;
		return take_leaf(w, &(struct gc_head){.kind = GC_HEAD_NIL});
	}
	if (at_tail(top(w))) {
		top(w)->left += h->n;
		return 0;
	}
	return open_frame(w, h);
}

static int take_empty(struct walk *w, const struct gc_head *h)
{
	if (h->kind == GC_HEAD_FUN && h->end != w->r.p)
		return GC_EPROTO;
	return complete(w, is_wanted(top(w)) ? seed(h) : 0);
}

static int step(struct walk *w)
{
	struct gc_head h;
	int rc = gc_head_read(&w->r, &h);

	if (rc)
		return rc;
	if (h.kind < GC_HEAD_LIST)
		return take_leaf(w, &h);
	if (h.kind == GC_HEAD_LIST)
		return take_list(w, &h);
	return h.n ? open_frame(w, &h) : take_empty(w, &h);
}

static int64_t check(const uint8_t *p, size_t len, size_t max_depth)
{
	struct walk w;
	int rc;

	w.r = gc_reader(p, len);
	w.depth = 0;
	w.max_depth = max_depth;
	w.keys = w.fixed;
	w.n_keys = 0;
	w.cap_keys = KEYS_FIXED;
	do {
		rc = step(&w);
	} while (rc == 0 && w.depth > 0);
	if (w.keys != w.fixed)
		free(w.keys);
	return rc ? rc : (int64_t)(len - w.r.len);
}

int64_t gc_etf_check(const uint8_t *p, size_t len)
{
	return check(p, len, GC_ETF_MAX_DEPTH);
}

/* ---- the splitter and the small things ---- */

int gc_etf_tuple(const uint8_t *p, size_t len, struct gc_span *spans, size_t max)
{
	struct gc_reader r = gc_reader(p, len);
	struct gc_head h;

	if (gc_head_read(&r, &h) || h.kind != GC_HEAD_TUPLE || h.n > max)
		return GC_EPROTO;
	for (uint32_t i = 0; i < h.n; i++) {
		int64_t n = check(r.p, r.len, GC_ETF_MAX_DEPTH - 1);
		if (n < 0)
			return (int)n;
		spans[i] = (struct gc_span){r.p, (size_t)n};
		gc_read_bytes(&r, (size_t)n);
	}
	return (int)h.n;
}

static bool read_whole(struct gc_span s, struct gc_head *h, enum gc_head_kind kind)
{
	struct gc_reader r = gc_reader(s.p, s.len);

	return gc_head_read(&r, h) == 0 && r.len == 0 && h->kind == kind;
}

int gc_etf_int(struct gc_span s, int64_t *value_r)
{
	struct gc_head h;

	if (!read_whole(s, &h, GC_HEAD_INT))
		return GC_EPROTO;
	*value_r = h.integer;
	return 0;
}

/* A NUL inside would make one name look like another. */
static bool copy_name(const struct gc_head_atom *a, char *name_r)
{
	return gc_head_atom_text(a, name_r) == strlen(name_r);
}

int gc_etf_atom(struct gc_span s, char *name_r)
{
	struct gc_head h;

	if (!read_whole(s, &h, GC_HEAD_ATOM) || !copy_name(&h.atom, name_r))
		return GC_EPROTO;
	return 0;
}

int gc_etf_pid(struct gc_span s, char *node_r, uint32_t *id_r, uint32_t *serial_r,
	       uint32_t *creation_r)
{
	struct gc_head h;

	if (!read_whole(s, &h, GC_HEAD_PID))
		return GC_EPROTO;
	if (node_r && !copy_name(&h.atom, node_r))
		return GC_EPROTO;
	if (id_r)
		*id_r = (uint32_t)h.id;
	if (serial_r)
		*serial_r = h.serial;
	if (creation_r)
		*creation_r = h.creation;
	return 0;
}

int gc_etf_ref(struct gc_span s, uint32_t words_r[3])
{
	struct gc_head h;

	if (!read_whole(s, &h, GC_HEAD_REF))
		return GC_EPROTO;
	struct gc_reader words = gc_reader(h.p, h.len);
	for (size_t i = 0; words_r && i < 3; i++)
		words_r[i] = gc_read_u32(&words); /* past the end: 0 */
	return 0;
}
