/* Node names; see name.h. Pure. */
#include "name.h"

#include <stdio.h>
#include <string.h>

/* ctype depends on the locale; node names do not. */
static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool gc_alive_ok(const char *s, size_t len)
{
	if (len == 0 || len > GC_NODE_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(s[i]) && s[i] != '_' && s[i] != '-')
			return false;
	return true;
}

bool gc_host_ok(const char *s, size_t len)
{
	if (len == 0 || len > GC_NODE_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(s[i]) && s[i] != '.' && s[i] != '_' && s[i] != ':' && s[i] != '-')
			return false;
	return true;
}

bool gc_name_ok(const char *s, size_t len)
{
	const char *at = len > GC_NODE_MAX ? NULL : memchr(s, '@', len);

	if (!at)
		return false;
	size_t alive_len = (size_t)(at - s);
	return gc_alive_ok(s, alive_len) && gc_host_ok(at + 1, len - alive_len - 1);
}

const char *gc_name_host(const char *name)
{
	const char *at = strchr(name, '@');

	return at ? at + 1 : NULL;
}

bool gc_name_alive(const char *name, char *buf, size_t len)
{
	const char *at = strchr(name, '@');

	if (!at || (size_t)(at - name) >= len)
		return false;
	memcpy(buf, name, (size_t)(at - name));
	buf[at - name] = '\0';
	return true;
}

bool gc_name_make(char *buf, size_t len, const char *alive, const char *host)
{
	int n = snprintf(buf, len, "%s@%s", alive, host);

	return n > 0 && (size_t)n < len && gc_name_ok(buf, (size_t)n);
}
