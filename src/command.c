/* The one-shot commands; see command.h. Text is for people; the JSON (RFC 8259) stays as it is. */
#include "command.h"
#include "allow.h"
#include "daemon.h"
#include "discover.h"
#include "front.h"
#include "name.h"
#include "plugin.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#define DISCOVER_TIMEOUT_MS 30000

/* ---- JSON ---- */

static void json_string(const char *s)
{
	putchar('"');
	for (; s && *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			printf("\\u%04x", (unsigned)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void json_member(const char *key, const char *value, const char *end)
{
	json_string(key);
	putchar(':');
	if (value)
		json_string(value);
	else
		fputs("null", stdout);
	fputs(end, stdout);
}

static struct gc_plugin_path path_of(const struct gc_config *config)
{
	return (struct gc_plugin_path){(const char *const *)config->plugin_path,
				       config->n_plugin_path};
}

/* ---- discover ---- */

struct asking {
	uv_loop_t loop;
	uv_timer_t deadline;
	struct gc_discover *discover;
	struct gc_allow *allow;
	size_t left; /* instances that have not answered */
	bool as_json, any_json, failed, closing;
};

static const char *quality_name(enum gc_quality q)
{
	return q == GC_COMPLETE ? "complete" : q == GC_PARTIAL ? "partial" : "error";
}

static void print_answer(const struct gc_answer *a)
{
	printf("%s: %s, %zu peer%s%s%s\n", a->instance, quality_name(a->quality), a->n,
	       a->n == 1 ? "" : "s", a->reason ? ": " : "", a->reason ? a->reason : "");
	for (size_t i = 0; i < a->n; i++) {
		printf("  %s", a->peers[i].node);
		if (a->peers[i].address)
			printf("  address %s", a->peers[i].address);
		if (a->peers[i].port)
			printf("  port %u", a->peers[i].port);
		putchar('\n');
	}
}

static void print_answer_json(struct asking *asking, const struct gc_answer *a)
{
	fputs(asking->any_json ? ",\n{" : "{", stdout);
	asking->any_json = true;
	json_member("instance", a->instance, ",");
	json_member("quality", quality_name(a->quality), ",");
	json_member("reason", a->reason, ",");
	printf("\"ttl_s\":%u,\"peers\":[", a->ttl_s);
	for (size_t i = 0; i < a->n; i++) {
		fputs(i ? ",{" : "{", stdout);
		json_member("node", a->peers[i].node, ",");
		json_member("address", a->peers[i].address, ",");
		printf("\"port\":%u}", a->peers[i].port);
	}
	fputs("]}", stdout);
}

static void on_discover_closed(void *arg)
{
	(void)arg;
}

static void stop_asking(struct asking *asking)
{
	if (asking->closing)
		return;
	asking->closing = true;
	uv_close((uv_handle_t *)&asking->deadline, NULL);
	gc_discover_close(asking->discover, on_discover_closed, asking);
}

static void on_deadline(uv_timer_t *timer)
{
	struct asking *asking = timer->data;

	fprintf(stderr, "gen_cluster: %zu of the discovery instances did not answer\n",
		asking->left);
	asking->failed = true;
	stop_asking(asking);
}

static void on_answer(void *arg, const struct gc_answer *a)
{
	struct asking *asking = arg;

	if (asking->left == 0)
		return;
	if (asking->as_json)
		print_answer_json(asking, a);
	else
		print_answer(a);
	if (a->quality == GC_ERROR)
		asking->failed = true;
	if (--asking->left == 0)
		stop_asking(asking);
}

static int add_instances(struct asking *asking, const struct gc_config *config, const char *name,
			 const struct gc_term *opts, char *err, size_t err_len)
{
	struct gc_plugin_path path = path_of(config);
	int rc = 0;

	if (name)
		return gc_discover_add(asking->discover, &path, name, opts, err, err_len);
	for (size_t i = 0; rc == 0 && i < config->n_discovery; i++)
		rc = gc_discover_add(asking->discover, &path, config->discovery[i].name,
				     config->discovery[i].opts, err, err_len);
	if (rc == 0 && config->n_discovery == 0) {
		(void)snprintf(err, err_len, "discover wants NAME, or --config with a discovery");
		rc = GC_EINVAL;
	}
	return rc;
}

static int ask_all(struct asking *asking)
{
	asking->left = gc_discover_count(asking->discover);
	uv_timer_init(&asking->loop, &asking->deadline);
	asking->deadline.data = asking;
	uv_timer_start(&asking->deadline, on_deadline, DISCOVER_TIMEOUT_MS, 0);
	if (asking->as_json)
		putchar('[');
	gc_discover_start(asking->discover);
	uv_run(&asking->loop, UV_RUN_DEFAULT);
	if (asking->as_json)
		puts("]");
	return asking->failed ? GC_EXIT_FAILED : GC_EXIT_OK;
}

static bool may_reach(void *arg, const struct sockaddr *addr)
{
	struct asking *asking = arg;

	return gc_allow_has(asking->allow, addr, uv_now(&asking->loop));
}

static int discover(struct gc_config *config, const char *name, const struct gc_term *opts,
		    bool as_json)
{
	struct asking asking = {.as_json = as_json};
	char cnode[GC_NODE_MAX + 1] = "", err[1024] = "";
	struct gc_discover_config c = {.loop = &asking.loop,
				       .refresh_interval_ms = UINT64_MAX,
				       .max_peers = config->max_peers,
				       .owner = config->owner,
				       .keeps_hosts = true,
				       .cnode = cnode,
				       .may_reach = may_reach,
				       .on_answer = on_answer,
				       .arg = &asking};
	int code = GC_EXIT_CONFIG;

	if (!config->name && !gc_daemon_default_name(config->owner, cnode, sizeof(cnode)))
		(void)snprintf(cnode, sizeof(cnode), "gen_cluster@localhost");
	if (config->name)
		c.cnode = config->name;
	uv_loop_init(&asking.loop);
	if (config->n_allow > 0)
		asking.allow = gc_allow_create(config->allow, config->n_allow);
	if ((config->n_allow > 0 && !asking.allow) ||
	    gc_discover_create(&c, &asking.discover) != 0)
		return GC_EXIT_FAILED;
	if (add_instances(&asking, config, name, opts, err, sizeof(err)) == 0) {
		code = ask_all(&asking);
	} else {
		fprintf(stderr, "gen_cluster: %s\n", err);
		gc_discover_close(asking.discover, on_discover_closed, &asking);
		uv_run(&asking.loop, UV_RUN_DEFAULT);
	}
	(void)uv_loop_close(&asking.loop);
	gc_allow_destroy(asking.allow);
	return code;
}

int gc_command_discover(struct gc_config *config, const char *name, const char *options,
			bool as_json)
{
	const struct gc_term *opts = NULL;
	struct gc_arena *arena;
	char err[512] = "";
	int code = GC_EXIT_CONFIG;

	if (!options)
		return discover(config, name, NULL, as_json);
	arena = gc_arena_create(1 << 22);
	if (arena && gc_term_parse(arena, options, strlen(options), false, &opts, err,
				   sizeof(err)) == 0)
		code = discover(config, name, opts, as_json);
	else
		fprintf(stderr, "gen_cluster: options: %s\n", err);
	gc_arena_destroy(arena);
	return code;
}

/* ---- check ---- */

/* Loads the plugins that a configuration names and checks their options; starts nothing. */
static int check_plugins(const struct gc_config *config, char *err, size_t err_len)
{
	struct gc_plugin_path path = path_of(config);
	struct asking asking = {0};
	struct gc_discover_config c = {.loop = &asking.loop,
				       .refresh_interval_ms = UINT64_MAX,
				       .max_peers = config->max_peers,
				       .owner = config->owner,
				       .cnode = "check@localhost",
				       .on_answer = on_answer,
				       .arg = &asking};
	struct gc_module *module = NULL;
	int rc;

	uv_loop_init(&asking.loop);
	rc = gc_discover_create(&c, &asking.discover);
	if (rc == 0 && config->n_discovery > 0)
		rc = add_instances(&asking, config, NULL, NULL, err, err_len);
	if (rc == 0 && config->dist.name) {
		rc = gc_module_open(&path, config->dist.name, &module, err, err_len);
		if (rc == 0)
			gc_module_close(module);
	}
	if (asking.discover)
		gc_discover_close(asking.discover, on_discover_closed, &asking);
	uv_run(&asking.loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&asking.loop);
	return rc;
}

int gc_command_check(struct gc_config *config, const char *file, bool as_json)
{
	char err[1024] = "", why[900] = "";
	int rc = check_plugins(config, why, sizeof(why));

	if (rc)
		(void)snprintf(err, sizeof(err), "%s: %s", file, why);

	if (as_json) {
		printf("{\"ok\":%s,", rc == 0 ? "true" : "false");
		json_member("error", rc == 0 ? NULL : err, "}\n");
	} else if (rc == 0) {
		puts(config->is_empty ? "The configuration is empty: nothing would be started."
				      : "The configuration is right.");
	} else {
		fprintf(stderr, "gen_cluster: %s\n", err);
	}
	return rc == 0 ? GC_EXIT_OK : GC_EXIT_CONFIG;
}

/* ---- plugins ---- */

struct listing {
	const char *name; /* NULL: all */
	bool as_json, any_json;
	size_t found, refused;
};

static const char *type_name(uint32_t type)
{
	static const char *const names[] = {"?",       "string", "integer", "duration",
					    "boolean", "enum",	 "node"};
	uint32_t base = type & ~(uint32_t)GC_LIST;

	return base < sizeof(names) / sizeof(names[0]) ? names[base] : "?";
}

static void print_options(const struct gc_option *o)
{
	for (; o && o->name; o++) {
		printf("  %-16s %s%s%s%s%s", o->name, type_name(o->type),
		       o->type & GC_LIST ? " or list" : "", o->choices ? " " : "",
		       o->choices ? o->choices : "",
		       o->flags & GC_OPT_REQUIRED ? ", required" : "");
		if (o->default_text)
			printf(", default %s", o->default_text);
		printf("\n                   %s\n", o->help ? o->help : "");
	}
}

static void print_options_json(const struct gc_option *o)
{
	fputs("\"options\":[", stdout);
	for (bool first = true; o && o->name; o++, first = false) {
		fputs(first ? "{" : ",{", stdout);
		json_member("name", o->name, ",");
		json_member("type", type_name(o->type), ",");
		printf("\"list\":%s,\"required\":%s,", o->type & GC_LIST ? "true" : "false",
		       o->flags & GC_OPT_REQUIRED ? "true" : "false");
		json_member("default", o->default_text, ",");
		json_member("choices", o->choices, ",");
		json_member("help", o->help, "}");
	}
	putchar(']');
}

static void print_module_json(struct listing *l, const char *file, const struct gc_module *m,
			      const char *err)
{
	fputs(l->any_json ? ",\n{" : "{", stdout);
	l->any_json = true;
	json_member("file", file, ",");
	json_member("error", err, m ? "," : "}");
	if (!m)
		return;
	json_member("name", m->plugin->name, ",");
	json_member("version", m->plugin->version, ",");
	json_member("kind", m->plugin->discovery ? "discovery" : "dist", ",");
	json_member("summary", m->plugin->summary, ",");
	printf("\"abi\":%u,", m->plugin->abi);
	print_options_json(m->plugin->options);
	putchar('}');
}

static void print_module(const struct listing *l, const char *file, const struct gc_module *m,
			 const char *err)
{
	if (!m) {
		printf("%-10s refused: %s\n", file ? file : "?", err);
		return;
	}
	printf("%-10s %-9s version %s, ABI %u, %s\n           %s\n", m->plugin->name,
	       m->plugin->discovery ? "discovery" : "dist", m->plugin->version, m->plugin->abi,
	       file ? file : "linked in", m->plugin->summary ? m->plugin->summary : "");
	if (l->name)
		print_options(m->plugin->options);
}

static void on_module(void *arg, const char *file, const struct gc_module *m, const char *err)
{
	struct listing *l = arg;

	if (l->name && (!m || strcmp(m->plugin->name, l->name) != 0))
		return;
	if (m)
		l->found++;
	else
		l->refused++;
	if (l->as_json)
		print_module_json(l, file, m, err);
	else
		print_module(l, file, m, err);
}

int gc_command_plugins(const struct gc_config *config, const char *name, bool as_json)
{
	struct gc_plugin_path path = path_of(config);
	const char *preset;
	struct listing l = {.name = name ? gc_plugin_alias(name, &preset) : NULL,
			    .as_json = as_json};

	if (as_json)
		putchar('[');
	gc_module_each(&path, on_module, &l);
	if (as_json)
		puts("]");
	if (name && l.found == 0) {
		fprintf(stderr, "gen_cluster: there is no plugin '%s'\n", name);
		return GC_EXIT_FAILED;
	}
	return l.refused ? GC_EXIT_FAILED : GC_EXIT_OK;
}
