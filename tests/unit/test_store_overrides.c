/* test_store_overrides.c - what single occurrences do just this once, there and back, and
 * the claim of a run that was moved. */
#include "store_rows.h"

#include <string.h>

#define HOUR_US (60 * MINUTE_US)

/* A schedule with two announcements to choose from. */
static int setup(void **state) {
	struct error err = {0};
	int64_t id = 0;
	assert_int_equal(open_memory(state), 0);
	struct store *s = *state;
	assert_ok(add_area(s, "360826101", 0, &id, &err));
	assert_ok(add_output(s, "hall", 8, &id, &err));
	assert_ok(add_zone(s, "东村", 1, 5, 1, &id, &err));
	assert_ok(add_announcement(s, 0, &id, &err));
	assert_ok(add_announcement(s, 0, &id, &err));
	assert_ok(add_schedule(s, 1, 1, &id, &err));
	assert_ok(add_schedule(s, 1, 1, &id, &err));
	return 0;
}

static struct override move_of(int64_t schedule, int64_t due_us, int64_t to_us) {
	static char who[] = "clerk";
	return (struct override){.schedule = schedule,
				 .due_us = due_us,
				 .action = OVERRIDE_MOVE,
				 .to_us = to_us,
				 .created_us = NOON_US,
				 .author = who};
}

static void there_and_back(void **state) {
	struct store *s = *state;
	struct error err = {0};
	struct override o = move_of(1, NOON_US + HOUR_US, NOON_US + 2 * HOUR_US);
	o.announcement = 2;
	assert_int_equal(store_override_put(s, &o, &err), 1);
	assert_int_equal(o.id, 1);
	AUTO(override_done) struct override back = {0};
	assert_ok(store_override_get(s, 1, &back, &err));
	assert_int_equal(back.schedule, 1);
	assert_int_equal(back.due_us, o.due_us);
	assert_int_equal(back.action, OVERRIDE_MOVE);
	assert_int_equal(back.to_us, o.to_us);
	assert_int_equal(back.announcement, 2);
	assert_false(back.passed);
	assert_int_equal(back.created_us, NOON_US);
	assert_string_equal(back.author, "clerk");
	assert_int_equal(store_override_get(s, 7, &back, &err), -ENOENT);
}

static void one_for_an_occurrence(void **state) {
	struct store *s = *state;
	struct error err = {0};
	struct override o = move_of(1, NOON_US + HOUR_US, NOON_US + 2 * HOUR_US);
	assert_int_equal(store_override_put(s, &o, &err), 1);
	assert_int_equal(store_override_put(s, &o, &err), 0); /* the same again */
	assert_ok(store_override_pass(s, o.id, true, &err));
	o.to_us += HOUR_US;
	o.created_us++;
	assert_int_equal(store_override_put(s, &o, &err), 1);
	assert_int_equal(o.id, 1);
	struct override other = move_of(2, NOON_US + HOUR_US, NOON_US + 2 * HOUR_US);
	assert_int_equal(store_override_put(s, &other, &err), 1);
	assert_int_equal(other.id, 2);
	struct override *items = NULL;
	size_t n = 0;
	assert_ok(
		store_override_list(s, 1, (struct store_page){0, 10}, &items, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(items[0].to_us, o.to_us);
	assert_true(items[0].passed); /* what has passed stays so */
	override_list_free(items, n);
	assert_ok(
		store_override_list(s, 0, (struct store_page){1, 10}, &items, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(items[0].id, 2);
	override_list_free(items, n);
}

static void no_more_than_can_be_looked_at(void **state) {
	struct store *s = *state;
	struct error err = {0};
	struct override o = move_of(1, 0, NOON_US);
	for (int i = 1; i <= SCHEDULE_OVERRIDES_MAX; i++) {
		o.due_us = NOON_US + i * HOUR_US;
		assert_int_equal(store_override_put(s, &o, &err), 1);
	}
	o.to_us++; /* one that is there may change, and other schedules have theirs */
	assert_int_equal(store_override_put(s, &o, &err), 1);
	o.schedule = 2;
	assert_int_equal(store_override_put(s, &o, &err), 1);
	o.schedule = 1;
	o.due_us += HOUR_US;
	assert_refused(store_override_put(s, &o, &err), EBUSY,
		       "schedule 1 has 400 overrides; delete those that are over");
	assert_ok(store_override_delete(s, 1, &err));
	assert_int_equal(store_override_put(s, &o, &err), 1);
}

static void schedules_bring_theirs_along(void **state) {
	struct store *s = *state;
	struct error err = {0};
	int64_t id = 0;
	for (int i = 0; i < 2; i++) {
		assert_ok(add_schedule(s, 1, 1, &id, &err));
	}
	assert_ok(store_schedule_delete(s, 3, &err));
	for (int i = 3; i > 0; i--) {
		struct override o = move_of(2, NOON_US + i * HOUR_US, NOON_US);
		assert_int_equal(store_override_put(s, &o, &err), 1);
		o.schedule = 4;
		assert_int_equal(store_override_put(s, &o, &err), 1);
	}
	static const size_t want[] = {0, 3, 3}; /* of 1, 2 and 4 */
	struct schedule *items = NULL;
	size_t n = 0;
	assert_ok(store_schedule_list(s, (struct store_page){0, 10}, &items, &n, &err));
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(items[i].n_overrides, want[i]);
		for (size_t k = 0; k < items[i].n_overrides; k++) {
			assert_int_equal(items[i].overrides[k].schedule, items[i].id);
			assert_int_equal(items[i].overrides[k].due_us,
					 NOON_US + (int64_t)(k + 1) * HOUR_US);
		}
	}
	schedule_list_free(items, n);
}

struct bad_case {
	const char *field;
	struct override o;
};

static void what_cannot_be(void **state) {
	struct store *s = *state;
	static const struct bad_case cases[] = {
		{"to", {.schedule = 1, .action = OVERRIDE_MOVE, .to_us = TIME_NONE}},
		{"to", {.schedule = 1, .due_us = 5, .action = OVERRIDE_MOVE, .to_us = 5}},
		{"action", {.schedule = 1, .action = OVERRIDE_SKIP, .to_us = 9}},
		{"action",
		 {.schedule = 1,
		  .action = OVERRIDE_SKIP,
		  .to_us = TIME_NONE,
		  .announcement = 2}},
		{"announcement",
		 {.schedule = 1, .action = OVERRIDE_REPLACE, .to_us = TIME_NONE}},
		{"announcement",
		 {.schedule = 1,
		  .action = OVERRIDE_REPLACE,
		  .to_us = TIME_NONE,
		  .announcement = 9}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct override o = cases[i].o;
		struct error err = {0};
		assert_int_equal(store_override_put(s, &o, &err), -EINVAL);
		assert_string_equal(err.field, cases[i].field);
	}
	struct override o = move_of(9, 1, 2);
	struct error err = {0};
	assert_int_equal(store_override_put(s, &o, &err), -ENOENT);
}

/* It goes with its schedule, and holds an announcement while that is to be heard. */
static void what_it_holds_and_what_holds_it(void **state) {
	struct store *s = *state;
	struct error err = {0};
	struct override o = move_of(1, NOON_US + HOUR_US, NOON_US + 2 * HOUR_US);
	o.announcement = 2;
	assert_int_equal(store_override_put(s, &o, &err), 1);
	assert_int_equal(store_announcement_delete(s, 2, &err), -EBUSY);
	assert_non_null(strstr(err.text, "schedule 1"));
	assert_ok(store_mark_put(s, NOON_US + 2 * HOUR_US, &err));
	assert_ok(store_announcement_delete(s, 2, &err));
	AUTO(override_done) struct override back = {0};
	assert_ok(store_override_get(s, o.id, &back, &err));
	assert_int_equal(back.announcement, 0);
	assert_ok(store_schedule_delete(s, 1, &err));
	override_done(&back);
	assert_int_equal(store_override_get(s, o.id, &back, &err), -ENOENT);
}

static void a_move_brings_the_mark_back(void **state) {
	struct store *s = *state;
	struct error err = {0};
	int64_t mark_us = 0;
	assert_ok(store_mark_put(s, NOON_US, &err));
	struct override o = move_of(1, NOON_US + HOUR_US, NOON_US + 5);
	assert_int_equal(store_override_put(s, &o, &err), 1);
	assert_ok(store_mark_get(s, &mark_us, &err));
	assert_int_equal(mark_us, NOON_US);
	o.to_us = NOON_US - 5;
	assert_int_equal(store_override_put(s, &o, &err), 1);
	assert_ok(store_mark_get(s, &mark_us, &err));
	assert_int_equal(mark_us, NOON_US - 6);
}

static void old_ones_are_let_go(void **state) {
	struct store *s = *state;
	struct error err = {0};
	for (int i = 1; i <= 3; i++) {
		struct override o =
			move_of(1, NOON_US + i * HOUR_US, NOON_US + 4 * HOUR_US + i);
		if (i < 3) {
			o.action = OVERRIDE_SKIP;
			o.to_us = TIME_NONE;
		}
		assert_int_equal(store_override_put(s, &o, &err), 1);
	}
	assert_int_equal(store_override_prune(s, NOON_US + HOUR_US, 10, &err), 0);
	assert_int_equal(store_override_prune(s, NOON_US + 4 * HOUR_US, 1, &err), 1);
	assert_int_equal(store_override_prune(s, NOON_US + 4 * HOUR_US, 10, &err), 1);
	assert_int_equal(store_override_prune(s, NOON_US + 5 * HOUR_US, 10, &err), 1);
}

static int claim(struct store *s, int64_t due_us, int64_t moved_from_us) {
	struct error err = {0};
	char source[] = "schedule";
	char title[] = "news";
	char name[] = "东村";
	char chime[] = "ding";
	struct part part = {.kind = PART_CHIME, .text = chime};
	struct run_zone zone = {.zone = 1, .zone_name = name, .started_us = TIME_NONE};
	struct run run = {.source = source,
			  .schedule = 1,
			  .title = title,
			  .content = {.parts = &part, .n_parts = 1, .repeat = 1},
			  .class = CLASS_NOTICE,
			  .due_us = due_us,
			  .moved_from_us = moved_from_us,
			  .created_us = NOON_US,
			  .expires_us = TIME_NONE,
			  .zones = &zone,
			  .n_zones = 1};
	return store_run_claim(s, &run, &err);
}

static void a_run_is_claimed_by_what_its_rule_says(void **state) {
	struct store *s = *state;
	struct error err = {0};
	int64_t id = 0;
	assert_int_equal(claim(s, 500, 100), 0);
	assert_int_equal(claim(s, 100, 0), -EEXIST);
	assert_int_equal(claim(s, 700, 100), -EEXIST);
	assert_int_equal(claim(s, 500, 0), 0); /* another one, at the same time */
	assert_int_equal(claim(s, 100, 500), -EEXIST);
	assert_ok(store_run_of(s, 1, 100, &id, &err));
	assert_int_equal(id, 1);
	assert_ok(store_run_of(s, 1, 500, &id, &err));
	assert_int_equal(id, 2);
	assert_ok(store_run_of(s, 1, 700, &id, &err));
	assert_int_equal(id, 0);
	AUTO(run_done) struct run run = {0};
	assert_ok(store_run_get(s, 1, &run, &err));
	assert_int_equal(run.due_us, 500);
	assert_int_equal(run.moved_from_us, 100);
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, close_memory)
	const struct CMUnitTest tests[] = {
		CASE(there_and_back),
		CASE(one_for_an_occurrence),
		CASE(no_more_than_can_be_looked_at),
		CASE(schedules_bring_theirs_along),
		CASE(what_cannot_be),
		CASE(what_it_holds_and_what_holds_it),
		CASE(a_move_brings_the_mark_back),
		CASE(old_ones_are_let_go),
		CASE(a_run_is_claimed_by_what_its_rule_says),
	};
	return cmocka_run_group_tests_name("store_overrides", tests, NULL, NULL);
}
