/* engine_reader.c - the one thread that reads clips: decodes each job once, ahead of its
 * outputs, into the job's ring, at each of their rates (engine_lanes.c). It also notices
 * an output thread that is stuck in a driver. Thread: its own. Blocks: on the disk, so
 * nobody ever waits for it; what is live has another of its kind, which makes it at the
 * pace of the clock (engine_pace.c), and what is live and has files too a third. */
#include "engine_internal.h"

#include "source.h"

#include <assert.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#define PIECE 960             /* source frames decoded at a time: 20 ms */
#define PRIME 1920            /* before a job is given its start */
#define PRIME_LANE 960        /* and this much of it at every rate */
#define TURN 9600             /* decoded for one job before the next has its turn */
#define HURRY 14400           /* the fastest output is this near to running out */
#define AHEAD_MS 800          /* decoded beyond what the devices have queued */
#define ROUND_NS 100000000LL  /* between rounds while something plays */
#define BREATH_NS 100000LL    /* between rounds while there is work */
#define WATCH_NS 1000000000LL /* between looks at the outputs */

enum reader_phase {
	READER_NEW,
	READER_DECODING,
	READER_DONE,
};

static void wake_outputs(const struct track *track) {
	for (size_t i = 0; i < track->n_taps; i++) {
		engine_wake(track->taps[i].output->mail.wake_fd);
	}
}

static void set_start(struct track *track, int64_t start_ns) {
	atomic_store_explicit(&track->start_ns, start_ns, memory_order_release);
	wake_outputs(track);
}

/* Now it is known when it will be heard: as ordered, or as soon as all its outputs can,
 * and never before its lead has passed. */
static void give_start(struct track *track) {
	int64_t now_ns = engine_now_ns();
	int64_t start_ns = track->job->start_ns;
	int64_t lead_ns = track->submitted_ns + track->lead_ns;
	start_ns = start_ns > lead_ns ? start_ns : lead_ns;
	start_ns = track->live ? pace_start(track) : start_ns;
	int64_t soonest_ns = now_ns + (track->reader->urgent ? ENGINE_MARGIN_NS
							     : ENGINE_MARGIN_ORDINARY_NS);
	set_start(track, start_ns < soonest_ns ? soonest_ns : start_ns);
}

/* All outputs have what they need to begin. */
static bool begun(const struct track *track) {
	if (track->live) {
		return lanes_ready(track) > 0;
	}
	return ring_head(&track->ring) >= PRIME && lanes_ready(track) >= PRIME_LANE;
}

static void fail_track(struct track *track) {
	atomic_store_explicit(&track->failed, true, memory_order_release);
}

static void end_track(struct track *track) {
	/* What outputs may read of an earlier failure is not written again. */
	bool failed = atomic_load_explicit(&track->failed, memory_order_relaxed);
	struct error unused = {0};
	track->reader_phase = READER_DONE;
	source_free(track->source);
	track->source = NULL;
	ring_set_end(&track->ring, ring_head(&track->ring));
	if (lanes_follow(track, failed ? &unused : &track->error) < 0) {
		fail_track(track);
	}
	if (atomic_load_explicit(&track->start_ns, memory_order_relaxed) == 0) {
		give_start(track);
	}
}

static void end_failed(struct track *track) {
	fail_track(track);
	end_track(track);
	wake_outputs(track);
}

static void open_track(struct reader *r, struct track *track) {
	int64_t size = (int64_t)(r->buffer_ms + AHEAD_MS) * (ENGINE_RATE / 1000);
	int rc = source_check(track->job, &track->error);
	rc = rc < 0 ? rc : source_new(track->job, &track->source, &track->error);
	if (rc == 0 && ring_allocate(&track->ring, size) < 0) {
		rc = error_set(&track->error, ENOMEM, "no memory to play a job");
	}
	track->reader_phase = READER_DECODING;
	if (rc < 0) {
		end_failed(track);
		return;
	}
	int64_t start_ns = track->live ? pace_begin(track, engine_now_ns()) : 0;
	if (start_ns != 0) {
		set_start(track, start_ns);
	}
}

/* Decodes a piece of n frames, up to PIECE; false where there is no room, or no more. */
static bool decode_piece(struct track *track, int64_t n) {
	float frames[PIECE];
	int64_t room = ring_room(&track->ring, n, HURRY);
	if (room < n) {
		return false;
	}
	int got = source_read(track->source, frames, (size_t)n, &track->error);
	if (got == 0) {
		end_track(track);
		return false;
	}
	if (got > 0) {
		ring_write(&track->ring, frames, got);
	}
	if (got < 0 || lanes_follow(track, &track->error) < 0) {
		end_failed(track);
		return false;
	}
	if (atomic_load_explicit(&track->start_ns, memory_order_relaxed) == 0 &&
	    begun(track)) {
		give_start(track);
	}
	return true;
}

/* Source frames that may be made of it now, up to PIECE. */
static int64_t piece_of(struct track *track) {
	if (!track->live) {
		return PIECE;
	}
	int64_t due = pace_due(track, engine_now_ns()) - ring_head(&track->ring);
	return due < PIECE ? due : PIECE;
}

/* True where it could take more at once. */
static bool work_on(struct reader *r, struct track *track) {
	if (track->reader_phase == READER_NEW) {
		open_track(r, track);
	}
	struct error err = {0};
	int waiting = lanes_serve(track, &err);
	if (waiting < 0 && track->reader_phase == READER_DECODING) {
		track->error = err;
		end_failed(track);
	}
	int64_t done = 0;
	while (track->reader_phase == READER_DECODING && done < TURN) {
		int64_t n = piece_of(track);
		if (n <= 0 || !decode_piece(track, n)) {
			return waiting > 0;
		}
		done += n;
	}
	return waiting > 0 || track->reader_phase == READER_DECODING;
}

/* ---- commands ---- */

static void close_track(struct reader *r, struct track *track) {
	struct track **at = &r->tracks;
	while (*at != track) {
		at = &(*at)->reader_next;
	}
	*at = track->reader_next;
	source_free(track->source);
	track->source = NULL;
	lanes_stop(track);
	track->reader_next = r->closed;
	r->closed = track;
}

static void unwatch(struct reader *r, struct output *output) {
	struct output **at = &r->outputs;
	while (*at != output) {
		at = &(*at)->watch_next;
	}
	*at = output->watch_next;
	output->watch_next = r->unwatched;
	r->unwatched = output;
}

static void take_command(struct reader *r, const struct command *c) {
	switch (c->kind) {
	case COMMAND_TRACK:
		/* First in the list: what was ordered last has waited least, and has
		 * nothing decoded yet. */
		c->track->reader_next = r->tracks;
		r->tracks = c->track;
		break;
	case COMMAND_TRACK_CLOSE:
		close_track(r, c->track);
		break;
	case COMMAND_WATCH:
		c->output->watch_next = r->outputs;
		r->outputs = c->output;
		break;
	case COMMAND_UNWATCH:
		unwatch(r, c->output);
		break;
	case COMMAND_TAP:
	case COMMAND_ZONE:
	case COMMAND_ZONE_REMOVE:
	case COMMAND_CONFIG:
		assert(c->kind == COMMAND_TRACK); /* the others are an output's */
	}
}

/* True where there was any. */
static bool take_commands(struct reader *r) {
	struct command c;
	bool any = false;
	while (queue_pop(&r->mail.commands, &c)) {
		take_command(r, &c);
		any = true;
	}
	if (any) {
		engine_wake(
			r->mail.notes_fd); /* the core may have more that did not fit */
	}
	return any;
}

static void watch(struct reader *r, int64_t now_ns) {
	for (struct output *o = r->outputs; o != NULL; o = o->watch_next) {
		int64_t beat_ns = atomic_load_explicit(&o->beat_ns, memory_order_relaxed);
		bool stuck = beat_ns < now_ns - ENGINE_STUCK_NS;
		struct note note = {.kind = stuck ? NOTE_STUCK : NOTE_UNSTUCK,
				    .output = o};
		if (stuck != o->watch_stuck && mailbox_tell(&r->mail, &note)) {
			o->watch_stuck = stuck;
		}
	}
}

static void flush(struct reader *r) {
	while (r->closed != NULL) {
		struct track *next = r->closed->reader_next;
		struct note note = {.kind = NOTE_TRACK_CLOSED, .track = r->closed};
		if (!mailbox_tell(&r->mail, &note)) {
			return;
		}
		r->closed = next;
	}
	while (r->unwatched != NULL) {
		struct output *next = r->unwatched->watch_next;
		struct note note = {.kind = NOTE_UNWATCHED, .output = r->unwatched};
		if (!mailbox_tell(&r->mail, &note)) {
			return;
		}
		r->unwatched = next;
	}
}

static void sleep_for(struct reader *r, int64_t rest_ns) {
	struct timespec rest = {.tv_sec = rest_ns / 1000000000LL,
				.tv_nsec = rest_ns % 1000000000LL};
	struct pollfd fd = {.fd = r->mail.wake_fd, .events = POLLIN};
	if (ppoll(&fd, 1, rest_ns < 0 ? NULL : &rest, NULL) > 0) {
		engine_drain(r->mail.wake_fd);
	}
}

/* -1: until it is spoken to. */
static int64_t rest_ns(const struct reader *r) {
	if (r->closed != NULL || r->unwatched != NULL) {
		return ROUND_NS;
	}
	for (const struct track *t = r->tracks; t != NULL; t = t->reader_next) {
		if (t->reader_phase != READER_DONE) {
			return t->live ? ENGINE_PACE_NS : ROUND_NS;
		}
	}
	return r->outputs != NULL ? WATCH_NS : -1;
}

static bool ordered_to_quit(const struct reader *r) {
	return atomic_load_explicit(&r->quit, memory_order_acquire);
}

void *reader_run(void *reader) {
	struct reader *r = reader;
	static const char *const names[READERS] = {[READER_DISK] = "reader",
						   [READER_LIVE] = "live reader",
						   [READER_RELAY] = "relay reader"};
	/* Like those it feeds; without, all of them only are later. */
	r->urgent = engine_be_urgent(names[r->kind], ENGINE_PRIORITY_READER) == 0;
	while (!ordered_to_quit(r)) {
		bool more = false;
		take_commands(r);
		for (struct track *t = r->tracks; t != NULL; t = t->reader_next) {
			more = work_on(r, t) || more;
			/* A new one does not wait for the rest of the round. */
			if (take_commands(r)) {
				more = true;
				break;
			}
		}
		int64_t now_ns = engine_now_ns();
		if (now_ns - r->round_ns >= WATCH_NS) {
			r->round_ns = now_ns;
			watch(r, now_ns);
		}
		flush(r);
		/* Even with work left it lets go of the processor between rounds:
		 * real-time threads that do not are killed (RLIMIT_RTTIME). */
		sleep_for(r, more ? BREATH_NS : rest_ns(r));
	}
	for (struct track *t = r->tracks; t != NULL; t = t->reader_next) {
		source_free(t->source);
		t->source = NULL;
		lanes_stop(t);
	}
	atomic_store_explicit(&r->exited, true, memory_order_release);
	engine_wake(r->mail.notes_fd);
	return NULL;
}
