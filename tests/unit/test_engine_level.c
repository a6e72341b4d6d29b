/* test_engine_level.c - the level of a zone: looks that follow each other at random, held
 * against what the test card played meanwhile, while orders come and much is taken back
 * and written anew. In real time. */
#include "engine_rig.h"

#include "audio/mix/mix.h"
#include "seed.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define LOOKS 64
#define SLACK_NS 15000000LL /* a block, and what the clock is read off by */

static uint32_t seed;

static int64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

struct look {
	int64_t from_ns;
	int64_t to_ns;
	double rms_db;
	double peak_db;
};

static int64_t frame_of(const struct heard *h, int64_t ns) {
	int64_t frame = (ns - h->start_ns) * h->rate / 1000000000LL;
	return frame < 0 ? 0 : frame > (int64_t)h->n ? (int64_t)h->n : frame;
}

static double peak_db(const struct heard *h, int64_t from_ns, int64_t to_ns) {
	int64_t from = frame_of(h, from_ns);
	int64_t to = frame_of(h, to_ns);
	float peak = to > from ? rig_peak(h, (size_t)from, (size_t)to) : 0.0F;
	return mix_db_of((double)peak);
}

static double square(const struct heard *h, int64_t from_ns, int64_t to_ns) {
	int64_t from = frame_of(h, from_ns);
	int64_t to = frame_of(h, to_ns);
	return to > from ? (double)mix_square(h->frames + from, (size_t)(to - from)) *
				   (double)(to - from)
			 : 0.0;
}

/* The looks go on from each other, so together they miss no frame and count none twice:
 * the energy of all is that of the sound. */
static void compare(const struct look *looks, size_t n, const struct heard *h) {
	double told = 0.0;
	double loudest_db = MIX_SILENCE_DB;
	for (size_t i = 0; i < n; i++) {
		const struct look *l = &looks[i];
		double wide_db = peak_db(h, l->from_ns - SLACK_NS, l->to_ns + SLACK_NS);
		double narrow_db = peak_db(h, l->from_ns + SLACK_NS, l->to_ns - SLACK_NS);
		/* A step of dither where all is silent. */
		bool silent = l->peak_db < -85.0 && narrow_db < -85.0;
		if (!silent &&
		    (l->peak_db > wide_db + 0.1 || l->peak_db < narrow_db - 0.1)) {
			fail_msg(
				"look %d, %.1f ms long: peak %.2f dB, heard %.2f to %.2f",
				(int)i, (double)(l->to_ns - l->from_ns) / 1e6, l->peak_db,
				narrow_db, wide_db);
		}
		double rms = (double)mix_gain_of_db(l->rms_db);
		told += rms * rms * (double)(l->to_ns - l->from_ns) / 1e9 * h->rate;
		loudest_db = fmax(loudest_db, l->peak_db);
	}
	double heard = square(h, looks[0].from_ns, looks[n - 1].to_ns);
	double off_db = 10.0 * log10(told / heard);
	double all_db = peak_db(h, looks[0].from_ns, looks[n - 1].to_ns);
	print_message("%d looks at %d Hz: energy off %.3f dB, peak %.2f of %.2f dB\n",
		      (int)n, h->rate, off_db, loudest_db, all_db);
	assert_true(fabs(off_db) < 0.2);
	assert_true(fabs(loudest_db - all_db) < 0.1);
}

static const struct rig_card cards[] = {
	{1, 48000, false, NULL}, {1, 44100, false, "ppm 70"}, /* and kept in step */
};

static void check_looks(const struct rig_card *card) {
	struct rig rig;
	struct look looks[LOOKS];
	const int64_t zone = 7;
	rig_start(&rig, card, 1, 200);
	rig_zone(&rig, zone, 1, 0, -6.0);
	assert_non_null(rig_wait_output(&rig, ENGINE_OUTPUT_OK, 1, 5));
	struct look l = {.from_ns = now_ns()};
	assert_int_equal(engine_zone_level(rig.engine, zone, l.from_ns - 100000000,
					   l.from_ns, &l.rms_db, &l.peak_db),
			 0);
	assert_true(l.peak_db <= MIX_SILENCE_DB && l.rms_db <= MIX_SILENCE_DB);
	assert_int_equal(
		engine_zone_level(rig.engine, 99, 0, l.from_ns, &l.rms_db, &l.peak_db),
		-ENOENT);
	rig_submit(&rig, rig_chime(1, &zone, 1, 2));
	for (size_t i = 0; i < LOOKS; i++) {
		seed = seed * 1664525U + 1013904223U;
		rig_run(&rig, 0.005 + (seed >> 20) / 4096.0 * 0.25);
		if (i % 7 == 3 && i < 50) {
			rig_submit(&rig, rig_chime((int64_t)i + 2, &zone, 1, 1));
		} else if (i % 7 == 5) {
			engine_stop(rig.engine, (int64_t)i, 0, 5);
		}
		l.to_ns = now_ns();
		assert_int_equal(engine_zone_level(rig.engine, zone, l.from_ns, l.to_ns,
						   &l.rms_db, &l.peak_db),
				 0);
		looks[i] = l;
		l.from_ns = l.to_ns;
	}
	engine_free(rig.engine);
	rig.engine = NULL;
	struct heard h = rig_heard(&rig, 1, 0);
	compare(looks, LOOKS, &h);
	free(h.frames);
	rig_stop(&rig);
}

static void tells_what_was_heard(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(cards) / sizeof(cards[0]); i++) {
		check_looks(&cards[i]);
	}
}

int main(void) {
	seed = seed_random();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_was_heard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
