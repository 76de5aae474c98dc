/* Numbers as Erlang prints them; see number_text.h. Pure. */
#include "number_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The fewest digits that read back as v: "d.ddde+XX". */
static void shortest(double v, char *text, size_t len)
{
	for (int digits = 0; digits < 17; digits++) {
		(void)snprintf(text, len, "%.*e", digits, v);
		if (strtod(text, NULL) == v)
			return;
	}
}

/* "123.0" from digits and exponent; NULL if it is longer than max. */
static const char *plain(const char *digits, int n, int exponent, char *text, int max)
{
	int before = exponent + 1, at = 0; /* digits before the point */
	int zeros = before < 0 ? -before : 0;
	int behind = n > before ? n - (before > 0 ? before : 0) : 1;

	if ((before > 0 ? before : 1) + 1 + zeros + behind > max)
		return NULL;
	for (int i = 0; i < before; i++)
		text[at++] = (char)(i < n ? digits[i] : '0');
	if (before <= 0)
		text[at++] = '0';
	text[at++] = '.';
	for (int i = 0; i < zeros; i++)
		text[at++] = '0';
	for (int i = before > 0 ? before : 0; i < n; i++)
		text[at++] = digits[i];
	if (n <= before)
		text[at++] = '0';
	text[at] = '\0';
	return text;
}

void gc_float_text(double v, char text[GC_FLOAT_TEXT])
{
	char form[GC_FLOAT_TEXT], digits[20] = "0", power[GC_FLOAT_TEXT], whole[GC_FLOAT_TEXT];
	int n = 0;
	bool is_negative = signbit(v);

	v = fabs(v);
	shortest(v, form, sizeof(form));
	const char *e = strchr(form, 'e');
	for (const char *c = form; c < e; c++) {
		if (*c != '.')
			digits[n++] = *c;
	}
	int exponent = (int)strtol(e + 1, NULL, 10);
	int len = snprintf(power, sizeof(power), "%c.%.*se%d", digits[0], n > 1 ? n - 1 : 1,
			   n > 1 ? digits + 1 : "0", exponent);
	bool is_large = v >= 9007199254740992.0;
	bool is_plain = !is_large && plain(digits, n, exponent, whole, len);
	(void)snprintf(text, GC_FLOAT_TEXT, "%s%.38s", is_negative ? "-" : "",
		       is_plain ? whole : power);
}

/* Divides a little-endian number by 10^9 in place; returns the remainder. */
static uint32_t divide(uint8_t *p, size_t len)
{
	uint64_t rest = 0;

	while (len-- > 0) {
		rest = rest << 8 | p[len];
		p[len] = (uint8_t)(rest / 1000000000);
		rest %= 1000000000;
	}
	return (uint32_t)rest;
}

void gc_decimal_text(const uint8_t *p, size_t len, char text[GC_DECIMAL_TEXT])
{
	uint8_t rest[GC_DECIMAL_BYTES];
	uint32_t parts[GC_DECIMAL_BYTES / 3];
	size_t n = 0;

	memcpy(rest, p, len);
	while (len > 0) {
		parts[n++] = divide(rest, len);
		while (len > 0 && rest[len - 1] == 0)
			len--;
	}
	for (size_t i = n; i > 0; i--)
		text += snprintf(text, 12, i == n ? "%u" : "%09u", parts[i - 1]);
}
