/* rule_next.c - the next time of a rule.
 *
 * Walks over the matching minutes of the wall clock, from the one that shows at `after`,
 * and turns each into an instant. tz_from_civil never decreases, so the first instant
 * beyond `after` is the answer: times in a gap fall together on its end, and those of a
 * repeated hour, being the first, are behind it the second time. */
#include "rule_internal.h"

#define SECOND_US 1000000LL
#define FIRST_S (-62135596800LL + 2 * 86400) /* the year 1, a day off its edge */
#define YEAR_LAST 9998

static int64_t floor_div(int64_t a, int64_t b) {
	return a / b - (a % b < 0);
}

static bool day_holds(const struct rule *rule, const struct calendar *calendar,
		      int64_t day) {
	if (!cron_day_matches(&rule->cron, day)) {
		return false;
	}
	for (size_t i = 0; i < rule->n_conditions; i++) {
		if (!condition_holds(&rule->conditions[i], calendar, day)) {
			return false;
		}
	}
	return true;
}

/* Over days that a condition rules out, so that one that is over, or far away, costs
 * nothing: a plan may hold thousands of these. INT64_MAX where no day is to come. */
static int64_t skip_days(const struct rule *rule, int64_t day) {
	for (size_t i = 0; i < rule->n_conditions && day != INT64_MAX; i++) {
		int64_t skip = condition_skip(&rule->conditions[i], day);
		day = skip > day ? skip : day;
	}
	return day;
}

/* The first matching minute of a day at or after `from`, whose instant is beyond after_s;
 * false where the day has none. */
static bool next_in_day(const struct rule *rule, const struct tz *tz, struct civil *c,
			int from, int64_t after_s, int64_t *ret_s) {
	for (int hour = from / 60; hour < 24; hour++) {
		if ((rule->cron.hours >> hour & 1) == 0) {
			continue;
		}
		for (int minute = hour == from / 60 ? from % 60 : 0; minute < 60;
		     minute++) {
			if ((rule->cron.minutes >> minute & 1) == 0) {
				continue;
			}
			c->hour = hour;
			c->minute = minute;
			int64_t s = tz_from_civil(tz, c);
			if (s > after_s) {
				*ret_s = s;
				return true;
			}
		}
	}
	return false;
}

static bool next_of_cron(const struct rule *rule, const struct tz *tz,
			 const struct calendar *calendar, int64_t after_s,
			 const struct civil *start, int64_t last_day, int64_t *ret_s) {
	int64_t day = civil_to_days(start->year, start->month, start->day);
	int from = start->hour * 60 + start->minute;
	struct civil c = {0};
	for (;; day++, from = 0) {
		int64_t skip = skip_days(rule, day);
		if (skip > last_day) {
			return false;
		}
		from = skip > day ? 0 : from;
		day = skip;
		civil_from_days(day, &c.year, &c.month, &c.day);
		if ((rule->cron.months >> c.month & 1) == 0) {
			day += civil_month_days(c.year, c.month) - c.day;
			continue;
		}
		if (day_holds(rule, calendar, day) &&
		    next_in_day(rule, tz, &c, from, after_s, ret_s)) {
			return true;
		}
	}
}

int64_t rule_horizon_us(const struct tz *tz, int64_t after_us) {
	int64_t after_s = floor_div(after_us, SECOND_US);
	struct civil c;
	tz_to_civil(tz, after_s < FIRST_S ? FIRST_S : after_s, &c);
	c.year = c.year + RULE_HORIZON_YEARS < YEAR_LAST ? c.year + RULE_HORIZON_YEARS
							 : YEAR_LAST;
	int month_days = civil_month_days(c.year, c.month);
	c.day = c.day < month_days ? c.day : month_days;
	return tz_from_civil(tz, &c) * SECOND_US;
}

/* The day that the wall shows then, within what a calendar has. */
static int64_t wall_day(const struct tz *tz, int64_t us) {
	int64_t s = floor_div(us, SECOND_US);
	struct civil c;
	tz_to_civil(tz, s < FIRST_S ? FIRST_S : s, &c);
	return civil_to_days(c.year < YEAR_LAST ? c.year : YEAR_LAST, c.month, c.day);
}

int rule_next_until(const struct rule *rule, const struct tz *tz,
		    const struct calendar *calendar, int64_t after_us, int64_t until_us,
		    int64_t *ret_us) {
	int64_t after_s = floor_div(after_us, SECOND_US);
	int64_t horizon_us = rule_horizon_us(tz, after_us);
	until_us = until_us < horizon_us ? until_us : horizon_us;
	after_s = after_s < FIRST_S ? FIRST_S : after_s;
	int64_t found_s = 0;
	if (rule->at) {
		found_s = tz_from_civil(tz, &rule->civil);
		if (found_s <= after_s) {
			return 0;
		}
	} else {
		struct civil start;
		tz_to_civil(tz, after_s, &start);
		/* Where the clock goes back over midnight, the day after came before. */
		if (!next_of_cron(rule, tz, calendar, after_s, &start,
				  wall_day(tz, until_us) + 1, &found_s)) {
			return 0;
		}
	}
	if (found_s > floor_div(until_us, SECOND_US)) {
		return 0;
	}
	*ret_us = found_s * SECOND_US;
	return 1;
}

int rule_next(const struct rule *rule, const struct tz *tz,
	      const struct calendar *calendar, int64_t after_us, int64_t *ret_us) {
	return rule_next_until(rule, tz, calendar, after_us, INT64_MAX, ret_us);
}
