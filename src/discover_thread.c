/* Blocking plugins, each question on a thread of its own; see discover_priv.h.
 *
 * No thread of the uv pool is used: a plugin that hangs must not hold up what else needs the pool.
 * While a thread runs, the job and the peers collected are its own; it gives them back as a letter
 * (mail.h). */
#include "discover_priv.h"

#include "err.h"
#include "handle.h"

#include <stdlib.h>

struct gc_job {
	struct gc_instance *inst;
	struct gc_ask *ask;
	uv_thread_t thread;
	int mail_out;
	enum gc_quality quality;
	char reason[GC_REASON_MAX];
};

static _Thread_local struct gc_ask *thread_ask;

struct gc_ask *gc_thread_ask(void)
{
	return thread_ask;
}

static void run_job(void *arg)
{
	struct gc_job *job = arg;
	struct gc_instance *inst = job->inst;

	thread_ask = job->ask;
	job->quality = inst->module->discovery.refresh_blocking(inst->self, job->ask->handle,
								job->reason, sizeof(job->reason));
	job->reason[sizeof(job->reason) - 1] = '\0';
	gc_mail_send(job->mail_out, job);
}

int gc_job_start(struct gc_instance *inst)
{
	struct gc_job *job = calloc(1, sizeof(*job));

	if (!job)
		return GC_ENOMEM;
	job->inst = inst;
	job->ask = inst->asked;
	job->ask->is_blocking = true;
	job->mail_out = inst->d->mail.out;
	if (uv_thread_create(&job->thread, run_job, job)) {
		free(job);
		return GC_EIO;
	}
	inst->job = job;
	return 0;
}

void gc_job_done(void *discover, void *letter)
{
	struct gc_job *job = letter;
	struct gc_instance *inst = job->inst;

	(void)discover;
	(void)uv_thread_join(&job->thread);
	gc_ask_result(job->ask, job->quality, job->reason[0] ? job->reason : NULL);
	inst->job = NULL;
	free(job);
	gc_discover_job_done(inst);
}
