/* The nearest of known names to a misspelt one, for "did you mean"; see plugin.h. Pure.
 *
 * Distance: optimal string alignment (insert, delete, replace, swap two neighbours), case ignored,
 * '-' taken for '_'. A name that contains the other ("timeout" for "timeout_ms") is near as well.
 */
#include "plugin.h"

#include <string.h>

#define NAME_MAX_LEN 48 /* longer ones are compared by their first bytes */

static char plain(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c == '-' ? '_' : c);
}

static size_t copy_plain(char *to, const char *name)
{
	size_t len = 0;

	for (; len < NAME_MAX_LEN && name[len]; len++)
		to[len] = plain(name[len]);
	to[len] = '\0';
	return len;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][NAME_MAX_LEN + 1]; /* three rows of the table, in turn */

	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *now = rows[i % 3];
		const size_t *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			now[j] =
			    min3(up[j] + 1, now[j - 1] + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = min3(now[j], up2[j - 2] + 1, SIZE_MAX);
		}
	}
	return rows[a_len % 3][b_len];
}

const char *gc_nearest(const char *name, const char *const *known, size_t n)
{
	char a[NAME_MAX_LEN + 1], b[NAME_MAX_LEN + 1];
	size_t a_len = copy_plain(a, name);
	size_t limit = a_len < 4 ? 1 : a_len / 3 + 1; /* farther is no likely slip */
	size_t best = limit + 1;
	const char *nearest = NULL;

	for (size_t i = 0; i < n; i++) {
		size_t b_len = copy_plain(b, known[i]);
		size_t d = distance(a, a_len, b, b_len);
		if (d > limit && a_len >= 3 && b_len >= 3 && (strstr(b, a) || strstr(a, b)))
			d = limit;
		if (d < best) {
			best = d;
			nearest = known[i];
		}
	}
	return nearest;
}
