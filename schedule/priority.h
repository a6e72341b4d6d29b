/* priority.h - who may sound in a zone. Pure decisions over plain structs.
 * Owner: none, no state. Threads: any. */
#pragma once

#include "types.h"

struct contender {
	int64_t run;
	enum run_class class;
	int64_t due_us; /* among equals the earlier wins, then the lower id */
};

enum verdict {
	VERDICT_PLAY,      /* nobody is in the way */
	VERDICT_INTERRUPT, /* takes the zone from the one that has it */
	VERDICT_WAIT,      /* an equal or a higher one has the zone */
};

/* holder is NULL where the zone is free. */
enum verdict priority_judge(const struct contender *holder,
			    const struct contender *asking);

/* True where a goes before b in a zone's queue. */
bool priority_before(const struct contender *a, const struct contender *b);

/* Whether a local minute of the day lies in one of the spans; *ret_span is which. */
bool quiet_at(const struct quiet_span *spans, size_t n, int minute_of_day,
	      size_t *ret_span);
