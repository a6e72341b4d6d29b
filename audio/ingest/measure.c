/* measure.c - see measure.h. */
#include "measure.h"
#include "decode.h"

/* The library has an `enum error` of its own. */
#define error ebur128_error
#include <ebur128.h>
#undef error
#include <math.h>
#include <string.h>

struct measure {
	ebur128_state *state;
	int channels;
	float mono[DECODE_FRAMES];
	/* The standard measures in blocks of 400 ms; what is shorter than one would count
	 * as silence, so its beginning is kept, to be heard again. */
	float *head;
	size_t n_head;
	size_t head_max;
};

int measure_new(int rate, int channels, struct measure **ret, struct error *err) {
	AUTO(measure_free) struct measure *m = calloc(1, sizeof(*m));
	if (m == NULL) {
		return error_set(err, ENOMEM, "no memory to measure loudness");
	}
	m->channels = channels;
	m->head_max = (size_t)rate / 2;
	m->head = calloc(m->head_max, sizeof(*m->head));
	m->state = ebur128_init(1, (unsigned long)rate,
				EBUR128_MODE_I | EBUR128_MODE_TRUE_PEAK);
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

int measure_add(struct measure *m, const float *frames, int n, struct error *err) {
	for (int i = 0; i < n; i++) {
		m->mono[i] = m->channels == 1 ? frames[i]
					      : (frames[2 * i] + frames[2 * i + 1]) / 2;
	}
	size_t keep = m->head_max - m->n_head;
	keep = keep < (size_t)n ? keep : (size_t)n;
	memcpy(m->head + m->n_head, m->mono, keep * sizeof(*m->head));
	m->n_head += keep;
	if (ebur128_add_frames_float(m->state, m->mono, (size_t)n) != EBUR128_SUCCESS) {
		return error_set(err, ENOMEM, "no memory to measure loudness");
	}
	return 0;
}

int measure_end(struct measure *m, double *ret_lufs, double *ret_dbtp,
		struct error *err) {
	double peak = 0;
	if (ebur128_true_peak(m->state, 0, &peak) != EBUR128_SUCCESS) {
		return error_set(err, EIO, "the true peak cannot be measured");
	}
	size_t heard = m->n_head;
	while (heard > 0 && heard < m->head_max) {
		if (ebur128_add_frames_float(m->state, m->head, m->n_head) !=
		    EBUR128_SUCCESS) {
			return error_set(err, ENOMEM, "no memory to measure loudness");
		}
		heard += m->n_head;
	}
	double lufs = 0;
	if (ebur128_loudness_global(m->state, &lufs) != EBUR128_SUCCESS) {
		return error_set(err, EIO, "the loudness cannot be measured");
	}
	*ret_lufs = lufs;
	*ret_dbtp = peak > 0 ? 20 * log10(peak) : -HUGE_VAL;
	return 0;
}
