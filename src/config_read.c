/* What the configuration is made of: a term, the text of a file, one option as text (command line), the
 * environment. Pure. */
#include "config_priv.h"

#include "err.h"
#include "etf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX_BYTES (128u << 20) /* a tree takes some 90 bytes for the smallest term */

/* ---- create ---- */

void gc_config_destroy(struct gc_config *c)
{
	if (c)
		gc_arena_destroy(c->arena); /* c lives in it */
}

static struct gc_config *create(void)
{
	struct gc_arena *a = gc_arena_create(ARENA_MAX_BYTES);
	struct gc_config *c = a ? gc_arena_alloc(a, sizeof(*c)) : NULL;

	if (!c) {
		gc_arena_destroy(a);
		return NULL;
	}
	c->arena = a;
	return c;
}

static int set_parsed(struct gc_setting *s, const char *text)
{
	const struct gc_term *t;
	char why[120];
	int rc = gc_term_parse(s->c->arena, text, strlen(text), false, &t, why, sizeof(why));

	return rc ? rc : gc_row_set(s, t);
}

int gc_config_default(struct gc_config **config_r)
{
	char err[200] = "";
	struct gc_config *c = create();
	struct gc_setting s = {.c = c, .err = err, .err_len = sizeof(err)};
	int rc = c ? 0 : GC_ENOMEM;

	*config_r = NULL;
	for (s.row = gc_rows; rc == 0 && s.row->key; s.row++) {
		if (s.row->dflt)
			rc = set_parsed(&s, s.row->dflt);
	}
	if (rc) {
		gc_config_destroy(c);
		return rc;
	}
	*config_r = c;
	return 0;
}

/* ---- a term ---- */

static bool is_entry(const struct gc_term *t)
{
	return gc_term_is_tuple(t, 2, "gen_cluster");
}

/* Our options out of a sys.config, out of {gen_cluster, Options}, or as they are. */
static const struct gc_term *options_of(const struct gc_term *t)
{
	if (is_entry(t))
		return t->items[1];
	for (size_t i = 0; t->type == GC_TERM_LIST && i < t->n_items; i++) {
		if (is_entry(t->items[i]))
			return t->items[i]->items[1];
	}
	return t;
}

/* In a sys.config, options of the OTP application (erlang/src/gen_cluster_options.erl) stand among ours. */
static bool is_for_application(const char *key)
{
	return strcmp(key, "program") == 0 || strcmp(key, "restart") == 0;
}

static int set_pair(struct gc_setting *s, const struct gc_term *key, const struct gc_term *value,
		    bool *seen)
{
	const char *name = key->type == GC_TERM_ATOM ? gc_term_text(key) : NULL;

	s->row = NULL;
	if (!name)
		return gc_setting_fail(s, key, "a key must be an atom");
	if (is_for_application(name))
		return 0;
	const struct gc_row *row = gc_row_find(gc_rows, name);
	if (!row)
		return gc_setting_unknown(s, key, name, gc_rows);
	s->row = row;
	if (seen[row - gc_rows])
		return gc_setting_fail(s, key, "given twice");
	seen[row - gc_rows] = true;
	return gc_row_set(s, value);
}

static int not_options(const struct gc_setting *s, const struct gc_term *t)
{
	struct gc_buf shown = {0};

	gc_term_print(t, &shown, 80);
	gc_buf_put_u8(&shown, 0);
	int rc = gc_setting_fail(s, t, "%s: must be {key, value}, in a list",
				 shown.failed ? "?" : (const char *)shown.data);
	gc_buf_deinit(&shown);
	return rc;
}

static int set_options(struct gc_setting *s, const struct gc_term *t)
{
	bool seen[GC_ROWS_MAX] = {false};
	int rc = 0;

	if (t->type == GC_TERM_MAP) {
		for (size_t i = 0; rc == 0 && i + 1 < t->n_items; i += 2)
			rc = set_pair(s, t->items[i], t->items[i + 1], seen);
		return rc;
	}
	if (t->type != GC_TERM_LIST)
		return not_options(s, t);
	for (size_t i = 0; rc == 0 && i < t->n_items; i++) {
		const struct gc_term *pair = t->items[i];
		rc = gc_term_is_tuple(pair, 2, NULL)
			 ? set_pair(s, pair->items[0], pair->items[1], seen)
			 : not_options(s, pair);
	}
	return rc;
}

/* t lives in the arena of c. */
static int take_term(struct gc_config *c, const struct gc_term *t, const char *file, char *err,
		     size_t err_len)
{
	struct gc_setting s = {.c = c, .file = file, .err = err, .err_len = err_len};
	const struct gc_term *options = options_of(t);

	c->is_empty = options->n_items == 0 &&
		      (options->type == GC_TERM_LIST || options->type == GC_TERM_MAP);
	return set_options(&s, options);
}

/* By way of its external format, so that nothing of the original is needed. */
static int copy_term(struct gc_arena *a, const struct gc_term *t, const struct gc_term **copy_r)
{
	struct gc_buf b = {.is_secret = true}; /* a password, here and below */
	int rc = GC_ENOMEM;

	gc_etf_put_term(&b, t);
	uint8_t *raw = b.failed ? NULL : gc_arena_alloc(a, b.len);
	if (raw) {
		memcpy(raw, b.data, b.len);
		rc = gc_etf_decode(a, raw, b.len, copy_r);
	}
	gc_buf_deinit(&b);
	return rc;
}

static int finish(int rc, struct gc_config *c, struct gc_config **config_r, char *err,
		  size_t err_len)
{
	if (rc == 0) {
		*config_r = c;
		return 0;
	}
	if (rc == GC_ENOMEM)
		(void)snprintf(err, err_len, "configuration: too large: %s", gc_err_text(rc));
	gc_config_destroy(c);
	return rc;
}

int gc_config_from_term(const struct gc_term *t, const char *file, struct gc_config **config_r,
			char *err, size_t err_len)
{
	struct gc_config *c = NULL;
	const struct gc_term *copy;
	int rc = gc_config_default(&c);

	*config_r = NULL;
	if (rc == 0)
		rc = copy_term(c->arena, t, &copy);
	if (rc == 0)
		rc = take_term(c, copy, file, err, err_len);
	return finish(rc, c, config_r, err, err_len);
}

int gc_config_from_text(const char *text, size_t len, const char *file, struct gc_config **config_r,
			char *err, size_t err_len)
{
	struct gc_config *c = NULL;
	const struct gc_term *t;
	char why[300];
	int rc = gc_config_default(&c);

	*config_r = NULL;
	if (rc == 0 && gc_term_parse(c->arena, text, len, true, &t, why, sizeof(why)) != 0) {
		(void)snprintf(err, err_len, "%s:%s", file, why);
		rc = GC_EINVAL;
	}
	if (rc == 0)
		rc = take_term(c, t, file, err, err_len);
	return finish(rc, c, config_r, err, err_len);
}

/* ---- one option as text ---- */

static struct gc_term *bare_text(struct gc_arena *a, const char *value)
{
	struct gc_term *t = gc_arena_alloc(a, sizeof(*t));

	if (!t)
		return NULL;
	t->type = GC_TERM_STRING;
	t->text_len = strlen(value);
	t->text = gc_arena_strndup(a, value, t->text_len);
	return t->text ? t : NULL;
}

static bool is_text_row(const struct gc_row *row)
{
	return row->kind == GC_ROW_TEXT || row->kind == GC_ROW_NODE || row->kind == GC_ROW_ADDRESS ||
	       row->is_bare;
}

/* What begins with a bracket or a quote is Erlang text; node names, addresses and file names are
 * taken as they are; the rest is Erlang text if it can be, else as it is (a path, a name with '-').
 */
static int read_value(struct gc_setting *s, const char *value, const struct gc_term **t_r)
{
	bool is_term = *value && strchr("{[#\"'<", *value);
	char why[300];

	if (is_term || !is_text_row(s->row)) {
		int rc =
		    gc_term_parse(s->c->arena, value, strlen(value), false, t_r, why, sizeof(why));
		if (rc == 0 || rc == GC_ENOMEM)
			return rc;
		if (is_term)
			return gc_setting_fail(s, NULL, "%.80s: %s", value,
					       why + strspn(why, "0123456789: "));
	}
	*t_r = bare_text(s->c->arena, value);
	return *t_r ? 0 : GC_ENOMEM;
}

int gc_config_set(struct gc_config *c, const char *key, const char *value, const char *origin,
		  char *err, size_t err_len)
{
	struct gc_setting s = {.c = c, .origin = origin, .err = err, .err_len = err_len};
	const struct gc_term *t;

	s.row = gc_row_find(gc_rows, key);
	if (!s.row)
		return gc_setting_unknown(&s, NULL, key, gc_rows);
	int rc = read_value(&s, value, &t);
	if (rc == 0)
		rc = gc_row_set(&s, t);
	if (rc == 0 && strcmp(key, "discovery") == 0) /* now there is something to start */
		c->is_empty = false;
	return rc == GC_ENOMEM ? gc_setting_no_memory(&s) : rc;
}

/* ---- the environment ---- */

#define PREFIX "GEN_CLUSTER_"

/* Not options: what other parts of gen_cluster read, and what Kubernetes and Docker set by
 * themselves for a service that is called gen-cluster (GEN_CLUSTER_SERVICE_HOST,
 * GEN_CLUSTER_PORT_4369_TCP ...). */
static bool is_foreign(const char *name)
{
	static const char *const exact[] = {"PLUGIN_DIR", "PROGRAM", "PORT"};

	for (size_t i = 0; i < sizeof(exact) / sizeof(*exact); i++) {
		if (strcmp(name, exact[i]) == 0)
			return true;
	}
	return strncmp(name, "PORT_", 5) == 0 || strncmp(name, "SERVICE_", 8) == 0;
}

static int set_from_env(struct gc_config *c, const char *name, size_t len, const char *value,
			char *err, size_t err_len)
{
	char key[64], origin[64 + sizeof(PREFIX)];

	if (len >= sizeof(key))
		len = sizeof(key) - 1; /* no key is that long */
	for (size_t i = 0; i < len; i++)
		key[i] = name[i];
	key[len] = '\0';
	if (is_foreign(key))
		return 0;
	(void)snprintf(origin, sizeof(origin), PREFIX "%s", key);
	for (size_t i = 0; i < len; i++)
		key[i] = (char)tolower((unsigned char)key[i]);
	return gc_config_set(c, key, value, origin, err, err_len);
}

/* ERL_DIST_PORT is for the nodes (rebar3's releases listen there); 0 or nonsense is theirs to
 * judge. */
static void set_erl_dist_port(struct gc_config *c, const char *value)
{
	char *end;
	long port = strtol(value, &end, 10);

	if (c->dist_port == 0 && *value && *end == '\0' && port > 0 && port <= 65535)
		c->dist_port = (uint16_t)port;
}

int gc_config_from_env(struct gc_config *c, char *const *envp, char *err, size_t err_len)
{
	static const char dist[] = "ERL_DIST_PORT=";
	const char *dist_port = NULL;
	int rc = 0;

	for (; rc == 0 && *envp; envp++) {
		const char *name = *envp, *equals = strchr(name, '=');
		if (strncmp(name, dist, sizeof(dist) - 1) == 0)
			dist_port = equals + 1;
		if (!equals || strncmp(name, PREFIX, sizeof(PREFIX) - 1) != 0)
			continue;
		name += sizeof(PREFIX) - 1;
		rc = set_from_env(c, name, (size_t)(equals - name), equals + 1, err, err_len);
	}
	if (rc == 0 && dist_port)
		set_erl_dist_port(c, dist_port);
	return rc;
}
