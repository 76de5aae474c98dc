/* Running a loop in a test; see loop_until.h. */
#include "loop_until.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OWN_HANDLES 2

/* uv_run(UV_RUN_ONCE) runs timers, then polls. What becomes true in a timer must not be waited upon in
 * that poll, nor may the deadline be, when it was the last timer: nothing would end it. */
struct run {
	uv_timer_t timer;
	uv_prepare_t prepare;
	bool (*pred)(void *arg);
	void *arg;
	bool is_late;
	int n_open;
};

static void on_timer(uv_timer_t *t)
{
	((struct run *)t->data)->is_late = true;
}

static void on_prepare(uv_prepare_t *p)
{
	struct run *r = p->data;

	if (r->is_late || r->pred(r->arg))
		uv_stop(p->loop);
}

static void on_close(uv_handle_t *h)
{
	((struct run *)h->data)->n_open--;
}

uint64_t at_most_ms(uint64_t ms)
{
	const char *times = getenv("CK_TIMEOUT_MULTIPLIER");
	double by = times ? strtod(times, NULL) : 1.0;

	return by > 1.0 ? (uint64_t)((double)ms * by) : ms;
}

bool loop_until_(uv_loop_t *loop, bool (*pred)(void *arg), void *arg, uint64_t deadline_ms,
		 const char *what)
{
	struct run r = {.pred = pred, .arg = arg, .n_open = OWN_HANDLES};

	uv_update_time(loop);
	uv_timer_init(loop, &r.timer);
	uv_prepare_init(loop, &r.prepare);
	r.timer.data = r.prepare.data = &r;
	uv_timer_start(&r.timer, on_timer, what ? at_most_ms(deadline_ms) : deadline_ms, 0);
	uv_prepare_start(&r.prepare, on_prepare);
	while (!pred(arg) && !r.is_late)
		uv_run(loop, UV_RUN_ONCE);
	if (r.is_late) /* after a stall of ours, what else was due in that turn is delivered in the next */
		uv_run(loop, UV_RUN_NOWAIT);
	bool ok = pred(arg);

	uv_close((uv_handle_t *)&r.timer, on_close);
	uv_close((uv_handle_t *)&r.prepare, on_close);
	while (r.n_open > 0)
		uv_run(loop, UV_RUN_NOWAIT);
	if (!ok && what)
		fprintf(stderr, "not true after %d ms: %s\n", (int)deadline_ms, what);
	return ok;
}

struct count {
	const int *now;
	int at_least;
};

static bool counted(void *arg)
{
	const struct count *c = arg;

	return *c->now >= c->at_least;
}

bool loop_until_count_(uv_loop_t *loop, const int *count, int at_least, uint64_t deadline_ms,
		       const char *what)
{
	struct count c = {count, at_least};
	bool ok = loop_until_(loop, counted, &c, deadline_ms, what);

	if (!ok)
		fprintf(stderr, "%s is %d, wanted %d\n", what, *count, at_least);
	return ok;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

void loop_for(uv_loop_t *loop, uint64_t ms)
{
	loop_until_(loop, never, NULL, ms, NULL);
}

static void count_handle(uv_handle_t *h, void *arg)
{
	(void)h;
	++*(int *)arg;
}

static bool is_empty(void *arg)
{
	int n = 0;

	uv_walk(arg, count_handle, &n);
	return n <= OWN_HANDLES; /* those of loop_until itself */
}

bool loop_empty(uv_loop_t *loop)
{
	if (loop_until_(loop, is_empty, loop, 5000, "the loop is empty"))
		return true;
	uv_print_all_handles(loop, stderr);
	return false;
}

bool loop_drain(uv_loop_t *loop)
{
	return loop_empty(loop) && uv_loop_close(loop) == 0;
}

/* The file that a sanitizer writes to, once it has something to say: log_path.PID (test/sanitize). */
static bool is_log(const char *fd)
{
	char link[64], path[512], end[32];
	int len = snprintf(end, sizeof(end), ".%d", (int)getpid());

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%.20s", fd);
	ssize_t n = readlink(link, path, sizeof(path));
	return n > len && memcmp(path + n - len, end, (size_t)len) == 0;
}

int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += !is_log(e->d_name);
	if (d)
		closedir(d);
	return n;
}
