/* exec: peers from the output of a command; options and failures are in exec.md.
 *
 * One struct source an instance, one struct run a question. A run has a process and two pipes; it
 * is over when the process has exited and both pipes have ended, or DRAIN_MS after the exit (a
 * child of the command may still hold them). Each command leads a process group of its own, so that
 * all of it can be killed: SIGTERM, and SIGKILL after KILL_MS. All on the loop thread. */
#include "exec_priv.h"

#include "../common/peer_text.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KILL_MS 200
#define DRAIN_MS 500
#define ERRORS_MAX 1024
#define CHUNK 65536

struct source {
	const struct gc_host *host;
	struct gc_instance *inst;
	struct run *run;    /* the one that is not over */
	unsigned open_runs; /* with those whose handles are closing */
	bool is_closing;
};

struct stream {
	uv_pipe_t pipe;
	char *bytes;
	size_t len, cap, max; /* what comes beyond max is dropped, and is_cut set */
	bool is_cut, has_ended;
};

struct run {
	struct source *source;
	struct gc_request *request; /* NULL: nobody waits any more */
	uv_process_t process;
	uv_timer_t timer; /* SIGKILL, or the end of the drain */
	struct stream out, errors;
	bool was_spawned, is_running, is_stopping, has_exited, is_over;
	int64_t status;
	int signal;
	unsigned open_handles;
	char chunk[CHUNK];
};

/* ---- the end of a run ---- */

static void close_source_if_done(struct source *s)
{
	const struct gc_host *host = s->host;
	struct gc_instance *inst = s->inst;

	if (!s->is_closing || s->open_runs > 0)
		return;
	free(s);
	host->closed(inst);
}

static void on_closed(uv_handle_t *handle)
{
	struct run *r = handle->data;
	struct source *s = r->source;

	if (--r->open_handles > 0)
		return;
	free(r->out.bytes);
	free(r->errors.bytes);
	free(r);
	s->open_runs--;
	close_source_if_done(s);
}

static void close_handle(struct run *r, uv_handle_t *handle)
{
	handle->data = r;
	uv_close(handle, on_closed);
}

static void answer_output(struct run *r, const struct gc_host *host)
{
	size_t n;
	char err[160], reason[220];

	if (gc_peer_text_add(r->out.bytes, r->out.len, host, r->request, &n, err, sizeof(err)) == 0) {
		host->finish(r->request, GC_COMPLETE, n ? NULL : "the command named nobody");
		return;
	}
	(void)snprintf(reason, sizeof(reason), "output of the command: %s", err);
	host->finish(r->request, GC_ERROR, reason);
}

/* "exit status 3: what it said on stderr" */
static void answer_failure(struct run *r, const struct gc_host *host)
{
	char reason[ERRORS_MAX + 80];
	int len;

	if (r->signal)
		len = snprintf(reason, sizeof(reason), "killed by signal %d", r->signal);
	else
		len = snprintf(reason, sizeof(reason), "exit status %d", (int)r->status);
	while (r->errors.len > 0 && (unsigned char)r->errors.bytes[r->errors.len - 1] <= ' ')
		r->errors.len--;
	if (r->errors.len > 0)
		(void)snprintf(reason + len, sizeof(reason) - (size_t)len, ": %.*s",
			       (int)r->errors.len, r->errors.bytes);
	host->finish(r->request, GC_ERROR, reason);
}

static void answer(struct run *r)
{
	const struct gc_host *host = r->source->host;
	char reason[80];

	if (!r->request)
		return;
	if (host->is_cancelled(r->request)) {
		host->finish(r->request, GC_ERROR, "timeout");
	} else if (r->out.is_cut) {
		(void)snprintf(reason, sizeof(reason), "more than %zu bytes of output", r->out.max);
		host->finish(r->request, GC_ERROR, reason);
	} else if (r->signal || r->status) {
		answer_failure(r, host);
	} else {
		answer_output(r, host);
	}
	r->request = NULL;
}

/* The number of the group cannot be another's: the leader is not reaped, or a member holds a pipe.
 */
static void signal_group(struct run *r, int sig)
{
	bool has_members = !r->has_exited || !r->out.has_ended || !r->errors.has_ended;

	if (r->is_running && has_members)
		(void)kill(-r->process.pid, sig);
}

/* Closes all; the answer goes out first. What is left of the group dies. */
static void end_run(struct run *r)
{
	if (r->is_over)
		return;
	r->is_over = true;
	r->source->run = NULL;
	signal_group(r, SIGKILL);
	answer(r);
	uv_timer_stop(&r->timer);
	close_handle(r, (uv_handle_t *)&r->timer);
	close_handle(r, (uv_handle_t *)&r->out.pipe);
	close_handle(r, (uv_handle_t *)&r->errors.pipe);
	if (r->was_spawned)
		close_handle(r, (uv_handle_t *)&r->process);
}

static void end_if_done(struct run *r)
{
	if (r->has_exited && r->out.has_ended && r->errors.has_ended)
		end_run(r);
}

static void on_drained(uv_timer_t *timer)
{
	end_run(timer->data);
}

static bool is_wanted(const struct run *r)
{
	return r->request && !r->out.is_cut && !r->source->host->is_cancelled(r->request);
}

static void on_process_exit(uv_process_t *process, int64_t status, int sig)
{
	struct run *r = process->data;

	r->has_exited = true;
	r->status = status;
	r->signal = sig;
	if (!is_wanted(r)) {
		end_run(r);
		return;
	}
	uv_timer_start(&r->timer, on_drained, DRAIN_MS, 0);
	end_if_done(r);
}

static void on_kill(uv_timer_t *timer)
{
	signal_group(timer->data, SIGKILL);
}

static void stop_run(struct run *r)
{
	if (r->has_exited) {
		end_run(r);
	} else if (!r->is_stopping) {
		r->is_stopping = true;
		signal_group(r, SIGTERM);
		uv_timer_start(&r->timer, on_kill, KILL_MS, 0);
	}
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct run *r = handle->data;

	(void)suggested;
	*buf = uv_buf_init(r->chunk, sizeof(r->chunk));
}

static void keep(struct stream *st, const char *bytes, size_t len)
{
	size_t room = st->max - st->len;

	if (len > room) {
		st->is_cut = true;
		len = room;
	}
	if (st->len + len > st->cap) {
		size_t cap = st->cap ? st->cap : 1024;
		while (cap < st->len + len)
			cap *= 2;
		char *grown = realloc(st->bytes, cap);
		if (!grown) {
			st->is_cut = true;
			return;
		}
		st->bytes = grown;
		st->cap = cap;
	}
	if (len)
		memcpy(st->bytes + st->len, bytes, len);
	st->len += len;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct run *r = stream->data;
	struct stream *st = stream == (uv_stream_t *)&r->out.pipe ? &r->out : &r->errors;

	if (r->is_over || n == 0)
		return;
	if (n > 0) {
		keep(st, buf->base, (size_t)n);
		if (r->out.is_cut)
			stop_run(r);
		return;
	}
	st->has_ended = true;
	uv_read_stop(stream);
	end_if_done(r);
}

/* ---- the beginning of a run ---- */

static void init_stream(struct run *r, struct stream *st, size_t max)
{
	uv_pipe_init(r->source->host->loop, &st->pipe, 0);
	st->pipe.data = r;
	st->max = max;
	r->open_handles++;
}

static struct run *run_new(struct source *s, struct gc_request *request)
{
	struct run *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->source = s;
	r->request = request;
	uv_timer_init(s->host->loop, &r->timer);
	r->timer.data = r;
	r->process.data = r;
	init_stream(r, &r->out, (size_t)s->host->num(s->inst, "max_output", 0));
	init_stream(r, &r->errors, ERRORS_MAX);
	r->open_handles++;
	return r;
}

static void fail_to_start(struct run *r, int err)
{
	struct source *s = r->source;
	char reason[300];

	(void)snprintf(reason, sizeof(reason), "cannot run %.150s: %s",
		       s->host->count(s->inst, "command") == 1
			   ? "/bin/sh"
			   : s->host->str(s->inst, "command", 0),
		       uv_strerror(err));
	s->host->finish(r->request, GC_ERROR, reason);
	r->request = NULL;
	end_run(r);
}

static int refresh(void *self, struct gc_request *request)
{
	struct source *s = self;
	struct run *r = s->run ? NULL : run_new(s, request);

	if (!r)
		return -1;
	s->run = r;
	s->open_runs++;
	int err = exec_spawn(s->host, s->inst, &r->process, &r->out.pipe, &r->errors.pipe,
			     on_process_exit);
	r->was_spawned = r->process.type != UV_UNKNOWN_HANDLE;
	r->open_handles += r->was_spawned;
	r->is_running = err == 0;
	if (err) {
		fail_to_start(r, err);
		return 0;
	}
	/* Should one fail, the run ends after the exit and the drain. */
	(void)uv_read_start((uv_stream_t *)&r->out.pipe, on_alloc, on_read);
	(void)uv_read_start((uv_stream_t *)&r->errors.pipe, on_alloc, on_read);
	return 0;
}

static void cancel(void *self, struct gc_request *request)
{
	struct source *s = self;

	if (s->run && s->run->request == request)
		stop_run(s->run);
}

static void close_source(void *self)
{
	struct source *s = self;

	s->is_closing = true;
	if (s->run) {
		s->run->request = NULL;
		stop_run(s->run);
	}
	close_source_if_done(s);
}

static int create(const struct gc_host *host, struct gc_instance *inst, void **self_r, char *err,
		  size_t err_len)
{
	struct source *s = calloc(1, sizeof(*s));
	size_t n = host->count(inst, "command");

	if (s && n > 0 && host->str(inst, "command", 0)[0] != '\0') {
		*s = (struct source){.host = host, .inst = inst};
		*self_r = s;
		return 0;
	}
	(void)snprintf(err, err_len, "%s", s ? "command is empty" : "out of memory");
	free(s);
	return -1;
}

static const struct gc_option options[] = {
    {.name = "command",
     .type = GC_STRING | GC_LIST,
     .flags = GC_OPT_REQUIRED | GC_OPT_MAIN,
     .help = "what to run: one string for /bin/sh -c, or a list: a program and its arguments"},
    {.name = "environment",
     .type = GC_STRING | GC_LIST,
     .help = "more variables for it, each \"NAME=VALUE\""},
    {.name = "directory", .type = GC_STRING, .help = "where it runs (default: where we run)"},
    {.name = "max_output",
     .type = GC_INTEGER,
     .default_text = "1048576",
     .min = 1,
     .max = 67108864,
     .help = "the most bytes that it may print"},
    {0},
};

static const struct gc_discovery discovery = {
    .struct_size = sizeof(discovery),
    .create = create,
    .refresh = refresh,
    .cancel = cancel,
    .close = close_source,
};

GC_PLUGIN_DEFINE(.name = "exec", .version = "1", .summary = "peers from the output of a command",
		 .options = options, .discovery = &discovery)
