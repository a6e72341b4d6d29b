/* relayed.h - a relayed part of a job, from one place on: what comes now, and where
 * nothing does its fallback, from its start, again and again until there is something.
 * Owner: source.h's, and so its thread. Blocks: on the fallback's disk; for what is
 * relayed it never waits. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "job.h"

#include <stddef.h>

struct relayed;

/* Of a part that must outlive it, the last `left` frames: it rises at its beginning and
 * falls at its end, as both are cuts. -ENOMEM. */
int relayed_new(const struct job_part *part, int64_t left, struct relayed **ret,
		struct error *err);
void relayed_free(struct relayed *r); /* NULL is fine */
DEFINE_AUTO(struct relayed *, relayed_free)

/* n frames; silence where there is nothing, also no fallback that can be read. */
void relayed_read(struct relayed *r, float *frames, size_t n);
