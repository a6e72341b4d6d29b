/* occurrence.h - when the occurrences of one schedule sound: what its rule and its
 * validity give, and what is done to single ones just this once. Owner: none, no state.
 * Threads: any. Pure: never blocks, no clock.
 *
 * An occurrence is named by the instant at which it is due by the rule, wherever it was
 * moved to. */
#pragma once

#include "rule.h"
#include "types.h"

#include <stdbool.h>

/* Borrowed. */
struct series {
	const struct schedule *schedule; /* and its overrides */
	const struct rule *rule;         /* its rule, parsed */
	const struct tz *tz;
	const struct calendar *calendar;
};

struct occurrence {
	int64_t due_us;                  /* by the rule */
	int64_t at_us;                   /* when it sounds; due_us where it was skipped */
	const struct override *override; /* that holds for it; NULL: none */
};

/* The first instant after after_us at which it is due by the rule within its validity;
 * INT64_MAX where there is none. Those that name no end look 40 years ahead where the
 * rule has nothing sooner. */
int64_t series_due_after(const struct series *s, int64_t after_us);
/* The last one before before_us, at most a year earlier; TIME_NONE. */
int64_t series_due_before(const struct series *s, int64_t before_us);
bool series_is_due(const struct series *s, int64_t due_us);

/* The override of an occurrence, NULL where it has none. */
const struct override *schedule_override(const struct schedule *s, int64_t due_us);
/* False where it is void: the schedule was changed, and is not due then any more. */
bool override_holds(const struct series *s, const struct override *override);

/* Goes on to the next occurrence in the order of (at_us, due_us), and returns true; false
 * behind the last. Those that are skipped come as well. Start with {.due_us = INT64_MAX,
 * .at_us = after which}. `enabled` is not looked at. */
bool series_next(const struct series *s, struct occurrence *at);
/* Another occurrence than that of due_us, not skipped, that sounds at at_us. */
bool series_taken(const struct series *s, int64_t due_us, int64_t at_us);
