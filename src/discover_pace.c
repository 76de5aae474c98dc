/* When an instance is asked again; see discover_pace.h.
 *
 * A source in trouble, and one that has not named anybody yet, are asked sooner than the interval
 * says, each time later, up to the interval or a minute. The second is how a cluster begins: the
 * service of a pod that has just started has no record before the first pod is ready, and whole
 * seconds of waiting for nothing would follow. Such a source answers at once and is not in trouble,
 * so it is asked sooner than one that is. An interval of infinity counts from the first answer of
 * use: without one nothing has been discovered, not even once. */
#include "discover_pace.h"

#define FAILED_MS 1000
#define EMPTY_MS 250
#define TOP_MS 60000
#define MAX_DOUBLINGS 8u /* from the smaller one beyond the top */

static bool is_of_use(enum gc_quality quality, size_t n)
{
	return quality == GC_COMPLETE && n > 0;
}

void gc_pace_answered(struct gc_pace *p, enum gc_quality quality, size_t n)
{
	p->is_settled |= is_of_use(quality, n);
	p->failures = quality == GC_ERROR ? p->failures + 1 : 0;
	if (quality != GC_ERROR && !p->is_settled)
		p->empties++;
}

void gc_pace_pushed(struct gc_pace *p, enum gc_quality quality, size_t n)
{
	p->is_settled |= is_of_use(quality, n);
}

static uint64_t backoff_ms(uint64_t first_ms, unsigned times, uint64_t interval_ms)
{
	uint64_t ms = first_ms << (times > MAX_DOUBLINGS ? MAX_DOUBLINGS : times - 1);
	uint64_t top = interval_ms < TOP_MS ? interval_ms : TOP_MS;

	return ms < top ? ms : top;
}

uint64_t gc_pace_wait_ms(const struct gc_pace *p, uint64_t interval_ms)
{
	if (p->failures > 0)
		return backoff_ms(FAILED_MS, p->failures, interval_ms);
	if (!p->is_settled && p->empties > 0)
		return backoff_ms(EMPTY_MS, p->empties, interval_ms);
	return interval_ms;
}
