/* level.c - see level.h. A block is one atomic word: its number modulo 2^20, by which a
 * stale one is known, and two positive floats without their sign and lowest 9 bits. */
#include "level.h"

#include "mix/mix.h"

#include <math.h>
#include <string.h>

#define PART_BITS 22
#define PART_MASK ((UINT64_C(1) << PART_BITS) - 1)
#define PART_DROPPED 9
#define NUMBER_MASK UINT64_C(0xfffff)

static uint64_t pack(float value) {
	uint32_t bits = 0;
	memcpy(&bits, &value, sizeof(bits));
	return bits >> PART_DROPPED & PART_MASK;
}

static float unpack(uint64_t part) {
	uint32_t bits = (uint32_t)(part & PART_MASK) << PART_DROPPED;
	float value = 0.0F;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

static size_t place_of(int64_t block) {
	return (uint64_t)block % LEVEL_BLOCKS;
}

void level_set(struct level *l, int64_t block, const float *frames, size_t n) {
	uint64_t square = pack(mix_square(frames, n));
	uint64_t peak = pack(mix_peak(frames, n));
	uint64_t number = (uint64_t)block & NUMBER_MASK;
	uint64_t value = number << 2 * PART_BITS | square << PART_BITS | peak;
	atomic_store_explicit(&l->blocks[place_of(block)], peak != 0 ? value : 0,
			      memory_order_relaxed);
}

void level_clear(struct level *l, int64_t from, int64_t to) {
	for (int64_t block = from; block < to; block++) {
		atomic_store_explicit(&l->blocks[place_of(block)], 0,
				      memory_order_relaxed);
	}
}

void level_clear_all(struct level *l) {
	level_clear(l, 0, LEVEL_BLOCKS);
}

void level_read(const struct level *l, int64_t from, int64_t to, double *rms_db,
		double *peak_db) {
	double squares = 0.0;
	float peak = 0.0F;
	from = to - from > LEVEL_BLOCKS ? to - LEVEL_BLOCKS : from;
	for (int64_t block = from; block < to; block++) {
		uint64_t value = atomic_load_explicit(&l->blocks[place_of(block)],
						      memory_order_relaxed);
		if (value >> 2 * PART_BITS != ((uint64_t)block & NUMBER_MASK)) {
			continue;
		}
		squares += (double)unpack(value >> PART_BITS);
		peak = fmaxf(peak, unpack(value));
	}
	*rms_db = mix_db_of(to > from ? sqrt(squares / (double)(to - from)) : 0.0);
	*peak_db = mix_db_of((double)peak);
}
