/* engine_gain.c - see engine_gain.h. */
#include "engine_gain.h"

#include <assert.h>
#include <math.h>
#include <string.h>

void gain_line_init(struct gain_line *g, float gain) {
	g->base = gain;
	g->n = 0;
}

/* The ramp that rules at a frame; NULL before the first. */
static const struct gain_ramp *ramp_at(const struct gain_line *g, int64_t frame) {
	size_t i = g->n;
	while (i > 0 && g->ramps[i - 1].start > frame) {
		i--;
	}
	return i > 0 ? &g->ramps[i - 1] : NULL;
}

static float on_ramp(const struct gain_ramp *r, int64_t frame) {
	int64_t at = frame - r->start;
	if (at >= r->frames) {
		return r->to;
	}
	float way = 0.5F - 0.5F * cosf((float)M_PI * (float)at / (float)r->frames);
	return r->from + (r->to - r->from) * way;
}

float gain_line_at(const struct gain_line *g, int64_t frame) {
	const struct gain_ramp *r = ramp_at(g, frame);
	return r != NULL ? on_ramp(r, frame) : g->base;
}

float gain_line_end(const struct gain_line *g) {
	return g->n > 0 ? g->ramps[g->n - 1].to : g->base;
}

void gain_line_to(struct gain_line *g, int64_t frame, float to, int64_t frames) {
	assert(frames > 0);
	float from = gain_line_at(g, frame);
	while (g->n > 0 && g->ramps[g->n - 1].start >= frame) {
		g->n--;
	}
	if (g->n == GAIN_RAMPS) {
		g->base = g->ramps[1].from;
		g->n--;
		memmove(g->ramps, g->ramps + 1, g->n * sizeof(g->ramps[0]));
	}
	g->ramps[g->n++] = (struct gain_ramp){frame, frames, from, to};
}

void gain_line_apply(const struct gain_line *g, float *frames, size_t n, int64_t at) {
	int64_t last = at + (int64_t)n - 1;
	const struct gain_ramp *r = ramp_at(g, last);
	/* Nothing moves in most blocks. */
	if (r == NULL || at >= r->start + r->frames) {
		float gain = r != NULL ? r->to : g->base;
		for (size_t i = 0; gain != 1.0F && i < n; i++) {
			frames[i] *= gain;
		}
		return;
	}
	for (size_t i = 0; i < n; i++) {
		frames[i] *= gain_line_at(g, at + (int64_t)i);
	}
}

uint64_t gain_pack(float gain, int ramp_ms) {
	uint32_t bits = 0;
	memcpy(&bits, &gain, sizeof(bits));
	ramp_ms = ramp_ms > GAIN_RAMP_MIN_MS ? ramp_ms : GAIN_RAMP_MIN_MS;
	return (uint64_t)bits << 32 | (uint32_t)ramp_ms;
}

float gain_unpack(uint64_t order, int64_t *ret_ramp_ms) {
	uint32_t bits = (uint32_t)(order >> 32);
	float gain = 0.0F;
	memcpy(&gain, &bits, sizeof(gain));
	*ret_ramp_ms = (int64_t)(order & UINT32_MAX);
	return gain;
}
