/* resample.h - one mono stream from one fixed rate to another (soxr). Owner: whoever
 * made it. Threads: one at a time. After resample_new it never allocates and never
 * blocks, as long as it is fed in blocks of RESAMPLE_BLOCK and less.
 *
 * Output frame n is input frame n * from / to exactly: the filter's own delay is paid by
 * feeding ahead, not by shifting the sound. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define RESAMPLE_BLOCK 480

struct resample;

/* Rates in Hz, 4000 to 384000. */
int resample_new(int from, int to, struct resample **ret, struct error *err);
void resample_free(struct resample *r); /* NULL is fine */
DEFINE_AUTO(struct resample *, resample_free)

/* Takes up to n_in frames (*used says how many), gives up to n_out; returns how many.
 * Fewer than n_out with all of the input used: feed more. */
size_t resample_process(struct resample *r, const float *in, size_t n_in, size_t *used,
			float *out, size_t n_out);

/* Input frames it may have taken beyond the one that corresponds to its newest output. */
int resample_lookahead(const struct resample *r);
/* Since it was made. */
int64_t resample_frames_in(const struct resample *r);
int64_t resample_frames_out(const struct resample *r);
