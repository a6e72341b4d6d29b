/* levelling.h - the gain that brings a clip to the target loudness where it is played,
 * and how loud it comes out: what plays it, gain and limiter (audio/mix/trim.h), is run
 * over it at several gains at once, and what comes out is measured. Owner: whoever made
 * it. Threads: one at a time. Never blocks.
 *
 * The limiter takes from a sound with high peaks; some more gain gives that back. How
 * much may be given is bounded: LEVEL_BOOST_MAX_DB in all, so that the noise of a quiet
 * recording stays below; LEVEL_MAKEUP_MAX_DB of it for what the limiter took, and none
 * where a decibel of gain brings less than a tenth of one. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#define LEVEL_TARGET_LUFS (-16.0)
#define LEVEL_WITHIN_LU 0.5
#define LEVEL_BOOST_MAX_DB 20.0
#define LEVEL_MAKEUP_MAX_DB 9.0

struct levelling;

struct level {
	double gain_db;
	double lufs; /* what comes out; -HUGE_VAL: silence */
	/* "none": within LEVEL_WITHIN_LU of the target; "noise": it is too quiet, and
	 * more gain would raise its noise; "peaks": its peaks are too far above the rest;
	 * "silence": nothing to measure. */
	const char *limit;
};

/* lufs, dbtp: of the clip as it is (measure.h). */
int levelling_new(double lufs, double dbtp, struct levelling **ret, struct error *err);
void levelling_free(struct levelling *l); /* NULL is fine */
DEFINE_AUTO(struct levelling *, levelling_free)

/* Interleaved frames at TRIM_RATE, at most DECODE_FRAMES at once. */
int levelling_add(struct levelling *l, const float *frames, int n, int channels,
		  struct error *err);
int levelling_end(struct levelling *l, struct level *ret, struct error *err);
