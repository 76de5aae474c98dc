/* Running a loop in a test: until something is true, or a deadline has passed. Nobody sleeps. */
#ifndef GC_LOOP_UNTIL_H
#define GC_LOOP_UNTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

/* The time limit of a test: longer where check's are, by CK_TIMEOUT_MULTIPLIER (test/sanitize). */
uint64_t at_most_ms(uint64_t ms);

/* Runs loop until pred(arg) or at_most_ms(deadline_ms); on failure prints `what`. The value of pred. */
bool loop_until_(uv_loop_t *loop, bool (*pred)(void *arg), void *arg, uint64_t deadline_ms,
		 const char *what);
#define loop_until(loop, pred, arg, deadline_ms)                                                   \
	loop_until_(loop, pred, arg, deadline_ms, #pred "(" #arg ")")

/* pred over an int counter: *count >= at_least. */
bool loop_until_count_(uv_loop_t *loop, const int *count, int at_least, uint64_t deadline_ms,
		       const char *what);
#define loop_until_count(loop, count, at_least, deadline_ms)                                       \
	loop_until_count_(loop, count, at_least, deadline_ms, #count)

/* Runs the loop for a bounded time, to show that something does not happen. Only beside a later
 * marker or a deadline of the tested code; never to wait for something. */
void loop_for(uv_loop_t *loop, uint64_t ms);

/* Runs the loop until no handle is left and closes it. False, with the handles printed, if some are
 * still there after 5 s. */
bool loop_drain(uv_loop_t *loop);
/* The same, but leaves the loop usable. */
bool loop_empty(uv_loop_t *loop);

/* How many descriptors this process has open. */
int count_fds(void);

#endif
