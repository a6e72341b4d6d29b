/* engine_ring.c - see engine_ring.h. */
#include "engine_ring.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum phase {
	FREE,    /* pins; may be evicted */
	COPYING, /* pins; may not */
	EVICTED, /* pins nothing */
	JOINING, /* pins nothing, position is where it wants to be */
	LEFT,
};
#define PHASE_BITS 3
#define PHASE_MASK ((1U << PHASE_BITS) - 1U)
#define LANE_BITS 16
#define LANE_MASK ((1U << LANE_BITS) - 1U)
/* Of a lane beyond its share of the source's: its head may be rounded up. */
#define LANE_MARGIN 4

static uint64_t pack(int64_t position, size_t lane, enum phase phase) {
	return (uint64_t)position << (PHASE_BITS + LANE_BITS) |
	       (uint64_t)lane << PHASE_BITS | phase;
}

static enum phase phase_of(uint64_t state) {
	return (enum phase)(state & PHASE_MASK);
}

static size_t lane_of(uint64_t state) {
	return (size_t)(state >> PHASE_BITS & LANE_MASK);
}

static int64_t position_of(uint64_t state) {
	return (int64_t)(state >> (PHASE_BITS + LANE_BITS));
}

static uint64_t load(const struct ring *r, size_t consumer) {
	return atomic_load_explicit(&r->consumers[consumer].state, memory_order_acquire);
}

static bool swap(struct ring_consumer *c, uint64_t from, uint64_t to) {
	return atomic_compare_exchange_strong_explicit(
		&c->state, &from, to, memory_order_acq_rel, memory_order_acquire);
}

int64_t ring_scale(int64_t frames, int from, int to) {
	int64_t whole = frames / from;
	int64_t rest = frames % from;
	if (rest < 0) {
		whole--;
		rest += from;
	}
	return whole * to + rest * to / from;
}

int64_t ring_scale_up(int64_t frames, int from, int to) {
	return -ring_scale(-frames, from, to);
}

int ring_init(struct ring *r, size_t n_consumers) {
	memset(r, 0, sizeof(*r));
	if (n_consumers > LANE_MASK - 2U) {
		return -ENOMEM;
	}
	/* One for each consumer's rate, at most, and one to change to. */
	r->n_lanes = n_consumers + 2;
	r->lanes = calloc(r->n_lanes, sizeof(*r->lanes));
	r->consumers = calloc(n_consumers, sizeof(*r->consumers));
	if (r->consumers == NULL || r->lanes == NULL) {
		ring_done(r);
		return -ENOMEM;
	}
	r->n_consumers = n_consumers;
	for (size_t i = 0; i < n_consumers; i++) {
		atomic_init(&r->consumers[i].state, pack(0, 0, FREE));
	}
	atomic_init(&r->lanes[0].rate, RING_RATE);
	atomic_init(&r->end, RING_ENDLESS);
	return 0;
}

int ring_allocate(struct ring *r, int64_t size) {
	struct ring_lane *source = &r->lanes[0];
	source->frames = malloc((size_t)size * sizeof(*source->frames));
	if (source->frames == NULL) {
		return -ENOMEM;
	}
	source->size = size;
	return 0;
}

void ring_done(struct ring *r) {
	for (size_t i = 0; r->lanes != NULL && i < r->n_lanes; i++) {
		free(r->lanes[i].frames);
	}
	free(r->lanes);
	free(r->consumers);
	r->lanes = NULL;
	r->consumers = NULL;
}

static int64_t head_of(const struct ring_lane *lane) {
	return atomic_load_explicit(&lane->head, memory_order_acquire);
}

static int rate_of(const struct ring_lane *lane) {
	return atomic_load_explicit(&lane->rate, memory_order_acquire);
}

static void let_in(struct ring *r, struct ring_consumer *c, uint64_t state) {
	int64_t head = ring_head(r);
	int64_t size = r->lanes[0].size;
	int64_t oldest = head > size ? head - size : 0;
	int64_t position = position_of(state);
	/* It may have left, or asked anew, in between: then the next time. */
	position = position > oldest ? position : oldest;
	(void)swap(c, state, pack(position, lane_of(state), FREE));
}

/* The slowest and the fastest position of those that pin; false where nobody does. */
static bool find_positions(struct ring *r, int64_t *slowest, int64_t *fastest) {
	bool any = false;
	for (size_t i = 0; i < r->n_consumers; i++) {
		uint64_t state = load(r, i);
		if (phase_of(state) == JOINING) {
			let_in(r, &r->consumers[i], state);
			state = load(r, i);
		}
		if (phase_of(state) != FREE && phase_of(state) != COPYING) {
			continue;
		}
		int64_t position = position_of(state);
		*slowest = !any || position < *slowest ? position : *slowest;
		*fastest = !any || position > *fastest ? position : *fastest;
		any = true;
	}
	return any;
}

static void evict_behind(struct ring *r, int64_t position) {
	for (size_t i = 0; i < r->n_consumers; i++) {
		uint64_t state = load(r, i);
		if (phase_of(state) == FREE && position_of(state) < position) {
			(void)swap(&r->consumers[i], state,
				   pack(position_of(state), lane_of(state), EVICTED));
		}
	}
}

int64_t ring_room(struct ring *r, int64_t need, int64_t hurry) {
	int64_t head = ring_head(r);
	int64_t size = r->lanes[0].size;
	int64_t slowest = 0;
	int64_t fastest = 0;
	/* With nobody there (all evicted, one may come back) it does not run ahead. */
	if (!find_positions(r, &slowest, &fastest)) {
		return 0;
	}
	if (size - (head - slowest) < need && head - fastest < hurry) {
		evict_behind(r, fastest - size / 2);
		if (!find_positions(r, &slowest, &fastest)) {
			return 0;
		}
	}
	/* One that joined ahead of the head needs all between decoded and passed by. */
	int64_t room = slowest >= head ? size : size - (head - slowest);
	return room > 0 ? room : 0;
}

static void append(struct ring_lane *lane, const float *frames, int64_t n) {
	int64_t head = head_of(lane);
	int64_t at = head % lane->size;
	int64_t first = n < lane->size - at ? n : lane->size - at;
	memcpy(lane->frames + at, frames, (size_t)first * sizeof(*frames));
	memcpy(lane->frames, frames + first, (size_t)(n - first) * sizeof(*frames));
	atomic_store_explicit(&lane->head, head + n, memory_order_release);
}

void ring_write(struct ring *r, const float *frames, int64_t n) {
	append(&r->lanes[0], frames, n);
}

void ring_set_end(struct ring *r, int64_t end) {
	atomic_store_explicit(&r->end, end, memory_order_release);
}

int64_t ring_head(const struct ring *r) {
	return head_of(&r->lanes[0]);
}

int64_t ring_end(const struct ring *r) {
	return atomic_load_explicit(&r->end, memory_order_acquire);
}

bool ring_all_done(const struct ring *r) {
	for (size_t i = 0; i < r->n_consumers; i++) {
		uint64_t state = load(r, i);
		if (phase_of(state) != LEFT) {
			return false;
		}
	}
	return true;
}

/* ---- lanes ---- */

const float *ring_peek(const struct ring *r, int64_t from, int64_t *n) {
	const struct ring_lane *source = &r->lanes[0];
	int64_t at = from % source->size;
	int64_t there = ring_head(r) - from;
	*n = there < source->size - at ? there : source->size - at;
	return source->frames + at;
}

int ring_wants(const struct ring *r, size_t consumer) {
	uint64_t state = load(r, consumer);
	int rate =
		atomic_load_explicit(&r->consumers[consumer].rate, memory_order_acquire);
	bool has = rate_of(&r->lanes[lane_of(state)]) == rate;
	return has || phase_of(state) == LEFT ? 0 : rate;
}

bool ring_lane_used(const struct ring *r, size_t lane) {
	for (size_t i = 0; i < r->n_consumers; i++) {
		uint64_t state = load(r, i);
		if (phase_of(state) != LEFT && lane_of(state) == lane) {
			return true;
		}
	}
	return false;
}

int ring_lane(struct ring *r, int rate) {
	size_t unused = 0;
	for (size_t i = r->n_lanes; i-- > 0;) {
		if (rate_of(&r->lanes[i]) == rate) {
			return (int)i;
		}
		unused = rate_of(&r->lanes[i]) == 0 ? i : unused;
	}
	assert(unused != 0);
	struct ring_lane *lane = &r->lanes[unused];
	int64_t size = ring_scale_up(r->lanes[0].size, RING_RATE, rate) + LANE_MARGIN;
	lane->frames = malloc((size_t)size * sizeof(*lane->frames));
	if (lane->frames == NULL) {
		return -ENOMEM;
	}
	lane->size = size;
	ring_begin_lane(r, unused, 0, 0);
	atomic_store_explicit(&lane->rate, rate, memory_order_release);
	return (int)unused;
}

void ring_drop_lane(struct ring *r, size_t lane) {
	assert(lane > 0 && !ring_lane_used(r, lane));
	atomic_store_explicit(&r->lanes[lane].rate, 0, memory_order_relaxed);
	free(r->lanes[lane].frames);
	r->lanes[lane].frames = NULL;
}

void ring_begin_lane(struct ring *r, size_t lane, int64_t head, int64_t first) {
	r->lanes[lane].first = first;
	atomic_store_explicit(&r->lanes[lane].head, head, memory_order_release);
}

bool ring_put(struct ring *r, size_t consumer, size_t lane) {
	uint64_t state = load(r, consumer);
	uint64_t to = pack(position_of(state), lane, phase_of(state));
	return phase_of(state) != COPYING && swap(&r->consumers[consumer], state, to);
}

int64_t ring_lane_head(const struct ring *r, size_t lane) {
	return head_of(&r->lanes[lane]);
}

void ring_write_lane(struct ring *r, size_t lane, const float *frames, int64_t n) {
	append(&r->lanes[lane], frames, n);
}

/* ---- consumers ---- */

bool ring_tune(struct ring *r, size_t consumer, int rate) {
	atomic_store_explicit(&r->consumers[consumer].rate, rate, memory_order_release);
	return ring_wants(r, consumer) != 0;
}

int64_t ring_ready(const struct ring *r, size_t consumer) {
	return ring_wants(r, consumer) != 0
		       ? 0
		       : head_of(&r->lanes[lane_of(load(r, consumer))]);
}

static void copy_out(const struct ring_lane *lane, int64_t from, int64_t n,
		     float *frames) {
	int64_t at = from % lane->size;
	int64_t first = n < lane->size - at ? n : lane->size - at;
	memcpy(frames, lane->frames + at, (size_t)first * sizeof(*frames));
	memcpy(frames + first, lane->frames, (size_t)(n - first) * sizeof(*frames));
}

int64_t ring_read(struct ring *r, size_t consumer, int64_t from, int64_t n, float *frames,
		  int64_t *first) {
	struct ring_consumer *c = &r->consumers[consumer];
	uint64_t state = load(r, consumer);
	memset(frames, 0, (size_t)n * sizeof(*frames));
	if (phase_of(state) != FREE ||
	    !swap(c, state, pack(position_of(state), lane_of(state), COPYING))) {
		return -ESTALE;
	}
	/* From here to the end of the copy the writer leaves lane and pin alone. */
	const struct ring_lane *lane = &r->lanes[lane_of(state)];
	int rate = atomic_load_explicit(&c->rate, memory_order_relaxed);
	bool tuned = rate_of(lane) == rate;
	/* The end is set after the last source frame is written, so it is read first. */
	int64_t end = ring_end(r);
	int64_t head = tuned ? head_of(lane) : 0;
	int64_t begin = ring_scale_up(position_of(state), RING_RATE, rate);
	*first = tuned ? lane->first : 0;
	begin = begin > *first ? begin : *first;
	begin = begin > from ? begin : from;
	int64_t last = from + n < head ? from + n : head;
	if (begin < last) {
		copy_out(lane, begin, last - begin, frames + (begin - from));
	}
	atomic_store_explicit(&c->state, state, memory_order_release);
	if (end != RING_ENDLESS && last >= ring_scale_up(end, RING_RATE, rate)) {
		return n;
	}
	return last > from ? last - from : 0;
}

bool ring_advance(struct ring *r, size_t consumer, int64_t position) {
	uint64_t state = load(r, consumer);
	if (phase_of(state) != FREE) {
		return false;
	}
	/* Where the writer put it on another lane meanwhile: the next time. */
	if (position > position_of(state) &&
	    !swap(&r->consumers[consumer], state, pack(position, lane_of(state), FREE))) {
		return phase_of(load(r, consumer)) == FREE;
	}
	return true;
}

static void enter(struct ring *r, size_t consumer, int64_t position, enum phase phase) {
	uint64_t state = load(r, consumer);
	while (!swap(&r->consumers[consumer], state,
		     pack(position > 0 ? position : 0, lane_of(state), phase))) {
		state = load(r, consumer);
	}
}

void ring_rejoin(struct ring *r, size_t consumer, int64_t position) {
	enter(r, consumer, position, JOINING);
}

bool ring_joined(const struct ring *r, size_t consumer) {
	return phase_of(load(r, consumer)) == FREE;
}

void ring_leave(struct ring *r, size_t consumer) {
	enter(r, consumer, 0, LEFT);
}
