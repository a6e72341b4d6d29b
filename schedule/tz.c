/* tz.c - see tz.h. All changes of a zone stand in one sorted table: those of its file,
 * then those of its footer, written out for one Gregorian cycle (400 years, a whole
 * number of weeks), so that later times fold back into it exactly. */
#include "tz.h"

#include "base/str.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ZONEINFO "/usr/share/zoneinfo/"
#define TZIF_MAX (256 * 1024)
#define HEADER_SIZE 44
#define DAY_S 86400
#define CYCLE_S (146097LL * DAY_S)
#define OFFSET_MAX_S                                                                     \
	(26 * 3600) /* no zone is further from Greenwich: RFC 8536, 3.2 allows -25 to    \
		       +26 h */

struct change {
	int64_t at_s; /* from here on */
	int32_t offset_s;
};

struct tz {
	char *name;
	int32_t first_offset_s; /* before the first change */
	struct change *changes;
	size_t n;
	size_t size;
	bool repeats;  /* the last cycle of the table goes on for ever */
	int64_t end_s; /* where it ends */
};

/* ------------------------------------------------------------------------------- days */

/* From Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
int64_t civil_to_days(int year, int month, int day) {
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void civil_from_days(int64_t days, int *year, int *month, int *day) {
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t of_era = z - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;
	*day = (int)(of_year - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = (int)(y + era * 400 + (*month <= 2));
}

int civil_weekday(int64_t days) {
	int64_t w = (days + 4) % 7;
	return (int)(w < 0 ? w + 7 : w);
}

int civil_month_days(int year, int month) {
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

static int64_t floor_div(int64_t a, int64_t b) {
	return a / b - (a % b < 0);
}

static int64_t local_seconds(const struct civil *c) {
	return civil_to_days(c->year, c->month, c->day) * DAY_S + c->hour * 3600 +
	       c->minute * 60 + c->second;
}

/* --------------------------------------------------------------------------- the table
 */

static int change_add(struct tz *tz, int64_t at_s, int32_t offset_s) {
	if (tz->n == tz->size) {
		size_t size = tz->size == 0 ? 64 : tz->size * 2;
		struct change *changes =
			reallocarray(tz->changes, size, sizeof(*changes));
		if (changes == NULL) {
			return -ENOMEM;
		}
		tz->changes = changes;
		tz->size = size;
	}
	tz->changes[tz->n++] = (struct change){at_s, offset_s};
	return 0;
}

/* How many changes lie at or before a time. */
static size_t changes_until(const struct tz *tz, int64_t utc_s) {
	size_t low = 0;
	size_t high = tz->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (tz->changes[middle].at_s <= utc_s) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static int32_t offset_behind(const struct tz *tz, size_t n) {
	return n == 0 ? tz->first_offset_s : tz->changes[n - 1].offset_s;
}

/* Whole cycles that a time lies behind the table. */
static int64_t cycles_behind(const struct tz *tz, int64_t s) {
	int64_t limit_s = tz->end_s - OFFSET_MAX_S;
	return tz->repeats && s >= limit_s ? (s - limit_s) / CYCLE_S + 1 : 0;
}

int tz_offset_s(const struct tz *tz, int64_t utc_s) {
	int64_t s = utc_s - cycles_behind(tz, utc_s) * CYCLE_S;
	return offset_behind(tz, changes_until(tz, s));
}

void tz_to_civil(const struct tz *tz, int64_t utc_s, struct civil *ret) {
	int64_t local_s = utc_s + tz_offset_s(tz, utc_s);
	int64_t days = floor_div(local_s, DAY_S);
	int rest = (int)(local_s - days * DAY_S);
	civil_from_days(days, &ret->year, &ret->month, &ret->day);
	ret->hour = rest / 3600;
	ret->minute = rest / 60 % 60;
	ret->second = rest % 60;
}

int64_t tz_from_civil(const struct tz *tz, const struct civil *civil) {
	int64_t local_s = local_seconds(civil);
	int64_t back_s = cycles_behind(tz, local_s) * CYCLE_S;
	local_s -= back_s;
	/* Walk the stretches of one offset from one that surely begins earlier: the first
	 * that holds the local time is the answer; where one begins behind it, it lies in
	 * the gap before. */
	size_t i = changes_until(tz, local_s - OFFSET_MAX_S);
	for (;; i++) {
		int64_t utc_s = local_s - offset_behind(tz, i);
		if (i > 0 && utc_s < tz->changes[i - 1].at_s) {
			return tz->changes[i - 1].at_s + back_s;
		}
		if (i == tz->n || utc_s < tz->changes[i].at_s) {
			return utc_s + back_s;
		}
	}
}

/* ------------------------------------------------- the footer: POSIX TZ, RFC 8536 3.3.1
 */

enum day_form { DAY_MONTH_WEEK, DAY_JULIAN, DAY_ZERO };

struct posix_day {
	enum day_form form;
	int month;
	int week;
	int day;
	int32_t time_s; /* of the wall clock, may be negative or beyond the day */
};

struct posix_tz {
	int32_t standard_s; /* east of Greenwich */
	int32_t saving_s;
	bool saves;
	struct posix_day begin;
	struct posix_day end;
};

static bool read_number(const char **p, int max, int *ret) {
	int value = 0;
	if (!isdigit((unsigned char)**p)) {
		return false;
	}
	while (isdigit((unsigned char)**p)) {
		value = value * 10 + (**p - '0');
		if (value > max) {
			return false;
		}
		(*p)++;
	}
	*ret = value;
	return true;
}

static bool read_name(const char **p) {
	const char *start = *p;
	if (**p == '<') {
		while (**p != '\0' && **p != '>') {
			(*p)++;
		}
		return *(*p)++ == '>';
	}
	while (isalpha((unsigned char)**p)) {
		(*p)++;
	}
	return *p - start >= 3;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(const char **p, int32_t *ret) {
	int sign = **p == '-' ? -1 : 1;
	if (**p == '-' || **p == '+') {
		(*p)++;
	}
	int parts[3] = {0};
	if (!read_number(p, 167, &parts[0])) {
		return false;
	}
	for (int i = 1; i < 3 && **p == ':'; i++) {
		(*p)++;
		if (!read_number(p, 59, &parts[i])) {
			return false;
		}
	}
	*ret = sign * (parts[0] * 3600 + parts[1] * 60 + parts[2]);
	return true;
}

static bool read_day(const char **p, struct posix_day *ret) {
	ret->time_s = 2 * 3600;
	if (*(*p)++ != ',') {
		return false;
	}
	if (**p == 'M') {
		(*p)++;
		ret->form = DAY_MONTH_WEEK;
		if (!read_number(p, 12, &ret->month) || *(*p)++ != '.' ||
		    !read_number(p, 5, &ret->week) || *(*p)++ != '.' ||
		    !read_number(p, 6, &ret->day) || ret->month < 1 || ret->week < 1) {
			return false;
		}
	} else {
		ret->form = **p == 'J' ? DAY_JULIAN : DAY_ZERO;
		*p += **p == 'J';
		if (!read_number(p, 365, &ret->day) ||
		    (ret->form == DAY_JULIAN && ret->day < 1)) {
			return false;
		}
	}
	if (**p == '/') {
		(*p)++;
		return read_time(p, &ret->time_s);
	}
	return true;
}

static bool read_posix(const char *text, struct posix_tz *ret) {
	const char *p = text;
	*ret = (struct posix_tz){0};
	int32_t west_s = 0;
	if (!read_name(&p) || !read_time(&p, &west_s)) {
		return false;
	}
	ret->standard_s = -west_s;
	if (*p == '\0') {
		return true;
	}
	ret->saves = true;
	ret->saving_s = ret->standard_s + 3600;
	if (!read_name(&p)) {
		return false;
	}
	if (*p != ',') {
		if (!read_time(&p, &west_s)) {
			return false;
		}
		ret->saving_s = -west_s;
	}
	return read_day(&p, &ret->begin) && read_day(&p, &ret->end) && *p == '\0';
}

/* Local seconds of a day form in a year. */
static int64_t posix_day_s(const struct posix_day *d, int year) {
	int64_t days = civil_to_days(year, 1, 1);
	if (d->form == DAY_ZERO) {
		days += d->day;
	} else if (d->form == DAY_JULIAN) {
		/* 29 February is never counted. */
		days += d->day - 1 + (d->day >= 60 && civil_month_days(year, 2) == 29);
	} else {
		int64_t first = civil_to_days(year, d->month, 1);
		days = first + (d->day - civil_weekday(first) + 7) % 7 +
		       7 * (d->week - 1);
		while (days >= first + civil_month_days(year, d->month)) {
			days -= 7;
		}
	}
	return days * DAY_S + d->time_s;
}

static int add_cycle(struct tz *tz, const struct posix_tz *posix, int first_year) {
	int64_t last_s = tz->n > 0 ? tz->changes[tz->n - 1].at_s : INT64_MIN;
	/* A year more than the cycle has: the first may be half the file's. */
	for (int year = first_year; year <= first_year + 401; year++) {
		struct change on = {posix_day_s(&posix->begin, year) - posix->standard_s,
				    posix->saving_s};
		struct change off = {posix_day_s(&posix->end, year) - posix->saving_s,
				     posix->standard_s};
		const struct change *order[] = {&on, &off};
		if (off.at_s < on.at_s) {
			order[0] = &off;
			order[1] = &on;
		}
		for (int i = 0; i < 2; i++) {
			if (order[i]->at_s <= last_s) {
				continue;
			}
			/* Saving all the year round: it ends as it begins again. */
			if (tz->n > 0 && tz->changes[tz->n - 1].at_s == order[i]->at_s) {
				tz->n--;
			}
			if (change_add(tz, order[i]->at_s, order[i]->offset_s) < 0) {
				return -ENOMEM;
			}
		}
	}
	tz->repeats = true;
	tz->end_s = civil_to_days(first_year + 401, 12, 31) * DAY_S;
	return 0;
}

static int add_footer(struct tz *tz, const char *text, struct error *err) {
	struct posix_tz posix;
	if (text[0] == '\0') {
		return 0; /* no word about later: the last offset stays */
	}
	if (!read_posix(text, &posix)) {
		return error_set(
			err, EINVAL,
			"time zone '%s' ends in '%s', which is not a POSIX TZ rule",
			tz->name, text);
	}
	int year = 1900;
	if (tz->n == 0) {
		tz->first_offset_s = posix.standard_s; /* the footer is all there is */
	} else {
		struct civil last;
		tz_to_civil(tz, tz->changes[tz->n - 1].at_s, &last);
		year = last.year;
	}
	int rc = posix.saves ? add_cycle(tz, &posix, year) : 0;
	return rc < 0 ? error_set(err, ENOMEM, "no memory for time zone '%s'", tz->name)
		      : 0;
}

/* ---------------------------------------------------------------------- the file: TZif
 */

static int64_t big_endian(const unsigned char *p, int bytes) {
	uint64_t value = 0;
	for (int i = 0; i < bytes; i++) {
		value = value << 8 | p[i];
	}
	if (bytes == 4) {
		return (int32_t)(uint32_t)value;
	}
	return (int64_t)value;
}

struct tzif {
	size_t isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt;
	const unsigned char *data; /* behind the header */
	size_t time_size;
	size_t len; /* of the block */
};

static bool read_block(const unsigned char *p, size_t left, size_t time_size,
		       struct tzif *ret) {
	if (left < HEADER_SIZE || memcmp(p, "TZif", 4) != 0) {
		return false;
	}
	size_t counts[6];
	for (int i = 0; i < 6; i++) {
		int64_t count = big_endian(p + 20 + 4 * i, 4);
		if (count < 0 || count > TZIF_MAX) {
			return false;
		}
		counts[i] = (size_t)count;
	}
	*ret = (struct tzif){counts[0], counts[1],       counts[2], counts[3], counts[4],
			     counts[5], p + HEADER_SIZE, time_size, 0};
	ret->len = ret->timecnt * (time_size + 1) + ret->typecnt * 6 + ret->charcnt +
		   ret->leapcnt * (time_size + 4) + ret->isstdcnt + ret->isutcnt;
	return ret->len <= left - HEADER_SIZE && ret->typecnt > 0;
}

static int read_changes(struct tz *tz, const struct tzif *block, struct error *err) {
	const unsigned char *times = block->data;
	const unsigned char *indices = times + block->timecnt * block->time_size;
	const unsigned char *types = indices + block->timecnt;
	tz->first_offset_s = (int32_t)big_endian(types, 4);
	for (size_t i = 0; i < block->timecnt; i++) {
		int64_t at_s =
			big_endian(times + i * block->time_size, (int)block->time_size);
		size_t type = indices[i];
		bool ordered = tz->n == 0 || at_s > tz->changes[tz->n - 1].at_s;
		int32_t offset_s = type < block->typecnt
					   ? (int32_t)big_endian(types + type * 6, 4)
					   : 0;
		if (type >= block->typecnt || !ordered || offset_s > OFFSET_MAX_S ||
		    offset_s < -OFFSET_MAX_S) {
			return error_set(err, EINVAL,
					 "time zone '%s' is damaged at change %zu",
					 tz->name, i);
		}
		if (change_add(tz, at_s, offset_s) < 0) {
			return error_set(err, ENOMEM, "no memory for time zone '%s'",
					 tz->name);
		}
	}
	if (tz->first_offset_s > OFFSET_MAX_S || tz->first_offset_s < -OFFSET_MAX_S) {
		return error_set(err, EINVAL, "time zone '%s' is damaged", tz->name);
	}
	return 0;
}

static int read_tzif(struct tz *tz, const unsigned char *bytes, size_t len,
		     struct error *err) {
	struct tzif old;
	struct tzif block;
	if (!read_block(bytes, len, 4, &old) || bytes[4] < '2') {
		return error_set(
			err, EINVAL,
			"time zone '%s' is not a TZif file of version 2 or later",
			tz->name);
	}
	size_t used = HEADER_SIZE + old.len;
	if (!read_block(bytes + used, len - used, 8, &block)) {
		return error_set(err, EINVAL, "time zone '%s' is cut short", tz->name);
	}
	if (block.leapcnt > 0) {
		return error_set(
			err, EINVAL,
			"time zone '%s' counts leap seconds; use it without 'right/'",
			tz->name);
	}
	used += HEADER_SIZE + block.len;
	int rc = read_changes(tz, &block, err);
	if (rc < 0) {
		return rc;
	}
	const unsigned char *newline =
		used < len && bytes[used] == '\n'
			? memchr(bytes + used + 1, '\n', len - used - 1)
			: NULL;
	char footer[128] = "";
	size_t footer_len = newline != NULL ? (size_t)(newline - bytes) - used - 1 : 0;
	if (newline == NULL || footer_len >= sizeof(footer)) {
		return error_set(err, EINVAL, "time zone '%s' has no end", tz->name);
	}
	memcpy(footer, bytes + used + 1, footer_len);
	return add_footer(tz, footer, err);
}

int tz_parse(const void *bytes, size_t len, const char *name, struct tz **ret,
	     struct error *err) {
	AUTO(tz_free) struct tz *tz = calloc(1, sizeof(*tz));
	if (tz == NULL || (tz->name = strdup(name)) == NULL) {
		return error_set(err, ENOMEM, "no memory for time zone '%s'", name);
	}
	int rc = read_tzif(tz, bytes, len, err);
	if (rc < 0) {
		return rc;
	}
	*ret = MOVE(tz);
	return 0;
}

static bool name_allowed(const char *name) {
	return name[0] != '\0' && name[0] != '/' && name[0] != '.' &&
	       strstr(name, "..") == NULL && strlen(name) < 128;
}

int tz_load(const char *name, struct tz **ret, struct error *err) {
	static const char advice[] = "write an IANA name, for example Asia/Shanghai";
	char path[sizeof(ZONEINFO) + 128];
	if (!name_allowed(name)) {
		return error_set_field(err, EINVAL, "timezone",
				       "'%s' is not a time zone; %s", name, advice);
	}
	snprintf(path, sizeof(path), ZONEINFO "%s", name);
	AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		return error_set_field(err, ENOENT, "timezone",
				       "there is no time zone '%s'; %s", name, advice);
	}
	AUTO(free) unsigned char *bytes = malloc(TZIF_MAX);
	if (bytes == NULL) {
		return error_set(err, ENOMEM, "no memory for time zone '%s'", name);
	}
	ssize_t len = read(fd, bytes, TZIF_MAX);
	if (len < 0) {
		return error_set(err, errno, "cannot read '%s': %s", path,
				 strerror(errno));
	}
	return tz_parse(bytes, (size_t)len, name, ret, err);
}

void tz_free(struct tz *tz) {
	if (tz == NULL) {
		return;
	}
	free(tz->name);
	free(tz->changes);
	free(tz);
}

const char *tz_name(const struct tz *tz) {
	return tz->name;
}
