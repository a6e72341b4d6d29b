/* slew.c - see slew.h. */
#include "slew.h"

#include "mix/mix.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void slews_init(struct slews *s) {
	s->base = 0;
	s->n = 0;
}

static int64_t end_of(const struct slew *w) {
	return w->from_d + w->length;
}

static void add(struct slews *s, const struct slew *w) {
	assert(w->frames != 0);
	if (s->n == SLEW_MAX) {
		s->base += s->items[0].frames;
		s->n--;
		memmove(s->items, s->items + 1, s->n * sizeof(s->items[0]));
	}
	s->items[s->n] = *w;
	int64_t before_d = slews_end_d(s);
	if (s->items[s->n].from_d < before_d) {
		s->items[s->n].from_d = before_d;
	}
	s->n++;
}

void slews_glide(struct slews *s, int64_t from_d, int64_t frames) {
	int64_t steady = (llabs(frames) * 1000000 + SLEW_PPM - 1) / SLEW_PPM;
	add(s, &(struct slew){
		       .from_d = from_d, .length = SLEW_RISE + steady, .frames = frames});
}

void slews_jump(struct slews *s, int64_t from_d, int64_t frames) {
	add(s, &(struct slew){.from_d = from_d,
			      .length = frames < 0 ? -frames : 0,
			      .frames = frames,
			      .jump = true});
}

/* How far it has come after `at` frames: the speed rises and falls evenly. */
static double way(const struct slew *w, int64_t at) {
	double frames = (double)w->frames;
	if (w->jump) {
		return w->length > 0 ? -(double)at : frames;
	}
	double left = (double)(w->length - at);
	double speed = frames / (double)(w->length - SLEW_RISE);
	if (at < SLEW_RISE) {
		return speed * (double)at * (double)at / (2.0 * SLEW_RISE);
	}
	if (left < SLEW_RISE) {
		return frames - speed * left * left / (2.0 * SLEW_RISE);
	}
	return speed * ((double)at - SLEW_RISE / 2.0);
}

/* The one that device frame d lies in, or NULL; *whole: the shift of those before. */
static const struct slew *find(const struct slews *s, int64_t d, int64_t *whole) {
	*whole = s->base;
	for (size_t i = 0; i < s->n && d >= s->items[i].from_d; i++) {
		if (d < end_of(&s->items[i])) {
			return &s->items[i];
		}
		*whole += s->items[i].frames;
	}
	return NULL;
}

void slews_shifts(const struct slews *s, int64_t d, int64_t n, double *shifts) {
	int64_t whole = 0;
	const struct slew *w = find(s, d, &whole);
	for (int64_t i = 0; i < n; i++) {
		shifts[i] = (double)whole;
		shifts[i] += w != NULL ? way(w, d + i - w->from_d) : 0.0;
	}
}

double slews_shift(const struct slews *s, int64_t d) {
	double shift = 0.0;
	slews_shifts(s, d, 1, &shift);
	return shift;
}

int64_t slews_total(const struct slews *s) {
	int64_t total = s->base;
	for (size_t i = 0; i < s->n; i++) {
		total += s->items[i].frames;
	}
	return total;
}

int64_t slews_end_d(const struct slews *s) {
	return s->n > 0 ? end_of(&s->items[s->n - 1]) : INT64_MIN;
}

int64_t slews_device(const struct slews *s, int64_t c) {
	int64_t least = s->base;
	int64_t most = least;
	int64_t shift = s->base;
	for (size_t i = 0; i < s->n; i++) {
		shift += s->items[i].frames;
		least = shift < least ? shift : least;
		most = shift > most ? shift : most;
	}
	/* It never goes back, so it is found by halves. */
	int64_t low = c - most;
	int64_t high = c - least;
	while (low < high) {
		int64_t d = low + (high - low) / 2;
		if ((double)(d - c) + slews_shift(s, d) >= 0.0) {
			high = d;
		} else {
			low = d + 1;
		}
	}
	return low;
}

static void limit(int64_t *n, int64_t most) {
	*n = *n < most ? *n : most;
}

enum slew_kind slews_piece(const struct slews *s, int64_t d, int64_t *n) {
	for (size_t i = 0; i < s->n; i++) {
		const struct slew *w = &s->items[i];
		if (d < w->from_d) {
			limit(n, w->from_d - d);
			return SLEW_STILL;
		}
		if (d < end_of(w)) {
			limit(n, end_of(w) - d);
			return w->jump ? SLEW_MUTE : SLEW_GLIDE;
		}
	}
	return SLEW_STILL;
}

void slews_dip(const struct slews *s, float *frames, int64_t n, int64_t d, int rate) {
	int64_t fade = (int64_t)rate * SLEW_DIP_MS / 1000;
	for (size_t i = 0; i < s->n; i++) {
		const struct slew *w = &s->items[i];
		int64_t end_d = end_of(w);
		if (!w->jump || d + n <= w->from_d - fade || d >= end_d + fade) {
			continue;
		}
		if (d < w->from_d) {
			mix_fade_out(frames, (size_t)n, d, w->from_d - fade, fade);
		} else if (d < end_d) {
			memset(frames, 0, (size_t)n * sizeof(*frames));
		} else {
			mix_fade_in(frames, (size_t)n, d, end_d, fade);
		}
	}
}

int64_t slews_passed_over(const struct slews *s, int64_t from_d, int64_t to_d) {
	int64_t frames = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct slew *w = &s->items[i];
		if (w->jump && w->frames > 0 && w->from_d >= from_d && w->from_d < to_d) {
			frames += w->frames;
		}
	}
	return frames;
}
