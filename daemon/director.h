/* director.h - where time meets sound: takes what is due from the planner, claims it,
 * decides who may sound in each zone, hands it to the engine and writes down what became
 * of it. Owner: main. Threads: the core thread alone. Blocks: on the store's commits
 * only.
 *
 * The way of a run: claimed and handed to the engine LEAD before its time, judged zone by
 * zone just before it, released, held back or queued; ended by the engine's word. After a
 * crash nothing that may have been heard is played again. */
#pragma once

#include "amplifier.h"
#include "audio/engine.h"
#include "clock.h"
#include "faults.h"
#include "library.h"
#include "loop.h"
#include "relays.h"
#include "schedule/planner.h"
#include "schedule/store.h"

struct director;
struct director_sounding_end;
struct jitter;

struct director_config {
	struct loop *loop;
	struct store *store;
	struct engine *engine;
	struct library *library;
	struct clock *clock;
	struct faults *faults;
	struct amplifiers *amplifiers; /* NULL: none */
	struct relays *relays;
	const struct tz *tz;
	const struct calendar *calendar; /* of workdays; NULL: weekends only */
	/* Told when a run, or what a zone does, has changed; may be NULL. */
	void (*on_run)(void *ctx, int64_t run);
	void (*on_zone)(void *ctx, int64_t zone);
	/* The soundings of alerts; never told from within director_sound. May be NULL. */
	void (*on_sounding_began)(void *ctx, const struct run *run, int64_t at_ns);
	void (*on_sounding_ended)(void *ctx, const struct director_sounding_end *end);
	/* Recordings: whether what a run sends is kept; the engine has a job of it in a
	 * zone; it has nothing more for that. All or none NULL. */
	bool (*records)(void *ctx, const struct run *run);
	void (*on_handed)(void *ctx, const struct run *run, int64_t zone, int64_t job);
	void (*on_over)(void *ctx, const struct run *run, int64_t zone);
	void *ctx;
};

/* Loads outputs, zones and schedules, closes what the last life left open. Nothing sounds
 * before director_start. */
int director_new(const struct director_config *config, struct director **ret,
		 struct error *err);
int director_start(struct director *d, struct error *err);
/* Ends what sounds as `cut`, leaves what is still to come for the next start. NULL is
 * fine. */
void director_free(struct director *d);
DEFINE_AUTO(struct director *, director_free)

/* The calendar was filled anew. What would have been due until now by it is not made up
 * for. */
void director_calendar_changed(struct director *d);

struct director_push {
	const char *source;            /* "push", "test" */
	int64_t announcement;          /* 0: none */
	const struct content *content; /* used where announcement is 0; copied */
	const char *title;             /* NULL: the announcement's */
	const struct ids *zones;
	int64_t at_us; /* TIME_NONE: now */
	enum run_class class;
	const char *author;
};
/* Claims it and, where it is due now, hands it over. -EPERM: the clock is not trusted, or
 * every zone is in its quiet hours; -ENOENT, -EINVAL: what it names is not there;
 * otherwise as store_run_claim. */
int director_push(struct director *d, const struct director_push *push, int64_t *ret_run,
		  struct error *err);
/* A live call: what comes out of the jitter buffer, from now on until it ends. */
struct director_call {
	const char *title;
	const struct ids *zones;
	enum run_class class;  /* notice, programme, live */
	bool quiet_confirmed;  /* sounds in quiet hours as well */
	struct jitter *jitter; /* a reference is taken */
	const char *author;
};
/* As director_push; -EBUSY: another of its rank or above has one of the zones, which is
 * named. */
int director_call(struct director *d, const struct director_call *call, int64_t *ret_run,
		  struct error *err);
bool director_call_open(const struct director *d, int64_t run);
/* reason NULL: it was hung up; where it sounds the end of the jitter buffer is its end.
 * Else it is cut everywhere, for that. One that is over is fine. */
void director_call_end(struct director *d, int64_t run, const char *reason);

/* One sounding of an alert, now: whatever the hour, the clock and the disk say. */
struct director_sounding {
	int64_t alert;
	enum severity severity;
	enum alert_level level;
	bool drill;
	bool again;         /* priority.h, as drill */
	int tag;            /* the caller's, comes back at the end */
	int64_t keep_ms;    /* what it played in it keeps that long, for the next of its
			     * alert
			     */
	int64_t prelude_ms; /* of so much at its beginning a part may be missed */
	const char *title;
	const struct content *content; /* copied; all of its words are spoken */
	const struct ids *zones;       /* those that are gone are left out */
	int64_t expires_us;
	const char *author;
};
/* Told once the run has ended in every zone. */
struct director_sounding_end {
	const struct run *run; /* its id below 0 where the disk refused it */
	int tag;
	const struct ids *interrupted; /* zones where something higher came first, or
					  that were moved to another output */
	const struct ids *gaps; /* zones where a card was lost for a while, and more was
				   missed than of the prelude */
};
/* The engine has it before anything is written; the claim then joins the caller's
 * transaction. *ret_run is below 0 where the disk refuses it. -ENOENT: none of its zones
 * is there. */
int director_sound(struct director *d, const struct director_sounding *sounding,
		   int64_t *ret_run, struct error *err);
/* The transaction of that claim was rolled back: it plays on without a record. */
void director_sounding_lost(struct director *d, int64_t run);
/* It was stopped wherever it has not ended, and fades out: its end is about to be told.
 */
bool director_sounding_fades(const struct director *d, int64_t run);
/* Every sounding of the alert, everywhere. */
void director_stop_alert(struct director *d, int64_t alert, const char *reason);

/* -ENOENT, -EALREADY. */
int director_stop_run(struct director *d, int64_t run, const char *author,
		      struct error *err);
/* Everything that sounds or waits in these zones (NULL: all). Returns how many runs. */
int director_stop_zones(struct director *d, const struct ids *zones, const char *author);

/* A row of the store was put or deleted. */
void director_output_changed(struct director *d, int64_t id);
void director_zone_changed(struct director *d, int64_t id);
bool director_has_zone(const struct director *d, int64_t id);
void director_schedule_changed(struct director *d, int64_t id);
/* One of its overrides was put or deleted. */
void director_overrides_changed(struct director *d, int64_t schedule);
void director_announcement_changed(struct director *d, int64_t id);

/* The clock jumped, or its trust changed. */
void director_clock_stepped(struct director *d);

#define DIRECTOR_QUEUE_MAX 16

/* One that waits for a zone, or was interrupted there. */
struct director_queued {
	int64_t run;
	enum run_class class;
	bool paused; /* it has begun and will come back */
	char title[100];
};

struct director_zone_status {
	int64_t run;     /* that sounds there now, as the output thread says; 0 */
	int64_t ducked;  /* sounds softly beneath it; 0 */
	char fault[256]; /* of its output, "" where none */
	size_t waiting;  /* runs in its queue */
	struct director_queued
		queue[DIRECTOR_QUEUE_MAX]; /* the first of them, in order */
	size_t n_queue;
};
void director_zone_status(const struct director *d, int64_t zone,
			  struct director_zone_status *ret);
