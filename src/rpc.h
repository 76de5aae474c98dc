/* Calls out to Erlang nodes over our links: Module:Function(Args) by the node's rpc server `rex`
 * (OTP: rpc(3); a gen_server call, so that answers carry our reference). Loop thread. */
#ifndef GC_RPC_H
#define GC_RPC_H

#include "node.h"

struct gc_rpc;
/* fail->err 0: result is the value as one term (a failed call gives {badrpc, Reason}). Borrowed. Called
 * once, not from inside gc_rpc_call; not after gc_rpc_destroy. */
typedef void (*gc_rpc_cb)(void *arg, const struct gc_fail *fail, struct gc_span result);

/* Borrows node. NULL: out of memory. */
struct gc_rpc *gc_rpc_create(uv_loop_t *loop, struct gc_node *node);
/* Forgets pending calls; closed when the timer handle is. */
void gc_rpc_close(struct gc_rpc *r, void (*closed)(void *arg), void *arg);
/* args: a proper list in external format. */
int gc_rpc_call(struct gc_rpc *r, struct gc_link *link, const char *module, const char *function,
		struct gc_span args, uint64_t timeout_ms, gc_rpc_cb cb, void *arg);
/* No answer wanted: rex runs it in a process of its own. */
int gc_rpc_cast(struct gc_rpc *r, struct gc_link *link, const char *module, const char *function,
		struct gc_span args);
/* Forgets the calls that would call back to arg. */
void gc_rpc_forget(struct gc_rpc *r, const void *arg);
/* A message came for the pid of ours with that number: true if it was an answer to a call (now delivered). */
bool gc_rpc_on_message(struct gc_rpc *r, uint32_t pid, struct gc_span msg);
/* The link is gone: its calls fail with GC_ENOLINK. */
void gc_rpc_link_down(struct gc_rpc *r, const struct gc_link *link, const struct gc_fail *why);

#endif
