/* What the `discovery` request answers: a list of maps, one for each instance; see discover.h. */
#include "discover_priv.h"

#include "etf.h"

#include <utlist.h>

static const char *state_name(const struct gc_instance *inst)
{
	switch (inst->state) {
	case GC_ASKED:
		return "asking";
	case GC_OVERDUE:
		return gc_instance_is_stuck(inst) ? "stuck" : "overdue";
	case GC_IDLE:
		break;
	}
	return gc_instance_is_asked(inst) ? "idle" : "pushing";
}

static void put_quality(struct gc_buf *etf, const struct gc_instance *inst)
{
	static const char *const names[] = {"complete", "partial", "error"};

	gc_etf_put_atom(etf, inst->answered_mono_ms ? names[inst->last_quality] : "undefined");
}

static void put_uint(struct gc_buf *etf, const char *key, uint64_t value)
{
	gc_etf_put_atom(etf, key);
	gc_etf_put_uint(etf, value);
}

static void put_instance(const struct gc_instance *inst, struct gc_buf *etf)
{
	uint64_t now = uv_now(inst->d->config.loop);

	gc_etf_put_map(etf, 14);
	gc_etf_put_atom(etf, "instance");
	gc_etf_put_text(etf, inst->name);
	gc_etf_put_atom(etf, "plugin");
	gc_etf_put_atom(etf, inst->module->plugin->name);
	gc_etf_put_atom(etf, "version");
	gc_etf_put_text(etf, inst->module->plugin->version);
	gc_etf_put_atom(etf, "state");
	gc_etf_put_atom(etf, state_name(inst));
	gc_etf_put_atom(etf, "quality");
	put_quality(etf, inst);
	gc_etf_put_atom(etf, "reason");
	if (inst->last_reason[0])
		gc_etf_put_text(etf, inst->last_reason);
	else
		gc_etf_put_atom(etf, "undefined");
	put_uint(etf, "peers", inst->last_n);
	put_uint(etf, "ttl", inst->last_ttl_s);
	gc_etf_put_atom(etf, "age_ms");
	if (inst->answered_mono_ms)
		gc_etf_put_uint(etf, now - inst->answered_mono_ms);
	else
		gc_etf_put_atom(etf, "undefined");
	put_uint(etf, "rounds", inst->rounds);
	put_uint(etf, "pushes", inst->pushes);
	put_uint(etf, "errors", inst->errors);
	put_uint(etf, "restarts", inst->restarts);
	gc_etf_put_atom(etf, "options");
	gc_settings_put(inst->facts.settings, etf);
}

void gc_discover_put(const struct gc_discover *d, struct gc_buf *etf)
{
	const struct gc_instance *inst;
	uint32_t n = (uint32_t)gc_discover_count(d);

	if (n)
		gc_etf_put_list(etf, n);
	DL_FOREACH(d->instances, inst)
	if (gc_instance_is_shown(inst))
		put_instance(inst, etf);
	gc_etf_put_nil(etf);
}
