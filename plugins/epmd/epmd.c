/* epmd: every visible node that the EPMD of some hosts knows, `{epmd, #{hosts => ["h1", "h2"]}}`.
 *
 * All hosts are asked at once (place.c), each under one deadline. A host that fails makes the answer
 * partial, all failing makes it an error; so a host that is down never removes its nodes. Asynchronous,
 * on the loop of the host. */
#include "place.h"

#include "name.h"

#include <gen_cluster/gc_plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source {
	const struct gc_host *host;
	struct gc_instance *inst;
	struct gc_dns *dns;
	struct gc_request *request; /* the open one, or NULL */
	size_t n_busy, n_places;
	bool is_starting; /* places are being started: none may end the round yet */
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
			(void)s->host->add_peer(s->request, &peer); /* it logs what it refuses */
	}
}

static void add_reason(struct gc_buf *reason, const struct place *p, const struct gc_fail *fail)
{
	char text[400];

	gc_fail_print(fail, text, sizeof(text));
	gc_buf_printf(reason, "%s%s: %s", reason->len ? "; " : "", p->host, text);
}

static void finish(struct source *s)
{
	struct gc_request *request = s->request;
	enum gc_quality quality = GC_COMPLETE;
	struct gc_buf reason = {0};
	size_t n_failed = 0;

	for (size_t i = 0; i < s->n_places; i++) {
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
	if (n_failed == s->n_places)
		quality = GC_ERROR;
	gc_buf_put_u8(&reason, '\0');
	s->request = NULL;
	s->host->finish(request, quality,
			quality == GC_COMPLETE ? NULL
			: reason.failed	       ? "out of memory"
					       : (const char *)reason.data);
	gc_buf_deinit(&reason);
}

static void on_place(void *arg, struct place *p)
{
	struct source *s = arg;

	(void)p;
	if (--s->n_busy == 0 && !s->is_starting)
		finish(s);
}

static int refresh(void *self, struct gc_request *request)
{
	struct source *s = self;

	if (s->request)
		return -1; /* the host asks one at a time */
	s->request = request;
	s->n_busy = s->n_places;
	s->is_starting = true;
	for (size_t i = 0; i < s->n_places; i++)
		place_start(&s->places[i]);
	s->is_starting = false;
	if (s->n_busy == 0)
		finish(s);
	return 0;
}

static void cancel(void *self, struct gc_request *request)
{
	struct source *s = self;

	if (s->request != request)
		return;
	for (size_t i = 0; i < s->n_places; i++)
		place_cancel(&s->places[i]);
	s->request = NULL;
	s->host->finish(request, GC_ERROR, "canceled");
}

/* ---- an instance ---- */

static bool may_reach(void *arg, const struct sockaddr *addr)
{
	const struct source *s = arg;

	return !GC_HAS(s->host, may_reach) || s->host->may_reach(s->inst, addr);
}

/* The configured host i as a place; without `hosts` there is one, our own. */
static bool set_place(struct source *s, size_t i, char *err, size_t err_len)
{
	const struct gc_host *h = s->host;
	const char *own = h->env(s->inst, GC_ENV_HOST), *port = h->env(s->inst, GC_ENV_EPMD_PORT);
	const char *name = h->count(s->inst, "hosts") ? h->str(s->inst, "hosts", i) : "localhost";
	struct place *p = &s->places[i];

	p->is_local = strcmp(name, "localhost") == 0;
	if (p->is_local && !own) {
		snprintf(err, err_len, "hosts: the own host is not known, name it");
		return false;
	}
	p->host = p->is_local ? own : name;
	if (!gc_host_ok(p->host, strlen(p->host))) {
		snprintf(err, err_len, "hosts: \"%s\" is not a host", p->host);
		return false;
	}
	p->loop = h->loop;
	p->dns = s->dns;
	p->owner = h->env(s->inst, GC_ENV_OWNER);
	p->cnode = h->env(s->inst, GC_ENV_CNODE);
	p->epmd_port = port ? (uint16_t)strtoul(port, NULL, 10) : gc_epmd_port();
	p->timeout_ms = (uint64_t)h->num(s->inst, "lookup_timeout", 0);
	p->may_reach = may_reach;
	p->done = on_place;
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
		snprintf(err, err_len, "out of memory");
		return -1;
	}
	s->host = host;
	s->inst = inst;
	s->n_places = n;
	for (size_t i = 0; i < n; i++)
		if (!set_place(s, i, err, err_len)) {
			free(s);
			return -1;
		}
	if (gc_dns_create(host->loop, &o, &s->dns, err, err_len) < 0) {
		free(s);
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		s->places[i].dns = s->dns;
	*self_r = s;
	return 0;
}

static void on_closed(void *arg)
{
	struct source *s = arg;
	const struct gc_host *host = s->host;
	struct gc_instance *inst = s->inst;

	free(s);
	host->closed(inst);
}

/* The handles of cancelled questions close in the turn they are cancelled in, those of dns later. */
static void close_source(void *self)
{
	struct source *s = self;

	for (size_t i = 0; i < s->n_places; i++)
		place_deinit(&s->places[i]);
	gc_dns_close(s->dns, on_closed, s);
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
    .refresh = refresh,
    .cancel = cancel,
    .close = close_source,
};

GC_PLUGIN_DEFINE(.name = "epmd", .version = "1",
		 .summary = "every visible node that the EPMD of some hosts knows",
		 .options = options, .discovery = &discovery)
