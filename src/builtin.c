/* The table of plugins linked in; see builtin.h. Constant data. */
#include "builtin.h"

const gc_plugin_entry_fn gc_builtins[] = {
#define GC_BUILTIN_ROW(name) gc_plugin_entry_##name,
    GC_BUILTIN_MAP(GC_BUILTIN_ROW)
#undef GC_BUILTIN_ROW
	NULL,
};
