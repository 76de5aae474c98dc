/* Coroutines over ucontext; see coro.h. Owner: the pool, on the one thread that uses it. The sanitizers
 * and valgrind are told of each switch. */
#include "coro.h"

#include "check.h"
#include "err.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GC_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define GC_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define GC_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define GC_TSAN 1
#endif
#ifdef GC_ASAN
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/asan_interface.h>
#endif
#ifdef GC_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define GC_VALGRIND 1
#endif

struct gc_coro {
	ucontext_t self, caller;
	struct gc_coro_pool *pool;
	struct gc_coro *next; /* idle ones */
	void (*fn)(void *);
	void *arg;
	uint8_t *map, *stack; /* map: the guard page, stack: right above it */
	bool is_over;
#ifdef GC_ASAN
	void *fake_stack, *caller_fake_stack;
	const void *caller_bottom;
	size_t caller_size;
#endif
#ifdef GC_TSAN
	void *fiber, *caller_fiber;
#endif
#ifdef GC_VALGRIND
	unsigned valgrind_id;
#endif
};

struct gc_coro_pool {
	struct gc_coro *idle;
	size_t n_idle, n_alive, max_idle, high_water;
};

static __thread struct gc_coro *current;

/* ---- what the tools must know of a switch ----
 * Inlined: a function that is entered on one stack and left on another is told of to TSan on both. */

#define GC_INLINE inline __attribute__((always_inline))

static GC_INLINE void entering(struct gc_coro *co)
{
	(void)co;
#ifdef GC_ASAN
	__sanitizer_start_switch_fiber(&co->caller_fake_stack, co->stack, GC_CORO_STACK);
#endif
#ifdef GC_TSAN
	co->caller_fiber = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(co->fiber, 0);
#endif
}

static GC_INLINE void entered(struct gc_coro *co)
{
	(void)co;
#ifdef GC_ASAN
	__sanitizer_finish_switch_fiber(co->fake_stack, &co->caller_bottom, &co->caller_size);
#endif
}

static GC_INLINE void leaving(struct gc_coro *co)
{
	(void)co;
#ifdef GC_ASAN
	__sanitizer_start_switch_fiber(co->is_over ? NULL : &co->fake_stack, co->caller_bottom,
				       co->caller_size);
#endif
#ifdef GC_TSAN
	__tsan_switch_to_fiber(co->caller_fiber, 0);
#endif
}

static GC_INLINE void left(struct gc_coro *co)
{
	(void)co;
#ifdef GC_ASAN
	__sanitizer_finish_switch_fiber(co->caller_fake_stack, NULL, NULL);
#endif
}

/* ---- stacks ---- */

static size_t page(void)
{
	static size_t size;

	if (size == 0)
		size = (size_t)sysconf(_SC_PAGESIZE);
	return size;
}

static struct gc_coro *map_stack(struct gc_coro_pool *p)
{
	struct gc_coro *co = calloc(1, sizeof(*co));
	size_t len = page() + GC_CORO_STACK;

	if (!co)
		return NULL;
	co->map = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (co->map == MAP_FAILED) {
		free(co);
		return NULL;
	}
	(void)mprotect(co->map, page(), PROT_NONE);
	(void)madvise(co->map, len, MADV_DONTDUMP);
	co->stack = co->map + page();
	co->pool = p;
#ifdef GC_VALGRIND
	co->valgrind_id = VALGRIND_STACK_REGISTER(co->stack, co->stack + GC_CORO_STACK);
#endif
	return co;
}

static void unmap_stack(struct gc_coro *co)
{
#ifdef GC_VALGRIND
	VALGRIND_STACK_DEREGISTER(co->valgrind_id);
#endif
	(void)munmap(co->map, page() + GC_CORO_STACK);
	free(co);
}

/* Wipes the pages that were touched, and no other: that would only bring them in. Returns how deep the
 * stack had been, as far as it was not zero. */
static size_t wipe(struct gc_coro *co)
{
	unsigned char resident[GC_CORO_STACK / 1024];
	uint8_t *end = co->stack + GC_CORO_STACK, *deepest = end;

#ifdef GC_ASAN
	__asan_unpoison_memory_region(co->stack, GC_CORO_STACK);
#endif
#ifdef GC_VALGRIND
	/* what lies below the last stack pointer is none of ours, it thinks */
	(void)VALGRIND_MAKE_MEM_DEFINED(co->stack, GC_CORO_STACK);
#endif
	if (mincore(co->stack, GC_CORO_STACK, resident) != 0)
		memset(resident, 1, sizeof(resident));
	for (size_t i = GC_CORO_STACK / page(); i-- > 0;) {
		uint8_t *p = co->stack + i * page(), *stop = p + page();

		if (!(resident[i] & 1))
			continue;
		for (uint64_t *q = (uint64_t *)(void *)p; (uint8_t *)q < stop && deepest >= stop; q++)
			if (*q != 0)
				deepest = (uint8_t *)q;
		explicit_bzero(p, page());
	}
	return (size_t)(end - deepest);
}

static void drop_idle(struct gc_coro_pool *p)
{
	struct gc_coro *co = p->idle;

	p->idle = co->next;
	p->n_idle--;
	unmap_stack(co);
}

static void retire(struct gc_coro *co)
{
	struct gc_coro_pool *p = co->pool;
	size_t used = wipe(co);

#ifdef GC_TSAN
	__tsan_destroy_fiber(co->fiber);
#endif
	if (used > p->high_water)
		p->high_water = used;
	p->n_alive--;
	if (p->n_idle < p->max_idle) {
		co->next = p->idle;
		p->idle = co;
		p->n_idle++;
	} else {
		unmap_stack(co);
	}
}

/* ---- public ---- */

struct gc_coro_pool *gc_coro_pool_create(size_t max_idle)
{
	struct gc_coro_pool *p = calloc(1, sizeof(*p));

	if (p)
		p->max_idle = max_idle;
	return p;
}

void gc_coro_pool_trim(struct gc_coro_pool *p)
{
	while (p->idle)
		drop_idle(p);
}

void gc_coro_pool_destroy(struct gc_coro_pool *p)
{
	if (!p)
		return;
	GC_REQUIRE(p->n_alive == 0);
	gc_coro_pool_trim(p);
	free(p);
}

size_t gc_coro_pool_alive(const struct gc_coro_pool *p)
{
	return p->n_alive;
}

size_t gc_coro_pool_high_water(const struct gc_coro_pool *p)
{
	return p->high_water;
}

static void enter(void)
{
	struct gc_coro *co = current;

	entered(co);
	co->fn(co->arg);
	co->is_over = true;
	leaving(co);
	(void)setcontext(&co->caller);
	abort();
}

/* Into the coroutine and, at its next yield or end, out again. */
static bool run(struct gc_coro *co)
{
	GC_REQUIRE(current == NULL);
	current = co;
	entering(co);
	(void)swapcontext(&co->caller, &co->self);
	left(co);
	current = NULL;
	if (!co->is_over)
		return true;
	retire(co);
	return false;
}

/* Apart, as getcontext may return twice as far as the compiler knows. */
static __attribute__((noinline)) void prepare(struct gc_coro *co)
{
#ifdef GC_ASAN
	co->fake_stack = NULL; /* went when the one before it ended */
#endif
#ifdef GC_TSAN
	co->fiber = __tsan_create_fiber(0); /* a new one, whose calls begin at enter() */
#endif
	(void)getcontext(&co->self);
	co->self.uc_stack.ss_sp = co->stack;
	co->self.uc_stack.ss_size = GC_CORO_STACK;
	co->self.uc_link = NULL;
	makecontext(&co->self, enter, 0);
}

int gc_coro_start(struct gc_coro_pool *p, void (*fn)(void *arg), void *arg, struct gc_coro **co_r)
{
	struct gc_coro *co = p->idle;

	*co_r = NULL;
	if (co) {
		p->idle = co->next;
		p->n_idle--;
	} else if (!(co = map_stack(p))) {
		return GC_ENOMEM;
	}
	co->fn = fn;
	co->arg = arg;
	co->is_over = false;
	p->n_alive++;
	prepare(co);
	if (run(co))
		*co_r = co;
	return 0;
}

bool gc_coro_resume(struct gc_coro *co)
{
	return run(co);
}

void gc_coro_yield(void)
{
	struct gc_coro *co = current;

	GC_REQUIRE(co != NULL);
	leaving(co);
	(void)swapcontext(&co->self, &co->caller);
	entered(co);
}
