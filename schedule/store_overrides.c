/* store_overrides.c - what single occurrences of schedules do just this once; see
 * store.h. */
#include "store_internal.h"

#include <string.h>

#define COLUMNS                                                                          \
	"SELECT id, schedule, due_us, action, to_us, announcement, passed, created_us,"  \
	" author FROM schedule_override"

static int load(struct query *q, void *ret, struct error *err) {
	struct override *o = ret;
	o->id = query_int(q);
	o->schedule = query_int(q);
	o->due_us = query_int(q);
	query_name(q, override_action_parse, &o->action);
	o->to_us = query_time(q);
	o->announcement = query_int(q);
	o->passed = query_int(q) != 0;
	o->created_us = query_int(q);
	o->author = query_text(q);
	int rc = query_fault(q, err);
	if (rc < 0) {
		override_done(o);
	}
	return rc;
}

static void done(void *value) {
	override_done(value);
}

static const struct row_type overrides = {sizeof(struct override), load, done, NULL};

int store_override_get(struct store *s, int64_t id, struct override *ret,
		       struct error *err) {
	return query_by_id(s, COLUMNS " WHERE id = ?", id, "override", &overrides, ret,
			   err);
}

int store_override_list(struct store *s, int64_t schedule, struct store_page page,
			struct override **ret, size_t *n, struct error *err) {
	int rc = check_page(page.limit, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done)
	struct query q =
		query_new(s, schedule == 0 ? COLUMNS " WHERE id > ? ORDER BY id LIMIT ?"
					   : COLUMNS " WHERE id > ? AND schedule = ?3"
						     " ORDER BY id LIMIT ?2");
	query_bind_int(&q, page.after);
	query_bind_int(&q, page.limit);
	if (schedule != 0) {
		query_bind_int(&q, schedule);
	}
	void *items = NULL;
	rc = query_all(&q, &overrides, &items, n, err);
	if (rc == 0) {
		*ret = items;
	}
	return rc;
}

void override_list_free(struct override *items, size_t n) {
	rows_free(&overrides, items, n);
}

/* Hands the n values of one schedule over to it. */
static int give(struct schedule *to, const struct override *from, size_t n) {
	to->overrides = calloc(n, sizeof(*from));
	if (to->overrides == NULL) {
		return -ENOMEM;
	}
	memcpy(to->overrides, from, n * sizeof(*from));
	to->n_overrides = n;
	return 0;
}

int store_overrides_load(struct store *s, struct schedule *items, size_t n,
			 struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, COLUMNS " WHERE schedule BETWEEN ? AND ?"
					      " ORDER BY schedule, due_us");
	query_bind_int(&q, items[0].id);
	query_bind_int(&q, items[n - 1].id);
	void *rows = NULL;
	size_t n_rows = 0;
	int rc = query_all(&q, &overrides, &rows, &n_rows, err);
	if (rc < 0) {
		return rc;
	}
	struct override *all = rows;
	size_t at = 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		/* The range of ids may hold others than these. */
		while (at < n_rows && all[at].schedule < items[i].id) {
			override_done(&all[at++]);
		}
		size_t end = at;
		while (end < n_rows && all[end].schedule == items[i].id) {
			end++;
		}
		rc = end > at ? give(&items[i], &all[at], end - at) : 0;
		at = rc == 0 ? end : at;
	}
	while (at < n_rows) {
		override_done(&all[at++]);
	}
	free(rows);
	return rc < 0 ? store_no_memory(err) : 0;
}

static int check(const struct override *o, struct error *err) {
	if (o->action == OVERRIDE_SKIP &&
	    (o->to_us != TIME_NONE || o->announcement != 0)) {
		return error_set_field(err, EINVAL, "action",
				       "override: what is skipped has neither 'to' nor "
				       "'announcement'");
	}
	if (o->action == OVERRIDE_MOVE && o->to_us == TIME_NONE) {
		return error_set_field(err, EINVAL, "to",
				       "override: say in 'to' when it sounds instead");
	}
	if (o->action == OVERRIDE_REPLACE && o->announcement == 0) {
		return error_set_field(err, EINVAL, "announcement",
				       "override: say in 'announcement' what it says "
				       "instead");
	}
	if (o->to_us == o->due_us) {
		return error_set_field(err, EINVAL, "to",
				       "override: 'to' is when it is due anyway");
	}
	return check_text("override", "author", o->author, REMARK_LIMITS, err);
}

static int check_references(struct store *s, const struct override *o,
			    struct error *err) {
	int rc = store_exists(s, "SELECT 1 FROM schedule WHERE id = ?", o->schedule, err);
	if (rc == 0) {
		return error_set(err, ENOENT, "there is no schedule %lld",
				 (long long)o->schedule);
	}
	if (rc > 0 && o->announcement != 0) {
		rc = store_exists(s, "SELECT 1 FROM announcement WHERE id = ?",
				  o->announcement, err);
	}
	if (rc == 0) {
		return error_set_field(err, EINVAL, "announcement",
				       "override: there is no 'announcement' %lld",
				       (long long)o->announcement);
	}
	return rc < 0 ? rc : 0;
}

/* The one that is there for the same occurrence: 1, or 0. */
static int find(struct store *s, const struct override *o, struct override *ret,
		struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, COLUMNS " WHERE schedule = ? AND due_us = ?");
	query_bind_int(&q, o->schedule);
	query_bind_int(&q, o->due_us);
	return query_one(&q, &overrides, ret, err);
}

static int write_row(struct store *s, const struct override *o, int64_t *id,
		     struct error *err) {
	AUTO(query_done)
	struct query q = query_new(
		s, *id == 0 ? "INSERT INTO schedule_override (schedule, due_us, action,"
			      " to_us, announcement, passed, created_us, author)"
			      " VALUES (?, ?, ?, ?, ?, 0, ?, ?)"
			    : "UPDATE schedule_override SET schedule = ?, due_us = ?,"
			      " action = ?, to_us = ?, announcement = ?, created_us = ?,"
			      " author = ? WHERE id = ?");
	query_bind_int(&q, o->schedule);
	query_bind_int(&q, o->due_us);
	query_bind_text(&q, override_action_name(o->action));
	query_bind_time(&q, o->to_us);
	query_bind_ref(&q, o->announcement);
	query_bind_int(&q, o->created_us);
	query_bind_text(&q, o->author);
	if (*id == 0) {
		return query_insert(&q, id, err);
	}
	query_bind_int(&q, *id);
	return query_change(&q, "override", *id, err);
}

/* What is to come at to_us is not dealt with yet, however far the plan was taken. */
static int bring_back_mark(struct store *s, int64_t to_us, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "UPDATE fact SET value = ?1"
				      " WHERE name = 'mark' AND value > ?1");
	query_bind_int(&q, to_us - 1);
	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

static int check_room(struct store *s, int64_t schedule, struct error *err) {
	AUTO(query_done)
	struct query q =
		query_new(s, "SELECT count(*) FROM schedule_override WHERE schedule = ?");
	query_bind_int(&q, schedule);
	int rc = query_row(&q, err);
	int64_t n = rc > 0 ? query_int(&q) : 0;
	if (n >= SCHEDULE_OVERRIDES_MAX) {
		return error_set(err, EBUSY,
				 "schedule %lld has %d overrides; delete those that are "
				 "over, or change its rule instead",
				 (long long)schedule, SCHEDULE_OVERRIDES_MAX);
	}
	return rc < 0 ? rc : 0;
}

/* 1 where something was written. */
static int put(struct store *s, const struct override *o, int64_t *id,
	       struct error *err) {
	AUTO(override_done) struct override former = {0};
	int rc = check_references(s, o, err);
	if (rc == 0) {
		rc = find(s, o, &former, err);
	}
	if (rc < 0) {
		return rc;
	}
	*id = former.id;
	if (rc > 0 && former.action == o->action && former.to_us == o->to_us &&
	    former.announcement == o->announcement) {
		return 0;
	}
	rc = former.id == 0 ? check_room(s, o->schedule, err) : 0;
	if (rc == 0) {
		rc = write_row(s, o, id, err);
	}
	if (rc == 0 && o->to_us != TIME_NONE) {
		rc = bring_back_mark(s, o->to_us, err);
	}
	if (rc == 0) {
		rc = store_note_time(s, o->created_us, err);
	}
	return rc < 0 ? rc : 1;
}

int store_override_put(struct store *s, struct override *override, struct error *err) {
	int rc = check(override, err);
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	if (rc < 0) {
		return rc;
	}
	int64_t id = 0;
	rc = store_leave(s, put(s, override, &id, err), err);
	if (rc >= 0) {
		override->id = id;
	}
	return rc;
}

int store_override_pass(struct store *s, int64_t id, bool passed, struct error *err) {
	int rc = store_enter(s, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done)
	struct query q =
		query_new(s, "UPDATE schedule_override SET passed = ? WHERE id = ?");
	query_bind_int(&q, passed);
	query_bind_int(&q, id);
	return store_leave(s, query_change(&q, "override", id, err), err);
}

int store_override_delete(struct store *s, int64_t id, struct error *err) {
	int rc = store_enter(s, err);
	if (rc < 0) {
		return rc;
	}
	rc = store_delete_row(s, "DELETE FROM schedule_override WHERE id = ?", "override",
			      id, err);
	return store_leave(s, rc, err);
}

int store_override_prune(struct store *s, int64_t before_us, int limit,
			 struct error *err) {
	int rc = store_enter(s, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done)
	struct query q = query_new(
		s, "DELETE FROM schedule_override WHERE id IN (SELECT id"
		   " FROM schedule_override"
		   " WHERE max(due_us, coalesce(to_us, due_us)) < ?1 LIMIT ?2)");
	query_bind_int(&q, before_us);
	query_bind_int(&q, limit);
	return store_leave(s, query_run(&q, err), err);
}
