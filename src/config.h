/* The configuration: one row per option (config.c), from an Erlang term (a file's, or the port's) to
 * struct gc_config. Command line and GEN_CLUSTER_* environment go through the same rows. Errors name
 * file, line, key, value, what is allowed, and the nearest known key. Pure but for reading files. */
#ifndef GC_CONFIG_H
#define GC_CONFIG_H

#include "cluster.h"
#include "log.h"
#include "term.h"

struct gc_config_plugin { /* {Name, Opts} */
	const char *name;
	const struct gc_term *opts; /* NULL: none */
};
struct gc_config_notify {
	const char *name;
	const char *node; /* NULL: the owner */
};

struct gc_tls_options;

/* Whether we register with the EPMD of this host, and ask those of peers. */
enum gc_config_epmd {
	GC_CONFIG_EPMD_DEFAULT = 0, /* auto with dist_port, else true */
	GC_CONFIG_EPMD_TRUE = 1,
	GC_CONFIG_EPMD_FALSE = 2,
	GC_CONFIG_EPMD_AUTO = 3, /* where there is one */
};

/* Everything lives in the arena that it owns. Zero / NULL is "not given". */
struct gc_config {
	struct gc_arena *arena;
	bool is_empty; /* [] : nothing to start */
	struct gc_config_plugin *discovery;
	size_t n_discovery;
	struct gc_config_plugin dist; /* name NULL: erl with an owner, else ei */
	uint64_t refresh_interval_ms; /* UINT64_MAX: infinity */
	double refresh_jitter;
	uint64_t reconnect_min_ms, reconnect_max_ms;
	uint64_t connect_timeout_ms;
	enum gc_removed removed;
	uint64_t disconnect_after_ms;
	uint32_t confirm_removal;
	size_t max_peers;
	struct gc_config_notify *notify;
	size_t n_notify;
	bool links_probe;
	bool has_ready;
	uint32_t ready_members;
	uint64_t ready_stable_ms, ready_timeout_ms;
	const char **plugin_path;
	size_t n_plugin_path;
	const char **allow; /* rules of allow.h */
	size_t n_allow;	    /* 0: everything is allowed */
	/* about ourselves; the port hands owner, name and cookie in another way (port.h) */
	const char *owner;	  /* node name */
	const char *owner_address; /* numeric, or NULL */
	uint16_t owner_port;	  /* 0: EPMD */
	const char *name;	  /* node name of the C-node, or NULL: made from the owner's */
	const char *cookie_file;
	const char **listen_addresses; /* numeric; none: every address */
	size_t n_listen_addresses;
	uint16_t listen_port;
	enum gc_config_epmd epmd;
	uint16_t dist_port; /* of peers that come without one (also ERL_DIST_PORT); 0: EPMD knows */
	uint32_t net_ticktime_s;
	const struct gc_tls_options *tls; /* NULL: plain TCP */
	enum gc_log_level log_level;
};

/* From a term: a list (or map) of options, {gen_cluster, Options}, or a sys.config (a list of
 * {App, Options}, from which gen_cluster is taken). file: for errors, may be NULL. The term is copied;
 * lines are told only by the two below. */
int gc_config_from_term(const struct gc_term *t, const char *file, struct gc_config **config_r,
			char *err, size_t err_len);
/* Parses it, then as above. file: whose text it is. */
int gc_config_from_text(const char *text, size_t len, const char *file, struct gc_config **config_r,
			char *err, size_t err_len);
/* Reads a regular file (at most 1 MiB), then as above. Blocks for the read. */
int gc_config_from_file(const char *file, struct gc_config **config_r, char *err, size_t err_len);
/* All defaults; is_empty is false. */
int gc_config_default(struct gc_config **config_r);
/* Sets one option from text: `--KEY VALUE`, or GEN_CLUSTER_KEY; over what it was. origin stands in errors
 * for file and key. Node names, addresses, paths and numbers may be given bare, anything else as
 * Erlang text. A map is set as a whole. With discovery, it is not empty any more. */
int gc_config_set(struct gc_config *c, const char *key, const char *value, const char *origin,
		  char *err, size_t err_len);
/* Applies every GEN_CLUSTER_* variable; unknown ones are errors, but those that Kubernetes sets for a
 * service of that name (.._PORT*, .._SERVICE_*), GEN_CLUSTER_PLUGIN_DIR and GEN_CLUSTER_PROGRAM.
 * ERL_DIST_PORT becomes dist_port if that is not given. */
int gc_config_from_env(struct gc_config *c, char *const *envp, char *err, size_t err_len);
/* What epmd comes to: never GC_CONFIG_EPMD_DEFAULT. */
enum gc_config_epmd gc_config_epmd(const struct gc_config *c);
void gc_config_destroy(struct gc_config *c);
/* The `config` request: a map of all options, no secrets: of plugins only the names. */
void gc_config_put(const struct gc_config *c, struct gc_buf *etf);
/* Help text of all options, for --help and the manual page check. */
typedef void (*gc_config_row_cb)(void *arg, const char *key, const char *type, const char *dflt,
				 const char *help);
void gc_config_each_row(gc_config_row_cb cb, void *arg);

/* The cookie: `file`, else $HOME/.erlang.cookie (else that of XDG_CONFIG_HOME, as erl does); refused if
 * others may access it (as erl does: mode must not grant group or other anything), empty, over 255
 * characters, or with characters erl refuses. cookie_r: 256 bytes; wipe it after use. */
int gc_cookie_read(const char *file, char *cookie_r, char *err, size_t err_len);

#endif
