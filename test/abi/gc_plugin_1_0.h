/* FROZEN: gc_plugin.h as the first plugins were built with. Never changed: what was built with it has to load and
 * work for as long as GC_PLUGIN_ABI is 1. test/abi/old.c is built with it alone.
 *
 * gen_cluster/gc_plugin.h: how to write a plugin for gen_cluster.
 *
 * A plugin is one shared object. It exports one function, gc_plugin_entry(), which returns a
 * constant struct gc_plugin; GC_PLUGIN_DEFINE writes that function. It teaches gen_cluster either a
 * new way to discover peers (struct gc_discovery) or a new way to connect them (struct gc_dist).
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * Rules that hold for all of it
 * - All calls into a plugin come on the loop thread and must not block, but refresh_blocking.
 * - Services of the host come as a table, struct gc_host; a plugin needs no symbol of the program.
 * - No memory changes hands: the host copies what it is given before the call returns, and what it
 *   hands in is borrowed for the call, unless said otherwise. Each side frees its own.
 * - Several instances of one plugin may live at once: keep no writable globals.
 * - Order: gc_plugin_entry, create, (a request, its finish)*, close, closed. If create fails, close
 *   is not called. close may come while a request is open: that one is cancelled by it and needs no
 *   finish any more.
 * - A struct gc_request * is good until finish; later it is refused, whoever uses it. An instance is
 *   asked one thing at a time: after a deadline not again before the late finish has come.
 * - Text is UTF-8 and NUL-terminated. Times are milliseconds unless the name says otherwise.
 * - Structs grow at their end; struct_size tells how much of one the other side knows. A missing
 *   tail means the default. Read a member of gc_host beyond the first release only if
 *   GC_HAS(host, member).
 */
#ifndef GEN_CLUSTER_GC_PLUGIN_H
#define GEN_CLUSTER_GC_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Moves only to refuse a binary. 1: the first. */
#define GC_PLUGIN_ABI 1u

struct uv_loop_s; /* libuv's loop, for asynchronous plugins */

struct gc_instance; /* one configured use of a plugin; the host's */
struct gc_request;  /* one question to an instance; the host's */

/* A peer as discovery names it. */
struct gc_peer {
	/* "name@host". Without '@' it is a host (or an address), and the host of the plugin makes
	 * the name (or names) of it: NODE_BASENAME@host. */
	const char *node;
	/* A numeric IPv4 or IPv6 address where it is to be reached; NULL: resolve the host part. */
	const char *address;
	/* Its distribution port; 0: ask EPMD. */
	uint16_t port;
};

/* How good an answer is. Only a complete answer may remove peers. */
enum gc_quality {
	GC_COMPLETE = 0, /* these are all there are */
	GC_PARTIAL = 1,	 /* these are there, others may be */
	GC_ERROR = 2	 /* no answer: whatever was added is forgotten, the last good set stays */
};

enum gc_type {
	GC_STRING = 1,	 /* str: text */
	GC_INTEGER = 2,	 /* num */
	GC_DURATION = 3, /* num: milliseconds; GC_INFINITY for the atom infinity */
	GC_BOOLEAN = 4,	 /* num: 0 or 1 */
	GC_ENUM = 5,	 /* str: one of the choices */
	GC_NODE = 6,	 /* str: a valid node name */
	GC_LIST = 0x100	 /* or-ed in: a list of these; a single one is taken as a list of one */
};
#define GC_INFINITY (-1)

/* One option of a plugin. An array of them ends with a zeroed one. The host checks and converts
 * the values, and documents the options with `help`. */
struct gc_option {
	const char *name;
	uint32_t type;		  /* enum gc_type, perhaps with GC_LIST */
	uint32_t flags;		  /* GC_OPT_REQUIRED, GC_OPT_SECRET (never shown), GC_OPT_MAIN */
	const char *default_text; /* as Erlang term text, "5000"; NULL: none, str() gives NULL */
	int64_t min, max;	  /* for numbers; both 0: any (a duration: at least 0); max 0
				   * with min above 0: no upper bound. A duration with an upper
				   * bound cannot be infinity */
	const char *choices;	  /* for GC_ENUM: "ip|a|aaaa|srv" */
	const char *help;	  /* one sentence, with its unit */
};
#define GC_OPT_REQUIRED 1u
#define GC_OPT_SECRET 2u
#define GC_OPT_MAIN 4u /* {Name, [..]} or {Name, "..."} instead of a map sets this one */

/* Facts about where we run: host->env(). */
enum gc_env {
	GC_ENV_OWNER = 1,      /* node name of the owner; NULL without one */
	GC_ENV_CNODE = 2,      /* our own node name */
	GC_ENV_BASENAME = 3,   /* the default basename: the part of the owner's name before '@' */
	GC_ENV_HOST = 4,       /* the host part of the owner's name, or of ours */
	GC_ENV_EPMD_PORT = 5   /* in decimal */
};

enum gc_plugin_log_level { GC_ERR = 0, GC_WARNING = 1, GC_NOTICE = 2, GC_INFO = 3, GC_DEBUG = 4 };

/* Host services; valid until closed() has been called. All but those marked (any thread) on the loop
 * thread only. */
struct gc_host {
	uint32_t struct_size;
	struct uv_loop_s *loop;

	/* (any thread) One log line. */
	void (*log)(struct gc_instance *, int level, const char *fmt, ...);
	/* (any thread) NULL if unknown. Lives as long as the instance. */
	const char *(*env)(struct gc_instance *, enum gc_env);

	/* (any thread) Option values, already checked. i: index into a list, else 0. str gives NULL
	 * and num 0 where there is no such value; count: how many values there are (0: not given and no
	 * default). Live as long as the instance. */
	size_t (*count)(struct gc_instance *, const char *option);
	const char *(*str)(struct gc_instance *, const char *option, size_t i);
	int64_t (*num)(struct gc_instance *, const char *option, size_t i);

	/* ---- answers ---- */
	/* Adds a peer to the answer. 0, or negative when it was not taken (bad name, more than
	 * max_peers, request is over): go on or finish. Within refresh_blocking: from its thread. */
	int (*add_peer)(struct gc_request *, const struct gc_peer *);
	/* For information: how long the source says that the answer holds, in seconds. */
	void (*set_ttl)(struct gc_request *, uint32_t ttl_s);
	/* Ends the request, once. reason: one sentence or an atom, needed for GC_ERROR, wanted for
	 * GC_PARTIAL and for an empty GC_COMPLETE ("nxdomain"); else NULL. The request is then gone.
	 * A blocking plugin does not call it (see refresh_blocking). */
	void (*finish)(struct gc_request *, enum gc_quality, const char *reason);
	/* Opens an answer nobody asked for: add_peer, then finish. NULL: not now (closing, too many
	 * wait to be delivered, or no memory). One that is open already is forgotten. */
	struct gc_request *(*push)(struct gc_instance *);
	/* (any thread) 1 when the deadline of this request has passed or it was cancelled. */
	int (*is_cancelled)(struct gc_request *);
	/* Ends close(): no handle, thread or pointer of this instance is left. */
	void (*closed)(struct gc_instance *);

	/* ---- for struct gc_dist only ---- */
	/* Has the owner run Module:Function(Args) and hands the result over as one external term
	 * (without version byte, validated). args: external format of a proper list, without version
	 * byte. err 0, or negative with the reason. An exception comes as {badrpc, Reason}. If it returns 0,
	 * done is called exactly once, at the latest before close(). */
	int (*call_owner)(struct gc_instance *, const char *module, const char *function,
			  const void *args, size_t args_len, uint64_t timeout_ms,
			  void (*done)(void *arg, int err, const char *reason, const void *term,
				       size_t len),
			  void *arg);
	/* The same without an answer. */
	int (*cast_owner)(struct gc_instance *, const char *module, const char *function,
			  const void *args, size_t args_len);
	/* The external format of a pid of our node: messages sent to it come to on_message. It is new
	 * after each on_owner(up). Returns its length; buf needs 300 bytes. */
	size_t (*mailbox)(struct gc_instance *, void *buf, size_t len);
	/* Membership as this backend sees it: one change, with the reason for a loss; or, in the same
	 * way as an answer, the whole set: push(), add_peer()*, finish(GC_COMPLETE). */
	void (*member_up)(struct gc_instance *, const char *node);
	void (*member_down)(struct gc_instance *, const char *node, const char *reason);
	/* Our own link to a node: 1 if it is up; and to close it. */
	int (*has_link)(struct gc_instance *, const char *node);
	void (*close_link)(struct gc_instance *, const char *node);
};

/* 1 if the host knows this member. */
#define GC_HAS(host, member)                                                                       \
	((host)->struct_size >= offsetof(struct gc_host, member) + sizeof((host)->member))

/* A way to discover peers. One of refresh and refresh_blocking is mandatory, unless the plugin
 * pushes (then both may be NULL). */
struct gc_discovery {
	uint32_t struct_size;
	/* Makes an instance. 0, or -1 with a sentence in err. Options: host->str, num, count. */
	int (*create)(const struct gc_host *, struct gc_instance *, void **self_r, char *err,
		      size_t err_len);
	/* Asynchronous: starts an answer. 0: finish() will come, perhaps already has. -1: it will
	 * not, and the answer is an error. */
	int (*refresh)(void *self, struct gc_request *);
	/* Blocking: runs on a thread of its own, may block until the deadline; add_peer as you go,
	 * then return the quality; reason (reason_len bytes) as in finish. The instance is not closed
	 * while it runs. What it returns after its deadline is thrown away. */
	enum gc_quality (*refresh_blocking)(void *self, struct gc_request *, char *reason,
					    size_t reason_len);
	/* Optional: the host wants no answer any more. finish() must still be called soon. */
	void (*cancel)(void *self, struct gc_request *);
	/* Asynchronous; ends in host->closed(). */
	void (*close)(void *self);
};

/* A way to connect peers: what it means to be a member. */
struct gc_dist {
	uint32_t struct_size;
	uint32_t needs_owner; /* 1: works through the owner, is not asked while the owner is down */
	int (*create)(const struct gc_host *, struct gc_instance *, void **self_r, char *err,
		      size_t err_len);
	/* Joins / leaves peer->node; ends in finish(GC_COMPLETE) or finish(GC_ERROR, reason). */
	int (*connect)(void *self, struct gc_request *, const struct gc_peer *);
	int (*disconnect)(void *self, struct gc_request *, const struct gc_peer *);
	/* optional: the whole set: add_peer()*, finish. Asked when the owner is back and at each
	 * refresh. */
	int (*members)(void *self, struct gc_request *);
	void (*cancel)(void *self, struct gc_request *); /* optional, as above */
	void (*on_owner)(void *self, int up);		 /* optional: our link to the owner */
	/* optional: our link to any node. reason: NULL when up. */
	void (*on_link)(void *self, const char *node, int up, const char *reason);
	/* optional: a message to our mailbox, one external term without version byte, validated. */
	void (*on_message)(void *self, const void *term, size_t len);
	void (*close)(void *self);
};

struct gc_plugin {
	uint32_t abi, struct_size; /* fixed place for ever */
	const char *name;	   /* as in the configuration */
	const char *version;
	const char *summary;	      /* one sentence */
	const struct gc_option *options; /* may be NULL */
	const struct gc_discovery *discovery; /* one of the two */
	const struct gc_dist *dist;
};

#if defined(__GNUC__)
#define GC_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define GC_PLUGIN_EXPORT
#endif

typedef const struct gc_plugin *(*gc_plugin_entry_fn)(void);

/* GC_PLUGIN_DEFINE(.name = "mine", .version = "1", .summary = "...", .discovery = &my_discovery) */
#ifndef GC_PLUGIN_ENTRY /* plugins linked into the program itself rename it */
#define GC_PLUGIN_ENTRY gc_plugin_entry
#endif
#define GC_PLUGIN_DEFINE(...)                                                                      \
	GC_PLUGIN_EXPORT const struct gc_plugin *GC_PLUGIN_ENTRY(void);                             \
	const struct gc_plugin *GC_PLUGIN_ENTRY(void)                                              \
	{                                                                                          \
		static const struct gc_plugin plugin = {.abi = GC_PLUGIN_ABI,                      \
							.struct_size = sizeof(struct gc_plugin),   \
							__VA_ARGS__};                              \
		return &plugin;                                                                    \
	}

#ifdef __cplusplus
}
#endif
#endif
