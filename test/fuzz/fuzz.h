/* A fuzz target: a file with FUZZ_TARGET(name) { ... }, its name in targets.h, and some seeds in
 * corpus/name. The body gets `data` and `len`, must return 0, and says by FUZZ_REQUIRE what always holds.
 * Every allocation must be freed, nothing may depend on an earlier input. */
#ifndef GC_FUZZ_H
#define GC_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FUZZ_TARGET(name)                                                                          \
	int fuzz_##name(const uint8_t *data, size_t len);                                          \
	int fuzz_##name(const uint8_t *data, size_t len)

#define FUZZ_REQUIRE(x)                                                                            \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #x);     \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

typedef int (*fuzz_fn)(const uint8_t *data, size_t len);
struct fuzz_target {
	const char *name;
	fuzz_fn run;
};
extern const struct fuzz_target fuzz_targets[]; /* name NULL ends */

#endif
