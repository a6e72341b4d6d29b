/* test_director_relay.c - runs with lines and streams in them: when what brings them is
 * there, how long they last, and what the record says of what did not come. The director
 * is the real one, on a clock the test turns (fake_box.h). */
#include "fake_box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000LL
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int64_t zones[2];

static int setup(void **state) {
	static struct fake_box box;
	fake_box_start(&box);
	fake_box_zones(&box, zones, 2);
	*state = &box;
	return 0;
}

static int teardown(void **state) {
	fake_box_done(*state);
	return 0;
}

/* A second of silence, a line of 10 s, a stream of 20 s. */
static int64_t push_at(struct fake_box *box, int64_t at_us, int repeat) {
	AUTO(announcement_done)
	struct announcement a = {.content.repeat = repeat, .expires_us = TIME_NONE};
	AUTO(ids_done) struct ids ids = {0};
	struct error err = {0};
	int64_t run = 0;
	a.title = strdup("radio");
	assert_int_equal(content_add(&a.content, PART_SILENCE, NULL, NULL, 1000), 0);
	assert_int_equal(
		content_add_relay(&a.content, PART_LINE, "hw:CARD=x", NULL, 10000), 0);
	assert_int_equal(
		content_add_relay(&a.content, PART_STREAM, "http://a/b", NULL, 20000), 0);
	assert_int_equal(store_announcement_put(box->store, &a, &err), 0);
	assert_int_equal(ids_add(&ids, zones[0]), 0);
	assert_int_equal(ids_add(&ids, zones[1]), 0);
	struct director_push push = {.source = "push",
				     .announcement = a.id,
				     .zones = &ids,
				     .at_us = at_us,
				     .class = CLASS_PROGRAMME,
				     .author = "test"};
	if (director_push(box->director, &push, &run, &err) < 0) {
		fail_msg("%s", err.text);
	}
	return run;
}

static void assert_row(struct fake_box *box, int64_t id, enum outcome outcome,
		       int64_t played_ms, const char *reason) {
	AUTO(run_done) struct run run = {0};
	assert_int_equal(store_run_get(box->store, id, &run, NULL), 0);
	assert_string_equal(outcome_name(run.zones[0].outcome), outcome_name(outcome));
	assert_int_equal(run.zones[0].played_ms, played_ms);
	if (reason == NULL) {
		assert_null(run.zones[0].reason);
	} else {
		assert_string_equal(run.zones[0].reason, reason);
	}
}

static void it_is_there_from_shortly_before(void **state) {
	struct fake_box *box = *state;
	int64_t run = push_at(box, box->now_us + 60 * SECOND, 1);
	fake_box_pass(box, 56 * SECOND);
	assert_int_equal(fake_box_relays(), 0);
	fake_box_pass(box, 2 * SECOND);
	assert_int_equal(fake_box_relays(), 2);
	assert_string_equal(fake_box_says(zones[0]), "");
	fake_box_pass(box, 3 * SECOND);
	assert_string_equal(fake_box_says(zones[0]), "_RR");
	fake_box_pass(box, 29 * SECOND);
	assert_int_equal(fake_box_relays(), 2);
	fake_box_pass(box, 2 * SECOND);
	assert_int_equal(fake_box_relays(), 0);
	assert_row(box, run, OUTCOME_PLAYED, 31000, NULL);
}

static void it_is_let_go(void **state) {
	struct fake_box *box = *state;
	struct error err = {0};
	int64_t run = push_at(box, TIME_NONE, 2);
	fake_box_pass(box, 5 * SECOND);
	assert_int_equal(fake_box_relays(), 2);
	assert_int_equal(director_stop_run(box->director, run, "test", &err), 0);
	fake_box_pass(box, SECOND);
	assert_int_equal(fake_box_relays(), 0);
	/* A disk that refuses the record keeps nothing but that. */
	(void)push_at(box, TIME_NONE, 1);
	fake_box_pass(box, 5 * SECOND);
	assert_int_equal(fake_box_relays(), 2);
	fake_box_break_disk(box, true);
	fake_box_pass(box, 40 * SECOND);
	assert_int_equal(fake_box_relays(), 0);
	fake_box_break_disk(box, false);
	fake_box_pass(box, 5 * SECOND);
	/* The clock is set back: what was near is far away again. */
	(void)push_at(box, box->now_us + 3600 * SECOND, 1);
	fake_box_pass(box, 3598 * SECOND);
	assert_int_equal(fake_box_relays(), 2);
	fake_box_step(box, -1800 * SECOND);
	fake_box_pass(box, SECOND);
	assert_int_equal(fake_box_relays(), 0);
	fake_box_pass(box, 1800 * SECOND);
	assert_int_equal(fake_box_relays(), 2);
	fake_box_restart(box, false);
	assert_int_equal(fake_box_relays(), 0);
}

static void what_did_not_come_is_told(void **state) {
	static const struct {
		int64_t missing_ms;
		int64_t fallback_ms;
		const char *words;
		enum outcome outcome;
		const char *reason;
	} cases[] = {
		{0, 0, "was wrong once", OUTCOME_PLAYED, NULL},
		{2340, 0, "", OUTCOME_PLAYED, "nothing came for 2.3 of 31.0 s"},
		{5000, 0, "No such device", OUTCOME_PLAYED,
		 "nothing came for 5.0 of 31.0 s: No such device"},
		{5000, 4750, "the server answers 404", OUTCOME_PLAYED,
		 "nothing came for 5.0 of 31.0 s, the fallback sounded for 4.8 s: the "
		 "server answers 404"},
		{31000, 0, "busy", OUTCOME_FAILED,
		 "nothing came for 31.0 of 31.0 s: busy"},
		{31000, 30000, "busy", OUTCOME_PLAYED,
		 "nothing came for 31.0 of 31.0 s, the fallback sounded for 30.0 s: "
		 "busy"},
	};
	struct fake_box *box = *state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		fake_box_relay_lacks(cases[i].missing_ms, cases[i].fallback_ms,
				     cases[i].words);
		int64_t run = push_at(box, TIME_NONE, 1);
		fake_box_pass(box, 40 * SECOND);
		assert_row(box, run, cases[i].outcome, 31000, cases[i].reason);
	}
}

static void an_unread_fallback_is_told(void **state) {
	struct fake_box *box = *state;
	fake_box_relay_lacks(31000, 0, "busy");
	fake_box_fallback_unread(30000);
	int64_t run = push_at(box, TIME_NONE, 1);
	fake_box_pass(box, 40 * SECOND);
	assert_row(
		box, run, OUTCOME_FAILED, 31000,
		"nothing came for 31.0 of 31.0 s, the fallback could not be read: busy");
}

/* Another run's trouble is no reason. */
static void what_was_wrong_before_is_not(void **state) {
	struct fake_box *box = *state;
	fake_box_relay_lacks(2000, 0, "");
	fake_box_relay_was_wrong("No such device");
	int64_t run = push_at(box, TIME_NONE, 1);
	fake_box_pass(box, 40 * SECOND);
	assert_row(box, run, OUTCOME_PLAYED, 31000, "nothing came for 2.0 of 31.0 s");
}

/* While the clock is not trusted nothing is captured for what may not sound; where it is
 * again in time, the run is as any other. */
static void held_it_needs_none(void **state) {
	struct fake_box *box = *state;
	int64_t run = push_at(box, box->now_us + 10 * SECOND, 1);
	fake_box_pass(box, 8 * SECOND);
	assert_int_equal(fake_box_relays(), 2);
	box->trusted = false;
	director_zone_changed(box->director, zones[0]); /* any reason to look */
	fake_box_pass(box, SECOND / 2);
	assert_int_equal(fake_box_relays(), 0);
	box->trusted = true;
	director_zone_changed(box->director, zones[0]); /* any reason to look */
	fake_box_pass(box, 3 * SECOND);
	assert_int_equal(fake_box_relays(), 2);
	assert_string_equal(fake_box_says(zones[0]), "_RR");
	fake_box_pass(box, 35 * SECOND);
	assert_row(box, run, OUTCOME_PLAYED, 31000, NULL);
}

/* Counted through all of its jobs. */
static void an_interruption_is_told_beside_it(void **state) {
	struct fake_box *box = *state;
	fake_box_relay_lacks(2000, 0, "Device or resource busy");
	int64_t run = push_at(box, TIME_NONE, 1);
	fake_box_pass(box, 10 * SECOND);
	int64_t news = fake_box_announcement(box, "call", 8000);
	(void)fake_box_push(box, news, zones[0], CLASS_LIVE, NULL);
	fake_box_pass(box, 2 * SECOND);
	assert_int_equal(fake_box_relays(), 2);
	fake_box_pass(box, 40 * SECOND);
	AUTO(run_done) struct run row = {0};
	assert_int_equal(store_run_get(box->store, run, &row, NULL), 0);
	assert_non_null(strstr(row.zones[0].reason, "interrupted by 'call' (live) for"));
	assert_non_null(strstr(row.zones[0].reason, "nothing came for 4.0 of 3"));
	assert_non_null(strstr(row.zones[1].reason, "nothing came for 2.0 of 31.0 s"));
	assert_int_equal(fake_box_relays(), 0);
}

static void delete_it(struct fake_box *box) {
	assert_int_equal(store_zone_delete(box->store, zones[0], NULL), 0);
	director_zone_changed(box->director, zones[0]);
}

static void move_it(struct fake_box *box) {
	AUTO(zone_done) struct zone from = {0};
	AUTO(zone_done) struct zone to = {0};
	int64_t other = fake_box_zone(box, "other", NULL);
	assert_int_equal(store_zone_get(box->store, zones[0], &from, NULL), 0);
	assert_int_equal(store_zone_get(box->store, other, &to, NULL), 0);
	from.output = to.output;
	from.channels[0] = 1;
	assert_int_equal(store_zone_put(box->store, &from, NULL), 0);
	director_zone_changed(box->director, zones[0]);
}

static void shut_down(struct fake_box *box) {
	fake_box_restart(box, false);
}

/* However it ends. */
static void what_did_not_come_by_then_is_told(void **state) {
	static const struct {
		void (*act)(struct fake_box *box);
		const char *reason;
	} cases[] = {
		{delete_it, "the zone was deleted; nothing came for 2.0 of 10.0 s: busy"},
		{move_it, "the zone was moved to another output; nothing came for 2.0 of "
			  "10.0 s: busy"},
		{shut_down,
		 "the box was shut down; nothing came for 2.0 of 10.0 s: busy"},
	};
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		void *fresh = NULL;
		setup(&fresh);
		struct fake_box *box = fresh;
		fake_box_relay_lacks(2000, 0, "busy");
		int64_t run = push_at(box, TIME_NONE, 1);
		fake_box_pass(box, 10 * SECOND);
		cases[i].act(box);
		fake_box_pass(box, SECOND);
		assert_row(box, run, OUTCOME_CUT, 10000, cases[i].reason);
		teardown(&fresh);
	}
}

/* What comes now cannot be said twice. */
static void it_knows_no_passes(void **state) {
	struct fake_box *box = *state;
	fake_box_set_pass(box, zones[1], 3);
	(void)push_at(box, TIME_NONE, 1);
	fake_box_pass(box, 5 * SECOND);
	assert_string_equal(fake_box_says(zones[0]), "_RR");
	assert_string_equal(fake_box_says(zones[1]), "_RR");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(it_is_there_from_shortly_before),
		TEST(it_is_let_go),
		TEST(what_did_not_come_is_told),
		TEST(an_unread_fallback_is_told),
		TEST(what_was_wrong_before_is_not),
		TEST(held_it_needs_none),
		TEST(an_interruption_is_told_beside_it),
		cmocka_unit_test(what_did_not_come_by_then_is_told),
		TEST(it_knows_no_passes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
