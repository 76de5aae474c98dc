/* Assertions for broken invariants of ours; never for input. */
#ifndef GC_CHECK_H
#define GC_CHECK_H

/* Prints file, line and expression to stderr and aborts. */
_Noreturn void gc_require_failed(const char *file, int line, const char *expr);

#define GC_REQUIRE(x) ((x) ? (void)0 : gc_require_failed(__FILE__, __LINE__, #x))

#endif
