/* The parts of the swarm (swarm.c says what it is). One process, one thread, one epoll loop; what
 * is declared here belongs to struct swarm, which lives as long as the program.
 *
 *   swarm.c          options, loop, deadlines       swarm_world.c    hosts, nodes, listening
 * sockets swarm_conn.c     one connection: bytes in, out  swarm_talk.c     EPMD, handshake, frames
 *   swarm_command.c  commands on stdin
 */
#ifndef TEST_SWARM_H
#define TEST_SWARM_H

#include "wire.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define SWARM_MAX_NODES 10000u
#define SWARM_SETUP_MS                                                                             \
	7000 /* a dialler gets this long for its handshake, as from OTP's net_setuptime */

struct swarm;
struct source { /* what epoll tells of; embedded first in what owns the descriptor */
	int fd; /* -1: closed */
	void (*on_event)(struct swarm *s, struct source *source, uint32_t events);
};

/*            kill                     revive
 *   UP ------------------> DOWN ------------------> UP      DOWN: links cut, refuses, EPMD forgets
 * it
 *      -----refuse-------> REFUSING ------revive--> UP      REFUSING: the same, but EPMD names it
 *      -----silence------> SILENT --------revive--> UP      SILENT: takes connections, says nothing
 */
enum node_state { NODE_UP, NODE_SILENT, NODE_REFUSING, NODE_DOWN };

TAILQ_HEAD(conn_list, conn);

struct host {
	struct source epmd;
	struct in_addr address;
	struct node *nodes; /* its first; node_count from there on */
	uint32_t node_count;
};

struct node {
	struct source listener;
	struct host *host;
	uint32_t number;	      /* from 1 */
	char name[WIRE_NAME_MAX + 1]; /* alive@address */
	char alive[64];
	uint16_t port;
	uint32_t creation;
	enum node_state state;
	struct conn_list conns; /* linked or not */
	uint32_t link_count;
	uint64_t accepted, handshakes;
};

enum conn_stage { CONN_EPMD, CONN_NAME, CONN_ALIVE, CONN_REPLY, CONN_LINK };

struct conn {
	struct source source;
	struct host *host;
	struct node *node; /* NULL: EPMD */
	enum conn_stage stage;
	bool is_writable_wanted, is_delayed, closes_when_sent, is_aging;
	uint32_t challenge; /* ours */
	struct wire_name peer;
	uint8_t *in, *out; /* NULL while empty */
	size_t in_len, out_len, out_max;
	uint64_t skip; /* bytes of a frame that nobody wants */
	uint64_t sent_ms, due_ms, age_due_ms;
	TAILQ_ENTRY(conn) of_node, of_delay, of_age, of_dead;
};

struct swarm_stats {
	uint64_t first_accept_ns, first_byte_ns,
	    last_handshake_ns; /* CLOCK_MONOTONIC, 0: not yet */
	uint64_t accepts, epmd_requests, handshakes, failed, pings, ticks_in, ticks_out, frames_in;
	uint32_t links, linked_nodes;
};

struct swarm_options {
	uint32_t nodes, per_host, silent_every, delay_ms, drop_after_ms, tick_ms;
	uint16_t epmd_port, dist_port;
	int ready_fd;
	bool has_plain_names;
	const char *basename;
	char cookie[WIRE_NAME_MAX + 1];
};

struct swarm {
	struct swarm_options options;
	int epoll_fd, spare_fd;
	struct host *hosts;
	struct node *nodes;
	uint32_t host_count;
	struct conn_list delayed;	  /* answers on hold, the first is due first */
	struct conn_list shaking, linked; /* handshakes, and links to be dropped, oldest first */
	struct conn_list dead;		  /* freed at the end of the loop turn */
	uint64_t now_ms, tick_due_ms;
	struct swarm_stats stats;
	struct source commands, signals;
	struct {
		bool is_set, is_max;
		uint32_t count;
		uint64_t due_ms;
	} wait;
	bool is_leaving;
};

uint64_t swarm_now_ns(void);
/* epoll_ctl; aborts the program if the kernel refuses. */
void swarm_watch(struct swarm *s, struct source *source, uint32_t events, bool is_new);

/* swarm_world.c: all return false with errno set. */
bool swarm_world_build(struct swarm *s);
bool swarm_node_set_state(struct swarm *s, struct node *n, enum node_state state);
void swarm_node_drop_links(struct swarm *s, struct node *n);
void swarm_world_close(struct swarm *s);
const char *swarm_state_text(enum node_state state);

/* swarm_conn.c */
void swarm_conn_open(struct swarm *s, int fd, struct host *host, struct node *node);
void swarm_conn_close(struct swarm *s,
		      struct conn *c); /* idempotent; memory lives on to the end of the turn */
/* Sends now, or after --delay-ms. Copies. May close the connection. */
void swarm_conn_answer(struct swarm *s, struct conn *c, const uint8_t *p, size_t len);
void swarm_conn_flush(struct swarm *s, struct conn *c);
/* The handshake is done: from now on it is a link. */
void swarm_conn_linked(struct swarm *s, struct conn *c);
void swarm_free_dead(struct swarm *s);

/* swarm_talk.c: takes what it can from p, returns the bytes it took, -1: close the connection. */
int64_t swarm_talk(struct swarm *s, struct conn *c, const uint8_t *p, size_t len);

/* Sends a tick on each link on which nothing was sent for that long. */
void swarm_tick_links(struct swarm *s, uint64_t quiet_ms);

/* swarm_command.c */
bool swarm_commands_open(struct swarm *s);
void swarm_check_wait(struct swarm *s);
void swarm_print_stats(struct swarm *s, int fd);

#endif
