/* An asynchronous plugin that misbehaves as option `mode` says; for check_discover.c. What it sees
 * of the host's answers to its tricks it tells as peers and reasons. */
#include <gen_cluster/gc_plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define PUSHES 10000 /* the loop is kept for some milliseconds, not for half a minute */
#else
#define PUSHES 100000
#endif

struct source {
	const struct gc_host *host;
	struct gc_instance *inst;
	const char *mode;
	struct gc_request *request, *dead;
	uv_timer_t timer;
	int n_refresh, n_cancel, life;
};

static int lives; /* how many were made; mode hang_first */

static int is(const struct source *s, const char *mode)
{
	return strcmp(s->mode, mode) == 0;
}

static int add(const struct source *s, struct gc_request *request, const char *node)
{
	const struct gc_peer peer = {.node = node};

	return s->host->add_peer(request, &peer);
}

static void on_late(uv_timer_t *timer)
{
	struct source *s = timer->data;

	add(s, s->request, "late@h");
	s->host->finish(s->request, GC_COMPLETE, NULL);
}

static void flood(struct source *s, struct gc_request *request)
{
	char node[32];

	for (int i = 0; i < 10000000; i++) {
		(void)snprintf(node, sizeof(node), "n%d@h", i);
		add(s, request, node);
	}
	s->host->finish(request, GC_COMPLETE, NULL);
}

/* Uses one that is over in every way, then tells how often it was let. */
static void use_dead(struct source *s, struct gc_request *request)
{
	char reason[64];
	int taken = 0;

	for (int i = 0; s->dead && i < 3; i++) {
		taken += add(s, s->dead, "ghost@h") == 0;
		s->host->set_ttl(s->dead, 666);
		s->host->finish(s->dead, GC_COMPLETE, "ghost");
	}
	(void)snprintf(reason, sizeof(reason), "taken %d cancelled %d", taken,
		       s->dead ? s->host->is_cancelled(s->dead) : -1);
	add(s, request, "real@h");
	s->host->finish(request, GC_COMPLETE, reason);
	s->dead = request;
}

static void from_thread(void *arg)
{
	struct source *s = arg;
	int taken = add(s, s->request, "thread@h") == 0;

	s->host->finish(s->request, GC_COMPLETE, NULL);
	s->host->log(s->inst, GC_NOTICE, "thread: taken %d, push %s", taken,
		     s->host->push(s->inst) ? "yes" : "no");
	s->host->closed(s->inst);
}

static void push_many(struct source *s, enum gc_quality quality, int n)
{
	char node[32];
	int refused = 0;

	for (int i = 0; i < n; i++) {
		struct gc_request *push = s->host->push(s->inst);
		if (!push) {
			refused++;
			continue;
		}
		(void)snprintf(node, sizeof(node), i == n - 1 ? "last@h" : "p%d@h", i);
		add(s, push, node);
		s->host->finish(push, quality, quality == GC_COMPLETE ? NULL : "a part");
	}
	s->host->log(s->inst, GC_NOTICE, "pushes refused: %d", refused);
}

static void use_thread(struct source *s)
{
	uv_thread_t thread;

	if (uv_thread_create(&thread, from_thread, s) == 0)
		uv_thread_join(&thread);
}

/* Nothing of this is a peer, or may come into a log as it is. */
static void add_rubbish(struct source *s, struct gc_request *request)
{
	static char long_name[5000];
	static const char *const names[] = {
	    "",	     "@",    "a@",	       "@h",	   "a@b@c",	     "a b@h", "a\nerror b: c@h",
	    "\xff@h", "a@\xc3", "\x1b[31mred@h", "a/../b@h", "%n%s%n%s@h", long_name};

	memset(long_name, 'a', sizeof(long_name) - 3);
	memcpy(long_name + sizeof(long_name) - 3, "@h", 3);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		add(s, request, names[i]);
	s->host->add_peer(request, &(struct gc_peer){.node = NULL});
	s->host->add_peer(request, &(struct gc_peer){.node = "c@h", .address = "no address"});
}

static int refresh(void *self, struct gc_request *request)
{
	struct source *s = self;

	s->n_refresh++;
	s->request = request;
	if (is(s, "refuse"))
		return -1;
	if (is(s, "hang") || (is(s, "hang_first") && s->life == 1))
		return 0;
	if (is(s, "rubbish"))
		add_rubbish(s, request);
	if (is(s, "late") && s->n_refresh == 1) {
		uv_timer_start(&s->timer, on_late, 150, 0);
		return 0;
	}
	if (is(s, "thread")) {
		use_thread(s);
		return 0;
	}
	if (is(s, "flood")) {
		flood(s, request);
		return 0;
	}
	if (is(s, "dead")) {
		use_dead(s, request);
		return 0;
	}
	if (is(s, "error_once") && s->n_refresh == 1) {
		s->host->finish(request, GC_ERROR, "a line\nand\tanother");
		return 0;
	}
	if (is(s, "empty_once") && s->n_refresh == 1) {
		s->host->finish(request, GC_COMPLETE, "nxdomain");
		return 0;
	}
	if (is(s, "push"))
		push_many(s, GC_COMPLETE, PUSHES);
	if (is(s, "push_parts"))
		push_many(s, GC_PARTIAL, 100);
	add(s, request, "good@h");
	s->host->finish(request, is(s, "quality") ? (enum gc_quality)7 : GC_COMPLETE, NULL);
	if (is(s, "twice")) {
		add(s, request, "again@h");
		s->host->finish(request, GC_ERROR, "the second");
	}
	return is(s, "minus") ? -1 : 0;
}

static void cancel(void *self, struct gc_request *request)
{
	struct source *s = self;

	s->n_cancel++;
	if (is(s, "hang") && s->host->is_cancelled(request))
		s->host->log(s->inst, GC_NOTICE, "cancelled");
}

static void on_closed(uv_handle_t *handle)
{
	struct source *s = handle->data;

	if (is(s, "stay"))
		return;
	s->host->closed(s->inst);
	if (is(s, "closed_twice"))
		s->host->closed(s->inst);
	free(s);
}

static void close_source(void *self)
{
	struct source *s = self;

	uv_close((uv_handle_t *)&s->timer, on_closed);
}

static int create(const struct gc_host *host, struct gc_instance *inst, void **self_r, char *err,
		  size_t err_len)
{
	struct source *s = calloc(1, sizeof(*s));

	if (!s)
		return -1;
	*s = (struct source){.host = host, .inst = inst, .mode = host->str(inst, "mode", 0)};
	s->life = is(s, "hang_first") ? ++lives : 0;
	if (is(s, "create")) {
		(void)snprintf(err, err_len, "will not begin");
		free(s);
		return -1;
	}
	if (is(s, "closed_early"))
		host->closed(inst);
	uv_timer_init(host->loop, &s->timer);
	s->timer.data = s;
	*self_r = s;
	return 0;
}

static const struct gc_option options[] = {
    {.name = "mode", .type = GC_STRING, .flags = GC_OPT_MAIN, .default_text = "\"good\""},
    {.name = "password", .type = GC_STRING, .flags = GC_OPT_SECRET},
    {0},
};

static const struct gc_discovery discovery = {
    .struct_size = sizeof(discovery),
    .create = create,
    .refresh = refresh,
    .cancel = cancel,
    .close = close_source,
};

GC_PLUGIN_DEFINE(.name = "bad_async", .version = "1", .summary = "misbehaves on the loop",
		 .options = options, .discovery = &discovery)
