/* plan.h - what the next days will sound like: every run of every schedule, saved or not,
 * in each zone, when it begins and how long it is heard, what is in its way and what
 * comes of it. Owner: whoever made it. Threads: any, one at a time. Pure: `now` is an
 * argument, nothing is read or written. Never blocks, but computes for up to seconds:
 * figures in docs/benchmarks.md.
 *
 * It is the director (daemon/director.h) played through without sound: the same order of
 * dues, what is done just this once (occurrence.h), priority.h, passes, quiet hours,
 * expiry, patience (timing.h). Emergencies, live calls, stops and cards that fail are not
 * in it, for nobody can foresee them. Words count as spoken in time. What has just got
 * its zone and does not sound yet counts as getting it now. */
#pragma once

#include "occurrence.h"

#define PLAN_DAYS_MAX 62
#define PLAN_RUNS_MAX 50000   /* then the plan ends early, and says so */
#define PLAN_SPOTS_MAX 400000 /* the same, of runs in zones */

/* Where a run that is there already stands in one zone. */
struct plan_begun {
	int64_t started_us; /* it sounds since; TIME_NONE */
	int64_t heard_ms;   /* paused: so much of it was heard; else 0 */
};

/* What is said. */
struct plan_said {
	int64_t announcement; /* 0: none */
	char *title;
	int64_t length_ms;
	bool estimated;     /* the length: its words are not spoken yet */
	bool relayed;       /* it is said now, and so in no passes */
	int64_t expires_us; /* TIME_NONE: never */
};

/* What may sound: a schedule, or a run that was claimed before (once, at its due_us). */
struct plan_source {
	int64_t schedule; /* 0: not saved yet, or no schedule's */
	int64_t run;      /* 0: a schedule */
	int draft;        /* place among those that are not saved; -1: saved */
	struct plan_said said;
	enum run_class class;
	int play_within_s;
	enum conflict conflict;
	char *rule;            /* of a schedule */
	int64_t after_us;      /* dues at or before are not wanted; TIME_NONE */
	int64_t from_us;       /* TIME_NONE: always valid */
	int64_t until_us;      /* TIME_NONE: for ever */
	int64_t due_us;        /* of a run */
	int64_t moved_from_us; /* of a run: which occurrence it is; TIME_NONE: its own */
	/* What is done just this once: of a schedule to these, of a run to that one.
	 * overrides[i] says others[i] where that has a title, instead of `said`. */
	struct override *overrides;
	struct plan_said *others;
	size_t n_overrides;
	uint32_t *zones; /* places in plan_input.zones, in the order of the targets */
	size_t n_zones;
	struct plan_begun *begun; /* of a run, one a zone; NULL: in none */
	int64_t over_us; /* of a run: when it was last over in a zone; TIME_NONE: in none
			  */
	int over_pass;   /* and the pass of that zone */
};

enum plan_lang { PLAN_EN, PLAN_ZH, PLAN_LANGS };

/* A sentence in each language, the n-th of one and the n-th of the other the same. */
struct plan_notices {
	struct texts in[PLAN_LANGS];
};
/* 0 or -ENOMEM. */
int plan_notice(struct plan_notices *notices, const char *en, const char *zh);

/* Everything a plan is made of; owned. The sources in the order in which the director
 * takes those that are due at once: runs by id, then schedules by id, new ones last. */
struct plan_input {
	const struct tz *tz;       /* borrowed */
	struct calendar *calendar; /* its own; NULL: no holidays */
	int64_t now_us;
	int64_t from_us;  /* what is due before is shown where it sounds after; >= now */
	int64_t until_us; /* what is due at or after it is not shown */
	int64_t zone;     /* show this one alone; 0: all */
	struct zone *zones;
	size_t n_zones;
	struct plan_source *sources;
	size_t n_sources;
	struct plan_notices notices; /* what the reader must know besides */
};
void plan_input_done(struct plan_input *in);
DEFINE_AUTO_DONE(struct plan_input, plan_input_done)
/* An empty one at the end. NULL: no memory. */
struct plan_source *plan_input_add(struct plan_input *in);
/* Copies the override, and `other` where it is not NULL. 0 or -ENOMEM. */
int plan_source_override(struct plan_source *source, const struct override *override,
			 const struct plan_said *other);
void plan_source_done(struct plan_source *source);

/* What somebody wants to know. Owned. */
struct plan_ask {
	int64_t from_us; /* TIME_NONE, or before now: from now on */
	int64_t until_us;
	int64_t zone;            /* this one alone; 0: all */
	struct schedule *drafts; /* not saved: id 0 stands beside the others, another id
				    in place of that schedule */
	size_t n_drafts;
};
void plan_ask_done(struct plan_ask *ask);
DEFINE_AUTO_DONE(struct plan_ask, plan_ask_done)

enum plan_why {
	PLAN_WHY_NONE,
	PLAN_WHY_ONCE, /* skipped just this once */
	PLAN_WHY_QUIET,
	PLAN_WHY_EXPIRED,
	PLAN_WHY_TAKEN,  /* and its schedule does not wait */
	PLAN_WHY_WAITED, /* too long */
};

/* A run in one zone. */
struct plan_spot {
	uint32_t run;         /* place in plan.runs */
	uint32_t zone;        /* place in plan_input.zones */
	enum outcome outcome; /* played, cut, skipped, missed or cancelled */
	enum plan_why why;
	uint8_t span; /* which quiet hours */
	uint8_t pass; /* from 0, of so many; 1: none */
	uint8_t n_passes;
	int64_t start_us; /* first sample; TIME_NONE: it does not sound */
	int64_t end_us;   /* last sample, or when it was settled that there is none */
	int64_t soft_ms;  /* of that it is softer, beneath another */
	int32_t behind;   /* the run that had the zone when its time came; -1: none */
	int32_t above;    /* the one beneath which it was softer, last; -1: none */
	/* While the plan is made: */
	int8_t stage;
	bool begun;
	bool fading;
	int64_t soft_since_us;
	int64_t left_ms; /* to be heard yet */
};

struct plan_run {
	uint32_t source; /* place in plan_input.sources */
	bool shown;      /* it lies in the days that were asked for */
	int64_t due_us;
	int64_t occurrence_us; /* due then by its rule; due_us but where it was moved */
	const struct override *override; /* done to it just this once; NULL: nothing */
	uint32_t first; /* its spots are plan.spots[first] to [first + n - 1] */
	uint32_t n;
	/* While the plan is made: */
	bool passes;
	int8_t pass_over;
	int64_t pass_over_us;
	int64_t patience_us;
	int64_t begins_output;
	bool begins_apart; /* on several outputs at once */
	int begins_lead_ms;
};

/* How long a zone sounds on a day; what is heard beneath another counts once. */
struct plan_day {
	uint32_t zone;
	int64_t day; /* since 1970, of the wall clock */
	int64_t sounding_ms;
	int runs; /* that begin on it */
};

struct plan {
	const struct plan_input *input; /* borrowed */
	int64_t until_us;               /* how far it goes, where `more` */
	bool more;
	struct plan_run *runs; /* by due time */
	size_t n_runs;
	struct plan_spot *spots;
	size_t n_spots;
	struct plan_day *days; /* by day, then zone */
	size_t n_days;
	struct plan_notices notices;
};

/* The input must outlive the plan. -ENOMEM. */
int plan_make(const struct plan_input *in, struct plan **ret, struct error *err);
void plan_free(struct plan *p); /* NULL is fine */
DEFINE_AUTO(struct plan *, plan_free)

/* Whether a spot is shown: its run is, and no other zone was asked for. */
bool plan_shows(const struct plan *p, const struct plan_spot *spot);
const struct plan_source *plan_source_of(const struct plan *p, uint32_t run);
const struct plan_said *plan_said_of(const struct plan *p, uint32_t run);
/* Why it does not sound, or not as was asked, in a clause for a clerk; "" where all is as
 * was asked. */
#define PLAN_WORDS_SIZE 500
void plan_words(const struct plan *p, const struct plan_spot *spot, enum plan_lang lang,
		char ret[PLAN_WORDS_SIZE]);
