/* test_engine_drift.c - cards whose clocks are off, in real time: two of them stay
 * together; what is told of a run is right though it glided or jumped; and on a card that
 * is right not a frame changes. */
#include "engine_rig.h"

#include "audio/chime.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define RATE 48000
#define PIECE 4800 /* frames of the sound, by which a moment is found */
#define REPEATS 4

static int64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* When what lies at `at` in the sound was heard, in ns after wanted_ns; a card's frames
 * are as long as its clock makes them. */
static double late_ns(const struct heard *h, double ppm, const float *sound, size_t at,
		      int64_t wanted_ns) {
	double rate = h->rate * (1.0 + ppm * 1e-6);
	double expected = (double)(wanted_ns - h->start_ns) * rate / 1e9;
	struct match m = rig_match_near(h, sound + at, PIECE, expected, 0.002 * rate);
	assert_true(m.snr_db > 20.0);
	return (m.frame - expected) * 1e9 / rate;
}

struct pair_case {
	const char *name;
	struct rig_card cards[2];
	double ppm[2];
};

static struct pair_case apart = {
	"48 kHz, 100 ppm apart",
	{{2, 48000, false, "ppm 50"}, {2, 48000, false, "ppm -50"}},
	{50, -50},
};
static struct pair_case rates = {
	"48 and 44.1 kHz",
	{{1, 48000, false, "ppm -70"}, {1, 44100, false, "ppm 30"}},
	{-70, 30},
};

static void two_stay_together(void **state) {
	const struct pair_case *c = *state;
	struct rig rig;
	int64_t zones[] = {7, 8};
	size_t n = 0;
	rig_start_two(&rig, c->cards, zones);
	struct job *job = rig_chime(1, zones, 2, REPEATS);
	int64_t start_ns = now_ns() + 700000000;
	job->start_ns = start_ns;
	rig_submit(&rig, job);
	float *sound = rig_chime_frames(REPEATS, &n);
	for (int i = 0; i < 2; i++) {
		const struct engine_event *ended =
			rig_wait(&rig, ENGINE_JOB_ENDED, 1, zones[i], 40);
		assert_non_null(ended);
		assert_int_equal(ended->end, ENGINE_END_PLAYED);
		assert_in_range(ended->played_ms, n / 48 - 1, n / 48 + 1);
	}
	engine_free(rig.engine);
	rig.engine = NULL;
	struct heard h[2] = {rig_heard(&rig, 1, 0), rig_heard(&rig, 2, 0)};
	double worst_us = 0.0;
	double late_us = 0.0;
	size_t length = n / REPEATS;
	/* Where the chime is struck. */
	for (size_t at = 0; at + length <= n; at += length) {
		int64_t wanted_ns = start_ns + (int64_t)((double)at * 1e9 / RATE);
		double a = late_ns(&h[0], c->ppm[0], sound, at, wanted_ns) / 1e3;
		double b = late_ns(&h[1], c->ppm[1], sound, at, wanted_ns) / 1e3;
		print_message("  at %.1f s: %+.0f and %+.0f us\n", (double)at / RATE, a,
			      b);
		worst_us = fmax(worst_us, fabs(a - b));
		late_us = fmax(late_us, fmax(fabs(a), fabs(b)));
	}
	print_message("%s, %.0f s: %.0f us apart, %.0f us late at most\n", c->name,
		      (double)n / RATE, worst_us, late_us);
	assert_true(worst_us <= 200.0);
	assert_true(late_us <= 1000.0);
	free(h[0].frames);
	free(h[1].frames);
	free(sound);
	rig_stop(&rig);
}

/* A card that is right: each frame is what it was, whatever its reports are like, from
 * the first to the last. One frame more or less in the middle would leave 20 dB. */
static void check_right(const char *more) {
	const struct rig_card card = {1, 48000, false, more};
	struct rig rig;
	int64_t zone = 7;
	size_t n = 0;
	rig_start(&rig, &card, 1, 200);
	rig_zone(&rig, zone, 1, 0, 0.0);
	assert_non_null(rig_wait_output(&rig, ENGINE_OUTPUT_OK, 1, 5));
	rig_submit(&rig, rig_chime(1, &zone, 1, REPEATS));
	const struct engine_event *ended = rig_wait(&rig, ENGINE_JOB_ENDED, 1, zone, 40);
	assert_non_null(ended);
	assert_int_equal(ended->end, ENGINE_END_PLAYED);
	engine_free(rig.engine);
	rig.engine = NULL;
	float *sound = rig_chime_frames(REPEATS, &n);
	struct heard h = rig_heard(&rig, 1, 0);
	struct match m = rig_match(&h, sound, n);
	size_t at = (size_t)llround(m.frame);
	float worst = 0.0F;
	for (size_t i = 0; i < n && at + i < h.n; i++) {
		worst = fmaxf(worst, fabsf(h.frames[at + i] - sound[i]));
	}
	print_message("%s, %.0f s: %.1f dB, %.1f steps off at most\n", more,
		      (double)n / RATE, m.snr_db, (double)worst * 32768.0);
	assert_true(fabs(m.frame - (double)at) < 0.001);
	/* Rounding and dither. */
	assert_true(worst <= 1.6F / 32768.0F);
	free(h.frames);
	free(sound);
	rig_stop(&rig);
}

static void is_left_alone_where_it_is_right(void **state) {
	(void)state;
	check_right("ppm 0");
}

/* On a busy machine time passes between libasound's stamp of a report and the reading of
 * what it reports. The clock of the card is right all the same. */
static void a_late_report_is_no_drift(void **state) {
	(void)state;
	check_right("delay_late_us 400");
}

/* The card stands for a moment, says nothing of it and goes on. What it then has late is
 * passed over, and the rest is on time again. */
static void jumps_after_a_stall(void **state) {
	(void)state;
	static const struct rig_card card = {1, 48000, false, "stall_file \"%s/stall\""};
	struct rig rig;
	int64_t zone = 7;
	size_t n = 0;
	rig_start(&rig, &card, 1, 200);
	rig_zone(&rig, 7, 1, 0, 0.0);
	assert_non_null(rig_wait_output(&rig, ENGINE_OUTPUT_OK, 1, 5));
	struct job *job = rig_chime(1, &zone, 1, REPEATS);
	int64_t start_ns = now_ns() + 700000000;
	job->start_ns = start_ns;
	rig_submit(&rig, job);
	rig_run(&rig, 2.0);
	rig_touch(&rig, "stall");
	int64_t from_ns = now_ns();
	rig_run(&rig, 0.4);
	rig_remove(&rig, "stall");
	double stall_ms = (double)(now_ns() - from_ns) / 1e6;
	const struct engine_event *ended = rig_wait(&rig, ENGINE_JOB_ENDED, 1, 7, 40);
	assert_non_null(ended);
	assert_int_equal(ended->end, ENGINE_END_PLAYED);
	float *sound = rig_chime_frames(REPEATS, &n);
	double passed_over_ms = (double)n / 48 - (double)ended->played_ms;
	engine_free(rig.engine);
	rig.engine = NULL;
	struct heard h = rig_heard(&rig, 1, 0);
	size_t at = n / REPEATS * (REPEATS - 1);
	int64_t wanted_ns = start_ns + (int64_t)((double)at * 1e9 / RATE);
	double late_us = late_ns(&h, 0.0, sound, at, wanted_ns) / 1e3;
	print_message("stood for %.1f ms: %.1f ms passed over, then late by %.0f us\n",
		      stall_ms, passed_over_ms, late_us);
	assert_true(fabs(late_us) <= 1000.0);
	/* The card notices when it is asked, some 60 ms later at most. */
	assert_true(fabs(passed_over_ms - stall_ms) <= 150.0);
	assert_true(passed_over_ms >= 100.0);
	free(h.frames);
	free(sound);
	rig_stop(&rig);
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_late_report_is_no_drift),
		{apart.name, two_stay_together, NULL, NULL, &apart},
		{rates.name, two_stay_together, NULL, NULL, &rates},
		cmocka_unit_test(is_left_alone_where_it_is_right),
		cmocka_unit_test(jumps_after_a_stall),
	};
	return rig_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
