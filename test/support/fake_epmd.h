/* A FAKE: no epmd, but a TCP server on the test's own loop that answers each connection's request with the
 * bytes it is told, in the way it is told. For faults that a real epmd cannot be made to show. */
#ifndef GC_FAKE_EPMD_H
#define GC_FAKE_EPMD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum fake_epmd_mode {
	FAKE_MUTE,	 /* takes the request and says nothing */
	FAKE_ANSWER,	 /* the bytes, then stays open */
	FAKE_ANSWER_END, /* the bytes, then closes */
	FAKE_DRIP,	 /* one byte each drip_ms, then stays open */
	FAKE_RESET,	 /* resets the connection */
};

#define FAKE_CONNS 64
struct fake_epmd;
struct fake_epmd_conn {
	uv_tcp_t tcp;
	uv_timer_t timer;
	struct fake_epmd *fake;
	bool used;
	int n_open;
	enum fake_epmd_mode mode; /* and the answer, as they were when the request came */
	const void *bytes;
	size_t len, in_len, sent;
	char in[512], small[640];
};

struct fake_epmd {
	uv_tcp_t listener;
	enum fake_epmd_mode mode;
	const void *bytes;
	size_t len;
	unsigned drip_ms;
	/* If set: decides mode, bytes and len for a request (without its length). */
	void (*on_request)(struct fake_epmd *f, const uint8_t *req, size_t len);
	void *arg;
	int n_accepted, n_requests, n_open;
	struct sockaddr_in addr; /* where it listens */
	struct fake_epmd_conn conns[FAKE_CONNS];
};

/* ip: "127.0.0.1" or another loopback address. port 0: any. */
bool fake_epmd_open(struct fake_epmd *f, uv_loop_t *loop, const char *ip, uint16_t port);
void fake_epmd_drop_conns(struct fake_epmd *f); /* closes all connections */
void fake_epmd_close(struct fake_epmd *f);	/* those and the listener; then run the loop */

#endif
