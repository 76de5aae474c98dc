/* EPMD's protocol as pure functions, bytes <-> structs (OTP: erts "Distribution Protocol",
 * section EPMD Protocol; facts section 5). No I/O. */
#ifndef GC_EPMD_PROTO_H
#define GC_EPMD_PROTO_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GC_EPMD_NORMAL 77
#define GC_EPMD_HIDDEN 72
#define GC_EPMD_NAMES_MAX (1u << 20) /* bytes of a NAMES answer that we are willing to hold */

struct gc_epmd_node { /* what PORT2 answers */
	uint16_t port;
	uint8_t type; /* GC_EPMD_NORMAL or GC_EPMD_HIDDEN; others are kept as they are */
	uint16_t high, low;
};

/* An alive name has 1 to 255 bytes; what is beyond is cut. */
void gc_epmd_put_alive2(struct gc_buf *b, const char *alive, uint16_t port, uint8_t type);
void gc_epmd_put_port2(struct gc_buf *b, const char *alive);
void gc_epmd_put_names(struct gc_buf *b);

/* Each parser: > 0 bytes used and the answer filled; 0: needs more bytes; negative gc_err:
 * GC_EPROTO, or what EPMD says: GC_ETAKEN (alive2), GC_ENOTINEPMD (port2). */
int gc_epmd_parse_alive2(const uint8_t *p, size_t len, uint32_t *creation_r);
int gc_epmd_parse_port2(const uint8_t *p, size_t len, const char *alive,
			struct gc_epmd_node *node_r);
/* A whole NAMES answer, from its 4-byte port on; it ends with the connection, so this is called once
 * with all of it. cb for each valid "name X at port N"; odd lines are skipped and counted in *bad_r
 * (may be NULL). Returns the number of names, or GC_ETOOBIG, or GC_EPROTO: less than the port, or cut
 * within a line (then cb has not been called). */
typedef void (*gc_epmd_name_cb)(void *arg, const char *alive, uint16_t port);
int gc_epmd_parse_names(const uint8_t *p, size_t len, gc_epmd_name_cb cb, void *arg,
			size_t *bad_r);

#endif
