/* test_engine_gain.c - a job beneath another: softer and back again without a click, the
 * zone beside untouched; and a job that begins within itself. Held against the sound as
 * computed, frame by frame, on the test card. In real time. */
#include "engine_rig.h"

#include "audio/engine_gain.h"
#include "audio/mix/mix.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define RATE 48000
#define DUCK_DB (-18.0)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void wait_end(struct rig *rig, int64_t job, enum engine_end end) {
	const struct engine_event *e = rig_wait(rig, ENGINE_JOB_ENDED, job, 0, 20);
	assert_non_null(e);
	if (e->end != end) {
		fail_msg("job %d ended %d, not %d: %s", (int)job, e->end, end, e->text);
	}
}

static struct heard close_and_hear(struct rig *rig, int channel) {
	engine_free(rig->engine);
	rig->engine = NULL;
	return rig_heard(rig, 1, channel);
}

/* Signal to error in dB of what was heard from frame `at` on against wanted[from, to)
 * along the gain line; every `step`th frame. */
static double fit(const struct heard *h, int64_t at, const float *wanted, size_t from,
		  size_t to, const struct gain_line *g, size_t step) {
	double signal = 0.0;
	double error = 0.0;
	for (size_t i = from; i < to; i += step) {
		int64_t k = at + (int64_t)i;
		double x = (double)wanted[i] * (double)gain_line_at(g, (int64_t)i);
		double y = k >= 0 && k < (int64_t)h->n ? (double)h->frames[k] : 0.0;
		signal += x * x;
		error += (y - x) * (y - x);
	}
	return 10.0 * log10((signal + 1e-12) / (error + 1e-12));
}

/* The frame of `heard` on which wanted[from, to) begins at full gain, near `guess`. */
static int64_t align(const struct heard *h, int64_t guess, const float *wanted,
		     size_t from, size_t to) {
	struct gain_line one;
	gain_line_init(&one, 1.0F);
	double best_db = -200.0;
	int64_t best = guess;
	for (int64_t at = guess - 240; at <= guess + 240; at++) {
		double db = fit(h, at, wanted, from, to, &one, 3);
		if (db > best_db) {
			best_db = db;
			best = at;
		}
	}
	return best;
}

static int64_t frame_of(const struct heard *h, int64_t at_ns) {
	return llround((double)(at_ns - h->start_ns) * h->rate / 1e9);
}

/* Where the ramp began, counted in frames of the job: as fits best within 100 ms of the
 * order. */
static int64_t find_ramp(const struct heard *h, int64_t at, const float *wanted,
			 const struct gain_line *before, int64_t asked, float to,
			 int64_t frames) {
	double best_db = -200.0;
	int64_t best = asked;
	for (int64_t s = asked; s < asked + RATE / 10; s++) {
		struct gain_line g = *before;
		gain_line_to(&g, s, to, frames);
		double db = fit(h, at, wanted, (size_t)asked,
				(size_t)(asked + RATE / 10 + frames), &g, 37);
		if (db > best_db) {
			best_db = db;
			best = s;
		}
	}
	return best;
}

/* Orders in the other zone, so that much is taken back and rendered anew. */
static void busy_orders(struct rig *rig, const int64_t *zone, int64_t first, int n) {
	for (int i = 0; i < n; i++) {
		rig_submit(rig, rig_chime(first + i, zone, 1, 1));
		rig_run(rig, 0.04);
		engine_stop(rig->engine, first + i, 0, 5);
		rig_run(rig, 0.03);
	}
}

struct duck_case {
	const char *name;
	int ramp_ms;
	bool busy;
};

static const struct duck_case ducks[] = {
	{"duck, 300 ms", 300, false},
	{"duck, 300 ms, much taken back", 300, true},
	{"duck, 5 ms", 0, false},
};

/* The lines of gain the job went along, found in what was heard; and no frame of it is
 * off: where it was softer by 18 dB, where it moved, where it was untouched. */
static void check_ducked(const struct duck_case *c, const struct heard *h, int64_t at,
			 const int64_t asked_ns[2]) {
	size_t n = 0;
	float *wanted = rig_chime_frames(2, &n);
	struct gain_line g;
	gain_line_init(&g, 1.0F);
	int64_t frames = (int64_t)(c->ramp_ms > 5 ? c->ramp_ms : 5) * (RATE / 1000);
	at = align(h, at, wanted, 0, RATE / 4);
	const float gains[] = {mix_gain_of_db(DUCK_DB), 1.0F};
	double after_ms[2];
	for (size_t i = 0; i < 2; i++) {
		int64_t asked = frame_of(h, asked_ns[i]) - at;
		int64_t s = find_ramp(h, at, wanted, &g, asked, gains[i], frames);
		after_ms[i] = (double)(s - asked) * 1000.0 / RATE;
		gain_line_to(&g, s, gains[i], frames);
	}
	double snr_db = fit(h, at, wanted, 0, n, &g, 1);
	size_t low = (size_t)(g.ramps[0].start + frames);
	size_t up = (size_t)g.ramps[1].start;
	double soft_db = fit(h, at, wanted, low, up, &g, 1);
	print_message("%s: %.1f dB in all, %.1f dB while soft; heard after %.1f and "
		      "%.1f ms\n",
		      c->name, snr_db, soft_db, after_ms[0], after_ms[1]);
	assert_true(snr_db >= 60.0);
	assert_true(soft_db >= 50.0); /* 18 dB nearer to the steps of 16 bit */
	assert_true(low < up && up - low > RATE / 4);
	free(wanted);
}

static void ducks_and_comes_back(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(ducks); i++) {
		const struct duck_case *c = &ducks[i];
		struct rig rig;
		struct rig_card card = {2, RATE, false, NULL};
		int64_t music = 1;
		int64_t other = 2;
		int64_t asked_ns[2];
		rig_start(&rig, &card, 1, 200);
		rig_zone(&rig, music, 1, 0, 0.0);
		rig_zone(&rig, other, 1, 1, 0.0);
		rig_submit(&rig, rig_chime(1, &music, 1, 2));
		const struct engine_event *e =
			rig_wait(&rig, ENGINE_JOB_STARTED, 1, 1, 5);
		assert_non_null(e);
		int64_t at_ns = e->at_ns;
		rig_run(&rig, 0.6);
		asked_ns[0] = now_ns();
		engine_gain(rig.engine, 1, music, DUCK_DB, c->ramp_ms);
		busy_orders(&rig, &other, 10, c->busy ? 14 : 1);
		rig_run(&rig, c->busy ? 0.1 : 1.0);
		asked_ns[1] = now_ns();
		engine_gain(rig.engine, 1, music, 0.0, c->ramp_ms);
		busy_orders(&rig, &other, 30, c->busy ? 6 : 1);
		wait_end(&rig, 1, ENGINE_END_PLAYED);
		struct heard h = close_and_hear(&rig, 0);
		check_ducked(c, &h, frame_of(&h, at_ns), asked_ns);
		free(h.frames);
		rig_stop(&rig);
	}
}

/* One job in two zones begins soft in one; the other must not change by a frame. */
static void check_soft_beside(int rate, double loud_db, double soft_db) {
	struct rig rig;
	struct rig_card card = {2, rate, false, NULL};
	const int64_t zones[] = {1, 2};
	rig_start(&rig, &card, 1, 200);
	rig_zone(&rig, 1, 1, 0, 0.0);
	rig_zone(&rig, 2, 1, 1, 0.0);
	struct job *job = rig_chime(1, zones, 2, 1);
	job->gains_db[0] = DUCK_DB;
	rig_submit(&rig, job);
	assert_non_null(rig_wait(&rig, ENGINE_JOB_STARTED, 1, 2, 5));
	wait_end(&rig, 1, ENGINE_END_PLAYED);
	size_t n = 0;
	float *wanted = rig_chime_frames(1, &n);
	struct heard soft = close_and_hear(&rig, 0);
	struct heard loud = rig_heard(&rig, 1, 1);
	struct match m = rig_match(&loud, wanted, n);
	struct match s = rig_match(&soft, wanted, n);
	print_message("%d Hz: beside %.1f dB; soft %.1f dB, gain %.2f dB\n", rate,
		      m.snr_db, s.snr_db, 20 * log10(s.gain));
	assert_true(m.snr_db >= loud_db && fabs(m.gain - 1.0) < 0.001);
	assert_true(s.snr_db >= soft_db && fabs(20 * log10(s.gain) - DUCK_DB) < 0.02);
	assert_true(fabs(s.frame - m.frame) < 0.1);
	free(soft.frames);
	free(loud.frames);
	free(wanted);
	rig_stop(&rig);
}

static void is_soft_in_one_zone_alone(void **state) {
	(void)state;
	check_soft_beside(48000, 60, 50);
	check_soft_beside(44100, 50, 45);
}

struct offset_case {
	const char *name;
	int64_t from_ms;
	int repeat;
	double gain_db; /* it begins with */
};

static const struct offset_case offsets[] = {
	{"from 700 ms", 700, 1, 0.0},
	{"from 700 ms, soft", 700, 1, DUCK_DB},
	{"from within the repeat", 2900 + 450, 2, 0.0},
};

/* It rises from its first frame on, which is the very frame that was asked for; and the
 * event tells where it ended. */
static void begins_within_itself(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(offsets); i++) {
		const struct offset_case *c = &offsets[i];
		struct rig rig;
		struct rig_card card = {1, RATE, false, NULL};
		int64_t zone = 1;
		rig_start(&rig, &card, 1, 200);
		rig_zone(&rig, zone, 1, 0, 0.0);
		struct job *job = rig_chime(1, &zone, 1, c->repeat);
		int64_t start_ns = now_ns() + 700000000;
		job->from_ms = c->from_ms;
		job->start_ns = start_ns;
		rig_submit(&rig, job);
		engine_gain(rig.engine, 1, zone, c->gain_db, 5);
		assert_non_null(rig_wait(&rig, ENGINE_JOB_STARTED, 1, 1, 5));
		wait_end(&rig, 1, ENGINE_END_PLAYED);
		const struct engine_event *e = rig_wait(&rig, ENGINE_JOB_ENDED, 1, 1, 0);
		size_t n = 0;
		float *wanted = rig_chime_frames(c->repeat, &n);
		int64_t length_ms = (int64_t)n * 1000 / RATE;
		assert_in_range(e->place_ms, length_ms - 1, length_ms);
		assert_in_range(e->played_ms, length_ms - c->from_ms - 1,
				length_ms - c->from_ms);
		size_t from = (size_t)c->from_ms * (RATE / 1000);
		struct heard h = close_and_hear(&rig, 0);
		struct match m = rig_match(&h, wanted + from + 15000, n - from - 15000);
		int64_t at = llround(m.frame) - 15000 - (int64_t)from;
		struct gain_line g;
		gain_line_init(&g, 0.0F);
		gain_line_to(&g, (int64_t)from, mix_gain_of_db(c->gain_db), 14400);
		double snr_db = fit(&h, at, wanted, from, n, &g, 1);
		int64_t first_ns =
			h.start_ns + (at + (int64_t)from) * (1000000000LL / RATE);
		print_message("%s: %.1f dB, off %.3f ms\n", c->name, snr_db,
			      (double)(first_ns - start_ns) / 1e6);
		assert_true(snr_db >= (c->gain_db < 0.0 ? 40.0 : 60.0));
		assert_true(llabs(first_ns - start_ns) < 2000000);
		assert_true(rig_peak(&h, 0, (size_t)(at + (int64_t)from)) <=
			    2.0F / 32768.0F);
		free(h.frames);
		free(wanted);
		rig_stop(&rig);
	}
}

/* wanted[i] at `gain` added to what lies at `at` in a line of what should be heard. */
static void lay(float *line, size_t n, int64_t at, const float *wanted, size_t n_wanted,
		float gain) {
	for (size_t i = 0; i < n_wanted; i++) {
		int64_t k = at + (int64_t)i;
		if (k >= 0 && k < (int64_t)n) {
			line[k] += gain * wanted[i];
		}
	}
}

/* Over a job that goes on in its zone, whose gain is low, an urgent one is as loud as may
 * be from its first frame to its last, and the other stays as it is: every frame of both
 * is there, whatever was taken back for it. */
static void urgent_ones_have_a_gain_of_their_own(void **state) {
	(void)state;
	struct rig rig;
	struct rig_card card = {1, RATE, false, NULL};
	int64_t zone = 1;
	int64_t began_ns[2];
	rig_start(&rig, &card, 1, 200);
	rig_zone(&rig, zone, 1, 0, -20.0);
	for (int64_t id = 1; id <= 2; id++) {
		struct job *job = rig_chime(id, &zone, 1, id == 1 ? 2 : 1);
		job->urgent = id == 2;
		rig_submit(&rig, job);
		const struct engine_event *e =
			rig_wait(&rig, ENGINE_JOB_STARTED, id, zone, 5);
		assert_non_null(e);
		began_ns[id - 1] = e->at_ns;
		rig_run(&rig, 1.0);
	}
	wait_end(&rig, 2, ENGINE_END_PLAYED);
	wait_end(&rig, 1, ENGINE_END_PLAYED);
	struct heard h = close_and_hear(&rig, 0);
	size_t n = 0;
	float *music = rig_chime_frames(2, &n);
	size_t n_urgent = 0;
	float *urgent = rig_chime_frames(1, &n_urgent);
	double snr_db = -200.0;
	/* When each began is known to a frame or two. */
	for (int64_t apart = -3; apart <= 3; apart++) {
		float *line = calloc(h.n, sizeof(*line));
		struct gain_line one;
		assert_non_null(line);
		gain_line_init(&one, 1.0F);
		lay(line, h.n, frame_of(&h, began_ns[0]) + apart, music, n,
		    mix_gain_of_db(-20.0));
		lay(line, h.n, frame_of(&h, began_ns[1]), urgent, n_urgent, 1.0F);
		for (int64_t at = -3; at <= 3; at++) {
			snr_db = fmax(snr_db, fit(&h, at, line, 0, h.n, &one, 1));
		}
		free(line);
	}
	print_message("urgent over another: %.1f dB\n", snr_db);
	assert_true(snr_db >= 60.0);
	free(urgent);
	free(music);
	free(h.frames);
	rig_stop(&rig);
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ducks_and_comes_back),
		cmocka_unit_test(is_soft_in_one_zone_alone),
		cmocka_unit_test(begins_within_itself),
		cmocka_unit_test(urgent_ones_have_a_gain_of_their_own),
	};
	return rig_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
