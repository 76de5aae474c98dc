/* The option `tls`: in our own words, for both roles or apart, and as the release has it, in the file of its
 * -ssl_dist_optfile. What we cannot do is refused if passing over it would let in whom it was to keep out, and else told
 * by its name. Reads that file at start and at reload. OTP: ssl_dist_sup.erl, consult/1; ssl.erl. */
#include "build_config.h"

#include "config_priv.h"

#include "err.h"
#include "etf.h"
#include "plugin.h"
#include "tls.h"

#include <stdio.h>
#include <string.h>

struct reader {
	struct gc_setting *s;
	struct gc_tls_options *o;
	struct gc_tls_side *side;
	const char *role; /* of side, with ": " behind it; "" in our own words for both */
	bool is_otp;	  /* in the release's file */
};

struct option {
	const char *name, *allowed;
	int (*set)(struct reader *r, const struct option *o, const struct gc_term *t);
	size_t at; /* in struct gc_tls_side */
};

static int refuse(struct reader *r, const struct option *o, const struct gc_term *t)
{
	struct gc_buf shown = {0};
	int rc;

	gc_term_print(t, &shown, 80);
	gc_buf_put_u8(&shown, 0);
	rc = gc_setting_fail(r->s, t, "%s%s: %s: must be %s", r->role, o->name,
			     shown.failed ? "?" : (const char *)shown.data, o->allowed);
	gc_buf_deinit(&shown);
	return rc;
}

/* ---- values ---- */

static int set_text(struct reader *r, const struct option *o, const struct gc_term *t)
{
	const char *text = gc_term_text(t);

	if (!text || !*text)
		return refuse(r, o, t);
	memcpy((char *)r->side + o->at, &text, sizeof(text));
	return 0;
}

/* Never quoted. */
static int set_password(struct reader *r, const struct option *o, const struct gc_term *t)
{
	r->side->password = gc_term_text(t);
	return r->side->password ? 0
				 : gc_setting_fail(r->s, t, "%s%s: must be %s", r->role, o->name,
						   o->allowed);
}

static int set_bool(struct reader *r, const struct option *o, const struct gc_term *t)
{
	bool value = gc_term_is_atom(t, "true");

	if (!value && !gc_term_is_atom(t, "false"))
		return refuse(r, o, t);
	memcpy((char *)r->side + o->at, &value, sizeof(value));
	return 0;
}

static int set_not(struct reader *r, const struct option *o, const struct gc_term *t)
{
	int rc = set_bool(r, o, t);
	bool *value = (bool *)(void *)((char *)r->side + o->at);

	if (rc == 0)
		*value = !*value;
	return rc;
}

static int set_must_have_cert(struct reader *r, const struct option *o, const struct gc_term *t)
{
	r->side->has_must_have_cert = true;
	return set_bool(r, o, t);
}

static int set_true(struct reader *r, const struct option *o, const struct gc_term *t)
{
	return gc_term_is_atom(t, "true") ? 0 : refuse(r, o, t);
}

static int set_false(struct reader *r, const struct option *o, const struct gc_term *t)
{
	return gc_term_is_atom(t, "false") ? 0 : refuse(r, o, t);
}

static int set_verify(struct reader *r, const struct option *o, const struct gc_term *t)
{
	r->side->verify = gc_term_is_atom(t, "verify_peer");
	r->side->has_verify = true;
	return r->side->verify || gc_term_is_atom(t, "verify_none") ? 0 : refuse(r, o, t);
}

static int set_depth(struct reader *r, const struct option *o, const struct gc_term *t)
{
	if (t->type != GC_TERM_INT || t->integer < 0 || t->integer > 100)
		return refuse(r, o, t);
	r->side->depth = (uint8_t)t->integer;
	return 0;
}

static int set_tickets(struct reader *r, const struct option *o, const struct gc_term *t)
{
	const char *text = gc_term_text(t);

	if (!text)
		return refuse(r, o, t);
	r->side->no_sessions = strcmp(text, "disabled") == 0;
	return 0;
}

static int set_name(struct reader *r, const struct option *o, const struct gc_term *t)
{
	r->side->allows_any_name = gc_term_is_atom(t, "disable");
	return r->side->allows_any_name ? 0 : set_text(r, o, t);
}

static int set_name_check(struct reader *r, const struct option *o, const struct gc_term *t)
{
	r->side->allows_wildcards = gc_term_is_atom(t, "https");
	return r->side->allows_wildcards ? 0 : refuse(r, o, t);
}

static int set_crl_check(struct reader *r, const struct option *o, const struct gc_term *t)
{
	static const char *const words[] = {"false", "true", "peer", "best_effort"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!gc_term_is_atom(t, words[i]))
			continue;
		r->side->crl = (enum gc_tls_crl)i;
		r->side->has_crl = true;
		return 0;
	}
	return refuse(r, o, t);
}

/* {ssl_crl_hash_dir, {internal, [{dir, Dir}]}}; ssl_crl_cache is OTP's default, which fetches: see finish(). */
static int set_crl_cache(struct reader *r, const struct option *o, const struct gc_term *t)
{
	const struct gc_term *dir = NULL;

	if (gc_term_is_tuple(t, 2, "ssl_crl_cache"))
		return 0;
	if (gc_term_is_tuple(t, 2, "ssl_crl_hash_dir") &&
	    gc_term_is_tuple(t->items[1], 2, "internal"))
		dir = gc_term_get(t->items[1]->items[1], "dir");
	r->side->crldir = gc_term_text(dir);
	return r->side->crldir && *r->side->crldir ? 0 : refuse(r, o, t);
}

static int version_of(const struct gc_term *t)
{
	return gc_term_is_atom(t, "tlsv1.2") ? 12 : gc_term_is_atom(t, "tlsv1.3") ? 13 : 0;
}

/* Older ones are in files that are meant for older peers too: passed over, as long as one is left. */
static int set_versions(struct reader *r, const struct option *o, const struct gc_term *t)
{
	r->side->min_version = r->side->max_version = 0;
	for (size_t i = 0; t->type == GC_TERM_LIST && i < t->n_items; i++) {
		uint8_t v = (uint8_t)version_of(t->items[i]);

		if (v == 0)
			continue;
		if (r->side->min_version == 0 || v < r->side->min_version)
			r->side->min_version = v;
		if (v > r->side->max_version)
			r->side->max_version = v;
	}
	return r->side->min_version ? 0 : refuse(r, o, t);
}

static void put_cipher(struct gc_buf *b, const char *text, size_t len)
{
	if (b->len > 0)
		gc_buf_put_u8(b, ':');
	gc_buf_put(b, text, len);
}

static int keep(struct reader *r, struct gc_buf *b, const char **text_r)
{
	if (b->len > 0 && !b->failed)
		*text_r = gc_arena_strndup(r->s->c->arena, (const char *)b->data, b->len);
	else
		*text_r = NULL;
	if (b->failed || (b->len > 0 && !*text_r)) {
		gc_buf_deinit(b);
		return gc_setting_no_memory(r->s);
	}
	gc_buf_deinit(b);
	return 0;
}

/* A list of names, or names in one string with ':' between. Those of TLS 1.3 begin with "TLS_" and lack "_WITH_". */
static int set_ciphers(struct reader *r, const struct option *o, const struct gc_term *t)
{
	struct gc_buf old = {0}, new = {0};
	bool is_list = t->type == GC_TERM_LIST;
	size_t n = is_list ? t->n_items : 1;
	int rc;

	for (size_t i = 0; i < n; i++) {
		const char *text = gc_term_text(is_list ? t->items[i] : t);

		if (!text || !*text) {
			gc_buf_deinit(&old);
			gc_buf_deinit(&new);
			return refuse(r, o, is_list ? t->items[i] : t);
		}
		while (*text) {
			size_t len = strcspn(text, ":");
			bool is_new = strncmp(text, "TLS_", 4) == 0 &&
				      !memmem(text, len, "_WITH_", 6);

			put_cipher(is_new ? &new : &old, text, len);
			text += len + (text[len] == ':');
		}
	}
	rc = keep(r, &old, &r->side->ciphers);
	if (rc == 0)
		rc = keep(r, &new, &r->side->suites);
	else
		gc_buf_deinit(&new);
	return rc;
}

/* ---- the options ---- */

static int cannot(struct reader *r, const struct option *o, const struct gc_term *t)
{
	return gc_setting_fail(r->s, t, "%s%s: not supported: %s", r->role, o->name, o->allowed);
}

/* {verify_fun, undefined} and the like say nothing. */
static int set_nothing(struct reader *r, const struct option *o, const struct gc_term *t)
{
	return gc_term_is_atom(t, "undefined") || gc_term_is_atom(t, "false") ? 0 : cannot(r, o, t);
}

#define AT(m) offsetof(struct gc_tls_side, m)
#define FILES "it lives in the VM; give files"
#define KEYS "only certificates can tell who somebody is"

static const struct option options[] = {
	{"certfile", "a file name", set_text, AT(certfile)},
	{"keyfile", "a file name", set_text, AT(keyfile)},
	{"password", "a string", set_password, 0},
	{"cacertfile", "a file name", set_text, AT(cacertfile)},
	{"crlfile", "a file name", set_text, AT(crlfile)},
	{"dhfile", "a file name", set_text, AT(dhfile)},
	{"verify", "verify_peer or verify_none", set_verify, 0},
	{"fail_if_no_peer_cert", "true or false", set_must_have_cert, AT(must_have_cert)},
	{"depth", "an integer from 0 to 100", set_depth, 0},
	{"versions", "a list with 'tlsv1.2', 'tlsv1.3' or both", set_versions, 0},
	{"ciphers", "a list of names", set_ciphers, 0},
	{"honor_cipher_order", "true or false", set_not, AT(no_order)},
	{"crl_check", "true, false, peer or best_effort", set_crl_check, 0},
	{"crl_cache", "{ssl_crl_hash_dir, {internal, [{dir, Dir}]}}, or crlfile instead",
	 set_crl_cache, 0},
	{"server_name_indication", "a host name or disable", set_name, AT(server_name)},
	{"customize_hostname_check", "https (wildcards are allowed)", set_name_check, 0},
	{"reuse_sessions", "true or false", set_not, AT(no_sessions)},
	{"session_tickets", "disabled, or how OTP shall keep them", set_tickets, 0},
	{"secure_renegotiate", "true", set_true, 0},
	{"client_renegotiation", "false", set_false, 0},
	{"verify_fun", "a fun can run in the VM only", set_nothing, 0},
	{"cert", FILES, cannot, 0},
	{"key", FILES, cannot, 0},
	{"cacerts", FILES, cannot, 0},
	{"certs_keys", FILES, cannot, 0},
	{"sni_hosts", "one certificate serves all names", cannot, 0},
	{"sni_fun", "one certificate serves all names", set_nothing, 0},
	{"stapling", "use crl_check", set_nothing, 0},
	{"ocsp_stapling", "use crl_check", set_nothing, 0},
	{"psk_identity", KEYS, set_nothing, 0},
	{"srp_identity", KEYS, set_nothing, 0},
	{"user_lookup_fun", KEYS, set_nothing, 0},
	{0},
};

/* Passing over these lets nobody in, and keeps nobody out for good. */
static const char *const harmless[] = {
	"active",	     "anti_replay",	    "backlog",
	"beast_mitigation",  "certificate_authorities", "debug",
	"early_data",	     "eccs",		    "erl_dist",
	"fallback",	     "handshake",	    "hibernate_after",
	"honor_ecc_order",   "keep_secrets",	    "key_update_at",
	"ktls",		     "log_alert",	    "log_level",
	"max_fragment_length", "max_handshake_size", "middlebox_comp_mode",
	"nodelay",	     "ocsp_nonce",	    "ocsp_responder_certs",
	"padding_check",     "partial_chain",	    "protocol",
	"receiver_spawn_opts", "renegotiate_at",    "sender_spawn_opts",
	"signature_algs",    "signature_algs_cert", "supported_groups",
	"use_ticket",
};

#define N_OPTIONS (sizeof(options) / sizeof(options[0]) - 1)

static const struct option *find(const char *name)
{
	for (const struct option *o = options; o->name; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

static int unknown(struct reader *r, const struct gc_term *key, const char *name)
{
	const char *names[N_OPTIONS + 3] = {"optfile", "server", "client"}, *near;

	for (size_t i = 0; i < N_OPTIONS; i++)
		names[3 + i] = options[i].name;
	near = gc_nearest(name, names, N_OPTIONS + 3);
	return gc_setting_fail(r->s, key, "%s%.60s: unknown option%s%s%s", r->role, name,
			       near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

/* Told at start. */
static int pass_over(struct reader *r, const struct gc_term *key, const char *name)
{
	struct gc_buf b = {0};
	size_t i = 0;

	while (i < sizeof(harmless) / sizeof(harmless[0]) && strcmp(harmless[i], name) != 0)
		i++;
	if (i == sizeof(harmless) / sizeof(harmless[0]))
		return unknown(r, key, name);
	gc_buf_printf(&b, "%s%s%s%s", r->o->ignored ? r->o->ignored : "", r->o->ignored ? ", " : "",
		      r->role, name);
	return keep(r, &b, &r->o->ignored);
}

static int set_option(struct reader *r, const struct gc_term *key, const struct gc_term *value)
{
	const char *name = key->type == GC_TERM_ATOM ? gc_term_text(key) : NULL;
	const struct option *o = name ? find(name) : NULL;

	if (!name)
		return gc_setting_fail(r->s, key, "%sa key must be an atom", r->role);
	return o ? o->set(r, o, value) : pass_over(r, key, name);
}

/* ---- lists of options ---- */

typedef int (*pair_cb)(struct reader *r, const struct gc_term *key, const struct gc_term *value);

/* {Key, Value}, or Key for {Key, true}, in a list; or a map. */
static int each(struct reader *r, const struct gc_term *t, pair_cb cb)
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

static int set_role(struct reader *r, const struct gc_term *key, const struct gc_term *value)
{
	bool is_server = gc_term_is_atom(key, "server");

	if (!is_role(key))
		return r->is_otp ? gc_setting_fail(r->s, key, "must be {server, ..} or {client, ..}") : 0;
	r->side = is_server ? &r->o->server : &r->o->client;
	r->role = is_server ? "server: " : "client: ";
	return each(r, value, set_option);
}

static int set_both(struct reader *r, const struct gc_term *key, const struct gc_term *value)
{
	int rc;

	if (is_role(key) || gc_term_is_atom(key, "optfile"))
		return 0;
	r->role = "";
	r->side = &r->o->server;
	rc = set_option(r, key, value);
	r->side = &r->o->client;
	return rc == 0 && find(gc_term_text(key)) ? set_option(r, key, value) : rc;
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

static int read_optfile(struct reader *r, const char *file)
{
	struct gc_setting inside = {
		.c = r->s->c, .file = file, .err = r->s->err, .err_len = r->s->err_len};
	struct reader in = {.s = &inside, .o = r->o, .role = "", .is_otp = true};
	const struct gc_term *t;
	struct gc_buf b = {0};
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

static int finish_side(struct reader *r, const struct gc_term *t, struct gc_tls_side *side,
		       const char *role)
{
	const char *what = NULL;

	if (!side->keyfile)
		side->keyfile = side->certfile;
	if ((side->crlfile || side->crldir) && !side->has_crl)
		side->crl = GC_TLS_CRL_ALL;
	if (!side->depth)
		side->depth = GC_TLS_DEPTH;
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
static int finish(struct reader *r, const struct gc_term *t)
{
	struct gc_tls_side *server = &r->o->server, *client = &r->o->client;
	int rc;

	if (!server->has_verify)
		server->verify = !r->o->optfile;
	if (!client->has_verify)
		client->verify = true;
	if (!server->has_must_have_cert)
		server->must_have_cert = server->verify && !r->o->optfile;
	rc = finish_side(r, t, server, "server");
	return rc ? rc : finish_side(r, t, client, "client");
}

int gc_config_set_tls(struct gc_setting *s, const struct gc_term *t)
{
	struct gc_tls_options *o = gc_arena_alloc(s->c->arena, sizeof(*o));
	struct reader r = {.s = s, .o = o, .role = ""};
	const struct gc_term *file = gc_term_get(t, "optfile");
	int rc = 0;

	s->c->tls = NULL;
	if (!o)
		return gc_setting_no_memory(s);
	if (!gc_tls_is_built())
		return gc_setting_fail(s, t, "this gen_cluster was built without TLS");
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
