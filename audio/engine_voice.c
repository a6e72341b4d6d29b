/* engine_voice.c - the voices of one output: when each begins, is cut and ends, and what
 * is told of it. Thread: the output's. Never blocks, never allocates.
 *
 * A voice waits until the reader has said when it will be heard, is placed on a device
 * frame a little before, sounds, and ends when its last frame was heard. What changes at
 * once (an order to play or to stop) takes back what the device has queued and not yet
 * read, and writes it anew. */
#include "engine_internal.h"

#include "base/str.h"

#include <stdio.h>

/* A device that stands and is started this late before a voice needs no time to be
 * measured: the voice is put behind its very first frames. */
#define IMMINENT_NS 20000000LL
#define PLACE_NS 20000000LL /* a voice is placed before the device is filled so far */
#define RETRY_NS 20000000LL /* of a note that found no room */

void voices_take(struct output *o, struct tap *tap) {
	struct track *track = tap->track;
	size_t index = (size_t)(tap - track->taps);
	tap->next = o->taps;
	o->taps = tap;
	tap->left = 0;
	for (size_t i = 0; i < track->n_voices; i++) {
		struct voice *v = &track->voices[i];
		if (v->tap == index) {
			v->next = o->voices;
			o->voices = v;
			tap->left++;
		}
	}
}

struct strip *voices_strip(const struct output *o, int64_t zone) {
	struct strip *s = o->strips;
	while (s != NULL && s->zone != zone) {
		s = s->next;
	}
	return s;
}

bool voices_sounding(const struct output *o) {
	for (const struct voice *v = o->voices; v != NULL; v = v->next) {
		if (v->phase == VOICE_SOUNDING) {
			return true;
		}
	}
	return false;
}

/* ---- ends ---- */

static int64_t min64(int64_t a, int64_t b) {
	return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b) {
	return a > b ? a : b;
}

/* Source frames of the job that time has passed up to now. */
static int64_t passed_of(const struct output *o, const struct voice *v) {
	int64_t n = v->lost_at;
	if (v->phase == VOICE_SOUNDING && o->device != NULL) {
		int64_t s = strip_source_of(o->heard, o->device->rate);
		n = min64(s, voice_end_s(v)) - v->begin_s;
	}
	return max64(n, 0);
}

static void finish(struct output *o, struct voice *v, enum engine_end end, int64_t at_ns,
		   const char *text) {
	if (v->phase == VOICE_ENDING) {
		return;
	}
	int64_t passed = passed_of(o, v);
	int64_t from_ms = v->track->job->from_ms;
	v->end = (struct engine_event){
		.kind = ENGINE_JOB_ENDED,
		.job = v->track->job->id,
		.zone = v->zone,
		.output = o->id,
		.at_ns = at_ns,
		.played_ms = max64(passed - v->missing, 0) * 1000 / ENGINE_RATE,
		.place_ms = passed > 0 ? from_ms + passed * 1000 / ENGINE_RATE : 0,
		.end = end,
	};
	str_copy(v->end.text, sizeof(v->end.text), text);
	v->phase = VOICE_ENDING;
}

const char *voices_quit_words(const struct output *o) {
	int quit = atomic_load_explicit(&o->quit, memory_order_relaxed);
	return quit == QUIT_REMOVED ? "the output was removed" : "the engine stopped";
}

/* An output that goes cuts too, and nobody ordered that for the job. */
static void finish_cut(struct output *o, struct voice *v, int64_t at_ns) {
	if (atomic_load_explicit(&v->stop_ms, memory_order_relaxed) != 0) {
		finish(o, v, ENGINE_END_CUT, at_ns, "");
	} else {
		finish(o, v, ENGINE_END_FAILED, at_ns, voices_quit_words(o));
	}
}

static void finish_by_itself(struct output *o, struct voice *v, int64_t at_ns) {
	const struct track *track = v->track;
	bool failed = atomic_load_explicit(&track->failed, memory_order_acquire);
	if (v->cut_wanted || v->cut_s != INT64_MAX) {
		finish_cut(o, v, at_ns);
	} else if (failed) {
		finish(o, v, ENGINE_END_FAILED, at_ns, track->error.text);
	} else {
		finish(o, v, ENGINE_END_PLAYED, at_ns, "");
	}
}

void voices_fail(struct output *o, int64_t zone, int64_t due_ns, const char *text) {
	for (struct voice *v = o->voices; v != NULL; v = v->next) {
		int64_t start_ns =
			atomic_load_explicit(&v->track->start_ns, memory_order_acquire);
		bool due = v->in_step || start_ns != 0
				   ? start_ns <= due_ns
				   : v->track->job->start_ns <= due_ns;
		if ((zone == 0 || v->zone == zone) &&
		    (v->phase == VOICE_SOUNDING || due)) {
			finish(o, v, ENGINE_END_FAILED, engine_now_ns(), text);
		}
	}
}

void voices_lose(struct output *o) {
	for (struct voice *v = o->voices; v != NULL; v = v->next) {
		if (v->phase != VOICE_SOUNDING) {
			continue;
		}
		int64_t s = strip_source_of(o->heard, o->timeline.rate);
		if (v->cut_s != INT64_MAX && s >= v->cut_s) {
			finish_by_itself(o, v, engine_now_ns());
			continue;
		}
		v->lost_at = max64(s - v->begin_s, 0);
		v->in_step = true;
		v->phase = VOICE_WAITING;
		v->cut_wanted = v->cut_wanted || v->cut_s != INT64_MAX;
		v->cut_s = INT64_MAX;
		/* Frames are counted anew where it comes back. */
		gain_line_init(&v->gain, gain_line_end(&v->gain));
	}
}

static void want_cut(struct voice *v, int ramp_ms) {
	if (v->cut_s == INT64_MAX && !v->cut_wanted) {
		ramp_ms = ramp_ms > ENGINE_RAMP_MS ? ramp_ms : ENGINE_RAMP_MS;
		v->cut_wanted = true;
		v->cut_frames = (int64_t)ramp_ms * (ENGINE_RATE / 1000);
	}
}

void voices_cut(struct output *o, int ramp_ms) {
	for (struct voice *v = o->voices; v != NULL; v = v->next) {
		want_cut(v, ramp_ms);
	}
}

/* ---- beginnings, cuts and gains ---- */

/* First frame that can still be written anew. */
static int64_t first_open(const struct output *o) {
	if (!o->started || o->device->rewind_margin < 0) {
		return o->written;
	}
	return min64(o->written, o->written - o->queued + o->device->rewind_margin);
}

/* How long before its start a voice is placed: before what it shall sound with is
 * written, so that nothing has to be taken back for it. */
static int64_t place_ahead_ns(const struct output *o) {
	return timeline_ns(o->device->buffer_frames, o->device->rate) + PLACE_NS;
}

static int64_t start_of(const struct voice *v) {
	return v->in_step
		       ? v->start_ns
		       : atomic_load_explicit(&v->track->start_ns, memory_order_acquire);
}

/* Device frame at which a waiting voice is to begin; INT64_MAX: not to be placed yet. */
static int64_t frame_wanted(const struct output *o, const struct voice *v,
			    int64_t now_ns) {
	int64_t start_ns = start_of(v);
	int64_t ahead_ns = start_ns - now_ns;
	if (start_ns == 0 || v->phase != VOICE_WAITING) {
		return INT64_MAX;
	}
	if (!o->started) {
		if (v->in_step || ahead_ns > IMMINENT_NS) {
			return INT64_MAX;
		}
		return o->written +
		       (ahead_ns > 0 ? timeline_frames(ahead_ns, o->device->rate) : 0);
	}
	if (!timeline_known(&o->timeline) || ahead_ns > place_ahead_ns(o)) {
		return INT64_MAX;
	}
	return timeline_frame_at(&o->timeline, start_ns);
}

/* It has not begun, and will with this gain; from within itself it rises to it. */
static void begin_gain(struct voice *v, float gain) {
	if (v->track->job->from_ms == 0 || v->phase == VOICE_WAITING) {
		gain_line_init(&v->gain, gain);
		return;
	}
	gain_line_init(&v->gain, 0.0F);
	gain_line_to(&v->gain, v->begin_s, gain, ENGINE_RISE_MS * (ENGINE_RATE / 1000));
}

static bool gain_ordered(const struct voice *v) {
	return atomic_load_explicit(&v->gain_order, memory_order_acquire) != v->gain_seen;
}

static void settle_gain(const struct output *o, struct voice *v) {
	int64_t ramp_ms = 0;
	v->gain_seen = atomic_load_explicit(&v->gain_order, memory_order_acquire);
	float gain = gain_unpack(v->gain_seen, &ramp_ms);
	int64_t s = v->phase == VOICE_SOUNDING
			    ? strip_source_of(o->written, o->device->rate)
			    : INT64_MIN;
	if (v->phase == VOICE_SOUNDING && s > v->begin_s) {
		gain_line_to(&v->gain, s, gain, ramp_ms * (ENGINE_RATE / 1000));
	} else {
		begin_gain(v, gain);
	}
}

static void place(struct output *o, struct voice *v, int64_t d) {
	int rate = o->device->rate;
	int64_t start_ns = start_of(v);
	v->phase = VOICE_SOUNDING;
	if (v->in_step) {
		v->begin_s = strip_source_of(d, rate);
		v->fade_in_s = max64(strip_source_of(o->written, rate), v->begin_s);
		v->missing += max64(v->fade_in_s - v->begin_s - v->lost_at, 0);
	} else {
		d = max64(d, o->written);
		v->begin_s = strip_source_of(d, rate);
		v->start_ns = start_ns;
		begin_gain(v, gain_line_end(&v->gain));
	}
	v->in_step = false;
	v->lost_at = 0;
	if (voice_end_s(v) <= strip_source_of(o->written, rate)) {
		finish_by_itself(o, v, engine_now_ns());
	}
}

static void settle_cut(struct output *o, struct voice *v, int64_t now_ns) {
	if (v->phase == VOICE_WAITING) {
		finish_cut(o, v, now_ns);
		return;
	}
	if (v->phase != VOICE_SOUNDING || v->cut_s != INT64_MAX) {
		return;
	}
	int64_t cut_s = strip_source_of(o->written, o->device->rate);
	if (v->begin_s >= cut_s) {
		finish_cut(o, v, now_ns);
	} else if (cut_s < voice_end_s(v)) {
		v->cut_s = cut_s;
	}
	v->cut_wanted = false;
}

static void rewind_to(struct output *o, int64_t d) {
	if (d >= o->written) {
		return;
	}
	int64_t back = pcm_rewind(o->device, o->written - d);
	o->written -= back;
	o->queued -= back;
}

/* The first frame that is to sound different from what was written. */
static int64_t find_change(const struct output *o, int64_t now_ns) {
	int64_t open = first_open(o);
	int64_t change = o->written;
	for (const struct voice *v = o->voices; v != NULL; v = v->next) {
		bool begun = v->phase == VOICE_SOUNDING &&
			     strip_device_of(v->begin_s, o->device->rate) < o->written;
		if ((v->cut_wanted && v->phase == VOICE_SOUNDING) ||
		    (begun && gain_ordered(v))) {
			change = min64(change, open);
		} else if (!v->in_step) {
			change = min64(change, max64(open, frame_wanted(o, v, now_ns)));
		}
	}
	return change;
}

void voices_settle(struct output *o, int64_t now_ns) {
	for (struct voice *v = o->voices; v != NULL; v = v->next) {
		const struct track *track = v->track;
		int stop_ms = atomic_load_explicit(&v->stop_ms, memory_order_acquire);
		if (stop_ms != 0) {
			want_cut(v, stop_ms);
		}
		if (atomic_load_explicit(&v->claimed, memory_order_acquire)) {
			finish(o, v, ENGINE_END_FAILED, now_ns, "");
		} else if (v->phase == VOICE_WAITING && v->cut_wanted) {
			finish_cut(o, v, now_ns);
		} else if (v->phase == VOICE_WAITING &&
			   atomic_load_explicit(&track->failed, memory_order_acquire) &&
			   ring_end(&track->ring) == 0) {
			finish(o, v, ENGINE_END_FAILED, now_ns, track->error.text);
		}
	}
	if (o->device == NULL) {
		return;
	}
	rewind_to(o, find_change(o, now_ns));
	for (struct voice *v = o->voices; v != NULL; v = v->next) {
		int64_t d = frame_wanted(o, v, now_ns);
		if (d != INT64_MAX) {
			place(o, v, d);
		}
		if (gain_ordered(v)) {
			settle_gain(o, v);
		}
		if (v->cut_wanted) {
			settle_cut(o, v, now_ns);
		}
	}
}

int64_t voices_ready(const struct output *o, int64_t n) {
	int rate = o->device->rate;
	for (const struct voice *v = o->voices; v != NULL; v = v->next) {
		const struct strip *s = voices_strip(o, v->zone);
		if (v->phase != VOICE_SOUNDING || s == NULL) {
			continue;
		}
		const struct ring *ring = &v->track->ring;
		int64_t end = ring_end(ring);
		int64_t head = ring_head(ring);
		if (head < end && !v->track->taps[v->tap].lost) {
			int64_t to_s = v->begin_s + head - strip_reach(s);
			n = min64(n, strip_device_of(to_s, rate) - o->written);
		}
	}
	return max64(n, 0);
}

/* ---- what is told ---- */

static bool announce(struct output *o, struct voice *v) {
	int64_t d = strip_device_of(v->begin_s, o->device->rate);
	int64_t at_ns = timeline_ns_of_frame(&o->timeline, d);
	const struct job *job = v->track->job;
	struct note note = {
		.kind = NOTE_EVENT,
		.voice = v,
		.event =
			{
				.kind = ENGINE_JOB_STARTED,
				.job = job->id,
				.zone = v->zone,
				.output = o->id,
				.at_ns = at_ns,
				.late_ns = job->start_ns != 0 ? at_ns - job->start_ns : 0,
			},
	};
	if (!mailbox_tell(&o->mail, &note)) {
		return false;
	}
	v->start_ns = at_ns;
	v->announced = true;
	return true;
}

static void report_voice(struct output *o, struct voice *v, int64_t now_ns) {
	int rate = o->device->rate;
	if (!v->announced && timeline_known(&o->timeline) &&
	    strip_device_of(v->begin_s, rate) < o->written) {
		(void)announce(o, v);
	}
	int64_t end_s = voice_end_s(v);
	if (end_s != INT64_MAX && strip_device_of(end_s, rate) < o->heard) {
		int64_t at_ns =
			timeline_ns_of_frame(&o->timeline, strip_device_of(end_s, rate));
		finish_by_itself(o, v, at_ns);
	} else if (v->starved_ns != 0 && now_ns - v->starved_ns > ENGINE_STARVED_NS) {
		finish(o, v, ENGINE_END_FAILED, now_ns,
		       "the sound did not come from the disk in time");
	}
}

/* Where a tap's ring may be overwritten: all that a rewind or a new start can ask for
 * again is kept. */
static void advance_tap(struct output *o, struct tap *tap) {
	struct track *track = tap->track;
	size_t index = (size_t)(tap - track->taps);
	int rate = o->device->rate;
	int64_t kept_s = strip_source_of(first_open(o), rate) - ENGINE_PREROLL;
	int64_t position = INT64_MAX;
	int64_t begin_s = 0;
	for (const struct voice *v = o->voices; v != NULL; v = v->next) {
		const struct strip *s = voices_strip(o, v->zone);
		if (v->track != track || v->tap != index || v->phase == VOICE_ENDING) {
			continue;
		}
		if (v->phase == VOICE_WAITING && !v->in_step) {
			position = 0;
		} else if (v->phase == VOICE_SOUNDING && s != NULL) {
			begin_s = v->begin_s;
			position = min64(position, kept_s - strip_reach(s) - begin_s);
		}
	}
	if (position == INT64_MAX) {
		return;
	}
	if (tap->lost) {
		tap->lost = !ring_joined(&track->ring, index);
	} else if (!ring_advance(&track->ring, index, max64(position, 0))) {
		int64_t back_s = strip_source_of(o->written, rate) + ENGINE_PREROLL;
		ring_rejoin(&track->ring, index, back_s - begin_s);
		tap->lost = true;
		for (struct voice *v = o->voices; v != NULL; v = v->next) {
			if (v->track == track && v->tap == index) {
				v->fade_in_s = back_s;
			}
		}
	}
}

void voices_report(struct output *o, int64_t now_ns) {
	if (o->device == NULL) {
		return;
	}
	for (struct voice *v = o->voices; v != NULL; v = v->next) {
		if (v->phase == VOICE_SOUNDING && o->started) {
			report_voice(o, v, now_ns);
		}
	}
	for (struct tap *tap = o->taps; tap != NULL; tap = tap->next) {
		advance_tap(o, tap);
	}
}

int64_t voices_wake_ns(const struct output *o, int64_t now_ns) {
	int64_t wake_ns = INT64_MAX;
	for (const struct voice *v = o->voices; v != NULL; v = v->next) {
		int64_t start_ns = start_of(v);
		if (v->phase == VOICE_ENDING) {
			wake_ns = min64(wake_ns, now_ns + RETRY_NS);
		} else if (v->phase == VOICE_WAITING && start_ns != 0) {
			int64_t ahead_ns = o->device != NULL ? place_ahead_ns(o) : 0;
			/* Twice that: once the device runs it has to be measured. */
			ahead_ns += o->started ? 0 : ENGINE_PRESTART_NS;
			wake_ns = min64(wake_ns, start_ns - ahead_ns);
		} else if (v->phase == VOICE_SOUNDING && timeline_known(&o->timeline)) {
			int64_t end_s = voice_end_s(v);
			if (end_s != INT64_MAX) {
				int64_t d = strip_device_of(end_s, o->device->rate) + 1;
				wake_ns = min64(wake_ns,
						timeline_ns_of_frame(&o->timeline, d) +
							1000000);
			}
		}
	}
	return wake_ns;
}

static bool flush_ends(struct output *o) {
	struct voice **at = &o->voices;
	while (*at != NULL) {
		struct voice *v = *at;
		if (v->phase != VOICE_ENDING) {
			at = &v->next;
			continue;
		}
		struct note note = {.kind = NOTE_EVENT, .voice = v, .event = v->end};
		if (!mailbox_tell(&o->mail, &note)) {
			return false;
		}
		*at = v->next;
		v->phase = VOICE_ENDED;
		v->track->taps[v->tap].left--;
	}
	return true;
}

bool voices_flush(struct output *o) {
	if (!flush_ends(o)) {
		return false;
	}
	struct tap **at = &o->taps;
	while (*at != NULL) {
		struct tap *tap = *at;
		if (tap->left > 0) {
			at = &tap->next;
			continue;
		}
		struct note note = {.kind = NOTE_TAP_LEFT, .tap = tap};
		size_t index = (size_t)(tap - tap->track->taps);
		*at = tap->next;
		ring_leave(&tap->track->ring, index);
		/* Told, it may be freed at once. */
		if (!mailbox_tell(&o->mail, &note)) {
			tap->next = o->leaving_taps;
			o->leaving_taps = tap;
			return false;
		}
	}
	while (o->leaving_taps != NULL) {
		struct note note = {.kind = NOTE_TAP_LEFT, .tap = o->leaving_taps};
		struct tap *next = o->leaving_taps->next;
		if (!mailbox_tell(&o->mail, &note)) {
			return false;
		}
		o->leaving_taps = next;
	}
	return true;
}
