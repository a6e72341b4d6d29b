/* director_due.c - from the plan to a run (see director_internal.h): what is due is made
 * a run and claimed, as its schedule wants it and as somebody asked for it just this
 * once.
 *
 * A run is claimed by the time that its rule gives it, wherever it was moved to: so it
 * sounds once, whatever happens to clock, box and schedule in between. The plan gives a
 * moved occurrence out twice. At its own time, where the other one is still to come, that
 * is noted (`passed`, in the transaction of the mark): from then on no change of the rule
 * can make it void. At the other time it becomes a run. */
#include "director_internal.h"

#include "base/str.h"
#include "log.h"
#include "schedule/occurrence.h"

#include <string.h>

/* An occurrence that is to become a run. */
struct due {
	const struct schedule *schedule;
	const struct override *override; /* NULL: none */
	int64_t due_us;                  /* by the rule */
	int64_t at_us;                   /* when it is to sound */
};

static const char *author_of(const struct override *o) {
	return o->author != NULL && o->author[0] != '\0' ? o->author : "somebody";
}

static void all_zones_end(struct run *run, enum outcome outcome, const char *reason) {
	for (size_t i = 0; i < run->n_zones; i++) {
		if (!outcome_final(run->zones[i].outcome)) {
			run->zones[i].outcome = outcome;
			free(run->zones[i].reason);
			run->zones[i].reason = strdup(reason);
		}
	}
}

/* Fills what the announcement gives. */
static int say(struct director *d, int64_t id, struct run *run, struct error *err) {
	AUTO(announcement_done) struct announcement announcement = {0};
	int rc = store_announcement_get(d->config.store, id, &announcement, err);
	if (rc < 0) {
		return rc;
	}
	run->announcement = announcement.id;
	run->title = MOVE(announcement.title);
	run->content = announcement.content;
	announcement.content = (struct content){0};
	run->resume = announcement.resume;
	run->expires_us = announcement.expires_us;
	return 0;
}

/* The zones come from the schedule's targets. */
static int run_of_due(struct director *d, const struct due *due, struct run *run,
		      struct error *err) {
	const struct schedule *schedule = due->schedule;
	const struct override *o = due->override;
	bool other = o != NULL && o->announcement != 0;
	int rc = say(d, other ? o->announcement : schedule->announcement, run, err);
	if (rc < 0) {
		return rc;
	}
	run->source = strdup("schedule");
	run->schedule = schedule->id;
	run->class = schedule->class;
	run->due_us = due->at_us;
	run->moved_from_us = due->at_us != due->due_us ? due->due_us : 0;
	run->created_us = director_now(d);
	run->author = strdup(schedule->author != NULL ? schedule->author : "schedule");
	AUTO(ids_done) struct ids zones = {0};
	rc = store_targets_resolve(d->config.store, &schedule->zones, &schedule->areas,
				   &zones, err);
	/* What is skipped is so because it was asked for, whatever the hour. */
	bool skipped = o != NULL && o->action == OVERRIDE_SKIP;
	return rc < 0 ? rc : director_run_zones(d, run, &zones, due->at_us, skipped, err);
}

/* Why a due run does not play at all; "" where it does. */
static enum outcome judge_lateness(const struct director *d, const struct run *run,
				   const struct schedule *schedule, char *reason,
				   size_t size) {
	int64_t late_us = director_now(d) - run->due_us;
	int64_t within_us = schedule->play_within_s * 1000000LL;
	reason[0] = '\0';
	if (run->expires_us != TIME_NONE && run->due_us >= run->expires_us) {
		str_format(reason, size, "the announcement has expired");
		return OUTCOME_SKIPPED;
	}
	if (late_us > ON_TIME_US && late_us > within_us) {
		str_format(reason, size,
			   "the box was off, or its clock not trusted, at that time; it "
			   "came back %lld s "
			   "late, %d s were allowed",
			   (long long)(late_us / 1000000), schedule->play_within_s);
		return OUTCOME_MISSED;
	}
	return OUTCOME_PLANNED;
}

static void note(struct run *run, const char *words) {
	for (size_t i = 0; i < run->n_zones; i++) {
		struct run_zone *rz = &run->zones[i];
		char both[REASON_SIZE];
		if (rz->reason != NULL && rz->reason[0] != '\0') {
			str_format(both, sizeof(both), "%s (%s)", rz->reason, words);
		} else {
			str_copy(both, sizeof(both), words);
		}
		free(rz->reason);
		rz->reason = strdup(both);
	}
}

/* Says in every zone what was done to it, whatever became of it. */
static void note_override(struct director *d, const struct due *due, struct run *run) {
	const struct override *o = due->override;
	AUTO(announcement_done) struct announcement own = {0};
	struct error err = {0};
	char words[REASON_SIZE / 2];
	char from[WALL_SIZE];
	char title[80] = "its own";
	if (o->announcement != 0 &&
	    store_announcement_get(d->config.store, due->schedule->announcement, &own,
				   &err) >= 0) {
		str_format(title, sizeof(title), "'%s'", own.title);
	}
	wall_format(d->config.tz, due->due_us, from);
	if (o->to_us == TIME_NONE) {
		str_format(words, sizeof(words), "in place of %s, by %s", title,
			   author_of(o));
	} else if (o->announcement == 0) {
		str_format(words, sizeof(words), "moved from %s by %s", from,
			   author_of(o));
	} else {
		str_format(words, sizeof(words), "moved from %s, in place of %s, by %s",
			   from, title, author_of(o));
	}
	note(run, words);
}

/* Why it does not sound, by what was asked for; false where it may. */
static bool is_skipped(struct director *d, const struct due *due, bool at_its_own,
		       char *reason, size_t size) {
	char to[WALL_SIZE];
	if (due->override->action == OVERRIDE_SKIP) {
		str_format(reason, size, "skipped just this once by %s",
			   author_of(due->override));
		return true;
	}
	/* Moved to an earlier time, and not claimed by then. */
	if (at_its_own && due->at_us < due->due_us) {
		wall_format(d->config.tz, due->at_us, to);
		str_format(reason, size,
			   "it was moved to %s, and its schedule was switched off then",
			   to);
		return true;
	}
	return false;
}

/* Its run is alive already: the store would say so, too, unless the disk has not taken
 * its claim yet. */
static bool is_alive(const struct director *d, const struct due *due) {
	for (const struct live_run *live = d->runs; live != NULL; live = live->next) {
		const struct run *run = &live->run;
		int64_t due_us =
			run->moved_from_us != 0 ? run->moved_from_us : run->due_us;
		if (run->schedule == due->schedule->id && due_us == due->due_us) {
			return true;
		}
	}
	return false;
}

/* *run is the caller's to release, also on failure. */
static int make_run(struct director *d, const struct due *due, bool at_its_own,
		    struct run *run, struct error *err) {
	char reason[256];
	int rc = run_of_due(d, due, run, err);
	if (rc < 0) {
		return rc;
	}
	enum outcome outcome = OUTCOME_SKIPPED;
	if (due->override == NULL ||
	    !is_skipped(d, due, at_its_own, reason, sizeof(reason))) {
		outcome = judge_lateness(d, run, due->schedule, reason, sizeof(reason));
	}
	if (outcome != OUTCOME_PLANNED) {
		all_zones_end(run, outcome, reason);
	}
	if (due->override != NULL && due->override->action != OVERRIDE_SKIP) {
		note_override(d, due, run);
	}
	return 0;
}

static int admit(struct director *d, const struct due *due, bool at_its_own,
		 struct error *err) {
	AUTO(run_done) struct run run = {0};
	struct live_run *live = NULL;
	if (is_alive(d, due)) {
		return 0;
	}
	int rc = make_run(d, due, at_its_own, &run, err);
	return rc < 0 ? rc : director_admit(d, &run, due->schedule, &live, err);
}

/* The override of an occurrence where it has one that is not void. */
static const struct override *
override_of(const struct director *d, const struct schedule *schedule, int64_t due_us) {
	AUTO(rule_free) struct rule *rule = NULL;
	struct error bad = {0};
	const struct override *o = schedule_override(schedule, due_us);
	if (o == NULL || rule_parse(schedule->rule, &rule, &bad) < 0) {
		return NULL;
	}
	struct series series = {schedule, rule, d->config.tz, d->config.calendar};
	return override_holds(&series, o) ? o : NULL;
}

static int admit_planned(struct director *d, const struct planned *planned,
			 const struct schedule *schedule, struct error *err) {
	struct due due = {
		.schedule = schedule,
		.override = override_of(d, schedule, planned->occurrence_us),
		.due_us = planned->occurrence_us,
		.at_us = planned->occurrence_us,
	};
	if (due.override != NULL && due.override->to_us != TIME_NONE) {
		due.at_us = due.override->to_us;
	}
	bool at_its_own = planned->due_us == planned->occurrence_us;
	if (!at_its_own && due.at_us != planned->due_us) {
		return 0; /* void, or changed since */
	}
	if (at_its_own && due.at_us > due.due_us) {
		return store_override_pass(d->config.store, due.override->id, true, err);
	}
	return admit(d, &due, at_its_own, err);
}

void director_admit_due(struct director *d, const struct planned *planned) {
	struct error err = {0};
	AUTO(schedule_done) struct schedule schedule = {0};
	int rc = store_schedule_get(d->config.store, planned->schedule, &schedule, &err);
	if (rc >= 0) {
		rc = admit_planned(d, planned, &schedule, &err);
	}
	if (rc < 0 && rc != -EEXIST) {
		log_err("schedule %lld, due %lld: %s", (long long)planned->schedule,
			(long long)planned->due_us, err.text);
	}
}

/* The run, and that its occurrence is done with: both, or nothing. */
static int write_skip(struct director *d, const struct override *o, struct run *run,
		      struct error *err) {
	bool joined = store_begin(d->config.store, NULL) >= 0;
	int rc = store_run_claim(d->config.store, run, err);
	/* One that was claimed is done with, too. */
	bool known = rc == -EEXIST;
	if (rc >= 0 || known) {
		rc = store_override_pass(d->config.store, o->id, false, err);
	}
	if (joined && rc >= 0) {
		rc = store_commit(d->config.store, err);
	} else if (joined) {
		store_rollback(d->config.store);
	}
	return rc >= 0 && known ? -EEXIST : rc;
}

static int skip_moved(struct director *d, const struct schedule *schedule,
		      const struct override *o, struct error *err) {
	AUTO(run_done) struct run run = {0};
	struct due due = {schedule, o, o->due_us, o->due_us};
	if (is_alive(d, &due)) {
		return 0; /* it sounds, or has, and is written when it can be */
	}
	int rc = make_run(d, &due, true, &run, err);
	if (rc < 0) {
		return rc;
	}
	run.state = run_state(run.zones, run.n_zones);
	rc = write_skip(d, o, &run, err);
	if (rc < 0) {
		return rc == -EEXIST ? 0 : rc;
	}
	struct live_run *live = director_take_up(d, &run);
	if (live == NULL) {
		return error_set(err, ENOMEM, "no memory to tell of it");
	}
	live->written = true;
	live->changed = true;
	return 0;
}

static void skip_later(struct director *d, int64_t schedule) {
	if (ids_add(&d->skips_owed, schedule) < 0) {
		log_err("no memory to remember what schedule %lld skips",
			(long long)schedule);
	}
	d->record_again_ns = clock_mono_ns() + RECORD_AGAIN_NS;
}

void director_skip_moved(struct director *d, const struct schedule *schedule) {
	for (size_t i = 0; i < schedule->n_overrides; i++) {
		const struct override *o = &schedule->overrides[i];
		struct error err = {0};
		if (!o->passed || o->action != OVERRIDE_SKIP) {
			continue;
		}
		int rc = skip_moved(d, schedule, o, &err);
		director_store_result(d, rc, &err);
		if (rc == -ENOSPC || rc == -EIO) {
			skip_later(d, schedule->id);
		}
	}
}

void director_skip_owed(struct director *d) {
	if (d->skips_owed.n == 0 || clock_mono_ns() < d->record_again_ns) {
		return;
	}
	AUTO(ids_done) struct ids owed = d->skips_owed;
	d->skips_owed = (struct ids){0};
	for (size_t i = 0; i < owed.n; i++) {
		AUTO(schedule_done) struct schedule schedule = {0};
		struct error err = {0};
		int rc = store_schedule_get(d->config.store, owed.items[i], &schedule,
					    &err);
		if (rc >= 0) {
			director_skip_moved(d, &schedule);
		} else if (rc != -ENOENT) {
			skip_later(d, owed.items[i]);
		}
	}
}

static int64_t over_us(const struct override *o) {
	return o->to_us > o->due_us ? o->to_us : o->due_us;
}

void director_tell_void(struct director *d, const struct schedule *schedule) {
	for (size_t i = 0; i < schedule->n_overrides; i++) {
		const struct override *o = &schedule->overrides[i];
		char at[WALL_SIZE];
		if (over_us(o) > director_now(d) &&
		    override_of(d, schedule, o->due_us) == NULL) {
			wall_format(d->config.tz, o->due_us, at);
			log_notice("schedule %lld: the override (%s) of %s is void, "
				   "because it is not due then any more",
				   (long long)schedule->id,
				   override_action_name(o->action), at);
		}
	}
}

/* The schedules that do something just once, and it is to come. */
static int with_overrides(struct director *d, struct ids *ret, struct error *err) {
	struct store_page page = {.limit = 1000};
	size_t n = 0;
	int rc = 0;
	do {
		struct override *all = NULL;
		rc = store_override_list(d->config.store, 0, page, &all, &n, err);
		for (size_t i = 0; rc >= 0 && i < n; i++) {
			page.after = all[i].id;
			if (over_us(&all[i]) > director_now(d)) {
				rc = ids_add(ret, all[i].schedule);
			}
		}
		override_list_free(all, n);
	} while (rc >= 0 && n == (size_t)page.limit);
	return rc;
}

void director_tell_all_void(struct director *d) {
	AUTO(ids_done) struct ids schedules = {0};
	struct error err = {0};
	int rc = with_overrides(d, &schedules, &err);
	for (size_t i = 0; rc >= 0 && i < schedules.n; i++) {
		AUTO(schedule_done) struct schedule schedule = {0};
		rc = store_schedule_get(d->config.store, schedules.items[i], &schedule,
					&err);
		if (rc >= 0) {
			director_tell_void(d, &schedule);
		}
	}
	if (rc < 0) {
		log_err("which overrides are void by the calendar is not known: %s",
			err.text);
	}
}
