/* plan_internal.h - what the files of a plan share: plan.c goes from event to event,
 * plan_judge.c settles who sounds (as daemon/director_judge.c and director_pass.c do),
 * plan_days.c adds up, plan_words.c tells. */
#pragma once

#include "plan.h"
#include "timing.h"

#define SECOND_US 1000000LL
#define NOBODY (-1)

enum spot_stage {
	SPOT_NEW,     /* its run is being judged for the first time */
	SPOT_WAITING, /* its time has come, the zone is taken or another pass is first */
	SPOT_HANDED,  /* it sounds, fades out, or will at start_us */
	SPOT_ENDED,
};

/* What has to be looked at: the end of a spot, or an edge it may meet. */
struct plan_event {
	int64_t at_us;
	uint32_t spot;
	bool look; /* behind all ends of the same instant */
};

struct plan_due {
	int64_t due_us;
	uint32_t source;
};

struct numbers {
	uint32_t *items;
	size_t n;
	size_t size;
};
int numbers_add(struct numbers *numbers, uint32_t number); /* 0 or -ENOMEM */

struct plan_zone {
	int32_t holder;         /* spot, or NOBODY */
	int32_t beneath;        /* a background that is softer beneath it */
	struct numbers waiting; /* spots in the order of the queue, and some that wait no
				   more */
	bool dirty;             /* stands in sim.dirty */
};

/* Of a schedule among the sources. */
struct sim_series {
	struct rule *rule;        /* NULL: of none, or it cannot be read */
	struct schedule schedule; /* borrows from the source: validity, overrides */
	struct series series;
	struct occurrence at; /* its next */
};

struct sim {
	const struct plan_input *in;
	struct plan *plan;
	struct sim_series *series; /* of each source */
	struct plan_zone *zones;
	struct plan_due *dues; /* heap */
	size_t n_dues;
	struct plan_event *events; /* heap */
	size_t n_events;
	size_t events_size;
	struct numbers dirty;   /* zones whose queue must be looked at */
	struct numbers touched; /* zones whose holder may have changed */
	struct numbers fresh;   /* spots that have got their zone and no start yet */
	size_t runs_size;
	size_t spots_size;
	size_t open;           /* spots of the days asked for that are not over */
	size_t passes_waiting; /* spots that wait, of runs in passes */
	int64_t start_us;      /* from when on it is played through */
	int64_t minute_at_s;   /* of the wall clock, as asked for last */
	int minute;
	bool ended;  /* something has, and the director wakes once more */
	bool failed; /* no memory */
};

/* plan.c */
void sim_event(struct sim *s, int64_t at_us, uint32_t spot, bool look);
void sim_dirty(struct sim *s, uint32_t zone);
void sim_touched(struct sim *s, uint32_t zone);

/* plan_judge.c */
/* Whatever becomes of it, it is settled. */
void sim_over(struct sim *s, struct plan_spot *spot);
struct plan_run *spot_run(const struct sim *s, const struct plan_spot *spot);
const struct plan_source *spot_source(const struct sim *s, const struct plan_spot *spot);
const struct plan_said *spot_said(const struct sim *s, const struct plan_spot *spot);
const struct zone *spot_zone(const struct sim *s, const struct plan_spot *spot);
/* Whether the zone is quiet then; says which quiet hours. */
bool sim_quiet(struct sim *s, const struct zone *zone, int64_t at_us, uint8_t *ret_span);
/* All zones of a run whose time has come; they are new. number: of the run, below of the
 * spot. */
void sim_judge(struct sim *s, uint32_t number, int64_t now_us);
/* The queues of the dirty zones, once. */
void sim_pump(struct sim *s, int64_t now_us);
/* A background that is alone again has its zone. */
void sim_balance(struct sim *s, int64_t now_us);
/* Those that have got their zone begin. */
void sim_begin(struct sim *s, int64_t now_us);
/* Its last sample was heard. */
void sim_end(struct sim *s, uint32_t number, int64_t now_us);
/* An edge it may meet. */
void sim_look(struct sim *s, uint32_t number, int64_t now_us);
/* It stands in the queue of its zone from now on. */
void sim_wait(struct sim *s, uint32_t number, int64_t now_us);
/* It sounds from start_us on, for what is left of it; judged at judged_us. */
void sim_sound(struct sim *s, uint32_t number, int64_t start_us, int64_t judged_us);

/* plan_days.c. 0 or -ENOMEM. */
int sim_days(struct sim *s);
