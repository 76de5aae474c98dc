/* The log; see log.h. One state per process, loop thread only. */
#include "log.h"
#include "err.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_LEN 1000
#define TROUBLE_MAX_S 300

static struct {
	gc_log_sink_cb sink;
	void *arg;
	enum gc_log_level max;
	gc_log_line_cb to_stderr;
} state = {NULL, NULL, GC_LOG_NOTICE, NULL};

static const char *const level_names[] = {"error", "warning", "notice", "info", "debug"};

const char *gc_log_level_name(enum gc_log_level level)
{
	return (unsigned)level < 5 ? level_names[level] : "unknown";
}

void gc_log_open(gc_log_sink_cb sink, void *arg, enum gc_log_level max)
{
	state.sink = sink;
	state.arg = arg;
	state.max = max;
}

void gc_log_set_level(enum gc_log_level max)
{
	state.max = max;
}

/* The length of a valid UTF-8 sequence at s (RFC 3629), or 0. */
static size_t utf8_len(const unsigned char *s)
{
	if (s[0] < 0x80)
		return 1;
	size_t n = s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
	if (s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void clean(char *line)
{
	unsigned char *s = (unsigned char *)line;

	while (*s) {
		size_t n = utf8_len(s);
		if (n == 0 || *s < 0x20 || *s == 0x7f) {
			*s = '?';
			n = 1;
		}
		s += n;
	}
}

size_t gc_log_print(char *buf, size_t len, enum gc_log_level level, const char *area,
		    const char *fmt, ...)
{
	struct timespec ts = {0};
	struct tm tm;
	char when[32] = "";
	va_list ap;
	int n, more;

	if (clock_gettime(CLOCK_REALTIME, &ts) == 0 && gmtime_r(&ts.tv_sec, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	n = snprintf(buf, len, "%s.%03dZ %-7s %s: ", when, (int)(ts.tv_nsec / 1000000),
		     gc_log_level_name(level), area);
	if (n < 0 || (size_t)n >= len - 1)
		n = 0;
	va_start(ap, fmt);
	more = vsnprintf(buf + n, len - (size_t)n - 1, fmt, ap);
	va_end(ap);
	n += more < 0 ? 0 : more;
	if ((size_t)n > len - 2)
		n = (int)len - 2;
	buf[n] = '\n';
	buf[n + 1] = '\0';
	return (size_t)n + 1;
}

static void to_stderr(enum gc_log_level level, const char *area, const char *line)
{
	char text[LINE_MAX_LEN + 200];
	size_t len = gc_log_print(text, sizeof(text), level, area, "%s", line);

	if (state.to_stderr)
		state.to_stderr(text, len);
	else
		(void)fputs(text, stderr);
}

void gc_log_stderr_by(gc_log_line_cb cb)
{
	state.to_stderr = cb;
}

void gc_vlog(enum gc_log_level level, const char *area, const char *fmt, va_list ap)
{
	char line[LINE_MAX_LEN + 1];

	if (level > state.max)
		return;
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(line))
		memcpy(line + sizeof(line) - 4, "...", 4);
	clean(line);
	if (state.sink)
		state.sink(state.arg, level, area, line);
	else
		to_stderr(level, area, line);
}

void gc_log(enum gc_log_level level, const char *area, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	gc_vlog(level, area, fmt, ap);
	va_end(ap);
}

void gc_trouble_log(struct gc_trouble *t, uint64_t now_mono_ms, enum gc_log_level level,
		    const char *area, const char *fmt, ...)
{
	char line[LINE_MAX_LEN];
	va_list ap;

	if (t->since_mono_ms == 0) {
		*t = (struct gc_trouble){.since_mono_ms = now_mono_ms ? now_mono_ms : 1,
					 .interval_s = 1};
	} else if (now_mono_ms < t->next_mono_ms) {
		t->suppressed++;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (t->suppressed)
		gc_log(level, area, "%s (for %llu s, %u times since the last line)", line,
		       (unsigned long long)(now_mono_ms - t->since_mono_ms) / 1000, t->suppressed);
	else
		gc_log(level, area, "%s", line);
	t->suppressed = 0;
	t->next_mono_ms = now_mono_ms + t->interval_s * 1000ULL;
	t->interval_s = t->interval_s * 2 > TROUBLE_MAX_S ? TROUBLE_MAX_S : t->interval_s * 2;
}

void gc_trouble_over(struct gc_trouble *t, uint64_t now_mono_ms, const char *area,
		     const char *what)
{
	if (t->since_mono_ms == 0)
		return;
	gc_log(GC_LOG_NOTICE, area, "recovered after %llu s: %s",
	       (unsigned long long)(now_mono_ms - t->since_mono_ms) / 1000, what);
	*t = (struct gc_trouble){0};
}
