/* The directories in which plugins are looked for; see plugin_priv.h. Start-up and reload only (it
 * reads the disk), loop thread, which owns the buffer of where we are.
 *
 * A release is built in one place and run in another, and our program with it, so the directory
 * that configure was told may not be there. The installed tree keeps its shape: what is found
 * beside the program, as ../lib/gen_cluster, comes before it. */
#include "plugin_priv.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* NULL: there is none, or it is the one that configure was told. */
static const char *beside_program(void)
{
	static char found[PATH_MAX];
	char exe[PATH_MAX], installed[PATH_MAX], dir[PATH_MAX + 32];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return NULL;
	exe[n] = '\0';
	*strrchr(exe, '/') = '\0';
	(void)snprintf(dir, sizeof(dir), "%s/../lib/gen_cluster", exe);
	if (!realpath(dir, found))
		return NULL;
	if (realpath(GC_PLUGINDIR, installed) && strcmp(found, installed) == 0)
		return NULL;
	return found;
}

const char *gc_plugin_dir(const struct gc_plugin_path *path, size_t i)
{
	const char *env = getenv("GEN_CLUSTER_PLUGIN_DIR");
	size_t n = path ? path->n_dirs : 0;

	if (env && *env && i-- == 0)
		return env;
	if (i < n)
		return path->dirs[i];
	i -= n;
	const char *beside = beside_program();
	if (beside && i-- == 0)
		return beside;
	return i == 0 ? GC_PLUGINDIR : NULL;
}
