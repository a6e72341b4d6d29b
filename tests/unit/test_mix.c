/* test_mix.c - gain, ramps, the limiter, dither and levels, against what they promise. */
#include "audio/mix/mix.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RATE 48000
#define SECOND 48000

static uint32_t seed = 20261;

static double next_random(void) { /* -1 to 1 */
	seed = seed * 1664525U + 1013904223U;
	return (double)(seed >> 8) / 8388608.0 - 1.0;
}

static void db_and_gain_agree(void **state) {
	(void)state;
	assert_true(fabs((double)mix_gain_of_db(0.0) - 1.0) < 1e-7);
	assert_true(fabs((double)mix_gain_of_db(-20.0) - 0.1) < 1e-7);
	assert_true(mix_gain_of_db(-120.0) <= 0.0F);
	assert_true(fabs(mix_db_of(0.5) + 6.0206) < 1e-3);
	assert_true(fabs(mix_db_of(0.0) - MIX_SILENCE_DB) < 1e-9);
}

static void glide_goes_straight_and_stops(void **state) {
	(void)state;
	float frames[1000];
	struct glide g;
	for (size_t i = 0; i < 1000; i++) {
		frames[i] = 1.0F;
	}
	float again[1000];
	memcpy(again, frames, sizeof(again));
	glide_init(&g, 0.25F);
	glide_to(&g, 1.0F, 5020, 960);
	/* In uneven pieces. */
	glide_apply(&g, frames, 7, 5000);
	glide_apply(&g, frames + 7, 900, 5007);
	glide_apply(&g, frames + 907, 93, 5907);
	for (size_t i = 1; i < 1000; i++) {
		assert_true(frames[i] >= frames[i - 1]);
		assert_true(frames[i] - frames[i - 1] < 0.75F / 960 * 1.01F);
	}
	assert_true(frames[20] <= 0.25F && frames[21] > 0.25F);
	assert_true(frames[980] >= 1.0F && frames[999] <= 1.0F);
	/* What is taken back comes out the same. */
	glide_apply(&g, again + 300, 700, 5300);
	assert_memory_equal(again + 300, frames + 300, 700 * sizeof(*frames));
	/* And turned again on its way it goes on from where it is. */
	glide_to(&g, 0.0F, 5500, 10);
	float turned[20];
	memcpy(turned, (float[20]){[0] = 1.0F, [1] = 1.0F}, sizeof(turned));
	glide_apply(&g, turned, 2, 5499);
	assert_true(fabsf(turned[0] - frames[500]) < 1e-6F);
	assert_true(fabsf(turned[1] - frames[500]) < 1e-6F);
}

static void fades_meet_in_the_middle(void **state) {
	(void)state;
	float out[600];
	float in[600];
	for (size_t i = 0; i < 600; i++) {
		out[i] = 1.0F;
		in[i] = 1.0F;
	}
	for (size_t i = 0; i < 600; i += 60) {
		mix_fade_out(out + i, 60, 1000 + (int64_t)i, 1100, 240);
		mix_fade_in(in + i, 60, 1000 + (int64_t)i, 1100, 240);
	}
	for (size_t i = 0; i < 600; i++) {
		assert_true(fabsf(out[i] + in[i] - 1.0F) < 0.02F);
		assert_true(i > 100 || out[i] >= 1.0F);
		assert_true(i < 341 || out[i] <= 0.0F);
		assert_true(i > 100 || in[i] <= 0.0F);
		assert_true(i < 1 || fabsf(out[i] - out[i - 1]) < 0.01F);
	}
}

/* ---- limiter ---- */

/* True peak, sixteen times oversampled: finer than the limiter looks. */
static double true_peak(const float *x, size_t n) {
	double peak = 0.0;
	for (size_t i = 32; i + 32 < n; i++) {
		for (int phase = 0; phase < 16; phase++) {
			double part = phase / 16.0;
			double sum = 0.0;
			for (int k = -31; k <= 32; k++) {
				double d = k - part;
				double sinc =
					fabs(d) < 1e-9 ? 1.0 : sin(M_PI * d) / (M_PI * d);
				double w = cos(M_PI * d / 66.0);
				sum += (double)x[(int64_t)i + k] * sinc * w * w;
			}
			peak = fmax(peak, fabs(sum));
		}
	}
	return peak;
}

enum sound { SINE_NYQUIST_4, SINE_1K, NOISE, BURSTS, SQUARE, STEPS };

static void make(enum sound sound, double gain, float *x, size_t n) {
	double white[64] = {0};
	for (size_t i = 0; i < n; i++) {
		double t = (double)i;
		double v = 0.0;
		switch (sound) {
		case SINE_NYQUIST_4: /* peaks lie between the frames */
			v = sin(M_PI / 2 * t + M_PI / 4);
			break;
		case SINE_1K:
			v = sin(2 * M_PI * 997 * t / RATE);
			break;
		case NOISE: /* up to 20 kHz, as a codec leaves it */
			memmove(white, white + 1, 63 * sizeof(*white));
			white[63] = next_random();
			for (int k = 0; k < 64; k++) {
				double d = k - 31.5;
				double w = cos(M_PI * d / 65.0);
				v += white[k] * w * w * sin(M_PI * 0.79 * d) / (M_PI * d);
			}
			break;
		case BURSTS:
			v = i / 2400 % 3 == 0 ? sin(2 * M_PI * 440 * t / RATE) : 0.01;
			break;
		case SQUARE:
			v = sin(2 * M_PI * 220 * t / RATE) > 0 ? 1.0 : -1.0;
			break;
		case STEPS:
			v = sin(2 * M_PI * 330 * t / RATE) * (1.0 + (double)(i / 4800));
			break;
		}
		x[i] = (float)(v * gain);
	}
}

static void limiter_never_passes_its_ceiling(void **state) {
	(void)state;
	static const struct {
		const char *name;
		enum sound sound;
		double gain;
	} cases[] = {
		{"sine between frames", SINE_NYQUIST_4, 4.0},
		{"sine", SINE_1K, 1.0},
		{"loud sine", SINE_1K, 20.0},
		{"noise", NOISE, 1.0},
		{"loud noise", NOISE, 10.0},
		{"bursts", BURSTS, 5.0},
		{"square", SQUARE, 2.0},
		{"growing", STEPS, 0.8},
	};
	size_t n = SECOND / 2;
	float *x = calloc(n, sizeof(*x));
	assert_non_null(x);
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct limiter l;
		limiter_init(&l, RATE);
		make(cases[c].sound, cases[c].gain, x, n);
		for (size_t i = 0; i < n; i += LIMITER_BLOCK) {
			limiter_process(&l, x + i,
					n - i < LIMITER_BLOCK ? n - i : LIMITER_BLOCK);
		}
		double peak_db = mix_db_of(true_peak(x, n));
		print_message("%s: %.3f dBTP\n", cases[c].name, peak_db);
		assert_true(peak_db <= LIMITER_CEILING_DB);
		assert_true(peak_db > LIMITER_CEILING_DB - 3.0);
		for (size_t i = 0; i < n; i++) {
			assert_true((double)fabsf(x[i]) <=
				    pow(10, LIMITER_CEILING_DB / 20));
		}
	}
	free(x);
}

static void limiter_leaves_quiet_sound_alone(void **state) {
	(void)state;
	float x[4 * LIMITER_BLOCK];
	float y[4 * LIMITER_BLOCK];
	struct limiter l;
	limiter_init(&l, RATE);
	for (size_t i = 0; i < 4 * LIMITER_BLOCK; i++) {
		/* Also where its peaks are looked for, up to just below the aim. */
		x[i] = (float)(0.85 * sin(2 * M_PI * 1000 * (double)i / RATE));
	}
	memcpy(y, x, sizeof(y));
	/* In pieces of any length. */
	for (size_t i = 0, piece = 1; i < 4 * LIMITER_BLOCK; i += piece, piece++) {
		piece = i + piece > 4 * LIMITER_BLOCK ? 4 * LIMITER_BLOCK - i : piece;
		limiter_process(&l, y + i, piece);
	}
	assert_memory_equal(y + LIMITER_DELAY, x,
			    (4 * LIMITER_BLOCK - LIMITER_DELAY) * sizeof(*x));
}

/* Where it need not look closely it does not: how the frames are cut into pieces must
 * not be heard. */
static void limiter_works_in_any_pieces(void **state) {
	(void)state;
	size_t n = SECOND / 2;
	float *x = calloc(n, sizeof(*x));
	float *y = calloc(n, sizeof(*y));
	struct limiter l;
	assert_true(x != NULL && y != NULL);
	make(STEPS, 0.2, x, n);
	memcpy(y, x, n * sizeof(*x));
	limiter_init(&l, RATE);
	for (size_t i = 0; i < n; i += LIMITER_BLOCK) {
		limiter_process(&l, x + i, LIMITER_BLOCK);
	}
	limiter_init(&l, RATE);
	for (size_t i = 0, piece = 1; i < n; i += piece, piece = piece % 471 + 7) {
		piece = i + piece > n ? n - i : piece;
		limiter_process(&l, y + i, piece);
	}
	assert_memory_equal(x, y, n * sizeof(*x));
	free(x);
	free(y);
}

static void limiter_comes_back(void **state) {
	(void)state;
	struct limiter l;
	limiter_init(&l, RATE);
	size_t n = 3 * SECOND;
	float *x = calloc(n, sizeof(*x));
	assert_non_null(x);
	for (size_t i = 0; i < n; i++) {
		double gain = i < SECOND ? 2.0 : 0.25;
		x[i] = (float)(gain * sin(2 * M_PI * 997 * (double)i / RATE));
	}
	for (size_t i = 0; i < n; i += LIMITER_BLOCK) {
		limiter_process(&l, x + i, LIMITER_BLOCK);
	}
	assert_true(mix_peak(x + SECOND + SECOND / 10, SECOND / 50) < 0.22F);
	assert_true(mix_peak(x + 2 * SECOND + SECOND / 2, SECOND / 50) > 0.249F);
	free(x);
}

/* ---- formats ---- */

static void writes_every_format(void **state) {
	(void)state;
	static const float values[] = {0.0F, 0.5F, -0.5F, 1.0F, -1.0F, 2.0F, -2.0F};
	static const enum mix_format formats[] = {MIX_S16, MIX_S24_3, MIX_S24, MIX_S32,
						  MIX_FLOAT};
	for (size_t f = 0; f < sizeof(formats) / sizeof(formats[0]); f++) {
		unsigned char bytes[7 * 3 * 4];
		size_t width = mix_format_bytes(formats[f]);
		struct dither d = {.state = 1};
		memset(bytes, 0xee, sizeof(bytes));
		mix_write(formats[f], values, 7, 1, 3, bytes, &d);
		for (size_t i = 0; i < 7; i++) {
			const unsigned char *at = bytes + (3 * i + 1) * width;
			double got = 0.0;
			if (formats[f] == MIX_FLOAT) {
				float v = 0.0F;
				memcpy(&v, at, sizeof(v));
				got = (double)v;
			} else {
				int32_t v = 0;
				memcpy((unsigned char *)&v + 4 - width, at, width);
				got = v / 2147483648.0;
				/* S24 lies in the lower three of four bytes. */
				got = formats[f] == MIX_S24 ? got * 256.0 : got;
			}
			double wanted = fmax(-1.0, fmin(1.0, (double)values[i]));
			assert_true(fabs(got - wanted) < 2.1 / 32768.0);
			/* The channels beside it are not touched. */
			assert_int_equal(bytes[3 * i * width], 0xee);
			assert_int_equal(bytes[(3 * i + 2) * width], 0xee);
		}
	}
}

static double power_around(const double *x, size_t n, double frequency) {
	double re = 0.0;
	double im = 0.0;
	for (size_t i = 0; i < n; i++) {
		double w = 0.5 - 0.5 * cos(2 * M_PI * (double)i / (double)n);
		re += w * x[i] * cos(2 * M_PI * frequency * (double)i);
		im += w * x[i] * sin(2 * M_PI * frequency * (double)i);
	}
	return (re * re + im * im) / (double)n / (double)n * 4.0;
}

/* Without dither a sine of less than a step is nothing, or all harmonics. With TPDF its
 * size is right, its harmonics are gone, and the noise is that of two uniform ones. */
static void dither_keeps_what_is_below_a_step(void **state) {
	(void)state;
	size_t n = 4 * SECOND;
	float *x = calloc(n, sizeof(*x));
	double *got = calloc(n, sizeof(*got));
	int16_t *out = calloc(n, sizeof(*out));
	assert_true(x != NULL && got != NULL && out != NULL);
	double frequency = 750.0 / RATE;
	for (size_t i = 0; i < n; i++) {
		x[i] = (float)(0.4 / 32768 * sin(2 * M_PI * frequency * (double)i));
	}
	struct dither d = {.state = 77};
	mix_write(MIX_S16, x, n, 0, 1, out, &d);
	double mean = 0.0;
	double square = 0.0;
	for (size_t i = 0; i < n; i++) {
		got[i] = out[i];
		mean += got[i];
		double error = got[i] - (double)x[i] * 32768;
		square += error * error;
	}
	mean /= (double)n;
	square /= (double)n;
	double first = sqrt(power_around(got, n, frequency)) * 2;
	double third = sqrt(power_around(got, n, 3 * frequency)) * 2;
	print_message("size %.4f, third harmonic %.4f, mean %.5f, variance %.4f\n", first,
		      third, mean, square);
	assert_true(fabs(first - 0.4) < 0.02);
	assert_true(third < 0.02);
	assert_true(fabs(mean) < 0.005);
	assert_true(fabs(square - 0.25) < 0.01); /* 1/6 of dither, 1/12 of rounding */
	free(x);
	free(got);
	free(out);
}

/* Its noise is one row, whatever the pieces and the channels beside. */
static void dither_works_in_any_pieces(void **state) {
	(void)state;
	float x[1000];
	int16_t once[1000];
	int16_t pieces[2 * 1000];
	struct dither d = {.state = 9};
	for (size_t i = 0; i < 1000; i++) {
		x[i] = (float)(0.3 * sin(0.05 * (double)i));
	}
	mix_write(MIX_S16, x, 1000, 0, 1, once, &d);
	d = (struct dither){.state = 9};
	for (size_t i = 0, piece = 1; i < 1000; i += piece, piece++) {
		piece = i + piece > 1000 ? 1000 - i : piece;
		mix_write(MIX_S16, x + i, piece, 1, 2, pieces + 2 * i, &d);
	}
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(once[i], pieces[2 * i + 1]);
	}
}

static void silence_stays_silence(void **state) {
	(void)state;
	int16_t out[480];
	struct dither d = {.state = 5};
	memset(out, 0x55, sizeof(out));
	mix_write(MIX_S16, NULL, 480, 0, 1, out, &d);
	for (size_t i = 0; i < 480; i++) {
		assert_int_equal(out[i], 0);
	}
}

/* Some seconds after what was too loud nothing is left of it, to the bit. */
static void limiter_leaves_nothing_behind(void **state) {
	(void)state;
	static float in[48000 * 4];
	static float out[48000 * 4];
	struct limiter l;
	for (size_t i = 0; i < 48000 * 4; i++) {
		in[i] = (i < 4800 ? 1.5F : 0.3F) * sinf(0.02F * (float)i);
		out[i] = in[i];
	}
	limiter_init(&l, 48000);
	for (size_t i = 0; i < 48000 * 4; i += LIMITER_BLOCK) {
		limiter_process(&l, out + i, LIMITER_BLOCK);
	}
	assert_true(fabsf(out[4000]) < 1.0F);
	for (size_t i = 48000 * 3; i < 48000 * 4; i++) {
		assert_true(out[i] == in[i - LIMITER_DELAY]);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limiter_leaves_nothing_behind),
		cmocka_unit_test(db_and_gain_agree),
		cmocka_unit_test(glide_goes_straight_and_stops),
		cmocka_unit_test(fades_meet_in_the_middle),
		cmocka_unit_test(limiter_never_passes_its_ceiling),
		cmocka_unit_test(limiter_leaves_quiet_sound_alone),
		cmocka_unit_test(limiter_works_in_any_pieces),
		cmocka_unit_test(limiter_comes_back),
		cmocka_unit_test(writes_every_format),
		cmocka_unit_test(dither_keeps_what_is_below_a_step),
		cmocka_unit_test(dither_works_in_any_pieces),
		cmocka_unit_test(silence_stays_silence),
	};
	print_message("seed %u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
