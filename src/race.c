/* From a host to one connection: its addresses, for each EPMD (unless the port is known) and TCP. The families
 * take turns, so that one that leads nowhere costs one delay: the next address starts when the one before has
 * failed or has taken GC_STAGGER_MS; the first to connect wins (RFC 8305, 4 and 5; the first family is that of
 * the first address that DNS told). Owner: the session that started it. Loop thread. */
#include "node_priv.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct attempt {
	struct gc_race *race;
	struct gc_lookup *lookup;
	struct gc_link *conn;
	union gc_addr addr; /* with the node's port once it is known */
	struct attempt *prev, *next;
};

struct gc_race {
	struct gc_race_config c;
	struct gc_dns_query *query;
	union gc_addr addrs[GC_ADDRS_MAX];
	size_t n_addrs, next_addr;
	struct attempt *attempts; /* under way */
	struct gc_timer timer;	  /* the next address */
	struct gc_fail fail;
	enum gc_stage stage; /* of the address tried last */
	union gc_addr last;
	uint16_t last_port;
	bool is_over;
};

static struct gc_race *race_of(struct gc_timer *t)
{
	return (struct gc_race *)(void *)((char *)t - offsetof(struct gc_race, timer));
}

/* ---- outcome ---- */

/* The failure that came farthest tells most. */
static void note(struct gc_race *r, const struct gc_fail *f)
{
	if (r->fail.err == 0 || f->stage > r->fail.stage)
		r->fail = *f;
}

static void attempt_free(struct attempt *a)
{
	gc_lookup_cancel(a->lookup);
	if (a->conn)
		gc_conn_close(a->conn);
	DL_DELETE(a->race->attempts, a);
	free(a);
}

static void stop(struct gc_race *r)
{
	while (r->attempts)
		attempt_free(r->attempts);
	gc_timer_clear(&r->c.n->timers, &r->timer);
}

static void lost(struct gc_race *r)
{
	stop(r);
	r->is_over = true;
	r->c.on_lost(r->c.arg);
}

/* ---- one address ---- */

static void try_next(struct gc_race *r);

static void attempt_failed(struct attempt *a, const struct gc_fail *f)
{
	struct gc_race *r = a->race;

	note(r, f);
	attempt_free(a);
	if (f->err == GC_EHIDDEN || f->err == GC_ENOPORT) /* that is no matter of the address */
		lost(r);
	else
		try_next(r);
}

static void failed(struct attempt *a, int err, enum gc_stage stage, const char *why)
{
	struct gc_fail f = {0};
	char text[64];

	gc_addr_print(&a->addr, text, sizeof(text));
	gc_fail_set(&f, err, stage, "%s port %u%s%s", text, a->race->last_port, *why ? ": " : "",
		    why);
	attempt_failed(a, &f);
}

static void on_connect(struct gc_link *l, int uv_err)
{
	struct attempt *a = l->owner;
	struct gc_race *r = a->race;

	if (uv_err) {
		int err = gc_err_from_uv(uv_err);

		failed(a, err, GC_STAGE_CONNECT, err == GC_EIO ? uv_strerror(uv_err) : "");
		return;
	}
	r->last = a->addr;
	a->conn = NULL;
	stop(r);
	r->c.on_won(r->c.arg, l);
}

static void on_bytes(struct gc_link *l, const uint8_t *p, size_t len)
{
	(void)l;
	(void)p;
	(void)len;
}

static void on_end(struct gc_link *l, int uv_err)
{
	(void)l;
	(void)uv_err;
}

static const struct gc_conn_ops ops = {on_connect, NULL, on_bytes, on_end};

static void connect_to(struct attempt *a, uint16_t port)
{
	struct gc_race *r = a->race;
	int err = GC_ENOMEM;

	gc_addr_set_port(&a->addr, port);
	r->last_port = port;
	r->stage = GC_STAGE_CONNECT;
	a->conn = gc_conn_create(r->c.n, &ops, a);
	if (a->conn)
		err = gc_conn_connect(a->conn, &a->addr);
	if (err)
		failed(a, err, GC_STAGE_CONNECT, gc_err_text(err));
}

static void on_epmd(void *arg, const struct gc_fail *fail, const struct gc_epmd_node *node)
{
	struct attempt *a = arg;
	struct gc_fail hidden = {0};

	a->lookup = NULL;
	if (fail->err) {
		attempt_failed(a, fail);
	} else if (node->type != GC_EPMD_NORMAL && !a->race->c.hidden_ok) {
		gc_fail_set(&hidden, GC_EHIDDEN, GC_STAGE_EPMD, "EPMD lists it as hidden");
		attempt_failed(a, &hidden);
	} else {
		connect_to(a, node->port);
	}
}

/* EPMD would know the port, and is not to be asked. */
static void without_port(struct attempt *a)
{
	struct gc_fail f = {0};

	a->race->stage = GC_STAGE_CONNECT;
	gc_fail_set(&f, GC_ENOPORT, GC_STAGE_CONNECT, "epmd is false and there is no dist_port");
	attempt_failed(a, &f);
}

static void begin(struct attempt *a)
{
	struct gc_race *r = a->race;

	r->last = a->addr;
	r->last_port = r->c.port;
	if (r->c.port) {
		connect_to(a, r->c.port);
		return;
	}
	if (r->c.n->c.no_epmd) {
		without_port(a);
		return;
	}
	r->stage = GC_STAGE_EPMD;
	r->last_port = gc_epmd_port();
	gc_addr_set_port(&a->addr, r->last_port);
	a->lookup = gc_lookup_start(r->c.n, &a->addr, r->c.name, r->c.timeout_ms, on_epmd, a);
	if (!a->lookup)
		failed(a, GC_ENOMEM, GC_STAGE_EPMD, "out of memory");
}

static void on_stagger(struct gc_timer *t)
{
	try_next(race_of(t));
}

/* Outside of `allow`: nothing is sent there, no question to EPMD either. */
static void refuse(struct attempt *a)
{
	struct gc_fail f = {0};
	char text[64];

	a->race->last = a->addr;
	a->race->last_port = a->race->c.port;
	gc_addr_print(&a->addr, text, sizeof(text));
	gc_fail_set(&f, GC_EOUTSIDE, GC_STAGE_RESOLVE, "%s", text);
	attempt_failed(a, &f);
}

/* Starts the next address; lost if there is none and none is under way. */
static void try_next(struct gc_race *r)
{
	struct attempt *a;

	if (r->next_addr == r->n_addrs) {
		if (!r->attempts && !r->is_over)
			lost(r);
		return;
	}
	a = calloc(1, sizeof(*a));
	if (!a) {
		gc_fail_set(&r->fail, GC_ENOMEM, GC_STAGE_CONNECT, "out of memory");
		lost(r);
		return;
	}
	a->race = r;
	a->addr = r->addrs[r->next_addr++];
	DL_APPEND(r->attempts, a);
	if (r->next_addr < r->n_addrs)
		(void)gc_timer_set(&r->c.n->timers, &r->timer, GC_STAGGER_MS, on_stagger);
	if (gc_node_may_reach(r->c.n, &a->addr.sa))
		begin(a);
	else
		refuse(a);
}

/* ---- addresses ---- */

static void add_addr(struct gc_race *r, const union gc_addr *addr)
{
	union gc_addr clean = {0};

	if (r->n_addrs == GC_ADDRS_MAX)
		return;
	if (addr->sa.sa_family == AF_INET6)
		clean.in6 = addr->in6;
	else
		clean.in = addr->in;
	r->addrs[r->n_addrs++] = clean;
}

/* The next record of a family; n if there is none. */
static size_t next_of(const struct gc_dns_record *rec, size_t n, size_t from, int family)
{
	while (from < n && rec[from].addr.sa.sa_family != family)
		from++;
	return from;
}

/* The families in turn, each in the order in which DNS told it. */
static void add_in_turn(struct gc_race *r, const struct gc_dns_record *rec, size_t n)
{
	int family = n ? rec[0].addr.sa.sa_family : AF_INET;
	int other = family == AF_INET ? AF_INET6 : AF_INET;
	size_t i = 0, j = 0;

	while (i < n || j < n) {
		i = next_of(rec, n, i, family);
		if (i < n)
			add_addr(r, &rec[i++].addr);
		j = next_of(rec, n, j, other);
		if (j < n)
			add_addr(r, &rec[j++].addr);
	}
}

static void on_resolved(void *arg, const struct gc_fail *fail, const struct gc_dns_record *rec,
			size_t n)
{
	struct gc_race *r = arg;

	r->query = NULL;
	if (fail->err) {
		r->fail = *fail;
		r->fail.stage = GC_STAGE_RESOLVE;
	}
	add_in_turn(r, rec, n);
	if (n == 0 && fail->err == 0)
		gc_fail_set(&r->fail, GC_ENODATA, GC_STAGE_RESOLVE, "%s", gc_name_host(r->c.name));
	try_next(r);
}

static int resolve(struct gc_race *r)
{
	const char *host = gc_name_host(r->c.name);
	union gc_addr addr;

	r->stage = GC_STAGE_RESOLVE;
	if (gc_addr_parse(&addr, host, 0)) {
		add_addr(r, &addr);
		return gc_timer_set(&r->c.n->timers, &r->timer, 0, on_stagger);
	}
	r->query = gc_dns_resolve(r->c.n->c.dns, host, AF_UNSPEC, on_resolved, r);
	return r->query ? 0 : GC_ENOMEM;
}

/* ---- public ---- */

struct gc_race *gc_race_start(const struct gc_race_config *c)
{
	struct gc_race *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return NULL;
	r->c = *c;
	r->c.addr = NULL;
	if (c->addr) {
		add_addr(r, c->addr);
		err = gc_timer_set(&c->n->timers, &r->timer, 0, on_stagger);
	} else {
		err = resolve(r);
	}
	if (err) {
		free(r);
		return NULL;
	}
	return r;
}

void gc_race_go_on(struct gc_race *r, const struct gc_fail *fail)
{
	note(r, fail);
	(void)gc_timer_set(&r->c.n->timers, &r->timer, 0, on_stagger);
}

void gc_race_allow_hidden(struct gc_race *r)
{
	r->c.hidden_ok = true;
}

void gc_race_cancel(struct gc_race *r)
{
	if (!r)
		return;
	gc_dns_cancel(r->query);
	stop(r);
	free(r);
}

const struct gc_fail *gc_race_fail(const struct gc_race *r)
{
	return &r->fail;
}

enum gc_stage gc_race_where(const struct gc_race *r, char *address_r, size_t len, uint16_t *port_r)
{
	address_r[0] = '\0';
	if (r->last.sa.sa_family != AF_UNSPEC)
		gc_addr_print(&r->last, address_r, len);
	*port_r = r->stage == GC_STAGE_EPMD ? 0 : r->last_port;
	return r->stage;
}
