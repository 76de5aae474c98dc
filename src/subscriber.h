#ifndef GC_SUBSCRIBER_H
#define GC_SUBSCRIBER_H

#endif
