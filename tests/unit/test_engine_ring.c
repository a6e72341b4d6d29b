/* test_engine_ring.c - what crosses between threads: the ring of decoded frames with
 * consumers that stall, are evicted and come back, and the bounded queue. The last two
 * run threads against each other, for the thread sanitizer. */
#include "audio/engine_queue.h"
#include "audio/engine_ring.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SIZE 1000

/* Frame i of the job has this value: small enough to be exact. */
static float value_of(int64_t i) {
	return (float)(i % 65521 + 1);
}

static void write_frames(struct ring *r, int64_t n) {
	float frames[SIZE];
	int64_t head = ring_head(r);
	for (int64_t i = 0; i < n; i++) {
		frames[i] = value_of(head + i);
	}
	ring_write(r, frames, n);
}

static void check_frames(struct ring *r, size_t consumer, int64_t from, int64_t n,
			 int64_t right) {
	float frames[SIZE];
	int64_t first = -1;
	assert_int_equal(ring_read(r, consumer, from, n, frames, &first), right);
	assert_int_equal(first, 0);
	for (int64_t i = 0; i < n; i++) {
		bool there = i < right && from + i >= 0 && from + i < ring_head(r);
		assert_true(frames[i] == (there ? value_of(from + i) : 0.0F));
	}
}

static void start(struct ring *r, size_t consumers) {
	assert_int_equal(ring_init(r, consumers), 0);
	assert_int_equal(ring_allocate(r, SIZE), 0);
	for (size_t i = 0; i < consumers; i++) {
		assert_false(ring_tune(r, i, RING_RATE));
	}
}

static void reads_what_was_written(void **state) {
	(void)state;
	struct ring r;
	start(&r, 1);
	assert_int_equal(ring_room(&r, 100, 0), SIZE);
	write_frames(&r, 700);
	check_frames(&r, 0, 0, 100, 100);
	check_frames(&r, 0, 650, 100, 50); /* not decoded yet */
	check_frames(&r, 0, 800, 100, 0);
	check_frames(&r, 0, -60, 100, 100); /* before the job: silence */
	assert_true(ring_advance(&r, 0, 600));
	assert_true(ring_advance(&r, 0, 300)); /* never back */
	assert_int_equal(ring_room(&r, 100, 0), 900);
	write_frames(&r, 900);
	assert_int_equal(ring_room(&r, 100, 0), 0);
	check_frames(&r, 0, 900, 400, 400); /* over the edge */
	ring_set_end(&r, 1600);
	check_frames(&r, 0, 1500, 200, 200); /* behind the end: silence, and right */
	assert_false(ring_all_done(&r));
	ring_leave(&r, 0);
	assert_true(ring_all_done(&r));
	ring_done(&r);
}

static void evicts_who_lags_only_where_another_hurries(void **state) {
	(void)state;
	struct ring r;
	start(&r, 2);
	write_frames(&r, SIZE);
	assert_true(ring_advance(&r, 0, 700));
	/* The fastest has 300 left: no hurry yet. */
	assert_int_equal(ring_room(&r, 100, 250), 0);
	check_frames(&r, 1, 0, 100, 100);
	assert_true(ring_advance(&r, 0, 800));
	assert_int_equal(ring_room(&r, 100, 250), 800);
	float frames[10];
	int64_t first = 0;
	assert_int_equal(ring_read(&r, 1, 0, 10, frames, &first), -ESTALE);
	assert_false(ring_advance(&r, 1, 900));
	/* It comes back further on, and pins again. */
	ring_rejoin(&r, 1, 900);
	assert_false(ring_joined(&r, 1));
	assert_int_equal(ring_room(&r, 100, 250), 800);
	assert_true(ring_joined(&r, 1));
	check_frames(&r, 1, 900, 100, 100);
	ring_done(&r);
}

static void waits_for_nobody_that_left(void **state) {
	(void)state;
	struct ring r;
	start(&r, 3);
	write_frames(&r, SIZE);
	ring_leave(&r, 0);
	ring_leave(&r, 2);
	assert_int_equal(ring_room(&r, 1, 0), 0);
	assert_true(ring_advance(&r, 1, 400));
	assert_int_equal(ring_room(&r, 1, 0), 400);
	ring_leave(&r, 1);
	assert_int_equal(ring_room(&r, 1, 0), 0); /* with nobody there it does not run */
	ring_done(&r);
}

/* Lane frame i has the value of source frame 2 i. */
static void write_lane(struct ring *r, size_t lane, int rate) {
	float frames[SIZE];
	int64_t head = ring_lane_head(r, lane);
	int64_t n = ring_scale(ring_head(r), RING_RATE, rate) - head;
	for (int64_t i = 0; i < n; i++) {
		frames[i] = value_of((head + i) * RING_RATE / rate);
	}
	ring_write_lane(r, lane, frames, n);
}

static void check_lane(struct ring *r, int64_t from, int64_t right, int64_t first) {
	float frames[100];
	int64_t got = -1;
	assert_int_equal(ring_read(r, 0, from, 100, frames, &got), right);
	assert_int_equal(got, first);
	for (int64_t i = 0; i < 100; i++) {
		bool there =
			i < right && from + i >= first && 2 * (from + i) < ring_head(r);
		assert_true(frames[i] == (there ? value_of(2 * (from + i)) : 0.0F));
	}
}

static void reads_another_rate(void **state) {
	(void)state;
	struct ring r;
	start(&r, 2);
	assert_true(ring_tune(&r, 0, 24000));
	assert_int_equal(ring_wants(&r, 0), 24000);
	assert_int_equal(ring_wants(&r, 1), 0);
	write_frames(&r, 800);
	/* Until it has its lane there is nothing for it. */
	check_lane(&r, 0, 0, 0);
	assert_int_equal(ring_ready(&r, 0), 0);
	int lane = ring_lane(&r, 24000);
	assert_true(lane > 0);
	assert_int_equal(ring_lane(&r, 24000), lane);
	assert_int_equal(ring_lane(&r, RING_RATE), 0);
	ring_begin_lane(&r, (size_t)lane, 10, 30);
	write_lane(&r, (size_t)lane, 24000);
	assert_false(ring_lane_used(&r, (size_t)lane));
	assert_true(ring_put(&r, 0, (size_t)lane));
	assert_true(ring_lane_used(&r, (size_t)lane));
	assert_int_equal(ring_wants(&r, 0), 0);
	assert_int_equal(ring_ready(&r, 0), 400);
	check_lane(&r, 0, 100, 30); /* it begins later */
	check_lane(&r, 350, 50, 30);
	check_frames(&r, 1, 700, 100, 100);
	/* Its pin is a source frame. */
	assert_true(ring_advance(&r, 0, 500));
	assert_true(ring_advance(&r, 1, 700));
	assert_int_equal(ring_room(&r, 1, 0), 700);
	write_frames(&r, 700);
	write_lane(&r, (size_t)lane, 24000);
	check_lane(&r, 250, 100, 30); /* what it pins is still there */
	check_lane(&r, 640, 100, 30);
	ring_set_end(&r, 1500);
	check_lane(&r, 700, 100, 30);
	/* Evicted and back it has the same lane. */
	assert_true(ring_advance(&r, 1, 1400));
	(void)ring_room(&r, 600, 1000);
	assert_false(ring_joined(&r, 0));
	ring_rejoin(&r, 0, 1300);
	(void)ring_room(&r, 1, 0);
	check_lane(&r, 650, 100, 30);
	assert_true(ring_put(&r, 0, 0));
	ring_drop_lane(&r, (size_t)lane);
	ring_done(&r);
}

/* ---- with threads ---- */

#define TOTAL 400000
#define CONSUMERS 3

struct reader {
	struct ring *ring;
	size_t consumer;
	int64_t right;
	int64_t evicted;
	bool wrong;
	pthread_t thread;
};

static void check_piece(struct reader *c, int64_t at, int64_t right,
			const float *frames) {
	for (int64_t i = 0; i < right; i++) {
		/* 0 is silence before its position or behind the end, never old sound. */
		if (frames[i] != 0.0F && frames[i] != value_of(at + i)) {
			c->wrong = true;
		}
	}
}

static void *consume(void *arg) {
	struct reader *c = arg;
	int64_t at = 0;
	float frames[64];
	int64_t first = 0;
	uint32_t seed = (uint32_t)c->consumer + 5;
	while (at < TOTAL) {
		int64_t right = ring_read(c->ring, c->consumer, at, 64, frames, &first);
		if (right > 0) {
			check_piece(c, at, right, frames);
			c->right += right;
			at += right;
		}
		seed = seed * 1664525U + 1013904223U;
		/* One of them stalls now and then. */
		for (int k = 0; c->consumer == 2 && seed >> 24 < 4 && k < 300; k++) {
			sched_yield();
		}
		if (!ring_advance(c->ring, c->consumer, at)) {
			if (!ring_joined(c->ring, c->consumer)) {
				c->evicted++;
				at = ring_head(c->ring);
				ring_rejoin(c->ring, c->consumer, at);
			}
			while (!ring_joined(c->ring, c->consumer) && at < TOTAL) {
				sched_yield();
				at = ring_head(c->ring) >= TOTAL ? TOTAL : at;
			}
		}
		if (right <= 0) {
			sched_yield();
		}
	}
	ring_leave(c->ring, c->consumer);
	return NULL;
}

static void survives_consumers_that_stall(void **state) {
	(void)state;
	struct ring r;
	struct reader readers[CONSUMERS];
	int64_t right = 0;
	start(&r, CONSUMERS);
	for (size_t i = 0; i < CONSUMERS; i++) {
		readers[i] = (struct reader){.ring = &r, .consumer = i};
		assert_int_equal(
			pthread_create(&readers[i].thread, NULL, consume, &readers[i]),
			0);
	}
	while (ring_head(&r) < TOTAL && !ring_all_done(&r)) {
		if (ring_room(&r, 100, 400) >= 100) {
			write_frames(&r, 100);
		} else {
			sched_yield();
		}
	}
	ring_set_end(&r, ring_head(&r));
	while (!ring_all_done(&r)) {
		(void)ring_room(&r, 0, 0); /* lets in who asked */
		sched_yield();
	}
	for (size_t i = 0; i < CONSUMERS; i++) {
		pthread_join(readers[i].thread, NULL);
		assert_false(readers[i].wrong);
		print_message("consumer %zu: %lld frames, evicted %lld times\n", i,
			      (long long)readers[i].right, (long long)readers[i].evicted);
		right += readers[i].right;
	}
	/* Who is served is the scheduler's; that somebody is, is ours. */
	assert_true(right >= TOTAL / 4);
	ring_done(&r);
}

struct item {
	uint64_t number;
	char rest[40];
};
#define ITEMS 100000

static void *push_all(void *arg) {
	struct queue *q = arg;
	for (uint64_t i = 0; i < ITEMS;) {
		struct item item = {.number = i};
		if (queue_push(q, &item)) {
			i++;
		} else {
			sched_yield();
		}
	}
	return NULL;
}

static void queue_keeps_order(void **state) {
	(void)state;
	struct queue q;
	struct item item;
	pthread_t thread;
	assert_int_equal(queue_init(&q, 4, sizeof(item)), 0);
	assert_false(queue_pop(&q, &item));
	for (int i = 0; i < 4; i++) {
		assert_true(queue_push(&q, &item));
	}
	assert_false(queue_push(&q, &item)); /* full */
	for (int i = 0; i < 4; i++) {
		assert_true(queue_pop(&q, &item));
	}
	assert_int_equal(pthread_create(&thread, NULL, push_all, &q), 0);
	for (uint64_t i = 0; i < ITEMS;) {
		if (queue_pop(&q, &item)) {
			assert_int_equal(item.number, i);
			i++;
		} else {
			sched_yield();
		}
	}
	pthread_join(thread, NULL);
	assert_false(queue_pop(&q, &item));
	queue_done(&q);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_was_written),
		cmocka_unit_test(evicts_who_lags_only_where_another_hurries),
		cmocka_unit_test(waits_for_nobody_that_left),
		cmocka_unit_test(reads_another_rate),
		cmocka_unit_test(survives_consumers_that_stall),
		cmocka_unit_test(queue_keeps_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
