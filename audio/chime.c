/* chime.c - see chime.h. A chime is a few struck notes; a note is a handful of partials,
 * each a sine of constant frequency that only dies away. A partial is a vector turned a
 * little per frame; it is set anew from the closed form at fixed frames, so that a chime
 * is the same however it is cut into pieces. */
#include "chime.h"

#include <math.h>
#include <string.h>

#define NOTES_MAX 3
#define BLOCK 256  /* frames between two settings from the closed form */
#define STRIKE 240 /* frames of the strike, 5 ms: no click */
#define FADE 960   /* frames at the end, 20 ms */

struct note {
	double hz;
	int64_t at; /* frame of its strike */
};

struct chime {
	const char *name;
	int64_t frames;
	double gain; /* so that it is as loud as clips are: -16 LUFS */
	struct note notes[NOTES_MAX];
	size_t n_notes;
};

/* Partials of a tubular bell as one hears them, the higher ones shorter. All well inside
 * what a horn carries (300 Hz to 5 kHz). */
static const struct {
	double ratio;
	double amplitude;
	double seconds; /* to 1/e */
} partials[] = {
	{1.0, 1.0, 0.55},  {2.0, 0.45, 0.40}, {3.0, 0.16, 0.25},
	{4.2, 0.10, 0.12}, {5.4, 0.05, 0.07},
};
#define PARTIALS (sizeof(partials) / sizeof(partials[0]))

static const struct chime chimes[] = {
	{"three-tone",
	 CHIME_RATE * 29 / 10,
	 0.372,
	 {{783.991, 0}, {659.255, CHIME_RATE * 6 / 10}, {523.251, CHIME_RATE * 12 / 10}},
	 3},
	{"two-tone",
	 CHIME_RATE * 24 / 10,
	 0.419,
	 {{659.255, 0}, {523.251, CHIME_RATE * 7 / 10}},
	 2},
	{"single", CHIME_RATE * 17 / 10, 0.563, {{587.330, 0}}, 1},
};
#define CHIMES (sizeof(chimes) / sizeof(chimes[0]))

const char *const *chime_names(void) {
	static const char *const names[] = {"three-tone", "two-tone", "single", NULL};
	return names;
}

static const struct chime *chime_find(const char *name) {
	for (size_t i = 0; i < CHIMES; i++) {
		if (strcmp(chimes[i].name, name) == 0) {
			return &chimes[i];
		}
	}
	return NULL;
}

bool chime_known(const char *name) {
	return chime_find(name) != NULL;
}

int64_t chime_frames(const char *name) {
	const struct chime *c = chime_find(name);
	return c == NULL ? 0 : c->frames;
}

/* Adds frames [from, from + n) of one partial, counted from the note's strike; all of
 * them lie in one block. */
static void add_partial(double hz, size_t which, int64_t from, double gain, float *frames,
			size_t n) {
	double decay = -1.0 / (partials[which].seconds * CHIME_RATE);
	double turn = 2.0 * M_PI * hz * partials[which].ratio / CHIME_RATE;
	int64_t block = from - from % BLOCK;
	double level = gain * partials[which].amplitude * exp(decay * (double)block);
	double angle = fmod(turn * (double)block, 2.0 * M_PI);
	double re = level * cos(angle);
	double im = level * sin(angle);
	double step_re = exp(decay) * cos(turn);
	double step_im = exp(decay) * sin(turn);
	for (int64_t age = block; age < from + (int64_t)n; age++) {
		if (age >= from) {
			double strike = age < STRIKE ? (double)age / STRIKE : 1.0;
			frames[age - from] += (float)(strike * im);
		}
		double turned = re * step_re - im * step_im;
		im = re * step_im + im * step_re;
		re = turned;
	}
}

static void add_note(const struct chime *c, const struct note *note, int64_t from,
		     float *frames, size_t n) {
	size_t done = from < note->at ? (size_t)(note->at - from) : 0;
	while (done < n) {
		int64_t age = from + (int64_t)done - note->at;
		size_t piece = (size_t)(BLOCK - age % BLOCK);
		if (piece > n - done) {
			piece = n - done;
		}
		for (size_t p = 0; p < PARTIALS; p++) {
			add_partial(note->hz, p, age, c->gain, frames + done, piece);
		}
		done += piece;
	}
}

size_t chime_render(const char *name, int64_t from, float *frames, size_t n) {
	const struct chime *c = chime_find(name);
	if (c == NULL || from < 0 || from >= c->frames) {
		return 0;
	}
	if ((int64_t)n > c->frames - from) {
		n = (size_t)(c->frames - from);
	}
	memset(frames, 0, n * sizeof(*frames));
	for (size_t i = 0; i < c->n_notes; i++) {
		add_note(c, &c->notes[i], from, frames, n);
	}
	for (size_t i = 0; i < n; i++) {
		int64_t left = c->frames - (from + (int64_t)i);
		if (left < FADE) {
			frames[i] *= (float)left / FADE;
		}
	}
	return n;
}
