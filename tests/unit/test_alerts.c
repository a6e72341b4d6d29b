/* test_alerts.c - alerts on a clock the test turns (fake_box.h): what sounds when, over
 * what, for how long, and what is written of it. In the fake engine a chime and a text
 * last a second each. */
#include "alert_steps.h"

#include "schedule/store_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000LL
#define FADE (210 * MS) /* what is stopped is silent by then */
#define SECOND 1000000LL
#define MINUTE (60 * SECOND)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static struct error err;

static int setup(void **state) {
	static struct fake_box box;
	fake_box_start(&box);
	*alert_told() = (struct alert_told){0};
	*state = &box;
	return 0;
}

static int teardown(void **state) {
	fake_box_done(*state);
	return 0;
}

static int64_t ask_simple(struct fake_box *box, enum severity severity, int64_t zone) {
	return alert_ask(box, alert_flood(severity, zone, 0));
}

static void assert_run(struct fake_box *box, int64_t id, enum outcome outcome,
		       const char *words) {
	AUTO(run_done) struct run run = {0};
	assert_int_equal(store_run_get(box->store, id, &run, &err), 0);
	assert_string_equal(outcome_name(run.zones[0].outcome), outcome_name(outcome));
	if (words == NULL) {
		assert_null(run.zones[0].reason);
	} else if (run.zones[0].reason == NULL ||
		   strstr(run.zones[0].reason, words) == NULL) {
		fail_msg("'%s' does not say '%s'", run.zones[0].reason, words);
	}
}

static void a_chime_at_once_then_the_words(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t id = ask_simple(box, SEVERITY_SEVERE, zone);
	assert_int_equal(alert_told()->times, 0);
	fake_box_pass(box, 10 * MS);
	assert_zone_says(zone, "CC");
	assert_int_equal(alert_told()->times, 1);
	assert_int_equal(alert_told()->id, id);
	assert_int_equal(alert_told()->first_sound_ms, 0);
	assert_true(alert_told()->on_disk);
	fake_box_pass(box, 2 * SECOND);
	assert_zone_says(zone, "W_W_");
	fake_box_pass(box, 3 * SECOND);
	assert_zone_says(zone, "");
	assert_run(box, 1, OUTCOME_PLAYED, NULL);
	assert_run(box, 2, OUTCOME_PLAYED, NULL);
	AUTO(run_done) struct run run = {0};
	fake_box_last_run(box, &run);
	assert_string_equal(run.source, "alert");
	assert_int_equal(run.alert, id);
	assert_int_equal(run.class, CLASS_EMERGENCY);
	assert_string_equal(run.title, "Flood");
	assert_alert_state(box, id, ALERT_ACTIVE);
}

static void it_repeats_after_a_gap(void **state) {
	static const struct {
		int every_s;
		int64_t quiet_us; /* behind the end of the first sounding */
	} cases[] = {
		{ALERT_GAP_DEFAULT, ALERT_GAP_S * SECOND},
		{60, 60 * SECOND - 4800 * MS},
		/* Shorter than the alert itself. */
		{2, ALERT_GAP_MIN_S * SECOND},
	};
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	alert_words_known(box, zone);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct alert alert = alert_flood(SEVERITY_SEVERE, zone, 0);
		alert.repeat_every_s = cases[i].every_s;
		int64_t id = alert_ask(box, alert);
		for (int times = 0; times < 3; times++) {
			fake_box_pass(box, 10 * MS);
			assert_zone_says(zone, "CCW_W_");
			/* Four parts of a second and two pauses. */
			fake_box_pass(box, 4800 * MS);
			assert_zone_says(zone, "");
			fake_box_pass(box, cases[i].quiet_us - 30 * MS);
			assert_zone_says(zone, "");
			fake_box_pass(box, 20 * MS);
		}
		assert_int_equal(alerts_cancel(box->alerts, id, "mayor", &err), 0);
		fake_box_pass(box, SECOND);
	}
}

static void it_interrupts_and_is_loud(void **state) {
	struct fake_box *box = *state;
	int64_t east = fake_box_zone(box, "east", NULL);
	int64_t west = fake_box_zone(box, "west", NULL);
	AUTO(zone_done) struct zone zone = {0};
	assert_int_equal(store_zone_get(box->store, east, &zone, &err), 0);
	zone.gain_db = -12.0;
	assert_int_equal(store_zone_put(box->store, &zone, &err), 0);
	director_zone_changed(box->director, east);
	int64_t music = fake_box_announcement(box, "music", 60000);
	fake_box_push(box, music, east, CLASS_PROGRAMME, NULL);
	fake_box_push(box, music, west, CLASS_PROGRAMME, NULL);
	fake_box_pass(box, 5 * SECOND);
	assert_true(fake_box_gain_db(east) < -11.0);
	int64_t id = ask_simple(box, SEVERITY_MINOR, east);
	fake_box_pass(box, FADE);
	assert_zone_says(east, "CC");
	assert_zone_says(west, "_");
	assert_true(fake_box_gain_db(east) > -0.1);
	assert_run(box, 1, OUTCOME_PAUSED, "interrupted by 'Flood' (emergency)");
	assert_int_equal(alerts_cancel(box->alerts, id, "mayor", &err), 0);
	fake_box_pass(box, FADE);
	assert_run(box, 1, OUTCOME_PLAYING, "resumed");
	assert_zone_says(east, "_");
	assert_zone_says(west, "_");
	assert_true(fake_box_gain_db(east) < -11.0);
}

static void neither_the_hour_nor_the_clock_stops_it(void **state) {
	static const struct {
		bool quiet;
		bool trusted;
		const char *words;
	} cases[] = {
		{true, true, "in quiet hours, because it is an emergency"},
		{false, false,
		 "by a clock that is not trusted, because it is an emergency"},
		{true, false,
		 "in quiet hours and by a clock that is not trusted, because"},
	};
	struct fake_box *box = *state;
	int64_t zones[] = {fake_box_zone(box, "quiet", "00:00-23:59"),
			   fake_box_zone(box, "east", NULL)};
	alert_words_known(box, zones[1]);
	int64_t run = 1;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		int64_t zone = zones[cases[i].quiet ? 0 : 1];
		box->trusted = cases[i].trusted;
		fake_box_step(box, 0);
		int64_t id = ask_simple(box, SEVERITY_SEVERE, zone);
		fake_box_pass(box, 4 * SECOND);
		assert_zone_says(zone, "CCW_W_");
		assert_run(box, ++run, OUTCOME_PLAYING, cases[i].words);
		fake_box_pass(box, 2 * SECOND);
		assert_run(box, run, OUTCOME_PLAYED, cases[i].words);
		/* It repeats, too. */
		fake_box_pass(box, ALERT_GAP_S * SECOND);
		assert_zone_says(zone, "CCW_W_");
		run++;
		assert_int_equal(alerts_cancel(box->alerts, id, "mayor", &err), 0);
		fake_box_pass(box, SECOND);
		assert_run(box, run, OUTCOME_CUT, "cancelled by mayor (");
		box->trusted = true;
		fake_box_step(box, 0);
	}
}

/* It loses its trust, and is set back, while one alert sounds and another one waits. */
static void a_clock_that_jumps_stops_nothing(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	alert_words_known(box, zone);
	int64_t id = ask_simple(box, SEVERITY_SEVERE, zone);
	ask_simple(box, SEVERITY_MINOR, zone);
	fake_box_pass(box, SECOND);
	fake_box_step(box, -3 * 60 * MINUTE);
	box->trusted = false;
	fake_box_step(box, 0);
	fake_box_pass(box, 10 * MS);
	assert_zone_says(zone, "CCW_W_");
	fake_box_pass(box, 5 * SECOND);
	assert_run(box, 2, OUTCOME_PLAYED, "clock");
	fake_box_pass(box, 5 * SECOND);
	assert_run(box, 3, OUTCOME_PLAYED, "clock");
	assert_alert_state(box, id, ALERT_ACTIVE);
}

static void cancel_is_silence_everywhere(void **state) {
	struct fake_box *box = *state;
	int64_t east = fake_box_zone(box, "east", NULL);
	int64_t west = fake_box_zone(box, "west", NULL);
	int64_t id = alert_ask(box, alert_flood(SEVERITY_SEVERE, east, west));
	fake_box_pass(box, SECOND);
	assert_int_equal(fake_box_sounding(), 2);
	assert_int_equal(alerts_cancel(box->alerts, id, "mayor", &err), 0);
	assert_zone_says(east, "");
	assert_zone_says(west, "");
	assert_alert_state(box, id, ALERT_CANCELLED);
	fake_box_pass(box, 10 * MINUTE);
	assert_int_equal(fake_box_starts(), 2);
	assert_run(box, 1, OUTCOME_CUT, "the alert was cancelled by mayor");
	assert_int_equal(alerts_cancel(box->alerts, id, "mayor", &err), -EALREADY);
	assert_non_null(strstr(err.text, "alert 1 is cancelled already"));
	assert_int_equal(alerts_cancel(box->alerts, 77, "mayor", &err), -ENOENT);
}

static void an_update_replaces(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	alert_words_known(box, zone);
	int64_t first = ask_simple(box, SEVERITY_EXTREME, zone);
	fake_box_pass(box, SECOND);
	struct alert update = alert_flood(SEVERITY_MINOR, zone, 0);
	update.updates = first;
	int64_t second = alert_ask(box, update);
	fake_box_pass(box, FADE);
	assert_zone_says(zone, "CCW_W_");
	assert_alert_state(box, first, ALERT_REPLACED);
	assert_run(box, 2, OUTCOME_CUT, "alert 2 replaces it");
	assert_run(box, 3, OUTCOME_PLAYING, NULL);
	fake_box_pass(box, 3 * MINUTE);
	struct alert late = alert_flood(SEVERITY_MINOR, zone, 0);
	late.updates = first;
	int64_t id = 0;
	assert_int_equal(alerts_ask(box->alerts, &late, alert_on_told, NULL, &id, &err),
			 -EALREADY);
	late = alert_flood(SEVERITY_MINOR, zone, 0);
	late.updates = 99;
	assert_int_equal(alerts_ask(box->alerts, &late, alert_on_told, NULL, &id, &err),
			 -EINVAL);
	assert_string_equal(err.field, "updates");
	assert_alert_state(box, second, ALERT_ACTIVE);
}

static void once_is_once(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	struct alert alert = alert_flood(SEVERITY_SEVERE, zone, 0);
	alert.repeat_every_s = 0;
	int64_t id = alert_ask(box, alert);
	fake_box_pass(box, 30 * MINUTE);
	assert_alert_state(box, id, ALERT_PLAYED);
	assert_int_equal(fake_box_count_runs(box), 2);
}

static void nothing_sounds_behind_its_expiry(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	alert_words_known(box, zone);
	struct alert alert = alert_flood(SEVERITY_SEVERE, zone, 0);
	alert.expires_us = box->now_us + 2 * SECOND;
	int64_t id = alert_ask(box, alert);
	fake_box_pass(box, 1500 * MS);
	assert_zone_says(zone, "CCW_W_");
	fake_box_pass(box, 500 * MS);
	assert_zone_says(zone, "");
	assert_run(box, 2, OUTCOME_CUT, "the alert has expired");
	fake_box_pass(box, MINUTE);
	assert_alert_state(box, id, ALERT_EXPIRED);
	assert_int_equal(fake_box_count_runs(box), 2);
	/* An hour, where nobody says; seven days at most; not past. */
	id = ask_simple(box, SEVERITY_SEVERE, zone);
	fake_box_pass(box, 59 * MINUTE);
	assert_alert_state(box, id, ALERT_ACTIVE);
	fake_box_pass(box, MINUTE + MS);
	assert_alert_state(box, id, ALERT_EXPIRED);
	static const int64_t wrong_us[] = {0, -SECOND, 8 * 24 * 60 * MINUTE};
	for (size_t i = 0; i < LENGTH(wrong_us); i++) {
		struct alert bad = alert_flood(SEVERITY_SEVERE, zone, 0);
		bad.expires_us = box->now_us + wrong_us[i];
		assert_int_equal(
			alerts_ask(box->alerts, &bad, alert_on_told, NULL, &id, &err),
			-EINVAL);
		assert_string_equal(err.field, "expires");
	}
}

/* A box that wakes up a month ago, and learns the time in the middle of an alert. */
static void an_hour_is_an_hour_by_any_clock(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	alert_words_known(box, zone);
	box->trusted = false;
	fake_box_step(box, -30 * 24 * 60 * MINUTE);
	int64_t id = ask_simple(box, SEVERITY_SEVERE, zone);
	struct alert other = alert_flood(SEVERITY_SEVERE, zone, 0);
	other.expires_us = box->now_us + 30 * 24 * 60 * MINUTE; /* a time of day */
	int64_t given = alert_ask(box, other);
	fake_box_pass(box, 30 * MINUTE);
	box->trusted = true;
	fake_box_step(box, 30 * 24 * 60 * MINUTE);
	fake_box_pass(box, 29 * MINUTE);
	assert_alert_state(box, id, ALERT_ACTIVE);
	assert_alert_state(box, given, ALERT_EXPIRED);
	fake_box_pass(box, 2 * MINUTE);
	assert_alert_state(box, id, ALERT_EXPIRED);
}

/* No clock that can be trusted says that it is too far away. */
static void one_without_an_end_in_sight(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	alert_words_known(box, zone);
	box->trusted = false;
	struct alert forever = alert_flood(SEVERITY_SEVERE, zone, 0);
	forever.expires_us = 253402300799LL * SECOND; /* the last second of 9999 */
	size_t before = fake_box_starts();
	int64_t id = alert_ask(box, forever);
	fake_box_pass(box, MINUTE);
	assert_alert_state(box, id, ALERT_ACTIVE);
	assert_int_equal(fake_box_starts() - before, 3);
}

static void what_cannot_be_spoken_falls_back(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	box->speech_takes_us = INT64_MAX;
	int64_t id = ask_simple(box, SEVERITY_SEVERE, zone);
	fake_box_pass(box, 10 * MS);
	assert_zone_says(zone, "CC");
	fake_box_pass(box, 2 * SECOND);
	assert_zone_says(zone, "C_C_C_C_");
	assert_non_null(
		strstr(alert_fault_text(box, "alert 1"), "espeak-ng did not answer"));
	fake_box_pass(box, 8 * SECOND);
	assert_zone_says(zone, "");
	/* The next sounding tries again, and again. */
	fake_box_pass(box, ALERT_GAP_S * SECOND);
	assert_zone_says(zone, "CC");
	box->speech_takes_us = SECOND;
	fake_box_pass(box, 8 * SECOND + ALERT_GAP_S * SECOND + 4 * SECOND);
	fake_box_pass(box, 2 * SECOND);
	assert_string_equal(alert_fault_text(box, "alert 1"), "");
	assert_int_equal(alerts_cancel(box->alerts, id, "mayor", &err), 0);
}

static void words_that_are_late_follow(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	struct alert alert = alert_flood(SEVERITY_SEVERE, zone, 0);
	alert.repeat_every_s = 0;
	box->speech_takes_us = 12 * SECOND;
	int64_t id = alert_ask(box, alert);
	/* The chime (5.8 s in truth) and three seconds. */
	fake_box_pass(box, 8700 * MS);
	assert_zone_says(zone, "");
	fake_box_pass(box, 200 * MS);
	assert_zone_says(zone, "C_C_C_C_");
	assert_non_null(strstr(alert_fault_text(box, "alert 1"), "not spoken yet"));
	fake_box_pass(box, 8 * SECOND);
	assert_zone_says(zone, "W_W_");
	assert_string_equal(alert_fault_text(box, "alert 1"), "");
	fake_box_pass(box, MINUTE);
	assert_alert_state(box, id, ALERT_PLAYED);
	assert_int_equal(fake_box_count_runs(box), 3);
}

static void words_behind_the_fallback_do_not_wait(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	struct alert alert = alert_flood(SEVERITY_SEVERE, zone, 0);
	alert.repeat_every_s = 3600;
	box->speech_takes_us = MINUTE;
	alert_ask(box, alert);
	fake_box_pass(box, 59 * SECOND);
	assert_zone_says(zone, "");
	fake_box_pass(box, 1500 * MS);
	assert_zone_says(zone, "CCW_W_");
}

/* Once, with a voice that is broken: chimes once, silence, and the words when they come.
 */
static void once_without_words_waits_for_them(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	struct alert alert = alert_flood(SEVERITY_SEVERE, zone, 0);
	alert.repeat_every_s = 0;
	box->speech_takes_us = INT64_MAX;
	int64_t id = alert_ask(box, alert);
	fake_box_pass(box, 10 * MINUTE);
	assert_int_equal(fake_box_count_runs(box), 2);
	assert_alert_state(box, id, ALERT_ACTIVE);
	box->speech_takes_us = SECOND;
	fake_box_pass(box, MINUTE);
	assert_alert_state(box, id, ALERT_PLAYED);
	assert_int_equal(fake_box_count_runs(box), 3);
}

/* Between its chime and its words nothing lower gets in. */
static void it_keeps_the_zone_for_its_words(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t music = fake_box_announcement(box, "music", 60000);
	box->speech_takes_us = 7 * SECOND;
	ask_simple(box, SEVERITY_MINOR, zone);
	fake_box_pass(box, SECOND);
	fake_box_push(box, music, zone, CLASS_PROGRAMME, NULL);
	for (int i = 0; i < 55; i++) {
		fake_box_pass(box, 100 * MS);
		assert_true(strcmp(fake_box_says(zone), "CC") == 0 ||
			    strcmp(fake_box_says(zone), "") == 0);
	}
	fake_box_pass(box, SECOND);
	assert_zone_says(zone, "W_W_");
	fake_box_pass(box, 4 * SECOND);
	assert_zone_says(zone, "_");
}

static void a_drill_says_so_first(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	struct alert drill = alert_flood(SEVERITY_SEVERE, zone, 0);
	drill.drill = true;
	int64_t id = 0;
	assert_int_equal(alerts_ask(box->alerts, &drill, alert_on_told, NULL, &id, &err),
			 0);
	fake_box_pass(box, 900 * MS);
	assert_zone_says(zone, "");
	assert_int_equal(alert_told()->times, 0);
	fake_box_pass(box, 200 * MS);
	/* All is spoken now, the fake voice knows it all. */
	assert_zone_says(zone, "CCW_W_W_W");
	assert_int_equal(alert_told()->times, 1);
	assert_string_equal(alert_told()->error, "");
	assert_int_equal(alert_told()->id, 1);
}

static void a_drill_is_below_what_is_none(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	struct alert drill = alert_flood(SEVERITY_EXTREME, zone, 0);
	drill.drill = true;
	int64_t id = 0;
	assert_int_equal(alerts_ask(box->alerts, &drill, alert_on_told, NULL, &id, &err),
			 0);
	fake_box_pass(box, 1200 * MS);
	assert_run(box, 1, OUTCOME_PLAYING, NULL);
	(void)ask_simple(box, SEVERITY_MINOR, zone);
	fake_box_pass(box, FADE);
	assert_run(box, 1, OUTCOME_CUT, "interrupted by 'Flood' (emergency)");
	assert_run(box, 2, OUTCOME_PLAYING, NULL);
	fake_box_pass(box, 60 * SECOND);
	/* And the other way round. */
	int64_t real = ask_simple(box, SEVERITY_MINOR, zone);
	fake_box_pass(box, FADE);
	drill = alert_flood(SEVERITY_EXTREME, zone, 0);
	drill.drill = true;
	assert_int_equal(alerts_ask(box->alerts, &drill, alert_on_told, NULL, &id, &err),
			 0);
	fake_box_pass(box, 1200 * MS);
	/* It waits behind that, and what was there before too. */
	assert_run(box, 8, OUTCOME_PLAYING, NULL);
	assert_run(box, 10, OUTCOME_PLANNED, NULL);
	AUTO(run_done) struct run run = {0};
	assert_int_equal(store_run_get(box->store, 8, &run, &err), 0);
	assert_int_equal(run.alert, real);
}

static void a_drill_that_cannot_say_so_is_refused(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	box->speech_takes_us = INT64_MAX;
	struct alert drill = alert_flood(SEVERITY_SEVERE, zone, 0);
	drill.drill = true;
	int64_t id = 0;
	assert_int_equal(alerts_ask(box->alerts, &drill, alert_on_told, NULL, &id, &err),
			 0);
	fake_box_pass(box, MINUTE);
	assert_int_equal(alert_told()->times, 1);
	assert_non_null(strstr(alert_told()->error, "a drill must say that it is one"));
	assert_int_equal(fake_box_starts(), 0);
	assert_int_equal(fake_box_count_runs(box), 0);
}

static void a_restart_loses_none(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	alert_words_known(box, zone);
	int64_t id = ask_simple(box, SEVERITY_SEVERE, zone);
	struct alert brief =
		alert_flood(SEVERITY_EXTREME, fake_box_zone(box, "west", NULL), 0);
	brief.expires_us = box->now_us + 10 * SECOND;
	int64_t expired = alert_ask(box, brief);
	for (int i = 0; i < 2; i++) {
		fake_box_pass(box, 3 * SECOND);
		box->now_us += i == 0 ? MINUTE : 0;
		fake_box_restart(box, i == 0);
		fake_box_pass(box, 10 * MS);
		assert_zone_says(zone, "CCW_W_");
		assert_int_equal(fake_box_sounding(), 1);
	}
	assert_alert_state(box, id, ALERT_ACTIVE);
	assert_alert_state(box, expired, ALERT_EXPIRED);
	assert_run(box, 2, OUTCOME_CUT, "the alert sounds again");
	/* Nor is a number given twice. */
	assert_true(ask_simple(box, SEVERITY_SEVERE, zone) > expired);
}

static void the_higher_sounds_first_the_lower_between(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	alert_words_known(box, zone);
	int64_t lower = ask_simple(box, SEVERITY_MODERATE, zone);
	fake_box_pass(box, 2 * SECOND);
	/* Run 2 is the lower's; run 3 the higher's first, which interrupts. */
	struct alert often = alert_flood(SEVERITY_EXTREME, zone, 0);
	often.repeat_every_s = 12;
	int64_t higher = alert_ask(box, often);
	fake_box_pass(box, FADE);
	assert_run(box, 2, OUTCOME_CUT, "interrupted by 'Flood' (emergency)");
	assert_run(box, 3, OUTCOME_PLAYING, NULL);
	/* In the first gap the lower is said again, whole. */
	fake_box_pass(box, 6 * SECOND);
	assert_run(box, 3, OUTCOME_PLAYED, NULL);
	assert_run(box, 4, OUTCOME_PLAYING, NULL);
	AUTO(run_done) struct run run = {0};
	fake_box_last_run(box, &run);
	assert_int_equal(run.alert, lower);
	/* What was heard before does not break into what has begun. */
	for (int i = 0; i < 60; i++) {
		fake_box_pass(box, 10 * SECOND);
	}
	size_t n = 0;
	size_t said[2] = {0};
	struct store_filter all = {TIME_NONE, TIME_NONE, 0, -1, 0, 1000};
	struct run *runs = NULL;
	assert_int_equal(store_run_list(box->store, &all, &runs, &n, &err), 0);
	for (size_t i = 0; i + 3 < n; i++) {
		assert_true(runs[i].state == OUTCOME_PLAYED ||
			    !outcome_final(runs[i].state));
		said[runs[i].alert == higher]++;
	}
	run_list_free(runs, n);
	assert_true(said[0] >= 15 && said[1] >= 40);
}

static void equals_take_turns_as_asked(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	alert_words_known(box, zone);
	ask_simple(box, SEVERITY_SEVERE, zone);
	ask_simple(box, SEVERITY_SEVERE, zone);
	struct alert county = alert_flood(SEVERITY_SEVERE, zone, 0);
	county.level = LEVEL_COUNTY;
	int64_t highest = alert_ask(box, county);
	fake_box_pass(box, 18 * SECOND);
	static const int64_t in_order[] = {3, 1, 2};
	for (size_t i = 0; i < LENGTH(in_order); i++) {
		AUTO(run_done) struct run run = {0};
		/* 4 is the county's; run 2 was not heard yet and waits, as 3 does. */
		assert_int_equal(store_run_get(box->store, 2 + (int64_t)i, &run, &err),
				 0);
		assert_int_equal(run.alert, i + 1);
	}
	assert_int_equal(highest, 3);
	AUTO(run_done) struct run waited = {0};
	AUTO(run_done) struct run first = {0};
	assert_int_equal(store_run_get(box->store, 3, &waited, &err), 0);
	assert_int_equal(store_run_get(box->store, 2, &first, &err), 0);
	assert_int_equal(first.alert, 1);
	assert_true(first.zones[0].started_us < waited.zones[0].started_us);
}

static void a_stop_ends_this_sounding_alone(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t id = ask_simple(box, SEVERITY_SEVERE, zone);
	fake_box_pass(box, 500 * MS);
	assert_int_equal(director_stop_zones(box->director, NULL, "mayor"), 1);
	fake_box_pass(box, 10 * SECOND);
	assert_int_equal(fake_box_starts(), 1);
	fake_box_pass(box, 11 * SECOND);
	assert_zone_says(zone, "CCW_W_");
	assert_alert_state(box, id, ALERT_ACTIVE);
}

static void stopped_just_before_the_words(struct fake_box *box, int64_t speech_us) {
	int64_t zone = fake_box_zone(box, "east", NULL);
	box->speech_takes_us = speech_us;
	int64_t id = ask_simple(box, SEVERITY_SEVERE, zone);
	fake_box_pass(box, speech_us - 50 * MS);
	size_t starts = fake_box_starts();
	assert_int_equal(director_stop_zones(box->director, NULL, "mayor"), 1);
	fake_box_pass(box, 19 * SECOND);
	assert_int_equal(fake_box_starts(), starts);
	assert_alert_state(box, id, ALERT_ACTIVE);
	fake_box_pass(box, 2 * SECOND);
	assert_zone_says(zone, "CCW_W_");
}

/* Words that are ready only while it fades out are no way round the stop. */
static void a_stop_silences_words_on_their_way(void **state) {
	stopped_just_before_the_words(*state, SECOND);
}

static void a_stop_of_a_fallback_too(void **state) {
	stopped_just_before_the_words(*state, 10 * SECOND);
}

static void disk(struct fake_box *box, bool full) {
	const char *sql =
		full ? "PRAGMA max_page_count = 1" : "PRAGMA max_page_count = 1000000";
	assert_int_equal(sqlite3_exec(box->store->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void a_full_disk_silences_nothing(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	alert_words_known(box, zone);
	disk(box, true);
	struct alert alert = alert_flood(SEVERITY_SEVERE, zone, 0);
	free(alert.text);
	alert.text = malloc(5000); /* longer than what a page has left */
	memset(alert.text, 'x', 4999);
	alert.text[4999] = '\0';
	int64_t id = alert_ask(box, alert);
	fake_box_pass(box, 10 * MS);
	assert_zone_says(zone, "CCW_W_");
	assert_int_equal(alert_told()->id, id);
	assert_false(alert_told()->on_disk);
	assert_non_null(strstr(alert_fault_text(box, "alert 1 record"), "not on disk"));
	assert_int_equal(alerts_find(box->alerts, id)->state, ALERT_ACTIVE);
	fake_box_pass(box, 2 * MINUTE);
	assert_true(fake_box_starts() >= 4);
	disk(box, false);
	fake_box_pass(box, 20 * SECOND);
	assert_string_equal(alert_fault_text(box, "alert 1 record"), "");
	assert_alert_state(box, id, ALERT_ACTIVE);
	assert_true(alerts_find(box->alerts, id)->on_disk);
}

/* The caller's own transaction, with the answer to its key, does not come to stand. */
static void a_transaction_that_is_lost_silences_nothing(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	alert_words_known(box, zone);
	int64_t first = ask_simple(box, SEVERITY_SEVERE, zone);
	fake_box_pass(box, SECOND);
	assert_int_equal(store_begin(box->store, &err), 0);
	struct alert update = alert_flood(SEVERITY_SEVERE, zone, 0);
	update.updates = first;
	int64_t id = alert_ask(box, update);
	store_rollback(box->store);
	alerts_lost(box->alerts, id);
	assert_false(alerts_find(box->alerts, id)->on_disk);
	assert_non_null(strstr(alert_fault_text(box, "alert 2 record"), "not on disk"));
	fake_box_pass(box, 10 * MS);
	assert_zone_says(zone, "CCW_W_");
	fake_box_pass(box, 11 * SECOND);
	assert_alert_state(box, id, ALERT_ACTIVE);
	assert_alert_state(box, first, ALERT_REPLACED);
	assert_int_equal(store_begin(box->store, &err), 0);
	assert_int_equal(alerts_cancel(box->alerts, id, "mayor", &err), 0);
	store_rollback(box->store);
	alerts_lost(box->alerts, id);
	assert_int_equal(fake_box_sounding(), 0);
	assert_alert_state(box, id, ALERT_ACTIVE);
	fake_box_pass(box, 11 * SECOND);
	assert_alert_state(box, id, ALERT_CANCELLED);
	assert_null(alerts_nth(box->alerts, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_chime_at_once_then_the_words),
		TEST(it_repeats_after_a_gap),
		TEST(it_interrupts_and_is_loud),
		TEST(neither_the_hour_nor_the_clock_stops_it),
		TEST(a_clock_that_jumps_stops_nothing),
		TEST(cancel_is_silence_everywhere),
		TEST(an_update_replaces),
		TEST(once_is_once),
		TEST(nothing_sounds_behind_its_expiry),
		TEST(an_hour_is_an_hour_by_any_clock),
		TEST(one_without_an_end_in_sight),
		TEST(what_cannot_be_spoken_falls_back),
		TEST(words_that_are_late_follow),
		TEST(words_behind_the_fallback_do_not_wait),
		TEST(once_without_words_waits_for_them),
		TEST(it_keeps_the_zone_for_its_words),
		TEST(a_drill_says_so_first),
		TEST(a_drill_is_below_what_is_none),
		TEST(a_drill_that_cannot_say_so_is_refused),
		TEST(a_restart_loses_none),
		TEST(the_higher_sounds_first_the_lower_between),
		TEST(equals_take_turns_as_asked),
		TEST(a_stop_ends_this_sounding_alone),
		TEST(a_stop_silences_words_on_their_way),
		TEST(a_stop_of_a_fallback_too),
		TEST(a_full_disk_silences_nothing),
		TEST(a_transaction_that_is_lost_silences_nothing),
	};
	return cmocka_run_group_tests_name("alerts", tests, NULL, NULL);
}
