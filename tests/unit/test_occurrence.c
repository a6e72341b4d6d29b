/* test_occurrence.c - the occurrences of a schedule with what is said of single ones,
 * against a list that is made by hand and sorted. */
#include "schedule/occurrence.h"

#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SECOND 1000000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define START (1772409600LL * SECOND) /* 2026-03-02 08:00 in Shanghai */
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static struct tz *shanghai;

static int load_tz(void **state) {
	(void)state;
	return tz_load("Asia/Shanghai", &shanghai, NULL);
}

static int free_tz(void **state) {
	(void)state;
	tz_free(shanghai);
	return 0;
}

static struct rule *rule_of(const char *text) {
	struct rule *rule = NULL;
	assert_int_equal(rule_parse(text, &rule, NULL), 0);
	return rule;
}

static void what_is_due_by_rule_and_validity(void **state) {
	(void)state;
	struct schedule p = {.from_us = START + 30 * MINUTE,
			     .until_us = START + 2 * HOUR};
	AUTO(rule_free) struct rule *rule = rule_of("*/20 8-10 * * *");
	struct series s = {&p, rule, shanghai, NULL};
	assert_int_equal(series_due_after(&s, START), START + 40 * MINUTE);
	assert_int_equal(series_due_after(&s, START + 40 * MINUTE), START + HOUR);
	assert_true(series_due_after(&s, START + 100 * MINUTE) == INT64_MAX);
	assert_true(series_is_due(&s, START + 40 * MINUTE));
	assert_false(series_is_due(&s, START + 20 * MINUTE)); /* before its validity */
	assert_false(series_is_due(&s, START + 2 * HOUR));    /* behind it */
	assert_false(series_is_due(&s, START + 41 * MINUTE));
	assert_int_equal(series_due_before(&s, START + DAY), START + 100 * MINUTE);
	assert_int_equal(series_due_before(&s, START + HOUR), START + 40 * MINUTE);
	assert_int_equal(series_due_before(&s, START + HOUR + 1), START + HOUR);
	assert_true(series_due_before(&s, START + 40 * MINUTE) == TIME_NONE);
}

static int compare(const void *a, const void *b) {
	const struct occurrence *x = a;
	const struct occurrence *y = b;
	if (x->at_us != y->at_us) {
		return x->at_us < y->at_us ? -1 : 1;
	}
	return (x->due_us > y->due_us) - (x->due_us < y->due_us);
}

#define HOURS 200

/* What the first hours of "0 * * * *" are, with one override for some of them. */
static size_t by_hand(const struct override *overrides, size_t n,
		      struct occurrence ret[HOURS]) {
	for (int i = 0; i < HOURS; i++) {
		ret[i] = (struct occurrence){START + i * HOUR, START + i * HOUR, NULL};
		for (size_t k = 0; k < n; k++) {
			if (overrides[k].due_us != ret[i].due_us) {
				continue;
			}
			ret[i].override = &overrides[k];
			if (overrides[k].to_us != TIME_NONE) {
				ret[i].at_us = overrides[k].to_us;
			}
		}
	}
	qsort(ret, HOURS, sizeof(ret[0]), compare);
	return HOURS;
}

/* Each some hours behind the one before; one in four is of no hour, and void. */
static size_t random_overrides(struct override *ret, size_t max) {
	int64_t due_us = START;
	for (size_t i = 0; i < max; i++) {
		due_us += (1 + random() % 6) * HOUR;
		int64_t to_us = due_us + (random() % 600 - 300) * 6 * MINUTE;
		bool moved = random() % 3 != 0;
		bool is_void = random() % 4 == 0;
		ret[i] =
			(struct override){.due_us = due_us + (is_void ? MINUTE : 0),
					  .action = moved ? OVERRIDE_MOVE : OVERRIDE_SKIP,
					  .to_us = moved ? to_us : TIME_NONE};
	}
	return max;
}

static void all_come_in_order_and_once(void **state) {
	(void)state;
	seed_random();
	AUTO(rule_free) struct rule *rule = rule_of("0 * * * *");
	for (int round = 0; round < 200; round++) {
		struct override overrides[20];
		struct schedule p = {.from_us = TIME_NONE,
				     .until_us = START + HOURS * HOUR,
				     .overrides = overrides};
		struct occurrence want[HOURS];
		p.n_overrides = random_overrides(overrides, LENGTH(overrides));
		p.from_us = START;
		size_t n = by_hand(overrides, p.n_overrides, want);
		struct series s = {&p, rule, shanghai, NULL};
		struct occurrence got = {.due_us = INT64_MAX, .at_us = START - 100 * DAY};
		for (size_t i = 0; i < n; i++) {
			assert_true(series_next(&s, &got));
			assert_int_equal(got.at_us, want[i].at_us);
			assert_int_equal(got.due_us, want[i].due_us);
			assert_ptr_equal(got.override, want[i].override);
		}
		assert_false(series_next(&s, &got));
		/* And from anywhere in between. */
		int64_t after_us = START + (random() % HOURS) * HOUR;
		got = (struct occurrence){.due_us = INT64_MAX, .at_us = after_us};
		bool any = series_next(&s, &got);
		size_t i = 0;
		while (i < n && want[i].at_us <= after_us) {
			i++;
		}
		assert_int_equal(any, i < n);
		assert_true(!any || got.due_us == want[i].due_us);
	}
}

static void what_is_passed_holds_whatever_the_rule(void **state) {
	(void)state;
	struct override o = {.due_us = START + MINUTE,
			     .action = OVERRIDE_MOVE,
			     .to_us = START + 90 * MINUTE};
	struct schedule p = {.from_us = TIME_NONE,
			     .until_us = TIME_NONE,
			     .overrides = &o,
			     .n_overrides = 1};
	AUTO(rule_free) struct rule *rule = rule_of("0 * * * *");
	struct series s = {&p, rule, shanghai, NULL};
	assert_false(override_holds(&s, &o));
	assert_false(series_taken(&s, START, START + 90 * MINUTE));
	o.passed = true;
	assert_true(override_holds(&s, &o));
	assert_true(series_taken(&s, START, START + 90 * MINUTE));
	assert_false(series_taken(&s, o.due_us, START + 90 * MINUTE));
}

static void a_place_is_taken_by_what_sounds_there(void **state) {
	(void)state;
	struct override o[] = {
		{.due_us = START + HOUR, .action = OVERRIDE_SKIP, .to_us = TIME_NONE},
		{.due_us = START + 2 * HOUR,
		 .action = OVERRIDE_MOVE,
		 .to_us = START + 30 * MINUTE},
		{.due_us = START + 3 * HOUR,
		 .action = OVERRIDE_REPLACE,
		 .to_us = TIME_NONE}};
	struct schedule p = {.from_us = TIME_NONE,
			     .until_us = TIME_NONE,
			     .overrides = o,
			     .n_overrides = LENGTH(o)};
	AUTO(rule_free) struct rule *rule = rule_of("0 * * * *");
	struct series s = {&p, rule, shanghai, NULL};
	static const struct {
		int64_t min;
		bool taken;
	} cases[] = {{0, true},   {30, true},   {60, false},
		     {90, false}, {120, false}, {180, true}};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		bool taken =
			series_taken(&s, START + 9 * HOUR, START + cases[i].min * MINUTE);
		assert_int_equal(taken, cases[i].taken);
	}
	/* One is not in its own way. */
	assert_false(series_taken(&s, START + 3 * HOUR, START + 3 * HOUR));
}

/* As many as a schedule can have, of a rule that is never due: a question about one of
 * them looks at its own day, not 40 years ahead. */
static void many_cost_little(void **state) {
	(void)state;
	AUTO(rule_free) struct rule *rule = rule_of("0 8 * * *; lunar 1-1; term 夏至");
	static struct override o[SCHEDULE_OVERRIDES_MAX];
	struct schedule p = {.from_us = TIME_NONE,
			     .until_us = TIME_NONE,
			     .overrides = o,
			     .n_overrides = LENGTH(o)};
	struct series s = {&p, rule, shanghai, NULL};
	struct occurrence next = {.due_us = INT64_MAX, .at_us = START};
	for (size_t i = 0; i < LENGTH(o); i++) {
		o[i] = (struct override){.due_us = START + (int64_t)i * DAY,
					 .action = OVERRIDE_MOVE,
					 .to_us = START + (int64_t)i * DAY + HOUR};
	}
	clock_t began = clock();
	assert_false(series_next(&s, &next));
	assert_false(series_taken(&s, START, START + 5 * DAY + HOUR));
	assert_true(clock() - began < CLOCKS_PER_SEC / 5);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_due_by_rule_and_validity),
		cmocka_unit_test(all_come_in_order_and_once),
		cmocka_unit_test(what_is_passed_holds_whatever_the_rule),
		cmocka_unit_test(a_place_is_taken_by_what_sounds_there),
		cmocka_unit_test(many_cost_little),
	};
	return cmocka_run_group_tests_name("occurrence", tests, load_tz, free_tz);
}
