/* Does it look like TLS? For the plain transport too; see tls.h. Pure. */
#include "tls.h"

bool gc_tls_looks_like(const uint8_t *p, size_t len)
{
	/* alert or handshake, version 3.x (RFC 8446, 5.1) */
	return len >= 2 && (p[0] == 21 || p[0] == 22) && p[1] == 3;
}
