/* measure.h - integrated loudness and true peak of what will be played, EBU R128
 * (libebur128). Owner: whoever made it. Threads: one at a time. Never blocks. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stddef.h>

struct measure;

enum measure_what { MEASURE_LOUDNESS, MEASURE_PEAK_TOO };

int measure_new(int rate, enum measure_what what, struct measure **ret,
		struct error *err);
void measure_free(struct measure *m); /* NULL is fine */
DEFINE_AUTO(struct measure *, measure_free)

/* What the engine plays of interleaved frames of one or two channels: their average, for
 * a horn is mono. At most DECODE_FRAMES at once. */
void measure_mix(const float *frames, int n, int channels, float *ret);
/* Mono frames. */
int measure_add(struct measure *m, const float *frames, int n, struct error *err);
/* Ends the measurement. lufs and dbtp are
 * -HUGE_VAL for silence. ret_dbtp is NULL where only loudness is measured. */
int measure_end(struct measure *m, double *ret_lufs, double *ret_dbtp, struct error *err);
