/* A FAKE: no Erlang node, but one TCP connection on the test's own loop, dialled or accepted, over which
 * the test says what it likes, whole or byte by byte. It speaks by wire.h and so shares no code with
 * src/. For what a real node cannot be made to do. */
#ifndef GC_FAKE_PEER_H
#define GC_FAKE_PEER_H

#include "wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct fake_peer {
	uv_loop_t *loop;
	uv_tcp_t listener, tcp;
	bool has_listener, has_tcp, is_connected, has_ended;
	int end_err; /* UV_EOF or another libuv error */
	int n_accepted;
	uint16_t port; /* where it listens */
	struct wire_name theirs; /* what the node told in its handshake */
	size_t len;
	uint8_t in[1 << 20];
	uint8_t packet[1 << 20]; /* of the last fake_peer_packet or _frame */
};

/* Listens on 127.0.0.1 and takes one connection at a time (an earlier one is closed). */
bool fake_peer_listen(struct fake_peer *p, uv_loop_t *loop);
/* Connects to 127.0.0.1, and returns when it stands. */
bool fake_peer_connect(struct fake_peer *p, uv_loop_t *loop, uint16_t port);
void fake_peer_send(struct fake_peer *p, const void *bytes, size_t len);
void fake_peer_reset(struct fake_peer *p); /* RST */
void fake_peer_hang_up(struct fake_peer *p); /* closes the connection, keeps listening */
void fake_peer_close(struct fake_peer *p); /* all; then run the loop */
void fake_peer_pause(struct fake_peer *p); /* does not read any more */

/* These run the loop, for at most 5 s; what they want must come or they print what came. */
bool fake_peer_wait_connected(struct fake_peer *p);
bool fake_peer_wait_end(struct fake_peer *p);
/* The next handshake packet without its length; -1: none came. It is in p->packet. */
int fake_peer_packet(struct fake_peer *p);
/* The next frame without its length, 0: a tick, -1: none came. */
int fake_peer_frame(struct fake_peer *p);
/* The whole handshake, as dialler and as acceptor, to the end. status: what the acceptor says first. */
bool fake_peer_dial(struct fake_peer *p, const char *name, uint64_t flags, const char *cookie);
bool fake_peer_answer(struct fake_peer *p, const char *name, uint64_t flags, const char *cookie,
		      const char *status);
/* The acceptor's side from the status on, once the name has been read. */
bool fake_peer_go_on(struct fake_peer *p, const char *name, uint64_t flags, const char *cookie,
		     const char *status);
/* A frame that carries these bytes. */
void fake_peer_send_frame(struct fake_peer *p, const void *bytes, size_t len);

#endif
