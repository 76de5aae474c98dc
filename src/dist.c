/* The host of the dist backend; see dist.h and dist_priv.h. */
#include "dist_priv.h"

#include "check.h"
#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* ---- life ---- */

static void destroy(struct gc_dist_host *d)
{
	gc_settings_destroy(d->instance.facts.settings);
	if (d->module)
		gc_module_close(d->module);
	gc_where_deinit(&d->where);
	free(d);
}

static int open_plugin(struct gc_dist_host *d, const struct gc_plugin_path *path, const char *name,
		       const struct gc_term *opts, char *err, size_t err_len)
{
	int rc = gc_module_open(path, name, &d->module, err, err_len);

	if (rc)
		return rc;
	if (!d->module->plugin->dist) {
		(void)snprintf(err, err_len, "dist: %s is a discovery plugin", name);
		return GC_EINVAL;
	}
	if (d->module->dist.needs_owner && !d->config.owner) {
		(void)snprintf(err, err_len, "dist: %s works through an owner, and none is set",
			       name);
		return GC_EINVAL;
	}
	rc = gc_settings_create(d->module->plugin->options, NULL, NULL, opts,
				&d->instance.facts.settings, err, err_len);
	if (rc)
		return rc;
	(void)snprintf(d->instance.facts.area, sizeof(d->instance.facts.area), "dist %s",
		       d->module->plugin->name);
	gc_dist_services_init(d);
	return d->module->dist.create(&d->services, &d->instance, &d->self, err, err_len) == 0
		   ? 0
		   : GC_EINVAL;
}

/* Loop handles, from here on closed by way of the loop. */
static int open_handles(struct gc_dist_host *d, char *err, size_t err_len)
{
	int rc = gc_mail_open(&d->mail, d->config.loop, NULL, d);

	if (rc) {
		(void)snprintf(err, err_len, "%s", gc_err_text(rc));
		return rc;
	}
	d->where.mail_out = d->mail.out;
	uv_timer_init(d->config.loop, &d->deadlines);
	uv_timer_init(d->config.loop, &d->deliver);
	d->deadlines.data = d->deliver.data = d;
	d->open_handles = 3;
	return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct gc_dist_host *d = handle->data;

	d->open_handles--;
	gc_dist_maybe_closed(d);
}

static void close_handles(struct gc_dist_host *d)
{
	uv_close((uv_handle_t *)&d->deadlines, on_handle_closed);
	uv_close((uv_handle_t *)&d->deliver, on_handle_closed);
	gc_mail_close(&d->mail, false, on_handle_closed);
}

int gc_dist_create(const struct gc_dist_config *c, const struct gc_plugin_path *path,
		   const char *name, const struct gc_term *opts, struct gc_dist_host **dist_r,
		   char *err, size_t err_len)
{
	struct gc_dist_host *d = calloc(1, sizeof(*d));
	int rc;

	if (!d || gc_where_init(&d->where, c->owner, c->cnode) != 0) {
		(void)snprintf(err, err_len, "out of memory");
		if (d)
			destroy(d);
		return GC_ENOMEM;
	}
	d->config = *c;
	d->instance.d = d;
	d->instance.facts.where = &d->where;
	d->mailbox = gc_node_new_pid(c->node);
	rc = open_handles(d, err, err_len);
	if (rc) {
		destroy(d);
		return rc;
	}
	rc = open_plugin(d, path, name, opts, err, err_len);
	if (rc) {
		d->is_closing = d->plugin_closed = true;
		close_handles(d);
		return rc;
	}
	uv_timer_start(&d->deadlines, gc_dist_on_deadlines, 1000, 1000);
	*dist_r = d;
	return 0;
}

void gc_dist_maybe_closed(struct gc_dist_host *d)
{
	void (*closed)(void *) = d->closed;
	void *arg = d->closed_arg;

	if (d->open_handles > 0 || !d->plugin_closed)
		return;
	destroy(d);
	if (closed)
		closed(arg);
}

void gc_dist_close(struct gc_dist_host *d, void (*closed)(void *arg), void *arg)
{
	d->is_closing = true;
	d->closed = closed;
	d->closed_arg = arg;
	gc_dist_drop_requests(d);
	gc_dist_cancel_calls(d);
	close_handles(d);
	d->module->dist.close(d->self);
}

const char *gc_dist_name(const struct gc_dist_host *d)
{
	return d->module->plugin->name;
}

bool gc_dist_tells_members(const struct gc_dist_host *d)
{
	return d->module->dist.members != NULL;
}

bool gc_dist_needs_owner(const struct gc_dist_host *d)
{
	return d->module->dist.needs_owner != 0;
}

/* ---- asking the plugin ---- */

/* Each JOIN and LEAVE is owed an outcome, also when there is no memory for its request. */
static void ask(struct gc_dist_host *d, enum gc_dist_kind kind, const struct gc_peer *peer)
{
	const struct gc_dist *dist = &d->module->dist;
	struct gc_dist_request *q = gc_dist_request_new(d, kind, peer ? peer->node : NULL);
	struct gc_request *handle;
	int rc;

	if (!q) {
		struct gc_fail fail = {0};
		gc_fail_set(&fail, GC_ENOMEM, GC_STAGE_JOIN, "no memory for the request");
		if (peer)
			d->config.on_joined(d->config.arg, peer->node, kind == GC_DIST_JOIN, &fail);
		return;
	}
	handle = q->handle;
	if (kind == GC_DIST_JOIN)
		rc = dist->connect(d->self, handle, peer);
	else if (kind == GC_DIST_LEAVE)
		rc = dist->disconnect(d->self, handle, peer);
	else
		rc = dist->members(d->self, handle);
	q = rc != 0 ? gc_dist_request_find(handle) : NULL; /* it may have finished all the same */
	if (q)
		gc_dist_request_finish(q, GC_ERROR, GC_EJOIN, "the dist backend refused");
}

void gc_dist_join(struct gc_dist_host *d, const char *node, const char *address, uint16_t port)
{
	struct gc_peer peer = {.node = node, .address = address, .port = port};

	if (!d->is_closing)
		ask(d, GC_DIST_JOIN, &peer);
}

void gc_dist_leave(struct gc_dist_host *d, const char *node)
{
	struct gc_peer peer = {.node = node};

	if (!d->is_closing)
		ask(d, GC_DIST_LEAVE, &peer);
}

void gc_dist_refresh(struct gc_dist_host *d)
{
	struct gc_dist_request *q;

	if (d->is_closing || !d->module->dist.members ||
	    (d->module->dist.needs_owner && !d->owner_up))
		return;
	DL_FOREACH(d->requests, q)
	if (q->kind == GC_DIST_MEMBERS)
		return;
	ask(d, GC_DIST_MEMBERS, NULL);
}

void gc_dist_link(struct gc_dist_host *d, const char *node, bool up, const char *reason)
{
	const struct gc_dist *dist = &d->module->dist;

	if (d->is_closing)
		return;
	if (d->config.owner && strcmp(node, d->config.owner) == 0) {
		d->owner_up = up;
		if (up) /* what the last life of the link still sends must not be taken for new */
			d->mailbox = gc_node_new_pid(d->config.node);
		if (dist->on_owner)
			dist->on_owner(d->self, up);
	}
	if (dist->on_link)
		dist->on_link(d->self, node, up, reason);
}

bool gc_dist_on_message(struct gc_dist_host *d, uint32_t pid, struct gc_span msg)
{
	if (pid != d->mailbox || d->is_closing)
		return false;
	if (d->module->dist.on_message)
		d->module->dist.on_message(d->self, msg.p, msg.len);
	return true;
}
