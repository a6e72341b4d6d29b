/* rule_days.c - on which days a condition holds. */
#include "rule_internal.h"

static bool in_mask(uint32_t mask, int bit) {
	return (mask >> bit & 1) != 0;
}

static int day_of_month(int64_t day) {
	int y = 0;
	int m = 0;
	int d = 0;
	civil_from_days(day, &y, &m, &d);
	return d;
}

/* 10, 20 and 30 end in 10. */
static int tail_of(int day) {
	return day % 10 == 0 ? 10 : day % 10;
}

static bool lunar_holds(const struct condition *c, const struct lunar_day *l) {
	uint32_t mask = c->lunar[0] | c->lunar[l->month];
	return in_mask(mask, l->day) ||
	       (in_mask(mask, LUNAR_LAST) && l->day == l->month_days);
}

static bool span_has(const struct date_span *span, int64_t day) {
	if (!span->yearly) {
		return day >= span->from && day <= span->to;
	}
	int y = 0;
	int m = 0;
	int d = 0;
	civil_from_days(day, &y, &m, &d);
	int at = m * 100 + d;
	return span->from <= span->to ? at >= span->from && at <= span->to
				      : at >= span->from || at <= span->to;
}

static bool date_holds(const struct condition *c, int64_t day) {
	for (size_t i = 0; i < c->n_spans; i++) {
		if (span_has(&c->spans[i], day)) {
			return true;
		}
	}
	return false;
}

/* A lunar day of a leap month counts only where the rule says so. */
static bool lunar_day_holds(const struct condition *c, int64_t day) {
	struct lunar_day l;
	if (!almanac_lunar(day, &l) || (l.leap && !c->leap)) {
		return false;
	}
	return c->id == CONDITION_LUNAR ? lunar_holds(c, &l)
					: in_mask(c->mask, tail_of(l.day));
}

static bool holds(const struct condition *c, const struct calendar *calendar,
		  int64_t day) {
	switch (c->id) {
	case CONDITION_WORKDAY:
		return calendar_workday(calendar, day);
	case CONDITION_OFFDAY:
		return !calendar_workday(calendar, day);
	case CONDITION_HOLIDAY:
		return calendar_day(calendar, day) == CALENDAR_OFF;
	case CONDITION_SWAPPED:
		return calendar_day(calendar, day) == CALENDAR_WORK;
	case CONDITION_LUNAR:
	case CONDITION_LUNAR_TAIL:
		return lunar_day_holds(c, day);
	case CONDITION_LUNAR_LEAP:
		return !c->negated; /* it only changes what the others mean */
	case CONDITION_TAIL:
		return in_mask(c->mask, tail_of(day_of_month(day)));
	case CONDITION_BRANCH:
		return in_mask(c->mask, almanac_branch(day));
	case CONDITION_EVERY:
		return day >= c->day && (day - c->day) % c->every_days == 0;
	case CONDITION_FROM:
		return day >= c->day;
	case CONDITION_UNTIL:
		return day <= c->day;
	case CONDITION_DATE:
		return date_holds(c, day);
	case CONDITION_TERM:
		return in_mask(c->mask, almanac_term(day)); /* none is no bit */
	}
	return false;
}

bool condition_asks_almanac(const struct condition *c) {
	return c->id == CONDITION_LUNAR || c->id == CONDITION_LUNAR_TAIL ||
	       c->id == CONDITION_TERM;
}

bool condition_asks_calendar(const struct condition *c) {
	return c->id == CONDITION_WORKDAY || c->id == CONDITION_OFFDAY ||
	       c->id == CONDITION_HOLIDAY || c->id == CONDITION_SWAPPED;
}

bool condition_holds(const struct condition *c, const struct calendar *calendar,
		     int64_t day) {
	if (condition_asks_almanac(c) && !almanac_knows(day)) {
		return false;
	}
	return holds(c, calendar, day) != c->negated;
}

static int64_t skip_every(const struct condition *c, int64_t day) {
	if (day <= c->day) {
		return c->day;
	}
	int64_t behind = (day - c->day) % c->every_days;
	return behind == 0 ? day : day - behind + c->every_days;
}

static int64_t skip_date(const struct condition *c, int64_t day) {
	int64_t first = INT64_MAX;
	for (size_t i = 0; i < c->n_spans; i++) {
		const struct date_span *span = &c->spans[i];
		if (span->yearly) {
			return day;
		}
		if (day <= span->to) {
			int64_t begin = day > span->from ? day : span->from;
			first = begin < first ? begin : first;
		}
	}
	return first;
}

static int64_t skip_almanac(int64_t day) {
	if (day > ALMANAC_LAST_DAY) {
		return INT64_MAX;
	}
	return day < ALMANAC_FIRST_DAY ? ALMANAC_FIRST_DAY : day;
}

int64_t condition_skip(const struct condition *c, int64_t day) {
	if (condition_asks_almanac(c)) {
		return skip_almanac(day);
	}
	if (c->negated) {
		return day;
	}
	switch (c->id) {
	case CONDITION_EVERY:
		return skip_every(c, day);
	case CONDITION_FROM:
		return day > c->day ? day : c->day;
	case CONDITION_UNTIL:
		return day <= c->day ? day : INT64_MAX;
	case CONDITION_DATE:
		return skip_date(c, day);
	default:
		return day;
	}
}
