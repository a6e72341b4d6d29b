/* seed.h - the seed of a random test: SEED where it is set, else a new one; printed, so
 * that a failure can be had again. */
#pragma once

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static inline unsigned seed_random(void) {
	unsigned seed = 0;
	const char *given = getenv("SEED");
	if (given != NULL) {
		seed = (unsigned)strtoul(given, NULL, 10);
	} else {
		ssize_t n = getrandom(&seed, sizeof(seed), 0);
		assert(n == sizeof(seed));
		(void)n;
	}
	fprintf(stderr, "SEED=%u\n", seed);
	srandom(seed);
	return seed;
}
