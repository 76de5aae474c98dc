/* What this process has taken of the machine. */
#ifndef GC_USAGE_H
#define GC_USAGE_H

#include <stdint.h>

/* The most memory it has held at once. 0: not known. */
uint64_t gc_usage_peak_kb(void);

#endif
