/* The log: one line an event. Where lines go is decided once by the front end (stderr, or the port).
 * Loop thread only. Never logs a cookie: callers must not hand one in. */
#ifndef GC_LOG_H
#define GC_LOG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers are part of the plugin ABI (gc_plugin.h). */
enum gc_log_level {
	GC_LOG_ERROR = 0,
	GC_LOG_WARNING = 1,
	GC_LOG_NOTICE = 2,
	GC_LOG_INFO = 3,
	GC_LOG_DEBUG = 4,
};

/* Called with a finished line: valid UTF-8, without newline or control characters. */
typedef void (*gc_log_sink_cb)(void *arg, enum gc_log_level level, const char *area,
			       const char *line);

/* Sets the sink (NULL: stderr) and the least urgent level that is still let through. */
void gc_log_open(gc_log_sink_cb sink, void *arg, enum gc_log_level max);
void gc_log_set_level(enum gc_log_level max);
const char *gc_log_level_name(enum gc_log_level level);

/* A line as it stands on stderr, newline included; its length. Too long: cut. */
size_t gc_log_print(char *buf, size_t len, enum gc_log_level level, const char *area,
		    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Who writes such lines (log_stderr.c). NULL: stdio. */
typedef void (*gc_log_line_cb)(const char *line, size_t len);
void gc_log_stderr_by(gc_log_line_cb cb);

/* area: a module or instance, as "dial", "discover dns". Lines over 1000 bytes are cut. */
void gc_log(enum gc_log_level level, const char *area, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void gc_vlog(enum gc_log_level level, const char *area, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

/* Standing trouble: repeats at growing intervals (1, 2, 4 .. 300 s), ends with one "recovered". */
struct gc_trouble {
	uint64_t since_mono_ms; /* 0: no trouble now */
	uint64_t next_mono_ms;
	uint32_t interval_s;
	uint32_t suppressed;
};
void gc_trouble_log(struct gc_trouble *t, uint64_t now_mono_ms, enum gc_log_level level,
		    const char *area, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Logs "recovered after N s: WHAT" if there was trouble, and clears it. */
void gc_trouble_over(struct gc_trouble *t, uint64_t now_mono_ms, const char *area,
		     const char *what);

#endif
