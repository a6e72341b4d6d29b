/* test_rule.c - the language of rules, by tables: what it means on the wall clocks of the
 * world, and what is said of what it does not mean.
 * tests/simulation/test_rule_walk.py has twenty years of every minute; here stand the
 * cases a reader wants to see. */
#include "schedule/rule.h"

#include "seed.h"

#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define TIMES_MAX 5

struct rule_case {
	const char *name;
	const char *zone;
	const char *rule;
	const char *after;
	const char
		*times[TIMES_MAX]; /* NULL ends; the last of TIMES_MAX: there are more */
};

/* The end of `times` short of TIMES_MAX means no more in 40 years. */
static void check_case(const struct rule_case *c) {
	struct error err = {0};
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(rule_free) struct rule *rule = NULL;
	int64_t at_us = 0;
	if (tz_load(c->zone, &tz, &err) < 0 || rule_parse(c->rule, &rule, &err) < 0 ||
	    rfc3339_parse(c->after, &at_us, &err) < 0) {
		fail_msg("%s: %s", c->name, err.text);
	}
	for (size_t i = 0; i < TIMES_MAX; i++) {
		int64_t before_us = at_us;
		char text[RFC3339_SIZE] = "no more";
		if (rule_next(rule, tz, NULL, at_us, &at_us) > 0) {
			rfc3339_format(tz, at_us, text);
		} else {
			assert_true(at_us == before_us); /* ret is untouched */
		}
		const char *want = c->times[i] != NULL ? c->times[i] : "no more";
		if (strcmp(want, "...") == 0) {
			return;
		}
		if (strcmp(text, want) != 0) {
			fail_msg("%s: '%s' in %s: time %zu is %s, not %s", c->name,
				 c->rule, c->zone, i + 1, text, want);
		}
		if (c->times[i] == NULL) {
			return;
		}
	}
}

static void check_cases(const struct rule_case *cases, size_t n) {
	for (size_t i = 0; i < n; i++) {
		check_case(&cases[i]);
	}
}

static const struct rule_case field_cases[] = {
	{"every minute",
	 "UTC",
	 "* * * * *",
	 "2026-01-01T00:00:00.5Z",
	 {"2026-01-01T00:01:00+00:00", "2026-01-01T00:02:00+00:00", "..."}},
	{"strictly after",
	 "UTC",
	 "0 8 * * *",
	 "2026-01-01T08:00:00Z",
	 {"2026-01-02T08:00:00+00:00", "..."}},
	{"a moment before",
	 "UTC",
	 "0 8 * * *",
	 "2026-01-01T07:59:59.999999Z",
	 {"2026-01-01T08:00:00+00:00", "..."}},
	{"a list, a range, a step",
	 "UTC",
	 "0,30 6-8/2 * * *",
	 "2026-01-01T00:00:00Z",
	 {"2026-01-01T06:00:00+00:00", "2026-01-01T06:30:00+00:00",
	  "2026-01-01T08:00:00+00:00", "2026-01-01T08:30:00+00:00",
	  "2026-01-02T06:00:00+00:00"}},
	{"a star with a step begins with the first value",
	 "UTC",
	 "0 0 */10 * *",
	 "2026-01-01T00:00:00Z",
	 {"2026-01-11T00:00:00+00:00", "2026-01-21T00:00:00+00:00",
	  "2026-01-31T00:00:00+00:00", "2026-02-01T00:00:00+00:00", "..."}},
	{"a step starts anew each hour",
	 "UTC",
	 "*/25 8,9 * * *",
	 "2026-01-01T08:25:00Z",
	 {"2026-01-01T08:50:00+00:00", "2026-01-01T09:00:00+00:00", "..."}},
	{"names in any case, in lists and ranges",
	 "UTC",
	 "0 9 * JAN,mar MON-wed",
	 "2026-01-27T10:00:00Z",
	 {"2026-01-28T09:00:00+00:00", "2026-03-02T09:00:00+00:00", "..."}},
	{"7 is Sunday",
	 "UTC",
	 "0 9 * * 7",
	 "2026-01-01T00:00:00Z",
	 {"2026-01-04T09:00:00+00:00", "2026-01-11T09:00:00+00:00", "..."}},
	{"0 is Sunday",
	 "UTC",
	 "0 9 * * 0",
	 "2026-01-01T00:00:00Z",
	 {"2026-01-04T09:00:00+00:00", "2026-01-11T09:00:00+00:00", "..."}},
	{"5-7 reaches over Sunday",
	 "UTC",
	 "0 9 * * 5-7",
	 "2026-01-01T12:00:00Z",
	 {"2026-01-02T09:00:00+00:00", "2026-01-03T09:00:00+00:00",
	  "2026-01-04T09:00:00+00:00", "2026-01-09T09:00:00+00:00", "..."}},
	{"so does sat-sun",
	 "UTC",
	 "0 9 * * sat-sun",
	 "2026-01-01T12:00:00Z",
	 {"2026-01-03T09:00:00+00:00", "2026-01-04T09:00:00+00:00",
	  "2026-01-10T09:00:00+00:00", "..."}},
	{"sun-sun is one day",
	 "UTC",
	 "0 9 * * sun-sun",
	 "2026-01-01T12:00:00Z",
	 {"2026-01-04T09:00:00+00:00", "2026-01-11T09:00:00+00:00", "..."}},
	{"sun-mon is two",
	 "UTC",
	 "0 9 * * sun-mon",
	 "2026-01-01T12:00:00Z",
	 {"2026-01-04T09:00:00+00:00", "2026-01-05T09:00:00+00:00",
	  "2026-01-11T09:00:00+00:00", "..."}},
	{"both day fields: either",
	 "UTC",
	 "0 9 13 * fri",
	 "2026-02-07T00:00:00Z",
	 {"2026-02-13T09:00:00+00:00", "2026-02-20T09:00:00+00:00",
	  "2026-02-27T09:00:00+00:00", "2026-03-06T09:00:00+00:00",
	  "2026-03-13T09:00:00+00:00"}},
	{"a day field that begins with a star restricts with the other",
	 "UTC",
	 "0 9 */2 * fri",
	 "2026-01-01T00:00:00Z",
	 {"2026-01-09T09:00:00+00:00", "2026-01-23T09:00:00+00:00",
	  "2026-02-13T09:00:00+00:00", "2026-02-27T09:00:00+00:00", "..."}},
	{"so that there is a first Friday of the month",
	 "UTC",
	 "0 9 */31,1-7 * fri",
	 "2026-01-01T00:00:00Z",
	 {"2026-01-02T09:00:00+00:00", "2026-02-06T09:00:00+00:00",
	  "2026-03-06T09:00:00+00:00", "..."}},
	{"in the weekday too",
	 "UTC",
	 "0 9 1-7 * */7",
	 "2026-01-01T00:00:00Z",
	 {"2026-01-04T09:00:00+00:00", "2026-02-01T09:00:00+00:00", "..."}},
	{"a list that ends with a star is no star",
	 "UTC",
	 "0 9 13,*/31 * fri",
	 "2026-01-28T00:00:00Z",
	 {"2026-01-30T09:00:00+00:00", "2026-02-01T09:00:00+00:00",
	  "2026-02-06T09:00:00+00:00", "2026-02-13T09:00:00+00:00", "..."}},
	{"the last of the month",
	 "UTC",
	 "0 9 L * *",
	 "2028-01-15T00:00:00Z",
	 {"2028-01-31T09:00:00+00:00", "2028-02-29T09:00:00+00:00",
	  "2028-03-31T09:00:00+00:00", "2028-04-30T09:00:00+00:00", "..."}},
	{"the last in a list",
	 "UTC",
	 "0 9 15,l 2 *",
	 "2026-01-15T00:00:00Z",
	 {"2026-02-15T09:00:00+00:00", "2026-02-28T09:00:00+00:00",
	  "2027-02-15T09:00:00+00:00", "..."}},
	{"the last or a Monday",
	 "UTC",
	 "0 9 L * mon",
	 "2026-01-25T00:00:00Z",
	 {"2026-01-26T09:00:00+00:00", "2026-01-31T09:00:00+00:00",
	  "2026-02-02T09:00:00+00:00", "..."}},
	{"the 29th of February",
	 "UTC",
	 "0 0 29 2 *",
	 "2096-02-29T00:00:00Z",
	 {"2104-02-29T00:00:00+00:00", "2108-02-29T00:00:00+00:00", "..."}},
	{"the 30th of February", "UTC", "0 0 30 2 *", "2026-01-01T00:00:00Z", {NULL}},
	{"blanks around",
	 "UTC",
	 "\t 0  8\t*  * * ",
	 "2026-01-01T00:00:00Z",
	 {"2026-01-01T08:00:00+00:00", "..."}},
	{"before 1970",
	 "UTC",
	 "0 8 * * *",
	 "1930-02-28T08:00:00.25Z",
	 {"1930-03-01T08:00:00+00:00", "..."}},
};

static void fields_mean_what_cron_means(void **state) {
	(void)state;
	check_cases(field_cases, LENGTH(field_cases));
}

static const struct rule_case instant_cases[] = {
	{"at",
	 "Asia/Shanghai",
	 "at 2026-12-01 08:00",
	 "2026-01-01T00:00:00Z",
	 {"2026-12-01T08:00:00+08:00", NULL}},
	{"with seconds",
	 "Asia/Shanghai",
	 " AT 2026-12-01  08:00:30 ",
	 "2026-01-01T00:00:00Z",
	 {"2026-12-01T08:00:30+08:00", NULL}},
	{"not after itself",
	 "Asia/Shanghai",
	 "at 2026-12-01 08:00",
	 "2026-12-01T08:00:00+08:00",
	 {NULL}},
	{"in a gap",
	 "Europe/Berlin",
	 "at 2026-03-29 02:30",
	 "2026-01-01T00:00:00Z",
	 {"2026-03-29T03:00:00+02:00", NULL}},
	{"in a repeated hour",
	 "Europe/Berlin",
	 "at 2026-10-25 02:30",
	 "2026-01-01T00:00:00Z",
	 {"2026-10-25T02:30:00+02:00", NULL}},
	{"40 years ahead",
	 "UTC",
	 "at 2066-01-01 00:00",
	 "2026-01-01T00:00:00Z",
	 {"2066-01-01T00:00:00+00:00", NULL}},
	{"a second too far",
	 "UTC",
	 "at 2066-01-01 00:00:01",
	 "2026-01-01T00:00:00Z",
	 {NULL}},
	{"cron, 40 years ahead",
	 "UTC",
	 "0 0 1 1 *; date 2066-01-01",
	 "2026-01-01T00:00:00Z",
	 {"2066-01-01T00:00:00+00:00", NULL}},
	{"cron, a minute too far",
	 "UTC",
	 "1 0 1 1 *; date 2066-01-01",
	 "2026-01-01T00:00:00Z",
	 {NULL}},
};

static void one_instant_comes_once(void **state) {
	(void)state;
	check_cases(instant_cases, LENGTH(instant_cases));
}

static const struct rule_case jump_cases[] = {
	{"a spring gap: the first instant after it",
	 "Europe/Berlin",
	 "30 2 * * *",
	 "2026-03-28T00:00:00+01:00",
	 {"2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00",
	  "2026-03-30T02:30:00+02:00", "..."}},
	{"several in the gap become one",
	 "Europe/Berlin",
	 "*/20 2,3 29 3 *",
	 "2026-03-29T00:00:00+01:00",
	 {"2026-03-29T03:00:00+02:00", "2026-03-29T03:20:00+02:00",
	  "2026-03-29T03:40:00+02:00", "2027-03-29T02:00:00+02:00", "..."}},
	{"a repeated hour: the first",
	 "Europe/Berlin",
	 "30 2 * * *",
	 "2026-10-24T12:00:00+02:00",
	 {"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00", "..."}},
	{"between the two",
	 "Europe/Berlin",
	 "30 2 * * *",
	 "2026-10-25T02:10:00+01:00",
	 {"2026-10-26T02:30:00+01:00", "..."}},
	{"every minute rests in the second",
	 "Europe/Berlin",
	 "* * * * *",
	 "2026-10-25T02:58:00+02:00",
	 {"2026-10-25T02:59:00+02:00", "2026-10-25T03:00:00+01:00", "..."}},
	{"a gap at midnight",
	 "Africa/Cairo",
	 "0 0 * * *",
	 "2025-04-24T12:00:00+02:00",
	 {"2025-04-25T01:00:00+03:00", "2025-04-26T00:00:00+03:00", "..."}},
	{"a repeated hour before midnight",
	 "Africa/Cairo",
	 "30 23,0 * * *",
	 "2025-10-30T12:00:00+03:00",
	 {"2025-10-30T23:30:00+03:00", "2025-10-31T00:30:00+02:00",
	  "2025-10-31T23:30:00+02:00", "..."}},
	{"midnight at the end of a repeated hour",
	 "Africa/Cairo",
	 "0 0 * * *",
	 "2025-10-30T12:00:00+03:00",
	 {"2025-10-31T00:00:00+02:00", "2025-11-01T00:00:00+02:00", "..."}},
	{"a gap at midnight of a named day",
	 "America/Sao_Paulo",
	 "0 0 * * sun",
	 "2018-11-03T12:00:00-03:00",
	 {"2018-11-04T01:00:00-02:00", "2018-11-11T00:00:00-02:00", "..."}},
	{"where the day before is longer",
	 "America/Sao_Paulo",
	 "15 23 * * *",
	 "2019-02-16T12:00:00-02:00",
	 {"2019-02-16T23:15:00-02:00", "2019-02-17T23:15:00-03:00", "..."}},
	{"half an hour forward",
	 "Australia/Lord_Howe",
	 "*/15 2 * 10 *",
	 "2026-10-04T00:00:00+10:30",
	 {"2026-10-04T02:30:00+11:00", "2026-10-04T02:45:00+11:00",
	  "2026-10-05T02:00:00+11:00", "..."}},
	{"half an hour back",
	 "Australia/Lord_Howe",
	 "*/20 1,2 * 4 *",
	 "2026-04-05T01:10:00+11:00",
	 {"2026-04-05T01:20:00+11:00", "2026-04-05T01:40:00+11:00",
	  "2026-04-05T02:00:00+10:30", "2026-04-05T02:20:00+10:30", "..."}},
	{"the summers of 1986 to 1991",
	 "Asia/Shanghai",
	 "30 2 4 5 *",
	 "1986-05-03T00:00:00+08:00",
	 {"1986-05-04T03:00:00+09:00", "1987-05-04T02:30:00+09:00", "..."}},
	{"and their ends",
	 "Asia/Shanghai",
	 "30 1 * 9 *",
	 "1991-09-14T12:00:00+09:00",
	 {"1991-09-15T01:30:00+09:00", "1991-09-16T01:30:00+08:00", "..."}},
	{"a day that never was",
	 "Pacific/Apia",
	 "0 8 * * *",
	 "2011-12-29T07:00:00-10:00",
	 {"2011-12-29T08:00:00-10:00", "2011-12-31T00:00:00+14:00",
	  "2011-12-31T08:00:00+14:00", "..."}},
	{"two hours at once",
	 "Antarctica/Troll",
	 "0,30 1,2 * * *",
	 "2026-03-28T12:00:00Z",
	 {"2026-03-29T03:00:00+02:00", "2026-03-30T01:00:00+02:00", "..."}},
	{"and back",
	 "Antarctica/Troll",
	 "0 1-3 * * *",
	 "2026-10-25T00:30:00+02:00",
	 {"2026-10-25T01:00:00+02:00", "2026-10-25T02:00:00+02:00",
	  "2026-10-25T03:00:00+00:00", "2026-10-26T01:00:00+00:00", "..."}},
	{"saving that is less than none",
	 "Europe/Dublin",
	 "30 1 * * *",
	 "2026-03-28T12:00:00Z",
	 {"2026-03-29T02:00:00+01:00", "2026-03-30T01:30:00+01:00", "..."}},
	{"a change of the zone itself, behind the table",
	 "Europe/Berlin",
	 "30 2 * 3 sun",
	 "2437-03-25T00:00:00+01:00",
	 {"2437-03-29T03:00:00+02:00", "2438-03-07T02:30:00+01:00", "..."}},
};

static void wall_clocks_jump(void **state) {
	(void)state;
	check_cases(jump_cases, LENGTH(jump_cases));
}

static const struct rule_case condition_cases[] = {
	{"from, that day included",
	 "Asia/Shanghai",
	 "0 8 * * *; from 2026-03-01",
	 "2026-01-01T00:00:00+08:00",
	 {"2026-03-01T08:00:00+08:00", "2026-03-02T08:00:00+08:00", "..."}},
	{"until, that day included",
	 "Asia/Shanghai",
	 "0 8 * * *; until 2026-03-01",
	 "2026-02-28T00:00:00+08:00",
	 {"2026-02-28T08:00:00+08:00", "2026-03-01T08:00:00+08:00", NULL}},
	{"both",
	 "Asia/Shanghai",
	 "0 8 * * *;from 2026-03-01;until 2026-03-02 ",
	 "2026-01-01T00:00:00+08:00",
	 {"2026-03-01T08:00:00+08:00", "2026-03-02T08:00:00+08:00", NULL}},
	{"not until is after",
	 "Asia/Shanghai",
	 "0 8 * * *; not until 2026-03-01",
	 "2026-01-01T00:00:00+08:00",
	 {"2026-03-02T08:00:00+08:00", "..."}},
	{"every 3 days",
	 "Asia/Shanghai",
	 "0 8 * * *; every 3 days from 2026-02-26",
	 "2026-01-01T00:00:00+08:00",
	 {"2026-02-26T08:00:00+08:00", "2026-03-01T08:00:00+08:00",
	  "2026-03-04T08:00:00+08:00", "..."}},
	{"in the morning of such a day",
	 "Asia/Shanghai",
	 "0 8 * * *; every 3 days from 2026-02-26",
	 "2026-03-01T07:00:00+08:00",
	 {"2026-03-01T08:00:00+08:00", "2026-03-04T08:00:00+08:00", "..."}},
	{"later in the day than on the day to come",
	 "Asia/Shanghai",
	 "0 8 * * *; date 2026-01-03",
	 "2026-01-01T12:30:00+08:00",
	 {"2026-01-03T08:00:00+08:00", NULL}},
	{"every 2 days, over a change of the clocks",
	 "Europe/Berlin",
	 "0 0 * * *; every 2 days from 2026-03-27",
	 "2026-03-27T00:00:00+01:00",
	 {"2026-03-29T00:00:00+01:00", "2026-03-31T00:00:00+02:00", "..."}},
	{"dates",
	 "Asia/Shanghai",
	 "0 8 * * *; date 2026-06-07..2026-06-08,2026-10-01",
	 "2026-01-01T00:00:00+08:00",
	 {"2026-06-07T08:00:00+08:00", "2026-06-08T08:00:00+08:00",
	  "2026-10-01T08:00:00+08:00", NULL}},
	{"not on these",
	 "Asia/Shanghai",
	 "0 8 * * *; not date 2026-06-07..2026-06-08",
	 "2026-06-06T00:00:00+08:00",
	 {"2026-06-06T08:00:00+08:00", "2026-06-09T08:00:00+08:00", "..."}},
	{"market days",
	 "Asia/Shanghai",
	 "0 6 * * *; tail 4,10",
	 "2026-01-21T00:00:00+08:00",
	 {"2026-01-24T06:00:00+08:00", "2026-01-30T06:00:00+08:00",
	  "2026-02-04T06:00:00+08:00", "2026-02-10T06:00:00+08:00", "..."}},
	{"all must hold",
	 "Asia/Shanghai",
	 "0 6 * * sat,sun; tail 10; NOT date 2026-01-10",
	 "2026-01-01T00:00:00+08:00",
	 {"2026-05-10T06:00:00+08:00", "2026-05-30T06:00:00+08:00", "..."}},
	{"never together",
	 "Asia/Shanghai",
	 "0 6 * * *; tail 1; tail 2",
	 "2026-01-01T00:00:00+08:00",
	 {NULL}},
	{"over before the next condition is asked",
	 "Asia/Shanghai",
	 "0 8 * * *; date 2026-01-03; every 5 days from 2026-01-02; from 2026-01-01",
	 "2026-01-01T00:00:00+08:00",
	 {NULL}},
	{"begins far away",
	 "Asia/Shanghai",
	 "0 6 * * *; from 2300-01-01",
	 "2026-01-01T00:00:00+08:00",
	 {NULL}},
};

static void conditions_choose_days(void **state) {
	(void)state;
	check_cases(condition_cases, LENGTH(condition_cases));
}

static const struct bad_case {
	const char *rule;
	const char *words; /* what the sentence begins with */
} bad_cases[] = {
	{"", "column 1: a rule is five fields, minute hour day month weekday, as "
	     "'30 7 * * mon-fri', or 'at 2026-12-01 08:00'"},
	{"   ", "column 4: a rule is five fields, minute hour day month weekday, "
		"as '30 7 * * mon-fri', or 'at 2026-12-01 08:00'"},
	{";", "column 1: a rule is five fields, minute hour day month weekday, "
	      "as '30 7 * * mon-fri', or 'at 2026-12-01 08:00'"},
	{"0", "column 2: the hour is missing; a rule has five fields: minute "
	      "hour day month weekday"},
	{"0 8 * *", "column 8: the weekday is missing; a rule has five fields: "
		    "minute hour day month weekday"},
	{"0 8 * * * *", "column 11: '*' is one field too many; conditions stand "
			"behind a semicolon"},
	{"0 8 * * * tail 5", "column 11: 'tail' is one field too many; "
			     "conditions stand behind a semicolon"},
	{"60 * * * *", "column 1: 60 is too large for the minute, 59 is the last"},
	{"* 24 * * *", "column 3: 24 is too large for the hour, 23 is the last"},
	{"* * 0 * *",
	 "column 5: 0 is too small for the day of the month, 1 is the first"},
	{"* * 32 * *",
	 "column 5: 32 is too large for the day of the month, 31 is the last"},
	{"* * * 13 *", "column 7: 13 is too large for the month, 12 is the last"},
	{"* * * * 8", "column 9: 8 is too large for the weekday, 7 is the last"},
	{"* * mon * *", "column 5: 'mon' is not a number for the day of the "
			"month; write 1 to 31, L or *"},
	{"* * * foo *", "column 7: 'foo' does not fit the month; write 1 to 12, "
			"jan to dec, or *"},
	{"* * * * monday", "column 9: 'monday' does not fit the weekday; write 0 "
			   "to 7, sun to sat, or *"},
	{"5/10 * * * *", "column 2: a step needs a range before it, as 0-59/5 or */5"},
	{"* * * * mon/2", "column 12: a step needs a range before it, as 0-6/5 or */5"},
	{"*/0 * * * *", "column 3: a step of 0 would never move on; 1 is the least"},
	{"*/60 * * * *", "column 3: 60 is too large for a step, 59 is the last"},
	{"5-3 * * * *",
	 "column 1: the range runs backwards; write 5-59,0-3 for the minute"},
	{"* * * * fri-mon",
	 "column 9: the range runs backwards; write 5-7,0-1 for the weekday"},
	{"1,,2 * * * *", "column 3: the minute is missing here; write 0 to 59, or *"},
	{"1, * * * *", "column 3: the minute is missing here; write 0 to 59, or *"},
	{",1 * * * *", "column 1: the minute is missing here; write 0 to 59, or *"},
	{"1- * * * *", "column 3: the minute is missing here; write 0 to 59, or *"},
	{"-5 * * * *",
	 "column 1: '-5' is not a number for the minute; write 0 to 59, or *"},
	{"1-2-3 * * * *", "column 4: '-3' cannot stand here in the minute"},
	{"*5 * * * *", "column 2: '5' cannot stand here in the minute"},
	{"L * * * *",
	 "column 1: 'L' is not a number for the minute; write 0 to 59, or *"},
	{"* * L-2 * *", "column 6: '-2' cannot stand here in the day of the month"},
	{"* * LW * *", "column 5: 'LW' is not a number for the day of the month; "
		       "write 1 to 31, L or *"},
	{"* * 1-L * *", "column 7: 'L' is not a number for the day of the month; "
			"write 1 to 31, L or *"},
	{"* * * * L", "column 9: 'L' does not fit the weekday; write 0 to 7, sun "
		      "to sat, or *"},
	{"0 ８ * * *",
	 "column 3: '８' is not a number for the hour; write 0 to 23, or *"},
	{"0 8 * * 周一", "column 9: '周一' does not fit the weekday; write 0 to "
			 "7, sun to sat, or *"},
	{"99999999999999 * * * *",
	 "column 1: 999999999999 is too large for the minute, 59 is the last"},
	{"1-5/ * * * *", "column 5: a number is missing here (a step)"},
	{"1-5/x * * * *", "column 5: 'x' is not a number (a step)"},
	{"@daily", "column 1: '@daily' is not a number for the minute; write 0 "
		   "to 59, or *"},
	{"0 0 15W * *", "column 7: 'W' cannot stand here in the day of the month"},
	{"0 0 * * 5#3", "column 10: '#3' cannot stand here in the weekday"},
	{"0 8 * * *; ", "column 12: a condition is missing here"},
	{"0 8 * * *;;", "column 11: a condition is missing here"},
	{"0 8 * * *; not", "column 15: a condition is missing here"},
	{"0 8 * * *; weekend", "column 12: there is no condition 'weekend'"},
	{"0 8 * * *; not 农历 1", "column 16: there is no condition '农历'"},
	{"0 8 * * *; not not tail 5", "column 16: there is no condition 'not'"},
	{"0 8 * * *; tail", "column 16: a number is missing here (a last digit)"},
	{"0 8 * * *; tail 0", "column 17: days that end in 0 are written 10: tail 5,10"},
	{"0 8 * * *; tail 11",
	 "column 17: 11 is too large for a last digit, 10 is the last"},
	{"0 8 * * *; tail 5 6", "column 19: '6' is too much here; a semicolon "
				"goes before the next condition"},
	{"0 8 * * *; tail 5,", "column 19: a number is missing here (a last digit)"},
	{"0 8 * * *; from", "column 16: a date is wanted here, as 2026-12-01"},
	{"0 8 * * *; from 2026-02-29", "column 17: there is no day 2026-02-29"},
	{"0 8 * * *; from 1969-12-31",
	 "column 17: there is no day 1969-12-31 here: years begin with 1970"},
	{"0 8 * * *; from 2026-2-1",
	 "column 17: a date is wanted here, as 2026-12-01, not '2026-2-1'"},
	{"0 8 * * *; every 0 days from 2026-01-01",
	 "column 18: every 0 days is never; 1 is the least"},
	{"0 8 * * *; every 3 weeks from 2026-01-01",
	 "column 20: 'days' is wanted here, as in 'every 3 days from "
	 "2026-01-02'"},
	{"0 8 * * *; every 3 days", "column 24: 'from' is wanted here, as in "
				    "'every 3 days from 2026-01-02'"},
	{"0 8 * * *; every 1001 days from 2026-01-01",
	 "column 18: 1001 is too large for a number of days, 1000 is the last"},
	{"0 8 * * *; date 2026-06-10..2026-06-01",
	 "column 17: the range of dates runs backwards"},
	{"0 8 * * *; date 2026-06-10..",
	 "column 29: a date is wanted here, as 2026-12-01"},
	{"0 8 * * *; date 2026-06-10.2026",
	 "column 27: '.2026' is too much here; a semicolon goes before the next "
	 "condition"},
	{"at", "column 3: a date is wanted here, as 2026-12-01"},
	{"at tomorrow", "column 4: a date is wanted here, as 2026-12-01, not 'tomorrow'"},
	{"at 2026-13-01 08:00", "column 4: there is no day 2026-13-01"},
	{"at 2026-12-01",
	 "column 14: a time is missing behind the date: at 2026-12-01 08:00"},
	{"at 2026-12-01T08:00",
	 "column 14: a time is missing behind the date: at 2026-12-01 08:00"},
	{"at 2026-12-01 ", "column 15: a time is wanted here, as 08:00 or 08:00:30"},
	{"at 2026-12-01 8:00",
	 "column 15: a time is wanted here, as 08:00 or 08:00:30, not '8:00'"},
	{"at 2026-12-01 24:00",
	 "column 15: there is no time 24:00:00; the last of a day is 23:59:59"},
	{"at 2026-12-01 08:00:60",
	 "column 15: there is no time 08:00:60; the last of a day is 23:59:59"},
	{"at 2026-12-01 08:00 x", "column 21: 'x' is too much behind the time"},
	{"at 2026-12-01 08:00; tail 5",
	 "column 20: 'at' names one instant and takes no conditions"},
};

static void a_bad_rule_is_told_where_and_what_instead(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(bad_cases); i++) {
		struct error err = {0};
		struct rule *rule = NULL;
		assert_int_equal(rule_parse(bad_cases[i].rule, &rule, &err), -EINVAL);
		assert_null(rule);
		if (strncmp(err.text, bad_cases[i].words, strlen(bad_cases[i].words)) !=
		    0) {
			fail_msg("'%s': '%s', not '%s'", bad_cases[i].rule, err.text,
				 bad_cases[i].words);
		}
	}
}

static void an_unknown_condition_is_told_all_there_are(void **state) {
	(void)state;
	struct error err = {0};
	struct rule *rule = NULL;
	assert_int_equal(rule_parse("0 8 * * *; holidays", &rule, &err), -EINVAL);
	static const char *const words[] = {"'holidays'", "'from 2", "'until 2",
					    "'every ",    "'date 2", "'tail ",
					    "'not'"};
	for (size_t i = 0; i < LENGTH(words); i++) {
		if (strstr(err.text, words[i]) == NULL) {
			fail_msg("'%s' lacks %s", err.text, words[i]);
		}
	}
}

static void lengths_have_bounds(void **state) {
	(void)state;
	struct error err = {0};
	struct rule *rule = NULL;
	char text[2000];
	snprintf(text, sizeof(text), "0 8 * * *%*s", 991, "");
	assert_int_equal(strlen(text), 1000);
	assert_int_equal(rule_parse(text, &rule, &err), 0);
	rule_free(rule);
	snprintf(text, sizeof(text), "0 8 * * *%*s", 992, "");
	assert_int_equal(rule_parse(text, &rule, &err), -EINVAL);
	assert_string_equal(err.text, "a rule has at most 1000 bytes");
	strcpy(text, "0 8 * * *");
	for (int i = 0; i < 16; i++) {
		strcat(text, ";tail 1");
	}
	assert_int_equal(rule_parse(text, &rule, &err), 0);
	rule_free(rule);
	strcat(text, ";tail 1");
	assert_int_equal(rule_parse(text, &rule, &err), -EINVAL);
	assert_string_equal(err.text, "column 123: more than 16 conditions");
	strcpy(text, "0 8 * * *; date 2026-01-01");
	for (int i = 1; i < 32; i++) {
		strcat(text, ",2026-01-01");
	}
	assert_int_equal(rule_parse(text, &rule, &err), 0);
	rule_free(rule);
	strcat(text, ",2026-01-01");
	assert_int_equal(rule_parse(text, &rule, &err), -EINVAL);
	assert_non_null(strstr(err.text, "more than 32 dates"));
}

/* However far the clock is off, an answer comes, and lies beyond it. */
static void any_time_has_a_next(void **state) {
	(void)state;
	static const struct {
		int64_t after_us;
		int found;
	} times[] = {
		{INT64_MIN, 1},
		{-62135596800000000, 1},
		{-1, 1},
		{0, 1},
		{4102444800000000, 1},
		{253370764800000000, 0},
		{253402300799000000, 0},
		{INT64_MAX, 0},
	};
	AUTO(rule_free) struct rule *rule = NULL;
	AUTO(tz_free) struct tz *tz = NULL;
	assert_int_equal(rule_parse("30 2 L * *", &rule, NULL), 0);
	assert_int_equal(tz_load("Europe/Berlin", &tz, NULL), 0);
	for (size_t i = 0; i < LENGTH(times); i++) {
		int64_t next_us = 5;
		assert_int_equal(rule_next(rule, tz, NULL, times[i].after_us, &next_us),
				 times[i].found);
		if (times[i].found) {
			assert_true(next_us > times[i].after_us);
			assert_true(next_us <= rule_horizon_us(tz, times[i].after_us));
		} else {
			assert_true(next_us == 5);
		}
	}
}

/* As the one without an end, also where clocks go forward at midnight (Cairo, Asuncion)
 * or back over it: in St. John's, in 1996, from 00:01 to 23:01 of the day before. */
static void no_farther_than_asked(void **state) {
	(void)state;
	static const struct {
		const char *timezone;
		int64_t from_s;
		int span_s;
	} places[] = {{"America/St_Johns", 846310000, 86400},
		      {"Africa/Cairo", 1735689600, 31536000},
		      {"America/Asuncion", 1672531200, 31536000}};
	static const char *const rules[] = {"*/15 23,0 * * *", "0 0 * * *; not workday",
					    "0 0 1 * *", "at 1996-10-27 00:00"};
	seed_random();
	for (size_t p = 0; p < LENGTH(places); p++) {
		AUTO(tz_free) struct tz *tz = NULL;
		assert_int_equal(tz_load(places[p].timezone, &tz, NULL), 0);
		for (size_t i = 0; i < 5000; i++) {
			AUTO(rule_free) struct rule *rule = NULL;
			assert_int_equal(rule_parse(rules[i % 4], &rule, NULL), 0);
			int64_t after_s = places[p].from_s + random() % places[p].span_s;
			int64_t until_us = (after_s + random() % 86400) * 1000000 - 10;
			int64_t next_us = 0;
			int64_t want_us = 0;
			int want = rule_next(rule, tz, NULL, after_s * 1000000,
					     &want_us) > 0 &&
				   want_us <= until_us;
			assert_int_equal(rule_next_until(rule, tz, NULL,
							 after_s * 1000000, until_us,
							 &next_us),
					 want);
			assert_true(want == 0 || next_us == want_us);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_mean_what_cron_means),
		cmocka_unit_test(one_instant_comes_once),
		cmocka_unit_test(wall_clocks_jump),
		cmocka_unit_test(conditions_choose_days),
		cmocka_unit_test(a_bad_rule_is_told_where_and_what_instead),
		cmocka_unit_test(an_unknown_condition_is_told_all_there_are),
		cmocka_unit_test(lengths_have_bounds),
		cmocka_unit_test(any_time_has_a_next),
		cmocka_unit_test(no_farther_than_asked),
	};
	return cmocka_run_group_tests_name("rule", tests, NULL, NULL);
}
