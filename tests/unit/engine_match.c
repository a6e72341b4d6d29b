/* engine_match.c - see engine_rig.h: what was heard, compared with what should have been.
 * Built without sanitizers and for speed (meson.build): it is most of what the engine's
 * tests have to do, and the processors are wanted for the sound. */
#include "engine_rig.h"

#include <math.h>

#define TEMPLATE 2048
#define NEAR 0.5 /* frames: uphill from there it is found */
#define SINC 32  /* frames on either side */

float rig_peak(const struct heard *heard, size_t from, size_t to) {
	float peak = 0.0F;
	for (size_t i = from; i < to && i < heard->n; i++) {
		peak = fmaxf(peak, fabsf(heard->frames[i]));
	}
	return peak;
}

/* Blackman-Harris window and sign of each of the frames around a place, but for where
 * between two frames that lies: its cosine is cosine * cos(turn) + sine * sin(turn). */
static struct {
	double cosine[2 * SINC];
	double sine[2 * SINC];
	double sign[2 * SINC];
} taps;

static void make_taps(void) {
	if (taps.sign[0] != 0.0) {
		return;
	}
	for (int i = 0; i < 2 * SINC; i++) {
		double w = (i + 1) / (2.0 * SINC);
		taps.cosine[i] = cos(2 * M_PI * w);
		taps.sine[i] = sin(2 * M_PI * w);
		taps.sign[i] = (i & 1) != 0 ? -1.0 : 1.0;
	}
}

/* Value of the band-limited signal between its frames: windowed sinc. */
static double value_at(const float *x, size_t n, double at) {
	int64_t whole = (int64_t)floor(at);
	double part = at - (double)whole;
	if (part < 1e-9) {
		return whole >= 0 && whole < (int64_t)n ? (double)x[whole] : 0.0;
	}
	make_taps();
	double turn = 2 * M_PI * part / (2.0 * SINC);
	double cosine = cos(turn);
	double sine = sin(turn);
	int64_t first = whole - SINC + 1;
	int from = first < 0 ? (int)(first < -2 * SINC ? 2 * SINC : -first) : 0;
	int64_t rest = (int64_t)n - first;
	int to = rest > 2 * SINC ? 2 * SINC : (int)(rest > 0 ? rest : 0);
	double sum = 0.0;
	for (int i = from; i < to; i++) {
		double c = taps.cosine[i] * cosine + taps.sine[i] * sine;
		double window = 0.35875 - 0.48829 * c + 0.14128 * (2 * c * c - 1) -
				0.01168 * (4 * c * c * c - 3 * c);
		sum += (double)x[first + i] * window * taps.sign[i] /
		       ((double)(i - SINC + 1) - part);
	}
	return sum * sin(M_PI * part) / M_PI;
}

struct fit {
	double snr_db;
	double gain;
};

/* How well wanted, put at `frame` of what was heard, explains it; every `step`th frame.
 */
static struct fit fit_at(const struct heard *h, const float *wanted, size_t n,
			 double frame, size_t step) {
	double ratio = 48000.0 / h->rate;
	int64_t first = (int64_t)ceil(frame);
	int64_t last = (int64_t)floor(frame + (double)n / ratio);
	double xy = 0.0;
	double xx = 0.0;
	double yy = 0.0;
	for (int64_t i = first > 0 ? first : 0; i < last; i += (int64_t)step) {
		double x = value_at(wanted, n, ((double)i - frame) * ratio);
		double y = i < (int64_t)h->n ? (double)h->frames[i] : 0.0;
		xy += x * y;
		xx += x * x;
		yy += y * y;
	}
	struct fit f = {-120.0, 0.0};
	if (xx > 0.0 && yy > 0.0) {
		f.gain = xy / xx;
		double error = yy - xy * xy / xx;
		f.snr_db = 10.0 * log10(yy / (error > yy * 1e-15 ? error : yy * 1e-15));
	}
	return f;
}

/* The whole frame at which a loud piece of wanted fits best. */
static double find_frame(const struct heard *h, const float *wanted, size_t n) {
	double ratio = 48000.0 / h->rate;
	size_t loud = 0;
	float peak = 0.0F;
	for (size_t i = 0; i + (size_t)(TEMPLATE * ratio) + 2 < n; i++) {
		if (fabsf(wanted[i]) > peak) {
			peak = fabsf(wanted[i]);
			loud = i;
		}
	}
	float piece[TEMPLATE];
	double energy = 0.0;
	for (size_t i = 0; i < TEMPLATE; i++) {
		piece[i] = (float)value_at(wanted, n, (double)loud + (double)i * ratio);
		energy += (double)piece[i] * (double)piece[i];
	}
	double best = -1.0;
	double at = 0.0;
	for (size_t i = 0; i + TEMPLATE < h->n; i++) {
		float xy = 0.0F;
		float yy = 1e-9F;
		if (h->frames[i] == 0.0F && h->frames[i + TEMPLATE / 2] == 0.0F) {
			continue;
		}
		for (size_t k = 0; k < TEMPLATE; k++) {
			xy += piece[k] * h->frames[i + k];
			yy += h->frames[i + k] * h->frames[i + k];
		}
		double fit = (double)xy / sqrt((double)yy * energy);
		if (fit > best + 1e-6) {
			best = fit;
			at = (double)i;
		}
	}
	return at - (double)loud / ratio;
}

/* The best fit that is found by going uphill from there. */
static struct match climb(const struct heard *heard, const float *wanted, size_t n,
			  double middle) {
	double step = 0.5;
	size_t every = n > 20000 ? n / 10000 : 1;
	struct fit best = fit_at(heard, wanted, n, middle, every);
	while (step > 1e-4) {
		struct fit left = fit_at(heard, wanted, n, middle - step, every);
		struct fit right = fit_at(heard, wanted, n, middle + step, every);
		if (left.snr_db > best.snr_db && left.snr_db >= right.snr_db) {
			best = left;
			middle -= step;
		} else if (right.snr_db > best.snr_db) {
			best = right;
			middle += step;
		} else {
			step /= 2;
		}
	}
	best = fit_at(heard, wanted, n, middle, 1);
	return (struct match){.frame = middle, .snr_db = best.snr_db, .gain = best.gain};
}

struct match rig_match(const struct heard *heard, const float *wanted, size_t n) {
	return climb(heard, wanted, n, find_frame(heard, wanted, n));
}

struct match rig_match_near(const struct heard *heard, const float *wanted, size_t n,
			    double frame, double within) {
	double middle = frame;
	double most_db = -INFINITY;
	for (double at = frame - within; at <= frame + within; at += NEAR) {
		struct fit f = fit_at(heard, wanted, n, at, 5);
		if (f.snr_db > most_db) {
			most_db = f.snr_db;
			middle = at;
		}
	}
	return climb(heard, wanted, n, middle);
}
