/* One host of the epmd plugin; see place.h.
 *
 *   resolve --> NAMES at an address --(connect fails: next address)--> PORT2 for each new name --> done
 *
 * NAMES does not tell which nodes are hidden. The type of a name is asked once and kept as long as its
 * port stays the same; ourselves and the owner are known. Owner: the instance. Loop thread. */
#include "place.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MIN_MS 50

static void ask_names(struct place *p);
static void ask_types(struct place *p);

size_t place_count(const struct place *p)
{
	return p->names.len / sizeof(struct place_name);
}

struct place_name *place_name_at(const struct place *p, size_t i)
{
	return (struct place_name *)(void *)p->names.data + i;
}

static bool is_node(const char *node, const char *alive, const char *host)
{
	size_t len = strlen(alive);

	return node && strncmp(node, alive, len) == 0 && node[len] == '@' &&
	       strcmp(node + len + 1, host) == 0;
}

bool place_is_own(const struct place *p, const struct place_name *name)
{
	return is_node(p->owner, name->alive, p->host) || is_node(p->cnode, name->alive, p->host);
}

static uint64_t left_ms(const struct place *p)
{
	uint64_t now = uv_now(p->loop);

	return p->deadline_ms > now + TIMEOUT_MIN_MS ? p->deadline_ms - now : TIMEOUT_MIN_MS;
}

static void done(struct place *p)
{
	p->is_busy = false;
	p->done(p->arg);
}

/* ---- types ---- */

static void on_type(void *arg, const struct gc_fail *fail, const struct gc_epmd_node *node)
{
	struct place_lookup *l = arg;
	struct place *p = l->place;
	struct place_name *name = place_name_at(p, l->index);

	l->query = NULL;
	if (fail->err) {
		name->is_lost = true;
		if (fail->err != GC_ENOTINEPMD) /* that one has just left: no failure */
			gc_fail_set(&p->type_fail, fail->err, fail->stage, "%s", fail->detail);
	} else {
		name->type = node->type;
		name->port = node->port;
	}
	ask_types(p);
}

static bool fill_lookup(struct place *p, struct place_lookup *l)
{
	while (p->next < place_count(p)) {
		struct place_name *name = place_name_at(p, p->next++);

		if (name->type != 0 || place_is_own(p, name))
			continue;
		l->place = p;
		l->index = p->next - 1;
		l->query = gc_epmd_lookup(p->loop, &p->addrs[p->at].sa, name->alive, left_ms(p),
					  on_type, l);
		if (l->query)
			return true;
		name->is_lost = true;
		gc_fail_set(&p->type_fail, GC_ENOMEM, GC_STAGE_EPMD, "%s", name->alive);
	}
	return false;
}

static void ask_types(struct place *p)
{
	bool is_open = false;

	for (int i = 0; i < PLACE_LOOKUPS; i++)
		is_open |= p->lookups[i].query || fill_lookup(p, &p->lookups[i]);
	if (!is_open)
		done(p);
}

/* ---- names ---- */

static int compare(const void *a, const void *b)
{
	const struct place_name *x = a, *y = b;

	return strcmp(x->alive, y->alive);
}

/* What is known of the names that are still there with the same port; both are sorted. */
static void keep_types(const struct gc_buf *old, struct gc_buf *names)
{
	const struct place_name *o = (const void *)old->data;
	struct place_name *n = (void *)names->data;
	size_t n_old = old->len / sizeof(*o), n_new = names->len / sizeof(*n), i = 0;

	for (size_t k = 0; k < n_new; k++) {
		while (i < n_old && strcmp(o[i].alive, n[k].alive) < 0)
			i++;
		if (i < n_old && strcmp(o[i].alive, n[k].alive) == 0 && o[i].port == n[k].port)
			n[k].type = o[i].type;
	}
}

static bool take_names(struct place *p, const struct gc_epmd_name *list, size_t n)
{
	struct gc_buf names = {0};

	for (size_t i = 0; i < n; i++) {
		struct place_name name = {.port = list[i].port};

		memcpy(name.alive, list[i].alive, sizeof(name.alive));
		gc_buf_put(&names, &name, sizeof(name));
	}
	if (names.failed) {
		gc_buf_deinit(&names);
		return false;
	}
	if (n > 0)
		qsort(names.data, n, sizeof(struct place_name), compare);
	keep_types(&p->names, &names);
	gc_buf_deinit(&p->names);
	p->names = names;
	return true;
}

static void resolve(struct place *p);

/* The next address; for our own host, when the loopback address has none, what its name says. */
static void names_failed(struct place *p, const struct gc_fail *fail)
{
	char address[64];

	gc_addr_print(&p->addrs[p->at], address, sizeof(address));
	gc_fail_set(&p->fail, fail->err, fail->stage, "%s%s%s", address, *fail->detail ? ": " : "",
		    fail->detail);
	if (p->at + 1 < p->n_addrs) {
		p->at++;
		ask_names(p);
	} else if (!p->is_resolved) {
		resolve(p);
	} else {
		done(p);
	}
}

static void on_names(void *arg, const struct gc_fail *fail, const struct gc_epmd_name *names,
		     size_t n)
{
	struct place *p = arg;

	p->names_query = NULL;
	if (fail->err) {
		names_failed(p, fail);
		return;
	}
	memset(&p->fail, 0, sizeof(p->fail));
	p->next = 0;
	if (take_names(p, names, n)) {
		ask_types(p);
		return;
	}
	gc_fail_set(&p->fail, GC_ENOMEM, GC_STAGE_EPMD, "%s", "");
	done(p);
}

/* Each address gets its share of what is left: a black hole does not take all of it. */
static void ask_names(struct place *p)
{
	uint64_t ms = left_ms(p) / (p->n_addrs - p->at);

	p->names_query =
	    gc_epmd_names(p->loop, &p->addrs[p->at].sa, ms ? ms : 1, on_names, p);
	if (p->names_query)
		return;
	gc_fail_set(&p->fail, GC_ENOMEM, GC_STAGE_EPMD, "%s", "");
	done(p);
}

/* ---- addresses ---- */

static void add_address(struct place *p, const union gc_addr *addr)
{
	if (p->n_addrs == PLACE_ADDRESSES)
		return;
	p->addrs[p->n_addrs] = *addr;
	gc_addr_set_port(&p->addrs[p->n_addrs], p->epmd_port);
	p->n_addrs++;
}

static void on_addresses(void *arg, const struct gc_fail *fail, const struct gc_dns_record *rec,
			 size_t n)
{
	struct place *p = arg;

	p->dns_query = NULL;
	p->is_resolved = true;
	if (fail->err) {
		gc_fail_set(&p->fail, fail->err, fail->stage, "%s", fail->detail);
		done(p);
		return;
	}
	p->at = p->n_addrs = 0;
	for (size_t i = 0; i < n; i++)
		if (p->may_reach(p->arg, &rec[i].addr.sa))
			add_address(p, &rec[i].addr);
	if (p->n_addrs > 0) {
		ask_names(p);
		return;
	}
	gc_fail_set(&p->fail, GC_EOUTSIDE, GC_STAGE_RESOLVE, "%s", p->host);
	done(p);
}

static void resolve(struct place *p)
{
	p->dns_query = gc_dns_resolve(p->dns, p->host, AF_UNSPEC, on_addresses, p);
	if (p->dns_query)
		return;
	gc_fail_set(&p->fail, GC_ENOMEM, GC_STAGE_RESOLVE, "%s", "");
	done(p);
}

void place_start(struct place *p)
{
	union gc_addr loopback;

	place_cancel(p);
	p->is_busy = true;
	p->is_resolved = false;
	p->n_addrs = p->at = 0;
	p->deadline_ms = uv_now(p->loop) + p->timeout_ms;
	memset(&p->fail, 0, sizeof(p->fail));
	memset(&p->type_fail, 0, sizeof(p->type_fail));
	if (!p->is_local) {
		resolve(p);
		return;
	}
	gc_addr_parse(&loopback, "127.0.0.1", 0);
	add_address(p, &loopback);
	gc_addr_parse(&loopback, "::1", 0);
	add_address(p, &loopback);
	ask_names(p);
}

void place_cancel(struct place *p)
{
	gc_dns_cancel(p->dns_query);
	gc_epmd_cancel(p->names_query);
	p->dns_query = NULL;
	p->names_query = NULL;
	for (int i = 0; i < PLACE_LOOKUPS; i++) {
		gc_epmd_cancel(p->lookups[i].query);
		p->lookups[i].query = NULL;
	}
	p->is_busy = false;
}

void place_deinit(struct place *p)
{
	place_cancel(p);
	gc_buf_deinit(&p->names);
}
