/* level.h - how loud a zone is: mean square and peak of every block it was given, kept
 * for some seconds, so that whoever looks gets all that passed since the last look,
 * however late the look comes. One thread sets, any other reads; no locks.
 *
 * A block is known by its number, and one that is rendered anew (what was queued was
 * taken back) is set anew. What was never set, or cleared, is silence. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Of 10 ms at 48 kHz, of 2.5 at 192: what a device can queue, and half a second more. */
#define LEVEL_BLOCKS 1024

struct level {
	_Atomic uint64_t blocks[LEVEL_BLOCKS]; /* number, mean square, peak; 0: silence */
};

/* frames: the block's. */
void level_set(struct level *l, int64_t block, const float *frames, size_t n);
/* Blocks [from, to) hold nothing. */
void level_clear(struct level *l, int64_t from, int64_t to);
void level_clear_all(struct level *l);
/* dBFS over blocks [from, to); MIX_SILENCE_DB where they hold nothing. Any thread. */
void level_read(const struct level *l, int64_t from, int64_t to, double *rms_db,
		double *peak_db);
