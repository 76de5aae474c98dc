/* Rounds of an instance, and the delivery of its answers; the states are drawn in discover_priv.h.
 * Loop thread.
 *
 * Nothing is delivered from inside a call of a plugin: finished asks wait in their instance and go
 * out on the next turn of the loop. A pushed complete answer makes all pushed ones before it void,
 * so a source that pushes all the time costs one delivery a turn. */
#include "discover_priv.h"

#include "check.h"
#include "err.h"
#include "handle.h"

#include <stdio.h>
#include <utlist.h>

/* ---- delivery ---- */

/* An answer that names nobody (a name that does not exist, mostly a wrong one), or not all. */
static void note_remark(struct gc_instance *inst, const struct gc_answer *a, uint64_t now)
{
	if (a->reason && a->quality == GC_PARTIAL)
		gc_trouble_log(&inst->not_whole, now, GC_LOG_WARNING, inst->facts.area,
			       "a partial answer: %s", a->reason);
	else if (a->reason && a->n == 0)
		gc_trouble_log(&inst->not_whole, now, GC_LOG_WARNING, inst->facts.area, "no peers: %s",
			       a->reason);
	else
		gc_trouble_over(&inst->not_whole, now, inst->facts.area, "a whole answer");
}

static void note_answer(struct gc_instance *inst, const struct gc_answer *a)
{
	uint64_t now = uv_now(inst->d->config.loop);

	inst->answered_mono_ms = now;
	inst->last_quality = a->quality;
	(void)snprintf(inst->last_reason, sizeof(inst->last_reason), "%s",
		       a->reason ? a->reason : "");
	if (a->quality == GC_ERROR) {
		inst->errors++;
		gc_trouble_log(&inst->no_answer, now, GC_LOG_WARNING, inst->facts.area, "no answer: %s",
			       inst->last_reason);
		return;
	}
	gc_trouble_over(&inst->no_answer, now, inst->facts.area, "it answers again");
	note_remark(inst, a, now);
	inst->last_n = a->n;
	inst->last_ttl_s = a->ttl_s;
}

static void note_rejected(struct gc_instance *inst, const struct gc_ask *ask, uint32_t rejected)
{
	uint64_t now = uv_now(inst->d->config.loop);

	if (rejected)
		gc_trouble_log(&inst->not_taken, now, GC_LOG_WARNING, inst->facts.area,
			       "%u peers not taken, the first: %s", rejected,
			       gc_peerset_first_rejected(ask->peers));
	else if (ask->quality != GC_ERROR)
		gc_trouble_over(&inst->not_taken, now, inst->facts.area, "all peers are taken");
}

static void deliver(struct gc_instance *inst, struct gc_ask *ask)
{
	const struct gc_discover_config *c = &inst->d->config;
	struct gc_answer a = {
	    .instance = inst->name,
	    .quality = ask->quality,
	    .reason = ask->reason[0] ? ask->reason : NULL,
	    .ttl_s = ask->ttl_s,
	    .pushed = ask->is_push,
	    .rejected = gc_peerset_rejected(ask->peers),
	};

	a.peers = gc_peerset_peers(ask->peers, &a.n);
	note_answer(inst, &a);
	note_rejected(inst, ask, a.rejected);
	c->on_answer(c->arg, &a);
}

static void on_deliver(uv_idle_t *idle)
{
	struct gc_discover *d = idle->data;
	struct gc_instance *inst;

	uv_idle_stop(idle);
	DL_FOREACH(d->instances, inst)
	{
		/* on_answer may close or push: what comes now waits for the next turn. */
		for (size_t n = inst->n_done; n > 0 && inst->done && !d->is_closing; n--) {
			struct gc_ask *ask = inst->done;
			DL_DELETE(inst->done, ask);
			inst->n_done--;
			deliver(inst, ask);
			gc_ask_destroy(ask);
		}
	}
}

void gc_instance_drop_done(struct gc_instance *inst, bool only_pushed)
{
	struct gc_ask *ask, *tmp;

	DL_FOREACH_SAFE(inst->done, ask, tmp)
	{
		if (only_pushed && !ask->is_push)
			continue;
		DL_DELETE(inst->done, ask);
		inst->n_done--;
		gc_ask_destroy(ask);
	}
}

/* Takes the ask. */
static void queue_answer(struct gc_instance *inst, struct gc_ask *ask)
{
	gc_handle_close(ask->handle);
	ask->handle = NULL;
	if (ask->is_push && ask->quality == GC_COMPLETE)
		gc_instance_drop_done(inst, true);
	DL_APPEND(inst->done, ask);
	inst->n_done++;
	uv_idle_start(&inst->d->deliver, on_deliver);
}

/* ---- rounds ---- */

bool gc_instance_is_asked(const struct gc_instance *inst)
{
	return inst->module->discovery.refresh || inst->module->discovery.refresh_blocking;
}

static double random_unit(struct gc_discover *d) /* xorshift64*; 0 .. 1 */
{
	d->random ^= d->random >> 12;
	d->random ^= d->random << 25;
	d->random ^= d->random >> 27;
	return (double)((d->random * 2685821657736338717u) >> 11) / 9007199254740992.0;
}

static void on_round(uv_timer_t *timer)
{
	gc_instance_begin_round(timer->data);
}

static void plan_round(struct gc_instance *inst)
{
	struct gc_discover *d = inst->d;
	double jitter = d->config.refresh_jitter;
	uint64_t ms = gc_pace_wait_ms(&inst->pace, inst->interval_ms);

	if (!gc_instance_is_asked(inst) || ms == UINT64_MAX)
		return;
	double factor = 1 + jitter * (2 * random_unit(d) - 1);
	uv_timer_start(&inst->timer, on_round, (uint64_t)((double)ms * factor), 0);
}

/* An answer of ours about a round that the plugin did not answer. */
static void answer_error(struct gc_instance *inst, const char *reason)
{
	struct gc_ask *ask = gc_ask_create(inst, false);

	gc_pace_answered(&inst->pace, GC_ERROR, 0);
	if (!ask) {
		gc_log(GC_LOG_ERROR, inst->facts.area, "%s, and out of memory", reason);
		return;
	}
	gc_ask_result(ask, GC_ERROR, reason);
	queue_answer(inst, ask);
}

static void fail_round(struct gc_instance *inst, const char *reason)
{
	answer_error(inst, reason);
	plan_round(inst);
}

static void on_deadline(uv_timer_t *timer)
{
	struct gc_instance *inst = timer->data;
	struct gc_request *handle = inst->asked->handle;
	bool is_wrong_thread = gc_handle_is(handle, GC_HANDLE_WRONG_THREAD);

	inst->state = GC_OVERDUE;
	inst->missed = 1;
	gc_handle_set(handle, GC_HANDLE_CANCELLED);
	fail_round(inst, is_wrong_thread
			     ? "timeout: it answered from another thread, which is refused"
			     : "timeout");
	if (inst->module->discovery.cancel)
		inst->module->discovery.cancel(inst->self, handle);
}

/* The round is over without an answer of the plugin: it said so, or could not be asked. */
static void abort_round(struct gc_instance *inst, const char *reason)
{
	gc_ask_destroy(inst->asked);
	inst->asked = NULL;
	inst->state = GC_IDLE;
	fail_round(inst, reason);
}

static void ask_plugin(struct gc_instance *inst)
{
	const struct gc_discovery *p = &inst->module->discovery;
	struct gc_ask *ask = inst->asked;

	if (p->refresh_blocking) {
		int err = gc_job_start(inst);
		if (err)
			abort_round(inst, "no thread could be started");
		return;
	}
	/* It may finish at once: then asked is another one or none. */
	if (p->refresh(inst->self, ask->handle) != 0 && inst->asked == ask)
		abort_round(inst, "the plugin could not begin");
}

/* Answers the round of one that is overdue; or has another in its place, which is asked. */
static void begin_overdue(struct gc_instance *inst)
{
	uint64_t ago_ms = uv_now(inst->d->config.loop) - inst->asked_mono_ms;
	struct gc_instance *another;
	char reason[200];

	inst->missed++;
	another = gc_instance_again(inst);
	if (another) {
		gc_instance_begin_round(another);
		return;
	}
	inst->rounds++;
	(void)snprintf(reason, sizeof(reason), "timeout: still busy with the question of %llu s ago",
		       (unsigned long long)ago_ms / 1000);
	if (gc_instance_is_stuck(inst))
		(void)snprintf(reason, sizeof(reason),
			       "stuck: %d of this instance hang, the last for %llu s; no other is "
			       "made until one of them ends",
			       GC_LIVES_MAX, (unsigned long long)ago_ms / 1000);
	fail_round(inst, reason);
}

void gc_instance_begin_round(struct gc_instance *inst)
{
	uint64_t now = uv_now(inst->d->config.loop);

	if (inst->state == GC_OVERDUE) {
		begin_overdue(inst);
		return;
	}
	inst->rounds++;
	inst->asked = gc_ask_create(inst, false);
	if (!inst->asked) {
		fail_round(inst, gc_err_text(GC_ENOMEM));
		return;
	}
	inst->state = GC_ASKED;
	inst->asked_mono_ms = now;
	uv_timer_start(&inst->timer, on_deadline, inst->timeout_ms, 0);
	ask_plugin(inst);
}

static size_t count_peers(const struct gc_ask *ask)
{
	size_t n;

	(void)gc_peerset_peers(ask->peers, &n);
	return n;
}

static void finish_asked(struct gc_instance *inst, struct gc_ask *ask)
{
	bool is_late = inst->state == GC_OVERDUE || inst->is_closing;

	inst->asked = NULL;
	inst->state = GC_IDLE;
	if (is_late) {
		gc_ask_destroy(ask);
		return;
	}
	inst->agains = 0;
	gc_pace_answered(&inst->pace, ask->quality, count_peers(ask));
	queue_answer(inst, ask);
	uv_timer_stop(&inst->timer);
	plan_round(inst);
}

void gc_discover_finished(struct gc_ask *ask)
{
	struct gc_instance *inst = ask->inst;

	if (ask == inst->asked) {
		finish_asked(inst, ask);
		return;
	}
	GC_REQUIRE(ask == inst->pushing);
	inst->pushing = NULL;
	inst->pushes++;
	gc_pace_pushed(&inst->pace, ask->quality, count_peers(ask));
	if (inst->is_closing)
		gc_ask_destroy(ask);
	else
		queue_answer(inst, ask);
}
