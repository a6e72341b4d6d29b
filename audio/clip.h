/* clip.h - one Opus file, read as mono float frames at 48 kHz, at its own gain and with
 * its peaks limited (mix/trim.h); more channels are mixed down. Owner: whoever opened it.
 * Threads: one at a time. Blocks: on disk reads only. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define CLIP_RATE 48000

struct clip;

/* Errors name the clip by what people call it: title, or the path where it is NULL. A
 * clip that has lasted `frames` (0: whatever the file says) is refused at its end when it
 * is shorter now. gain_db: what brings it to the target loudness. Returns 0 and sets
 * *ret, or a negative errno and leaves *ret alone. */
int clip_open(const char *path, const char *title, int64_t frames, double gain_db,
	      struct clip **ret, struct error *err);
void clip_free(struct clip *c); /* NULL is fine */
DEFINE_AUTO(struct clip *, clip_free)

int64_t clip_frames(const struct clip *c); /* length, as the file says */

/* What is read next is frame `frame`, 0 to clip_frames. 0 or -EBADMSG. */
int clip_seek(struct clip *c, int64_t frame, struct error *err);

/* Up to n frames; returns how many, 0 at the end. A file that ends before its length, or
 * does not decode, is -EBADMSG with the place. */
int clip_read(struct clip *c, float *frames, size_t n, struct error *err);
