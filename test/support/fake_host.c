/* A plugin host for tests; see fake_host.h. */
#include "fake_host.h"

#include "loop_until.h"
#include "plugin.h"

#include "buf.h"
#include "build_config.h"
#include "term.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gc_request {
	struct gc_instance *h;
	struct fake_answer answer;
	bool cancelled;
	struct gc_request *next;
};

static void misuse(struct gc_instance *h, const char *what)
{
	h->misuse++;
	fprintf(stderr, "fake_host: the plugin broke a rule: %s\n", what);
}

/* ---- services ---- */

static void host_log(struct gc_instance *h, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void host_log(struct gc_instance *h, int level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	(void)vsnprintf(h->last_log, sizeof(h->last_log), fmt, ap);
	va_end(ap);
	h->n_logs++;
}

static const char *host_env(struct gc_instance *h, enum gc_env what)
{
	return what >= GC_ENV_OWNER && what <= GC_ENV_EPMD_PORT ? h->env[what] : NULL;
}

static size_t host_count(struct gc_instance *h, const char *option)
{
	return gc_settings_count(h->settings, option);
}

static const char *host_str(struct gc_instance *h, const char *option, size_t i)
{
	return gc_settings_str(h->settings, option, i);
}

static int64_t host_num(struct gc_instance *h, const char *option, size_t i)
{
	return gc_settings_num(h->settings, option, i);
}

static int host_add_peer(struct gc_request *r, const struct gc_peer *peer)
{
	struct fake_answer *a = &r->answer;

	if (!peer->node || !*peer->node) {
		misuse(r->h, "a peer without a name");
		return -1;
	}
	if (a->n++ >= FAKE_PEERS)
		return 0;
	(void)snprintf(a->peers[a->n - 1].node, sizeof(a->peers[0].node), "%s", peer->node);
	(void)snprintf(a->peers[a->n - 1].address, sizeof(a->peers[0].address), "%s",
		       peer->address ? peer->address : "");
	a->peers[a->n - 1].port = peer->port;
	return 0;
}

static void host_set_ttl(struct gc_request *r, uint32_t ttl_s)
{
	r->answer.ttl_s = ttl_s;
}

static void host_finish(struct gc_request *r, enum gc_quality quality, const char *reason)
{
	struct gc_instance *h = r->h;
	struct gc_request **at = &h->open_requests;

	while (*at && *at != r)
		at = &(*at)->next;
	if (*at)
		*at = r->next;
	else
		misuse(h, "finish() of a request that is over");
	if (quality == GC_ERROR && (!reason || !*reason))
		misuse(h, "an error without a reason");
	r->answer.quality = quality;
	(void)snprintf(r->answer.reason, sizeof(r->answer.reason), "%s", reason ? reason : "");
	if (h->n_answers < FAKE_ANSWERS)
		h->answers[h->n_answers++] = r->answer;
	else
		misuse(h, "more answers than a test keeps");
	free(r);
}

static struct gc_request *request_new(struct gc_instance *h, bool pushed)
{
	struct gc_request *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	r->h = h;
	r->answer.pushed = pushed;
	r->next = h->open_requests;
	h->open_requests = r;
	return r;
}

static struct gc_request *host_push(struct gc_instance *h)
{
	return h->is_closed ? NULL : request_new(h, true);
}

static int host_is_cancelled(struct gc_request *r)
{
	return r->cancelled;
}

static void host_closed(struct gc_instance *h)
{
	if (h->is_closed || h->is_open)
		misuse(h, "closed() twice, or without close()");
	h->is_closed = true;
}

static int host_may_reach(struct gc_instance *h, const struct sockaddr *addr)
{
	(void)addr;
	return !h->is_fenced;
}

/* ---- for tests ---- */

static const struct gc_host services = {
    .struct_size = sizeof(struct gc_host),
    .log = host_log,
    .env = host_env,
    .count = host_count,
    .str = host_str,
    .num = host_num,
    .add_peer = host_add_peer,
    .set_ttl = host_set_ttl,
    .finish = host_finish,
    .push = host_push,
    .is_cancelled = host_is_cancelled,
    .closed = host_closed,
    .may_reach = host_may_reach,
};

static bool load(struct gc_instance *h, const char *name)
{
	const char *dir = getenv("GC_BUILDDIR");
	gc_plugin_entry_fn entry = NULL;
	char file[1024];

	if (strchr(name, '/'))
		(void)snprintf(file, sizeof(file), "%s", name);
	else
		(void)snprintf(file, sizeof(file), "%s/plugins/.libs/%s.so", dir ? dir : ".", name);
	h->dl = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (h->dl)
		*(void **)&entry = dlsym(h->dl, "gc_plugin_entry");
	if (!entry) {
		(void)snprintf(h->err, sizeof(h->err), "%s", dlerror());
		return false;
	}
	h->plugin = entry();
	return true;
}

static bool configure(struct gc_instance *h, const char *options)
{
	struct gc_arena *arena = gc_arena_create(0);
	const struct gc_term *t = NULL;
	int rc = 0;

	if (options)
		rc = gc_term_parse(arena, options, strlen(options), false, &t, h->err,
				   sizeof(h->err));
	if (!rc)
		rc = gc_settings_create(h->plugin->options, NULL, NULL, t, &h->settings, h->err,
					sizeof(h->err));
	gc_arena_destroy(arena);
	return rc == 0;
}

static void unload(struct gc_instance *h)
{
	gc_settings_destroy(h->settings);
	h->settings = NULL;
	free(h->answers);
	h->answers = NULL;
#ifndef GC_SANITIZER
	if (h->dl)
		dlclose(h->dl);
#endif
	h->dl = NULL;
}

static void default_env(struct gc_instance *h)
{
	static const char *const values[] = {"",      "owner@localhost", "gc_owner@localhost",
					     "owner", "localhost",	 "4369"};

	for (int i = GC_ENV_OWNER; i <= GC_ENV_EPMD_PORT; i++)
		if (!h->env[i])
			h->env[i] = values[i];
}

bool fake_host_open(struct gc_instance *h, uv_loop_t *loop, const char *name, const char *options)
{
	const char *env[6];

	memcpy(env, h->env, sizeof(env));
	*h = (struct gc_instance){.loop = loop, .host = services};
	memcpy(h->env, env, sizeof(env));
	h->host.loop = loop;
	default_env(h);
	h->answers = calloc(FAKE_ANSWERS, sizeof(*h->answers));
	if (h->answers && load(h, name) && configure(h, options) &&
	    h->plugin->discovery->create(&h->host, h, &h->self, h->err, sizeof(h->err)) == 0) {
		h->is_open = true;
		return true;
	}
	if (h->err[0] == '\0')
		misuse(h, "create failed without a sentence");
	unload(h);
	return false;
}

struct gc_request *fake_host_refresh(struct gc_instance *h)
{
	const struct gc_discovery *p = h->plugin->discovery;
	struct gc_request *r = request_new(h, false);
	char reason[256] = "";

	h->n_refresh++;
	if (p->refresh_blocking) {
		enum gc_quality quality = p->refresh_blocking(h->self, r, reason, sizeof(reason));
		host_finish(r, quality, reason[0] ? reason : NULL);
		return r;
	}
	if (p->refresh(h->self, r) == 0)
		return r;
	h->open_requests = r->next;
	free(r);
	return NULL;
}

void fake_host_cancel(struct gc_instance *h, struct gc_request *request)
{
	request->cancelled = true;
	if (h->plugin->discovery->cancel)
		h->plugin->discovery->cancel(h->self, request);
}

const struct fake_answer *fake_host_wait(struct gc_instance *h, int n, uint64_t deadline_ms)
{
	if (!loop_until_count(h->loop, &h->n_answers, n, deadline_ms))
		return NULL;
	return &h->answers[h->n_answers - 1];
}

const struct fake_answer *fake_host_ask(struct gc_instance *h, uint64_t deadline_ms)
{
	int n = h->n_answers + 1;

	if (fake_host_refresh(h))
		return fake_host_wait(h, n, deadline_ms);
	fprintf(stderr, "fake_host: refresh() returned -1\n");
	return NULL;
}

bool fake_answer_has(const struct fake_answer *a, const char *node, const char *address,
		     uint16_t port)
{
	for (size_t i = 0; i < a->n && i < FAKE_PEERS; i++)
		if (strcmp(a->peers[i].node, node) == 0 &&
		    (!address || strcmp(a->peers[i].address, address) == 0) &&
		    (!port || a->peers[i].port == port))
			return true;
	return false;
}

static bool is_closed(void *arg)
{
	return ((struct gc_instance *)arg)->is_closed;
}

bool fake_host_close(struct gc_instance *h)
{
	if (!h->is_open)
		return false;
	h->is_open = false;
	h->plugin->discovery->close(h->self);
	bool ok = loop_until(h->loop, is_closed, h, 5000);
	for (int turn = 0; turn < 3; turn++) /* as the host does, not at once */
		uv_run(h->loop, UV_RUN_NOWAIT);
	while (h->open_requests) { /* close may leave them open */
		struct gc_request *next = h->open_requests->next;
		free(h->open_requests);
		h->open_requests = next;
	}
	if (ok)
		unload(h);
	return ok && h->misuse == 0;
}
