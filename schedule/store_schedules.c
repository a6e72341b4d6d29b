/* store_schedules.c - schedules and their targets; see store.h. */
#include "store_internal.h"

#include "area.h"

#define COLUMNS                                                                          \
	"SELECT id, announcement, rule, from_us, until_us, class, play_within_s,"        \
	" conflict, enabled, created_us, changed_us, author FROM schedule"

static int load(struct query *q, void *ret, struct error *err) {
	struct schedule *p = ret;
	p->id = query_int(q);
	p->announcement = query_int(q);
	p->rule = query_text(q);
	p->from_us = query_time(q);
	p->until_us = query_time(q);
	query_name(q, run_class_parse, &p->class);
	p->play_within_s = (int)query_int(q);
	query_name(q, conflict_parse, &p->conflict);
	p->enabled = query_int(q) != 0;
	p->created_us = query_int(q);
	p->changed_us = query_int(q);
	p->author = query_text(q);
	int rc = query_fault(q, err);
	if (rc < 0) {
		schedule_done(p);
	}
	return rc;
}

static void done(void *value) {
	schedule_done(value);
}

static struct schedule *find(struct schedule *items, size_t n, size_t *at, int64_t id) {
	while (*at < n && items[*at].id < id) {
		(*at)++;
	}
	return *at < n && items[*at].id == id ? &items[*at] : NULL;
}

/* Reads the targets of schedules that stand in a row by id: once for all of them. */
static int load_zones(struct store *s, struct schedule *items, size_t n,
		      struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "SELECT schedule, zone FROM schedule_zone"
				      " WHERE schedule BETWEEN ? AND ?"
				      " ORDER BY schedule, place");
	query_bind_int(&q, items[0].id);
	query_bind_int(&q, items[n - 1].id);
	size_t at = 0;
	int rc = 0;
	while ((rc = query_row(&q, err)) > 0) {
		struct schedule *p = find(items, n, &at, query_int(&q));
		if (p != NULL && ids_add(&p->zones, query_int(&q)) < 0) {
			return store_no_memory(err);
		}
	}
	return rc;
}

static int load_areas(struct store *s, struct schedule *items, size_t n,
		      struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "SELECT schedule, code FROM schedule_area"
				      " WHERE schedule BETWEEN ? AND ?"
				      " ORDER BY schedule, place");
	query_bind_int(&q, items[0].id);
	query_bind_int(&q, items[n - 1].id);
	size_t at = 0;
	int rc = 0;
	while ((rc = query_row(&q, err)) > 0) {
		struct schedule *p = find(items, n, &at, query_int(&q));
		const char *code = query_peek(&q);
		if (p != NULL && (code == NULL || texts_add(&p->areas, code) < 0)) {
			return store_no_memory(err);
		}
	}
	return rc;
}

static int load_targets(struct store *s, void *items, size_t n, struct error *err) {
	if (n == 0) {
		return 0;
	}
	int rc = load_zones(s, items, n, err);
	if (rc == 0) {
		rc = load_areas(s, items, n, err);
	}
	return rc < 0 ? rc : store_overrides_load(s, items, n, err);
}

static const struct row_type schedules = {sizeof(struct schedule), load, done,
					  load_targets};

int store_schedule_get(struct store *s, int64_t id, struct schedule *ret,
		       struct error *err) {
	return query_by_id(s, COLUMNS " WHERE id = ?", id, "schedule", &schedules, ret,
			   err);
}

int store_schedule_list(struct store *s, struct store_page page, struct schedule **ret,
			size_t *n, struct error *err) {
	void *items = NULL;
	int rc = query_page(s, COLUMNS " WHERE id > ? ORDER BY id LIMIT ?", page,
			    &schedules, &items, n, err);
	if (rc == 0) {
		*ret = items;
	}
	return rc;
}

void schedule_list_free(struct schedule *items, size_t n) {
	rows_free(&schedules, items, n);
}

static int check_schedule(const struct schedule *p, struct error *err) {
	static const struct text_limits rule_limits = {1, 1000, false};
	int rc = check_text("schedule", "rule", p->rule, rule_limits, err);
	if (rc < 0) {
		return rc;
	}
	if (p->zones.n == 0 && p->areas.n == 0) {
		return error_set_field(err, EINVAL, "zones",
				       "schedule: name at least one zone in 'zones' or "
				       "one area code in 'areas'");
	}
	if (p->from_us != TIME_NONE && p->until_us != TIME_NONE &&
	    p->from_us >= p->until_us) {
		return error_set_field(err, EINVAL, "until",
				       "schedule: 'until' must be later than 'from', or "
				       "it would never play");
	}
	if (p->class != CLASS_BACKGROUND && p->class != CLASS_NOTICE &&
	    p->class != CLASS_PROGRAMME) {
		return error_set_field(err, EINVAL, "class",
				       "schedule: 'class' must be background, notice or "
				       "programme; nothing else can be planned");
	}
	rc = check_int("schedule", "missed", p->play_within_s, 0, 7 * 86400, err);
	return rc < 0 ? rc
		      : check_text("schedule", "author", p->author, REMARK_LIMITS, err);
}

static int check_references(struct store *s, const struct schedule *p,
			    struct error *err) {
	int rc = store_exists(s, "SELECT 1 FROM announcement WHERE id = ?",
			      p->announcement, err);
	if (rc == 0) {
		return error_set_field(err, EINVAL, "announcement",
				       "schedule: there is no 'announcement' %lld",
				       (long long)p->announcement);
	}
	if (rc < 0) {
		return rc;
	}
	struct ids zones;
	rc = store_targets_resolve(s, &p->zones, &p->areas, &zones, err);
	if (rc < 0) {
		return rc == -EINVAL ? error_prefix(err, "schedule: ") : rc;
	}
	ids_done(&zones);
	return 0;
}

static int write_row(struct store *s, const struct schedule *p, int64_t *id,
		     struct error *err) {
	AUTO(query_done)
	struct query q = query_new(
		s, *id == 0 ? "INSERT INTO schedule (announcement, rule, from_us,"
			      " until_us, class, play_within_s, conflict, enabled,"
			      " created_us, changed_us, author)"
			      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
			    : "UPDATE schedule SET announcement = ?, rule = ?,"
			      " from_us = ?, until_us = ?, class = ?, play_within_s = ?,"
			      " conflict = ?, enabled = ?, created_us = ?,"
			      " changed_us = ?, author = ? WHERE id = ?");
	query_bind_int(&q, p->announcement);
	query_bind_text(&q, p->rule);
	query_bind_time(&q, p->from_us);
	query_bind_time(&q, p->until_us);
	query_bind_text(&q, run_class_name(p->class));
	query_bind_int(&q, p->play_within_s);
	query_bind_text(&q, conflict_name(p->conflict));
	query_bind_int(&q, p->enabled);
	query_bind_int(&q, p->created_us);
	query_bind_int(&q, p->changed_us);
	query_bind_text(&q, p->author);
	if (*id == 0) {
		return query_insert(&q, id, err);
	}
	query_bind_int(&q, *id);
	return query_change(&q, "schedule", *id, err);
}

static int write_zone(struct store *s, int64_t id, size_t place, int64_t zone,
		      struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "INSERT INTO schedule_zone (schedule, place, zone)"
				      " VALUES (?, ?, ?)");
	query_bind_int(&q, id);
	query_bind_int(&q, (int64_t)place);
	query_bind_int(&q, zone);
	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

static int write_code(struct store *s, int64_t id, size_t place, const char *code,
		      struct error *err) {
	char prefix[AREA_CODE_SIZE];
	int rc = area_code_normal(code, "areas", prefix, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done)
	struct query q = query_new(s, "INSERT INTO schedule_area (schedule, place, code,"
				      " prefix) VALUES (?, ?, ?, ?)");
	query_bind_int(&q, id);
	query_bind_int(&q, (int64_t)place);
	query_bind_text(&q, code);
	query_bind_text(&q, prefix);
	rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

static int clear_targets(struct store *s, int64_t id, struct error *err) {
	static const char *const clear[] = {
		"DELETE FROM schedule_zone WHERE schedule = ?",
		"DELETE FROM schedule_area WHERE schedule = ?",
	};
	for (size_t i = 0; i < sizeof(clear) / sizeof(clear[0]); i++) {
		AUTO(query_done) struct query q = query_new(s, clear[i]);
		query_bind_int(&q, id);
		int rc = query_run(&q, err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static int write_schedule(struct store *s, const struct schedule *p, int64_t *id,
			  struct error *err) {
	bool known = *id != 0;
	int rc = check_references(s, p, err);
	if (rc == 0) {
		rc = write_row(s, p, id, err);
	}
	if (rc == 0 && known) {
		rc = clear_targets(s, *id, err);
	}
	for (size_t i = 0; rc == 0 && i < p->zones.n; i++) {
		rc = write_zone(s, *id, i, p->zones.items[i], err);
	}
	for (size_t i = 0; rc == 0 && i < p->areas.n; i++) {
		rc = write_code(s, *id, i, p->areas.items[i], err);
	}
	return rc < 0 ? rc : store_note_time(s, p->changed_us, err);
}

int store_schedule_put(struct store *s, struct schedule *schedule, struct error *err) {
	int rc = check_schedule(schedule, err);
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	if (rc < 0) {
		return rc;
	}
	int64_t id = schedule->id;
	rc = store_leave(s, write_schedule(s, schedule, &id, err), err);
	if (rc == 0) {
		schedule->id = id;
	}
	return rc;
}

int store_schedule_delete(struct store *s, int64_t id, struct error *err) {
	int rc = store_enter(s, err);
	if (rc < 0) {
		return rc;
	}
	rc = store_delete_row(s, "DELETE FROM schedule WHERE id = ?", "schedule", id,
			      err);
	return store_leave(s, rc, err);
}
