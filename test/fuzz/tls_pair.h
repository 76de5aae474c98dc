/* Two ends of a TLS connection, both of them ours (tls_conn.c), with nothing between them but their
 * gathered bytes, for fuzz targets. A pair begins wherever it is wanted: of TLS 1.2 or 1.3, strict
 * or lax, in a full or a resumed handshake, before any of its flights or after all of them. Each
 * such beginning is made once, and is the same each time. */
#ifndef GC_TLS_PAIR_H
#define GC_TLS_PAIR_H

#include "tls_priv.h"

#define TLS_PAIR_STAGES 5 /* flights that have arrived: 0 .. 4, the last are those of who is up */

struct tls_pair {
	struct gc_tls_conn *end[2]; /* client, server */
};

/* is_lax: no certificate and no name is looked at, and the client has none. */
void tls_pair_open(struct tls_pair *p, bool is_old, bool is_resumed, bool is_lax, size_t stage);
void tls_pair_close(struct tls_pair *p);

#endif
