/* job.h - one run as the engine plays it: prepared parts, target zones, the instant of
 * the first frame. Owner: the caller until engine_submit, then the engine. Plain values.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jitter;
struct tally;

enum job_part_kind {
	JOB_PART_CLIP,
	JOB_PART_CHIME,
	JOB_PART_SILENCE,
	JOB_PART_LIVE,
	JOB_PART_RELAY, /* live, for so long, whether something comes or not */
};

struct job_part {
	enum job_part_kind kind;
	char *path;     /* clip: the Opus file; chime: its name (chime.h); relay: the clip
			   that sounds while nothing comes, NULL: none */
	char *title;    /* clip, and a relay's: what people call it, for errors */
	int64_t frames; /* clip: its length, 0: as the file says; live: how much of it at
			   the most, 0: until it ends; relay: its length, exactly */
	int64_t clip_frames; /* relay: the length of its clip, as above */
	double gain_db;      /* clip: what brings it to the target loudness, -60 to 30 */
	int64_t silence_ms;  /* silence */
	/* Live, relay: what somebody pushes now; a reference of the part's own. It is
	 * never behind: one that begins within it begins with what is said then. */
	struct jitter *jitter;
	struct tally
		*tally; /* relay: what came is counted here; a reference, NULL: not */
};

struct job {
	int64_t id;       /* the caller's, not 0, unique while it lives */
	int64_t start_ns; /* CLOCK_MONOTONIC of the first frame at the sink; 0: as soon as
			     possible */
	struct job_part *parts;
	size_t n_parts;
	int repeat;     /* 1 to 100 */
	int64_t gap_ms; /* between repeats */
	/* Place of its first frame in all that, repeats and gaps included; more than 0 it
	 * fades in from there. Behind the end it is over at once. */
	int64_t from_ms;
	bool urgent;      /* finds room where others do not any more, and sounds at the
			     zone's urgent_gain_db */
	bool taped;       /* what it sends to each zone can be had (engine_tape) */
	int64_t *zones;   /* engine zones that play it */
	double *gains_db; /* of each, what it begins with, -120 to 0: 0 as it is */
	size_t n_zones;
};

/* It has a live part, and so is made at the pace of the clock. */
bool job_live(const struct job *job);

/* It has a file to be read while it plays: a clip, or a fallback. */
bool job_reads(const struct job *job);

/* Allocates everything below *job. NULL is fine to free. */
struct job *job_new(size_t n_parts, size_t n_zones);
void job_free(struct job *job);
