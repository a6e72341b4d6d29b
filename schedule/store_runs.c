/* store_runs.c - runs: claimed at most once, each zone ended exactly once; see store.h.
 */
#include "store_internal.h"

#include "base/str.h"

#define COLUMNS                                                                          \
	"SELECT r.id, r.source, r.schedule, r.announcement, r.title, r.repeat,"          \
	" r.gap_ms, r.resume, r.class, r.due_us, r.created_us, r.expires_us, r.author,"  \
	" r.state, r.moved_from_us, r.alert, r.severity, r.level"

/* The columns of an alert's run; those of others are NULL. */
static void load_alert(struct query *q, struct run *run) {
	run->alert = query_int(q);
	if (run->alert != 0) {
		query_name(q, severity_parse, &run->severity);
		query_name(q, alert_level_parse, &run->level);
	}
}

static int load(struct query *q, void *ret, struct error *err) {
	struct run *run = ret;
	run->id = query_int(q);
	run->source = query_text(q);
	run->schedule = query_int(q);
	run->announcement = query_int(q);
	run->title = query_text(q);
	run->content.repeat = (int)query_int(q);
	run->content.gap_ms = query_int(q);
	query_name(q, resume_parse, &run->resume);
	query_name(q, run_class_parse, &run->class);
	run->due_us = query_int(q);
	run->created_us = query_int(q);
	run->expires_us = query_time(q);
	run->author = query_text(q);
	query_name(q, outcome_parse, &run->state);
	run->moved_from_us = query_int(q);
	load_alert(q, run);
	int rc = query_fault(q, err);
	if (rc < 0) {
		run_done(run);
	}
	return rc;
}

static void done(void *value) {
	run_done(value);
}

static const struct row_type runs = {sizeof(struct run), load, done, NULL};

static int load_zone(struct query *q, void *ret, struct error *err) {
	struct run_zone *zone = ret;
	zone->zone = query_int(q);
	zone->zone_name = query_text(q);
	query_name(q, outcome_parse, &zone->outcome);
	zone->reason = query_text(q);
	zone->started_us = query_time(q);
	zone->late_ms = query_int(q);
	zone->played_ms = query_int(q);
	zone->recording = query_int(q);
	int rc = query_fault(q, err);
	if (rc < 0) {
		free(zone->zone_name);
		free(zone->reason);
	}
	return rc;
}

static void zone_value_done(void *value) {
	struct run_zone *zone = value;
	free(zone->zone_name);
	free(zone->reason);
}

static const struct row_type run_zones = {sizeof(struct run_zone), load_zone,
					  zone_value_done, NULL};

static int load_zones(struct store *s, struct run *run, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "SELECT z.zone, z.zone_name, z.outcome, z.reason,"
				      " z.started_us, z.late_ms, z.played_ms, r.id"
				      " FROM run_zone z LEFT JOIN recording r"
				      " ON r.run = z.run AND r.zone = z.zone"
				      " WHERE z.run = ? ORDER BY z.zone");
	query_bind_int(&q, run->id);
	void *items = NULL;
	int rc = query_all(&q, &run_zones, &items, &run->n_zones, err);
	if (rc == 0) {
		run->zones = items;
	}
	return rc;
}

static int load_parts(struct store *s, struct run *run, struct error *err) {
	AUTO(query_done)
	struct query q =
		query_new(s, "SELECT kind, text, clip, voice, silence_ms, length_ms"
			     " FROM run_part WHERE run = ? ORDER BY place");
	query_bind_int(&q, run->id);
	int rc = 0;
	while ((rc = query_row(&q, err)) > 0) {
		rc = store_part_read(&q, &run->content, err);
		if (rc < 0) {
			return rc;
		}
	}
	return rc;
}

static int load_children(struct store *s, struct run *items, size_t n,
			 struct error *err) {
	for (size_t i = 0; i < n; i++) {
		int rc = load_zones(s, &items[i], err);
		if (rc == 0) {
			rc = load_parts(s, &items[i], err);
		}
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

/* All runs of a query, whole. */
static int load_all(struct store *s, struct query *q, struct run **ret, size_t *n,
		    struct error *err) {
	void *items = NULL;
	size_t count = 0;
	int rc = query_all(q, &runs, &items, &count, err);
	if (rc == 0) {
		rc = load_children(s, items, count, err);
	}
	if (rc < 0) {
		rows_free(&runs, items, count);
		return rc;
	}
	*ret = items;
	*n = count;
	return 0;
}

int store_run_get(struct store *s, int64_t id, struct run *ret, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, COLUMNS " FROM run r WHERE id = ?");
	query_bind_int(&q, id);
	struct run run;
	int rc = query_one(&q, &runs, &run, err);
	if (rc == 0) {
		return error_set(err, ENOENT, "there is no run %lld", (long long)id);
	}
	if (rc < 0) {
		return rc;
	}
	rc = load_children(s, &run, 1, err);
	if (rc < 0) {
		run_done(&run);
		return rc;
	}
	*ret = run;
	return 0;
}

/* The SQL of a filter: only what is asked, so that every index can serve. */
static int filter_sql(const struct store_filter *f, struct str *sql) {
	bool times = f->from_us != TIME_NONE || f->until_us != TIME_NONE;
	/* CROSS JOIN keeps the zone's own runs in front, newest first. */
	int rc = str_append(sql, f->zone == 0 || times ? COLUMNS " FROM run r WHERE 1"
						       : COLUMNS
					 " FROM run_zone z CROSS JOIN run r"
					 " ON r.id = z.run WHERE 1");
	static const char in_times[] = " AND EXISTS (SELECT 1 FROM run_zone z"
				       " WHERE z.run = r.id AND z.zone = ?)";
	if (rc == 0 && f->zone != 0) {
		rc = str_append(sql, times ? in_times : " AND z.zone = ?");
	}
	if (rc == 0 && f->from_us != TIME_NONE) {
		rc = str_append(sql, " AND r.due_us >= ?");
	}
	if (rc == 0 && f->until_us != TIME_NONE) {
		rc = str_append(sql, " AND r.due_us < ?");
	}
	if (rc == 0 && f->state >= 0) {
		rc = str_append(sql, " AND r.state = ?");
	}
	bool by_zone = f->zone != 0 && !times;
	if (rc == 0 && f->before != 0) {
		rc = str_append(sql, by_zone ? " AND z.run < ?" : " AND r.id < ?");
	}
	if (rc == 0) {
		rc = str_append(sql, by_zone ? " ORDER BY z.run DESC LIMIT ?"
					     : " ORDER BY r.id DESC LIMIT ?");
	}
	return rc;
}

int store_run_list(struct store *s, const struct store_filter *filter, struct run **ret,
		   size_t *n, struct error *err) {
	int rc = check_page(filter->limit, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(str_done) struct str sql = STR_INIT;
	if (filter_sql(filter, &sql) < 0) {
		return store_no_memory(err);
	}
	AUTO(query_done) struct query q = query_new_once(s, sql.data);
	query_bind_filter(&q, filter,
			  filter->state < 0 ? NULL
					    : outcome_name((enum outcome)filter->state));
	return load_all(s, &q, ret, n, err);
}

void run_list_free(struct run *items, size_t n) {
	rows_free(&runs, items, n);
}

int store_run_of(struct store *s, int64_t schedule, int64_t due_us, int64_t *ret_id,
		 struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "SELECT id FROM run WHERE schedule = ?"
				      " AND coalesce(moved_from_us, due_us) = ?");
	query_bind_int(&q, schedule);
	query_bind_int(&q, due_us);
	int rc = query_row(&q, err);
	if (rc < 0) {
		return rc;
	}
	*ret_id = rc > 0 ? query_int(&q) : 0;
	return 0;
}

int store_run_open(struct store *s, struct run **ret, size_t *n, struct error *err) {
	AUTO(query_done)
	struct query q =
		query_new(s, COLUMNS " FROM run r"
				     " WHERE state IN ('planned', 'playing', 'paused')"
				     " ORDER BY due_us, id");
	return load_all(s, &q, ret, n, err);
}

/* ---- claiming ---- */

static int check_reason(enum outcome outcome, const char *reason, struct error *err) {
	static const struct text_limits needed = {1, 500, true};
	static const struct text_limits optional = {0, 500, true};
	bool may_be_none = !outcome_final(outcome) || outcome == OUTCOME_PLAYED;
	return check_text("run", "reason", reason, may_be_none ? optional : needed, err);
}

static int check_run(const struct run *run, struct error *err) {
	int rc = check_text("run", "source", run->source, NAME_LIMITS, err);
	if (rc == 0) {
		rc = check_text("run", "title", run->title, REMARK_LIMITS, err);
	}
	if (rc == 0) {
		rc = check_content("run", &run->content, err);
	}
	if (rc == 0) {
		rc = check_text("run", "author", run->author, REMARK_LIMITS, err);
	}
	for (size_t i = 0; rc == 0 && i < run->n_zones; i++) {
		rc = check_text("run", "zones", run->zones[i].zone_name, NAME_LIMITS,
				err);
		if (rc == 0) {
			rc = check_reason(run->zones[i].outcome, run->zones[i].reason,
					  err);
		}
	}
	return rc;
}

static int write_run(struct store *s, const struct run *run, int64_t *id,
		     struct error *err) {
	AUTO(query_done)
	struct query q = query_new(
		s, "INSERT INTO run (source, schedule, announcement, title,"
		   " repeat, gap_ms, resume, class, due_us, created_us,"
		   " expires_us, author, state, moved_from_us, alert, severity,"
		   " level) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
		   " ON CONFLICT DO NOTHING");
	query_bind_text(&q, run->source);
	query_bind_ref(&q, run->schedule);
	query_bind_ref(&q, run->announcement);
	query_bind_text(&q, run->title);
	query_bind_int(&q, run->content.repeat);
	query_bind_int(&q, run->content.gap_ms);
	query_bind_text(&q, resume_name(run->resume));
	query_bind_text(&q, run_class_name(run->class));
	query_bind_int(&q, run->due_us);
	query_bind_int(&q, run->created_us);
	query_bind_time(&q, run->expires_us);
	query_bind_text(&q, run->author);
	query_bind_text(&q, outcome_name(run_state(run->zones, run->n_zones)));
	query_bind_ref(&q, run->moved_from_us);
	bool alert = run->alert != 0;
	query_bind_ref(&q, run->alert);
	query_bind_text(&q, alert ? severity_name(run->severity) : NULL);
	query_bind_text(&q, alert ? alert_level_name(run->level) : NULL);
	int rc = query_run(&q, err);
	if (rc == 0) {
		return error_set(err, EEXIST,
				 "schedule %lld was claimed for this time before and "
				 "does not sound again",
				 (long long)run->schedule);
	}
	if (rc > 0) {
		*id = sqlite3_last_insert_rowid(s->db);
	}
	return rc < 0 ? rc : 0;
}

static int write_zone(struct store *s, int64_t id, const struct run_zone *zone,
		      struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "INSERT INTO run_zone (run, zone, zone_name,"
				      " outcome, reason, started_us, late_ms, played_ms)"
				      " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
				      " ON CONFLICT DO NOTHING");
	query_bind_int(&q, id);
	query_bind_int(&q, zone->zone);
	query_bind_text(&q, zone->zone_name);
	query_bind_text(&q, outcome_name(zone->outcome));
	query_bind_text(&q, zone->reason);
	query_bind_time(&q, zone->started_us);
	query_bind_int(&q, zone->late_ms);
	query_bind_int(&q, zone->played_ms);
	int rc = query_run(&q, err);
	if (rc == 0) {
		return error_set_field(err, EINVAL, "zones",
				       "run: zone %lld is named twice",
				       (long long)zone->zone);
	}
	return rc < 0 ? rc : 0;
}

static int claim(struct store *s, const struct run *run, int64_t *id, struct error *err) {
	int rc = write_run(s, run, id, err);
	for (size_t i = 0; rc == 0 && i < run->n_zones; i++) {
		rc = write_zone(s, *id, &run->zones[i], err);
	}
	if (rc == 0) {
		rc = store_parts_write(s,
				       "INSERT INTO run_part (run, place, kind, text,"
				       " clip, voice, silence_ms, length_ms)"
				       " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
				       *id, &run->content, err);
	}
	return rc < 0 ? rc : store_note_time(s, run->created_us, err);
}

int store_run_claim(struct store *s, struct run *run, struct error *err) {
	int rc = check_run(run, err);
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	if (rc < 0) {
		return rc;
	}
	int64_t id = 0;
	rc = store_leave(s, claim(s, run, &id, err), err);
	if (rc == 0) {
		run->id = id;
		run->state = run_state(run->zones, run->n_zones);
	}
	return rc;
}

/* ---- what becomes of a zone ---- */

/* Brings run.state in line with its zones. */
static int settle_state(struct store *s, int64_t id, struct error *err) {
	struct run run = {.id = id};
	int rc = load_zones(s, &run, err);
	if (rc < 0) {
		return rc;
	}
	enum outcome state = run_state(run.zones, run.n_zones);
	run_done(&run);
	AUTO(query_done)
	struct query q = query_new(s, "UPDATE run SET state = ? WHERE id = ?");
	query_bind_text(&q, outcome_name(state));
	query_bind_int(&q, id);
	return query_change(&q, "run", id, err);
}

/* Why a zone of a run could not be moved on: it is not there, or it was moved before. */
static int explain(struct store *s, int64_t run, int64_t zone, struct error *err) {
	AUTO(query_done)
	struct query q =
		query_new(s, "SELECT outcome FROM run_zone WHERE run = ? AND zone = ?");
	query_bind_int(&q, run);
	query_bind_int(&q, zone);
	int rc = query_row(&q, err);
	if (rc > 0) {
		return error_set(err, EALREADY, "run %lld is %s in zone %lld already",
				 (long long)run, query_words(&q), (long long)zone);
	}
	if (rc == 0) {
		return error_set(err, ENOENT, "there is no run %lld with zone %lld",
				 (long long)run, (long long)zone);
	}
	return rc;
}

/* Ends a change of one zone's row. */
static int settle(struct store *s, struct query *q, int64_t run, int64_t zone,
		  struct error *err) {
	int rc = query_run(q, err);
	if (rc == 0) {
		return explain(s, run, zone, err);
	}
	return rc < 0 ? rc : settle_state(s, run, err);
}

static int start(struct store *s, int64_t run, int64_t zone, int64_t started_us,
		 int64_t late_ms, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "UPDATE run_zone SET outcome = 'playing',"
				      " started_us = ?, late_ms = ?"
				      " WHERE run = ? AND zone = ?"
				      " AND outcome = 'planned'");
	query_bind_time(&q, started_us);
	query_bind_int(&q, late_ms);
	query_bind_int(&q, run);
	query_bind_int(&q, zone);
	int rc = settle(s, &q, run, zone, err);
	return rc < 0 ? rc : store_note_time(s, started_us, err);
}

int store_run_start(struct store *s, int64_t run, int64_t zone, int64_t started_us,
		    int64_t late_ms, struct error *err) {
	int rc = store_enter(s, err);
	return rc < 0 ? rc
		      : store_leave(s, start(s, run, zone, started_us, late_ms, err),
				    err);
}

/* sql ends with the outcomes that may be left. */
static int change(struct store *s, const char *sql, int64_t run, int64_t zone,
		  enum outcome outcome, const char *reason, int64_t played_ms,
		  struct error *err) {
	AUTO(query_done) struct query q = query_new(s, sql);
	query_bind_text(&q, outcome_name(outcome));
	query_bind_text(&q, reason);
	query_bind_int(&q, played_ms);
	query_bind_int(&q, run);
	query_bind_int(&q, zone);
	return settle(s, &q, run, zone, err);
}

#define CHANGE                                                                           \
	"UPDATE run_zone SET outcome = ?, reason = ?, played_ms = ?"                     \
	" WHERE run = ? AND zone = ? AND outcome IN "

int store_run_turn(struct store *s, int64_t run, int64_t zone, enum outcome outcome,
		   const char *reason, int64_t played_ms, struct error *err) {
	if (outcome != OUTCOME_PLAYING && outcome != OUTCOME_PAUSED) {
		return error_set_field(err, EINVAL, "outcome", "run %lld cannot turn %s",
				       (long long)run, outcome_name(outcome));
	}
	int rc = check_reason(outcome, reason, err);
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	return rc < 0 ? rc
		      : store_leave(s,
				    change(s, CHANGE "('playing', 'paused')", run, zone,
					   outcome, reason, played_ms, err),
				    err);
}

int store_run_finish(struct store *s, int64_t run, int64_t zone, enum outcome outcome,
		     const char *reason, int64_t played_ms, struct error *err) {
	if (!outcome_final(outcome)) {
		return error_set_field(err, EINVAL, "outcome",
				       "run %lld cannot end as %s", (long long)run,
				       outcome_name(outcome));
	}
	int rc = check_reason(outcome, reason, err);
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	return rc < 0 ? rc
		      : store_leave(s,
				    change(s, CHANGE "('planned', 'playing', 'paused')",
					   run, zone, outcome, reason, played_ms, err),
				    err);
}
