/* timeline.h - which frame of a device is heard when: frame index <-> CLOCK_MONOTONIC at
 * the sink, learnt from the device's own reports; how fast its clock is, and how well all
 * that is known. Pure; one output thread owns it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of reports: stretches of time that each keep their earliest. */
#define TIMELINE_SPANS 64
#define TIMELINE_SPAN_NS 250000000LL
#define TIMELINE_FIRST 16 /* reports that come quickly, to begin with */
#define TIMELINE_PPM 250  /* no clock is further off */

/* Instants here are of frame 0: when it was, or would have been, heard. */
struct timeline_span {
	int64_t at_ns;    /* of the earliest report */
	int64_t zero_ns;  /* and what it said */
	int64_t later_ns; /* by how much the others were later, all together */
	int64_t reports;
	int64_t opened_ns;
};

struct timeline {
	int rate;
	int64_t zero_ns;    /* as of the last report */
	int64_t at_ns;      /* of that */
	double speed_ppm;   /* the device's clock is so much slower */
	double unsure_ns;   /* zero_ns is known so well */
	double unsure_ppm;  /* and speed_ppm; INFINITY while nothing is known of it */
	double coarse_ns;   /* by how much reports differ from the earliest */
	bool coarse;        /* so much that many are wanted */
	int64_t reports;    /* since the last jump; 0: nothing is known */
	int strange;        /* reports in a row that do not fit */
	int64_t strange_ns; /* since when */
	size_t n;
	struct timeline_span spans[TIMELINE_SPANS]; /* oldest first */
};

void timeline_init(struct timeline *t, int rate);
/* The device stopped or was filled anew: forget, but keep counting frames. */
void timeline_forget(struct timeline *t);
/* At at_ns, later than in the report before, the device was playing frame `frame`.
 * Returns false for a report that does not fit and was left out; where that goes on they
 * are believed. */
bool timeline_report(struct timeline *t, int64_t frame, int64_t at_ns);
bool timeline_known(const struct timeline *t);
/* Known so well that what differs from it is the device's doing. */
bool timeline_settled(const struct timeline *t);
/* When the next report is wanted, counted from the last; INT64_MAX: by itself never. */
int64_t timeline_wanted_ns(const struct timeline *t);

/* Both need a known timeline. */
int64_t timeline_ns_of_frame(const struct timeline *t, int64_t frame);
int64_t timeline_frame_at(const struct timeline *t, int64_t ns); /* nearest */

/* Length of n frames, rounded; and the other way. */
int64_t timeline_ns(int64_t frames, int rate);
int64_t timeline_frames(int64_t ns, int rate);
