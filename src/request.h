/* The requests of design 1.5, whoever asks: a shell through gen_server:call, rpc:call, or the port.
 * One table (request.c): name, what it answers, function; `help` prints it. Loop thread. */
#ifndef GC_REQUEST_H
#define GC_REQUEST_H

#include "cluster.h"
#include "config.h"
#include "discover.h"
#include "dispatch.h"
#include "node.h"
#include "subscriber.h"

/* What requests look at. All borrowed. */
struct gc_request_context {
	const struct gc_config *config;
	struct gc_cluster *cluster;
	struct gc_node *node;
	struct gc_discover *discover;
	struct gc_subscribers *subscribers;
	struct gc_dispatch *dispatch;
	const char *owner; /* NULL: none */
	const struct gc_fail *epmd_fail, *owner_fail; /* why we are not registered, not connected to it; err 0: we are */
	const char *dist;  /* name of the dist backend */
	uint64_t start_mono_ms;
	uv_loop_t *loop;
	void (*refresh)(void *arg);
	void *arg;
};

/* Appends exactly one term to reply, also for what it does not know. */
void gc_request_answer(const struct gc_request_context *c, const struct gc_term *request,
		       struct gc_buf *reply);
/* System time in milliseconds. */
uint64_t gc_wall_ms(void);

#endif
