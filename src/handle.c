/* The table of handles; see handle.h.
 *
 * Handle: generation, place, and a low 1 so that it is no address of anything. State of a place,
 * one atomic word that any thread may read: generation, live, flags. Chunks are made on demand and
 * stay for ever, so that a late thread always reads memory of ours. A generation that comes round
 * again (2^31 uses of one place; 2^15 on 32 bits) could revive a handle kept all that time; free
 * places are used in turn to put that off. */
#include "handle.h"

#include <stdatomic.h>
#include <stdlib.h>

#define PLACE_BITS 16
#define CHUNK 256
#define CHUNKS ((1u << PLACE_BITS) / CHUNK)
#define GENERATION_MASK ((UINTPTR_MAX >> (PLACE_BITS + 1)) & 0x7fffffffu)
#define LIVE 4u
#define FLAG_BITS 3

struct place {
	_Atomic uint64_t state; /* generation << FLAG_BITS | LIVE | flags */
	void *object;
	enum gc_handle_kind kind;
	uint32_t next_free; /* place number + 1; 0: none */
};

static _Atomic(struct place *) chunks[CHUNKS];
static uint32_t n_places;
static uint32_t first_free, last_free; /* place number + 1: a queue */

static struct place *place_at(uint32_t number)
{
	struct place *chunk =
	    number < 1u << PLACE_BITS ? atomic_load(&chunks[number / CHUNK]) : NULL;

	return chunk ? &chunk[number % CHUNK] : NULL;
}

static uint32_t number_of(const struct gc_request *handle)
{
	return (uint32_t)((uintptr_t)handle >> 1) & ((1u << PLACE_BITS) - 1);
}

static uint64_t generation_of(const struct gc_request *handle)
{
	return (uintptr_t)handle >> (PLACE_BITS + 1);
}

/* The place of a live handle, and its state. */
static struct place *find(const struct gc_request *handle, uint64_t *state_r)
{
	struct place *p = (uintptr_t)handle & 1 ? place_at(number_of(handle)) : NULL;

	if (!p)
		return NULL;
	*state_r = atomic_load(&p->state);
	return *state_r >> FLAG_BITS == generation_of(handle) && (*state_r & LIVE) ? p : NULL;
}

static bool add_chunk(void)
{
	uint32_t number = n_places / CHUNK;
	struct place *chunk = number < CHUNKS ? calloc(CHUNK, sizeof(*chunk)) : NULL;

	if (!chunk)
		return false;
	for (uint32_t i = 0; i < CHUNK; i++)
		chunk[i].next_free = i + 1 < CHUNK ? n_places + i + 2 : 0;
	first_free = n_places + 1;
	last_free = n_places + CHUNK;
	n_places += CHUNK;
	atomic_store(&chunks[number], chunk);
	return true;
}

struct gc_request *gc_handle_open(void *object, enum gc_handle_kind kind)
{
	if (!first_free && !add_chunk())
		return NULL;
	uint32_t number = first_free - 1;
	struct place *p = place_at(number);
	if (!p)
		return NULL;
	first_free = p->next_free;
	if (!first_free)
		last_free = 0;
	uint64_t generation = ((atomic_load(&p->state) >> FLAG_BITS) + 1) & GENERATION_MASK;
	p->object = object;
	p->kind = kind;
	atomic_store(&p->state, generation << FLAG_BITS | LIVE);
	return (struct gc_request *)((((uintptr_t)generation << PLACE_BITS) | number) << 1 | 1u);
}

void *gc_handle_find(struct gc_request *handle, enum gc_handle_kind kind)
{
	uint64_t state;
	struct place *p = find(handle, &state);

	return p && p->kind == kind ? p->object : NULL;
}

void gc_handle_close(struct gc_request *handle)
{
	uint64_t state;
	struct place *p = find(handle, &state);

	if (!p)
		return;
	uint32_t number = number_of(handle);
	atomic_store(&p->state, state & ~(uint64_t)(LIVE | (LIVE - 1)));
	p->object = NULL;
	p->next_free = 0;
	struct place *last = last_free ? place_at(last_free - 1) : NULL;
	if (last)
		last->next_free = number + 1;
	else
		first_free = number + 1;
	last_free = number + 1;
}

void gc_handle_set(struct gc_request *handle, enum gc_handle_flag flag)
{
	uint64_t state;
	struct place *p = find(handle, &state);

	while (p && state >> FLAG_BITS == generation_of(handle) && (state & LIVE))
		if (atomic_compare_exchange_weak(&p->state, &state, state | flag))
			return;
}

bool gc_handle_is(struct gc_request *handle, enum gc_handle_flag flag)
{
	uint64_t state;

	if (!find(handle, &state))
		return flag == GC_HANDLE_CANCELLED;
	return state & flag;
}
