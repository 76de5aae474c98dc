/* A real Erlang node of its own for a test: a child process that evaluates what it is told. */
#ifndef GC_REAL_ERL_H
#define GC_REAL_ERL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

struct real_erl {
	uv_loop_t *loop;
	uv_process_t process;
	uv_pipe_t in, out;
	bool is_running, has_exited;
	int n_answers;
	size_t len;
	char text[1 << 16]; /* what it has written and nobody has taken */
	char answer[8192];
};

/* erl can be run here (else: skip). */
bool real_erl_found(void);
/* Starts it (-name NAME -setcookie COOKIE and options, which may be NULL, split at blanks) and returns when
 * it can be talked to. ERL_EPMD_PORT is inherited. */
bool real_erl_start(struct real_erl *e, uv_loop_t *loop, const char *name, const char *cookie,
		    const char *options);
/* Evaluates one expression and returns its value as ~0p prints it, running the loop meanwhile; "" if no
 * answer came within 10 s. */
const char *real_erl_eval(struct real_erl *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same without waiting; real_erl_result waits for one. */
void real_erl_tell(struct real_erl *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *real_erl_result(struct real_erl *e);
void real_erl_signal(struct real_erl *e, int sig);
/* SIGKILL, reaped; closes its handles. Fine if it has ended. */
void real_erl_stop(struct real_erl *e);

#endif
