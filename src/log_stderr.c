/* The log of a daemon on stderr, which may be anything: a pipe whose reader is stopped, the socket of a journal that
 * hangs, a full disk, a terminal held by ^S. Each of these blocks a write, or fails it; so a thread of its own writes.
 * Setting O_NONBLOCK instead would change the descriptor of everybody who shares it, and does nothing for files.
 *
 *   loop thread ──whole lines, never waits──▶ pipe (the kernel's, bounded) ──▶ writer thread ──may wait──▶ stderr
 *
 * Lines that find the pipe full are counted by the loop, lines that could not be written by the writer; each tells how
 * many, once there is room again. Both share nothing but the pipe. A crash may cost the lines of its last instant. */
#define _GNU_SOURCE /* pipe2, memrchr, F_SETPIPE_SZ */
#include "log_stderr.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define PIPE_SIZE (1 << 20) /* a page for each few lines is taken as they come, not before */
#define STACK_SIZE (128 << 10)
#define LINE_SIZE 1200 /* log.h: 1000 bytes, what stands before them, and the newline */
#define BATCH_SIZE (16 << 10)

static struct {
	int in, done; /* the loop's ends; done: end of file when the writer has ended */
	uv_thread_t thread;
	uint64_t dropped;
	bool is_open;
} loop_side;

static struct {
	int out, done;
	char batch[BATCH_SIZE];
	size_t len;
	uint64_t lost;
	int lost_errno;
	bool is_torn; /* what was written last ended within a line */
} writer;

/* ---- the writer thread ---- */

static uint64_t count_lines(const char *p, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += p[i] == '\n';
	return n;
}

/* How much was written: all, or as far as it went. */
static size_t write_all(const char *p, size_t len)
{
	struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(STDERR_FILENO, p + done, len - done);
		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno == EAGAIN) /* somebody else made it non-blocking */
			(void)poll(&room, 1, -1);
		else if (n == 0 || errno != EINTR)
			break;
	}
	if (done > 0)
		writer.is_torn = p[done - 1] != '\n';
	return done;
}

static bool tell_lost(void)
{
	char line[LINE_SIZE];
	size_t len = 0, done;

	if (writer.is_torn)
		line[len++] = '\n';
	len += gc_log_print(line + len, sizeof(line) - len, GC_LOG_WARNING, "log",
			    "%llu lines were lost: %s", (unsigned long long)writer.lost,
			    strerror(writer.lost_errno));
	done = write_all(line, len);
	if (done < len)
		return false;
	writer.lost = 0;
	return true;
}

static void write_lines(const char *p, size_t len)
{
	size_t done = 0;

	if (writer.lost == 0 || tell_lost())
		done = write_all(p, len);
	if (done == len)
		return;
	if (writer.lost == 0)
		writer.lost_errno = errno;
	writer.lost += count_lines(p + done, len - done);
}

/* The whole lines of the batch; the begin of one more stays for the next. */
static void write_batch(void)
{
	char *last = memrchr(writer.batch, '\n', writer.len);
	size_t whole = last ? (size_t)(last - writer.batch) + 1 : 0;

	write_lines(writer.batch, whole);
	memmove(writer.batch, writer.batch + whole, writer.len - whole);
	writer.len -= whole;
}

static void write_on_thread(void *arg)
{
	ssize_t n;

	(void)arg;
	while ((n = read(writer.out, writer.batch + writer.len, BATCH_SIZE - writer.len)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		writer.len += (size_t)n;
		write_batch();
	}
	(void)close(writer.out);
	(void)close(writer.done);
}

/* ---- the loop thread ---- */

static bool give(const char *line, size_t len)
{
	return write(loop_side.in, line, len) == (ssize_t)len; /* below PIPE_BUF: whole, or not at all */
}

static bool tell_dropped(void)
{
	struct pollfd room = {.fd = loop_side.in, .events = POLLOUT}; /* of a page: for the next line as well */
	char line[LINE_SIZE];
	size_t len = gc_log_print(line, sizeof(line), GC_LOG_WARNING, "log",
				  "%llu lines were dropped: stderr does not take them as fast as they come",
				  (unsigned long long)loop_side.dropped);

	if (poll(&room, 1, 0) != 1 || !give(line, len))
		return false;
	loop_side.dropped = 0;
	return true;
}

static void on_line(const char *line, size_t len)
{
	if ((loop_side.dropped && !tell_dropped()) || !give(line, len))
		loop_side.dropped++;
}

static int start_thread(void)
{
	const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = STACK_SIZE};

	return uv_thread_create_ex(&loop_side.thread, &options, write_on_thread, NULL);
}

void gc_log_stderr_start(void)
{
	int lines[2], done[2];

	if (loop_side.is_open || pipe2(lines, O_CLOEXEC) != 0)
		return;
	if (pipe2(done, O_CLOEXEC) != 0) {
		(void)close(lines[0]);
		(void)close(lines[1]);
		return;
	}
	(void)fcntl(lines[1], F_SETFL, O_NONBLOCK);
	(void)fcntl(lines[1], F_SETPIPE_SZ, PIPE_SIZE); /* not granted: a smaller one */
	writer.out = lines[0];
	loop_side.in = lines[1];
	loop_side.done = done[0];
	writer.done = done[1];
	if (start_thread() != 0) {
		for (int i = 0; i < 2; i++) {
			(void)close(lines[i]);
			(void)close(done[i]);
		}
		return;
	}
	loop_side.is_open = true;
	gc_log_stderr_by(on_line);
}

void gc_log_stderr_stop(int within_ms)
{
	struct pollfd end = {.fd = loop_side.done};

	if (!loop_side.is_open)
		return;
	loop_side.is_open = false;
	gc_log_stderr_by(NULL);
	if (loop_side.dropped)
		(void)tell_dropped();
	(void)close(loop_side.in);
	if (poll(&end, 1, within_ms) == 1)
		(void)uv_thread_join(&loop_side.thread);
	(void)close(loop_side.done);
}
