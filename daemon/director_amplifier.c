/* director_amplifier.c - when the amplifiers of the zones are needed (see
 * director_internal.h): from the lead of a zone before a run that was handed over, at
 * once for what is to sound at once, to the end of the sound. What waits or is
 * interrupted needs none. */
#include "director_internal.h"

#include "base/str.h"

#include <string.h>

#define NONE (-1)
#define UNKNOWN (-2) /* named by the zone, not by the configuration */

/* CLOCK_MONOTONIC; INT64_MAX where zone i of it needs none. */
static int64_t needed_from_ns(const struct director *d, const struct live_run *live,
			      size_t i, const struct live_zone *lz) {
	enum stage stage = live->zones[i].stage;
	bool ahead = stage == STAGE_PLANNED && live->handed && director_may(d, live) &&
		     director_pass_first(live, i);
	if (stage != STAGE_HANDED && stage != STAGE_PLAYING && !ahead) {
		return INT64_MAX;
	}
	if (stage == STAGE_PLAYING || live_run_urgent(live) ||
	    live->run.due_us <= director_now(d)) {
		return 0;
	}
	return clock_mono_ns_at(live->run.due_us) - lz->zone.lead_ms * 1000000LL;
}

void director_amplifiers(struct director *d) {
	size_t n = amplifiers_count(d->config.amplifiers);
	int64_t from_ns[AMPLIFIERS_MAX];
	for (size_t a = 0; a < n; a++) {
		from_ns[a] = INT64_MAX;
	}
	for (const struct live_run *live = n > 0 ? d->runs : NULL; live != NULL;
	     live = live->next) {
		for (size_t i = 0; i < live->run.n_zones; i++) {
			const struct live_zone *lz =
				director_zone(d, live->run.zones[i].zone);
			if (lz == NULL || lz->amplifier < 0) {
				continue;
			}
			int64_t at_ns = needed_from_ns(d, live, i, lz);
			int64_t *from = &from_ns[lz->amplifier];
			*from = at_ns < *from ? at_ns : *from;
		}
	}
	for (size_t a = 0; a < n; a++) {
		amplifiers_need(d->config.amplifiers, a, from_ns[a]);
	}
}

static int index_of(const struct director *d, const char *name) {
	if (name == NULL) {
		return NONE;
	}
	size_t n = amplifiers_count(d->config.amplifiers);
	for (size_t a = 0; a < n; a++) {
		if (strcmp(amplifiers_name(d->config.amplifiers, a), name) == 0) {
			return (int)a;
		}
	}
	return UNKNOWN;
}

static void source_of(const struct live_zone *lz, char ret[FAULT_SOURCE_SIZE]) {
	str_format(ret, FAULT_SOURCE_SIZE, "amplifier %s", lz->zone.amplifier);
}

void director_amplifier_join(struct director *d, struct live_zone *lz) {
	lz->amplifier = index_of(d, lz->zone.amplifier);
	if (lz->amplifier != UNKNOWN) {
		return;
	}
	char source[FAULT_SOURCE_SIZE];
	char text[FAULT_TEXT_SIZE];
	source_of(lz, source);
	str_format(
		text, sizeof(text),
		"zone '%s' names it, and the configuration has no [amplifier %s]: write "
		"it there and restart dalabad, or take it out of the zone",
		lz->zone.name, lz->zone.amplifier);
	faults_set(d->config.faults, source, text, director_now(d));
}

void director_amplifier_leave(struct director *d, struct live_zone *lz) {
	bool unknown = lz->amplifier == UNKNOWN;
	lz->amplifier = NONE;
	if (!unknown) {
		return;
	}
	char source[FAULT_SOURCE_SIZE];
	source_of(lz, source);
	faults_clear(d->config.faults, source);
	for (size_t i = 0; i < d->n_zones; i++) {
		if (d->zones[i]->amplifier == UNKNOWN) {
			director_amplifier_join(d, d->zones[i]);
		}
	}
}
