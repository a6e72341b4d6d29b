/* engine.h - plays jobs on outputs: one reader thread that decodes ahead, one thread per
 * output that mixes and writes. Owner: the director. Every function here is called by the
 * core thread alone, none of them waits for an output.
 *
 * Commands reach an output thread through a bounded lock-free queue, events come back the
 * same way; engine_event_fd becomes readable when there are any. An output that cannot be
 * opened or that fails is a fault event, its jobs there end as failed, and it is tried
 * again for ever with back-off; every other output goes on untouched.
 *
 * Sound: float, mono per zone; a job is decoded to 48 kHz once for all its zones and
 * converted by soxr once for each rate of their cards; per zone gain and soft limiter (-1
 * dBTP), TPDF dither to the card's format. A job's first frame leaves the sink at
 * start_ns (+ the zone's lead_ms of silence before it is *not* added: the lead starts
 * early where there is time, and delays the sound where there is none). */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "job.h"
#include "tape.h"

#include <stdbool.h>

#define ENGINE_RATE 48000
#define ENGINE_TEXT_SIZE 256

struct engine;

struct engine_config {
	int buffer_ms; /* depth of a device's buffer while sounding, 20 to 2000 */
};

struct engine_output {
	int64_t id;
	const char *pcm; /* ALSA name, or "wav:PATH" */
	int rate;        /* Hz asked for, 0: what the card likes, 48000 first */
	int channels;
};

struct engine_zone {
	int64_t id;
	int64_t output;
	const int *channels;
	size_t n_channels;
	double gain_db;
	double urgent_gain_db; /* of urgent jobs, instead */
	int lead_ms;
};

enum engine_event_kind {
	ENGINE_JOB_STARTED,  /* in one zone: its first frame has left, or is about to
				within the device's buffer */
	ENGINE_JOB_ENDED,    /* in one zone, once per zone of every job, always */
	ENGINE_OUTPUT_FAULT, /* text is a sentence with ALSA's words; repeated only when
				it changes */
	ENGINE_OUTPUT_OK, /* opened, or recovered: text says what was negotiated (format,
			     rate, channels, buffer) */
};

enum engine_end {
	ENGINE_END_PLAYED, /* to its last frame, at the sink */
	ENGINE_END_CUT,    /* engine_stop */
	ENGINE_END_FAILED, /* text says why: the file or the output */
};

struct engine_event {
	enum engine_event_kind kind;
	int64_t job;
	int64_t zone;
	int64_t output;
	int64_t at_ns; /* CLOCK_MONOTONIC at the sink of the first frame (STARTED), or of
			  the end (ENDED) */
	int64_t late_ns;   /* STARTED: at_ns - start_ns, 0 where start_ns was 0 */
	int64_t played_ms; /* ENDED: how much of it sounded */
	int64_t place_ms;  /* ENDED: the place in it that was reached, from_ms included; 0
			      where it did not begin */
	enum engine_end end;
	bool lost; /* ENDED, FAILED: by the output's fault, which may pass */
	char text[ENGINE_TEXT_SIZE];
};

int engine_new(const struct engine_config *config, struct engine **ret,
	       struct error *err);
/* Stops the threads within half a second, with a short ramp, and closes the devices. NULL
 * is fine. */
void engine_free(struct engine *e);
DEFINE_AUTO(struct engine *, engine_free)

/* Opening happens in the output's own thread: 0 here says only that it was taken.
 * -EEXIST, -EINVAL, -ENOMEM. set: adds, or replaces a changed one (its jobs go on where
 * zones and channels allow, after a short gap). */
int engine_output_set(struct engine *e, const struct engine_output *output,
		      struct error *err);
void engine_output_remove(struct engine *e,
			  int64_t output); /* its zones end with a FAILED that says so */
int engine_zone_set(struct engine *e, const struct engine_zone *zone,
		    struct error *err); /* gain glides within 20 ms */
void engine_zone_remove(struct engine *e, int64_t zone);

/* Takes the job whatever becomes of it. Two jobs in one zone are added up; who may sound
 * is the director's decision. Submitted before its time it waits, decoded and ready. A
 * job whose start_ns is past starts at once, from its beginning. -ENOENT: no such zone;
 * -EBUSY: too many jobs (err says the bound). */
int engine_submit(struct engine *e, struct job *job, struct error *err);
/* Ends a job in one zone (0: in all), fading over ramp_ms (5 is the least). Ended or
 * unknown is fine. */
void engine_stop(struct engine *e, int64_t job, int64_t zone, int ramp_ms);

/* How loud a job is in one zone (0: in all) from now on, -120 to 0 dB: it moves there
 * over ramp_ms (5 is the least), heard at once. What has not begun when the order comes
 * begins with it; what must, has it in its gains_db. Ended or unknown is fine. */
void engine_gain(struct engine *e, int64_t job, int64_t zone, double gain_db,
		 int ramp_ms);

int engine_event_fd(const struct engine *e);
/* 1 and *ret filled, or 0 where there is no more. */
int engine_next_event(struct engine *e, struct engine_event *ret);

/* What was written for a zone and is heard within [from_ns, to_ns) of CLOCK_MONOTONIC,
 * which lies in the past: RMS and sample peak, dBFS, -120 where silent. Nothing falls
 * between two looks, of which each goes on where the one before ended; what is longer ago
 * than half a second is forgotten, at 48 kHz longer than eight. In steps of 10 ms, or
 * less at more than 48 kHz. 0, or -ENOENT. Lock-free. */
int engine_zone_level(const struct engine *e, int64_t zone, int64_t from_ns,
		      int64_t to_ns, double *rms_db, double *peak_db);

/* What a job with `taped` sends to one zone: after gain and limiter, each frame as the
 * device got it at last. To be asked for right after engine_submit, and to be released.
 * It ends with the job there. -ENOENT where there is none, for want of memory too. */
int engine_tape(const struct engine *e, int64_t job, int64_t zone, struct tape **ret,
		struct error *err);

struct engine_card {
	char pcm[64];   /* "hw:CARD=Device,DEV=0" */
	char name[128]; /* as the driver calls it */
	char usb[48];   /* "usb:1-1.2,0": by its USB port; "" where it has none */
};
/* The playback PCMs ALSA has now. Blocks on /proc for a moment. Release with free(). */
int engine_cards(struct engine_card **ret, size_t *n, struct error *err);
/* A PCM named by the number of its card (hw:1,0, plughw:1), named by the card's id
 * instead (hw:CARD=Device,DEV=0) where such a card is there now; any other as it is. */
void engine_pcm_stable(const char *pcm, char *ret, size_t size);
