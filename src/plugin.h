/* The plugin host, lower half: finding a plugin, checking its ABI, holding its typed options, and
 * the host services table. Knows nothing of clusters, links or front ends. Loop thread.
 *
 * A name is looked up among aliases, then among plugins linked in (builtin.c), then as NAME.so on
 * the plugin path; "/path/x.so" is that file. A .so is refused, with its file and the reason, if it is
 * writable by others, its ABI is not ours, or a mandatory callback is missing. */
#ifndef GC_PLUGIN_HOST_H
#define GC_PLUGIN_HOST_H

#include "term.h"

#include <gen_cluster/gc_plugin.h>
#include <stdbool.h>

struct gc_module { /* one loaded plugin; shared by its instances, counted */
	char *file; /* NULL: linked in */
	const struct gc_plugin *plugin;
	struct gc_discovery discovery; /* copied, a missing tail is zero */
	struct gc_dist dist;
};

struct gc_plugin_path { /* where to look, in this order; borrowed strings */
	const char *const *dirs;
	size_t n_dirs;
};

/* The names of the Erlang library and short forms: "gc_discover_dns_srv" -> "dns" with preset
 * options as term text ("#{record_type => srv}"). Returns the canonical name and sets *preset_r
 * (NULL if none). Unknown names come back as they are. */
const char *gc_plugin_alias(const char *name, const char **preset_r);

/* Loads (or finds again) a plugin. 0 and a counted module, or negative with a sentence in err that
 * names file, field, expected and found. */
int gc_module_open(const struct gc_plugin_path *path, const char *name_or_file,
		   struct gc_module **module_r, char *err, size_t err_len);
struct gc_module *gc_module_share(struct gc_module *m); /* counts one more */
void gc_module_close(struct gc_module *m); /* drops a count; dlclose is skipped under sanitizers */
/* For `gen_cluster plugins`: every .so on the path and every one linked in; a refused one with err. */
typedef void (*gc_module_cb)(void *arg, const char *file, const struct gc_module *m,
			     const char *err);
void gc_module_each(const struct gc_plugin_path *path, gc_module_cb cb, void *arg);

/* ---- typed options (setting.c) ---- */
struct gc_settings;
/* Checks a term (a map, a proplist, or for a plugin with a GC_OPT_MAIN option that value alone)
 * against the options of the plugin, with common options of the host added, defaults filled in.
 * preset: term text or NULL, loses against opts. opts may be NULL. On error a sentence that names line
 * (if the term has one), option, value, what is allowed and the nearest known option. */
int gc_settings_create(const struct gc_option *options, const struct gc_option *common,
		       const char *preset, const struct gc_term *opts,
		       struct gc_settings **settings_r, char *err, size_t err_len);
/* The same for one more, who destroys them as well. */
struct gc_settings *gc_settings_share(struct gc_settings *s);
void gc_settings_destroy(struct gc_settings *s);
size_t gc_settings_count(const struct gc_settings *s, const char *name);
const char *gc_settings_str(const struct gc_settings *s, const char *name, size_t i);
int64_t gc_settings_num(const struct gc_settings *s, const char *name, size_t i);
/* As an Erlang map, secrets as '***'. */
void gc_settings_put(const struct gc_settings *s, struct gc_buf *etf);
/* What an option allows, for messages and help: "an integer from 1 to 65535". */
void gc_option_describe(const struct gc_option *o, char *buf, size_t len);
/* The nearest of the known names to a misspelt one, or NULL (also used by config.c). */
const char *gc_nearest(const char *name, const char *const *known, size_t n);

#endif
