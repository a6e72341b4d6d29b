/* engine_pace.c - live jobs: their frames are made as time passes, not ahead of it. Frame
 * k is made at pace_ns + k and heard at start_ns + k; between the two lies what the
 * outputs need in advance, and no more, so that what is said is heard soon. Thread: the
 * reader's. Never blocks.
 *
 * The devices play at our clock's pace (drift.h), but what they keep of their own
 * differs. Each output tells how near its device came to running dry; the least of that
 * over two seconds is held between two bounds by making a little more or less. The jitter
 * buffer (jitter.h) takes that for a sender that is as much slower or faster. */
#include "engine_internal.h"

/* From made to heard: ENGINE_REACH, a round of the reader and one of the output, the
 * least an output calls enough, and as much again for a busy box. */
#define AHEAD_NS 60000000LL
/* What a conversion may keep back at a usual rate; where the start is known before. */
#define LAG_NS 20000000LL
#define LOOK_NS 2000000000LL
#define SLACK_LEAST_NS 25000000LL
#define SLACK_MOST_NS 50000000LL
#define CORRECT_NS 1000000LL /* in a look: 500 ppm */
#define RESCUE_NS 10000000LL /* where it is near to running dry */

static int64_t wanted_ns(const struct track *t) {
	int64_t lead_ns = t->submitted_ns + t->lead_ns;
	return t->job->start_ns > lead_ns ? t->job->start_ns : lead_ns;
}

int64_t pace_begin(struct track *t, int64_t now_ns) {
	int64_t early_ns = wanted_ns(t) - AHEAD_NS - LAG_NS;
	t->pace_ns = early_ns > now_ns ? early_ns : now_ns;
	t->paced_ns = t->pace_ns;
	return early_ns > now_ns ? wanted_ns(t) : 0;
}

int64_t pace_start(const struct track *t) {
	int64_t head = ring_head(&t->ring);
	/* A converter gives its frames in lots: before the first, it kept back most. */
	int64_t lag = lanes_ready(t) < head ? head : 0;
	int64_t start_ns = t->pace_ns + AHEAD_NS + timeline_ns(lag, ENGINE_RATE);
	return start_ns > wanted_ns(t) ? start_ns : wanted_ns(t);
}

static int64_t correction_ns(int64_t slack_ns) {
	if (slack_ns < SLACK_LEAST_NS - RESCUE_NS) {
		return RESCUE_NS;
	}
	if (slack_ns < SLACK_LEAST_NS) {
		return CORRECT_NS;
	}
	return slack_ns > SLACK_MOST_NS ? -CORRECT_NS : 0;
}

int64_t pace_due(struct track *t, int64_t now_ns) {
	if (now_ns - t->paced_ns > LOOK_NS) {
		int64_t slack_ns = atomic_exchange_explicit(&t->slack_ns, INT64_MAX,
							    memory_order_relaxed);
		int64_t by_ns = slack_ns != INT64_MAX ? correction_ns(slack_ns) : 0;
		t->pace_shift += timeline_frames(by_ns, ENGINE_RATE);
		t->paced_ns = now_ns;
	}
	int64_t passed_ns = now_ns - t->pace_ns;
	return passed_ns < 0 ? 0
			     : timeline_frames(passed_ns, ENGINE_RATE) + t->pace_shift;
}
