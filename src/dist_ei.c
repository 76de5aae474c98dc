/* The dist backend `ei`, the default without an owner: our own link is the membership. Linked into the
 * program, on the same ABI as any plugin. */
#define GC_PLUGIN_ENTRY gc_plugin_entry_ei
#include <gen_cluster/gc_plugin.h>

#include <stdlib.h>

struct ei {
	const struct gc_host *host;
	struct gc_instance *inst;
};

static int ei_create(const struct gc_host *host, struct gc_instance *inst, void **self_r,
		     char *err, size_t err_len)
{
	struct ei *e = malloc(sizeof(*e));

	(void)err;
	(void)err_len;
	if (!e)
		return -1;
	*e = (struct ei){host, inst};
	*self_r = e;
	return 0;
}

static int ei_connect_peer(void *self, struct gc_request *req, const struct gc_peer *peer)
{
	struct ei *e = self;

	if (e->host->has_link(e->inst, peer->node))
		e->host->finish(req, GC_COMPLETE, NULL);
	else
		e->host->finish(req, GC_ERROR, "the link is down");
	return 0;
}

static int ei_disconnect_peer(void *self, struct gc_request *req, const struct gc_peer *peer)
{
	struct ei *e = self;

	e->host->close_link(e->inst, peer->node);
	e->host->finish(req, GC_COMPLETE, NULL);
	return 0;
}

static void ei_on_link(void *self, const char *node, int up, const char *reason)
{
	struct ei *e = self;

	if (up)
		e->host->member_up(e->inst, node);
	else
		e->host->member_down(e->inst, node, reason);
}

static void ei_close(void *self)
{
	struct ei *e = self;

	e->host->closed(e->inst);
	free(e);
}

static const struct gc_dist ei_dist = {
	.struct_size = sizeof(struct gc_dist),
	.create = ei_create,
	.connect = ei_connect_peer,
	.disconnect = ei_disconnect_peer,
	.on_link = ei_on_link,
	.close = ei_close,
};

GC_PLUGIN_DEFINE(.name = "ei", .version = "1",
		 .summary = "Our own distribution links are the membership", .dist = &ei_dist)
