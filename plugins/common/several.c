/* See several.h. */
#include "several.h"

#include <stdlib.h>

/* While some are still being started, those that have come already do not end the round. */
int gc_several_refresh(void *self, struct gc_request *request)
{
	struct gc_several *s = self;

	if (s->request)
		return -1; /* the host asks one at a time */
	s->request = request;
	s->n_busy = s->n;
	s->is_starting = true;
	for (size_t i = 0; i < s->n; i++)
		s->calls->start(s, i);
	s->is_starting = false;
	if (s->n_busy == 0)
		s->calls->answer(s);
	return 0;
}

void gc_several_done(void *self)
{
	struct gc_several *s = self;

	if (--s->n_busy == 0 && !s->is_starting)
		s->calls->answer(s);
}

void gc_several_finish(struct gc_several *s, enum gc_quality quality, struct gc_buf *reason)
{
	struct gc_request *request = s->request;
	bool has_reason = reason->len > 0;

	gc_buf_put_u8(reason, '\0');
	s->request = NULL;
	s->host->finish(request, quality,
			reason->failed ? "out of memory"
			: has_reason   ? (const char *)reason->data
				       : NULL);
	gc_buf_deinit(reason);
}

void gc_several_cancel(void *self, struct gc_request *request)
{
	struct gc_several *s = self;

	if (s->request != request)
		return;
	for (size_t i = 0; i < s->n; i++)
		s->calls->cancel(s, i);
	s->request = NULL;
	s->host->finish(request, GC_ERROR, "canceled");
}

static void on_closed(void *arg)
{
	struct gc_several *s = arg;
	const struct gc_host *host = s->host;
	struct gc_instance *inst = s->inst;

	free(s);
	host->closed(inst);
}

/* The handles of questions close in the turn they are cancelled in, those of dns later. */
void gc_several_close(void *self)
{
	struct gc_several *s = self;

	for (size_t i = 0; i < s->n; i++)
		s->calls->deinit(s, i);
	gc_dns_close(s->dns, on_closed, s);
}
