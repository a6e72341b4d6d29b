/* slew.h - what of its sound an output plays at a device frame, where the device's clock
 * is not ours. Content frames are what the device frames would be if its clock were
 * right: device frame d plays content frame d + shift(d). The shift is a whole number of
 * frames, but for the stretches, slews, on which it glides to another; so nearly always
 * what is read is a plain copy. The shift is a matter of the device frame alone: what is
 * taken back and rendered once more comes out the same.
 *
 * A jump is for what no glide could mend: the sound fades out, what is too late is passed
 * over, or what is too early is waited for in silence, and it fades in.
 *
 * Pure. Threads: one at a time. Never blocks, never allocates. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The newest that are known; together longer than any device's buffer. */
#define SLEW_MAX 32
#define SLEW_PPM 280   /* at most so much faster or slower */
#define SLEW_RISE 2048 /* frames in which it becomes so, and ends */
#define SLEW_DIP_MS 5  /* of the fades at a jump */

enum slew_kind {
	SLEW_STILL, /* the shift is whole and stays */
	SLEW_GLIDE,
	SLEW_MUTE, /* silence */
};

struct slew {
	int64_t from_d;
	int64_t length; /* device frames; 0: a jump onwards */
	int64_t frames; /* by which the shift grows */
	bool jump;
};

struct slews {
	int64_t base; /* shift before the first known */
	size_t n;
	struct slew items[SLEW_MAX]; /* in order; none begins within another */
};

void slews_init(struct slews *s);
/* From device frame from_d on, or where the one before ends, the shift grows by that
 * many frames, not 0. Nothing from there on may have been rendered. */
void slews_glide(struct slews *s, int64_t from_d, int64_t frames);
void slews_jump(struct slews *s, int64_t from_d, int64_t frames);

double slews_shift(const struct slews *s, int64_t d);
/* That of device frames [d, + n), in one piece: slews_piece. */
void slews_shifts(const struct slews *s, int64_t d, int64_t n, double *shifts);
int64_t slews_total(const struct slews *s); /* the shift at last */
int64_t slews_end_d(const struct slews *s); /* from here on it is that; INT64_MIN */
/* The first device frame at which content frame c, or a later one, is played. */
int64_t slews_device(const struct slews *s, int64_t c);
/* What happens at device frame d, and for how many frames, up to *n. */
enum slew_kind slews_piece(const struct slews *s, int64_t d, int64_t *n);
/* Fades what lies beside a jump: device frames [d, + n), in no piece but one. */
void slews_dip(const struct slews *s, float *frames, int64_t n, int64_t d, int rate);
/* Content frames that jumps in [from_d, to_d) pass over. */
int64_t slews_passed_over(const struct slews *s, int64_t from_d, int64_t to_d);
