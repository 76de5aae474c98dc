/* Subscribers, all of them; see subscriber.h and subscriber_priv.h. */
#include "subscriber_priv.h"

#include "control.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static const char *const state_names[] = {"no_link", "starting", "resolving", "not_registered",
					  "attached"};

static void destroy(struct gc_subscriber *s)
{
	gc_buf_deinit(&s->pid);
	free(s->name);
	free(s->node);
	free(s);
}

static void drop(struct gc_subscriber *s)
{
	struct gc_subscribers *all = s->all;
	struct gc_link *link = gc_node_find(all->config.node, s->node);

	if (s->state == GC_SUBSCRIBER_ATTACHED && link) {
		struct gc_pid self = gc_node_pid(all->config.node, all->pid);

		(void)gc_control_demonitor(link, &self, (struct gc_span){s->pid.data, s->pid.len},
					   &s->ref);
	}
	gc_rpc_forget(all->config.rpc, s);
	DL_DELETE(all->list, s);
	all->count--;
	all->config.want_link(all->config.arg, s->node, false);
	destroy(s);
}

/* ---- time ---- */

static bool has_timer(const struct gc_subscriber *s)
{
	return s->state == GC_SUBSCRIBER_ABSENT || (s->state == GC_SUBSCRIBER_NO_LINK && !s->name);
}

static void on_due(struct gc_subscriber *s)
{
	if (s->state == GC_SUBSCRIBER_NO_LINK)
		drop(s);
	else
		gc_subscriber_seek(s);
}

static void on_timer(uv_timer_t *timer)
{
	struct gc_subscribers *all = timer->data;
	struct gc_subscriber *s, *tmp;

	if (all->begin_ms && all->begin_ms <= uv_now(timer->loop))
		gc_subscribers_begin(all);
	DL_FOREACH_SAFE(all->list, s, tmp)
		if (has_timer(s) && s->retry_ms <= uv_now(timer->loop))
			on_due(s);
	gc_subscribers_arm(all);
}

void gc_subscribers_arm(struct gc_subscribers *all)
{
	uint64_t next = all->begin_ms ? all->begin_ms : UINT64_MAX, now = uv_now(all->timer.loop);
	struct gc_subscriber *s;

	if (uv_is_closing((uv_handle_t *)&all->timer))
		return;
	DL_FOREACH(all->list, s)
		if (has_timer(s) && s->retry_ms < next)
			next = s->retry_ms;
	if (next == UINT64_MAX)
		uv_timer_stop(&all->timer);
	else
		uv_timer_start(&all->timer, on_timer, next > now ? next - now : 0, 0);
}

/* ---- life ---- */

struct gc_subscribers *gc_subscribers_create(const struct gc_subscribers_config *c)
{
	struct gc_subscribers *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->config = *c;
	all->pid = gc_node_new_pid(c->node);
	uv_timer_init(c->loop, &all->timer);
	uv_unref((uv_handle_t *)&all->timer);
	all->timer.data = all;
	gc_subscribers_hold(all);
	return all;
}

void gc_subscribers_hold(struct gc_subscribers *all)
{
	all->begin_ms = uv_now(all->timer.loop) + GC_SUBSCRIBERS_BEGIN_MS;
	gc_subscribers_arm(all);
}

void gc_subscribers_begin(struct gc_subscribers *all)
{
	struct gc_subscriber *s, *tmp;

	if (!all->begin_ms)
		return;
	all->begin_ms = 0;
	DL_FOREACH_SAFE(all->list, s, tmp)
		if (s->state == GC_SUBSCRIBER_HELD)
			on_due(s);
}

static void on_closed(uv_handle_t *handle)
{
	struct gc_subscribers *all = handle->data;
	void (*closed)(void *) = all->closed;
	void *arg = all->closed_arg;

	free(all);
	closed(arg);
}

void gc_subscribers_close(struct gc_subscribers *all, void (*closed)(void *arg), void *arg)
{
	struct gc_subscriber *s, *tmp;

	DL_FOREACH_SAFE(all->list, s, tmp) {
		gc_rpc_forget(all->config.rpc, s);
		DL_DELETE(all->list, s);
		destroy(s);
	}
	all->closed = closed;
	all->closed_arg = arg;
	uv_close((uv_handle_t *)&all->timer, on_closed);
}

static struct gc_subscriber *find(struct gc_subscribers *all, const char *name, const char *node,
				  struct gc_span pid)
{
	struct gc_subscriber *s;

	DL_FOREACH(all->list, s) {
		if (name && s->name && strcmp(s->name, name) == 0 && strcmp(s->node, node) == 0)
			return s;
		if (!name && !s->name && s->pid.len == pid.len &&
		    memcmp(s->pid.data, pid.p, pid.len) == 0)
			return s;
	}
	return NULL;
}

/* pid: of one without a name. */
static struct gc_subscriber *make(struct gc_subscribers *all, const char *name, const char *node,
				  struct gc_span pid)
{
	struct gc_subscriber *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->all = all;
	s->name = name ? strdup(name) : NULL;
	s->node = strdup(node);
	gc_buf_put(&s->pid, pid.p, pid.len);
	if ((!name || s->name) && s->node && !s->pid.failed)
		return s;
	destroy(s);
	return NULL;
}

static int add(struct gc_subscribers *all, const char *name, const char *node, struct gc_span pid)
{
	struct gc_subscriber *s;

	if (find(all, name, node, pid))
		return 0;
	if (all->count >= GC_SUBSCRIBERS_MAX)
		return GC_EBUDGET;
	s = make(all, name, node, pid);
	if (!s)
		return GC_ENOMEM;
	DL_APPEND(all->list, s);
	all->count++;
	all->config.want_link(all->config.arg, s->node, true);
	gc_subscriber_seek(s);
	return 0;
}

int gc_subscribers_add_name(struct gc_subscribers *all, const char *name, const char *node)
{
	return add(all, name, node, (struct gc_span){0});
}

int gc_subscribers_add_pid(struct gc_subscribers *all, struct gc_span pid)
{
	char node[GC_ATOM_MAX + 1];

	if (gc_etf_pid(pid, node, NULL, NULL, NULL) != 0 || !gc_name_ok(node, strlen(node)))
		return GC_EINVAL;
	return add(all, NULL, node, pid);
}

static int remove_found(struct gc_subscriber *s)
{
	if (!s)
		return GC_ENOTFOUND;
	drop(s);
	return 0;
}

int gc_subscribers_remove_name(struct gc_subscribers *all, const char *name, const char *node)
{
	return remove_found(find(all, name, node, (struct gc_span){0}));
}

int gc_subscribers_remove_pid(struct gc_subscribers *all, struct gc_span pid)
{
	return remove_found(find(all, NULL, NULL, pid));
}

/* ---- what happens to them ---- */

void gc_subscribers_link_up(struct gc_subscribers *all, struct gc_link *link)
{
	struct gc_subscriber *s;

	DL_FOREACH(all->list, s)
		if (strcmp(s->node, gc_link_name(link)) == 0)
			gc_subscriber_on_link(s, link);
}

void gc_subscribers_link_down(struct gc_subscribers *all, const struct gc_link *link)
{
	struct gc_subscriber *s;

	DL_FOREACH(all->list, s)
		if (strcmp(s->node, gc_link_name(link)) == 0)
			gc_subscriber_no_link(s);
}

bool gc_subscribers_on_exit(struct gc_subscribers *all, const uint32_t ref[3])
{
	struct gc_subscriber *s, *tmp;

	DL_FOREACH_SAFE(all->list, s, tmp) {
		if (s->state != GC_SUBSCRIBER_ATTACHED || memcmp(s->ref.id, ref, sizeof(s->ref.id)) != 0)
			continue;
		if (s->name)
			gc_subscriber_seek(s);
		else
			drop(s);
		return true;
	}
	return false;
}

void gc_subscribers_tell(struct gc_subscribers *all, const struct gc_buf *msg)
{
	struct gc_subscriber *s;

	DL_FOREACH(all->list, s) {
		struct gc_link *link = gc_node_find(all->config.node, s->node);
		if (s->state != GC_SUBSCRIBER_ATTACHED || !link)
			continue;
		/* One that cannot be told loses its link, and with it hears the snapshot again. */
		if (gc_control_send(link, (struct gc_span){s->pid.data, s->pid.len}, msg) != 0)
			gc_link_close(link, GC_EOVERLOAD, "a subscriber could not be told");
		else
			s->sent++;
	}
}

static void put_one(const struct gc_subscriber *s, struct gc_buf *b)
{
	gc_etf_put_map(b, 4);
	gc_etf_put_atom(b, s->name ? "name" : "pid");
	if (s->name)
		gc_etf_put_atom(b, s->name);
	else
		gc_etf_put_raw(b, (struct gc_span){s->pid.data, s->pid.len});
	gc_etf_put_atom(b, "node");
	gc_etf_put_atom(b, s->node);
	gc_etf_put_atom(b, "state");
	gc_etf_put_atom(b, state_names[s->state]);
	gc_etf_put_atom(b, "sent");
	gc_etf_put_uint(b, s->sent);
}

void gc_subscribers_put(const struct gc_subscribers *all, struct gc_buf *b)
{
	struct gc_subscriber *s;

	if (all->count)
		gc_etf_put_list(b, (uint32_t)all->count);
	DL_FOREACH(all->list, s)
		put_one(s, b);
	gc_etf_put_nil(b);
}
