/* test_engine_strip.c - a zone's sound, rendered in any pieces and taken back at random:
 * what a device frame contains is the same to the bit, while the limiter works, the gain
 * moves and the sound glides to where another clock wants it. */
#include "audio/engine_internal.h"

#include "seed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RATE 48000
#define LENGTH 96000 /* of the job */
#define TOTAL 100000 /* frames rendered */
#define DEPTH 9600   /* of the device's buffer */
#define BEGIN 1234   /* device frame of the job's first */

static uint32_t seed;

static int64_t next_random(int64_t below) {
	seed = seed * 1664525U + 1013904223U;
	return (int64_t)((uint64_t)(seed >> 4) * (uint64_t)below >> 28);
}

struct bench {
	struct sinc sinc;
	struct slews slews;
	struct track track;
	struct voice voice;
	struct strip *strip;
};

static void start_with(struct bench *b, const float *frames) {
	struct error err = {0};
	memset(b, 0, sizeof(*b));
	sinc_init(&b->sinc);
	slews_init(&b->slews);
	assert_int_equal(ring_init(&b->track.ring, 1), 0);
	assert_int_equal(ring_allocate(&b->track.ring, LENGTH), 0);
	assert_false(ring_tune(&b->track.ring, 0, RATE));
	ring_write(&b->track.ring, frames, LENGTH);
	ring_set_end(&b->track.ring, LENGTH);
	b->voice = (struct voice){
		.track = &b->track,
		.slews = &b->slews,
		.zone = 1,
		.phase = VOICE_SOUNDING,
		.origin = BEGIN,
		.begin_d = BEGIN,
		.fade_in_d = INT64_MIN,
		.cut_d = INT64_MAX,
		.gain = {.base = 1.0F},
	};
	b->strip = strip_new(1, &b->sinc);
	assert_non_null(b->strip);
	assert_int_equal(strip_set_rate(b->strip, RATE, DEPTH, &err), 0);
}

/* A loud sound with still louder bursts, so that the limiter never rests long. */
static void start(struct bench *b) {
	static float frames[LENGTH];
	for (size_t i = 0; i < LENGTH; i++) {
		double t = (double)i / RATE;
		double gain = i / 4800 % 3 == 0 ? 1.4 : 0.5;
		frames[i] = (float)(gain * sin(2 * M_PI * 311 * t) * sin(5 * t));
	}
	start_with(b, frames);
	strip_set_gains(b->strip, 1.5F, 1.5F);
}

static void stop(struct bench *b) {
	strip_free(b->strip);
	ring_done(&b->track.ring);
}

static void render(struct bench *b, int64_t d, int64_t n, float *to) {
	if (!strip_render(b->strip, &b->voice, d, n, to)) {
		memset(to, 0, (size_t)n * sizeof(*to));
	}
}

/* Up to where the gain is turned both go the same way, so that it moves at one place. */
#define TURN 40000

/* Frames by which it glides; those that end in 0 are jumps. */
struct slew_case {
	const char *name;
	int64_t frames[6];
	bool jumps;
};

static const struct slew_case slewings[] = {
	{"in step", {0}, false},
	{"to and fro", {1, -2, 3, -1, -1}, false},
	{"jumps", {700, 2, -900, -1}, true},
};

/* Begins where the gain is turned. */
static void slew(struct bench *b, const struct slew_case *c) {
	for (size_t i = 0; i < 6 && c->frames[i] != 0; i++) {
		bool jump = c->jumps && i % 2 == 0;
		int64_t from_d = TURN + ENGINE_REACH + (int64_t)i * 100;
		if (jump) {
			slews_jump(&b->slews, from_d, c->frames[i]);
		} else {
			slews_glide(&b->slews, from_d, c->frames[i]);
		}
	}
}

static void goes_straight(const struct slew_case *c, float *to) {
	struct bench b;
	start(&b);
	slew(&b, c);
	render(&b, 0, TURN, to);
	strip_set_gains(b.strip, 0.4F, 0.4F);
	render(&b, TURN, TOTAL - TURN, to + TURN);
	stop(&b);
}

static void check_same(const struct slew_case *c) {
	float *straight = calloc(TOTAL, sizeof(*straight));
	float *taken = calloc(TOTAL, sizeof(*taken));
	assert_true(straight != NULL && taken != NULL);
	goes_straight(c, straight);
	struct bench b;
	start(&b);
	slew(&b, c);
	render(&b, 0, TURN, taken);
	strip_set_gains(b.strip, 0.4F, 0.4F);
	int64_t backs = 0;
	int64_t edge = TURN;
	for (int64_t d = TURN; d < TOTAL;) {
		int64_t n = next_random(1200) + 1;
		n = n < TOTAL - d ? n : TOTAL - d;
		render(&b, d, n, taken + d);
		d += n;
		edge = d > edge ? d : edge;
		if (next_random(4) == 0 && d < TOTAL) {
			/* Across where the gain was turned, too. */
			d = edge - next_random(DEPTH);
			backs++;
		}
	}
	stop(&b);
	for (int64_t i = 0; i < TOTAL; i++) {
		if (straight[i] != taken[i]) {
			fail_msg("frame %lld is %.9g, not %.9g, after %lld times",
				 (long long)i, (double)taken[i], (double)straight[i],
				 (long long)backs);
		}
	}
	print_message("%s: taken back %lld times\n", c->name, (long long)backs);
	assert_true(backs > 10);
	assert_true(mix_peak(straight, TOTAL) > 0.8F);
	free(straight);
	free(taken);
}

static void is_the_same_however_often_it_is_rendered(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(slewings) / sizeof(slewings[0]); i++) {
		check_same(&slewings[i]);
	}
}

static void keeps_its_place(void **state) {
	(void)state;
	struct bench b;
	float frames[TOTAL / 10];
	start(&b);
	/* Silence before the job is not rendered at all. */
	assert_false(strip_render(b.strip, &b.voice, 0, 1000, frames));
	strip_set_gains(b.strip, 0.1F, 0.1F);
	assert_true(strip_render(b.strip, &b.voice, 1000, 9000, frames));
	for (int64_t i = 0; i < 9000; i++) {
		int64_t at = 1000 + i - BEGIN;
		float wanted = 0.0F;
		int64_t first = 0;
		assert_int_equal(ring_read(&b.track.ring, 0, at, 1, &wanted, &first), 1);
		assert_true(fabsf(frames[i] - 0.1F * wanted) <= 1e-7F);
	}
	stop(&b);
}

/* A second job begins where the zone, which sounds, has mixed ahead already. */
static void begins_on_what_was_mixed_ahead(void **state) {
	(void)state;
	struct bench b;
	float frames[3000];
	start(&b);
	strip_set_gains(b.strip, 0.1F, 0.1F);
	struct voice other = b.voice;
	other.origin = 5000;
	other.begin_d = 5000;
	other.phase = VOICE_WAITING;
	b.voice.next = &other;
	render(&b, 3000, 2000, frames);
	other.phase = VOICE_SOUNDING;
	strip_renew(b.strip);
	render(&b, 5000, 3000, frames);
	for (int64_t i = 0; i < 3000; i++) {
		float one = 0.0F;
		float two = 0.0F;
		int64_t first = 0;
		(void)ring_read(&b.track.ring, 0, 5000 + i - BEGIN, 1, &one, &first);
		(void)ring_read(&b.track.ring, 0, i, 1, &two, &first);
		assert_true(fabsf(frames[i] - 0.1F * (one + two)) <= 2e-7F);
	}
	stop(&b);
}

/* A tone glides to and fro, and nothing is heard but that: no click where it begins, ends
 * or turns round, nor anything beside the tone. */
static void glides_without_a_click(void **state) {
	(void)state;
	static const double tones[] = {100, 311, 1000, 3150, 8000, 15000};
	static const int64_t glides[] = {1, 4, 4, -4, -1, -4, 2};
	static float frames[LENGTH];
	static float heard[TOTAL];
	const double level = 0.4;
	for (size_t t = 0; t < sizeof(tones) / sizeof(tones[0]); t++) {
		double w = 2 * M_PI * tones[t] / RATE;
		struct bench b;
		for (size_t i = 0; i < LENGTH; i++) {
			frames[i] = (float)(level * sin(w * (double)i));
		}
		start_with(&b, frames);
		for (size_t i = 0; i < sizeof(glides) / sizeof(glides[0]); i++) {
			slews_glide(&b.slews, 2 * BEGIN, glides[i]);
		}
		assert_true(slews_end_d(&b.slews) < LENGTH);
		double worst = 0.0;
		double moved = 0.0;
		render(&b, 0, TOTAL, heard);
		for (int64_t d = BEGIN + 100; d < LENGTH; d++) {
			double shift = slews_shift(&b.slews, d);
			double wanted = level * sin(w * ((double)(d - BEGIN) + shift));
			worst = fmax(worst, fabs((double)heard[d] - wanted));
			moved = fmax(moved, fabs(shift));
		}
		stop(&b);
		double db = 20 * log10(worst / level);
		print_message("%.0f Hz: all else %.1f dB at most\n", tones[t], db);
		assert_true(db < -70.0);
		assert_true(moved >= 9.0);
	}
}

int main(void) {
	seed = seed_random();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_the_same_however_often_it_is_rendered),
		cmocka_unit_test(keeps_its_place),
		cmocka_unit_test(begins_on_what_was_mixed_ahead),
		cmocka_unit_test(glides_without_a_click),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
