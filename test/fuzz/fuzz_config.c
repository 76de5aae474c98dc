/* Configuration: any text as a file, and any text as the value of any option. Whatever is taken can
 * be told by the `config` request. */
#include "config.h"
#include "etf.h"
#include "fuzz.h"

#include <string.h>

static void tell(const struct gc_config *c)
{
	struct gc_buf b = {0};

	gc_config_put(c, &b);
	FUZZ_REQUIRE(!b.failed && gc_etf_check(b.data, b.len) == (int64_t)b.len);
	FUZZ_REQUIRE(c->reconnect_min_ms > 0 && c->reconnect_min_ms <= c->reconnect_max_ms);
	FUZZ_REQUIRE(c->refresh_interval_ms > 0 && c->max_peers > 0 && c->confirm_removal > 0);
	FUZZ_REQUIRE(c->refresh_jitter >= 0 && c->refresh_jitter <= 1);
	gc_buf_deinit(&b);
}

static void as_file(const uint8_t *data, size_t len)
{
	struct gc_arena *a = gc_arena_create(0);
	struct gc_config *c = NULL;
	const struct gc_term *t;
	char err[80] = "";

	if (gc_term_parse(a, (const char *)data, len, true, &t, err, sizeof(err)) == 0) {
		int rc = gc_config_from_term(t, "f", &c, err, sizeof(err));
		FUZZ_REQUIRE((rc == 0) == (c != NULL));
		FUZZ_REQUIRE((rc == 0) == (err[0] == '\0'));
	}
	if (c)
		tell(c);
	gc_config_destroy(c);
	gc_arena_destroy(a);
}

struct pick {
	unsigned left;
	const char *key;
};

static void pick_key(void *arg, const char *key, const char *type, const char *dflt,
		     const char *help)
{
	struct pick *p = arg;

	(void)type;
	(void)dflt;
	(void)help;
	if (p->left-- == 0)
		p->key = key;
}

/* The first byte chooses the option. */
static void as_value(const uint8_t *data, size_t len)
{
	struct pick p = {data[0] % 25u, "unknown"};
	char *value = calloc(1, len), err[80] = "";
	struct gc_config *c;

	gc_config_each_row(pick_key, &p);
	FUZZ_REQUIRE(value && gc_config_default(&c) == 0);
	memcpy(value, data + 1, len - 1);
	int rc = gc_config_set(c, p.key, value, "--x", err, sizeof(err));
	FUZZ_REQUIRE((rc == 0) == (err[0] == '\0'));
	if (rc == 0)
		tell(c);
	gc_config_destroy(c);
	free(value);
}

FUZZ_TARGET(config)
{
	as_file(data, len);
	if (len > 0)
		as_value(data, len);
	return 0;
}
