/* Messages of other threads; see mail.h. After the end of reading, what a late thread sends goes
 * nowhere (EPIPE, without a signal). */
#include "mail.h"

#include "err.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_LEN 800
#define MAX_A_TURN 64

struct message {
	void *letter; /* NULL: a log line */
	int level;
	char area[80];
	char line[LINE_LEN];
};

static _Thread_local bool is_loop_thread;

bool gc_on_loop_thread(void)
{
	return is_loop_thread;
}

void gc_mail_log(int out, int level, const char *area, const char *line)
{
	struct message msg = {.level = level};

	(void)snprintf(msg.area, sizeof(msg.area), "%s", area);
	(void)snprintf(msg.line, sizeof(msg.line), "%s", line);
	(void)send(out, &msg, sizeof(msg), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void gc_mail_send(int out, void *letter)
{
	const struct message msg = {.letter = letter};
	ssize_t n;

	do
		n = send(out, &msg, sizeof(msg), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
}

static void on_mail(uv_poll_t *poll, int status, int events)
{
	struct gc_mail *m = (struct gc_mail *)poll;
	struct message msg;

	(void)status; /* an error shows in recv */
	(void)events;
	for (int i = 0; i < MAX_A_TURN; i++) {
		ssize_t n = recv(m->in, &msg, sizeof(msg), MSG_DONTWAIT);
		if (n != (ssize_t)sizeof(msg))
			return;
		if (msg.letter)
			m->on_letter(poll->data, msg.letter);
		else
			gc_log((enum gc_log_level)msg.level, msg.area, "%s", msg.line);
	}
}

int gc_mail_open(struct gc_mail *m, uv_loop_t *loop, void (*on_letter)(void *arg, void *letter),
		 void *arg)
{
	int fds[2];

	is_loop_thread = true;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return GC_EIO;
	if (uv_poll_init(loop, &m->poll, fds[0])) {
		close(fds[0]);
		close(fds[1]);
		return GC_EIO;
	}
	m->poll.data = arg;
	m->in = fds[0];
	m->out = fds[1];
	m->on_letter = on_letter;
	uv_poll_start(&m->poll, UV_READABLE, on_mail);
	return 0;
}

void gc_mail_close(struct gc_mail *m, bool keeps_out, uv_close_cb closed)
{
	uv_poll_stop(&m->poll);
	uv_close((uv_handle_t *)&m->poll, closed);
	close(m->in);
	if (!keeps_out)
		close(m->out);
}
