/* test_rule.c - rules by tables: when they are due, and what is said of those that are
 * none. tests/simulation/test_rule_walk.py has twenty years of every minute. */
#include "schedule/rule.h"
#include "schedule/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct rule_case {
	const char *name;
	const char *zone;
	const char *rule;
	const char *after;
	const char *next; /* NULL: never again */
};

#define SHANGHAI "Asia/Shanghai"

static const struct rule_case cases[] = {
	{"every minute", SHANGHAI, "* * * * *", "2026-01-01T00:00:00+08:00",
	 "2026-01-01T00:01:00+08:00"},
	{"strictly after", SHANGHAI, "30 7 * * *", "2026-01-01T07:30:00+08:00",
	 "2026-01-02T07:30:00+08:00"},
	{"a second before", SHANGHAI, "30 7 * * *", "2026-01-01T07:29:59.999+08:00",
	 "2026-01-01T07:30:00+08:00"},
	{"a blink after", SHANGHAI, "30 7 * * *", "2026-01-01T07:30:00.001+08:00",
	 "2026-01-02T07:30:00+08:00"},
	{"list and range", SHANGHAI, "0,15 8-9 * * *", "2026-01-01T08:15:00+08:00",
	 "2026-01-01T09:00:00+08:00"},
	{"step", SHANGHAI, "*/25 8 * * *", "2026-01-01T08:25:00+08:00",
	 "2026-01-01T08:50:00+08:00"},
	{"step beyond the range", SHANGHAI, "0 0-23/9 * * *", "2026-01-01T09:00:00+08:00",
	 "2026-01-01T18:00:00+08:00"},
	{"names", SHANGHAI, "0 8 * OCT Thu", "2026-01-01T00:00:00+08:00",
	 "2026-10-01T08:00:00+08:00"},
	{"seven is Sunday", SHANGHAI, "0 8 * * 7", "2026-01-01T00:00:00+08:00",
	 "2026-01-04T08:00:00+08:00"},
	{"a week's end by name", SHANGHAI, "0 8 * * sat-sun", "2026-01-03T08:00:00+08:00",
	 "2026-01-04T08:00:00+08:00"},
	{"either day field", SHANGHAI, "0 8 13 * fri", "2026-02-06T08:00:00+08:00",
	 "2026-02-13T08:00:00+08:00"},
	{"either day field, by date", SHANGHAI, "0 8 10 * fri",
	 "2026-02-06T08:00:00+08:00", "2026-02-10T08:00:00+08:00"},
	{"a star with a step is a star", SHANGHAI, "0 8 */2 * mon",
	 "2026-02-02T08:00:00+08:00", "2026-02-09T08:00:00+08:00"},
	{"last of the month", SHANGHAI, "0 8 L * *", "2026-02-01T00:00:00+08:00",
	 "2026-02-28T08:00:00+08:00"},
	{"last of a leap month", SHANGHAI, "0 8 l * *", "2028-02-01T00:00:00+08:00",
	 "2028-02-29T08:00:00+08:00"},
	{"last, in a list", SHANGHAI, "0 8 15,L * *", "2026-04-15T08:00:00+08:00",
	 "2026-04-30T08:00:00+08:00"},
	{"a leap day, over a century's gap", SHANGHAI, "0 0 29 2 *",
	 "2096-03-01T00:00:00+08:00", "2104-02-29T00:00:00+08:00"},
	{"a day that is none", SHANGHAI, "0 0 31 4,6 *", "2026-01-01T00:00:00+08:00",
	 NULL},
	{"new year", SHANGHAI, "0 0 1 1 *", "2026-12-31T23:59:59+08:00",
	 "2027-01-01T00:00:00+08:00"},
	{"many blanks", SHANGHAI, "  0\t8  *  *\n* ", "2026-01-01T00:00:00+08:00",
	 "2026-01-01T08:00:00+08:00"},
	{"at", SHANGHAI, "at 2026-12-01 08:00", "2026-01-01T00:00:00+08:00",
	 "2026-12-01T08:00:00+08:00"},
	{"at with seconds", SHANGHAI, "AT 2026-12-01 08:00:30",
	 "2026-12-01T08:00:29+08:00", "2026-12-01T08:00:30+08:00"},
	{"at is over", SHANGHAI, "at 2026-12-01 08:00", "2026-12-01T08:00:00+08:00",
	 NULL},
	{"at in a gap", "Europe/Berlin", "at 2025-03-30 02:30",
	 "2025-03-01T00:00:00+01:00", "2025-03-30T03:00:00+02:00"},
	{"at in a repeated hour", "Europe/Berlin", "at 2025-10-26 02:30",
	 "2025-10-01T00:00:00+02:00", "2025-10-26T02:30:00+02:00"},
	/* Daylight saving. */
	{"spring gap", "Europe/Berlin", "30 2 * * *", "2025-03-30T00:00:00+01:00",
	 "2025-03-30T03:00:00+02:00"},
	{"several become one", "Europe/Berlin", "*/20 2 * * *",
	 "2025-03-30T03:00:00+02:00", "2025-03-31T02:00:00+02:00"},
	{"autumn, the first time", "Europe/Berlin", "30 2 * * *",
	 "2025-10-26T00:00:00+02:00", "2025-10-26T02:30:00+02:00"},
	{"autumn, not the second", "Europe/Berlin", "30 2 * * *",
	 "2025-10-26T02:30:00+02:00", "2025-10-27T02:30:00+01:00"},
	{"autumn, from within the second", "Europe/Berlin", "*/10 2,3 * * *",
	 "2025-10-26T02:15:00+01:00", "2025-10-26T03:00:00+01:00"},
	{"midnight gap", "Africa/Cairo", "0 0 * * *", "2025-04-24T12:00:00+02:00",
	 "2025-04-25T01:00:00+03:00"},
	{"half an hour", "Australia/Lord_Howe", "15 2 * * *", "2025-10-04T12:00:00+10:30",
	 "2025-10-05T02:30:00+11:00"},
	{"a day that never was", "Pacific/Apia", "0 8 * * *", "2011-12-29T08:00:00-10:00",
	 "2011-12-31T00:00:00+14:00"},
	{"and the next", "Pacific/Apia", "0 8 * * *", "2011-12-31T00:00:00+14:00",
	 "2011-12-31T08:00:00+14:00"},
	{"China had it too", SHANGHAI, "30 2 * * *", "1986-05-03T12:00:00+08:00",
	 "1986-05-04T03:00:00+09:00"},
	{"beyond the table of the zone", "Europe/Berlin", "30 2 * * *",
	 "2060-03-27T12:00:00+01:00", "2060-03-28T03:00:00+02:00"},
	/* Conditions. */
	{"from", SHANGHAI, "0 8 * * *; from 2026-03-01", "2026-01-01T00:00:00+08:00",
	 "2026-03-01T08:00:00+08:00"},
	{"until is included", SHANGHAI, "0 8 * * *; until 2026-03-01",
	 "2026-02-28T08:00:00+08:00", "2026-03-01T08:00:00+08:00"},
	{"until is the end", SHANGHAI, "0 8 * * *; until 2026-03-01",
	 "2026-03-01T08:00:00+08:00", NULL},
	{"every third day", SHANGHAI, "0 8 * * *; every 3 days from 2026-01-02",
	 "2026-01-02T08:00:00+08:00", "2026-01-05T08:00:00+08:00"},
	{"dates", SHANGHAI, "0 8 * * *; date 2026-06-07..2026-06-08,2026-10-01",
	 "2026-06-08T08:00:00+08:00", "2026-10-01T08:00:00+08:00"},
	{"market days", SHANGHAI, "0 8 * * *; tail 5,10", "2026-01-05T08:00:00+08:00",
	 "2026-01-10T08:00:00+08:00"},
	{"market day of the thirtieth", SHANGHAI, "0 8 * * *; tail 10",
	 "2026-01-20T08:00:00+08:00", "2026-01-30T08:00:00+08:00"},
	{"not", SHANGHAI, "0 8 * * *; not date 2026-01-02..2026-01-31",
	 "2026-01-01T08:00:00+08:00", "2026-02-01T08:00:00+08:00"},
	{"all must hold", SHANGHAI, "0 8 * * mon; tail 5; from 2026-02-01",
	 "2026-01-01T00:00:00+08:00", "2026-05-25T08:00:00+08:00"},
};

static void rules_are_due_in_time(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct rule_case *c = &cases[i];
		AUTO(rule_free) struct rule *rule = NULL;
		AUTO(tz_free) struct tz *tz = NULL;
		struct error err = {0};
		int64_t after_us = 0;
		int64_t next_us = 0;
		char text[RFC3339_SIZE] = "never";
		assert_int_equal(tz_load(c->zone, &tz, &err), 0);
		if (rule_parse(c->rule, &rule, &err) < 0) {
			fail_msg("%s: %s", c->name, err.text);
		}
		assert_int_equal(rfc3339_parse(c->after, &after_us, &err), 0);
		if (rule_next(rule, tz, NULL, after_us, &next_us) > 0) {
			rfc3339_format(tz, next_us, text);
		}
		const char *wanted = c->next != NULL ? c->next : "never";
		if (strcmp(text, wanted) != 0) {
			fail_msg("%s: '%s' after %s is %s, not %s", c->name, c->rule,
				 c->after, text, wanted);
		}
	}
}

struct bad_case {
	const char *rule;
	const char *words; /* must stand in the sentence */
};

static const struct bad_case bad_cases[] = {
	{"", "column 1: a rule is five fields"},
	{"   ", "column 4: a rule is five fields"},
	{"; tail 5", "column 1: a rule is five fields"},
	{"0 8 * *", "column 8: the weekday is missing"},
	{"0 8 * * * *", "column 11: '*' is one field too many"},
	{"60 8 * * *", "column 1: 60 is too large for the minute, 59 is the last"},
	{"0 24 * * *", "column 3: 24 is too large for the hour"},
	{"0 8 0 * *",
	 "column 5: 0 is too small for the day of the month, 1 is the first"},
	{"0 8 32 * *", "column 5: 32 is too large"},
	{"0 8 * 13 *", "column 7: 13 is too large for the month"},
	{"0 8 * * 8", "column 9: 8 is too large for the weekday"},
	{"99999999999999999999 8 * * *", "is too large for the minute"},
	{"-1 8 * * *", "column 1: '-1' is not a number for the minute"},
	{"0 8 * fen *",
	 "column 7: 'fen' does not fit the month; write 1 to 12, jan to dec"},
	{"0 8 * * monday", "column 9: 'monday' does not fit the weekday"},
	{"0 8 L-2 * *", "column 6: '-2' cannot stand here"},
	{"0 L * * *", "column 3: 'L' is not a number for the hour"},
	{"5/10 8 * * *", "column 2: a step needs a range before it"},
	{"*/0 8 * * *", "column 3: a step of 0"},
	{"*/ 8 * * *", "column 3: a number is missing"},
	{"1, 8 * * *", "column 3: the minute is missing here"},
	{"1-  8 * * *", "column 3: the minute is missing here"},
	{"30-10 8 * * *", "column 1: the range runs backwards; write 30-59,0-10"},
	{"0 8 * * fri-mon", "column 9: the range runs backwards"},
	{"1-2-3 8 * * *", "column 4: '-3' cannot stand here"},
	{"@daily", "column 1: '@daily' is not a number for the minute"},
	{"广播 8 * * *", "column 1: '广播' is not a number for the minute"},
	{"0 8 * * *; 农历 1", "column 12: there is no condition '农历'"},
	{"0 8 * * *; moon 5",
	 "column 12: there is no condition 'moon'; there are 'from "},
	{"0 8 * * *;", "column 11: a condition is missing"},
	{"0 8 * * *; not", "column 15: a condition is missing"},
	{"0 8 * * *; tail 5; ", "column 20: a condition is missing"},
	{"0 8 * * *; tail 11", "column 17: 11 is too large"},
	{"0 8 * * *; tail 0", "column 17: days that end in 0 are written 10"},
	{"0 8 * * *; tail 5 6", "column 19: '6' is too much here"},
	{"0 8 * * *; from 2026-02-30", "column 17: there is no day 2026-02-30"},
	{"0 8 * * *; from 26-02-03", "column 17: a date is wanted here"},
	{"0 8 * * *; every 0 days from 2026-01-01", "column 18: every 0 days"},
	{"0 8 * * *; every 3 weeks from 2026-01-01", "column 20: 'days' is wanted"},
	{"0 8 * * *; every 3 days", "column 24: 'from' is wanted"},
	{"0 8 * * *; date 2026-06-10..2026-06-07", "column 17: the range of dates runs"},
	{"at", "column 3: a date is wanted here"},
	{"at 2026-12-01", "column 14: a time is missing"},
	{"at 2026-12-01 8:00", "column 15: a time is wanted here"},
	{"at 2026-12-01 24:00", "column 15: there is no time 24:00:00"},
	{"at 2026-12-01 08:00:60", "column 15: there is no time 08:00:60"},
	{"at 2026-13-01 08:00", "column 4: there is no day 2026-13-01"},
	{"at 1969-12-31 08:00", "years begin with 1970"},
	{"at 2026-12-01 08:00; tail 5", "column 20: 'at' names one instant"},
	{"at 2026-12-01 08:00 daily", "column 21: 'daily' is too much"},
};

static void what_is_no_rule_is_told_where(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(bad_cases); i++) {
		struct rule *rule = NULL;
		struct error err = {0};
		assert_int_equal(rule_parse(bad_cases[i].rule, &rule, &err), -EINVAL);
		assert_null(rule);
		if (strstr(err.text, bad_cases[i].words) == NULL) {
			fail_msg("'%s': '%s' does not say '%s'", bad_cases[i].rule,
				 err.text, bad_cases[i].words);
		}
	}
}

static void a_rule_has_a_length(void **state) {
	(void)state;
	char text[2000];
	memset(text, ' ', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	struct rule *rule = NULL;
	struct error err = {0};
	assert_int_equal(rule_parse(text, &rule, &err), -EINVAL);
	assert_non_null(strstr(err.text, "at most 1000 bytes"));
}

/* However far the clock is off, an answer comes, and lies beyond it. */
static void any_time_has_a_next(void **state) {
	(void)state;
	static const int64_t times[] = {
		INT64_MIN,        -62135596800000000, -1,       0, 1,
		4102444800000000, 253402300799000000, INT64_MAX};
	AUTO(rule_free) struct rule *rule = NULL;
	AUTO(tz_free) struct tz *tz = NULL;
	assert_int_equal(rule_parse("30 2 L * *", &rule, NULL), 0);
	assert_int_equal(tz_load("Europe/Berlin", &tz, NULL), 0);
	for (size_t i = 0; i < LENGTH(times); i++) {
		int64_t next_us = 0;
		if (rule_next(rule, tz, NULL, times[i], &next_us) > 0) {
			assert_true(next_us > times[i]);
			assert_true(next_us <= rule_horizon_us(tz, times[i]));
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_due_in_time),
		cmocka_unit_test(what_is_no_rule_is_told_where),
		cmocka_unit_test(a_rule_has_a_length),
		cmocka_unit_test(any_time_has_a_next),
	};
	return cmocka_run_group_tests_name("rule", tests, NULL, NULL);
}
