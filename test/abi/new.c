/* A plugin of a release to come: its structs have grown at their end. What is behind what this host
 * knows is not read, so it loads and works. */
#include <gen_cluster/gc_plugin.h>
#include <stdlib.h>

struct grown_discovery {
	struct gc_discovery known;
	int (*more)(void *self);
};

struct grown_plugin {
	struct gc_plugin known;
	const void *more;
};

struct source {
	const struct gc_host *host;
	struct gc_instance *inst;
};

static int create(const struct gc_host *host, struct gc_instance *inst, void **self_r, char *err,
		  size_t err_len)
{
	struct source *s = malloc(sizeof(*s));

	(void)err;
	(void)err_len;
	if (!s)
		return -1;
	*s = (struct source){host, inst};
	*self_r = s;
	return 0;
}

static int refresh(void *self, struct gc_request *request)
{
	struct source *s = self;
	const struct gc_peer peer = {.node = "new@h"};

	(void)s->host->add_peer(request, &peer);
	s->host->finish(request, GC_COMPLETE, NULL);
	return 0;
}

static void close_source(void *self)
{
	struct source *s = self;

	s->host->closed(s->inst);
	free(s);
}

static int never(void *self)
{
	(void)self;
	abort();
}

GC_PLUGIN_EXPORT const struct gc_plugin *gc_plugin_entry(void);
const struct gc_plugin *gc_plugin_entry(void)
{
	static const struct grown_discovery discovery = {.known = {.struct_size = sizeof(discovery),
								   .create = create,
								   .refresh = refresh,
								   .close = close_source},
							 .more = never};
	static const struct grown_plugin plugin = {.known = {.abi = GC_PLUGIN_ABI,
							     .struct_size = sizeof(plugin),
							     .name = "abi_new",
							     .version = "2",
							     .summary = "of a release to come",
							     .discovery = &discovery.known},
						   .more = &plugin};

	return &plugin.known;
}
