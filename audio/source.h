/* source.h - the parts of a job one after the other, without a gap, repeats and all, as
 * mono frames at 48 kHz. Owner: the reader thread. Blocks: on the clip's disk; of a live
 * part it gives what there is, and never waits. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "job.h"

#include <stddef.h>

struct source;

/* The job must outlive it. Begins at its from_ms, to the frame. -EINVAL where a part
 * makes no sense; what clip_open and clip_seek say where it begins behind one. */
int source_new(const struct job *job, struct source **ret, struct error *err);
void source_free(struct source *s); /* NULL is fine */
DEFINE_AUTO(struct source *, source_free)

/* Up to n frames; returns how many, 0 at the end. */
int source_read(struct source *s, float *frames, size_t n, struct error *err);

/* Opens every clip once, so that a missing one is known before the first frame. */
int source_check(const struct job *job, struct error *err);
