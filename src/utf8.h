/* UTF-8, strictly: shortest form, no surrogates, up to U+10FFFF (RFC 3629). Pure. */
#ifndef GC_UTF8_H
#define GC_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads the code point at p; returns its length in bytes, 0 if it is malformed or cut off. */
size_t gc_utf8_get(const uint8_t *p, size_t len, uint32_t *code_r);
/* Writes a code point (up to 4 bytes); returns its length, 0 if there is no such code point. */
size_t gc_utf8_put(uint32_t code, char *out);
/* How many code points; SIZE_MAX if it is not UTF-8. */
size_t gc_utf8_count(const uint8_t *p, size_t len);
/* A code point that is no surrogate. */
static inline bool gc_utf8_is_code(uint32_t code)
{
	return code < 0xd800 || (code > 0xdfff && code <= 0x10ffff);
}

#endif
