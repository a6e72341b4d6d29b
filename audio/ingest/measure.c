/* measure.c - see measure.h. */
#include "measure.h"

/* The library has an `enum error` of its own. */
#define error ebur128_error
#include <ebur128.h>
#undef error
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define SHORT_BLOCKS 8

struct measure {
	ebur128_state *state;
	/* The standard measures in blocks of 400 ms; what is shorter than one would count
	 * as silence, so its beginning is kept, to be heard again. */
	float *head;
	size_t n_head;
	size_t block;
};

int measure_new(int rate, enum measure_what what, struct measure **ret,
		struct error *err) {
	AUTO(measure_free) struct measure *m = calloc(1, sizeof(*m));
	if (m == NULL) {
		return error_set(err, ENOMEM, "no memory to measure loudness");
	}
	m->block = (size_t)rate * 2 / 5;
	m->head = calloc(m->block, sizeof(*m->head));
	m->state = ebur128_init(1, (unsigned long)rate,
				what == MEASURE_LOUDNESS
					? EBUR128_MODE_I
					: EBUR128_MODE_I | EBUR128_MODE_TRUE_PEAK);
	if (m->head == NULL || m->state == NULL) {
		return error_set(err, ENOMEM, "no memory to measure loudness");
	}
	*ret = MOVE(m);
	return 0;
}

void measure_free(struct measure *m) {
	if (m == NULL) {
		return;
	}
	if (m->state != NULL) {
		ebur128_destroy(&m->state);
	}
	free(m->head);
	free(m);
}

void measure_mix(const float *frames, int n, int channels, float *ret) {
	for (int i = 0; i < n; i++) {
		ret[i] = channels == 1 ? frames[i]
				       : (frames[2 * i] + frames[2 * i + 1]) / 2;
	}
}

static int hear(struct measure *m, const float *frames, size_t n, struct error *err) {
	return n == 0 || ebur128_add_frames_float(m->state, frames, n) == EBUR128_SUCCESS
		       ? 0
		       : error_set(err, ENOMEM, "no memory to measure loudness");
}

int measure_add(struct measure *m, const float *frames, int n, struct error *err) {
	size_t keep = m->block - m->n_head;
	keep = keep < (size_t)n ? keep : (size_t)n;
	memcpy(m->head + m->n_head, frames, keep * sizeof(*m->head));
	m->n_head += keep;
	return hear(m, frames, (size_t)n, err);
}

int measure_end(struct measure *m, double *ret_lufs, double *ret_dbtp,
		struct error *err) {
	double peak = 0;
	if (ret_dbtp != NULL &&
	    ebur128_true_peak(m->state, 0, &peak) != EBUR128_SUCCESS) {
		return error_set(err, EIO, "the true peak cannot be measured");
	}
	/* So often that it matters little where the blocks begin in it. */
	bool is_short = m->n_head > 0 && m->n_head < m->block;
	for (size_t heard = m->n_head; is_short && heard < SHORT_BLOCKS * m->block;
	     heard += m->n_head) {
		int rc = hear(m, m->head, m->n_head, err);
		if (rc < 0) {
			return rc;
		}
	}
	double lufs = 0;
	if (ebur128_loudness_global(m->state, &lufs) != EBUR128_SUCCESS) {
		return error_set(err, EIO, "the loudness cannot be measured");
	}
	*ret_lufs = lufs;
	if (ret_dbtp != NULL) {
		*ret_dbtp = peak > 0 ? 20 * log10(peak) : -HUGE_VAL;
	}
	return 0;
}
