/* engine_strip.c - the sound of one zone on one output, at the device's rate: voices
 * added up, zone gain, limiter. Thread: the output's. Never blocks, and allocates only
 * where the rate is set.
 *
 * An urgent voice has a gain of its own: an alert is as loud as may be from its first
 * sample on, and what makes way for it, or comes back behind it, is not, not for a
 * moment.
 *
 * A voice's frame k lies on content frame origin + k, always; which of it is played at a
 * device frame (slew.h), and every step here, is a matter of where a frame lies. So what
 * a device frame contains does not depend on how we came there: after an xrun, a rewind
 * or a silence the chain is run over the frames before it once more (the rings still have
 * them) and goes on from there. What the limiter remembers for longer, its slow way back,
 * is marked down block by block as the frames pass, and taken from the mark. */
#include "engine_internal.h"

#include <math.h>

struct strip *strip_new(int64_t zone, const struct sinc *sinc) {
	struct strip *s = calloc(1, sizeof(*s));
	if (s != NULL) {
		s->zone = zone;
		s->sinc = sinc;
		glide_init(&s->gain, 1.0F);
		glide_init(&s->urgent_gain, 1.0F);
	}
	return s;
}

void strip_free(struct strip *s) {
	if (s != NULL) {
		free(s->marks);
		free(s);
	}
}

int strip_set_rate(struct strip *s, int rate, int64_t buffer_frames, struct error *err) {
	size_t n = (size_t)(buffer_frames + ENGINE_PREROLL) / ENGINE_BLOCK + 4;
	if (s->n_marks < n) {
		struct strip_mark *marks = calloc(n, sizeof(*marks));
		if (marks == NULL) {
			return error_set(err, ENOMEM, "no memory for a zone's sound");
		}
		free(s->marks);
		s->marks = marks;
		s->n_marks = n;
		strip_forget(s);
	}
	if (s->rate != rate) {
		s->rate = rate;
		limiter_init(&s->limiter, rate);
	}
	return 0;
}

void strip_renew(struct strip *s) {
	s->given_d = INT64_MIN;
}

/* Nobody hears a gain move in silence. */
static void rest_gains(struct strip *s) {
	glide_init(&s->gain, s->gain.to);
	glide_init(&s->urgent_gain, s->urgent_gain.to);
}

void strip_forget(struct strip *s) {
	s->running = false;
	s->mixed_d = INT64_MIN;
	rest_gains(s);
	for (size_t i = 0; i < s->n_marks; i++) {
		s->marks[i].at = INT64_MIN;
	}
	level_clear_all(&s->level);
}

static void set_gain(const struct strip *s, struct glide *g, float gain) {
	if (g->to != gain) {
		glide_to(g, gain, s->next_d, s->rate * ENGINE_GLIDE_MS / 1000);
	}
}

void strip_set_gains(struct strip *s, float gain, float urgent_gain) {
	set_gain(s, &s->gain, gain);
	set_gain(s, &s->urgent_gain, urgent_gain);
	if (!s->running) {
		rest_gains(s);
	}
}

int64_t voice_end_d(const struct voice *v, int rate) {
	int64_t end = ring_end(&v->track->ring);
	int64_t end_d = INT64_MAX;
	if (end != RING_ENDLESS) {
		end_d = slews_device(v->slews,
				     v->origin + ring_scale_up(end, ENGINE_RATE, rate));
	}
	if (v->cut_d != INT64_MAX && v->cut_d + v->cut_frames < end_d) {
		return v->cut_d + v->cut_frames;
	}
	return end_d;
}

static bool sounds_within(const struct strip *s, const struct voice *voices, int64_t from,
			  int64_t to) {
	for (const struct voice *v = voices; v != NULL; v = v->next) {
		if (v->zone == s->zone && v->phase == VOICE_SOUNDING && v->begin_d < to &&
		    voice_end_d(v, s->rate) > from) {
			return true;
		}
	}
	return false;
}

int64_t voice_frame_at(const struct voice *v, int64_t d) {
	return d - v->origin + (int64_t)floor(slews_shift(v->slews, d));
}

int64_t voice_reach_d(const struct voice *v, int64_t n) {
	return slews_device(v->slews, v->origin + n);
}

/* Device frames [d, + n) in a glide: each lies between frames of the lane. Like
 * ring_read. */
static int64_t read_glide(const struct strip *s, struct voice *v, int64_t d, int64_t n,
			  float *frames, int64_t *first) {
	float lane[ENGINE_BLOCK + 2 * SINC_TAPS];
	double at[ENGINE_BLOCK];
	slews_shifts(v->slews, d, n, at);
	int64_t low = d - v->origin + (int64_t)floor(at[0]) - (SINC_HALF - 1);
	int64_t high = d + n - 1 - v->origin + (int64_t)floor(at[n - 1]) + SINC_HALF;
	int64_t right =
		ring_read(&v->track->ring, v->tap, low, high - low + 1, lane, first);
	for (int64_t i = 0; i < n; i++) {
		double shift = floor(at[i]);
		int64_t from = d + i - v->origin + (int64_t)shift - (SINC_HALF - 1) - low;
		if (from + SINC_TAPS > right) {
			return right < 0 ? right : i;
		}
		frames[i] = sinc_at(s->sinc, lane + from, at[i] - shift);
	}
	return n;
}

/* Device frames [d, + n) of a voice, as ring_read: what is not there is 0. */
static int64_t read_voice(const struct strip *s, struct voice *v, int64_t d, int64_t n,
			  float *frames, int64_t *first) {
	memset(frames, 0, (size_t)n * sizeof(*frames));
	for (int64_t done = 0; done < n;) {
		int64_t piece = n - done;
		enum slew_kind kind = slews_piece(v->slews, d + done, &piece);
		int64_t right = piece;
		if (kind == SLEW_STILL) {
			right = ring_read(&v->track->ring, v->tap,
					  voice_frame_at(v, d + done), piece,
					  frames + done, first);
		} else if (kind == SLEW_GLIDE) {
			right = read_glide(s, v, d + done, piece, frames + done, first);
		}
		slews_dip(v->slews, frames + done, piece, d + done, s->rate);
		if (right < piece) {
			return done > 0 ? done + (right > 0 ? right : 0) : right;
		}
		done += piece;
	}
	return n;
}

/* Adds device frames [s->next_d, + ENGINE_BLOCK) of a voice. */
static void add_voice(struct strip *s, struct voice *v, float *sum) {
	int64_t skip = v->begin_d > s->next_d ? v->begin_d - s->next_d : 0;
	if (skip >= ENGINE_BLOCK || s->next_d >= voice_end_d(v, s->rate)) {
		return;
	}
	float frames[ENGINE_BLOCK];
	int64_t n = ENGINE_BLOCK - skip;
	int64_t at = s->next_d + skip;
	int64_t first = 0;
	int64_t right = read_voice(s, v, at, n, frames, &first);
	/* What is run over once more was counted the first time. */
	if (s->next_d >= s->mixed_d) {
		int64_t missing = n - (right > 0 ? right : 0) +
				  slews_passed_over(v->slews, at, at + n);
		v->missing += ring_scale(missing, s->rate, ENGINE_RATE);
	}
	if (s->next_d >= s->mixed_d && right < n) {
		v->starved_ns = v->starved_ns != 0 ? v->starved_ns : engine_now_ns();
	} else if (right == n) {
		v->starved_ns = 0;
	}
	if (right <= 0) {
		return;
	}
	int64_t fade_in_d = v->fade_in_d;
	if (first > 0) {
		int64_t first_d = voice_reach_d(v, first + SINC_HALF);
		fade_in_d = first_d > fade_in_d ? first_d : fade_in_d;
	}
	if (fade_in_d != INT64_MIN) {
		mix_fade_in(frames, (size_t)n, at, fade_in_d,
			    s->rate * ENGINE_RAMP_MS / 1000);
	}
	if (v->cut_d != INT64_MAX) {
		mix_fade_out(frames, (size_t)n, at, v->cut_d, v->cut_frames);
	}
	gain_line_apply(&v->gain, frames, (size_t)n, at);
	glide_apply(v->track->urgent ? &s->urgent_gain : &s->gain, frames, (size_t)n, at);
	mix_add(sum + skip, frames, (size_t)n);
}

static struct strip_mark *mark_of(const struct strip *s, int64_t d) {
	return &s->marks[(size_t)(d / ENGINE_BLOCK) % s->n_marks];
}

/* Mixes the next block and leaves what the limiter gives for it, LIMITER_DELAY frames
 * earlier, in s->block. */
static void next_block(struct strip *s, struct voice *voices) {
	*mark_of(s, s->next_d) = (struct strip_mark){.at = s->next_d,
						     .envelope = s->limiter.envelope,
						     .hold = s->limiter.hold};
	memset(s->block, 0, sizeof(s->block));
	for (struct voice *v = voices; v != NULL; v = v->next) {
		if (v->zone == s->zone && v->phase == VOICE_SOUNDING) {
			add_voice(s, v, s->block);
		}
	}
	limiter_process(&s->limiter, s->block, ENGINE_BLOCK);
	s->next_d += ENGINE_BLOCK;
	s->mixed_d = s->next_d > s->mixed_d ? s->next_d : s->mixed_d;
	s->block_d = s->next_d - ENGINE_BLOCK - LIMITER_DELAY;
	if (s->block_d + ENGINE_BLOCK > s->taken_up_d) {
		level_set(&s->level, strip_level_block(s->block_d), s->block,
			  ENGINE_BLOCK);
	}
}

/* Takes up a new place, so that what is given from device frame d on is right. Blocks
 * begin at multiples of their length, so that marks are found again. */
static void start_at(struct strip *s, int64_t d) {
	limiter_reset(&s->limiter);
	int64_t from = d - ENGINE_PREROLL;
	s->next_d = from - (from % ENGINE_BLOCK + ENGINE_BLOCK) % ENGINE_BLOCK;
	const struct strip_mark *m = mark_of(s, s->next_d);
	if (m->at == s->next_d) {
		s->limiter.envelope = m->envelope;
		s->limiter.hold = m->hold;
	}
	s->block_d = s->next_d - ENGINE_BLOCK - LIMITER_DELAY;
	s->mixed_d = s->mixed_d > d ? s->mixed_d : d;
	s->taken_up_d = d;
	s->running = true;
}

bool strip_render(struct strip *s, struct voice *voices, int64_t d, int64_t n,
		  float *frames) {
	if (!sounds_within(s, voices, d, d + n + LIMITER_DELAY)) {
		s->running = false;
		rest_gains(s);
		level_clear(&s->level, strip_level_block(d), strip_level_block(d + n));
		return false;
	}
	if (!s->running || s->given_d != d) {
		start_at(s, d);
	}
	s->given_d = d + n;
	for (int64_t at = d; at < d + n;) {
		int64_t left = s->block_d + ENGINE_BLOCK - at;
		if (left <= 0) {
			next_block(s, voices);
			continue;
		}
		int64_t piece = left < d + n - at ? left : d + n - at;
		memcpy(frames + (at - d), s->block + (at - s->block_d),
		       (size_t)piece * sizeof(*frames));
		at += piece;
	}
	return true;
}

int64_t strip_level_block(int64_t d) {
	return (d + LIMITER_DELAY + ENGINE_BLOCK - 1) / ENGINE_BLOCK;
}
