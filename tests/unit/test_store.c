/* test_store.c - every kind of row goes in, comes back as it was, changes, and goes only
 * when nothing needs it any more. Everything outside needs is written through store.h
 * alone. */
#include "store_rows.h"

#include <math.h>
#include <stdio.h>

static struct error err;

static const struct store_page all = {0, 1000};

static void an_area_comes_back_as_it_was(void **state) {
	struct store *s = *state;
	int64_t county = 0;
	int64_t town = 0;
	assert_ok(add_area(s, "360826", 0, &county, &err));
	assert_ok(add_area(s, "360826101", county, &town, &err));
	AUTO(area_done) struct area area = {0};
	assert_ok(store_area_get(s, town, &area, &err));
	assert_int_equal(area.id, town);
	assert_string_equal(area.code, "360826101");
	assert_string_equal(area.name, "沙坪镇");
	assert_int_equal(area.parent, county);
	free(area.name);
	area.name = strdup("新沙坪");
	assert_ok(store_area_put(s, &area, &err));

	AUTO(area_done) struct area found = {0};
	/* Filled with zeros it is the same area. */
	assert_ok(store_area_by_code(s, "360826101000", &found, &err));
	assert_int_equal(found.id, town);
	assert_string_equal(found.name, "新沙坪");
	struct area *items = NULL;
	size_t n = 0;
	assert_ok(store_area_list(s, all, &items, &n, &err));
	assert_int_equal(n, 2);
	assert_int_equal(items[0].id, county);
	assert_int_equal(items[0].parent, 0);
	area_list_free(items, n);
	assert_ok(store_area_delete(s, town, &err));
	assert_refused(store_area_get(s, town, &found, &err), ENOENT, "no area 2");
}

static void an_area_stays_in_its_tree(void **state) {
	struct store *s = *state;
	int64_t county = 0;
	int64_t town = 0;
	int64_t id = 0;
	assert_ok(add_area(s, "360826", 0, &county, &err));
	assert_ok(add_area(s, "360826101", county, &town, &err));
	static const struct {
		const char *code;
		int64_t parent;
		int refused;
		const char *field;
	} cases[] = {
		{"360826101000", 1, EEXIST, "code"}, /* the town under another spelling */
		{"000000", 0, EINVAL, "code"},       {"36082", 0, EINVAL, "code"},
		{"360827", 1, EINVAL, "parent"}, /* not within the county */
		{"360826102", 99, EINVAL, "parent"}, {"", 0, EINVAL, "code"},
	};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_int_equal(add_area(s, cases[i].code, cases[i].parent, &id, &err),
				 -cases[i].refused);
		assert_string_equal(err.field, cases[i].field);
		assert_int_equal(id, 0);
	}
	assert_refused(store_area_delete(s, county, &err), EBUSY, "360826101");
	AUTO(area_done) struct area area = {0};
	assert_ok(store_area_get(s, county, &area, &err));
	strcpy(area.code, "360827");
	assert_refused(store_area_put(s, &area, &err), EBUSY, "360826101");
}

static void a_clip_comes_back_as_it_was(void **state) {
	struct store *s = *state;
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(add_clip(s, i, &err), 1);
		assert_int_equal(add_clip(s, i, &err), 0);
	}
	AUTO(clip_done) struct clip clip = {0};
	assert_ok(store_clip_get(s, clip_id(1), &clip, &err));
	assert_string_equal(clip.id, clip_id(1));
	assert_string_equal(clip.title, "Bekanntmachung 通知");
	assert_int_equal(clip.duration_ms, 61500);
	assert_int_equal(clip.size_bytes, 123456);
	assert_int_equal(clip.channels, 1);
	assert_true(clip.loudness_lufs == -17.25);
	assert_true(clip.true_peak_dbtp == -0.5);
	assert_true(clip.gain_db == 2.75);
	assert_true(clip.output_lufs == -16.625);
	assert_int_equal(clip.limit, CLIP_LIMIT_PEAKS);
	assert_int_equal(clip.created_us, NOON_US + 1);
	assert_string_equal(clip.author, "clerk");

	struct clip *items = NULL;
	size_t n = 0;
	assert_ok(store_clip_list(s, TIME_NONE, NULL, 2, &items, &n, &err));
	assert_int_equal(n, 2);
	assert_string_equal(items[0].id, clip_id(3));
	int64_t before_us = items[1].created_us;
	assert_string_equal(items[1].id, clip_id(2));
	clip_list_free(items, n);
	assert_ok(store_clip_list(s, before_us, clip_id(2), 2, &items, &n, &err));
	assert_int_equal(n, 1);
	assert_string_equal(items[0].id, clip_id(1));
	clip_list_free(items, n);
	char id[CLIP_ID_SIZE] = "";
	assert_int_equal(store_clip_unmeasured(s, "", id, &err), 0);
	clip.gain_db = 0;
	clip.output_lufs = -HUGE_VAL;
	clip.limit = CLIP_LIMIT_UNMEASURED;
	assert_ok(store_clip_level(s, &clip, &err));
	assert_int_equal(store_clip_unmeasured(s, "", id, &err), 1);
	assert_string_equal(id, clip_id(1));
	assert_int_equal(store_clip_unmeasured(s, clip_id(1), id, &err), 0);
	clip.gain_db = NAN;
	assert_refused(store_clip_level(s, &clip, &err), EINVAL, "gain_db");
	clip.gain_db = 0;
	strcpy(clip.id, clip_id(99));
	assert_refused(store_clip_level(s, &clip, &err), ENOENT, "no clip");
	assert_ok(store_clip_delete(s, clip_id(3), &err));
	assert_refused(store_clip_delete(s, clip_id(3), &err), ENOENT, "no clip");
}

/* Silence has no loudness, and a page of clips of one instant loses none. */
static void clips_without_loudness_or_alike_in_time(void **state) {
	struct store *s = *state;
	struct clip clip = {.channels = 2,
			    .loudness_lufs = -HUGE_VAL,
			    .true_peak_dbtp = -HUGE_VAL,
			    .output_lufs = -HUGE_VAL,
			    .limit = CLIP_LIMIT_SILENCE,
			    .created_us = NOON_US};
	for (int i = 1; i <= 5; i++) {
		strcpy(clip.id, clip_id(i));
		assert_int_equal(store_clip_add(s, &clip, &err), 1);
	}
	int64_t before_us = TIME_NONE;
	char before_id[CLIP_ID_SIZE] = "";
	for (int i = 5; i >= 1; i--) {
		struct clip *items = NULL;
		size_t n = 0;
		assert_ok(store_clip_list(s, before_us, i == 5 ? NULL : before_id, 1,
					  &items, &n, &err));
		assert_int_equal(n, 1);
		assert_string_equal(items[0].id, clip_id(i));
		assert_true(items[0].loudness_lufs == -HUGE_VAL);
		assert_true(items[0].output_lufs == -HUGE_VAL);
		assert_null(items[0].title);
		before_us = items[0].created_us;
		strcpy(before_id, items[0].id);
		clip_list_free(items, n);
	}
	clip.loudness_lufs = NAN;
	assert_refused(store_clip_add(s, &clip, &err), EINVAL, "loudness_lufs");
	clip.loudness_lufs = -HUGE_VAL;
	clip.gain_db = 31;
	assert_refused(store_clip_add(s, &clip, &err), EINVAL, "gain_db");
	strcpy(clip.id, "abc");
	assert_refused(store_clip_add(s, &clip, &err), EINVAL, "64 hex");
}

static void a_source_leads_to_its_clip(void **state) {
	struct store *s = *state;
	char found[CLIP_ID_SIZE] = "as it was";
	char source[CLIP_ID_SIZE];
	strcpy(source, clip_id(77));
	assert_refused(store_source_get(s, source, found, &err), ENOENT, "no clip");
	assert_string_equal(found, "as it was");
	assert_refused(store_source_put(s, source, clip_id(1), &err), EINVAL, "no clip");
	assert_int_equal(add_clip(s, 1, &err), 1);
	assert_int_equal(add_clip(s, 2, &err), 1);
	assert_ok(store_source_put(s, source, clip_id(1), &err));
	assert_ok(store_source_put(s, source, clip_id(2), &err));
	assert_ok(store_source_get(s, source, found, &err));
	assert_string_equal(found, clip_id(2));
	/* What is gone is not promised. */
	assert_ok(store_clip_delete(s, clip_id(2), &err));
	assert_refused(store_source_get(s, source, found, &err), ENOENT, "no clip");
}

static void an_announcement_comes_back_as_it_was(void **state) {
	struct store *s = *state;
	assert_int_equal(add_clip(s, 1, &err), 1);
	AUTO(announcement_done)
	struct announcement a = {.title = strdup("停电"),
				 .content = {.repeat = 3, .gap_ms = 2000},
				 .catalogue = strdup("应急管理"),
				 .resume = RESUME_DROP,
				 .expires_us = NOON_US + MINUTE_US,
				 .created_us = NOON_US,
				 .changed_us = NOON_US + 1};
	assert_ok(content_add(&a.content, PART_CHIME, "gong", NULL, 0));
	assert_ok(content_add(&a.content, PART_CLIP, clip_id(1), NULL, 0));
	assert_ok(content_add(&a.content, PART_SILENCE, NULL, NULL, 700));
	assert_ok(content_add(&a.content, PART_TEXT, "第一行\n第二行", "zh", 0));
	assert_ok(store_announcement_put(s, &a, &err));
	AUTO(announcement_done) struct announcement back = {0};
	assert_ok(store_announcement_get(s, a.id, &back, &err));
	assert_string_equal(back.title, "停电");
	assert_int_equal(back.content.repeat, 3);
	assert_int_equal(back.content.gap_ms, 2000);
	assert_string_equal(back.catalogue, "应急管理");
	assert_int_equal(back.resume, RESUME_DROP);
	assert_int_equal(back.expires_us, NOON_US + MINUTE_US);
	assert_int_equal(back.created_us, NOON_US);
	assert_int_equal(back.changed_us, NOON_US + 1);
	assert_null(back.author);
	assert_int_equal(back.content.n_parts, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct part *was = &a.content.parts[i];
		const struct part *is = &back.content.parts[i];
		assert_int_equal(is->kind, was->kind);
		assert_int_equal(is->silence_ms, was->silence_ms);
		assert_int_equal(is->text == NULL, was->text == NULL);
		assert_string_equal(is->text ? is->text : "", was->text ? was->text : "");
	}
	assert_string_equal(back.content.parts[3].voice, "zh");
	assert_null(back.content.parts[0].voice);

	/* Fewer parts: none of the old ones stays behind. */
	content_done(&back.content);
	back.content.repeat = 1;
	assert_ok(content_add(&back.content, PART_CHIME, "gong", NULL, 0));
	assert_ok(store_announcement_put(s, &back, &err));
	int64_t second = 0;
	assert_ok(add_announcement(s, 1, &second, &err));
	struct announcement *items = NULL;
	size_t n = 0;
	assert_ok(store_announcement_list(s, all, &items, &n, &err));
	assert_int_equal(n, 2);
	assert_int_equal(items[0].content.n_parts, 1);
	assert_int_equal(items[1].content.n_parts, 1);
	assert_int_equal(items[1].content.parts[0].kind, PART_CLIP);
	announcement_list_free(items, n);
	assert_refused(store_clip_delete(s, clip_id(1), &err), EBUSY, "announcement 2");
	assert_ok(store_announcement_delete(s, second, &err));
	assert_ok(store_clip_delete(s, clip_id(1), &err));
}

static void an_announcement_that_cannot_be_is_refused(void **state) {
	struct store *s = *state;
	static const struct {
		const char *words;
		const char *title;
		enum part_kind kind;
		const char *text;
		int64_t silence_ms;
		int repeat;
	} cases[] = {
		{"title", "", PART_CHIME, "gong", 0, 1},
		{"no clip", "a", PART_CLIP,
		 "00000000000000000000000000000000000000000000000000000000000000ff", 0,
		 1},
		{"64 hex", "a", PART_CLIP, "ff", 0, 1},
		{"'text' is missing", "a", PART_TEXT, "", 0, 1},
		{"silence_ms", "a", PART_SILENCE, NULL, 0, 1},
		{"silence_ms", "a", PART_SILENCE, NULL, 600001, 1},
		{"repeat", "a", PART_CHIME, "gong", 0, 0},
		{"repeat", "a", PART_CHIME, "gong", 0, 101},
	};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		AUTO(announcement_done)
		struct announcement a = {.title = strdup(cases[i].title),
					 .content = {.repeat = cases[i].repeat},
					 .expires_us = TIME_NONE};
		assert_ok(content_add(&a.content, cases[i].kind, cases[i].text, NULL,
				      cases[i].silence_ms));
		assert_refused(store_announcement_put(s, &a, &err), EINVAL,
			       cases[i].words);
	}
	struct announcement empty = {.content = {.repeat = 1}};
	char title[] = "empty";
	empty.title = title;
	assert_refused(store_announcement_put(s, &empty, &err), EINVAL, "parts");
}

static void a_schedule_comes_back_as_it_was(void **state) {
	struct store *s = *state;
	int64_t area = 0;
	int64_t output = 0;
	int64_t zone[2] = {0};
	int64_t announcement = 0;
	assert_ok(add_area(s, "360826101", 0, &area, &err));
	assert_ok(add_output(s, "hall", 8, &output, &err));
	assert_ok(add_zone(s, "a", output, 0, area, &zone[0], &err));
	assert_ok(add_zone(s, "b", output, 1, area, &zone[1], &err));
	assert_ok(add_announcement(s, 0, &announcement, &err));
	AUTO(schedule_done)
	struct schedule p = {.announcement = announcement,
			     .rule = strdup("0 8 * * *; lunar 1,15"),
			     .from_us = NOON_US,
			     .until_us = NOON_US + MINUTE_US,
			     .class = CLASS_PROGRAMME,
			     .play_within_s = 300,
			     .conflict = CONFLICT_SKIP,
			     .enabled = true,
			     .created_us = NOON_US,
			     .changed_us = NOON_US + 2};
	assert_ok(ids_add(&p.zones, zone[1]));
	assert_ok(ids_add(&p.zones, zone[0]));
	assert_ok(texts_add(&p.areas, "360826000000"));
	assert_ok(store_schedule_put(s, &p, &err));
	AUTO(schedule_done) struct schedule back = {0};
	assert_ok(store_schedule_get(s, p.id, &back, &err));
	assert_int_equal(back.announcement, announcement);
	assert_string_equal(back.rule, "0 8 * * *; lunar 1,15");
	assert_int_equal(back.from_us, NOON_US);
	assert_int_equal(back.until_us, NOON_US + MINUTE_US);
	assert_int_equal(back.class, CLASS_PROGRAMME);
	assert_int_equal(back.play_within_s, 300);
	assert_int_equal(back.conflict, CONFLICT_SKIP);
	assert_true(back.enabled);
	assert_int_equal(back.changed_us, NOON_US + 2);
	assert_int_equal(back.zones.n, 2);
	assert_int_equal(back.zones.items[0], zone[1]);
	assert_int_equal(back.areas.n, 1);
	assert_string_equal(back.areas.items[0], "360826000000");
}

static void a_schedule_changes_and_goes(void **state) {
	struct store *s = *state;
	int64_t area = 0;
	int64_t output = 0;
	int64_t zone = 0;
	int64_t announcement = 0;
	int64_t id = 0;
	assert_ok(add_area(s, "360826101", 0, &area, &err));
	assert_ok(add_output(s, "hall", 8, &output, &err));
	assert_ok(add_zone(s, "a", output, 0, area, &zone, &err));
	assert_ok(add_announcement(s, 0, &announcement, &err));
	assert_ok(add_schedule(s, announcement, zone, &id, &err));
	AUTO(schedule_done) struct schedule p = {0};
	assert_ok(store_schedule_get(s, id, &p, &err));
	p.enabled = false;
	p.until_us = NOON_US;
	ids_done(&p.zones);
	assert_ok(texts_add(&p.areas, "360826"));
	assert_ok(store_schedule_put(s, &p, &err));
	int64_t second = 0;
	assert_ok(add_schedule(s, announcement, zone, &second, &err));
	struct schedule *items = NULL;
	size_t n = 0;
	assert_ok(store_schedule_list(s, all, &items, &n, &err));
	assert_int_equal(n, 2);
	assert_false(items[0].enabled);
	assert_int_equal(items[0].until_us, NOON_US);
	assert_int_equal(items[0].zones.n, 0);
	assert_int_equal(items[0].areas.n, 1);
	assert_int_equal(items[1].from_us, TIME_NONE);
	assert_int_equal(items[1].zones.n, 1);
	assert_int_equal(items[1].areas.n, 0);
	schedule_list_free(items, n);
	assert_refused(store_zone_delete(s, zone, &err), EBUSY, "schedule 2");
	assert_refused(store_announcement_delete(s, announcement, &err), EBUSY,
		       "schedule 1");
	assert_ok(store_schedule_delete(s, id, &err));
	assert_ok(store_schedule_delete(s, second, &err));
	assert_refused(store_schedule_delete(s, id, &err), ENOENT, "no schedule 1");
	assert_ok(store_zone_delete(s, zone, &err));
	assert_ok(store_announcement_delete(s, announcement, &err));
}

static void a_schedule_that_cannot_be_is_refused(void **state) {
	struct store *s = *state;
	int64_t output = 0;
	int64_t zone = 0;
	int64_t announcement = 0;
	assert_ok(add_output(s, "hall", 8, &output, &err));
	assert_ok(add_zone(s, "a", output, 0, 0, &zone, &err));
	assert_ok(add_announcement(s, 0, &announcement, &err));
	static const struct {
		const char *field;
		const char *rule;
		const char *area;
		int64_t zone;
		struct schedule p;
	} cases[] = {
		{"rule", "", NULL, 1, {.announcement = 1}},
		{"zones", "0 8 * * *", NULL, 0, {.announcement = 1}},
		{"zones", "0 8 * * *", NULL, 7, {.announcement = 1}},
		{"areas", "0 8 * * *", "360826", 1, {.announcement = 1}},
		{"areas", "0 8 * * *", "000000", 1, {.announcement = 1}},
		{"announcement", "0 8 * * *", NULL, 1, {.announcement = 2}},
		{"until", "0 8 * * *", NULL, 1, {.announcement = 1, .from_us = 1}},
		{"class",
		 "0 8 * * *",
		 NULL,
		 1,
		 {.announcement = 1, .until_us = 9, .class = CLASS_EMERGENCY}},
		{"missed",
		 "0 8 * * *",
		 NULL,
		 1,
		 {.announcement = 1, .until_us = 9, .play_within_s = -1}},
	};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		AUTO(schedule_done) struct schedule p = cases[i].p;
		p.rule = strdup(cases[i].rule);
		p.until_us = p.from_us == 1 ? 1 : 9;
		if (cases[i].zone != 0) {
			assert_ok(ids_add(&p.zones, cases[i].zone));
		}
		if (cases[i].area != NULL) {
			assert_ok(texts_add(&p.areas, cases[i].area));
		}
		assert_int_equal(store_schedule_put(s, &p, &err), -EINVAL);
		assert_string_equal(err.field, cases[i].field);
		assert_int_equal(p.id, 0);
	}
}

/* The last area of a code a schedule is for may not go from under it. */
static void an_area_with_a_schedule_stays(void **state) {
	struct store *s = *state;
	int64_t towns[2] = {0};
	int64_t announcement = 0;
	assert_ok(add_area(s, "360826101", 0, &towns[0], &err));
	assert_ok(add_area(s, "360826102", 0, &towns[1], &err));
	assert_ok(add_announcement(s, 0, &announcement, &err));
	AUTO(schedule_done)
	struct schedule p = {.announcement = announcement,
			     .rule = strdup("0 8 * * *"),
			     .from_us = TIME_NONE,
			     .until_us = TIME_NONE};
	assert_ok(texts_add(&p.areas, "360826"));
	assert_ok(store_schedule_put(s, &p, &err));
	assert_ok(store_area_delete(s, towns[0], &err));
	assert_refused(store_area_delete(s, towns[1], &err), EBUSY, "schedule 1");
	AUTO(area_done) struct area area = {0};
	assert_ok(store_area_get(s, towns[1], &area, &err));
	strcpy(area.code, "360827102");
	assert_refused(store_area_put(s, &area, &err), EBUSY, "schedule 1");
	strcpy(area.code, "360826199");
	assert_ok(store_area_put(s, &area, &err));
}

/* A county (zones in its town and village), another county, a zone of no area. */
static void build_tree(struct store *s) {
	int64_t county = 0;
	int64_t town = 0;
	int64_t village = 0;
	int64_t other = 0;
	int64_t output = 0;
	int64_t zone = 0;
	assert_ok(add_area(s, "360826000000", 0, &county, &err));
	assert_ok(add_area(s, "360826101", county, &town, &err));
	assert_ok(add_area(s, "360826101203", town, &village, &err));
	assert_ok(add_area(s, "360827", 0, &other, &err));
	assert_ok(add_output(s, "hall", 8, &output, &err));
	assert_ok(add_zone(s, "1", output, 0, village, &zone, &err));
	assert_ok(add_zone(s, "2", output, 1, town, &zone, &err));
	assert_ok(add_zone(s, "3", output, 2, other, &zone, &err));
	assert_ok(add_zone(s, "4", output, 3, 0, &zone, &err));
}

static void targets_are_the_zones_at_or_below(void **state) {
	struct store *s = *state;
	build_tree(s);
	static const struct {
		const char *codes[3];
		int64_t zone;
		const char *found; /* zones in order, or the sentence */
	} cases[] = {
		{{"360826"}, 0, "1 2 "},
		{{"360826000000"}, 0, "1 2 "},
		{{"360826101"}, 0, "1 2 "},
		{{"360826101203"}, 0, "1 "},
		{{"36"}, 0, "1 2 3 "},
		{{"360827", "360826101203"}, 0, "1 3 "},
		{{"360826", "360826101"}, 2, "1 2 "},
		{{NULL}, 4, "4 "},
		{{NULL}, 5, "no zone 5"},
		{{"360826101203001"}, 0, "no area"},
		{{"3608"}, 0, "1 2 3 "},
		{{"3609"}, 0, "no area"},
		{{"000000000000"}, 0, "everywhere"},
		{{"3608261"}, 0, "not an area code"},
	};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		AUTO(ids_done) struct ids zones = {0};
		AUTO(texts_done) struct texts codes = {0};
		AUTO(ids_done) struct ids found = {0};
		if (cases[i].zone != 0) {
			assert_ok(ids_add(&zones, cases[i].zone));
		}
		for (size_t j = 0; j < 3 && cases[i].codes[j] != NULL; j++) {
			assert_ok(texts_add(&codes, cases[i].codes[j]));
		}
		char text[ERROR_TEXT_SIZE] = "";
		int rc = store_targets_resolve(s, &zones, &codes, &found, &err);
		for (size_t j = 0; j < found.n; j++) {
			size_t len = strlen(text);
			snprintf(text + len, sizeof(text) - len, "%lld ",
				 (long long)found.items[j]);
		}
		if (rc < 0) {
			assert_int_equal(rc, -EINVAL);
			assert_non_null(strstr(err.text, cases[i].found));
		} else {
			assert_string_equal(text, cases[i].found);
		}
	}
}

static void a_token_is_known_by_its_hash(void **state) {
	struct store *s = *state;
	uint8_t hash[2][32] = {{1, 2, 3}, {1, 2, 4}};
	int64_t id = 0;
	AUTO(token_done) struct token token = {0};
	assert_refused(store_token_check(s, hash[0], NOON_US, &token, &err), ENOENT,
		       "not known");
	assert_ok(store_token_add(s, "phone", hash[0], NOON_US, &id, &err));
	int64_t none = 0;
	assert_refused(store_token_add(s, "phone", hash[1], NOON_US, &none, &err), EEXIST,
		       "phone");
	assert_refused(store_token_add(s, "", hash[1], NOON_US, &none, &err), EINVAL,
		       "name");
	assert_ok(store_token_check(s, hash[0], NOON_US + MINUTE_US, &token, &err));
	assert_int_equal(token.id, id);
	assert_string_equal(token.name, "phone");
	assert_int_equal(token.created_us, NOON_US);
	assert_int_equal(token.last_used_us, NOON_US + MINUTE_US);
	struct token *items = NULL;
	size_t n = 0;
	assert_ok(store_token_list(s, all, &items, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(items[0].last_used_us, NOON_US + MINUTE_US);
	token_list_free(items, n);
	assert_refused(store_token_check(s, hash[1], NOON_US, &token, &err), ENOENT,
		       "not known");
	assert_ok(store_token_delete(s, id, &err));
	assert_refused(store_token_check(s, hash[0], NOON_US, &token, &err), ENOENT,
		       "not known");
}

static void an_answer_is_kept_for_its_key(void **state) {
	struct store *s = *state;
	char request[] = "5feceb66ffc86f38d952786c6d696c79";
	char location[] = "/api/v1/runs/1";
	char body[] = "{\"id\": 1}";
	struct answer answer = {request, 201, location, body};
	struct answer bare = {request, 204, NULL, NULL};
	AUTO(answer_done) struct answer back = {0};
	assert_refused(store_answer_get(s, "clerk", "k", &back, &err), ENOENT, "Key");
	assert_ok(store_answer_put(s, "clerk", "k", &answer, NOON_US, &err));
	assert_refused(store_answer_put(s, "clerk", "k", &answer, NOON_US, &err), EEXIST,
		       "Idempotency-Key");
	assert_ok(store_answer_put(s, "other", "k", &bare, NOON_US + 5, &err));
	assert_refused(store_answer_change(s, "other", "none", &bare, &err), ENOENT,
		       "not used before");
	assert_ok(store_answer_get(s, "clerk", "k", &back, &err));
	assert_string_equal(back.request_sha256, request);
	assert_int_equal(back.status, 201);
	assert_string_equal(back.location, location);
	assert_string_equal(back.body, body);
	answer_done(&back);
	assert_ok(store_answer_get(s, "other", "k", &back, &err));
	assert_null(back.location);
	assert_string_equal(back.body, "");
	answer_done(&back);
	assert_ok(store_answer_sweep(s, NOON_US + 5, &err));
	assert_refused(store_answer_get(s, "clerk", "k", &back, &err), ENOENT, "Key");
	assert_ok(store_answer_get(s, "other", "k", &back, &err));
}

static void the_mark_and_the_newest_time_are_kept(void **state) {
	struct store *s = *state;
	int64_t at = 0;
	assert_ok(store_mark_get(s, &at, &err));
	assert_int_equal(at, TIME_NONE);
	assert_ok(store_newest_us(s, &at, &err));
	assert_int_equal(at, TIME_NONE);
	assert_ok(store_mark_put(s, NOON_US, &err));
	assert_int_equal(add_clip(s, 5, &err), 1);
	assert_ok(store_newest_us(s, &at, &err));
	assert_int_equal(at, NOON_US + 5);
	/* A step of the clock back moves the mark, not what was newest. */
	assert_ok(store_mark_put(s, NOON_US - MINUTE_US, &err));
	assert_ok(store_mark_get(s, &at, &err));
	assert_int_equal(at, NOON_US - MINUTE_US);
	assert_ok(store_newest_us(s, &at, &err));
	assert_int_equal(at, NOON_US + 5);
}

static void pages_follow_each_other(void **state) {
	struct store *s = *state;
	int64_t id = 0;
	for (int i = 0; i < 7; i++) {
		char name[2] = {(char)('a' + i), '\0'};
		assert_ok(add_output(s, name, 1, &id, &err));
	}
	assert_ok(store_output_delete(s, 3, &err));
	static const int64_t expected[][3] = {{1, 2, 4}, {5, 6, 7}, {0}};
	struct store_page page = {0, 3};
	for (size_t i = 0; i < LENGTH(expected); i++) {
		struct output *items = NULL;
		size_t n = 99;
		assert_ok(store_output_list(s, page, &items, &n, &err));
		assert_int_equal(n, i < 2 ? 3 : 0);
		for (size_t j = 0; j < n; j++) {
			assert_int_equal(items[j].id, expected[i][j]);
			page.after = items[j].id;
		}
		output_list_free(items, n);
	}
	struct output *items = NULL;
	size_t n = 0;
	page.limit = 1001;
	assert_refused(store_output_list(s, page, &items, &n, &err), EINVAL, "limit");
	page.limit = 0;
	assert_refused(store_output_list(s, page, &items, &n, &err), EINVAL, "limit");
	/* A number is never given twice, even that of the last one. */
	assert_ok(store_output_delete(s, 7, &err));
	assert_ok(add_output(s, "z", 1, &id, &err));
	assert_int_equal(id, 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_memory, close_memory)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(an_area_comes_back_as_it_was),
		TEST(an_area_stays_in_its_tree),
		TEST(a_clip_comes_back_as_it_was),
		TEST(clips_without_loudness_or_alike_in_time),
		TEST(a_source_leads_to_its_clip),
		TEST(an_announcement_comes_back_as_it_was),
		TEST(an_announcement_that_cannot_be_is_refused),
		TEST(a_schedule_comes_back_as_it_was),
		TEST(a_schedule_changes_and_goes),
		TEST(a_schedule_that_cannot_be_is_refused),
		TEST(an_area_with_a_schedule_stays),
		TEST(targets_are_the_zones_at_or_below),
		TEST(a_token_is_known_by_its_hash),
		TEST(an_answer_is_kept_for_its_key),
		TEST(the_mark_and_the_newest_time_are_kept),
		TEST(pages_follow_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
