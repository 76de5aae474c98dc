#ifndef GC_BUILTIN_H
#define GC_BUILTIN_H

#endif
