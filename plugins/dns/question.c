/* One question of the dns plugin; see question.h.
 *
 *   ask --> records --> (SRV, host_type ip) resolve each target that came without address --> done
 *
 * Owner: the instance. Loop thread. */
#include "question.h"

#include <stdlib.h>
#include <string.h>

size_t question_count(const struct question *q)
{
	return q->records.len / sizeof(struct gc_dns_record);
}

struct gc_dns_record *question_records(const struct question *q)
{
	return (void *)q->records.data;
}

static void fail(struct question *q, int err)
{
	memset(&q->fail, 0, sizeof(q->fail));
	gc_fail_set(&q->fail, err, GC_STAGE_RESOLVE, "%s", q->domain);
	gc_buf_reset(&q->records);
	q->done(q->arg);
}

/* ---- targets of SRV ---- */

static void free_targets(struct question *q)
{
	for (size_t i = 0; i < q->n_targets; i++)
		gc_dns_cancel(q->targets[i].query);
	free(q->targets);
	q->targets = NULL;
	q->n_targets = q->n_open = 0;
}

/* A target has a record for each of its addresses; only the first fitting one is used. */
static void on_target(void *arg, const struct gc_fail *fail, const struct gc_dns_record *rec,
		      size_t n)
{
	struct question_target *t = arg;
	struct question *q = t->question;

	t->query = NULL;
	if (n > 0) {
		struct gc_dns_record *mine = &question_records(q)[t->index];

		mine->addr = rec[0].addr;
		if (rec[0].ttl_s > 0 && rec[0].ttl_s < q->ttl_s)
			q->ttl_s = rec[0].ttl_s;
	} else {
		gc_fail_set(&q->part_fail, fail->err, fail->stage, "%s", fail->detail);
	}
	if (--q->n_open > 0)
		return;
	free_targets(q);
	q->done(q->arg);
}

static bool fits(const struct question *q, const union gc_addr *a)
{
	return a->sa.sa_family != AF_UNSPEC &&
	       (q->family == AF_UNSPEC || a->sa.sa_family == q->family);
}

static bool resolve_targets(struct question *q)
{
	struct gc_dns_record *rec = question_records(q);
	size_t n = question_count(q);

	q->targets = calloc(n, sizeof(*q->targets));
	if (!q->targets)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct question_target *t = &q->targets[q->n_targets];

		if (fits(q, &rec[i].addr))
			continue;
		t->question = q;
		t->index = i;
		t->query = gc_dns_resolve(q->dns, rec[i].target, q->family, on_target, t);
		if (!t->query)
			return false;
		q->n_targets++;
		q->n_open++;
	}
	return true;
}

/* ---- the question itself ---- */

/* Addresses of the family that is not wanted are as good as none. */
static void drop_unfit(struct question *q)
{
	struct gc_dns_record *rec = question_records(q);

	for (size_t i = 0; i < question_count(q); i++)
		if (!fits(q, &rec[i].addr))
			memset(&rec[i].addr, 0, sizeof(rec[i].addr));
}

static void take_records(struct question *q, const struct gc_dns_record *rec, size_t n)
{
	q->ttl_s = UINT32_MAX;
	for (size_t i = 0; i < n; i++) {
		gc_buf_put(&q->records, &rec[i], sizeof(rec[i]));
		q->ttl_s = rec[i].ttl_s < q->ttl_s ? rec[i].ttl_s : q->ttl_s;
	}
	if (q->records.failed) {
		fail(q, GC_ENOMEM);
		return;
	}
	drop_unfit(q);
	if (q->wants_address && !resolve_targets(q)) {
		free_targets(q);
		fail(q, GC_ENOMEM);
		return;
	}
	if (q->n_open == 0) {
		free_targets(q);
		q->done(q->arg);
	}
}

static void on_answer(void *arg, const struct gc_fail *answer, const struct gc_dns_record *rec,
		      size_t n)
{
	struct question *q = arg;

	q->query = NULL;
	q->fail = *answer;
	if (n > 0)
		take_records(q, rec, n);
	else
		q->done(q->arg);
}

void question_start(struct question *q)
{
	static const enum gc_dns_type types[] = {[QUESTION_A] = GC_DNS_A,
						 [QUESTION_AAAA] = GC_DNS_AAAA,
						 [QUESTION_SRV] = GC_DNS_SRV};

	question_cancel(q);
	gc_buf_reset(&q->records);
	memset(&q->fail, 0, sizeof(q->fail));
	memset(&q->part_fail, 0, sizeof(q->part_fail));
	if (q->kind == QUESTION_HOST)
		q->query = gc_dns_resolve(q->dns, q->domain, q->family, on_answer, q);
	else
		q->query = gc_dns_ask(q->dns, types[q->kind], q->domain, on_answer, q);
	if (!q->query)
		fail(q, GC_ENOMEM);
}

void question_cancel(struct question *q)
{
	gc_dns_cancel(q->query);
	q->query = NULL;
	free_targets(q);
}

void question_deinit(struct question *q)
{
	question_cancel(q);
	gc_buf_deinit(&q->records);
}
