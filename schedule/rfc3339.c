/* rfc3339.c - times as text, see tz.h. */
#include "tz.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void rfc3339_format(const struct tz *tz, int64_t utc_us, char ret[RFC3339_SIZE]) {
	int64_t utc_s = utc_us / 1000000 - (utc_us % 1000000 < 0);
	int ms = (int)((utc_us - utc_s * 1000000) / 1000);
	struct civil c;
	tz_to_civil(tz, utc_s, &c);
	/* RFC 3339 knows no seconds in an offset; those of before 1900 lose them. */
	int offset_min = tz_offset_s(tz, utc_s) / 60;
	char sign = offset_min < 0 ? '-' : '+';
	offset_min = offset_min < 0 ? -offset_min : offset_min;
	char fraction[8] = "";
	if (ms > 0) {
		snprintf(fraction, sizeof(fraction), ".%03d", ms % 1000);
	}
	snprintf(ret, RFC3339_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d%s%c%02d:%02d",
		 c.year % 10000, c.month, c.day, c.hour, c.minute, c.second, fraction,
		 sign, offset_min / 60 % 100, offset_min % 60);
}

void wall_format(const struct tz *tz, int64_t utc_us, char ret[WALL_SIZE]) {
	struct civil c;
	tz_to_civil(tz, utc_us / 1000000 - (utc_us % 1000000 < 0), &c);
	int n = snprintf(ret, WALL_SIZE, "%04d-%02d-%02d %02d:%02d", c.year % 10000,
			 c.month % 100, c.day % 100, c.hour % 100, c.minute % 100);
	if (c.second != 0) {
		snprintf(ret + n, (size_t)(WALL_SIZE - n), ":%02d", c.second % 100);
	}
}

/* Exactly n digits. */
static bool take_digits(const char **p, int n, int *ret) {
	int value = 0;
	for (int i = 0; i < n; i++) {
		if (!isdigit((unsigned char)(*p)[i])) {
			return false;
		}
		value = value * 10 + ((*p)[i] - '0');
	}
	*p += n;
	*ret = value;
	return true;
}

static bool take_char(const char **p, const char *allowed) {
	if (**p == '\0' || strchr(allowed, **p) == NULL) {
		return false;
	}
	(*p)++;
	return true;
}

static bool take_fraction(const char **p, int64_t *ret_us) {
	*ret_us = 0;
	if (**p != '.') {
		return true;
	}
	(*p)++;
	int64_t unit_us = 100000;
	int digits = 0;
	for (; isdigit((unsigned char)**p); (*p)++, digits++) {
		*ret_us += unit_us * (**p - '0');
		unit_us /= 10;
	}
	return digits > 0;
}

static bool take_offset(const char **p, int *ret_s) {
	if (take_char(p, "Zz")) {
		*ret_s = 0;
		return true;
	}
	int sign = **p == '-' ? -1 : 1;
	int hours = 0;
	int minutes = 0;
	if (!take_char(p, "+-") || !take_digits(p, 2, &hours) || !take_char(p, ":") ||
	    !take_digits(p, 2, &minutes) || hours > 23 || minutes > 59) {
		return false;
	}
	*ret_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool in_range(const struct civil *c) {
	return c->year >= 1900 && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
	       c->day <= civil_month_days(c->year, c->month) && c->hour <= 23 &&
	       c->minute <= 59 && c->second <= 60;
}

int rfc3339_parse(const char *text, int64_t *ret_us, struct error *err) {
	const char *p = text;
	struct civil c = {0};
	int64_t fraction_us = 0;
	int offset_s = 0;
	bool ok = take_digits(&p, 4, &c.year) && take_char(&p, "-") &&
		  take_digits(&p, 2, &c.month) && take_char(&p, "-") &&
		  take_digits(&p, 2, &c.day) && take_char(&p, "Tt ") &&
		  take_digits(&p, 2, &c.hour) && take_char(&p, ":") &&
		  take_digits(&p, 2, &c.minute) && take_char(&p, ":") &&
		  take_digits(&p, 2, &c.second) && take_fraction(&p, &fraction_us) &&
		  take_offset(&p, &offset_s) && *p == '\0';
	if (!ok || !in_range(&c)) {
		return error_set(
			err, EINVAL,
			"'%.64s' is not a time; write it like 2026-12-01T08:00:00+08:00",
			text);
	}
	int64_t days = civil_to_days(c.year, c.month, c.day);
	/* A leap second is the second after it: UTC microseconds have no room for it. */
	int64_t utc_s =
		days * 86400 + c.hour * 3600 + c.minute * 60 + c.second - offset_s;
	*ret_us = utc_s * 1000000 + fraction_us;
	return 0;
}
