/* static: peers from the configuration itself, `{static, ['a@h1', 'b@h2']}`.
 *
 * The smallest useful plugin: its answer is always at hand. */
#include <gen_cluster/gc_plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source {
	const struct gc_host *host;
	struct gc_instance *inst;
};

/* A node name or a host, by their letters; the host checks node names in full. */
static int is_peer(const char *s)
{
	size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "0123456789._:-@");
	const char *at = strchr(s, '@');

	return len > 0 && s[len] == '\0' && (!at || (at > s && at[1] && !strchr(at + 1, '@')));
}

static int create(const struct gc_host *host, struct gc_instance *inst, void **self_r, char *err,
		  size_t err_len)
{
	size_t n = host->count(inst, "nodes");

	for (size_t i = 0; i < n; i++)
		if (!is_peer(host->str(inst, "nodes", i))) {
			(void)snprintf(err, err_len, "nodes: '%s' is neither NAME@HOST nor a host",
				       host->str(inst, "nodes", i));
			return -1;
		}
	struct source *s = malloc(sizeof(*s));
	if (!s) {
		(void)snprintf(err, err_len, "out of memory");
		return -1;
	}
	s->host = host;
	s->inst = inst;
	*self_r = s;
	return 0;
}

static int refresh(void *self, struct gc_request *request)
{
	struct source *s = self;
	size_t n = s->host->count(s->inst, "nodes");

	for (size_t i = 0; i < n; i++) {
		const struct gc_peer peer = {.node = s->host->str(s->inst, "nodes", i)};
		(void)s->host->add_peer(request, &peer); /* the host logs what it does not take */
	}
	s->host->finish(request, GC_COMPLETE, n ? NULL : "no nodes are configured");
	return 0;
}

static void close_source(void *self)
{
	struct source *s = self;
	const struct gc_host *host = s->host;
	struct gc_instance *inst = s->inst;

	free(s);
	host->closed(inst);
}

static const struct gc_option options[] = {
    {.name = "nodes",
     .type = GC_STRING | GC_LIST,
     .flags = GC_OPT_REQUIRED | GC_OPT_MAIN,
     .help = "the peers: node names, or hosts that get node_basename"},
    {0},
};

static const struct gc_discovery discovery = {
    .struct_size = sizeof(discovery),
    .create = create,
    .refresh = refresh,
    .close = close_source,
};

GC_PLUGIN_DEFINE(.name = "static", .version = "1", .summary = "peers named in the configuration",
		 .options = options, .discovery = &discovery)
