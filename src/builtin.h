/* Plugins linked into the program: the same structs as in a .so, found by name before the plugin
 * path is searched. Such a file has, before it includes gc_plugin.h, #define GC_PLUGIN_ENTRY
 * gc_plugin_entry_NAME and a row here. */
#ifndef GC_BUILTIN_H
#define GC_BUILTIN_H

#include <gen_cluster/gc_plugin.h>

/* X(name) */
#define GC_BUILTIN_MAP(X) X(ei) X(erl)

#define GC_BUILTIN_DECLARE(name) const struct gc_plugin *gc_plugin_entry_##name(void);
GC_BUILTIN_MAP(GC_BUILTIN_DECLARE)
#undef GC_BUILTIN_DECLARE

/* The entry functions, ended by NULL. */
extern const gc_plugin_entry_fn gc_builtins[];

#endif
