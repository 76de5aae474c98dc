/* Numbers as Erlang prints them. Pure. */
#ifndef GC_NUMBER_TEXT_H
#define GC_NUMBER_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define GC_FLOAT_TEXT 40
/* The fewest digits that read back as v: the shorter of 1234.5 and 1.2345e3, from 2^53 on always
 * the second. */
void gc_float_text(double v, char text[GC_FLOAT_TEXT]);

#define GC_DECIMAL_BYTES 128
#define GC_DECIMAL_TEXT 320
/* A little-endian number of 1 to GC_DECIMAL_BYTES bytes, the last of them not 0. */
void gc_decimal_text(const uint8_t *p, size_t len, char text[GC_DECIMAL_TEXT]);

#endif
