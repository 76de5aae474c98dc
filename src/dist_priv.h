/* Between the parts of the dist host: dist.c (its life, and what it asks of the plugin),
 * dist_request.c (questions, answers, their delivery), dist_host.c (services for the plugin). */
#ifndef GC_DIST_PRIV_H
#define GC_DIST_PRIV_H

#include "dist.h"
#include "host.h"

enum gc_dist_kind { GC_DIST_JOIN, GC_DIST_LEAVE, GC_DIST_MEMBERS, GC_DIST_PUSH };

struct gc_dist_request {
	struct gc_dist_host *d;
	struct gc_request *handle; /* what the plugin holds; NULL once it is answered */
	enum gc_dist_kind kind;
	char *node; /* JOIN, LEAVE */
	uint64_t deadline_ms;
	char **found; /* MEMBERS, PUSH */
	size_t n_found, cap_found;
	enum gc_quality quality;
	struct gc_fail fail;
	struct gc_dist_request *prev, *next; /* in d->requests or, answered, in d->done */
};

struct gc_dist_call { /* to the owner */
	struct gc_instance *inst;
	void (*done)(void *arg, int err, const char *reason, const void *term, size_t len);
	void *arg;
	struct gc_dist_call *prev, *next;
};

struct gc_instance { /* the one of the backend */
	struct gc_facts facts;
	struct gc_dist_host *d;
};

struct gc_dist_host {
	struct gc_dist_config config;
	struct gc_instance instance;
	struct gc_where where;
	struct gc_mail mail;
	struct gc_host services;
	struct gc_module *module;
	void *self;
	uint32_t mailbox; /* number of a pid */
	struct gc_dist_request *requests; /* open, in the order of their deadlines but for pushes */
	struct gc_dist_request *done;	  /* answered, not delivered yet, in that order */
	struct gc_dist_call *calls;
	bool owner_up, is_closing, plugin_closed;
	unsigned open_handles;
	uv_timer_t deadlines;
	uv_timer_t deliver;
	void (*closed)(void *arg);
	void *closed_arg;
};

/* ---- dist.c ---- */
void gc_dist_maybe_closed(struct gc_dist_host *d);

/* ---- dist_request.c ---- */
/* NULL: out of memory. node: copied, may be NULL. */
struct gc_dist_request *gc_dist_request_new(struct gc_dist_host *d, enum gc_dist_kind kind,
					    const char *node);
/* The open request behind a handle, or NULL. */
struct gc_dist_request *gc_dist_request_find(struct gc_request *handle);
/* Adds a node to the answer: 0, GC_EBUDGET, or GC_ENOMEM, which ends the request. */
int gc_dist_request_add(struct gc_dist_request *q, const char *node);
/* Ends it; delivered on the next turn. */
void gc_dist_request_finish(struct gc_dist_request *q, enum gc_quality quality, int err,
			    const char *reason);
/* Delivers all that are done. */
void gc_dist_deliver(struct gc_dist_host *d);
/* Forgets all of them. */
void gc_dist_drop_requests(struct gc_dist_host *d);
/* For the timer d->deadlines. */
void gc_dist_on_deadlines(uv_timer_t *timer);

/* ---- dist_host.c ---- */
void gc_dist_services_init(struct gc_dist_host *d);
/* All calls to the owner are told that they are cancelled. */
void gc_dist_cancel_calls(struct gc_dist_host *d);

#endif
