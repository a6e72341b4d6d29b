/* engine_ring.h - the decoded frames of one job, written once by the reader thread and
 * read by any number of output threads, none of which can hold it up.
 *
 * Frames are counted from the start of the job, at 48 kHz: source frames. The ring holds
 * the last `size` of them, and the same stretch of the job once more for each other rate
 * at which an output plays: a lane, whose frame k sounds together with source frame k *
 * 48000 / rate. So a rate costs one conversion, however many outputs play at it.
 *
 * Each consumer (one output) pins the frames from its position on; the writer may write
 * only where no consumer pins. A consumer that has fallen too far behind is evicted: its
 * pin is taken away in one compare-and-swap, which fails only in the instant the consumer
 * is copying. An evicted consumer asks to join again at a position of its choice, and the
 * writer lets it in between two writes. So a thread that is stuck anywhere but in that
 * copy costs the others nothing, and no frame is ever read while it is written. Which
 * lane a consumer reads stands in the same word as its pin, for the same reason: the
 * writer gives away a lane only when no consumer can be in it.
 *
 * Threads: functions are marked W (the writer) or C (the consumer it belongs to). */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_ENDLESS INT64_MAX
#define RING_RATE 48000

struct ring_consumer {
	_Atomic uint64_t state; /* position, lane, and in the low bits a phase */
	_Atomic int rate;       /* C: at which it reads */
	char pad[52];           /* a line of its own */
};

struct ring_lane {
	_Atomic int rate;     /* 0: unused */
	_Atomic int64_t head; /* frames written since the start of the job */
	int64_t first;        /* those before it are not right: it was made later */
	int64_t size;
	float *frames;
};

struct ring {
	struct ring_lane *lanes; /* the first is the source */
	size_t n_lanes;
	_Atomic int64_t end; /* length of the job, RING_ENDLESS until it is known */
	struct ring_consumer *consumers;
	size_t n_consumers;
};

/* Frames at one rate as frames at another, rounded down, also below zero; and up. */
int64_t ring_scale(int64_t frames, int from, int to);
int64_t ring_scale_up(int64_t frames, int from, int to);

/* All consumers stand at 0. 0 or -ENOMEM. The frames come later, by ring_allocate. */
int ring_init(struct ring *r, size_t n_consumers);
int ring_allocate(struct ring *r, int64_t size); /* W: 0 or -ENOMEM */
void ring_done(struct ring *r);                  /* no thread uses it any more */

/* W: lets in those that asked; frames that can be written now. Where that is less than
 * `need` and the fastest consumer is within `hurry` frames of the head, it evicts those
 * that lag more than half the ring behind the fastest. */
int64_t ring_room(struct ring *r, int64_t need, int64_t hurry);
void ring_write(struct ring *r, const float *frames, int64_t n); /* W: n <= room */
void ring_set_end(struct ring *r, int64_t end);                  /* W */
int64_t ring_head(const struct ring *r);  /* any: source frames written */
int64_t ring_end(const struct ring *r);   /* any: source frames */
bool ring_all_done(const struct ring *r); /* any */

/* W: the source frames from `from` on that lie in one piece; *n says how many. */
const float *ring_peek(const struct ring *r, int64_t from, int64_t *n);
/* W, C: the rate at which a consumer wants to read and cannot yet; 0: it can. */
int ring_wants(const struct ring *r, size_t consumer);
/* W: the lane of that rate, or a fresh one that nobody reads yet; -ENOMEM. There is one
 * as long as those that nobody reads are dropped. */
int ring_lane(struct ring *r, int rate);
/* W: somebody reads it; drop: it is unused again, nobody may. */
bool ring_lane_used(const struct ring *r, size_t lane);
void ring_drop_lane(struct ring *r, size_t lane);
/* W: of a fresh lane: the number of its next frame, and of the first that is right. */
void ring_begin_lane(struct ring *r, size_t lane, int64_t head, int64_t first);
/* W: n such that it stays within what the source lane holds. */
void ring_write_lane(struct ring *r, size_t lane, const float *frames, int64_t n);
int64_t ring_lane_head(const struct ring *r, size_t lane); /* W */
/* W: lets the consumer read that lane. False in the instant it copies: try again. */
bool ring_put(struct ring *r, size_t consumer, size_t lane);

/* C: reads at that rate from now on; true where the writer has to be woken for it. */
bool ring_tune(struct ring *r, size_t consumer, int rate);
/* C: frames there are at its rate. */
int64_t ring_ready(const struct ring *r, size_t consumer);
/* C: copies frames [from, from + n) at its rate; those that are not there (before its
 * position, before *first, not decoded yet, behind the end) become 0. Returns how many of
 * the n were decoded and pinned or lie outside the job, that is, how many are right;
 * -ESTALE where it was evicted. *first: where its lane begins, 0 but for one that was
 * made while the job played. */
int64_t ring_read(struct ring *r, size_t consumer, int64_t from, int64_t n, float *frames,
		  int64_t *first);
/* C: pins from source frame `position` on; never moves back. False where it was evicted.
 */
bool ring_advance(struct ring *r, size_t consumer, int64_t position);
/* C: evicted, wants back at source frame `position` (at the earliest). */
void ring_rejoin(struct ring *r, size_t consumer, int64_t position);
bool ring_joined(const struct ring *r, size_t consumer); /* C */
void ring_leave(struct ring *r, size_t consumer);        /* C: for good */
