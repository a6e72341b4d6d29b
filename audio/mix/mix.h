/* mix.h - arithmetic on frames: gain, ramps, the limiter, dither, levels. Pure; one
 * struct belongs to one stream. Threads: one at a time. Never blocks, never allocates.
 *
 * A frame here is one float of one (mono) zone; full scale is 1. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIX_SILENCE_DB (-120.0)

float mix_gain_of_db(double db); /* MIX_SILENCE_DB and less is 0 */
double mix_db_of(double value);  /* at least MIX_SILENCE_DB */

void mix_add(float *to, const float *from, size_t n);
float mix_peak(const float *frames, size_t n);
float mix_square(const float *frames, size_t n); /* the mean of the squares */

/* A gain that moves in a straight line, so that a turn of the knob makes no step: `from`
 * up to frame `start`, `to` from `length` frames later on. */
struct glide {
	float from;
	float to;
	int64_t start;
	int64_t length;
};
void glide_init(struct glide *g, float gain);
/* From the gain it has at `start`; what lies before that is forgotten. */
void glide_to(struct glide *g, float gain, int64_t start, int64_t length);
/* To frames [at, at + n). */
void glide_apply(const struct glide *g, float *frames, size_t n, int64_t at);

/* Frames [at, at + n) of a sound that fades from `start` on, over `length` frames, along
 * a raised cosine: out, to silence ever after; in, from silence ever before. */
void mix_fade_out(float *frames, size_t n, int64_t at, int64_t start, int64_t length);
void mix_fade_in(float *frames, size_t n, int64_t at, int64_t start, int64_t length);

/* Limiter: true peak stays at or below LIMITER_CEILING_DB. It looks for peaks at four
 * times the rate (after ITU-R BS.1770-4 annex 2), which finds up to 0.3 dB too little,
 * and so aims that much lower. It looks ahead, so no attack is too fast for it; while
 * nothing reaches the aim the sound comes out unchanged to the bit, LIMITER_DELAY
 * frames later. */
#define LIMITER_CEILING_DB (-1.0)
#define LIMITER_AIM_DB (-1.3)
#define LIMITER_DELAY 128
#define LIMITER_TAPS 12
#define LIMITER_WINDOW (LIMITER_DELAY - LIMITER_TAPS / 2 + 1)
#define LIMITER_BLOCK 480 /* frames at most in one call */
struct limiter {
	float ceiling;
	float release;                  /* share of the way back to 1 taken in a frame */
	float taps[3][LIMITER_TAPS];    /* at 1/4, 1/2 and 3/4 of a frame */
	float past[LIMITER_DELAY];      /* the newest frames of the input, in order */
	int32_t wanted[LIMITER_WINDOW]; /* gains asked for, in units of 2^-30 */
	size_t at;                      /* oldest of them */
	int64_t sum;                    /* of them */
	float envelope;                 /* gain held or on its way back */
	int hold;                       /* frames it is still held */
	float work[LIMITER_DELAY + LIMITER_BLOCK];
};
void limiter_init(struct limiter *l, int rate);
void limiter_reset(struct limiter *l); /* forgets the past */
/* In place. n up to LIMITER_BLOCK. */
void limiter_process(struct limiter *l, float *frames, size_t n);

enum mix_format { MIX_S16, MIX_S24_3, MIX_S24, MIX_S32, MIX_FLOAT };
size_t mix_format_bytes(enum mix_format format);
const char *mix_format_name(enum mix_format format);

struct dither {
	uint32_t state; /* any seed */
	float last;
};
/* Writes n frames into channel `channel` of interleaved little-endian ones. frames NULL:
 * digital silence, without dither. S16 and S24 get triangular (TPDF) dither of one step;
 * what is beyond full scale is cut. */
void mix_write(enum mix_format format, const float *frames, size_t n, int channel,
	       int channels, void *to, struct dither *d);
