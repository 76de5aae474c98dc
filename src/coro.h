/* Coroutines: stacks on which blocking code (ei_connect) waits without blocking the loop. One thread;
 * a coroutine runs only inside gc_coro_start and gc_coro_resume, and gives up only in gc_coro_yield.
 *
 * Stacks are mapped with a guard page below, left out of core dumps, wiped when a coroutine ends (they
 * held digests and what MD5 made them of) and kept for the next one: making one costs more than what
 * runs on it. */
#ifndef GC_CORO_H
#define GC_CORO_H

#include <stdbool.h>
#include <stddef.h>

struct gc_coro;
struct gc_coro_pool;

/* Bytes of a stack, without its guard page. Only what is touched costs memory. */
#define GC_CORO_STACK ((size_t)64 * 1024)

/* max_idle: stacks kept until the next trim. NULL: out of memory. */
struct gc_coro_pool *gc_coro_pool_create(size_t max_idle);
/* None may be alive. NULL is fine. */
void gc_coro_pool_destroy(struct gc_coro_pool *p);
/* Gives the stacks back that nobody uses. */
void gc_coro_pool_trim(struct gc_coro_pool *p);
size_t gc_coro_pool_alive(const struct gc_coro_pool *p);

/* Runs fn(arg) until its first yield or its end. co_r: the coroutine, or NULL if it has ended already. 0, or
 * GC_ENOMEM. */
int gc_coro_start(struct gc_coro_pool *p, void (*fn)(void *arg), void *arg, struct gc_coro **co_r);
/* Goes on with it, until its next yield (true) or its end (false: it is gone). Not from inside a
 * coroutine. */
bool gc_coro_resume(struct gc_coro *co);
/* From inside a coroutine: back to who started or resumed it. */
void gc_coro_yield(void);
/* The most bytes of stack any coroutine of this pool has used, as found when it ended. */
size_t gc_coro_pool_high_water(const struct gc_coro_pool *p);

#endif
