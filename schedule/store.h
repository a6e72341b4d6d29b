/* store.h - everything that must outlive the daemon, in one SQLite database.
 * Owner: main. Threads: the core thread alone. Blocks: on the disk, for the length of a
 * commit.
 *
 * One connection, locking_mode=EXCLUSIVE, WAL, synchronous=FULL, STRICT tables, foreign
 * keys on, application_id set, user_version = number of the last migration; each
 * migration is one transaction. Every store_*_put, _claim and _finish is its own
 * transaction unless store_begin was called.
 *
 * Errors, besides those named: -ENOSPC disk full, -EIO damaged or unreadable, -ENOMEM,
 * -ENOENT no such row, -EEXIST a name, code or key already taken, -EBUSY still used by
 * something the text names, -EINVAL a value or a reference that cannot be (err->field
 * names it). ret is untouched on failure. */
#pragma once

#include "base/error.h"
#include "types.h"

struct store;

/* Opens or creates the database and brings it to the newest form. ":memory:" is for
 * tests. -EUCLEAN: not a dalaba database, or a damaged one; -EPROTO: made by a newer
 * dalaba; -EAGAIN: another process has it. */
int store_open(const char *path, struct store **ret, struct error *err);
void store_close(struct store *s); /* NULL is fine */
DEFINE_AUTO(struct store *, store_close)

/* Joins what follows into one transaction. Not nested. */
int store_begin(struct store *s, struct error *err);
int store_commit(struct store *s,
		 struct error *err); /* on failure everything is rolled back */
void store_rollback(struct store *s);

/* A page of a list: rows with an id above `after` (0 from the start), at most `limit`. */
struct store_page {
	int64_t after;
	int limit; /* 1 to 1000 */
};

/* A page of what has happened, the newest first, by id: of runs by when they were due, of
 * alerts by when they were made. */
struct store_filter {
	int64_t from_us;  /* at or after, TIME_NONE */
	int64_t until_us; /* before, TIME_NONE */
	int64_t zone;     /* one that was meant; 0: any */
	int state;        /* enum outcome or alert_state, -1: any */
	int64_t before;   /* with an id below this, 0 from the newest */
	int limit;        /* 1 to 1000 */
};

/* put: id 0 inserts and sets id; otherwise changes that row (-ENOENT).
 * list: *ret is an array of *n values; release with each value's _done and free, or the
 * *_list_free here. */

int store_area_put(struct store *s, struct area *area, struct error *err);
int store_area_get(struct store *s, int64_t id, struct area *ret, struct error *err);
int store_area_by_code(struct store *s, const char *code, struct area *ret,
		       struct error *err);
int store_area_list(struct store *s, struct store_page page, struct area **ret, size_t *n,
		    struct error *err);
int store_area_delete(struct store *s, int64_t id, struct error *err);
void area_list_free(struct area *items, size_t n);

int store_output_put(struct store *s, struct output *output, struct error *err);
int store_output_get(struct store *s, int64_t id, struct output *ret, struct error *err);
int store_output_list(struct store *s, struct store_page page, struct output **ret,
		      size_t *n, struct error *err);
int store_output_delete(struct store *s, int64_t id, struct error *err);
void output_list_free(struct output *items, size_t n);

/* A zone's channels must lie within its output's, and no two zones share one (-EEXIST).
 */
int store_zone_put(struct store *s, struct zone *zone, struct error *err);
int store_zone_get(struct store *s, int64_t id, struct zone *ret, struct error *err);
int store_zone_by_name(struct store *s, const char *name, struct zone *ret,
		       struct error *err);
int store_zone_list(struct store *s, struct store_page page, struct zone **ret, size_t *n,
		    struct error *err);
int store_zone_delete(struct store *s, int64_t id, struct error *err);
void zone_list_free(struct zone *items, size_t n);

/* The zones a target means: those named and those whose area's code begins with one of
 * the codes (a code loses its trailing all-zero groups first, DOMAIN "Area codes"); each
 * once, ascending. -EINVAL names a zone or code that is not there, or an all-zero code.
 */
int store_targets_resolve(struct store *s, const struct ids *zones,
			  const struct texts *codes, struct ids *ret, struct error *err);

/* Inserts, or leaves an existing clip of that id alone; returns 1 where it was new, 0
 * where known. */
int store_clip_add(struct store *s, const struct clip *clip, struct error *err);
int store_clip_get(struct store *s, const char *id, struct clip *ret, struct error *err);
/* Newest first; `before_us`/`before_id` is the last row of the page before (TIME_NONE,
 * NULL at the start). */
int store_clip_list(struct store *s, int64_t before_us, const char *before_id, int limit,
		    struct clip **ret, size_t *n, struct error *err);
/* -EBUSY names the announcement that uses it. */
/* The clip behind `after` ("" for the first) that was taken before clips were measured as
 * they are played: 1 and its id, or 0. */
int store_clip_unmeasured(struct store *s, const char *after, char ret[CLIP_ID_SIZE],
			  struct error *err);
/* Its gain_db, output_lufs and limit; -ENOENT. */
int store_clip_level(struct store *s, const struct clip *clip, struct error *err);
int store_clip_delete(struct store *s, const char *id, struct error *err);
void clip_list_free(struct clip *items, size_t n);

/* What an upload (SHA-256 of its bytes) or a text (SHA-256 of voice, speed, text) became,
 * so that the same again costs nothing. -ENOENT where not known. */
int store_source_put(struct store *s, const char *source_sha256, const char *clip_id,
		     struct error *err);
int store_source_get(struct store *s, const char *source_sha256, char ret[CLIP_ID_SIZE],
		     struct error *err);

/* Whether a part may be one at all; field names what is wrong with it. */
int store_part_check(const struct part *part, struct error *err);
int store_announcement_put(struct store *s, struct announcement *a, struct error *err);
int store_announcement_get(struct store *s, int64_t id, struct announcement *ret,
			   struct error *err);
int store_announcement_list(struct store *s, struct store_page page,
			    struct announcement **ret, size_t *n, struct error *err);
/* -EBUSY names the schedule that uses it. */
int store_announcement_delete(struct store *s, int64_t id, struct error *err);
void announcement_list_free(struct announcement *items, size_t n);

int store_schedule_put(struct store *s, struct schedule *schedule, struct error *err);
int store_schedule_get(struct store *s, int64_t id, struct schedule *ret,
		       struct error *err);
int store_schedule_list(struct store *s, struct store_page page, struct schedule **ret,
			size_t *n, struct error *err);
int store_schedule_delete(struct store *s, int64_t id,
			  struct error *err); /* its runs stay */
void schedule_list_free(struct schedule *items, size_t n);

/* Sets what one occurrence does just this once: a new one, or in place of the one that
 * its schedule has for that due_us. Sets id. Returns 1 where something was written, 0
 * where it says what is there. -ENOENT: the schedule. It goes when that is deleted.
 * -EBUSY: that has SCHEDULE_OVERRIDES_MAX, which keeps a question about one short. */
int store_override_put(struct store *s, struct override *override, struct error *err);
int store_override_get(struct store *s, int64_t id, struct override *ret,
		       struct error *err);
/* Of one schedule (0: of all), by id. */
int store_override_list(struct store *s, int64_t schedule, struct store_page page,
			struct override **ret, size_t *n, struct error *err);
/* Whether its own time came and left it to to_us. */
int store_override_pass(struct store *s, int64_t id, bool passed, struct error *err);
int store_override_delete(struct store *s, int64_t id, struct error *err);
/* Deletes up to `limit` that have nothing to do after an instant; how many. */
int store_override_prune(struct store *s, int64_t before_us, int limit,
			 struct error *err);
void override_list_free(struct override *items, size_t n);

/* Writes a run with all its zones in one transaction and sets id, created_us is the
 * caller's. Zones may come with any outcome (skipped and missed ones are final at once).
 * -EEXIST where its schedule's occurrence (moved_from_us, else due_us) was claimed
 * before: it must not sound again. */
int store_run_claim(struct store *s, struct run *run, struct error *err);
/* Marks a zone as playing. */
int store_run_start(struct store *s, int64_t run, int64_t zone, int64_t started_us,
		    int64_t late_ms, struct error *err);
/* A zone that has begun falls silent for a while (OUTCOME_PAUSED), or sounds again
 * (OUTCOME_PLAYING): why, and how much sounded so far. -EALREADY where it has ended, or
 * never began. */
int store_run_turn(struct store *s, int64_t run, int64_t zone, enum outcome outcome,
		   const char *reason, int64_t played_ms, struct error *err);
/* The one final outcome of a zone. -EALREADY where it has one. */
int store_run_finish(struct store *s, int64_t run, int64_t zone, enum outcome outcome,
		     const char *reason, int64_t played_ms, struct error *err);
int store_run_get(struct store *s, int64_t id, struct run *ret, struct error *err);
/* The run that was made of the occurrence of a schedule that is due then by its rule; 0
 * where there is none. */
int store_run_of(struct store *s, int64_t schedule, int64_t due_us, int64_t *ret_id,
		 struct error *err);

/* Newest first, by id. */
int store_run_list(struct store *s, const struct store_filter *filter, struct run **ret,
		   size_t *n, struct error *err);
void run_list_free(struct run *items, size_t n);
/* Every zone still planned, playing or paused: after a start, what the last life left
 * behind. Ascending by due_us, then id. */
int store_run_open(struct store *s, struct run **ret, size_t *n, struct error *err);

/* Deletes up to `limit` runs that have ended, were due before an instant and have no
 * recording, the oldest first; how many. */
int store_run_prune(struct store *s, int64_t before_us, int limit, struct error *err);

/* One for a run and a zone (-EEXIST); -ENOENT where the run is gone. Sets its id. */
int store_recording_add(struct store *s, struct recording *recording, struct error *err);
int store_recording_get(struct store *s, int64_t id, struct recording *ret,
			struct error *err);
int store_recording_known(struct store *s, const char *file,
			  struct error *err); /* 1 where one has that file, or 0 */
int store_recording_delete(struct store *s, int64_t id, struct error *err);

struct recording_filter {
	int64_t run;    /* 0: any */
	int64_t zone;   /* 0: any */
	int64_t before; /* with an id below this, 0 from the newest */
	int limit;      /* 1 to 1000 */
};
/* Newest first, by id. */
int store_recording_list(struct store *s, const struct recording_filter *filter,
			 struct recording **ret, size_t *n, struct error *err);
/* Those that began before an instant (TIME_NONE: any), the oldest first. */
int store_recording_oldest(struct store *s, int64_t before_us, int limit,
			   struct recording **ret, size_t *n, struct error *err);
void recording_list_free(struct recording *items, size_t n);
/* Size of all together. */
int store_recording_bytes(struct store *s, int64_t *ret_bytes, struct error *err);

/* Inserts an alert under its id, or under the next one where that is 0. -EEXIST where it
 * is there. Clip and zones must be there, the zones resolved. */
int store_alert_add(struct store *s, struct alert *alert, struct error *err);
/* Writes what changes of an alert: state, ended_us, ended_by, expires_us, first_sound_ms.
 */
int store_alert_change(struct store *s, const struct alert *alert, struct error *err);
int store_alert_get(struct store *s, int64_t id, struct alert *ret, struct error *err);
/* The highest id ever given, 0 where none was. */
int store_alert_last(struct store *s, int64_t *ret_id, struct error *err);
/* Newest first, by id. */
int store_alert_list(struct store *s, const struct store_filter *filter,
		     struct alert **ret, size_t *n, struct error *err);
void alert_list_free(struct alert *items, size_t n);

#define STORE_HOLIDAYS_MAX 100

/* Holiday files, at most STORE_HOLIDAYS_MAX (-EBUSY). put: in place of the file of that
 * name and year, if there is one; sets id, and returns 1 where there was none, 0 where it
 * was replaced. list: those of a name, NULL for all, by year, and of a year the one put
 * last behind the others: in the order in which they are laid over each other. heads: all
 * without their content, by name, then year. All are read whenever one changes. */
int store_holidays_put(struct store *s, struct holiday_file *file, struct error *err);
int store_holidays_list(struct store *s, const char *name, struct holiday_file **ret,
			size_t *n, struct error *err);
int store_holidays_heads(struct store *s, struct holiday_file **ret, size_t *n,
			 struct error *err);
/* year 0: of every year. -ENOENT. */
int store_holidays_delete(struct store *s, const char *name, int year, struct error *err);
void holidays_list_free(struct holiday_file *items, size_t n);

/* Tokens are kept as SHA-256 of the secret, raw 32 bytes. */
int store_token_add(struct store *s, const char *name, const uint8_t hash[32],
		    int64_t created_us, int64_t *ret_id, struct error *err);
int store_token_check(struct store *s, const uint8_t hash[32], int64_t now_us,
		      struct token *ret, struct error *err);
int store_token_list(struct store *s, struct store_page page, struct token **ret,
		     size_t *n, struct error *err);
int store_token_delete(struct store *s, int64_t id, struct error *err);
void token_list_free(struct token *items, size_t n);

/* Answers to requests that carried an Idempotency-Key. `who` and key together are unique;
 * request_sha256 tells a repeated request from a key used for another (the caller
 * compares). get: -ENOENT where unknown. Rows older than a day may be swept. */
struct answer {
	char *request_sha256;
	int status;
	char *location; /* NULL where none */
	char *body;
};
void answer_done(struct answer *answer);
DEFINE_AUTO_DONE(struct answer, answer_done)
int store_answer_put(struct store *s, const char *who, const char *key,
		     const struct answer *answer, int64_t now_us, struct error *err);
/* In place of one that was put before: what it said is known better now. -ENOENT. */
int store_answer_change(struct store *s, const char *who, const char *key,
			const struct answer *answer, struct error *err);
int store_answer_get(struct store *s, const char *who, const char *key,
		     struct answer *ret, struct error *err);
int store_answer_sweep(struct store *s, int64_t older_than_us, struct error *err);

/* Small facts of the box. mark: the instant up to which every due run was dealt with (the
 * planner's watermark). */
int store_mark_get(struct store *s, int64_t *ret_us,
		   struct error *err); /* TIME_NONE on a new box */
int store_mark_put(struct store *s, int64_t mark_us, struct error *err);
/* The newest time in any row, for the judgement whether the clock can be right; TIME_NONE
 * where there is none. */
int store_newest_us(struct store *s, int64_t *ret_us, struct error *err);
