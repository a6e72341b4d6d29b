/* test_director_amplifier.c - from when to when the director needs which amplifier, on a
 * clock the test turns (fake_box.h). */
#include "fake_box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000LL
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)

enum { HALL, TOWER };

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

static void give(struct fake_box *box, int64_t id, const char *amplifier, int lead_ms) {
	struct error err = {0};
	AUTO(zone_done) struct zone zone = {0};
	assert_int_equal(store_zone_get(box->store, id, &zone, &err), 0);
	free(zone.amplifier);
	zone.amplifier = amplifier != NULL ? strdup(amplifier) : NULL;
	zone.lead_ms = lead_ms;
	assert_int_equal(store_zone_put(box->store, &zone, &err), 0);
	director_zone_changed(box->director, id);
	fake_box_pass(box, 0);
}

static void assert_on(bool hall, bool tower) {
	assert_int_equal(fake_box_amplified(HALL), hall);
	assert_int_equal(fake_box_amplified(TOWER), tower);
}

/* On for the lead before the first frame, which is not late for it; off at the end. */
static void a_planned_run_wakes_it_in_time(void **state) {
	struct fake_box *box = *state;
	static const int leads_ms[] = {500, 2000, 10000};
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 5000);
	fake_box_schedule(box, news, zone, "*/2 * * * *", CLASS_NOTICE, 0);
	fake_box_pass(box, 30 * SECOND);
	for (size_t i = 0; i < sizeof(leads_ms) / sizeof(leads_ms[0]); i++) {
		give(box, zone, "hall", leads_ms[i]);
		int64_t ahead_us = 90 * SECOND - leads_ms[i] * MS;
		fake_box_pass(box, ahead_us - 10 * MS);
		assert_on(false, false);
		fake_box_pass(box, 20 * MS);
		assert_on(true, false);
		fake_box_pass(box, 90 * SECOND - ahead_us + SECOND);
		assert_int_equal(fake_box_sounding(), 1);
		AUTO(run_done) struct run run = {0};
		fake_box_last_run(box, &run);
		assert_int_equal(run.zones[0].late_ms, 0);
		fake_box_pass(box, 5 * SECOND - 30 * MS);
		assert_on(false, false);
		fake_box_pass(box, 24 * SECOND + 20 * MS);
	}
}

static void on_told(void *arg, const struct alert *alert, const struct error *why) {
	(void)arg;
	(void)alert;
	(void)why;
}

static void a_push_and_an_alert_wake_it_at_once(void **state) {
	struct fake_box *box = *state;
	int64_t zones[2];
	fake_box_zones(box, zones, 2);
	give(box, zones[0], "hall", 1500);
	give(box, zones[1], "tower", 0);
	int64_t news = fake_box_announcement(box, "news", 5000);
	assert_true(fake_box_push(box, news, zones[0], CLASS_NOTICE, NULL) > 0);
	assert_on(true, false);
	fake_box_pass(box, SECOND);
	assert_int_equal(fake_box_sounding(), 0);
	fake_box_pass(box, SECOND);
	assert_int_equal(fake_box_sounding(), 1);
	assert_on(true, false);

	struct alert alert = {.repeat_every_s = 0,
			      .expires_us = TIME_NONE,
			      .severity = SEVERITY_SEVERE};
	alert.headline = strdup("flood");
	alert.text = strdup("flood");
	alert.author = strdup("clerk");
	ids_add(&alert.zones, zones[1]);
	ids_add(&alert.resolved, zones[1]);
	int64_t id = 0;
	struct error err = {0};
	if (alerts_ask(box->alerts, &alert, on_told, NULL, &id, &err) < 0) {
		fail_msg("%s", err.text);
	}
	/* Before anything else had a turn. */
	assert_on(true, true);
	fake_box_pass(box, MINUTE);
	assert_on(false, false);
}

/* Shared: as long as any of its zones needs it. What waits needs none. */
static void the_last_of_its_zones_lets_go(void **state) {
	struct fake_box *box = *state;
	int64_t zones[3];
	fake_box_zones(box, zones, 3);
	give(box, zones[0], "hall", 0);
	give(box, zones[1], "hall", 0);
	give(box, zones[2], "tower", 0);
	int64_t brief = fake_box_announcement(box, "brief", 5000);
	int64_t full = fake_box_announcement(box, "full", 20000);
	fake_box_push(box, brief, zones[0], CLASS_NOTICE, NULL);
	fake_box_push(box, full, zones[1], CLASS_NOTICE, NULL);
	fake_box_push(box, full, zones[2], CLASS_NOTICE, NULL);
	int64_t waiting = fake_box_push(box, brief, zones[2], CLASS_NOTICE, NULL);
	fake_box_pass(box, 10 * SECOND);
	assert_on(true, true);
	assert_int_equal(director_stop_run(box->director, waiting, "clerk", NULL), 0);
	AUTO(ids_done) struct ids tower = {0};
	ids_add(&tower, zones[2]);
	director_stop_zones(box->director, &tower, "clerk");
	fake_box_pass(box, SECOND);
	assert_on(true, false);
	fake_box_pass(box, 10 * SECOND);
	assert_on(false, false);
}

/* It was to sound, and will not. */
static void what_is_called_off_lets_it_sleep(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	give(box, zone, "hall", 8000);
	int64_t news = fake_box_announcement(box, "news", 5000);
	int64_t id = fake_box_schedule(box, news, zone, "1 8 * * *", CLASS_NOTICE, 0);
	fake_box_pass(box, 55 * SECOND);
	assert_on(true, false);
	assert_int_equal(store_schedule_delete(box->store, id, NULL), 0);
	director_schedule_changed(box->director, id);
	fake_box_pass(box, 0);
	assert_on(false, false);
	/* The clock is not to be believed any more: it is held. */
	fake_box_schedule(box, news, zone, "3 8 * * *", CLASS_NOTICE, 0);
	fake_box_pass(box, 120 * SECOND);
	assert_on(true, false);
	box->trusted = false;
	fake_box_pass(box, 4800 * MS);
	assert_on(false, false);
}

static bool is_fault(struct fake_box *box, const char *source) {
	const struct fault *faults = NULL;
	size_t n = faults_list(box->faults, &faults);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(faults[i].source, source) == 0) {
			assert_non_null(strstr(faults[i].text, "[amplifier gone]"));
			return true;
		}
	}
	return false;
}

/* The configuration has lost it: a fault until no zone names it, and sound all the same.
 */
static void one_that_is_not_there_is_a_fault(void **state) {
	struct fake_box *box = *state;
	int64_t zones[2];
	fake_box_zones(box, zones, 2);
	give(box, zones[0], "gone", 0);
	give(box, zones[1], "gone", 0);
	assert_true(is_fault(box, "amplifier gone"));
	int64_t news = fake_box_announcement(box, "news", 5000);
	fake_box_push(box, news, zones[0], CLASS_NOTICE, NULL);
	fake_box_pass(box, SECOND);
	assert_int_equal(fake_box_sounding(), 1);
	assert_on(false, false);
	fake_box_restart(box, false);
	fake_box_pass(box, SECOND);
	give(box, zones[0], NULL, 0);
	assert_true(is_fault(box, "amplifier gone"));
	assert_int_equal(store_zone_delete(box->store, zones[1], NULL), 0);
	director_zone_changed(box->director, zones[1]);
	assert_false(is_fault(box, "amplifier gone"));
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_planned_run_wakes_it_in_time),
		CASE(a_push_and_an_alert_wake_it_at_once),
		CASE(the_last_of_its_zones_lets_go),
		CASE(what_is_called_off_lets_it_sleep),
		CASE(one_that_is_not_there_is_a_fault),
	};
#undef CASE
	return cmocka_run_group_tests_name("director_amplifier", tests, NULL, NULL);
}
