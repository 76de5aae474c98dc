/* What the configuration says to people: what a row allows, and why a value was refused, with file,
 * line, key, value and the nearest known name. Pure. */
#include "config_priv.h"

#include "err.h"
#include "plugin.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- sentences ---- */

int gc_setting_fail(const struct gc_setting *s, const struct gc_term *t, const char *fmt, ...)
{
	struct gc_buf b = {0};
	va_list ap;
	char text[700];

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (s->origin) {
		gc_buf_printf(&b, "%s: ", s->origin);
	} else {
		if (s->file)
			gc_buf_put_str(&b, s->file);
		if (s->file && t && t->line)
			gc_buf_printf(&b, ":%" PRIu32, t->line);
		if (s->file)
			gc_buf_put_str(&b, ": ");
		if (s->row)
			gc_buf_printf(&b, "%s: ", s->row->key);
	}
	if (s->sub)
		gc_buf_printf(&b, "%s: ", s->sub->key);
	(void)snprintf(s->err, s->err_len, "%.*s%s", b.failed ? 0 : (int)b.len,
		       b.data ? (const char *)b.data : "", text);
	gc_buf_deinit(&b);
	return GC_EINVAL;
}

int gc_setting_no_memory(const struct gc_setting *s)
{
	(void)gc_setting_fail(s, NULL, "%s", gc_err_text(GC_ENOMEM));
	return GC_ENOMEM;
}

static size_t count_choices(const char *const *choices)
{
	size_t n = 0;

	while (choices && choices[n])
		n++;
	return n;
}

static void put_near(char *text, size_t len, const char *near)
{
	text[0] = '\0';
	if (near)
		(void)snprintf(text, len, " (did you mean %s?)", near);
}

int gc_setting_refuse(const struct gc_setting *s, const struct gc_term *t)
{
	const struct gc_row *row = s->sub ? s->sub : s->row;
	const char *given = gc_term_text(t), *near = NULL;
	struct gc_buf shown = {0};
	char allowed[240], hint[80];

	gc_row_describe(row, allowed, sizeof(allowed));
	if (given && row->choices)
		near = gc_nearest(given, row->choices, count_choices(row->choices));
	put_near(hint, sizeof(hint), near);
	gc_term_print(t, &shown, 80);
	gc_buf_put_u8(&shown, 0);
	int rc = gc_setting_fail(s, t, "%s: must be %s%s",
				 shown.failed ? "?" : (const char *)shown.data, allowed, hint);
	gc_buf_deinit(&shown);
	return rc;
}

static size_t list_keys(const struct gc_row *rows, const char **keys)
{
	size_t n = 0;

	for (; n < GC_ROWS_MAX && rows[n].key; n++)
		keys[n] = rows[n].key;
	return n;
}

static void join_keys(const struct gc_row *rows, char *text, size_t len)
{
	size_t at = 0;

	text[0] = '\0';
	for (const struct gc_row *row = rows; row->key && at < len; row++)
		at += (size_t)snprintf(text + at, len - at, "%s%s", row == rows ? "" : ", ",
				       row->key);
}

int gc_setting_unknown(const struct gc_setting *s, const struct gc_term *t, const char *key,
		       const struct gc_row *rows)
{
	const char *keys[GC_ROWS_MAX];
	const char *near = gc_nearest(key, keys, list_keys(rows, keys));
	char known[520];

	if (near)
		return gc_setting_fail(s, t, "%.60s: unknown option (did you mean %s?)", key, near);
	join_keys(rows, known, sizeof(known));
	return gc_setting_fail(s, t, "%.60s: unknown option; known are %s%s", key, known,
			       rows == gc_rows && !s->origin
				   ? " (a sys.config needs an entry {gen_cluster, [...]})"
				   : "");
}

/* ---- what is allowed ---- */

static void describe_choices(const struct gc_row *row, char *text, size_t len)
{
	size_t at = 0;

	for (size_t i = 0; row->choices[i] && at < len; i++)
		at += (size_t)snprintf(text + at, len - at, "%s%s",
				       i == 0		     ? ""
				       : row->choices[i + 1] ? ", "
							     : " or ",
				       row->choices[i]);
}

static void describe_map(const struct gc_row *row, char *text, size_t len)
{
	size_t at = (size_t)snprintf(text, len, "#{");

	for (const struct gc_row *sub = row->sub; sub->key && at < len; sub++)
		at += (size_t)snprintf(text + at, len - at, "%s%s => %s",
				       sub == row->sub ? "" : ", ", sub->key, sub->dflt);
	if (at < len)
		(void)snprintf(text + at, len - at, "}");
}

void gc_row_describe(const struct gc_row *row, char *text, size_t len)
{
	switch (row->kind) {
	case GC_ROW_INT:
		(void)snprintf(text, len, "an integer from %" PRIu64 " to %" PRIu64, row->min,
			       row->max);
		break;
	case GC_ROW_MS:
		(void)snprintf(text, len, "milliseconds from %" PRIu64 " to %" PRIu64 "%s",
			       row->min, row->max, row->may_be_infinite ? ", or infinity" : "");
		break;
	case GC_ROW_REAL:
		(void)snprintf(text, len, "a number from %" PRIu64 " to %" PRIu64, row->min,
			       row->max);
		break;
	case GC_ROW_ENUM:
		describe_choices(row, text, len);
		break;
	case GC_ROW_NODE:
		(void)snprintf(text, len, "a node name (name@host)");
		break;
	case GC_ROW_ADDRESS:
		(void)snprintf(text, len, "a numeric IPv4 or IPv6 address");
		break;
	case GC_ROW_MAP:
		describe_map(row, text, len);
		break;
	default:
		(void)snprintf(text, len, "%s", row->allowed);
		break;
	}
}
