/* A plugin that only pushes: an empty answer from within create, then one of two peers a little
 * later; for check_discover.c. Also an example of a struct gc_discovery without refresh. */
#include <gen_cluster/gc_plugin.h>

#include <stdlib.h>
#include <uv.h>

struct source {
	const struct gc_host *host;
	struct gc_instance *inst;
	uv_timer_t timer;
};

static void push(struct source *s, const char *const *nodes, size_t n)
{
	struct gc_request *request = s->host->push(s->inst);

	for (size_t i = 0; request && i < n; i++) {
		const struct gc_peer peer = {.node = nodes[i]};
		(void)s->host->add_peer(request, &peer);
	}
	if (request)
		s->host->finish(request, GC_COMPLETE, n ? NULL : "nobody yet");
}

static void on_timer(uv_timer_t *timer)
{
	static const char *const nodes[] = {"a@h", "b@h"};

	push(timer->data, nodes, 2);
}

/* In the first turn, before the first push is delivered: from here on it is another turn, however late this one is. */
static void on_first_turn(uv_timer_t *timer)
{
	uv_timer_start(timer, on_timer, 20, 0);
}

static void on_closed(uv_handle_t *handle)
{
	struct source *s = handle->data;
	const struct gc_host *host = s->host;
	struct gc_instance *inst = s->inst;

	free(s);
	host->closed(inst);
}

static void close_source(void *self)
{
	struct source *s = self;

	uv_close((uv_handle_t *)&s->timer, on_closed);
}

static int create(const struct gc_host *host, struct gc_instance *inst, void **self_r, char *err,
		  size_t err_len)
{
	struct source *s = calloc(1, sizeof(*s));

	(void)err;
	(void)err_len;
	if (!s)
		return -1;
	s->host = host;
	s->inst = inst;
	push(s, NULL, 0);
	uv_timer_init(host->loop, &s->timer);
	s->timer.data = s;
	uv_timer_start(&s->timer, on_first_turn, 0, 0);
	*self_r = s;
	return 0;
}

static const struct gc_discovery discovery = {
    .struct_size = sizeof(discovery),
    .create = create,
    .close = close_source,
};

GC_PLUGIN_DEFINE(.name = "good_push", .version = "1", .summary = "only pushes",
		 .discovery = &discovery)
