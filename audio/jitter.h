/* jitter.h - sound that comes as it is spoken: a sender pushes pieces when they arrive,
 * the reader thread pulls a steady stream of mono frames at 48 kHz. Between the two lies
 * as little sound as the sender's unsteadiness allows.
 *
 * How much is kept grows after every gap, and shrinks while less would have been enough:
 * by playing up to speed_ppm faster, and by leaving out silent places. The same speed
 * follows a sender whose clock is not ours. What is missing fades to silence within 5 ms
 * and back; what is too old (most_ms) is passed over with a crossfade.
 *
 * Threads: one pushes, one pulls; lock-free, neither ever waits or allocates. Owner:
 * counted by jitter_ref, freed by the last jitter_unref, on any thread. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JITTER_RATE 48000 /* of what is pulled */
#define JITTER_RATE_MIN 8000
#define JITTER_RATE_MAX 48000

struct jitter;

struct jitter_config {
	int rate;      /* of what is pushed, Hz, within the bounds above */
	int least_ms;  /* kept in reserve at the least, 5 to most_ms */
	int most_ms;   /* older sound than this is not played, 20 to 1000 */
	int speed_ppm; /* it plays so much faster or slower at the most, 300 to 10000 */
};

/* -EINVAL, -ENOMEM. One reference is the caller's. */
int jitter_new(const struct jitter_config *config, struct jitter **ret,
	       struct error *err);
struct jitter *jitter_ref(struct jitter *j);
void jitter_unref(struct jitter *j); /* NULL is fine */
DEFINE_AUTO(struct jitter *, jitter_unref)

/* ---- the sender's side ---- */

/* Frames at the sender's rate; returns how many were taken. All but where nobody has
 * pulled for a second: the rest is counted as refused. */
size_t jitter_push(struct jitter *j, const float *frames, size_t n);
/* n frames were lost on the way: silence in their place, without a step. */
void jitter_lost(struct jitter *j, size_t n);
/* Nothing more will come: what is there is played, then it is over. */
void jitter_end(struct jitter *j);

/* ---- the reader's side ---- */

/* One of several that pull the same sound: each gets the same frames. */
struct jitter_tap {
	int64_t at;
	bool joined;
};

/* The first that joins begins with what is pushed from now on. */
void jitter_join(struct jitter *j, struct jitter_tap *tap);
void jitter_leave(struct jitter *j, struct jitter_tap *tap);
/* n frames, fewer only where it is over; then 0 ever after. */
size_t jitter_pull(struct jitter *j, struct jitter_tap *tap, float *frames, size_t n);

/* What was pulled last is sound, not the silence of a buffer that ran dry. */
bool jitter_playing(const struct jitter *j);

/* ---- any thread ---- */

struct jitter_facts {
	int depth_ms; /* between what was pushed and what was pulled last, 0 while dry */
	int reserve_ms;     /* of that, what it wants to have left in the worst case */
	int64_t gaps;       /* times it ran dry */
	int64_t skipped_ms; /* passed over, silent or too old */
	int64_t refused_ms; /* pushed while nobody pulled */
	int speed_ppm;      /* now */
	bool ended;         /* nothing more will come */
};
void jitter_facts(const struct jitter *j, struct jitter_facts *ret);
