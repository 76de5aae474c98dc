/* The host of the dist backend; see dist.h.
 *
 * A request goes to the plugin as a handle that is a number, not a pointer: one that is used after it
 * ended is simply not found. Answers are delivered on a later loop turn. */
#include "dist.h"
#include "epmd.h"
#include "check.h"
#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

enum kind { JOIN, LEAVE, MEMBERS, PUSH };

struct request {
	uintptr_t id; /* what the plugin holds as struct gc_request * */
	enum kind kind;
	char *node; /* JOIN, LEAVE */
	uint64_t deadline_ms;
	char **found; /* MEMBERS, PUSH */
	size_t n_found, cap_found;
	bool is_done; /* answered, waits to be delivered */
	enum gc_quality quality;
	struct gc_fail fail;
	struct request *prev, *next; /* in the list of those that are done, in that order */
	UT_hash_handle hh;
};

struct owner_call {
	struct gc_instance *inst;
	void (*done)(void *arg, int err, const char *reason, const void *term, size_t len);
	void *arg;
	struct owner_call *prev, *next;
};

struct gc_instance { /* the one of the backend */
	struct gc_dist_host *host;
};

struct gc_dist_host {
	struct gc_dist_config config;
	struct gc_instance instance;
	struct gc_host services;
	struct gc_module *module;
	struct gc_settings *settings;
	void *self;
	uint32_t mailbox; /* number of a pid */
	char basename[256], epmd_port[8];
	uintptr_t last_id;
	struct request *requests;
	struct request *done; /* of them: answered, not delivered yet */
	struct owner_call *calls;
	bool owner_up, is_closing, plugin_closed;
	unsigned open_handles;
	uv_timer_t deadlines;
	uv_timer_t deliver;
	void (*closed)(void *arg);
	void *closed_arg;
};

/* ---- requests ---- */

static void request_destroy(struct request *q)
{
	for (size_t i = 0; i < q->n_found; i++)
		free(q->found[i]);
	free(q->found);
	free(q->node);
	free(q);
}

static void request_free(struct gc_dist_host *d, struct request *q)
{
	HASH_DEL(d->requests, q);
	if (q->is_done)
		DL_DELETE(d->done, q);
	request_destroy(q);
}

static struct request *request_new(struct gc_dist_host *d, enum kind kind, const char *node)
{
	struct request *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	if (node && !(q->node = strdup(node))) {
		free(q);
		return NULL;
	}
	q->kind = kind;
	q->id = ++d->last_id;
	q->deadline_ms = uv_now(d->config.loop) + GC_DIST_TIMEOUT_MS;
	HASH_ADD(hh, d->requests, id, sizeof(q->id), q);
	return q;
}

/* The live request behind a handle, or NULL. */
static struct request *request_find(struct gc_dist_host *d, const struct gc_request *handle)
{
	uintptr_t id = (uintptr_t)handle;
	struct request *q;

	HASH_FIND(hh, d->requests, &id, sizeof(id), q);
	return q && !q->is_done ? q : NULL;
}

static void deliver(struct gc_dist_host *d, struct request *q)
{
	const struct gc_dist_config *c = &d->config;

	switch (q->kind) {
	case JOIN:
	case LEAVE:
		c->on_joined(c->arg, q->node, q->kind == JOIN, &q->fail);
		break;
	case MEMBERS:
	case PUSH:
		if (q->quality == GC_ERROR)
			gc_log(GC_LOG_WARNING, d->module->plugin->name, "members: %s",
			       q->fail.detail);
		if (q->quality != GC_PARTIAL)
			c->on_members(c->arg, &q->fail, (const char *const *)q->found, q->n_found);
		break;
	}
}

static void deliver_done(struct gc_dist_host *d)
{
	while (d->done && !d->is_closing) {
		struct request *q = d->done;
		DL_DELETE(d->done, q);
		HASH_DEL(d->requests, q);
		q->is_done = false; /* in no list any more */
		deliver(d, q);
		request_destroy(q);
	}
}

static void on_deliver(uv_timer_t *timer)
{
	deliver_done(timer->data);
}

static void finish_request(struct gc_dist_host *d, struct request *q, enum gc_quality quality,
			   int err, const char *reason)
{
	q->is_done = true;
	DL_APPEND(d->done, q);
	q->quality = quality;
	if (quality == GC_ERROR)
		gc_fail_set(&q->fail, err, GC_STAGE_JOIN, "%s", reason ? reason : "");
	if (!d->is_closing)
		uv_timer_start(&d->deliver, on_deliver, 0, 0);
}

static void on_deadlines(uv_timer_t *timer)
{
	struct gc_dist_host *d = timer->data;
	struct request *q, *tmp;

	HASH_ITER(hh, d->requests, q, tmp) {
		if (q->is_done || q->deadline_ms > uv_now(timer->loop))
			continue;
		finish_request(d, q, GC_ERROR, GC_ETIMEDOUT, "the dist backend did not answer");
		if (d->module->dist.cancel)
			d->module->dist.cancel(d->self, (struct gc_request *)q->id);
	}
}

/* ---- services ---- */

static struct gc_dist_host *host_of(struct gc_instance *inst)
{
	return inst->host;
}

/* A request handle does not lead to its host, so the services that take one need it from here. There is
 * one dist backend in a process. */
static struct gc_dist_host *the_host;

static __attribute__((format(printf, 3, 4))) void host_log(struct gc_instance *inst, int level,
							     const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	gc_vlog((enum gc_log_level)level, host_of(inst)->module->plugin->name, fmt, ap);
	va_end(ap);
}

static const char *host_env(struct gc_instance *inst, enum gc_env what)
{
	struct gc_dist_host *d = host_of(inst);
	const char *name = d->config.owner ? d->config.owner : d->config.cnode;

	switch (what) {
	case GC_ENV_OWNER:
		return d->config.owner;
	case GC_ENV_CNODE:
		return d->config.cnode;
	case GC_ENV_BASENAME:
		return d->basename;
	case GC_ENV_HOST:
		return gc_name_host(name);
	case GC_ENV_EPMD_PORT:
		return d->epmd_port;
	}
	return NULL;
}

static size_t host_count(struct gc_instance *inst, const char *option)
{
	return gc_settings_count(host_of(inst)->settings, option);
}

static const char *host_str(struct gc_instance *inst, const char *option, size_t i)
{
	return gc_settings_str(host_of(inst)->settings, option, i);
}

static int64_t host_num(struct gc_instance *inst, const char *option, size_t i)
{
	return gc_settings_num(host_of(inst)->settings, option, i);
}

static int grow_found(struct request *q)
{
	size_t cap = q->cap_found ? q->cap_found * 2 : 16;
	char **found;

	if (q->n_found < q->cap_found)
		return 0;
	found = realloc(q->found, cap * sizeof(*found));
	if (!found)
		return GC_ENOMEM;
	q->found = found;
	q->cap_found = cap;
	return 0;
}

static int host_add_peer(struct gc_request *handle, const struct gc_peer *peer)
{
	struct request *q = request_find(the_host, handle);
	char *copy;

	if (!q || !peer->node || !gc_name_ok(peer->node, strnlen(peer->node, GC_NODE_MAX + 1)))
		return GC_EINVAL;
	if (q->n_found >= the_host->config.max_members)
		return GC_EBUDGET;
	if (grow_found(q) != 0 || !(copy = strdup(peer->node))) {
		finish_request(the_host, q, GC_ERROR, GC_ENOMEM, "out of memory");
		return GC_ENOMEM;
	}
	q->found[q->n_found++] = copy;
	return 0;
}

static void host_set_ttl(struct gc_request *handle, uint32_t ttl_s)
{
	(void)handle;
	(void)ttl_s;
}

static void host_finish(struct gc_request *handle, enum gc_quality quality, const char *reason)
{
	struct request *q = request_find(the_host, handle);

	if (q)
		finish_request(the_host, q, quality, GC_EJOIN, reason);
}

static struct gc_request *host_push(struct gc_instance *inst)
{
	struct gc_dist_host *d = host_of(inst);
	struct request *q = d->is_closing ? NULL : request_new(d, PUSH, NULL);

	return q ? (struct gc_request *)q->id : NULL;
}

static int host_is_cancelled(struct gc_request *handle)
{
	return request_find(the_host, handle) == NULL;
}

static void maybe_closed(struct gc_dist_host *d);

static void host_closed(struct gc_instance *inst)
{
	host_of(inst)->plugin_closed = true;
	maybe_closed(host_of(inst));
}

/* ---- calls to the owner ---- */

static void on_owner_answer(void *arg, const struct gc_fail *fail, struct gc_span result)
{
	struct owner_call *call = arg;
	struct gc_dist_host *d = call->inst->host;

	DL_DELETE(d->calls, call);
	call->done(call->arg, fail->err, fail->err ? gc_err_name(fail->err) : NULL, result.p,
		   result.len);
	free(call);
}

static struct gc_link *owner_link(struct gc_dist_host *d)
{
	return d->config.owner && !d->is_closing ? gc_node_find(d->config.node, d->config.owner)
						 : NULL;
}

static int host_call_owner(struct gc_instance *inst, const char *module, const char *function,
			   const void *args, size_t args_len, uint64_t timeout_ms,
			   void (*done)(void *arg, int err, const char *reason, const void *term,
					size_t len),
			   void *arg)
{
	struct gc_dist_host *d = host_of(inst);
	struct gc_link *link = owner_link(d);
	struct owner_call *call;
	int err;

	if (!link)
		return GC_ENOLINK;
	if (gc_etf_check(args, args_len) != (int64_t)args_len)
		return GC_EINVAL;
	call = calloc(1, sizeof(*call));
	if (!call)
		return GC_ENOMEM;
	*call = (struct owner_call){.inst = inst, .done = done, .arg = arg};
	err = gc_rpc_call(d->config.rpc, link, module, function,
			  (struct gc_span){args, args_len}, timeout_ms, on_owner_answer, call);
	if (err) {
		free(call);
		return err;
	}
	DL_APPEND(d->calls, call);
	return 0;
}

static int host_cast_owner(struct gc_instance *inst, const char *module, const char *function,
			   const void *args, size_t args_len)
{
	struct gc_dist_host *d = host_of(inst);
	struct gc_link *link = owner_link(d);

	if (!link)
		return GC_ENOLINK;
	if (gc_etf_check(args, args_len) != (int64_t)args_len)
		return GC_EINVAL;
	return gc_rpc_cast(d->config.rpc, link, module, function,
			   (struct gc_span){args, args_len});
}

static size_t host_mailbox(struct gc_instance *inst, void *buf, size_t len)
{
	const struct gc_dist_host *d = host_of(inst);
	struct gc_pid pid = gc_node_pid(d->config.node, d->mailbox);
	struct gc_buf b = {0};
	size_t n;

	gc_etf_put_pid(&b, &pid);
	n = b.failed || b.len > len ? 0 : b.len;
	if (n)
		memcpy(buf, b.data, n);
	gc_buf_deinit(&b);
	return n;
}

static void host_member(struct gc_instance *inst, const char *node, bool up, const char *reason)
{
	struct gc_dist_host *d = host_of(inst);

	/* Nothing may overtake: a whole set that was told before this change is older than it. */
	deliver_done(d);
	if (!d->is_closing && gc_name_ok(node, strnlen(node, GC_NODE_MAX + 1)))
		d->config.on_member(d->config.arg, node, up, reason);
}

static void host_member_up(struct gc_instance *inst, const char *node)
{
	host_member(inst, node, true, NULL);
}

static void host_member_down(struct gc_instance *inst, const char *node, const char *reason)
{
	host_member(inst, node, false, reason ? reason : "connection_closed");
}

static int host_has_link(struct gc_instance *inst, const char *node)
{
	return gc_node_find(host_of(inst)->config.node, node) != NULL;
}

static void host_close_link(struct gc_instance *inst, const char *node)
{
	struct gc_link *link = gc_node_find(host_of(inst)->config.node, node);

	if (link)
		gc_link_close(link, GC_EREMOVED, "");
}

static int host_may_reach(struct gc_instance *inst, const struct sockaddr *addr)
{
	return gc_node_may_reach(host_of(inst)->config.node, addr);
}

static const struct gc_host services = {
	.struct_size = sizeof(struct gc_host),
	.log = host_log,
	.env = host_env,
	.count = host_count,
	.str = host_str,
	.num = host_num,
	.add_peer = host_add_peer,
	.set_ttl = host_set_ttl,
	.finish = host_finish,
	.push = host_push,
	.is_cancelled = host_is_cancelled,
	.closed = host_closed,
	.call_owner = host_call_owner,
	.cast_owner = host_cast_owner,
	.mailbox = host_mailbox,
	.member_up = host_member_up,
	.member_down = host_member_down,
	.has_link = host_has_link,
	.close_link = host_close_link,
	.may_reach = host_may_reach,
};

/* ---- life ---- */

static void set_env(struct gc_dist_host *d)
{
	const char *name = d->config.owner ? d->config.owner : d->config.cnode;

	(void)gc_name_alive(name, d->basename, sizeof(d->basename));
	(void)snprintf(d->epmd_port, sizeof(d->epmd_port), "%u", gc_epmd_port());
}

static void destroy(struct gc_dist_host *d)
{
	gc_settings_destroy(d->settings);
	if (d->module)
		gc_module_close(d->module);
	if (the_host == d)
		the_host = NULL;
	free(d);
}

static int open_plugin(struct gc_dist_host *d, const struct gc_plugin_path *path,
		       const char *name, const struct gc_term *opts, char *err, size_t err_len)
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
	rc = gc_settings_create(d->module->plugin->options, NULL, NULL, opts, &d->settings, err,
				err_len);
	if (rc)
		return rc;
	d->services = services;
	d->services.loop = d->config.loop;
	return d->module->dist.create(&d->services, &d->instance, &d->self, err, err_len) == 0
		       ? 0
		       : GC_EINVAL;
}

int gc_dist_create(const struct gc_dist_config *c, const struct gc_plugin_path *path,
		   const char *name, const struct gc_term *opts, struct gc_dist_host **dist_r,
		   char *err, size_t err_len)
{
	struct gc_dist_host *d = calloc(1, sizeof(*d));
	int rc;

	if (!d) {
		(void)snprintf(err, err_len, "out of memory");
		return GC_ENOMEM;
	}
	GC_REQUIRE(!the_host);
	the_host = d;
	d->config = *c;
	d->instance.host = d;
	d->mailbox = gc_node_new_pid(c->node);
	set_env(d);
	rc = open_plugin(d, path, name, opts, err, err_len);
	if (rc) {
		destroy(d);
		return rc;
	}
	uv_timer_init(c->loop, &d->deadlines);
	uv_timer_init(c->loop, &d->deliver);
	d->deadlines.data = d->deliver.data = d;
	d->open_handles = 2;
	uv_timer_start(&d->deadlines, on_deadlines, 1000, 1000);
	*dist_r = d;
	return 0;
}

static void maybe_closed(struct gc_dist_host *d)
{
	void (*closed)(void *) = d->closed;
	void *arg = d->closed_arg;

	if (d->open_handles > 0 || !d->plugin_closed)
		return;
	destroy(d);
	closed(arg);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct gc_dist_host *d = handle->data;

	d->open_handles--;
	maybe_closed(d);
}

void gc_dist_close(struct gc_dist_host *d, void (*closed)(void *arg), void *arg)
{
	struct request *q, *tmp;
	struct owner_call *call, *next;

	d->is_closing = true;
	d->closed = closed;
	d->closed_arg = arg;
	HASH_ITER(hh, d->requests, q, tmp)
		request_free(d, q);
	DL_FOREACH_SAFE(d->calls, call, next) {
		gc_rpc_forget(d->config.rpc, call);
		DL_DELETE(d->calls, call);
		call->done(call->arg, GC_ECANCELED, gc_err_name(GC_ECANCELED), NULL, 0);
		free(call);
	}
	uv_close((uv_handle_t *)&d->deadlines, on_timer_closed);
	uv_close((uv_handle_t *)&d->deliver, on_timer_closed);
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
static void ask(struct gc_dist_host *d, enum kind kind, const struct gc_peer *peer)
{
	const struct gc_dist *dist = &d->module->dist;
	struct request *q = request_new(d, kind, peer ? peer->node : NULL);
	struct gc_request *handle;
	int rc;

	if (!q) {
		struct gc_fail fail = {0};
		gc_fail_set(&fail, GC_ENOMEM, GC_STAGE_JOIN, "no memory for the request");
		if (peer)
			d->config.on_joined(d->config.arg, peer->node, kind == JOIN, &fail);
		return;
	}
	handle = (struct gc_request *)q->id;
	if (kind == JOIN)
		rc = dist->connect(d->self, handle, peer);
	else if (kind == LEAVE)
		rc = dist->disconnect(d->self, handle, peer);
	else
		rc = dist->members(d->self, handle);
	if (rc != 0)
		host_finish(handle, GC_ERROR, "the dist backend refused");
}

void gc_dist_join(struct gc_dist_host *d, const char *node, const char *address, uint16_t port)
{
	struct gc_peer peer = {.node = node, .address = address, .port = port};

	if (!d->is_closing)
		ask(d, JOIN, &peer);
}

void gc_dist_leave(struct gc_dist_host *d, const char *node)
{
	struct gc_peer peer = {.node = node};

	if (!d->is_closing)
		ask(d, LEAVE, &peer);
}

void gc_dist_refresh(struct gc_dist_host *d)
{
	struct request *q, *tmp;

	if (d->is_closing || !d->module->dist.members ||
	    (d->module->dist.needs_owner && !d->owner_up))
		return;
	HASH_ITER(hh, d->requests, q, tmp)
		if (q->kind == MEMBERS)
			return;
	ask(d, MEMBERS, NULL);
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
