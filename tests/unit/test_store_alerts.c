/* test_store_alerts.c - alerts: there and back, their ends, what is refused, their lists,
 * and the runs that are their soundings. */
#include "store_rows.h"

static struct error err;

/* Two zones, two clips. */
static int open_village(void **state) {
	open_memory(state);
	struct store *s = *state;
	int64_t id = 0;
	assert_ok(add_output(s, "hall", 8, &id, &err));
	assert_ok(add_area(s, "360826101", 0, &id, &err));
	assert_ok(add_zone(s, "a", 1, 0, 1, &id, &err));
	assert_ok(add_zone(s, "b", 1, 1, 1, &id, &err));
	assert_int_equal(add_clip(s, 1, &err), 1);
	return 0;
}

static void an_alert_comes_back_as_it_was(void **state) {
	struct store *s = *state;
	int64_t id = 0;
	assert_ok(add_alert(s, 0, 1, &id, &err));
	AUTO(alert_done) struct alert back = {0};
	assert_ok(store_alert_get(s, id, &back, &err));
	assert_int_equal(back.id, 1);
	assert_string_equal(back.headline, "洪水");
	assert_string_equal(back.text, "请立即上山");
	assert_null(back.clip);
	assert_int_equal(back.severity, SEVERITY_EXTREME);
	assert_int_equal(back.level, LEVEL_COUNTY);
	assert_int_equal(back.repeat_every_s, 60);
	assert_int_equal(back.expires_us, NOON_US + 30 * MINUTE_US);
	assert_true(back.expires_given);
	assert_false(back.drill);
	assert_int_equal(back.updates, 0);
	assert_int_equal(back.state, ALERT_ACTIVE);
	assert_int_equal(back.created_us, NOON_US);
	assert_int_equal(back.ended_us, TIME_NONE);
	assert_null(back.ended_by);
	assert_int_equal(back.first_sound_ms, -1);
	assert_string_equal(back.author, "clerk");
	assert_int_equal(back.zones.n, 1);
	assert_int_equal(back.resolved.n, 2);
	assert_int_equal(back.resolved.items[1], 2);
	assert_string_equal(back.areas.items[0], "360826101");
	assert_true(back.on_disk);
	assert_refused(store_alert_get(s, 2, &back, &err), ENOENT, "no alert 2");
}

static void an_alert_ends(void **state) {
	struct store *s = *state;
	int64_t id = 0;
	assert_ok(add_alert(s, 1, 1, &id, &err));
	AUTO(alert_done) struct alert alert = {0};
	assert_ok(store_alert_get(s, id, &alert, &err));
	alert.first_sound_ms = 12;
	assert_ok(store_alert_change(s, &alert, &err));
	alert.state = ALERT_CANCELLED;
	alert.ended_us = NOON_US + 5;
	alert.ended_by = strdup("mayor");
	alert.expires_us += 7;
	assert_ok(store_alert_change(s, &alert, &err));
	AUTO(alert_done) struct alert back = {0};
	assert_ok(store_alert_get(s, id, &back, &err));
	assert_int_equal(back.state, ALERT_CANCELLED);
	assert_int_equal(back.ended_us, NOON_US + 5);
	assert_string_equal(back.ended_by, "mayor");
	assert_int_equal(back.first_sound_ms, 12);
	assert_int_equal(back.expires_us, NOON_US + 30 * MINUTE_US + 7);
	alert.id = 77;
	assert_refused(store_alert_change(s, &alert, &err), ENOENT, "no alert 77");
}

/* An alert that could not be written sounds under a number, and is written under it once
 * there is room. */
static void an_id_may_be_given(void **state) {
	struct store *s = *state;
	int64_t id = 0;
	int64_t last = 0;
	assert_ok(store_alert_last(s, &last, &err));
	assert_int_equal(last, 0);
	assert_ok(add_alert(s, 0, 1, &id, &err));
	AUTO(alert_done) struct alert alert = {0};
	assert_ok(store_alert_get(s, id, &alert, &err));
	assert_refused(store_alert_add(s, &alert, &err), EEXIST, "an alert 1 already");
	alert.id = 5;
	alert.updates = 1;
	alert.state = ALERT_REPLACED;
	assert_ok(store_alert_add(s, &alert, &err));
	assert_ok(store_alert_last(s, &last, &err));
	assert_int_equal(last, 5);
	assert_ok(add_alert(s, 0, 1, &id, &err));
	assert_int_equal(id, 6);
}

static void what_cannot_be_is_refused(void **state) {
	struct store *s = *state;
	int64_t id = 0;
	assert_ok(add_alert(s, 0, 1, &id, &err));
	AUTO(alert_done) struct alert a = {0};
	assert_ok(store_alert_get(s, id, &a, &err));
	a.id = 0;
	struct alert bad = a;
	bad.text = NULL;
	assert_refused(store_alert_add(s, &bad, &err), EINVAL, "one of 'text'");
	char clip[] = "abc";
	bad.clip = clip;
	assert_refused(store_alert_add(s, &bad, &err), EINVAL, "not the id of a clip");
	bad = a;
	char lines[] = "a\nb";
	bad.headline = lines;
	assert_refused(store_alert_add(s, &bad, &err), EINVAL, "'headline'");
	bad = a;
	bad.repeat_every_s = -2;
	assert_refused(store_alert_add(s, &bad, &err), EINVAL, "'repeat_every_s'");
	bad = a;
	bad.resolved.n = 0;
	assert_refused(store_alert_add(s, &bad, &err), EINVAL, "at least one zone");
	bad = a;
	bad.expires_us = TIME_NONE;
	assert_refused(store_alert_add(s, &bad, &err), EINVAL, "'expires'");
}

static void lists_are_filtered(void **state) {
	struct store *s = *state;
	int64_t id = 0;
	for (int i = 0; i < 4; i++) {
		assert_ok(add_alert(s, 0, i < 2 ? 1 : 5, &id, &err));
	}
	AUTO(alert_done) struct alert alert = {0};
	assert_ok(store_alert_get(s, 2, &alert, &err));
	alert.state = ALERT_EXPIRED;
	assert_ok(store_alert_change(s, &alert, &err));
	static const struct {
		struct store_filter filter;
		size_t n;
		int64_t first;
	} cases[] = {
		{{TIME_NONE, TIME_NONE, 0, -1, 0, 1000}, 4, 4},
		{{TIME_NONE, TIME_NONE, 0, -1, 0, 3}, 3, 4},
		{{TIME_NONE, TIME_NONE, 0, -1, 4, 3}, 3, 3},
		{{TIME_NONE, TIME_NONE, 2, -1, 0, 1000}, 2, 2},
		{{TIME_NONE, TIME_NONE, 2, ALERT_ACTIVE, 0, 1000}, 1, 1},
		{{TIME_NONE, TIME_NONE, 0, ALERT_ACTIVE, 4, 1000}, 2, 3},
		{{NOON_US, NOON_US + 1, 0, -1, 0, 1000}, 4, 4},
		{{NOON_US + 1, TIME_NONE, 0, -1, 0, 1000}, 0, 0},
		{{TIME_NONE, NOON_US, 0, -1, 0, 1000}, 0, 0},
	};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct alert *items = NULL;
		size_t n = 0;
		assert_ok(store_alert_list(s, &cases[i].filter, &items, &n, &err));
		if (n != cases[i].n || (n > 0 && items[0].id != cases[i].first)) {
			fail_msg("case %zu: %zu alerts", i, n);
		}
		alert_list_free(items, n);
	}
}

static void the_clip_of_an_active_alert_stays(void **state) {
	struct store *s = *state;
	int64_t id = 0;
	assert_ok(add_alert(s, 1, 1, &id, &err));
	assert_refused(store_clip_delete(s, clip_id(1), &err), EBUSY, "alert 1");
	AUTO(alert_done) struct alert alert = {0};
	assert_ok(store_alert_get(s, id, &alert, &err));
	alert.state = ALERT_CANCELLED;
	assert_ok(store_alert_change(s, &alert, &err));
	assert_ok(store_clip_delete(s, clip_id(1), &err));
}

static void a_sounding_is_a_run(void **state) {
	struct store *s = *state;
	int64_t id = 0;
	assert_ok(claim_sounding(s, 7, 1, &id, &err));
	AUTO(run_done) struct run run = {0};
	assert_ok(store_run_get(s, id, &run, &err));
	assert_string_equal(run.source, "alert");
	assert_int_equal(run.alert, 7);
	assert_int_equal(run.class, CLASS_EMERGENCY);
	assert_int_equal(run.severity, SEVERITY_EXTREME);
	assert_int_equal(run.level, LEVEL_COUNTY);
}

static void an_alert_has_a_title(void **state) {
	(void)state;
	static const struct {
		const char *headline;
		const char *text;
		const char *title;
	} cases[] = {
		{"Flood", "climb", "Flood"},
		{NULL, "Climb the hill\nat once", "Climb the hill"},
		{NULL, NULL, ""},
		/* 41 characters of three bytes: 40 fit. */
		{NULL,
		 "一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五"
		 "六七八九十一",
		 "一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五"
		 "六七八九十"},
	};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		AUTO(alert_done) struct alert alert = {0};
		alert.headline =
			cases[i].headline != NULL ? strdup(cases[i].headline) : NULL;
		alert.text = cases[i].text != NULL ? strdup(cases[i].text) : NULL;
		char title[ALERT_TITLE_SIZE];
		alert_title(&alert, title);
		assert_string_equal(title, cases[i].title);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_village, close_memory)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(an_alert_comes_back_as_it_was),
		TEST(an_alert_ends),
		TEST(an_id_may_be_given),
		TEST(what_cannot_be_is_refused),
		TEST(lists_are_filtered),
		TEST(the_clip_of_an_active_alert_stays),
		TEST(a_sounding_is_a_run),
		cmocka_unit_test(an_alert_has_a_title),
	};
	return cmocka_run_group_tests_name("store_alerts", tests, NULL, NULL);
}
