/* test_rule_days.c - the conditions of rules that ask a calendar or an almanac, by
 * tables; what is said of a wrong one, and of a year nobody knows. tests/simulation/
 * test_next_oracle.py has twenty thousand rules; here stand those a reader wants to see.
 */
#include "schedule/calendar.h"
#include "schedule/rule_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define DAYS_MAX 6

static struct calendar *calendar;
static struct tz *tz;

static int make(void **state) {
	(void)state;
	return calendar_new(&calendar, NULL) < 0 ||
			       calendar_add_shipped(calendar, NULL) < 0 ||
			       tz_load("Asia/Shanghai", &tz, NULL) < 0
		       ? -1
		       : 0;
}

static int unmake(void **state) {
	(void)state;
	calendar_free(calendar);
	tz_free(tz);
	return 0;
}

static int64_t time_of(const char *text) {
	int64_t us = 0;
	struct error err = {0};
	if (rfc3339_parse(text, &us, &err) < 0) {
		fail_msg("%s", err.text);
	}
	return us;
}

static struct rule *rule_of(const char *text) {
	struct rule *rule = NULL;
	struct error err = {0};
	if (rule_parse(text, &rule, &err) < 0) {
		fail_msg("'%s': %s", text, err.text);
	}
	return rule;
}

/* At 08:00; the first days it is due after `from`; "-": and no more. */
static const struct day_case {
	const char *conditions;
	const char *from;
	const char *days[DAYS_MAX];
} day_cases[] = {
	/* National day of 2025 with its swapped days. */
	{"workday",
	 "2025-09-26",
	 {"2025-09-26", "2025-09-28", "2025-09-29", "2025-09-30", "2025-10-09",
	  "2025-10-10"}},
	{"offday",
	 "2025-09-26",
	 {"2025-09-27", "2025-10-01", "2025-10-02", "2025-10-03", "2025-10-04",
	  "2025-10-05"}},
	{"not offday", "2025-10-01", {"2025-10-09", "2025-10-10", "2025-10-11"}},
	{"holiday",
	 "2026-01-01",
	 {"2026-01-01", "2026-01-02", "2026-01-03", "2026-02-15", "2026-02-16",
	  "2026-02-17"}},
	{"swapped",
	 "2026-01-01",
	 {"2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20",
	  "2026-10-10"}},
	/* The file of 2019 knows days of 2018, whose own file is not there. */
	{"swapped", "2018-01-01", {"2018-12-29", "2019-02-02", "2019-02-03"}},
	{"workday", "2018-12-28", {"2018-12-28", "2018-12-29", "2019-01-02"}},
	/* Weekends where nothing is known. */
	{"workday",
	 "2031-10-01",
	 {"2031-10-01", "2031-10-02", "2031-10-03", "2031-10-06"}},
	{"lunar 1,15", "2026-02-17", {"2026-02-17", "2026-03-03", "2026-03-19"}},
	/* The second month 6 of 2025 does not count, or does. */
	{"lunar 6-1", "2025-06-01", {"2025-06-25", "2026-07-14"}},
	{"lunar 6-1; lunar-leap",
	 "2025-06-01",
	 {"2025-06-25", "2025-07-25", "2026-07-14"}},
	{"lunar-leap; lunar 1", "2025-07-01", {"2025-07-25", "2025-08-23"}},
	{"lunar 1; not lunar-leap", "2025-07-01", {"2025-08-23"}},
	{"not lunar 1; lunar-leap", "2025-07-24", {"2025-07-24", "2025-07-26"}},
	{"not lunar 1", "2025-07-24", {"2025-07-24", "2025-07-25", "2025-07-26"}},
	{"lunar 12-23,1-15", "2026-01-01", {"2026-02-10", "2026-03-03", "2027-01-30"}},
	/* The eve of the new year: for five years there is no 30th. */
	{"lunar 12-last", "2026-01-01", {"2026-02-16", "2027-02-05", "2028-01-25"}},
	{"lunar 12-30", "2025-02-01", {"2030-02-02", "2033-01-30"}},
	{"lunar LAST,1", "2026-02-16", {"2026-02-16", "2026-02-17", "2026-03-18"}},
	{"lunar 11-30; lunar-leap; from 2033-01-01; until 2034-12-31",
	 "2026-01-01",
	 {"2033-12-21", "-"}},
	{"tail 5,10", "2026-01-21", {"2026-01-25", "2026-01-30", "2026-02-05"}},
	{"tail 1", "2026-01-22", {"2026-01-31", "2026-02-01", "2026-02-11"}},
	{"lunar-tail 4,9", "2026-02-17", {"2026-02-20", "2026-02-25", "2026-03-02"}},
	{"lunar-tail 10", "2025-07-20", {"2025-07-24", "2025-09-01", "2025-09-11"}},
	{"lunar-tail 10; lunar-leap",
	 "2025-07-20",
	 {"2025-07-24", "2025-08-03", "2025-08-13"}},
	{"branch 寅,申", "2026-01-01", {"2026-01-04", "2026-01-10", "2026-01-16"}},
	{"branch 3,9", "2026-01-01", {"2026-01-04", "2026-01-10", "2026-01-16"}},
	{"branch 12,子", "1970-01-01", {"1970-01-07", "1970-01-08", "1970-01-19"}},
	{"term 立春,清明", "2026-01-01", {"2026-02-04", "2026-04-05", "2027-02-04"}},
	{"not term 立春; date 2026-02-03..2026-02-05",
	 "2026-01-01",
	 {"2026-02-03", "2026-02-05", "-"}},
	/* Exams, every year; and over the turn of the year. */
	{"date 06-07..06-08", "2026-01-01", {"2026-06-07", "2026-06-08", "2027-06-07"}},
	{"not date 12-30..01-02",
	 "2026-12-29",
	 {"2026-12-29", "2027-01-03", "2027-01-04"}},
	{"date 02-29", "2026-01-01", {"2028-02-29", "2032-02-29"}},
	{"date 2026-10-01,06-07", "2026-06-08", {"2026-10-01", "2027-06-07"}},
	/* All must hold. */
	{"workday; lunar 1", "2026-02-17", {"2026-03-19", "2026-04-17", "2026-06-15"}},
	/* Never: the 30th of a month of 29, a term in the wrong month, two branches. */
	{"lunar 30; lunar 1", "2026-01-01", {"-"}},
	{"branch 子; branch 午; every 2 days from 2026-01-01", "2026-01-01", {"-"}},
	{"term 立春; date 06-01..06-30", "2026-01-01", {"-"}},
	/* Beyond the almanac neither a lunar day nor its opposite is known. */
	{"lunar 1; tail 1", "2100-06-01", {"2100-12-01", "2100-12-31", "-"}},
	{"not lunar 1; tail 10",
	 "2100-12-01",
	 {"2100-12-10", "2100-12-20", "2100-12-30", "-"}},
	{"not term 立春; date 12-30..01-05",
	 "2100-12-01",
	 {"2100-12-30", "2100-12-31", "-"}},
	{"lunar 1", "1900-06-01", {"1901-01-20", "1901-02-19"}},
};

static void conditions_hold_on_their_days(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(day_cases); i++) {
		const struct day_case *c = &day_cases[i];
		char text[300];
		snprintf(text, sizeof(text), "0 8 * * *; %s", c->conditions);
		AUTO(rule_free) struct rule *rule = rule_of(text);
		snprintf(text, sizeof(text), "%sT00:00:00+08:00", c->from);
		int64_t at_us = time_of(text);
		for (size_t k = 0; k < DAYS_MAX && c->days[k] != NULL; k++) {
			char got[RFC3339_SIZE] = "-";
			if (rule_next(rule, tz, calendar, at_us, &at_us) > 0) {
				rfc3339_format(tz, at_us, got);
				got[10] = '\0';
			}
			if (strcmp(got, c->days[k]) != 0) {
				fail_msg("'%s' after %s: %zu. is %s, not %s",
					 c->conditions, c->from, k + 1, got, c->days[k]);
			}
		}
	}
}

static const struct bad_case {
	const char *conditions; /* from column 12 on */
	const char *words;      /* what the sentence begins with */
} bad_cases[] = {
	{"workday 5", "column 20: '5' is too much here; a semicolon goes before the next "
		      "condition"},
	{"lunar", "column 17: a number is missing here (a lunar day, 1 to 30 or last)"},
	{"lunar 0", "column 18: lunar days begin with 1"},
	{"lunar 31", "column 18: 31 is too large for a lunar day, 1 to 30 or last, 30 is "
		     "the last"},
	{"lunar 13-1", "column 18: 13 is too large for a lunar month, 12 is the last"},
	{"lunar 0-1", "column 18: lunar months begin with 1"},
	{"lunar 12-",
	 "column 21: a number is missing here (a lunar day, 1 to 30 or last)"},
	{"lunar 12-32", "column 21: 32 is too large for a lunar day"},
	{"lunar 1,", "column 20: a number is missing here (a lunar day"},
	{"lunar first", "column 18: 'first' is not a number (a lunar day"},
	{"lunar 1-last-2", "column 24: '-2' is too much here"},
	{"lunar 初一", "column 18: '初一' is not a number (a lunar day"},
	{"lunar-leap 6", "column 23: '6' is too much here"},
	{"lunar-leap; not lunar-leap", "column 24: 'lunar-leap' and 'not lunar-leap' "
				       "cannot both hold; leave one out"},
	{"lunar-tail 0", "column 23: days that end in 0 are written 10: tail 5,10"},
	{"lunar-tail 11", "column 23: 11 is too large for a last digit, 10 is the last"},
	{"branch", "column 18: an earthly branch is wanted here: one of 子丑寅卯辰巳午未"
		   "申酉戌亥, or 1 to 12"},
	{"branch 虎", "column 19: an earthly branch is wanted here"},
	{"branch 寅申", "column 20: '申' is too much here"},
	{"branch 0", "column 19: branches begin with 1 (子)"},
	{"branch 13", "column 19: 13 is too large for a branch, 12 is the last"},
	{"branch 寅,", "column 21: an earthly branch is wanted here"},
	{"term", "column 16: a solar term is wanted here, one of 小寒 大寒 立春"},
	{"term 立", "column 17: a solar term is wanted here"},
	{"term 立春清明", "column 19: '清明' is too much here"},
	{"term 4", "column 17: a solar term is wanted here"},
	{"date 13-01", "column 17: there is no day 13-01"},
	{"date 02-30", "column 17: there is no day 02-30"},
	{"date 06-07..2026-06-10",
	 "column 24: a date is wanted here, as 2026-12-01, or 12-01 for every year, not "
	 "'2026-06-10'"},
	{"date 2026-06-07..06-10", "column 29: a date is wanted here, as 2026-12-01, not "
				   "'06-10'"},
	{"date 06-7", "column 17: a date is wanted here"},
	{"from 06-07", "column 17: a date is wanted here"},
	{"weekend", "column 12: there is no condition 'weekend'; there are 'workday', "
		    "'offday', 'holiday', 'swapped', 'lunar 1,15,12-last', 'lunar-leap', "
		    "'tail 5,10', 'lunar-tail 4,9', 'branch 寅,申', 'every 3 days from "
		    "2026-01-02', 'from 2026-03-01', 'until 2026-06-30', 'date "
		    "2026-06-07..2026-06-10,10-01', 'term 立春,清明', each also with "
		    "'not' before it"},
};

static void a_bad_condition_is_told_where_and_what_instead(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(bad_cases); i++) {
		struct error err = {0};
		struct rule *rule = NULL;
		char text[300];
		snprintf(text, sizeof(text), "0 8 * * *; %s", bad_cases[i].conditions);
		assert_int_equal(rule_parse(text, &rule, &err), -EINVAL);
		assert_null(rule);
		if (strncmp(err.text, bad_cases[i].words, strlen(bad_cases[i].words)) !=
		    0) {
			fail_msg("'%s': '%s', not '%s'", bad_cases[i].conditions,
				 err.text, bad_cases[i].words);
		}
	}
}

static const struct notice_case {
	const char *conditions;
	const char *from;
	const char *to;
	const char *en; /* NULL: nothing */
	const char *zh;
} notice_cases[] = {
	{"tail 5", "1990-01-01", "2090-01-01", NULL, NULL},
	{"workday", "2019-01-01", "2026-12-31", NULL, NULL},
	{"lunar 1", "1901-01-01", "2100-12-31", NULL, NULL},
	{"branch 子", "1900-06-01", "2200-12-31", NULL, NULL},
	{"workday", "2026-12-01", "2027-01-07",
	 "no holiday file for 2027: Monday to Friday are taken for workdays "
	 "there",
	 "2027 年没有节假日数据，暂按周一至周五为工作日"},
	{"not holiday", "2017-01-01", "2028-01-07",
	 "no holiday file for 2017 to 2018, 2027 to 2028: Monday to Friday are "
	 "taken for workdays there",
	 "2017 至 2018、2027 至 2028 年没有节假日数据，暂按周一至周五为工作日"},
	{"workday; until 2026-06-30", "2026-01-01", "2066-01-07", NULL, NULL},
	{"workday; date 2026-06-30,2027-01-01..2027-01-02", "2026-01-01", "2066-01-07",
	 "no holiday file for 2027: Monday to Friday are taken for workdays "
	 "there",
	 "2027 年没有节假日数据，暂按周一至周五为工作日"},
	{"workday; date 2026-06-30,01-02", "2026-01-01", "2027-01-07",
	 "no holiday file for 2027: Monday to Friday are taken for workdays "
	 "there",
	 "2027 年没有节假日数据，暂按周一至周五为工作日"},
	{"workday; from 2030-06-30", "2026-01-01", "2029-01-07", NULL, NULL},
	{"workday; every 3 days from 2030-06-30", "2026-01-01", "2029-01-07", NULL, NULL},
	{"workday; not every 3 days from 2030-06-30", "2026-12-01", "2027-01-07",
	 "no holiday file for 2027: Monday to Friday are taken for workdays "
	 "there",
	 "2027 年没有节假日数据，暂按周一至周五为工作日"},
	{"not lunar 1", "2090-01-01", "2101-01-01",
	 "lunar days and solar terms are known from 1901 to 2100; outside these "
	 "years the rule is not due",
	 "农历和节气只有 1901 年至 2100 年的数据，此外不播"},
	{"term 立春; workday", "2101-02-01", "2101-03-01",
	 "no holiday file for 2101: Monday to Friday are taken for workdays "
	 "there; lunar days and solar terms are known from 1901 to 2100; outside "
	 "these years the rule is not due",
	 "2101 年没有节假日数据，暂按周一至周五为工作日；农历和节气只有 1901 "
	 "年至 "
	 "2100 年的数据，此外不播"},
};

static void what_is_not_known_is_said(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(notice_cases); i++) {
		char text[300];
		snprintf(text, sizeof(text), "0 8 * * *; %s", notice_cases[i].conditions);
		AUTO(rule_free) struct rule *rule = rule_of(text);
		snprintf(text, sizeof(text), "%sT00:00:00+08:00", notice_cases[i].from);
		int64_t from_us = time_of(text);
		snprintf(text, sizeof(text), "%sT00:00:00+08:00", notice_cases[i].to);
		int64_t to_us = time_of(text);
		const char *const words[] = {notice_cases[i].en, notice_cases[i].zh};
		for (int lang = RULE_EN; lang < RULE_LANGS; lang++) {
			AUTO(str_done) struct str said = STR_INIT;
			int rc = rule_notice(rule, tz, calendar, from_us, to_us,
					     (enum rule_lang)lang, &said);
			assert_int_equal(rc, words[lang] != NULL);
			if (rc > 0) {
				assert_string_equal(said.data, words[lang]);
			}
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_hold_on_their_days),
		cmocka_unit_test(a_bad_condition_is_told_where_and_what_instead),
		cmocka_unit_test(what_is_not_known_is_said),
	};
	return cmocka_run_group_tests_name("rule_days", tests, make, unmake);
}
