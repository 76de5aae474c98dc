/* A cluster state machine with a clock to turn and a trace to compare, for check_cluster*.c. One
 * cluster at a time, in statics; each test sets up its own. */
#ifndef CLUSTER_TRACE_H
#define CLUSTER_TRACE_H

#include "cluster.h"

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

extern struct gc_cluster *cl;
extern struct gc_cluster_config conf;
extern uint64_t now;

/* Makes cl from conf at time 1000000; conf_default first: keep, links kept, 200 to 30000 ms, ours
 * is gc_a@h, the owner a@h. */
void conf_default(void);
void cluster_up(void);
void cluster_down(void);
/* All that came out since the last call: "dial b@h 10.0.0.1/4000; up b@h; down b@h removed; ...".
 * Checks that seq has no gap and that nodeup and nodedown alternate. */
const char *happened(void);
#define EXPECT(text) ck_assert_str_eq(happened(), text)

/* peers: "b@h c@h=10.0.0.1 d@h=10.0.0.1/4000 e@h=/4000" */
size_t answer(const char *instance, const char *peers);
size_t answer_as(const char *instance, enum gc_quality quality, const char *peers);
void link_up(const char *node);
void link_down(const char *node);
/* As the daemon does it: the link first, then the outcome. */
void dial_ok(const char *node);
void dial_fails(const char *node, int err);
void join_ok(const char *node);
void join_fails(const char *node);
void member_up(const char *node);
void member_down(const char *node, const char *reason);
void snapshot(const char *nodes);
void want(const char *node, bool wanted);
/* Found, linked and joined; what happened until then is checked and forgotten. */
void make_member(const char *node);
/* Turns the clock by ms in one step. */
void pass(uint64_t ms);
/* Milliseconds to the next wake-up; -1: none. */
int64_t next_in(void);
/* Turns the clock to the next wake-up; it must be between least and most ms away, and one
 * millisecond earlier nothing may happen. */
void wake(uint64_t least, uint64_t most);
struct gc_peer_view view(const char *node);
/* Runs what test cases hold; returns the exit code. */
int run_tests(const char *name, void (*add)(TCase *));

#endif
