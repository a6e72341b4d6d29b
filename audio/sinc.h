/* sinc.h - a sound between its frames: a windowed sinc (Kaiser) in a table, without a
 * memory: what it gives depends on the frames around a place and on nothing else. Up to
 * 0.8 of half the rate it is right within -75 dB; on a frame it is that frame. Pure. */
#pragma once

#define SINC_HALF 16 /* frames on either side */
#define SINC_TAPS (2 * SINC_HALF)
#define SINC_PHASES 128

struct sinc {
	float taps[SINC_PHASES + 1][SINC_TAPS];
};

void sinc_init(struct sinc *s);
/* `part` of a frame, 0 to 1, behind frames[SINC_HALF - 1], of SINC_TAPS. */
float sinc_at(const struct sinc *s, const float *frames, double part);
