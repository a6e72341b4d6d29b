/* store_rows.c - see store_rows.h. */
#include "store_rows.h"

#include "schedule/store_internal.h"

#include <stdio.h>

/* Not from malloc, which a test may let fail. */
static char *text(const char *from) {
	char *copy = NULL;
	assert_true(asprintf(&copy, "%s", from) >= 0);
	return copy;
}

static int no_memory(struct error *err) {
	return error_set(err, ENOMEM, "no memory for the row to be written");
}

int open_memory(void **state) {
	struct store *s = NULL;
	struct error err = {0};
	assert_ok(store_open(":memory:", &s, &err));
	*state = s;
	return 0;
}

int close_memory(void **state) {
	store_close(*state);
	return 0;
}

size_t migrations_n(void) {
	size_t n = 0;
	while (store_migrations()[n] != NULL) {
		n++;
	}
	return n;
}

void migrations_and(const char *more, const char *ret[MIGRATIONS_MAX]) {
	size_t n = migrations_n();
	assert_true(n + 1 < MIGRATIONS_MAX);
	for (size_t i = 0; i < n; i++) {
		ret[i] = store_migrations()[i];
	}
	ret[n] = more;
	ret[n + 1] = NULL;
}

const char *clip_id(int number) {
	static char id[CLIP_ID_SIZE];
	snprintf(id, sizeof(id), "%064x", (unsigned)number);
	return id;
}

int add_area(struct store *s, const char *code, int64_t parent, int64_t *id,
	     struct error *err) {
	AUTO(area_done)
	struct area area = {.code = text(code), .name = text("沙坪镇"), .parent = parent};
	int rc = store_area_put(s, &area, err);
	*id = area.id;
	return rc;
}

int add_output(struct store *s, const char *name, int channels, int64_t *id,
	       struct error *err) {
	AUTO(output_done)
	struct output output = {.name = text(name),
				.pcm = text("hw:0,0"),
				.rate = 48000,
				.channels = channels};
	int rc = store_output_put(s, &output, err);
	*id = output.id;
	return rc;
}

int add_zone(struct store *s, const char *name, int64_t output, int channel, int64_t area,
	     int64_t *id, struct error *err) {
	AUTO(zone_done)
	struct zone zone = {.name = text(name),
			    .output = output,
			    .channels = {channel},
			    .n_channels = 1,
			    .area = area,
			    .gain_db = -3.5,
			    .max_gain_db = 6,
			    .quiet = {{22 * 60, 6 * 60}, {0, 1440}},
			    .n_quiet = 2,
			    .lead_ms = 400,
			    .amplifier = text("hall"),
			    .pass = 3};
	int rc = store_zone_put(s, &zone, err);
	*id = zone.id;
	return rc;
}

int add_clip(struct store *s, int number, struct error *err) {
	AUTO(clip_done)
	struct clip clip = {.title = text("Bekanntmachung 通知"),
			    .duration_ms = 61500,
			    .size_bytes = 123456,
			    .channels = 1,
			    .loudness_lufs = -17.25,
			    .true_peak_dbtp = -0.5,
			    .gain_db = 2.75,
			    .output_lufs = -16.625,
			    .limit = CLIP_LIMIT_PEAKS,
			    .created_us = NOON_US + number,
			    .author = text("clerk")};
	strcpy(clip.id, clip_id(number));
	return store_clip_add(s, &clip, err);
}

int add_announcement(struct store *s, int number, int64_t *id, struct error *err) {
	AUTO(announcement_done)
	struct announcement a = {.title = text("停水"),
				 .content = {.repeat = 2, .gap_ms = 1500},
				 .resume = RESUME_RESTART,
				 .expires_us = TIME_NONE,
				 .created_us = NOON_US,
				 .changed_us = NOON_US,
				 .author = text("clerk")};
	int rc = number == 0
			 ? content_add(&a.content, PART_TEXT, "水停了", "zh", 0)
			 : content_add(&a.content, PART_CLIP, clip_id(number), NULL, 0);
	rc = rc < 0 ? no_memory(err) : store_announcement_put(s, &a, err);
	*id = a.id;
	return rc;
}

int add_schedule(struct store *s, int64_t announcement, int64_t zone, int64_t *id,
		 struct error *err) {
	AUTO(schedule_done)
	struct schedule p = {.announcement = announcement,
			     .rule = text("30 7 * * 1-5"),
			     .from_us = TIME_NONE,
			     .until_us = TIME_NONE,
			     .class = CLASS_NOTICE,
			     .play_within_s = 600,
			     .conflict = CONFLICT_SKIP,
			     .enabled = true,
			     .created_us = NOON_US,
			     .changed_us = NOON_US,
			     .author = text("clerk")};
	int rc = ids_add(&p.zones, zone);
	rc = rc < 0 ? no_memory(err) : store_schedule_put(s, &p, err);
	*id = p.id;
	return rc;
}

int put_override(struct store *s, int64_t schedule, int64_t due_us, int64_t announcement,
		 struct error *err) {
	AUTO(override_done)
	struct override o = {.schedule = schedule,
			     .due_us = due_us,
			     .action = OVERRIDE_MOVE,
			     .to_us = due_us - MINUTE_US / 2,
			     .announcement = announcement,
			     .created_us = NOON_US,
			     .author = text("clerk")};
	int rc = store_override_put(s, &o, err);
	return rc < 0 ? rc : 0;
}

int add_alert(struct store *s, int number, int64_t zone, int64_t *id, struct error *err) {
	AUTO(alert_done)
	struct alert a = {.headline = text("洪水"),
			  .text = number == 0 ? text("请立即上山") : NULL,
			  .clip = number == 0 ? NULL : text(clip_id(number)),
			  .severity = SEVERITY_EXTREME,
			  .level = LEVEL_COUNTY,
			  .repeat_every_s = 60,
			  .expires_us = NOON_US + 30 * MINUTE_US,
			  .expires_given = true,
			  .created_us = NOON_US,
			  .ended_us = TIME_NONE,
			  .first_sound_ms = -1,
			  .author = text("clerk")};
	int rc = ids_add(&a.zones, zone);
	if (rc == 0) {
		rc = ids_add(&a.resolved, zone);
	}
	if (rc == 0) {
		rc = ids_add(&a.resolved, zone + 1);
	}
	if (rc == 0) {
		rc = texts_add(&a.areas, "360826101");
	}
	rc = rc < 0 ? no_memory(err) : store_alert_add(s, &a, err);
	*id = a.id;
	return rc;
}

static int claim(struct store *s, int64_t schedule, int64_t alert, int64_t due_us,
		 int64_t zone, int64_t *id, struct error *err) {
	AUTO(run_done)
	struct run run = {.source = text(alert != 0      ? "alert"
					 : schedule == 0 ? "push"
							 : "schedule"),
			  .schedule = schedule,
			  .alert = alert,
			  .severity = SEVERITY_EXTREME,
			  .level = LEVEL_COUNTY,
			  .title = text("停水"),
			  .content = {.repeat = 1},
			  .class = alert != 0 ? CLASS_EMERGENCY : CLASS_NOTICE,
			  .due_us = due_us,
			  .created_us = due_us,
			  .expires_us = TIME_NONE,
			  .author = text("clerk"),
			  .zones = aligned_alloc(16, 16 * sizeof(struct run_zone)),
			  .n_zones = 1};
	assert_non_null(run.zones);
	run.zones[0] = (struct run_zone){
		.zone = zone, .zone_name = text("东村"), .started_us = TIME_NONE};
	int rc = content_add(&run.content, PART_TEXT, "水停了", NULL, 0);
	rc = rc < 0 ? no_memory(err) : store_run_claim(s, &run, err);
	*id = run.id;
	return rc;
}

int claim_run(struct store *s, int64_t schedule, int64_t due_us, int64_t zone,
	      int64_t *id, struct error *err) {
	return claim(s, schedule, 0, due_us, zone, id, err);
}

int claim_sounding(struct store *s, int64_t alert, int64_t zone, int64_t *id,
		   struct error *err) {
	return claim(s, 0, alert, NOON_US, zone, id, err);
}

int add_recording(struct store *s, int64_t run, int64_t zone, int64_t started_us,
		  struct error *err) {
	char file[100];
	snprintf(file, sizeof(file), "2026/11/%lld-%lld.opus", (long long)started_us,
		 (long long)zone);
	struct recording recording = {.run = run,
				      .zone = zone,
				      .started_us = started_us,
				      .duration_ms = 1500,
				      .lost_ms = 20,
				      .size_bytes = 6000,
				      .file = file};
	return store_recording_add(s, &recording, err);
}
