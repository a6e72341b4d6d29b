/* store_alerts.c - alerts: what must go on sounding after a restart; see store.h. */
#include "store_internal.h"

#include "base/str.h"

#define COLUMNS                                                                          \
	"SELECT a.id, a.headline, a.text, a.clip, a.severity, a.level,"                  \
	" a.repeat_every_s, a.expires_us, a.expires_given, a.drill, a.updates, a.state," \
	" a.created_us, a.ended_us, a.ended_by, a.first_sound_ms, a.author FROM alert a"

static int load(struct query *q, void *ret, struct error *err) {
	struct alert *a = ret;
	a->id = query_int(q);
	a->headline = query_text(q);
	a->text = query_text(q);
	a->clip = query_text(q);
	query_name(q, severity_parse, &a->severity);
	query_name(q, alert_level_parse, &a->level);
	a->repeat_every_s = (int)query_int(q);
	a->expires_us = query_int(q);
	a->expires_given = query_int(q) != 0;
	a->drill = query_int(q) != 0;
	a->updates = query_int(q);
	query_name(q, alert_state_parse, &a->state);
	a->created_us = query_int(q);
	a->ended_us = query_time(q);
	a->ended_by = query_text(q);
	a->first_sound_ms = query_int(q);
	a->author = query_text(q);
	a->on_disk = true;
	int rc = query_fault(q, err);
	if (rc < 0) {
		alert_done(a);
	}
	return rc;
}

static void done(void *value) {
	alert_done(value);
}

static int load_zones(struct store *s, struct alert *a, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "SELECT zone, named FROM alert_zone"
				      " WHERE alert = ? ORDER BY zone");
	query_bind_int(&q, a->id);
	int rc = 0;
	while ((rc = query_row(&q, err)) > 0) {
		int64_t zone = query_int(&q);
		if (ids_add(&a->resolved, zone) < 0 ||
		    (query_int(&q) != 0 && ids_add(&a->zones, zone) < 0)) {
			return store_no_memory(err);
		}
	}
	return rc;
}

static int load_areas(struct store *s, struct alert *a, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "SELECT code FROM alert_area"
				      " WHERE alert = ? ORDER BY place");
	query_bind_int(&q, a->id);
	int rc = 0;
	while ((rc = query_row(&q, err)) > 0) {
		const char *code = query_peek(&q);
		if (code == NULL) {
			query_damaged(&q);
			return query_fault(&q, err);
		}
		if (texts_add(&a->areas, code) < 0) {
			return store_no_memory(err);
		}
	}
	return rc;
}

/* Alerts are few; each is asked for its own. */
static int load_targets(struct store *s, void *values, size_t n, struct error *err) {
	struct alert *items = values;
	for (size_t i = 0; i < n; i++) {
		int rc = load_zones(s, &items[i], err);
		if (rc == 0) {
			rc = load_areas(s, &items[i], err);
		}
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static const struct row_type alerts = {sizeof(struct alert), load, done, load_targets};

int store_alert_get(struct store *s, int64_t id, struct alert *ret, struct error *err) {
	return query_by_id(s, COLUMNS " WHERE a.id = ?", id, "alert", &alerts, ret, err);
}

int store_alert_last(struct store *s, int64_t *ret_id, struct error *err) {
	/* AUTOINCREMENT keeps it, whatever was deleted since. */
	AUTO(query_done)
	struct query q =
		query_new(s, "SELECT seq FROM sqlite_sequence WHERE name = 'alert'");
	int rc = query_row(&q, err);
	if (rc < 0) {
		return rc;
	}
	*ret_id = rc > 0 ? query_int(&q) : 0;
	return 0;
}

/* Only what is asked, so that every index can serve. */
static int filter_sql(const struct store_filter *f, struct str *sql) {
	/* CROSS JOIN keeps the zone's own alerts in front, newest first. */
	int rc = str_append(sql, f->zone == 0 ? COLUMNS " WHERE 1"
					      : COLUMNS " CROSS JOIN alert_zone z"
							" ON z.alert = a.id"
							" WHERE z.zone = ?");
	if (rc == 0 && f->from_us != TIME_NONE) {
		rc = str_append(sql, " AND a.created_us >= ?");
	}
	if (rc == 0 && f->until_us != TIME_NONE) {
		rc = str_append(sql, " AND a.created_us < ?");
	}
	if (rc == 0 && f->state >= 0) {
		rc = str_append(sql, " AND a.state = ?");
	}
	if (rc == 0 && f->before != 0) {
		rc = str_append(sql, " AND a.id < ?");
	}
	return rc == 0 ? str_append(sql, " ORDER BY a.id DESC LIMIT ?") : rc;
}

int store_alert_list(struct store *s, const struct store_filter *filter,
		     struct alert **ret, size_t *n, struct error *err) {
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
			  filter->state < 0
				  ? NULL
				  : alert_state_name((enum alert_state)filter->state));
	void *items = NULL;
	rc = query_all(&q, &alerts, &items, n, err);
	if (rc == 0) {
		*ret = items;
	}
	return rc;
}

void alert_list_free(struct alert *items, size_t n) {
	rows_free(&alerts, items, n);
}

/* ---- writing ---- */

static int check_words(const struct alert *a, struct error *err) {
	static const struct text_limits words = {1, 10000, true};
	static const struct text_limits headline = {0, 200, false};
	int rc = check_text("alert", "headline", a->headline, headline, err);
	if (rc < 0) {
		return rc;
	}
	if ((a->text == NULL) == (a->clip == NULL)) {
		return error_set_field(err, EINVAL, "text",
				       "alert: write one of 'text' and 'clip'");
	}
	return a->text != NULL ? check_text("alert", "text", a->text, words, err)
			       : check_clip_id("alert", "clip", a->clip, err);
}

static int check_alert(const struct alert *a, struct error *err) {
	int rc = check_words(a, err);
	if (rc == 0) {
		rc = check_int("alert", "repeat_every_s", a->repeat_every_s,
			       ALERT_GAP_DEFAULT, 86400, err);
	}
	if (rc == 0 && a->resolved.n == 0) {
		return error_set_field(err, EINVAL, "zones",
				       "alert: name at least one zone in 'zones' or one "
				       "area code in 'areas'");
	}
	if (rc == 0 && a->expires_us == TIME_NONE) {
		return error_set_field(err, EINVAL, "expires",
				       "alert: 'expires' is missing");
	}
	if (rc == 0) {
		rc = check_text("alert", "ended_by", a->ended_by, REMARK_LIMITS, err);
	}
	return rc < 0 ? rc : check_text("alert", "author", a->author, REMARK_LIMITS, err);
}

static int write_row(struct store *s, const struct alert *a, int64_t *id,
		     struct error *err) {
	AUTO(query_done)
	struct query q = query_new(
		s, "INSERT INTO alert (id, headline, text, clip, severity, level,"
		   " repeat_every_s, expires_us, expires_given, drill, updates, state,"
		   " created_us, ended_us, ended_by, first_sound_ms, author)"
		   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
		   " ON CONFLICT DO NOTHING");
	query_bind_ref(&q, *id);
	query_bind_text(&q, a->headline);
	query_bind_text(&q, a->text);
	query_bind_text(&q, a->clip);
	query_bind_text(&q, severity_name(a->severity));
	query_bind_text(&q, alert_level_name(a->level));
	query_bind_int(&q, a->repeat_every_s);
	query_bind_int(&q, a->expires_us);
	query_bind_int(&q, a->expires_given);
	query_bind_int(&q, a->drill);
	query_bind_ref(&q, a->updates);
	query_bind_text(&q, alert_state_name(a->state));
	query_bind_int(&q, a->created_us);
	query_bind_time(&q, a->ended_us);
	query_bind_text(&q, a->ended_by);
	query_bind_int(&q, a->first_sound_ms);
	query_bind_text(&q, a->author);
	int rc = query_run(&q, err);
	if (rc == 0) {
		return error_set(err, EEXIST, "there is an alert %lld already",
				 (long long)*id);
	}
	if (rc > 0) {
		*id = sqlite3_last_insert_rowid(s->db);
	}
	return rc < 0 ? rc : 0;
}

static int write_zone(struct store *s, int64_t id, int64_t zone, bool named,
		      struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "INSERT INTO alert_zone (alert, zone, named)"
				      " VALUES (?, ?, ?)");
	query_bind_int(&q, id);
	query_bind_int(&q, zone);
	query_bind_int(&q, named);
	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

static int write_area(struct store *s, int64_t id, size_t place, const char *code,
		      struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "INSERT INTO alert_area (alert, place, code)"
				      " VALUES (?, ?, ?)");
	query_bind_int(&q, id);
	query_bind_int(&q, (int64_t)place);
	query_bind_text(&q, code);
	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

static int write_alert(struct store *s, const struct alert *a, int64_t *id,
		       struct error *err) {
	int rc = write_row(s, a, id, err);
	for (size_t i = 0; rc == 0 && i < a->resolved.n; i++) {
		int64_t zone = a->resolved.items[i];
		rc = write_zone(s, *id, zone, ids_has(&a->zones, zone), err);
	}
	for (size_t i = 0; rc == 0 && i < a->areas.n; i++) {
		rc = write_area(s, *id, i, a->areas.items[i], err);
	}
	return rc < 0 ? rc : store_note_time(s, a->created_us, err);
}

int store_alert_add(struct store *s, struct alert *alert, struct error *err) {
	int rc = check_alert(alert, err);
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	if (rc < 0) {
		return rc;
	}
	int64_t id = alert->id;
	rc = store_leave(s, write_alert(s, alert, &id, err), err);
	if (rc == 0) {
		alert->id = id;
	}
	return rc;
}

static int change(struct store *s, const struct alert *a, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "UPDATE alert SET state = ?, ended_us = ?,"
				      " ended_by = ?, expires_us = ?, first_sound_ms = ?"
				      " WHERE id = ?");
	query_bind_text(&q, alert_state_name(a->state));
	query_bind_time(&q, a->ended_us);
	query_bind_text(&q, a->ended_by);
	query_bind_int(&q, a->expires_us);
	query_bind_int(&q, a->first_sound_ms);
	query_bind_int(&q, a->id);
	int rc = query_change(&q, "alert", a->id, err);
	return rc < 0 || a->ended_us == TIME_NONE ? rc
						  : store_note_time(s, a->ended_us, err);
}

int store_alert_change(struct store *s, const struct alert *alert, struct error *err) {
	int rc = check_alert(alert, err);
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	return rc < 0 ? rc : store_leave(s, change(s, alert, err), err);
}
