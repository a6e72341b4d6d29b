/* tape.h - what one job sent to one zone, for whoever keeps it: a ring of 16-bit frames
 * that an output thread writes and another thread reads, later. No locks, nobody waits: a
 * reader that is too late loses frames and is told how many.
 *
 * What a device has queued may be taken back and written anew, so frames are written at
 * device frames, over and over if need be, and read only once they are final. The frames
 * of a tape follow each other without a gap, whatever happens to the device: when it
 * comes back after a loss, what it sends then follows what it had sent.
 *
 * Threads: one writes (tape_place to tape_end), one reads, any ends and releases it.
 * Never blocks; allocates where it is made. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tape;

/* Room for `seconds` at `rate`, and at least for what is ahead of the final. Has one
 * owner. NULL: no memory. */
struct tape *tape_new(int rate, double seconds);
void tape_hold(struct tape *t);    /* one owner more */
void tape_release(struct tape *t); /* one less; the last frees it. NULL is fine */
DEFINE_AUTO(struct tape *, tape_release)

/* ---- the writer ---- */

bool tape_placed(const struct tape *t);
/* Device frame d is what follows the final frames. rate: of the device. */
void tape_place(struct tape *t, int64_t d, int rate);
/* The device lost what it had queued: what is not final will not be sent. */
void tape_lift(struct tape *t);
/* Device frames [d, d + n), -1 to 1; NULL: silence. Those before its place are left out.
 */
void tape_write(struct tape *t, int64_t d, const float *frames, int64_t n);
/* Those before device frame d will not be taken back any more. */
void tape_settle(struct tape *t, int64_t d);

/* Nothing will be written any more. Any thread. */
void tape_end(struct tape *t);

/* ---- the reader ---- */

/* Final frames in order, up to n: how many, 0 where there are none now, or -1 where there
 * will be none any more. *lost: frames left out before these. *rate: theirs. */
int64_t tape_read(struct tape *t, int16_t *frames, int64_t n, int64_t *lost, int *rate);
/* Frames that can be read now. */
int64_t tape_ready(const struct tape *t);
