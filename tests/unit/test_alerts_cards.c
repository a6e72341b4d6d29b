/* test_alerts_cards.c - alerts whose cards are gone, come back, come and go: what was not
 * heard is made up for, and nobody else misses anything for it (fake_box.h). */
#include "alert_steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000LL
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)

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

static void a_dead_card_is_tried_again(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	alert_words_known(box, zone);
	struct alert alert = alert_flood(SEVERITY_SEVERE, zone, 0);
	alert.repeat_every_s = 0;
	fake_box_break_output("the card is gone");
	int64_t id = alert_ask(box, alert);
	fake_box_pass(box, 2 * MINUTE);
	assert_alert_state(box, id, ALERT_ACTIVE);
	assert_non_null(strstr(alert_fault_text(box, "alert 1"), "the card is gone"));
	fake_box_break_output(NULL);
	fake_box_pass(box, MINUTE);
	assert_alert_state(box, id, ALERT_PLAYED);
}

/* After a fallback the words are for those that heard it too, not only for a zone that
 * heard nothing yet, whether its card comes back or not. */
static void words_are_owed_to_all(void **state) {
	struct fake_box *box = *state;
	int64_t east = fake_box_zone(box, "east", NULL);
	int64_t west = fake_box_zone(box, "west", NULL);
	struct alert alert = alert_flood(SEVERITY_SEVERE, east, west);
	alert.repeat_every_s = 0;
	box->speech_takes_us = 30 * SECOND;
	fake_box_break_card(west, "the card is gone");
	int64_t id = alert_ask(box, alert);
	alerts_zone_changed(box->alerts, west);
	fake_box_pass(box, 29 * SECOND);
	fake_box_break_card(west, NULL);
	alerts_zone_changed(box->alerts, west);
	fake_box_pass(box, 2 * SECOND);
	assert_zone_says(east, "CCW_W_");
	assert_zone_says(west, "CCW_W_");
	fake_box_pass(box, MINUTE);
	assert_alert_state(box, id, ALERT_PLAYED);
}

/* Where it was heard it is not said again for a zone that is no more. */
static void a_zone_deleted_before_it_was_heard(void **state) {
	struct fake_box *box = *state;
	int64_t east = fake_box_zone(box, "east", NULL);
	int64_t west = fake_box_zone(box, "west", NULL);
	alert_words_known(box, east);
	struct alert alert = alert_flood(SEVERITY_SEVERE, east, west);
	alert.repeat_every_s = 0;
	fake_box_break_card(west, "the card is gone");
	int64_t id = alert_ask(box, alert);
	fake_box_pass(box, 8 * SECOND);
	assert_alert_state(box, id, ALERT_ACTIVE);
	assert_int_equal(store_zone_delete(box->store, west, NULL), 0);
	director_zone_changed(box->director, west);
	size_t starts = fake_box_starts();
	fake_box_pass(box, MINUTE);
	assert_int_equal(fake_box_starts(), starts);
	assert_alert_state(box, id, ALERT_PLAYED);
}

/* The card of one zone comes back: what was missed there sounds at once, and there. */
static void a_card_that_comes_back_is_not_kept_waiting(void **state) {
	struct fake_box *box = *state;
	int64_t east = fake_box_zone(box, "east", NULL);
	int64_t west = fake_box_zone(box, "west", NULL);
	alert_words_known(box, east);
	fake_box_break_output("the card is gone");
	alert_ask(box, alert_flood(SEVERITY_SEVERE, east, west));
	fake_box_pass(box, 2 * SECOND);
	alerts_zone_changed(box->alerts, 99);
	fake_box_pass(box, SECOND);
	assert_int_equal(fake_box_sounding(), 0);
	fake_box_break_output(NULL);
	alerts_zone_changed(box->alerts, west);
	fake_box_pass(box, 10 * MS);
	assert_zone_says(west, "CCW_W_");
	assert_zone_says(east, "");
	fake_box_pass(box, 6 * SECOND + ALERT_GAP_S * SECOND);
	assert_int_equal(fake_box_sounding(), 2);
}

static void back_after(struct fake_box *box, int64_t zone, int64_t us) {
	fake_box_break_card(zone, "the card is gone");
	fake_box_pass(box, 10 * MS);
	alerts_zone_changed(box->alerts, zone);
	assert_zone_says(zone, "");
	fake_box_pass(box, us);
	fake_box_break_card(zone, NULL);
	fake_box_pass(box, 10 * MS);
	alerts_zone_changed(box->alerts, zone);
}

/* While it sounds elsewhere: in step with that at once. What is missed of the chimes is
 * missed; but where the words were not heard the whole is said as soon as that is over,
 * not with the next sounding, and once. */
static void a_card_that_comes_back_in_between_is_made_up_for(void **state) {
	struct fake_box *box = *state;
	int64_t east = fake_box_zone(box, "east", NULL);
	int64_t west = fake_box_zone(box, "west", NULL);
	alert_words_known(box, east);
	alert_ask(box, alert_flood(SEVERITY_SEVERE, east, west));
	fake_box_pass(box, SECOND);
	back_after(box, west, SECOND);
	fake_box_pass(box, SECOND);
	assert_int_equal(fake_box_sounding(), 2);
	fake_box_pass(box, 10 * SECOND);
	assert_int_equal(fake_box_sounding(), 0);
	while (fake_box_says(east)[0] == '\0') {
		fake_box_pass(box, 10 * MS);
	}
	/* Too late to rejoin: it takes 4.8 s. */
	fake_box_pass(box, SECOND);
	back_after(box, west, 3600 * MS);
	assert_zone_says(east, "CCW_W_");
	while (fake_box_says(east)[0] != '\0') {
		fake_box_pass(box, 10 * MS);
	}
	fake_box_pass(box, SECOND); /* it began five seconds ago at the least */
	assert_zone_says(west, "CCW_W_");
	assert_zone_says(east, "");
	fake_box_pass(box, 11 * SECOND);
	assert_int_equal(fake_box_sounding(), 0);
	fake_box_pass(box, (ALERT_GAP_S - 5) * SECOND);
	assert_int_equal(fake_box_sounding(), 2);
}

/* Every sounding is its own in all zones, in whatever state the card of one of them is:
 * what is made up for there alone takes none of them away. */
static void a_flapping_card_takes_nothing_from_others(void **state) {
	struct fake_box *box = *state;
	static const int repeats_s[] = {ALERT_GAP_DEFAULT, 30};
	int64_t east = fake_box_zone(box, "east", NULL);
	int64_t west = fake_box_zone(box, "west", NULL);
	alert_words_known(box, east);
	for (size_t k = 0; k < 2; k++) {
		struct alert alert = alert_flood(SEVERITY_SEVERE, east, west);
		alert.repeat_every_s = repeats_s[k];
		int64_t id = alert_ask(box, alert);
		int heard = 0;
		bool sounded = false;
		for (int i = 0; i < 5 * 60 * 10; i++) {
			/* For 2.6 s of 5.2 it is gone, and misses something always. */
			if (i % 26 == 0) {
				fake_box_break_card(west, i % 52 == 0 ? "gone" : NULL);
				fake_box_pass(box, 10 * MS);
				alerts_zone_changed(box->alerts, west);
			}
			fake_box_pass(box, 100 * MS);
			bool sounds = fake_box_says(east)[0] != '\0';
			heard += sounds && !sounded;
			sounded = sounds;
		}
		/* From one begin to the next: at the most the period, the rest of one
		 * that is made up for, and the least gap behind it. */
		assert_in_range(heard, 300 / (30 + 5 + ALERT_GAP_MIN_S), 12);
		fake_box_break_card(west, NULL);
		assert_int_equal(alerts_cancel(box->alerts, id, "mayor", NULL), 0);
		fake_box_pass(box, SECOND);
	}
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_dead_card_is_tried_again),
		TEST(words_are_owed_to_all),
		TEST(a_zone_deleted_before_it_was_heard),
		TEST(a_card_that_comes_back_is_not_kept_waiting),
		TEST(a_card_that_comes_back_in_between_is_made_up_for),
		TEST(a_flapping_card_takes_nothing_from_others),
	};
	return cmocka_run_group_tests_name("alerts_cards", tests, NULL, NULL);
}
