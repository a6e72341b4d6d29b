/* engine_lanes.c - the rates of a job: what was decoded of it, converted once to each
 * rate at which an output plays it, into a lane of its ring. Thread: the reader's.
 * Blocks: never, but allocates.
 *
 * A lane follows the source lane, so it can be made at any moment: of an output that
 * comes late, or comes back with another rate, the stretch the ring holds is converted at
 * once. */
#include "engine_internal.h"

#include <assert.h>

#define PIECE 512
/* Source frames a conversion needs before its output is right, the reach of its filter:
 * the lower the rate, the longer. */
#define LOW_RATE 16000
#define SETTLE 1920
#define SETTLE_LOW 9600

/* Source frames after which the two rates meet again on a frame. */
static int64_t common_step(int rate) {
	int64_t a = RING_RATE;
	int64_t b = rate;
	while (b != 0) {
		int64_t rest = a % b;
		a = b;
		b = rest;
	}
	return RING_RATE / a;
}

static void drop_unused(struct track *t) {
	for (size_t i = 1; i < t->ring.n_lanes; i++) {
		if (t->feeds[i].resample != NULL && !ring_lane_used(&t->ring, i)) {
			resample_free(t->feeds[i].resample);
			t->feeds[i].resample = NULL;
			ring_drop_lane(&t->ring, i);
		}
	}
}

void lanes_stop(struct track *t) {
	for (size_t i = 1; t->feeds != NULL && i < t->ring.n_lanes; i++) {
		resample_free(t->feeds[i].resample);
		t->feeds[i].resample = NULL;
	}
}

/* Its conversion begins with the oldest source frame that is there, and with silence up
 * to that from the last one on which the rates meet, so that frame k of the lane falls on
 * its place. */
static int begin_lane(struct track *t, size_t lane, int rate, struct error *err) {
	struct feed *f = &t->feeds[lane];
	int rc = resample_new(RING_RATE, rate, &f->resample, err);
	if (rc < 0) {
		ring_drop_lane(&t->ring, lane);
		return rc;
	}
	int64_t head = ring_head(&t->ring);
	int64_t size = t->ring.lanes[0].size;
	int64_t oldest = head > size ? head - size : 0;
	int64_t step = common_step(rate);
	f->rate = rate;
	f->next_s = oldest;
	f->silence = oldest % step;
	int64_t at = ring_scale(oldest - f->silence, RING_RATE, rate);
	int64_t settled = oldest + (rate < LOW_RATE ? SETTLE_LOW : SETTLE);
	int64_t first = oldest > 0 ? ring_scale(settled, RING_RATE, rate) : 0;
	ring_begin_lane(&t->ring, lane, at, first);
	return 0;
}

/* Feeds n frames, silence where in is NULL; what comes goes into the lane, but no further
 * than `end`. */
static int feed(struct track *t, size_t lane, const float *in, int64_t n, int64_t end,
		struct error *err) {
	static const float silence[PIECE];
	float out[PIECE];
	size_t done = 0;
	int got = PIECE;
	while (n > 0 || got == PIECE) {
		size_t piece = n < PIECE ? (size_t)n : PIECE;
		got = resample_process(t->feeds[lane].resample,
				       in != NULL ? in + done : silence, piece, &piece,
				       out, PIECE);
		if (got < 0) {
			return error_set(err, -got, "no memory to convert a job");
		}
		done += piece;
		n -= (int64_t)piece;
		int64_t room = end - ring_lane_head(&t->ring, lane);
		ring_write_lane(&t->ring, lane, out, got < room ? got : room);
	}
	return 0;
}

/* Converts all that is decoded, and behind the end what is still in the filter. */
static int follow(struct track *t, size_t lane, struct error *err) {
	struct feed *f = &t->feeds[lane];
	int64_t end = ring_end(&t->ring);
	int rc = 0;
	if (f->silence > 0) {
		rc = feed(t, lane, NULL, f->silence, INT64_MAX, err);
		f->silence = 0;
	}
	while (rc == 0 && f->next_s < ring_head(&t->ring)) {
		int64_t n = 0;
		const float *in = ring_peek(&t->ring, f->next_s, &n);
		f->next_s += n;
		rc = feed(t, lane, in, n, INT64_MAX, err);
	}
	if (end != RING_ENDLESS) {
		int64_t last = ring_scale_up(end, RING_RATE, f->rate);
		while (rc == 0 && ring_lane_head(&t->ring, lane) < last) {
			rc = feed(t, lane, NULL, PIECE, last, err);
		}
	}
	return rc;
}

/* A consumer that has another rate than its lane gets that lane. 1: not yet. */
static int serve(struct track *t, size_t consumer, struct error *err) {
	int rate = ring_wants(&t->ring, consumer);
	if (rate == 0) {
		return 0;
	}
	drop_unused(t);
	int lane = ring_lane(&t->ring, rate);
	if (lane < 0) {
		return error_set(err, -lane, "no memory to convert a job");
	}
	if (lane > 0 && t->feeds[lane].resample == NULL) {
		int rc = begin_lane(t, (size_t)lane, rate, err);
		rc = rc < 0 ? rc : follow(t, (size_t)lane, err);
		if (rc < 0) {
			return rc;
		}
	}
	if (!ring_put(&t->ring, consumer, (size_t)lane)) {
		return 1;
	}
	engine_wake(t->taps[consumer].output->mail.wake_fd);
	return 0;
}

int lanes_serve(struct track *t, struct error *err) {
	int more = 0;
	if (t->ring.lanes[0].frames == NULL) {
		return 0;
	}
	for (size_t i = 0; i < t->n_taps; i++) {
		int rc = serve(t, i, err);
		if (rc < 0) {
			return rc;
		}
		more += rc;
	}
	drop_unused(t);
	return more;
}

int lanes_follow(struct track *t, struct error *err) {
	for (size_t i = 1; i < t->ring.n_lanes; i++) {
		int rc = t->feeds[i].resample != NULL ? follow(t, i, err) : 0;
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

int64_t lanes_ready(const struct track *t) {
	int64_t least = ring_head(&t->ring);
	for (size_t i = 1; i < t->ring.n_lanes; i++) {
		int64_t head = ring_lane_head(&t->ring, i);
		if (t->feeds[i].resample != NULL) {
			head = ring_scale(head, t->feeds[i].rate, RING_RATE);
			least = head < least ? head : least;
		}
	}
	return least;
}
