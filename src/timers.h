/* Many deadlines over one uv_timer: a dial, an accepted handshake or a wait is 24 bytes here instead of a
 * handle that has to be closed. Loop thread. */
#ifndef GC_TIMERS_H
#define GC_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct gc_timer;
typedef void (*gc_timer_cb)(struct gc_timer *t);

struct gc_timer { /* embedded in its owner; zeroed: not set */
	uint64_t at_ms;	 /* on the clock of the loop */
	gc_timer_cb cb;	 /* may set or clear any timer, and free its owner */
	size_t place; /* in the heap, from 1; 0: not set */
};

struct gc_timers {
	uv_timer_t uv;
	struct gc_timer **heap; /* heap[1] is the next; grows with a power of two */
	size_t n, cap;
	bool is_running;
	void (*closed)(void *arg);
	void *arg;
};

int gc_timers_init(struct gc_timers *s, uv_loop_t *loop);
/* No timer may be set, nor this be called from one. closed: when the handle is gone. */
void gc_timers_close(struct gc_timers *s, void (*closed)(void *arg), void *arg);
/* Has cb called once in delay_ms, on a later turn of the loop even if that is 0. Set again: moves it. 0 or
 * GC_ENOMEM. */
int gc_timer_set(struct gc_timers *s, struct gc_timer *t, uint64_t delay_ms, gc_timer_cb cb);
void gc_timer_clear(struct gc_timers *s, struct gc_timer *t);
static inline bool gc_timer_is_set(const struct gc_timer *t)
{
	return t->place != 0;
}

#endif
