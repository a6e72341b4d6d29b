/* test_engine_lanes.c - a job's frames at other rates: every frame in its place, whenever
 * its lane was made, to the last one. */
#include "audio/engine_internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE 48000
#define PIECE 960

struct bench {
	struct track track;
	struct tap taps[2];
	struct feed feeds[4];
	struct output output; /* is woken, no more */
};

static void start(struct bench *b) {
	memset(b, 0, sizeof(*b));
	b->output.mail.wake_fd = -1;
	b->track.taps = b->taps;
	b->track.feeds = b->feeds;
	b->track.n_taps = 2;
	assert_int_equal(ring_init(&b->track.ring, 2), 0);
	assert_int_equal(ring_allocate(&b->track.ring, SIZE), 0);
	for (size_t i = 0; i < 2; i++) {
		b->taps[i] = (struct tap){.track = &b->track, .output = &b->output};
	}
}

static void stop(struct bench *b) {
	lanes_stop(&b->track);
	ring_done(&b->track.ring);
}

static double sound_at(double t) {
	return 0.3 * sin(2 * M_PI * 440 * t + 1) + 0.2 * sin(2 * M_PI * 1870 * t + 2);
}

/* What source frames up to `end` bring, with both outputs close behind. */
static void decode(struct bench *b, int64_t end) {
	struct ring *r = &b->track.ring;
	struct error err = {0};
	while (ring_head(r) < end) {
		float frames[PIECE];
		int64_t n = end - ring_head(r) < PIECE ? end - ring_head(r) : PIECE;
		for (int64_t i = 0; i < n; i++) {
			frames[i] = (float)sound_at((double)(ring_head(r) + i) / 48000);
		}
		for (size_t c = 0; c < 2; c++) {
			(void)ring_advance(r, c, ring_head(r) + n - SIZE);
		}
		assert_true(ring_room(r, n, 0) >= n);
		ring_write(r, frames, n);
		assert_int_equal(lanes_serve(&b->track, &err), 0);
		assert_int_equal(lanes_follow(&b->track, &err), 0);
	}
}

/* Lane frames [from, to) as a consumer reads them, against the sound itself. Near where
 * the job begins and ends the filter sees the edge. */
static double snr_db(struct bench *b, size_t consumer, int rate, int64_t from,
		     int64_t to) {
	double signal = 0.0;
	double error = 0.0;
	float frames[100];
	for (int64_t at = from; at + 100 <= to; at += 100) {
		int64_t first = 0;
		assert_int_equal(
			ring_read(&b->track.ring, consumer, at, 100, frames, &first),
			100);
		assert_true(first <= from);
		for (int64_t i = 0; i < 100; i++) {
			double wanted = sound_at((double)(at + i) / rate);
			signal += wanted * wanted;
			error += ((double)frames[i] - wanted) *
				 ((double)frames[i] - wanted);
		}
	}
	return 10 * log10(signal / error);
}

static const int rates[] = {8000, 11025, 22050, 32000, 44100, 44056, 96000, 192000};

static void puts_every_frame_in_its_place(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct bench b;
		struct error err = {0};
		int rate = rates[i];
		int64_t end = 5 * 48000 + 77;
		start(&b);
		assert_false(ring_tune(&b.track.ring, 0, 48000));
		assert_true(ring_tune(&b.track.ring, 1, rate));
		assert_int_equal(ring_ready(&b.track.ring, 1), 0);
		decode(&b, 30000);
		assert_true(lanes_ready(&b.track) > 20000);
		double early = snr_db(&b, 1, rate, rate / 10, rate * 4 / 10);
		decode(&b, end);
		double late = snr_db(&b, 1, rate, rate * 42 / 10, rate * 47 / 10);
		ring_set_end(&b.track.ring, end);
		assert_int_equal(lanes_follow(&b.track, &err), 0);
		print_message("%d Hz: %.1f and %.1f dB\n", rate, early, late);
		assert_true(early > 90 && late > 90);
		assert_int_equal(ring_ready(&b.track.ring, 0), end);
		assert_int_equal(ring_ready(&b.track.ring, 1),
				 (end * rate + 47999) / 48000);
		stop(&b);
	}
}

/* An output that comes when the ring has long gone round, at a moment that is no
 * multiple of anything, also when all is decoded. */
static void begins_in_the_middle(void **state) {
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rates) / sizeof(rates[0]); i++) {
		struct bench b;
		struct error err = {0};
		int rate = rates[i / 2];
		bool ended = i % 2 != 0;
		int64_t head = 3 * 48000 + 123;
		int64_t first = 0;
		float frame = 0.0F;
		start(&b);
		(void)ring_tune(&b.track.ring, 0, 48000);
		(void)ring_tune(&b.track.ring, 1, 48000);
		decode(&b, head);
		if (ended) {
			ring_set_end(&b.track.ring, head);
		}
		assert_true(ring_tune(&b.track.ring, 1, rate));
		assert_int_equal(lanes_serve(&b.track, &err), 0);
		assert_int_equal(ring_wants(&b.track.ring, 1), 0);
		assert_int_equal(ring_read(&b.track.ring, 1, 0, 1, &frame, &first), 1);
		assert_true(first > rate * 2 && first < rate * 26 / 10);
		double db = snr_db(&b, 1, rate, first,
				   ended ? rate * 29 / 10 : ring_ready(&b.track.ring, 1));
		print_message("%d Hz%s: from %.2f s on %.1f dB\n", rate,
			      ended ? ", ended" : "", (double)first / rate, db);
		assert_true(db > 90);
		assert_true(!ended || ring_ready(&b.track.ring, 1) ==
					      (head * rate + 47999) / 48000);
		stop(&b);
	}
}

/* Two outputs at one rate share a lane; one that nobody reads is dropped. */
static void shares_and_drops(void **state) {
	(void)state;
	struct bench b;
	struct error err = {0};
	start(&b);
	(void)ring_tune(&b.track.ring, 0, 44100);
	(void)ring_tune(&b.track.ring, 1, 44100);
	decode(&b, 9600);
	assert_non_null(b.feeds[1].resample);
	assert_null(b.feeds[2].resample);
	assert_int_equal(ring_ready(&b.track.ring, 0), ring_ready(&b.track.ring, 1));
	/* Away and back, many times: more rates than there are lanes. */
	for (size_t i = 0; i < 20; i++) {
		(void)ring_tune(&b.track.ring, 0, rates[i % 8]);
		(void)ring_tune(&b.track.ring, 1, rates[(i + 3) % 8]);
		assert_int_equal(lanes_serve(&b.track, &err), 0);
		assert_true(ring_ready(&b.track.ring, 0) > 0);
		assert_true(ring_ready(&b.track.ring, 1) > 0);
	}
	ring_leave(&b.track.ring, 0);
	ring_leave(&b.track.ring, 1);
	assert_int_equal(lanes_serve(&b.track, &err), 0);
	for (size_t i = 1; i < 4; i++) {
		assert_null(b.feeds[i].resample);
	}
	stop(&b);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_every_frame_in_its_place),
		cmocka_unit_test(begins_in_the_middle),
		cmocka_unit_test(shares_and_drops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
