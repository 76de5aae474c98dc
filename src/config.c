/* The option table: what can be configured, in one row each, and the members of struct gc_config
 * that are no plain values (discovery, dist, removed, notify, plugin_path). Everything else about a
 * row is generic: config_row.c. Where values come from: config_read.c, config_file.c. Pure; the configuration owns
 * its arena. */
#include "config_priv.h"

#include "allow.h"
#include "err.h"
#include "etf.h"
#include "name.h"

#include <string.h>

#define MS_MAX 4294967295u /* as timers in Erlang */

/* ---- plugins: discovery and dist ---- */

static bool is_name(const struct gc_term *t)
{
	const char *text = gc_term_text(t);

	return text && *text;
}

/* Name, or {Name, Opts}. */
static bool read_plugin(const struct gc_term *t, struct gc_config_plugin *p)
{
	bool is_pair = gc_term_is_tuple(t, 2, NULL);
	const struct gc_term *name = is_pair ? t->items[0] : t;

	if (!is_name(name))
		return false;
	p->name = gc_term_text(name);
	p->opts = is_pair ? t->items[1] : NULL;
	return true;
}

static int set_discovery(struct gc_setting *s, const struct gc_term *t)
{
	bool is_list = t->type == GC_TERM_LIST;
	const struct gc_term *const *items = is_list ? t->items : &t;
	size_t n = is_list ? t->n_items : 1;
	struct gc_config_plugin *all = gc_arena_alloc(s->c->arena, n * sizeof(*all) + 1);

	if (!all)
		return gc_setting_no_memory(s);
	for (size_t i = 0; i < n; i++) {
		if (!read_plugin(items[i], &all[i]))
			return gc_setting_refuse(s, items[i]);
	}
	s->c->discovery = all;
	s->c->n_discovery = n;
	return 0;
}

static int set_dist(struct gc_setting *s, const struct gc_term *t)
{
	struct gc_config_plugin dist;

	if (!read_plugin(t, &dist))
		return gc_setting_refuse(s, t);
	s->c->dist = dist;
	return 0;
}

/* Names only: which options of a plugin are secret is known to the plugin host alone. */
static void put_discovery(const struct gc_config *c, struct gc_buf *b)
{
	gc_etf_put_list(b, (uint32_t)c->n_discovery);
	for (size_t i = 0; i < c->n_discovery; i++)
		gc_etf_put_text(b, c->discovery[i].name);
	gc_etf_put_nil(b);
}

static void put_dist(const struct gc_config *c, struct gc_buf *b)
{
	if (c->dist.name)
		gc_etf_put_text(b, c->dist.name);
	else
		gc_etf_put_atom(b, "undefined");
}

/* ---- removed ---- */

static int set_removed(struct gc_setting *s, const struct gc_term *t)
{
	if (gc_term_is_atom(t, "keep")) {
		s->c->removed = GC_REMOVED_KEEP;
	} else if (gc_term_is_atom(t, "disconnect")) {
		s->c->removed = GC_REMOVED_DISCONNECT;
	} else if (gc_term_is_tuple(t, 2, "disconnect_after") && t->items[1]->type == GC_TERM_INT &&
		   t->items[1]->integer >= 0 && t->items[1]->integer <= MS_MAX) {
		s->c->removed = GC_REMOVED_DISCONNECT_AFTER;
		s->c->disconnect_after_ms = (uint64_t)t->items[1]->integer;
	} else {
		return gc_setting_refuse(s, t);
	}
	return 0;
}

static void put_removed(const struct gc_config *c, struct gc_buf *b)
{
	if (c->removed == GC_REMOVED_DISCONNECT_AFTER) {
		gc_etf_put_tuple(b, 2);
		gc_etf_put_atom(b, "disconnect_after");
		gc_etf_put_uint(b, c->disconnect_after_ms);
	} else {
		gc_etf_put_atom(b, c->removed == GC_REMOVED_KEEP ? "keep" : "disconnect");
	}
}

/* ---- notify ---- */

/* Name, or {Name, Node}. A registered name is any atom but undefined. */
static bool read_notify(const struct gc_term *t, struct gc_config_notify *n)
{
	bool is_pair = gc_term_is_tuple(t, 2, NULL);
	const struct gc_term *name = is_pair ? t->items[0] : t;
	const char *node = is_pair ? gc_term_text(t->items[1]) : NULL;

	if (!is_name(name) || gc_term_is_atom(name, "undefined") || name->text_len > 255)
		return false;
	if (is_pair && (!node || !gc_name_ok(node, strlen(node))))
		return false;
	*n = (struct gc_config_notify){gc_term_text(name), node};
	return true;
}

static int set_notify(struct gc_setting *s, const struct gc_term *t)
{
	bool is_list = t->type == GC_TERM_LIST;
	const struct gc_term *const *items = is_list ? t->items : &t;
	size_t n = is_list ? t->n_items : 1;
	struct gc_config_notify *all = gc_arena_alloc(s->c->arena, n * sizeof(*all) + 1);

	if (!all)
		return gc_setting_no_memory(s);
	for (size_t i = 0; i < n; i++) {
		if (!read_notify(items[i], &all[i]))
			return gc_setting_refuse(s, items[i]);
	}
	s->c->notify = all;
	s->c->n_notify = n;
	return 0;
}

static void put_notify(const struct gc_config *c, struct gc_buf *b)
{
	gc_etf_put_list(b, (uint32_t)c->n_notify);
	for (size_t i = 0; i < c->n_notify; i++) {
		if (c->notify[i].node)
			gc_etf_put_tuple(b, 2);
		gc_etf_put_atom(b, c->notify[i].name);
		if (c->notify[i].node)
			gc_etf_put_atom(b, c->notify[i].node);
	}
	gc_etf_put_nil(b);
}

/* ---- plugin_path, allow: lists of text ---- */

/* One, or a list of them. */
static int set_texts(struct gc_setting *s, const struct gc_term *t, bool (*is_good)(const struct gc_term *t),
		     const char ***texts_r, size_t *n_r)
{
	bool is_list = t->type == GC_TERM_LIST;
	const struct gc_term *const *items = is_list ? t->items : &t;
	size_t n = is_list ? t->n_items : 1;
	const char **all = gc_arena_alloc(s->c->arena, n * sizeof(*all) + 1);

	if (!all)
		return gc_setting_no_memory(s);
	for (size_t i = 0; i < n; i++) {
		if (!is_good(items[i]))
			return gc_setting_refuse(s, items[i]);
		all[i] = gc_term_text(items[i]);
	}
	*texts_r = all;
	*n_r = n;
	return 0;
}

static void put_texts(const char *const *texts, size_t n, struct gc_buf *b)
{
	gc_etf_put_list(b, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		gc_etf_put_text(b, texts[i]);
	gc_etf_put_nil(b);
}

static int set_plugin_path(struct gc_setting *s, const struct gc_term *t)
{
	return set_texts(s, t, is_name, &s->c->plugin_path, &s->c->n_plugin_path);
}

static void put_plugin_path(const struct gc_config *c, struct gc_buf *b)
{
	put_texts(c->plugin_path, c->n_plugin_path, b);
}

static bool is_network(const struct gc_term *t)
{
	struct gc_net net;

	return is_name(t) && gc_net_parse(&net, gc_term_text(t));
}

/* An empty list could mean everything, or nothing: it is refused. */
static int set_allow(struct gc_setting *s, const struct gc_term *t)
{
	if (t->type == GC_TERM_LIST && t->n_items == 0)
		return gc_setting_refuse(s, t);
	return set_texts(s, t, is_network, &s->c->allow, &s->c->n_allow);
}

static void put_allow(const struct gc_config *c, struct gc_buf *b)
{
	if (c->n_allow == 0)
		gc_etf_put_atom(b, "undefined");
	else
		put_texts(c->allow, c->n_allow, b);
}

/* ---- listen_address ---- */

static bool is_address(const struct gc_term *t)
{
	return is_name(t) && gc_row_is_address(gc_term_text(t));
}

static int set_listen_address(struct gc_setting *s, const struct gc_term *t)
{
	return set_texts(s, t, is_address, &s->c->listen_addresses, &s->c->n_listen_addresses);
}

static void put_listen_address(const struct gc_config *c, struct gc_buf *b)
{
	if (c->n_listen_addresses == 0)
		gc_etf_put_atom(b, "undefined");
	else
		put_texts(c->listen_addresses, c->n_listen_addresses, b);
}

/* ---- epmd ---- */

static const char *const epmd_choices[] = {"undefined", "true", "false", "auto"};

enum gc_config_epmd gc_config_epmd(const struct gc_config *c)
{
	if (c->epmd != GC_CONFIG_EPMD_DEFAULT)
		return c->epmd;
	return c->dist_port ? GC_CONFIG_EPMD_AUTO : GC_CONFIG_EPMD_TRUE;
}

static int set_epmd(struct gc_setting *s, const struct gc_term *t)
{
	for (int i = GC_CONFIG_EPMD_TRUE; i <= GC_CONFIG_EPMD_AUTO; i++) {
		if (gc_term_is_atom(t, epmd_choices[i])) {
			s->c->epmd = (enum gc_config_epmd)i;
			return 0;
		}
	}
	return gc_setting_refuse(s, t);
}

static void put_epmd(const struct gc_config *c, struct gc_buf *b)
{
	gc_etf_put_atom(b, epmd_choices[c->epmd]);
}

/* ---- the rows ---- */

#define MEMBER(m) .at = offsetof(struct gc_config, m), .size = sizeof(((struct gc_config *)0)->m)
#define INT(m, lo, hi) .kind = GC_ROW_INT, MEMBER(m), .min = (lo), .max = (hi)
#define MS(m, lo) .kind = GC_ROW_MS, MEMBER(m), .min = (lo), .max = MS_MAX
#define SPECIAL(name) .kind = GC_ROW_SPECIAL, .set = set_##name, .put = put_##name

static const char *const links_choices[] = {"keep", "probe", NULL};
static const char *const log_choices[] = {"error", "warning", "notice", "info", "debug", NULL};

static const struct gc_row reconnect_rows[] = {
    {"min_ms", "200", "first pause before a lost peer is dialled again", MS(reconnect_min_ms, 1)},
    {"max_ms", "30000", "longest pause", MS(reconnect_max_ms, 1)},
    {0},
};

static const struct gc_row ready_rows[] = {
    {"members", "0", "at least so many members", INT(ready_members, 0, 10000000)},
    {"stable_ms", "5000", "for so long no change", MS(ready_stable_ms, 0)},
    {"timeout_ms", "infinity", "ready at the latest after", MS(ready_timeout_ms, 0),
     .may_be_infinite = true},
    {0},
};

const struct gc_row gc_rows[] = {
    {"discovery", "[]", "how peers are found", SPECIAL(discovery),
     .allowed = "Name, {Name, Options}, or a list of these"},
    {"dist", NULL, "how peers are joined; erl with an owner, else ei", SPECIAL(dist),
     .allowed = "erl, ei, partisan, Name or {Name, Options}"},
    {"refresh_interval_ms", "5000", "how often discovery is asked", MS(refresh_interval_ms, 1),
     .may_be_infinite = true},
    {"refresh_jitter", "0.1", "part of the interval by which it varies", .kind = GC_ROW_REAL,
     MEMBER(refresh_jitter), .min = 0, .max = 1},
    {"reconnect", "#{}", "backoff of dials", .kind = GC_ROW_MAP, .sub = reconnect_rows},
    {"connect_timeout_ms", "7000", "deadline of a whole dial", MS(connect_timeout_ms, 1)},
    {"removed", "keep", "what becomes of members that discovery no longer names", SPECIAL(removed),
     .allowed = "keep, disconnect or {disconnect_after, Ms}"},
    {"confirm_removal", "3", "how often an empty answer must come before it removes",
     INT(confirm_removal, 1, 1000000)},
    {"max_peers", "5000", "more peers are not taken", INT(max_peers, 1, 10000000)},
    {"notify", "[gen_cluster]", "who is told", SPECIAL(notify),
     .allowed = "a list of Name (on the owner) or {Name, Node}"},
    {"links", "keep", "own links to peers: kept, or closed once they have joined",
     .kind = GC_ROW_ENUM, MEMBER(links_probe), .choices = links_choices},
    {"ready", NULL, "when the cluster counts as formed", .kind = GC_ROW_MAP, MEMBER(has_ready),
     .sub = ready_rows},
    {"plugin_path", "[]", "where plugins are looked for first", SPECIAL(plugin_path),
     .allowed = "a list of directories"},
    {"owner", NULL, "the node that is served", .kind = GC_ROW_NODE, MEMBER(owner)},
    {"owner_address", NULL, "where it is, if not where its name says", .kind = GC_ROW_ADDRESS,
     MEMBER(owner_address)},
    {"owner_port", "0", "its port; 0: EPMD knows", INT(owner_port, 0, 65535)},
    {"name", NULL, "our own node name; made of the owner's, else gen_cluster@HOST",
     .kind = GC_ROW_NODE, MEMBER(name)},
    {"cookie_file", NULL, "where the cookie is; else $HOME/.erlang.cookie", .kind = GC_ROW_TEXT,
     MEMBER(cookie_file), .allowed = "a file name"},
    {"allow", NULL, "where peers may be; else anywhere", SPECIAL(allow),
     .allowed = "a list of addresses, networks (10.0.0.0/8, no bit set beyond the prefix) or interfaces"},
    {"listen_address", NULL, "where we listen; else everywhere", SPECIAL(listen_address),
     .is_bare = true, .allowed = "an IP address, or a list of them"},
    {"listen_port", "0", "our port; 0: any", INT(listen_port, 0, 65535)},
    {"epmd", NULL, "register with EPMD and ask it; auto with dist_port, else true", SPECIAL(epmd),
     .allowed = "true, false or auto (where there is one)"},
    {"dist_port", "0", "of peers that come without one; 0: EPMD knows", INT(dist_port, 0, 65535)},
    {"tls", NULL, "distribution over TLS", .kind = GC_ROW_SPECIAL, .set = gc_config_set_tls,
     .put = gc_config_put_tls, .allowed = "a list of {Option, Value}, or [{optfile, File}]"},
    {"net_ticktime", "60", "seconds, as in kernel(6) of the peers", INT(net_ticktime_s, 1, 86400)},
    {"log_level", "notice", "what is logged", .kind = GC_ROW_ENUM, MEMBER(log_level),
     .choices = log_choices},
    {0},
};

void gc_config_put(const struct gc_config *c, struct gc_buf *etf)
{
	uint32_t n = 0;

	while (gc_rows[n].key)
		n++;
	gc_etf_put_map(etf, n);
	for (const struct gc_row *row = gc_rows; row->key; row++) {
		gc_etf_put_atom(etf, row->key);
		gc_row_put(row, c, etf);
	}
}

void gc_config_each_row(gc_config_row_cb cb, void *arg)
{
	char allowed[240];

	for (const struct gc_row *row = gc_rows; row->key; row++) {
		gc_row_describe(row, allowed, sizeof(allowed));
		cb(arg, row->key, allowed, row->dflt, row->help);
	}
}
