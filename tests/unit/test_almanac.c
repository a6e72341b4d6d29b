/* test_almanac.c - the days of the almanac that a reader knows, and its edges;
 * tests/simulation/test_almanac.py has every day of two hundred years. */
#include "schedule/almanac.h"
#include "schedule/tz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int64_t day_of(const char *date) {
	int y = 0;
	int m = 0;
	int d = 0;
	assert_int_equal(sscanf(date, "%4d-%2d-%2d", &y, &m, &d), 3);
	return civil_to_days(y, m, d);
}

static void lunar_days_are_those_on_the_wall(void **state) {
	static const struct {
		const char *date;
		const char *lunar; /* year-month-day of days; * a leap month */
		const char *branch;
	} cases[] = {
		{"1901-01-01", "1900-11-11/29", "卯"},
		{"1901-02-19", "1901-1-1/29", "辰"},
		{"1906-04-23", "1906-3-30/30", "酉"},  /* as it was printed */
		{"1933-07-22", "1933-5*-30/30", "丑"}, /* wrong in a widespread table */
		{"1970-01-01", "1969-11-24/30", "巳"},
		{"1978-09-02", "1978-7-30/30", "卯"}, /* the same */
		{"1985-02-19", "1984-12-30/30", "丑"},
		{"2020-05-23", "2020-4*-1/29", "寅"},
		{"2025-07-25", "2025-6*-1/29", "未"},
		{"2025-08-22", "2025-6*-29/29", "亥"},
		{"2026-02-16", "2025-12-29/29", "酉"}, /* the eve is a 29th */
		{"2026-02-17", "2026-1-1/30", "戌"},
		{"2027-02-06", "2027-1-1/30", "辰"}, /* libical: the 7th */
		{"2030-02-03", "2030-1-1/29", "巳"}, /* libical: the 2nd */
		{"2033-12-22", "2033-11*-1/29", "未"},
		{"2057-09-28", "2057-8-30/30", "子"}, /* seconds from midnight */
		{"2100-12-31", "2100-12-1/29", "未"},
	};
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct lunar_day l = {0};
		char text[40];
		int64_t day = day_of(cases[i].date);
		assert_true(almanac_knows(day) && almanac_lunar(day, &l));
		snprintf(text, sizeof(text), "%d-%d%s-%d/%d", l.year, l.month,
			 l.leap ? "*" : "", l.day, l.month_days);
		const char *branch = almanac_branch_name(almanac_branch(day));
		if (strcmp(text, cases[i].lunar) != 0 ||
		    strcmp(branch, cases[i].branch) != 0) {
			fail_msg("%s is %s %s, not %s %s", cases[i].date, text, branch,
				 cases[i].lunar, cases[i].branch);
		}
	}
}

static void terms_fall_on_their_days(void **state) {
	static const struct {
		const char *date;
		const char *term; /* "": none */
	} cases[] = {
		{"1901-01-06", "小寒"}, {"1901-01-05", ""},     {"1951-12-23", "冬至"},
		{"1979-01-20", "大寒"}, {"2008-05-21", "小满"}, {"2021-12-21", "冬至"},
		{"2026-02-04", "立春"}, {"2026-04-05", "清明"}, {"2026-04-04", ""},
		{"2026-09-23", "秋分"}, {"2100-12-22", "冬至"}, {"2100-12-07", "大雪"},
	};
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		int term = almanac_term(day_of(cases[i].date));
		const char *name = term != 0 ? almanac_term_name(term) : "";
		if (strcmp(name, cases[i].term) != 0) {
			fail_msg("%s is '%s', not '%s'", cases[i].date, name,
				 cases[i].term);
		}
	}
}

static void beyond_its_years_nothing_is_said(void **state) {
	static const char *const dates[] = {"1900-12-31", "1582-10-15", "2101-01-01",
					    "9999-12-31"};
	(void)state;
	assert_int_equal(day_of("1901-01-01"), ALMANAC_FIRST_DAY);
	assert_int_equal(day_of("2100-12-31"), ALMANAC_LAST_DAY);
	for (size_t i = 0; i < LENGTH(dates); i++) {
		struct lunar_day l = {.year = 7};
		assert_false(almanac_knows(day_of(dates[i])));
		assert_false(almanac_lunar(day_of(dates[i]), &l));
		assert_int_equal(l.year, 7);
		assert_int_equal(almanac_term(day_of(dates[i])), 0);
	}
	/* Branches go on for ever: 12 days on is the same, in both directions. */
	for (int64_t day = -800000; day < 800000; day += 7) {
		assert_int_equal(almanac_branch(day + 12), almanac_branch(day));
		assert_int_equal(almanac_branch(day + 1), almanac_branch(day) % 12 + 1);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lunar_days_are_those_on_the_wall),
		cmocka_unit_test(terms_fall_on_their_days),
		cmocka_unit_test(beyond_its_years_nothing_is_said),
	};
	return cmocka_run_group_tests_name("almanac", tests, NULL, NULL);
}
