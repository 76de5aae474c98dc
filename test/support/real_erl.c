/* A real Erlang node for a test; see real_erl.h. It reads expressions from stdin, one a line, and answers
 * each with one line "=> VALUE". */
#include "real_erl.h"

#include "child.h"
#include "loop_until.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 10000
#define START_MS 30000
#define MAX_ARGS 40

static const char *const paths[] = {"/usr/bin/erl", "/usr/local/bin/erl", NULL};

static const char script[] =
	"Say = fun(T) -> io:format(\"=> ~ts~n\", [re:replace(T, \"\\\\s+\", \" \", [global, unicode])]) end, "
	"Loop = fun(L) -> case io:get_line(\"\") of eof -> halt(); Line -> "
	"V = try {ok, Ts, _} = erl_scan:string(Line), {ok, Es} = erl_parse:parse_exprs(Ts), "
	"{value, X, _} = erl_eval:exprs(Es, []), X catch C:R -> {C, R} end, "
	"Say(io_lib:format(\"~0tp\", [V])), L(L) end end, Say(\"ready\"), Loop(Loop).";

bool real_erl_found(void)
{
	return first_executable(paths) != NULL;
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct real_erl *e = h->data;

	(void)suggested;
	if (e->len > sizeof(e->text) / 2) { /* chatter that nobody wants */
		memmove(e->text, e->text + e->len / 2, e->len - e->len / 2);
		e->len -= e->len / 2;
	}
	*buf = uv_buf_init(e->text + e->len, (unsigned)(sizeof(e->text) - 1 - e->len));
}

static void on_read(uv_stream_t *s, ssize_t nread, const uv_buf_t *buf)
{
	struct real_erl *e = s->data;

	(void)buf;
	if (nread > 0)
		e->len += (size_t)nread;
	e->text[e->len] = '\0';
	if (nread < 0)
		uv_read_stop(s);
}

static void on_ended(uv_process_t *p, int64_t status, int sig)
{
	(void)status;
	(void)sig;
	((struct real_erl *)p->data)->has_exited = true;
}

static void split(char *options, char **argv, int *n)
{
	for (char *word = strtok(options, " "); word && *n < MAX_ARGS - 1; word = strtok(NULL, " "))
		argv[(*n)++] = word;
	argv[*n] = NULL;
}

static bool spawn(struct real_erl *e, char **argv)
{
	uv_stdio_container_t stdio[3] = {
		{.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&e->in},
		{.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&e->out},
		{.flags = UV_INHERIT_FD, .data.fd = 2},
	};
	uv_process_options_t o = {.exit_cb = on_ended,
				  .file = argv[0],
				  .args = argv,
				  .stdio = stdio,
				  .stdio_count = 3};

	uv_pipe_init(e->loop, &e->in, 0);
	uv_pipe_init(e->loop, &e->out, 0);
	e->in.data = e->out.data = e->process.data = e;
	return uv_spawn(e->loop, &e->process, &o) == 0;
}

static bool has_answer(void *arg)
{
	struct real_erl *e = arg;
	const char *at = strstr(e->text, "=> ");

	return e->has_exited || (at && strchr(at, '\n'));
}

static bool take(struct real_erl *e, uint64_t wait_ms)
{
	const char *at, *end;

	e->answer[0] = '\0';
	if (!loop_until(e->loop, has_answer, e, wait_ms) || !(at = strstr(e->text, "=> ")) ||
	    !(end = strchr(at, '\n'))) {
		fprintf(stderr, "no answer of erl; it wrote: %s\n", e->text);
		return false;
	}
	(void)snprintf(e->answer, sizeof(e->answer), "%.*s", (int)(end - at - 3), at + 3);
	e->len -= (size_t)(end + 1 - e->text);
	memmove(e->text, end + 1, e->len + 1);
	return true;
}

bool real_erl_start(struct real_erl *e, uv_loop_t *loop, const char *name, const char *cookie,
		    const char *options)
{
	char *argv[MAX_ARGS], more[1024], *copies[7] = {strdup(first_executable(paths)),
							strdup("-noshell"),
							strdup("-name"),
							strdup(name),
							strdup("-setcookie"),
							strdup(cookie),
							strdup("-eval")};
	int n = 0;

	*e = (struct real_erl){.loop = loop};
	for (int i = 0; i < 6; i++)
		argv[n++] = copies[i];
	argv[n++] = copies[6];
	char *eval = strdup(script);

	argv[n++] = eval;
	(void)snprintf(more, sizeof(more), "%s", options ? options : "");
	split(more, argv, &n);
	e->is_running = spawn(e, argv);
	for (int i = 0; i < 7; i++)
		free(copies[i]);
	free(eval);
	if (!e->is_running)
		return false;
	uv_read_start((uv_stream_t *)&e->out, on_alloc, on_read);
	return take(e, START_MS);
}

struct telling {
	uv_write_t req;
	char text[4096];
};

static void on_told(uv_write_t *req, int status)
{
	(void)status;
	free(req);
}

static __attribute__((format(printf, 2, 0))) void tell(struct real_erl *e, const char *fmt,
						       va_list ap)
{
	struct telling *t = calloc(1, sizeof(*t));
	int n = vsnprintf(t->text, sizeof(t->text) - 3, fmt, ap);
	uv_buf_t buf;

	memcpy(t->text + n, ".\n", 3);
	buf = uv_buf_init(t->text, (unsigned)n + 2);
	if (uv_write(&t->req, (uv_stream_t *)&e->in, &buf, 1, on_told) != 0)
		free(t);
}

void real_erl_tell(struct real_erl *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(e, fmt, ap);
	va_end(ap);
}

const char *real_erl_result(struct real_erl *e)
{
	(void)take(e, ANSWER_MS);
	return e->answer;
}

const char *real_erl_eval(struct real_erl *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(e, fmt, ap);
	va_end(ap);
	return real_erl_result(e);
}

void real_erl_signal(struct real_erl *e, int sig)
{
	if (e->is_running && !e->has_exited)
		(void)uv_process_kill(&e->process, sig);
}

static void on_closed(uv_handle_t *h)
{
	(void)h;
}

static bool has_exited(void *arg)
{
	return ((struct real_erl *)arg)->has_exited;
}

static bool are_closed(void *arg)
{
	struct real_erl *e = arg;

	return !uv_is_active((uv_handle_t *)&e->out) && uv_is_closing((uv_handle_t *)&e->out);
}

void real_erl_stop(struct real_erl *e)
{
	if (!e->is_running)
		return;
	real_erl_signal(e, SIGKILL);
	loop_until(e->loop, has_exited, e, ANSWER_MS);
	e->is_running = false;
	uv_close((uv_handle_t *)&e->process, on_closed);
	uv_close((uv_handle_t *)&e->in, on_closed);
	uv_close((uv_handle_t *)&e->out, on_closed);
	loop_until(e->loop, are_closed, e, ANSWER_MS);
}
