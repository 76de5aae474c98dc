/* Option values of a plugin. The lowest bit of the first byte says whether they are term text or the external
 * format, the rest which table they are for: one with every type (and what the host adds to it), one without a main
 * option, or one that is wrong itself. What is taken is within what the table allows, and can be told as a term that is
 * valid again. */
#include "etf.h"
#include "fuzz.h"
#include "name.h"
#include "plugin.h"

#include <string.h>

static const struct gc_option options[] = {
    {"domain", GC_STRING | GC_LIST, GC_OPT_MAIN, NULL, 0, 0, NULL, "names"},
    {"record_type", GC_ENUM, 0, "ip", 0, 0, "ip|a|aaaa|srv", "which"},
    {"port", GC_INTEGER, 0, NULL, 1, 65535, NULL, "a port"},
    {"ports", GC_INTEGER | GC_LIST, 0, "[80, 443]", 0, 0, NULL, "ports"},
    {"pause", GC_DURATION, 0, "infinity", 0, 0, NULL, "a pause in ms"},
    {"ipv6", GC_BOOLEAN, 0, "false", 0, 0, NULL, "whether"},
    {"seeds", GC_NODE | GC_LIST, 0, NULL, 0, 0, NULL, "nodes"},
    {"token", GC_STRING, GC_OPT_SECRET, NULL, 0, 0, NULL, "a secret"},
    {0},
};

/* What the host adds; the plugin may know one of them as well. */
static const struct gc_option common[] = {
    {"pause", GC_DURATION, 0, "5000", 0, 0, NULL, "a pause"},
    {"weight", GC_INTEGER, 0, "1", 0, 100, NULL, "a weight"},
    {0},
};
static const struct gc_option contradicts[] = {
    {"weight", GC_STRING, 0, NULL, 0, 0, NULL, "no weight"},
    {0},
};
static const struct gc_option demands[] = {
    {"name", GC_STRING, GC_OPT_REQUIRED, NULL, 0, 0, NULL, "a name"},
    {"size", GC_INTEGER, 0, "3", -5, 5, NULL, "a size"},
    {"least", GC_DURATION, 0, NULL, 10, 0, NULL, "a time"},
    {"wait", GC_DURATION | GC_LIST, 0, NULL, 0, 0, NULL, "times"},
    {0},
};
static const struct gc_option defaults_to_nonsense[] = {
    {"name", GC_STRING, 0, "[", 0, 0, NULL, "a name"},
    {0},
};
static struct gc_option too_many[130];

static void fill_too_many(void)
{
	static char names[129][4];

	for (int i = 0; i < 129 && !too_many[i].name; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%c%d", 'a' + i / 100, i % 100);
		too_many[i] = (struct gc_option){.name = names[i], .type = GC_BOOLEAN};
	}
}

static void look(const struct gc_settings *s)
{
	for (size_t i = 0; i < gc_settings_count(s, "seeds"); i++) {
		const char *node = gc_settings_str(s, "seeds", i);
		FUZZ_REQUIRE(node && gc_name_ok(node, strlen(node)));
	}
	for (size_t i = 0; i < gc_settings_count(s, "domain"); i++)
		FUZZ_REQUIRE(gc_settings_str(s, "domain", i) != NULL);
	if (gc_settings_count(s, "port"))
		FUZZ_REQUIRE(gc_settings_num(s, "port", 0) >= 1 &&
			     gc_settings_num(s, "port", 0) <= 65535);
	FUZZ_REQUIRE(gc_settings_num(s, "pause", 0) >= GC_INFINITY);
	FUZZ_REQUIRE(gc_settings_count(s, "record_type") == 1);
}

static void put(const struct gc_settings *s)
{
	struct gc_buf b = {0};

	gc_settings_put(s, &b);
	FUZZ_REQUIRE(b.failed || gc_etf_check(b.data, b.len) == (int64_t)b.len);
	gc_buf_deinit(&b);
}

/* Only of tables that are right is anything taken; a default that is nonsense shows when it is needed. */
static void take(unsigned table, const char *preset, const struct gc_term *t)
{
	static const struct gc_option *const tables[] = {options,  options, demands, contradicts,
							 too_many, defaults_to_nonsense};
	struct gc_settings *s = NULL;
	char err[200] = "";

	fill_too_many();
	if (gc_settings_create(tables[table], table ? common : NULL, preset, t, &s, err,
			       sizeof(err)) != 0) {
		FUZZ_REQUIRE(err[0] != '\0' && !s);
		return;
	}
	FUZZ_REQUIRE((table < 3 || tables[table] == defaults_to_nonsense) && err[0] == '\0');
	if (tables[table] == options)
		look(s);
	put(s);
	gc_settings_destroy(gc_settings_share(s));
	put(s);
	gc_settings_destroy(s);
}

/* As what an alias of a plugin sets beforehand. */
static void as_preset(const uint8_t *data, size_t len)
{
	char *preset = calloc(1, len + 1);

	FUZZ_REQUIRE(preset);
	memcpy(preset, data, len);
	take(1, preset, NULL);
	free(preset);
}

FUZZ_TARGET(setting)
{
	struct gc_arena *arena = gc_arena_create(16u << 20);
	const struct gc_term *t = NULL;
	char err[200] = "";
	int rc = -1;

	if (len == 0) {
		gc_arena_destroy(arena);
		return 0;
	}
	unsigned table = data[0] / 2 % 7;
	if (table == 6)
		as_preset(data + 1, len - 1);
	else if (data[0] % 2 == 0)
		rc = gc_term_parse(arena, (const char *)data + 1, len - 1, false, &t, err,
				   sizeof(err));
	else
		rc = gc_etf_decode(arena, data + 1, len - 1, &t);
	if (rc == 0)
		take(table, NULL, t);
	gc_arena_destroy(arena);
	return 0;
}
