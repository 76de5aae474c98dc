/* Making of trees; see term_build.h. Pure. */
#include "term_build.h"

#include "err.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

void gc_term_stack_deinit(struct gc_term_stack *s)
{
	free(s->values);
}

int gc_term_push(struct gc_term_stack *s, const struct gc_term *t)
{
	if (!t)
		return GC_ENOMEM;
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 64;
		const struct gc_term **more = realloc(s->values, cap * sizeof(struct gc_term *));
		if (!more)
			return GC_ENOMEM;
		s->values = more;
		s->cap = cap;
	}
	s->values[s->n++] = t;
	return 0;
}

int gc_term_take(struct gc_term_stack *s, struct gc_term *t, size_t at)
{
	size_t n = s->n - at;
	const struct gc_term **items = n ? gc_arena_alloc(s->a, n * sizeof(*items)) : NULL;

	if (n && !items)
		return GC_ENOMEM;
	if (n)
		memcpy(items, s->values + at, n * sizeof(*items));
	t->items = items;
	t->n_items = n;
	s->n = at;
	return 0;
}

static bool is_text(const struct gc_term *t, size_t *len_r)
{
	char utf8[4];

	*len_r = 0;
	for (size_t i = 0; i < t->n_items; i++) {
		const struct gc_term *item = t->items[i];
		if (item->type != GC_TERM_INT || item->integer < 0 || item->integer > 0x10ffff)
			return false;
		size_t len = gc_utf8_put((uint32_t)item->integer, utf8);
		if (len == 0)
			return false;
		*len_r += len;
	}
	return t->n_items > 0;
}

int gc_term_take_list(struct gc_term_stack *s, struct gc_term *t, size_t at)
{
	size_t len;
	int rc = gc_term_take(s, t, at);

	t->type = GC_TERM_LIST;
	if (rc || !is_text(t, &len))
		return rc;
	char *text = gc_arena_alloc(s->a, len + 1);
	if (!text)
		return GC_ENOMEM;
	t->type = GC_TERM_STRING;
	t->text = text;
	t->text_len = len;
	for (size_t i = 0; i < t->n_items; i++)
		text += gc_utf8_put((uint32_t)t->items[i]->integer, text);
	return 0;
}

struct gc_term *gc_term_set_text(struct gc_arena *a, struct gc_term *t, const void *p, size_t len)
{
	if (!t)
		return NULL;
	t->text = gc_arena_strndup(a, p, len);
	t->text_len = len;
	return t->text ? t : NULL;
}
