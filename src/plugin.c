/* The modules that are open: by alias, linked in, or as NAME.so on the path; see plugin.h. Owns the
 * process-wide list of them, counted. Loop thread. */
#include "plugin_priv.h"

#include "builtin.h"
#include "check.h"
#include "err.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct entry {
	struct gc_module module; /* first: a module is its entry */
	struct gc_plugin_file file;
	unsigned count;
	struct entry *prev, *next;
};

static struct entry *entries;

static void entry_free(struct entry *e)
{
	gc_plugin_file_close(&e->file);
	free(e);
}

static void entry_open(struct entry *e, struct gc_module **module_r)
{
	e->module.file = e->file.path;
	e->count = 1;
	DL_APPEND(entries, e);
	*module_r = &e->module;
}

/* ---- linked in ---- */

static const struct gc_plugin *find_builtin(const char *name)
{
	for (const gc_plugin_entry_fn *entry = gc_builtins; *entry; entry++) {
		const struct gc_plugin *plugin = (*entry)();
		if (strcmp(plugin->name, name) == 0)
			return plugin;
	}
	return NULL;
}

static int open_builtin(const struct gc_plugin *plugin, struct gc_module **module_r, char *err,
			size_t err_len)
{
	struct entry *e;

	DL_FOREACH(entries, e)
	if (e->module.plugin == plugin) {
		e->count++;
		*module_r = &e->module;
		return 0;
	}
	e = calloc(1, sizeof(*e));
	if (!e) {
		(void)snprintf(err, err_len, "%s", gc_err_text(GC_ENOMEM));
		return GC_ENOMEM;
	}
	e->file.dir_fd = -1;
	int rc = gc_plugin_check(&e->module, plugin, NULL, err, err_len);
	if (rc)
		entry_free(e);
	else
		entry_open(e, module_r);
	return rc;
}

/* ---- files ---- */

static struct entry *find_file(const struct gc_plugin_file *f)
{
	struct entry *e;

	DL_FOREACH(entries, e)
	if (e->file.path && e->file.dev == f->dev && e->file.ino == f->ino &&
	    strcmp(e->file.path, f->path) == 0)
		return e;
	return NULL;
}

/* "/path/libx.so" -> "libx"; false if it does not end in .so. */
static bool name_of_file(const char *path, char *buf, size_t len)
{
	const char *slash = strrchr(path, '/');
	int n = snprintf(buf, len, "%s", slash ? slash + 1 : path);

	if (n < 4 || (size_t)n >= len || strcmp(buf + n - 3, ".so") != 0)
		return false;
	buf[n - 3] = '\0';
	return true;
}

static int load(struct entry *e, const char *name, char *err, size_t err_len)
{
	gc_plugin_entry_fn entry = NULL;
	char why[300];
	int rc = gc_plugin_file_load(&e->file, &entry, err, err_len);

	if (rc)
		return rc;
	rc = gc_plugin_check(&e->module, entry(), name, why, sizeof(why));
	if (rc)
		(void)snprintf(err, err_len, "%s: %s", e->file.path, why);
	return rc;
}

static int open_file(const char *path, struct gc_module **module_r, char *err, size_t err_len)
{
	char name[256];
	struct entry *e = calloc(1, sizeof(*e));

	if (!e) {
		(void)snprintf(err, err_len, "%s", gc_err_text(GC_ENOMEM));
		return GC_ENOMEM;
	}
	e->file.dir_fd = -1;
	if (!name_of_file(path, name, sizeof(name))) {
		(void)snprintf(err, err_len, "%s: the name of a plugin ends in .so", path);
		free(e);
		return GC_EINVAL;
	}
	int rc = gc_plugin_file_open(&e->file, path, err, err_len);
	struct entry *old = rc ? NULL : find_file(&e->file);
	if (old) {
		old->count++;
		*module_r = &old->module;
	} else if (!rc) {
		rc = load(e, name, err, err_len);
		if (!rc)
			entry_open(e, module_r);
	}
	if (rc || old)
		entry_free(e);
	return rc;
}

/* ---- the path ---- */

static int not_found(const struct gc_plugin_path *path, const char *name, char *err, size_t err_len)
{
	const char *dir;
	int len = snprintf(err, err_len, "there is no plugin %s: no %s.so in", name, name);

	for (size_t i = 0; (dir = gc_plugin_dir(path, i)) && len > 0 && (size_t)len < err_len; i++)
		len += snprintf(err + len, err_len - (size_t)len, "%s %s", i ? "," : "", dir);
	return GC_ENOTFOUND;
}

/* The first file of that name decides: one that is refused does not give way to a later one. */
static int open_on_path(const struct gc_plugin_path *path, const char *name,
			struct gc_module **module_r, char *err, size_t err_len)
{
	char file[1024];
	const char *dir;

	for (size_t i = 0; (dir = gc_plugin_dir(path, i)); i++) {
		int n = snprintf(file, sizeof(file), "%s/%s.so", dir, name);
		if (n < 0 || (size_t)n >= sizeof(file))
			continue;
		int rc = open_file(file, module_r, err, err_len);
		if (rc != GC_ENOTFOUND)
			return rc;
	}
	return not_found(path, name, err, err_len);
}

int gc_module_open(const struct gc_plugin_path *path, const char *name_or_file,
		   struct gc_module **module_r, char *err, size_t err_len)
{
	const char *preset;
	const char *name = gc_plugin_alias(name_or_file, &preset);

	*module_r = NULL;
	if (strchr(name, '/'))
		return open_file(name, module_r, err, err_len);
	const struct gc_plugin *plugin = find_builtin(name);
	if (plugin)
		return open_builtin(plugin, module_r, err, err_len);
	return open_on_path(path, name, module_r, err, err_len);
}

struct gc_module *gc_module_share(struct gc_module *m)
{
	((struct entry *)m)->count++;
	return m;
}

void gc_module_close(struct gc_module *m)
{
	struct entry *e = (struct entry *)m;

	if (!m)
		return;
	GC_REQUIRE(e->count > 0);
	/* What cannot be unloaded stays in the list, to be found again. */
	if (--e->count > 0 || (e->file.dl && !gc_plugin_file_unloads()))
		return;
	DL_DELETE(entries, e);
	entry_free(e);
}

/* ---- listing ---- */

struct listing {
	gc_module_cb cb;
	void *arg;
};

static void list_file(const struct listing *l, const char *dir, const char *file)
{
	char path[1024], err[600], name[256];
	struct gc_module *m = NULL;
	int n = snprintf(path, sizeof(path), "%s/%s", dir, file);

	if (n < 0 || (size_t)n >= sizeof(path) || !name_of_file(file, name, sizeof(name)))
		return;
	int rc = open_file(path, &m, err, sizeof(err));
	l->cb(l->arg, path, m, rc ? err : NULL);
	gc_module_close(m);
}

static void list_dir(const struct listing *l, const char *dir)
{
	struct dirent **files = NULL;
	int n = scandir(dir, &files, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		list_file(l, dir, files[i]->d_name);
		free(files[i]);
	}
	free(files);
}

void gc_module_each(const struct gc_plugin_path *path, gc_module_cb cb, void *arg)
{
	const struct listing l = {cb, arg};
	char err[300];
	const char *dir;

	for (const gc_plugin_entry_fn *entry = gc_builtins; *entry; entry++) {
		struct gc_module *m = NULL;
		int rc = open_builtin((*entry)(), &m, err, sizeof(err));
		cb(arg, NULL, m, rc ? err : NULL);
		gc_module_close(m);
	}
	for (size_t i = 0; (dir = gc_plugin_dir(path, i)); i++)
		list_dir(&l, dir);
}
