/* director_internal.h - what the director's files share: the runs that are alive and the
 * zones they want. director.c: life, timer, planner; director_runs.c: a run from claim to
 * last outcome; director_due.c: how it comes out of the plan; director_record.c: the
 * record of it; director_judge.c: who may sound in a zone; director_pause.c: what is
 * interrupted or ducked, comes back, and how that is told; director_alert.c: what an
 * emergency may that others may not; director_call.c: live calls; director_zones.c: the
 * zones and outputs as they are set up; director_rejoin.c: cards that are lost in the
 * middle of a run; director_amplifier.c: when their amplifiers are needed;
 * director_relay.c: lines and streams; director_pass.c: zones that sound one after the
 * other; director_together.c: zones that are free a moment apart; director_content.c:
 * words and clips into a job. */
#pragma once

#include "director.h"

#include "schedule/priority.h"
#include "schedule/timing.h"

/* Handed to the engine this long before its time, and the longest lead_ms of a zone. */
#define LEAD_US (3 * 1000000LL)
#define FRAMES_PER_MS 48 /* of a job */
#define DUCK_DB (-18.0)  /* a background beneath a notice */
#define DUCK_MS 300      /* on its way there and back, where there is time */
#define DUCK_MIN_MS 50
#define BACK_MS 3000     /* what is resumed is taken up so much earlier */
#define TOGETHER_MS 1000 /* so near are places at which horns were interrupted as one */
#define REASON_SIZE 480  /* of a record's reason: 500 characters are its bound */
#define DAY_US (86400 * 1000000LL)
#define SETTLE_MAX_US (31 * DAY_US)  /* missed runs further back are not recorded */
#define RECORD_AGAIN_NS 1000000000LL /* what the disk did not take is tried again */
#define TAKE_MAX 64                  /* dues dealt with in one go, the loop comes first */

/* Where a run stands in one zone. */
enum stage {
	STAGE_PLANNED, /* its time has not come */
	STAGE_WAITING, /* its time has come, the zone or its words are not ready */
	STAGE_HANDED,  /* the zone is its own, the engine has it */
	STAGE_PLAYING, /* the output says so */
	STAGE_PAUSED,  /* a higher class has the zone, in which it played, or its card is
			  lost, whether it did or not; it will come back */
	STAGE_ENDED,
};

/* Whether what became of it is in the database. */
enum record {
	RECORD_WRITTEN,
	RECORD_IN_COMMIT, /* of the open transaction */
	RECORD_OWED,      /* the disk did not take it */
};

#define BY_SIZE 128 /* "'TITLE' (class)", cut where it is longer */

/* How often and how long others were in the way, and who was it last. */
struct disturbed {
	int times;
	int64_t since_ns; /* of the one that goes on, by the monotonic clock; 0: none */
	int64_t over_ns;  /* length of those that are over */
	char by[BY_SIZE];
};

struct live_zone_run {
	enum stage stage;
	enum record record;
	int64_t began_ns; /* CLOCK_MONOTONIC at the horn; once it plays */
	int64_t job;      /* of the engine, 0: none */
	enum outcome end; /* what an ENGINE_END_CUT will mean: cut, cancelled, skipped */
	char reason[256]; /* and why */
	bool yielding;    /* interrupted: it still fades out */
	bool moved;       /* cut as its zone went to another output */
	bool soft;        /* the engine plays it ducked */
	int64_t from_ms;  /* place at which it begins, or will come back */
	int64_t begin_ms; /* at which its job began */
	int64_t heard_ms; /* how long it sounded before that */
	int pass;         /* from 0, in the order in which they sound */
	struct tally *tally; /* of what its job relays, a reference; NULL */
	int64_t relayed_ms;  /* by the jobs before: of lines and streams */
	int64_t missing_ms;  /* of that nothing came */
	int64_t fallback_ms; /* and the fallback sounded */
	int64_t unread_ms;   /* and it should have, and could not be read */
	struct disturbed paused;
	struct disturbed ducked;
	struct disturbed lost;             /* with its card; by: the card's words, cut */
	char card_words[ENGINE_TEXT_SIZE]; /* the whole of them */
	int64_t missed_ms; /* place up to which a part of it was missed for that */
	bool turned;       /* its record was written since it began */
};

struct live_run {
	struct live_run *next;
	struct run run; /* with the outcomes as written; id < 0 where it could not be
			   written */
	struct live_zone_run *zones; /* beside run.zones */
	bool handed;                 /* prepared: the engine has it, ahead of its time */
	bool judged;
	bool written;            /* its claim is committed, or id < 0 */
	bool changed;            /* to be told when the record is written */
	bool told;               /* that it has ended */
	int speaking;            /* texts being spoken for it now */
	int64_t late_allowed_us; /* begins no later than this after its time, unless it
				    waited */
	int64_t deadline_us;     /* waits no longer than this */
	enum conflict conflict;
	int pass_over;             /* of the zone that sounded last and does no more */
	int64_t pass_over_ns;      /* and since when; 0: none */
	struct jitter *jitter;     /* of a live call, a reference; NULL */
	struct live_relay *relays; /* of each part; NULL while none is needed */
	bool quiet_confirmed;
	bool hung_up;
	bool drill; /* soundings of alerts: director.h */
	bool again;
	int tag;
	int64_t keep_ms;
	int64_t prelude_ms;
};

struct live_zone {
	struct zone zone;
	struct live_run *holder;  /* who may sound; NULL */
	struct live_run *beneath; /* a background that sounds softly beneath it; NULL */
	bool wanted;              /* while the queues are looked at: somebody waits */
	int amplifier;            /* its number; below 0: none */
	struct contender kept;    /* for this alert, where it has no holder */
	int64_t kept_until_ns;
	int64_t left_by; /* the job that sounded there last; 0 */
	int64_t left_ns; /* when it was told to be over, in the first of its zones */
};

struct live_output {
	int64_t id;
	char name[FAULT_SOURCE_SIZE];
	char fault[256]; /* "" where it plays */
};

struct director {
	struct director_config config;
	struct planner *planner;
	struct live_run *runs; /* by due time */
	struct live_zone **zones;
	size_t n_zones;
	int64_t lead_us; /* LEAD_US, and the longest lead_ms of a zone */
	struct live_output *outputs;
	size_t n_outputs;
	struct speaking *speaking; /* texts being spoken: director_content.c */
	int64_t last_job;
	int64_t last_unwritten; /* ids of runs the store could not take: -1, -2, ... */
	struct loop_source *timer;
	struct loop_source *soon; /* deferred director_wake */
	struct loop_source *engine_events;
	bool started;
	bool held;               /* the clock is not trusted */
	bool in_commit;          /* between director_begin and its end */
	int64_t record_again_ns; /* what is owed is not tried before */
	struct ids skips_owed;   /* schedules: as director_skip_moved, and not on disk */
};

/* director.c */
void director_wake(void *director); /* does all that is due by now */
void director_wake_soon(struct director *d);
void director_tell_run(struct director *d, const struct live_run *live);
void director_tell_zone(struct director *d, int64_t zone);
int64_t director_now(const struct director *d);

/* director_runs.c */
void live_run_free(struct live_run *live);
bool live_run_ended(const struct live_run *live);
/* Where zone `zone` stands among its own; n_zones where it has no part in it. */
size_t live_run_find(const struct live_run *live, int64_t zone);
bool live_run_begun(const struct live_run *live, size_t i); /* zone i was heard */
/* How long zone i has sounded. */
int64_t live_run_played_ms(const struct live_run *live, size_t i);
/* Fills the zones of a run: names as they are now, quiet ones skipped unless it defies
 * that. */
int director_run_zones(struct director *d, struct run *run, const struct ids *zones,
		       int64_t at_us, bool defies_quiet, struct error *err);
/* -EPERM where nothing may be played now, or in none of its zones. */
int director_refused(struct director *d, const struct run *run, struct error *err);
/* Takes the run's values over; on failure they stay the caller's. */
struct live_run *director_take_up(struct director *d, struct run *run);
/* Claims a run and takes it up. schedule NULL: pushed. */
int director_admit(struct director *d, struct run *run, const struct schedule *schedule,
		   struct live_run **ret, struct error *err);
void director_reopen(struct director *d, struct run *run);
void director_hand_over(struct director *d, struct live_run *live);
/* Gives the engine the zones of `live` that stand in `stage` and have no job: those that
 * begin at one place, as one job. True where it was one that others may follow. Where the
 * engine is full they wait. */
bool director_submit(struct director *d, struct live_run *live, enum stage stage,
		     int64_t start_ns);
/* It sounds in zone i no more: neither as the one that has it nor beneath. */
void director_leave_zone(struct director *d, const struct live_run *live, size_t i);
void director_withdraw(struct director *d, struct live_run *live, size_t i);
/* Handed, and yet not begun: it waits again, or stays interrupted. */
void director_wait_again(struct director *d, struct live_run *live, size_t i);
void director_take_back(struct director *d, struct live_run *live);
/* The last word on zone i; what disturbed it is told besides. */
void director_zone_end(struct director *d, struct live_run *live, size_t i,
		       enum outcome outcome, const char *reason, int64_t played_ms);
/* Fades zone i out; its end comes from the engine. What has not begun ends at once. */
void director_zone_cut(struct director *d, struct live_run *live, size_t i,
		       enum outcome end, const char *reason);
void director_on_engine_event(struct director *d, const struct engine_event *event);
/* Runs whose claim could not be committed go on without a row. */
void director_unwrite(struct director *d);

/* director_due.c */
/* Makes a run of what the plan gives out, as its schedule and what is said of it just
 * this once want it. */
void director_admit_due(struct director *d, const struct planned *planned);
/* Of a schedule: what was moved to a time that is to come, and is skipped now, has its
 * outcome. */
void director_skip_moved(struct director *d, const struct schedule *schedule);
/* The same of those whose outcome the disk did not take. */
void director_skip_owed(struct director *d);
/* Says which of its overrides are void. */
void director_tell_void(struct director *d, const struct schedule *schedule);
/* The same for every schedule: the calendar was changed. */
void director_tell_all_void(struct director *d);

/* director_record.c */
/* Writes that zone i plays, is paused, or how it ended, or notes that this is owed. */
void director_record(struct director *d, struct live_run *live, size_t i);
/* Several of these in one transaction, and one wait for the disk. False where another is
 * open: then they are a part of that. */
bool director_begin(struct director *d);
void director_commit(struct director *d, bool begun);
/* Of an ended run: tries to write what is owed; true where something still is. */
bool director_record_owed(struct director *d, struct live_run *live);
void director_store_result(struct director *d, int rc, const struct error *err);

/* director_judge.c */
/* Tries to get every zone that it still waits for. */
void director_judge(struct director *d, struct live_run *live);
/* Lets those that wait or were interrupted try again, zone by zone, the highest first. */
void director_pump(struct director *d);
/* Who comes after `last` (NULL: first) in a zone's queue; NULL behind the end. *ret_i:
 * its place in the run. */
struct live_run *director_next_waiting(const struct director *d, int64_t zone,
				       const struct live_run *last, size_t *ret_i);
/* Ends what has waited too long, has expired, or would sound in quiet hours. */
void director_sweep(struct director *d);
/* Waits or is paused in zone i, and the zone could be its own now. */
bool director_could_have(const struct director *d, const struct live_run *live, size_t i);
/* What zone i of it asks for, or has. */
struct contender director_contender(const struct live_run *live, size_t i);

/* director_call.c */
#define DIRECTOR_CALL_SOURCE "live"
#define DIRECTOR_CALL_OVER "the call was over by then"
bool live_run_defies_quiet(const struct live_run *live);

/* director_alert.c */
bool live_run_urgent(const struct live_run *live); /* an emergency */
/* Whether it may sound by the clock as it is. */
bool director_may(const struct director *d, const struct live_run *live);
/* Whom a zone without a holder is kept for, of what `asking` may not take; NULL: nobody.
 */
const struct contender *director_zone_kept(const struct live_zone *lz,
					   const struct live_run *asking);
/* `live` has played in its zone i to the end. */
void director_zone_keep(struct live_zone *lz, const struct live_run *live, size_t i);
/* Notes in zone i what did not keep it from sounding: an emergency, or a live call that
 * was confirmed. */
void director_note_defiance(struct director *d, struct live_run *live, size_t i);
void director_tell_ended(struct director *d, const struct live_run *live);

/* director_pause.c */
/* `by` takes zone i from it: it fades out, and what becomes of it is settled by its end
 * (director_interrupted). */
void director_interrupt(struct director *d, struct live_run *live, size_t i,
			const struct live_run *by);
/* The engine has cut zone i, for another, or lost its card amid that: it is paused, waits
 * as if it had never begun, or ends. */
void director_interrupted(struct director *d, struct live_run *live, size_t i,
			  const struct engine_event *event);
/* It came to its end before it had made way. */
void director_not_interrupted(struct live_run *live, size_t i);
/* Ends what goes on of it; nothing where nothing does. */
void director_disturb_over(struct disturbed *what);
/* Of a zone that has begun: paused, for another or its card, or playing again; into its
 * record. */
void director_turn(struct director *d, struct live_run *live, size_t i,
		   enum outcome outcome);
/* It sounds again. */
void director_came_back(struct director *d, struct live_run *live, size_t i);
/* The background beneath a holder that is gone has the zone again; who is to be soft is,
 * who is not is not. */
void director_balance(struct director *d);
/* What disturbed a run in a zone; "" where nothing did. */
void director_story(const struct live_run *live, size_t i, char *ret, size_t size);
/* The whole truth of an end: what disturbed it, and the reason (NULL: none). */
void director_end_words(const struct live_run *live, size_t i, const char *reason,
			char *ret, size_t size);

/* director_zones.c */
struct live_zone *director_zone(const struct director *d, int64_t id);
int director_zones_load(struct director *d, struct error *err);
void director_zones_free(struct director *d);
bool director_zone_quiet(const struct director *d, const struct zone *zone, int64_t at_us,
			 char *reason, size_t size);
bool director_output_well(const struct director *d, int64_t output);
void director_output_fault(struct director *d, int64_t output, const char *text);

/* director_rejoin.c */
/* The engine's end of zone i, which was to go on. True where the card is at fault and the
 * zone waits for it, because the run goes on. */
bool director_lost(struct director *d, struct live_run *live, size_t i,
		   const struct engine_event *event);
bool director_is_lost(const struct live_run *live, size_t i); /* it waits for that */
/* The same, or its job is the one with which it has rejoined. */
bool director_rejoining(const struct live_run *live, size_t i);
void director_found(struct live_run *live, size_t i); /* it sounds again */
/* It ends as failed, with the card's words. */
void director_lost_for_good(struct director *d, struct live_run *live, size_t i);
/* The same where the run goes on nowhere any more. */
void director_lost_sweep(struct director *d, struct live_run *live, size_t i);
/* False where zone i waits for its card, or for somebody to be in step with. */
bool director_rejoin_could(const struct director *d, const struct live_run *live,
			   size_t i);
/* The same; and it will, if it gets its zone. */
bool director_rejoin_may(const struct director *d, struct live_run *live, size_t i);
/* Where the next zone that goes to the engine rejoins: when, and from which place. One
 * that has nobody to be in step with any more waits again. */
bool director_rejoin_start(struct director *d, struct live_run *live, int64_t *ret_ns);

/* director_pass.c */
/* Says in zones of a later pass, not claimed yet, which it is. */
void director_pass_note(const struct director *d, struct run *run);
/* Settles the passes of a run as its zones are set up now. */
void director_pass_take(const struct director *d, struct live_run *live);
/* No zone of a lower pass is still to come, or sounds. */
bool director_pass_first(const struct live_run *live, size_t i);
/* As far as the other passes are concerned it may sound in zone i now. */
bool director_pass_may(const struct director *d, const struct live_run *live, size_t i);
/* Just before it leaves zone i. */
void director_pass_over(struct live_run *live, size_t i);
/* Until when it may wait in zone i: its patience, and as long as the others sounded. */
int64_t director_pass_deadline_us(const struct live_run *live, size_t i);
/* When a pause between passes ends that somebody waits for; INT64_MAX. */
int64_t director_pass_next_us(const struct live_run *live);

/* director_together.c */
/* `job` of it has ended in zone i. */
void director_together_left(struct director *d, const struct live_run *live, size_t i,
			    int64_t job);
/* False where zone i is free, and others that it waits for will be in a moment. */
bool director_together_may(const struct director *d, const struct live_run *live,
			   size_t i);
/* When it waits for that no longer; INT64_MAX. */
int64_t director_together_next_us(const struct director *d, const struct live_run *live);

/* director_amplifier.c */
/* Tells every amplifier from when on it is needed, as things are now. */
void director_amplifiers(struct director *d);
/* The zone is as it is set up now; before that changes, or it goes, it leaves. */
void director_amplifier_join(struct director *d, struct live_zone *lz);
void director_amplifier_leave(struct director *d, struct live_zone *lz);

/* director_relay.c */
struct live_relay {
	struct relay *relay; /* NULL: the part has none, or not yet */
	int64_t said;        /* by it, before the run had it */
};
/* It has a line or a stream. */
bool director_relayed(const struct run *run);
/* Fills part i of a job, all but its fallback and tally. */
int director_relay_part(struct director *d, struct live_run *live, size_t i,
			struct job_part *ret, struct error *err);
/* While it may not sound it needs none, where nothing of it does; it will be handed over
 * anew. */
void director_relay_hold(struct live_run *live);
/* It needs none any more. */
void director_relay_release(struct live_run *live);
/* Adds up what the job of a zone has counted; `tally` (NULL: none) is its next one's. */
void director_relay_count(struct live_zone_run *lzr, struct tally *tally);
/* The same of a job that is given up; what was never heard has counted for others. */
void director_relay_settle(struct live_zone_run *lzr);
/* Nothing came at all, and nothing sounded instead. */
bool director_relay_silent(const struct live_run *live, size_t i);
/* What did not come, as counted up; "" where all did. */
void director_relay_words(const struct live_run *live, size_t i, char *ret, size_t size);

/* director_content.c */
/* True where every word is spoken. Else has it done; the director wakes when it is, and
 * what fails ends the run. */
bool director_content_ready(struct director *d, struct live_run *live);
/* Builds the job of a run, with room for all its zones. */
int director_content_job(struct director *d, struct live_run *live, struct job **ret,
			 struct error *err);
/* What is still being spoken must not come back to a director that is gone. */
void director_content_forget(struct director *d);
/* Has the words of an announcement spoken ahead of their time. */
void director_content_prepare(struct director *d, const struct content *content,
			      const char *author);
