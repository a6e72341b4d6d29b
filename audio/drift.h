/* drift.h - keeps the sound of an output in step with CLOCK_MONOTONIC where the device's
 * clock is another: from what the timeline knows it decides when the output has to glide
 * (slew.h), and by how much. It does nothing before the device is off by more than its
 * reports may err: on a device that is right every frame stays what it was. How fast a
 * clock is that was found to be off is remembered: what sounds later follows it from its
 * first frame on. Pure; one output thread owns it. */
#pragma once

#include "slew.h"
#include "timeline.h"

#include <stdbool.h>
#include <stdint.h>

#define DRIFT_GLIDE_MOST 4     /* frames in one glide */
#define DRIFT_JUMP_NS 10000000 /* off by more: it jumps */

struct drift {
	bool set;           /* ref_ns is known */
	bool proven;        /* the device is not where its speed would have it */
	int64_t ref_ns;     /* content frame 0 is meant for then */
	double unsure_ns;   /* ref_ns is known so well */
	int64_t at_ns;      /* of the last look */
	double late_ns;     /* what sounds was so late then */
	double expected_ns; /* and what its speed alone would have made of ref_ns */
	bool learnt;
	double speed_ppm; /* learnt: the device's clock is so much slower */
};

void drift_init(struct drift *d); /* of a device of which nothing is known */
/* Nothing sounds: what is placed next is placed in step. */
void drift_forget(struct drift *d);
/* The timeline has a new report, that device frame heard_d is heard at its instant. From
 * open_d on nothing has been rendered. True where a slew was added. */
bool drift_follow(struct drift *d, const struct timeline *t, int64_t heard_d,
		  int64_t open_d, struct slews *s);
