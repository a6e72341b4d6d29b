/* engine_ring.c - see engine_ring.h. */
#include "engine_ring.h"

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

static uint64_t pack(int64_t position, enum phase phase) {
	return (uint64_t)position << PHASE_BITS | phase;
}

static enum phase phase_of(uint64_t state) {
	return (enum phase)(state & PHASE_MASK);
}

static int64_t position_of(uint64_t state) {
	return (int64_t)(state >> PHASE_BITS);
}

static bool swap(struct ring_consumer *c, uint64_t from, uint64_t to) {
	return atomic_compare_exchange_strong_explicit(
		&c->state, &from, to, memory_order_acq_rel, memory_order_acquire);
}

int ring_init(struct ring *r, size_t n_consumers) {
	memset(r, 0, sizeof(*r));
	r->consumers = calloc(n_consumers, sizeof(*r->consumers));
	if (r->consumers == NULL) {
		return -ENOMEM;
	}
	r->n_consumers = n_consumers;
	for (size_t i = 0; i < n_consumers; i++) {
		atomic_init(&r->consumers[i].state, pack(0, FREE));
	}
	atomic_init(&r->head, 0);
	atomic_init(&r->end, RING_ENDLESS);
	return 0;
}

int ring_allocate(struct ring *r, int64_t size) {
	r->frames = malloc((size_t)size * sizeof(*r->frames));
	if (r->frames == NULL) {
		return -ENOMEM;
	}
	r->size = size;
	return 0;
}

void ring_done(struct ring *r) {
	free(r->frames);
	free(r->consumers);
	r->frames = NULL;
	r->consumers = NULL;
}

static void let_in(struct ring *r, struct ring_consumer *c, uint64_t state) {
	int64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	int64_t oldest = head > r->size ? head - r->size : 0;
	int64_t position = position_of(state);
	/* It may have left, or asked anew, in between: then the next time. */
	(void)swap(c, state, pack(position > oldest ? position : oldest, FREE));
}

/* The slowest and the fastest position of those that pin; false where nobody does. */
static bool find_positions(struct ring *r, int64_t *slowest, int64_t *fastest) {
	bool any = false;
	for (size_t i = 0; i < r->n_consumers; i++) {
		uint64_t state = atomic_load_explicit(&r->consumers[i].state,
						      memory_order_acquire);
		if (phase_of(state) == JOINING) {
			let_in(r, &r->consumers[i], state);
			state = atomic_load_explicit(&r->consumers[i].state,
						     memory_order_acquire);
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
		struct ring_consumer *c = &r->consumers[i];
		uint64_t state = atomic_load_explicit(&c->state, memory_order_acquire);
		if (phase_of(state) == FREE && position_of(state) < position) {
			(void)swap(c, state, pack(position_of(state), EVICTED));
		}
	}
}

int64_t ring_room(struct ring *r, int64_t need, int64_t hurry) {
	int64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	int64_t slowest = 0;
	int64_t fastest = 0;
	/* With nobody there (all evicted, one may come back) it does not run ahead. */
	if (!find_positions(r, &slowest, &fastest)) {
		return 0;
	}
	if (r->size - (head - slowest) < need && head - fastest < hurry) {
		evict_behind(r, fastest - r->size / 2);
		if (!find_positions(r, &slowest, &fastest)) {
			return 0;
		}
	}
	/* One that joined ahead of the head needs all between decoded and passed by. */
	int64_t room = slowest >= head ? r->size : r->size - (head - slowest);
	return room > 0 ? room : 0;
}

void ring_write(struct ring *r, const float *frames, int64_t n) {
	int64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	int64_t at = head % r->size;
	int64_t first = n < r->size - at ? n : r->size - at;
	memcpy(r->frames + at, frames, (size_t)first * sizeof(*frames));
	memcpy(r->frames, frames + first, (size_t)(n - first) * sizeof(*frames));
	atomic_store_explicit(&r->head, head + n, memory_order_release);
}

void ring_set_end(struct ring *r, int64_t end) {
	atomic_store_explicit(&r->end, end, memory_order_release);
}

int64_t ring_head(const struct ring *r) {
	return atomic_load_explicit(&r->head, memory_order_acquire);
}

int64_t ring_end(const struct ring *r) {
	return atomic_load_explicit(&r->end, memory_order_acquire);
}

bool ring_all_done(const struct ring *r) {
	for (size_t i = 0; i < r->n_consumers; i++) {
		uint64_t state = atomic_load_explicit(&r->consumers[i].state,
						      memory_order_acquire);
		if (phase_of(state) != LEFT) {
			return false;
		}
	}
	return true;
}

static void copy_out(const struct ring *r, int64_t from, int64_t n, float *frames) {
	int64_t at = from % r->size;
	int64_t first = n < r->size - at ? n : r->size - at;
	memcpy(frames, r->frames + at, (size_t)first * sizeof(*frames));
	memcpy(frames + first, r->frames, (size_t)(n - first) * sizeof(*frames));
}

int64_t ring_read(struct ring *r, size_t consumer, int64_t from, int64_t n,
		  float *frames) {
	struct ring_consumer *c = &r->consumers[consumer];
	uint64_t state = atomic_load_explicit(&c->state, memory_order_acquire);
	memset(frames, 0, (size_t)n * sizeof(*frames));
	if (phase_of(state) != FREE ||
	    !swap(c, state, pack(position_of(state), COPYING))) {
		return -ESTALE;
	}
	/* The end is set after the last frame is written, so it is read first. */
	int64_t end = ring_end(r);
	int64_t head = ring_head(r);
	int64_t first = from > position_of(state) ? from : position_of(state);
	int64_t last = from + n < head ? from + n : head;
	if (first < last) {
		copy_out(r, first, last - first, frames + (first - from));
	}
	atomic_store_explicit(&c->state, state, memory_order_release);
	if (last >= end) {
		return n;
	}
	return last > from ? last - from : 0;
}

bool ring_advance(struct ring *r, size_t consumer, int64_t position) {
	struct ring_consumer *c = &r->consumers[consumer];
	uint64_t state = atomic_load_explicit(&c->state, memory_order_acquire);
	if (phase_of(state) != FREE) {
		return false;
	}
	if (position <= position_of(state)) {
		return true;
	}
	return swap(c, state, pack(position, FREE));
}

void ring_rejoin(struct ring *r, size_t consumer, int64_t position) {
	struct ring_consumer *c = &r->consumers[consumer];
	atomic_store_explicit(&c->state, pack(position > 0 ? position : 0, JOINING),
			      memory_order_release);
}

bool ring_joined(const struct ring *r, size_t consumer) {
	uint64_t state =
		atomic_load_explicit(&r->consumers[consumer].state, memory_order_acquire);
	return phase_of(state) == FREE;
}

void ring_leave(struct ring *r, size_t consumer) {
	atomic_store_explicit(&r->consumers[consumer].state, pack(0, LEFT),
			      memory_order_release);
}
