/* levelling.c - see levelling.h. */
#include "levelling.h"
#include "decode.h"
#include "measure.h"

#include "audio/mix/trim.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Codecs move peaks by less than this; below it the limiter has nothing to do. */
#define PEAK_MARGIN_DB 1.5
#define GAIN_WORTH 0.1 /* LU that a decibel brings at the least */

/* dB above the gain that would do without a limiter. Between them loudness is as good as
 * straight: it never bends by more than the limiter takes. */
static const double steps[] = {0.0, 1.0, 2.0, 3.0, 4.5, 6.0, LEVEL_MAKEUP_MAX_DB};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

struct trial {
	double gain_db;
	struct trim trim;
	struct measure *measure;
	double lufs;
};

struct levelling {
	struct trial trials[STEPS];
	size_t n; /* 0: silence */
	float mono[DECODE_FRAMES];
	float out[DECODE_FRAMES];
};

static int add_trial(struct levelling *l, double gain_db, struct error *err) {
	struct trial *t = &l->trials[l->n];
	t->gain_db = gain_db;
	trim_init(&t->trim, gain_db);
	int rc = measure_new(TRIM_RATE, MEASURE_LOUDNESS, &t->measure, err);
	l->n += rc == 0 ? 1 : 0;
	return rc;
}

int levelling_new(double lufs, double dbtp, struct levelling **ret, struct error *err) {
	AUTO(levelling_free) struct levelling *l = calloc(1, sizeof(*l));
	if (l == NULL) {
		return error_set(err, ENOMEM, "no memory to level a clip");
	}
	double plain_db = fmin(LEVEL_TARGET_LUFS - lufs, LEVEL_BOOST_MAX_DB);
	bool high = dbtp + plain_db > TRIM_AIM_DB - PEAK_MARGIN_DB;
	for (size_t i = 0; isfinite(lufs) && i < (high ? STEPS : 1); i++) {
		double gain_db = fmin(plain_db + steps[i], LEVEL_BOOST_MAX_DB);
		if (i > 0 && gain_db <= l->trials[i - 1].gain_db) {
			break;
		}
		int rc = add_trial(l, gain_db, err);
		if (rc < 0) {
			return rc;
		}
	}
	*ret = MOVE(l);
	return 0;
}

void levelling_free(struct levelling *l) {
	if (l == NULL) {
		return;
	}
	for (size_t i = 0; i < l->n; i++) {
		measure_free(l->trials[i].measure);
	}
	free(l);
}

int levelling_add(struct levelling *l, const float *frames, int n, int channels,
		  struct error *err) {
	int rc = 0;
	measure_mix(frames, n, channels, l->mono);
	for (size_t i = 0; rc == 0 && i < l->n; i++) {
		struct trial *t = &l->trials[i];
		memcpy(l->out, l->mono, (size_t)n * sizeof(*l->out));
		size_t out = trim_frames(&t->trim, l->out, (size_t)n);
		rc = measure_add(t->measure, l->out, (int)out, err);
	}
	return rc;
}

static int end_trial(struct levelling *l, struct trial *t, struct error *err) {
	size_t out = 0;
	while ((out = trim_rest(&t->trim, l->out, DECODE_FRAMES)) > 0) {
		int rc = measure_add(t->measure, l->out, (int)out, err);
		if (rc < 0) {
			return rc;
		}
	}
	return measure_end(t->measure, &t->lufs, NULL, err);
}

/* The least gain that reaches the target, else the most that is worth it. */
static void choose(const struct levelling *l, struct level *ret) {
	const struct trial *t = &l->trials[0];
	size_t i = 0;
	while (t[i].lufs < LEVEL_TARGET_LUFS && i + 1 < l->n &&
	       t[i + 1].lufs - t[i].lufs >=
		       GAIN_WORTH * (t[i + 1].gain_db - t[i].gain_db)) {
		i++;
	}
	ret->gain_db = t[i].gain_db;
	ret->lufs = t[i].lufs;
	double over = t[i].lufs - LEVEL_TARGET_LUFS;
	if (i == 0 && (over > 0.0 || l->n == 1)) {
		/* What the codec made of it, with no limiter in the way. */
		ret->gain_db = fmin(t[i].gain_db - over, LEVEL_BOOST_MAX_DB);
		ret->lufs += ret->gain_db - t[i].gain_db;
	} else if (over > 0.0) {
		ret->gain_db -= over * (t[i].gain_db - t[i - 1].gain_db) /
				(t[i].lufs - t[i - 1].lufs);
	}
	ret->lufs = fmin(ret->lufs, LEVEL_TARGET_LUFS);
}

int levelling_end(struct levelling *l, struct level *ret, struct error *err) {
	for (size_t i = 0; i < l->n; i++) {
		int rc = end_trial(l, &l->trials[i], err);
		if (rc < 0) {
			return rc;
		}
	}
	*ret = (struct level){.lufs = -HUGE_VAL, .limit = "silence"};
	if (l->n > 0) {
		choose(l, ret);
		bool reached = ret->lufs >= LEVEL_TARGET_LUFS - LEVEL_WITHIN_LU;
		bool most = ret->gain_db > LEVEL_BOOST_MAX_DB - LEVEL_WITHIN_LU;
		ret->limit = reached ? "none" : most ? "noise" : "peaks";
	}
	return 0;
}
