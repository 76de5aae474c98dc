/* Handles: what a plugin holds in place of a pointer. A handle is a number (place and generation)
 * that looks like a pointer; it is never followed, only looked up, so a plugin that keeps one
 * beyond its end finds nothing and harms nobody. The table is one for the process, because a handle
 * is all that comes back. Loop thread, but for the functions marked (any thread). */
#ifndef GC_HANDLE_H
#define GC_HANDLE_H

#include <stdbool.h>
#include <stdint.h>

struct gc_request;

enum gc_handle_kind { GC_HANDLE_ASK, GC_HANDLE_DIST }; /* whose object: discovery's, the dist host's */

enum gc_handle_flag {
	GC_HANDLE_CANCELLED = 1,   /* nobody waits for the answer any more */
	GC_HANDLE_WRONG_THREAD = 2 /* it was used from a thread that must not */
};

/* A live handle for object; NULL: out of memory or of places. */
struct gc_request *gc_handle_open(void *object, enum gc_handle_kind kind);
/* Its object, or NULL if it is over, never was, or is of another kind. */
void *gc_handle_find(struct gc_request *handle, enum gc_handle_kind kind);
/* Ends it. */
void gc_handle_close(struct gc_request *handle);
/* (any thread) Sets a flag on a live one. */
void gc_handle_set(struct gc_request *handle, enum gc_handle_flag flag);
/* (any thread) True if the flag is set; one that is over counts as cancelled. */
bool gc_handle_is(struct gc_request *handle, enum gc_handle_flag flag);

#endif
