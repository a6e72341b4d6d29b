/* engine_tape.c - what a job sends to a zone, onto its tape (tape.h): written as it is
 * given to the device, final once the device cannot give it back. The core makes the
 * tape with the voice, the output's thread writes it. Never blocks. */
#include "engine_internal.h"

/* How late a reader may be, besides what lies in the device's buffer. */
#define TAPE_S 2.5

static int64_t min64(int64_t a, int64_t b) {
	return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b) {
	return a > b ? a : b;
}

void voices_tape(const struct output *o, int64_t zone, const float *frames, int64_t n) {
	int rate = o->device->rate;
	for (const struct voice *v = o->voices; v != NULL; v = v->next) {
		struct tape *t = v->tape;
		if (t == NULL || v->zone != zone || v->phase != VOICE_SOUNDING) {
			continue;
		}
		int64_t from_d = max64(v->begin_d, v->fade_in_d);
		if (!tape_placed(t) && from_d < o->written + n) {
			tape_place(t, max64(from_d, o->written), rate);
		}
		if (tape_placed(t)) {
			int64_t left = voice_end_d(v, rate) - o->written;
			tape_write(t, o->written, frames, min64(n, left));
		}
	}
}

void voice_tape_settle(const struct output *o, const struct voice *v, int64_t d) {
	if (v->tape != NULL && o->device != NULL && v->phase == VOICE_SOUNDING) {
		tape_settle(v->tape, min64(d, voice_end_d(v, o->device->rate)));
	}
}

void voices_tape_dry(const struct output *o) {
	for (const struct voice *v = o->voices; v != NULL; v = v->next) {
		voice_tape_settle(o, v, o->written);
	}
}

void voice_tape_lift(const struct voice *v) {
	if (v->tape != NULL) {
		tape_lift(v->tape);
	}
}

void voice_tape_end(const struct voice *v) {
	if (v->tape != NULL) {
		tape_end(v->tape);
	}
}

/* ---- the core's side ---- */

void voice_tape_new(const struct engine *e, struct voice *v) {
	const struct output *o = v->track->taps[v->tap].output;
	int rate = atomic_load_explicit(&o->open_rate, memory_order_relaxed);
	rate = rate > ENGINE_RATE ? rate : ENGINE_RATE;
	v->tape = tape_new(rate, TAPE_S + e->buffer_ms / 1000.0);
}

int engine_tape(const struct engine *e, int64_t job, int64_t zone, struct tape **ret,
		struct error *err) {
	for (const struct track *t = e->tracks; t != NULL; t = t->next) {
		for (size_t i = 0; t->job->id == job && i < t->n_voices; i++) {
			if (t->voices[i].zone == zone && t->voices[i].tape != NULL) {
				tape_hold(t->voices[i].tape);
				*ret = t->voices[i].tape;
				return 0;
			}
		}
	}
	return error_set(err, ENOENT, "nothing keeps what job %lld sends to zone %lld",
			 (long long)job, (long long)zone);
}
