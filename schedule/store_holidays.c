/* store_holidays.c - holiday files; see store.h. */
#include "store_internal.h"

#include "base/str.h"
#include "holidays.h"

#define COLUMNS "SELECT id, name, year, content, changed_us, author FROM holiday_file"

static int load(struct query *q, void *ret, struct error *err) {
	struct holiday_file *file = ret;
	file->id = query_int(q);
	file->name = query_text(q);
	file->year = (int)query_int(q);
	file->content = query_text(q);
	file->changed_us = query_int(q);
	file->author = query_text(q);
	int rc = query_fault(q, err);
	if (rc < 0) {
		holiday_file_done(file);
	}
	return rc;
}

static void done(void *value) {
	holiday_file_done(value);
}

static const struct row_type files = {sizeof(struct holiday_file), load, done, NULL};

int store_holidays_list(struct store *s, const char *name, struct holiday_file **ret,
			size_t *n, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, COLUMNS " WHERE ?1 IS NULL OR name = ?1"
					      " ORDER BY year, id");
	query_bind_text(&q, name);
	void *items = NULL;
	int rc = query_all(&q, &files, &items, n, err);
	if (rc == 0) {
		*ret = items;
	}
	return rc;
}

static int load_head(struct query *q, void *ret, struct error *err) {
	struct holiday_file *file = ret;
	file->id = query_int(q);
	file->name = query_text(q);
	file->year = (int)query_int(q);
	file->n_days = (int)query_int(q);
	file->changed_us = query_int(q);
	file->author = query_text(q);
	int rc = query_fault(q, err);
	if (rc < 0) {
		holiday_file_done(file);
	}
	return rc;
}

static const struct row_type heads = {sizeof(struct holiday_file), load_head, done, NULL};

int store_holidays_heads(struct store *s, struct holiday_file **ret, size_t *n,
			 struct error *err) {
	AUTO(query_done)
	struct query q = query_new(
		s, "SELECT id, name, year, CASE WHEN json_valid(content)"
		   " THEN json_array_length(content, '$.days') ELSE 0 END, changed_us,"
		   " author FROM holiday_file ORDER BY name, year, id");
	void *items = NULL;
	int rc = query_all(&q, &heads, &items, n, err);
	if (rc == 0) {
		*ret = items;
	}
	return rc;
}

void holidays_list_free(struct holiday_file *items, size_t n) {
	rows_free(&files, items, n);
}

static int delete_files(struct store *s, const char *name, int year, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "DELETE FROM holiday_file WHERE name = ?1"
				      " AND (?2 = 0 OR year = ?2)");
	query_bind_text(&q, name);
	query_bind_int(&q, year);
	return query_run(&q, err);
}

/* A calendar has a file a year; nobody needs this many. */
static int check_room(struct store *s, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "SELECT count(*) FROM holiday_file");
	int rc = query_row(&q, err);
	int64_t n = rc > 0 ? query_int(&q) : 0;
	if (rc > 0 && n >= STORE_HOLIDAYS_MAX) {
		return error_set(err, EBUSY,
				 "there are %d holiday files; delete calendars that are "
				 "not used any more",
				 STORE_HOLIDAYS_MAX);
	}
	return rc < 0 ? rc : 0;
}

static int write_file(struct store *s, const struct holiday_file *file, int64_t *ret_id,
		      struct error *err) {
	int replaced = delete_files(s, file->name, file->year, err);
	int rc = replaced < 0 ? replaced : check_room(s, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done)
	struct query q = query_new(s, "INSERT INTO holiday_file"
				      " (name, year, content, changed_us, author)"
				      " VALUES (?, ?, ?, ?, ?)");
	query_bind_text(&q, file->name);
	query_bind_int(&q, file->year);
	query_bind_text(&q, file->content);
	query_bind_int(&q, file->changed_us);
	query_bind_text(&q, file->author);
	rc = query_insert(&q, ret_id, err);
	rc = rc < 0 ? rc : store_note_time(s, file->changed_us, err);
	return rc < 0 ? rc : replaced == 0;
}

int store_holidays_put(struct store *s, struct holiday_file *file, struct error *err) {
	int rc = check_text("calendar", "name", file->name, NAME_LIMITS, err);
	if (rc == 0) {
		rc = check_int("calendar", "year", file->year, HOLIDAYS_YEAR_MIN,
			       HOLIDAYS_YEAR_MAX, err);
	}
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	if (rc < 0) {
		return rc;
	}
	int64_t id = 0;
	rc = store_leave(s, write_file(s, file, &id, err), err);
	if (rc >= 0) {
		file->id = id;
	}
	return rc;
}

int store_holidays_delete(struct store *s, const char *name, int year,
			  struct error *err) {
	int rc = store_enter(s, err);
	if (rc < 0) {
		return rc;
	}
	rc = delete_files(s, name, year, err);
	if (rc == 0) {
		rc = year == 0 ? error_set(err, ENOENT,
					   "no file was given to a calendar '%s'",
					   store_shown(name))
			       : error_set(err, ENOENT,
					   "no file of %d was given to a calendar '%s'",
					   year, store_shown(name));
	}
	rc = store_leave(s, rc, err);
	return rc < 0 ? rc : 0;
}
