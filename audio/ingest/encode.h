/* encode.h - float frames to an Ogg Opus file (libopusenc): the same frames give the same
 * bytes. Owner: whoever made it. Threads: one at a time. Blocks: on writes to fd. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct encoder;

/* fd is borrowed. channels: 1 (64 kbit/s) or 2 (96 kbit/s). */
int encode_new(int fd, int rate, int channels, struct encoder **ret, struct error *err);
void encode_free(struct encoder *e); /* NULL is fine */
DEFINE_AUTO(struct encoder *, encode_free)

/* Interleaved frames. -ENOSPC and other errors of write(2). */
int encode_add(struct encoder *e, const float *frames, int n, struct error *err);
/* Writes what is still held, and the end. Returns the bytes of the file. */
int64_t encode_end(struct encoder *e, struct error *err);
