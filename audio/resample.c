/* resample.c - see resample.h.
 *
 * The quality is soxr's HQ: flat to 0.91 of the lower rate's half, 120 dB down above it.
 * MQ and LQ are no more than 10 % cheaper once the conversion is shared (docs/audio.md),
 * and are not flat. */
#include "resample.h"

#include <soxr.h>

struct resample {
	soxr_t soxr;
};

int resample_check(int from, int to, struct error *err) {
	if (from < RESAMPLE_RATE_MIN || from > RESAMPLE_RATE_MAX ||
	    to < RESAMPLE_RATE_MIN || to > RESAMPLE_RATE_MAX) {
		return error_set(err, EINVAL, "cannot convert from %d to %d Hz", from,
				 to);
	}
	return 0;
}

int resample_new(int from, int to, struct resample **ret, struct error *err) {
	int rc = resample_check(from, to, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(resample_free) struct resample *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		return error_set(err, ENOMEM, "no memory for a resampler");
	}
	soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
	soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
	soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
	soxr_error_t words = NULL;
	r->soxr = soxr_create(from, to, 1, &words, &io, &quality, &runtime);
	if (r->soxr == NULL || words != NULL) {
		return error_set(err, ENOMEM, "cannot convert from %d to %d Hz: %s", from,
				 to, words != NULL ? words : "no memory");
	}
	*ret = MOVE(r);
	return 0;
}

void resample_free(struct resample *r) {
	if (r == NULL) {
		return;
	}
	if (r->soxr != NULL) {
		soxr_delete(r->soxr);
	}
	free(r);
}

int resample_process(struct resample *r, const float *in, size_t n_in, size_t *used,
		     float *out, size_t n_out) {
	size_t given = 0;
	/* The only errors soxr has here are of memory. */
	if (soxr_process(r->soxr, in, n_in, used, out, n_out, &given) != NULL) {
		return -ENOMEM;
	}
	return (int)given;
}
