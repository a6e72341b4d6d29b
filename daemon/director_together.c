/* director_together.c - zones that one job leaves at the same moment go to the next run
 * at the same moment (see director_internal.h). That they are free is told one by one, a
 * few milliseconds apart, and a run that began in each at once would say the same on
 * neighbouring horns that much apart, to its end. */
#include "director_internal.h"

/* Apart by no more: outputs look for what has ended whenever they have to write. */
#define HOLD_NS 100000000LL

void director_together_left(struct director *d, const struct live_run *live, size_t i,
			    int64_t job) {
	struct live_zone *lz = director_zone(d, live->run.zones[i].zone);
	if (lz == NULL) {
		return;
	}
	/* Since the first of them: all are held for as long. One whose card was lost
	 * amid it is none of them. */
	int64_t now_ns = clock_mono_ns();
	int64_t since_ns = now_ns;
	for (size_t z = 0; z < d->n_zones; z++) {
		const struct live_zone *other = d->zones[z];
		if (other->left_by == job && other->left_ns < since_ns &&
		    other->left_ns >= now_ns - HOLD_NS) {
			since_ns = other->left_ns;
		}
	}
	lz->left_by = job;
	lz->left_ns = since_ns;
}

/* Of the jobs there, which has the zone; 0: none. */
static int64_t job_in(const struct live_zone *lz) {
	return lz->holder == NULL
		       ? 0
		       : lz->holder->zones[live_run_find(lz->holder, lz->zone.id)].job;
}

static bool waits(const struct live_run *live, size_t i) {
	enum stage stage = live->zones[i].stage;
	return stage == STAGE_PLANNED || stage == STAGE_WAITING || stage == STAGE_PAUSED;
}

/* Until when zone i is held for others that the same job is about to leave; 0: it is not.
 */
static int64_t held_until_ns(const struct director *d, const struct live_run *live,
			     size_t i) {
	const struct live_zone *lz = director_zone(d, live->run.zones[i].zone);
	if (lz == NULL || lz->left_by == 0 || clock_mono_ns() > lz->left_ns + HOLD_NS) {
		return 0;
	}
	for (size_t k = 0; k < live->run.n_zones; k++) {
		const struct live_zone *other = director_zone(d, live->run.zones[k].zone);
		if (k != i && other != NULL && waits(live, k) &&
		    live->zones[k].pass == live->zones[i].pass &&
		    job_in(other) == lz->left_by && !director_could_have(d, live, k)) {
			return lz->left_ns + HOLD_NS;
		}
	}
	return 0;
}

bool director_together_may(const struct director *d, const struct live_run *live,
			   size_t i) {
	return held_until_ns(d, live, i) == 0;
}

int64_t director_together_next_us(const struct director *d, const struct live_run *live) {
	for (size_t i = 0; i < live->run.n_zones; i++) {
		int64_t until_ns = waits(live, i) ? held_until_ns(d, live, i) : 0;
		if (until_ns != 0) {
			return clock_realtime_us_at(until_ns) + 1;
		}
	}
	return INT64_MAX;
}
