/* store_recordings.c - what was kept of the sound of runs, and the record of old runs
 * itself; see store.h. */
#include "store_internal.h"

#include "base/str.h"

#define COLUMNS                                                                          \
	"SELECT id, run, zone, started_us, duration_ms, lost_ms, size_bytes, file"       \
	" FROM recording"

static int load(struct query *q, void *ret, struct error *err) {
	struct recording *recording = ret;
	recording->id = query_int(q);
	recording->run = query_int(q);
	recording->zone = query_int(q);
	recording->started_us = query_int(q);
	recording->duration_ms = query_int(q);
	recording->lost_ms = query_int(q);
	recording->size_bytes = query_int(q);
	recording->file = query_text(q);
	int rc = query_fault(q, err);
	if (rc < 0) {
		recording_done(recording);
	}
	return rc;
}

static void done(void *value) {
	recording_done(value);
}

static const struct row_type recordings = {sizeof(struct recording), load, done, NULL};

int store_recording_get(struct store *s, int64_t id, struct recording *ret,
			struct error *err) {
	return query_by_id(s, COLUMNS " WHERE id = ?", id, "recording", &recordings, ret,
			   err);
}

int store_recording_known(struct store *s, const char *file, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "SELECT 1 FROM recording WHERE file = ?");
	query_bind_text(&q, file);
	return query_row(&q, err);
}

int store_recording_list(struct store *s, const struct recording_filter *f,
			 struct recording **ret, size_t *n, struct error *err) {
	int rc = check_page(f->limit, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(str_done) struct str sql = STR_INIT;
	rc = str_append(&sql, COLUMNS " WHERE id < ?");
	if (rc == 0 && f->run != 0) {
		rc = str_append(&sql, " AND run = ?");
	}
	if (rc == 0 && f->zone != 0) {
		rc = str_append(&sql, " AND zone = ?");
	}
	if (rc < 0 || str_append(&sql, " ORDER BY id DESC LIMIT ?") < 0) {
		return store_no_memory(err);
	}
	AUTO(query_done) struct query q = query_new_once(s, sql.data);
	query_bind_int(&q, f->before != 0 ? f->before : INT64_MAX);
	if (f->run != 0) {
		query_bind_int(&q, f->run);
	}
	if (f->zone != 0) {
		query_bind_int(&q, f->zone);
	}
	query_bind_int(&q, f->limit);
	void *items = NULL;
	rc = query_all(&q, &recordings, &items, n, err);
	if (rc == 0) {
		*ret = items;
	}
	return rc;
}

int store_recording_oldest(struct store *s, int64_t before_us, int limit,
			   struct recording **ret, size_t *n, struct error *err) {
	int rc = check_page(limit, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done)
	struct query q = query_new(s, COLUMNS " WHERE started_us < ?"
					      " ORDER BY started_us, id LIMIT ?");
	query_bind_int(&q, before_us == TIME_NONE ? INT64_MAX : before_us);
	query_bind_int(&q, limit);
	void *items = NULL;
	rc = query_all(&q, &recordings, &items, n, err);
	if (rc == 0) {
		*ret = items;
	}
	return rc;
}

void recording_list_free(struct recording *items, size_t n) {
	rows_free(&recordings, items, n);
}

int store_recording_bytes(struct store *s, int64_t *ret_bytes, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "SELECT total(size_bytes) FROM recording");
	int rc = query_row(&q, err);
	if (rc > 0) {
		*ret_bytes = (int64_t)query_real(&q);
	}
	return rc < 0 ? rc : 0;
}

static int check_recording(const struct recording *recording, struct error *err) {
	static const struct text_limits file = {1, 200, false};
	int rc = check_text("recording", "file", recording->file, file, err);
	if (rc == 0) {
		rc = check_int("recording", "duration_ms", recording->duration_ms, 0,
			       INT64_MAX, err);
	}
	if (rc == 0) {
		rc = check_int("recording", "lost_ms", recording->lost_ms, 0, INT64_MAX,
			       err);
	}
	return rc < 0 ? rc
		      : check_int("recording", "size_bytes", recording->size_bytes, 0,
				  INT64_MAX, err);
}

static int write_recording(struct store *s, const struct recording *recording,
			   int64_t *ret_id, struct error *err) {
	int rc = store_exists(s, "SELECT 1 FROM run WHERE id = ?", recording->run, err);
	if (rc == 0) {
		return error_set(err, ENOENT, "there is no run %lld",
				 (long long)recording->run);
	}
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done)
	struct query q =
		query_new(s, "INSERT INTO recording (run, zone, started_us, duration_ms,"
			     " lost_ms, size_bytes, file) VALUES (?, ?, ?, ?, ?, ?, ?)"
			     " ON CONFLICT DO NOTHING");
	query_bind_int(&q, recording->run);
	query_bind_int(&q, recording->zone);
	query_bind_int(&q, recording->started_us);
	query_bind_int(&q, recording->duration_ms);
	query_bind_int(&q, recording->lost_ms);
	query_bind_int(&q, recording->size_bytes);
	query_bind_text(&q, recording->file);
	rc = query_run(&q, err);
	if (rc == 0) {
		return error_set(err, EEXIST,
				 "run %lld has a recording of zone %lld already",
				 (long long)recording->run, (long long)recording->zone);
	}
	*ret_id = rc > 0 ? sqlite3_last_insert_rowid(s->db) : 0;
	return rc < 0 ? rc : 0;
}

int store_recording_add(struct store *s, struct recording *recording, struct error *err) {
	int rc = check_recording(recording, err);
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	if (rc < 0) {
		return rc;
	}
	int64_t id = 0;
	rc = store_leave(s, write_recording(s, recording, &id, err), err);
	if (rc == 0) {
		recording->id = id;
	}
	return rc;
}

int store_recording_delete(struct store *s, int64_t id, struct error *err) {
	int rc = store_enter(s, err);
	return rc < 0 ? rc
		      : store_leave(s,
				    store_delete_row(s,
						     "DELETE FROM recording WHERE id = ?",
						     "recording", id, err),
				    err);
}

/* ---- runs that are no longer kept ---- */

int store_run_prune(struct store *s, int64_t before_us, int limit, struct error *err) {
	int rc = store_enter(s, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done)
	struct query q = query_new(
		s, "DELETE FROM run WHERE id IN (SELECT r.id FROM run r"
		   " WHERE r.due_us < ?1 AND r.state NOT IN ('planned', 'playing',"
		   " 'paused') AND NOT EXISTS (SELECT 1 FROM recording WHERE run = r.id)"
		   " ORDER BY r.due_us LIMIT ?2)");
	query_bind_int(&q, before_us);
	query_bind_int(&q, limit);
	return store_leave(s, query_run(&q, err), err);
}
