/* See usage.h. The peak of getrusage() survives exec: with it, a small program that a large one
 * started would claim to have been as large. So it is asked only where there is no /proc. */
#include "usage.h"

#include <stdio.h>
#include <sys/resource.h>

static uint64_t of_proc(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long kb = 0;
	char line[256];

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f) && sscanf(line, "VmHWM: %llu kB", &kb) != 1)
		;
	(void)fclose(f);
	return kb;
}

uint64_t gc_usage_peak_kb(void)
{
	uint64_t kb = of_proc();
	struct rusage usage;

	if (kb == 0 && getrusage(RUSAGE_SELF, &usage) == 0)
		kb = (uint64_t)usage.ru_maxrss;
	return kb;
}
