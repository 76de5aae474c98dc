/* One question of the host that takes several of ours: all are asked at once, and the answer is given when the last
 * has come. For plugins that ask the network by way of gc_dns. Loop thread.
 *
 * A plugin has one as the first member of its instance, fills it in create(), and puts the three gc_several functions
 * into its struct gc_discovery:
 *
 *     refresh() --> start(0) .. start(n-1) --> gc_several_done() n times --> answer() --> gc_several_finish()
 *                        \--> cancel() of the host: cancel(0) .. cancel(n-1), and it is over
 */
#ifndef GC_PLUGIN_SEVERAL_H
#define GC_PLUGIN_SEVERAL_H

#include "buf.h"
#include "dns.h"

#include <gen_cluster/gc_plugin.h>
#include <stdbool.h>

/* self: the plugin's instance. */
struct gc_several_calls {
	/* Asks question i; gc_several_done comes once, perhaps from inside. */
	void (*start)(void *self, size_t i);
	/* It must not come any more; also called for one that is not asked. */
	void (*cancel)(void *self, size_t i);
	/* All have come: add_peer to the open request, then gc_several_finish. */
	void (*answer)(void *self);
	/* Frees what question i holds; it may be asked just now. */
	void (*deinit)(void *self, size_t i);
};

struct gc_several {
	/* set by the plugin, once */
	const struct gc_several_calls *calls;
	const struct gc_host *host;
	struct gc_instance *inst;
	struct gc_dns *dns;
	size_t n; /* questions */
	/* to be read */
	struct gc_request *request; /* the open one, or NULL */
	/* ours */
	size_t n_busy;
	bool is_starting;
};

/* refresh, cancel and close of struct gc_discovery. close frees self. */
int gc_several_refresh(void *self, struct gc_request *request);
void gc_several_cancel(void *self, struct gc_request *request);
void gc_several_close(void *self);
/* A question has its answer, good or bad. */
void gc_several_done(void *self);
/* Ends the open request. Takes what was put into reason (nothing: there is none). */
void gc_several_finish(struct gc_several *s, enum gc_quality quality, struct gc_buf *reason);

#endif
