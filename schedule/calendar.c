/* calendar.c - see calendar.h. For each year that is named anywhere, two bits a day. */
#include "calendar.h"

#include "tz.h"

#include <stdlib.h>
#include <string.h>

/* Files lie within the years of holidays.h, their days one beside them. */
#define FIRST_YEAR (HOLIDAYS_YEAR_MIN - 1)
#define N_YEARS (HOLIDAYS_YEAR_MAX + 1 - FIRST_YEAR + 1)

struct calendar_year {
	bool known;
	uint8_t days[(366 + 3) / 4];
};

struct calendar {
	struct calendar_year *years[N_YEARS]; /* NULL: nothing is known of it */
};

int calendar_new(struct calendar **ret, struct error *err) {
	struct calendar *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return error_set(err, ENOMEM, "no memory for the calendar");
	}
	*ret = c;
	return 0;
}

static void forget(struct calendar *c) {
	for (size_t i = 0; i < N_YEARS; i++) {
		free(c->years[i]);
		c->years[i] = NULL;
	}
}

void calendar_free(struct calendar *c) {
	if (c != NULL) {
		forget(c);
		free(c);
	}
}

int calendar_copy(const struct calendar *c, struct calendar **ret, struct error *err) {
	AUTO(calendar_free) struct calendar *copy = NULL;
	int rc = c != NULL ? calendar_new(&copy, err) : 0;
	for (size_t i = 0; rc >= 0 && c != NULL && i < N_YEARS; i++) {
		if (c->years[i] == NULL) {
			continue;
		}
		copy->years[i] = malloc(sizeof(*copy->years[i]));
		if (copy->years[i] == NULL) {
			rc = error_set(err, ENOMEM, "no memory for the calendar");
		} else {
			*copy->years[i] = *c->years[i];
		}
	}
	if (rc >= 0) {
		*ret = MOVE(copy);
	}
	return rc;
}

void calendar_become(struct calendar *c, struct calendar *by) {
	forget(c);
	*c = *by;
	free(by);
}

static struct calendar_year *year_of(struct calendar *c, int year, struct error *err) {
	struct calendar_year **at = &c->years[year - FIRST_YEAR];
	if (*at == NULL) {
		*at = calloc(1, sizeof(**at));
	}
	if (*at == NULL) {
		error_set(err, ENOMEM, "no memory for the holidays of %d", year);
	}
	return *at;
}

static int put_day(struct calendar *c, const struct holiday *day, struct error *err) {
	int y = 0;
	int m = 0;
	int d = 0;
	civil_from_days(day->day, &y, &m, &d);
	struct calendar_year *year = year_of(c, y, err);
	if (year == NULL) {
		return -ENOMEM;
	}
	int nth = (int)(day->day - civil_to_days(y, 1, 1));
	unsigned kind = day->off ? CALENDAR_OFF : CALENDAR_WORK;
	uint8_t *byte = &year->days[nth / 4];
	unsigned kept = *byte & ~(3U << nth % 4 * 2);
	*byte = (uint8_t)(kept | kind << nth % 4 * 2);
	return 0;
}

int calendar_add(struct calendar *c, const struct holidays *file, struct error *err) {
	struct calendar_year *year = year_of(c, file->year, err);
	if (year == NULL) {
		return -ENOMEM;
	}
	year->known = true;
	for (size_t i = 0; i < file->n; i++) {
		int rc = put_day(c, &file->days[i], err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

int calendar_add_shipped(struct calendar *c, struct error *err) {
	for (const struct holidays_text *f = holidays_shipped(); f->text != NULL; f++) {
		AUTO(holidays_done) struct holidays file = {0};
		int rc = holidays_parse(f->text, f->len, &file, err);
		rc = rc < 0 ? rc : calendar_add(c, &file, err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static const struct calendar_year *find_year(const struct calendar *c, int year) {
	return c != NULL && year >= FIRST_YEAR && year < FIRST_YEAR + N_YEARS
		       ? c->years[year - FIRST_YEAR]
		       : NULL;
}

enum calendar_day calendar_day(const struct calendar *c, int64_t day) {
	int y = 0;
	int m = 0;
	int d = 0;
	civil_from_days(day, &y, &m, &d);
	const struct calendar_year *year = find_year(c, y);
	if (year == NULL) {
		return CALENDAR_PLAIN;
	}
	int nth = (int)(day - civil_to_days(y, 1, 1));
	return (enum calendar_day)(year->days[nth / 4] >> nth % 4 * 2 & 3);
}

bool calendar_workday(const struct calendar *c, int64_t day) {
	enum calendar_day kind = calendar_day(c, day);
	int weekday = civil_weekday(day);
	return kind == CALENDAR_PLAIN ? weekday != 0 && weekday != 6
				      : kind == CALENDAR_WORK;
}

bool calendar_knows(const struct calendar *c, int year) {
	const struct calendar_year *found = find_year(c, year);
	return found != NULL && found->known;
}
