/* What the parts of the daemon tell each other: everything that happens goes into the cluster state machine, and
 * gc_act_pump (act.c) carries out what comes back. Loop thread. */
#include "daemon_priv.h"
#include "event.h"
#include "manager.h"
#include "request.h"

#include <string.h>

/* ---- discovery, the owner's link ---- */

/* Subscribers hear nothing before what discovery and the backend know is known to us: a restarted program
 * would tell of a cluster without members, which lives. */
static void begin_telling(struct gc_daemon *d)
{
	if (!d->awaited && (d->is_set_known || !gc_dist_needs_owner(d->dist)))
		gc_subscribers_begin(d->subscribers);
}

void gc_wire_on_answer(void *arg, const struct gc_answer *a)
{
	struct gc_daemon *d = arg;
	size_t refused = gc_cluster_answer(d->cluster, a->instance, a->quality, a->reason,
					   a->peers, a->n, gc_now(d));

	if (refused)
		gc_log(GC_LOG_WARNING, a->instance,
		       "%zu peers were not taken: max_peers (%zu) is reached", refused,
		       d->config->max_peers);
	if (a->quality != GC_ERROR) {
		gc_name_list_remove(&d->awaited, a->instance);
		gc_reload_drop_retired(d);
	}
	gc_act_pump(d);
	begin_telling(d);
}

bool gc_wire_is_owner(const struct gc_daemon *d, const char *node)
{
	return d->owner && strcmp(d->owner, node) == 0;
}

/* Joining begins once it is known whom the owner has already, or that this cannot be known. */
static void owner_is_known(struct gc_daemon *d)
{
	if (d->awaits_members)
		gc_cluster_dist(d->cluster, true, gc_now(d));
	d->awaits_members = false;
}

/* Nobody there hears of the cluster before the owner has said whom it has: it would be told of one without members. */
static void ask_owner_first(struct gc_daemon *d)
{
	if (!gc_dist_needs_owner(d->dist) || !gc_dist_tells_members(d->dist))
		return;
	d->is_set_known = false;
	gc_subscribers_hold(d->subscribers);
}

void gc_wire_on_link_up(void *arg, struct gc_link *link)
{
	struct gc_daemon *d = arg;
	const char *name = gc_link_name(link);
	struct gc_link_info info;

	if (d->is_stopping)
		return;
	gc_link_info(link, &info);
	gc_log(GC_LOG_INFO, "link", "%s is up (%s %s)", name, info.dialled ? "dialled" : "accepted",
	       info.address);
	gc_cluster_link(d->cluster, name, true, info.hidden, NULL, gc_now(d));
	gc_dist_link(d->dist, name, true, NULL);
	if (gc_wire_is_owner(d, name))
		ask_owner_first(d);
	gc_subscribers_link_up(d->subscribers, link);
	if (gc_wire_is_owner(d, name)) {
		d->owner_fail = (struct gc_fail){0};
		gc_trouble_over(&d->owner_trouble, gc_now(d), "owner", "it can be reached");
		gc_log(GC_LOG_NOTICE, "owner", "connected to %s", name);
		d->awaits_members = gc_dist_needs_owner(d->dist);
		if (!gc_dist_tells_members(d->dist))
			owner_is_known(d);
		gc_dist_refresh(d->dist);
	}
	gc_act_pump(d);
}

void gc_wire_on_link_down(void *arg, struct gc_link *link, const struct gc_fail *why)
{
	struct gc_daemon *d = arg;
	const char *name = gc_link_name(link);
	char text[512];

	if (d->is_stopping)
		return;
	gc_fail_print(why, text, sizeof(text));
	gc_log(gc_wire_is_owner(d, name) ? GC_LOG_WARNING : GC_LOG_INFO,
	       gc_wire_is_owner(d, name) ? "owner" : "link", "%s is down: %s", name, text);
	if (gc_wire_is_owner(d, name))
		d->owner_fail = *why;
	gc_subscribers_link_down(d->subscribers, link);
	/* first, so that no member counts as lost by itself, whatever the backend says of it */
	if (gc_wire_is_owner(d, name) && gc_dist_needs_owner(d->dist)) {
		d->awaits_members = false;
		gc_cluster_dist(d->cluster, false, gc_now(d));
	}
	gc_dist_link(d->dist, name, false, gc_err_name(why->err));
	gc_rpc_link_down(d->rpc, link, why);
	gc_cluster_link(d->cluster, name, false, false, why, gc_now(d));
	gc_act_pump(d);
}

void gc_wire_on_control(void *arg, struct gc_link *link, struct gc_span ctl, struct gc_span msg)
{
	struct gc_daemon *d = arg;

	if (d->is_stopping)
		return;
	gc_dispatch_control(d->dispatch, link, ctl, msg);
	gc_act_pump(d);
}

void gc_wire_on_message(void *arg, struct gc_link *link, uint32_t pid, struct gc_span msg)
{
	struct gc_daemon *d = arg;

	(void)link;
	if (!gc_rpc_on_message(d->rpc, pid, msg))
		(void)gc_dist_on_message(d->dist, pid, msg);
}

void gc_wire_on_exit(void *arg, struct gc_link *link, const uint32_t ref[3])
{
	struct gc_daemon *d = arg;

	(void)link;
	(void)gc_subscribers_on_exit(d->subscribers, ref);
}

void gc_wire_tell_found(struct gc_daemon *d)
{
	if (d->told_ready)
		return;
	d->told_ready = true;
	gc_act_tell_ready_fd(d, "ready %s %u\n", gc_node_name(d->node), gc_node_port(d->node));
	gc_act_tell_manager(d);
	gc_manager_ready();
}

void gc_wire_on_epmd(void *arg, bool registered, const struct gc_fail *fail)
{
	struct gc_daemon *d = arg;
	char text[512];

	d->epmd_fail = *fail;
	if (registered) {
		gc_trouble_over(&d->epmd_trouble, gc_now(d), "epmd", "registered again");
		gc_log(GC_LOG_INFO, "epmd", "registered as %s, port %u", gc_node_name(d->node),
		       gc_node_port(d->node));
		gc_wire_tell_found(d);
		return;
	}
	if (fail->err == GC_ENOEPMD && gc_config_epmd(d->config) == GC_CONFIG_EPMD_AUTO) {
		gc_log(GC_LOG_INFO, "epmd", "there is none here; looked for again and again");
		gc_wire_tell_found(d);
		return;
	}
	gc_fail_print(fail, text, sizeof(text));
	gc_trouble_log(&d->epmd_trouble, gc_now(d), GC_LOG_WARNING, "epmd", "not registered: %s",
		       text);
	if (!d->told_ready)
		gc_manager_status("not registered with EPMD: %s", text);
}

void gc_wire_on_joined(void *arg, const char *node, bool joined, const struct gc_fail *fail)
{
	struct gc_daemon *d = arg;

	if (fail->err)
		gc_log(GC_LOG_INFO, "dist", "%s %s: %s", joined ? "join" : "leave", node,
		       fail->detail);
	gc_cluster_joined(d->cluster, node, fail, gc_now(d));
	gc_act_pump(d);
}

void gc_wire_on_member(void *arg, const char *node, bool up, const char *reason)
{
	struct gc_daemon *d = arg;

	gc_cluster_member(d->cluster, node, up, reason, gc_now(d));
	gc_act_pump(d);
}

void gc_wire_on_members(void *arg, const struct gc_fail *fail, const char *const *nodes, size_t n)
{
	struct gc_daemon *d = arg;

	if (!fail->err) {
		gc_cluster_members(d->cluster, nodes, n, gc_now(d));
		d->is_set_known = true;
	}
	owner_is_known(d);
	gc_act_pump(d);
	begin_telling(d);
}

void gc_wire_on_members_timer(uv_timer_t *timer)
{
	struct gc_daemon *d = timer->data;

	gc_dist_refresh(d->dist);
}

/* ---- subscribers ---- */

/* First the members, then `ready` if that has been told already. */
bool gc_wire_greet(void *arg, size_t i, struct gc_buf *msg)
{
	struct gc_daemon *d = arg;

	if (i == 0)
		gc_event_put_snapshot(msg, d->cluster, gc_node_name(d->node), gc_now(d),
				      gc_wall_ms());
	else if (i == 1 && d->ready_event.len > 0)
		gc_buf_put(msg, d->ready_event.data, d->ready_event.len);
	else
		return false;
	return true;
}

void gc_wire_want_link(void *arg, const char *node, bool want)
{
	struct gc_daemon *d = arg;

	if (gc_wire_is_owner(d, node) || d->is_stopping)
		return;
	gc_cluster_want_link(d->cluster, node, NULL, 0, want, gc_now(d));
	gc_act_pump(d);
}
