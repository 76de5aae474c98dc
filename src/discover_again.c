/* An instance whose plugin stays overdue is made again: another of the same name and options takes
 * its place and its history, the old one is closed; see discover_priv.h. Loop thread.
 *
 * That comes after MISSED_MAX rounds without an answer, and after twice as many each further time
 * without an answer between. An old one may never close: a thread cannot be ended from outside. So
 * there are never more than GC_LIVES_MAX of one; then the last is left as it is, told as stuck,
 * until one of them ends. Its peers are kept all the while: nothing but a complete answer removes
 * any. */
#include "discover_priv.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define MISSED_MAX 3u
#define MAX_DOUBLINGS 6u

static bool is_time(const struct gc_instance *inst)
{
	unsigned doublings = inst->agains < MAX_DOUBLINGS ? inst->agains : MAX_DOUBLINGS;

	return inst->state == GC_OVERDUE && inst->missed >= MISSED_MAX << doublings;
}

/* It, and those before it that have not closed. */
static size_t count_lives(const struct gc_instance *inst)
{
	const struct gc_instance *other;
	size_t n = 0;

	DL_FOREACH(inst->d->instances, other)
	n += strcmp(other->name, inst->name) == 0;
	return n;
}

bool gc_instance_is_stuck(const struct gc_instance *inst)
{
	return is_time(inst) && count_lives(inst) >= GC_LIVES_MAX;
}

/* All that is known of the old one, and nothing that is its own. */
static struct gc_instance *inherit(const struct gc_instance *old)
{
	size_t n = old->n_basenames ? old->n_basenames : 1;
	struct gc_instance *inst = malloc(sizeof(*inst));
	const char **basenames = calloc(n, sizeof(*basenames));

	if (!inst || !basenames) {
		free(inst);
		free(basenames);
		return NULL;
	}
	*inst = *old;
	memcpy(basenames, old->basenames, old->n_basenames * sizeof(*basenames));
	inst->basenames = basenames;
	inst->facts.settings = gc_settings_share(old->facts.settings);
	inst->module = gc_module_share(old->module);
	inst->self = NULL;
	inst->state = GC_IDLE;
	inst->asked = inst->pushing = inst->done = NULL;
	inst->n_done = 0;
	inst->job = NULL;
	inst->is_live = false;
	inst->missed = 0;
	inst->agains++;
	inst->restarts++;
	return inst;
}

struct gc_instance *gc_instance_again(struct gc_instance *inst)
{
	struct gc_instance *another;
	char err[300] = "out of memory";

	if (!is_time(inst) || gc_instance_is_stuck(inst))
		return NULL;
	another = inherit(inst);
	if (another && gc_instance_create(another, err, sizeof(err)) == 0) {
		gc_log(GC_LOG_WARNING, inst->facts.area,
		       "no answer in %u rounds: closed, and made again", inst->missed);
		gc_instance_close(inst);
		return another;
	}
	gc_log(GC_LOG_WARNING, inst->facts.area,
	       "no answer in %u rounds, and cannot be made again: %s", inst->missed, err);
	inst->agains++;
	return NULL;
}
