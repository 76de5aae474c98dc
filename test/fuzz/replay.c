/* Replays the corpus of each fuzz target (make check), or given files: replay TARGET FILE... Each
 * input lies in a block of its exact size, so that a sanitizer or valgrind sees one byte too many
 * being read. */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>

#define INPUT_MAX (1u << 20)

static void replay_file(const struct fuzz_target *t, const char *file)
{
	FILE *f = fopen(file, "rb");
	static uint8_t bytes[INPUT_MAX];

	if (!f) {
		perror(file);
		exit(1);
	}
	size_t len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	uint8_t *exact = malloc(len ? len : 1);
	FUZZ_REQUIRE(exact);
	memcpy(exact, bytes, len);
	FUZZ_REQUIRE(t->run(exact, len) == 0);
	free(exact);
}

static unsigned replay_corpus(const struct fuzz_target *t, const char *root)
{
	char path[4096];
	unsigned n = 0;

	(void)snprintf(path, sizeof(path), "%s/test/fuzz/corpus/%s", root, t->name);
	DIR *dir = opendir(path);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/test/fuzz/corpus/%s/%s", root, t->name,
			       e->d_name);
		replay_file(t, path);
		n++;
	}
	if (dir)
		closedir(dir);
	printf("%s: %u inputs\n", t->name, n);
	return n;
}

static int replay_files(const char *name, char **files)
{
	for (const struct fuzz_target *t = fuzz_targets; t->name; t++) {
		if (strcmp(t->name, name) != 0)
			continue;
		for (; *files; files++)
			replay_file(t, *files);
		return 0;
	}
	fprintf(stderr, "no target %s\n", name);
	return 1;
}

int main(int argc, char **argv)
{
	const char *root = getenv("GC_SRCDIR");
	int failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1)
		return replay_files(argv[1], argv + 2);
	for (const struct fuzz_target *t = fuzz_targets; t->name; t++) {
		if (replay_corpus(t, root ? root : ".") == 0)
			failed = 1; /* a target without seeds shows nothing */
	}
	return failed;
}
