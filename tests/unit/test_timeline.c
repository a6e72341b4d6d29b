/* test_timeline.c - which frame is heard when, from reports that are noisy, late, wrong,
 * and of clocks that are off. */
#include "audio/timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint32_t seed = 4711;

static int64_t noise_ns(int64_t most) {
	seed = seed * 1664525U + 1013904223U;
	return (int64_t)(seed >> 8) * 2 * most / (1 << 24) - most;
}

static void converts_without_loss(void **state) {
	(void)state;
	static const int rates[] = {8000, 22050, 44100, 48000, 96000};
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		int64_t year = (int64_t)rates[i] * 86400 * 366;
		for (int64_t f = -100; f < year; f = f < 1000 ? f + 1 : f * 3 + 1) {
			assert_int_equal(
				timeline_frames(timeline_ns(f, rates[i]), rates[i]), f);
		}
	}
	assert_int_equal(timeline_ns(48000LL * 3600, 48000), 3600LL * 1000000000);
}

static const struct line_case {
	const char *name;
	int rate;
	double ppm;
	int64_t noise_ns;
	int64_t off_ns; /* at most, after a second */
} lines[] = {
	{"exact", 48000, 0, 0, 21000},
	{"noisy", 48000, 0, 500000, 300000},
	{"fast", 44100, 100, 20000, 45000},
	{"slow", 48000, -100, 20000, 45000},
};

static void follows_a_clock(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const struct line_case *c = &lines[i];
		struct timeline t;
		int64_t start_ns = 123456789012345;
		int64_t worst = 0;
		timeline_init(&t, c->rate);
		assert_false(timeline_known(&t));
		for (int64_t ns = 0; ns < 20000000000LL; ns += 60000000) {
			double s = (double)ns / 1e9 * (1.0 + c->ppm / 1e6);
			int64_t frame = (int64_t)(s * c->rate);
			/* Late, never early. */
			int64_t late_ns = llabs(noise_ns(c->noise_ns));
			timeline_report(&t, frame, start_ns + ns + late_ns);
			assert_true(timeline_known(&t));
			int64_t off = timeline_ns_of_frame(&t, frame) - start_ns - ns;
			if (ns > 1000000000) {
				worst = llabs(off) > worst ? llabs(off) : worst;
			}
			int64_t back =
				timeline_frame_at(&t, timeline_ns_of_frame(&t, frame));
			assert_int_equal(back, frame);
		}
		print_message("%s: off by %lld ns at most\n", c->name, (long long)worst);
		assert_true(worst <= c->off_ns);
	}
}

static void leaves_out_what_does_not_fit(void **state) {
	(void)state;
	struct timeline t;
	timeline_init(&t, 48000);
	for (int64_t k = 0; k < 20; k++) {
		assert_true(timeline_report(&t, k * 4800, k * 100000000));
	}
	/* A report that is half a second off is a hiccup. */
	assert_false(timeline_report(&t, 20 * 4800, 2500000000));
	assert_true(llabs(timeline_ns_of_frame(&t, 96000) - 2000000000) < 1000);
	assert_true(timeline_report(&t, 21 * 4800, 2100000000));
	/* A timer may be late for long, but for a second it is the device. */
	int strange = 0;
	for (int64_t k = 22; k < 40; k++) {
		strange += !timeline_report(&t, k * 4800, k * 100000000 + 700000000);
	}
	assert_int_equal(strange, 10);
	assert_true(llabs(timeline_ns_of_frame(&t, 144000) - 3700000000) < 1000);
	/* Nothing makes it earlier than it is: four in a row are a new line. */
	strange = 0;
	for (int64_t k = 40; k < 50; k++) {
		strange += !timeline_report(&t, k * 4800, k * 100000000 + 500000000);
	}
	assert_int_equal(strange, 3);
	assert_true(llabs(timeline_ns_of_frame(&t, 144000) - 3500000000) < 1000);
	timeline_forget(&t);
	assert_false(timeline_known(&t));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(converts_without_loss),
		cmocka_unit_test(follows_a_clock),
		cmocka_unit_test(leaves_out_what_does_not_fit),
	};
	print_message("seed %u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
