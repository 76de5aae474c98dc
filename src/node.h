/* Our C-node: its name, cookie and creation, its listening socket, and the table of its links. One
 * link per node name, ever. Loop thread.
 *
 *   node.c       life, listen, table of links, ticks          self.c    cookie, EPMD registration, creation, pids
 *   dial.c       who dials, one deadline                      accept.c  who is let in, for how long
 *   turn.c       resolve, EPMD, TCP, each in its turn         transport.c  what lies under ei_connect: checked frames in,
 *   shake.c      TLS, the dialled handshake                                patched frames out (facts section 2)
 *   accept_shake.c  the accepted one (our own state machine)
 *   coro.c       the stacks ei_connect waits on               tls.h     what lies under all of it, if there is TLS
 *   link.c       from up to down and the ticks, once the handshake is done
 *   frame.c      frames in and out, bounded queues
 */
#ifndef GC_NODE_H
#define GC_NODE_H

#include "buf.h"
#include "dns.h"
#include "err.h"
#include "etf.h"
#include "name.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct gc_node;
struct gc_link;
struct gc_tls_options;

struct gc_node_config {
	uv_loop_t *loop;
	const char *name;   /* valid; copied */
	const char *cookie; /* copied into memory that is locked, not dumped, and wiped at the end */
	const char *const *listen_addresses; /* numeric; borrowed for the call */
	size_t n_listen_addresses;	     /* 0: every address, dual stack */
	uint16_t listen_port;	    /* 0: any; one for all addresses */
	bool no_epmd;		    /* neither register nor ask; ports come from peers or dist_port */
	uint16_t dist_port;	    /* of peers that come without one; 0: EPMD knows */
	uint32_t net_ticktime_s;    /* 0: 60 */
	size_t max_frame;	    /* 0: 1 MiB; larger frames close the link */
	size_t max_queue;	    /* 0: 4 MiB; unsent bytes beyond this close the link (GC_EOVERLOAD) */
	struct gc_dns *dns;	    /* borrowed */
	const struct gc_tls_options *tls; /* NULL: plain TCP; copied */
	const char *const *allow;   /* rules of allow.h: what may be dialled, and come in; copied */
	size_t n_allow;		    /* 0: everything */

	void *arg;
	/* A handshake (dialled or accepted) is done. */
	void (*on_link_up)(void *arg, struct gc_link *link);
	/* Called once for each on_link_up; link is gone after it returns. */
	void (*on_link_down)(void *arg, struct gc_link *link, const struct gc_fail *why);
	/* A control message other than a tick, checked: ctl is one tuple, msg one term (len 0: none).
	 * Borrowed. The link may be closed from inside. */
	void (*on_control)(void *arg, struct gc_link *link, struct gc_span ctl, struct gc_span msg);
	/* The EPMD registration changed (gc_epmd_reg_cb). */
	void (*on_epmd)(void *arg, bool registered, const struct gc_fail *fail);
};

/* Listens and (unless no_epmd) starts to register; a missing EPMD is no error. Raises
 * RLIMIT_NOFILE to its hard limit before ei_init. On error a sentence in err. */
int gc_node_create(const struct gc_node_config *c, struct gc_node **node_r, char *err, size_t err_len);
/* Leaves EPMD, cancels dials (no callback), closes all links (on_link_down with GC_ESHUTDOWN);
 * closed is called when no handle is left. Queued bytes get at most flush_ms to leave. */
void gc_node_close(struct gc_node *n, uint64_t flush_ms, void (*closed)(void *arg), void *arg);
const char *gc_node_name(const struct gc_node *n);
uint32_t gc_node_creation(const struct gc_node *n);
uint16_t gc_node_port(const struct gc_node *n);
bool gc_node_is_registered(const struct gc_node *n);
size_t gc_node_link_count(const struct gc_node *n);
struct gc_link *gc_node_find(const struct gc_node *n, const char *name); /* NULL: none up */
/* Other rules (allow.h) from now on; n_rules 0: everything. Links outside of them are closed. 0, or GC_ENOMEM:
 * the old ones stay. */
int gc_node_set_allow(struct gc_node *n, const char *const *rules, size_t n_rules);
/* IPv4 or IPv6. */
bool gc_node_may_reach(struct gc_node *n, const struct sockaddr *addr);
/* Other options of TLS for the connections to come. Neither from nor to plain TCP (GC_EINVAL); on an error the old
 * ones stay, with a sentence in err. */
int gc_node_set_tls(struct gc_node *n, const struct gc_tls_options *o, char *err, size_t err_len);
/* Calls cb for each link; cb may close the link. */
void gc_node_each_link(struct gc_node *n, void (*cb)(void *arg, struct gc_link *), void *arg);

/* ---- dialling ---- */
struct gc_dial;
struct gc_dial_result {
	struct gc_fail fail; /* err 0: link is up (on_link_up came before) */
	struct gc_link *link;
	char address[64]; /* the last one tried; "" if none was found */
	uint16_t port;	  /* 0: unknown */
	uint32_t took_ms;
};
typedef void (*gc_dial_cb)(void *arg, const struct gc_dial_result *result);
/* Dials name: resolve, EPMD, TCP, handshake; one deadline over all. address: numeric, or NULL. port: 0
 * asks EPMD. EPMD lookups per host are limited (GC_EPMD_PER_HOST at once); handshakes are not
 * held up by silent peers. If a link is up already it succeeds with that one. The callback comes
 * once, never from inside; d is gone after it. NULL: out of memory.
 * hidden_ok: false for peers: a hidden node (EPMD type 72, or no PUBLISHED flag) fails with GC_EHIDDEN and
 * leaves no link of this dial; true for nodes that are wanted anyway (the owner, subscribers). */
struct gc_dial *gc_node_dial(struct gc_node *n, const char *name, const char *address,
			     uint16_t port, bool hidden_ok, uint64_t timeout_ms, gc_dial_cb cb,
			     void *arg);
void gc_dial_cancel(struct gc_dial *d); /* no callback any more */

/* ---- links ---- */
struct gc_link_info {
	const char *name, *address; /* live as long as the link */
	uint16_t port;		    /* remote port of the connection */
	bool dialled;
	bool hidden;	   /* the peer did not set PUBLISHED */
	uint64_t flags;	   /* the peer's distribution flags */
	uint32_t creation; /* the peer's */
	uint64_t up_mono_ms, bytes_in, bytes_out, frames_in, frames_out;
	size_t queued; /* bytes not yet written */
};
void gc_link_info(const struct gc_link *l, struct gc_link_info *info_r);
const char *gc_link_name(const struct gc_link *l);
/* A word for the user of the link (node.c does not touch it; NULL at first). */
void gc_link_set_data(struct gc_link *l, void *data);
void *gc_link_data(const struct gc_link *l);
/* Closes; on_link_down comes on a later loop turn with that reason. Idempotent. */
void gc_link_close(struct gc_link *l, int err, const char *detail);
/* Sends one control message: the tuple and perhaps a message, each in external format without version byte.
 * Copies. 0, or GC_EOVERLOAD (the link is then closing), GC_ENOMEM, GC_ENOLINK (closing). */
int gc_link_send(struct gc_link *l, const struct gc_buf *ctl, const struct gc_buf *msg);

/* ---- pids and references of ours ---- */
/* A number for a process of ours, at most 28 bits. The pid it stands for is made when it is sent: its creation
 * is not known before (self.c). */
uint32_t gc_node_new_pid(struct gc_node *n);
struct gc_pid gc_node_pid(struct gc_node *n, uint32_t number);
void gc_node_new_ref(struct gc_node *n, struct gc_ref *ref_r);

/* Counters of the node, for metrics. */
struct gc_node_stats {
	uint64_t dials, dials_ok, dials_failed, accepts, accepts_ok, accepts_failed, links_lost;
	uint64_t frames_in, frames_out, bytes_in, bytes_out, ticks_in, ticks_out, bad_frames;
	uint64_t epmd_registrations, epmd_losses;
	/* The longest turn of the loop: for so long something that came in had to wait; and how many turns
	 * took more than that. The time in which the process was not let run counts, too. */
	uint64_t loop_max_ms, loop_over_10ms, loop_over_50ms;
	uint64_t links_paused; /* how often a link had used up its share of a turn */
	uint64_t accepts_cut[GC_ERR_LIMIT], links_cut[GC_ERR_LIMIT]; /* by reason: index -err */
	uint32_t handshakes_pending;
};
void gc_node_stats(const struct gc_node *n, struct gc_node_stats *s_r);

#endif
