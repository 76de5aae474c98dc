/* hello_async.c: the asynchronous way, for what has an interface to an event loop. Read hello.c
 * first.
 *
 * Instead of blocking on a thread, refresh() starts something on the loop of gen_cluster (libuv:
 * host->loop) and returns at once; when it is done, the answer is given with finish(). Every call
 * is on the loop's thread, so there is nothing to lock, and nothing may block.
 *
 * Here: the addresses of a host, by uv_getaddrinfo(). (The plugin dns does this better.) */
#include <gen_cluster/gc_plugin.h>

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <uv.h>

struct hello {
	const struct gc_host *host;
	struct gc_instance *instance;
	uv_getaddrinfo_t lookup;
	struct gc_request *request; /* the question we are asked; NULL: none */
	int is_looking, is_closing;
};

static void close_if_done(struct hello *h)
{
	const struct gc_host *host = h->host;
	struct gc_instance *instance = h->instance;

	/* Memory that a callback will still see must wait for it. */
	if (!h->is_closing || h->is_looking)
		return;
	free(h);
	host->closed(instance);
}

static void add_all(struct hello *h, const struct addrinfo *info)
{
	char address[64];

	for (; info; info = info->ai_next) {
		struct gc_peer peer = {.node = address};
		if (uv_ip_name(info->ai_addr, address, sizeof(address)) == 0)
			h->host->add_peer(h->request, &peer);
	}
}

static void on_lookup(uv_getaddrinfo_t *lookup, int status, struct addrinfo *info)
{
	struct hello *h = lookup->data;

	h->is_looking = 0;
	if (h->request && status == 0) {
		add_all(h, info);
		h->host->finish(h->request, GC_COMPLETE, NULL);
	} else if (h->request) {
		h->host->finish(h->request, GC_ERROR, uv_strerror(status));
	}
	h->request = NULL; /* gone with finish() */
	uv_freeaddrinfo(info);
	close_if_done(h);
}

/* 0: finish() will come. -1: it will not, which is an error. Until it has come, no other question
 * does. */
static int hello_refresh(void *self, struct gc_request *request)
{
	struct hello *h = self;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	const char *domain = h->host->str(h->instance, "domain", 0);

	if (uv_getaddrinfo(h->host->loop, &h->lookup, on_lookup, domain, NULL, &hints) != 0)
		return -1;
	h->lookup.data = h;
	h->request = request;
	h->is_looking = 1;
	return 0;
}

/* Optional. The deadline has passed (gen_cluster has told so by itself) or we are leaving: end it
 * soon, if it can be ended. finish() must still come; what it says is thrown away. */
static void hello_cancel(void *self, struct gc_request *request)
{
	struct hello *h = self;

	(void)request;
	uv_cancel((uv_req_t *)&h->lookup); /* then on_lookup comes with UV_ECANCELED */
}

/* May come while a question is open: no finish() is needed for it any more. */
static void hello_close(void *self)
{
	struct hello *h = self;

	h->is_closing = 1;
	h->request = NULL;
	if (h->is_looking)
		uv_cancel((uv_req_t *)&h->lookup);
	close_if_done(h);
}

static int hello_create(const struct gc_host *host, struct gc_instance *instance, void **self_r,
			char *err, size_t err_len)
{
	struct hello *h = calloc(1, sizeof(*h));

	if (!h) {
		(void)snprintf(err, err_len, "out of memory");
		return -1;
	}
	h->host = host;
	h->instance = instance;
	*self_r = h;
	return 0;
}

static const struct gc_option hello_options[] = {
    {.name = "domain",
     .type = GC_STRING,
     .flags = GC_OPT_REQUIRED | GC_OPT_MAIN,
     .help = "a host whose addresses are the peers"},
    {.name = NULL},
};

static const struct gc_discovery hello_discovery = {
    .struct_size = sizeof(hello_discovery),
    .create = hello_create,
    .refresh = hello_refresh,
    .cancel = hello_cancel,
    .close = hello_close,
};

GC_PLUGIN_DEFINE(.name = "hello_async", .version = "1",
		 .summary = "peers from getaddrinfo, the asynchronous way",
		 .options = hello_options, .discovery = &hello_discovery)
