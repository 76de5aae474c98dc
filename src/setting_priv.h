/* Between setting.c (the options of an instance) and option.c (one option). */
#ifndef GC_SETTING_PRIV_H
#define GC_SETTING_PRIV_H

#include "plugin.h"

/* An option's type without GC_LIST. */
#define GC_BASE_TYPE(option) ((option)->type & ~(uint32_t)GC_LIST)

struct gc_value {
	const char *str; /* text; NULL for numbers */
	int64_t num;
};

/* 0; GC_EINVAL: wrong type or out of range; GC_ENOMEM. Text is copied into the arena. */
int gc_option_convert(struct gc_arena *a, const struct gc_option *o, const struct gc_term *t,
		      struct gc_value *v);
void gc_option_put(const struct gc_option *o, const struct gc_value *v, struct gc_buf *etf);

#endif
