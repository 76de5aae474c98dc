#ifndef GC_DIST_H
#define GC_DIST_H

#endif
