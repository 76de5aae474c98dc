/* A binary heap of deadlines over one uv_timer; see timers.h. */
#include "timers.h"

#include "check.h"
#include "err.h"

#include <stdlib.h>

static void put(struct gc_timers *s, size_t i, struct gc_timer *t)
{
	s->heap[i] = t;
	t->place = i;
}

static void up(struct gc_timers *s, size_t i, struct gc_timer *t)
{
	for (; i > 1 && s->heap[i / 2]->at_ms > t->at_ms; i /= 2)
		put(s, i, s->heap[i / 2]);
	put(s, i, t);
}

static void down(struct gc_timers *s, size_t i, struct gc_timer *t)
{
	for (size_t child; (child = 2 * i) <= s->n; i = child) {
		if (child < s->n && s->heap[child + 1]->at_ms < s->heap[child]->at_ms)
			child++;
		if (s->heap[child]->at_ms >= t->at_ms)
			break;
		put(s, i, s->heap[child]);
	}
	put(s, i, t);
}

static void on_time(uv_timer_t *uv);

static void rearm(struct gc_timers *s)
{
	uint64_t now = uv_now(s->uv.loop);

	if (s->n == 0)
		(void)uv_timer_stop(&s->uv);
	else
		(void)uv_timer_start(&s->uv, on_time,
				     s->heap[1]->at_ms > now ? s->heap[1]->at_ms - now : 0, 0);
}

static void on_time(uv_timer_t *uv)
{
	struct gc_timers *s = uv->data;
	uint64_t now = uv_now(uv->loop);

	s->is_running = true;
	while (s->n > 0 && s->heap[1]->at_ms <= now) {
		struct gc_timer *t = s->heap[1];

		gc_timer_clear(s, t);
		t->cb(t);
	}
	s->is_running = false;
	rearm(s);
}

int gc_timers_init(struct gc_timers *s, uv_loop_t *loop)
{
	*s = (struct gc_timers){0};
	s->uv.data = s;
	return gc_err_from_uv(uv_timer_init(loop, &s->uv)) ? GC_EIO : 0;
}

static void on_close(uv_handle_t *h)
{
	struct gc_timers *s = h->data;

	free(s->heap);
	s->heap = NULL;
	s->closed(s->arg);
}

void gc_timers_close(struct gc_timers *s, void (*closed)(void *arg), void *arg)
{
	GC_REQUIRE(s->n == 0);
	s->closed = closed;
	s->arg = arg;
	uv_close((uv_handle_t *)&s->uv, on_close);
}

static int grow(struct gc_timers *s)
{
	size_t cap = s->cap ? 2 * s->cap : 16;
	struct gc_timer **heap;

	if (s->n + 1 < s->cap)
		return 0;
	heap = realloc(s->heap, cap * sizeof(*heap));
	if (!heap)
		return GC_ENOMEM;
	s->heap = heap;
	s->cap = cap;
	return 0;
}

int gc_timer_set(struct gc_timers *s, struct gc_timer *t, uint64_t delay_ms, gc_timer_cb cb)
{
	gc_timer_clear(s, t);
	if (grow(s) != 0)
		return GC_ENOMEM;
	/* A callback that sets a timer for "now" waits for the next turn. */
	t->at_ms = uv_now(s->uv.loop) + (s->is_running && delay_ms == 0 ? 1 : delay_ms);
	t->cb = cb;
	up(s, ++s->n, t);
	if (t->place == 1 && !s->is_running)
		rearm(s);
	return 0;
}

void gc_timer_clear(struct gc_timers *s, struct gc_timer *t)
{
	struct gc_timer *last;
	size_t i = t->place;

	if (i == 0)
		return;
	t->place = 0;
	last = s->heap[s->n--];
	if (last == t)
		return;
	if (i > 1 && s->heap[i / 2]->at_ms > last->at_ms)
		up(s, i, last);
	else
		down(s, i, last);
}
