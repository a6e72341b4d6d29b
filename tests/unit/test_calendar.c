/* test_calendar.c - holiday files as people have them, and what several of them say
 * together. */
#include "schedule/calendar.h"
#include "schedule/tz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void add(struct calendar *c, const char *text) {
	struct error err = {0};
	AUTO(holidays_done) struct holidays file = {0};
	if (holidays_parse(text, strlen(text), &file, &err) < 0 ||
	    calendar_add(c, &file, &err) < 0) {
		fail_msg("%s: %s", text, err.text);
	}
}

static struct calendar *empty(void) {
	struct calendar *c = NULL;
	assert_int_equal(calendar_new(&c, NULL), 0);
	return c;
}

#define DAY(date, off) "{\"name\": \"x\", \"date\": \"" date "\", \"isOffDay\": " off "}"

static void a_later_file_wins_day_by_day(void **state) {
	(void)state;
	AUTO(calendar_free) struct calendar *c = empty();
	int64_t eve = civil_to_days(2025, 12, 31);
	assert_int_equal(calendar_day(c, eve), CALENDAR_PLAIN);
	assert_false(calendar_knows(c, 2025));
	add(c, "{\"year\": 2025, \"days\": [" DAY("2025-12-31", "true") ", " DAY(
		       "2025-01-01", "true") "]}");
	assert_int_equal(calendar_day(c, eve), CALENDAR_OFF);
	assert_true(calendar_knows(c, 2025));
	assert_false(calendar_knows(c, 2026));
	/* That of the next year knows of December. */
	add(c, "{\"year\": 2026, \"days\": [" DAY("2025-12-31", "false") "]}");
	assert_int_equal(calendar_day(c, eve), CALENDAR_WORK);
	assert_int_equal(calendar_day(c, civil_to_days(2025, 1, 1)), CALENDAR_OFF);
	assert_int_equal(calendar_day(c, eve + 1), CALENDAR_PLAIN);
	assert_true(calendar_knows(c, 2026));
	/* A neighbour's days do not make a year known. */
	add(c, "{\"year\": 2030, \"days\": [" DAY("2029-12-31", "true") "]}");
	assert_int_equal(calendar_day(c, civil_to_days(2029, 12, 31)), CALENDAR_OFF);
	assert_false(calendar_knows(c, 2029));
}

static void every_day_of_a_year_has_its_place(void **state) {
	(void)state;
	AUTO(calendar_free) struct calendar *c = empty();
	struct holiday days[366];
	struct holidays file = {.year = 2028, .days = days, .n = 366};
	int64_t first = civil_to_days(2028, 1, 1);
	for (int i = 0; i < 366; i++) {
		days[i] = (struct holiday){first + i, i % 3 == 0};
	}
	assert_int_equal(calendar_add(c, &file, NULL), 0);
	for (int i = 0; i < 366; i++) {
		assert_int_equal(calendar_day(c, first + i),
				 i % 3 == 0 ? CALENDAR_OFF : CALENDAR_WORK);
		assert_int_equal(calendar_workday(c, first + i), i % 3 != 0);
	}
	assert_int_equal(calendar_day(c, first - 1), CALENDAR_PLAIN);
	assert_int_equal(calendar_day(c, first + 366), CALENDAR_PLAIN);
}

static void the_shipped_years_are_there(void **state) {
	(void)state;
	AUTO(calendar_free) struct calendar *c = empty();
	assert_int_equal(calendar_add_shipped(c, NULL), 0);
	for (int year = 2010; year <= 2040; year++) {
		assert_int_equal(calendar_knows(c, year), year >= 2019 && year <= 2026);
	}
	assert_int_equal(calendar_day(c, civil_to_days(2026, 2, 17)), CALENDAR_OFF);
	assert_int_equal(calendar_day(c, civil_to_days(2022, 12, 31)), CALENDAR_OFF);
	/* Becoming another. */
	struct calendar *by = empty();
	add(by, "{\"year\": 2031, \"days\": []}");
	calendar_become(c, by);
	assert_true(calendar_knows(c, 2031));
	assert_false(calendar_knows(c, 2026));
}

static void without_files_there_are_weekends(void **state) {
	(void)state;
	int64_t monday = civil_to_days(2026, 11, 30);
	for (int i = 0; i < 14; i++) {
		assert_int_equal(calendar_workday(NULL, monday + i), i % 7 < 5);
	}
	assert_false(calendar_knows(NULL, 2026));
	AUTO(calendar_free) struct calendar *c = empty();
	static const int years[] = {-5, 1, 1968, 2202, 9999};
	for (size_t i = 0; i < LENGTH(years); i++) {
		assert_false(calendar_knows(c, years[i]));
	}
	assert_true(calendar_workday(c, civil_to_days(9998, 1, 1)));
}

static void a_wrong_file_is_told_where(void **state) {
	static const struct {
		const char *text;
		const char *field;
		const char *words;
	} cases[] = {
		{"", "", "it is not JSON: "},
		{"{\"year\": 2026, \"year\": 2027, \"days\": []}", "",
		 "it is not JSON: duplicate object key"},
		{"[]", "", "a holiday file is {\"year\": 2026"},
		{"{\"days\": []}", "year", "\"year\" must be a number from 1970 to 2200"},
		{"{\"year\": \"2026\", \"days\": []}", "year", "\"year\" must be"},
		{"{\"year\": 1969, \"days\": []}", "year", "\"year\" must be"},
		{"{\"year\": 2201, \"days\": []}", "year", "\"year\" must be"},
		{"{\"year\": 2026}", "days", "\"days\" must be a list"},
		{"{\"year\": 2026, \"days\": {}}", "days", "\"days\" must be a list"},
		{"{\"year\": 2026, \"days\": [3]}", "days[0].date",
		 "\"days[0].date\" must be a day there is, as \"2026-01-01\""},
		{"{\"year\": 2026, \"days\": [" DAY("2026-02-29", "true") "]}",
		 "days[0].date", "\"days[0].date\" must be a day there is"},
		{"{\"year\": 2026, \"days\": [" DAY("2026-2-9", "true") "]}",
		 "days[0].date", "\"days[0].date\" must be a day there is"},
		{"{\"year\": 2026, \"days\": [" DAY("2026-02-09x", "true") "]}",
		 "days[0].date", "\"days[0].date\" must be a day there is"},
		{"{\"year\": 2026, \"days\": [" DAY("2024-12-31", "true") "]}",
		 "days[0].date",
		 "\"days[0].date\" must lie in the year of the file or in one beside it"},
		{"{\"year\": 2026, \"days\": [" DAY("2026-01-01", "1") "]}",
		 "days[0].isOffDay", "\"days[0].isOffDay\" must be true"},
		{"{\"year\": 2026, \"days\": [" DAY("2026-01-01", "true") "," DAY(
			 "2026-01-01", "true") "," DAY("2026-01-01", "false") "]}",
		 "days[2].isOffDay",
		 "\"days[2].isOffDay\" says otherwise than an earlier entry"},
		{"{\"year\": 2026, \"days\": [{\"name\": 5, \"date\": \"2026-01-01\", "
		 "\"isOffDay\": true}]}",
		 "days[0].name", "\"days[0].name\" must be a text"},
	};
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct error err = {0};
		struct holidays file = {.year = 5};
		assert_int_equal(
			holidays_parse(cases[i].text, strlen(cases[i].text), &file, &err),
			-EINVAL);
		assert_int_equal(file.year, 5);
		assert_string_equal(err.field, cases[i].field);
		if (strncmp(err.text, cases[i].words, strlen(cases[i].words)) != 0) {
			fail_msg("%s: '%s', not '%s'", cases[i].text, err.text,
				 cases[i].words);
		}
	}
}

static void files_as_editors_leave_them_are_read(void **state) {
	static const char *const texts[] = {
		"\xEF\xBB\xBF{\"year\": 2026, \"days\": []}",
		"{\"$schema\": \"x\", \"year\": 2026, \"papers\": [], \"days\": "
		"[{\"date\": \"2026-01-01\", \"isOffDay\": true, \"note\": 5}]}\r\n",
	};
	(void)state;
	for (size_t i = 0; i < LENGTH(texts); i++) {
		AUTO(holidays_done) struct holidays file = {0};
		assert_int_equal(holidays_parse(texts[i], strlen(texts[i]), &file, NULL),
				 0);
		assert_int_equal(file.year, 2026);
		assert_int_equal(file.n, i);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_later_file_wins_day_by_day),
		cmocka_unit_test(every_day_of_a_year_has_its_place),
		cmocka_unit_test(the_shipped_years_are_there),
		cmocka_unit_test(without_files_there_are_weekends),
		cmocka_unit_test(a_wrong_file_is_told_where),
		cmocka_unit_test(files_as_editors_leave_them_are_read),
	};
	return cmocka_run_group_tests_name("calendar", tests, NULL, NULL);
}
