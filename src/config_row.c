/* One row of the option table at work: describe, set from a term, put into an answer, refuse. Pure.
 */
#include "config_priv.h"

#include "err.h"
#include "etf.h"
#include "name.h"

#include <arpa/inet.h>
#include <string.h>

/* ---- members ---- */

static void store(const struct gc_setting *s, const struct gc_row *row, uint64_t v)
{
	void *to = (char *)s->c + row->at;
	uint32_t v32 = (uint32_t)v;
	uint16_t v16 = (uint16_t)v;
	uint8_t v8 = (uint8_t)v;

	if (row->size == 8)
		memcpy(to, &v, 8);
	else if (row->size == 4)
		memcpy(to, &v32, 4);
	else if (row->size == 2)
		memcpy(to, &v16, 2);
	else
		memcpy(to, &v8, 1);
}

static uint64_t fetch(const struct gc_config *c, const struct gc_row *row)
{
	const void *from = (const char *)c + row->at;
	uint64_t v64 = 0;
	uint32_t v32 = 0;
	uint16_t v16 = 0;
	uint8_t v8 = 0;

	switch (row->size) {
	case 8:
		memcpy(&v64, from, 8);
		return v64;
	case 4:
		memcpy(&v32, from, 4);
		return v32;
	case 2:
		memcpy(&v16, from, 2);
		return v16;
	default:
		memcpy(&v8, from, 1);
		return v8;
	}
}

static const char *fetch_text(const struct gc_config *c, const struct gc_row *row)
{
	const char *text;

	memcpy(&text, (const char *)c + row->at, sizeof(text));
	return text;
}

/* ---- set ---- */

const struct gc_row *gc_row_find(const struct gc_row *rows, const char *key)
{
	for (; rows->key; rows++) {
		if (strcmp(rows->key, key) == 0)
			return rows;
	}
	return NULL;
}

static int set_int(struct gc_setting *s, const struct gc_row *row, const struct gc_term *t)
{
	if (row->may_be_infinite && gc_term_is_atom(t, "infinity")) {
		store(s, row, GC_FOREVER);
		return 0;
	}
	if (t->type != GC_TERM_INT || t->integer < 0 || (uint64_t)t->integer < row->min ||
	    (uint64_t)t->integer > row->max)
		return gc_setting_refuse(s, t);
	store(s, row, (uint64_t)t->integer);
	return 0;
}

static int set_real(struct gc_setting *s, const struct gc_row *row, const struct gc_term *t)
{
	double v = t->type == GC_TERM_INT ? (double)t->integer : t->real;

	if ((t->type != GC_TERM_INT && t->type != GC_TERM_FLOAT) || !(v >= (double)row->min) ||
	    !(v <= (double)row->max))
		return gc_setting_refuse(s, t);
	memcpy((char *)s->c + row->at, &v, sizeof(v));
	return 0;
}

static int set_enum(struct gc_setting *s, const struct gc_row *row, const struct gc_term *t)
{
	const char *text = gc_term_text(t);

	for (size_t i = 0; text && row->choices[i]; i++) {
		if (strcmp(text, row->choices[i]) == 0) {
			store(s, row, i);
			return 0;
		}
	}
	return gc_setting_refuse(s, t);
}

bool gc_row_is_address(const char *text)
{
	unsigned char parsed[16];
	char plain[64];
	size_t len = strcspn(text, "%"); /* fe80::1%eth0 */

	if (text[len] == '%' && (text[len + 1] == '\0' || !strchr(text, ':')))
		return false;
	if (len >= sizeof(plain))
		return false;
	memcpy(plain, text, len);
	plain[len] = '\0';
	return inet_pton(AF_INET, plain, parsed) == 1 || inet_pton(AF_INET6, plain, parsed) == 1;
}

static int set_text(struct gc_setting *s, const struct gc_row *row, const struct gc_term *t)
{
	const char *text = gc_term_text(t);

	if (!text || !*text || gc_term_is_atom(t, "undefined") ||
	    (row->kind == GC_ROW_NODE && !gc_name_ok(text, strlen(text))) ||
	    (row->kind == GC_ROW_ADDRESS && !gc_row_is_address(text)))
		return gc_setting_refuse(s, t);
	memcpy((char *)s->c + row->at, &text, sizeof(text));
	return 0;
}

static int set_value(struct gc_setting *s, const struct gc_row *row, const struct gc_term *t)
{
	switch (row->kind) {
	case GC_ROW_INT:
	case GC_ROW_MS:
		return set_int(s, row, t);
	case GC_ROW_REAL:
		return set_real(s, row, t);
	case GC_ROW_ENUM:
		return set_enum(s, row, t);
	case GC_ROW_TEXT:
	case GC_ROW_NODE:
	case GC_ROW_ADDRESS:
		return set_text(s, row, t);
	default:
		return row->set(s, t);
	}
}

static int set_default(struct gc_setting *s, const struct gc_row *row)
{
	const struct gc_term *t;
	char why[120];

	if (gc_term_parse(s->c->arena, row->dflt, strlen(row->dflt), false, &t, why, sizeof(why)))
		return gc_setting_no_memory(s);
	return set_value(s, row, t);
}

/* Each sub row: as given, else its default. */
static int set_subs(struct gc_setting *s, const struct gc_term *t)
{
	int rc = 0;

	for (const struct gc_row *sub = s->row->sub; sub->key && rc == 0; sub++) {
		const struct gc_term *given = gc_term_get(t, sub->key);
		s->sub = sub;
		rc = given ? set_value(s, sub, given) : set_default(s, sub);
	}
	s->sub = NULL;
	return rc;
}

static int check_sub_keys(const struct gc_setting *s, const struct gc_term *t)
{
	bool is_map = t->type == GC_TERM_MAP;

	for (size_t i = 0; i < t->n_items; i += is_map ? 2 : 1) {
		const struct gc_term *item = t->items[i];
		const struct gc_term *key = is_map ? item : item->n_items ? item->items[0] : item;
		const char *text = gc_term_text(key);
		if (!is_map && !gc_term_is_tuple(item, 2, NULL))
			return gc_setting_refuse(s, t);
		if (!text || key->type != GC_TERM_ATOM)
			return gc_setting_refuse(s, t);
		if (!gc_row_find(s->row->sub, text))
			return gc_setting_unknown(s, key, text, s->row->sub);
	}
	return 0;
}

static int set_map(struct gc_setting *s, const struct gc_term *t)
{
	if (t->type != GC_TERM_MAP && t->type != GC_TERM_LIST)
		return gc_setting_refuse(s, t);
	int rc = check_sub_keys(s, t);
	if (rc == 0)
		rc = set_subs(s, t);
	if (rc == 0 && s->row->size)
		store(s, s->row, true);
	if (rc == 0 && s->c->reconnect_min_ms > s->c->reconnect_max_ms)
		return gc_setting_fail(s, t, "min_ms is more than max_ms");
	return rc;
}

int gc_row_set(struct gc_setting *s, const struct gc_term *t)
{
	return s->row->kind == GC_ROW_MAP ? set_map(s, t) : set_value(s, s->row, t);
}

/* ---- put ---- */

static void put_number(const struct gc_row *row, const struct gc_config *c, struct gc_buf *b)
{
	uint64_t v = fetch(c, row);

	if (row->may_be_infinite && v == GC_FOREVER)
		gc_etf_put_atom(b, "infinity");
	else
		gc_etf_put_uint(b, v);
}

static void put_text(const struct gc_row *row, const struct gc_config *c, struct gc_buf *b)
{
	const char *text = fetch_text(c, row);

	if (!text)
		gc_etf_put_atom(b, "undefined");
	else if (row->kind == GC_ROW_NODE)
		gc_etf_put_atom(b, text);
	else
		gc_etf_put_text(b, text);
}

static void put_map(const struct gc_row *row, const struct gc_config *c, struct gc_buf *b)
{
	uint32_t n = 0;

	if (row->size && !fetch(c, row)) {
		gc_etf_put_atom(b, "undefined");
		return;
	}
	while (row->sub[n].key)
		n++;
	gc_etf_put_map(b, n);
	for (uint32_t i = 0; i < n; i++) {
		gc_etf_put_atom(b, row->sub[i].key);
		put_number(&row->sub[i], c, b);
	}
}

void gc_row_put(const struct gc_row *row, const struct gc_config *c, struct gc_buf *b)
{
	double real;

	switch (row->kind) {
	case GC_ROW_INT:
	case GC_ROW_MS:
		put_number(row, c, b);
		break;
	case GC_ROW_REAL:
		memcpy(&real, (const char *)c + row->at, sizeof(real));
		gc_etf_put_double(b, real);
		break;
	case GC_ROW_ENUM:
		gc_etf_put_atom(b, row->choices[fetch(c, row)]);
		break;
	case GC_ROW_TEXT:
	case GC_ROW_NODE:
	case GC_ROW_ADDRESS:
		put_text(row, c, b);
		break;
	case GC_ROW_MAP:
		put_map(row, c, b);
		break;
	default:
		row->put(c, b);
		break;
	}
}
