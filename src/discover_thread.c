/* Blocking plugins, each question on a thread of its own, and the way home from other threads; see
 * discover_priv.h.
 *
 * No thread of the uv pool is used: a plugin that hangs must not hold up what else needs the pool.
 * While a thread runs, the job and the peers collected are its own; it gives them back with a
 * message over a socket pair, which the kernel keeps in order, so nothing here needs a lock.
 * Messages are whole (SOCK_SEQPACKET). A log line that finds the socket full is dropped, a finished
 * job waits. After the end of reading, what a late thread sends goes nowhere (EPIPE, without a
 * signal). */
#include "discover_priv.h"

#include "err.h"
#include "handle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_LEN 800
#define MAX_MAIL_A_TURN 64

struct gc_job {
	struct gc_instance *inst;
	struct gc_ask *ask;
	uv_thread_t thread;
	int mail_out;
	enum gc_quality quality;
	char reason[GC_REASON_MAX];
};

struct mail {
	struct gc_job *job; /* done; NULL: a log line */
	int level;
	char area[80];
	char line[LINE_LEN];
};

static _Thread_local bool is_loop_thread;
static _Thread_local struct gc_ask *thread_ask;

bool gc_on_loop_thread(void)
{
	return is_loop_thread;
}

struct gc_ask *gc_thread_ask(void)
{
	return thread_ask;
}

/* ---- on other threads ---- */

void gc_discover_mail_log(struct gc_instance *inst, int level, const char *line)
{
	struct mail mail = {.level = level};

	(void)snprintf(mail.area, sizeof(mail.area), "%s", inst->area);
	(void)snprintf(mail.line, sizeof(mail.line), "%s", line);
	(void)send(inst->d->mail_out, &mail, sizeof(mail), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void send_job(struct gc_job *job)
{
	const struct mail mail = {.job = job};
	ssize_t n;

	do
		n = send(job->mail_out, &mail, sizeof(mail), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
}

static void run_job(void *arg)
{
	struct gc_job *job = arg;
	struct gc_instance *inst = job->inst;

	thread_ask = job->ask;
	job->quality = inst->module->discovery.refresh_blocking(inst->self, job->ask->handle,
								job->reason, sizeof(job->reason));
	job->reason[sizeof(job->reason) - 1] = '\0';
	send_job(job);
}

/* ---- on the loop thread ---- */

int gc_job_start(struct gc_instance *inst)
{
	struct gc_job *job = calloc(1, sizeof(*job));

	if (!job)
		return GC_ENOMEM;
	job->inst = inst;
	job->ask = inst->asked;
	job->ask->is_blocking = true;
	job->mail_out = inst->d->mail_out;
	if (uv_thread_create(&job->thread, run_job, job)) {
		free(job);
		return GC_EIO;
	}
	inst->job = job;
	return 0;
}

static void job_done(struct gc_job *job)
{
	struct gc_instance *inst = job->inst;

	(void)uv_thread_join(&job->thread);
	gc_ask_result(job->ask, job->quality, job->reason[0] ? job->reason : NULL);
	inst->job = NULL;
	free(job);
	gc_discover_job_done(inst);
}

static void on_mail(uv_poll_t *poll, int status, int events)
{
	struct gc_discover *d = poll->data;
	struct mail mail;

	(void)status; /* an error shows in recv */
	(void)events;
	for (int i = 0; i < MAX_MAIL_A_TURN; i++) {
		ssize_t n = recv(d->mail_in, &mail, sizeof(mail), MSG_DONTWAIT);
		if (n != (ssize_t)sizeof(mail))
			return;
		if (mail.job)
			job_done(mail.job);
		else
			gc_log((enum gc_log_level)mail.level, mail.area, "%s", mail.line);
	}
}

int gc_discover_mail_open(struct gc_discover *d)
{
	int fds[2];

	is_loop_thread = true;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return GC_EIO;
	if (uv_poll_init(d->config.loop, &d->mail, fds[0])) {
		close(fds[0]);
		close(fds[1]);
		return GC_EIO;
	}
	d->mail.data = d;
	d->mail_in = fds[0];
	d->mail_out = fds[1];
	uv_poll_start(&d->mail, UV_READABLE, on_mail);
	return 0;
}

void gc_discover_mail_close(struct gc_discover *d, uv_close_cb closed)
{
	uv_poll_stop(&d->mail);
	uv_close((uv_handle_t *)&d->mail, closed);
	close(d->mail_in);
	if (d->n_abandoned == 0)
		close(d->mail_out);
}
