/* Carries out what the cluster state machine wants: dials, joins, leaves, what subscribers and the ready
 * descriptor are told. Loop thread. */
#include "daemon_priv.h"
#include "event.h"
#include "manager.h"
#include "request.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	if (gc_wire_is_owner(d, node)) {
		d->owner_fail = *fail;
		gc_trouble_log(&d->owner_trouble, gc_now(d), GC_LOG_WARNING, "owner",
			       "%s cannot be reached: %s", node, text);
	} else {
		gc_log(is_news(d, node, fail->err) ? GC_LOG_WARNING : GC_LOG_INFO, "dial",
		       "%s: %s", node, text);
	}
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
	gc_act_pump(d);
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

void gc_act_tell_ready_fd(struct gc_daemon *d, const char *fmt, ...)
{
	struct pollfd room = {.fd = d->ready_fd, .events = POLLOUT};
	va_list ap;

	if (d->ready_fd < 0)
		return;
	if (poll(&room, 1, 0) != 1) { /* a pipe that is full: we do not wait for its reader */
		gc_log(GC_LOG_WARNING, "node", "--ready-fd is not read, it is told nothing");
		return;
	}
	va_start(ap, fmt);
	if (vdprintf(d->ready_fd, fmt, ap) < 0)
		d->ready_fd = -1; /* nobody listens any more */
	va_end(ap);
}

void gc_act_tell_manager(const struct gc_daemon *d)
{
	gc_manager_status("%s listens on port %u; %zu members of %zu peers", gc_node_name(d->node),
			  gc_node_port(d->node), gc_cluster_count_members(d->cluster),
			  gc_cluster_count_peers(d->cluster));
}

static void do_tell(struct gc_daemon *d, const struct gc_action *a)
{
	struct gc_buf msg = {0};

	gc_event_put(&msg, a, gc_node_name(d->node), gc_wall_ms());
	if (a->type == GC_DO_READY) {
		gc_log(GC_LOG_NOTICE, "cluster", "ready: %zu members (%s)", a->count, a->reason);
		gc_buf_reset(&d->ready_event);
		gc_buf_put(&d->ready_event, msg.data, msg.len);
		gc_act_tell_ready_fd(d, "formed %zu\n", a->count);
	} else if (a->type == GC_DO_NODEUP) {
		gc_log(GC_LOG_NOTICE, "cluster", "nodeup %s", a->node);
	} else {
		gc_log(GC_LOG_NOTICE, "cluster", "nodedown %s: %s", a->node,
		       a->reason ? a->reason : "");
	}
	if (d->told_ready)
		gc_act_tell_manager(d);
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
	gc_act_pump(d);
}

/* Not reentrant: what happens while an action is carried out is seen by the loop that runs already. */
void gc_act_pump(struct gc_daemon *d)
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

void gc_act_forget_dials(struct gc_daemon *d)
{
	struct dialling *dialling, *tmp;

	HASH_ITER(hh, d->dials, dialling, tmp) {
		gc_dial_cancel(dialling->dial);
		forget_dial(d, dialling);
	}
}
