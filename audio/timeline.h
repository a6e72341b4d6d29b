/* timeline.h - which frame of a device is heard when: frame index <-> CLOCK_MONOTONIC at
 * the sink, learnt from the device's own reports. Pure; one output thread owns it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct timeline {
	int rate;
	int64_t zero_ns; /* when frame 0 was, or would have been, heard */
	double rest_ns;  /* what zero_ns leaves out */
	int seen;        /* reports since the last jump; 0: nothing is known */
	int strange;     /* reports in a row that do not fit */
};

void timeline_init(struct timeline *t, int rate);
/* The device stopped or was filled anew: forget, but keep counting frames. */
void timeline_forget(struct timeline *t);
/* At at_ns the device was playing frame `frame`. Returns false for a report that does not
 * fit and was left out; several of those in a row are believed. */
bool timeline_report(struct timeline *t, int64_t frame, int64_t at_ns);
bool timeline_known(const struct timeline *t);

/* Both need a known timeline. */
int64_t timeline_ns_of_frame(const struct timeline *t, int64_t frame);
int64_t timeline_frame_at(const struct timeline *t, int64_t ns); /* nearest */

/* Length of n frames, rounded; and the other way. */
int64_t timeline_ns(int64_t frames, int rate);
int64_t timeline_frames(int64_t ns, int rate);
