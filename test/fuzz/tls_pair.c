/* See tls_pair.h. What OpenSSL has of a connection comes back with fuzz_memory.c; what is ours is
 * made anew each time, with the usual memory, for the sanitizers to look after. Strict rules:
 * certificates and names of both ends are checked. What an input does is the same each time in one
 * process; another has certificates of another minute, whose signatures may be a byte longer or
 * shorter, and with them the flights of a handshake. */
#include "build_config.h"

#include "tls_pair.h"

#include "../support/test_ca.h"
#include "fuzz.h"
#include "fuzz_memory.h"

#include <string.h>
#include <unistd.h>
#include <uv.h>

#define NODE "peer@127.0.0.1"

struct start {
	const struct fuzz_memory *memory;
	struct gc_tls_conn conn[2]; /* wire, node and name are copied anew */
};

static struct start starts[2][2][2][TLS_PAIR_STAGES]; /* lax, version, resumed */
static struct gc_tls *strict, *lax;

/* ---- the contexts, as the program makes them ---- */

static void quiet(void *arg, enum gc_log_level level, const char *area, const char *line)
{
	(void)arg;
	(void)level;
	(void)area;
	(void)line;
}

static struct gc_tls *make_tls(const struct gc_tls_side *server, const struct gc_tls_side *client)
{
	struct gc_tls_options o = {.server = *server, .client = *client};
	struct gc_tls *tls;
	char err[512];

	FUZZ_REQUIRE(gc_tls_create(&o, &tls, err, sizeof(err)) == 0);
	(void)SSL_CTX_set_timeout(tls->server,
				  1 << 30); /* a session that is copied back stays good */
	return tls;
}

static void make_contexts(const char *pem, const char *key, const char *ca_pem)
{
	struct gc_tls_side side = {.certfile = pem, .keyfile = key, .depth = GC_TLS_DEPTH};
	struct gc_tls_side lax_client = {.allows_any_name = true};

	lax = make_tls(&side, &lax_client);
	side.cacertfile = ca_pem;
	side.verify = side.must_have_cert = side.check_client_name = true;
	strict = make_tls(&side, &side);
}

static void make_files_and_contexts(void)
{
	const struct test_cert c = {.file = "node", .names = "IP:127.0.0.1"};
	char dir[] = "/tmp/fuzz_tls.XXXXXX", pem[64], key[64], ca_pem[64];
	struct test_ca ca;

	FUZZ_REQUIRE(mkdtemp(dir) && test_ca_init(&ca, dir, "ca") && test_ca_issue(&ca, &c));
	test_ca_deinit(&ca);
	(void)snprintf(pem, sizeof(pem), "%s/node.pem", dir);
	(void)snprintf(key, sizeof(key), "%s/node.key", dir);
	(void)snprintf(ca_pem, sizeof(ca_pem), "%s/ca.pem", dir);
	make_contexts(pem, key, ca_pem);
	FUZZ_REQUIRE(unlink(pem) == 0 && unlink(key) == 0 && unlink(ca_pem) == 0 &&
		     rmdir(dir) == 0);
}

/* ---- starts ---- */

static void copy_wire(const struct gc_buf *from, struct gc_buf *to)
{
	*to = (struct gc_buf){0};
	if (from->len > 0)
		gc_buf_put(to, from->data, from->len);
	FUZZ_REQUIRE(!to->failed);
}

/* The sessions of the client are no part of it: an input's last act is to forget its own. */
static void keep(const struct tls_pair *p, struct start *s)
{
	for (int i = 0; i < 2; i++) {
		s->conn[i] = *p->end[i];
		copy_wire(&p->end[i]->wire, &s->conn[i].wire);
		s->conn[i].node = s->conn[i].name = NULL;
	}
	s->memory = fuzz_memory_keep();
}

static struct gc_tls_conn *copy(const struct gc_tls_conn *from)
{
	struct gc_tls_conn *c = malloc(sizeof(*c));

	FUZZ_REQUIRE(c);
	*c = *from;
	copy_wire(&from->wire, &c->wire);
	(void)SSL_set_app_data(c->ssl, c);
	BIO_set_data(SSL_get_rbio(c->ssl), c);
	return c;
}

static void name_client(struct gc_tls_conn *c)
{
	c->node = strdup(NODE);
	FUZZ_REQUIRE(c->node);
	if (c->rules->allows_any_name)
		return;
	c->name = strdup(gc_name_host(NODE));
	FUZZ_REQUIRE(c->name);
}

/* ---- a handshake without troubles ---- */

static void fly(struct gc_tls_conn *from, struct gc_tls_conn *to)
{
	static uint8_t out[64];

	gc_tls_conn_feed(to, from->wire.data, from->wire.len);
	FUZZ_REQUIRE(gc_tls_conn_read(to, out, sizeof(out)) == 0);
	gc_buf_deinit(&from->wire);
}

static void make_pair(struct tls_pair *p, struct gc_tls *tls, int version)
{
	p->end[0] = gc_tls_conn_create(tls, NODE);
	p->end[1] = gc_tls_conn_create(tls, NULL);
	FUZZ_REQUIRE(p->end[0] && p->end[1]);
	(void)SSL_set_max_proto_version(p->end[0]->ssl, version);
	gc_tls_conn_begin(p->end[0]);
}

/* Goodbye first: the session of a connection that has been cut is not resumed. */
static void drop_pair(struct tls_pair *p)
{
	for (int i = 0; i < 2; i++) {
		gc_tls_conn_bye(p->end[i]);
		gc_tls_conn_destroy(p->end[i]);
	}
}

static void make_starts(struct start *starts_r, struct gc_tls *tls, int version, bool is_resumed)
{
	struct tls_pair p;

	make_pair(&p, tls, version);
	for (size_t i = 0; i < TLS_PAIR_STAGES; i++) {
		keep(&p, &starts_r[i]);
		fly(p.end[i % 2], p.end[(i + 1) % 2]);
	}
	for (int i = 0; i < 2; i++)
		FUZZ_REQUIRE(p.end[i]->is_up &&
			     (SSL_session_reused(p.end[i]->ssl) == 1) == is_resumed);
	FUZZ_REQUIRE(p.end[0]->wire.len == 0 && p.end[1]->wire.len == 0);
	drop_pair(&p);
}

static void make_all_of(struct gc_tls *tls, struct start starts_r[2][2][TLS_PAIR_STAGES])
{
	for (int i = 0; i < 2; i++) {
		int version = i == 1 ? TLS1_2_VERSION : TLS1_3_VERSION;

		make_starts(starts_r[i][0], tls, version, false);
		make_starts(starts_r[i][1], tls, version, true);
		gc_tls_session_drop(tls, NODE);
	}
}

static void make(void)
{
	gc_log_open(quiet, NULL, GC_LOG_ERROR);
	make_files_and_contexts();
	make_all_of(strict, starts[0]);
	make_all_of(lax, starts[1]);
}

/* ---- public ---- */

void tls_pair_open(struct tls_pair *p, bool is_old, bool is_resumed, bool is_lax, size_t stage)
{
	const struct start *s = &starts[is_lax][is_old][is_resumed][stage];

	if (!strict)
		make();
	fuzz_memory_restore(s->memory);
	p->end[0] = copy(&s->conn[0]);
	p->end[1] = copy(&s->conn[1]);
	name_client(p->end[0]);
}

void tls_pair_close(struct tls_pair *p)
{
	struct gc_tls *tls = p->end[0]->t;

	gc_tls_conn_destroy(p->end[0]);
	gc_tls_conn_destroy(p->end[1]);
	gc_tls_session_drop(tls, NODE);
}
