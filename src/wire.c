/* What the parts of the daemon tell each other: everything that happens goes into the cluster state
 * machine, and gc_wire_pump carries out what comes back. Loop thread. */
#include "daemon_priv.h"
#include "event.h"
#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* ---- carrying out what the cluster wants ---- */

/* Of a peer: the first failure and each other reason are a warning, the same reason again only the
 * 2nd, 4th, 8th .. time in a row. */
static bool is_news(const struct gc_daemon *d, const char *node, int err)
{
	struct gc_peer_view v;

	if (err == GC_EHIDDEN || !gc_cluster_get(d->cluster, node, &v))
		return false;
	return v.last_fail.err != err || ((v.attempts + 1) & v.attempts) == 0;
}

static void log_failure(struct gc_daemon *d, const char *node, const struct gc_fail *fail)
{
	char text[512];

	gc_fail_print(fail, text, sizeof(text));
	if (gc_wire_is_owner(d, node))
		gc_trouble_log(&d->owner_trouble, gc_now(d), GC_LOG_WARNING, "owner",
			       "%s cannot be reached: %s", node, text);
	else
		gc_log(is_news(d, node, fail->err) ? GC_LOG_WARNING : GC_LOG_INFO, "dial",
		       "%s: %s", node, text);
}

static void on_dialled(void *arg, const struct gc_dial_result *r)
{
	struct dialling *dialling = arg;
	struct gc_daemon *d = dialling->daemon;

	HASH_DEL(d->dials, dialling);
	if (r->fail.err)
		log_failure(d, dialling->node, &r->fail);
	gc_cluster_dialled(d->cluster, dialling->node, &r->fail, r->address, r->port, gc_now(d));
	free(dialling->node);
	free(dialling);
	gc_wire_pump(d);
}

static void dial_failed(struct gc_daemon *d, const char *node, int err)
{
	struct gc_fail fail = {0};

	gc_fail_set(&fail, err, GC_STAGE_NONE, "the dial could not be started");
	gc_cluster_dialled(d->cluster, node, &fail, NULL, 0, gc_now(d));
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
				      a->hidden_ok,
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

	gc_cluster_tick(d->cluster, gc_now(d));
	gc_wire_pump(d);
}

/* Not reentrant: what happens while an action is carried out is seen by the loop that runs already. */
void gc_wire_pump(struct gc_daemon *d)
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
		uv_timer_start(&d->timer, on_timer, next > gc_now(d) ? next - gc_now(d) : 0, 0);
}

/* ---- what the parts tell ---- */

void gc_name_list_remove(struct gc_name_list **list, const char *name)
{
	struct gc_name_list *n, *tmp;

	LL_FOREACH_SAFE(*list, n, tmp)
		if (!name || strcmp(n->name, name) == 0) {
			LL_DELETE(*list, n);
			free(n->name);
			free(n);
		}
}

void gc_wire_drop_retired(struct gc_daemon *d)
{
	struct gc_name_list *n;

	if (d->awaited)
		return;
	LL_FOREACH(d->retired, n)
		gc_cluster_drop_instance(d->cluster, n->name, gc_now(d));
	gc_name_list_remove(&d->retired, NULL);
}

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
		gc_wire_drop_retired(d);
	}
	gc_wire_pump(d);
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
	gc_subscribers_link_up(d->subscribers, link);
	if (gc_wire_is_owner(d, name)) {
		gc_trouble_over(&d->owner_trouble, gc_now(d), "owner", "it can be reached");
		gc_log(GC_LOG_NOTICE, "owner", "connected to %s", name);
		d->awaits_members = gc_dist_needs_owner(d->dist);
		if (!gc_dist_tells_members(d->dist))
			owner_is_known(d);
		gc_dist_refresh(d->dist);
	}
	gc_wire_pump(d);
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
	gc_subscribers_link_down(d->subscribers, link);
	/* first, so that no member counts as lost by itself, whatever the backend says of it */
	if (gc_wire_is_owner(d, name) && gc_dist_needs_owner(d->dist)) {
		d->awaits_members = false;
		gc_cluster_dist(d->cluster, false, gc_now(d));
	}
	gc_dist_link(d->dist, name, false, gc_err_name(why->err));
	gc_rpc_link_down(d->rpc, link, why);
	gc_cluster_link(d->cluster, name, false, false, why, gc_now(d));
	gc_wire_pump(d);
}

void gc_wire_on_control(void *arg, struct gc_link *link, struct gc_span ctl, struct gc_span msg)
{
	struct gc_daemon *d = arg;

	if (d->is_stopping)
		return;
	gc_dispatch_control(d->dispatch, link, ctl, msg);
	gc_wire_pump(d);
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
	tell_ready_fd(d, "ready %s %u\n", gc_node_name(d->node), gc_node_port(d->node));
}

void gc_wire_on_epmd(void *arg, bool registered, const struct gc_fail *fail)
{
	struct gc_daemon *d = arg;
	char text[512];

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
}

void gc_wire_on_joined(void *arg, const char *node, bool joined, const struct gc_fail *fail)
{
	struct gc_daemon *d = arg;

	if (fail->err)
		gc_log(GC_LOG_INFO, "dist", "%s %s: %s", joined ? "join" : "leave", node,
		       fail->detail);
	gc_cluster_joined(d->cluster, node, fail, gc_now(d));
	gc_wire_pump(d);
}

void gc_wire_on_member(void *arg, const char *node, bool up, const char *reason)
{
	struct gc_daemon *d = arg;

	gc_cluster_member(d->cluster, node, up, reason, gc_now(d));
	gc_wire_pump(d);
}

void gc_wire_on_members(void *arg, const struct gc_fail *fail, const char *const *nodes, size_t n)
{
	struct gc_daemon *d = arg;

	if (!fail->err) {
		gc_cluster_members(d->cluster, nodes, n, gc_now(d));
		d->is_set_known = true;
	}
	owner_is_known(d);
	gc_wire_pump(d);
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
	gc_wire_pump(d);
}

void gc_wire_forget_dials(struct gc_daemon *d)
{
	struct dialling *dialling, *tmp;

	HASH_ITER(hh, d->dials, dialling, tmp) {
		gc_dial_cancel(dialling->dial);
		forget_dial(d, dialling);
	}
}
