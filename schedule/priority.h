/* priority.h - who may sound in a zone. Pure decisions over plain structs.
 * Owner: none, no state. Threads: any. */
#pragma once

#include "types.h"

struct contender {
	int64_t run;
	enum run_class class;
	bool begun;     /* it has sounded here; among equals it goes before who has not */
	int64_t due_us; /* then the earlier wins, then the lower id */
	/* Emergencies alone: */
	enum severity severity;
	enum alert_level level;
	int64_t alert; /* the lower was asked for earlier */
	bool drill;    /* below every alert that is none */
	bool again;    /* heard before: lets a lower alert finish that has begun */
};

/* What becomes of one that asks for a zone, and of the one that has it. */
enum verdict {
	VERDICT_PLAY,    /* nobody is in the way */
	VERDICT_DUCK,    /* takes the zone; who has it goes on softly beneath */
	VERDICT_PAUSE,   /* takes the zone; who has it falls silent until it is free */
	VERDICT_BENEATH, /* goes on softly beneath the one that has the zone */
	VERDICT_WAIT,    /* an equal or a higher one has the zone */
};

/* A background goes on beneath a notice or a programme, and comes back beneath it where
 * it was interrupted; it does not begin there. Between emergencies what is no drill, then
 * the higher severity, then the higher level interrupts. holder is NULL where the zone is
 * free. */
enum verdict priority_judge(const struct contender *holder,
			    const struct contender *asking);

/* True where a goes before b in a zone's queue. Emergencies: drills last, by severity,
 * level, the time asked. */
bool priority_before(const struct contender *a, const struct contender *b);

/* Whether a local minute of the day lies in one of the spans; *ret_span is which. */
bool quiet_at(const struct quiet_span *spans, size_t n, int minute_of_day,
	      size_t *ret_span);
/* "quiet hours 22:00 to 06:00 in zone 'east'" */
void quiet_words(const struct quiet_span *span, const char *zone, char *ret, size_t size);

/* Whether a run of that class is said in passes where its zones have several
 * (docs/architecture.md, "Passes"): music is to be everywhere at once, a live call cannot
 * be said twice, and an emergency waits for nothing. */
bool class_has_passes(enum run_class class);
