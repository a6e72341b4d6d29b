/* store_changes.c - transactions, and the facts that change with them; see store.h.
 *
 * A change is a savepoint: alone it is a transaction, inside a joined one it can be
 * undone without the rest. SQLite may roll a whole transaction back by itself (disk full,
 * no memory); what follows must then not slip in as transactions of their own, so a
 * joined one remembers that it was lost. */
#include "store_internal.h"

static const char sql_begin[] = "BEGIN IMMEDIATE";
static const char sql_commit[] = "COMMIT";
static const char sql_rollback[] = "ROLLBACK";
static const char sql_enter[] = "SAVEPOINT change";
static const char sql_release[] = "RELEASE change";
static const char sql_undo[] = "ROLLBACK TO change";

static int step(struct store *s, const char *sql, struct error *err) {
	AUTO(query_done) struct query q = query_new(s, sql);
	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_prepare_ends(struct store *s, struct error *err) {
	static const char *const ends[] = {sql_commit, sql_rollback, sql_release,
					   sql_undo};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		AUTO(query_done) struct query q = query_new(s, ends[i]);
		int rc = query_fault(&q, err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static void roll_back(struct store *s) {
	s->newest_known = false;
	if (!sqlite3_get_autocommit(s->db)) {
		/* It ends the transaction even where it answers a fault. */
		(void)step(s, sql_rollback, NULL);
	}
}

static int lost(struct store *s, struct error *err) {
	return error_set(err, s->lost,
			 "nothing of this change was saved, because an earlier part of "
			 "it failed; try it again as a whole");
}

int store_begin(struct store *s, struct error *err) {
	if (s->joined) {
		return error_set(err, EINVAL,
				 "a change is under way already; end it before the next "
				 "one begins");
	}
	int rc = step(s, sql_begin, err);
	if (rc == 0) {
		s->joined = true;
		s->lost = 0;
	}
	return rc;
}

int store_commit(struct store *s, struct error *err) {
	s->joined = false;
	if (s->lost != 0) {
		return lost(s, err);
	}
	int rc = step(s, sql_commit, err);
	if (rc < 0) {
		roll_back(s);
	}
	return rc;
}

void store_rollback(struct store *s) {
	s->joined = false;
	roll_back(s);
}

int store_enter(struct store *s, struct error *err) {
	if (s->joined && s->lost != 0) {
		return lost(s, err);
	}
	return step(s, sql_enter, err);
}

int store_leave(struct store *s, int rc, struct error *err) {
	if (rc >= 0) {
		int failed = step(s, sql_release, err);
		if (failed == 0) {
			return rc;
		}
		rc = failed;
	}
	s->newest_known = false;
	if (!s->joined) {
		roll_back(s);
		return rc;
	}
	/* Where SQLite has rolled back by itself, rc is why; else why it cannot be
	 * undone. */
	int undone = rc;
	if (!sqlite3_get_autocommit(s->db)) {
		undone = step(s, sql_undo, NULL);
		undone = undone < 0 ? undone : step(s, sql_release, NULL);
	}
	if (undone < 0) {
		s->lost = -undone;
		roll_back(s);
	}
	return rc;
}

/* ---- facts ---- */

static int fact_get(struct store *s, const char *name, int64_t *ret, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "SELECT value FROM fact WHERE name = ?");
	query_bind_text(&q, name);
	int rc = query_row(&q, err);
	if (rc < 0) {
		return rc;
	}
	*ret = rc > 0 ? query_int(&q) : TIME_NONE;
	return 0;
}

static int fact_put(struct store *s, const char *name, int64_t value, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "INSERT INTO fact (name, value) VALUES (?, ?)"
				      " ON CONFLICT (name) DO UPDATE"
				      " SET value = excluded.value");
	query_bind_text(&q, name);
	query_bind_int(&q, value);
	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_newest_us(struct store *s, int64_t *ret_us, struct error *err) {
	if (!s->newest_known) {
		int rc = fact_get(s, "newest", &s->newest_us, err);
		if (rc < 0) {
			return rc;
		}
		s->newest_known = true;
	}
	*ret_us = s->newest_us;
	return 0;
}

int store_note_time(struct store *s, int64_t time_us, struct error *err) {
	int64_t newest_us = 0;
	int rc = store_newest_us(s, &newest_us, err);
	if (rc < 0 || time_us <= newest_us) {
		return rc;
	}
	rc = fact_put(s, "newest", time_us, err);
	if (rc == 0) {
		s->newest_us = time_us;
	}
	return rc;
}

int store_mark_get(struct store *s, int64_t *ret_us, struct error *err) {
	return fact_get(s, "mark", ret_us, err);
}

int store_mark_put(struct store *s, int64_t mark_us, struct error *err) {
	int rc = store_enter(s, err);
	if (rc < 0) {
		return rc;
	}
	rc = fact_put(s, "mark", mark_us, err);
	if (rc == 0) {
		rc = store_note_time(s, mark_us, err);
	}
	return store_leave(s, rc, err);
}
