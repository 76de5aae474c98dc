/* Subscribers; see subscriber.h. */
#include "subscriber.h"
#include "control.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define RETRY_MIN_MS 250
#define RETRY_MAX_MS 5000
#define RESOLVE_TIMEOUT_MS 10000
/* A pid on a node that stays away this long is taken for gone; a name is waited for always. */
#define PID_EXPIRES_MS 600000

enum state { NO_LINK, HELD, RESOLVING, ABSENT, ATTACHED };
static const char *const state_names[] = {"no_link", "starting", "resolving", "not_registered",
					  "attached"};

struct subscriber {
	struct gc_subscribers *all;
	char *name;	    /* NULL: by pid */
	char *node;
	struct gc_buf pid;  /* external format; while resolved */
	enum state state;
	struct gc_ref ref;  /* of the monitor, while ATTACHED */
	uint64_t retry_ms;  /* while ABSENT: next try; by pid and NO_LINK: when it is dropped */
	uint32_t backoff_ms;
	uint64_t sent;
	struct subscriber *prev, *next;
};

struct gc_subscribers {
	struct gc_subscribers_config config;
	uv_timer_t timer;
	uint64_t begin_ms; /* nobody is attached before; 0: begun */
	uint32_t pid;	   /* the monitoring process */
	struct subscriber *list;
	size_t count;
	void (*closed)(void *arg);
	void *closed_arg;
};

static void resolve(struct subscriber *s, struct gc_link *link);
static void drop(struct subscriber *s);
static void arm(struct gc_subscribers *all);
static void be_without_link(struct subscriber *s);

static void destroy(struct subscriber *s)
{
	gc_buf_deinit(&s->pid);
	free(s->name);
	free(s->node);
	free(s);
}

/* ---- attaching ---- */

static int greet(struct subscriber *s, struct gc_link *link)
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
static void attach(struct subscriber *s, struct gc_link *link)
{
	struct gc_span pid = {s->pid.data, s->pid.len};
	struct gc_pid self = gc_node_pid(s->all->config.node, s->all->pid);

	gc_node_new_ref(s->all->config.node, &s->ref);
	if (gc_control_monitor(link, &self, pid, &s->ref) != 0 || greet(s, link) != 0) {
		gc_link_close(link, GC_EOVERLOAD, "a subscriber could not be told");
		be_without_link(s);
		return;
	}
	s->state = ATTACHED;
	s->backoff_ms = 0;
}

static void be_absent(struct subscriber *s)
{
	s->state = ABSENT;
	s->backoff_ms = s->backoff_ms == 0		     ? RETRY_MIN_MS
			: s->backoff_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS
							   : s->backoff_ms * 2;
	s->retry_ms = uv_now(s->all->timer.loop) + s->backoff_ms;
	arm(s->all);
}

static void on_whereis(void *arg, const struct gc_fail *fail, struct gc_span result)
{
	struct subscriber *s = arg;
	struct gc_link *link = gc_node_find(s->all->config.node, s->node);

	if (s->state != RESOLVING)
		return;
	if (!link) {
		be_without_link(s);
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

static void resolve(struct subscriber *s, struct gc_link *link)
{
	struct gc_buf args = {0};

	if (s->all->begin_ms) {
		s->state = HELD;
		return;
	}
	if (!s->name) {
		attach(s, link);
		return;
	}
	s->state = RESOLVING;
	gc_etf_put_list(&args, 1);
	gc_etf_put_atom(&args, s->name);
	gc_etf_put_nil(&args);
	if (args.failed || gc_rpc_call(s->all->config.rpc, link, "erlang", "whereis",
				       (struct gc_span){args.data, args.len}, RESOLVE_TIMEOUT_MS,
				       on_whereis, s) != 0)
		be_absent(s);
	gc_buf_deinit(&args);
}

/* ---- time ---- */

static bool has_timer(const struct subscriber *s)
{
	return s->state == ABSENT || (s->state == NO_LINK && !s->name);
}

static void on_due(struct subscriber *s)
{
	struct gc_link *link = gc_node_find(s->all->config.node, s->node);

	if (s->state == NO_LINK)
		drop(s);
	else if (link)
		resolve(s, link);
	else
		be_without_link(s);
}

static void on_timer(uv_timer_t *timer)
{
	struct gc_subscribers *all = timer->data;
	struct subscriber *s, *tmp;

	if (all->begin_ms && all->begin_ms <= uv_now(timer->loop))
		gc_subscribers_begin(all);
	DL_FOREACH_SAFE(all->list, s, tmp)
		if (has_timer(s) && s->retry_ms <= uv_now(timer->loop))
			on_due(s);
	arm(all);
}

static void arm(struct gc_subscribers *all)
{
	uint64_t next = all->begin_ms ? all->begin_ms : UINT64_MAX, now = uv_now(all->timer.loop);
	struct subscriber *s;

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

/* Waits for a link; the cluster state machine dials. */
static void be_without_link(struct subscriber *s)
{
	s->state = NO_LINK;
	s->backoff_ms = 0;
	s->retry_ms = uv_now(s->all->timer.loop) + PID_EXPIRES_MS;
	arm(s->all);
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
	all->begin_ms = uv_now(c->loop) + GC_SUBSCRIBERS_BEGIN_MS;
	arm(all);
	return all;
}

void gc_subscribers_begin(struct gc_subscribers *all)
{
	struct subscriber *s, *tmp;

	if (!all->begin_ms)
		return;
	all->begin_ms = 0;
	DL_FOREACH_SAFE(all->list, s, tmp)
		if (s->state == HELD)
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
	struct subscriber *s, *tmp;

	DL_FOREACH_SAFE(all->list, s, tmp) {
		gc_rpc_forget(all->config.rpc, s);
		DL_DELETE(all->list, s);
		destroy(s);
	}
	all->closed = closed;
	all->closed_arg = arg;
	uv_close((uv_handle_t *)&all->timer, on_closed);
}

static void drop(struct subscriber *s)
{
	struct gc_subscribers *all = s->all;
	struct gc_link *link = gc_node_find(all->config.node, s->node);

	if (s->state == ATTACHED && link) {
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

static int add(struct gc_subscribers *all, struct subscriber *s)
{
	struct gc_link *link;

	s->all = all;
	DL_APPEND(all->list, s);
	all->count++;
	all->config.want_link(all->config.arg, s->node, true);
	link = gc_node_find(all->config.node, s->node);
	if (link)
		resolve(s, link);
	else
		be_without_link(s);
	return 0;
}

static struct subscriber *find(struct gc_subscribers *all, const char *name, const char *node,
			       struct gc_span pid)
{
	struct subscriber *s;

	DL_FOREACH(all->list, s) {
		if (name && s->name && strcmp(s->name, name) == 0 && strcmp(s->node, node) == 0)
			return s;
		if (!name && !s->name && s->pid.len == pid.len &&
		    memcmp(s->pid.data, pid.p, pid.len) == 0)
			return s;
	}
	return NULL;
}

int gc_subscribers_add_name(struct gc_subscribers *all, const char *name, const char *node)
{
	struct subscriber *s;

	if (find(all, name, node, (struct gc_span){0}))
		return 0;
	if (all->count >= GC_SUBSCRIBERS_MAX)
		return GC_EBUDGET;
	s = calloc(1, sizeof(*s));
	if (s) {
		s->name = strdup(name);
		s->node = strdup(node);
	}
	if (!s || !s->name || !s->node) {
		if (s)
			destroy(s);
		return GC_ENOMEM;
	}
	return add(all, s);
}

int gc_subscribers_add_pid(struct gc_subscribers *all, struct gc_span pid)
{
	char node[GC_ATOM_MAX + 1];
	struct subscriber *s;

	if (gc_etf_pid(pid, node, NULL, NULL, NULL) != 0 || !gc_name_ok(node, strlen(node)))
		return GC_EINVAL;
	if (find(all, NULL, NULL, pid))
		return 0;
	if (all->count >= GC_SUBSCRIBERS_MAX)
		return GC_EBUDGET;
	s = calloc(1, sizeof(*s));
	if (s) {
		s->node = strdup(node);
		gc_buf_put(&s->pid, pid.p, pid.len);
	}
	if (!s || !s->node || s->pid.failed) {
		if (s)
			destroy(s);
		return GC_ENOMEM;
	}
	return add(all, s);
}

int gc_subscribers_remove_name(struct gc_subscribers *all, const char *name, const char *node)
{
	struct subscriber *s = find(all, name, node, (struct gc_span){0});

	if (!s)
		return GC_ENOTFOUND;
	drop(s);
	return 0;
}

int gc_subscribers_remove_pid(struct gc_subscribers *all, struct gc_span pid)
{
	struct subscriber *s = find(all, NULL, NULL, pid);

	if (!s)
		return GC_ENOTFOUND;
	drop(s);
	return 0;
}

/* ---- what happens to them ---- */

void gc_subscribers_link_up(struct gc_subscribers *all, struct gc_link *link)
{
	struct subscriber *s;

	DL_FOREACH(all->list, s)
		if (strcmp(s->node, gc_link_name(link)) == 0)
			resolve(s, link);
}

void gc_subscribers_link_down(struct gc_subscribers *all, const struct gc_link *link)
{
	struct subscriber *s;

	DL_FOREACH(all->list, s)
		if (strcmp(s->node, gc_link_name(link)) == 0)
			be_without_link(s);
}

bool gc_subscribers_on_exit(struct gc_subscribers *all, const uint32_t ref[3])
{
	struct subscriber *s, *tmp;

	DL_FOREACH_SAFE(all->list, s, tmp) {
		struct gc_link *link;
		if (s->state != ATTACHED || memcmp(s->ref.id, ref, sizeof(s->ref.id)) != 0)
			continue;
		link = gc_node_find(all->config.node, s->node);
		if (!s->name)
			drop(s);
		else if (link)
			resolve(s, link);
		else
			be_without_link(s);
		return true;
	}
	return false;
}

void gc_subscribers_tell(struct gc_subscribers *all, const struct gc_buf *msg)
{
	struct subscriber *s;

	DL_FOREACH(all->list, s) {
		struct gc_link *link = gc_node_find(all->config.node, s->node);
		if (s->state != ATTACHED || !link)
			continue;
		/* One that cannot be told loses its link, and with it hears the snapshot again. */
		if (gc_control_send(link, (struct gc_span){s->pid.data, s->pid.len}, msg) != 0)
			gc_link_close(link, GC_EOVERLOAD, "a subscriber could not be told");
		else
			s->sent++;
	}
}

static void put_one(const struct subscriber *s, struct gc_buf *b)
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
	struct subscriber *s;

	if (all->count)
		gc_etf_put_list(b, (uint32_t)all->count);
	DL_FOREACH(all->list, s)
		put_one(s, b);
	gc_etf_put_nil(b);
}
