/* No OpenSSL was found: --tls is refused, and the rest is never called. */
#include "hostile_tls.h"

#include <stdio.h>

bool tls_setup(struct hostile *h)
{
	if (h->tls.is_on)
		fprintf(stderr, "hostile: --tls: built without OpenSSL\n");
	return !h->tls.is_on;
}

void tls_teardown(struct hostile *h)
{
	(void)h;
}

bool tls_start(struct hostile *h, struct peer *p, bool is_server)
{
	(void)h;
	(void)p;
	(void)is_server;
	return false;
}

bool tls_shake(struct peer *p, uint32_t within_ms)
{
	(void)p;
	(void)within_ms;
	return false;
}

void tls_free(struct peer *p)
{
	(void)p;
}

ssize_t tls_send_now(struct peer *p, const void *data, size_t len)
{
	(void)p;
	(void)data;
	(void)len;
	return -1;
}

ssize_t tls_read_now(struct peer *p, void *out, size_t len)
{
	(void)p;
	(void)out;
	(void)len;
	return -1;
}

bool tls_is_sending(const struct peer *p)
{
	(void)p;
	return false;
}
