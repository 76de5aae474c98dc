/* The port front end: {packet, 4} on stdin and stdout under open_port, each packet one external term
 * with its version byte. EOF on stdin means: leave. Nothing else ever writes stdout.
 *
 * To us:
 *   {start, #{owner => Node, cookie => binary(), name => Node | undefined, options => [..],
 *             node_opts...}}            first, once
 *   {reload, Options}                   new options; answered with {reloaded, ok | {error, Text}}
 *   {call, Id :: integer(), Request}    the requests of design 1.5
 *   stop                                leave (the same as EOF)
 * From us:
 *   {hello, #{version => binary(), abi => integer(), pid => integer()}}  first
 *   {started, CNode :: atom()}          configuration taken, listening
 *   {error, binary()}                   configuration refused; the program then exits with 78 (EX_CONFIG)
 *   {log, Level :: atom(), Area :: binary(), Line :: binary()}
 *   {reply, Id, Reply}
 *   {reloaded, ok | {error, binary()}} */
#ifndef GC_PORT_H
#define GC_PORT_H

#include "buf.h"
#include "etf.h"

#include <stdbool.h>

#include <uv.h>

struct gc_port;
struct gc_port_config {
	uv_loop_t *loop;
	int in_fd, out_fd; /* 0 and 1: pipes or sockets; set to non-blocking, closed at the end */
	void *arg;
	/* One packet, validated, without version byte. Borrowed. */
	void (*on_packet)(void *arg, struct gc_span term);
	/* EOF, or a broken packet (fail tells): leave now. Once. */
	void (*on_end)(void *arg, const char *why);
};
/* On error *port_r may be set: it still wants gc_port_close. */
int gc_port_open(const struct gc_port_config *c, struct gc_port **port_r);
/* One term without version byte; copied, queued. Log lines are dropped (and counted, told later) when
 * more than 4 MiB wait because the owner does not read; other packets end the port then. */
int gc_port_send(struct gc_port *p, const struct gc_buf *term, bool droppable);
/* Gives queued bytes flush_ms to leave. */
void gc_port_close(struct gc_port *p, uint64_t flush_ms, void (*closed)(void *arg), void *arg);

#endif
