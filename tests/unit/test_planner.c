/* test_planner.c - the plan against a list that asks every rule every time. */
#include "schedule/planner.h"
#include "schedule/types.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND 1000000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define START 1767225600000000LL /* 2026-01-01 00:00 UTC */
#define SCHEDULES 40
#define LEAD (90 * SECOND) /* dues are taken that early */

static const char *const rules[] = {
	"* * * * *",  "*/7 * * * *",       "0 8 * * *",        "0 8 * * mon",
	"30 2 * * *", "0 0 L * *",         "0 0 30 2 *",       "at 2026-01-03 08:00",
	"0 8 1 1 *",  "0 8 * * *; tail 5", "15,45 6-20 * * *", "at 2025-01-01 08:00",
};

/* The model: what planner.h says, with no thought for speed. */
struct model_entry {
	bool there;
	struct rule *rule;
	int64_t since_us;
	int64_t from_us;
	int64_t given_us; /* the latest given out */
	int64_t after_us; /* dues at or before are past */
	int64_t until_us;
};

struct model {
	struct tz *tz;
	struct planner *planner;
	struct model_entry entries[SCHEDULES + 1]; /* by id */
	int64_t base_us;
	int64_t mark_us;
};

static int64_t later(int64_t a, int64_t b) {
	return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b) {
	return a < b ? a : b;
}

static bool model_due(const struct model *m, int64_t id, int64_t *ret_us) {
	const struct model_entry *e = &m->entries[id];
	return e->there && rule_next(e->rule, m->tz, NULL, e->after_us, ret_us) > 0 &&
	       (e->until_us == TIME_NONE || *ret_us < e->until_us);
}

static bool model_first(const struct model *m, struct planned *ret) {
	bool found = false;
	for (int64_t id = 1; id <= SCHEDULES; id++) {
		int64_t due_us = 0;
		if (model_due(m, id, &due_us) && (!found || due_us < ret->due_us)) {
			*ret = (struct planned){.schedule = id, .due_us = due_us};
			found = true;
		}
	}
	return found;
}

static void check_first(const struct model *m) {
	struct planned got = {0};
	struct planned wanted = {0};
	bool any = model_first(m, &wanted);
	assert_int_equal(planner_peek(m->planner, &got), any ? 1 : 0);
	if (any) {
		assert_int_equal(got.due_us, wanted.due_us);
		assert_int_equal(got.schedule, wanted.schedule);
	}
}

static void drop(struct model *m, int64_t id) {
	rule_free(m->entries[id].rule);
	m->entries[id] = (struct model_entry){0};
}

static void set_after(const struct model *m, struct model_entry *e) {
	e->after_us = later(later(m->base_us, e->since_us), e->given_us);
	if (e->from_us != TIME_NONE) {
		e->after_us = later(e->after_us, e->from_us - 1);
	}
}

/* The clock is set. */
static void reset(struct model *m, int64_t now_us) {
	m->base_us = m->mark_us = earlier(planner_mark(m->planner), now_us);
	planner_reset(m->planner, m->tz, m->base_us, now_us);
	for (int64_t id = 1; id <= SCHEDULES; id++) {
		struct model_entry *e = &m->entries[id];
		if (e->there) {
			e->given_us = TIME_NONE;
			e->since_us = earlier(e->since_us, now_us);
			set_after(m, e);
		}
	}
}

static void put(struct model *m, int64_t id, int64_t now_us) {
	struct schedule s = {.id = id, .enabled = random() % 8 != 0};
	char rule[64];
	snprintf(rule, sizeof(rule), "%s", rules[(size_t)random() % LENGTH(rules)]);
	s.rule = rule;
	s.from_us = random() % 3 == 0 ? now_us + random() % 3 * DAY : TIME_NONE;
	s.until_us = random() % 3 == 0 ? now_us + random() % 5 * DAY : TIME_NONE;
	struct error err = {0};
	assert_int_equal(planner_put(m->planner, &s, now_us, &err), 0);
	int64_t given_us = m->entries[id].there ? m->entries[id].given_us : TIME_NONE;
	drop(m, id);
	if (s.enabled) {
		struct model_entry *e = &m->entries[id];
		assert_int_equal(rule_parse(rule, &e->rule, &err), 0);
		e->there = true;
		e->until_us = s.until_us;
		e->since_us = now_us;
		e->from_us = s.from_us;
		e->given_us = given_us;
		set_after(m, e);
	}
}

/* Takes all that is due; each must be the model's first. */
static void take(struct model *m, int64_t until_us) {
	struct planned got;
	while (planner_take(m->planner, until_us, &got) > 0) {
		struct planned wanted = {0};
		assert_true(model_first(m, &wanted));
		assert_int_equal(got.due_us, wanted.due_us);
		assert_int_equal(got.schedule, wanted.schedule);
		assert_true(got.due_us <= until_us);
		m->entries[got.schedule].after_us = got.due_us;
		m->entries[got.schedule].given_us = got.due_us;
		m->mark_us = later(m->mark_us, got.due_us);
		/* Everything up to the mark was given out. */
		assert_true(planner_mark(m->planner) <= m->mark_us);
		struct planned next;
		if (planner_peek(m->planner, &next) > 0) {
			assert_true(planner_mark(m->planner) < next.due_us);
		}
	}
}

static void the_plan_is_that_of_a_patient_clerk(void **state) {
	(void)state;
	seed_random();
	struct model m = {.base_us = START, .mark_us = START};
	struct error err = {0};
	assert_int_equal(tz_load("Europe/Berlin", &m.tz, &err), 0);
	assert_int_equal(planner_new(m.tz, NULL, START, &m.planner, &err), 0);
	int64_t now_us = START;
	for (int i = 0; i < 3000; i++) {
		int64_t id = random() % SCHEDULES + 1;
		switch (random() % 7) {
		case 0:
		case 1:
			put(&m, id, now_us);
			break;
		case 2:
			planner_remove(m.planner, id);
			drop(&m, id);
			break;
		case 3:
			if (random() % 10 == 0) {
				now_us += (random() % 48 - 24) * HOUR;
				reset(&m, now_us);
			}
			break;
		default:
			now_us += random() % (2 * HOUR);
			take(&m, now_us + LEAD);
			break;
		}
		check_first(&m);
	}
	for (int64_t id = 1; id <= SCHEDULES; id++) {
		drop(&m, id);
	}
	planner_free(m.planner);
	tz_free(m.tz);
}

static int put_valid(struct planner *p, int64_t id, const char *text, int64_t since_us,
		     int64_t from_us, int64_t until_us) {
	char rule[64];
	snprintf(rule, sizeof(rule), "%s", text);
	struct schedule s = {.id = id,
			     .enabled = true,
			     .rule = rule,
			     .from_us = from_us,
			     .until_us = until_us};
	return planner_put(p, &s, since_us, NULL);
}

static int put_rule(struct planner *p, int64_t id, const char *text, int64_t since_us) {
	return put_valid(p, id, text, since_us, TIME_NONE, TIME_NONE);
}

static void validity_begins_with_from_and_ends_before_until(void **state) {
	(void)state;
	static const struct {
		int64_t from_us;
		int64_t until_us;
		int first; /* hours from START; 0: none */
		int n;
	} cases[] = {
		{TIME_NONE, START + 4 * HOUR, 1, 3},
		{TIME_NONE, START + 4 * HOUR + 1, 1, 4},
		{START + 2 * HOUR, START + 4 * HOUR, 2, 2},
		{START + 2 * HOUR + 1, START + 4 * HOUR, 3, 1},
		{START + 2 * HOUR, START + 2 * HOUR, 0, 0},
		{START + 3 * HOUR, START + 2 * HOUR, 0, 0},
		{START - DAY, START + HOUR + 1, 1, 1},
	};
	AUTO(tz_free) struct tz *tz = NULL;
	assert_int_equal(tz_load("UTC", &tz, NULL), 0);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		AUTO(planner_free) struct planner *p = NULL;
		struct planned got = {0};
		assert_int_equal(planner_new(tz, NULL, START, &p, NULL), 0);
		assert_int_equal(put_valid(p, 1, "0 * * * *", START, cases[i].from_us,
					   cases[i].until_us),
				 0);
		for (int k = 0; k < cases[i].n; k++) {
			assert_int_equal(planner_take(p, START + DAY, &got), 1);
			assert_int_equal(got.due_us, START + (cases[i].first + k) * HOUR);
		}
		assert_int_equal(planner_take(p, START + DAY, &got), 0);
	}
}

static void several_at_once_come_out_one_by_one(void **state) {
	(void)state;
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(planner_free) struct planner *p = NULL;
	assert_int_equal(tz_load("UTC", &tz, NULL), 0);
	assert_int_equal(planner_new(tz, NULL, START, &p, NULL), 0);
	for (int64_t id = 3; id > 0; id--) {
		assert_int_equal(put_rule(p, id, "0 8 * * *", TIME_NONE), 0);
	}
	struct planned got;
	for (int64_t id = 1; id <= 3; id++) {
		assert_int_equal(planner_take(p, START + 8 * HOUR, &got), 1);
		assert_int_equal(got.schedule, id);
		/* A crash here must not forget the others. */
		assert_int_equal(planner_mark(p), START + 8 * HOUR - (id < 3 ? 1 : 0));
	}
	assert_int_equal(planner_take(p, START + 8 * HOUR, &got), 0);
	assert_int_equal(planner_count(p), 3);
}

static void one_saved_while_others_are_handed_over_is_not_skipped(void **state) {
	(void)state;
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(planner_free) struct planner *p = NULL;
	assert_int_equal(tz_load("UTC", &tz, NULL), 0);
	assert_int_equal(planner_new(tz, NULL, START, &p, NULL), 0);
	assert_int_equal(put_rule(p, 1, "0 8 * * *", START), 0);
	struct planned got;
	assert_int_equal(planner_take(p, START + 8 * HOUR, &got), 1);
	assert_int_equal(planner_mark(p), START + 8 * HOUR);
	/* Three seconds before eight, when that of the first was taken already. */
	int64_t now_us = START + 8 * HOUR - 3 * SECOND;
	assert_int_equal(put_rule(p, 2, "0 8 * * *", now_us), 0);
	assert_int_equal(put_rule(p, 1, "0 8,9 * * *", now_us), 0);
	assert_int_equal(planner_mark(p), START + 8 * HOUR - 1);
	assert_int_equal(planner_take(p, START + 8 * HOUR, &got), 1);
	assert_int_equal(got.schedule, 2);
	assert_int_equal(planner_take(p, START + 8 * HOUR, &got), 0);
	assert_int_equal(planner_mark(p), START + 8 * HOUR);
}

static void a_step_back_gives_out_again_and_hides_nothing(void **state) {
	(void)state;
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(planner_free) struct planner *p = NULL;
	assert_int_equal(tz_load("UTC", &tz, NULL), 0);
	assert_int_equal(planner_new(tz, NULL, START, &p, NULL), 0);
	assert_int_equal(put_rule(p, 1, "0 * * * *", START), 0);
	/* Saved while the clock was a year ahead. */
	assert_int_equal(put_rule(p, 2, "30 * * * *", START + 365 * DAY), 0);
	struct planned got;
	assert_int_equal(planner_take(p, START + HOUR, &got), 1);
	planner_reset(p, tz, START, START + 10 * MINUTE);
	assert_int_equal(planner_take(p, START + HOUR, &got), 1);
	assert_int_equal(got.schedule, 2);
	assert_int_equal(got.due_us, START + 30 * MINUTE);
	assert_int_equal(planner_take(p, START + HOUR, &got), 1);
	assert_int_equal(got.schedule, 1);
	assert_int_equal(got.due_us, START + HOUR);
}

static void a_bad_rule_leaves_the_old_one(void **state) {
	(void)state;
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(planner_free) struct planner *p = NULL;
	assert_int_equal(tz_load("UTC", &tz, NULL), 0);
	assert_int_equal(planner_new(tz, NULL, START, &p, NULL), 0);
	assert_int_equal(put_rule(p, 1, "0 8 * * *", START), 0);
	assert_int_equal(put_rule(p, 1, "0 8 * *", START), -EINVAL);
	struct planned got;
	assert_int_equal(planner_peek(p, &got), 1);
	assert_int_equal(got.due_us, START + 8 * HOUR);
}

/* A moved occurrence comes at both of its times; a reset and a change of overrides bring
 * back what lies ahead, and nothing that is past. */
static void what_was_moved_comes_at_both_times(void **state) {
	(void)state;
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(planner_free) struct planner *p = NULL;
	assert_int_equal(tz_load("UTC", &tz, NULL), 0);
	assert_int_equal(planner_new(tz, NULL, START, &p, NULL), 0);
	char rule[] = "0 8 * * *";
	struct override o[] = {
		{.due_us = START + 8 * HOUR, .to_us = START + 6 * HOUR},
		{.due_us = START + 32 * HOUR, .to_us = START + 50 * HOUR},
		{.due_us = START + 56 * HOUR, .to_us = TIME_NONE},
		{.due_us = START - 16 * HOUR, .to_us = START - HOUR},
	};
	struct schedule s = {.id = 1,
			     .rule = rule,
			     .from_us = TIME_NONE,
			     .until_us = TIME_NONE,
			     .enabled = true,
			     .overrides = o,
			     .n_overrides = LENGTH(o)};
	assert_int_equal(planner_put(p, &s, TIME_NONE, NULL), 0);
	assert_int_equal(put_rule(p, 2, "0 7 * * *", START), 0);
	static const struct planned want[] = {
		{1, START + 6 * HOUR, START + 8 * HOUR},
		{2, START + 7 * HOUR, START + 7 * HOUR},
		{1, START + 8 * HOUR, START + 8 * HOUR},
		{2, START + 31 * HOUR, START + 31 * HOUR},
		{1, START + 32 * HOUR, START + 32 * HOUR},
		{1, START + 50 * HOUR, START + 32 * HOUR},
		{2, START + 55 * HOUR, START + 55 * HOUR},
		{1, START + 56 * HOUR, START + 56 * HOUR},
	};
	for (size_t i = 0; i < LENGTH(want); i++) {
		struct planned got = {0};
		assert_int_equal(planner_take(p, START + 60 * HOUR, &got), 1);
		assert_int_equal(got.schedule, want[i].schedule);
		assert_int_equal(got.due_us, want[i].due_us);
		assert_int_equal(got.occurrence_us, want[i].occurrence_us);
		assert_int_equal(planner_mark(p), got.due_us);
		if (i == 2) {
			planner_reset(p, tz, got.due_us, got.due_us);
		} else if (i == 3 || i == 6) {
			assert_int_equal(planner_put_overrides(p, &s, NULL), 0);
		}
	}
	planner_remove(p, 1);
	struct planned got = {0};
	while (planner_take(p, START + 400 * HOUR, &got) > 0) {
		assert_int_equal(got.schedule, 2);
	}
	assert_int_equal(planner_count(p), 1);
}

/* 100,000 schedules: filling, and taking a day of them, ends; ./dev bench says how soon.
 */
static void a_hundred_thousand_schedules(void **state) {
	(void)state;
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(planner_free) struct planner *p = NULL;
	assert_int_equal(tz_load("Asia/Shanghai", &tz, NULL), 0);
	assert_int_equal(planner_new(tz, NULL, START, &p, NULL), 0);
	for (int64_t id = 1; id <= 100000; id++) {
		char rule[32];
		snprintf(rule, sizeof(rule), "%d %d * * *", (int)(id % 60),
			 (int)(id / 60 % 24));
		assert_int_equal(put_rule(p, id, rule, START), 0);
	}
	assert_int_equal(planner_count(p), 100000);
	struct planned got;
	int64_t last_us = START;
	int64_t taken = 0;
	while (planner_take(p, START + DAY, &got) > 0) {
		assert_true(got.due_us >= last_us);
		last_us = got.due_us;
		taken++;
	}
	assert_int_equal(taken, 100000);
}

static void add_rule(struct planner *p, int64_t id, const char *text) {
	struct schedule s = {.id = id,
			     .rule = strdup(text),
			     .enabled = true,
			     .from_us = TIME_NONE,
			     .until_us = TIME_NONE};
	assert_int_equal(planner_put(p, &s, TIME_NONE, NULL), 0);
	free(s.rule);
}

static void expect_take(struct planner *p, int64_t until_us, int64_t id, int64_t due_us) {
	struct planned got = {0};
	assert_int_equal(planner_take(p, until_us, &got), 1);
	assert_int_equal(got.schedule, id);
	assert_int_equal(got.due_us, due_us);
}

/* 2026-01-01 is a Thursday. A file comes at 10:00 that makes it a day off, or, on another
 * box, the Saturday a working day. */
static void a_calendar_that_changes_counts_from_then_on(void **state) {
	(void)state;
	AUTO(tz_free) struct tz *tz = NULL;
	AUTO(planner_free) struct planner *p = NULL;
	AUTO(calendar_free) struct calendar *calendar = NULL;
	struct planned got = {0};
	assert_int_equal(tz_load("UTC", &tz, NULL), 0);
	assert_int_equal(calendar_new(&calendar, NULL), 0);
	assert_int_equal(planner_new(tz, calendar, START, &p, NULL), 0);
	add_rule(p, 1, "0 8,12,18 * * *; workday");
	add_rule(p, 2, "0 9,18 * * *; offday");
	add_rule(p, 3, "0 11 * * *");
	expect_take(p, START + 10 * HOUR, 1, START + 8 * HOUR);
	/* Not taken yet at 12:30: it stays. */
	expect_take(p, START + 11 * HOUR, 3, START + 11 * HOUR);
	struct holiday days[] = {{START / DAY, true}, {START / DAY + 2, false}};
	struct holidays file = {.year = 2026, .days = days, .n = 2};
	assert_int_equal(calendar_add(calendar, &file, NULL), 0);
	planner_replan(p, START + 12 * HOUR + 30 * MINUTE);
	expect_take(p, START + 13 * HOUR, 1, START + 12 * HOUR);
	/* 9:00 of the new day off is past; 18:00 is not, and no workday any more. */
	assert_int_equal(planner_take(p, START + 17 * HOUR, &got), 0);
	expect_take(p, START + 24 * HOUR, 2, START + 18 * HOUR);
	expect_take(p, START + 34 * HOUR, 1, START + DAY + 8 * HOUR);
	/* The Saturday is worked. */
	planner_replan(p, START + 2 * DAY);
	bool worked = false;
	while (planner_take(p, START + 3 * DAY - 1, &got) > 0) {
		assert_true(got.schedule != 2 || got.due_us < START + 2 * DAY);
		worked = worked || (got.schedule == 1 && got.due_us > START + 2 * DAY);
	}
	assert_true(worked);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_plan_is_that_of_a_patient_clerk),
		cmocka_unit_test(validity_begins_with_from_and_ends_before_until),
		cmocka_unit_test(several_at_once_come_out_one_by_one),
		cmocka_unit_test(one_saved_while_others_are_handed_over_is_not_skipped),
		cmocka_unit_test(a_step_back_gives_out_again_and_hides_nothing),
		cmocka_unit_test(what_was_moved_comes_at_both_times),
		cmocka_unit_test(a_bad_rule_leaves_the_old_one),
		cmocka_unit_test(a_calendar_that_changes_counts_from_then_on),
		cmocka_unit_test(a_hundred_thousand_schedules),
	};
	return cmocka_run_group_tests_name("planner", tests, NULL, NULL);
}
