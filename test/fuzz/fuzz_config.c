#define _GNU_SOURCE /* memfd_create */
/* Configuration, by each of its ways in: the text of a file, a term from the port, the value of an option, the
 * environment, the file of TLS options; the first byte chooses. Whatever is taken can be told by the `config` request. */
#include "config.h"
#include "etf.h"
#include "fuzz.h"

#include <ctype.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void tell(const struct gc_config *c)
{
	struct gc_buf b = {0};

	gc_config_put(c, &b);
	FUZZ_REQUIRE(!b.failed && gc_etf_check(b.data, b.len) == (int64_t)b.len);
	FUZZ_REQUIRE(c->reconnect_min_ms > 0 && c->reconnect_min_ms <= c->reconnect_max_ms);
	FUZZ_REQUIRE(c->refresh_interval_ms > 0 && c->max_peers > 0 && c->confirm_removal > 0);
	FUZZ_REQUIRE(gc_config_epmd(c) != GC_CONFIG_EPMD_DEFAULT);
	FUZZ_REQUIRE(c->refresh_jitter >= 0 && c->refresh_jitter <= 1);
	gc_buf_deinit(&b);
}

static void look(int rc, struct gc_config *c, const char *err)
{
	FUZZ_REQUIRE((rc == 0) == (c != NULL));
	FUZZ_REQUIRE((rc == 0) == (err[0] == '\0'));
	if (c)
		tell(c);
	gc_config_destroy(c);
}

/* With -config: a file. */
static void as_file(const uint8_t *data, size_t len)
{
	struct gc_config *c;
	char err[80] = "";

	int rc = gc_config_from_text((const char *)data, len, "f", &c, err, sizeof(err));
	look(rc, c, err);
}

/* Over the port. */
static void as_term(const uint8_t *data, size_t len)
{
	struct gc_arena *a = gc_arena_create(0);
	struct gc_config *c;
	const struct gc_term *t;
	char err[80] = "";

	if (gc_etf_decode(a, data, len, &t) == 0) {
		int rc = gc_config_from_term(t, NULL, &c, err, sizeof(err));
		look(rc, c, err);
	}
	gc_arena_destroy(a);
}

#define KEYS 28 /* one of them at least is unknown */
static const char *keys[KEYS];

static void keep_key(void *arg, const char *key, const char *type, const char *dflt, const char *help)
{
	unsigned *n = arg;

	(void)type;
	(void)dflt;
	(void)help;
	FUZZ_REQUIRE(*n < KEYS - 1);
	keys[(*n)++] = key;
}

static const char *key_of(uint8_t choice)
{
	unsigned n = 0;

	if (!keys[0])
		gc_config_each_row(keep_key, &n);
	return keys[choice % KEYS] ? keys[choice % KEYS] : "unknown";
}

/* On the command line: the first byte chooses the option. */
static void as_value(const uint8_t *data, size_t len)
{
	char *value = calloc(1, len), err[80] = "";
	struct gc_config *c;

	FUZZ_REQUIRE(value && gc_config_default(&c) == 0);
	memcpy(value, data + 1, len - 1);
	int rc = gc_config_set(c, key_of(data[0]), value, "--x", err, sizeof(err));
	FUZZ_REQUIRE((rc == 0) == (err[0] == '\0'));
	if (rc == 0)
		tell(c);
	gc_config_destroy(c);
	free(value);
}

/* In the environment: an option, or any text, and a port of Erlang's own. */
static void as_env(const uint8_t *data, size_t len)
{
	struct gc_buf option = {0}, port = {0};
	char err[80] = "", other[] = "HOME=/";
	struct gc_config *c;

	gc_buf_put_str(&option, "GEN_CLUSTER_");
	if (data[0] < 128) {
		for (const char *k = key_of(data[0]); *k; k++)
			gc_buf_put_u8(&option, (uint8_t)toupper((unsigned char)*k));
		gc_buf_put_u8(&option, '=');
	}
	gc_buf_put(&option, data + 1, len - 1);
	gc_buf_put_u8(&option, 0);
	gc_buf_put_str(&port, "ERL_DIST_PORT=");
	gc_buf_put(&port, data + 1, len - 1);
	gc_buf_put_u8(&port, 0);
	char *envp[] = {(char *)option.data, (char *)port.data, other, NULL};
	FUZZ_REQUIRE(gc_config_default(&c) == 0);
	int rc = gc_config_from_env(c, envp, err, sizeof(err));
	FUZZ_REQUIRE((rc == 0) == (err[0] == '\0'));
	if (rc == 0)
		tell(c);
	gc_config_destroy(c);
	gc_buf_deinit(&option);
	gc_buf_deinit(&port);
}

/* As the file that optfile names. */
static void as_optfile(const uint8_t *data, size_t len)
{
	static int fd = -1;
	char text[80], err[80] = "";
	struct gc_config *c;

	if (fd < 0) {
		fd = memfd_create("optfile", MFD_CLOEXEC);
		FUZZ_REQUIRE(fd >= 0 && fchmod(fd, 0600) == 0);
	}
	FUZZ_REQUIRE(ftruncate(fd, 0) == 0 && pwrite(fd, data, len, 0) == (ssize_t)len);
	int n = snprintf(text, sizeof(text), "[{tls, [{optfile, \"/proc/self/fd/%d\"}]}].", fd);
	int rc = gc_config_from_text(text, (size_t)n, "f", &c, err, sizeof(err));
	look(rc, c, err);
}

FUZZ_TARGET(config)
{
	if (len < 2)
		return 0;
	switch (data[0] % 5) {
	case 0:
		as_file(data + 1, len - 1);
		break;
	case 1:
		as_term(data + 1, len - 1);
		break;
	case 2:
		as_value(data + 1, len - 1);
		break;
	case 3:
		as_env(data + 1, len - 1);
		break;
	default:
		as_optfile(data + 1, len - 1);
	}
	return 0;
}
