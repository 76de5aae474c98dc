/* TLS in a program that was built without OpenSSL: there is none; see tls.h. No connection ever has a gc_tls_conn here, so
 * what takes one is never called. */
#include "tls.h"

#include "check.h"

#include <stdio.h>

bool gc_tls_is_built(void)
{
	return false;
}

int gc_tls_create(const struct gc_tls_options *o, struct gc_tls **tls_r, char *err, size_t err_len)
{
	*tls_r = NULL;
	return gc_tls_configure(NULL, o, err, err_len);
}

int gc_tls_configure(struct gc_tls *t, const struct gc_tls_options *o, char *err, size_t err_len)
{
	(void)t;
	(void)o;
	(void)snprintf(err, err_len, "tls: this gen_cluster was built without TLS");
	return GC_EINVAL;
}

void gc_tls_destroy(struct gc_tls *t)
{
	GC_REQUIRE(!t);
}

void gc_tls_look(struct gc_tls *t, uint64_t now_ms)
{
	(void)now_ms;
	GC_REQUIRE(!t);
}

struct gc_tls_conn *gc_tls_conn_create(struct gc_tls *t, const char *node)
{
	(void)t;
	(void)node;
	return NULL;
}

void gc_tls_conn_destroy(struct gc_tls_conn *c)
{
	GC_REQUIRE(!c);
}

void gc_tls_conn_begin(struct gc_tls_conn *c)
{
	GC_REQUIRE(!c);
}

void gc_tls_conn_feed(struct gc_tls_conn *c, const uint8_t *p, size_t len)
{
	(void)p;
	(void)len;
	GC_REQUIRE(!c);
}

int gc_tls_conn_read(struct gc_tls_conn *c, uint8_t *out, size_t len)
{
	(void)c;
	(void)out;
	(void)len;
	return 0;
}

bool gc_tls_conn_is_up(const struct gc_tls_conn *c)
{
	return c != NULL;
}

int gc_tls_conn_write(struct gc_tls_conn *c, struct gc_buf *plain)
{
	(void)c;
	(void)plain;
	return 0;
}

struct gc_buf *gc_tls_conn_wire(struct gc_tls_conn *c)
{
	(void)c;
	return NULL;
}

void gc_tls_conn_bye(struct gc_tls_conn *c)
{
	GC_REQUIRE(!c);
}

void gc_tls_conn_ended(struct gc_tls_conn *c, int uv_err)
{
	(void)uv_err;
	GC_REQUIRE(!c);
}

const struct gc_fail *gc_tls_conn_fail(const struct gc_tls_conn *c)
{
	static const struct gc_fail none;

	(void)c;
	return &none;
}

bool gc_tls_conn_allows(const struct gc_tls_conn *c, const char *node, char *why, size_t len)
{
	(void)c;
	(void)node;
	(void)why;
	(void)len;
	return true;
}

void gc_tls_conn_subject(const struct gc_tls_conn *c, char *buf, size_t len)
{
	(void)c;
	if (len > 0)
		buf[0] = '\0';
}
