#ifndef GC_DAEMON_H
#define GC_DAEMON_H

#endif
