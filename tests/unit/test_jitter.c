/* test_jitter.c - the jitter buffer against senders that come as networks make them come:
 * on a clock of the test's own, a sender pushes a tone, a reader pulls 5 ms at a time. */
#include "audio/jitter.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PULL 240      /* frames: 5 ms */
#define TONE_HZ 310.0 /* pieces end in the middle of a period */
#define LEVEL 0.5
/* Second difference of the tone is 0.0008; a fade that turns round midway, or one over
 * what was lost, bends by 0.009. A sound that breaks off or sets in is a step of up to
 * 0.5. */
#define CLICK 0.01F

struct jitter_case {
	const char *name;
	int rate;
	int chunk_ms;
	int seconds;
	double sender_ppm; /* its clock is faster by so much */
	double random_ms;  /* each chunk is late by 0 to this */
	int stall_every;   /* chunks; 0: never */
	double stall_ms;   /* then nothing comes for so long, then all at once */
	int lost_every;    /* a chunk of so many never comes */
	int quiet_every;   /* a second of so many is silent */
	int talk_s;        /* then it is steady for the rest; 0: to the end */
	/* Wanted. */
	int gaps_most;
	int gaps_least;
	int depth_most_ms; /* ever, once it plays */
	int depth_end_ms;  /* at the end, on the average */
};

#define EVEN .rate = 16000, .chunk_ms = 20, .seconds = 40

static const struct jitter_case cases[] = {
	{"steady", EVEN, .depth_most_ms = 55, .depth_end_ms = 35},
	{"8 kHz", .rate = 8000, .chunk_ms = 20, .seconds = 40, .depth_most_ms = 60,
	 .depth_end_ms = 38},
	{"44.1 kHz", .rate = 44100, .chunk_ms = 20, .seconds = 40, .depth_most_ms = 55,
	 .depth_end_ms = 35},
	{"48 kHz", .rate = 48000, .chunk_ms = 10, .seconds = 40, .depth_most_ms = 45,
	 .depth_end_ms = 30},
	{"100 ms chunks", .rate = 16000, .chunk_ms = 100, .seconds = 40,
	 .depth_most_ms = 135, .depth_end_ms = 80},
	{"200 ppm fast", EVEN, .sender_ppm = 200, .depth_most_ms = 60,
	 .depth_end_ms = 36},
	{"200 ppm slow", EVEN, .sender_ppm = -200, .depth_most_ms = 55,
	 .depth_end_ms = 36},
	{"3000 ppm fast", EVEN, .sender_ppm = 3000, .depth_most_ms = 75,
	 .depth_end_ms = 55},
	{"late by up to 8 ms", EVEN, .random_ms = 8, .depth_most_ms = 70,
	 .depth_end_ms = 50},
	{"late by up to 60 ms", EVEN, .random_ms = 60, .gaps_most = 8, .gaps_least = 1,
	 .depth_most_ms = 181, .depth_end_ms = 120},
	{"stalls of 120 ms", EVEN, .stall_every = 100, .stall_ms = 120, .gaps_most = 4,
	 .gaps_least = 1, .depth_most_ms = 181, .depth_end_ms = 165},
	{"and then steady", .rate = 16000, .chunk_ms = 20, .seconds = 90,
	 .stall_every = 100, .stall_ms = 120, .talk_s = 20, .gaps_most = 4,
	 .gaps_least = 1, .depth_most_ms = 181, .depth_end_ms = 45},
	{"with pauses", .rate = 16000, .chunk_ms = 20, .seconds = 60, .stall_every = 100,
	 .stall_ms = 120, .talk_s = 20, .quiet_every = 4, .gaps_most = 4, .gaps_least = 1,
	 .depth_most_ms = 181, .depth_end_ms = 45},
	{"a stall of 900 ms", EVEN, .stall_every = 500, .stall_ms = 900, .gaps_most = 4,
	 .gaps_least = 1, .depth_most_ms = 181, .depth_end_ms = 181},
	{"silent for 2 s", EVEN, .stall_every = 500, .stall_ms = 2000, .gaps_most = 4,
	 .gaps_least = 1, .depth_most_ms = 181, .depth_end_ms = 60},
	{"chunks lost", EVEN, .lost_every = 25, .depth_most_ms = 60, .depth_end_ms = 40},
};

struct sender {
	const struct jitter_case *c;
	struct jitter *j;
	unsigned seed;
	int64_t chunk;   /* to be pushed next */
	double at_ms;    /* when it comes */
	double stall_ms; /* until then nothing does */
};

static double uniform(unsigned *seed) {
	*seed = *seed * 1664525U + 1013904223U;
	return (double)(*seed >> 8) / (1 << 24);
}

static void next_chunk(struct sender *s) {
	const struct jitter_case *c = s->c;
	bool steady = c->talk_s != 0 && s->at_ms > c->talk_s * 1000.0;
	double end_ms =
		(double)(s->chunk + 1) * c->chunk_ms / (1.0 + c->sender_ppm / 1e6);
	double at_ms = end_ms + (steady ? 0.0 : uniform(&s->seed) * c->random_ms);
	if (c->stall_every > 0 && s->chunk % c->stall_every == c->stall_every - 1 &&
	    !steady) {
		s->stall_ms = end_ms + c->stall_ms;
	}
	at_ms = at_ms > s->stall_ms ? at_ms : s->stall_ms;
	/* One connection: in order. */
	s->at_ms = at_ms > s->at_ms ? at_ms : s->at_ms;
}

static void push_chunk(struct sender *s) {
	static float frames[48000];
	const struct jitter_case *c = s->c;
	int n = c->rate * c->chunk_ms / 1000;
	for (int i = 0; i < n; i++) {
		double t = (double)(s->chunk * n + i) / c->rate;
		/* Within the silent second the tone swells and fades in 10 ms. */
		double in = c->quiet_every > 0 ? fmod(t, c->quiet_every) : 0.5;
		double edge = fmin(fmin(in, 1.0 - in) / 0.01, 1.0);
		double level = c->quiet_every > 0 && in < 1.0 ? 1.0 - edge : 1.0;
		frames[i] = (float)(LEVEL * level * sin(2 * M_PI * TONE_HZ * t));
	}
	if (c->lost_every > 0 && s->chunk % c->lost_every == c->lost_every - 1) {
		jitter_lost(s->j, (size_t)n);
	} else {
		assert_int_equal(jitter_push(s->j, frames, (size_t)n), n);
	}
	s->chunk++;
	next_chunk(s);
}

struct heard {
	float step; /* largest second difference */
	float past[2];
	int depth_most_ms;
	double depth_sum_ms; /* over the last five seconds */
	int n_sum;
};

static void hear(struct heard *h, const float *frames, size_t n) {
	for (size_t i = 0; i < n; i++) {
		float step = fabsf(frames[i] - 2 * h->past[1] + h->past[0]);
		h->step = fmaxf(h->step, step);
		h->past[0] = h->past[1];
		h->past[1] = frames[i];
	}
}

static void check_case(const struct jitter_case *c, unsigned seed) {
	struct error err = {0};
	struct jitter_config config = {
		.rate = c->rate, .least_ms = 10, .most_ms = 180, .speed_ppm = 5000};
	struct sender s = {.c = c, .seed = seed};
	assert_int_equal(jitter_new(&config, &s.j, &err), 0);
	struct jitter_tap tap;
	struct heard h = {0};
	struct jitter_facts facts = {0};
	jitter_join(s.j, &tap);
	next_chunk(&s);
	for (int now_ms = 0; now_ms < c->seconds * 1000; now_ms += 5) {
		float frames[PULL];
		while (s.at_ms <= now_ms) {
			push_chunk(&s);
		}
		assert_int_equal(jitter_pull(s.j, &tap, frames, PULL), PULL);
		hear(&h, frames, PULL);
		jitter_facts(s.j, &facts);
		if (facts.depth_ms > h.depth_most_ms) {
			h.depth_most_ms = facts.depth_ms;
		}
		if (now_ms > c->seconds * 1000 - 5000) {
			h.depth_sum_ms += facts.depth_ms;
			h.n_sum++;
		}
	}
	double end_ms = h.depth_sum_ms / h.n_sum;
	print_message("%s (seed %u): %lld gaps, depth up to %d ms, %.0f ms at the end, "
		      "reserve %d ms, skipped %lld ms, step %.4f, %d ppm\n",
		      c->name, seed, (long long)facts.gaps, h.depth_most_ms, end_ms,
		      facts.reserve_ms, (long long)facts.skipped_ms, (double)h.step,
		      facts.speed_ppm);
	assert_true(h.step < CLICK);
	assert_true(facts.gaps >= c->gaps_least && facts.gaps <= c->gaps_most);
	assert_true(h.depth_most_ms <= c->depth_most_ms);
	assert_true(end_ms <= c->depth_end_ms);
	assert_int_equal(facts.refused_ms, 0);
	jitter_leave(s.j, &tap);
	jitter_unref(s.j);
}

static void follows_its_sender(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check_case(&cases[i], 1);
		check_case(&cases[i], 77);
	}
}

static struct jitter *new_jitter(void) {
	struct jitter_config config = {
		.rate = 48000, .least_ms = 10, .most_ms = 180, .speed_ppm = 5000};
	struct jitter *j = NULL;
	assert_int_equal(jitter_new(&config, &j, NULL), 0);
	return j;
}

/* Pushes n frames of the tone, 10 ms at a time, pulling as much each time; from `at`. */
static void push_tone(struct jitter *j, int64_t at, size_t n) {
	float frames[480];
	for (size_t done = 0; done < n; done += 480) {
		for (size_t i = 0; i < 480; i++) {
			double t = (double)(at + (int64_t)(done + i)) / 48000.0;
			frames[i] = (float)(LEVEL * sin(2 * M_PI * TONE_HZ * t));
		}
		(void)jitter_push(j, frames, 480);
	}
}

static float peak_of(const float *frames, size_t n) {
	float peak = 0.0F;
	for (size_t i = 0; i < n; i++) {
		peak = fmaxf(peak, fabsf(frames[i]));
	}
	return peak;
}

/* What was pushed is heard to its end, without a step there, and then it is over. */
static void ends(void **state) {
	(void)state;
	struct jitter *j = new_jitter();
	struct jitter_tap tap;
	float frames[PULL];
	struct heard h = {0};
	size_t loud = 0;
	jitter_join(j, &tap);
	push_tone(j, 0, 4800);
	jitter_end(j);
	for (int i = 0; i < 100; i++) {
		size_t n = jitter_pull(j, &tap, frames, PULL);
		hear(&h, frames, n);
		loud += peak_of(frames, n) > 0.1F ? n : 0;
		if (n < PULL) {
			break;
		}
	}
	memset(frames, 0, sizeof(frames));
	hear(&h, frames, PULL);
	assert_true(h.step < CLICK);
	assert_in_range(loud, 4800 - 2 * PULL, 4800 + 2 * PULL);
	assert_int_equal(jitter_pull(j, &tap, frames, PULL), 0);
	struct jitter_tap late;
	jitter_join(j, &late);
	assert_int_equal(jitter_pull(j, &late, frames, PULL), 0);
	jitter_leave(j, &late);
	jitter_leave(j, &tap);
	jitter_unref(j);
}

/* Two that pull at once get the same; one that comes back when nobody did gets what is
 * said from then on. */
static void is_shared(void **state) {
	(void)state;
	struct jitter *j = new_jitter();
	struct jitter_tap a;
	struct jitter_tap b;
	float of_a[960];
	float of_b[960];
	jitter_join(j, &a);
	push_tone(j, 0, 2400);
	(void)jitter_pull(j, &a, of_a, 480);
	jitter_join(j, &b);
	for (int i = 0; i < 100; i++) {
		push_tone(j, 2400 + i * 480, 480);
		(void)jitter_pull(j, &a, of_a, 480);
		assert_int_equal(jitter_pull(j, &b, of_b, 100), 100);
		assert_int_equal(jitter_pull(j, &b, of_b + 100, 380), 380);
		assert_memory_equal(of_a, of_b, 480 * sizeof(*of_a));
	}
	assert_true(peak_of(of_a, 480) > 0.4F);
	jitter_leave(j, &a);
	jitter_leave(j, &b);
	push_tone(j, 50400, 48000 * 3);
	struct jitter_facts facts;
	jitter_facts(j, &facts);
	assert_in_range(facts.refused_ms, 1500, 2500);
	jitter_join(j, &a);
	(void)jitter_pull(j, &a, of_a, 960);
	assert_true(peak_of(of_a, 960) <= 0.0F);
	push_tone(j, 240000, 4800);
	struct heard h = {0};
	float peak = 0.0F;
	for (int i = 0; i < 5; i++) {
		(void)jitter_pull(j, &a, of_a, 960);
		hear(&h, of_a, 960);
		peak = fmaxf(peak, peak_of(of_a, 960));
	}
	assert_true(peak > 0.4F);
	assert_true(h.step < CLICK);
	jitter_leave(j, &a);
	jitter_unref(j);
}

static void refuses(void **state) {
	(void)state;
	static const struct {
		struct jitter_config config;
		const char *words;
	} refusals[] = {
		{{7999, 10, 180, 5000}, "8000 to 48000"},
		{{48001, 10, 180, 5000}, "8000 to 48000"},
		{{16000, 4, 180, 5000}, "5 ms or more"},
		{{16000, 200, 180, 5000}, "5 ms or more"},
		{{16000, 10, 1001, 5000}, "1000 ms"},
		{{16000, 10, 180, 299}, "ppm"},
	};
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct error err = {0};
		struct jitter *j = NULL;
		assert_int_equal(jitter_new(&refusals[i].config, &j, &err), -EINVAL);
		assert_non_null(strstr(err.text, refusals[i].words));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_its_sender),
		cmocka_unit_test(ends),
		cmocka_unit_test(is_shared),
		cmocka_unit_test(refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
