/* test_slew.c - what is played at a device frame while a sound glides to where another
 * clock wants it: the shift and its inverse, its speed, the jump; and the sound between
 * frames. */
#include "audio/sinc.h"
#include "audio/slew.h"

#include "seed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RATE 48000
#define FRAMES 200000

static int64_t next_random(int64_t below) {
	return (int64_t)random() % below;
}

/* Some glides and jumps one after the other, some of which want to begin too early. */
static void make(struct slews *s, int n, bool jumps) {
	slews_init(s);
	for (int i = 0; i < n; i++) {
		int64_t frames = next_random(4) + 1;
		frames = next_random(2) == 0 ? frames : -frames;
		int64_t from_d = (int64_t)i * 5000 + next_random(20000);
		if (jumps && next_random(3) == 0) {
			slews_jump(s, from_d, frames * 300);
		} else {
			slews_glide(s, from_d, frames);
		}
	}
}

static void glides_within_its_bounds(void **state) {
	(void)state;
	struct slews s;
	for (int round = 0; round < 50; round++) {
		make(&s, 12, false);
		double before = slews_shift(&s, 0);
		double speed_before = 0.0;
		for (int64_t d = 1; d < FRAMES; d++) {
			double now = slews_shift(&s, d);
			double speed = now - before;
			assert_true(fabs(speed) <= SLEW_PPM * 1.0001e-6);
			/* Nor is the pitch changed at once. */
			assert_true(fabs(speed - speed_before) <=
				    SLEW_PPM * 2.0e-6 / SLEW_RISE);
			before = now;
			speed_before = speed;
		}
		assert_true(slews_end_d(&s) < FRAMES);
		assert_true(before == (double)slews_total(&s));
	}
}

static void finds_the_frame(void **state) {
	(void)state;
	struct slews s;
	for (int round = 0; round < 50; round++) {
		make(&s, 12, true);
		int64_t before = slews_device(&s, -5000);
		for (int64_t c = -4999; c < FRAMES; c += 1 + next_random(3)) {
			int64_t d = slews_device(&s, c);
			assert_true(d >= before);
			assert_true((double)(d - c) + slews_shift(&s, d) >= 0.0);
			assert_true((double)(d - 1 - c) + slews_shift(&s, d - 1) < 0.0);
			before = d;
		}
	}
}

static void says_what_happens(void **state) {
	(void)state;
	struct slews s;
	int64_t passed = 0;
	make(&s, 12, true);
	for (size_t i = 0; i < s.n; i++) {
		bool on = s.items[i].jump && s.items[i].frames > 0;
		passed += on ? s.items[i].frames : 0;
	}
	for (int64_t d = 0; d < FRAMES;) {
		int64_t n = next_random(700) + 1;
		double shifts[700];
		enum slew_kind kind = slews_piece(&s, d, &n);
		slews_shifts(&s, d, n, shifts);
		for (int64_t i = 0; i < n; i++) {
			assert_true(shifts[i] == slews_shift(&s, d + i));
			assert_true(kind != SLEW_STILL || shifts[i] == floor(shifts[i]));
			assert_true(kind != SLEW_STILL || shifts[i] == shifts[0]);
		}
		passed -= slews_passed_over(&s, d, d + n);
		d += n;
	}
	assert_int_equal(passed, 0);
}

/* The oldest are forgotten, and what comes after them stays as it was. */
static void forgets_the_oldest(void **state) {
	(void)state;
	struct slews s;
	slews_init(&s);
	int64_t total = 0;
	for (int64_t i = 0; i < 5 * SLEW_MAX; i++) {
		int64_t end_d = slews_end_d(&s);
		double there = i > 0 ? slews_shift(&s, end_d - 1000) : 0.0;
		slews_glide(&s, 0, i % 3 == 0 ? -1 : 2);
		total += i % 3 == 0 ? -1 : 2;
		assert_int_equal(slews_total(&s), total);
		assert_true(i == 0 || slews_shift(&s, end_d - 1000) == there);
	}
	int64_t known = slews_end_d(&s) - s.items[0].from_d;
	assert_true(known > RATE * 5 / 2);
}

/* Silence beside a jump, and no step. */
static void dips(void **state) {
	(void)state;
	static float frames[20000];
	struct slews s;
	slews_init(&s);
	slews_jump(&s, 5000, 800);
	slews_jump(&s, 12000, -1500);
	for (size_t i = 0; i < 20000; i++) {
		frames[i] = 1.0F;
	}
	for (int64_t d = 0; d < 20000;) {
		int64_t n = next_random(300) + 1;
		n = d + n > 20000 ? 20000 - d : n;
		(void)slews_piece(&s, d, &n);
		slews_dip(&s, frames + d, n, d, RATE);
		d += n;
	}
	for (int64_t d = 1; d < 20000; d++) {
		assert_true(fabsf(frames[d] - frames[d - 1]) < 0.01F);
		bool far = llabs(d - 5000) > 240 && (d < 11760 || d > 13740);
		assert_true(!far || frames[d] == 1.0F);
		assert_true(d < 12000 || d >= 13500 || frames[d] == 0.0F);
	}
	assert_true(frames[5000] < 0.001F);
}

/* Tones between their frames, all the way from one frame to the next. */
static void sounds_between_frames(void **state) {
	(void)state;
	static struct sinc sinc;
	static const double tones[] = {50, 997, 5000, 10000, 15000, 18000, 19000};
	sinc_init(&sinc);
	for (size_t t = 0; t < sizeof(tones) / sizeof(tones[0]); t++) {
		double w = 2 * M_PI * tones[t] / RATE;
		double signal = 0.0;
		double error = 0.0;
		for (int i = 0; i < 3000; i++) {
			float x[SINC_TAPS];
			double part = i / 2999.0;
			for (int k = 0; k < SINC_TAPS; k++) {
				x[k] = (float)sin(w * (i + k - (SINC_HALF - 1)));
			}
			double wanted = sin(w * (i + part));
			double got = (double)sinc_at(&sinc, x, part);
			signal += wanted * wanted;
			error += (got - wanted) * (got - wanted);
			assert_true(i > 0 || got == (double)x[SINC_HALF - 1]);
		}
		double snr_db = 10 * log10(signal / error);
		print_message("%.0f Hz: %.1f dB\n", tones[t], snr_db);
		assert_true(snr_db >= 75.0);
	}
}

int main(void) {
	(void)seed_random();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(glides_within_its_bounds),
		cmocka_unit_test(finds_the_frame),
		cmocka_unit_test(says_what_happens),
		cmocka_unit_test(forgets_the_oldest),
		cmocka_unit_test(dips),
		cmocka_unit_test(sounds_between_frames),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
