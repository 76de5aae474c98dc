/* hello.c: a whole discovery plugin for gen_cluster, the blocking way. Start here.
 *
 *     make                            builds hello.so (and the two others)
 *     gen_cluster discover ./hello.so '#{path => "/etc/hello"}' --owner me@myhost
 *
 * and in the configuration {discovery, {"/path/to/hello.so", #{path => "/etc/hello"}}}, or, with
 * hello.so in a directory of plugin_path, {discovery, {hello, #{path => "/etc/hello"}}}.
 *
 * gen_cluster calls refresh_blocking() on a thread of its own each refresh_interval_ms. It may
 * block: read a file, ask a database, wait for a socket. Should it take longer than timeout_ms (10
 * s unless configured), gen_cluster answers "timeout" in its place, throws away what it returns
 * later, and does not call it again before it has returned. */
#include <gen_cluster/gc_plugin.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an instance needs. Two configured uses of this plugin are two of these: no globals. */
struct hello {
	const struct gc_host *host;
	struct gc_instance *instance;
};

static enum gc_quality hello_refresh(void *self, struct gc_request *request, char *reason,
				     size_t reason_len)
{
	struct hello *h = self;
	/* Options have been checked already: required, a string, so it is there. */
	const char *path = h->host->str(h->instance, "path", 0);
	FILE *f = fopen(path, "re");
	char line[300];

	if (!f) {
		/* An error removes nobody: the last good answer stays. The reason is for people. */
		(void)snprintf(reason, reason_len, "%s: %s", path, strerror(errno));
		return GC_ERROR;
	}
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, " \t\r\n")] = '\0';
		/* "name@host", or a host (or an address), of which node_basename makes a name.
		 * Copied before add_peer returns. Wrong names are refused, counted and logged for
		 * us. */
		struct gc_peer peer = {.node = line};
		if (line[0])
			h->host->add_peer(request, &peer);
	}
	(void)fclose(f);
	/* All there are. Say GC_PARTIAL if some may be missing: then nobody is removed either. */
	return GC_COMPLETE;
}

static int hello_create(const struct gc_host *host, struct gc_instance *instance, void **self_r,
			char *err, size_t err_len)
{
	struct hello *h = malloc(sizeof(*h));

	if (!h) {
		(void)snprintf(err, err_len, "out of memory");
		return -1; /* close is not called then */
	}
	h->host = host;
	h->instance = instance;
	*self_r = h;
	return 0;
}

/* Ends in closed(), after which nothing of the instance may be used. */
static void hello_close(void *self)
{
	struct hello *h = self;
	const struct gc_host *host = h->host;
	struct gc_instance *instance = h->instance;

	free(h);
	host->closed(instance);
}

/* The options we take. gen_cluster checks them, and prints them for `gen_cluster plugins hello`.
 * Those that all plugins have come on top: name, node_basename, refresh_interval_ms, timeout_ms. */
static const struct gc_option hello_options[] = {
    {.name = "path",
     .type = GC_STRING,
     .flags = GC_OPT_REQUIRED | GC_OPT_MAIN, /* MAIN: {hello, "/etc/hello"} will do */
     .help = "a file with one node name or host a line"},
    {.name = NULL},
};

static const struct gc_discovery hello_discovery = {
    .struct_size = sizeof(hello_discovery),
    .create = hello_create,
    .refresh_blocking = hello_refresh,
    .close = hello_close,
};

/* The one symbol that gen_cluster looks for. The name is that of the file: hello.so. */
GC_PLUGIN_DEFINE(.name = "hello", .version = "1", .summary = "peers from a file, the blocking way",
		 .options = hello_options, .discovery = &hello_discovery)
