/* The program for libFuzzer: the target is named by FUZZ_TARGET in the environment. */
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static fuzz_fn run;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_TARGET");

	(void)argc;
	(void)argv;
	for (const struct fuzz_target *t = fuzz_targets; t->name; t++) {
		if (name && strcmp(name, t->name) == 0)
			run = t->run;
	}
	if (!run) {
		fprintf(stderr, "FUZZ_TARGET must name a line of targets.h\n");
		exit(1);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return run(data, len);
}
