/* test_director_together.c - zones that are told free a moment apart, on a clock the test
 * turns (fake_box.h): who waits for them begins in all of them as one. */
#include "fake_box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000LL
#define SECOND (1000 * MS)
#define N 3
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

static int64_t push(struct fake_box *box, const char *title, int64_t length_ms,
		    enum run_class class) {
	int64_t announcement = fake_box_announcement(box, title, length_ms);
	struct error err = {0};
	int64_t run = fake_box_push_to(box, announcement, zones, N, class, &err);
	if (run < 0) {
		fail_msg("%s", err.text);
	}
	return run;
}

/* A place in what sounds in each zone, in ms; -1: nothing does. */
static void assert_places(int64_t a, int64_t b, int64_t c) {
	const int64_t want[N] = {a, b, c};
	for (size_t i = 0; i < N; i++) {
		struct fake_sound sounds[FAKE_SOUNDS];
		int64_t got =
			fake_box_heard(zones[i], sounds) > 0 ? sounds[0].place_ms : -1;
		if (got != want[i]) {
			fail_msg("zone %zu stands at %lld ms instead of %lld", i + 1,
				 (long long)got, (long long)want[i]);
		}
	}
}

/* Two seconds of it are heard, and a second waits behind. Zones 2 and 3 end later. */
static void two_in_a_row(struct fake_box *box, int64_t second_ms, int64_t third_ms) {
	fake_box_end_late(zones[1], second_ms * MS);
	fake_box_end_late(zones[2], third_ms * MS);
	(void)push(box, "first", 2000, CLASS_NOTICE);
	fake_box_pass(box, 10 * MS);
	(void)push(box, "second", 5000, CLASS_NOTICE);
	fake_box_pass(box, 2 * SECOND - 10 * MS + MS);
}

static void begins_as_one_where_ends_are_told_apart(void **state) {
	struct fake_box *box = *state;
	two_in_a_row(box, 4, 9);
	assert_places(-1, 2001, 2001);
	fake_box_pass(box, 7 * MS);
	assert_places(-1, -1, 2008);
	fake_box_pass(box, 102 * MS);
	assert_places(101, 101, 101);
}

/* A card whose end is not told soon keeps nobody. */
static void waits_for_a_moment_only(void **state) {
	struct fake_box *box = *state;
	two_in_a_row(box, 3, 30 * 1000);
	fake_box_pass(box, 199 * MS);
	struct fake_sound sounds[FAKE_SOUNDS];
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(fake_box_heard(zones[i], sounds), 1);
		assert_in_range(sounds[0].place_ms, 90, 110);
	}
	assert_places(sounds[0].place_ms, sounds[0].place_ms, 2200);
}

static void begins_as_one_though_a_card_was_lost(void **state) {
	struct fake_box *box = *state;
	fake_box_end_late(zones[1], 4 * MS);
	(void)push(box, "first", 2000, CLASS_NOTICE);
	fake_box_pass(box, 10 * MS);
	(void)push(box, "second", 5000, CLASS_NOTICE);
	fake_box_pass(box, SECOND);
	fake_box_break_card(zones[2], "unplugged");
	fake_box_pass(box, SECOND - 9 * MS);
	assert_places(-1, 2001, -1);
	fake_box_pass(box, 99 * MS);
	assert_places(96, 96, -1);
}

/* Nor does it keep who need not wait. */
static void is_not_for_who_takes_the_zone(void **state) {
	struct fake_box *box = *state;
	fake_box_end_late(zones[1], 50 * MS);
	(void)push(box, "first", 2000, CLASS_NOTICE);
	fake_box_pass(box, 2 * SECOND + MS);
	assert_places(-1, 2001, -1);
	(void)push(box, "urgent", 5000, CLASS_LIVE);
	fake_box_pass(box, 300 * MS);
	struct fake_sound sounds[FAKE_SOUNDS];
	assert_int_equal(fake_box_heard(zones[0], sounds), 1);
	assert_places(sounds[0].place_ms, sounds[0].place_ms, sounds[0].place_ms);
	assert_true(sounds[0].place_ms >= 280);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(begins_as_one_where_ends_are_told_apart,
						setup, teardown),
		cmocka_unit_test_setup_teardown(waits_for_a_moment_only, setup, teardown),
		cmocka_unit_test_setup_teardown(begins_as_one_though_a_card_was_lost,
						setup, teardown),
		cmocka_unit_test_setup_teardown(is_not_for_who_takes_the_zone, setup,
						teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
