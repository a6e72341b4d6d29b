/* decode.h - any audio file the box takes, in memory, as float frames (libsndfile,
 * opusfile). Owner: whoever opened it. Threads: one at a time. Never blocks, makes no
 * system call but for memory. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECODE_FRAMES 4096 /* the most that one decode_read gives */

struct decoder;

struct decode_info {
	int rate;       /* Hz */
	int channels;   /* of what decode_read gives: 1 or 2 */
	bool keepable;  /* one link of Opus, mono or stereo: may be keepable */
	char input[96]; /* "FLAC, 44100 Hz, 2 channels" */
};

/* data is borrowed until decode_free. -EINVAL: not audio, or none that can be taken, with
 * the decoder's words; -EFBIG: longer than max_ms. */
int decode_open(const void *data, size_t size, int64_t max_ms, struct decoder **ret,
		struct error *err);
void decode_free(struct decoder *d); /* NULL is fine */
DEFINE_AUTO(struct decoder *, decode_free)

void decode_info(const struct decoder *d, struct decode_info *ret);
/* Writes up to DECODE_FRAMES interleaved frames and returns how many, 0 at the end. Every
 * sample is finite and within +-2. -EINVAL: the file is damaged; -EFBIG: it goes on for
 * longer than max_ms. */
int decode_read(struct decoder *d, float *frames, struct error *err);
/* At the end: whether the file itself plays as what was read, so that it can be kept. */
bool decode_keepable(const struct decoder *d);
/* Frames read so far, in milliseconds. */
int64_t decode_position_ms(const struct decoder *d);
