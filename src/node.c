/* The C-node: its life, its socket, its clocks and the table of its links; see node.h. Everything else of the
 * node hangs off struct gc_node (node_priv.h). Loop thread. */
#include "node_priv.h"

#include "check.h"
#include "log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define DEFAULT_TICKTIME_S 60
#define DEFAULT_MAX_FRAME (1u << 20)
#define DEFAULT_MAX_QUEUE (4u << 20)
#define EI_FILES 256 /* descriptors ei makes its table for; it needs one entry */
#define MAX_FILES 65536

/* ---- the process ---- */

/* ei makes a table as large as the limit of descriptors, which may be a thousand million; it gets a small
 * one. Then as many as we may have: a link is one. */
static void init_process(void)
{
	static bool is_done;
	struct rlimit limit, low;

	if (is_done)
		return;
	is_done = true;
	(void)signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		(void)ei_init();
		return;
	}
	low = limit;
	if (low.rlim_cur > EI_FILES)
		low.rlim_cur = EI_FILES;
	(void)setrlimit(RLIMIT_NOFILE, &low);
	(void)ei_init();
	if (limit.rlim_cur < MAX_FILES)
		limit.rlim_cur = limit.rlim_max < MAX_FILES ? limit.rlim_max : MAX_FILES;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		gc_log(GC_LOG_WARNING, "node", "cannot raise the limit of descriptors: %s",
		       strerror(errno));
}

/* ---- challenges that are out ---- */

void gc_challenge_add(struct gc_node *n, struct gc_challenge *c, uint32_t value)
{
	gc_challenge_drop(n, c);
	c->value = value;
	HASH_ADD(hh, n->challenges, value, sizeof(c->value), c);
}

void gc_challenge_drop(struct gc_node *n, struct gc_challenge *c)
{
	if (!c->hh.tbl)
		return;
	HASH_DELETE(hh, n->challenges, c);
	c->hh.tbl = NULL;
}

bool gc_challenge_is_ours(const struct gc_node *n, uint32_t value)
{
	struct gc_challenge *c;

	HASH_FIND(hh, n->challenges, &value, sizeof(value), c);
	return c != NULL;
}

/* ---- ticks ---- */

uint64_t gc_node_quarter_ms(const struct gc_node *n)
{
	return (uint64_t)n->c.net_ticktime_s * 1000 / 4;
}

static void on_tick(struct gc_timer *t)
{
	struct gc_node *n =
		(struct gc_node *)(void *)((char *)t - offsetof(struct gc_node, tick_timer));
	struct gc_link *l, *next;

	n->tick_slice = (uint8_t)((n->tick_slice + 1) % GC_SLICES);
	/* A link that closes stays in its slice until it has been told down, on a later turn. */
	for (l = n->slices[n->tick_slice]; l; l = next) {
		next = l->next;
		if (l->state == GC_LINK_UP)
			gc_link_quarter(l);
	}
	if (n->links)
		(void)gc_timer_set(&n->timers, t, gc_node_quarter_ms(n) / GC_SLICES, on_tick);
}

void gc_node_tick_start(struct gc_node *n)
{
	if (!gc_timer_is_set(&n->tick_timer))
		(void)gc_timer_set(&n->timers, &n->tick_timer, gc_node_quarter_ms(n) / GC_SLICES,
				   on_tick);
}

/* ---- create ---- */

/* Behind the callbacks of I/O: the loop's idea of the time is still that of its waking up. */
static void on_check(uv_check_t *check)
{
	struct gc_node *n = check->data;

	n->turn++;
	n->woken_ms = uv_now(n->c.loop);
	gc_conn_flush_all(n);
}

/* Before the loop waits again: whatever came in since it woke up has waited for at most that long. */
static void on_prepare(uv_prepare_t *prepare)
{
	struct gc_node *n = prepare->data;
	uint64_t now_ms, busy_ms;

	gc_conn_flush_all(n);
	now_ms = uv_hrtime() / 1000000;
	busy_ms = n->woken_ms && now_ms > n->woken_ms ? now_ms - n->woken_ms : 0;
	n->stats.loop_over_10ms += busy_ms > 10;
	n->stats.loop_over_50ms += busy_ms > 50;
	if (busy_ms > n->stats.loop_max_ms)
		n->stats.loop_max_ms = busy_ms;
}

static void on_handle_closed(uv_handle_t *h);
static void on_timers_closed(void *arg);

static int open_handles(struct gc_node *n)
{
	uv_loop_t *loop = n->c.loop;

	if (gc_timers_init(&n->timers, loop) != 0 || uv_check_init(loop, &n->check) != 0 ||
	    uv_prepare_init(loop, &n->prepare) != 0)
		return GC_EIO;
	gc_share_init(n);
	n->n_handles = 4;
	n->check.data = n->prepare.data = n;
	(void)uv_check_start(&n->check, on_check);
	(void)uv_prepare_start(&n->prepare, on_prepare);
	return 0;
}

/* Copies the configuration; the cookie goes to its own memory. */
static int copy_config(struct gc_node *n, const struct gc_node_config *c, char *err, size_t err_len)
{
	n->c = *c;
	n->c.name = n->c.cookie = NULL;
	n->c.listen_addresses = NULL;
	n->c.allow = NULL;
	n->c.tls = NULL;
	if (n->c.net_ticktime_s == 0)
		n->c.net_ticktime_s = DEFAULT_TICKTIME_S;
	if (n->c.max_frame == 0)
		n->c.max_frame = DEFAULT_MAX_FRAME;
	if (n->c.max_queue == 0)
		n->c.max_queue = DEFAULT_MAX_QUEUE;
	if (!gc_name_ok(c->name, strlen(c->name))) {
		(void)snprintf(err, err_len, "%s is not a valid node name", c->name);
		return GC_EBADNAME;
	}
	if (strlen(c->cookie) > EI_MAX_COOKIE_SIZE) {
		(void)snprintf(err, err_len, "the cookie is longer than %d bytes",
			       EI_MAX_COOKIE_SIZE);
		return GC_EINVAL;
	}
	n->name = strdup(c->name);
	n->secret = gc_secret_alloc();
	n->read_buf = malloc(GC_READ_BUF);
	if (!n->name || !n->secret || !n->read_buf) {
		(void)snprintf(err, err_len, "out of memory");
		return GC_ENOMEM;
	}
	(void)strcpy(n->secret->cookie, c->cookie);
	n->creation = gc_draw_creation();
	return 0;
}

static int create_tls(struct gc_node *n, const struct gc_tls_options *o, char *err, size_t err_len)
{
	if (!o)
		return 0;
	n->plain_buf = malloc(GC_PLAIN_BUF);
	if (!n->plain_buf) {
		(void)snprintf(err, err_len, "out of memory");
		return GC_ENOMEM;
	}
	return gc_tls_create(o, &n->tls, err, err_len);
}

int gc_node_set_tls(struct gc_node *n, const struct gc_tls_options *o, char *err, size_t err_len)
{
	if (!n->tls != !o) {
		(void)snprintf(err, err_len, "tls: TLS cannot be taken up or given up by a running node");
		return GC_EINVAL;
	}
	return o ? gc_tls_configure(n->tls, o, err, err_len) : 0;
}

static void node_free(struct gc_node *n)
{
	gc_transport_destroy(n->transport);
	gc_secret_free(n->secret);
	gc_tls_destroy(n->tls);
	free(n->read_buf);
	free(n->plain_buf);
	gc_allow_destroy(n->allow);
	gc_source_forget_all(n);
	free(n->name);
	free(n);
}

static int start(struct gc_node *n, const struct gc_node_config *c, char *err, size_t err_len)
{
	int code = gc_transport_create(n->name, n->secret->cookie, n->creation, &n->secret->cnode,
				       &n->transport);

	if (code != 0) {
		(void)snprintf(err, err_len, "%s: ei does not take this name or cookie", n->name);
		return code;
	}
	code = gc_listen_start(n, c->listen_addresses, c->n_listen_addresses, err, err_len);
	if (code != 0)
		return code;
	code = gc_node_register(n);
	if (code != 0)
		(void)snprintf(err, err_len, "out of memory");
	return code;
}

int gc_node_create(const struct gc_node_config *c, struct gc_node **node_r, char *err, size_t err_len)
{
	struct gc_node *n = calloc(1, sizeof(*n));
	int code;

	*node_r = NULL;
	if (!n) {
		(void)snprintf(err, err_len, "out of memory");
		return GC_ENOMEM;
	}
	init_process();
	code = copy_config(n, c, err, err_len);
	if (code == 0)
		code = create_tls(n, c->tls, err, err_len);
	if (code == 0)
		code = gc_node_set_allow(n, c->allow, c->n_allow);
	if (code == 0)
		code = open_handles(n);
	if (code != 0) {
		node_free(n);
		return code;
	}
	code = start(n, c, err, err_len);
	if (code == 0)
		*node_r = n;
	else
		gc_node_close(n, 0, NULL, NULL);
	return code;
}

/* ---- close ---- */

void gc_node_handle_gone(struct gc_node *n)
{
	void (*closed)(void *) = n->closed;
	void *arg = n->closed_arg;

	if (--n->n_handles > 0)
		return;
	node_free(n);
	if (closed)
		closed(arg);
}

static void on_handle_closed(uv_handle_t *h)
{
	gc_node_handle_gone(h->data);
}

static void on_timers_closed(void *arg)
{
	gc_node_handle_gone(arg);
}

/* The last connection has gone: now the handles they needed. */
static void close_handles(struct gc_node *n)
{
	gc_timer_clear(&n->timers, &n->flush_timer);
	gc_timer_clear(&n->timers, &n->tick_timer);
	gc_timers_close(&n->timers, on_timers_closed, n);
	uv_close((uv_handle_t *)&n->check, on_handle_closed);
	uv_close((uv_handle_t *)&n->prepare, on_handle_closed);
	uv_close((uv_handle_t *)&n->paused_idle, on_handle_closed);
}

void gc_node_conn_gone(struct gc_node *n)
{
	if (--n->n_conns == 0 && n->is_closing)
		close_handles(n);
}

static void close_link(void *arg, struct gc_link *l)
{
	(void)arg;
	gc_link_close(l, GC_ESHUTDOWN, "");
}

static void on_flush_over(struct gc_timer *t)
{
	gc_node_each_link(
		(struct gc_node *)(void *)((char *)t - offsetof(struct gc_node, flush_timer)),
		close_link, NULL);
}

/* A link that still has bytes in libuv's hands closes when they have gone (conn.c), or at flush_over. */
static void drain_link(void *arg, struct gc_link *l)
{
	(void)arg;
	gc_conn_read(l, false);
	if (gc_conn_queued(l) == 0)
		gc_link_close(l, GC_ESHUTDOWN, "");
	else
		l->is_drained = true;
}

void gc_node_close(struct gc_node *n, uint64_t flush_ms, void (*closed)(void *arg), void *arg)
{
	GC_REQUIRE(!n->is_closing);
	n->is_closing = true;
	n->closed = closed;
	n->closed_arg = arg;
	gc_epmd_unregister(n->reg);
	n->reg = NULL;
	gc_timer_clear(&n->timers, &n->epmd_timer);
	gc_timer_clear(&n->timers, &n->pump_timer);
	gc_listen_close(n);
	gc_dial_close_all(n);
	gc_accept_close_all(n);
	n->n_conns++; /* held while we look */
	gc_conn_flush_all(n);
	gc_node_each_link(n, flush_ms ? drain_link : close_link, NULL);
	if (n->n_up > 0)
		(void)gc_timer_set(&n->timers, &n->flush_timer, flush_ms, on_flush_over);
	gc_node_conn_gone(n);
}

/* ---- what can be seen ---- */

const char *gc_node_name(const struct gc_node *n)
{
	return n->name;
}

uint16_t gc_node_port(const struct gc_node *n)
{
	return n->port;
}

size_t gc_node_link_count(const struct gc_node *n)
{
	return n->n_up;
}

struct gc_link *gc_node_find(const struct gc_node *n, const char *name)
{
	struct gc_link *l;

	HASH_FIND_STR(n->links, name, l);
	return l && l->state == GC_LINK_UP ? l : NULL;
}

void gc_node_each_link(struct gc_node *n, void (*cb)(void *arg, struct gc_link *), void *arg)
{
	struct gc_link *l, *next;

	/* A link that cb closes stays in the table until it has been told down, on a later turn. */
	HASH_ITER(hh, n->links, l, next)
	{
		if (l->state == GC_LINK_UP)
			cb(arg, l);
	}
}

void gc_node_stats(const struct gc_node *n, struct gc_node_stats *s_r)
{
	*s_r = n->stats;
	s_r->handshakes_pending = (uint32_t)(n->n_accepts + n->n_sessions);
}
