/* recorder.h - keeps what zones were sent as Ogg Opus files: a thread of its own reads
 * tapes (tape.h), encodes and writes. A slow disk leaves a gap in a recording, which is
 * filled with silence and told; the sound knows nothing of it. Owner: the daemon's
 * recordings. Threads: the functions are the core thread's. None of them waits, but
 * recorder_free.
 *
 * A recording is one file, mono at 48 kHz. It may have several tapes, one after the
 * other, where a job was interrupted and another went on with it. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "tape.h"

#include <stdint.h>

#define RECORDER_KBPS_MIN 8
#define RECORDER_KBPS_MAX 256

struct recorder;

struct recorder_end {
	int64_t recording;   /* the caller's number */
	int64_t duration_ms; /* 0: nothing was sent, and there is no file */
	int64_t lost_ms;     /* of it silence, in place of what came too fast */
	int64_t size_bytes;
	int error;      /* errno where it could not be kept; there is no file then */
	char text[256]; /* and a sentence; "" */
};

int recorder_new(struct recorder **ret, struct error *err);
/* Ends every recording that is open, as far as its tapes go; ends not taken before can be
 * taken from `ends` (NULL: nobody wants them), which is called for each. Waits a second
 * at most for a disk; what it hangs on then is left behind. NULL is fine. */
void recorder_free(struct recorder *r,
		   void (*ends)(void *arg, const struct recorder_end *end), void *arg);

/* Opens a recording. The file is made with the first frame that is sent; there must be
 * none. kbps: of the encoder. -ENOMEM. */
int recorder_begin(struct recorder *r, int64_t recording, const char *path, int kbps,
		   struct error *err);
/* What is sent next; the tape is the recorder's, also where it fails: -ENOMEM. */
int recorder_add(struct recorder *r, int64_t recording, struct tape *tape,
		 struct error *err);
/* No tape follows; its end comes once all tapes have ended, the file on the disk. */
void recorder_finish(struct recorder *r, int64_t recording);

/* Readable where there is an end. */
int recorder_fd(const struct recorder *r);
/* 1 and *ret filled, or 0 where there is no more. */
int recorder_next_end(struct recorder *r, struct recorder_end *ret);

/* For tests: before each write of a file; blocks it, or returns an errno to refuse it.
 * NULL: none. */
void recorder_hook(struct recorder *r, int (*before_write)(void *arg), void *arg);
