/* A blocking plugin that misbehaves as option `mode` says; for check_discover.c. */
#include <gen_cluster/gc_plugin.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source {
	const struct gc_host *host;
	struct gc_instance *inst;
	const char *mode;
	int n_refresh;
};

static int is(const struct source *s, const char *mode)
{
	return strcmp(s->mode, mode) == 0;
}

static int add(const struct source *s, struct gc_request *request, const char *node)
{
	const struct gc_peer peer = {.node = node};

	return s->host->add_peer(request, &peer);
}

static void block(int ms) /* forever: -1 */
{
	(void)poll(NULL, 0, ms);
}

static enum gc_quality refresh_blocking(void *self, struct gc_request *request, char *reason,
					size_t reason_len)
{
	struct source *s = self;
	char node[32];

	s->n_refresh++;
	if (is(s, "forever"))
		block(-1);
	if (is(s, "late") && s->n_refresh == 1) {
		while (!s->host->is_cancelled(request))
			block(5);
		if (add(s, request, "late@h") == 0)
			abort();
	}
	for (int i = 0; is(s, "flood") && i < 1000000; i++) {
		(void)snprintf(node, sizeof(node), "n%d@h", i);
		add(s, request, node);
	}
	if (is(s, "finish")) {
		s->host->finish(request, GC_COMPLETE, "by hand");
		s->host->log(s->inst, GC_NOTICE, "from the worker, push %s",
			     s->host->push(s->inst) ? "yes" : "no");
	}
	add(s, request, "good@h");
	add(s, request, "10.0.0.1");
	if (is(s, "error")) {
		(void)snprintf(reason, reason_len, "no such source");
		return GC_ERROR;
	}
	if (is(s, "reason")) {
		memset(reason, 'x', reason_len); /* not terminated */
		return GC_PARTIAL;
	}
	return GC_COMPLETE;
}

static void close_source(void *self)
{
	struct source *s = self;
	const struct gc_host *host = s->host;
	struct gc_instance *inst = s->inst;

	free(s);
	host->closed(inst);
}

static int create(const struct gc_host *host, struct gc_instance *inst, void **self_r, char *err,
		  size_t err_len)
{
	struct source *s = calloc(1, sizeof(*s));

	(void)err;
	(void)err_len;
	if (!s)
		return -1;
	*s = (struct source){.host = host, .inst = inst, .mode = host->str(inst, "mode", 0)};
	*self_r = s;
	return 0;
}

static const struct gc_option options[] = {
    {.name = "mode", .type = GC_STRING, .flags = GC_OPT_MAIN, .default_text = "\"good\""},
    {0},
};

static const struct gc_discovery discovery = {
    .struct_size = sizeof(discovery),
    .create = create,
    .refresh_blocking = refresh_blocking,
    .close = close_source,
};

GC_PLUGIN_DEFINE(.name = "bad_blocking", .version = "1", .summary = "misbehaves on a thread",
		 .options = options, .discovery = &discovery)
