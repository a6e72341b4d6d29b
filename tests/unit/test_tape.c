/* test_tape.c - what a job sent: written in any pieces, taken back and written anew, on
 * devices that are lost and come back, it is read once, as it was at last; and a reader
 * that is too late loses frames and is told how many. Random; the seed is printed. */
#include "audio/tape.h"

#include "seed.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

#define RATE 48000
#define TOTAL 400000
#define AHEAD 9600 /* what the device has queued at most */

static uint32_t seed;

static int64_t next_random(uint32_t *state, int64_t below) {
	*state = *state * 1664525U + 1013904223U;
	return (int64_t)((uint64_t)(*state >> 4) * (uint64_t)below >> 28);
}

/* Frame k of what is sent; never 0. */
static int16_t sound_at(int64_t k) {
	return (int16_t)(k % 20011 + 1);
}

/* What is written first is wrong, and written anew before it is final. */
static void write_piece(struct tape *t, int64_t d, int64_t k, int64_t n, bool right) {
	float frames[2048];
	for (int64_t i = 0; i < n; i++) {
		frames[i] = right ? (float)sound_at(k + i) / 32768.0F : -0.5F;
	}
	tape_write(t, d, frames, n);
}

/* Sends all, with everything that may befall a device on the way. d - base is the frame
 * of the sound; `settled` in tape frames is told after each step. */
struct sender {
	struct tape *tape;
	uint32_t state;
	int64_t d;    /* device frame written next */
	int64_t base; /* device frame of sound frame 0 */
	int64_t open; /* the first that may be taken back */
};

static void lose_device(struct sender *s) {
	int64_t sent = s->open - s->base;
	tape_lift(s->tape);
	/* What is written while it has no place is nobody's. */
	write_piece(s->tape, s->d, 0, 100, false);
	s->d = next_random(&s->state, 100000);
	s->base = s->d - sent;
	s->open = s->d;
	tape_place(s->tape, s->d, RATE);
}

static void step(struct sender *s) {
	int64_t end_d = s->base + TOTAL;
	int64_t n = next_random(&s->state, 2000) + 1;
	n = n < end_d - s->d ? n : end_d - s->d;
	bool back = next_random(&s->state, 4) == 0;
	write_piece(s->tape, s->d, s->d - s->base, n, !back);
	if (back) {
		write_piece(s->tape, s->d, s->d - s->base, n, true);
	}
	s->d += n;
	if (s->d - s->open > AHEAD || s->d == end_d) {
		s->open = s->d == end_d ? end_d : s->d - next_random(&s->state, AHEAD);
		tape_settle(s->tape, s->open);
	}
	if (next_random(&s->state, 5) == 0) {
		/* Taken back, as far as it can be. */
		s->d -= next_random(&s->state, s->d - s->open + 1);
	}
	if (next_random(&s->state, 60) == 0 && s->d < end_d) {
		lose_device(s);
	}
}

static struct sender sender_new(void) {
	struct sender s = {.tape = tape_new(RATE, 1.0),
			   .state = seed,
			   .d = 77,
			   .base = 77,
			   .open = 77};
	assert_non_null(s.tape);
	tape_place(s.tape, 77, RATE);
	/* A little before its place is left out. */
	write_piece(s.tape, 70, 0, 7, false);
	return s;
}

static bool sent_all(const struct sender *s) {
	return s->open - s->base == TOTAL;
}

/* Reads once; returns the next frame of the sound, every one read was right. */
static int64_t read_some(struct tape *t, int64_t next, int64_t most, int64_t *lost,
			 bool *over) {
	int16_t frames[4096];
	int64_t gone = 0;
	int rate = 0;
	int64_t n = tape_read(t, frames, most, &gone, &rate);
	*over = n < 0;
	*lost += gone;
	next += gone;
	for (int64_t i = 0; i < n; i++) {
		if (frames[i] != sound_at(next + i)) {
			fail_msg("frame %lld is %d, not %d", (long long)(next + i),
				 frames[i], sound_at(next + i));
		}
	}
	assert_int_equal(rate, RATE);
	return next + (n > 0 ? n : 0);
}

static void is_read_as_it_was_at_last(void **state) {
	(void)state;
	struct sender s = sender_new();
	int64_t next = 0;
	int64_t lost = 0;
	bool over = false;
	while (!over) {
		if (!sent_all(&s)) {
			step(&s);
		} else {
			tape_end(s.tape);
		}
		assert_true(tape_ready(s.tape) >= 0);
		next = read_some(s.tape, next, next_random(&s.state, 4096) + 1, &lost,
				 &over);
	}
	assert_int_equal(next, TOTAL);
	assert_int_equal(lost, 0);
	tape_release(s.tape);
}

/* It looks seldom, and far too late: what it gets is right, and nothing is missing that
 * it was not told of. */
static void who_is_late_is_told(void **state) {
	(void)state;
	struct sender s = sender_new();
	int64_t next = 0;
	int64_t lost = 0;
	bool over = false;
	while (!over) {
		for (int i = 0; i < 200 && !sent_all(&s); i++) {
			step(&s);
		}
		if (sent_all(&s)) {
			tape_end(s.tape);
		}
		for (int i = 0; i < 2 || (sent_all(&s) && !over); i++) {
			next = read_some(s.tape, next, 4096, &lost, &over);
		}
	}
	assert_int_equal(next, TOTAL);
	print_message("lost %lld of %d frames\n", (long long)lost, TOTAL);
	assert_in_range(lost, TOTAL / 10, TOTAL - TOTAL / 20);
	tape_release(s.tape);
}

static void silence_and_edges(void **state) {
	(void)state;
	static const float loud[] = {2.0F, -2.0F, 1.0F, -1.0F, 0.5F};
	static const int16_t wanted[] = {0, 0, 0, 32767, -32768, 32767, -32768, 16384};
	int16_t frames[16];
	int64_t lost = 0;
	int rate = 0;
	struct tape *t = tape_new(44100, 1.0);
	assert_false(tape_placed(t));
	assert_int_equal(tape_read(t, frames, 16, &lost, &rate), 0);
	tape_place(t, 1000, 32000);
	tape_write(t, 1000, NULL, 3);
	tape_write(t, 1003, loud, 5);
	assert_int_equal(tape_read(t, frames, 16, &lost, &rate), 0);
	tape_settle(t, 1008);
	tape_settle(t, 1002); /* was final before */
	tape_hold(t);
	tape_end(t);
	tape_release(t);
	assert_int_equal(tape_read(t, frames, 16, &lost, &rate), 8);
	assert_int_equal(rate, 32000);
	assert_memory_equal(frames, wanted, sizeof(wanted));
	assert_int_equal(tape_read(t, frames, 16, &lost, &rate), -1);
	tape_release(t);
}

static void *send_all(void *arg) {
	struct sender *s = arg;
	while (!sent_all(s)) {
		step(s);
	}
	tape_end(s->tape);
	return NULL;
}

/* As fast as both can: the reader is overtaken all the time. */
static void two_threads(void **state) {
	(void)state;
	struct sender s = sender_new();
	pthread_t thread;
	int64_t next = 0;
	int64_t lost = 0;
	bool over = false;
	assert_int_equal(pthread_create(&thread, NULL, send_all, &s), 0);
	while (!over) {
		next = read_some(s.tape, next, 4096, &lost, &over);
	}
	pthread_join(thread, NULL);
	assert_int_equal(next, TOTAL);
	print_message("lost %lld of %d frames\n", (long long)lost, TOTAL);
	tape_release(s.tape);
}

int main(void) {
	seed = seed_random();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_read_as_it_was_at_last),
		cmocka_unit_test(who_is_late_is_told),
		cmocka_unit_test(silence_and_edges),
		cmocka_unit_test(two_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
