/* Between the parts of the discovery manager: discover.c (all instances),
 * discover_instance.c (one), discover_again.c (another in its place), discover_round.c (its questions and answers),
 * discover_pace.c (when it is asked again), discover_host.c (services for plugins), discover_thread.c (blocking plugins),
 * discover_report.c.
 *
 * An instance is in one of three states; closing is apart from them.
 *
 *            round begins                    deadline
 *     IDLE ---------------> ASKED --------------------------> OVERDUE
 *      ^                      |  answers "timeout", cancel()     |
 *      |       finish()       |                                  |  finish(), swallowed
 *      +----------------------+----------------------------------+
 *
 * While it is overdue, each round is answered with an error and the plugin is not asked again: it
 * never has more than one question. One that stays overdue gives way to another of the same name and
 * options (discover_again.c). */
#ifndef GC_DISCOVER_PRIV_H
#define GC_DISCOVER_PRIV_H

#include "discover.h"
#include "discover_pace.h"
#include "host.h"
#include "log.h"
#include "peerset.h"

#include <stdbool.h>

#define GC_REASON_MAX 1200 /* exec tells 1024 bytes of what a command said */
#define GC_CLOSE_TIMEOUT_MS 500
#define GC_LIVES_MAX 4 /* of one instance at a time: it, and those before it that did not close */
#define GC_PUSH_QUEUE 16 /* finished pushes of one instance that wait to be delivered */

/* A question to an instance, or an answer nobody asked for; later its result. */
struct gc_ask {
	struct gc_instance *inst;
	struct gc_request *handle; /* what the plugin holds (handle.h) */
	struct gc_peerset *peers;  /* the worker thread's while it runs */
	bool is_push, is_blocking;
	enum gc_quality quality;
	uint32_t ttl_s;
	char reason[GC_REASON_MAX]; /* "" : none */
	struct gc_ask *prev, *next; /* in inst->done */
};

enum gc_instance_state { GC_IDLE, GC_ASKED, GC_OVERDUE };

struct gc_job; /* a question on its thread */

struct gc_instance {
	struct gc_facts facts;
	uint32_t magic;
	struct gc_discover *d;
	struct gc_module *module;
	char name[64]; /* "dns-2" */
	void *self;    /* the plugin's */
	const char **basenames;
	size_t n_basenames;
	uint64_t interval_ms; /* UINT64_MAX: once */
	uint64_t timeout_ms;
	uv_timer_t timer; /* IDLE, OVERDUE: the next round; ASKED: the deadline */
	enum gc_instance_state state;
	struct gc_ask *asked;	/* ASKED, OVERDUE */
	struct gc_ask *pushing; /* opened by push(), not finished */
	struct gc_ask *done;	/* finished, to be delivered */
	size_t n_done;
	struct gc_job *job;
	bool is_live; /* created, and close() not yet called */
	bool is_closing, is_closed, is_abandoned;
	/* for the report and the backoff */
	uint64_t asked_mono_ms, answered_mono_ms, rounds, errors, pushes;
	struct gc_pace pace;
	unsigned missed;   /* rounds, since it is overdue */
	unsigned agains;   /* made again so often without an answer between */
	uint64_t restarts; /* made again so often in all */
	enum gc_quality last_quality;
	char last_reason[GC_REASON_MAX];
	size_t last_n;
	uint32_t last_ttl_s;
	struct gc_trouble no_answer, not_whole, not_taken;
	struct gc_instance *prev, *next;
};

struct gc_discover {
	struct gc_discover_config config;
	struct gc_host host;
	struct gc_where where;
	struct gc_mail mail;
	struct gc_instance *instances;
	uint64_t random; /* state of the jitter */
	uv_idle_t deliver;
	uv_timer_t close_timer;
	unsigned open_handles; /* of our own */
	size_t n_abandoned;
	bool is_started, is_closing;
	void (*closed)(void *arg);
	void *closed_arg;
	struct gc_discover *next_abandoned;
};

/* ---- discover.c ---- */
struct gc_instance *gc_discover_find(const struct gc_discover *d, const char *name);
/* Ends closing when no instance is left. */
void gc_discover_maybe_closed(struct gc_discover *d);

/* ---- discover_instance.c ---- */
/* True for one that works, or ought to: it is not one that closes. */
bool gc_instance_is_shown(const struct gc_instance *inst);
/* Puts it into the list and has the plugin make it. On error it goes by way of the loop: the plugin
 * may have closed handles of its own. */
int gc_instance_create(struct gc_instance *inst, char *err, size_t err_len);
void gc_instance_close(struct gc_instance *inst);
/* It did not close in time: only our own handle of it goes. */
void gc_instance_abandon(struct gc_instance *inst);
/* The plugin says that it holds nothing any more. */
void gc_discover_plugin_closed(struct gc_instance *inst);
/* The thread of a blocking question is back. */
void gc_discover_job_done(struct gc_instance *inst);

/* ---- discover_again.c ---- */
/* One that is overdue: another in its place if it is time for that, which has not been asked yet; else
 * NULL. The old one is then closing. */
struct gc_instance *gc_instance_again(struct gc_instance *inst);
/* It would be time, but too many have not closed. */
bool gc_instance_is_stuck(const struct gc_instance *inst);

/* ---- discover_round.c ---- */
/* False: it only pushes. */
bool gc_instance_is_asked(const struct gc_instance *inst);
void gc_instance_begin_round(struct gc_instance *inst);
void gc_instance_drop_done(struct gc_instance *inst, bool only_pushed);
/* An ask is over, its result is in it: deliver or swallow it. Takes it. */
void gc_discover_finished(struct gc_ask *ask);

/* ---- discover_host.c ---- */
void gc_discover_host_init(struct gc_discover *d);
struct gc_ask *gc_ask_create(struct gc_instance *inst, bool is_push);
void gc_ask_destroy(struct gc_ask *ask); /* its handle, too; NULL is fine */
/* Fills in the result; a wrong quality becomes an error. Forgets the peers of an error. */
void gc_ask_result(struct gc_ask *ask, enum gc_quality quality, const char *reason);

/* ---- discover_thread.c ---- */
/* On a worker: the ask it works for; else NULL. */
struct gc_ask *gc_thread_ask(void);
/* Runs refresh_blocking for inst->asked. 0, or GC_ENOMEM, GC_EIO. */
int gc_job_start(struct gc_instance *inst);
/* A thread has sent its job home. */
void gc_job_done(void *discover, void *letter);

#endif
