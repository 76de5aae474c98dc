/* One record type of a question in one round: which server is asked when, and what its answer is worth; see
 * dns_query.c. Owner: the question. Loop thread. */
#include "dns_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEP_MS 1000	/* before another server is asked as well */
#define STEP_MIN_MS 50

struct packet {
	struct gc_dns_query *q;
	struct gc_dns_sub *sub;
	int round;
	unsigned server;
};

static const char *type_name(enum gc_dns_type type)
{
	return type == GC_DNS_A ? "A" : type == GC_DNS_AAAA ? "AAAA" : "SRV";
}

static void sub_failed(struct gc_dns_query *q, struct gc_dns_sub *s, int err, const char *server,
		       const char *why)
{
	gc_fail_set(&s->fail, err, GC_STAGE_RESOLVE, "%s %s: %s from %s", type_name(s->type), q->name,
		    why, server);
}

static uint64_t step_ms(const struct gc_dns_query *q, const struct gc_dns_sub *s)
{
	uint64_t ms = q->dns->conf_options.timeout_ms / (q->conf->n_servers + 2);
	int again = s->n_asked / (int)q->conf->n_servers;

	ms = ms < STEP_MIN_MS ? STEP_MIN_MS : ms > STEP_MS ? STEP_MS : ms;
	return ms << (again < 6 ? again : 6);
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *p, int len);

void gc_dns_sub_ask(struct gc_dns_query *q, struct gc_dns_sub *s)
{
	struct gc_dns_conf *c = q->conf;
	struct packet *packet = malloc(sizeof(*packet));
	unsigned server = 0, tries;

	for (tries = 0; tries < c->n_servers; tries++) {
		server = (c->first + (unsigned)s->n_asked + tries) % c->n_servers;
		if (!(s->failed & 1u << server))
			break;
	}
	if (!packet || tries == c->n_servers) {
		if (!packet)
			sub_failed(q, s, GC_ENOMEM, "here", "no memory");
		free(packet);
		s->is_done = true;
		return;
	}
	*packet = (struct packet){q, s, q->round, server};
	s->n_asked += (int)tries + 1;
	s->next_ms = uv_now(q->dns->loop) + step_ms(q, s);
	q->n_refs++;
	gc_dns_conf_ask(c, server, q->name, s->type, on_answer, packet);
}

/* c-ares does not tell why it got no socket. */
static bool is_out_of_descriptors(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is_out = fd < 0 && (errno == EMFILE || errno == ENFILE);

	if (fd >= 0)
		(void)close(fd);
	return is_out;
}

/* What c-ares itself has to say when there is no answer. */
static int from_ares(int status, const char **why_r)
{
	*why_r = ares_strerror(status);
	switch (status) {
	case ARES_ETIMEOUT:
		return GC_ETIMEDOUT;
	case ARES_ENOMEM:
		return GC_ENOMEM;
	case ARES_EBADNAME:
		*why_r = "not a domain name, no question";
		return GC_EDNS;
	case ARES_ENOTFOUND: /* what it refuses to ask: *.onion */
		return GC_ENXDOMAIN;
	case ARES_ECONNREFUSED:
		if (is_out_of_descriptors()) {
			*why_r = "no descriptor is free to ask";
			return GC_EMFILE;
		}
		*why_r = "no DNS server listens, refused";
		return GC_EDNS;
	case ARES_EDESTRUCTION:
	case ARES_ECANCELLED:
		return GC_ECANCELED;
	default:
		return GC_EDNS;
	}
}

/* A server that had to be asked because the first one did not answer is asked first from now on. */
static void remember_server(struct gc_dns_query *q, const struct gc_dns_sub *s, unsigned server)
{
	if (server != q->conf->first && s->n_asked > 1)
		q->conf->first = server;
}

static void take_answer(struct gc_dns_query *q, struct gc_dns_sub *s, unsigned server, int err,
			const char *why)
{
	if (err > 0 || err == GC_ENXDOMAIN || err == GC_ENODATA) {
		remember_server(q, s, server);
		memset(&s->fail, 0, sizeof(s->fail));
		if (err < 0)
			gc_fail_set(&s->fail, err, GC_STAGE_RESOLVE, "%s %s", type_name(s->type),
				    q->name);
		s->is_done = true;
		return;
	}
	if (err == GC_EPROTO || err == GC_EREFUSED)
		err = GC_EDNS;
	sub_failed(q, s, err, gc_dns_conf_server(q->conf, server), why);
	s->failed |= 1u << server;
	gc_dns_sub_ask(q, s);
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *p, int len)
{
	struct packet packet = *(struct packet *)arg;
	struct gc_dns_query *q = packet.q;
	struct gc_dns_sub *s = packet.sub;
	const char *why = "";
	bool was_busy = q->is_busy;
	int err;

	(void)timeouts;
	free(arg);
	if (q->is_over || packet.round != q->round || s->is_done) {
		gc_dns_query_unref(q);
		return;
	}
	q->is_busy = true;
	if (p && len > 0)
		err = gc_dns_parse(p, (size_t)len, q->name, s->type, &s->records, &why);
	else
		err = from_ares(status, &why);
	take_answer(q, s, packet.server, err, why);
	q->is_busy = was_busy;
	if (!q->is_busy)
		gc_dns_query_proceed(q);
	gc_dns_query_unref(q);
}
