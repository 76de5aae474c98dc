/* Assertions; see check.h. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void gc_require_failed(const char *file, int line, const char *expr)
{
	fprintf(stderr, "gen_cluster: %s:%d: broken invariant: %s\n", file, line, expr);
	abort();
}
