/* timeline.c - see timeline.h. A report is one noisy measurement of when frame 0 was
 * heard; the mean over the last MEMORY of them is kept. A crystal 100 ppm off then is
 * followed with a lag of 100 us for a report every 60 ms. */
#include "timeline.h"

#include <math.h>
#include <stdlib.h>

#define MEMORY 16
#define STRANGE_NS 20000000 /* off by more: a hiccup or a jump */
#define STRANGE_MAX 4

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
}

void timeline_forget(struct timeline *t) {
	t->seen = 0;
	t->strange = 0;
}

bool timeline_report(struct timeline *t, int64_t frame, int64_t at_ns) {
	int64_t zero_ns = at_ns - timeline_ns(frame, t->rate);
	int64_t off_ns = zero_ns - t->zero_ns;
	if (t->seen > 0 && llabs(off_ns) > STRANGE_NS && ++t->strange < STRANGE_MAX) {
		return false;
	}
	if (t->seen == 0 || t->strange >= STRANGE_MAX) {
		t->zero_ns = zero_ns;
		t->rest_ns = 0.0;
		t->seen = 1;
		t->strange = 0;
		return true;
	}
	t->strange = 0;
	if (t->seen < MEMORY) {
		t->seen++;
	}
	double move = ((double)off_ns - t->rest_ns) / t->seen + t->rest_ns;
	int64_t whole = (int64_t)floor(move);
	t->zero_ns += whole;
	t->rest_ns = move - (double)whole;
	return true;
}

bool timeline_known(const struct timeline *t) {
	return t->seen > 0;
}

int64_t timeline_ns_of_frame(const struct timeline *t, int64_t frame) {
	return t->zero_ns + timeline_ns(frame, t->rate);
}

int64_t timeline_frame_at(const struct timeline *t, int64_t ns) {
	return timeline_frames(ns - t->zero_ns, t->rate);
}
