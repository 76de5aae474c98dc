/* A thousand strangers at once. While they stand there a good node must get in, and in the end each
 * of them must have been cut. */
#include "hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool open_one(struct hostile *h, struct peer *p, uint32_t i)
{
	(void)i;
	return peer_open(h, p);
}

static bool open_many(struct hostile *h, struct peer *p, uint32_t i)
{
	return peer_open_from(h, p, 10 + i % 200);
}

static bool open_names(struct hostile *h, struct peer *p, uint32_t i)
{
	char name[64], status[64];
	if (!open_many(h, p, i))
		return false;
	snprintf(name, sizeof name, "m%u@127.0.0.1", i);
	peer_say_name(p, name, WIRE_FLAGS_HIDDEN, status);
	return true;
}

static bool open_crowd(struct hostile *h, struct peer *crowd,
		       bool (*open)(struct hostile *h, struct peer *p, uint32_t i))
{
	for (uint32_t i = 0; i < h->crowd; i++)
		crowd[i].fd = -1;
	for (uint32_t i = 0; i < h->crowd; i++)
		if (!open(h, &crowd[i], i))
			return hostile_note(h, "only %u of %u could connect", i, h->crowd);
	return true;
}

static bool is_all_cut(struct hostile *h, struct peer *crowd)
{
	uint64_t due = now_ms() + h->cut_ms + 2000;
	uint32_t left = 0;
	for (uint32_t i = 0; i < h->crowd; i++) {
		uint64_t now = now_ms();
		left += !peer_is_cut(&crowd[i], now < due ? (uint32_t)(due - now) : 0);
	}
	return left == 0 || hostile_note(h, "%u of %u were not cut", left, h->crowd);
}

bool crowd_run(struct hostile *h, bool (*open)(struct hostile *h, struct peer *p, uint32_t i))
{
	struct peer *crowd = calloc(h->crowd, sizeof *crowd);
	uint64_t begin = now_ms();
	if (crowd == NULL)
		abort();
	bool is_good = open_crowd(h, crowd, open);
	uint32_t opened = (uint32_t)(now_ms() - begin);
	int probe_ms = is_good ? hostile_probe(h) : 0;
	if (is_good && (probe_ms < 0 || (uint32_t)probe_ms > h->probe_ms))
		is_good =
		    hostile_note(h, "a good node in the crowd: %d ms, %u are allowed (-1: never)",
				 probe_ms, h->probe_ms);
	is_good = is_good && is_all_cut(h, crowd);
	for (uint32_t i = 0; i < h->crowd; i++)
		peer_close(&crowd[i]);
	free(crowd);
	return is_good &&
	       (hostile_note(h, "%u in %u ms; a good node among them in %d ms; all cut after %u ms",
			     h->crowd, opened, probe_ms, (uint32_t)(now_ms() - begin)),
		true);
}

bool attack_crowd_one(struct hostile *h)
{
	return crowd_run(h, open_one);
}

bool attack_crowd_many(struct hostile *h)
{
	return crowd_run(h, open_many);
}

bool attack_crowd_names(struct hostile *h)
{
	return crowd_run(h, open_names);
}
