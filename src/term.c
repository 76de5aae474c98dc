/* Questions to a tree of terms; see term.h. Pure. Printing is in term_print.c. */
#include "term.h"

#include <string.h>

bool gc_term_is_atom(const struct gc_term *t, const char *name)
{
	return t && t->type == GC_TERM_ATOM && t->text_len == strlen(name) &&
	       memcmp(t->text, name, t->text_len) == 0;
}

bool gc_term_is_tuple(const struct gc_term *t, size_t n, const char *tag)
{
	if (!t || t->type != GC_TERM_TUPLE || (n != SIZE_MAX && t->n_items != n))
		return false;
	return !tag || (t->n_items > 0 && gc_term_is_atom(t->items[0], tag));
}

static const struct gc_term *get_from_map(const struct gc_term *map, const char *key)
{
	for (size_t i = 0; i + 1 < map->n_items; i += 2) {
		if (gc_term_is_atom(map->items[i], key))
			return map->items[i + 1];
	}
	return NULL;
}

static const struct gc_term *get_from_list(const struct gc_term *list, const char *key)
{
	static const struct gc_term yes = {.type = GC_TERM_ATOM, .text = "true", .text_len = 4};

	for (size_t i = 0; i < list->n_items; i++) {
		const struct gc_term *t = list->items[i];
		if (gc_term_is_tuple(t, 2, key))
			return t->items[1];
		if (gc_term_is_atom(t, key))
			return &yes;
	}
	return NULL;
}

const struct gc_term *gc_term_get(const struct gc_term *map, const char *key)
{
	if (!map)
		return NULL;
	if (map->type == GC_TERM_MAP)
		return get_from_map(map, key);
	return map->type == GC_TERM_LIST ? get_from_list(map, key) : NULL;
}

const char *gc_term_text(const struct gc_term *t)
{
	if (!t)
		return NULL;
	if (t->type == GC_TERM_LIST)
		return t->n_items ? NULL : "";
	if (t->type != GC_TERM_ATOM && t->type != GC_TERM_BINARY && t->type != GC_TERM_STRING)
		return NULL;
	return strlen(t->text) == t->text_len ? t->text : NULL;
}
