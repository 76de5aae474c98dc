/* hello_push.c: the push way, for a source that tells by itself when something has changed. Read
 * hello.c and hello_async.c first.
 *
 * push() opens an answer that nobody asked for; add_peer() and finish() as always. It may be opened
 * whenever the loop runs our code, also from within create(). An instance that pushes need not have
 * a refresh at all, as here; one that has both is asked as well, which heals what a push has
 * missed.
 *
 * Here: whoever sends a datagram to our port says who is there.
 *     echo 'a@host1 b@host2' > /dev/udp/127.0.0.1/4999        (bash)
 * It is a lesson, no protocol: anybody may send that. */
#include <gen_cluster/gc_plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct hello {
	const struct gc_host *host;
	struct gc_instance *instance;
	uv_udp_t socket;
	char buffer[4096];
};

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct hello *h = handle->data;

	(void)suggested;
	*buf = uv_buf_init(h->buffer, sizeof(h->buffer) - 1);
}

static void on_datagram(uv_udp_t *socket, ssize_t len, const uv_buf_t *buf,
			const struct sockaddr *from, unsigned flags)
{
	struct hello *h = socket->data;
	struct gc_request *answer;

	if (len < 0 || !from || (flags & UV_UDP_PARTIAL))
		return;
	answer = h->host->push(h->instance);
	if (!answer)
		return; /* not now: we are leaving, or are too fast */
	buf->base[len] = '\0';
	for (char *rest, *word = strtok_r(buf->base, " \t\r\n", &rest); word;
	     word = strtok_r(NULL, " \t\r\n", &rest)) {
		struct gc_peer peer = {.node = word};
		h->host->add_peer(answer, &peer);
	}
	h->host->finish(answer, GC_COMPLETE, NULL);
}

/* closed() only when libuv has let go of all our handles. */
static void on_closed(uv_handle_t *handle)
{
	struct hello *h = handle->data;
	const struct gc_host *host = h->host;
	struct gc_instance *instance = h->instance;

	free(h);
	host->closed(instance);
}

static void hello_close(void *self)
{
	struct hello *h = self;

	uv_close((uv_handle_t *)&h->socket, on_closed);
}

static int hello_listen(struct hello *h)
{
	int port = (int)h->host->num(h->instance, "port", 0);
	struct sockaddr_in address;
	int rc = uv_ip4_addr("127.0.0.1", port, &address);

	if (rc == 0)
		rc = uv_udp_bind(&h->socket, (const struct sockaddr *)&address, 0);
	return rc ? rc : uv_udp_recv_start(&h->socket, on_alloc, on_datagram);
}

/* Not a failure of create(): an instance that cannot work yet says so in an answer. */
static void tell_error(struct hello *h, int rc)
{
	struct gc_request *answer = h->host->push(h->instance);

	if (answer)
		h->host->finish(answer, GC_ERROR, uv_strerror(rc));
}

static int hello_create(const struct gc_host *host, struct gc_instance *instance, void **self_r,
			char *err, size_t err_len)
{
	struct hello *h = calloc(1, sizeof(*h));
	int rc;

	if (!h) {
		(void)snprintf(err, err_len, "out of memory");
		return -1;
	}
	h->host = host;
	h->instance = instance;
	h->socket.data = h;
	uv_udp_init(host->loop, &h->socket);
	rc = hello_listen(h);
	if (rc)
		tell_error(h, rc);
	else
		host->log(instance, GC_NOTICE, "listens on UDP port %d",
			  (int)host->num(instance, "port", 0));
	*self_r = h;
	return 0;
}

static const struct gc_option hello_options[] = {
    {.name = "port",
     .type = GC_INTEGER,
     .flags = GC_OPT_MAIN,
     .default_text = "4999", /* Erlang syntax, as in the configuration */
     .min = 1,
     .max = 65535,
     .help = "UDP port on 127.0.0.1 where peers are told"},
    {.name = NULL},
};

static const struct gc_discovery hello_discovery = {
    .struct_size = sizeof(hello_discovery),
    .create = hello_create,
    .close = hello_close,
};

GC_PLUGIN_DEFINE(.name = "hello_push", .version = "1", .summary = "peers told by datagrams",
		 .options = hello_options, .discovery = &hello_discovery)
