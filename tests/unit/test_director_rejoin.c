/* test_director_rejoin.c - a card that is lost while its run goes on elsewhere: it waits
 * for it, rejoins in step, and the record tells of the gap. On a clock the test turns
 * (fake_box.h). */
#include "fake_box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000LL
#define SECOND (1000 * MS)
#define GONE "cannot write to 'hw:1': No such device"

static int64_t east;
static int64_t west;

static int setup(void **state) {
	static struct fake_box box;
	fake_box_start(&box);
	east = fake_box_zone(&box, "east", NULL);
	west = fake_box_zone(&box, "west", NULL);
	*state = &box;
	return 0;
}

static int teardown(void **state) {
	fake_box_done(*state);
	return 0;
}

/* In both zones. */
static int64_t push(struct fake_box *box, const char *title, int64_t length_ms,
		    enum run_class class) {
	const int64_t zones[] = {east, west};
	struct error err = {0};
	int64_t text = fake_box_resuming(box, title, length_ms, RESUME_RESUME, TIME_NONE);
	int64_t run = fake_box_push_to(box, text, zones, 2, class, &err);
	if (run < 0) {
		fail_msg("%s", err.text);
	}
	return run;
}

static void assert_row(struct fake_box *box, int64_t id, int64_t zone,
		       enum outcome outcome, const char *reason) {
	AUTO(run_done) struct run run = {0};
	assert_int_equal(store_run_get(box->store, id, &run, NULL), 0);
	const struct run_zone *rz = &run.zones[run.zones[0].zone == zone ? 0 : 1];
	const char *got = rz->reason != NULL ? rz->reason : "";
	assert_string_equal(outcome_name(rz->outcome), outcome_name(outcome));
	if (strstr(got, reason) == NULL || (reason[0] == '\0' && got[0] != '\0')) {
		fail_msg("run %d: '%s', not '%s'", (int)id, got, reason);
	}
}

static size_t sounds(int64_t zone) {
	struct fake_sound heard[FAKE_SOUNDS];
	return fake_box_heard(zone, heard);
}

static void assert_in_step(void) {
	struct fake_sound there[FAKE_SOUNDS];
	struct fake_sound here[FAKE_SOUNDS];
	assert_int_equal(fake_box_heard(east, there), 1);
	assert_int_equal(fake_box_heard(west, here), 1);
	int64_t apart_ms = here[0].place_ms - there[0].place_ms;
	assert_true(apart_ms >= -1 && apart_ms <= 1);
	assert_true(here[0].left_ms - there[0].left_ms <= 1);
}

static void rejoins_in_step(void **state) {
	struct fake_box *box = *state;
	int64_t run = push(box, "news", 30000, CLASS_NOTICE);
	fake_box_pass(box, 2 * SECOND);
	assert_in_step();
	fake_box_break_card(west, GONE);
	fake_box_pass(box, 3 * SECOND);
	assert_int_equal(sounds(west), 0);
	assert_row(box, run, west, OUTCOME_PAUSED, "not heard any more: " GONE);
	assert_row(box, run, east, OUTCOME_PLAYING, "");
	struct director_zone_status status;
	director_zone_status(box->director, west, &status);
	assert_int_equal(status.run, 0);
	fake_box_break_card(west, NULL);
	fake_box_pass(box, SECOND);
	assert_in_step();
	assert_row(box, run, west, OUTCOME_PLAYING, "not heard for 3.5 s: " GONE);
	/* And once more. */
	fake_box_break_card(west, GONE);
	fake_box_pass(box, SECOND);
	fake_box_break_card(west, NULL);
	fake_box_pass(box, SECOND);
	assert_in_step();
	fake_box_pass(box, 30 * SECOND);
	assert_row(box, run, east, OUTCOME_PLAYED, "");
	assert_row(box, run, west, OUTCOME_PLAYED,
		   "not heard 2 times for 5.0 s in all, last: " GONE);
	assert_int_equal(fake_box_sounding(), 0);
}

/* A card that is not there at the start, too. */
static void joins_in_the_middle(void **state) {
	struct fake_box *box = *state;
	fake_box_break_card(west, GONE);
	fake_box_pass(box, SECOND);
	int64_t run = push(box, "news", 30000, CLASS_NOTICE);
	fake_box_pass(box, 5 * SECOND);
	assert_row(box, run, west, OUTCOME_PLANNED, "");
	struct director_zone_status status;
	director_zone_status(box->director, west, &status);
	assert_int_equal(status.n_queue, 1);
	assert_false(status.queue[0].paused);
	fake_box_break_card(west, NULL);
	fake_box_pass(box, SECOND);
	assert_in_step();
	assert_row(box, run, west, OUTCOME_PLAYING, "");
	fake_box_pass(box, 30 * SECOND);
	assert_row(box, run, west, OUTCOME_PLAYED, "not heard for 5.5 s: " GONE);
	AUTO(run_done) struct run row = {0};
	assert_int_equal(store_run_get(box->store, run, &row, NULL), 0);
	assert_in_range(row.zones[1].late_ms, 5000, 6000);
}

static void fails_where_it_does_not_come_back(void **state) {
	struct fake_box *box = *state;
	int64_t run = push(box, "news", 10000, CLASS_NOTICE);
	fake_box_pass(box, 2 * SECOND);
	fake_box_break_card(west, GONE);
	fake_box_pass(box, 7 * SECOND);
	assert_row(box, run, west, OUTCOME_PAUSED, GONE);
	fake_box_pass(box, 2 * SECOND);
	assert_row(box, run, east, OUTCOME_PLAYED, "");
	assert_row(box, run, west, OUTCOME_FAILED, GONE);
	/* Where nobody else says it there is nothing to wait for. */
	fake_box_break_output(GONE);
	run = push(box, "both", 10000, CLASS_NOTICE);
	fake_box_pass(box, 10 * MS);
	assert_row(box, run, east, OUTCOME_FAILED, GONE);
	assert_row(box, run, west, OUTCOME_FAILED, GONE);
}

/* In the whole of its words. */
static void the_card_says_all_of_it(void **state) {
	struct fake_box *box = *state;
	char words[ENGINE_TEXT_SIZE];
	memset(words, 'x', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	int64_t run = push(box, "news", 10000, CLASS_NOTICE);
	fake_box_pass(box, 2 * SECOND);
	fake_box_break_card(west, words);
	fake_box_pass(box, 20 * SECOND);
	assert_row(box, run, west, OUTCOME_FAILED, words);
}

/* Nothing is left to be heard when it comes back. */
static void comes_too_late(void **state) {
	struct fake_box *box = *state;
	int64_t run = push(box, "news", 10000, CLASS_NOTICE);
	fake_box_pass(box, 2 * SECOND);
	fake_box_break_card(west, GONE);
	fake_box_pass(box, 7800 * MS);
	fake_box_break_card(west, NULL);
	fake_box_pass(box, 2 * SECOND);
	assert_row(box, run, east, OUTCOME_PLAYED, "");
	assert_row(box, run, west, OUTCOME_FAILED, GONE);
	assert_int_equal(fake_box_sounding(), 0);
}

/* An emergency in its zone comes first, and then it rejoins; stopped, it is over. */
static void gives_way_and_can_be_stopped(void **state) {
	struct fake_box *box = *state;
	struct error err = {0};
	int64_t run = push(box, "news", 60000, CLASS_PROGRAMME);
	fake_box_pass(box, 2 * SECOND);
	fake_box_break_card(west, GONE);
	fake_box_pass(box, 100 * MS);
	fake_box_break_card(west, NULL);
	int64_t other = fake_box_push(box, fake_box_announcement(box, "mayor", 5000),
				      west, CLASS_LIVE, &err);
	fake_box_pass(box, 3 * SECOND);
	struct fake_sound heard[FAKE_SOUNDS];
	assert_int_equal(fake_box_heard(west, heard), 1);
	assert_in_range(heard[0].left_ms, 1000, 2500);
	fake_box_pass(box, 4 * SECOND);
	assert_row(box, other, west, OUTCOME_PLAYED, "");
	assert_in_step();
	fake_box_break_card(west, GONE);
	fake_box_pass(box, SECOND);
	assert_int_equal(director_stop_run(box->director, run, "clerk", &err), 0);
	fake_box_pass(box, SECOND);
	assert_row(box, run, west, OUTCOME_CUT, "stopped by clerk");
	assert_row(box, run, east, OUTCOME_CUT, "stopped by clerk");
	fake_box_break_card(west, NULL);
	fake_box_pass(box, 3 * SECOND);
	assert_int_equal(fake_box_sounding(), 0);
}

/* An alert does not wait for its only company, which waits behind a higher one: the whole
 * is said at once. */
static void an_alert_waits_for_nobody_that_waits(void **state) {
	struct fake_box *box = *state;
	struct error err = {0};
	int64_t first = fake_box_announcement(box, "first", 20000);
	assert_true(fake_box_push(box, first, east, CLASS_EMERGENCY, &err) > 0);
	int64_t run = push(box, "second", 10000, CLASS_EMERGENCY);
	fake_box_pass(box, 3 * SECOND);
	fake_box_break_card(west, GONE);
	fake_box_pass(box, SECOND);
	assert_int_equal(sounds(west), 0);
	fake_box_break_card(west, NULL);
	fake_box_pass(box, SECOND);
	struct fake_sound heard[FAKE_SOUNDS];
	assert_int_equal(fake_box_heard(west, heard), 1);
	assert_in_range(heard[0].place_ms, 900, 1000);
	fake_box_pass(box, 9100 * MS);
	assert_row(box, run, west, OUTCOME_PLAYED, "not heard for 1.0 s: " GONE);
	fake_box_pass(box, 30 * SECOND);
	assert_row(box, run, east, OUTCOME_PLAYED, "");
}

/* Whom it was to be in step with is interrupted in the same moment: it waits for that,
 * and does not say from the beginning what was said. */
static void whom_it_rejoins_is_interrupted_just_then(void **state) {
	struct fake_box *box = *state;
	struct error err = {0};
	int64_t run = push(box, "news", 60000, CLASS_NOTICE);
	fake_box_pass(box, 5 * SECOND);
	fake_box_break_card(east, GONE);
	fake_box_pass(box, SECOND);
	/* It has to be spoken first, which takes a second. */
	int64_t mayor = fake_box_announcement(box, "mayor", 0);
	assert_true(fake_box_push(box, mayor, west, CLASS_LIVE, &err) > 0);
	fake_box_pass(box, SECOND - 1);
	fake_box_break_card(east, NULL);
	box->now_us++;
	fake_box_pass(box, 500 * MS);
	assert_int_equal(sounds(west), 1);
	assert_int_equal(sounds(east), 0);
	fake_box_pass(box, 2 * SECOND);
	assert_in_step();
	fake_box_pass(box, 60 * SECOND);
	assert_row(box, run, east, OUTCOME_PLAYED, "not heard for");
	assert_row(box, run, west, OUTCOME_PLAYED, "interrupted by 'mayor' (live)");
}

/* Lost while it fades out for another, it is interrupted all the same; stopped, stopped.
 */
static void lost_while_it_fades(void **state) {
	struct fake_box *box = *state;
	struct error err = {0};
	int64_t run = push(box, "news", 60000, CLASS_NOTICE);
	fake_box_pass(box, 10 * SECOND);
	int64_t mayor = fake_box_announcement(box, "mayor", 5000);
	assert_true(fake_box_push(box, mayor, west, CLASS_LIVE, &err) > 0);
	fake_box_pass(box, 100 * MS);
	fake_box_break_card(west, GONE);
	fake_box_pass(box, 2 * SECOND);
	assert_row(box, run, west, OUTCOME_PAUSED, GONE);
	fake_box_break_card(west, NULL);
	fake_box_pass(box, SECOND);
	assert_in_step();
	assert_int_equal(director_stop_run(box->director, run, "clerk", &err), 0);
	fake_box_pass(box, 100 * MS);
	fake_box_break_card(west, GONE);
	fake_box_pass(box, SECOND);
	assert_row(box, run, east, OUTCOME_CUT, "stopped by clerk");
	assert_row(box, run, west, OUTCOME_CUT, "stopped by clerk");
}

/* An emergency takes its zone before it is heard, and then the card is gone again: it has
 * joined nothing yet, and that may take as long as it takes. */
static void interrupted_before_it_joins(void **state) {
	struct fake_box *box = *state;
	struct error err = {0};
	fake_box_break_card(west, GONE);
	fake_box_pass(box, SECOND);
	int64_t run = push(box, "news", 2700000, CLASS_NOTICE);
	fake_box_pass(box, 5 * SECOND);
	fake_box_break_card(west, NULL);
	fake_box_pass(box, 100 * MS);
	int64_t flood = fake_box_announcement(box, "flood", 2000);
	assert_true(fake_box_push(box, flood, west, CLASS_EMERGENCY, &err) > 0);
	fake_box_pass(box, 100 * MS);
	fake_box_break_card(west, GONE);
	fake_box_pass(box, 1900 * SECOND);
	assert_row(box, run, west, OUTCOME_PLANNED, "");
	fake_box_break_card(west, NULL);
	fake_box_pass(box, SECOND);
	assert_in_step();
	fake_box_pass(box, 800 * SECOND);
	assert_row(box, run, west, OUTCOME_PLAYED, "not heard for 32 min: " GONE);
}

static void stop_it(struct fake_box *box, int64_t run) {
	assert_int_equal(director_stop_run(box->director, run, "clerk", NULL), 0);
}

static void delete_zone(struct fake_box *box, int64_t run) {
	(void)run;
	assert_int_equal(store_zone_delete(box->store, west, NULL), 0);
	director_zone_changed(box->director, west);
}

static void shut_down(struct fake_box *box, int64_t run) {
	(void)run;
	fake_box_restart(box, false);
}

static void be_quiet(struct fake_box *box, int64_t run) {
	(void)run;
	AUTO(zone_done) struct zone zone = {0};
	assert_int_equal(store_zone_get(box->store, west, &zone, NULL), 0);
	zone.quiet[0] = (struct quiet_span){8 * 60, 9 * 60};
	zone.n_quiet = 1;
	assert_int_equal(store_zone_put(box->store, &zone, NULL), 0);
	director_zone_changed(box->director, west);
}

/* What was never heard was not cut. */
static void what_ends_where_it_never_joined(void **state) {
	static const struct {
		void (*act)(struct fake_box *box, int64_t run);
		enum outcome unheard;
		const char *words;
	} cases[] = {
		{stop_it, OUTCOME_CANCELLED, "stopped by clerk"},
		{delete_zone, OUTCOME_CANCELLED, "the zone was deleted"},
		{shut_down, OUTCOME_MISSED, "the box was shut down while this waited"},
		{be_quiet, OUTCOME_SKIPPED, "quiet hours"},
	};
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		void *fresh = NULL;
		bool heard = i % 2 == 1;
		setup(&fresh);
		struct fake_box *box = fresh;
		fake_box_break_card(west, heard ? NULL : GONE);
		int64_t run = push(box, "news", 60000, CLASS_NOTICE);
		fake_box_pass(box, 5 * SECOND);
		fake_box_break_card(west, GONE);
		fake_box_pass(box, SECOND);
		cases[i / 2].act(box, run);
		fake_box_pass(box, SECOND);
		assert_row(box, run, west, heard ? OUTCOME_CUT : cases[i / 2].unheard,
			   heard && i / 2 == 2 ? "shut down" : cases[i / 2].words);
		teardown(&fresh);
	}
}

/* Whatever is lost, each zone has one outcome, and after a crash no more than a cut. */
static void a_crash_cuts_it(void **state) {
	struct fake_box *box = *state;
	int64_t run = push(box, "news", 30000, CLASS_NOTICE);
	fake_box_pass(box, 2 * SECOND);
	fake_box_break_card(west, GONE);
	fake_box_pass(box, SECOND);
	fake_box_break_card(west, NULL);
	fake_box_restart(box, true);
	fake_box_pass(box, SECOND);
	assert_row(box, run, east, OUTCOME_CUT, "the box stopped");
	assert_row(box, run, west, OUTCOME_CUT, GONE);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(rejoins_in_step),
		TEST(joins_in_the_middle),
		TEST(fails_where_it_does_not_come_back),
		TEST(the_card_says_all_of_it),
		TEST(comes_too_late),
		TEST(gives_way_and_can_be_stopped),
		TEST(an_alert_waits_for_nobody_that_waits),
		TEST(whom_it_rejoins_is_interrupted_just_then),
		TEST(lost_while_it_fades),
		TEST(interrupted_before_it_joins),
		cmocka_unit_test(what_ends_where_it_never_joined),
		TEST(a_crash_cuts_it),
	};
	return cmocka_run_group_tests_name("director_rejoin", tests, NULL, NULL);
}
