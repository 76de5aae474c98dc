/* One subscriber, from its name to the process that is told; see subscriber_priv.h. Loop thread. */
#include "subscriber_priv.h"

#include "control.h"

#define RETRY_MIN_MS 250
#define RETRY_MAX_MS 5000
#define RESOLVE_TIMEOUT_MS 10000
/* A pid on a node that stays away this long is taken for gone; a name is waited for always. */
#define PID_EXPIRES_MS 600000

/* Waits for a link; the cluster state machine dials. */
void gc_subscriber_no_link(struct gc_subscriber *s)
{
	s->state = GC_SUBSCRIBER_NO_LINK;
	s->backoff_ms = 0;
	s->retry_ms = uv_now(s->all->timer.loop) + PID_EXPIRES_MS;
	gc_subscribers_arm(s->all);
}

static int greet(struct gc_subscriber *s, struct gc_link *link)
{
	const struct gc_subscribers_config *c = &s->all->config;
	struct gc_buf msg = {0};
	int err = 0;

	for (size_t i = 0; err == 0 && c->greet(c->arg, i, &msg); i++) {
		err = gc_control_send(link, (struct gc_span){s->pid.data, s->pid.len}, &msg);
		gc_buf_reset(&msg);
	}
	gc_buf_deinit(&msg);
	return err;
}

/* The monitor goes first: a process that is gone by then is told to us by its exit. */
static void attach(struct gc_subscriber *s, struct gc_link *link)
{
	struct gc_span pid = {s->pid.data, s->pid.len};
	struct gc_pid self = gc_node_pid(s->all->config.node, s->all->pid);

	gc_node_new_ref(s->all->config.node, &s->ref);
	if (gc_control_monitor(link, &self, pid, &s->ref) != 0 || greet(s, link) != 0) {
		gc_link_close(link, GC_EOVERLOAD, "a subscriber could not be told");
		gc_subscriber_no_link(s);
		return;
	}
	s->state = GC_SUBSCRIBER_ATTACHED;
	s->backoff_ms = 0;
}

static void be_absent(struct gc_subscriber *s)
{
	s->state = GC_SUBSCRIBER_ABSENT;
	s->backoff_ms = s->backoff_ms == 0		   ? RETRY_MIN_MS
			: s->backoff_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS
							   : s->backoff_ms * 2;
	s->retry_ms = uv_now(s->all->timer.loop) + s->backoff_ms;
	gc_subscribers_arm(s->all);
}

static void on_whereis(void *arg, const struct gc_fail *fail, struct gc_span result)
{
	struct gc_subscriber *s = arg;
	struct gc_link *link = gc_node_find(s->all->config.node, s->node);

	if (s->state != GC_SUBSCRIBER_RESOLVING)
		return;
	if (!link) {
		gc_subscriber_no_link(s);
	} else if (fail->err || gc_etf_pid(result, NULL, NULL, NULL, NULL) != 0) {
		be_absent(s);
	} else {
		gc_buf_reset(&s->pid);
		gc_buf_put(&s->pid, result.p, result.len);
		if (s->pid.failed)
			be_absent(s);
		else
			attach(s, link);
	}
}

void gc_subscriber_on_link(struct gc_subscriber *s, struct gc_link *link)
{
	struct gc_buf args = {0};

	if (s->all->begin_ms) {
		s->state = GC_SUBSCRIBER_HELD;
		return;
	}
	if (!s->name) {
		attach(s, link);
		return;
	}
	s->state = GC_SUBSCRIBER_RESOLVING;
	gc_etf_put_list(&args, 1);
	gc_etf_put_atom(&args, s->name);
	gc_etf_put_nil(&args);
	if (args.failed || gc_rpc_call(s->all->config.rpc, link, "erlang", "whereis",
				       (struct gc_span){args.data, args.len}, RESOLVE_TIMEOUT_MS,
				       on_whereis, s) != 0)
		be_absent(s);
	gc_buf_deinit(&args);
}

void gc_subscriber_seek(struct gc_subscriber *s)
{
	struct gc_link *link = gc_node_find(s->all->config.node, s->node);

	if (link)
		gc_subscriber_on_link(s, link);
	else
		gc_subscriber_no_link(s);
}
