/* rule.h - when a schedule is due: `CRON [; CONDITION]...` or `at DATE TIME`
 * (docs/rules.md). Owner: whoever parsed it. Threads: constant after parsing. Pure: never
 * blocks, no clock. Source: cron(8), crontab(5) of Vixie cron for the five fields; our
 * own words for the conditions. */
#pragma once

#include "base/error.h"
#include "calendar.h"
#include "tz.h"

struct rule;

/* How far rule_next looks ahead. */
#define RULE_HORIZON_YEARS 40

/* -EINVAL: err->text says what is wrong, what was expected and at which column (from 1,
 * in characters). */
int rule_parse(const char *text, struct rule **ret, struct error *err);
void rule_free(struct rule *rule); /* NULL is fine */
DEFINE_AUTO(struct rule *, rule_free)

/* The first time strictly after `after_us`, at most RULE_HORIZON_YEARS later. Returns 1
 * and sets *ret_us, or 0 where there is none. A time in a gap of daylight saving is the
 * first instant after the gap, several become one; in a repeated hour it is the first.
 * `calendar` NULL knows no holidays: Monday to Friday are workdays. */
int rule_next(const struct rule *rule, const struct tz *tz,
	      const struct calendar *calendar, int64_t after_us, int64_t *ret_us);
/* The same, at most until_us (INT64_MAX: as above), and looks no farther than that. */
int rule_next_until(const struct rule *rule, const struct tz *tz,
		    const struct calendar *calendar, int64_t after_us, int64_t until_us,
		    int64_t *ret_us);
/* What its times depend on besides the clock on the wall: the calendar's days off; lunar
 * days and solar terms. */
bool rule_asks_holidays(const struct rule *rule);
bool rule_asks_almanac(const struct rule *rule);
/* The last instant it looks at: RULE_HORIZON_YEARS later by the wall clock. */
int64_t rule_horizon_us(const struct tz *tz, int64_t after_us);
