/* The log on stderr, written by a thread: whatever stderr is, the loop never waits for it. */
#ifndef GC_LOG_STDERR_H
#define GC_LOG_STDERR_H

/* From now on lines for stderr go through the thread. Where it cannot be had they are written directly. */
void gc_log_stderr_start(void);
/* Lines that wait are given so long to leave; then the thread is left behind. Later lines are written directly. */
void gc_log_stderr_stop(int within_ms);

#endif
