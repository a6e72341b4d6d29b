/* test_store_runs.c - runs: claimed at most once for a time, each zone started once and
 * ended once, found again after a crash; and what a joined transaction holds together. */
#include "store_rows.h"

#include <stdio.h>

static struct error err;

/* Fills a run in three zones: one to play, one in its quiet hours, one without a name to
 * be said. */
static void fill_run(struct run *run) {
	*run = (struct run){.source = strdup("schedule"),
			    .schedule = 4,
			    .announcement = 5,
			    .title = strdup("停水"),
			    .content = {.repeat = 2, .gap_ms = 800},
			    .resume = RESUME_DROP,
			    .class = CLASS_PROGRAMME,
			    .due_us = NOON_US,
			    .created_us = NOON_US - 5,
			    .expires_us = NOON_US + MINUTE_US,
			    .author = strdup("clerk"),
			    .zones = calloc(3, sizeof(struct run_zone)),
			    .n_zones = 3};
	assert_non_null(run->zones);
	for (size_t i = 0; i < run->n_zones; i++) {
		char name[32];
		snprintf(name, sizeof(name), "zone %zu", i);
		run->zones[i] = (struct run_zone){.zone = (int64_t)i + 1,
						  .zone_name = strdup(name),
						  .started_us = TIME_NONE};
	}
	run->zones[1].outcome = OUTCOME_SKIPPED;
	run->zones[1].reason = strdup("quiet hours from 22:00 to 06:00");
	assert_ok(content_add(&run->content, PART_CHIME, "gong", NULL, 0));
	/* A run remembers a clip that is gone by now. */
	assert_ok(content_add(&run->content, PART_CLIP, clip_id(9), NULL, 0));
}

static void a_run_comes_back_as_it_was(void **state) {
	struct store *s = *state;
	AUTO(run_done) struct run run = {0};
	fill_run(&run);
	assert_ok(store_run_claim(s, &run, &err));
	assert_int_equal(run.id, 1);
	assert_int_equal(run.state, OUTCOME_PLANNED);
	AUTO(run_done) struct run back = {0};
	assert_ok(store_run_get(s, run.id, &back, &err));
	assert_string_equal(back.source, "schedule");
	assert_int_equal(back.schedule, 4);
	assert_int_equal(back.announcement, 5);
	assert_string_equal(back.title, "停水");
	assert_int_equal(back.content.repeat, 2);
	assert_int_equal(back.content.gap_ms, 800);
	assert_int_equal(back.content.n_parts, 2);
	assert_string_equal(back.content.parts[1].text, clip_id(9));
	assert_int_equal(back.resume, RESUME_DROP);
	assert_int_equal(back.class, CLASS_PROGRAMME);
	assert_int_equal(back.due_us, NOON_US);
	assert_int_equal(back.created_us, NOON_US - 5);
	assert_int_equal(back.expires_us, NOON_US + MINUTE_US);
	assert_string_equal(back.author, "clerk");
	assert_int_equal(back.state, OUTCOME_PLANNED);
	assert_int_equal(back.n_zones, 3);
	assert_string_equal(back.zones[2].zone_name, "zone 2");
	assert_int_equal(back.zones[1].outcome, OUTCOME_SKIPPED);
	assert_string_equal(back.zones[1].reason, "quiet hours from 22:00 to 06:00");
	assert_int_equal(back.zones[0].started_us, TIME_NONE);
	assert_refused(store_run_get(s, 2, &back, &err), ENOENT, "no run 2");
}

static void a_time_of_a_schedule_is_claimed_once(void **state) {
	struct store *s = *state;
	int64_t id = 0;
	static const struct {
		int64_t schedule;
		int64_t due_us;
		int refused;
	} cases[] = {
		{1, NOON_US, 0},     {1, NOON_US, EEXIST}, {2, NOON_US, 0},
		{1, NOON_US + 1, 0}, {0, NOON_US, 0}, /* pushed: as often as asked */
		{0, NOON_US, 0},     {2, NOON_US, EEXIST},
	};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		int rc = claim_run(s, cases[i].schedule, cases[i].due_us, 1, &id, &err);
		assert_int_equal(rc, -cases[i].refused);
		assert_int_equal(id != 0, cases[i].refused == 0);
	}
	/* Its outcome, and its schedule's end, do not free the time again. */
	assert_ok(store_run_finish(s, 1, 1, OUTCOME_PLAYED, NULL, 100, &err));
	assert_refused(claim_run(s, 1, NOON_US, 1, &id, &err), EEXIST,
		       "schedule 1 was claimed for this time before");
}

static void the_runs_of_a_deleted_schedule_stay(void **state) {
	struct store *s = *state;
	int64_t output = 0;
	int64_t zone = 0;
	int64_t announcement = 0;
	int64_t schedule = 0;
	int64_t run = 0;
	assert_ok(add_output(s, "hall", 2, &output, &err));
	assert_ok(add_zone(s, "a", output, 0, 0, &zone, &err));
	assert_ok(add_announcement(s, 0, &announcement, &err));
	assert_ok(add_schedule(s, announcement, zone, &schedule, &err));
	assert_ok(claim_run(s, schedule, NOON_US, zone, &run, &err));
	assert_ok(store_schedule_delete(s, schedule, &err));
	assert_ok(store_zone_delete(s, zone, &err));
	assert_ok(store_announcement_delete(s, announcement, &err));
	AUTO(run_done) struct run back = {0};
	assert_ok(store_run_get(s, run, &back, &err));
	assert_int_equal(back.schedule, schedule);
	assert_int_equal(back.n_zones, 1);
	assert_string_equal(back.zones[0].zone_name, "东村");
}

/* The third zone plays, is paused, and plays again: as it began, with a reason. */
static void check_turns(struct store *s) {
	static const struct {
		enum outcome outcome;
		const char *reason;
		int64_t played_ms;
	} turns[] = {
		{OUTCOME_PAUSED, "interrupted by 'flood' (emergency)", 700},
		{OUTCOME_PLAYING, "interrupted by 'flood' (emergency) for 9 s", 700},
		{OUTCOME_PAUSED, "interrupted 2 times", 1400},
		{OUTCOME_PLAYING, NULL, 1400},
	};
	for (size_t i = 0; i < LENGTH(turns); i++) {
		assert_ok(store_run_turn(s, 1, 3, turns[i].outcome, turns[i].reason,
					 turns[i].played_ms, &err));
		AUTO(run_done) struct run back = {0};
		assert_ok(store_run_get(s, 1, &back, &err));
		assert_int_equal(back.state, turns[i].outcome);
		const struct run_zone *z = &back.zones[2];
		assert_int_equal(z->outcome, turns[i].outcome);
		assert_string_equal(z->reason != NULL ? z->reason : "",
				    turns[i].reason != NULL ? turns[i].reason : "");
		assert_int_equal(z->started_us, NOON_US);
		assert_int_equal(z->played_ms, turns[i].played_ms);
		struct run *open = NULL;
		size_t n = 0;
		assert_ok(store_run_open(s, &open, &n, &err));
		assert_int_equal(n, 1);
		run_list_free(open, n);
	}
	assert_refused(store_run_turn(s, 1, 3, OUTCOME_PLAYED, NULL, 1, &err), EINVAL,
		       "cannot turn played");
	assert_refused(store_run_turn(s, 1, 2, OUTCOME_PAUSED, "x", 1, &err), EALREADY,
		       "skipped");
}

static void a_zone_of_a_run_ends_once(void **state) {
	struct store *s = *state;
	AUTO(run_done) struct run run = {0};
	fill_run(&run);
	assert_ok(store_run_claim(s, &run, &err));
	assert_ok(store_run_start(s, 1, 1, NOON_US + 250, 3, &err));
	assert_refused(store_run_start(s, 1, 1, NOON_US + 250, 3, &err), EALREADY,
		       "playing");
	assert_refused(store_run_start(s, 1, 2, NOON_US, 0, &err), EALREADY, "skipped");
	assert_refused(store_run_finish(s, 1, 1, OUTCOME_PLAYING, NULL, 1, &err), EINVAL,
		       "cannot end as playing");
	assert_refused(store_run_finish(s, 1, 1, OUTCOME_CUT, NULL, 1, &err), EINVAL,
		       "reason");
	assert_refused(store_run_finish(s, 1, 1, OUTCOME_FAILED, " ", 1, &err), EINVAL,
		       "reason");
	assert_ok(store_run_finish(s, 1, 1, OUTCOME_CUT, "cut by run 7", 4000, &err));
	assert_refused(store_run_finish(s, 1, 1, OUTCOME_PLAYED, NULL, 1, &err), EALREADY,
		       "cut");
	assert_refused(store_run_finish(s, 1, 9, OUTCOME_PLAYED, NULL, 1, &err), ENOENT,
		       "zone 9");
	assert_refused(store_run_finish(s, 9, 1, OUTCOME_PLAYED, NULL, 1, &err), ENOENT,
		       "run 9");
	AUTO(run_done) struct run back = {0};
	assert_ok(store_run_get(s, 1, &back, &err));
	assert_int_equal(back.state, OUTCOME_PLANNED); /* the third zone waits */
	assert_int_equal(back.zones[0].outcome, OUTCOME_CUT);
	assert_string_equal(back.zones[0].reason, "cut by run 7");
	assert_int_equal(back.zones[0].started_us, NOON_US + 250);
	assert_int_equal(back.zones[0].late_ms, 3);
	assert_int_equal(back.zones[0].played_ms, 4000);
	assert_ok(store_run_start(s, 1, 3, NOON_US, 0, &err));
	check_turns(s);
	assert_ok(store_run_finish(s, 1, 3, OUTCOME_PLAYED, NULL, 9000, &err));
	assert_refused(store_run_turn(s, 1, 3, OUTCOME_PAUSED, "x", 1, &err), EALREADY,
		       "played");
	run_done(&back);
	assert_ok(store_run_get(s, 1, &back, &err));
	assert_int_equal(back.state, OUTCOME_CUT);
	assert_null(back.zones[2].reason);
}

static void a_run_that_cannot_be_is_refused_whole(void **state) {
	struct store *s = *state;
	static const struct {
		const char *words;
		int64_t zone;
		enum outcome outcome;
	} cases[] = {
		{"zone 1 is named twice", 1, OUTCOME_PLANNED},
		{"reason", 3, OUTCOME_MISSED},
	};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		AUTO(run_done) struct run run = {0};
		fill_run(&run);
		run.zones[2].zone = cases[i].zone;
		run.zones[2].outcome = cases[i].outcome;
		assert_refused(store_run_claim(s, &run, &err), EINVAL, cases[i].words);
		assert_int_equal(run.id, 0);
	}
	/* Nothing of it is left that would keep the time from being claimed. */
	AUTO(run_done) struct run run = {0};
	fill_run(&run);
	assert_ok(store_run_claim(s, &run, &err));
}

static void open_runs_are_found_after_a_start(void **state) {
	struct store *s = *state;
	int64_t id[4] = {0};
	assert_ok(claim_run(s, 1, NOON_US + 9, 1, &id[0], &err));
	assert_ok(claim_run(s, 1, NOON_US + 5, 1, &id[1], &err));
	assert_ok(claim_run(s, 1, NOON_US + 7, 1, &id[2], &err));
	assert_ok(claim_run(s, 2, NOON_US + 5, 1, &id[3], &err));
	assert_ok(store_run_start(s, id[2], 1, NOON_US + 7, 0, &err));
	assert_ok(store_run_finish(s, id[1], 1, OUTCOME_PLAYED, NULL, 1, &err));
	struct run *items = NULL;
	size_t n = 0;
	assert_ok(store_run_open(s, &items, &n, &err));
	assert_int_equal(n, 3);
	static const size_t order[] = {3, 2, 0};
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(items[i].id, id[order[i]]);
		assert_int_equal(items[i].n_zones, 1);
		assert_int_equal(items[i].content.n_parts, 1);
	}
	assert_int_equal(items[1].state, OUTCOME_PLAYING);
	run_list_free(items, n);
	/* Its clip stays while it has to sound. */
	for (size_t i = 0; i < LENGTH(id); i++) {
		(void)store_run_finish(s, id[i], 1, OUTCOME_CUT, "stopped", 1, &err);
	}
	assert_ok(store_run_open(s, &items, &n, &err));
	assert_int_equal(n, 0);
	run_list_free(items, n);
}

static void a_clip_about_to_sound_stays(void **state) {
	struct store *s = *state;
	assert_int_equal(add_clip(s, 9, &err), 1);
	AUTO(run_done) struct run run = {0};
	fill_run(&run);
	assert_ok(store_run_claim(s, &run, &err));
	assert_refused(store_clip_delete(s, clip_id(9), &err), EBUSY, "run 1");
	assert_ok(store_run_finish(s, 1, 1, OUTCOME_PLAYED, NULL, 1, &err));
	assert_ok(store_run_finish(s, 1, 3, OUTCOME_PLAYED, NULL, 1, &err));
	assert_ok(store_clip_delete(s, clip_id(9), &err));
}

static void runs_are_listed_by_what_is_asked(void **state) {
	struct store *s = *state;
	int64_t id = 0;
	/* Runs 1 to 6: every minute, zones 1 2 1 2 1 2; the first three are played. */
	for (int i = 0; i < 6; i++) {
		assert_ok(claim_run(s, 3, NOON_US + i * MINUTE_US, 1 + i % 2, &id, &err));
		if (i < 3) {
			assert_ok(store_run_finish(s, id, 1 + i % 2, OUTCOME_PLAYED, NULL,
						   1, &err));
		}
	}
	static const struct {
		struct store_filter filter;
		const char *found;
	} cases[] = {
		{{TIME_NONE, TIME_NONE, 0, -1, 0, 1000}, "654321"},
		{{TIME_NONE, TIME_NONE, 0, -1, 0, 2}, "65"},
		{{TIME_NONE, TIME_NONE, 0, -1, 5, 2}, "43"},
		{{NOON_US + MINUTE_US, TIME_NONE, 0, -1, 0, 9}, "65432"},
		{{TIME_NONE, NOON_US + MINUTE_US, 0, -1, 0, 9}, "1"},
		{{NOON_US + MINUTE_US, NOON_US + 3 * MINUTE_US, 0, -1, 0, 9}, "32"},
		{{NOON_US + MINUTE_US, NOON_US + 3 * MINUTE_US, 2, -1, 0, 9}, "2"},
		{{TIME_NONE, TIME_NONE, 1, -1, 0, 9}, "531"},
		{{TIME_NONE, TIME_NONE, 1, -1, 5, 9}, "31"},
		{{TIME_NONE, TIME_NONE, 0, OUTCOME_PLAYED, 0, 9}, "321"},
		{{TIME_NONE, TIME_NONE, 2, OUTCOME_PLANNED, 0, 9}, "64"},
		{{TIME_NONE, TIME_NONE, 7, -1, 0, 9}, ""},
		{{TIME_NONE, TIME_NONE, 0, OUTCOME_FAILED, 0, 9}, ""},
	};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct run *items = NULL;
		size_t n = 0;
		char found[16] = "";
		assert_ok(store_run_list(s, &cases[i].filter, &items, &n, &err));
		for (size_t j = 0; j < n; j++) {
			found[j] = (char)('0' + items[j].id);
		}
		assert_string_equal(found, cases[i].found);
		run_list_free(items, n);
	}
}

/* ---- joined transactions ---- */

static void a_refusal_leaves_the_joined_transaction_whole(void **state) {
	struct store *s = *state;
	int64_t id = 0;
	assert_ok(claim_run(s, 1, NOON_US, 1, &id, &err));
	assert_ok(store_begin(s, &err));
	assert_ok(store_mark_put(s, NOON_US, &err));
	assert_refused(claim_run(s, 1, NOON_US, 1, &id, &err), EEXIST, "schedule 1");
	assert_ok(claim_run(s, 2, NOON_US, 1, &id, &err));
	/* A refusal midway: the run's row was written before its second zone. */
	AUTO(run_done) struct run run = {0};
	fill_run(&run);
	run.zones[2].zone = 1;
	assert_refused(store_run_claim(s, &run, &err), EINVAL, "named twice");
	assert_ok(store_commit(s, &err));
	int64_t mark_us = 0;
	assert_ok(store_mark_get(s, &mark_us, &err));
	assert_int_equal(mark_us, NOON_US);
	struct run *items = NULL;
	size_t n = 0;
	assert_ok(store_run_open(s, &items, &n, &err));
	assert_int_equal(n, 2);
	run_list_free(items, n);
}

static void a_rollback_leaves_nothing(void **state) {
	struct store *s = *state;
	int64_t id = 0;
	assert_ok(store_mark_put(s, 5, &err));
	assert_ok(store_begin(s, &err));
	assert_ok(store_mark_put(s, NOON_US, &err));
	assert_ok(claim_run(s, 1, NOON_US, 1, &id, &err));
	store_rollback(s);
	int64_t at = 0;
	assert_ok(store_mark_get(s, &at, &err));
	assert_int_equal(at, 5);
	assert_ok(store_newest_us(s, &at, &err));
	assert_int_equal(at, 5);
	assert_ok(claim_run(s, 1, NOON_US, 1, &id, &err));
}

static void a_transaction_is_not_nested(void **state) {
	struct store *s = *state;
	assert_ok(store_begin(s, &err));
	assert_ok(store_mark_put(s, 7, &err));
	assert_refused(store_begin(s, &err), EINVAL, "under way");
	assert_ok(store_commit(s, &err));
	int64_t at = 0;
	assert_ok(store_mark_get(s, &at, &err));
	assert_int_equal(at, 7);
	assert_ok(store_begin(s, &err));
	assert_ok(store_commit(s, &err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_memory, close_memory)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_run_comes_back_as_it_was),
		TEST(a_time_of_a_schedule_is_claimed_once),
		TEST(the_runs_of_a_deleted_schedule_stay),
		TEST(a_zone_of_a_run_ends_once),
		TEST(a_run_that_cannot_be_is_refused_whole),
		TEST(open_runs_are_found_after_a_start),
		TEST(a_clip_about_to_sound_stays),
		TEST(runs_are_listed_by_what_is_asked),
		TEST(a_refusal_leaves_the_joined_transaction_whole),
		TEST(a_rollback_leaves_nothing),
		TEST(a_transaction_is_not_nested),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
