/* drift.h - keeps the sound of an output in step with CLOCK_MONOTONIC where the device's
 * clock is another: from what the timeline knows it decides when the output has to glide
 * (slew.h), and by how much. It does nothing before the device is off by more than its
 * reports may err: on a device that is right every frame stays what it was. Pure; one
 * output thread owns it. */
#pragma once

#include "slew.h"
#include "timeline.h"

#include <stdbool.h>
#include <stdint.h>

#define DRIFT_GLIDE_MOST 4     /* frames in one glide */
#define DRIFT_JUMP_NS 10000000 /* off by more: it jumps */

struct drift {
	bool set;         /* ref_ns is known */
	bool proven;      /* the clock is off: it glides for less from then on */
	int64_t ref_ns;   /* content frame 0 is meant for then */
	double unsure_ns; /* ref_ns is known so well */
	double late_ns;   /* at the last look */
};

/* Nothing sounds: what is placed next is placed in step. */
void drift_forget(struct drift *d);
/* The timeline has a new report, that device frame heard_d is heard at its instant. From
 * open_d on nothing has been rendered. True where a slew was added. */
bool drift_follow(struct drift *d, const struct timeline *t, int64_t heard_d,
		  int64_t open_d, struct slews *s);
