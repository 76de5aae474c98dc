/* One typed option: what it allows, in words, and the conversion of one term to its value; see
 * setting_priv.h. Pure. */
#include "setting_priv.h"

#include "err.h"
#include "etf.h"
#include "name.h"

#include <stdio.h>
#include <string.h>

/* ---- what an option allows, in words ---- */

static bool has_no_top(const struct gc_option *o)
{
	return o->max == 0 && o->min > 0;
}

static void describe_number(const struct gc_option *o, char *buf, size_t len)
{
	bool is_duration = GC_BASE_TYPE(o) == GC_DURATION;
	const char *what = is_duration ? "a duration in ms" : "an integer";

	if (o->min == 0 && o->max == 0)
		(void)snprintf(buf, len, "%s%s", what, is_duration ? " or infinity" : "");
	else if (has_no_top(o))
		(void)snprintf(buf, len, "%s of at least %lld%s", what, (long long)o->min,
			       is_duration ? ", or infinity" : "");
	else
		(void)snprintf(buf, len, "%s from %lld to %lld", what, (long long)o->min,
			       (long long)o->max);
}

void gc_option_describe(const struct gc_option *o, char *buf, size_t len)
{
	char one[200] = "";

	switch (GC_BASE_TYPE(o)) {
	case GC_STRING:
		(void)snprintf(one, sizeof(one), "a string");
		break;
	case GC_INTEGER:
	case GC_DURATION:
		describe_number(o, one, sizeof(one));
		break;
	case GC_BOOLEAN:
		(void)snprintf(one, sizeof(one), "true or false");
		break;
	case GC_ENUM:
		(void)snprintf(one, sizeof(one), "one of %s", o->choices);
		break;
	default:
		(void)snprintf(one, sizeof(one), "a node name like 'name@host'");
		break;
	}
	(void)snprintf(buf, len, "%s%s", one, o->type & GC_LIST ? ", or a list of these" : "");
}

/* ---- one value ---- */

static bool is_choice(const char *choices, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		size_t n = strcspn(choices, "|");
		if (n == len && memcmp(choices, text, len) == 0)
			return true;
		if (choices[n] == '\0')
			break;
		choices += n + 1;
	}
	return false;
}

static bool in_range(const struct gc_option *o, int64_t n)
{
	if (o->min == 0 && o->max == 0)
		return GC_BASE_TYPE(o) != GC_DURATION || n >= 0;
	return n >= o->min && (n <= o->max || has_no_top(o));
}

static bool convert_number(const struct gc_option *o, const struct gc_term *t, int64_t *num_r)
{
	if (GC_BASE_TYPE(o) == GC_DURATION && gc_term_is_atom(t, "infinity")) {
		*num_r = GC_INFINITY;
		return o->max == 0;
	}
	*num_r = t->integer;
	return t->type == GC_TERM_INT && in_range(o, t->integer);
}

static bool convert_boolean(const struct gc_term *t, int64_t *num_r)
{
	*num_r = gc_term_is_atom(t, "true");
	return *num_r || gc_term_is_atom(t, "false");
}

int gc_option_convert(struct gc_arena *a, const struct gc_option *o, const struct gc_term *t,
		      struct gc_value *v)
{
	const char *text = gc_term_text(t);
	bool ok = false;

	switch (GC_BASE_TYPE(o)) {
	case GC_INTEGER:
	case GC_DURATION:
		return convert_number(o, t, &v->num) ? 0 : GC_EINVAL;
	case GC_BOOLEAN:
		return convert_boolean(t, &v->num) ? 0 : GC_EINVAL;
	case GC_STRING:
		ok = text != NULL;
		break;
	case GC_ENUM:
		ok = text && o->choices && is_choice(o->choices, text);
		break;
	case GC_NODE:
		ok = text && gc_name_ok(text, strlen(text));
		break;
	default:
		break;
	}
	if (!ok)
		return GC_EINVAL;
	v->str = gc_arena_strndup(a, text, strlen(text));
	return v->str ? 0 : GC_ENOMEM;
}

void gc_option_put(const struct gc_option *o, const struct gc_value *v, struct gc_buf *etf)
{
	switch (GC_BASE_TYPE(o)) {
	case GC_INTEGER:
		gc_etf_put_int(etf, v->num);
		break;
	case GC_DURATION:
		if (v->num == GC_INFINITY)
			gc_etf_put_atom(etf, "infinity");
		else
			gc_etf_put_int(etf, v->num);
		break;
	case GC_BOOLEAN:
		gc_etf_put_bool(etf, v->num != 0);
		break;
	case GC_ENUM:
	case GC_NODE:
		gc_etf_put_atom(etf, v->str);
		break;
	default:
		gc_etf_put_text(etf, v->str);
		break;
	}
}
