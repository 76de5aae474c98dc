/* The daemon's life: start, requests, stop; see daemon.h. What its parts tell each other is in wire.c, what the
 * cluster wants of them in act.c, a changed configuration in reload.c. */
#include "daemon_priv.h"
#include "request.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define FLUSH_MS 200
#define MEMBERS_POLL_MS 5000 /* the dist backend is asked for the whole set, besides what it tells */

/* ---- requests ---- */

static void refresh(void *arg)
{
	struct gc_daemon *d = arg;

	gc_discover_refresh(d->discover);
	gc_dist_refresh(d->dist);
	gc_cluster_hurry(d->cluster, gc_now(d));
	gc_act_pump(d);
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
				       .epmd_fail = &d->epmd_fail,
				       .owner_fail = &d->owner_fail,
				       .start_mono_ms = d->start_mono_ms,
				       .loop = d->c.loop,
				       .refresh = refresh,
				       .arg = d};

	gc_request_answer(&c, request, reply);
	gc_act_pump(d);
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

void gc_daemon_policy(const struct gc_daemon *d, const struct gc_config *config,
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
				   .listen_addresses =
					   (const char *const *)d->config->listen_addresses,
				   .n_listen_addresses = d->config->n_listen_addresses,
				   .listen_port = d->config->listen_port,
				   .no_epmd = gc_config_epmd(d->config) == GC_CONFIG_EPMD_FALSE,
				   .dist_port = d->config->dist_port,
				   .net_ticktime_s = d->config->net_ticktime_s,
				   .dns = d->dns,
				   .tls = d->config->tls,
				   .allow = d->config->allow,
				   .n_allow = d->config->n_allow,
				   .arg = d,
				   .on_link_up = gc_wire_on_link_up,
				   .on_link_down = gc_wire_on_link_down,
				   .on_control = gc_wire_on_control,
				   .on_epmd = gc_wire_on_epmd};

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
					      .on_message = gc_wire_on_message,
					      .on_exit = gc_wire_on_exit};
	struct gc_cluster_config policy;
	struct gc_subscribers_config subs;

	gc_daemon_policy(d, d->config, &policy);
	d->cluster = gc_cluster_create(&policy, gc_now(d));
	d->rpc = gc_rpc_create(d->c.loop, d->node);
	d->dispatch = gc_dispatch_create(&dispatch);
	subs = (struct gc_subscribers_config){.loop = d->c.loop,
					      .node = d->node,
					      .rpc = d->rpc,
					      .arg = d,
					      .greet = gc_wire_greet,
					      .want_link = gc_wire_want_link};
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
				   .on_joined = gc_wire_on_joined,
				   .on_member = gc_wire_on_member,
				   .on_members = gc_wire_on_members};
	const char *name = d->config->dist.name;

	if (!name)
		name = d->owner ? "erl" : "ei";
	if (d->config->links_probe && strcmp(name, "ei") == 0) {
		(void)snprintf(err, err_len, "links: probe would close what dist ei takes for "
					     "membership; allowed with it: keep");
		return GC_EINVAL;
	}
	return gc_dist_create(&c, &path, name, d->config->dist.opts, &d->dist, err, err_len);
}

static bool may_reach(void *arg, const struct sockaddr *addr)
{
	const struct gc_daemon *d = arg;

	return gc_node_may_reach(d->node, addr);
}

int gc_daemon_discover(struct gc_daemon *d, const struct gc_config *config,
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
				       .may_reach = may_reach,
				       .on_answer = gc_wire_on_answer,
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
	return gc_daemon_discover(d, d->config, &d->discover, err, err_len);
}

static void run(struct gc_daemon *d)
{
	gc_log(GC_LOG_NOTICE, "node", "%s listens on port %u; owner %s; dist %s",
	       gc_node_name(d->node), gc_node_port(d->node), d->owner ? d->owner : "none",
	       gc_dist_name(d->dist));
	if (gc_dist_needs_owner(d->dist))
		gc_cluster_dist(d->cluster, false, gc_now(d));
	if (d->owner)
		gc_cluster_want_link(d->cluster, d->owner, d->config->owner_address,
				     d->config->owner_port, true, gc_now(d));
	gc_reload_notify(d, NULL, d->config);
	uv_timer_start(&d->members_timer, gc_wire_on_members_timer, MEMBERS_POLL_MS, MEMBERS_POLL_MS);
	gc_reload_await(d);
	gc_discover_start(d->discover);
	if (gc_config_epmd(d->config) == GC_CONFIG_EPMD_FALSE)
		gc_wire_tell_found(d);
	gc_act_pump(d);
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
	if (d->ready_fd >= 0)
		(void)fcntl(d->ready_fd, F_SETFD, FD_CLOEXEC); /* no child's business */
	d->start_mono_ms = gc_now(d);
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

/* ---- stopping ---- */

static void destroy(struct gc_daemon *d)
{
	void (*on_stopped)(void *) = d->c.on_stopped;
	void *arg = d->c.arg;

	gc_cluster_destroy(d->cluster);
	gc_dispatch_destroy(d->dispatch);
	gc_config_destroy(d->config);
	gc_buf_deinit(&d->ready_event);
	gc_name_list_remove(&d->retired, NULL);
	gc_name_list_remove(&d->awaited, NULL);
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

void gc_daemon_stop(struct gc_daemon *d)
{
	if (d->is_stopping)
		return;
	d->is_stopping = true;
	gc_act_forget_dials(d);
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
