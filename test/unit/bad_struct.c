/* Plugins that the loader must refuse, one for each BAD_ macro: bad_abi.so, bad_small.so, ... */
#include <gen_cluster/gc_plugin.h>

#if !defined(BAD_EMPTY) && !defined(BAD_NULL)
static int create(const struct gc_host *host, struct gc_instance *inst, void **self_r, char *err,
		  size_t err_len)
{
	(void)host;
	(void)inst;
	(void)self_r;
	(void)err;
	(void)err_len;
	return -1;
}
#endif

#if !defined(BAD_MISSING) && !defined(BAD_EMPTY) && !defined(BAD_NULL)
static void close_source(void *self)
{
	(void)self;
}
#endif

#ifdef BAD_BOTH
static int refresh(void *self, struct gc_request *request)
{
	(void)self;
	(void)request;
	return -1;
}

static enum gc_quality refresh_blocking(void *self, struct gc_request *request, char *reason,
					size_t reason_len)
{
	(void)self;
	(void)request;
	(void)reason;
	(void)reason_len;
	return GC_ERROR;
}
#endif

#ifdef BAD_OPTION
static const struct gc_option options[] = {{.name = "colour", .type = GC_ENUM}, {0}};
#endif

#if !defined(BAD_EMPTY) && !defined(BAD_NULL)
static const struct gc_discovery discovery = {
#ifdef BAD_TAIL
    .struct_size = offsetof(struct gc_discovery, close),
#else
    .struct_size = sizeof(discovery),
#endif
    .create = create,
#ifdef BAD_BOTH
    .refresh = refresh,
    .refresh_blocking = refresh_blocking,
#endif
#ifndef BAD_MISSING
    .close = close_source,
#endif
};

#endif

#if !defined(BAD_NONE)
GC_PLUGIN_EXPORT const struct gc_plugin *gc_plugin_entry(void);
const struct gc_plugin *gc_plugin_entry(void)
{
#ifdef BAD_NULL
	return NULL;
#else
	static const struct gc_plugin plugin = {
#ifdef BAD_ABI
	    .abi = GC_PLUGIN_ABI + 1,
#else
	    .abi = GC_PLUGIN_ABI,
#endif
#ifdef BAD_SMALL
	    .struct_size = offsetof(struct gc_plugin, summary),
#else
	    .struct_size = sizeof(plugin),
#endif
#ifdef BAD_NAME
	    .name = "other",
#else
	    .name = BAD_IS,
#endif
	    .version = "1",
	    .summary = "never loaded",
#ifdef BAD_OPTION
	    .options = options,
#endif
#if !defined(BAD_EMPTY) && !defined(BAD_NULL)
	    .discovery = &discovery,
#endif
	};
	return &plugin;
#endif
}
#else
GC_PLUGIN_EXPORT int something_else(void);
int something_else(void)
{
	return discovery.close != NULL;
}
#endif
