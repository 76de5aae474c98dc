/* A blocking plugin that misbehaves as option `mode` says; for check_discover.c. */
#include <gen_cluster/gc_plugin.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct source {
	const struct gc_host *host;
	struct gc_instance *inst;
	const char *mode;
	int n_refresh;
	uv_async_t meddle; /* mode meddle: the worker waits until the loop has used its request */
	uv_sem_t meddled;
	struct gc_request *request;
	int taken;
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

/* On the loop: what belongs to the worker must be refused here. */
static void on_meddle(uv_async_t *async)
{
	struct source *s = async->data;

	s->taken = add(s, s->request, "loop@h") == 0;
	s->host->set_ttl(s->request, 666);
	s->host->finish(s->request, GC_ERROR, "the loop");
	uv_sem_post(&s->meddled);
}

static void meddle(struct source *s, struct gc_request *request)
{
	s->request = request;
	uv_async_send(&s->meddle);
	uv_sem_wait(&s->meddled);
	if (s->taken)
		abort();
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
	if (is(s, "meddle"))
		meddle(s, request);
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
		for (size_t i = 0; i < reason_len; i++) /* not terminated, cut within an a-umlaut */
			reason[i] = "\xc3\xa4"[i % 2];
		memcpy(reason, "\xff\x80\n.", 4);
		return GC_PARTIAL;
	}
	return GC_COMPLETE;
}

static void source_free(struct source *s)
{
	const struct gc_host *host = s->host;
	struct gc_instance *inst = s->inst;

	free(s);
	host->closed(inst);
}

static void on_closed(uv_handle_t *handle)
{
	struct source *s = handle->data;

	uv_sem_destroy(&s->meddled);
	source_free(s);
}

static void close_source(void *self)
{
	struct source *s = self;

	if (is(s, "meddle"))
		uv_close((uv_handle_t *)&s->meddle, on_closed);
	else
		source_free(s);
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
	if (is(s, "meddle")) {
		uv_sem_init(&s->meddled, 0);
		uv_async_init(host->loop, &s->meddle, on_meddle);
		s->meddle.data = s;
	}
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
