/* feed.h - out of a pipe into a jitter buffer: the sound of a program that brings it from
 * outside (audio/relay/relay.h), on a thread of its own, so that no commit of the core
 * makes it wait. Owner: who made it. Threads: call from one. */
#pragma once

#include "jitter.h"

struct feed;

/* Takes the descriptor, whatever becomes of it: mono at JITTER_RATE, 16 bit. A reference
 * of the jitter buffer is taken, which nobody else may push to meanwhile. */
int feed_new(int fd, struct jitter *jitter, struct feed **ret, struct error *err);
/* Ends its thread, which waits for nothing but this and the pipe. NULL is fine. */
void feed_free(struct feed *f);
DEFINE_AUTO(struct feed *, feed_free)

int64_t feed_frames(const struct feed *f); /* that have come so far */
