/* A real erl for a unit test, asked over a pipe (oracle.erl); no node, no epmd. */
#ifndef GC_ORACLE_H
#define GC_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct oracle {
	pid_t pid;
	int to, from;
	char dir[32];
	uint8_t *answer; /* the last one */
	size_t answer_len;
};

/* False: there is no erl here, or it does not start (then it says so). */
bool oracle_found(void);
bool oracle_start(struct oracle *o);
/* Asks and waits for o->answer. False, after 30 s or when erl has died. */
bool oracle_ask(struct oracle *o, char letter, const void *arg, size_t len);
void oracle_stop(struct oracle *o);

#endif
