/* A simple model of the cluster state machine, and the world it lives in: what is told to the one
 * is told to the other, and after each call all that came out is checked against what the model
 * knows. The model has no timers, no pauses and no queue: it holds facts, and says which actions
 * they allow, which members follow from them, and who needs something. For check_cluster_model.c.
 */
#ifndef CLUSTER_MODEL_H
#define CLUSTER_MODEL_H

#include "cluster.h"

#include <stdbool.h>
#include <stdint.h>

#define NODES 9 /* n0@h .. n7@h and the owner */
#define OWNER 8
#define SOURCES 3
#define BUSY_ROUNDS 4000 /* more actions or wake-ups than this for one step: it runs hot */

struct model_node {
	char name[16];
	bool really_hidden; /* of the world; the model may not know yet */
	bool linked, connected, closing;
	bool dial, join, leave;	   /* asked for, not answered */
	bool link_told, dist_lost; /* changed, or ended, since it was asked for */
	bool hidden, member, orphan;
	bool was_named; /* and its removal, if any, is not carried out */
	bool failed;	/* the last attempt did, and nothing changed since */
	unsigned named; /* bit per source */
	int wants;
	uint64_t removed_ms, failed_ms;
};

struct model {
	struct gc_cluster *c;
	struct gc_cluster_config conf;
	uint64_t now, seed, random, seq, changed_ms, ready_from_ms;
	struct model_node node[NODES];
	uint32_t empties[SOURCES];
	bool dist_up, is_ready, tracing;
	uint64_t n_actions, n_events; /* over all schedules: that a run has seen something */
};

uint64_t model_random(struct model *m, uint64_t below);
#define chance(m, percent) (model_random((m), 100) < (percent))
void model_start(struct model *m, uint64_t seed);
void model_stop(struct model *m);
/* Takes what is in the queue and checks it, then what can be seen, against the model. */
void model_check(struct model *m);
void model_trace(const struct model *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints how to run this schedule again, and aborts the test. */
_Noreturn void model_fail(const struct model *m, int line, const char *what, const char *node);
#define REQUIRE(m, what, node)                                                                     \
	do {                                                                                       \
		if (!(what))                                                                       \
			model_fail((m), __LINE__, #what, (node));                                  \
	} while (0)

size_t model_count_peers(const struct model *m);
/* Throws the dice for conf. */
void model_random_policy(struct model *m);

/* ---- what happens: the same to the machine and to the model (cluster_model_do.c) ---- */
void model_answer(struct model *m, unsigned source, enum gc_quality quality, const unsigned *nodes,
		  size_t n);
void model_drop(struct model *m, unsigned source);
void model_dialled(struct model *m, struct model_node *n, int err, bool told_by_link);
void model_link(struct model *m, struct model_node *n, bool up);
void model_joined(struct model *m, struct model_node *n, bool ok, bool told_by_backend);
void model_member(struct model *m, struct model_node *n, bool up);
void model_members(struct model *m, unsigned set); /* bit per node */
void model_dist(struct model *m, bool up);
void model_want(struct model *m, struct model_node *n, bool want);
void model_hurry(struct model *m);
void model_configure(struct model *m);
void model_tick(struct model *m, uint64_t to_ms);
void model_noise(struct model *m, struct model_node *n); /* outcomes nobody asked for */

#endif
