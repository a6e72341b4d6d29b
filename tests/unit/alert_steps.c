/* alert_steps.c - see alert_steps.h. */
#include "alert_steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000LL
#define SECOND (1000 * MS)

static struct alert_told told;
static struct error err;

struct alert_told *alert_told(void) {
	return &told;
}

void alert_on_told(void *arg, const struct alert *alert, const struct error *why) {
	(void)arg;
	told.times++;
	told.id = alert != NULL ? alert->id : 0;
	told.first_sound_ms = alert != NULL ? alert->first_sound_ms : -1;
	told.on_disk = alert != NULL && alert->on_disk;
	snprintf(told.error, sizeof(told.error), "%s", why != NULL ? why->text : "");
}

struct alert alert_flood(enum severity severity, int64_t zone, int64_t other) {
	struct alert a = {.headline = strdup("Flood"),
			  .text = strdup("climb the hill"),
			  .severity = severity,
			  .level = LEVEL_TOWN,
			  .repeat_every_s = ALERT_GAP_DEFAULT,
			  .expires_us = TIME_NONE,
			  .author = strdup("clerk")};
	assert_int_equal(ids_add(&a.zones, zone), 0);
	if (other != 0) {
		assert_int_equal(ids_add(&a.zones, other), 0);
	}
	for (size_t i = 0; i < a.zones.n; i++) {
		assert_int_equal(ids_add(&a.resolved, a.zones.items[i]), 0);
	}
	return a;
}

int64_t alert_ask(struct fake_box *box, struct alert alert) {
	int64_t id = 0;
	int rc = alerts_ask(box->alerts, &alert, alert_on_told, NULL, &id, &err);
	if (rc != 1) {
		fail_msg("%d: %s", rc, err.text);
	}
	return id;
}

void assert_alert_state(struct fake_box *box, int64_t id, enum alert_state state) {
	AUTO(alert_done) struct alert alert = {0};
	assert_int_equal(store_alert_get(box->store, id, &alert, &err), 0);
	assert_string_equal(alert_state_name(alert.state), alert_state_name(state));
}

const char *alert_fault_text(struct fake_box *box, const char *source) {
	const struct fault *faults = NULL;
	size_t n = faults_list(box->faults, &faults);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(faults[i].source, source) == 0) {
			return faults[i].text;
		}
	}
	return "";
}

void alert_words_known(struct fake_box *box, int64_t zone) {
	box->speech_takes_us = 1 * MS;
	AUTO(content_done) struct content content = {.repeat = 1};
	AUTO(ids_done) struct ids zones = {0};
	assert_int_equal(content_add(&content, PART_TEXT, "x", NULL, 0), 0);
	assert_int_equal(ids_add(&zones, zone), 0);
	struct director_push push = {.source = "push",
				     .content = &content,
				     .title = "x",
				     .zones = &zones,
				     .at_us = TIME_NONE,
				     .class = CLASS_NOTICE,
				     .author = "clerk"};
	int64_t run = 0;
	assert_int_equal(director_push(box->director, &push, &run, &err), 0);
	fake_box_pass(box, 2 * SECOND);
}

void assert_zone_says(int64_t zone, const char *what) {
	assert_string_equal(fake_box_says(zone), what);
}
