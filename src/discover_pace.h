/* When an instance is asked again. Pure: no clock, no jitter; the caller has both. Owner: the
 * instance. */
#ifndef GC_DISCOVER_PACE_H
#define GC_DISCOVER_PACE_H

#include <gen_cluster/gc_plugin.h>
#include <stdbool.h>

struct gc_pace {
	unsigned failures; /* rounds in a row without an answer */
	unsigned empties;  /* answers in a row, the first ones, that were not what was waited for */
	bool is_settled;   /* has once given a complete answer with somebody in it */
};

/* A round has ended with this answer, or with none (GC_ERROR). n: its peers. */
void gc_pace_answered(struct gc_pace *p, enum gc_quality quality, size_t n);
/* An answer nobody asked for. */
void gc_pace_pushed(struct gc_pace *p, enum gc_quality quality, size_t n);
/* From the end of the round to the next one; UINT64_MAX: there is none. interval_ms: of an instance
 * in good health, UINT64_MAX: once. */
uint64_t gc_pace_wait_ms(const struct gc_pace *p, uint64_t interval_ms);

#endif
