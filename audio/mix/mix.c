/* mix.c - see mix.h. */
#include "mix.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define LANES 8  /* frames the compiler may take at a time */
#define PIECE 64 /* frames worked on at a time where a row of them is kept */
#define ONE_Q30 (1 << 30)
/* The taps at one phase add up to less than this, so no interpolated value is more than
 * this many times the largest frame. */
#define OVERSHOOT_MAX 2.2F
#define RELEASE_S 0.15F
#define RELEASE_MARGIN 0.02F

float mix_gain_of_db(double db) {
	return db <= MIX_SILENCE_DB ? 0.0F : (float)pow(10.0, db / 20.0);
}

double mix_db_of(double value) {
	double db = value > 0.0 ? 20.0 * log10(value) : MIX_SILENCE_DB;
	return db > MIX_SILENCE_DB ? db : MIX_SILENCE_DB;
}

void mix_add(float *to, const float *from, size_t n) {
	for (size_t i = 0; i < n; i++) {
		to[i] += from[i];
	}
}

static float larger(float a, float b) {
	return a > b ? a : b;
}

float mix_peak(const float *frames, size_t n) {
	/* Several at a time, so that the compiler may keep them in one register. */
	float peak[LANES] = {0};
	size_t i = 0;
	for (; i + LANES <= n; i += LANES) {
		for (size_t k = 0; k < LANES; k++) {
			peak[k] = larger(peak[k], fabsf(frames[i + k]));
		}
	}
	for (; i < n; i++) {
		peak[0] = larger(peak[0], fabsf(frames[i]));
	}
	for (size_t k = 1; k < LANES; k++) {
		peak[0] = larger(peak[0], peak[k]);
	}
	return peak[0];
}

float mix_square(const float *frames, size_t n) {
	float sum[LANES] = {0};
	size_t i = 0;
	for (; i + LANES <= n; i += LANES) {
		for (size_t k = 0; k < LANES; k++) {
			sum[k] += frames[i + k] * frames[i + k];
		}
	}
	for (; i < n; i++) {
		sum[0] += frames[i] * frames[i];
	}
	for (size_t k = 1; k < LANES; k++) {
		sum[0] += sum[k];
	}
	return n > 0 ? sum[0] / (float)n : 0.0F;
}

void glide_init(struct glide *g, float gain) {
	*g = (struct glide){.from = gain, .to = gain};
}

static float glide_at(const struct glide *g, int64_t at) {
	if (at < g->start) {
		return g->from;
	}
	if (at - g->start >= g->length) {
		return g->to;
	}
	return g->from + (g->to - g->from) * ((float)(at - g->start) / (float)g->length);
}

void glide_to(struct glide *g, float gain, int64_t start, int64_t length) {
	*g = (struct glide){
		.from = glide_at(g, start), .to = gain, .start = start, .length = length};
}

void glide_apply(const struct glide *g, float *frames, size_t n, int64_t at) {
	float first = glide_at(g, at);
	float last = glide_at(g, at + (int64_t)n);
	if (first != last || (at < g->start && at + (int64_t)n > g->start)) {
		for (size_t i = 0; i < n; i++) {
			frames[i] *= glide_at(g, at + (int64_t)i);
		}
	} else if (first != 1.0F) {
		for (size_t i = 0; i < n; i++) {
			frames[i] *= first;
		}
	}
}

/* 1 at and before 0, 0 at and after `length`. */
static float fade_gain(int64_t at, int64_t length) {
	if (at <= 0) {
		return 1.0F;
	}
	if (at >= length) {
		return 0.0F;
	}
	return 0.5F + 0.5F * (float)cos(M_PI * (double)at / (double)length);
}

void mix_fade_out(float *frames, size_t n, int64_t at, int64_t start, int64_t length) {
	if (at + (int64_t)n <= start) {
		return;
	}
	for (size_t i = 0; i < n; i++) {
		frames[i] *= fade_gain(at + (int64_t)i - start, length);
	}
}

void mix_fade_in(float *frames, size_t n, int64_t at, int64_t start, int64_t length) {
	if (at >= start + length) {
		return;
	}
	for (size_t i = 0; i < n; i++) {
		frames[i] *= fade_gain(start + length - at - (int64_t)i, length);
	}
}

void limiter_init(struct limiter *l, int rate) {
	memset(l, 0, sizeof(*l));
	l->ceiling = mix_gain_of_db(LIMITER_AIM_DB);
	l->release = 1.0F - expf(-1.0F / (RELEASE_S * (float)rate));
	for (int phase = 0; phase < 3; phase++) {
		double between = (phase + 1) / 4.0;
		double sum = 0.0;
		double taps[LIMITER_TAPS];
		for (int k = 0; k < LIMITER_TAPS; k++) {
			int offset = k - (LIMITER_TAPS / 2 - 1);
			double x = offset - between;
			double window = cos(M_PI * x / (LIMITER_TAPS + 1));
			taps[k] = sin(M_PI * x) / (M_PI * x) * window * window;
			sum += taps[k];
		}
		for (int k = 0; k < LIMITER_TAPS; k++) {
			l->taps[phase][k] = (float)(taps[k] / sum);
		}
	}
	limiter_reset(l);
}

void limiter_reset(struct limiter *l) {
	memset(l->past, 0, sizeof(l->past));
	for (size_t i = 0; i < LIMITER_WINDOW; i++) {
		l->wanted[i] = ONE_Q30;
	}
	l->sum = (int64_t)LIMITER_WINDOW * ONE_Q30;
	l->at = 0;
	l->envelope = 1.0F;
	l->hold = 0;
}

/* peaks[i]: true peak around frame i - LIMITER_TAPS / 2 of the block at x. */
static void find_peaks(const struct limiter *l, const float *x, float *peaks, size_t n) {
	const float *middle = x - LIMITER_TAPS / 2;
	for (size_t i = 0; i < n; i++) {
		peaks[i] = larger(fabsf(middle[i]), fabsf(middle[i + 1]));
	}
	for (int phase = 0; phase < 3; phase++) {
		float sums[PIECE] = {0};
		for (int k = 0; k < LIMITER_TAPS; k++) {
			const float *from = x - (LIMITER_TAPS - 1) + k;
			float tap = l->taps[phase][k];
			for (size_t i = 0; i < n; i++) {
				sums[i] += tap * from[i];
			}
		}
		for (size_t i = 0; i < n; i++) {
			peaks[i] = larger(peaks[i], fabsf(sums[i]));
		}
	}
}

/* Nothing in the n frames at x, nor between them, can reach the ceiling. */
static bool is_low(const struct limiter *l, const float *x, size_t n) {
	return mix_peak(x - (LIMITER_TAPS - 1), n + LIMITER_TAPS - 1) * OVERSHOOT_MAX <
	       l->ceiling;
}

/* The gain at which frame i leaves: the mean of the gains asked for over the window. Each
 * of those a peak lies under is held below what that peak needs, so the mean is too. */
static float next_gain(struct limiter *l, float peak) {
	float need = peak > l->ceiling ? l->ceiling / peak : 1.0F;
	/* A peak a little above the envelope holds it too: in one window the way back
	 * goes less than RELEASE_MARGIN of what is left. */
	if (need < 1.0F && need <= l->envelope + (1.0F - l->envelope) * RELEASE_MARGIN) {
		l->envelope = need < l->envelope ? need : l->envelope;
		l->hold = LIMITER_WINDOW + 2;
	} else if (l->hold > 0) {
		l->hold--;
	} else if (l->envelope < 1.0F) {
		/* At last the share is less than a float can tell. */
		float up = (1.0F - l->envelope) * l->release;
		l->envelope += larger(up, FLT_EPSILON / 2);
		l->envelope = l->envelope > 0.99999F ? 1.0F : l->envelope;
	}
	int32_t q =
		l->envelope >= 1.0F ? ONE_Q30 : (int32_t)(l->envelope * (float)ONE_Q30);
	l->sum += q - l->wanted[l->at];
	l->wanted[l->at] = q;
	l->at = l->at + 1 == LIMITER_WINDOW ? 0 : l->at + 1;
	return l->sum == (int64_t)LIMITER_WINDOW * ONE_Q30
		       ? 1.0F
		       : (float)((double)l->sum /
				 ((double)((int64_t)LIMITER_WINDOW * ONE_Q30)));
}

/* No gain but 1 is asked for, held or on its way. */
static bool is_idle(const struct limiter *l) {
	return l->sum == (int64_t)LIMITER_WINDOW * ONE_Q30 && l->envelope >= 1.0F;
}

/* Sets the gain of a piece of up to PIECE frames, given what comes in with it. */
static void limit_piece(struct limiter *l, const float *x, float *frames, size_t n) {
	float peaks[PIECE] = {0};
	if (!is_low(l, x, n)) {
		find_peaks(l, x, peaks, n);
	} else if (is_idle(l)) {
		return;
	}
	/* Ever so often it is only almost reached. */
	if (is_idle(l) && mix_peak(peaks, n) <= l->ceiling) {
		return;
	}
	for (size_t i = 0; i < n; i++) {
		frames[i] *= next_gain(l, peaks[i]);
	}
}

void limiter_process(struct limiter *l, float *frames, size_t n) {
	float *x = l->work + LIMITER_DELAY;
	memcpy(l->work, l->past, sizeof(l->past));
	memcpy(x, frames, n * sizeof(*frames));
	memcpy(frames, l->work, n * sizeof(*frames));
	if (!is_idle(l) || !is_low(l, x, n)) {
		for (size_t i = 0; i < n; i += PIECE) {
			limit_piece(l, x + i, frames + i, n - i < PIECE ? n - i : PIECE);
		}
	}
	memcpy(l->past, l->work + n, sizeof(l->past));
}

static const struct {
	const char *name;
	size_t bytes;
} formats[] = {
	[MIX_S16] = {"S16_LE", 2},     [MIX_S24_3] = {"S24_3LE", 3},
	[MIX_S24] = {"S24_LE", 4},     [MIX_S32] = {"S32_LE", 4},
	[MIX_FLOAT] = {"FLOAT_LE", 4},
};

size_t mix_format_bytes(enum mix_format format) {
	return formats[format].bytes;
}

const char *mix_format_name(enum mix_format format) {
	return formats[format].name;
}

#define DITHER_TIMES 1664525U
#define DITHER_PLUS 1013904223U

/* The next n numbers, uniform in [0, 1). Each is made from the one LANES before it, which
 * gives the same row as one by one. */
static void next_uniforms(struct dither *d, float *uniform, size_t n) {
	uint32_t state[PIECE];
	uint32_t times = 1;
	uint32_t plus = 0;
	for (size_t k = 0; k < LANES; k++) {
		times *= DITHER_TIMES;
		plus = plus * DITHER_TIMES + DITHER_PLUS;
		state[k] = d->state * times + plus;
	}
	for (size_t i = LANES; i < PIECE; i += LANES) {
		for (size_t k = 0; k < LANES; k++) {
			state[i + k] = state[i + k - LANES] * times + plus;
		}
	}
	for (size_t i = 0; i < PIECE; i++) {
		uniform[i] = (float)(int32_t)(state[i] >> 8) * 0x1p-24F;
	}
	d->state = state[n - 1];
}

/* Up to PIECE frames as integers with dither. The difference of two uniforms is
 * triangular; taking the one before as the second moves the noise up, where a horn
 * carries least. */
static void round_dithered(const float *frames, size_t n, float scale, struct dither *d,
			   int32_t *to) {
	float uniform[1 + PIECE];
	float max = scale - 1.0F;
	uniform[0] = d->last;
	next_uniforms(d, uniform + 1, n);
	d->last = uniform[n];
	for (size_t i = 0; i < n; i++) {
		float v = frames[i] * scale + (uniform[i + 1] - uniform[i]);
		v = v > max ? max : v;
		v = v < -scale ? -scale : v;
		to[i] = (int32_t)(v + (v >= 0.0F ? 0.5F : -0.5F));
	}
}

static void write_dithered(const float *frames, size_t n, float scale, size_t step,
			   size_t bytes, unsigned char *to, struct dither *d) {
	int32_t whole[PIECE];
	for (size_t done = 0; done < n; done += PIECE) {
		size_t piece = n - done < PIECE ? n - done : PIECE;
		round_dithered(frames + done, piece, scale, d, whole);
		for (size_t i = 0; i < piece && bytes == 2; i++, to += step) {
			int16_t narrow = (int16_t)whole[i];
			memcpy(to, &narrow, sizeof(narrow));
		}
		for (size_t i = 0; i < piece && bytes != 2; i++, to += step) {
			memcpy(to, &whole[i], bytes);
		}
	}
}

static void write_s32(const float *frames, size_t n, size_t step, unsigned char *to) {
	for (size_t i = 0; i < n; i++, to += step) {
		/* A float has 24 bits: its own rounding is far above any dither here. */
		double v = (double)frames[i] * 2147483648.0;
		v = v > 2147483647.0    ? 2147483647.0
		    : v < -2147483648.0 ? -2147483648.0
					: v;
		int32_t whole = (int32_t)v;
		memcpy(to, &whole, sizeof(whole));
	}
}

static void write_float(const float *frames, size_t n, size_t step, unsigned char *to) {
	for (size_t i = 0; i < n; i++, to += step) {
		float v = frames[i] > 1.0F ? 1.0F : frames[i] < -1.0F ? -1.0F : frames[i];
		memcpy(to, &v, sizeof(v));
	}
}

void mix_write(enum mix_format format, const float *frames, size_t n, int channel,
	       int channels, void *to, struct dither *d) {
	size_t bytes = mix_format_bytes(format);
	size_t step = bytes * (size_t)channels;
	unsigned char *at = (unsigned char *)to + bytes * (size_t)channel;
	if (frames == NULL) {
		for (size_t i = 0; i < n; i++, at += step) {
			memset(at, 0, bytes);
		}
		return;
	}
	switch (format) {
	case MIX_S16:
		write_dithered(frames, n, 32768.0F, step, bytes, at, d);
		break;
	case MIX_S24_3:
	case MIX_S24:
		write_dithered(frames, n, 8388608.0F, step, bytes, at, d);
		break;
	case MIX_S32:
		write_s32(frames, n, step, at);
		break;
	case MIX_FLOAT:
		write_float(frames, n, step, at);
		break;
	}
}
