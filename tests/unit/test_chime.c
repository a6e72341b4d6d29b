/* test_chime.c - chimes: names, length, level, the same for any cut, and never a glide.
 */
#include "audio/chime.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static float *render_whole(const char *name, size_t *ret_n) {
	size_t n = (size_t)chime_frames(name);
	float *frames = calloc(n + 16, sizeof(*frames));
	assert_non_null(frames);
	assert_int_equal(chime_render(name, 0, frames, n + 16), n);
	*ret_n = n;
	return frames;
}

static void names_are_known(void **state) {
	(void)state;
	size_t n = 0;
	for (const char *const *name = chime_names(); *name != NULL; name++, n++) {
		assert_true(chime_known(*name));
		assert_in_range(chime_frames(*name), CHIME_RATE, 4 * CHIME_RATE);
	}
	assert_int_equal(n, 3);
	assert_string_equal(chime_names()[0], CHIME_DEFAULT);
	float f[4];
	assert_false(chime_known("siren"));
	assert_int_equal(chime_frames("siren"), 0);
	assert_int_equal(chime_render("siren", 0, f, 4), 0);
	assert_int_equal(chime_render("single", chime_frames("single"), f, 4), 0);
	assert_int_equal(chime_render("single", chime_frames("single") - 1, f, 4), 1);
	assert_int_equal(chime_render("single", -1, f, 4), 0);
}

static void level_and_ends(void **state) {
	(void)state;
	for (const char *const *name = chime_names(); *name != NULL; name++) {
		size_t n = 0;
		float *f = render_whole(*name, &n);
		float peak = 0;
		float jump = 0;
		for (size_t i = 0; i < n; i++) {
			peak = fmaxf(peak, fabsf(f[i]));
			jump = i > 0 ? fmaxf(jump, fabsf(f[i] - f[i - 1])) : jump;
		}
		print_message("%s: peak %.3f, steepest %.3f\n", *name, peak, jump);
		assert_true(peak <= 0.794F); /* -2 dBFS: no limiter has to look at it */
		assert_true(peak > 0.35F);   /* heard, too */
		assert_true(jump < 0.15F);   /* no click */
		assert_true(fabsf(f[0]) < 1e-4F);
		assert_true(fabsf(f[n - 1]) < 1e-4F);
		free(f);
	}
}

static void any_cut_gives_the_same(void **state) {
	(void)state;
	unsigned seed = (unsigned)time(NULL);
	print_message("seed %u\n", seed);
	for (const char *const *name = chime_names(); *name != NULL; name++) {
		size_t n = 0;
		float *whole = render_whole(*name, &n);
		float *pieces = calloc(n, sizeof(*pieces));
		size_t at = 0;
		while (at < n) {
			size_t want = 1 + (size_t)rand_r(&seed) % 3000;
			want = want > n - at ? n - at : want;
			assert_int_equal(
				chime_render(*name, (int64_t)at, pieces + at, want),
				want);
			at += want;
		}
		assert_memory_equal(whole, pieces, n * sizeof(*whole));
		free(pieces);
		free(whole);
	}
}

/* Strength of one frequency in a Hann-windowed piece. */
static double strength(const float *f, size_t n, double hz) {
	double re = 0;
	double im = 0;
	for (size_t i = 0; i < n; i++) {
		double w = 0.5 - 0.5 * cos(2 * M_PI * (double)i / (double)n);
		double a = 2 * M_PI * hz * (double)i / CHIME_RATE;
		re += w * f[i] * cos(a);
		im += w * f[i] * sin(a);
	}
	return hypot(re, im) / (double)n;
}

/* The strongest frequency near `hz`, to a tenth of a hertz. */
static double peak_near(const float *f, size_t n, double hz) {
	double best = 0;
	double best_hz = 0;
	for (double at = hz - 20; at <= hz + 20; at += 0.1) {
		double s = strength(f, n, at);
		if (s > best) {
			best = s;
			best_hz = at;
		}
	}
	return best_hz;
}

/* A siren glides; a bell's partials stand where they were struck. */
static void no_partial_moves(void **state) {
	(void)state;
	static const struct {
		const char *name;
		double from_s;
		double hz;
	} cases[] = {
		{"single", 0.01, 587.330},     {"single", 0.01, 2 * 587.330},
		{"two-tone", 0.01, 659.255},   {"two-tone", 0.71, 523.251},
		{"three-tone", 0.01, 783.991}, {"three-tone", 0.61, 659.255},
		{"three-tone", 1.21, 523.251}, {"three-tone", 1.21, 2 * 523.251},
	};
	size_t window = CHIME_RATE / 5;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = 0;
		float *f = render_whole(cases[i].name, &n);
		size_t from = (size_t)(cases[i].from_s * CHIME_RATE);
		double first = peak_near(f + from, window, cases[i].hz);
		double later = peak_near(f + from + 3 * window / 2, window, cases[i].hz);
		assert_true(fabs(first - cases[i].hz) < 1.5);
		assert_true(fabs(later - first) < 1.5);
		free(f);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_known),
		cmocka_unit_test(level_and_ends),
		cmocka_unit_test(any_cut_gives_the_same),
		cmocka_unit_test(no_partial_moves),
	};
	return cmocka_run_group_tests_name("chime", tests, NULL, NULL);
}
