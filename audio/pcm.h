/* pcm.h - a device that plays frames by its own clock. Two implementations: ALSA
 * (pcm_alsa.c) and a WAV file in real time (pcm_wav.c). Owner and only thread: one output
 * thread. Blocks: in opening and freeing only (the WAV file also on its disk).
 *
 * Frames go into a buffer of buffer_frames and leave it by the clock. Running dry (an
 * xrun) stops the device: status says so, and pcm_recover makes it empty and ready; it
 * starts again with pcm_start. */
#pragma once

#include "base/error.h"
#include "mix/mix.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCM_CHANNELS_MAX 32
#define PCM_WAV_PREFIX "wav:"

struct pcm_spec {
	const char *name;
	int rate;     /* wanted, 0: what the device likes, 48000 first */
	int channels; /* wanted */
	int buffer_ms;
};

enum pcm_state {
	PCM_READY, /* not started */
	PCM_RUNNING,
	PCM_XRUN, /* ran dry: recover */
};

struct pcm_status {
	enum pcm_state state;
	int64_t at_ns;  /* CLOCK_MONOTONIC of what follows */
	int64_t queued; /* frames written that the device has not taken */
	int64_t delay;  /* frames from one written now to the sink, >= queued where the
			   device has depth of its own */
};

struct pcm {
	const struct pcm_ops *ops;
	enum mix_format format;
	int rate;
	int channels; /* as opened: at least those wanted */
	int64_t buffer_frames;
	int64_t shallow_frames; /* as few as may be queued while nothing sounds */
	int64_t rewind_margin;  /* frames at the front that pcm_rewind leaves; -1 where it
				   cannot rewind */
};

struct pcm_ops {
	int (*write)(struct pcm *p, const void *frames, int64_t n, struct error *err);
	int (*start)(struct pcm *p, struct error *err);
	int (*status)(struct pcm *p, struct pcm_status *ret, struct error *err);
	int (*recover)(struct pcm *p, struct error *err);
	int64_t (*rewind)(struct pcm *p, int64_t frames);
	void (*free)(struct pcm *p);
};

/* Opens and negotiates; the sentence of an error tells what was tried. */
int pcm_alsa_open(const struct pcm_spec *spec, struct pcm **ret, struct error *err);
int pcm_wav_open(const struct pcm_spec *spec, struct pcm **ret, struct error *err);

/* Frames taken, at most n, 0 where it is full; -EPIPE: it ran dry, recover; any other
 * error: close it. Interleaved, in p->format. Never waits. */
static inline int pcm_write(struct pcm *p, const void *frames, int64_t n,
			    struct error *err) {
	return p->ops->write(p, frames, n, err);
}

/* Lets the clock run over what was written. */
static inline int pcm_start(struct pcm *p, struct error *err) {
	return p->ops->start(p, err);
}

static inline int pcm_status(struct pcm *p, struct pcm_status *ret, struct error *err) {
	return p->ops->status(p, ret, err);
}

/* Empty and ready again, from any state. */
static inline int pcm_recover(struct pcm *p, struct error *err) {
	return p->ops->recover(p, err);
}

/* Takes back up to `frames` of the newest written; returns how many. */
static inline int64_t pcm_rewind(struct pcm *p, int64_t frames) {
	return p->ops->rewind(p, frames);
}

/* NULL is fine. Drops what is queued. */
static inline void pcm_free(struct pcm *p) {
	if (p != NULL) {
		p->ops->free(p);
	}
}
