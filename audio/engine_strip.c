/* engine_strip.c - the sound of one zone on one output: voices at 48 kHz, added up, zone
 * gain, limiter, soxr to the device's rate. Thread: the output's. Never blocks, and
 * allocates only where the rate is set.
 *
 * Positions are absolute: device frame d sounds together with source frame d * 48000 /
 * rate, always. So what a device frame contains depends on where the voices lie, not on
 * how we came there: after an xrun, a rewind or a silence the chain is run over the last
 * ENGINE_PREROLL frames once more (the rings still have them) and goes on from there. */
#include "engine_internal.h"

#include <math.h>

#define METER_MS 100
#define ALIGN_MAX 960

struct strip *strip_new(int64_t zone) {
	struct strip *s = calloc(1, sizeof(*s));
	if (s != NULL) {
		s->zone = zone;
		glide_init(&s->gain, 1.0F);
		limiter_init(&s->limiter, ENGINE_RATE);
		atomic_init(&s->level, strip_pack_level(MIX_SILENCE_DB, MIX_SILENCE_DB));
	}
	return s;
}

void strip_free(struct strip *s) {
	if (s != NULL) {
		resample_free(s->resample);
		free(s);
	}
}

int strip_set_rate(struct strip *s, int rate, struct error *err) {
	s->running = false;
	if (s->rate == rate) {
		return 0;
	}
	struct resample *resample = NULL;
	if (rate != ENGINE_RATE) {
		int rc = resample_new(ENGINE_RATE, rate, &resample, err);
		if (rc < 0) {
			return rc;
		}
	}
	resample_free(s->resample);
	s->resample = resample;
	s->rate = rate;
	meter_init(&s->meter, rate * METER_MS / 1000);
	return 0;
}

int64_t strip_reach(const struct strip *s) {
	return LIMITER_DELAY + ENGINE_BLOCK + ALIGN_MAX +
	       (s->resample != NULL ? resample_lookahead(s->resample) : 0);
}

/* Floor division, also below zero. */
static int64_t scale(int64_t n, int64_t times, int64_t by) {
	int64_t whole = n / by;
	int64_t rest = n % by;
	if (rest < 0) {
		whole--;
		rest += by;
	}
	return whole * times + rest * times / by;
}

int64_t strip_source_of(int64_t d, int rate) {
	return rate == ENGINE_RATE ? d : scale(d, ENGINE_RATE, rate);
}

int64_t strip_device_of(int64_t s, int rate) {
	return rate == ENGINE_RATE ? s : scale(s, rate, ENGINE_RATE);
}

int64_t voice_end_s(const struct voice *v) {
	int64_t end = ring_end(&v->track->ring);
	int64_t end_s = end == RING_ENDLESS ? INT64_MAX : v->begin_s + end;
	if (v->cut_s != INT64_MAX && v->cut_s + v->cut_frames < end_s) {
		return v->cut_s + v->cut_frames;
	}
	return end_s;
}

static bool sounds_within(const struct strip *s, const struct voice *voices, int64_t from,
			  int64_t to) {
	for (const struct voice *v = voices; v != NULL; v = v->next) {
		if (v->zone == s->zone && v->phase == VOICE_SOUNDING && v->begin_s < to &&
		    voice_end_s(v) > from) {
			return true;
		}
	}
	return false;
}

/* Adds source frames [s->next_s, + ENGINE_BLOCK) of a voice. */
static void add_voice(struct strip *s, struct voice *v, float *sum) {
	int64_t from = s->next_s - v->begin_s;
	int64_t skip = from < 0 ? -from : 0;
	if (skip >= ENGINE_BLOCK || s->next_s >= voice_end_s(v)) {
		return;
	}
	float frames[ENGINE_BLOCK];
	int64_t n = ENGINE_BLOCK - skip;
	int64_t right = ring_read(&v->track->ring, v->tap, from + skip, n, frames);
	/* What is replayed before a jump was counted the first time. */
	if (s->drop <= 0 && right < n) {
		v->missing += n - (right > 0 ? right : 0);
		v->starved_ns = v->starved_ns != 0 ? v->starved_ns : engine_now_ns();
	} else if (right == n) {
		v->starved_ns = 0;
	}
	if (right <= 0) {
		return;
	}
	int64_t at = s->next_s + skip;
	if (v->fade_in_s != INT64_MIN) {
		mix_fade_in(frames, (size_t)n, at, v->fade_in_s,
			    ENGINE_RATE * ENGINE_RAMP_MS / 1000);
	}
	if (v->cut_s != INT64_MAX) {
		mix_fade_out(frames, (size_t)n, at, v->cut_s, v->cut_frames);
	}
	gain_line_apply(&v->gain, frames, (size_t)n, at);
	mix_add(sum + skip, frames, (size_t)n);
}

/* Mixes the next block of source frames and leaves it, limited, in s->block. */
static void next_block(struct strip *s, struct voice *voices) {
	memset(s->block, 0, sizeof(s->block));
	for (struct voice *v = voices; v != NULL; v = v->next) {
		if (v->zone == s->zone && v->phase == VOICE_SOUNDING) {
			add_voice(s, v, s->block);
		}
	}
	glide_apply(&s->gain, s->block, ENGINE_BLOCK);
	limiter_process(&s->limiter, s->block, ENGINE_BLOCK);
	s->next_s += ENGINE_BLOCK;
	s->block_at = 0;
	s->block_n = ENGINE_BLOCK;
}

/* Source frames after which the two rates meet again on a frame; the resampler can be
 * moved by a multiple of that alone without moving its sound by part of a frame. */
static int64_t common_step(int rate) {
	int64_t a = ENGINE_RATE;
	int64_t b = rate;
	while (b != 0) {
		int64_t rest = a % b;
		a = b;
		b = rest;
	}
	return ENGINE_RATE / a;
}

/* Takes up a new place: what the chain gives next, after dropping, is device frame d. */
static void start_at(struct strip *s, int64_t d) {
	limiter_reset(&s->limiter);
	s->next_s = strip_source_of(d, s->rate) - ENGINE_PREROLL;
	s->block_at = 0;
	s->block_n = 0;
	s->drop = ENGINE_PREROLL + LIMITER_DELAY;
	if (s->resample != NULL) {
		int64_t step = common_step(s->rate);
		int64_t in = resample_frames_in(s->resample) + LIMITER_DELAY;
		if (step <= ALIGN_MAX) {
			s->next_s -= ((s->next_s - in) % step + step) % step;
		}
		s->drop = d + scale(in - s->next_s, s->rate, ENGINE_RATE) -
			  resample_frames_out(s->resample);
	}
	s->next_d = d;
	s->running = true;
}

/* The chain's next frames, as they come. */
static void pull(struct strip *s, struct voice *voices, float *frames, int64_t n) {
	while (n > 0) {
		size_t used = 0;
		size_t got = 0;
		if (s->resample != NULL) {
			got = resample_process(s->resample, s->block + s->block_at,
					       s->block_n - s->block_at, &used, frames,
					       (size_t)n);
		} else {
			used = s->block_n - s->block_at;
			used = used < (size_t)n ? used : (size_t)n;
			memcpy(frames, s->block + s->block_at, used * sizeof(*frames));
			got = used;
		}
		s->block_at += used;
		frames += got;
		n -= (int64_t)got;
		if (n > 0 && s->block_at == s->block_n) {
			next_block(s, voices);
		}
	}
}

static void meter(struct strip *s, const float *frames, int64_t n) {
	if (meter_add(&s->meter, frames, (size_t)n)) {
		atomic_store_explicit(&s->level,
				      strip_pack_level(s->meter.rms_db, s->meter.peak_db),
				      memory_order_relaxed);
	}
}

bool strip_render(struct strip *s, struct voice *voices, int64_t d, int64_t n,
		  float *frames) {
	int64_t reach = strip_reach(s);
	if (!sounds_within(s, voices, strip_source_of(d, s->rate) - reach,
			   strip_source_of(d + n, s->rate) + reach)) {
		s->running = false;
		/* Nobody hears a gain move in silence. */
		glide_init(&s->gain, s->gain.target);
		meter(s, NULL, n);
		return false;
	}
	if (!s->running || s->next_d != d) {
		start_at(s, d);
		while (s->drop > 0) {
			int64_t piece = s->drop < n ? s->drop : n;
			pull(s, voices, frames, piece);
			s->drop -= piece;
		}
	}
	pull(s, voices, frames, n);
	s->next_d = d + n;
	meter(s, frames, n);
	return true;
}

uint32_t strip_pack_level(double rms_db, double peak_db) {
	uint32_t rms = (uint32_t)lround((rms_db - MIX_SILENCE_DB) * 100.0);
	uint32_t peak = (uint32_t)lround((peak_db - MIX_SILENCE_DB) * 100.0);
	return rms << 16 | (peak & 0xffffU);
}

void strip_unpack_level(uint32_t level, double *rms_db, double *peak_db) {
	*rms_db = MIX_SILENCE_DB + (level >> 16) / 100.0;
	*peak_db = MIX_SILENCE_DB + (level & 0xffffU) / 100.0;
}
