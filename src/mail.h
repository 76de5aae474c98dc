/* The way home for other threads: messages to the loop over a socket pair, which the kernel keeps
 * in order, so nothing here needs a lock. Messages are whole (SOCK_SEQPACKET). A log line that
 * finds the socket full is dropped, a letter waits. Owner: who embeds it. Loop thread, but for the
 * functions marked (any thread). */
#ifndef GC_MAIL_H
#define GC_MAIL_H

#include <stdbool.h>
#include <uv.h>

struct gc_mail {
	uv_poll_t poll; /* data is arg */
	int in, out;
	void (*on_letter)(void *arg, void *letter);
};

/* This thread is from now on the one that has the loop. 0 or GC_EIO. */
int gc_mail_open(struct gc_mail *m, uv_loop_t *loop, void (*on_letter)(void *arg, void *letter),
		 void *arg);
/* Ends reading. keeps_out: threads that are left may still write, to nobody. */
void gc_mail_close(struct gc_mail *m, bool keeps_out, uv_close_cb closed);

/* (any thread) True on the thread that has the loop. */
bool gc_on_loop_thread(void);
/* (any thread) One log line. out: that of the mail. */
void gc_mail_log(int out, int level, const char *area, const char *line);
/* (any thread) Comes to on_letter. */
void gc_mail_send(int out, void *letter);

#endif
