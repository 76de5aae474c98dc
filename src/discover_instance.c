/* One instance of a plugin: made from its options, and closed again; see discover_priv.h. Loop
 * thread. */
#include "discover_priv.h"

#include "err.h"
#include "handle.h"
#include "name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define MAGIC 0x67634449u

static const struct gc_option common[] = {
    {"name", GC_STRING, 0, NULL, 0, 0, NULL, "name of this instance in logs and events"},
    {"node_basename", GC_STRING | GC_LIST, 0, NULL, 0, 0, NULL,
     "what stands before '@' for peers that come as hosts (default: as in the owner's name)"},
    {"refresh_interval_ms", GC_DURATION, 0, NULL, 10, 0, NULL,
     "pause between two questions in ms (default: that of gen_cluster)"},
    {"timeout_ms", GC_DURATION, 0, "10000", 1, 3600000, NULL, "deadline of one answer in ms"},
    {0},
};

/* ---- closing one instance ---- */

static void instance_free(struct gc_instance *inst)
{
	gc_instance_drop_done(inst, false);
	gc_ask_destroy(inst->asked);
	gc_ask_destroy(inst->pushing);
	gc_settings_destroy(inst->facts.settings);
	gc_module_close(inst->module);
	free(inst->basenames);
	free(inst);
}

static void on_second_turn(uv_handle_t *handle)
{
	struct gc_instance *inst = handle->data;
	struct gc_discover *d = inst->d;

	d->open_handles--;
	if (!inst->is_abandoned) {
		DL_DELETE(d->instances, inst);
		instance_free(inst);
	}
	gc_discover_maybe_closed(d);
}

/* The module is let go one turn after closed(): by then no callback of the plugin is on the stack,
 * nor one of a handle that it closed in the same turn. */
static void on_first_turn(uv_handle_t *handle)
{
	struct gc_instance *inst = handle->data;

	uv_timer_init(inst->d->config.loop, &inst->timer);
	inst->timer.data = inst;
	uv_close((uv_handle_t *)&inst->timer, on_second_turn);
}

static void instance_gone(struct gc_instance *inst)
{
	inst->is_closing = true;
	inst->is_closed = true;
	gc_ask_destroy(inst->asked);
	gc_ask_destroy(inst->pushing);
	inst->asked = inst->pushing = NULL;
	uv_close((uv_handle_t *)&inst->timer, on_first_turn);
}

void gc_discover_plugin_closed(struct gc_instance *inst)
{
	if (inst->magic != MAGIC || inst->is_closed || inst->is_abandoned)
		return;
	if (!inst->is_closing) {
		gc_log(GC_LOG_ERROR, inst->facts.area, "closed() came before close(): ignored");
		return;
	}
	instance_gone(inst);
}

bool gc_instance_is_shown(const struct gc_instance *inst)
{
	return inst->is_live && !inst->is_closing;
}

static void close_plugin(struct gc_instance *inst)
{
	inst->is_live = false;
	inst->module->discovery.close(inst->self);
}

void gc_instance_close(struct gc_instance *inst)
{
	bool is_asked = inst->state == GC_ASKED;

	inst->is_closing = true;
	uv_timer_stop(&inst->timer);
	gc_instance_drop_done(inst, false);
	if (inst->asked) {
		gc_handle_set(inst->asked->handle, GC_HANDLE_CANCELLED);
		if (is_asked && inst->module->discovery.cancel)
			inst->module->discovery.cancel(inst->self, inst->asked->handle);
	}
	if (!inst->job)
		close_plugin(inst);
}

void gc_discover_job_done(struct gc_instance *inst)
{
	gc_discover_finished(inst->asked);
	if (inst->is_closing && inst->is_live && !inst->is_abandoned)
		close_plugin(inst);
}

void gc_instance_abandon(struct gc_instance *inst)
{
	gc_log(GC_LOG_ERROR, inst->facts.area, "did not %s within %d ms: abandoned",
	       inst->job ? "come back from refresh_blocking" : "close", GC_CLOSE_TIMEOUT_MS);
	inst->is_abandoned = true;
	inst->d->n_abandoned++;
	uv_close((uv_handle_t *)&inst->timer, on_second_turn);
}

/* ---- adding ---- */

static int set_basenames(struct gc_instance *inst, char *err, size_t err_len)
{
	size_t n = gc_settings_count(inst->facts.settings, "node_basename");
	const char *owners = inst->d->where.basename;

	inst->basenames = calloc(n ? n : 1, sizeof(*inst->basenames));
	if (!inst->basenames) {
		(void)snprintf(err, err_len, "%s", gc_err_text(GC_ENOMEM));
		return GC_ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		const char *name = gc_settings_str(inst->facts.settings, "node_basename", i);
		if (!gc_alive_ok(name, strlen(name))) {
			(void)snprintf(err, err_len,
				       "node_basename: \"%.60s\" cannot stand before '@'", name);
			return GC_EINVAL;
		}
		inst->basenames[inst->n_basenames++] = name;
	}
	if (n == 0 && owners)
		inst->basenames[inst->n_basenames++] = owners;
	return 0;
}

static int set_name(struct gc_instance *inst, char *err, size_t err_len)
{
	const char *given = gc_settings_str(inst->facts.settings, "name", 0);
	const char *plugin = inst->module->plugin->name;

	(void)snprintf(inst->name, sizeof(inst->name), "%s", given ? given : plugin);
	for (unsigned i = 2; !given && gc_discover_find(inst->d, inst->name); i++)
		(void)snprintf(inst->name, sizeof(inst->name), "%.50s-%u", plugin, i);
	if (inst->name[0] == '\0' || gc_discover_find(inst->d, inst->name)) {
		(void)snprintf(err, err_len, "name: \"%s\" is %s", inst->name,
			       inst->name[0] ? "taken by another instance" : "no name");
		return GC_EINVAL;
	}
	(void)snprintf(inst->facts.area, sizeof(inst->facts.area), "discover %s", inst->name);
	return 0;
}

static int configure(struct gc_instance *inst, const char *preset, const struct gc_term *opts,
		     char *err, size_t err_len)
{
	int rc = gc_settings_create(inst->module->plugin->options, common, preset, opts,
				    &inst->facts.settings, err, err_len);

	if (!rc)
		rc = set_basenames(inst, err, err_len);
	if (!rc)
		rc = set_name(inst, err, err_len);
	if (rc)
		return rc;
	int64_t interval = gc_settings_num(inst->facts.settings, "refresh_interval_ms", 0);
	inst->timeout_ms = (uint64_t)gc_settings_num(inst->facts.settings, "timeout_ms", 0);
	if (gc_settings_count(inst->facts.settings, "refresh_interval_ms") == 0)
		inst->interval_ms = inst->d->config.refresh_interval_ms;
	else
		inst->interval_ms = interval == GC_INFINITY ? UINT64_MAX : (uint64_t)interval;
	return 0;
}

int gc_instance_create(struct gc_instance *inst, char *err, size_t err_len)
{
	struct gc_discover *d = inst->d;

	uv_timer_init(d->config.loop, &inst->timer);
	inst->timer.data = inst;
	d->open_handles++;
	DL_APPEND(d->instances, inst);
	err[0] = '\0';
	if (inst->module->discovery.create(&d->host, inst, &inst->self, err, err_len) == 0) {
		inst->is_live = true;
		return 0;
	}
	err[err_len - 1] = '\0';
	if (err[0] == '\0')
		(void)snprintf(err, err_len, "the plugin refused without a reason");
	gc_instance_drop_done(inst, false);
	instance_gone(inst);
	return GC_EINVAL;
}

static int open_module(struct gc_instance *inst, const struct gc_plugin_path *path,
		       const char *canonical, char *err, size_t err_len)
{
	int rc = gc_module_open(path, canonical, &inst->module, err, err_len);

	if (!rc && !inst->module->plugin->discovery) {
		(void)snprintf(err, err_len, "is a dist backend, it discovers nothing");
		rc = GC_EINVAL;
	}
	return rc;
}

int gc_discover_add(struct gc_discover *d, const struct gc_plugin_path *path, const char *name,
		    const struct gc_term *opts, char *err, size_t err_len)
{
	const char *preset;
	const char *canonical = gc_plugin_alias(name, &preset);
	char why[700] = "";
	struct gc_instance *inst = calloc(1, sizeof(*inst));

	if (!inst) {
		(void)snprintf(err, err_len, "%s", gc_err_text(GC_ENOMEM));
		return GC_ENOMEM;
	}
	inst->magic = MAGIC;
	inst->d = d;
	inst->facts.where = &d->where;
	int rc = open_module(inst, path, canonical, why, sizeof(why));
	if (!rc)
		rc = configure(inst, preset, opts, why, sizeof(why));
	if (rc)
		instance_free(inst);
	else
		rc = gc_instance_create(inst, why, sizeof(why));
	if (rc)
		(void)snprintf(err, err_len, "discovery %s: %s", name, why);
	else if (d->is_started && gc_instance_is_asked(inst))
		gc_instance_begin_round(inst);
	return rc;
}
