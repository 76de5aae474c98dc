/* Preloaded into the program by `make soak`: a thread that writes how many bytes of the heap are in use into the file
 * GC_HEAP_GAUGE, five times a second. That is what must not grow: what is resident grows with fragments as well, and with
 * what a sanitizer keeps of memory that was freed. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t in_use(void)
{
	if (__sanitizer_get_current_allocated_bytes)
		return __sanitizer_get_current_allocated_bytes();
#if __GLIBC_PREREQ(2, 33)
	struct mallinfo2 m = mallinfo2();
#else
	struct mallinfo m = mallinfo();
#endif
	return (size_t)m.uordblks + (size_t)m.hblkhd;
}

static void *gauge(void *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	struct timespec pause = {.tv_nsec = 200000000};
	char text[32];

	for (;;) {
		int len = snprintf(text, sizeof(text), "%20zu\n", in_use());
		if (pwrite(fd, text, (size_t)len, 0) < 0)
			return NULL;
		(void)nanosleep(&pause, NULL);
	}
}

__attribute__((constructor)) static void start(void)
{
	char *file = getenv("GC_HEAP_GAUGE");
	sigset_t all, before;
	pthread_t thread;

	if (!file || strcmp(program_invocation_short_name, "gen_cluster") != 0)
		return;
	sigfillset(&all); /* signals are for the program's own thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	(void)pthread_create(&thread, NULL, gauge, file);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
