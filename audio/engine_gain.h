/* engine_gain.h - how loud a voice is, frame by frame: ramps from one gain to another.
 * Pure: what a frame is multiplied with depends on where it lies, not on how often
 * it was rendered. Threads: one at a time. Never blocks, never allocates. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define GAIN_RAMPS 4
#define GAIN_RAMP_MIN_MS 5

struct gain_ramp {
	int64_t start;  /* frame */
	int64_t frames; /* of the way, at least 1 */
	float from;
	float to; /* ever after */
};

/* The newest ramps, by their start. Before the first the gain is `base`. */
struct gain_line {
	float base;
	size_t n;
	struct gain_ramp ramps[GAIN_RAMPS];
};

void gain_line_init(struct gain_line *g, float gain);
float gain_line_at(const struct gain_line *g, int64_t frame);
float gain_line_end(const struct gain_line *g); /* where it is at last */
/* From that frame on, along a raised cosine, to `to`; what was to change later is
 * forgotten. Where there are too many, the oldest is taken as if it had always been at
 * its end: it lies behind all that is rendered anew, or cannot be heard. */
void gain_line_to(struct gain_line *g, int64_t frame, float to, int64_t frames);
/* Frames [at, at + n) of the voice. Where the gain is 1 they are untouched. */
void gain_line_apply(const struct gain_line *g, float *frames, size_t n, int64_t at);

/* An order as one value, never 0. */
uint64_t gain_pack(float gain, int ramp_ms);
float gain_unpack(uint64_t order, int64_t *ret_ramp_ms);
