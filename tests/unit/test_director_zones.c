/* test_director_zones.c - who sounds where when several want a zone: softly beneath,
 * paused and back again, in a queue; and that the record tells it. On a clock the test
 * turns (fake_box.h). */
#include "fake_box.h"

#include "schedule/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000LL
#define MINUTE (60 * SECOND)
#define FADE_MS 200 /* what is interrupted still sounds so long */
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int setup(void **state) {
	static struct fake_box box;
	fake_box_start(&box);
	*state = &box;
	return 0;
}

static int teardown(void **state) {
	fake_box_done(*state);
	return 0;
}

/* Exactly this sounds in a zone: the one that has it, at this place (-1: nobody), and the
 * one beneath it (-1: nobody). */
static void assert_heard(int64_t zone, int64_t place_ms, int64_t beneath_ms) {
	struct fake_sound sounds[FAKE_SOUNDS];
	size_t n = fake_box_heard(zone, sounds);
	int64_t got[2] = {-1, -1};
	for (size_t i = 0; i < n; i++) {
		assert_true(sounds[i].gain_db == 0.0 || sounds[i].gain_db == -18.0);
		got[sounds[i].gain_db < 0.0] = sounds[i].place_ms;
	}
	if (got[0] != place_ms || got[1] != beneath_ms) {
		fail_msg("zone %d: at %d over %d, not %d over %d", (int)zone, (int)got[0],
			 (int)got[1], (int)place_ms, (int)beneath_ms);
	}
}

static void assert_row(struct fake_box *box, int64_t id, int64_t zone,
		       enum outcome outcome, const char *reason, int64_t played_ms) {
	AUTO(run_done) struct run run = {0};
	assert_int_equal(store_run_get(box->store, id, &run, NULL), 0);
	size_t i = 0;
	while (i < run.n_zones && run.zones[i].zone != zone) {
		i++;
	}
	assert_true(i < run.n_zones);
	const struct run_zone *z = &run.zones[i];
	assert_string_equal(outcome_name(z->outcome), outcome_name(outcome));
	assert_string_equal(z->reason != NULL ? z->reason : "", reason);
	assert_int_equal(z->played_ms, played_ms);
	assert_true(z->started_us != TIME_NONE || played_ms == 0);
}

static int64_t push(struct fake_box *box, int64_t announcement, const int64_t *zones,
		    size_t n, enum run_class class) {
	struct error err = {0};
	int64_t run = fake_box_push_to(box, announcement, zones, n, class, &err);
	if (run <= 0) {
		fail_msg("%s", err.text);
	}
	return run;
}

static void a_background_goes_on_softly_beneath_a_notice(void **state) {
	struct fake_box *box = *state;
	int64_t zones[5];
	fake_box_zones(box, zones, 5);
	int64_t music = fake_box_announcement(box, "music", 60000);
	int64_t news = fake_box_announcement(box, "news", 5000);
	int64_t low = push(box, music, zones, 5, CLASS_BACKGROUND);
	fake_box_pass(box, 10 * SECOND);
	int64_t high = push(box, news, zones + 1, 2, CLASS_NOTICE);
	fake_box_pass(box, 2 * SECOND);
	for (size_t i = 0; i < 5; i++) {
		bool both = i == 1 || i == 2;
		assert_heard(zones[i], both ? 2000 : 12000, both ? 12000 : -1);
	}
	struct director_zone_status status;
	director_zone_status(box->director, zones[1], &status);
	assert_int_equal(status.run, high);
	assert_int_equal(status.ducked, low);
	assert_int_equal(status.waiting, 0);
	director_zone_status(box->director, zones[0], &status);
	assert_int_equal(status.run, low);
	assert_int_equal(status.ducked, 0);
	fake_box_pass(box, 3 * SECOND);
	for (size_t i = 0; i < 5; i++) {
		assert_heard(zones[i], 15000, -1);
	}
	director_zone_status(box->director, zones[1], &status);
	assert_int_equal(status.run, low);
	assert_int_equal(status.ducked, 0);
	fake_box_pass(box, MINUTE);
	assert_row(box, low, zones[0], OUTCOME_PLAYED, "", 60000);
	assert_row(box, low, zones[1], OUTCOME_PLAYED,
		   "softer under 'news' (notice) for 5.0 s", 60000);
	assert_row(box, high, zones[2], OUTCOME_PLAYED, "", 5000);
	assert_int_equal(fake_box_starts(), 7);
}

static void two_notices_in_turn_lift_nothing_between(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t music = fake_box_announcement(box, "music", 60000);
	int64_t news = fake_box_announcement(box, "news", 5000);
	int64_t low = push(box, music, &zone, 1, CLASS_BACKGROUND);
	fake_box_pass(box, 10 * SECOND);
	push(box, news, &zone, 1, CLASS_NOTICE);
	push(box, news, &zone, 1, CLASS_PROGRAMME);
	fake_box_pass(box, 7 * SECOND);
	assert_heard(zone, 2000, 17000);
	fake_box_pass(box, MINUTE);
	assert_row(box, low, zone, OUTCOME_PLAYED,
		   "softer under 'news' (programme) for 10 s", 60000);
}

struct comeback_case {
	enum resume resume;
	int64_t at_ms;   /* of the sound when it is interrupted */
	int64_t back_ms; /* where it comes back; -1: it does not */
	enum outcome outcome;
	const char *paused;
	const char *end;
	int64_t played_ms;
};

static const struct comeback_case comebacks[] = {
	{RESUME_RESUME, 10000, 7200, OUTCOME_PLAYED, "interrupted by 'flood' (emergency)",
	 "interrupted by 'flood' (emergency) for 12 s, resumed", 63000},
	{RESUME_RESUME, 2000, 0, OUTCOME_PLAYED, "interrupted by 'flood' (emergency)",
	 "interrupted by 'flood' (emergency) for 12 s, resumed", 62200},
	{RESUME_RESTART, 10000, 0, OUTCOME_PLAYED, "interrupted by 'flood' (emergency)",
	 "interrupted by 'flood' (emergency) for 12 s, restarted", 70200},
	{RESUME_DROP, 10000, -1, OUTCOME_CUT, NULL,
	 "interrupted by 'flood' (emergency), not resumed", 10200},
};

/* A run that loses two of its five zones goes on in three. */
static void what_is_interrupted_comes_back(void **state) {
	(void)state;
	for (size_t k = 0; k < LENGTH(comebacks); k++) {
		const struct comeback_case *c = &comebacks[k];
		struct fake_box box;
		int64_t zones[5];
		fake_box_start(&box);
		fake_box_zones(&box, zones, 5);
		int64_t news =
			fake_box_resuming(&box, "news", 60000, c->resume, TIME_NONE);
		int64_t flood = fake_box_announcement(&box, "flood", 12000);
		int64_t run = push(&box, news, zones, 5, CLASS_PROGRAMME);
		fake_box_pass(&box, c->at_ms * 1000);
		push(&box, flood, zones + 3, 2, CLASS_EMERGENCY);
		fake_box_pass(&box, SECOND);
		assert_heard(zones[0], c->at_ms + 1000, -1);
		assert_heard(zones[3], 1000, -1);
		struct director_zone_status status;
		director_zone_status(box.director, zones[4], &status);
		assert_int_equal(status.waiting, c->paused != NULL);
		if (c->paused != NULL) {
			assert_row(&box, run, zones[3], OUTCOME_PAUSED, c->paused,
				   c->at_ms + FADE_MS);
			assert_int_equal(status.queue[0].run, run);
			assert_true(status.queue[0].paused);
		}
		fake_box_pass(&box, 12 * SECOND);
		assert_heard(zones[0], c->at_ms + 13000, -1);
		for (size_t i = 3; i < 5; i++) {
			assert_heard(zones[i], c->back_ms < 0 ? -1 : c->back_ms + 1000,
				     -1);
		}
		if (c->back_ms >= 0) {
			assert_row(&box, run, zones[4], OUTCOME_PLAYING, c->end,
				   c->at_ms + FADE_MS);
		}
		fake_box_pass(&box, 2 * MINUTE);
		assert_row(&box, run, zones[0], OUTCOME_PLAYED, "", 60000);
		assert_row(&box, run, zones[3], c->outcome, c->end, c->played_ms);
		assert_row(&box, run, zones[4], c->outcome, c->end, c->played_ms);
		fake_box_done(&box);
	}
}

/* What comes back beneath another must not be loud for an instant. */
static void assert_begun_soft(int64_t zone) {
	struct fake_sound sounds[FAKE_SOUNDS];
	size_t n = fake_box_heard(zone, sounds);
	assert_int_equal(n, 2);
	assert_true(sounds[0].begun_db + sounds[1].begun_db == -18.0);
}

/* Music in eight zones, a notice over it in three, an emergency over both in two, a live
 * call in one; then everything is where it was, and the record tells it. */
static void an_operators_afternoon(void **state) {
	struct fake_box *box = *state;
	int64_t z[8];
	fake_box_zones(box, z, 8);
	int64_t music = fake_box_announcement(box, "music", 600000);
	int64_t notice = fake_box_announcement(box, "water", 20000);
	int64_t flood = fake_box_resuming(box, "flood", 10000, RESUME_DROP, TIME_NONE);
	int64_t call = fake_box_resuming(box, "call", 8000, RESUME_DROP, TIME_NONE);
	int64_t m = push(box, music, z, 8, CLASS_BACKGROUND);
	fake_box_pass(box, 30 * SECOND);
	int64_t n = push(box, notice, z, 3, CLASS_NOTICE);
	fake_box_pass(box, 5 * SECOND);
	int64_t e = push(box, flood, z + 1, 2, CLASS_EMERGENCY);
	int64_t l = push(box, call, z + 7, 1, CLASS_LIVE);
	fake_box_pass(box, SECOND);
	assert_heard(z[0], 6000, 36000);
	assert_heard(z[1], 1000, -1);
	assert_heard(z[2], 1000, -1);
	assert_heard(z[3], 36000, -1);
	assert_heard(z[7], 1000, -1);
	fake_box_pass(box, 10 * SECOND); /* the flood ended 1 s ago, the call 3 s ago */
	assert_heard(z[0], 16000, 46000);
	assert_heard(z[1], 3200, 33200); /* 2.2 s and 32.2 s, and 1 s since */
	assert_heard(z[2], 3200, 33200);
	assert_begun_soft(z[1]);
	assert_begun_soft(z[2]);
	assert_heard(z[3], 46000, -1);
	assert_heard(z[7], 35200, -1);
	fake_box_pass(box, 5 * SECOND);
	assert_heard(z[0], 51000, -1);
	assert_heard(z[1], 8200, 38200);
	fake_box_pass(box, 20 * SECOND);
	assert_heard(z[1], 58200, -1);
	fake_box_pass(box, 15 * MINUTE);
	assert_row(box, e, z[1], OUTCOME_PLAYED, "", 10000);
	assert_row(box, l, z[7], OUTCOME_PLAYED, "", 8000);
	assert_row(box, n, z[0], OUTCOME_PLAYED, "", 20000);
	assert_row(box, n, z[1], OUTCOME_PLAYED,
		   "interrupted by 'flood' (emergency) for 10 s, resumed", 23000);
	assert_row(box, m, z[0], OUTCOME_PLAYED, "softer under 'water' (notice) for 20 s",
		   600000);
	assert_row(box, m, z[2], OUTCOME_PLAYED,
		   "softer 2 times for 23 s in all, last under 'water' (notice); "
		   "interrupted by 'flood' (emergency) for 10 s, resumed",
		   603000);
	assert_row(box, m, z[3], OUTCOME_PLAYED, "", 600000);
	assert_row(box, m, z[7], OUTCOME_PLAYED,
		   "interrupted by 'call' (live) for 8.0 s, resumed", 603000);
}

/* The call is over when it is interrupted; what it had interrupted waits for both. */
static void what_waits_below_comes_back_after_all_above(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 20000);
	int64_t call = fake_box_resuming(box, "call", 60000, RESUME_DROP, TIME_NONE);
	int64_t flood = fake_box_announcement(box, "flood", 5000);
	int64_t low = push(box, news, &zone, 1, CLASS_NOTICE);
	fake_box_pass(box, 10 * SECOND);
	int64_t middle = push(box, call, &zone, 1, CLASS_LIVE);
	fake_box_pass(box, 2 * SECOND);
	push(box, flood, &zone, 1, CLASS_EMERGENCY);
	fake_box_pass(box, 4 * SECOND);
	assert_heard(zone, 4000, -1);
	fake_box_pass(box, 2 * SECOND);
	assert_heard(zone, 8200, -1);
	assert_row(box, middle, zone, OUTCOME_CUT,
		   "interrupted by 'flood' (emergency), not resumed", 2200);
	fake_box_pass(box, MINUTE);
	assert_row(box, low, zone, OUTCOME_PLAYED,
		   "interrupted by 'call' (live) for 7.0 s, resumed", 23000);
}

/* The fade would end no sooner than the sound itself: it makes way all the same, and
 * comes back. What the device has all of cannot be interrupted any more. */
static void interrupted_at_its_very_end(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t music = fake_box_announcement(box, "music", 60000);
	int64_t news = fake_box_announcement(box, "news", 5000);
	int64_t call = fake_box_resuming(box, "call", 3000, RESUME_DROP, TIME_NONE);
	push(box, music, &zone, 1, CLASS_BACKGROUND);
	fake_box_pass(box, SECOND);
	int64_t run = push(box, news, &zone, 1, CLASS_NOTICE);
	fake_box_pass(box, 5 * SECOND - 1000LL * FADE_MS);
	push(box, call, &zone, 1, CLASS_LIVE);
	fake_box_pass(box, SECOND);
	assert_heard(zone, 1000, -1);
	assert_row(box, run, zone, OUTCOME_PAUSED, "interrupted by 'call' (live)", 5000);
	fake_box_pass(box, 3 * SECOND);
	assert_heard(zone, 3000, 4000); /* each from 3 s before, and 1 s since */
	fake_box_pass(box, 3 * SECOND);
	assert_row(box, run, zone, OUTCOME_PLAYED,
		   "interrupted by 'call' (live) for 3.0 s, resumed", 8000);
	run = push(box, news, &zone, 1, CLASS_NOTICE);
	fake_box_pass(box, 4990000);
	push(box, call, &zone, 1, CLASS_LIVE);
	fake_box_pass(box, SECOND);
	assert_heard(zone, 1000, -1);
	assert_row(box, run, zone, OUTCOME_PLAYED, "", 5000);
}

static void interrupted_again_and_again(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 20000);
	int64_t flood = fake_box_announcement(box, "flood", 5000);
	int64_t run = push(box, news, &zone, 1, CLASS_NOTICE);
	for (int i = 0; i < 3; i++) {
		fake_box_pass(box, 6 * SECOND);
		push(box, flood, &zone, 1, CLASS_EMERGENCY);
		fake_box_pass(box, 5 * SECOND);
	}
	/* 6.2, 9.4 and 12.6 s were reached; it comes back at 9.6. */
	assert_heard(zone, 9600, -1);
	fake_box_pass(box, MINUTE);
	assert_row(box, run, zone, OUTCOME_PLAYED,
		   "interrupted 3 times for 15 s in all, last by 'flood' (emergency), "
		   "resumed",
		   29000);
}

static void the_queue_is_shown_in_its_order(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 10000);
	int64_t flood = fake_box_announcement(box, "flood", 30000);
	int64_t first = push(box, news, &zone, 1, CLASS_PROGRAMME);
	fake_box_pass(box, 5 * SECOND);
	int64_t second = push(box, news, &zone, 1, CLASS_NOTICE);
	int64_t music = push(box, news, &zone, 1, CLASS_BACKGROUND);
	int64_t third = push(box, news, &zone, 1, CLASS_PROGRAMME);
	push(box, flood, &zone, 1, CLASS_EMERGENCY);
	fake_box_pass(box, SECOND);
	const int64_t order[] = {first, second, third, music};
	struct director_zone_status status;
	director_zone_status(box->director, zone, &status);
	assert_int_equal(status.waiting, 4);
	assert_int_equal(status.n_queue, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(status.queue[i].run, order[i]);
		assert_int_equal(status.queue[i].paused, i == 0);
		assert_string_equal(status.queue[i].title, "news");
	}
	assert_int_equal(status.queue[1].class, CLASS_NOTICE);
	/* And that is how it goes on. */
	fake_box_pass(box, 29 * SECOND + SECOND / 2);
	assert_heard(zone, 2700, -1);
	int64_t left[] = {10000 - 2700, 10000, 10000, 10000};
	for (size_t i = 0; i < 4; i++) {
		director_zone_status(box->director, zone, &status);
		assert_int_equal(status.run, order[i]);
		assert_int_equal(status.waiting, 3 - i);
		fake_box_pass(box, left[i] * 1000);
	}
	assert_int_equal(fake_box_sounding(), 0);
	for (int i = 0; i < 40; i++) {
		push(box, news, &zone, 1, CLASS_NOTICE);
	}
	fake_box_pass(box, SECOND);
	director_zone_status(box->director, zone, &status);
	assert_int_equal(status.waiting, 39);
	assert_int_equal(status.n_queue, DIRECTOR_QUEUE_MAX);
}

/* Handed over 300 ms before its time, taken back before its first frame: it waits, as if
 * the other had been there first. */
static void what_was_not_heard_was_not_interrupted(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 10000);
	int64_t flood = fake_box_announcement(box, "flood", 5000);
	fake_box_schedule(box, news, zone, "1 8 * * *", CLASS_NOTICE, 0);
	fake_box_pass(box, MINUTE - SECOND / 10);
	push(box, flood, &zone, 1, CLASS_EMERGENCY);
	fake_box_pass(box, 2 * SECOND);
	assert_heard(zone, 2000, -1);
	assert_row(box, 1, zone, OUTCOME_PLANNED, "", 0);
	struct director_zone_status status;
	director_zone_status(box->director, zone, &status);
	assert_int_equal(status.waiting, 1);
	assert_false(status.queue[0].paused);
	fake_box_pass(box, 4 * SECOND);
	assert_heard(zone, 1000, -1);
	fake_box_pass(box, MINUTE);
	assert_row(box, 1, zone, OUTCOME_PLAYED, "", 10000);
}

/* Beneath a notice before its own first frame, and then its time lies ahead again. */
static void a_step_leaves_nobody_beneath(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t music = fake_box_announcement(box, "music", 60000);
	int64_t news = fake_box_announcement(box, "news", 5000);
	fake_box_schedule(box, music, zone, "1 8 * * *", CLASS_BACKGROUND, 0);
	fake_box_pass(box, MINUTE - SECOND / 10);
	push(box, news, &zone, 1, CLASS_NOTICE);
	fake_box_pass(box, SECOND / 20);
	assert_heard(zone, 50, -1);
	fake_box_step(box, -10 * SECOND);
	fake_box_pass(box, 10 * SECOND);
	assert_heard(zone, -1, -1);
	fake_box_pass(box, SECOND);
	assert_heard(zone, 950, -1);
	fake_box_pass(box, 2 * MINUTE);
	assert_row(box, 1, zone, OUTCOME_PLAYED, "", 60000);
}

/* Its zone is taken when it is judged, and free again just before its time. */
static void nothing_begins_before_its_time(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 10000);
	fake_box_schedule(box, news, zone, "1 8 * * *", CLASS_NOTICE, 0);
	fake_box_pass(box, MINUTE - 10 * SECOND - SECOND / 10);
	push(box, news, &zone, 1, CLASS_NOTICE);
	fake_box_pass(box, 11 * SECOND + SECOND / 10);
	assert_heard(zone, 1000, -1);
}

/* ---- what ends a pause ---- */

static void let_expire(struct fake_box *box, int64_t zone) {
	(void)zone;
	fake_box_pass(box, 5 * MINUTE);
}

static void stop_it(struct fake_box *box, int64_t zone) {
	(void)zone;
	assert_int_equal(director_stop_run(box->director, 1, "clerk", NULL), 0);
}

static void stop_all(struct fake_box *box, int64_t zone) {
	(void)zone;
	assert_int_equal(director_stop_zones(box->director, NULL, "clerk"), 2);
}

static void delete_zone(struct fake_box *box, int64_t zone) {
	assert_int_equal(store_zone_delete(box->store, zone, NULL), 0);
	director_zone_changed(box->director, zone);
}

static void shut_down(struct fake_box *box, int64_t zone) {
	(void)zone;
	fake_box_restart(box, false);
}

static void crash(struct fake_box *box, int64_t zone) {
	(void)zone;
	fake_box_restart(box, true);
}

static void distrust_clock(struct fake_box *box, int64_t zone) {
	(void)zone;
	box->trusted = false;
	fake_box_step(box, 0);
	box->trusted = true;
	fake_box_step(box, 0);
}

static void break_output(struct fake_box *box, int64_t zone) {
	(void)zone;
	fake_box_break_output("cannot open 'hw:9,0': No such device");
	fake_box_pass(box, SECOND);
	fake_box_break_output(NULL);
}

struct pause_end_case {
	const char *name;
	const char *quiet;
	int64_t expires_us; /* after 08:00; 0: never */
	void (*act)(struct fake_box *box, int64_t zone);
	enum outcome outcome;
	const char *reason; /* behind "interrupted by 'flood' (emergency)" */
};

static const struct pause_end_case pause_ends[] = {
	{"quiet hours", "08:01-09:00", 0, let_expire, OUTCOME_CUT,
	 ", not resumed: quiet hours 08:01 to 09:00 in zone 'east'"},
	{"its expiry", NULL, MINUTE, let_expire, OUTCOME_CUT,
	 ", not resumed: the announcement has expired"},
	{"stopped", NULL, 0, stop_it, OUTCOME_CUT, ", not resumed: stopped by clerk"},
	{"everything stopped", NULL, 0, stop_all, OUTCOME_CUT,
	 ", not resumed: stopped by clerk"},
	{"its zone deleted", NULL, 0, delete_zone, OUTCOME_CUT,
	 ", not resumed: the zone was deleted"},
	{"shut down", NULL, 0, shut_down, OUTCOME_CUT,
	 ", not resumed: the box was shut down"},
	{"power cut", NULL, 0, crash, OUTCOME_CUT,
	 ", not resumed: the box stopped (power or crash)"},
	{"a clock that cannot be trusted", NULL, 0, distrust_clock, OUTCOME_CUT,
	 ", not resumed: the clock cannot be trusted any more"},
	{"a card that breaks", NULL, 0, break_output, OUTCOME_FAILED,
	 ", not resumed: cannot open 'hw:9,0': No such device"},
};

static void what_is_paused_may_end_there(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(pause_ends); i++) {
		const struct pause_end_case *c = &pause_ends[i];
		struct fake_box box;
		print_message("%s\n", c->name);
		fake_box_start(&box);
		int64_t zone = fake_box_zone(&box, "east", c->quiet);
		int64_t news = fake_box_resuming(
			&box, "news", 600000, RESUME_RESUME,
			c->expires_us != 0 ? box.now_us + c->expires_us : TIME_NONE);
		int64_t flood = fake_box_announcement(&box, "flood", 120000);
		int64_t run = push(&box, news, &zone, 1, CLASS_PROGRAMME);
		fake_box_pass(&box, 10 * SECOND);
		push(&box, flood, &zone, 1, CLASS_EMERGENCY);
		fake_box_pass(&box, 10 * SECOND);
		c->act(&box, zone);
		fake_box_pass(&box, 10 * MINUTE);
		char reason[256];
		snprintf(reason, sizeof(reason), "interrupted by 'flood' (emergency)%s",
			 c->reason);
		assert_row(&box, run, zone, c->outcome, reason, 10000 + FADE_MS);
		assert_int_equal(fake_box_sounding(), 0);
		fake_box_done(&box);
	}
}

/* A title as long as the API takes, in three bytes a character, is recorded all the same:
 * cut at a whole character. */
static void a_long_title_is_told_in_part(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	char title[601] = "";
	for (size_t i = 0; i < 200; i++) {
		memcpy(title + 3 * i, "\xe5\xb9\xbf", 4);
	}
	int64_t news = fake_box_resuming(box, title, 10000, RESUME_DROP, TIME_NONE);
	int64_t flood = fake_box_announcement(box, title, 5000);
	int64_t run = push(box, news, &zone, 1, CLASS_NOTICE);
	fake_box_pass(box, SECOND);
	push(box, flood, &zone, 1, CLASS_EMERGENCY);
	fake_box_pass(box, SECOND);
	AUTO(run_done) struct run row = {0};
	assert_int_equal(store_run_get(box->store, run, &row, NULL), 0);
	assert_string_equal(outcome_name(row.state), "cut");
	assert_non_null(strstr(row.zones[0].reason, "(emergency)"));
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_background_goes_on_softly_beneath_a_notice),
		CASE(two_notices_in_turn_lift_nothing_between),
		cmocka_unit_test(what_is_interrupted_comes_back),
		CASE(an_operators_afternoon),
		CASE(what_waits_below_comes_back_after_all_above),
		CASE(interrupted_at_its_very_end),
		CASE(interrupted_again_and_again),
		CASE(the_queue_is_shown_in_its_order),
		CASE(a_step_leaves_nobody_beneath),
		CASE(nothing_begins_before_its_time),
		CASE(what_was_not_heard_was_not_interrupted),
		cmocka_unit_test(what_is_paused_may_end_there),
		CASE(a_long_title_is_told_in_part),
	};
#undef CASE
	return cmocka_run_group_tests_name("director_zones", tests, NULL, NULL);
}
