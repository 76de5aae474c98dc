/* The option `tls`: in our own words, for both roles or apart, and as the release has it, in the file of its
 * -ssl_dist_optfile; and what is not given. Reads that file at start and at reload. OTP: ssl_dist_sup.erl, consult/1. */
#include "build_config.h"

#include "config_tls.h"

#include "err.h"
#include "etf.h"

#include <stdio.h>
#include <string.h>

/* ---- lists of options ---- */

typedef int (*pair_cb)(struct gc_tls_reader *r, const struct gc_term *key, const struct gc_term *value);

/* {Key, Value}, or Key for {Key, true}, in a list; or a map. */
static int each(struct gc_tls_reader *r, const struct gc_term *t, pair_cb cb)
{
	static const struct gc_term yes = {.type = GC_TERM_ATOM, .text = "true", .text_len = 4};
	int rc = 0;

	if (t->type == GC_TERM_MAP) {
		for (size_t i = 0; rc == 0 && i + 1 < t->n_items; i += 2)
			rc = cb(r, t->items[i], t->items[i + 1]);
		return rc;
	}
	if (t->type != GC_TERM_LIST)
		return gc_setting_fail(r->s, t, "%smust be a list of {Option, Value}", r->role);
	for (size_t i = 0; rc == 0 && i < t->n_items; i++) {
		const struct gc_term *pair = t->items[i];

		if (gc_term_is_tuple(pair, 2, NULL))
			rc = cb(r, pair->items[0], pair->items[1]);
		else if (pair->type == GC_TERM_ATOM)
			rc = cb(r, pair, &yes);
		else
			rc = gc_setting_fail(r->s, pair, "%smust be {Option, Value}", r->role);
	}
	return rc;
}

static bool is_role(const struct gc_term *key)
{
	return gc_term_is_atom(key, "server") || gc_term_is_atom(key, "client");
}

static int set_role(struct gc_tls_reader *r, const struct gc_term *key, const struct gc_term *value)
{
	bool is_server = gc_term_is_atom(key, "server");

	if (!is_role(key))
		return r->is_otp ? gc_setting_fail(r->s, key, "must be {server, ..} or {client, ..}") : 0;
	r->side = is_server ? &r->o->server : &r->o->client;
	r->role = is_server ? "server: " : "client: ";
	return each(r, value, gc_tls_option_set);
}

static int set_both(struct gc_tls_reader *r, const struct gc_term *key, const struct gc_term *value)
{
	int rc;

	if (is_role(key) || gc_term_is_atom(key, "optfile"))
		return 0;
	r->role = "";
	r->side = &r->o->server;
	rc = gc_tls_option_set(r, key, value);
	r->side = &r->o->client;
	return rc == 0 && gc_tls_option_is_known(key) ? gc_tls_option_set(r, key, value) : rc;
}

/* ---- the release's file ---- */

/* The VM evaluates it; we only read it. */
static int not_a_term(struct gc_setting *s, const struct gc_buf *b, const char *why)
{
	bool has_fun = b->len > 0 && memmem(b->data, b->len, "fun", 3);

	(void)snprintf(s->err, s->err_len, "%s:%s%s", s->file, why,
		       has_fun ? " (verify_fun and other funs are not supported: they run in the VM only)"
			       : " (calls and variables are not supported)");
	return GC_EINVAL;
}

static int read_optfile(struct gc_tls_reader *r, const char *file)
{
	struct gc_setting inside = {
		.c = r->s->c, .file = file, .err = r->s->err, .err_len = r->s->err_len};
	struct gc_tls_reader in = {.s = &inside, .o = r->o, .role = "", .is_otp = true};
	const struct gc_term *t;
	struct gc_buf b = {.is_secret = true};
	char why[300];
	int rc = gc_config_read_file(file, &b, r->s->err, r->s->err_len);

	if (rc == 0) {
		rc = gc_term_parse(inside.c->arena, (const char *)b.data, b.len, true, &t, why,
				   sizeof(why));
		rc = rc == GC_EINVAL ? not_a_term(&inside, &b, why) : rc;
	}
	if (rc == 0)
		rc = each(&in, t, set_role);
	gc_buf_deinit(&b);
	return rc;
}

/* ---- all of it ---- */

static int finish_side(struct gc_tls_reader *r, const struct gc_term *t, struct gc_tls_side *side,
		       const char *role)
{
	const char *what = NULL;

	if (!side->keyfile)
		side->keyfile = side->certfile;
	if ((side->crlfile || side->crldir) && !side->has_crl)
		side->crl = GC_TLS_CRL_ALL;
	if (side == &r->o->server && !side->certfile)
		what = "a server needs a certfile";
	else if (side->verify && !side->cacertfile)
		what = "verify_peer needs a cacertfile (and verify_none trusts whoever answers)";
	else if (side->crl != GC_TLS_CRL_NO && !side->verify)
		what = "crl_check needs {verify, verify_peer}";
	else if (side->crl != GC_TLS_CRL_NO && !side->crlfile && !side->crldir)
		what = "crl_check needs a crlfile or a crl_cache that is a directory: lists are not fetched";
	return what ? gc_setting_fail(r->s, t, "%s: %s", role, what) : 0;
}

/* What is not given: in our own words, strict; in the release's file, what the release does, but that a client that says
 * nothing is one that checks (as it is from OTP 26 on). */
static int finish(struct gc_tls_reader *r, const struct gc_term *t)
{
	struct gc_tls_side *server = &r->o->server, *client = &r->o->client;
	int rc;

	if (!server->has_verify)
		server->verify = !r->o->optfile;
	if (!client->has_verify)
		client->verify = true;
	if (!server->has_client_name) /* as strict as we are with the same node when we dial it */
		server->check_client_name = server->verify && client->verify && !r->o->optfile &&
					    !client->allows_any_name && !client->server_name;
	server->allows_wildcards |= client->allows_wildcards;
	if (!server->has_must_have_cert)
		server->must_have_cert = server->verify && !r->o->optfile;
	rc = finish_side(r, t, server, "server");
	return rc ? rc : finish_side(r, t, client, "client");
}

int gc_config_set_tls(struct gc_setting *s, const struct gc_term *t)
{
	struct gc_tls_options *o = gc_arena_alloc(s->c->arena, sizeof(*o));
	struct gc_tls_reader r = {.s = s, .o = o, .role = ""};
	const struct gc_term *file = gc_term_get(t, "optfile");
	int rc = 0;

	s->c->tls = NULL;
	if (!o)
		return gc_setting_no_memory(s);
	if (!gc_tls_is_built())
		return gc_setting_fail(s, t, "this gen_cluster was built without TLS");
	o->server.depth = o->client.depth = GC_TLS_DEPTH;
	if (file && !(o->optfile = gc_term_text(file)))
		return gc_setting_fail(s, file, "optfile: must be a file name");
	if (file)
		rc = read_optfile(&r, o->optfile);
	if (rc == 0)
		rc = each(&r, t, set_both);
	if (rc == 0)
		rc = each(&r, t, set_role);
	r.role = "";
	if (rc == 0)
		rc = finish(&r, t);
	if (rc == 0)
		s->c->tls = o;
	return rc;
}

/* ---- what it is ---- */

static uint32_t put_file(struct gc_buf *b, const char *key, const char *file)
{
	if (file && b) {
		gc_etf_put_tuple(b, 2);
		gc_etf_put_atom(b, key);
		gc_etf_put_text(b, file);
	}
	return file != NULL;
}

static uint32_t put_side(struct gc_buf *b, const struct gc_tls_side *side)
{
	return put_file(b, "certfile", side->certfile) + put_file(b, "keyfile", side->keyfile) +
	       put_file(b, "cacertfile", side->cacertfile) + put_file(b, "crlfile", side->crlfile);
}

static void put_role(struct gc_buf *b, const char *role, const struct gc_tls_side *side)
{
	uint32_t n = put_side(NULL, side);

	gc_etf_put_tuple(b, 2);
	gc_etf_put_atom(b, role);
	gc_etf_put_list(b, n + 1);
	(void)put_side(b, side);
	gc_etf_put_tuple(b, 2);
	gc_etf_put_atom(b, "verify");
	gc_etf_put_atom(b, side->verify ? "verify_peer" : "verify_none");
	gc_etf_put_nil(b);
}

void gc_config_put_tls(const struct gc_config *c, struct gc_buf *b)
{
	if (!c->tls) {
		gc_etf_put_atom(b, "undefined");
		return;
	}
	gc_etf_put_list(b, 2 + (c->tls->optfile != NULL));
	(void)put_file(b, "optfile", c->tls->optfile);
	put_role(b, "server", &c->tls->server);
	put_role(b, "client", &c->tls->client);
	gc_etf_put_nil(b);
}
