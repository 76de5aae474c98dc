/* What both makers of trees (etf_decode.c, term_text.c) need: a stack of finished terms that wait
 * for their container. */
#ifndef GC_TERM_BUILD_H
#define GC_TERM_BUILD_H

#include "term.h"

struct gc_term_stack {
	struct gc_arena *a;
	const struct gc_term **values; /* malloc'd */
	size_t n, cap;
};
void gc_term_stack_deinit(struct gc_term_stack *s);
/* t NULL: GC_ENOMEM, so that the result of an allocation can be handed in. */
int gc_term_push(struct gc_term_stack *s, const struct gc_term *t);
/* Moves all values from `at` on into t as its items. */
int gc_term_take(struct gc_term_stack *s, struct gc_term *t, size_t at);
/* As gc_term_take; a list of code points becomes a STRING with its text. */
int gc_term_take_list(struct gc_term_stack *s, struct gc_term *t, size_t at);
/* Gives t a copy of the text; NULL: no memory, or t was NULL. */
struct gc_term *gc_term_set_text(struct gc_arena *a, struct gc_term *t, const void *p, size_t len);

#endif
