/* Packets of the port: 4 bytes of length, the version byte of the external format, one term. Pure
 * functions over buffers; who reads and writes is port.c. */
#ifndef GC_PORT_PROTO_H
#define GC_PORT_PROTO_H

#include "buf.h"
#include "etf.h"

#include <stdbool.h>

#define GC_PORT_MAX_PACKET (16u << 20)

/* The term of one packet, validated, without version byte; borrowed. False: no more of them. */
typedef bool (*gc_port_term_cb)(void *arg, struct gc_span term);

/* The next bytes of the stream, in any pieces: gives each packet that is whole now to cb. *pending keeps the
 * beginning of the next one, and all that comes after cb said no. 0; or nothing can be read any more: GC_ETOOBIG,
 * GC_EPROTO (empty, no version byte, not one valid term), GC_ENOMEM. */
int gc_port_take(struct gc_buf *pending, const void *bytes, size_t len, gc_port_term_cb cb,
		 void *arg);
/* One packet with that term, which has no version byte. */
void gc_port_put(struct gc_buf *b, const struct gc_buf *term);

#endif
