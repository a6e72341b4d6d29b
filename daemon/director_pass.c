/* director_pass.c - a run in passes: neighbouring horns say it one after the other, so
 * that their echoes do not blur speech (see director_internal.h).
 *
 * The rule holds at every moment, whatever has happened: of a run, zones of two passes
 * never sound together, nor within PASS_PAUSE_NS of each other; of several passes that
 * could sound, the lowest does. What waits for a zone that another run has, or for
 * its card, or was interrupted, holds up nobody: it takes its turn when it can. */
#include "director_internal.h"

#include "base/str.h"

#include <string.h>

#define PASS_PAUSE_NS (PASS_PAUSE_US * 1000)

/* A relayed run has none either: what is said now cannot be said twice. */
static bool has_passes(const struct run *run) {
	return class_has_passes(run->class) && !director_relayed(run);
}

/* The place of zone i among the passes of the run, from 0, and how many there are. */
static int pass_of(const struct director *d, const struct run *run, size_t i,
		   int *ret_passes) {
	bool used[ZONE_PASS_MAX + 1] = {false};
	int own = 0;
	*ret_passes = 1;
	if (!has_passes(run)) {
		return 0;
	}
	for (size_t k = 0; k < run->n_zones; k++) {
		const struct live_zone *lz = director_zone(d, run->zones[k].zone);
		if (lz == NULL || outcome_final(run->zones[k].outcome)) {
			continue;
		}
		used[lz->zone.pass] = true;
		own = k == i ? lz->zone.pass : own;
	}
	int place = 0;
	*ret_passes = 0;
	for (int pass = 0; pass <= ZONE_PASS_MAX; pass++) {
		place += pass < own && used[pass];
		*ret_passes += used[pass];
	}
	return place;
}

void director_pass_note(const struct director *d, struct run *run) {
	for (size_t i = 0; i < run->n_zones; i++) {
		struct run_zone *rz = &run->zones[i];
		int passes = 1;
		int place = pass_of(d, run, i, &passes);
		if (place > 0 && !outcome_final(rz->outcome) && rz->reason == NULL) {
			char note[32];
			str_format(note, sizeof(note), "pass %d of %d", place + 1,
				   passes);
			rz->reason = strdup(note);
		}
	}
}

void director_pass_take(const struct director *d, struct live_run *live) {
	for (size_t i = 0; i < live->run.n_zones; i++) {
		int passes = 1;
		live->zones[i].pass = pass_of(d, &live->run, i, &passes);
	}
}

bool director_pass_first(const struct live_run *live, size_t i) {
	for (size_t k = 0; k < live->run.n_zones; k++) {
		if (live->zones[k].pass < live->zones[i].pass &&
		    live->zones[k].stage != STAGE_ENDED) {
			return false;
		}
	}
	return true;
}

/* Sounds, fades out, or is about to. */
static bool has_its_zone(const struct live_run *live, size_t k) {
	enum stage stage = live->zones[k].stage;
	return stage == STAGE_HANDED || stage == STAGE_PLAYING;
}

static bool in_the_pause(const struct live_run *live, size_t i) {
	return live->pass_over_ns != 0 && live->pass_over != live->zones[i].pass &&
	       clock_mono_ns() <= live->pass_over_ns + PASS_PAUSE_NS;
}

/* One of another pass has its zone. */
static bool another_sounds(const struct live_run *live, size_t i) {
	for (size_t k = 0; k < live->run.n_zones; k++) {
		if (live->zones[k].pass != live->zones[i].pass && has_its_zone(live, k)) {
			return true;
		}
	}
	return false;
}

/* One of a lower pass has not been judged, or could have its zone now. */
static bool a_lower_could(const struct director *d, const struct live_run *live,
			  size_t i) {
	for (size_t k = 0; k < live->run.n_zones; k++) {
		enum stage stage = live->zones[k].stage;
		if (live->zones[k].pass >= live->zones[i].pass || stage == STAGE_ENDED) {
			continue;
		}
		if (stage == STAGE_PLANNED || (director_rejoin_could(d, live, k) &&
					       director_could_have(d, live, k))) {
			return true;
		}
	}
	return false;
}

bool director_pass_may(const struct director *d, const struct live_run *live, size_t i) {
	return !another_sounds(live, i) && !in_the_pause(live, i) &&
	       !a_lower_could(d, live, i);
}

void director_pass_over(struct live_run *live, size_t i) {
	if (has_its_zone(live, i)) {
		live->pass_over = live->zones[i].pass;
		live->pass_over_ns = clock_mono_ns();
	}
}

int64_t director_pass_deadline_us(const struct live_run *live, size_t i) {
	if (another_sounds(live, i)) {
		return INT64_MAX;
	}
	int64_t over_us =
		live->pass_over_ns != 0 && live->pass_over != live->zones[i].pass
			? clock_realtime_us_at(live->pass_over_ns)
			: live->run.due_us;
	int64_t waited_us = over_us - live->run.due_us;
	return live->deadline_us + (waited_us > 0 ? waited_us : 0);
}

int64_t director_pass_next_us(const struct live_run *live) {
	for (size_t i = 0; i < live->run.n_zones; i++) {
		enum stage stage = live->zones[i].stage;
		if ((stage == STAGE_WAITING || stage == STAGE_PAUSED) &&
		    in_the_pause(live, i)) {
			int64_t at_ns = live->pass_over_ns + PASS_PAUSE_NS;
			return clock_realtime_us_at(at_ns) + 1;
		}
	}
	return INT64_MAX;
}
