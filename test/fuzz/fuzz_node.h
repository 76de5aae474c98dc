/* What the targets that need a whole node share: one node on one loop, made once, which no input
 * changes: each opens connections without a socket, feeds them, and closes them again before it
 * returns. */
#ifndef GC_FUZZ_NODE_H
#define GC_FUZZ_NODE_H

#include "dispatch.h"
#include "fuzz.h"
#include "node_priv.h"

#define FUZZ_PEER "a@127.0.0.1" /* as in the seeds */
#define FUZZ_GREATER_PEER "z@127.0.0.1"
#define FUZZ_COOKIE "a cookie for fuzzing"
#define FUZZ_CREATION 7 /* ours, so that a pid of ours can be written down */

struct fuzz_node {
	uv_loop_t loop;
	struct gc_node *n;
	struct gc_dispatch *dispatch;
	size_t n_up;
};

/* Quiet logs, a listener on loopback that nobody dials. Aborts when it cannot be made. */
struct fuzz_node *fuzz_node(void);
/* A link to FUZZ_PEER that is up. */
struct gc_link *fuzz_node_link(struct fuzz_node *f);
/* Closes l (NULL: it is gone already) and what else is left open, turns the loop until it is gone, and looks that nothing stayed behind.
 */
void fuzz_node_settle(struct fuzz_node *f, struct gc_link *l);

#endif
