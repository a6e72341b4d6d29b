/* resample.h - one mono stream from one fixed rate to another (soxr). Owner: whoever
 * made it. Threads: one at a time. Blocks: never, but it allocates as it goes, so it is
 * none of an output thread's.
 *
 * Output frame n is input frame n * from / to exactly: the filter's own delay is paid by
 * feeding ahead, not by shifting the sound. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stddef.h>

#define RESAMPLE_RATE_MIN 4000
#define RESAMPLE_RATE_MAX 384000

struct resample;

/* Rates in Hz, within the bounds above. */
int resample_new(int from, int to, struct resample **ret, struct error *err);
void resample_free(struct resample *r); /* NULL is fine */
DEFINE_AUTO(struct resample *, resample_free)

/* -EINVAL and a sentence where there is no such conversion. */
int resample_check(int from, int to, struct error *err);

/* Takes up to n_in frames (*used says how many), gives up to n_out; returns how many.
 * Fewer than n_out with all of the input used: feed more. -ENOMEM. */
int resample_process(struct resample *r, const float *in, size_t n_in, size_t *used,
		     float *out, size_t n_out);
