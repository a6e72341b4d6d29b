/* test_engine_play.c - the engine as a whole, on WAV outputs and on cards with a clock of
 * their own: what is submitted comes out of the right channel, at its time, and nothing
 * else anywhere. Takes real time. */
#include "engine_rig.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SILENT (1.0F / 32768.0F)

static int64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

struct play_case {
	const char *name;
	struct rig_card card;
	int channel;
	int64_t ahead_ms; /* of its start; 0: now */
	double snr_db;
	double compare_s; /* only its beginning; 0: all */
};

static const struct play_case plays[] = {
	{"WAV, now", {2, 48000, true, NULL}, 0, 0, 60, 0},
	{"WAV, in time", {2, 48000, true, NULL}, 1, 700, 60, 0},
	{"WAV, 44.1 kHz", {1, 44100, true, NULL}, 0, 700, 50, 0},
	{"card, now", {2, 48000, false, NULL}, 1, 0, 60, 0},
	{"card, in time", {2, 48000, false, NULL}, 0, 700, 60, 0},
	{"card, 44.1 kHz", {2, 44100, false, NULL}, 0, 700, 50, 0},
	{"card, 32 kHz", {1, 32000, false, NULL}, 0, 0, 50, 0},
	{"card, 8 channels", {8, 48000, false, NULL}, 5, 700, 60, 0},
	/* Then it is kept in step: test_engine_drift.c. */
	{"card, slow clock", {2, 48000, false, "ppm -100"}, 0, 700, 50, 0.3},
};

static void check_play(const struct play_case *c) {
	struct rig rig;
	rig_start(&rig, &c->card, 1, 200);
	rig_zone(&rig, 7, 1, c->channel, 0.0);
	assert_non_null(rig_wait_output(&rig, ENGINE_OUTPUT_OK, 1, 5));
	int64_t zone = 7;
	struct job *job = rig_chime(1, &zone, 1, 1);
	int64_t before_ns = now_ns();
	int64_t start_ns = c->ahead_ms > 0 ? before_ns + c->ahead_ms * 1000000 : 0;
	job->start_ns = start_ns;
	rig_submit(&rig, job);
	const struct engine_event *started = rig_wait(&rig, ENGINE_JOB_STARTED, 1, 7, 5);
	assert_non_null(started);
	int64_t at_ns = started->at_ns;
	const struct engine_event *ended = rig_wait(&rig, ENGINE_JOB_ENDED, 1, 7, 10);
	assert_non_null(ended);
	assert_int_equal(ended->end, ENGINE_END_PLAYED);
	size_t n = 0;
	float *wanted = rig_chime_frames(1, &n);
	assert_in_range(ended->played_ms, n / 48 - 1, n / 48 + 1);
	engine_free(rig.engine);
	rig.engine = NULL;
	for (int channel = 0; channel < c->card.channels; channel++) {
		struct heard h = rig_heard(&rig, 1, channel);
		if (channel != c->channel) {
			assert_true(rig_peak(&h, 0, h.n) <= 0.0F);
			free(h.frames);
			continue;
		}
		size_t compared = c->compare_s > 0.0 ? (size_t)(c->compare_s * 48000) : n;
		struct match m = rig_match(&h, wanted, compared);
		int64_t heard_ns = h.start_ns + (int64_t)(m.frame * 1e9 / h.rate);
		double off_ms =
			(double)(heard_ns - (start_ns != 0 ? start_ns : before_ns)) / 1e6;
		double said_ms = (double)(at_ns - heard_ns) / 1e6;
		print_message("%s: %.1f dB, gain %.4f, %s %.3f ms, said %+.3f ms\n",
			      c->name, m.snr_db, m.gain, start_ns ? "off" : "after",
			      off_ms, said_ms);
		assert_true(m.snr_db >= c->snr_db);
		assert_true(fabs(m.gain - 1.0) < 0.01);
		if (!c->card.wav) {
			assert_true(fabs(said_ms) < 2.0);
			assert_true(start_ns == 0 || fabs(off_ms) < 2.0);
		}
		free(h.frames);
	}
	free(wanted);
	rig_stop(&rig);
}

static void plays_right(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(plays) / sizeof(plays[0]); i++) {
		check_play(&plays[i]);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plays_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
