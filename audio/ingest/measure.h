/* measure.h - integrated loudness and true peak of what will be played, EBU R128
 * (libebur128). Owner: whoever made it. Threads: one at a time. Never blocks. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stddef.h>

struct measure;

int measure_new(int rate, int channels, struct measure **ret, struct error *err);
void measure_free(struct measure *m); /* NULL is fine */
DEFINE_AUTO(struct measure *, measure_free)

/* Interleaved frames of the channels given. They are averaged first: a horn is mono, and
 * that is how the engine plays stereo. At most DECODE_FRAMES at once. */
int measure_add(struct measure *m, const float *frames, int n, struct error *err);
/* Ends the measurement. lufs and dbtp are -HUGE_VAL for silence. */
int measure_end(struct measure *m, double *ret_lufs, double *ret_dbtp, struct error *err);
