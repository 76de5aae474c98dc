/* See counted_alloc.h. */
#include "counted_alloc.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HEADER sizeof(size_t)

static size_t bytes;
static uint64_t calls, fail_at, failures, dice;
static uint32_t one_in;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
char *__real_realpath(const char *path, char *resolved);
char *__wrap_realpath(const char *path, char *resolved);
void __wrap_free(void *p);

size_t counted_bytes(void)
{
	return bytes;
}

uint64_t failed_calls(void)
{
	return failures;
}

void fail_call(uint64_t n)
{
	fail_at = n ? calls + n : 0;
}

void fail_one_in(uint32_t n, uint64_t seed)
{
	one_in = n;
	dice = seed | 1;
}

static bool must_fail(void)
{
	dice = dice * 6364136223846793005u + 1442695040888963407u;
	bool fails = ++calls == fail_at || (one_in && (dice >> 33) % one_in == 0);
	failures += fails;
	return fails;
}

static void *count(void *p)
{
	if (p)
		bytes += malloc_usable_size(p) + HEADER;
	return p;
}

static void uncount(void *p)
{
	if (p)
		bytes -= malloc_usable_size(p) + HEADER;
}

void *__wrap_malloc(size_t size)
{
	return must_fail() ? NULL : count(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return must_fail() ? NULL : count(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
	if (must_fail())
		return NULL;
	uncount(p);
	return count(__real_realloc(p, size)); /* what really fails here ends the test anyway */
}

char *__wrap_strdup(const char *s)
{
	size_t len = strlen(s) + 1;
	char *copy = __wrap_malloc(len);

	return copy ? memcpy(copy, s, len) : NULL;
}

char *__wrap_realpath(const char *path, char *resolved)
{
	if (resolved)
		return __real_realpath(path, resolved);
	return must_fail() ? NULL : count(__real_realpath(path, NULL));
}

void __wrap_free(void *p)
{
	uncount(p);
	__real_free(p);
}
