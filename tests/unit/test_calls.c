/* test_calls.c - live calls: who they interrupt and who interrupts them, how they end,
 * and what becomes of their pieces. The director, the arbiter and the store are the real
 * ones, on a clock the test turns (fake_box.h). */
#include "fake_box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000LL
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define CHUNK_BYTES 640 /* 20 ms at 16 kHz */

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

static int begin(struct fake_box *box, const int64_t *zones, size_t n,
		 enum run_class class, bool confirmed, int64_t *ret, struct error *err) {
	AUTO(ids_done) struct ids ids = {0};
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(ids_add(&ids, zones[i]), 0);
	}
	struct calls_ask ask = {
		.title = "mayor",
		.zones = &ids,
		.class = class,
		.quiet_confirmed = confirmed,
		.rate = 16000,
		.author = "test",
	};
	return calls_begin(box->calls, &ask, ret, err);
}

static int64_t call(struct fake_box *box, const int64_t *zones, size_t n) {
	struct error err = {0};
	int64_t run = 0;
	if (begin(box, zones, n, CLASS_LIVE, false, &run, &err) < 0) {
		fail_msg("%s", err.text);
	}
	fake_box_pass(box, SECOND / 10);
	return run;
}

static struct calls_chunk send(struct fake_box *box, int64_t run, int64_t seq) {
	unsigned char bytes[CHUNK_BYTES] = {0};
	struct calls_chunk ret = {0};
	struct error err = {0};
	if (calls_chunk(box->calls, run, seq, bytes, sizeof(bytes), &ret, &err) < 0) {
		fail_msg("%s", err.text);
	}
	return ret;
}

/* Speaks for so long, ten pieces a second. */
static void speak(struct fake_box *box, int64_t run, int64_t *seq, int64_t seconds) {
	for (int64_t i = 0; i < seconds * 10; i++) {
		send(box, run, (*seq)++);
		fake_box_pass(box, SECOND / 10);
	}
}

static void assert_row(struct fake_box *box, int64_t id, int64_t zone,
		       enum outcome outcome, const char *reason) {
	AUTO(run_done) struct run run = {0};
	assert_int_equal(store_run_get(box->store, id, &run, NULL), 0);
	size_t i = 0;
	while (i < run.n_zones && run.zones[i].zone != zone) {
		i++;
	}
	assert_true(i < run.n_zones);
	const char *got = run.zones[i].reason != NULL ? run.zones[i].reason : "";
	assert_string_equal(outcome_name(run.zones[i].outcome), outcome_name(outcome));
	if (strstr(got, reason) == NULL || (reason[0] == '\0' && got[0] != '\0')) {
		fail_msg("run %d: '%s', not '%s'", (int)id, got, reason);
	}
}

static void assert_over(struct fake_box *box, int64_t run) {
	unsigned char bytes[2] = {0};
	struct calls_chunk ret;
	assert_int_equal(calls_chunk(box->calls, run, 0, bytes, 2, &ret, NULL),
			 -EALREADY);
	assert_int_equal(calls_hang_up(box->calls, run, NULL), -EALREADY);
}

/* Its card was lost for a while; later it makes way for an emergency, and is hung up
 * before it is heard again: it was heard. */
static void hung_up_before_it_is_heard_again(void **state) {
	struct fake_box *box = *state;
	AUTO(zone_done) struct zone zone = {0};
	int64_t east = fake_box_zone(box, "east", NULL);
	assert_int_equal(store_zone_get(box->store, east, &zone, NULL), 0);
	zone.lead_ms = 2000;
	assert_int_equal(store_zone_put(box->store, &zone, NULL), 0);
	director_zone_changed(box->director, east);
	int64_t run = call(box, &east, 1);
	int64_t seq = 0;
	speak(box, run, &seq, 4);
	fake_box_break_card(east, "the card is gone");
	speak(box, run, &seq, 1);
	fake_box_break_card(east, NULL);
	speak(box, run, &seq, 4);
	int64_t flood = fake_box_announcement(box, "flood", 3000);
	assert_true(fake_box_push(box, flood, east, CLASS_EMERGENCY, NULL) > 0);
	speak(box, run, &seq, 6); /* it begins in 2 s, lasts 3, and 2 are to go */
	assert_row(box, run, east, OUTCOME_PAUSED, "interrupted by 'flood'");
	assert_int_equal(calls_hang_up(box->calls, run, NULL), 0);
	fake_box_pass(box, 3 * SECOND);
	assert_row(box, run, east, OUTCOME_PLAYED, "interrupted by 'flood' (emergency)");
	assert_row(box, run, east, OUTCOME_PLAYED, "not heard for");
}

static void it_interrupts_and_hangs_up(void **state) {
	struct fake_box *box = *state;
	int64_t zones[3];
	fake_box_zones(box, zones, 3);
	int64_t news = fake_box_announcement(box, "news", 60000);
	int64_t low = fake_box_push_to(box, news, zones, 3, CLASS_PROGRAMME, NULL);
	fake_box_pass(box, 10 * SECOND);
	int64_t run = call(box, zones, 2);
	assert_string_equal(fake_box_says(zones[0]), "L");
	assert_string_equal(fake_box_says(zones[2]), "_");
	int64_t seq = 5;
	speak(box, run, &seq, 8);
	assert_row(box, run, zones[0], OUTCOME_PLAYING, "");
	assert_row(box, low, zones[0], OUTCOME_PAUSED, "'mayor' (live)");
	assert_int_equal(calls_hang_up(box->calls, run, NULL), 0);
	fake_box_pass(box, SECOND);
	assert_row(box, run, zones[0], OUTCOME_PLAYED, "");
	assert_string_equal(fake_box_says(zones[0]), "_");
	assert_over(box, run);
	fake_box_pass(box, 60 * SECOND);
	assert_row(box, low, zones[0], OUTCOME_PLAYED, "'mayor' (live) for 8");
	assert_row(box, low, zones[2], OUTCOME_PLAYED, "");
	AUTO(run_done) struct run row = {0};
	assert_int_equal(store_run_get(box->store, run, &row, NULL), 0);
	assert_string_equal(row.source, "live");
	assert_int_equal(row.class, CLASS_LIVE);
}

static void it_ends_when_nothing_comes(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t run = call(box, &zone, 1);
	int64_t seq = 0;
	speak(box, run, &seq, 4);
	static size_t commits;
	fake_box_count_commits(box, &commits);
	speak(box, run, &seq, 4);
	assert_int_equal(commits, 0); /* a piece is not written */
	fake_box_pass(box, 2800000);
	assert_string_equal(fake_box_says(zone), "L");
	fake_box_pass(box, 700000);
	assert_string_equal(fake_box_says(zone), "");
	assert_row(box, run, zone, OUTCOME_CUT, "the sender fell silent for 3 s");
	assert_over(box, run);
	/* One that never says a word, too. */
	run = call(box, &zone, 1);
	fake_box_pass(box, 4 * SECOND);
	assert_row(box, run, zone, OUTCOME_CUT, "the sender fell silent for 3 s");
}

static int64_t alert(struct fake_box *box, int64_t zone) {
	struct alert asked = {
		.headline = strdup("flood"),
		.text = strdup("climb the hill"),
		.severity = SEVERITY_SEVERE,
		.level = LEVEL_TOWN,
		.expires_us = TIME_NONE,
		.author = strdup("test"),
	};
	assert_int_equal(ids_add(&asked.zones, zone), 0);
	assert_int_equal(ids_add(&asked.resolved, zone), 0);
	int64_t id = 0;
	struct error err = {0};
	if (alerts_ask(box->alerts, &asked, NULL, NULL, &id, &err) < 0) {
		fail_msg("%s", err.text);
	}
	return id;
}

static void an_emergency_comes_first(void **state) {
	struct fake_box *box = *state;
	int64_t zones[2];
	fake_box_zones(box, zones, 2);
	int64_t run = call(box, zones, 2);
	int64_t seq = 0;
	speak(box, run, &seq, 5);
	alert(box, zones[0]);
	speak(box, run, &seq, 1);
	assert_string_equal(fake_box_says(zones[1]), "L");
	assert_row(box, run, zones[0], OUTCOME_PAUSED, "'flood' (emergency)");
	/* In the gap of the alert it goes on with what is said then. */
	speak(box, run, &seq, 15);
	assert_string_equal(fake_box_says(zones[0]), "L");
	assert_string_equal(fake_box_says(zones[1]), "L");
	assert_int_equal(calls_hang_up(box->calls, run, NULL), 0);
	fake_box_pass(box, SECOND);
	assert_row(box, run, zones[0], OUTCOME_PLAYED, "resumed");
	assert_row(box, run, zones[1], OUTCOME_PLAYED, "");
}

/* Whoever speaks goes on, also where it was the only card; where it is back it is heard
 * what is said then. */
static void a_card_that_comes_back(void **state) {
	struct fake_box *box = *state;
	int64_t zones[2] = {fake_box_zone(box, "east", NULL),
			    fake_box_zone(box, "west", NULL)};
	for (size_t n = 1; n <= 2; n++) {
		int64_t run = call(box, zones, n);
		int64_t seq = 0;
		speak(box, run, &seq, 2);
		fake_box_break_card(zones[0], "the card is gone");
		speak(box, run, &seq, 3);
		assert_string_equal(fake_box_says(zones[0]), "");
		assert_row(box, run, zones[0], OUTCOME_PAUSED,
			   "not heard any more: the card is gone");
		fake_box_break_card(zones[0], NULL);
		speak(box, run, &seq, 2);
		assert_string_equal(fake_box_says(zones[0]), "L");
		assert_string_equal(fake_box_says(zones[1]), n == 2 ? "L" : "");
		assert_int_equal(calls_hang_up(box->calls, run, NULL), 0);
		fake_box_pass(box, SECOND);
		assert_row(box, run, zones[0], OUTCOME_PLAYED,
			   "not heard for 3.0 s: the card is gone");
		assert_over(box, run);
	}
	/* It was over by then. */
	int64_t run = call(box, zones, 2);
	int64_t seq = 0;
	speak(box, run, &seq, 2);
	fake_box_break_card(zones[0], "the card is gone");
	speak(box, run, &seq, 1);
	assert_int_equal(calls_hang_up(box->calls, run, NULL), 0);
	fake_box_pass(box, SECOND);
	assert_row(box, run, zones[0], OUTCOME_CUT, "the call was over by then");
	assert_row(box, run, zones[0], OUTCOME_CUT, "the card is gone");
	assert_row(box, run, zones[1], OUTCOME_PLAYED, "");
	assert_over(box, run);
	fake_box_break_card(zones[0], NULL);
	fake_box_pass(box, 2 * SECOND);
	assert_int_equal(fake_box_sounding(), 0);
}

static void hung_up_while_interrupted(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t run = call(box, &zone, 1);
	int64_t seq = 0;
	speak(box, run, &seq, 2);
	alert(box, zone);
	fake_box_pass(box, SECOND / 20); /* it still fades out */
	assert_int_equal(calls_hang_up(box->calls, run, NULL), 0);
	fake_box_pass(box, SECOND);
	AUTO(run_done) struct run row = {0};
	assert_int_equal(store_run_get(box->store, run, &row, NULL), 0);
	assert_true(outcome_final(row.zones[0].outcome));
	fake_box_pass(box, 3 * SECOND);
	/* And one that is paused for longer. */
	int64_t other = fake_box_zone(box, "west", NULL);
	run = call(box, &other, 1);
	seq = 0;
	speak(box, run, &seq, 2);
	alert(box, other);
	speak(box, run, &seq, 1);
	assert_int_equal(calls_hang_up(box->calls, run, NULL), 0);
	fake_box_pass(box, SECOND);
	assert_row(box, run, other, OUTCOME_CUT,
		   "not resumed: the call was over by then");
}

static void it_does_not_wait(void **state) {
	struct fake_box *box = *state;
	struct error err = {0};
	int64_t zones[2];
	int64_t run = 0;
	fake_box_zones(box, zones, 2);
	int64_t news = fake_box_announcement(box, "news", 60000);
	int64_t first = call(box, zones, 1);
	static const struct {
		enum run_class class;
		size_t n;
	} asks[] = {{CLASS_LIVE, 2}, {CLASS_NOTICE, 1}, {CLASS_PROGRAMME, 2}};
	for (size_t i = 0; i < LENGTH(asks); i++) {
		assert_int_equal(
			begin(box, zones, asks[i].n, asks[i].class, false, &run, &err),
			-EBUSY);
		assert_non_null(strstr(err.text, "'mayor' (live)"));
		assert_string_equal(err.field, "zones");
	}
	assert_int_equal(fake_box_count_runs(box), 1);
	/* A call of a notice's rank waits for no notice either. */
	fake_box_push_to(box, news, zones + 1, 1, CLASS_NOTICE, NULL);
	fake_box_pass(box, SECOND);
	assert_int_equal(begin(box, zones + 1, 1, CLASS_NOTICE, false, &run, &err),
			 -EBUSY);
	assert_non_null(strstr(err.text, "'news' (notice)"));
	assert_int_equal(begin(box, zones + 1, 1, CLASS_LIVE, false, &run, &err), 0);
	assert_int_equal(calls_hang_up(box->calls, first, NULL), 0);
	fake_box_pass(box, SECOND);
	assert_int_equal(begin(box, zones, 1, CLASS_LIVE, false, &run, &err), 0);
	alert(box, zones[0]);
	fake_box_pass(box, SECOND);
	assert_int_equal(begin(box, zones, 1, CLASS_LIVE, false, &run, &err), -EBUSY);
	assert_non_null(strstr(err.text, "'flood' (emergency)"));
}

static void quiet_hours(void **state) {
	struct fake_box *box = *state;
	struct error err = {0};
	int64_t run = 0;
	int64_t zones[] = {fake_box_zone(box, "east", "07:00-09:00"),
			   fake_box_zone(box, "west", NULL)};
	/* It is 08:00. */
	assert_int_equal(begin(box, zones, 1, CLASS_LIVE, false, &run, &err), -EPERM);
	assert_non_null(strstr(err.text, "07:00"));
	assert_string_equal(err.field, "quiet_confirmed");
	run = call(box, zones, 2);
	assert_row(box, run, zones[0], OUTCOME_SKIPPED, "07:00");
	assert_string_equal(fake_box_says(zones[0]), "");
	assert_string_equal(fake_box_says(zones[1]), "L");
	assert_int_equal(calls_hang_up(box->calls, run, NULL), 0);
	fake_box_pass(box, SECOND);
	assert_int_equal(begin(box, zones, 2, CLASS_LIVE, true, &run, &err), 0);
	int64_t seq = 0;
	speak(box, run, &seq, 3);
	assert_string_equal(fake_box_says(zones[0]), "L");
	assert_int_equal(calls_hang_up(box->calls, run, NULL), 0);
	fake_box_pass(box, SECOND);
	assert_row(box, run, zones[0], OUTCOME_PLAYED,
		   "in quiet hours, because it was confirmed for them");
	assert_row(box, run, zones[1], OUTCOME_PLAYED, "");
	/* Where they begin while somebody speaks who has not confirmed, he is cut. */
	int64_t late = fake_box_zone(box, "north", "08:01-09:00");
	run = call(box, &late, 1);
	seq = 0;
	while (director_call_open(box->director, run)) {
		assert_true(seq < 700);
		send(box, run, seq++);
		fake_box_pass(box, SECOND / 10);
	}
	fake_box_pass(box, SECOND);
	assert_row(box, run, late, OUTCOME_CUT, "08:01");
}

static void a_stop_ends_it(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t run = call(box, &zone, 1);
	send(box, run, 0);
	assert_int_equal(director_stop_run(box->director, run, "clerk", NULL), 0);
	fake_box_pass(box, SECOND);
	assert_row(box, run, zone, OUTCOME_CUT, "stopped by clerk");
	assert_over(box, run);
	/* A clock that cannot be believed, too. */
	run = call(box, &zone, 1);
	box->trusted = false;
	fake_box_step(box, -3600 * SECOND);
	fake_box_pass(box, SECOND);
	assert_row(box, run, zone, OUTCOME_CUT, "the clock cannot be trusted any more");
	box->trusted = true;
}

static void a_restart_ends_it(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t runs[2];
	for (int killed = 0; killed < 2; killed++) {
		runs[killed] = call(box, &zone, 1);
		fake_box_restart(box, killed == 1);
		fake_box_pass(box, SECOND);
		assert_string_equal(fake_box_says(zone), "");
		assert_over(box, runs[killed]);
	}
	assert_row(box, runs[0], zone, OUTCOME_CUT, "the box was shut down");
	assert_row(box, runs[1], zone, OUTCOME_CUT, "the box stopped (power or crash)");
	/* Killed before its first frame, and the clock comes back earlier: it is not to
	 * come either. */
	struct error err = {0};
	int64_t run = 0;
	assert_int_equal(begin(box, &zone, 1, CLASS_LIVE, false, &run, &err), 0);
	box->now_us -= 60 * SECOND;
	fake_box_restart(box, true);
	fake_box_pass(box, 120 * SECOND);
	assert_row(box, run, zone, OUTCOME_MISSED, "the box stopped before");
}

static void a_clock_set_back_lets_it_speak(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t run = call(box, &zone, 1);
	int64_t seq = 0;
	speak(box, run, &seq, 1);
	fake_box_step(box, -60 * SECOND);
	speak(box, run, &seq, 4);
	assert_string_equal(fake_box_says(zone), "L");
	assert_int_equal(calls_hang_up(box->calls, run, NULL), 0);
	fake_box_pass(box, SECOND);
	assert_row(box, run, zone, OUTCOME_PLAYED, "");
	/* Before its first frame, too: it is not for when the clock is there again. */
	struct error err = {0};
	assert_int_equal(begin(box, &zone, 1, CLASS_LIVE, false, &run, &err), 0);
	fake_box_step(box, -60 * SECOND);
	fake_box_pass(box, SECOND);
	assert_string_equal(fake_box_says(zone), "L");
}

struct piece {
	int64_t seq;
	enum calls_chunk_end end;
	int64_t next;
	int64_t lost;
};

static const struct piece pieces[] = {
	{100, CALLS_CHUNK_TAKEN, 101, 0},   {101, CALLS_CHUNK_TAKEN, 102, 0},
	{101, CALLS_CHUNK_DROPPED, 102, 0}, /* twice */
	{103, CALLS_CHUNK_HELD, 102, 0},    {103, CALLS_CHUNK_DROPPED, 102, 0},
	{102, CALLS_CHUNK_TAKEN, 104, 0}, /* and the one that waited */
	{50, CALLS_CHUNK_DROPPED, 104, 0},  {105, CALLS_CHUNK_HELD, 104, 0},
	{106, CALLS_CHUNK_HELD, 104, 0},    {107, CALLS_CHUNK_HELD, 104, 0},
	{108, CALLS_CHUNK_TAKEN, 109, 1}, /* 104 is given up */
	{104, CALLS_CHUNK_DROPPED, 109, 0}, {112, CALLS_CHUNK_HELD, 109, 0},
	{111, CALLS_CHUNK_HELD, 109, 0},    {120, CALLS_CHUNK_HELD, 109, 0},
	{110, CALLS_CHUNK_TAKEN, 113, 1}, /* 109 is given up; 111 and 112 waited */
	{113, CALLS_CHUNK_TAKEN, 114, 0},   {130, CALLS_CHUNK_HELD, 114, 0},
	{131, CALLS_CHUNK_HELD, 114, 0},    {132, CALLS_CHUNK_HELD, 121, 6},
	{133, CALLS_CHUNK_TAKEN, 134, 9},   {140, CALLS_CHUNK_HELD, 134, 0},
	{142, CALLS_CHUNK_HELD, 134, 0},    {143, CALLS_CHUNK_HELD, 134, 0},
	{141, CALLS_CHUNK_TAKEN, 144, 6}, /* and those behind it have waited enough */
};

static void pieces_are_put_in_order(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t run = call(box, &zone, 1);
	for (size_t i = 0; i < LENGTH(pieces); i++) {
		const struct piece *p = &pieces[i];
		struct calls_chunk got = send(box, run, p->seq);
		if (got.end != p->end || got.next != p->next || got.lost != p->lost) {
			fail_msg("piece %d (%d): %d, next %d, lost %d", (int)i,
				 (int)p->seq, (int)got.end, (int)got.next, (int)got.lost);
		}
	}
	assert_int_equal(calls_hang_up(box->calls, run, NULL), 0);
}

static void pieces_are_checked(void **state) {
	struct fake_box *box = *state;
	static const unsigned char bytes[9600];
	struct calls_chunk ret;
	struct error err = {0};
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t run = call(box, &zone, 1);
	assert_int_equal(calls_chunk(box->calls, run, 0, bytes, 3200, &ret, &err), 0);
	assert_int_equal(calls_chunk(box->calls, run, 1, bytes, 3202, &ret, &err),
			 -E2BIG);
	assert_non_null(strstr(err.text, "at most 3200 bytes"));
	assert_int_equal(calls_chunk(box->calls, run, 1, bytes, 641, &ret, &err),
			 -EINVAL);
	assert_int_equal(calls_chunk(box->calls, run + 1, 1, bytes, 640, &ret, &err),
			 -ENOENT);
	assert_int_equal(calls_hang_up(box->calls, run + 1, &err), -ENOENT);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_interrupts_and_hangs_up, setup,
						teardown),
		cmocka_unit_test_setup_teardown(hung_up_before_it_is_heard_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(it_ends_when_nothing_comes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_emergency_comes_first, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_card_that_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(hung_up_while_interrupted, setup,
						teardown),
		cmocka_unit_test_setup_teardown(it_does_not_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(quiet_hours, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stop_ends_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_restart_ends_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_clock_set_back_lets_it_speak, setup,
						teardown),
		cmocka_unit_test_setup_teardown(pieces_are_put_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(pieces_are_checked, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
