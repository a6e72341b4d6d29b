/* sinc.c - see sinc.h. */
#include "sinc.h"

#include <math.h>

#define KAISER_BETA 8.0
#define LANES 8 /* sums beside each other, which the compiler makes one of */

/* Modified Bessel function of the first kind and order 0. */
static double bessel(double x) {
	double sum = 1.0;
	double term = 1.0;
	for (int k = 1; k < 40; k++) {
		term *= x / 2 / k * (x / 2 / k);
		sum += term;
	}
	return sum;
}

static double kernel_at(double x) {
	if (x == rint(x)) {
		return x == 0.0 ? 1.0 : 0.0;
	}
	double share = x / (double)SINC_HALF;
	double inside = 1.0 - share * share;
	double window = bessel(KAISER_BETA * sqrt(inside > 0.0 ? inside : 0.0));
	return sin(M_PI * x) / (M_PI * x) * window;
}

void sinc_init(struct sinc *s) {
	for (int p = 0; p <= SINC_PHASES; p++) {
		double taps[SINC_TAPS];
		double sum = 0.0;
		for (int k = 0; k < SINC_TAPS; k++) {
			taps[k] =
				kernel_at(k - (SINC_HALF - 1) - (double)p / SINC_PHASES);
			sum += taps[k];
		}
		for (int k = 0; k < SINC_TAPS; k++) {
			s->taps[p][k] = (float)(taps[k] / sum);
		}
	}
}

float sinc_at(const struct sinc *s, const float *frames, double part) {
	double phase = part * SINC_PHASES;
	int low = (int)phase < SINC_PHASES ? (int)phase : SINC_PHASES - 1;
	float share = (float)(phase - low);
	const float *a = s->taps[low];
	const float *b = s->taps[low + 1];
	float sums[LANES] = {0.0F};
	for (int k = 0; k < SINC_TAPS; k += LANES) {
		for (int i = 0; i < LANES; i++) {
			float tap = a[k + i] + share * (b[k + i] - a[k + i]);
			sums[i] += frames[k + i] * tap;
		}
	}
	float sum = 0.0F;
	for (int i = 0; i < LANES; i++) {
		sum += sums[i];
	}
	return sum;
}
