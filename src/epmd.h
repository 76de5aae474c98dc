/* The asynchronous EPMD client: look up, list, register and stay registered. On the loop thread;
 * ei's own client blocks and knows only IPv4 (facts H10, H13). */
#ifndef GC_EPMD_H
#define GC_EPMD_H

#include "epmd_proto.h"
#include "err.h"

#include <uv.h>

/* ---- one question (a socket each) ---- */
struct gc_epmd_query;

/* err 0 and node, or err with fail (borrowed). Called once, never from inside the function that
 * started the query; not after cancel. The query is freed by itself after the callback. */
typedef void (*gc_epmd_port_cb)(void *arg, const struct gc_fail *fail,
				const struct gc_epmd_node *node);
/* addr: EPMD's address and port. timeout_ms covers connect and answer. NULL: out of memory.
 * Failures, all of GC_STAGE_EPMD: GC_ENOEPMD (refused), GC_ENOTINEPMD, GC_ETIMEDOUT, GC_EUNREACHABLE,
 * GC_EOF (closed without an answer), GC_EPROTO (not EPMD, or cut off), GC_ETOOBIG, GC_EBADNAME,
 * and what else gc_err_from_uv knows. */
struct gc_epmd_query *gc_epmd_lookup(uv_loop_t *loop, const struct sockaddr *addr,
				     const char *alive, uint64_t timeout_ms, gc_epmd_port_cb cb,
				     void *arg);

struct gc_epmd_name {
	char alive[256];
	uint16_t port;
};
typedef void (*gc_epmd_names_cb)(void *arg, const struct gc_fail *fail,
				 const struct gc_epmd_name *names, size_t n);
struct gc_epmd_query *gc_epmd_names(uv_loop_t *loop, const struct sockaddr *addr,
				    uint64_t timeout_ms, gc_epmd_names_cb cb, void *arg);
void gc_epmd_cancel(struct gc_epmd_query *q); /* no callback any more; NULL is fine */

/* EPMD's port: ERL_EPMD_PORT, else 4369. */
uint16_t gc_epmd_port(void);

/* ---- registration ---- */
struct gc_epmd_reg;
enum gc_epmd_state { GC_EPMD_WAITING = 0, GC_EPMD_REGISTERED = 1 };
/* Told at each change of state, or of the reason why it waits. creation: as EPMD gave it at the FIRST registration (later ones are ignored,
 * as erl_epmd does). fail: why it waits (no_epmd, name_taken, ...). */
typedef void (*gc_epmd_reg_cb)(void *arg, enum gc_epmd_state state, uint32_t creation,
			       const struct gc_fail *fail);
/* Registers alive with the EPMD of this host (127.0.0.1, or ::1 if that fails, or addr if not NULL)
 * and keeps it registered: the name lives as long as the connection; after EOF or failure it is
 * tried again each GC_EPMD_RETRY_MS, for ever. */
#define GC_EPMD_RETRY_MS 2000
#define GC_EPMD_ATTEMPT_MS 5000 /* the deadline of one attempt */
struct gc_epmd_reg *gc_epmd_register(uv_loop_t *loop, const struct sockaddr *addr,
				     const char *alive, uint16_t port, uint8_t type,
				     gc_epmd_reg_cb cb, void *arg);
/* Closes the connection, by which the name leaves EPMD. No callback any more. */
void gc_epmd_unregister(struct gc_epmd_reg *r);

#endif
