/* One connection of the swarm: bytes in, bytes out, deadlines. Input is read behind what was left
 * over from before, in one buffer for all; a connection owns memory only for what is in flight. */
#include "swarm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LEFT_OVER_MAX 4100u  /* one whole message: swarm_talk refuses or skips longer ones */
#define OUT_MAX (256u << 10) /* a peer that lets this much stand unread is cut */

static uint8_t scratch[LEFT_OVER_MAX + (64u << 10)];

static void grow_old(struct swarm *s, struct conn *c, struct conn_list *list, uint64_t after_ms)
{
	c->is_aging = true;
	c->age_due_ms = s->now_ms + after_ms;
	TAILQ_INSERT_TAIL(list, c, of_age);
}

static void stop_aging(struct swarm *s, struct conn *c)
{
	if (c->is_aging)
		TAILQ_REMOVE(c->stage == CONN_LINK ? &s->linked : &s->shaking, c, of_age);
	c->is_aging = false;
}

void swarm_conn_close(struct swarm *s, struct conn *c)
{
	if (c->source.fd < 0)
		return;
	close(c->source.fd);
	c->source.fd = -1;
	stop_aging(s, c);
	if (c->is_delayed)
		TAILQ_REMOVE(&s->delayed, c, of_delay);
	if (c->node != NULL) {
		TAILQ_REMOVE(&c->node->conns, c, of_node);
		if (c->stage != CONN_LINK)
			s->stats.failed++;
		else if (s->stats.links--, --c->node->link_count == 0)
			s->stats.linked_nodes--;
	}
	TAILQ_INSERT_TAIL(&s->dead, c, of_dead);
}

void swarm_free_dead(struct swarm *s)
{
	struct conn *c;
	while ((c = TAILQ_FIRST(&s->dead)) != NULL) {
		TAILQ_REMOVE(&s->dead, c, of_dead);
		free(c->in);
		free(c->out);
		free(c);
	}
}

void swarm_conn_linked(struct swarm *s, struct conn *c)
{
	stop_aging(s, c);
	c->stage = CONN_LINK;
	c->node->handshakes++;
	s->stats.handshakes++;
	s->stats.links++;
	if (c->node->link_count++ == 0)
		s->stats.linked_nodes++;
	s->stats.last_handshake_ns = swarm_now_ns();
	if (s->options.drop_after_ms != 0)
		grow_old(s, c, &s->linked, s->options.drop_after_ms);
}

/* ---- out ---- */

static void want_writable(struct swarm *s, struct conn *c, bool is_wanted)
{
	if (c->is_writable_wanted == is_wanted)
		return;
	c->is_writable_wanted = is_wanted;
	swarm_watch(s, &c->source, is_wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, false);
}

/* Bytes the kernel took. */
static size_t send_some(struct swarm *s, struct conn *c, const uint8_t *p, size_t len)
{
	ssize_t n = send(c->source.fd, p, len, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		swarm_conn_close(s, c);
	c->sent_ms = s->now_ms;
	return n < 0 ? 0 : (size_t)n;
}

static bool keep(struct conn *c, const uint8_t *p, size_t len)
{
	if (c->out_len + len > c->out_max) {
		size_t max = c->out_len + len < 512 ? 512 : 2 * (c->out_len + len);
		uint8_t *bigger = max > 2 * OUT_MAX ? NULL : realloc(c->out, max);
		if (bigger == NULL)
			return false;
		c->out = bigger;
		c->out_max = max;
	}
	memcpy(c->out + c->out_len, p, len);
	c->out_len += len;
	return true;
}

void swarm_conn_flush(struct swarm *s, struct conn *c)
{
	size_t n = c->out_len == 0 ? 0 : send_some(s, c, c->out, c->out_len);
	if (c->source.fd < 0)
		return;
	c->out_len -= n;
	if (c->out_len > 0) {
		memmove(c->out, c->out + n, c->out_len);
		want_writable(s, c, true);
		return;
	}
	free(c->out);
	c->out = NULL;
	c->out_max = 0;
	want_writable(s, c, false);
	if (c->closes_when_sent)
		swarm_conn_close(s, c);
}

void swarm_conn_answer(struct swarm *s, struct conn *c, const uint8_t *p, size_t len)
{
	if (c->source.fd < 0)
		return;
	if (s->options.delay_ms != 0 && !c->is_delayed) {
		c->is_delayed = true;
		c->due_ms = s->now_ms + s->options.delay_ms;
		TAILQ_INSERT_TAIL(&s->delayed, c, of_delay);
	}
	size_t n = c->is_delayed || c->out_len > 0 ? 0 : send_some(s, c, p, len);
	if (c->source.fd < 0)
		return;
	if (n < len && !keep(c, p + n, len - n)) {
		swarm_conn_close(s, c);
		return;
	}
	if (!c->is_delayed && (c->out_len > 0 || c->closes_when_sent))
		swarm_conn_flush(s, c);
}

/* ---- in ---- */

static bool keep_rest(struct conn *c, const uint8_t *p, size_t len)
{
	if (len == 0) {
		free(c->in);
		c->in = NULL;
	} else if (c->in == NULL && (c->in = malloc(LEFT_OVER_MAX)) == NULL) {
		return false;
	}
	if (len > LEFT_OVER_MAX)
		return false;
	if (len > 0)
		memcpy(c->in, p, len);
	c->in_len = len;
	return true;
}

static void take(struct swarm *s, struct conn *c, const uint8_t *p, size_t len)
{
	while (len > 0 && c->source.fd >= 0) {
		if (c->skip > 0) {
			size_t n = c->skip < len ? (size_t)c->skip : len;
			c->skip -= n;
			p += n;
			len -= n;
			continue;
		}
		int64_t n = swarm_talk(s, c, p, len);
		if (n < 0)
			swarm_conn_close(s, c);
		if (n <= 0)
			break;
		p += n;
		len -= (size_t)n;
	}
	if (c->source.fd >= 0 && !keep_rest(c, p, len))
		swarm_conn_close(s, c);
}

static void on_conn_event(struct swarm *s, struct source *source, uint32_t events)
{
	struct conn *c = (struct conn *)source;
	if ((events & EPOLLOUT) != 0 && !c->is_delayed)
		swarm_conn_flush(s, c);
	if (c->source.fd < 0 || (events & ~(uint32_t)EPOLLOUT) == 0)
		return;
	if (c->in_len > 0)
		memcpy(scratch, c->in, c->in_len);
	ssize_t n = read(c->source.fd, scratch + c->in_len, sizeof scratch - LEFT_OVER_MAX);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		swarm_conn_close(s, c);
		return;
	}
	if (s->stats.first_byte_ns == 0)
		s->stats.first_byte_ns = swarm_now_ns();
	if (c->node == NULL || c->node->state == NODE_UP)
		take(s, c, scratch, c->in_len + (size_t)n);
}

void swarm_conn_open(struct swarm *s, int fd, struct host *host, struct node *node)
{
	struct conn *c = calloc(1, sizeof *c);
	if (c == NULL) {
		close(fd);
		return;
	}
	c->source = (struct source){fd, on_conn_event};
	c->host = host;
	c->node = node;
	c->stage = node == NULL ? CONN_EPMD : CONN_NAME;
	c->sent_ms = s->now_ms;
	s->stats.accepts++;
	if (s->stats.first_accept_ns == 0)
		s->stats.first_accept_ns = swarm_now_ns();
	if (node != NULL) {
		node->accepted++;
		TAILQ_INSERT_TAIL(&node->conns, c, of_node);
	}
	if (node == NULL || node->state == NODE_UP)
		grow_old(s, c, &s->shaking, SWARM_SETUP_MS);
	swarm_watch(s, &c->source, EPOLLIN, true);
}
