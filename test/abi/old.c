/* A plugin as it was built with the first header (gc_plugin_1_0.h): it knows nothing of what has
 * been added since, and uses every service that discovery had. With OLD_ABI it is of another ABI,
 * and has to be refused. */
#include "gc_plugin_1_0.h"

#include <stdio.h>
#include <stdlib.h>

struct source {
	const struct gc_host *host;
	struct gc_instance *inst;
};

static int create(const struct gc_host *host, struct gc_instance *inst, void **self_r, char *err,
		  size_t err_len)
{
	struct source *s = malloc(sizeof(*s));

	if (!s || !GC_HAS(host, close_link)) {
		(void)snprintf(err, err_len, "the host lacks what the first release had");
		free(s);
		return -1;
	}
	*s = (struct source){host, inst};
	*self_r = s;
	return 0;
}

static int refresh(void *self, struct gc_request *request)
{
	struct source *s = self;
	const struct gc_host *h = s->host;
	const struct gc_peer peer = {
	    .node = h->str(s->inst, "node", 0), .address = "127.0.0.1", .port = 4711};
	struct gc_request *push = h->push(s->inst);

	h->log(s->inst, GC_NOTICE, "owner %s, port %s, %zu of node, number %lld",
	       h->env(s->inst, GC_ENV_OWNER), h->env(s->inst, GC_ENV_EPMD_PORT),
	       h->count(s->inst, "node"), (long long)h->num(s->inst, "number", 0));
	if (push)
		h->finish(push, GC_PARTIAL, "pushed");
	h->set_ttl(request, 7);
	if (!h->is_cancelled(request) && h->add_peer(request, &peer) == 0)
		h->finish(request, GC_COMPLETE, NULL);
	else
		h->finish(request, GC_ERROR, "not taken");
	return 0;
}

static void close_source(void *self)
{
	struct source *s = self;

	s->host->closed(s->inst);
	free(s);
}

static const struct gc_option options[] = {
    {.name = "node", .type = GC_NODE, .flags = GC_OPT_MAIN, .help = "whom it finds"},
    {.name = "number", .type = GC_INTEGER, .default_text = "42", .help = "a number"},
    {0},
};

static const struct gc_discovery discovery = {
    .struct_size = sizeof(discovery),
    .create = create,
    .refresh = refresh,
    .close = close_source,
};

#ifndef OLD_ABI
GC_PLUGIN_DEFINE(.name = "abi_old", .version = "1", .summary = "built with the first header",
		 .options = options, .discovery = &discovery)
#else
GC_PLUGIN_EXPORT const struct gc_plugin *gc_plugin_entry(void);
const struct gc_plugin *gc_plugin_entry(void)
{
	static const struct gc_plugin plugin = {.abi = OLD_ABI,
						.struct_size = sizeof(plugin),
						.name = "abi_zero",
						.version = "1",
						.summary = "of another ABI",
						.options = options,
						.discovery = &discovery};

	return &plugin;
}
#endif
