#ifndef GC_HANDSHAKE_H
#define GC_HANDSHAKE_H

#endif
