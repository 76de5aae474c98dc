/* epmd: every visible node that the EPMD of some hosts knows, `{epmd, #{hosts => ["h1", "h2"]}}`.
 *
 * All hosts are asked at once (place.c, common/several.c), each under one deadline. A host that
 * fails makes the answer partial, all failing makes it an error; so a host that is down never removes
 * its nodes. Asynchronous, on the loop of the host. */
#include "place.h"

#include "../common/several.h"
#include "name.h"

#include <gen_cluster/gc_plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source {
	struct gc_several base; /* first */
	struct place places[];
};

/* ---- the answer ---- */

static void add_peers(struct source *s, const struct place *p)
{
	char node[GC_NODE_MAX + 1], address[64];

	gc_addr_print(&p->addrs[p->at], address, sizeof(address));
	for (size_t i = 0; i < place_count(p); i++) {
		const struct place_name *name = place_name_at(p, i);
		/* By loopback we know the port, but not the address that others use. */
		const struct gc_peer peer = {.node = node,
					     .address = p->is_local ? NULL : address,
					     .port = name->port};

		if (name->is_lost || name->type != GC_EPMD_NORMAL || place_is_own(p, name))
			continue;
		if (gc_name_make(node, sizeof(node), name->alive, p->host))
			(void)s->base.host->add_peer(s->base.request, &peer); /* it logs refusals */
	}
}

static void add_reason(struct gc_buf *reason, const struct place *p, const struct gc_fail *fail)
{
	char text[400];

	gc_fail_print(fail, text, sizeof(text));
	gc_buf_printf(reason, "%s%s: %s", reason->len ? "; " : "", p->host, text);
}

static void answer(void *self)
{
	struct source *s = self;
	enum gc_quality quality = GC_COMPLETE;
	struct gc_buf reason = {0};
	size_t n_failed = 0;

	for (size_t i = 0; i < s->base.n; i++) {
		const struct place *p = &s->places[i];
		const struct gc_fail *fail = p->fail.err ? &p->fail : &p->type_fail;

		n_failed += p->fail.err != 0;
		if (!p->fail.err)
			add_peers(s, p);
		if (!fail->err)
			continue;
		quality = GC_PARTIAL;
		add_reason(&reason, p, fail);
	}
	if (n_failed == s->base.n)
		quality = GC_ERROR;
	gc_several_finish(&s->base, quality, &reason);
}

/* ---- the questions ---- */

static void start(void *self, size_t i)
{
	place_start(&((struct source *)self)->places[i]);
}

static void cancel(void *self, size_t i)
{
	place_cancel(&((struct source *)self)->places[i]);
}

static void deinit(void *self, size_t i)
{
	place_deinit(&((struct source *)self)->places[i]);
}

static const struct gc_several_calls calls = {start, cancel, answer, deinit};

/* ---- an instance ---- */

static bool may_reach(void *arg, const struct sockaddr *addr)
{
	const struct source *s = arg;
	const struct gc_host *h = s->base.host;

	return !GC_HAS(h, may_reach) || h->may_reach(s->base.inst, addr);
}

/* The configured host i as a place; without `hosts` there is one, our own. */
static bool set_place(struct source *s, size_t i, char *err, size_t err_len)
{
	const struct gc_host *h = s->base.host;
	struct gc_instance *inst = s->base.inst;
	const char *own = h->env(inst, GC_ENV_HOST), *port = h->env(inst, GC_ENV_EPMD_PORT);
	const char *name = h->count(inst, "hosts") ? h->str(inst, "hosts", i) : "localhost";
	struct place *p = &s->places[i];

	p->is_local = strcmp(name, "localhost") == 0;
	if (p->is_local && !own) {
		(void)snprintf(err, err_len, "hosts: the own host is not known, name it");
		return false;
	}
	p->host = p->is_local ? own : name;
	if (!gc_host_ok(p->host, strlen(p->host))) {
		(void)snprintf(err, err_len, "hosts: \"%s\" is not a host", p->host);
		return false;
	}
	p->loop = h->loop;
	p->owner = h->env(inst, GC_ENV_OWNER);
	p->cnode = h->env(inst, GC_ENV_CNODE);
	p->epmd_port = port ? (uint16_t)strtoul(port, NULL, 10) : gc_epmd_port();
	p->timeout_ms = (uint64_t)h->num(inst, "lookup_timeout", 0);
	p->may_reach = may_reach;
	p->done = gc_several_done;
	p->arg = s;
	return true;
}

static int create(const struct gc_host *host, struct gc_instance *inst, void **self_r, char *err,
		  size_t err_len)
{
	size_t n = host->count(inst, "hosts") ? host->count(inst, "hosts") : 1;
	struct source *s = calloc(1, sizeof(*s) + n * sizeof(s->places[0]));
	struct gc_dns_options o = {.timeout_ms = (uint64_t)host->num(inst, "lookup_timeout", 0)};

	if (!s) {
		(void)snprintf(err, err_len, "out of memory");
		return -1;
	}
	s->base = (struct gc_several){.calls = &calls, .host = host, .inst = inst, .n = n};
	for (size_t i = 0; i < n; i++)
		if (!set_place(s, i, err, err_len)) {
			free(s);
			return -1;
		}
	if (gc_dns_create(host->loop, &o, &s->base.dns, err, err_len) < 0) {
		free(s);
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		s->places[i].dns = s->base.dns;
	*self_r = s;
	return 0;
}

static const struct gc_option options[] = {
    {.name = "hosts",
     .type = GC_STRING | GC_LIST,
     .flags = GC_OPT_MAIN,
     .help = "hosts or addresses whose EPMD is asked; localhost (the default) is the owner's host"},
    {.name = "lookup_timeout",
     .type = GC_DURATION,
     .default_text = "5000",
     .min = 10,
     .max = 600000,
     .help = "how long a host may take to answer, in milliseconds"},
    {0},
};

static const struct gc_discovery discovery = {
    .struct_size = sizeof(discovery),
    .create = create,
    .refresh = gc_several_refresh,
    .cancel = gc_several_cancel,
    .close = gc_several_close,
};

GC_PLUGIN_DEFINE(.name = "epmd", .version = "1",
		 .summary = "every visible node that the EPMD of some hosts knows",
		 .options = options, .discovery = &discovery)
