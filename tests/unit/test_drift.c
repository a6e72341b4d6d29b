/* test_drift.c - the sound of an output stays in step while its device's clock is off: a
 * device of the test's own, hours of it in a moment, with reports as they come from real
 * ones: coarse, late, of a clock that warms up. */
#include "audio/drift.h"

#include "seed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define START_NS 123456789012345
#define BUFFER_S 0.2
#define WARM_S 10800.0
#define STARTS 2000
#define REACH 624 /* frames mixed beyond those written */

struct drift_case {
	const char *name;
	int rate;
	double ppm;       /* the clock is faster by so much */
	double warm_ppm;  /* and by so much more and less, in turn, over three hours */
	double tick_ms;   /* its place in time moves in such steps */
	double jitter_us; /* reports are late by this on the average */
	double hiccup_ms; /* and one of 20 by up to so much */
	double stuck_ms; /* at times the timer stands for up to so long, and catches up */
	double hours;
	/* Wanted; all zero: nothing is done at all. */
	double off_us;       /* at most, ever */
	double later_off_us; /* and after a minute */
};

static const struct drift_case cases[] = {
	{"exact", .rate = 48000, .jitter_us = 5, .hours = 3},
	{"exact, busy", .rate = 48000, .jitter_us = 100, .hiccup_ms = 8, .hours = 3},
	{"exact, 1 ms", .rate = 48000, .jitter_us = 20, .tick_ms = 1, .hours = 1},
	{"exact, 4 ms", .rate = 48000, .jitter_us = 20, .tick_ms = 4, .hours = 1},
	{"exact, 4 ms, late", .rate = 48000, .jitter_us = 200, .tick_ms = 4,
	 .hiccup_ms = 10, .stuck_ms = 36, .hours = 0.2},
	{"+50", .rate = 48000, .ppm = 50, .jitter_us = 5, .hours = 6, .off_us = 130,
	 .later_off_us = 50},
	{"-50", .rate = 48000, .ppm = -50, .jitter_us = 5, .hours = 6, .off_us = 130,
	 .later_off_us = 50},
	{"+100", .rate = 44100, .ppm = 100, .jitter_us = 5, .hours = 6, .off_us = 180,
	 .later_off_us = 60},
	{"-100", .rate = 44100, .ppm = -100, .jitter_us = 5, .hours = 6, .off_us = 180,
	 .later_off_us = 60},
	{"+7", .rate = 48000, .ppm = 7, .jitter_us = 5, .hours = 6, .off_us = 130,
	 .later_off_us = 50},
	{"-100, busy", .rate = 48000, .ppm = -100, .jitter_us = 100, .hiccup_ms = 8,
	 .hours = 6, .off_us = 1000, .later_off_us = 80},
	{"+50, warms up", .rate = 48000, .ppm = 50, .warm_ppm = 30, .jitter_us = 5,
	 .hours = 6, .off_us = 130, .later_off_us = 50},
	{"-50, 1 ms", .rate = 48000, .ppm = -50, .tick_ms = 1, .jitter_us = 20,
	 .hours = 1, .off_us = 600, .later_off_us = 200},
	{"+50, 4 ms", .rate = 48000, .ppm = 50, .tick_ms = 4, .jitter_us = 20, .hours = 1,
	 .off_us = 1200, .later_off_us = 400},
	{"+50, 4 ms, late", .rate = 48000, .ppm = 50, .jitter_us = 200, .tick_ms = 4,
	 .hiccup_ms = 10, .stuck_ms = 36, .hours = 1, .off_us = 2500,
	 .later_off_us = 2000},
};

static const struct drift_case *case_of(const char *name) {
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(cases[i].name, name) == 0) {
			return &cases[i];
		}
	}
	fail_msg("there is no case '%s'", name);
	return NULL;
}

struct device {
	const struct drift_case *c;
	struct timeline timeline;
	struct slews slews;
	struct drift drift;
	double s; /* since the start */
	double next_fill_s;
	double stuck_from_s;
	double stuck_to_s;
	double skipped; /* frames it has lost in a stall */
	double written; /* frames */
	int64_t glides;
	int64_t turns; /* of them, the wrong way */
	int64_t jumps;
};

static double noise(void) {
	return (double)random() / (double)RAND_MAX;
}

/* Frames that have truly left at that moment. */
static double frames_at(const struct device *x, double s) {
	const struct drift_case *c = x->c;
	double w = 2 * M_PI / WARM_S;
	double warm = c->warm_ppm * 1e-6 * (1 - cos(w * s)) / w;
	return c->rate * (s + c->ppm * 1e-6 * s + warm) - x->skipped;
}

/* The instant that its reports are of. */
static double tick_of(const struct device *x, double s) {
	double tick_s = x->c->tick_ms / 1e3;
	s = s > x->stuck_from_s && s < x->stuck_to_s ? x->stuck_from_s : s;
	return tick_s > 0.0 ? floor(s / tick_s) * tick_s : s;
}

/* How late the sound is at that moment. */
static double late_us(const struct device *x, double s) {
	double d = frames_at(x, s);
	double content = d + slews_shift(&x->slews, (int64_t)d);
	double ref_s = (double)(x->drift.ref_ns - START_NS) / 1e9;
	return (s - ref_s - content / x->c->rate) * 1e6;
}

static void start(struct device *x, const struct drift_case *c) {
	*x = (struct device){.c = c};
	timeline_init(&x->timeline, c->rate);
	slews_init(&x->slews);
	drift_init(&x->drift);
}

static void step(struct device *x) {
	const struct drift_case *c = x->c;
	double wake_s = x->s + (double)timeline_wanted_ns(&x->timeline) / 1e9;
	wake_s = wake_s < x->next_fill_s ? wake_s : x->next_fill_s;
	if (c->stuck_ms > 0.0 && x->s > x->stuck_to_s && noise() < 0.005) {
		x->stuck_from_s = x->s;
		x->stuck_to_s = x->s + noise() * c->stuck_ms / 1e3;
	}
	int64_t heard = (int64_t)frames_at(x, tick_of(x, wake_s));
	double late_s = -c->jitter_us / 1e6 * log(1.0 - noise() * 0.999);
	late_s += noise() < 0.05 ? noise() * c->hiccup_ms / 1e3 : 0.0;
	x->s = wake_s + late_s;
	if (x->s >= x->next_fill_s) {
		x->next_fill_s = x->s + 0.7 * BUFFER_S;
	}
	(void)timeline_report(&x->timeline, heard, START_NS + llround(x->s * 1e9));
	double written = (double)heard + BUFFER_S * c->rate;
	x->written = written > x->written ? written : x->written;
	if (drift_follow(&x->drift, &x->timeline, heard, (int64_t)x->written + REACH,
			 &x->slews)) {
		const struct slew *w = &x->slews.items[x->slews.n - 1];
		x->glides += !w->jump;
		x->jumps += w->jump;
		x->turns += (w->frames > 0) == (c->ppm > 0);
	}
}

static void run_case(const struct drift_case *c) {
	static struct device x;
	double worst = 0.0;
	double later = 0.0;
	start(&x, c);
	while (x.s < c->hours * 3600.0) {
		step(&x);
		double off = x.drift.set ? fabs(late_us(&x, x.s)) : 0.0;
		worst = fmax(worst, off);
		later = x.s > 60.0 ? fmax(later, off) : later;
	}
	print_message(
		"%s: off by %.0f us at most, %.0f after a minute; %lld glides, %lld the "
		"wrong way; unsure %.0f us, reports %.0f us late\n",
		c->name, worst, later, (long long)x.glides, (long long)x.turns,
		x.timeline.unsure_ns / 1e3, x.timeline.coarse_ns / 1e3);
	assert_int_equal(x.jumps, 0);
	if (c->off_us == 0.0) {
		assert_int_equal(x.glides, 0);
		return;
	}
	assert_true(worst <= c->off_us);
	assert_true(later <= c->later_off_us);
	/* No hunting: nor more than it takes. */
	bool fine = c->tick_ms == 0.0;
	assert_true(x.turns <= (fine ? 0 : x.glides / 10));
	double frames = c->hours * 3600 * c->rate * fabs(c->ppm) * 1e-6;
	assert_true(fabs((double)llabs(slews_total(&x.slews)) - frames) <
		    20.0 + 0.002 * frames * (c->warm_ppm != 0.0 ? 10 : 1));
}

static void keeps_in_step(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run_case(&cases[i]);
	}
}

/* The first seconds of a device that is right, in a box that is busy: two reports in a
 * quarter of a second are late together now and then, and prove nothing. */
static void few_reports_prove_nothing(void **state) {
	(void)state;
	static struct device x;
	int moved = 0;
	srandom(2026);
	for (int round = 0; round < STARTS; round++) {
		start(&x, &cases[1]);
		while (x.s < 5.0) {
			step(&x);
		}
		moved += x.glides > 0;
	}
	print_message("%d of %d starts glide\n", moved, STARTS);
	assert_int_equal(moved, 0);
}

/* Two cards 100 ppm apart, from their first moment on, and over an hour. */
static void two_stay_together(void **state) {
	(void)state;
	static struct device fast;
	static struct device slow;
	double worst = 0.0;
	for (int round = 0; round < 20; round++) {
		start(&fast, case_of("+50"));
		start(&slow, case_of("-50"));
		for (double s = 1.0; s < (round == 0 ? 3600.0 : 60.0); s += 0.02) {
			while (fast.s < s) {
				step(&fast);
			}
			while (slow.s < s) {
				step(&slow);
			}
			worst = fmax(worst, fabs(late_us(&fast, s) - late_us(&slow, s)));
		}
	}
	print_message("100 ppm apart: %.0f us at most\n", worst);
	/* To reach is 200: one of a thousand first minutes is beyond it. */
	assert_true(worst <= 220.0);
}

/* What was learnt of a clock the next sound has from its first moment on: it moves less
 * than any measurement in that time could tell. */
static void remembers_the_speed(void **state) {
	(void)state;
	static const struct {
		const char *name;
		double moved_us;
	} again[] = {{"exact", 0}, {"exact, 4 ms", 0}, {"+50", 50},
		     {"-100", 60}, {"-50, 1 ms", 80},  {"+50, 4 ms", 100}};
	static struct device x;
	for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++) {
		double first = NAN;
		double moved = 0.0;
		start(&x, case_of(again[i].name));
		while (x.s < 60.0) {
			step(&x);
		}
		timeline_forget(&x.timeline);
		drift_forget(&x.drift);
		while (x.s < 120.0) {
			step(&x);
			if (x.drift.set) {
				first = isnan(first) ? late_us(&x, x.s) : first;
				moved = fmax(moved, fabs(late_us(&x, x.s) - first));
			}
		}
		print_message("%s, again: moves by %.0f us, %.1f of %.1f ppm\n",
			      x.c->name, moved, -x.drift.speed_ppm, x.c->ppm);
		assert_true(moved <= fmax(again[i].moved_us, 1.0));
		assert_true(fabs(x.drift.speed_ppm + x.c->ppm) <= 20.0);
	}
}

/* The device stands for a moment and does not say so. */
static void jumps_where_it_is_far_off(void **state) {
	(void)state;
	static const struct drift_case c = {"stalls", .rate = 48000, .jitter_us = 5};
	static struct device x;
	static const double stalls_ms[] = {30, 300, -25};
	start(&x, &c);
	for (size_t i = 0; i < 3; i++) {
		while (x.s < 20.0 * (double)(i + 1)) {
			step(&x);
		}
		x.skipped += stalls_ms[i] * 48;
		while (x.s < 20.0 * (double)(i + 1) + 4.0) {
			step(&x);
		}
		print_message("%.0f ms: off by %.0f us after it\n", stalls_ms[i],
			      late_us(&x, x.s));
		assert_int_equal(x.jumps, i + 1);
		assert_true(fabs(late_us(&x, x.s)) <= 100.0);
	}
}

int main(void) {
	(void)seed_random();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_in_step),
		cmocka_unit_test(two_stay_together),
		cmocka_unit_test(remembers_the_speed),
		cmocka_unit_test(jumps_where_it_is_far_off),
		cmocka_unit_test(few_reports_prove_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
