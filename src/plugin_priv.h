/* Between plugin.c (the modules that are open), plugin_path.c (where they are), plugin_file.c (a
 * .so as a file) and plugin_check.c (a plugin as a struct). */
#ifndef GC_PLUGIN_PRIV_H
#define GC_PLUGIN_PRIV_H

#include "plugin.h"

#include <sys/types.h>

/* ---- plugin_path.c ---- */
/* The i-th directory to look in, or NULL: GEN_CLUSTER_PLUGIN_DIR, the configured ones,
 * ../lib/gen_cluster beside the program, where configure was told to install. Good until the next
 * call. */
const char *gc_plugin_dir(const struct gc_plugin_path *path, size_t i);

/* ---- plugin_file.c ---- */
struct gc_plugin_file {
	char *path; /* the real path */
	dev_t dev;
	ino_t ino;
	int dir_fd; /* of its directory; open as long as the object is loaded */
	void *dl;   /* of dlopen; NULL until loaded */
};
/* Opens and judges the file without loading it. 0, or negative with a sentence. */
int gc_plugin_file_open(struct gc_plugin_file *f, const char *path, char *err, size_t err_len);
/* dlopen, and the entry function. 0, or negative with a sentence. */
int gc_plugin_file_load(struct gc_plugin_file *f, gc_plugin_entry_fn *entry_r, char *err,
			size_t err_len);
void gc_plugin_file_close(struct gc_plugin_file *f);
/* False under a sanitizer or valgrind, which lose the symbols of what is unloaded. */
bool gc_plugin_file_unloads(void);

/* ---- plugin_check.c ---- */
/* Checks what the entry function of a plugin gave and fills m->plugin, m->discovery, m->dist. name:
 * what it has to be called (NULL: any). 0, or GC_EINVAL with a sentence. */
int gc_plugin_check(struct gc_module *m, const struct gc_plugin *plugin, const char *name,
		    char *err, size_t err_len);

#endif
