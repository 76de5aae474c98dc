#ifndef GC_TRANSPORT_H
#define GC_TRANSPORT_H

#endif
