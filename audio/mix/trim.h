/* trim.h - the sound of one clip at its gain: multiplied, and limited where that takes
 * its peaks too high, without a delay. The same for whoever plays the clip and for
 * whoever measures how loud it will be, however it is cut into pieces. Pure; one struct
 * belongs to one clip. Threads: one at a time. Never blocks, never allocates.
 *
 * The limiter of a zone works on the sum of what sounds there, at the zone's gain; it
 * would take from a clip with high peaks what another keeps, in one zone more than in the
 * next. Here clips lose their peaks before that, each at its gain, and in every zone
 * alike. */
#pragma once

#include "mix.h"

#define TRIM_RATE 48000
/* A little lower than LIMITER_AIM_DB, so that a zone's limiter has nothing to do where
 * one clip sounds at 0 dB. */
#define TRIM_AIM_DB (LIMITER_AIM_DB - 0.2)

struct trim {
	float gain;
	struct limiter limiter;
	size_t late;   /* frames that are still to be left out at the beginning */
	size_t within; /* frames that are still to come out at the end */
};

void trim_init(struct trim *t, double gain_db);
/* In place, n frames that follow those before. Returns how many came out, up to n; they
 * stand at the beginning of `frames`. */
size_t trim_frames(struct trim *t, float *frames, size_t n);
/* Behind the last: up to n of those that have not come out, 0 where all have. */
size_t trim_rest(struct trim *t, float *frames, size_t n);
