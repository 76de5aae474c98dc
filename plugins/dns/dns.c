/* dns: peers out of A, AAAA and SRV records, `{dns, #{domain => "shop.prod"}}`.
 *
 * One question (question.c) for each domain and record type, all at once (common/several.c); what
 * their outcomes mean together is decided here. Only a full set of answers is complete: NXDOMAIN and
 * NODATA are answers, SERVFAIL, a timeout and the like are not. Asynchronous, on the loop of the host. */
#include "question.h"

#include "../common/several.h"
#include "name.h"

#include <arpa/inet.h>
#include <gen_cluster/gc_plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIRM 3 /* rounds for which a domain may be missing beside others that answer */

struct source {
	struct gc_several base; /* first */
	bool is_srv, wants_hostname, wants_port;
	uint16_t port;
	bool was_told; /* about several addresses behind one name */
	struct question questions[];
};

/* ---- the answer ---- */

static void add(struct source *s, const char *node, const char *address, uint16_t port)
{
	const struct gc_peer peer = {.node = node, .address = address, .port = port};

	(void)s->base.host->add_peer(s->base.request, &peer); /* it logs what it refuses */
}

/* host_type hostname without SRV: the domain itself is the host, whatever addresses it has. */
static void add_domain(struct source *s, const struct question *q)
{
	char host[256];
	size_t len = strnlen(q->domain, sizeof(host) - 1);

	memcpy(host, q->domain, len);
	host[len] = '\0';
	if (len > 0 && host[len - 1] == '.')
		host[len - 1] = '\0';
	add(s, host, NULL, s->port);
	if (question_count(q) > 1 && !s->was_told)
		s->base.host->log(s->base.inst, GC_WARNING,
			     "%s has %d addresses, but with host_type hostname it is one peer; "
			     "use host_type ip for a peer of each address",
			     q->domain, (int)question_count(q));
	s->was_told |= question_count(q) > 1;
}

static void add_record(struct source *s, const struct gc_dns_record *rec)
{
	bool has_addr = rec->addr.sa.sa_family != AF_UNSPEC;
	uint16_t port = s->is_srv && s->wants_port ? rec->port : s->port;
	char address[64];

	gc_addr_print(&rec->addr, address, sizeof(address));
	if (s->is_srv && s->wants_hostname)
		add(s, rec->target, has_addr ? address : NULL, port);
	else if (has_addr)
		add(s, address, address, port);
}

static void add_peers(struct source *s, const struct question *q)
{
	const struct gc_dns_record *rec = question_records(q);

	if (!s->is_srv && s->wants_hostname && question_count(q) > 0) {
		add_domain(s, q);
		return;
	}
	for (size_t i = 0; i < question_count(q); i++)
		add_record(s, &rec[i]);
}

static bool is_empty_answer(int err)
{
	return err == GC_ENXDOMAIN || err == GC_ENODATA;
}

struct outcome {
	size_t n_records, n_nodata, n_failed, n_missing;
	uint32_t ttl_s;
	struct gc_buf reason;
	struct gc_buf empties; /* the domains without records */
	const char *last_empty;
};

static void add_empty(struct outcome *o, const char *domain)
{
	if (o->last_empty && strcmp(o->last_empty, domain) == 0)
		return; /* A and AAAA */
	gc_buf_printf(&o->empties, "%s%s", o->last_empty ? ", " : "", domain);
	o->last_empty = domain;
}

static void add_reason(struct outcome *o, const struct gc_fail *fail)
{
	gc_buf_printf(&o->reason, "%s%s: %s", o->reason.len ? "; " : "", gc_err_name(fail->err),
		      *fail->detail ? fail->detail : gc_err_text(fail->err));
}

/* A domain that had records and has none now, beside others that have some, is doubted at first: else
 * one wrong zone file would remove its peers at once. */
static void count_question(struct outcome *o, struct question *q)
{
	bool is_empty = is_empty_answer(q->fail.err);

	o->n_records += question_count(q);
	o->n_nodata += q->fail.err == GC_ENODATA;
	o->n_failed += q->fail.err != 0 && !is_empty;
	q->n_missing = is_empty && q->had_records ? q->n_missing + 1 : 0;
	if (question_count(q) > 0)
		q->had_records = true;
	else if (is_empty && q->n_missing >= CONFIRM)
		q->had_records = false;
	if (is_empty)
		add_empty(o, q->domain);
	if (is_empty && q->had_records)
		o->n_missing++;
	if ((q->fail.err && !is_empty) || (is_empty && q->had_records))
		add_reason(o, &q->fail);
	if (q->part_fail.err) {
		o->n_failed++;
		add_reason(o, &q->part_fail);
	}
	if (question_count(q) > 0 && q->ttl_s < o->ttl_s)
		o->ttl_s = q->ttl_s;
}

static enum gc_quality judge(struct outcome *o)
{
	if (o->n_records == 0 && o->n_failed > 0)
		return GC_ERROR;
	if (o->n_records == 0) {
		gc_buf_reset(&o->reason);
		gc_buf_printf(&o->reason, "%s: %.*s", o->n_nodata > 0 ? "nodata" : "nxdomain",
			      (int)o->empties.len, (const char *)o->empties.data);
		return GC_COMPLETE; /* whether that is believed is up to the host */
	}
	return o->n_failed == 0 && o->n_missing == 0 ? GC_COMPLETE : GC_PARTIAL;
}

/* ip asks for both families, but a host of both is one peer: Node@IP4 and Node@IP6 would be two names
 * of it, of which one is wrong. The other family counts only where the preferred one has nothing. */
static bool is_outdone(const struct question *q)
{
	const struct question *p = q->preferred;

	return p && (question_count(p) > 0 || !is_empty_answer(p->fail.err));
}

/* While it is doubted that the preferred one has nothing any more, nobody is renamed. */
static bool is_waiting(const struct question *q)
{
	return q->preferred && q->preferred->had_records;
}

static void take_question(struct source *s, struct outcome *o, struct question *q)
{
	if (is_outdone(q))
		return;
	count_question(o, q);
	if (!is_waiting(q))
		add_peers(s, q);
}

static void answer(void *self)
{
	struct source *s = self;
	struct gc_several *b = &s->base;
	struct outcome o = {.ttl_s = UINT32_MAX};

	for (size_t i = 0; i < b->n; i++)
		take_question(s, &o, &s->questions[i]);
	enum gc_quality quality = judge(&o);
	if (o.ttl_s != UINT32_MAX)
		b->host->set_ttl(b->request, o.ttl_s);
	gc_several_finish(b, quality, &o.reason);
	gc_buf_deinit(&o.empties);
}

/* ---- the questions ---- */

static void start(void *self, size_t i)
{
	question_start(&((struct source *)self)->questions[i]);
}

static void cancel(void *self, size_t i)
{
	question_cancel(&((struct source *)self)->questions[i]);
}

static void deinit(void *self, size_t i)
{
	question_deinit(&((struct source *)self)->questions[i]);
}

static const struct gc_several_calls calls = {start, cancel, answer, deinit};

/* ---- an instance ---- */

static struct question *add_question(struct source *s, const char *domain, enum question_kind kind,
				     int family)
{
	struct question *q = &s->questions[s->base.n++];

	*q = (struct question){.dns = s->base.dns,
			       .domain = domain,
			       .kind = kind,
			       .family = family,
			       .wants_address = s->is_srv && !s->wants_hostname,
			       .done = gc_several_done,
			       .arg = s};
	return q;
}

/* That of the owner's own name, if that has an address in it; else IPv4. */
static int preferred_family(const struct source *s)
{
	const char *host = s->base.host->env(s->base.inst, GC_ENV_HOST);
	struct in6_addr addr;

	return host && inet_pton(AF_INET6, host, &addr) == 1 ? AF_INET6 : AF_INET;
}

/* Two questions, the preferred one first: it is judged before the other. */
static void add_both(struct source *s, const char *domain)
{
	int first = preferred_family(s);
	const struct question *q = add_question(s, domain, QUESTION_HOST, first);

	add_question(s, domain, QUESTION_HOST, first == AF_INET ? AF_INET6 : AF_INET)->preferred = q;
}

/* ipv6 not given: both families; else one of them. */
static void add_questions(struct source *s, const char *domain, const char *type)
{
	const struct gc_host *h = s->base.host;
	bool both = h->count(s->base.inst, "ipv6") == 0;
	bool ipv6 = h->num(s->base.inst, "ipv6", 0) != 0;

	if (strcmp(type, "srv") == 0) {
		add_question(s, domain, QUESTION_SRV,
			     both ? AF_UNSPEC : ipv6 ? AF_INET6 : AF_INET);
	} else if (strcmp(type, "a") == 0) {
		add_question(s, domain, QUESTION_A, AF_INET);
	} else if (strcmp(type, "aaaa") == 0) {
		add_question(s, domain, QUESTION_AAAA, AF_INET6);
	} else if (both) {
		add_both(s, domain);
	} else {
		add_question(s, domain, QUESTION_HOST, ipv6 ? AF_INET6 : AF_INET);
	}
}

/* The nameservers as c-ares takes them: it knows no brackets without a port. */
static bool join_servers(const struct gc_host *host, struct gc_instance *inst, struct gc_buf *list)
{
	for (size_t i = 0; i < host->count(inst, "nameservers"); i++) {
		const char *server = host->str(inst, "nameservers", i);
		size_t len = strlen(server);
		bool wants_port = len > 0 && server[len - 1] == ']';

		gc_buf_printf(list, "%s%s%s", i ? "," : "", server, wants_port ? ":53" : "");
	}
	gc_buf_put_u8(list, '\0');
	return !list->failed;
}

static int open_dns(struct source *s, char *err, size_t err_len)
{
	struct gc_dns_options o = {
	    .timeout_ms = (uint64_t)s->base.host->num(s->base.inst, "lookup_timeout", 0)};
	struct gc_buf servers = {0};
	int status = GC_ENOMEM;

	if (join_servers(s->base.host, s->base.inst, &servers)) {
		o.nameservers = servers.len > 1 ? (const char *)servers.data : NULL;
		status = gc_dns_create(s->base.host->loop, &o, &s->base.dns, err, err_len);
	} else {
		(void)snprintf(err, err_len, "out of memory");
	}
	gc_buf_deinit(&servers);
	return status;
}

static bool domains_ok(const struct gc_host *host, struct gc_instance *inst, char *err,
		       size_t err_len)
{
	size_t n = host->count(inst, "domain");

	for (size_t i = 0; i < n; i++) {
		const char *domain = host->str(inst, "domain", i);

		if (gc_host_ok(domain, strlen(domain)))
			continue;
		(void)snprintf(err, err_len, "domain: \"%.100s\" is not a domain name", domain);
		return false;
	}
	if (n == 0)
		(void)snprintf(err, err_len, "domain: none is given");
	return n > 0;
}

static int create(const struct gc_host *host, struct gc_instance *inst, void **self_r, char *err,
		  size_t err_len)
{
	const char *type = host->str(inst, "record_type", 0);
	const char *host_type = host->str(inst, "host_type", 0);
	size_t n = host->count(inst, "domain");
	struct source *s;

	if (!domains_ok(host, inst, err, err_len))
		return -1;
	s = calloc(1, sizeof(*s) + 2 * n * sizeof(s->questions[0]));
	if (!s) {
		(void)snprintf(err, err_len, "out of memory");
		return -1;
	}
	s->base = (struct gc_several){.calls = &calls, .host = host, .inst = inst};
	s->is_srv = strcmp(type, "srv") == 0;
	s->wants_hostname = host_type ? strcmp(host_type, "hostname") == 0 : s->is_srv;
	s->wants_port = host->num(inst, "srv_port", 0) != 0;
	s->port = (uint16_t)host->num(inst, "port", 0);
	if (open_dns(s, err, err_len) < 0) {
		free(s);
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		add_questions(s, host->str(inst, "domain", i), type);
	*self_r = s;
	return 0;
}

static const struct gc_option options[] = {
    {.name = "domain",
     .type = GC_STRING | GC_LIST,
     .flags = GC_OPT_REQUIRED | GC_OPT_MAIN,
     .help = "the domain, or several, whose records are the peers"},
    {.name = "record_type",
     .type = GC_ENUM,
     .default_text = "ip",
     .choices = "ip|a|aaaa|srv",
     .help = "ip: A, where there is none AAAA (the other way round if the owner's name has an IPv6 address), and "
	     "the hosts file; a, aaaa, srv: that record alone"},
    {.name = "host_type",
     .type = GC_ENUM,
     .choices = "ip|hostname",
     .help = "what stands behind '@': the address, or the name (default: hostname for srv, else ip)"},
    {.name = "ipv6",
     .type = GC_BOOLEAN,
     .help = "true: IPv6 alone, false: IPv4 alone, for ip and for the addresses of srv (default: either; see record_type)"},
    {.name = "port",
     .type = GC_INTEGER,
     .default_text = "0",
     .min = 0,
     .max = 65535,
     .help = "the distribution port of every peer; 0: ask EPMD"},
    {.name = "srv_port",
     .type = GC_BOOLEAN,
     .default_text = "true",
     .help = "the port of an SRV record is the distribution port; false: as `port` says"},
    {.name = "nameservers",
     .type = GC_STRING | GC_LIST,
     .help = "addresses of DNS servers, \"10.0.0.10\" or \"[fd00::10]:53\" (default: as resolv.conf has them)"},
    {.name = "lookup_timeout",
     .type = GC_DURATION,
     .default_text = "5000",
     .min = 10,
     .max = 600000,
     .help = "how long a question may take, all servers and search domains together, in milliseconds"},
    {0},
};

static const struct gc_discovery discovery = {
    .struct_size = sizeof(discovery),
    .create = create,
    .refresh = gc_several_refresh,
    .cancel = gc_several_cancel,
    .close = gc_several_close,
};

GC_PLUGIN_DEFINE(.name = "dns", .version = "1", .summary = "peers out of A, AAAA and SRV records",
		 .options = options, .discovery = &discovery)
