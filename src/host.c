/* The services that every plugin gets; see host.h. */
#include "host.h"

#include "epmd.h"
#include "err.h"
#include "log.h"
#include "name.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct gc_facts *facts_of(const struct gc_instance *inst)
{
	return (const struct gc_facts *)inst;
}

void gc_facts_log(const struct gc_facts *facts, int level, const char *line)
{
	int known = level < GC_ERR ? GC_ERR : level > GC_DEBUG ? GC_DEBUG : level;

	if (gc_on_loop_thread())
		gc_log((enum gc_log_level)known, facts->area, "%s", line);
	else
		gc_mail_log(facts->where->mail_out, known, facts->area, line);
}

static __attribute__((format(printf, 3, 4))) void host_log(struct gc_instance *inst, int level,
							   const char *fmt, ...)
{
	char line[1000];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	gc_facts_log(facts_of(inst), level, line);
}

static const char *host_env(struct gc_instance *inst, enum gc_env what)
{
	const struct gc_where *w = facts_of(inst)->where;

	switch (what) {
	case GC_ENV_OWNER:
		return w->owner;
	case GC_ENV_CNODE:
		return w->cnode;
	case GC_ENV_BASENAME:
		return w->basename;
	case GC_ENV_HOST:
		return w->owner ? gc_name_host(w->owner) : w->cnode ? gc_name_host(w->cnode) : NULL;
	case GC_ENV_EPMD_PORT:
		return w->epmd_port;
	}
	return NULL;
}

static size_t host_count(struct gc_instance *inst, const char *option)
{
	return gc_settings_count(facts_of(inst)->settings, option);
}

static const char *host_str(struct gc_instance *inst, const char *option, size_t i)
{
	return gc_settings_str(facts_of(inst)->settings, option, i);
}

static int64_t host_num(struct gc_instance *inst, const char *option, size_t i)
{
	return gc_settings_num(facts_of(inst)->settings, option, i);
}

void gc_host_init(struct gc_host *host, uv_loop_t *loop)
{
	*host = (struct gc_host){
	    .struct_size = sizeof(struct gc_host),
	    .loop = loop,
	    .log = host_log,
	    .env = host_env,
	    .count = host_count,
	    .str = host_str,
	    .num = host_num,
	};
}

static char *copy(const char *s)
{
	return s ? strdup(s) : NULL;
}

int gc_where_init(struct gc_where *w, const char *owner, const char *cnode)
{
	*w = (struct gc_where){.owner = copy(owner), .cnode = copy(cnode), .basename = copy(owner)};
	(void)snprintf(w->epmd_port, sizeof(w->epmd_port), "%u", gc_epmd_port());
	if (w->basename)
		w->basename[strcspn(w->basename, "@")] = '\0';
	return (owner && !(w->owner && w->basename)) || (cnode && !w->cnode) ? GC_ENOMEM : 0;
}

void gc_where_deinit(struct gc_where *w)
{
	free(w->owner);
	free(w->cnode);
	free(w->basename);
}
