/* Node names: the one place that says which are valid. Pure. (facts H12) */
#ifndef GC_NAME_H
#define GC_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define GC_NODE_MAX 255 /* bytes of a node name, without NUL */

/* A valid node name: [A-Za-z0-9_-]{1,} '@' [A-Za-z0-9._:-]{1,}, 255 bytes at most, one '@'. s need
 * not be terminated. */
bool gc_name_ok(const char *s, size_t len);
/* A valid host part (what may stand after '@'). */
bool gc_host_ok(const char *s, size_t len);
/* A valid alive part (what may stand before '@'). */
bool gc_alive_ok(const char *s, size_t len);
/* The host part of a valid name: points into name, behind '@'; NULL if there is no '@'. */
const char *gc_name_host(const char *name);
/* Copies the alive part; false if it does not fit or there is no '@'. */
bool gc_name_alive(const char *name, char *buf, size_t len);
/* "alive@host" into buf; false if it does not fit or is not valid. */
bool gc_name_make(char *buf, size_t len, const char *alive, const char *host);

#endif
