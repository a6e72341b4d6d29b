/* test_engine_tape.c - what is kept of a job is what the test card played, frame by
 * frame, within a step of dither: while other orders come and much is taken back, ducked
 * and cut, and when its output moves to another card. In real time. */
#include "engine_rig.h"

#include "audio/chime.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEP (2.5F / 32768.0F) /* dither, and the rounding of both */
#define KEPT_MAX (48000 * 30)

struct kept {
	int16_t *frames;
	int64_t n;
	int64_t lost;
	int rate;
	bool over;
};

static void read_all_there_is(struct tape *t, struct kept *k) {
	int64_t n = 0;
	do {
		int64_t lost = 0;
		n = tape_read(t, k->frames + k->n, KEPT_MAX - k->n, &lost, &k->rate);
		k->n += n > 0 ? n : 0;
		k->lost += lost;
	} while (n > 0);
	k->over = n < 0;
}

/* Takes what comes for so long. */
static void keep(struct rig *rig, struct tape *t, struct kept *k, double seconds) {
	for (int i = 0; i < (int)(seconds * 20); i++) {
		rig_run(rig, 0.05);
		read_all_there_is(t, k);
	}
}

static void keep_to_the_end(struct rig *rig, struct tape *t, struct kept *k) {
	for (int i = 0; !k->over && i < 400; i++) {
		keep(rig, t, k, 0.05);
	}
	assert_true(k->over);
	assert_int_equal(k->lost, 0);
}

/* Frames of `kept` from `from` on that are those heard from `at` on. */
static int64_t same(const struct kept *k, int64_t from, const struct heard *h,
		    int64_t at) {
	int64_t n = 0;
	while (from + n < k->n && at + n < (int64_t)h->n &&
	       fabsf((float)k->frames[from + n] / 32768.0F - h->frames[at + n]) <= STEP) {
		n++;
	}
	return n;
}

/* The place in what was heard from which most of kept [from, n) is the same. */
static int64_t find(const struct kept *k, int64_t from, const struct heard *h,
		    int64_t after, int64_t *ret_n) {
	int64_t best = -1;
	*ret_n = -1;
	for (int64_t at = after; at < (int64_t)h->n; at++) {
		int64_t n = same(k, from, h, at);
		if (n > *ret_n) {
			*ret_n = n;
			best = at;
		}
		if (from + n == k->n) {
			break;
		}
	}
	return best;
}

static struct heard close_and_hear(struct rig *rig) {
	engine_free(rig->engine);
	rig->engine = NULL;
	return rig_heard(rig, 1, 0);
}

static struct tape *submit(struct rig *rig, struct job *job, int64_t zone) {
	struct error err = {0};
	struct tape *t = NULL;
	int64_t id = job->id;
	job->taped = true;
	rig_submit(rig, job);
	assert_int_equal(engine_tape(rig->engine, id, zone, &t, &err), 0);
	assert_int_equal(engine_tape(rig->engine, id, zone + 1, &t, &err), -ENOENT);
	return t;
}

struct tape_case {
	const char *name;
	struct rig_card card;
	double gain_db;
	bool orders; /* ducked, joined, and cut at last */
	int repeats;
	double ppm; /* the card is faster by so much */
};

static const struct tape_case tapes[] = {
	{"48 kHz", {2, 48000, false, NULL}, 0.0, false, 1, 0.0},
	{"44.1 kHz", {1, 44100, false, NULL}, -6.0, false, 1, 0.0},
	{"WAV", {1, 48000, true, NULL}, 0.0, false, 1, 0.0},
	{"fast", {1, 48000, false, "ppm 150"}, 0.0, false, 3, 150.0},
	{"slow", {1, 48000, false, "ppm -150"}, 0.0, false, 3, -150.0},
	{"48 kHz, loud, many orders", {2, 48000, false, NULL}, 12.0, true, 4, 0.0},
	{"44.1 kHz, many orders", {1, 44100, false, NULL}, 0.0, true, 4, 0.0},
	{"slow, many orders", {1, 48000, false, "ppm -150"}, 0.0, true, 4, -150.0},
};

#define TAPES (sizeof(tapes) / sizeof(tapes[0]))

static void give_orders(struct rig *rig, struct tape *t, struct kept *k, int64_t zone) {
	for (int i = 0; i < 12; i++) {
		int64_t other = 10 + i;
		engine_gain(rig->engine, 1, zone, i % 2 == 0 ? -18.0 : 0.0, 50);
		rig_submit(rig, rig_chime(other, &zone, 1, 1));
		keep(rig, t, k, 0.1 + 0.05 * (i % 3));
		engine_stop(rig->engine, other, 0, 5);
		keep(rig, t, k, 0.05);
	}
	engine_stop(rig->engine, 1, zone, 200);
}

/* False where the machine stood still for so long that the card ran dry. */
static bool check_tape(const struct tape_case *c) {
	struct rig rig;
	struct kept k = {.frames = calloc(KEPT_MAX, sizeof(int16_t))};
	const int64_t zone = 7;
	assert_non_null(k.frames);
	rig_start(&rig, &c->card, 1, 200);
	rig_zone(&rig, zone, 1, 0, c->gain_db);
	assert_non_null(rig_wait_output(&rig, ENGINE_OUTPUT_OK, 1, 5));
	struct tape *t = submit(&rig, rig_chime(1, &zone, 1, c->repeats), zone);
	if (c->orders) {
		give_orders(&rig, t, &k, zone);
	}
	keep_to_the_end(&rig, t, &k);
	tape_release(t);
	assert_non_null(rig_wait(&rig, ENGINE_JOB_ENDED, 1, 0, 5));
	struct heard h = close_and_hear(&rig);
	int64_t n = 0;
	int64_t at = find(&k, 0, &h, 0, &n);
	print_message("%s: %lld of %lld frames the same, from %lld on\n", c->name,
		      (long long)n, (long long)k.n, (long long)at);
	assert_int_equal(k.rate, c->card.rate);
	assert_true(k.n > c->card.rate);
	assert_true(n == k.n || !h.whole);
	if (!c->orders && h.whole) {
		/* What a fast card takes more of it is given; a glide ends late, and has
		 * some frames to go. */
		double whole = (double)chime_frames(CHIME_DEFAULT) * c->repeats *
			       c->card.rate / 48000 * (1.0 + c->ppm * 1e-6);
		assert_true(fabs((double)k.n - whole) <= (c->ppm != 0.0 ? 12.0 : 1.0));
		/* And nothing sounded before or behind. */
		assert_true(rig_peak(&h, 0, (size_t)at) <= STEP);
		assert_true(rig_peak(&h, (size_t)(at + n), h.n) <= STEP);
	}
	bool whole = h.whole;
	free(h.frames);
	free(k.frames);
	rig_stop(&rig);
	return whole;
}

static void keeps_what_was_played(void **state) {
	(void)state;
	for (size_t i = 0; i < TAPES; i++) {
		int tries = 1;
		while (!check_tape(&tapes[i])) {
			assert_in_range(tries++, 1, 2);
		}
	}
}

/* Its output is put on another card in the middle: what the first one played and what the
 * second played follow each other. */
static void goes_on_on_another_card(void **state) {
	(void)state;
	static const struct rig_card cards[] = {{1, 48000, false, NULL},
						{1, 48000, false, NULL}};
	struct rig rig;
	struct error err = {0};
	struct kept k = {.frames = calloc(KEPT_MAX, sizeof(int16_t))};
	const int64_t zone = 7;
	assert_non_null(k.frames);
	rig_start(&rig, cards, 2, 200);
	engine_output_remove(rig.engine, 2);
	rig_zone(&rig, zone, 1, 0, 0.0);
	struct tape *t = submit(&rig, rig_chime(1, &zone, 1, 2), zone);
	assert_non_null(rig_wait(&rig, ENGINE_JOB_STARTED, 1, zone, 5));
	keep(&rig, t, &k, 0.7);
	struct engine_output o = {.id = 1, .pcm = "card2", .channels = 1};
	assert_int_equal(engine_output_set(rig.engine, &o, &err), 0);
	keep_to_the_end(&rig, t, &k);
	tape_release(t);
	const struct engine_event *end = rig_wait(&rig, ENGINE_JOB_ENDED, 1, zone, 5);
	assert_non_null(end);
	/* But for what the first card played after it was last looked at. */
	assert_in_range(k.n, end->played_ms * 48 - 9600, end->played_ms * 48 + 480);
	struct heard first = close_and_hear(&rig);
	struct heard second = rig_heard(&rig, 2, 0);
	int64_t n = 0;
	(void)find(&k, 0, &first, 0, &n);
	int64_t rest = 0;
	/* What lay just before the first card's end it did not play any more. */
	int64_t from = n + 250;
	(void)find(&k, from, &second, 0, &rest);
	print_message("%lld frames on the first card, %lld of %lld on the second\n",
		      (long long)n, (long long)rest, (long long)(k.n - n));
	assert_true(n > 20000);
	assert_true(k.n - from > 20000);
	assert_int_equal(rest, k.n - from);
	free(first.frames);
	free(second.frames);
	free(k.frames);
	rig_stop(&rig);
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_what_was_played),
		cmocka_unit_test(goes_on_on_another_card),
	};
	return rig_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
