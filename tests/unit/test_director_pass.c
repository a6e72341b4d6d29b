/* test_director_pass.c - a run in passes on a clock the test turns (fake_box.h): of two
 * passes never both, the lower first, and each zone with its own end. */
#include "fake_box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000LL
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define N 4
static int64_t zones[N];

static int setup(void **state) {
	static struct fake_box box;
	fake_box_start(&box);
	fake_box_zones(&box, zones, N);
	*state = &box;
	return 0;
}

static int teardown(void **state) {
	fake_box_done(*state);
	return 0;
}

/* "0020": the pass of each zone. */
static void set_passes(struct fake_box *box, const char *passes) {
	for (size_t i = 0; passes[i] != '\0'; i++) {
		fake_box_set_pass(box, zones[i], passes[i] - '0');
	}
}

/* "x..x": in which zones something sounds now. */
static void assert_sounds(const char *want) {
	char got[N + 1] = "";
	for (size_t i = 0; i < N; i++) {
		struct fake_sound sounds[FAKE_SOUNDS];
		got[i] = fake_box_heard(zones[i], sounds) > 0 ? 'x' : '.';
	}
	got[N] = '\0';
	assert_string_equal(got, want);
}

static int64_t push_all(struct fake_box *box, int64_t length_ms, enum run_class class) {
	int64_t news = fake_box_announcement(box, "news", length_ms);
	struct error err = {0};
	int64_t run = fake_box_push_to(box, news, zones, N, class, &err);
	if (run < 0) {
		fail_msg("%s", err.text);
	}
	return run;
}

/* What the record says of the zone; reason NULL: none. */
static void assert_zone(struct fake_box *box, int64_t id, size_t zone,
			enum outcome outcome, int64_t late_ms, const char *reason) {
	AUTO(run_done) struct run run = {0};
	assert_int_equal(store_run_get(box->store, id, &run, NULL), 0);
	const struct run_zone *rz = NULL;
	for (size_t i = 0; i < run.n_zones; i++) {
		rz = run.zones[i].zone == zones[zone] ? &run.zones[i] : rz;
	}
	assert_non_null(rz);
	assert_string_equal(outcome_name(rz->outcome), outcome_name(outcome));
	assert_int_equal(rz->late_ms, late_ms);
	if (reason == NULL) {
		assert_null(rz->reason);
	} else if (rz->reason == NULL || strstr(rz->reason, reason) == NULL) {
		fail_msg("zone %zu: '%s' does not say '%s'", zone, rz->reason, reason);
	}
}

static void the_passes_come_one_after_the_other(void **state) {
	struct fake_box *box = *state;
	set_passes(box, "5202");
	int64_t run = push_all(box, 10000, CLASS_NOTICE);
	fake_box_pass(box, 9 * SECOND);
	assert_sounds("..x.");
	assert_zone(box, run, 0, OUTCOME_PLANNED, 0, "pass 3 of 3");
	fake_box_pass(box, 2900 * MS);
	assert_sounds("....");
	fake_box_pass(box, 200 * MS);
	assert_sounds(".x.x");
	fake_box_pass(box, 12 * SECOND);
	assert_sounds("x...");
	fake_box_pass(box, 12 * SECOND);
	assert_sounds("....");
	assert_zone(box, run, 2, OUTCOME_PLAYED, 0, NULL);
	assert_zone(box, run, 1, OUTCOME_PLAYED, 12000, "pass 2 of 3");
	assert_zone(box, run, 3, OUTCOME_PLAYED, 12000, "pass 2 of 3");
	assert_zone(box, run, 0, OUTCOME_PLAYED, 24000, "pass 3 of 3");
}

/* A planned run begins on its frame, in its first pass. */
static void a_planned_run_begins_on_its_frame(void **state) {
	struct fake_box *box = *state;
	set_passes(box, "1000");
	int64_t news = fake_box_announcement(box, "news", 5000);
	struct error err = {0};
	AUTO(schedule_done)
	struct schedule s = {.announcement = news,
			     .class = CLASS_PROGRAMME,
			     .enabled = true,
			     .from_us = TIME_NONE,
			     .until_us = TIME_NONE,
			     .created_us = box->now_us,
			     .changed_us = box->now_us};
	s.rule = strdup("1 8 * * *");
	s.author = strdup("test");
	for (size_t i = 0; i < N; i++) {
		ids_add(&s.zones, zones[i]);
	}
	assert_int_equal(store_schedule_put(box->store, &s, &err), 0);
	director_schedule_changed(box->director, s.id);
	fake_box_pass(box, 58 * SECOND);
	assert_sounds("....");
	/* Even where nobody is there to hold back what was handed over. */
	fake_box_stall(box, 2100 * MS);
	assert_sounds(".xxx");
	assert_int_equal(fake_box_starts(), 3);
	fake_box_pass(box, 7 * SECOND);
	assert_sounds("x...");
	fake_box_pass(box, 6 * SECOND);
	AUTO(run_done) struct run run = {0};
	fake_box_last_run(box, &run);
	assert_zone(box, run.id, 1, OUTCOME_PLAYED, 0, NULL);
	assert_zone(box, run.id, 0, OUTCOME_PLAYED, 7000, "pass 2 of 2");
}

/* One pass, however it is called; what is everywhere at once by its nature. */
static void others_know_no_passes(void **state) {
	static const struct {
		const char *passes;
		enum run_class class;
	} cases[] = {
		{"7777", CLASS_NOTICE},     {"0000", CLASS_PROGRAMME},
		{"0123", CLASS_BACKGROUND}, {"0123", CLASS_LIVE},
		{"9876", CLASS_EMERGENCY},
	};
	struct fake_box *box = *state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		set_passes(box, cases[i].passes);
		int64_t run = push_all(box, 5000, cases[i].class);
		fake_box_pass(box, SECOND);
		assert_sounds("xxxx");
		fake_box_pass(box, 10 * SECOND);
		for (size_t z = 0; z < N; z++) {
			assert_zone(box, run, z, OUTCOME_PLAYED, 0, NULL);
		}
	}
	set_passes(box, "0123");
	int64_t news = fake_box_announcement(box, "news", 5000);
	assert_true(fake_box_push(box, news, zones[3], CLASS_NOTICE, NULL) > 0);
	fake_box_pass(box, SECOND);
	assert_sounds("...x");
}

/* A card that is gone does not silence the others: its pass is over at once. */
static void a_pass_that_fails_is_over(void **state) {
	struct fake_box *box = *state;
	set_passes(box, "0011");
	fake_box_break_output("cannot open 'hw:1,0': No such device");
	int64_t run = push_all(box, 5000, CLASS_NOTICE);
	fake_box_pass(box, MS);
	fake_box_break_output(NULL);
	fake_box_pass(box, 3 * SECOND);
	assert_sounds("..xx");
	fake_box_pass(box, 10 * SECOND);
	assert_zone(box, run, 0, OUTCOME_FAILED, 0, "No such device");
	assert_zone(box, run, 2, OUTCOME_PLAYED, 2000, "pass 2 of 2");
}

static void set_quiet(struct fake_box *box, int64_t id, int from_min, int to_min) {
	struct error err = {0};
	AUTO(zone_done) struct zone zone = {0};
	assert_int_equal(store_zone_get(box->store, id, &zone, &err), 0);
	zone.quiet[0] = (struct quiet_span){from_min, to_min};
	zone.n_quiet = 1;
	assert_int_equal(store_zone_put(box->store, &zone, &err), 0);
	director_zone_changed(box->director, id);
}

/* The quiet of a zone, and the end of an announcement, count when its pass has come. */
static void a_later_pass_may_come_too_late(void **state) {
	struct fake_box *box = *state;
	set_passes(box, "0012");
	set_quiet(box, zones[2], 8 * 60 + 1, 9 * 60);
	int64_t news = fake_box_resuming(box, "news", 50000, RESUME_RESUME,
					 box->now_us + 100 * SECOND);
	fake_box_pass(box, 15 * SECOND);
	int64_t run = fake_box_push_to(box, news, zones, N, CLASS_NOTICE, NULL);
	fake_box_pass(box, 48 * SECOND);
	assert_sounds("xx..");
	assert_zone(box, run, 2, OUTCOME_SKIPPED, 0, "quiet hours 08:01 to 09:00");
	fake_box_pass(box, 5 * SECOND);
	assert_sounds("...x");
	fake_box_pass(box, MINUTE);
	assert_zone(box, run, 0, OUTCOME_PLAYED, 0, NULL);
	assert_zone(box, run, 3, OUTCOME_CUT, 52000, "the announcement has expired");
	/* One that has not begun by then does not begin. */
	int64_t other = fake_box_resuming(box, "other", 50000, RESUME_RESUME,
					  box->now_us + 30 * SECOND);
	run = fake_box_push_to(box, other, zones, N, CLASS_NOTICE, NULL);
	fake_box_pass(box, MINUTE);
	assert_zone(box, run, 3, OUTCOME_SKIPPED, 0, "expired (pass 2 of 2)");
}

/* The longest wait counts from when its pass could begin; 40 minutes are no wait. */
static void a_long_pass_costs_no_patience(void **state) {
	struct fake_box *box = *state;
	set_passes(box, "0001");
	int64_t run = push_all(box, 40 * 60000, CLASS_PROGRAMME);
	fake_box_pass(box, 39 * MINUTE);
	int64_t blocker = fake_box_announcement(box, "blocker", 20 * 60000);
	assert_true(fake_box_push(box, blocker, zones[3], CLASS_NOTICE, NULL) > 0);
	fake_box_pass(box, 2 * MINUTE);
	assert_sounds("...x");
	fake_box_pass(box, 20 * MINUTE);
	assert_sounds("...x");
	fake_box_pass(box, 40 * MINUTE);
	assert_zone(box, run, 3, OUTCOME_PLAYED, 59 * 60000, "pass 2 of 2");
	/* And yet there is an end to it. */
	blocker = fake_box_announcement(box, "blocker", 100 * 60000);
	set_passes(box, "0001");
	run = push_all(box, 5000, CLASS_PROGRAMME);
	fake_box_pass(box, SECOND);
	assert_true(fake_box_push(box, blocker, zones[3], CLASS_NOTICE, NULL) > 0);
	fake_box_pass(box, 40 * MINUTE);
	assert_zone(box, run, 3, OUTCOME_MISSED, 0, "waited 30 minutes");
}

/* What has its zone taken holds up nobody, and comes when no other pass sounds. */
static void what_waits_lets_the_others_go_on(void **state) {
	struct fake_box *box = *state;
	set_passes(box, "0011");
	int64_t other = fake_box_announcement(box, "other", 20000);
	assert_true(fake_box_push(box, other, zones[0], CLASS_NOTICE, NULL) > 0);
	fake_box_pass(box, SECOND);
	int64_t run = push_all(box, 10000, CLASS_NOTICE);
	fake_box_pass(box, SECOND);
	assert_sounds("xx..");
	fake_box_pass(box, 12 * SECOND);
	assert_sounds("x.xx");
	/* The zone is free at 20 s; the other pass sounds until 23 s. */
	fake_box_pass(box, 7500 * MS);
	assert_sounds("..xx");
	fake_box_pass(box, 4 * SECOND);
	assert_sounds("x...");
	fake_box_pass(box, 10 * SECOND);
	assert_zone(box, run, 0, OUTCOME_PLAYED, 24000, NULL);
	assert_zone(box, run, 2, OUTCOME_PLAYED, 12000, "pass 2 of 2");
}

/* An emergency in one zone interrupts it there; the later pass takes its turn meanwhile,
 * and what was interrupted comes back behind it. */
static void what_is_interrupted_comes_back_alone(void **state) {
	struct fake_box *box = *state;
	set_passes(box, "0011");
	int64_t run = push_all(box, 10000, CLASS_NOTICE);
	int64_t alarm = fake_box_announcement(box, "alarm", 8000);
	fake_box_pass(box, 6 * SECOND);
	assert_true(fake_box_push(box, alarm, zones[0], CLASS_EMERGENCY, NULL) > 0);
	fake_box_pass(box, 5 * SECOND);
	assert_sounds("x...");
	assert_zone(box, run, 0, OUTCOME_PAUSED, 0, "interrupted by 'alarm'");
	fake_box_pass(box, 1500 * MS);
	assert_sounds("x.xx");
	fake_box_pass(box, 5 * SECOND);
	assert_sounds("..xx");
	fake_box_pass(box, 7 * SECOND);
	assert_sounds("x...");
	struct fake_sound sounds[FAKE_SOUNDS];
	assert_int_equal(fake_box_heard(zones[0], sounds), 1);
	assert_in_range(sounds[0].place_ms, 3000, 4000);
	fake_box_pass(box, 10 * SECOND);
	assert_zone(box, run, 0, OUTCOME_PLAYED, 0, "resumed");
	assert_zone(box, run, 3, OUTCOME_PLAYED, 12000, "pass 2 of 2");
}

/* One that waits for its card, while the other of its pass is interrupted, holds up
 * nobody; it comes back with that. */
static void what_waits_for_its_card_lets_the_others_go_on(void **state) {
	struct fake_box *box = *state;
	set_passes(box, "0011");
	int64_t run = push_all(box, 10000, CLASS_NOTICE);
	int64_t alarm = fake_box_announcement(box, "alarm", 20000);
	fake_box_pass(box, 5 * SECOND);
	fake_box_break_card(zones[0], "the card is gone");
	fake_box_pass(box, SECOND);
	assert_sounds(".x..");
	assert_true(fake_box_push(box, alarm, zones[1], CLASS_EMERGENCY, NULL) > 0);
	fake_box_pass(box, 3 * SECOND);
	assert_sounds(".xxx");
	fake_box_break_card(zones[0], NULL);
	fake_box_pass(box, 12 * SECOND);
	assert_sounds(".x..");
	fake_box_pass(box, 6 * SECOND);
	assert_sounds("xx..");
	fake_box_pass(box, 10 * SECOND);
	assert_zone(box, run, 0, OUTCOME_PLAYED, 0, "not heard for");
	assert_zone(box, run, 2, OUTCOME_PLAYED, 8200, "pass 2 of 2");
}

/* The pause lies behind what was interrupted, too. */
static void an_interrupted_pass_is_over(void **state) {
	struct fake_box *box = *state;
	set_passes(box, "0111");
	push_all(box, 10000, CLASS_NOTICE);
	int64_t alarm = fake_box_announcement(box, "alarm", 20000);
	fake_box_pass(box, 6 * SECOND);
	assert_true(fake_box_push(box, alarm, zones[0], CLASS_EMERGENCY, NULL) > 0);
	fake_box_pass(box, 2100 * MS);
	assert_sounds("x...");
	fake_box_pass(box, 200 * MS);
	assert_sounds("xxxx");
}

/* Interrupted in its second pass, the record keeps saying which pass it was. */
static void a_later_pass_that_is_interrupted_says_both(void **state) {
	struct fake_box *box = *state;
	set_passes(box, "0001");
	int64_t run = push_all(box, 5000, CLASS_NOTICE);
	int64_t alarm = fake_box_announcement(box, "alarm", 8000);
	fake_box_pass(box, 9 * SECOND);
	assert_true(fake_box_push(box, alarm, zones[3], CLASS_EMERGENCY, NULL) > 0);
	fake_box_pass(box, SECOND);
	assert_zone(box, run, 3, OUTCOME_PAUSED, 7000,
		    "pass 2 of 2; interrupted by 'alarm'");
	fake_box_restart(box, true);
	fake_box_pass(box, SECOND);
	assert_zone(
		box, run, 3, OUTCOME_CUT, 7000,
		"pass 2 of 2; interrupted by 'alarm' (emergency), not resumed: the box");
}

static void a_stop_stops_the_passes_to_come(void **state) {
	struct fake_box *box = *state;
	set_passes(box, "0123");
	int64_t run = push_all(box, 10000, CLASS_NOTICE);
	fake_box_pass(box, 15 * SECOND);
	assert_sounds(".x..");
	assert_int_equal(director_stop_run(box->director, run, "clerk", NULL), 0);
	fake_box_pass(box, MINUTE);
	assert_sounds("....");
	assert_zone(box, run, 0, OUTCOME_PLAYED, 0, NULL);
	assert_zone(box, run, 1, OUTCOME_CUT, 12000, "stopped by clerk (pass 2 of 4)");
	assert_zone(box, run, 2, OUTCOME_CANCELLED, 0, "stopped by clerk (pass 3 of 4)");
	assert_zone(box, run, 3, OUTCOME_CANCELLED, 0, "stopped by clerk");
	run = push_all(box, 10000, CLASS_NOTICE);
	fake_box_pass(box, SECOND);
	assert_true(director_stop_zones(box->director, NULL, "clerk") > 0);
	fake_box_pass(box, MINUTE);
	assert_sounds("....");
	assert_zone(box, run, 0, OUTCOME_CUT, 0, "stopped by clerk");
	assert_zone(box, run, 1, OUTCOME_CANCELLED, 0, "stopped by clerk");
}

static void a_restart_between_passes_plays_no_other(void **state) {
	struct fake_box *box = *state;
	for (int killed = 0; killed < 2; killed++) {
		set_passes(box, "0011");
		int64_t run = push_all(box, 10000, CLASS_NOTICE);
		fake_box_pass(box, 11 * SECOND);
		assert_sounds("....");
		size_t starts = fake_box_starts();
		fake_box_restart(box, killed == 1);
		fake_box_pass(box, MINUTE);
		assert_int_equal(fake_box_starts(), starts);
		assert_zone(box, run, 0, OUTCOME_PLAYED, 0, NULL);
		assert_zone(box, run, 2, OUTCOME_MISSED, 0,
			    killed ? "pass 2 of 2; the box stopped"
				   : "was shut down while this waited (pass 2 of 2)");
	}
}

/* A zone that goes while it waits for its pass, or in its pass, is no reason to wait. */
static void a_zone_that_goes_holds_up_nobody(void **state) {
	struct fake_box *box = *state;
	set_passes(box, "0123");
	int64_t run = push_all(box, 10000, CLASS_NOTICE);
	fake_box_pass(box, SECOND);
	for (size_t z = 0; z < 2; z++) {
		assert_int_equal(store_zone_delete(box->store, zones[z], NULL), 0);
		director_zone_changed(box->director, zones[z]);
	}
	fake_box_pass(box, 3 * SECOND);
	assert_sounds("..x.");
	fake_box_pass(box, 30 * SECOND);
	assert_zone(box, run, 0, OUTCOME_CUT, 0, "the zone was deleted");
	assert_zone(box, run, 1, OUTCOME_CANCELLED, 0, "the zone was deleted");
	assert_zone(box, run, 3, OUTCOME_PLAYED, 15000, "pass 4 of 4");
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(the_passes_come_one_after_the_other),
		CASE(a_planned_run_begins_on_its_frame),
		CASE(others_know_no_passes),
		CASE(a_pass_that_fails_is_over),
		CASE(a_later_pass_may_come_too_late),
		CASE(a_long_pass_costs_no_patience),
		CASE(what_waits_lets_the_others_go_on),
		CASE(what_is_interrupted_comes_back_alone),
		CASE(what_waits_for_its_card_lets_the_others_go_on),
		CASE(an_interrupted_pass_is_over),
		CASE(a_later_pass_that_is_interrupted_says_both),
		CASE(a_stop_stops_the_passes_to_come),
		CASE(a_restart_between_passes_plays_no_other),
		CASE(a_zone_that_goes_holds_up_nobody),
	};
#undef CASE
	return cmocka_run_group_tests_name("director_pass", tests, NULL, NULL);
}
