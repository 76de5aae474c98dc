/* The options of TLS, one by one: names and values of OTP's (ssl.erl), and a few of our own. What we cannot do is refused if
 * passing over it would let in whom it was to keep out, and else told by its name. Pure. */
#include "build_config.h"

#include "config_tls.h"

#include "plugin.h"

#include <stdio.h>
#include <string.h>

struct option {
	const char *name, *allowed;
	int (*set)(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t);
	size_t at; /* in struct gc_tls_side */
};

static int refuse(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
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

static int set_text(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
{
	const char *text = gc_term_text(t);

	if (!text || !*text)
		return refuse(r, o, t);
	memcpy((char *)r->side + o->at, &text, sizeof(text));
	return 0;
}

/* Never quoted. */
static int set_password(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
{
	r->side->password = gc_term_text(t);
	return r->side->password ? 0
				 : gc_setting_fail(r->s, t, "%s%s: must be %s", r->role, o->name,
						   o->allowed);
}

static int set_bool(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
{
	bool value = gc_term_is_atom(t, "true");

	if (!value && !gc_term_is_atom(t, "false"))
		return refuse(r, o, t);
	memcpy((char *)r->side + o->at, &value, sizeof(value));
	return 0;
}

static int set_not(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
{
	int rc = set_bool(r, o, t);
	bool *value = (bool *)(void *)((char *)r->side + o->at);

	if (rc == 0)
		*value = !*value;
	return rc;
}

static int set_must_have_cert(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
{
	r->side->has_must_have_cert = true;
	return set_bool(r, o, t);
}

static int set_client_name(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
{
	r->side->has_client_name = true;
	return set_bool(r, o, t);
}

static int set_true(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
{
	return gc_term_is_atom(t, "true") ? 0 : refuse(r, o, t);
}

static int set_false(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
{
	return gc_term_is_atom(t, "false") ? 0 : refuse(r, o, t);
}

static int set_verify(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
{
	r->side->verify = gc_term_is_atom(t, "verify_peer");
	r->side->has_verify = true;
	return r->side->verify || gc_term_is_atom(t, "verify_none") ? 0 : refuse(r, o, t);
}

static int set_depth(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
{
	if (t->type != GC_TERM_INT || t->integer < 0 || t->integer > 100)
		return refuse(r, o, t);
	r->side->depth = (uint8_t)t->integer;
	return 0;
}

static int set_tickets(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
{
	const char *text = gc_term_text(t);

	if (!text)
		return refuse(r, o, t);
	r->side->no_sessions = strcmp(text, "disabled") == 0;
	return 0;
}

static int set_name(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
{
	r->side->allows_any_name = gc_term_is_atom(t, "disable");
	return r->side->allows_any_name ? 0 : set_text(r, o, t);
}

static int set_name_check(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
{
	r->side->allows_wildcards = gc_term_is_atom(t, "https");
	return r->side->allows_wildcards ? 0 : refuse(r, o, t);
}

static int set_crl_check(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
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
static int set_crl_cache(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
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
static int set_versions(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
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

static int keep(struct gc_tls_reader *r, struct gc_buf *b, const char **text_r)
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
static int set_ciphers(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
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

static int cannot(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
{
	return gc_setting_fail(r->s, t, "%s%s: not supported: %s", r->role, o->name, o->allowed);
}

/* {verify_fun, undefined} and the like say nothing. */
static int set_nothing(struct gc_tls_reader *r, const struct option *o, const struct gc_term *t)
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
	{"check_client_name", "true or false", set_client_name, AT(check_client_name)},
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

static int unknown(struct gc_tls_reader *r, const struct gc_term *key, const char *name)
{
	const char *names[N_OPTIONS + 3] = {"optfile", "server", "client"}, *near;

	for (size_t i = 0; i < N_OPTIONS; i++)
		names[3 + i] = options[i].name;
	near = gc_nearest(name, names, N_OPTIONS + 3);
	return gc_setting_fail(r->s, key, "%s%.60s: unknown option%s%s%s", r->role, name,
			       near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

/* Told at start. */
static int pass_over(struct gc_tls_reader *r, const struct gc_term *key, const char *name)
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

int gc_tls_option_set(struct gc_tls_reader *r, const struct gc_term *key, const struct gc_term *value)
{
	const char *name = key->type == GC_TERM_ATOM ? gc_term_text(key) : NULL;
	const struct option *o = name ? find(name) : NULL;

	if (!name)
		return gc_setting_fail(r->s, key, "%sa key must be an atom", r->role);
	return o ? o->set(r, o, value) : pass_over(r, key, name);
}

bool gc_tls_option_is_known(const struct gc_term *key)
{
	const char *name = gc_term_text(key);

	return name && find(name);
}
