/* Typed options of a plugin: from a term to checked values; see plugin.h. Pure, loop thread to
 * create and destroy, any thread to read. A struct gc_settings owns all its values in one arena;
 * the option tables stay the plugin's and the host's and must outlive it. */
#include "setting_priv.h"

#include "err.h"
#include "etf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPTIONS 128	     /* of one plugin, those of the host included */
#define MAX_BYTES (8u << 20) /* of all values of one instance */

struct row {
	const struct gc_option *option;
	bool is_given; /* by the user, the preset or a default */
	struct gc_value *values;
	size_t n;
};

struct gc_settings {
	struct gc_arena *arena;
	unsigned n_shared; /* beyond the first */
	size_t n;
	struct row rows[MAX_OPTIONS];
	const char *names[MAX_OPTIONS]; /* of the rows, for gc_nearest */
};

struct error { /* where the sentence goes */
	char *text;
	size_t len;
};

static int fail(const struct error *e, const struct gc_term *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(const struct error *e, const struct gc_term *at, const char *fmt, ...)
{
	char sentence[600];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	if (at && at->line)
		(void)snprintf(e->text, e->len, "line %u: %s", at->line, sentence);
	else
		(void)snprintf(e->text, e->len, "%s", sentence);
	return GC_EINVAL;
}

static int no_memory(const struct error *e)
{
	(void)snprintf(e->text, e->len, "%s", gc_err_text(GC_ENOMEM));
	return GC_ENOMEM;
}

static int wrong_value(const struct error *e, const struct gc_option *o, const struct gc_term *t)
{
	char allowed[240];
	struct gc_buf shown = {0};

	gc_option_describe(o, allowed, sizeof(allowed));
	if (o->flags & GC_OPT_SECRET)
		gc_buf_put_str(&shown, "the value");
	else
		gc_term_print(t, &shown, 80);
	gc_buf_put_u8(&shown, 0);
	int err = fail(e, t, "%s: %s is not %s", o->name,
		       shown.failed ? "the value" : (const char *)shown.data, allowed);
	gc_buf_deinit(&shown);
	return err;
}

/* A list of numbers came over the port as a string; its items are there then. */
static bool is_items(const struct gc_option *o, const struct gc_term *t)
{
	bool is_number = GC_BASE_TYPE(o) == GC_INTEGER || GC_BASE_TYPE(o) == GC_DURATION;

	if (!(o->type & GC_LIST))
		return false;
	return t->type == GC_TERM_LIST || (t->type == GC_TERM_STRING && is_number && t->n_items);
}

static int set_row(struct gc_settings *s, struct row *row, const struct gc_term *t,
		   const struct error *e)
{
	bool is_list = is_items(row->option, t);
	const struct gc_term *const *items = is_list ? t->items : &t;
	size_t n = is_list ? t->n_items : 1;

	row->values = n ? gc_arena_alloc(s->arena, n * sizeof(*row->values)) : NULL;
	if (n && !row->values)
		return no_memory(e);
	for (size_t i = 0; i < n; i++) {
		int err = gc_option_convert(s->arena, row->option, items[i], &row->values[i]);
		if (err == GC_ENOMEM)
			return no_memory(e);
		if (err)
			return wrong_value(e, row->option, items[i]);
	}
	row->is_given = true;
	row->n = n;
	return 0;
}

/* ---- rows ---- */

static size_t find_index(const struct gc_settings *s, const char *name)
{
	size_t i = 0;

	while (i < s->n && strcmp(s->names[i], name) != 0)
		i++;
	return i;
}

static struct row *find_row(struct gc_settings *s, const char *name)
{
	size_t i = find_index(s, name);

	return i < s->n ? &s->rows[i] : NULL;
}

/* A plugin may declare an option of the host itself, with another default or help, but not with
 * another type: the host reads it as well. */
static int add_rows(struct gc_settings *s, const struct gc_option *o, const struct error *e)
{
	for (; o && o->name; o++) {
		const struct row *old = find_row(s, o->name);
		if (old && old->option->type != o->type)
			return fail(e, NULL,
				    "the plugin declares the option %s with another type "
				    "than the host or itself",
				    o->name);
		if (old)
			continue;
		if (s->n == MAX_OPTIONS)
			return fail(e, NULL, "the plugin declares more than %d options",
				    MAX_OPTIONS);
		s->names[s->n] = o->name;
		s->rows[s->n++].option = o;
	}
	return 0;
}

static struct row *main_row(struct gc_settings *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->rows[i].option->flags & GC_OPT_MAIN)
			return &s->rows[i];
	return NULL;
}

static int unknown_option(const struct gc_settings *s, const struct gc_term *at, const char *name,
			  const struct error *e)
{
	const char *near = gc_nearest(name, s->names, s->n);
	char known[400] = "";
	size_t len = 0;

	for (size_t i = 0; i < s->n && len < sizeof(known); i++)
		len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", i ? ", " : "",
					s->names[i]);
	return fail(e, at, "unknown option %.60s%s%s%s (known: %s)", name,
		    near ? "; did you mean " : "", near ? near : "", near ? "?" : "", known);
}

/* Elixir's nil and Erlang's undefined stand for "not given" where no text is meant by them. */
static bool is_nothing(const struct gc_term *t)
{
	return gc_term_is_atom(t, "nil") || gc_term_is_atom(t, "undefined");
}

static int set_pair(struct gc_settings *s, const struct gc_term *key, const struct gc_term *value,
		    const struct error *e)
{
	const char *name = gc_term_text(key);
	struct row *row = name ? find_row(s, name) : NULL;

	if (!row)
		return unknown_option(s, key, name ? name : "(not an atom)", e);
	if (row->is_given || is_nothing(value)) /* the first of several counts */
		return 0;
	return set_row(s, row, value, e);
}

/* ---- the three forms of opts: a map, a list of {Key, Value}, the main value ---- */

static bool is_pair(const struct gc_term *t)
{
	return gc_term_is_tuple(t, 2, NULL);
}

static bool is_proplist(const struct gc_term *t)
{
	for (size_t i = 0; t->type == GC_TERM_LIST && i < t->n_items; i++)
		if (!is_pair(t->items[i]))
			return false;
	return t->type == GC_TERM_LIST;
}

static int set_map(struct gc_settings *s, const struct gc_term *t, const struct error *e)
{
	int err = 0;

	for (size_t i = 0; !err && i + 1 < t->n_items; i += 2)
		err = set_pair(s, t->items[i], t->items[i + 1], e);
	return err;
}

static int set_proplist(struct gc_settings *s, const struct gc_term *t, const struct error *e)
{
	int err = 0;

	for (size_t i = 0; !err && i < t->n_items; i++)
		err = set_pair(s, t->items[i]->items[0], t->items[i]->items[1], e);
	return err;
}

/* [] is the empty main value where that is a list ({static, []}: nobody), else no options. */
static int set_opts(struct gc_settings *s, const struct gc_term *t, const struct error *e)
{
	struct row *row = main_row(s);
	bool is_empty = t && t->type == GC_TERM_LIST && t->n_items == 0;

	if (!t || is_nothing(t))
		return 0;
	if (t->type == GC_TERM_MAP)
		return set_map(s, t, e);
	if (is_proplist(t) && !(is_empty && row && (row->option->type & GC_LIST)))
		return set_proplist(s, t, e);
	if (!row)
		return fail(e, t, "options must be a map like #{%s => ...}",
			    s->n ? s->names[0] : "key");
	return set_row(s, row, t, e);
}

static int set_text(struct gc_settings *s, const char *text, struct row *row, const struct error *e)
{
	const struct gc_term *t = NULL;
	char why[160];
	int err = gc_term_parse(s->arena, text, strlen(text), false, &t, why, sizeof(why));

	if (err == GC_ENOMEM)
		return no_memory(e);
	if (err)
		return fail(e, NULL, "the %s %s is no term: %s",
			    row ? "default of option" : "preset", row ? row->option->name : text,
			    why);
	return row ? set_row(s, row, t, e) : set_opts(s, t, e);
}

static int set_defaults(struct gc_settings *s, const struct error *e)
{
	char allowed[240];

	for (size_t i = 0; i < s->n; i++) {
		struct row *row = &s->rows[i];
		const struct gc_option *o = row->option;
		int err = 0;
		if (row->is_given)
			continue;
		if (o->flags & GC_OPT_REQUIRED) {
			gc_option_describe(o, allowed, sizeof(allowed));
			return fail(e, NULL, "option %s is required: %s (%s)", o->name,
				    o->help ? o->help : "", allowed);
		}
		if (o->default_text)
			err = set_text(s, o->default_text, row, e);
		if (err)
			return err;
	}
	return 0;
}

static int fill(struct gc_settings *s, const struct gc_option *options,
		const struct gc_option *common, const char *preset, const struct gc_term *opts,
		const struct error *e)
{
	int err = add_rows(s, options, e);

	if (!err)
		err = add_rows(s, common, e);
	if (!err)
		err = set_opts(s, opts, e);
	if (!err && preset)
		err = set_text(s, preset, NULL, e);
	return err ? err : set_defaults(s, e);
}

int gc_settings_create(const struct gc_option *options, const struct gc_option *common,
		       const char *preset, const struct gc_term *opts,
		       struct gc_settings **settings_r, char *err, size_t err_len)
{
	const struct error e = {err, err_len};
	struct gc_settings *s = calloc(1, sizeof(*s));

	*settings_r = NULL;
	if (s)
		s->arena = gc_arena_create(MAX_BYTES);
	int rc = s && s->arena ? fill(s, options, common, preset, opts, &e) : no_memory(&e);
	if (rc) {
		gc_settings_destroy(s);
		return rc;
	}
	*settings_r = s;
	return 0;
}

struct gc_settings *gc_settings_share(struct gc_settings *s)
{
	s->n_shared++;
	return s;
}

void gc_settings_destroy(struct gc_settings *s)
{
	if (!s || s->n_shared-- > 0)
		return;
	gc_arena_destroy(s->arena);
	free(s);
}

/* ---- reading ---- */

static const struct gc_value *find_value(const struct gc_settings *s, const char *name, size_t i)
{
	size_t at = find_index(s, name);

	return at < s->n && i < s->rows[at].n ? &s->rows[at].values[i] : NULL;
}

size_t gc_settings_count(const struct gc_settings *s, const char *name)
{
	size_t at = find_index(s, name);

	return at < s->n ? s->rows[at].n : 0;
}

const char *gc_settings_str(const struct gc_settings *s, const char *name, size_t i)
{
	const struct gc_value *v = find_value(s, name, i);

	return v ? v->str : NULL;
}

int64_t gc_settings_num(const struct gc_settings *s, const char *name, size_t i)
{
	const struct gc_value *v = find_value(s, name, i);

	return v ? v->num : 0;
}

/* ---- as a map ---- */

static void put_row(const struct row *row, struct gc_buf *etf)
{
	gc_etf_put_atom(etf, row->option->name);
	if (row->option->flags & GC_OPT_SECRET) {
		gc_etf_put_atom(etf, "***");
		return;
	}
	if (!(row->option->type & GC_LIST)) {
		gc_option_put(row->option, &row->values[0], etf);
		return;
	}
	if (row->n)
		gc_etf_put_list(etf, (uint32_t)row->n);
	for (size_t i = 0; i < row->n; i++)
		gc_option_put(row->option, &row->values[i], etf);
	gc_etf_put_nil(etf);
}

void gc_settings_put(const struct gc_settings *s, struct gc_buf *etf)
{
	uint32_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->rows[i].is_given;
	gc_etf_put_map(etf, n);
	for (size_t i = 0; i < s->n; i++)
		if (s->rows[i].is_given)
			put_row(&s->rows[i], etf);
}
