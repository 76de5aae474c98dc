/* Judges what the entry function of a plugin gave; see plugin_priv.h. Pure.
 *
 * abi is read before anything else, then struct_size, and nothing behind what struct_size covers.
 * Each refusal names the field, what was expected and what was found. Structs grow at their end:
 * what an older plugin lacks is zero, what a newer one has more is not read. */
#include "plugin_priv.h"

#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What the first release had; smaller structs are no plugin's. */
#define UP_TO(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))
#define PLUGIN_MIN UP_TO(struct gc_plugin, dist)
#define DISCOVERY_MIN UP_TO(struct gc_discovery, close)
#define DIST_MIN UP_TO(struct gc_dist, close)
#define MAX_OPTIONS 128

struct report {
	char *err;
	size_t len;
};

static int refuse(const struct report *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(const struct report *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->err, r->len, fmt, ap);
	va_end(ap);
	return GC_EINVAL;
}

static int check_size(const struct report *r, const char *what, uint32_t found, size_t expected)
{
	if (found >= expected)
		return 0;
	return refuse(r, "%s: struct_size is %u, expected %zu or more", what, found, expected);
}

static int missing(const struct report *r, const char *what, const char *callback)
{
	return refuse(r, "%s: the mandatory callback %s is missing", what, callback);
}

static int check_discovery(const struct report *r, struct gc_discovery *to,
			   const struct gc_discovery *from)
{
	int rc = check_size(r, "discovery", from->struct_size, DISCOVERY_MIN);

	if (rc)
		return rc;
	memcpy(to, from, from->struct_size < sizeof(*to) ? from->struct_size : sizeof(*to));
	if (!to->create)
		return missing(r, "discovery", "create");
	if (!to->close)
		return missing(r, "discovery", "close");
	if (to->refresh && to->refresh_blocking)
		return refuse(r, "discovery: has both refresh and refresh_blocking, expected one");
	return 0;
}

static int check_dist(const struct report *r, struct gc_dist *to, const struct gc_dist *from)
{
	int rc = check_size(r, "dist", from->struct_size, DIST_MIN);

	if (rc)
		return rc;
	memcpy(to, from, from->struct_size < sizeof(*to) ? from->struct_size : sizeof(*to));
	if (!to->create)
		return missing(r, "dist", "create");
	if (!to->connect)
		return missing(r, "dist", "connect");
	if (!to->disconnect)
		return missing(r, "dist", "disconnect");
	return to->close ? 0 : missing(r, "dist", "close");
}

static bool is_name(const char *s)
{
	size_t len = s ? strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") : 0;

	return len > 0 && len < 64 && s[len] == '\0';
}

static int check_option(const struct report *r, const struct gc_option *o, size_t i)
{
	uint32_t base = o->type & ~(uint32_t)GC_LIST;

	if (!is_name(o->name))
		return refuse(r, "options: the name of number %zu is not of a-z, 0-9, _", i);
	if (base < GC_STRING || base > GC_NODE)
		return refuse(r, "options: %s has the unknown type %u", o->name, o->type);
	if (base == GC_ENUM && !o->choices)
		return refuse(r, "options: %s has no choices", o->name);
	if (o->min > o->max && o->max != 0)
		return refuse(r, "options: %s has min above max", o->name);
	return 0;
}

static int check_options(const struct report *r, const struct gc_option *options)
{
	for (size_t i = 0; options && options[i].name; i++) {
		int rc = check_option(r, &options[i], i);
		if (rc)
			return rc;
		if (i == MAX_OPTIONS)
			return refuse(r, "options: more than %d, is the last one zero?",
				      MAX_OPTIONS);
	}
	return 0;
}

static int check_head(const struct report *r, const struct gc_plugin *p, const char *name)
{
	if (!p)
		return refuse(r, "gc_plugin_entry gave NULL");
	if (p->abi != GC_PLUGIN_ABI)
		return refuse(r, "abi is %u, expected %u: built for another gen_cluster", p->abi,
			      GC_PLUGIN_ABI);
	int rc = check_size(r, "plugin", p->struct_size, PLUGIN_MIN);
	if (rc)
		return rc;
	if (!is_name(p->name))
		return refuse(r, "name is missing or not of a-z, 0-9, _, -");
	if (name && strcmp(p->name, name) != 0)
		return refuse(r, "name is %s, expected %s as the file is called", p->name, name);
	if (!p->version)
		return refuse(r, "version is missing");
	if (!p->summary)
		return refuse(r, "summary is missing");
	if (!p->discovery && !p->dist)
		return refuse(r, "has neither discovery nor dist");
	return 0;
}

int gc_plugin_check(struct gc_module *m, const struct gc_plugin *plugin, const char *name,
		    char *err, size_t err_len)
{
	const struct report r = {err, err_len};
	int rc = check_head(&r, plugin, name);

	if (!rc)
		rc = check_options(&r, plugin->options);
	if (!rc && plugin->discovery)
		rc = check_discovery(&r, &m->discovery, plugin->discovery);
	if (!rc && plugin->dist)
		rc = check_dist(&r, &m->dist, plugin->dist);
	if (!rc)
		m->plugin = plugin;
	return rc;
}
