/* engine_ring.h - the decoded frames of one job, written once by the reader thread and
 * read by any number of output threads, none of which can hold it up.
 *
 * Frames are counted from the start of the job. The ring holds the last `size` of them.
 * Each consumer (one output) pins the frames from its position on; the writer may write
 * only where no consumer pins. A consumer that has fallen too far behind is evicted: its
 * pin is taken away in one compare-and-swap, which fails only in the instant the consumer
 * is copying. An evicted consumer asks to join again at a position of its choice, and the
 * writer lets it in between two writes. So a thread that is stuck anywhere but in that
 * copy costs the others nothing, and no frame is ever read while it is written.
 *
 * Threads: functions are marked W (the writer) or C (the consumer it belongs to). */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_ENDLESS INT64_MAX

struct ring_consumer {
	_Atomic uint64_t state; /* position, and in the low bits a phase */
	char pad[56];           /* a line of its own */
};

struct ring {
	float *frames;
	int64_t size;
	_Atomic int64_t head; /* frames written since the start */
	_Atomic int64_t end;  /* length of the job, RING_ENDLESS until it is known */
	struct ring_consumer *consumers;
	size_t n_consumers;
};

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
int64_t ring_head(const struct ring *r);                         /* any */
int64_t ring_end(const struct ring *r);                          /* any */
bool ring_all_done(const struct ring *r);                        /* any */

/* C: copies frames [from, from + n); those that are not there (before its position, not
 * decoded yet, behind the end) become 0. Returns how many of the n were decoded and
 * pinned or lie outside the job, that is, how many are right; -ESTALE where it was
 * evicted. */
int64_t ring_read(struct ring *r, size_t consumer, int64_t from, int64_t n,
		  float *frames);
/* C: pins from `position` on; never moves back. False where it was evicted. */
bool ring_advance(struct ring *r, size_t consumer, int64_t position);
/* C: evicted, wants back at `position` (at the earliest). */
void ring_rejoin(struct ring *r, size_t consumer, int64_t position);
bool ring_joined(const struct ring *r, size_t consumer); /* C */
void ring_leave(struct ring *r, size_t consumer);        /* C: for good */
