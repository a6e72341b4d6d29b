/* engine_rig.h - what the engine's tests share: an engine in a folder of its own, with
 * WAV outputs and cards of tests/alsa-clock; events waited for; what was played read
 * back. Owner: one test. Threads: one. Blocks: it waits for sound. */
#pragma once

#include "audio/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RIG_OUTPUTS 20
#define RIG_EVENTS 4096
#define RIG_PATH 200
#define RIG_TESTS 16 /* of one program */

struct CMUnitTest;

struct rig_card {
	int channels;
	int rate;         /* of a card */
	bool wav;         /* a WAV output, not a card */
	const char *more; /* further options of the card; %s is the folder */
};

struct rig {
	char dir[RIG_PATH];
	struct engine *engine;
	struct rig_card cards[RIG_OUTPUTS]; /* output i + 1 */
	size_t n_cards;
	struct engine_event events[RIG_EVENTS]; /* all that came */
	size_t n_events;
};

/* A folder, the cards, an engine with the outputs set; output i + 1 is cards[i], its PCM
 * rig_pcm(). No zones. */
void rig_start(struct rig *rig, const struct rig_card *cards, size_t n, int buffer_ms);
/* Two cards with a buffer of 200 ms, a zone on the first channel of each; both are ready.
 */
void rig_start_two(struct rig *rig, const struct rig_card cards[2],
		   const int64_t zones[2]);
/* Frees the engine where that was not done, and the folder. */
void rig_stop(struct rig *rig);

const char *rig_path(const struct rig *rig, const char *name); /* of 8 buffers in turn */
const char *rig_pcm(const struct rig *rig, int64_t output);
/* Urgent jobs sound there at 0 dB. */
void rig_zone(struct rig *rig, int64_t zone, int64_t output, int channel, double gain_db);

/* A job of one chime ("three-tone") repeated, or of one clip. */
struct job *rig_chime(int64_t id, const int64_t *zones, size_t n, int repeat);
struct job *rig_clip(int64_t id, const int64_t *zones, size_t n, const char *path);
void rig_submit(struct rig *rig, struct job *job);

/* All of main(), whose arguments it gets: runs the tests side by side, each a process of
 * its own, for most of what they do is to wait; under the thread sanitizer, where it is
 * to work, one after the other. With an argument, the one of that name. Returns the exit
 * status. */
int rig_main(const struct CMUnitTest *tests, size_t n, int argc, char **argv);

void rig_touch(const struct rig *rig, const char *name);
void rig_remove(const struct rig *rig, const char *name);

/* Takes events until one of this kind for job and zone (0: any), at most seconds; NULL
 * where none came. */
const struct engine_event *rig_wait(struct rig *rig, enum engine_event_kind kind,
				    int64_t job, int64_t zone, double seconds);
const struct engine_event *rig_wait_output(struct rig *rig, enum engine_event_kind kind,
					   int64_t output, double seconds);
void rig_run(struct rig *rig, double seconds); /* takes events meanwhile */
size_t rig_count(const struct rig *rig, enum engine_event_kind kind, int64_t job,
		 int64_t zone);

/* What an output played on a channel, as floats; *start_ns is CLOCK_MONOTONIC of its
 * first frame (0 for WAV). Of a card the segments are put together as they lie in time,
 * with silence between them. Release with free(). */
struct heard {
	float *frames;
	size_t n;
	int rate;
	int64_t start_ns;
	bool whole; /* the card never ran dry in it, nor stopped */
};
struct heard rig_heard(const struct rig *rig, int64_t output, int channel);

/* Repeats of the chime at 48 kHz, as the engine should make it. Release with free(). */
float *rig_chime_frames(int repeat, size_t *n);
/* Where `wanted` (48 kHz) lies in what was heard, by correlation over all of it: frame,
 * with its fraction; and how well: signal to error in dB once aligned, at the best
 * fitting part of a frame. `from`, `to`: frames of wanted to compare. */
struct match {
	double frame;
	double snr_db;
	double gain;
};
struct match rig_match(const struct heard *heard, const float *wanted, size_t n);
/* The same of a place that is known within so many frames: also of what is periodic. */
struct match rig_match_near(const struct heard *heard, const float *wanted, size_t n,
			    double frame, double within);
float rig_peak(const struct heard *heard, size_t from, size_t to);
