/* The DNS client: its life, its configuration, and addresses that need no server. Questions are in
 * dns_query.c. Owns the current conf, the hosts table and the list of open questions; its memory goes when
 * the last handle of all these has closed. Loop thread. */
#include "dns_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_TIMEOUT_MS 5000
#define MAX_TIMEOUT_MS 3600000

static void destroy(struct gc_dns *d)
{
	gc_hosts_destroy(d->hosts);
	free(d->hosts_path);
	free((char *)(uintptr_t)d->conf_options.nameservers);
	free((char *)(uintptr_t)d->conf_options.resolv_path);
	free(d);
	ares_library_cleanup();
}

void gc_dns_unref(struct gc_dns *d)
{
	void (*closed)(void *arg) = d->closed;
	void *arg = d->arg;

	if (--d->n_open > 0)
		return;
	destroy(d);
	if (closed)
		closed(arg);
}

static void on_conf_gone(void *arg)
{
	gc_dns_unref(arg);
}

static int load_conf(struct gc_dns *d, char *err, size_t err_len)
{
	struct gc_dns_conf *conf;
	int status = gc_dns_conf_create(d->loop, &d->conf_options, on_conf_gone, d, &conf, err,
					err_len);

	if (status < 0)
		return status;
	d->n_open++;
	if (d->conf)
		gc_dns_conf_drop(d->conf);
	d->conf = conf;
	return 0;
}

/* With what cannot be read the old one goes on. */
struct gc_dns_conf *gc_dns_current_conf(struct gc_dns *d)
{
	const char *path = d->conf_options.resolv_path;
	char err[256];

	if (gc_file_stamp_changed(&d->resolv_stamp, path ? path : "/etc/resolv.conf") &&
	    load_conf(d, err, sizeof(err)) < 0)
		memset(&d->resolv_stamp, 0, sizeof(d->resolv_stamp)); /* looked at again with the next question */
	return d->conf;
}

static bool copy_options(struct gc_dns *d, const struct gc_dns_options *o)
{
	uint64_t timeout_ms = o && o->timeout_ms ? o->timeout_ms : DEFAULT_TIMEOUT_MS;
	bool ok = true;

	d->conf_options.timeout_ms = timeout_ms < MAX_TIMEOUT_MS ? timeout_ms : MAX_TIMEOUT_MS;
	d->no_search = o && o->no_search;
	if (o && o->nameservers)
		ok = (d->conf_options.nameservers = strdup(o->nameservers)) != NULL;
	if (o && o->resolv_path)
		ok = ok && (d->conf_options.resolv_path = strdup(o->resolv_path)) != NULL;
	d->hosts_path = strdup(o && o->hosts_path ? o->hosts_path : "/etc/hosts");
	d->hosts = d->hosts_path ? gc_hosts_create(d->hosts_path) : NULL;
	return ok && d->hosts;
}

static void on_timer_close(uv_handle_t *h)
{
	gc_dns_unref(h->data);
}

int gc_dns_create(uv_loop_t *loop, const struct gc_dns_options *o, struct gc_dns **dns_r, char *err,
		  size_t err_len)
{
	struct gc_dns *d = calloc(1, sizeof(*d));
	const char *path;

	*dns_r = NULL;
	if (!d || ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		free(d);
		(void)snprintf(err, err_len, "out of memory");
		return GC_ENOMEM;
	}
	d->loop = loop;
	int status = copy_options(d, o) ? 0 : GC_ENOMEM;

	if (status < 0)
		(void)snprintf(err, err_len, "out of memory");
	path = d->conf_options.resolv_path;
	gc_file_stamp_changed(&d->resolv_stamp, path ? path : "/etc/resolv.conf");
	if (status == 0)
		status = load_conf(d, err, err_len);
	if (status < 0) {
		destroy(d);
		return status;
	}
	uv_timer_init(loop, &d->timer);
	d->timer.data = d;
	d->n_open++;
	*dns_r = d;
	return 0;
}

/* Two steps that hold references, so that a callback of the first does not free d. */
static void on_close_timer(uv_timer_t *t)
{
	struct gc_dns *d = t->data;

	gc_dns_end_queries(d);
	gc_dns_conf_tear_down(d->conf);
	uv_close((uv_handle_t *)&d->timer, on_timer_close);
}

void gc_dns_close(struct gc_dns *d, void (*closed)(void *arg), void *arg)
{
	if (!d || d->is_closing)
		return;
	d->is_closing = true;
	d->closed = closed;
	d->arg = arg;
	uv_timer_start(&d->timer, on_close_timer, 0, 0);
}

/* ---- without a server ---- */

struct local {
	int family;
	struct gc_buf *records;
};

static void add_literal(void *arg, const char *address)
{
	struct local *l = arg;
	struct gc_dns_record rec = {0};

	gc_addr_parse(&rec.addr, address, 0);
	if (l->family == AF_UNSPEC || rec.addr.sa.sa_family == l->family)
		gc_buf_put(l->records, &rec, sizeof(rec));
}

/* RFC 6761: never asked of a server. */
static bool is_localhost(const char *host)
{
	static const char name[] = "localhost";
	size_t len = strlen(host), n = sizeof(name) - 1;

	if (len > 0 && host[len - 1] == '.')
		len--;
	return len >= n && strncasecmp(host + len - n, name, n) == 0 &&
	       (len == n || host[len - n - 1] == '.');
}

bool gc_dns_local(struct gc_dns *d, const char *host, int family, struct gc_fail *fail,
		  struct gc_buf *records)
{
	struct local l = {family, records};
	union gc_addr a;

	if (gc_addr_parse(&a, host, 0))
		add_literal(&l, host);
	else
		gc_hosts_find(d->hosts, host, add_literal, &l);
	if (records->len == 0 && is_localhost(host)) {
		add_literal(&l, "127.0.0.1");
		add_literal(&l, "::1");
	}
	if (records->len == 0 && !records->failed && a.sa.sa_family == AF_UNSPEC)
		return false;
	if (records->failed)
		gc_fail_set(fail, GC_ENOMEM, GC_STAGE_RESOLVE, "%s", host);
	else if (records->len == 0)
		gc_fail_set(fail, GC_ENODATA, GC_STAGE_RESOLVE, "%s is of the other address family",
			    host);
	return true;
}
