/* engine_voice.c - the voices of one output: when each begins, is cut and ends, and what
 * is told of it. Thread: the output's. Never blocks, never allocates.
 *
 * A voice waits until the reader has said when it will be heard, is placed on a device
 * frame a little before, sounds, and ends when its last frame was heard. What changes at
 * once (an order to play or to stop) takes back what the device has queued and not yet
 * read, and writes it anew. */
#include "engine_internal.h"

#include "base/str.h"

#include <math.h>
#include <stdio.h>

/* A device that stands and is started this late before a voice needs no time to be
 * measured: the voice is put behind its very first frames. */
#define IMMINENT_NS 20000000LL
#define PLACE_NS 20000000LL /* a voice is placed before the device is filled so far */
#define RETRY_NS 20000000LL /* of a note that found no room */
#define REJOIN_MS 50        /* ahead of what is written: where an evicted ring comes in */

static void tune(struct output *o, struct tap *tap) {
	size_t index = (size_t)(tap - tap->track->taps);
	if (o->device != NULL && ring_tune(&tap->track->ring, index, o->device->rate)) {
		engine_wake(tap->track->reader->mail.wake_fd);
	}
}

void voices_tune(struct output *o) {
	for (struct tap *tap = o->taps; tap != NULL; tap = tap->next) {
		tune(o, tap);
	}
}

void voices_take(struct output *o, struct tap *tap) {
	struct track *track = tap->track;
	size_t index = (size_t)(tap - track->taps);
	tap->next = o->taps;
	o->taps = tap;
	tap->left = 0;
	for (size_t i = 0; i < track->n_voices; i++) {
		struct voice *v = &track->voices[i];
		if (v->tap == index) {
			v->slews = &o->slews;
			v->next = o->voices;
			o->voices = v;
			tap->left++;
		}
	}
	tune(o, tap);
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

int64_t voices_unmixed_d(const struct output *o) {
	int64_t d = o->written;
	for (const struct strip *s = o->strips; s != NULL; s = s->next) {
		d = s->running && s->next_d > d ? s->next_d : d;
	}
	return d;
}

/* A zone may have mixed a little beyond what is written, and that has to change. */
static void renew(const struct output *o, const struct voice *v) {
	struct strip *s = voices_strip(o, v->zone);
	if (s != NULL) {
		strip_renew(s);
	}
}

/* ---- ends ---- */

static int64_t min64(int64_t a, int64_t b) {
	return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b) {
	return a > b ? a : b;
}

/* First frame that can still be written anew. */
static int64_t first_open(const struct output *o) {
	if (!o->started || o->device->rewind_margin < 0) {
		return o->written;
	}
	return min64(o->written, o->written - o->queued + o->device->rewind_margin);
}

/* Source frames of the job that time has passed up to now. */
static int64_t passed_of(const struct output *o, const struct voice *v) {
	int64_t n = v->lost_at;
	if (v->phase == VOICE_SOUNDING && o->device != NULL) {
		int rate = o->device->rate;
		int64_t d = min64(o->heard, voice_end_d(v, rate));
		n = ring_scale(voice_frame_at(v, d), rate, ENGINE_RATE);
	}
	return max64(n, 0);
}

static void finish(struct output *o, struct voice *v, enum engine_end end, int64_t at_ns,
		   const char *text) {
	if (v->phase == VOICE_ENDING) {
		return;
	}
	if (o->device != NULL) {
		voice_tape_settle(o, v, first_open(o));
	}
	voice_tape_end(v);
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
	if (v->cut_wanted || v->cut_d != INT64_MAX) {
		finish_cut(o, v, at_ns);
	} else if (failed) {
		finish(o, v, ENGINE_END_FAILED, at_ns, track->error.text);
	} else {
		finish(o, v, ENGINE_END_PLAYED, at_ns, "");
	}
}

/* When it should sound, as far as is known. */
static int64_t due_of(const struct voice *v) {
	int64_t start_ns =
		atomic_load_explicit(&v->track->start_ns, memory_order_acquire);
	return v->in_step || start_ns != 0 ? start_ns : v->track->job->start_ns;
}

int64_t voices_due_ns(const struct output *o) {
	int64_t due_ns = INT64_MAX;
	for (const struct voice *v = o->voices; v != NULL; v = v->next) {
		due_ns = v->phase == VOICE_WAITING ? min64(due_ns, due_of(v)) : due_ns;
	}
	return due_ns;
}

static void fail_all(struct output *o, int64_t zone, int64_t due_ns, bool lost,
		     const char *text) {
	for (struct voice *v = o->voices; v != NULL; v = v->next) {
		bool due = due_of(v) <= due_ns;
		if ((zone == 0 || v->zone == zone) && v->phase != VOICE_ENDING &&
		    (v->phase == VOICE_SOUNDING || due)) {
			finish(o, v, ENGINE_END_FAILED, engine_now_ns(), text);
			v->end.lost = lost;
		}
	}
}

void voices_fail(struct output *o, int64_t zone, int64_t due_ns, const char *text) {
	fail_all(o, zone, due_ns, false, text);
}

void voices_fail_lost(struct output *o, int64_t due_ns, const char *text) {
	fail_all(o, 0, due_ns, true, text);
}

void voices_lose(struct output *o) {
	for (struct voice *v = o->voices; v != NULL; v = v->next) {
		if (v->phase != VOICE_SOUNDING) {
			continue;
		}
		if (v->cut_d != INT64_MAX && o->heard >= v->cut_d) {
			finish_by_itself(o, v, engine_now_ns());
			continue;
		}
		v->lost_at = ring_scale(max64(voice_frame_at(v, o->heard), 0),
					o->timeline.rate, ENGINE_RATE);
		v->in_step = true;
		v->phase = VOICE_WAITING;
		voice_tape_lift(v);
		renew(o, v);
		v->cut_wanted = v->cut_wanted || v->cut_d != INT64_MAX;
		v->cut_d = INT64_MAX;
		/* Frames are counted anew where it comes back. */
		gain_line_init(&v->gain, gain_line_end(&v->gain));
	}
}

static void want_cut(struct voice *v, int ramp_ms) {
	if (v->cut_d == INT64_MAX && !v->cut_wanted) {
		v->cut_wanted = true;
		v->cut_ms = ramp_ms > ENGINE_RAMP_MS ? ramp_ms : ENGINE_RAMP_MS;
	}
}

void voices_cut(struct output *o, int ramp_ms) {
	for (struct voice *v = o->voices; v != NULL; v = v->next) {
		want_cut(v, ramp_ms);
	}
}

/* ---- beginnings, cuts and gains ---- */

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
	/* Of a device that was just opened the reader may not know the rate yet: it is
	 * awake, and wakes us. */
	if (start_ns == 0 || v->phase != VOICE_WAITING ||
	    ring_wants(&v->track->ring, v->tap) != 0) {
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
static void begin_gain(const struct output *o, struct voice *v, float gain) {
	if (v->track->job->from_ms == 0 || v->phase == VOICE_WAITING) {
		gain_line_init(&v->gain, gain);
		return;
	}
	gain_line_init(&v->gain, 0.0F);
	gain_line_to(&v->gain, v->begin_d, gain,
		     ENGINE_RISE_MS * (int64_t)o->device->rate / 1000);
}

static bool gain_ordered(const struct voice *v) {
	return atomic_load_explicit(&v->gain_order, memory_order_acquire) != v->gain_seen;
}

static void settle_gain(const struct output *o, struct voice *v) {
	int64_t ramp_ms = 0;
	v->gain_seen = atomic_load_explicit(&v->gain_order, memory_order_acquire);
	float gain = gain_unpack(v->gain_seen, &ramp_ms);
	renew(o, v);
	if (v->phase == VOICE_SOUNDING && o->written > v->begin_d) {
		gain_line_to(&v->gain, o->written, gain,
			     ramp_ms * o->device->rate / 1000);
	} else {
		begin_gain(o, v, gain);
	}
}

/* A live job has nothing decoded ahead: it begins so late that what has been made by then
 * keeps the device fed, whatever depth that has of its own. */
static int64_t feedable(const struct output *o, const struct voice *v, int64_t d) {
	if (!v->track->live) {
		return d;
	}
	int64_t ahead = timeline_frames(ENGINE_LIVE_NS, o->device->rate) + ENGINE_REACH -
			ring_ready(&v->track->ring, v->tap);
	return max64(d, o->written - o->queued + ahead);
}

static void place(struct output *o, struct voice *v, int64_t d) {
	renew(o, v);
	int rate = o->device->rate;
	d = feedable(o, v, d);
	int64_t start_ns = start_of(v);
	v->phase = VOICE_SOUNDING;
	/* What a slew under way still has to mend is not amiss here: where it can, this
	 * is in time when that is over. Its first frames are not passed over for it. */
	int64_t shift =
		max64(slews_total(&o->slews),
		      (int64_t)ceil(slews_shift(&o->slews, max64(d, o->written))));
	if (v->in_step) {
		v->begin_d = d;
		v->fade_in_d = max64(o->written, d);
		int64_t back_at = ring_scale(v->fade_in_d - d, rate, ENGINE_RATE);
		v->missing += max64(back_at - v->lost_at, 0);
	} else {
		v->begin_d = max64(d, o->written);
		v->start_ns = start_ns;
		begin_gain(o, v, gain_line_end(&v->gain));
	}
	v->origin = v->begin_d + shift;
	v->in_step = false;
	v->lost_at = 0;
	if (voice_end_d(v, rate) <= o->written) {
		finish_by_itself(o, v, engine_now_ns());
	}
}

static void settle_cut(struct output *o, struct voice *v, int64_t now_ns) {
	if (v->phase == VOICE_WAITING) {
		finish_cut(o, v, now_ns);
		return;
	}
	if (v->phase != VOICE_SOUNDING || v->cut_d != INT64_MAX) {
		return;
	}
	int rate = o->device->rate;
	if (v->begin_d >= o->written) {
		finish_cut(o, v, now_ns);
	} else if (o->written < voice_end_d(v, rate)) {
		v->cut_d = o->written;
		v->cut_frames = (int64_t)v->cut_ms * rate / 1000;
		renew(o, v);
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

/* Looked at once in a round: the reader may say when a job begins at any moment, and then
 * one voice of it would be placed by that, and another in the next round. */
static void look_at_starts(struct output *o, int64_t now_ns) {
	for (struct voice *v = o->voices; v != NULL; v = v->next) {
		const struct voice *same = o->voices;
		while (same != v && (same->track != v->track || same->in_step ||
				     same->phase != VOICE_WAITING)) {
			same = same->next;
		}
		v->wanted_d = same == v || v->in_step || v->phase != VOICE_WAITING
				      ? frame_wanted(o, v, now_ns)
				      : same->wanted_d;
	}
}

/* The first frame that is to sound different from what was written. */
static int64_t find_change(const struct output *o) {
	int64_t open = first_open(o);
	int64_t change = o->written;
	for (const struct voice *v = o->voices; v != NULL; v = v->next) {
		bool begun = v->phase == VOICE_SOUNDING && v->begin_d < o->written;
		if ((v->cut_wanted && v->phase == VOICE_SOUNDING) ||
		    (begun && gain_ordered(v))) {
			change = min64(change, open);
		} else if (!v->in_step) {
			change = min64(change, max64(open, v->wanted_d));
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
	look_at_starts(o, now_ns);
	rewind_to(o, find_change(o));
	for (struct voice *v = o->voices; v != NULL; v = v->next) {
		if (v->wanted_d != INT64_MAX) {
			place(o, v, v->wanted_d);
		}
		if (gain_ordered(v)) {
			settle_gain(o, v);
		}
		if (v->cut_wanted) {
			settle_cut(o, v, now_ns);
		}
	}
}

bool voices_live(const struct output *o) {
	for (const struct voice *v = o->voices; v != NULL; v = v->next) {
		if (v->phase == VOICE_SOUNDING && v->track->live) {
			return true;
		}
	}
	return false;
}

static void tell_slack(struct track *t, int64_t slack_ns) {
	int64_t least_ns = atomic_load_explicit(&t->slack_ns, memory_order_relaxed);
	while (slack_ns < least_ns &&
	       !atomic_compare_exchange_weak_explicit(&t->slack_ns, &least_ns, slack_ns,
						      memory_order_relaxed,
						      memory_order_relaxed)) {
	}
}

void voices_tell_slack(const struct output *o) {
	for (const struct voice *v = o->voices; v != NULL; v = v->next) {
		if (v->phase == VOICE_SOUNDING && v->track->live &&
		    !v->track->taps[v->tap].lost) {
			int64_t head =
				voice_reach_d(v, ring_ready(&v->track->ring, v->tap));
			int64_t slack = head - ENGINE_REACH - (o->written - o->queued);
			tell_slack(v->track, timeline_ns(slack, o->device->rate));
		}
	}
}

int64_t voices_ready(const struct output *o, int64_t n) {
	for (const struct voice *v = o->voices; v != NULL; v = v->next) {
		if (v->phase != VOICE_SOUNDING) {
			continue;
		}
		int64_t head = voice_reach_d(v, ring_ready(&v->track->ring, v->tap));
		if (head < voice_end_d(v, o->device->rate) &&
		    !v->track->taps[v->tap].lost) {
			n = min64(n, head - ENGINE_REACH - o->written);
		}
	}
	return max64(n, 0);
}

/* ---- what is told ---- */

static bool announce(struct output *o, struct voice *v) {
	int64_t at_ns = timeline_ns_of_frame(&o->timeline, v->begin_d);
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
	if (!v->announced && timeline_known(&o->timeline) && v->begin_d < o->written) {
		(void)announce(o, v);
	}
	int64_t end_d = voice_end_d(v, o->device->rate);
	if (end_d != INT64_MAX && end_d < o->heard) {
		finish_by_itself(o, v, timeline_ns_of_frame(&o->timeline, end_d));
	} else if (v->starved_ns != 0 && now_ns - v->starved_ns > ENGINE_STARVED_NS) {
		finish(o, v, ENGINE_END_FAILED, now_ns,
		       "the sound did not come from the disk in time");
	}
}

/* The source frame from which on a tap's ring is kept: all that a rewind or a new start
 * can ask for again. INT64_MAX: nothing is known yet. *placed: a voice of it, or NULL. */
static int64_t kept_from(const struct output *o, const struct tap *tap,
			 const struct voice **placed) {
	size_t index = (size_t)(tap - tap->track->taps);
	int64_t kept_d = first_open(o) - ENGINE_PREROLL - ENGINE_BLOCK;
	int64_t kept = INT64_MAX;
	for (const struct voice *v = o->voices; v != NULL; v = v->next) {
		if (v->track != tap->track || v->tap != index ||
		    v->phase == VOICE_ENDING) {
			continue;
		}
		if (v->phase == VOICE_WAITING && !v->in_step) {
			*placed = NULL;
			return 0;
		}
		if (v->phase == VOICE_SOUNDING) {
			int64_t from = ring_scale(voice_frame_at(v, kept_d) - SINC_HALF,
						  o->device->rate, ENGINE_RATE);
			*placed = v;
			kept = min64(kept, max64(from, 0));
		}
	}
	return kept;
}

/* Where a tap's ring may be overwritten. */
static void advance_tap(struct output *o, struct tap *tap) {
	struct track *track = tap->track;
	size_t index = (size_t)(tap - track->taps);
	const struct voice *placed = NULL;
	int64_t kept = kept_from(o, tap, &placed);
	if (kept == INT64_MAX) {
		return;
	}
	if (tap->lost) {
		tap->lost = !ring_joined(&track->ring, index);
		return;
	}
	if (ring_advance(&track->ring, index, kept)) {
		return;
	}
	int64_t back_d = o->written + (int64_t)REJOIN_MS * o->device->rate / 1000;
	int64_t back =
		placed != NULL ? voice_frame_at(placed, back_d) : back_d - o->written;
	ring_rejoin(&track->ring, index, ring_scale(back, o->device->rate, ENGINE_RATE));
	tap->lost = true;
	for (struct voice *v = o->voices; v != NULL; v = v->next) {
		if (v->track == track && v->tap == index) {
			v->fade_in_d = back_d;
		}
	}
}

void voices_report(struct output *o, int64_t now_ns) {
	if (o->device == NULL) {
		return;
	}
	for (struct voice *v = o->voices; v != NULL; v = v->next) {
		if (v->phase == VOICE_SOUNDING && o->started) {
			voice_tape_settle(o, v, first_open(o));
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
			int64_t end_d = voice_end_d(v, o->device->rate);
			if (end_d != INT64_MAX) {
				int64_t end_ns =
					timeline_ns_of_frame(&o->timeline, end_d + 1);
				wake_ns = min64(wake_ns, end_ns + 1000000);
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
