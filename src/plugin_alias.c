/* Names of plugins that mean another one with preset options: those of the Erlang library, old and
 * new, and short forms; see plugin.h. Pure. */
#include "plugin.h"

#include <string.h>

static const struct alias {
	const char *name, *canonical, *preset;
} aliases[] = {
    {"gc_discover_static", "static", NULL},
    {"gc_discover_epmd", "epmd", NULL},
    {"gc_discover_epmd_hosts", "epmd", NULL},
    {"gc_discover_epmd_all", "epmd", NULL}, /* every node that the EPMD of the host knows */
    {"epmd_hosts", "epmd", NULL},
    {"epmd_all", "epmd", NULL},
    {"gc_discover_dns", "dns", NULL},
    {"gc_discover_dns_a", "dns", "#{record_type => a}"},
    {"gc_discover_dns_aaaa", "dns", "#{record_type => aaaa}"},
    {"gc_discover_dns_ip", "dns", "#{record_type => ip}"},
    {"gc_discover_dns_srv", "dns", "#{record_type => srv}"},
    {"dns_a", "dns", "#{record_type => a}"},
    {"dns_aaaa", "dns", "#{record_type => aaaa}"},
    {"dns_ip", "dns", "#{record_type => ip}"},
    {"dns_srv", "dns", "#{record_type => srv}"},
    {"ip", "dns", "#{record_type => ip}"},
    {"srv", "dns", "#{record_type => srv}"},
    {"gc_dist_erl", "erl", NULL},
    {"gc_dist_erldist", "erl", NULL},
    {"gc_dist_partisan", "partisan", NULL},
};

const char *gc_plugin_alias(const char *name, const char **preset_r)
{
	const struct alias *end = aliases + sizeof(aliases) / sizeof(aliases[0]);

	*preset_r = NULL;
	for (const struct alias *a = aliases; a < end; a++)
		if (strcmp(a->name, name) == 0) {
			*preset_r = a->preset;
			return a->canonical;
		}
	return name;
}
