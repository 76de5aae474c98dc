/* A real server for a test: a child process that says in its log when it is ready, dies with its
 * parent, and leaves nothing behind. */
#ifndef GC_CHILD_H
#define GC_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
	pid_t pid; /* 0: none */
};

/* Starts argv[0] (a path), with its output in a log file, and returns when ready_line has been
 * written there (true), or it has ended or deadline_ms has passed (false, the log is printed). */
bool child_start(struct child *c, const char *const argv[], const char *ready_line, int deadline_ms);
void child_kill(struct child *c, int sig); /* and reaps it */
void child_signal(struct child *c, int sig);

/* A TCP and UDP port on which nobody listens, outside the range that the kernel hands out itself. */
uint16_t free_port(void);
/* The first of these paths that can be executed, or NULL. The list ends with NULL. */
const char *first_executable(const char *const paths[]);

#endif
