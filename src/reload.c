/* A changed configuration in a running daemon: what takes effect, what only at the next start, and what of the old
 * discovery is kept until the new one has answered. Loop thread. */
#include "daemon_priv.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* ---- configured subscribers ---- */

static const char *notify_node(const struct gc_daemon *d, const struct gc_config_notify *n)
{
	return n->node ? n->node : d->owner;
}

static bool has_notify(const struct gc_daemon *d, const struct gc_config *config,
		       const struct gc_config_notify *n)
{
	for (size_t i = 0; i < config->n_notify; i++) {
		const char *a = notify_node(d, &config->notify[i]), *b = notify_node(d, n);
		if (a && b && strcmp(config->notify[i].name, n->name) == 0 && strcmp(a, b) == 0)
			return true;
	}
	return false;
}

/* Old and new may be the same (first start: old NULL). */
void gc_reload_notify(struct gc_daemon *d, const struct gc_config *old,
		       const struct gc_config *new)
{
	for (size_t i = 0; old && i < old->n_notify; i++)
		if (notify_node(d, &old->notify[i]) && !has_notify(d, new, &old->notify[i]))
			(void)gc_subscribers_remove_name(d->subscribers, old->notify[i].name,
							 notify_node(d, &old->notify[i]));
	for (size_t i = 0; i < new->n_notify; i++)
		if (notify_node(d, &new->notify[i]) &&
		    gc_subscribers_add_name(d->subscribers, new->notify[i].name,
					    notify_node(d, &new->notify[i])) != 0)
			gc_log(GC_LOG_ERROR, "notify", "%s could not be added",
			       new->notify[i].name);
}

/* ---- instances that are gone, instances that have not answered ---- */

void gc_name_list_remove(struct gc_name_list **list, const char *name)
{
	struct gc_name_list *n, *tmp;

	LL_FOREACH_SAFE(*list, n, tmp)
		if (!name || strcmp(n->name, name) == 0) {
			LL_DELETE(*list, n);
			free(n->name);
			free(n);
		}
}

void gc_reload_drop_retired(struct gc_daemon *d)
{
	struct gc_name_list *n;

	if (d->awaited)
		return;
	LL_FOREACH(d->retired, n)
		gc_cluster_drop_instance(d->cluster, n->name, gc_now(d));
	gc_name_list_remove(&d->retired, NULL);
}

static void list_add(struct gc_name_list **list, const char *name)
{
	struct gc_name_list *n = calloc(1, sizeof(*n));

	if (n && (n->name = strdup(name)))
		LL_PREPEND(*list, n);
	else
		free(n); /* out of memory: its peers stay, which harms nobody */
}

static void await_answer(void *arg, const char *instance)
{
	struct gc_daemon *d = arg;

	gc_name_list_remove(&d->retired, instance); /* it is back */
	list_add(&d->awaited, instance);
}

void gc_reload_await(struct gc_daemon *d)
{
	gc_discover_each(d->discover, await_answer, d);
}

/* ---- reload ---- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_listen_addresses(const struct gc_config *a, const struct gc_config *b)
{
	bool same = a->n_listen_addresses == b->n_listen_addresses;

	for (size_t i = 0; same && i < a->n_listen_addresses; i++)
		same = same_text(a->listen_addresses[i], b->listen_addresses[i]);
	return same;
}

static void warn_fixed(const struct gc_config *old, const struct gc_config *new)
{
	const struct {
		const char *key;
		bool same;
	} fixed[] = {
		{"owner", same_text(old->owner, new->owner)},
		{"name", same_text(old->name, new->name)},
		{"dist", same_text(old->dist.name, new->dist.name)},
		{"cookie_file", same_text(old->cookie_file, new->cookie_file)},
		{"listen_address", same_listen_addresses(old, new)},
		{"listen_port", old->listen_port == new->listen_port},
		{"epmd", gc_config_epmd(old) == gc_config_epmd(new)},
		{"dist_port", old->dist_port == new->dist_port},
		{"tls", !old->tls == !new->tls}, /* on or off; its options take effect */
		{"net_ticktime", old->net_ticktime_s == new->net_ticktime_s},
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (!fixed[i].same)
			gc_log(GC_LOG_WARNING, "config",
			       "%s has changed: that takes effect at the next start",
			       fixed[i].key);
}

static void on_old_discover_closed(void *arg)
{
	(void)arg;
}

static void retire_if_gone(void *arg, const char *instance)
{
	struct gc_daemon *d = arg;

	if (!gc_discover_has(d->discover, instance))
		list_add(&d->retired, instance);
}

int gc_daemon_reload(struct gc_daemon *d, struct gc_config *config, char *err, size_t err_len)
{
	struct gc_discover *discover = NULL, *old = d->discover;
	struct gc_cluster_config policy;
	int rc = d->is_stopping ? GC_ESHUTDOWN
				: gc_daemon_discover(d, config, &discover, err, err_len);

	if (rc == 0 && config->tls && d->config->tls)
		rc = gc_node_set_tls(d->node, config->tls, err, err_len);
	if (rc) {
		if (discover)
			gc_discover_close(discover, on_old_discover_closed, NULL);
		gc_config_destroy(config);
		return rc;
	}
	warn_fixed(d->config, config);
	d->discover = discover;
	gc_discover_each(old, retire_if_gone, d);
	gc_name_list_remove(&d->awaited, NULL);
	gc_reload_await(d);
	gc_reload_drop_retired(d);
	gc_discover_close(old, on_old_discover_closed, NULL);
	if (gc_node_set_allow(d->node, config->allow, config->n_allow) != 0)
		gc_log(GC_LOG_ERROR, "config", "allow stays as it was: %s", gc_err_text(GC_ENOMEM));
	gc_daemon_policy(d, config, &policy);
	gc_cluster_configure(d->cluster, &policy, gc_now(d));
	gc_reload_notify(d, d->config, config);
	gc_log_set_level(config->log_level);
	gc_config_destroy(d->config);
	d->config = config;
	gc_discover_start(d->discover);
	gc_log(GC_LOG_NOTICE, "config", "reloaded");
	if (d->told_ready)
		gc_act_tell_manager(d);
	gc_act_pump(d);
	return 0;
}
