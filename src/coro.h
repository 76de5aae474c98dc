#ifndef GC_CORO_H
#define GC_CORO_H

#endif
