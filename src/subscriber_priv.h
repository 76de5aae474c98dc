/* Between subscriber.c (all of them: who is one, what they are told, when it is time) and
 * subscriber_attach.c (one: the states that subscriber.h draws). */
#ifndef GC_SUBSCRIBER_PRIV_H
#define GC_SUBSCRIBER_PRIV_H

#include "subscriber.h"

enum gc_subscriber_state {
	GC_SUBSCRIBER_NO_LINK,
	GC_SUBSCRIBER_HELD, /* there is a link, but telling has not begun */
	GC_SUBSCRIBER_RESOLVING,
	GC_SUBSCRIBER_ABSENT,
	GC_SUBSCRIBER_ATTACHED,
};

struct gc_subscriber {
	struct gc_subscribers *all;
	char *name; /* NULL: by pid */
	char *node;
	struct gc_buf pid; /* external format; while resolved */
	enum gc_subscriber_state state;
	struct gc_ref ref; /* of the monitor, while ATTACHED */
	uint64_t retry_ms; /* while ABSENT: next try; by pid and NO_LINK: when it is dropped */
	uint32_t backoff_ms;
	uint64_t sent;
	struct gc_subscriber *prev, *next;
};

struct gc_subscribers {
	struct gc_subscribers_config config;
	uv_timer_t timer;
	uint64_t begin_ms; /* nobody is attached before; 0: begun */
	uint32_t pid;	   /* the monitoring process */
	struct gc_subscriber *list;
	size_t count;
	void (*closed)(void *arg);
	void *closed_arg;
};

/* ---- subscriber.c ---- */
/* retry_ms of one has changed. */
void gc_subscribers_arm(struct gc_subscribers *all);

/* ---- subscriber_attach.c ---- */
/* There is a link to its node: find its process and tell it. */
void gc_subscriber_on_link(struct gc_subscriber *s, struct gc_link *link);
/* There is none: wait for one. */
void gc_subscriber_no_link(struct gc_subscriber *s);
/* One of the two. */
void gc_subscriber_seek(struct gc_subscriber *s);

#endif
