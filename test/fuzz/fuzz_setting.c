/* Fuzz target: option values of a plugin, as term text (first byte even) or in the external format
 * (odd), against a table with every type. What is taken is within what the table allows, and can be
 * told as a term that is valid again. */
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

FUZZ_TARGET(setting)
{
	struct gc_arena *arena = gc_arena_create(16u << 20);
	const struct gc_term *t = NULL;
	struct gc_settings *s = NULL;
	char err[200] = "";
	int rc = -1;

	if (len > 0 && arena && data[0] % 2 == 0)
		rc = gc_term_parse(arena, (const char *)data + 1, len - 1, false, &t, err,
				   sizeof(err));
	else if (len > 0 && arena)
		rc = gc_etf_decode(arena, data + 1, len - 1, &t);
	if (rc == 0 && gc_settings_create(options, NULL, NULL, t, &s, err, sizeof(err)) == 0) {
		look(s);
		put(s);
	} else if (rc == 0) {
		FUZZ_REQUIRE(err[0] != '\0');
	}
	gc_settings_destroy(s);
	gc_arena_destroy(arena);
	return 0;
}
