/* TLS of a node: its contexts, renewed when their files change, and the sessions that a client may resume; see tls.h.
 * Owner: the node. Loop thread. */
#include "build_config.h"

#include "tls_priv.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 1000
/* Each holds a chain of certificates. */
#define SESSIONS 1024

struct gc_tls_session {
	char *node;
	SSL_SESSION *s;
	UT_hash_handle hh;
};

bool gc_tls_is_built(void)
{
	return true;
}

/* ---- options of our own ---- */

static const size_t side_texts[] = {
#define AT(m) offsetof(struct gc_tls_side, m)
	AT(certfile), AT(keyfile), AT(password), AT(cacertfile), AT(crlfile),
	AT(crldir),   AT(dhfile),  AT(ciphers),	 AT(suites),	 AT(server_name),
#undef AT
};
#define N_TEXTS (sizeof(side_texts) / sizeof(side_texts[0]))

static char **text_of(struct gc_tls_side *side, size_t i)
{
	return (char **)(void *)((char *)side + side_texts[i]);
}

static bool copy_text(char **text)
{
	return !*text || (*text = strdup(*text));
}

static bool copy_side(struct gc_tls_side *side)
{
	bool ok = true;

	for (size_t i = 0; i < N_TEXTS; i++) {
		if (!ok)
			*text_of(side, i) = NULL; /* not ours */
		else
			ok = copy_text(text_of(side, i));
	}
	return ok;
}

static void free_side(struct gc_tls_side *side)
{
	if (side->password)
		explicit_bzero((char *)(uintptr_t)side->password, strlen(side->password));
	for (size_t i = 0; i < N_TEXTS; i++)
		free(*text_of(side, i));
}

static void free_options(struct gc_tls_options *o)
{
	free_side(&o->server);
	free_side(&o->client);
}

static bool copy_options(const struct gc_tls_options *from, struct gc_tls_options *to)
{
	bool server, client;

	*to = (struct gc_tls_options){.server = from->server, .client = from->client};
	server = copy_side(&to->server);
	client = copy_side(&to->client);
	if (server && client)
		return true;
	free_options(to);
	return false;
}

/* ---- sessions ---- */

static void session_free(struct gc_tls *t, struct gc_tls_session *e)
{
	HASH_DELETE(hh, t->sessions, e);
	SSL_SESSION_free(e->s);
	free(e->node);
	free(e);
}

static struct gc_tls_session *find(struct gc_tls *t, const char *node)
{
	struct gc_tls_session *e;

	HASH_FIND_STR(t->sessions, node, e);
	return e;
}

void gc_tls_session_drop(struct gc_tls *t, const char *node)
{
	struct gc_tls_session *e = find(t, node);

	if (e)
		session_free(t, e);
}

SSL_SESSION *gc_tls_session_get(struct gc_tls *t, const char *node)
{
	struct gc_tls_session *e = find(t, node);

	return e ? e->s : NULL;
}

void gc_tls_session_put(struct gc_tls *t, const char *node, SSL_SESSION *s)
{
	struct gc_tls_session *e = calloc(1, sizeof(*e));

	gc_tls_session_drop(t, node);
	if (HASH_COUNT(t->sessions) >= SESSIONS)
		session_free(t, t->sessions);
	if (e && (e->node = strdup(node))) {
		e->s = s;
		HASH_ADD_KEYPTR(hh, t->sessions, e->node, strlen(e->node), e);
		if (e->hh.tbl)
			return;
	}
	if (e)
		free(e->node);
	free(e);
	SSL_SESSION_free(s);
}

static void forget_sessions(struct gc_tls *t)
{
	while (t->sessions)
		session_free(t, t->sessions);
}

/* ---- contexts ---- */

static void put_stamps(const struct gc_tls_side *side, struct gc_tls_stamp *stamps)
{
	gc_tls_stamp(side->certfile, &stamps[0]);
	gc_tls_stamp(side->keyfile, &stamps[1]);
	gc_tls_stamp(side->cacertfile, &stamps[2]);
	gc_tls_stamp(side->crlfile, &stamps[3]);
	gc_tls_stamp(side->crldir, &stamps[4]);
	gc_tls_stamp(side->dhfile, &stamps[5]);
}

static void take_stamps(const struct gc_tls_options *o, struct gc_tls_stamp *stamps)
{
	put_stamps(&o->server, stamps);
	put_stamps(&o->client, stamps + GC_TLS_FILES / 2);
}

struct contexts {
	SSL_CTX *server, *client;
};

static bool make(const struct gc_tls_options *o, struct contexts *c, char *err, size_t err_len)
{
	char why[512] = "";

	c->server = gc_tls_context(&o->server, true, why, sizeof(why));
	if (!c->server) {
		(void)snprintf(err, err_len, "tls: server: %s", why);
		return false;
	}
	c->client = gc_tls_context(&o->client, false, why, sizeof(why));
	if (c->client)
		return true;
	SSL_CTX_free(c->server);
	(void)snprintf(err, err_len, "tls: client: %s", why);
	return false;
}

/* Connections keep the context they began with. */
static void use(struct gc_tls *t, const struct contexts *c)
{
	SSL_CTX_free(t->server);
	SSL_CTX_free(t->client);
	t->server = c->server;
	t->client = c->client;
	forget_sessions(t);
}

/* ---- what is told ---- */

static void date_of(const ASN1_TIME *time, char *buf, size_t len)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1 || strftime(buf, len, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		(void)snprintf(buf, len, "?");
}

static void tell_certificate(SSL_CTX *ctx, const char *role)
{
	X509 *cert = SSL_CTX_get0_certificate(ctx);
	char name[160], date[40];

	if (!cert) {
		gc_log(GC_LOG_NOTICE, "tls", "%s: no certificate of our own", role);
		return;
	}
	gc_tls_name(X509_get_subject_name(cert), name, sizeof(name));
	date_of(X509_get0_notAfter(cert), date, sizeof(date));
	if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
		gc_log(GC_LOG_WARNING, "tls", "%s: our certificate %s has expired on %s", role, name,
		       date);
	else
		gc_log(GC_LOG_NOTICE, "tls", "%s: certificate %s, valid until %s", role, name, date);
}

static void tell(const struct gc_tls *t)
{
	tell_certificate(t->server, "server");
	if (!t->o.client.certfile || strcmp(t->o.client.certfile, t->o.server.certfile) != 0)
		tell_certificate(t->client, "client");
}

static void warn(const struct gc_tls_options *o)
{
	if (o->ignored)
		gc_log(GC_LOG_WARNING, "tls", "options that mean nothing here: %s", o->ignored);
	if (!o->server.verify)
		gc_log(GC_LOG_WARNING, "tls",
		       "server: {verify, verify_none}: whoever connects is judged by the cookie alone");
	else if (!o->server.must_have_cert)
		gc_log(GC_LOG_WARNING, "tls",
		       "server: {fail_if_no_peer_cert, false}: who shows no certificate is judged by "
		       "the cookie alone");
	if (!o->client.verify)
		gc_log(GC_LOG_WARNING, "tls",
		       "client: {verify, verify_none}: whoever answers is believed");
	else if (o->client.allows_any_name)
		gc_log(GC_LOG_WARNING, "tls",
		       "client: {server_name_indication, disable}: any certificate is good for any host");
}

/* ---- public ---- */

int gc_tls_configure(struct gc_tls *t, const struct gc_tls_options *o, char *err, size_t err_len)
{
	struct gc_tls_options own;
	struct contexts c;

	if (!copy_options(o, &own)) {
		(void)snprintf(err, err_len, "tls: out of memory");
		return GC_ENOMEM;
	}
	take_stamps(&own, t->stamps); /* before: what changes meanwhile is seen */
	if (!make(&own, &c, err, err_len)) {
		free_options(&own);
		return GC_EINVAL;
	}
	use(t, &c);
	free_options(&t->o);
	t->o = own;
	warn(o);
	tell(t);
	return 0;
}

int gc_tls_create(const struct gc_tls_options *o, struct gc_tls **tls_r, char *err, size_t err_len)
{
	struct gc_tls *t = calloc(1, sizeof(*t));
	int rc;

	*tls_r = NULL;
	if (!t) {
		(void)snprintf(err, err_len, "tls: out of memory");
		return GC_ENOMEM;
	}
	rc = gc_tls_configure(t, o, err, err_len);
	if (rc == 0)
		*tls_r = t;
	else
		gc_tls_destroy(t);
	return rc;
}

void gc_tls_destroy(struct gc_tls *t)
{
	if (!t)
		return;
	forget_sessions(t);
	SSL_CTX_free(t->server);
	SSL_CTX_free(t->client);
	free_options(&t->o);
	free(t);
}

void gc_tls_look(struct gc_tls *t, uint64_t now_ms)
{
	struct gc_tls_stamp now[GC_TLS_FILES];
	struct contexts c;
	char err[512];

	if (t->looked_ms != 0 && now_ms - t->looked_ms < LOOK_MS)
		return;
	t->looked_ms = now_ms;
	take_stamps(&t->o, now);
	if (memcmp(now, t->stamps, sizeof(now)) == 0)
		return;
	memcpy(t->stamps, now, sizeof(now));
	if (!make(&t->o, &c, err, sizeof(err))) {
		gc_log(GC_LOG_WARNING, "tls", "the old files stay in use: %s", err);
		return;
	}
	use(t, &c);
	gc_log(GC_LOG_NOTICE, "tls", "the files have changed and are in use");
	tell(t);
}
