/* test_store_recordings.c - recordings: one for a run and a zone, found from the run, let
 * go the oldest first; and runs that are let go once their recordings are. */
#include "store_rows.h"

static struct error err;

/* Runs 1 to n, due a minute after each other, each in zones 1 and 2. */
static void claim_runs(struct store *s, int n) {
	for (int i = 1; i <= n; i++) {
		char text[] = "x";
		struct run_zone zones[] = {
			{.zone = 1, .zone_name = text, .started_us = TIME_NONE},
			{.zone = 2, .zone_name = text, .started_us = TIME_NONE},
		};
		struct run run = {.source = text,
				  .title = text,
				  .content = {.repeat = 1},
				  .class = CLASS_NOTICE,
				  .due_us = NOON_US + i * MINUTE_US,
				  .created_us = NOON_US,
				  .expires_us = TIME_NONE,
				  .author = text,
				  .zones = zones,
				  .n_zones = 2};
		assert_ok(content_add(&run.content, PART_CHIME, "gong", NULL, 0));
		assert_ok(store_run_claim(s, &run, &err));
		assert_int_equal(run.id, i);
		content_done(&run.content);
	}
}

static void a_recording_is_found_from_its_run(void **state) {
	struct store *s = *state;
	claim_runs(s, 2);
	assert_ok(add_recording(s, 1, 2, NOON_US + MINUTE_US, &err));
	assert_ok(add_recording(s, 2, 2, NOON_US + 2 * MINUTE_US, &err));
	assert_refused(add_recording(s, 1, 2, NOON_US, &err), EEXIST, "zone 2 already");
	assert_refused(add_recording(s, 9, 2, NOON_US, &err), ENOENT, "no run 9");
	AUTO(run_done) struct run run = {0};
	assert_ok(store_run_get(s, 1, &run, &err));
	assert_int_equal(run.zones[0].recording, 0);
	assert_int_equal(run.zones[1].recording, 1);
	AUTO(recording_done) struct recording back = {0};
	assert_ok(store_recording_get(s, 1, &back, &err));
	assert_int_equal(back.run, 1);
	assert_int_equal(back.zone, 2);
	assert_int_equal(back.started_us, NOON_US + MINUTE_US);
	assert_int_equal(back.duration_ms, 1500);
	assert_int_equal(back.lost_ms, 20);
	assert_int_equal(back.size_bytes, 6000);
	assert_int_equal(store_recording_known(s, back.file, &err), 1);
	assert_int_equal(store_recording_known(s, "2026/11/other.opus", &err), 0);
	int64_t bytes = 0;
	assert_ok(store_recording_bytes(s, &bytes, &err));
	assert_int_equal(bytes, 12000);
	assert_ok(store_recording_delete(s, 1, &err));
	assert_refused(store_recording_delete(s, 1, &err), ENOENT, "no recording 1");
	assert_refused(store_recording_get(s, 1, &back, &err), ENOENT, "no recording 1");
	run_done(&run);
	assert_ok(store_run_get(s, 1, &run, &err));
	assert_int_equal(run.zones[1].recording, 0);
}

static void lists_are_of_what_is_asked(void **state) {
	struct store *s = *state;
	claim_runs(s, 4);
	for (int64_t run = 1; run <= 4; run++) {
		for (int64_t zone = 1; zone <= 2; zone++) {
			/* The later the run, the earlier it began. */
			assert_ok(add_recording(s, run, zone, NOON_US - run * MINUTE_US,
						&err));
		}
	}
	static const struct {
		struct recording_filter filter;
		size_t n;
		int64_t first; /* id */
	} cases[] = {
		{{0, 0, 0, 1000}, 8, 8}, {{0, 0, 5, 1000}, 4, 4}, {{0, 0, 0, 3}, 3, 8},
		{{2, 0, 0, 1000}, 2, 4}, {{2, 1, 0, 1000}, 1, 3}, {{0, 1, 0, 1000}, 4, 7},
		{{0, 1, 5, 1000}, 2, 3}, {{9, 0, 0, 1000}, 0, 0},
	};
	struct recording *items = NULL;
	size_t n = 0;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_ok(store_recording_list(s, &cases[i].filter, &items, &n, &err));
		assert_int_equal(n, cases[i].n);
		assert_true(n == 0 || items[0].id == cases[i].first);
		recording_list_free(items, n);
	}
	assert_ok(store_recording_oldest(s, TIME_NONE, 3, &items, &n, &err));
	assert_int_equal(n, 3);
	assert_int_equal(items[0].run, 4);
	assert_int_equal(items[2].run, 3);
	recording_list_free(items, n);
	assert_ok(store_recording_oldest(s, NOON_US - 3 * MINUTE_US, 100, &items, &n,
					 &err));
	assert_int_equal(n, 2);
	recording_list_free(items, n);
}

/* Of ten runs: 3 is planned still, 4 has a recording, 8 and on are young enough. */
static void old_runs_are_let_go(void **state) {
	struct store *s = *state;
	claim_runs(s, 10);
	for (int64_t run = 1; run <= 10; run++) {
		for (int64_t zone = 1; run != 3 && zone <= 2; zone++) {
			assert_ok(store_run_finish(s, run, zone, OUTCOME_CUT, "stopped",
						   0, &err));
		}
	}
	assert_ok(add_recording(s, 4, 1, NOON_US, &err));
	int64_t before_us = NOON_US + 8 * MINUTE_US;
	assert_int_equal(store_run_prune(s, before_us, 2, &err), 2);
	assert_int_equal(store_run_prune(s, before_us, 100, &err), 3);
	assert_int_equal(store_run_prune(s, before_us, 100, &err), 0);
	struct store_filter any = {TIME_NONE, TIME_NONE, 0, -1, 0, 1000};
	static const int64_t left[] = {10, 9, 8, 4, 3};
	struct run *runs = NULL;
	size_t n = 0;
	assert_ok(store_run_list(s, &any, &runs, &n, &err));
	assert_int_equal(n, LENGTH(left));
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(runs[i].id, left[i]);
		assert_int_equal(runs[i].n_zones, 2);
	}
	run_list_free(runs, n);
	/* Its id is not given again, and its zones are gone with it. */
	AUTO(run_done) struct run gone = {0};
	assert_refused(store_run_get(s, 1, &gone, &err), ENOENT, "no run 1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_memory, close_memory)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_recording_is_found_from_its_run),
		TEST(lists_are_of_what_is_asked),
		TEST(old_runs_are_let_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
