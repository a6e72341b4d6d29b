/* test_resample.c - conversion against the source itself: every rate, any feeding, sample
 * for sample in its place. */
#include "audio/resample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double tones_hz[] = {60, 440, 1000, 2500};

/* A sound with a closed form, so that it is known between the frames too. */
static double sound_at(double t) {
	double v = 0.0;
	for (size_t i = 0; i < sizeof(tones_hz) / sizeof(tones_hz[0]); i++) {
		v += 0.2 * sin(2 * M_PI * tones_hz[i] * t + (double)i);
	}
	return v;
}

static uint32_t seed = 99;

static size_t next_piece(size_t most) {
	seed = seed * 1664525U + 1013904223U;
	return seed % most + 1;
}

static void check_rate(int to) {
	AUTO(resample_free) struct resample *r = NULL;
	struct error err = {0};
	assert_int_equal(resample_new(48000, to, &r, &err), 0);
	int64_t in = 0;
	int64_t out = 0;
	double signal = 0.0;
	double error = 0.0;
	float block[480];
	float got[1000];
	while (in < 3 * 48000) {
		size_t n = next_piece(480);
		for (size_t i = 0; i < n; i++) {
			block[i] = (float)sound_at((double)(in + (int64_t)i) / 48000);
		}
		for (size_t fed = 0; fed < n;) {
			size_t used = 0;
			int done = resample_process(r, block + fed, n - fed, &used, got,
						    next_piece(1000));
			for (int i = 0; i < done; i++, out++) {
				double t = (double)out / to;
				/* Before its first frame was silence. */
				if (t < 0.2) {
					continue;
				}
				double wanted = sound_at(t);
				signal += wanted * wanted;
				error += ((double)got[i] - wanted) *
					 ((double)got[i] - wanted);
			}
			assert_true(done >= 0);
			fed += used;
		}
		in += (int64_t)n;
		assert_true((double)out * 48000 / to <= (double)in);
	}
	double snr_db = 10 * log10(signal / error);
	print_message("48000 to %d: %.1f dB, ahead %d\n", to, snr_db,
		      (int)(in - out * 48000 / to));
	assert_true(snr_db >= 90);
}

static void keeps_sound_and_place(void **state) {
	(void)state;
	static const int rates[] = {8000, 16000, 22050, 32000, 44100, 96000, 192000};
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		check_rate(rates[i]);
	}
}

static void refuses_what_is_no_rate(void **state) {
	(void)state;
	struct resample *r = NULL;
	struct error err = {0};
	assert_int_equal(resample_new(48000, 100, &r, &err), -EINVAL);
	assert_non_null(strstr(err.text, "100"));
	assert_int_equal(resample_new(48000, 1000000, &r, &err), -EINVAL);
	assert_null(r);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_sound_and_place),
		cmocka_unit_test(refuses_what_is_no_rate),
	};
	print_message("seed %u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
