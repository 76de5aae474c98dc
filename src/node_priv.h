/* What the files of the node share; nobody else includes this. node.h says which file is which.
 *
 * A connection is one struct gc_link from its connect or accept on; until the handshake is done its bytes go
 * to the owner's ops (dial.c, accept.c), then to frame.c. Everything on the loop thread. */
#ifndef GC_NODE_PRIV_H
#define GC_NODE_PRIV_H

#include "allow.h"
#include "buf.h"
#include "dns.h"
#include "epmd.h"
#include "err.h"
#include "log.h"
#include "node.h"
#include "timers.h"
#include "tls.h"
#include "transport.h"

#define HASH_NONFATAL_OOM 1
#include "hash.h"
#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(element) ((void)(element)) /* its hh.tbl is NULL then */
#include <uv.h>

/* Dials younger than GC_YOUNG_MS at once: enough to hide the delay of a network, few enough to bound what
 * they hold. Older ones (silent peers) stop counting, so they cannot fill it. */
#define GC_YOUNG_MAX 128
#define GC_YOUNG_MS 125
/* The answer to our first registration is waited for that long before we dial or accept, for the sake of its
 * creation. A local EPMD answers in a millisecond, or refuses; only a hung one costs that time, once. */
#define GC_EPMD_FIRST_MS 1000
/* EPMD lookups at one address at once: a stock epmd refuses many at a time (facts section 10). */
#define GC_EPMD_PER_HOST 16
/* The next address of a host is tried when the one before has not connected in that time (RFC 8305). */
#define GC_STAGGER_MS 250
#define GC_ADDRS_MAX 8
/* After `nok` the peer should come by itself; if it does not, it is dialled again. */
#define GC_NOK_RETRY_MS 1000
/* A claim to a name that we are dialling holds that dial for so long at most: two round trips of a slow network,
 * in which an honest one has proved it. */
#define GC_CLAIM_MS 500
/* Accepted handshakes. Less than Erlang's net_setuptime (7 s), so that a dialler that is told nothing
 * learns it from us. Beyond the limits the oldest gives way: an honest one takes milliseconds. Beyond GC_ACCEPT_MAX first
 * those from where no node has ever proved the cookie. */
#define GC_ACCEPT_MS 2000
#define GC_ACCEPT_MAX 128
#define GC_ACCEPT_PER_SOURCE 8 /* source.c */
/* All nodes of a host, a proxy or a mesh sidecar come from here. */
#define GC_ACCEPT_LOOPBACK 64
/* The links are looked at in turn, so that their ticks do not come all at once; few turns, as each wakes us
 * and the caches. */
#define GC_SLICES 4
#define GC_READ_BUF 65536
#define GC_PLAIN_BUF 16384 /* one record of TLS */
/* Length bytes of a handshake packet. */
#define GC_TCP_HEADER 2u
#define GC_TLS_HEADER 4u
#define GC_FRAME_HEADER 4u
#define GC_LEAST_FRAME 5 /* bytes of the smallest frame that is no tick, with its header */
/* More ticks than that between two looks come from a peer with a shorter net_ticktime than ours. */
#define GC_TICKS_USUAL 2

struct gc_conn_ops {
	void (*on_connect)(struct gc_link *l, int uv_err);
	/* The TLS handshake is done; may be NULL. */
	void (*on_secure)(struct gc_link *l);
	void (*on_bytes)(struct gc_link *l, const uint8_t *p, size_t len);
	/* The connection broke or ended; the owner closes it. */
	void (*on_end)(struct gc_link *l, int uv_err);
};

enum gc_link_state {
	GC_LINK_YOUNG = 0, /* connecting, or in the handshake; has ops */
	GC_LINK_UP = 1,
	GC_LINK_CLOSING = 2,
};

struct gc_write;
struct gc_link {
	uv_tcp_t tcp;
	struct gc_node *n;
	const struct gc_conn_ops *ops;
	void *owner; /* of the ops; later the user's data */
	enum gc_link_state state;
	uint8_t quiet_quarters; /* in a row without a byte from it */
	bool is_dialled, is_dirty, is_told, is_drained, is_secure;
	bool is_reading; /* or would, but for a pause */
	struct gc_tls_conn *tls; /* NULL: plain */
	uint8_t ticks;	 /* since the last look */
	bool is_patient; /* a lone tick does not wake us: gc_conn_set_patient */
	uint32_t creation;
	uint64_t flags;
	struct gc_buf in;	  /* the beginning of a frame, nothing most of the time */
	uint16_t tls_slice;	  /* TLS: bytes that are deciphered at once; 0: none yet */
	struct gc_buf held;	  /* TLS: read, but not deciphered: it waits for its turn */
	struct gc_buf out;	  /* not yet handed to the kernel */
	struct gc_write *writing; /* in libuv's hands; NULL: nothing */
	struct gc_link *next_dirty, *prev, *next;
	struct gc_link *prev_paused, *next_paused;
	uint64_t share_turn, share_end_ns; /* share.c */
	bool is_paused;			   /* whole frames may wait in `in`, and more in `held` */
	int end_err;			   /* a libuv error: it has ended, and waits to be told down */
	uint64_t up_mono_ms, last_out_ms;
	uint64_t bytes_in, bytes_out, frames_in, frames_out;
	uint64_t bytes_in_before, bytes_out_before; /* a quarter ago */
	struct gc_fail *why;			    /* once closing */
	char *name, *address;			    /* one allocation; NULL before it is up */
	uint16_t port;
	uint8_t slice;
	UT_hash_handle hh; /* by name, from up until on_link_down */
};

/* A challenge that we have issued, for as long as its handshake lasts. */
struct gc_challenge {
	uint32_t value;
	UT_hash_handle hh;
};

/* Locked memory that is left out of core dumps. */
struct gc_secret {
	ei_cnode cnode;
	char cookie[EI_MAX_COOKIE_SIZE + 1];
};

struct gc_accept;
struct gc_listener;
struct gc_session;
struct gc_source;
struct gc_epmd_host;
struct gc_node {
	struct gc_node_config c; /* strings: see below */
	char *name;
	struct gc_secret *secret;
	struct gc_transport *transport;
	uint32_t creation;
	bool is_creation_fixed, is_closing, is_registered;
	bool is_ready; /* to dial and accept: EPMD has answered once, or has had its time */
	bool is_name_taken; /* says EPMD: somebody lives under it */
	struct gc_timers timers;
	struct gc_listener *listeners;
	uv_check_t check;
	uv_prepare_t prepare;
	int n_handles; /* of the node itself, not closed yet */
	size_t n_conns; /* gc_link not freed yet */
	size_t n_up;	/* of them links */
	uint16_t port;
	struct gc_epmd_reg *reg;
	struct gc_timer epmd_timer, pump_timer, tick_timer, flush_timer;
	uint8_t *read_buf, *plain_buf; /* the second with TLS only */
	struct gc_tls *tls;	       /* NULL: plain TCP */
	uint64_t woken_ms; /* when the loop last had something to do; 0: not yet */

	struct gc_link *links; /* by name */
	struct gc_link *slices[GC_SLICES];
	uint8_t next_slice, tick_slice;
	struct gc_link *dirty; /* have something to write */
	struct gc_link *paused; /* have had their share of the loop; who waits longest comes first */
	uv_idle_t paused_idle;	/* runs while there are any */
	uint64_t turn;
	uint64_t shake_turn, shake_ns, shake_rest_ns; /* share.c: what strangers have had of it; none before rest is over */
	struct gc_challenge *challenges;

	struct gc_session *sessions; /* dials by name */
	struct gc_session *queue;    /* not started yet */
	size_t n_sessions, n_young;
	struct gc_epmd_host *epmd_hosts;

	struct gc_source *sources; /* source.c */
	struct gc_accept *accepts; /* oldest first */
	size_t n_accepts;
	struct gc_trouble trouble[GC_ERR_LIMIT]; /* of accepting, by reason; 0: of accept(2) itself */
	struct gc_trouble frame_trouble[GC_ERR_LIMIT]; /* of links, by reason */
	struct gc_allow *allow;			 /* NULL: everything */

	uint32_t next_pid;
	uint64_t next_ref;
	struct gc_node_stats stats;
	void (*closed)(void *arg);
	void *closed_arg;
};

static inline unsigned gc_node_header(const struct gc_node *n)
{
	return n->tls ? GC_TLS_HEADER : GC_TCP_HEADER;
}

/* ---- self.c ---- */
struct gc_secret *gc_secret_alloc(void); /* NULL: out of memory */
void gc_secret_free(struct gc_secret *s); /* wipes it; NULL is fine */
uint32_t gc_draw_creation(void);
void gc_node_fix_creation(struct gc_node *n); /* it is about to leave the process */
/* Starts the registration, unless no_epmd; the node is ready once that has its answer or has had its time. */
int gc_node_register(struct gc_node *n);

/* ---- node.c ---- */
void gc_challenge_add(struct gc_node *n, struct gc_challenge *c, uint32_t value);
void gc_challenge_drop(struct gc_node *n, struct gc_challenge *c); /* fine if it was never added */
bool gc_challenge_is_ours(const struct gc_node *n, uint32_t value);
void gc_node_conn_gone(struct gc_node *n);
void gc_node_handle_gone(struct gc_node *n); /* one of n_handles has closed */
uint64_t gc_node_quarter_ms(const struct gc_node *n); /* of net_ticktime */
void gc_node_tick_start(struct gc_node *n);	      /* there is a link to look after */

/* ---- conn.c: a socket with a queue ---- */
/* NULL: out of memory (or descriptors). ops and owner may be changed until it is up. */
struct gc_link *gc_conn_create(struct gc_node *n, const struct gc_conn_ops *ops, void *owner);
/* ops->on_connect comes, unless it fails at once (negative gc_err) or is closed before. */
int gc_conn_connect(struct gc_link *l, const union gc_addr *addr);
int gc_conn_accept(struct gc_link *l, int fd); /* takes fd, also where it fails */
/* It stands: TLS begins, to that node, or (NULL) as the server. ops->on_secure comes, or on_end. A
 * negative gc_err: see gc_conn_fail, or out of memory. */
int gc_conn_secure(struct gc_link *l, const char *node);
/* What TLS says is wrong; NULL: nothing. */
const struct gc_fail *gc_conn_fail(const struct gc_link *l);
/* The time is up: if TLS has not finished its handshake, that is what is wrong. */
void gc_conn_timed_out(struct gc_link *l);
/* The remote address; one of IPv4 that came in over IPv6 is told as what it is. False: unknown. */
bool gc_conn_peer(const struct gc_link *l, union gc_addr *addr_r);
void gc_conn_read(struct gc_link *l, bool on);
/* It is not read from until gc_conn_go_on: then what has been read already comes first. */
void gc_conn_pause(struct gc_link *l);
void gc_conn_go_on(struct gc_link *l);
/* Takes in what has come, without waiting to be woken for it. */
void gc_conn_look(struct gc_link *l);
/* Patient: a lone tick (4 bytes) waits in the kernel; any frame, all that comes behind a tick, and the end of
 * the connection wake us as ever. Only while no frame has begun: what its end is made of may be less. With
 * TLS it changes nothing. A mark that is lowered tells at once what it makes readable (tcp_set_rcvlowat). */
void gc_conn_set_patient(struct gc_link *l, bool is_patient);
/* Copies; it leaves at the end of this turn of the loop. Never calls back. */
void gc_conn_write(struct gc_link *l, const void *bytes, size_t len);
/* The same at once, without a copy, if nothing else is in the way. */
void gc_conn_write_now(struct gc_link *l, const void *bytes, size_t len);
/* Sends what it can at once, closes, calls no ops any more. */
void gc_conn_close(struct gc_link *l);
/* The same for len bytes that the caller has put into l->out itself. */
void gc_conn_wrote(struct gc_link *l, size_t len);
size_t gc_conn_queued(const struct gc_link *l);
void gc_conn_flush_all(struct gc_node *n);

/* ---- share.c: what one link may take of a turn of the loop ---- */
void gc_share_init(struct gc_node *n); /* one more handle: paused_idle */
/* Bytes of it are about to be worked on. */
void gc_share_begin(struct gc_link *l);
/* True: what is left must wait, in l->in; it is not read from until then. */
bool gc_share_is_over(struct gc_link *l);
/* Reading has come to the end of a link: it is told down in a later turn. */
void gc_share_end(struct gc_link *l, int uv_err);
void gc_share_forget(struct gc_link *l); /* it closes; fine if it is not paused */
/* It is gone on with in a later turn. */
void gc_share_put_aside(struct gc_link *l);
/* There is time for a TLS handshake in this turn; one has taken so much of it. */
bool gc_share_may_shake(struct gc_node *n);
void gc_share_shook(struct gc_node *n, uint64_t took_ns);

/* ---- link.c ---- */
/* The handshake is done: tells down an older link of that name, then up. What is known of the peer is
 * copied. */
struct gc_peer_facts {
	const char *name;
	uint64_t flags;
	uint32_t creation;
};
/* 0, or GC_ENOMEM (then the connection still belongs to its owner). */
int gc_link_up(struct gc_link *l, const struct gc_peer_facts *peer, bool is_dialled);
void gc_link_ended(struct gc_link *l, int uv_err);
void gc_link_tick(struct gc_link *l);
void gc_link_on_tick(struct gc_link *l); /* one has come */
/* Tells on_link_down if it has not been told. */
void gc_link_tell_down(struct gc_link *l);
/* One look at it each quarter of net_ticktime. */
void gc_link_quarter(struct gc_link *l);

/* ---- frame.c ---- */
/* Bytes of frames. */
void gc_link_input(struct gc_link *l, const uint8_t *p, size_t len);
/* The whole frames among what it has kept for this turn. */
void gc_link_go_on(struct gc_link *l);

/* ---- dial.c ---- */
enum gc_incoming { GC_INCOMING_OK = 0, GC_INCOMING_SIMULTANEOUS = 1, GC_INCOMING_NOK = 2 };
/* A connection claims to come from that node; what to answer by OTP's tie-break. If not NOK, a dial of ours
 * is held until gc_dial_incoming_over (success: the link is up), which comes within GC_CLAIM_MS. */
enum gc_incoming gc_dial_incoming(struct gc_node *n, const char *name);
void gc_dial_incoming_over(struct gc_node *n, const char *name);
/* accept.c: a handshake under way claims that name; a dial that starts now is held like one that had started
 * before, or the peer would drop its own connection for ours, and with it what waits for it. */
bool gc_accept_is_claiming(const struct gc_node *n, const char *name);
/* l is up: whoever dials that name has what it wanted. */
void gc_dial_link_up(struct gc_node *n, struct gc_link *l);
void gc_dial_pump(struct gc_node *n);
void gc_dial_close_all(struct gc_node *n);

/* ---- race.c: the addresses of a host, the first to connect wins ---- */
struct gc_race;
struct gc_race_config {
	struct gc_node *n;
	const char *name;	/* node name; borrowed */
	const union gc_addr *addr; /* copied; NULL: resolve the host part */
	uint16_t port;		/* 0: ask EPMD */
	bool hidden_ok;
	uint64_t timeout_ms; /* for EPMD's answers */
	void *arg;
	/* One has connected: the connection is the callee's. */
	void (*on_won)(void *arg, struct gc_link *l);
	/* None did; fail as in gc_race_fail. */
	void (*on_lost)(void *arg);
};
/* Calls back on a later turn. NULL: out of memory. */
struct gc_race *gc_race_start(const struct gc_race_config *c);
/* After on_won: that one was no good for this reason; goes on with the addresses not yet tried. */
void gc_race_go_on(struct gc_race *r, const struct gc_fail *fail);
void gc_race_allow_hidden(struct gc_race *r);
void gc_race_cancel(struct gc_race *r); /* NULL is fine */
/* The most telling failure so far; err 0: none. */
const struct gc_fail *gc_race_fail(const struct gc_race *r);
/* The address tried last, its port, and how far that came. */
enum gc_stage gc_race_where(const struct gc_race *r, char *address_r, size_t len, uint16_t *port_r);

/* ---- lookup.c: EPMD lookups, few at a time for each EPMD ---- */
struct gc_lookup;
/* Calls back once, on a later turn. NULL: out of memory. */
struct gc_lookup *gc_lookup_start(struct gc_node *n, const union gc_addr *addr, const char *name,
				  uint64_t timeout_ms, gc_epmd_port_cb cb, void *arg);
void gc_lookup_cancel(struct gc_lookup *l); /* NULL is fine */

/* ---- source.c: where nodes that have proved the cookie come from ---- */
/* One source: an IPv4 address, or a /64 of IPv6, since a host can have all the addresses of it. */
void gc_source_net(const union gc_addr *addr, struct gc_net *net_r);
void gc_source_prove(struct gc_node *n, const union gc_addr *addr);
bool gc_source_is_proved(const struct gc_node *n, const union gc_addr *addr);
void gc_source_forget_all(struct gc_node *n);

/* ---- border.c ---- */
void gc_node_count_cut(uint64_t counts[GC_ERR_LIMIT], int err);
/* One line, at growing intervals for each reason. name: "" if it is not known; why: may be empty. */
void gc_node_log_cut(struct gc_node *n, int err, const union gc_addr *from, const char *name,
		     const char *why);
/* The same for frames of a node that is linked. */
void gc_node_log_bad_frame(struct gc_node *n, int err, const char *name, const char *what);

/* ---- listen.c ---- */
/* No addresses: all. Sets n->port. Negative, with a sentence in err; what was opened is closed by gc_listen_close. */
int gc_listen_start(struct gc_node *n, const char *const *addresses, size_t count, char *err,
		    size_t err_len);
/* The node is ready: whoever waits may come in. */
void gc_listen_pump(struct gc_node *n);
void gc_listen_close(struct gc_node *n);

/* ---- accept.c ---- */
void gc_accept_connection(struct gc_node *n, int fd); /* takes fd */
/* Descriptors have run out: the oldest handshake ends. False: there is none. */
bool gc_accept_give_way(struct gc_node *n);
/* accept(2) failed with that errno, and nobody could give way. */
void gc_accept_no_room(struct gc_node *n, int err);
/* conn, from that address, now belongs to the handshake. */
void gc_accept_start(struct gc_node *n, struct gc_link *conn, const union gc_addr *from);
void gc_accept_close_all(struct gc_node *n);

#endif
