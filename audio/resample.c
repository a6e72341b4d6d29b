/* resample.c - see resample.h. */
#include "resample.h"

#include <soxr.h>
#include <string.h>

struct resample {
	soxr_t soxr;
	int from;
	int to;
	int lookahead;
	int64_t in;
	int64_t out;
};

/* soxr allocates its buffers as they fill: fill them once, in the way it will be used,
 * and take down how far ahead of its output it has to be fed. */
static int warm_up(struct resample *r, struct error *err) {
	float silence[RESAMPLE_BLOCK] = {0};
	float out[256];
	int64_t end = 2 * (int64_t)r->from;
	while (r->in < end) {
		size_t fed = 0;
		while (fed < RESAMPLE_BLOCK) {
			size_t used = 0;
			size_t want = sizeof(out) / sizeof(out[0]);
			size_t got = resample_process(
				r, silence + fed, RESAMPLE_BLOCK - fed, &used, out, want);
			fed += used;
			if (got < want && used == 0 && fed < RESAMPLE_BLOCK) {
				return error_set(err, EINVAL,
						 "the resampler from %d to %d Hz stopped",
						 r->from, r->to);
			}
		}
		while (resample_process(r, silence, 0, &(size_t){0}, out,
					sizeof(out) / sizeof(out[0])) > 0) {
		}
		int64_t ahead = r->in - r->out * r->from / r->to;
		if (ahead + RESAMPLE_BLOCK > r->lookahead) {
			r->lookahead = (int)ahead + RESAMPLE_BLOCK;
		}
	}
	return 0;
}

int resample_new(int from, int to, struct resample **ret, struct error *err) {
	if (from < 4000 || from > 384000 || to < 4000 || to > 384000) {
		return error_set(err, EINVAL, "cannot convert from %d to %d Hz", from,
				 to);
	}
	AUTO(resample_free) struct resample *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		return error_set(err, ENOMEM, "no memory for a resampler");
	}
	r->from = from;
	r->to = to;
	soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
	soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
	soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
	soxr_error_t words = NULL;
	r->soxr = soxr_create(from, to, 1, &words, &io, &quality, &runtime);
	if (r->soxr == NULL || words != NULL) {
		return error_set(err, ENOMEM, "cannot convert from %d to %d Hz: %s", from,
				 to, words != NULL ? words : "no memory");
	}
	int rc = warm_up(r, err);
	if (rc < 0) {
		return rc;
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

size_t resample_process(struct resample *r, const float *in, size_t n_in, size_t *used,
			float *out, size_t n_out) {
	size_t taken = 0;
	size_t given = 0;
	/* The only errors soxr has here are of memory and null pointers; then it gives
	 * nothing, and the caller's bound on feeding ends the matter. */
	if (soxr_process(r->soxr, in, n_in, &taken, out, n_out, &given) != NULL) {
		taken = n_in;
		given = 0;
	}
	r->in += (int64_t)taken;
	r->out += (int64_t)given;
	*used = taken;
	return given;
}

int resample_lookahead(const struct resample *r) {
	return r->lookahead;
}

int64_t resample_frames_in(const struct resample *r) {
	return r->in;
}

int64_t resample_frames_out(const struct resample *r) {
	return r->out;
}
