/* director_record.c - what became of a run, into the record (see director_internal.h).
 * What a full or failing disk does not take is owed: the run stays, ended, until its
 * record is written. */
#include "director_internal.h"

#include "base/str.h"
#include "log.h"

/* What the store could not take is a fault, and no reason to fall silent. */
void director_store_result(struct director *d, int rc, const struct error *err) {
	if (rc == -ENOSPC || rc == -EIO) {
		faults_set(d->config.faults, "disk", err->text, director_now(d));
	} else if (rc < 0) {
		log_err("the record of a run could not be written: %s", err->text);
	} else {
		faults_clear(d->config.faults, "disk");
	}
}

static bool may_pass(int rc) {
	return rc == -ENOSPC || rc == -EIO || rc == -ENOMEM;
}

static int write_start(struct director *d, const struct live_run *live, size_t i,
		       struct error *err) {
	const struct run_zone *rz = &live->run.zones[i];
	return store_run_start(d->config.store, live->run.id, rz->zone, rz->started_us,
			       rz->late_ms, err);
}

static int write_end(struct director *d, const struct live_run *live, size_t i,
		     struct error *err) {
	const struct run_zone *rz = &live->run.zones[i];
	return store_run_finish(d->config.store, live->run.id, rz->zone, rz->outcome,
				rz->reason, rz->played_ms, err);
}

/* Paused, or playing again, and why. */
static int write_turn(struct director *d, const struct live_run *live, size_t i,
		      struct error *err) {
	const struct run_zone *rz = &live->run.zones[i];
	char told[REASON_SIZE];
	char story[REASON_SIZE];
	const char *note = rz->reason != NULL ? rz->reason : "";
	director_story(live, i, told, sizeof(told));
	str_format(story, sizeof(story), "%s%s%s", note, note[0] != '\0' ? "; " : "",
		   told);
	return store_run_turn(d->config.store, live->run.id, rz->zone, rz->outcome, story,
			      rz->played_ms, err);
}

/* The end, and the beginning where that may be owed; if it is not, EALREADY says so. */
static int write_both(struct director *d, const struct live_run *live, size_t i,
		      struct error *err) {
	int rc = 0;
	if (live_run_begun(live, i)) {
		rc = write_start(d, live, i, err);
	}
	return may_pass(rc) ? rc : write_end(d, live, i, err);
}

void director_record(struct director *d, struct live_run *live, size_t i) {
	struct live_zone_run *lzr = &live->zones[i];
	struct error err = {0};
	if (live->run.id < 0) {
		lzr->record = RECORD_OWED;
		return;
	}
	int rc = 0;
	if (lzr->stage == STAGE_ENDED) {
		rc = lzr->record == RECORD_OWED ? write_both(d, live, i, &err)
						: write_end(d, live, i, &err);
	} else if (lzr->record == RECORD_OWED) {
		return; /* its end is written with its beginning */
	} else if (lzr->turned) {
		rc = write_turn(d, live, i, &err);
	} else {
		rc = write_start(d, live, i, &err);
	}
	director_store_result(d, rc, &err);
	if (may_pass(rc)) {
		lzr->record = RECORD_OWED;
	} else {
		lzr->record = d->in_commit ? RECORD_IN_COMMIT : RECORD_WRITTEN;
	}
}

bool director_begin(struct director *d) {
	struct error err = {0};
	d->in_commit = store_begin(d->config.store, &err) >= 0;
	return d->in_commit;
}

void director_commit(struct director *d, bool begun) {
	if (!begun) {
		return;
	}
	struct error err = {0};
	int rc = store_commit(d->config.store, &err);
	d->in_commit = false;
	director_store_result(d, rc, &err);
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		for (size_t i = 0; i < live->run.n_zones; i++) {
			if (live->zones[i].record == RECORD_IN_COMMIT) {
				live->zones[i].record =
					rc >= 0 ? RECORD_WRITTEN : RECORD_OWED;
			}
		}
	}
}

/* A run whose claim was lost is claimed as it ended. */
static int write_run(struct director *d, struct live_run *live, struct error *err) {
	int64_t id = live->run.id;
	live->run.id = 0;
	int rc = store_run_claim(d->config.store, &live->run, err);
	live->run.id = rc < 0 ? id : live->run.id;
	director_tell_run(d, live);
	return rc;
}

static int write_zones(struct director *d, struct live_run *live, struct error *err) {
	int rc = 0;
	for (size_t i = 0; !may_pass(rc) && i < live->run.n_zones; i++) {
		if (live->zones[i].record != RECORD_OWED) {
			continue;
		}
		rc = write_both(d, live, i, err);
		if (!may_pass(rc)) {
			live->zones[i].record = RECORD_WRITTEN;
		}
	}
	return rc;
}

static bool owes(const struct live_run *live) {
	if (live->run.id < 0) {
		return true;
	}
	for (size_t i = 0; i < live->run.n_zones; i++) {
		if (live->zones[i].record != RECORD_WRITTEN) {
			return true;
		}
	}
	return false;
}

bool director_record_owed(struct director *d, struct live_run *live) {
	if (!owes(live)) {
		return false;
	}
	live->handed = live->judged = true; /* nothing but this lies before it */
	if (clock_mono_ns() < d->record_again_ns) {
		return true;
	}
	struct error err = {0};
	int rc = live->run.id < 0 ? write_run(d, live, &err) : write_zones(d, live, &err);
	if (may_pass(rc)) {
		d->record_again_ns = clock_mono_ns() + RECORD_AGAIN_NS;
	}
	director_store_result(d, rc, &err);
	return may_pass(rc);
}
