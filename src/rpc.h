#ifndef GC_RPC_H
#define GC_RPC_H

#endif
