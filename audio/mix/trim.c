/* trim.c - see trim.h. */
#include "trim.h"

#include <string.h>

void trim_init(struct trim *t, double gain_db) {
	t->gain = mix_gain_of_db(gain_db);
	limiter_init(&t->limiter, TRIM_RATE);
	t->limiter.ceiling = mix_gain_of_db(TRIM_AIM_DB);
	t->late = LIMITER_DELAY;
	t->within = LIMITER_DELAY;
}

static void limit(struct trim *t, float *frames, size_t n) {
	for (size_t done = 0; done < n;) {
		size_t piece = n - done < LIMITER_BLOCK ? n - done : LIMITER_BLOCK;
		limiter_process(&t->limiter, frames + done, piece);
		done += piece;
	}
}

/* Leaves out what the limiter gives before it has anything. */
static size_t leave_out(struct trim *t, float *frames, size_t n) {
	size_t skip = t->late < n ? t->late : n;
	t->late -= skip;
	if (skip > 0) {
		memmove(frames, frames + skip, (n - skip) * sizeof(*frames));
	}
	return n - skip;
}

size_t trim_frames(struct trim *t, float *frames, size_t n) {
	for (size_t i = 0; t->gain != 1.0F && i < n; i++) {
		frames[i] *= t->gain;
	}
	limit(t, frames, n);
	return leave_out(t, frames, n);
}

size_t trim_rest(struct trim *t, float *frames, size_t n) {
	size_t out = 0;
	while (out == 0 && t->within > 0 && n > 0) {
		size_t piece = t->within < n ? t->within : n;
		memset(frames, 0, piece * sizeof(*frames));
		limit(t, frames, piece);
		t->within -= piece;
		out = leave_out(t, frames, piece);
	}
	return out;
}
