/* The daemon; see daemon.h. Everything that happens goes into the cluster state machine, and pump()
 * carries out what comes back. */
#include "daemon.h"
#include "check.h"
#include "cluster.h"
#include "discover.h"
#include "dispatch.h"
#include "dist.h"
#include "epmd.h"
#include "event.h"
#include "node.h"
#include "request.h"
#include "rpc.h"
#include "subscriber.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <uthash.h>

#define FLUSH_MS 200
#define MEMBERS_POLL_MS 5000 /* the dist backend is asked for the whole set, besides what it tells */

struct dialling {
	struct gc_daemon *daemon;
	struct gc_dial *dial;
	char *node;
	UT_hash_handle hh;
};

struct gc_daemon {
	struct gc_daemon_config c;
	struct gc_config *config;
	struct gc_dns *dns;
	struct gc_node *node;
	struct gc_rpc *rpc;
	struct gc_dispatch *dispatch;
	struct gc_subscribers *subscribers;
	struct gc_discover *discover;
	struct gc_cluster *cluster;
	struct gc_dist_host *dist;
	struct dialling *dials;
	char *owner;	  /* NULL: none */
	struct gc_buf ready_event;
	uv_timer_t timer;	  /* the cluster's next wake-up */
	uv_timer_t members_timer; /* MEMBERS_POLL_MS */
	uint64_t start_mono_ms;
	struct gc_trouble epmd_trouble;
	unsigned open; /* parts that are still closing */
	bool is_pumping, is_stopping, told_ready;
	int ready_fd;
};

static uint64_t now_ms(const struct gc_daemon *d)
{
	return uv_now(d->c.loop);
}

static void pump(struct gc_daemon *d);

/* ---- carrying out what the cluster wants ---- */

static void on_dialled(void *arg, const struct gc_dial_result *r)
{
	struct dialling *dialling = arg;
	struct gc_daemon *d = dialling->daemon;
	char text[512];

	HASH_DEL(d->dials, dialling);
	if (r->fail.err) {
		gc_fail_print(&r->fail, text, sizeof(text));
		gc_log(GC_LOG_INFO, "dial", "%s: %s", dialling->node, text);
	}
	gc_cluster_dialled(d->cluster, dialling->node, &r->fail, r->address, r->port, now_ms(d));
	free(dialling->node);
	free(dialling);
	pump(d);
}

static void dial_failed(struct gc_daemon *d, const char *node, int err)
{
	struct gc_fail fail = {0};

	gc_fail_set(&fail, err, GC_STAGE_NONE, "the dial could not be started");
	gc_cluster_dialled(d->cluster, node, &fail, NULL, 0, now_ms(d));
}

static bool is_subscriber_or_owner(struct gc_daemon *d, const char *node)
{
	struct gc_peer_view v;

	return !gc_cluster_get(d->cluster, node, &v);
}

static void do_dial(struct gc_daemon *d, const struct gc_action *a)
{
	struct dialling *dialling = calloc(1, sizeof(*dialling));
	const char *address = a->address && *a->address ? a->address : NULL;

	if (!dialling || !(dialling->node = strdup(a->node))) {
		free(dialling);
		dial_failed(d, a->node, GC_ENOMEM);
		return;
	}
	dialling->daemon = d;
	dialling->dial = gc_node_dial(d->node, dialling->node, address, a->port,
				      is_subscriber_or_owner(d, dialling->node),
				      d->config->connect_timeout_ms, on_dialled, dialling);
	if (!dialling->dial) {
		dial_failed(d, dialling->node, GC_ENOMEM);
		free(dialling->node);
		free(dialling);
		return;
	}
	HASH_ADD_KEYPTR(hh, d->dials, dialling->node, strlen(dialling->node), dialling);
}

static void forget_dial(struct gc_daemon *d, struct dialling *dialling)
{
	HASH_DEL(d->dials, dialling);
	free(dialling->node);
	free(dialling);
}

static void do_cancel_dial(struct gc_daemon *d, const char *node)
{
	struct dialling *dialling;

	HASH_FIND_STR(d->dials, node, dialling);
	if (!dialling)
		return;
	gc_dial_cancel(dialling->dial);
	forget_dial(d, dialling);
}

static void do_close_link(struct gc_daemon *d, const char *node)
{
	struct gc_link *link = gc_node_find(d->node, node);

	if (link)
		gc_link_close(link, GC_EREMOVED, "");
}

static void tell_ready_fd(struct gc_daemon *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void tell_ready_fd(struct gc_daemon *d, const char *fmt, ...)
{
	va_list ap;

	if (d->ready_fd < 0)
		return;
	va_start(ap, fmt);
	if (vdprintf(d->ready_fd, fmt, ap) < 0)
		d->ready_fd = -1; /* nobody listens any more */
	va_end(ap);
}

static void do_tell(struct gc_daemon *d, const struct gc_action *a)
{
	struct gc_buf msg = {0};

	gc_event_put(&msg, a, gc_node_name(d->node), gc_wall_ms());
	if (a->type == GC_DO_READY) {
		gc_log(GC_LOG_NOTICE, "cluster", "ready: %zu members (%s)", a->count, a->reason);
		gc_buf_reset(&d->ready_event);
		gc_buf_put(&d->ready_event, msg.data, msg.len);
		tell_ready_fd(d, "formed %zu\n", a->count);
	} else if (a->type == GC_DO_NODEUP) {
		gc_log(GC_LOG_NOTICE, "cluster", "nodeup %s", a->node);
	} else {
		gc_log(GC_LOG_NOTICE, "cluster", "nodedown %s: %s", a->node,
		       a->reason ? a->reason : "");
	}
	if (!msg.failed)
		gc_subscribers_tell(d->subscribers, &msg);
	gc_buf_deinit(&msg);
}

static void carry_out(struct gc_daemon *d, const struct gc_action *a)
{
	switch (a->type) {
	case GC_DO_DIAL:
		do_dial(d, a);
		break;
	case GC_DO_CANCEL_DIAL:
		do_cancel_dial(d, a->node);
		break;
	case GC_DO_JOIN:
		gc_dist_join(d->dist, a->node, a->address, a->port);
		break;
	case GC_DO_LEAVE:
		gc_dist_leave(d->dist, a->node);
		break;
	case GC_DO_CLOSE_LINK:
		do_close_link(d, a->node);
		break;
	case GC_DO_NODEUP:
	case GC_DO_NODEDOWN:
	case GC_DO_READY:
		do_tell(d, a);
		break;
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct gc_daemon *d = timer->data;

	gc_cluster_tick(d->cluster, now_ms(d));
	pump(d);
}

/* Not reentrant: what happens while an action is carried out is seen by the loop that runs already. */
static void pump(struct gc_daemon *d)
{
	struct gc_action a;
	uint64_t next;

	if (d->is_pumping || d->is_stopping)
		return;
	d->is_pumping = true;
	while (!d->is_stopping && gc_cluster_next(d->cluster, &a))
		carry_out(d, &a);
	d->is_pumping = false;
	if (d->is_stopping)
		return;
	next = gc_cluster_next_ms(d->cluster);
	if (next == GC_FOREVER)
		uv_timer_stop(&d->timer);
	else
		uv_timer_start(&d->timer, on_timer, next > now_ms(d) ? next - now_ms(d) : 0, 0);
}

/* ---- what the parts tell ---- */

static void on_answer(void *arg, const struct gc_answer *a)
{
	struct gc_daemon *d = arg;
	size_t refused = gc_cluster_answer(d->cluster, a->instance, a->quality, a->reason,
					   a->peers, a->n, now_ms(d));

	if (refused)
		gc_log(GC_LOG_WARNING, a->instance,
		       "%zu peers were not taken: max_peers (%zu) is reached", refused,
		       d->config->max_peers);
	pump(d);
}

static bool is_owner(const struct gc_daemon *d, const char *node)
{
	return d->owner && strcmp(d->owner, node) == 0;
}

static void on_link_up(void *arg, struct gc_link *link)
{
	struct gc_daemon *d = arg;
	const char *name = gc_link_name(link);
	struct gc_link_info info;

	if (d->is_stopping)
		return;
	gc_link_info(link, &info);
	gc_log(GC_LOG_INFO, "link", "%s is up (%s %s)", name, info.dialled ? "dialled" : "accepted",
	       info.address);
	gc_cluster_link(d->cluster, name, true, info.hidden, NULL, now_ms(d));
	if (is_owner(d, name) && gc_dist_needs_owner(d->dist))
		gc_cluster_dist(d->cluster, true, now_ms(d));
	gc_dist_link(d->dist, name, true, NULL);
	gc_subscribers_link_up(d->subscribers, link);
	if (is_owner(d, name)) {
		gc_log(GC_LOG_NOTICE, "owner", "connected to %s", name);
		gc_dist_refresh(d->dist);
	}
	pump(d);
}

static void on_link_down(void *arg, struct gc_link *link, const struct gc_fail *why)
{
	struct gc_daemon *d = arg;
	const char *name = gc_link_name(link);
	char text[512];

	if (d->is_stopping)
		return;
	gc_fail_print(why, text, sizeof(text));
	gc_log(is_owner(d, name) ? GC_LOG_WARNING : GC_LOG_INFO,
	       is_owner(d, name) ? "owner" : "link", "%s is down: %s", name, text);
	gc_subscribers_link_down(d->subscribers, link);
	gc_dist_link(d->dist, name, false, gc_err_name(why->err));
	gc_rpc_link_down(d->rpc, link, why);
	if (is_owner(d, name) && gc_dist_needs_owner(d->dist))
		gc_cluster_dist(d->cluster, false, now_ms(d));
	gc_cluster_link(d->cluster, name, false, false, why, now_ms(d));
	pump(d);
}

static void on_control(void *arg, struct gc_link *link, struct gc_span ctl, struct gc_span msg)
{
	struct gc_daemon *d = arg;

	if (d->is_stopping)
		return;
	gc_dispatch_control(d->dispatch, link, ctl, msg);
	pump(d);
}

static void on_message(void *arg, struct gc_link *link, uint32_t pid_id, struct gc_span msg)
{
	struct gc_daemon *d = arg;

	(void)link;
	if (!gc_rpc_on_message(d->rpc, pid_id, msg))
		(void)gc_dist_on_message(d->dist, pid_id, msg);
}

static void on_exit_signal(void *arg, struct gc_link *link, const uint32_t ref[3])
{
	struct gc_daemon *d = arg;

	(void)link;
	(void)gc_subscribers_on_exit(d->subscribers, ref);
}

static void tell_found(struct gc_daemon *d)
{
	if (d->told_ready)
		return;
	d->told_ready = true;
	tell_ready_fd(d, "ready %s %u\n", gc_node_name(d->node), gc_node_port(d->node));
}

static void on_epmd(void *arg, bool registered, const struct gc_fail *fail)
{
	struct gc_daemon *d = arg;
	char text[512];

	if (registered) {
		gc_trouble_over(&d->epmd_trouble, now_ms(d), "epmd", "registered again");
		gc_log(GC_LOG_INFO, "epmd", "registered as %s, port %u", gc_node_name(d->node),
		       gc_node_port(d->node));
		tell_found(d);
		return;
	}
	gc_fail_print(fail, text, sizeof(text));
	gc_trouble_log(&d->epmd_trouble, now_ms(d), GC_LOG_WARNING, "epmd", "not registered: %s",
		       text);
}

static void on_joined(void *arg, const char *node, bool joined, const struct gc_fail *fail)
{
	struct gc_daemon *d = arg;

	if (fail->err)
		gc_log(GC_LOG_INFO, "dist", "%s %s: %s", joined ? "join" : "leave", node,
		       fail->detail);
	if (joined)
		gc_cluster_joined(d->cluster, node, fail, now_ms(d));
	pump(d);
}

static void on_member(void *arg, const char *node, bool up, const char *reason)
{
	struct gc_daemon *d = arg;

	gc_cluster_member(d->cluster, node, up, reason, now_ms(d));
	pump(d);
}

static void on_members(void *arg, const char *const *nodes, size_t n)
{
	struct gc_daemon *d = arg;

	gc_cluster_members(d->cluster, nodes, n, now_ms(d));
	pump(d);
}

static void on_members_timer(uv_timer_t *timer)
{
	struct gc_daemon *d = timer->data;

	gc_dist_refresh(d->dist);
}

/* ---- subscribers ---- */

/* First the members, then `ready` if that has been told already. */
static bool greet(void *arg, size_t i, struct gc_buf *msg)
{
	struct gc_daemon *d = arg;

	if (i == 0)
		gc_event_put_snapshot(msg, d->cluster, gc_node_name(d->node), now_ms(d),
				      gc_wall_ms());
	else if (i == 1 && d->ready_event.len > 0)
		gc_buf_put(msg, d->ready_event.data, d->ready_event.len);
	else
		return false;
	return true;
}

static void want_link(void *arg, const char *node, bool want)
{
	struct gc_daemon *d = arg;

	if (is_owner(d, node) || d->is_stopping)
		return;
	gc_cluster_want_link(d->cluster, node, NULL, 0, want, now_ms(d));
	pump(d);
}

static const char *notify_node(const struct gc_daemon *d, const struct gc_config_notify *n)
{
	return n->node ? n->node : d->owner;
}

static bool has_notify(const struct gc_daemon *d, const struct gc_config *config,
		       const struct gc_config_notify *n)
{
	for (size_t i = 0; i < config->n_notify; i++) {
		const char *a = notify_node(d, &config->notify[i]), *b = notify_node(d, n);
		if (a && b && strcmp(config->notify[i].name, n->name) == 0 && strcmp(a, b) == 0)
			return true;
	}
	return false;
}

/* Old and new may be the same (first start: old NULL). */
static void set_notify(struct gc_daemon *d, const struct gc_config *old,
		       const struct gc_config *new)
{
	for (size_t i = 0; old && i < old->n_notify; i++)
		if (notify_node(d, &old->notify[i]) && !has_notify(d, new, &old->notify[i]))
			(void)gc_subscribers_remove_name(d->subscribers, old->notify[i].name,
							 notify_node(d, &old->notify[i]));
	for (size_t i = 0; i < new->n_notify; i++)
		if (notify_node(d, &new->notify[i]) &&
		    gc_subscribers_add_name(d->subscribers, new->notify[i].name,
					    notify_node(d, &new->notify[i])) != 0)
			gc_log(GC_LOG_ERROR, "notify", "%s could not be added",
			       new->notify[i].name);
}

/* ---- requests ---- */

static void refresh(void *arg)
{
	struct gc_daemon *d = arg;

	gc_discover_refresh(d->discover);
	gc_dist_refresh(d->dist);
	gc_cluster_hurry(d->cluster, now_ms(d));
	pump(d);
}

void gc_daemon_request(struct gc_daemon *d, const struct gc_term *request, struct gc_buf *reply)
{
	struct gc_request_context c = {.config = d->config,
				       .cluster = d->cluster,
				       .node = d->node,
				       .discover = d->discover,
				       .subscribers = d->subscribers,
				       .dispatch = d->dispatch,
				       .owner = d->owner,
				       .dist = gc_dist_name(d->dist),
				       .start_mono_ms = d->start_mono_ms,
				       .loop = d->c.loop,
				       .refresh = refresh,
				       .arg = d};

	gc_request_answer(&c, request, reply);
	pump(d);
}

static void on_request(void *arg, const struct gc_term *request, struct gc_buf *reply)
{
	gc_daemon_request(arg, request, reply);
}

const char *gc_daemon_node(const struct gc_daemon *d)
{
	return gc_node_name(d->node);
}

/* ---- starting ---- */

bool gc_daemon_default_name(const char *owner, char *buf, size_t len)
{
	char alive[GC_NODE_MAX + 8], host[GC_NODE_MAX + 1];

	if (owner) {
		char own[GC_NODE_MAX + 1];
		if (!gc_name_alive(owner, own, sizeof(own)))
			return false;
		(void)snprintf(alive, sizeof(alive), "gc_%s", own);
		return gc_name_make(buf, len, alive, gc_name_host(owner));
	}
	if (gethostname(host, sizeof(host)) != 0)
		return false;
	host[sizeof(host) - 1] = '\0';
	return gc_name_make(buf, len, "gen_cluster", host);
}

static void fill_policy(const struct gc_daemon *d, const struct gc_config *config,
			struct gc_cluster_config *c)
{
	*c = (struct gc_cluster_config){
		.self = gc_node_name(d->node),
		.owner = d->owner,
		.confirm_removal = config->confirm_removal,
		.removed = config->removed,
		.disconnect_after_ms = config->disconnect_after_ms,
		.max_peers = config->max_peers,
		.links_probe = config->links_probe,
		.reconnect_min_ms = config->reconnect_min_ms,
		.reconnect_max_ms = config->reconnect_max_ms,
		.has_ready = config->has_ready,
		.ready_members = config->ready_members,
		.ready_stable_ms = config->ready_stable_ms,
		.ready_timeout_ms = config->ready_timeout_ms,
	};
	if (getrandom(&c->seed, sizeof(c->seed), 0) != sizeof(c->seed))
		c->seed = uv_hrtime();
}

static int create_node(struct gc_daemon *d, char *err, size_t err_len)
{
	char name[GC_NODE_MAX + 1];
	struct gc_node_config c = {.loop = d->c.loop,
				   .name = d->config->name,
				   .cookie = d->c.cookie,
				   .listen_address = d->config->listen_address,
				   .listen_port = d->config->listen_port,
				   .no_epmd = d->config->no_epmd,
				   .dist_port = d->config->dist_port,
				   .net_ticktime_s = d->config->net_ticktime_s,
				   .dns = d->dns,
				   .arg = d,
				   .on_link_up = on_link_up,
				   .on_link_down = on_link_down,
				   .on_control = on_control,
				   .on_epmd = on_epmd};

	if (!c.name && !gc_daemon_default_name(d->owner, name, sizeof(name))) {
		(void)snprintf(err, err_len, "no node name can be made for us: set `name`");
		return GC_EBADNAME;
	}
	if (!c.name)
		c.name = name;
	return gc_node_create(&c, &d->node, err, err_len);
}

/* What needs the node, in the order in which each needs the ones before. */
static int create_parts(struct gc_daemon *d, char *err, size_t err_len)
{
	struct gc_dispatch_config dispatch = {.node = d->node,
					      .arg = d,
					      .on_request = on_request,
					      .on_message = on_message,
					      .on_exit = on_exit_signal};
	struct gc_cluster_config policy;
	struct gc_subscribers_config subs;

	fill_policy(d, d->config, &policy);
	d->cluster = gc_cluster_create(&policy, now_ms(d));
	d->rpc = gc_rpc_create(d->c.loop, d->node);
	d->dispatch = gc_dispatch_create(&dispatch);
	subs = (struct gc_subscribers_config){.loop = d->c.loop,
					      .node = d->node,
					      .rpc = d->rpc,
					      .arg = d,
					      .greet = greet,
					      .want_link = want_link};
	d->subscribers = d->rpc ? gc_subscribers_create(&subs) : NULL;
	if (d->cluster && d->dispatch && d->subscribers)
		return 0;
	(void)snprintf(err, err_len, "out of memory");
	return GC_ENOMEM;
}

static int create_dist(struct gc_daemon *d, char *err, size_t err_len)
{
	struct gc_plugin_path path = {(const char *const *)d->config->plugin_path,
				      d->config->n_plugin_path};
	struct gc_dist_config c = {.loop = d->c.loop,
				   .node = d->node,
				   .rpc = d->rpc,
				   .owner = d->owner,
				   .cnode = gc_node_name(d->node),
				   .max_members = d->config->max_peers,
				   .arg = d,
				   .on_joined = on_joined,
				   .on_member = on_member,
				   .on_members = on_members};
	const char *name = d->config->dist.name;

	if (!name)
		name = d->owner ? "erl" : "ei";
	return gc_dist_create(&c, &path, name, d->config->dist.opts, &d->dist, err, err_len);
}

static int create_discover(struct gc_daemon *d, const struct gc_config *config,
			   struct gc_discover **discover_r, char *err, size_t err_len)
{
	struct gc_plugin_path path = {(const char *const *)config->plugin_path,
				      config->n_plugin_path};
	struct gc_discover_config c = {.loop = d->c.loop,
				       .refresh_interval_ms = config->refresh_interval_ms,
				       .refresh_jitter = config->refresh_jitter,
				       .max_peers = config->max_peers,
				       .owner = d->owner,
				       .cnode = gc_node_name(d->node),
				       .on_answer = on_answer,
				       .arg = d};
	int rc = gc_discover_create(&c, discover_r);

	if (rc)
		(void)snprintf(err, err_len, "%s", gc_err_text(rc));
	for (size_t i = 0; rc == 0 && i < config->n_discovery; i++)
		rc = gc_discover_add(*discover_r, &path, config->discovery[i].name,
				     config->discovery[i].opts, err, err_len);
	return rc;
}

static int create_all(struct gc_daemon *d, char *err, size_t err_len)
{
	struct gc_dns_options dns = {0};
	int rc;

	if (d->config->owner && !(d->owner = strdup(d->config->owner)))
		return GC_ENOMEM;
	if ((rc = gc_dns_create(d->c.loop, &dns, &d->dns, err, err_len)) != 0 ||
	    (rc = create_node(d, err, err_len)) != 0 ||
	    (rc = create_parts(d, err, err_len)) != 0 ||
	    (rc = create_dist(d, err, err_len)) != 0)
		return rc;
	return create_discover(d, d->config, &d->discover, err, err_len);
}

static void run(struct gc_daemon *d)
{
	gc_log(GC_LOG_NOTICE, "node", "%s listens on port %u; owner %s; dist %s",
	       gc_node_name(d->node), gc_node_port(d->node), d->owner ? d->owner : "none",
	       gc_dist_name(d->dist));
	if (gc_dist_needs_owner(d->dist))
		gc_cluster_dist(d->cluster, false, now_ms(d));
	if (d->owner)
		gc_cluster_want_link(d->cluster, d->owner, d->config->owner_address,
				     d->config->owner_port, true, now_ms(d));
	set_notify(d, NULL, d->config);
	uv_timer_start(&d->members_timer, on_members_timer, MEMBERS_POLL_MS, MEMBERS_POLL_MS);
	gc_discover_start(d->discover);
	if (d->config->no_epmd)
		tell_found(d);
	pump(d);
}

int gc_daemon_start(const struct gc_daemon_config *c, struct gc_daemon **daemon_r, char *err,
		    size_t err_len)
{
	struct gc_daemon *d = calloc(1, sizeof(*d));
	int rc;

	if (!d) {
		gc_config_destroy(c->config);
		(void)snprintf(err, err_len, "out of memory");
		return GC_ENOMEM;
	}
	d->c = *c;
	d->config = c->config;
	d->ready_fd = c->ready_fd;
	d->start_mono_ms = now_ms(d);
	uv_timer_init(c->loop, &d->timer);
	uv_timer_init(c->loop, &d->members_timer);
	d->timer.data = d->members_timer.data = d;
	rc = create_all(d, err, err_len);
	d->c.cookie = NULL;
	if (rc) {
		d->c.on_stopped = NULL;
		gc_daemon_stop(d);
		return rc;
	}
	*daemon_r = d;
	run(d);
	return 0;
}

/* ---- reload ---- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static void warn_fixed(const struct gc_config *old, const struct gc_config *new)
{
	const struct {
		const char *key;
		bool same;
	} fixed[] = {
		{"owner", same_text(old->owner, new->owner)},
		{"name", same_text(old->name, new->name)},
		{"dist", same_text(old->dist.name, new->dist.name)},
		{"cookie_file", same_text(old->cookie_file, new->cookie_file)},
		{"listen_address", same_text(old->listen_address, new->listen_address)},
		{"listen_port", old->listen_port == new->listen_port},
		{"epmd", old->no_epmd == new->no_epmd},
		{"net_ticktime", old->net_ticktime_s == new->net_ticktime_s},
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (!fixed[i].same)
			gc_log(GC_LOG_WARNING, "config",
			       "%s has changed: that takes effect at the next start",
			       fixed[i].key);
}

static void on_old_discover_closed(void *arg)
{
	(void)arg;
}

static void drop_missing(void *arg, const char *instance)
{
	struct gc_daemon *d = arg;

	if (!gc_discover_has(d->discover, instance))
		gc_cluster_drop_instance(d->cluster, instance, now_ms(d));
}

int gc_daemon_reload(struct gc_daemon *d, struct gc_config *config, char *err, size_t err_len)
{
	struct gc_discover *discover = NULL, *old = d->discover;
	struct gc_cluster_config policy;
	int rc = d->is_stopping ? GC_ESHUTDOWN
				: create_discover(d, config, &discover, err, err_len);

	if (rc) {
		if (discover)
			gc_discover_close(discover, on_old_discover_closed, NULL);
		gc_config_destroy(config);
		return rc;
	}
	warn_fixed(d->config, config);
	d->discover = discover;
	gc_discover_each(old, drop_missing, d);
	gc_discover_close(old, on_old_discover_closed, NULL);
	fill_policy(d, config, &policy);
	gc_cluster_configure(d->cluster, &policy, now_ms(d));
	set_notify(d, d->config, config);
	gc_log_set_level(config->log_level);
	gc_config_destroy(d->config);
	d->config = config;
	gc_discover_start(d->discover);
	gc_log(GC_LOG_NOTICE, "config", "reloaded");
	pump(d);
	return 0;
}

/* ---- stopping ---- */

static void destroy(struct gc_daemon *d)
{
	void (*on_stopped)(void *) = d->c.on_stopped;
	void *arg = d->c.arg;

	gc_cluster_destroy(d->cluster);
	gc_dispatch_destroy(d->dispatch);
	gc_config_destroy(d->config);
	gc_buf_deinit(&d->ready_event);
	free(d->owner);
	free(d);
	if (on_stopped)
		on_stopped(arg);
}

static void on_part_closed(void *arg)
{
	struct gc_daemon *d = arg;

	if (--d->open > 0)
		return;
	if (d->dns) { /* last: dials use it until the node has closed */
		struct gc_dns *dns = d->dns;
		d->dns = NULL;
		d->open++;
		gc_dns_close(dns, on_part_closed, d);
		return;
	}
	destroy(d);
}

static void on_timer_closed(uv_handle_t *handle)
{
	on_part_closed(handle->data);
}

static void forget_dials(struct gc_daemon *d)
{
	struct dialling *dialling, *tmp;

	HASH_ITER(hh, d->dials, dialling, tmp) {
		gc_dial_cancel(dialling->dial);
		forget_dial(d, dialling);
	}
}

void gc_daemon_stop(struct gc_daemon *d)
{
	if (d->is_stopping)
		return;
	d->is_stopping = true;
	forget_dials(d);
	d->open = 2;
	uv_close((uv_handle_t *)&d->timer, on_timer_closed);
	uv_close((uv_handle_t *)&d->members_timer, on_timer_closed);
	if (d->discover) {
		d->open++;
		gc_discover_close(d->discover, on_part_closed, d);
	}
	if (d->dist) {
		d->open++;
		gc_dist_close(d->dist, on_part_closed, d);
	}
	if (d->subscribers) {
		d->open++;
		gc_subscribers_close(d->subscribers, on_part_closed, d);
	}
	if (d->rpc) {
		d->open++;
		gc_rpc_close(d->rpc, on_part_closed, d);
	}
	if (d->node) {
		d->open++;
		gc_node_close(d->node, FLUSH_MS, on_part_closed, d);
	}
}
