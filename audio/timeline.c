/* timeline.c - see timeline.h. A report is one measurement of when frame 0 was heard, and
 * it errs to one side: whatever is late, a tick of the driver's timer or the thread that
 * reads it, makes the device look later than it is, never earlier. So the truth is a line
 * below all reports. The earliest report of every quarter of a second is kept, for
 * sixteen seconds; the line is the one below these that is nearest to them all, an edge
 * of their lower hull. How far they lie above it says how well it is known. */
#include "timeline.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STRANGE_NS 20000000 /* off by more: a hiccup or a jump */
#define STRANGE_MAX 4
#define STRANGE_LATE_NS NS /* so long it may be a timer that is late */
#define SLOPE_SPANS 4      /* fewer say nothing of the speed */
#define FEW_SPANS 16
#define SURE_SPANS 24.0
/* Where reports differ by so much many are wanted, until they differ by so little; and
 * still more where they differ by that. */
#define COARSE_NS 250000.0
#define FINE_NS 100000.0
#define ROUGH_NS 1000000.0
#define OFTEN_NS 17000000LL     /* between reports then, and up to this */
#define OFTEN_MORE_NS 8000000LL /* more, so that they fall on no beat of the device's */
#define OFTEN_FINE 2            /* times that where they are not so rough */

#define NS 1000000000LL

int64_t timeline_ns(int64_t frames, int rate) {
	int64_t s = frames / rate;
	return s * NS + (frames % rate) * NS / rate;
}

int64_t timeline_frames(int64_t ns, int rate) {
	int64_t s = ns / NS;
	return s * rate + llround((double)(ns % NS) * rate / (double)NS);
}

void timeline_init(struct timeline *t, int rate) {
	*t = (struct timeline){.rate = rate};
	timeline_forget(t);
}

void timeline_forget(struct timeline *t) {
	t->reports = 0;
	t->strange = 0;
	t->n = 0;
	t->speed_ppm = 0.0;
	t->unsure_ns = INFINITY;
	t->unsure_ppm = INFINITY;
	t->coarse_ns = 0.0;
	t->coarse = false;
}

/* ppm are thousands of ns in a second. */
static double moved_ns(const struct timeline *t, int64_t ns) {
	return t->speed_ppm * 1e-6 * (double)ns;
}

/* ---- the line ---- */

struct point {
	double x; /* ns before now, negative */
	double y; /* ns */
};

static double cross(struct point a, struct point b, struct point c) {
	return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

/* Of the edge of the lower hull that lies below the middle of the points, two or more. */
static double hull_slope(const struct point *p, size_t n) {
	assert(n >= 2);
	struct point hull[TIMELINE_SPANS];
	size_t m = 0;
	double middle = 0.0;
	for (size_t i = 0; i < n; i++) {
		while (m >= 2 && cross(hull[m - 2], hull[m - 1], p[i]) <= 0.0) {
			m--;
		}
		hull[m++] = p[i];
		middle += p[i].x / (double)n;
	}
	size_t i = 1;
	while (i + 1 < m && hull[i].x < middle) {
		i++;
	}
	return (hull[i].y - hull[i - 1].y) / (hull[i].x - hull[i - 1].x);
}

static void judge(struct timeline *t, const struct point *p, double low) {
	assert(t->n > 0);
	double above = 0.0;
	double later = 0.0;
	double reports = 0.0;
	int64_t fewest = INT64_MAX; /* in a span; the last is not over */
	for (size_t i = 0; i < t->n; i++) {
		const struct timeline_span *s = &t->spans[i];
		bool over = i + 1 < t->n || i == 0;
		fewest = over && s->reports < fewest ? s->reports : fewest;
		above += p[i].y - t->speed_ppm * 1e-6 * p[i].x - low;
		later += (double)s->later_ns;
		reports += (double)s->reports;
	}
	double n = (double)t->n;
	double span_ns = p[t->n - 1].x - p[0].x;
	t->coarse_ns = later / reports;
	t->coarse = t->coarse_ns >= (t->coarse ? FINE_NS : COARSE_NS);
	double spread = above / n;
	if (t->n < FEW_SPANS) {
		/* Too few to tell. Of so many that are evenly late the earliest is late
		 * by this; and the line may hang on the spans that have the fewest, when
		 * all of these are late. Half a frame of it is rounding. */
		double late_ns = fmax(t->coarse_ns - (double)NS / t->rate / 2.0, 0.0);
		spread = 2.0 * fmax(spread, 3.0 * late_ns / (double)fewest);
	} else {
		/* The line touches the lowest of them, which are the nearer the more
		 * there are; twice what that gives, for what is late together. */
		spread *= SURE_SPANS / fmax(n, SURE_SPANS);
	}
	t->unsure_ns = spread + (double)NS / t->rate / 2.0;
	t->unsure_ppm = t->n > SLOPE_SPANS ? 2e6 * t->unsure_ns / span_ns : INFINITY;
}

static void fit(struct timeline *t, int64_t at_ns, int64_t near_ns) {
	struct point p[TIMELINE_SPANS];
	for (size_t i = 0; i < t->n; i++) {
		p[i].x = (double)(t->spans[i].at_ns - at_ns);
		p[i].y = (double)(t->spans[i].zero_ns - near_ns);
	}
	double slope = t->n >= SLOPE_SPANS ? hull_slope(p, t->n) : 0.0;
	slope = fmin(fmax(slope, -TIMELINE_PPM * 1e-6), TIMELINE_PPM * 1e-6);
	double low = INFINITY;
	for (size_t i = 0; i < t->n; i++) {
		low = fmin(low, p[i].y - slope * p[i].x);
	}
	t->speed_ppm = slope * 1e6;
	t->zero_ns = near_ns + llround(low);
	t->at_ns = at_ns;
	judge(t, p, low);
}

/* ---- reports ---- */

static void keep(struct timeline *t, int64_t at_ns, int64_t zero_ns) {
	struct timeline_span *s = t->n > 0 ? &t->spans[t->n - 1] : NULL;
	if (s == NULL || at_ns - s->opened_ns >= TIMELINE_SPAN_NS) {
		if (t->n == TIMELINE_SPANS) {
			t->n--;
			memmove(t->spans, t->spans + 1, t->n * sizeof(t->spans[0]));
		}
		t->spans[t->n++] = (struct timeline_span){.at_ns = at_ns,
							  .zero_ns = zero_ns,
							  .reports = 1,
							  .opened_ns = at_ns};
		return;
	}
	int64_t later_ns = zero_ns - s->zero_ns - llround(moved_ns(t, at_ns - s->at_ns));
	if (later_ns < 0) {
		s->later_ns -= later_ns * s->reports;
		s->at_ns = at_ns;
		s->zero_ns = zero_ns;
	} else {
		s->later_ns += later_ns;
	}
	s->reports++;
}

/* A report that is early by so much is believed for its number, one that is late must
 * have been so for longer than any timer is. */
static bool is_strange(struct timeline *t, int64_t at_ns, int64_t off_ns) {
	if (t->reports == 0 || llabs(off_ns) <= STRANGE_NS) {
		t->strange = 0;
		return false;
	}
	t->strange_ns = t->strange == 0 ? at_ns : t->strange_ns;
	t->strange++;
	if (t->strange < STRANGE_MAX ||
	    (off_ns > 0 && at_ns - t->strange_ns < STRANGE_LATE_NS)) {
		return true;
	}
	timeline_forget(t);
	return false;
}

bool timeline_report(struct timeline *t, int64_t frame, int64_t at_ns) {
	int64_t zero_ns = at_ns - timeline_ns(frame, t->rate);
	int64_t off_ns = zero_ns - t->zero_ns - llround(moved_ns(t, at_ns - t->at_ns));
	if (is_strange(t, at_ns, off_ns)) {
		return false;
	}
	t->reports++;
	keep(t, at_ns, zero_ns);
	fit(t, at_ns, zero_ns);
	return true;
}

bool timeline_known(const struct timeline *t) {
	return t->reports > 0;
}

bool timeline_settled(const struct timeline *t) {
	return t->reports >= TIMELINE_FIRST && (!t->coarse || t->n >= FEW_SPANS);
}

int64_t timeline_wanted_ns(const struct timeline *t) {
	bool first = t->reports < TIMELINE_FIRST;
	int64_t dither_ns =
		(int64_t)((uint64_t)t->reports * 2654435761U % (uint64_t)OFTEN_MORE_NS);
	if (!first && !t->coarse) {
		return INT64_MAX;
	}
	return (OFTEN_NS + dither_ns) *
	       (first || t->coarse_ns > ROUGH_NS ? 1 : OFTEN_FINE);
}

int64_t timeline_ns_of_frame(const struct timeline *t, int64_t frame) {
	return t->zero_ns + timeline_ns(frame, t->rate);
}

int64_t timeline_frame_at(const struct timeline *t, int64_t ns) {
	return timeline_frames(ns - t->zero_ns, t->rate);
}
