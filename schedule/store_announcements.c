/* store_announcements.c - announcements and their parts; see store.h. */
#include "store_internal.h"

#define COLUMNS                                                                          \
	"SELECT id, title, repeat, gap_ms, catalogue, resume, expires_us, created_us,"   \
	" changed_us, author FROM announcement"

static int load(struct query *q, void *ret, struct error *err) {
	struct announcement *a = ret;
	a->id = query_int(q);
	a->title = query_text(q);
	a->content.repeat = (int)query_int(q);
	a->content.gap_ms = query_int(q);
	a->catalogue = query_text(q);
	query_name(q, resume_parse, &a->resume);
	a->expires_us = query_time(q);
	a->created_us = query_int(q);
	a->changed_us = query_int(q);
	a->author = query_text(q);
	int rc = query_fault(q, err);
	if (rc < 0) {
		announcement_done(a);
	}
	return rc;
}

static void done(void *value) {
	announcement_done(value);
}

/* Reads the parts of announcements that stand in a row by id, once for all of them. */
static int load_parts(struct store *s, void *values, size_t n, struct error *err) {
	struct announcement *items = values;
	if (n == 0) {
		return 0;
	}
	AUTO(query_done)
	struct query q = query_new(s, "SELECT announcement, kind, text, clip, voice,"
				      " silence_ms, length_ms FROM announcement_part"
				      " WHERE announcement BETWEEN ? AND ?"
				      " ORDER BY announcement, place");
	query_bind_int(&q, items[0].id);
	query_bind_int(&q, items[n - 1].id);
	size_t at = 0;
	int rc = 0;
	while ((rc = query_row(&q, err)) > 0) {
		int64_t owner = query_int(&q);
		while (at < n && items[at].id < owner) {
			at++;
		}
		if (at < n && items[at].id == owner) {
			rc = store_part_read(&q, &items[at].content, err);
			if (rc < 0) {
				return rc;
			}
		}
	}
	return rc;
}

static const struct row_type announcements = {sizeof(struct announcement), load, done,
					      load_parts};

int store_announcement_get(struct store *s, int64_t id, struct announcement *ret,
			   struct error *err) {
	return query_by_id(s, COLUMNS " WHERE id = ?", id, "announcement", &announcements,
			   ret, err);
}

int store_announcement_list(struct store *s, struct store_page page,
			    struct announcement **ret, size_t *n, struct error *err) {
	void *items = NULL;
	int rc = query_page(s, COLUMNS " WHERE id > ? ORDER BY id LIMIT ?", page,
			    &announcements, &items, n, err);
	if (rc == 0) {
		*ret = items;
	}
	return rc;
}

void announcement_list_free(struct announcement *items, size_t n) {
	rows_free(&announcements, items, n);
}

static int check_announcement(const struct announcement *a, struct error *err) {
	int rc = check_text("announcement", "title", a->title, TITLE_LIMITS, err);
	if (rc == 0 && a->content.n_parts == 0) {
		return error_set_field(err, EINVAL, "parts",
				       "announcement: 'parts' is empty; give at least "
				       "one of chime, clip, text, silence_ms, line "
				       "and stream");
	}
	if (rc == 0) {
		rc = check_content("announcement", &a->content, err);
	}
	if (rc == 0) {
		rc = check_text("announcement", "catalogue", a->catalogue, REMARK_LIMITS,
				err);
	}
	return rc < 0 ? rc
		      : check_text("announcement", "author", a->author, REMARK_LIMITS,
				   err);
}

static int check_clips(struct store *s, const struct content *content,
		       struct error *err) {
	for (size_t i = 0; i < content->n_parts; i++) {
		const struct part *part = &content->parts[i];
		const char *clip = part->kind == PART_CLIP ? part->text : part->fallback;
		if (clip == NULL) {
			continue;
		}
		int rc = store_taken(s, "SELECT 1 FROM clip WHERE id = ? AND ?", clip, 1,
				     err);
		if (rc == 0) {
			return error_set_field(err, EINVAL, "parts",
					       "announcement part %zu: there is no clip "
					       "%s; upload it first",
					       i + 1, clip);
		}
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static int write_row(struct store *s, const struct announcement *a, int64_t *id,
		     struct error *err) {
	AUTO(query_done)
	struct query q = query_new(
		s, *id == 0 ? "INSERT INTO announcement (title, repeat, gap_ms,"
			      " catalogue, resume, expires_us, created_us, changed_us,"
			      " author) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
			    : "UPDATE announcement SET title = ?, repeat = ?, gap_ms = ?,"
			      " catalogue = ?, resume = ?, expires_us = ?,"
			      " created_us = ?, changed_us = ?, author = ?"
			      " WHERE id = ?");
	query_bind_text(&q, a->title);
	query_bind_int(&q, a->content.repeat);
	query_bind_int(&q, a->content.gap_ms);
	query_bind_text(&q, a->catalogue);
	query_bind_text(&q, resume_name(a->resume));
	query_bind_time(&q, a->expires_us);
	query_bind_int(&q, a->created_us);
	query_bind_int(&q, a->changed_us);
	query_bind_text(&q, a->author);
	if (*id == 0) {
		return query_insert(&q, id, err);
	}
	query_bind_int(&q, *id);
	return query_change(&q, "announcement", *id, err);
}

static int clear_parts(struct store *s, int64_t id, struct error *err) {
	AUTO(query_done)
	struct query q =
		query_new(s, "DELETE FROM announcement_part WHERE announcement = ?");
	query_bind_int(&q, id);
	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

static int write_announcement(struct store *s, const struct announcement *a, int64_t *id,
			      struct error *err) {
	bool known = *id != 0;
	int rc = check_clips(s, &a->content, err);
	if (rc == 0) {
		rc = write_row(s, a, id, err);
	}
	if (rc == 0 && known) {
		rc = clear_parts(s, *id, err);
	}
	if (rc == 0) {
		rc = store_parts_write(s,
				       "INSERT INTO announcement_part (announcement,"
				       " place, kind, text, clip, voice, silence_ms,"
				       " length_ms)"
				       " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
				       *id, &a->content, err);
	}
	return rc < 0 ? rc : store_note_time(s, a->changed_us, err);
}

int store_announcement_put(struct store *s, struct announcement *a, struct error *err) {
	int rc = check_announcement(a, err);
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	if (rc < 0) {
		return rc;
	}
	int64_t id = a->id;
	rc = store_leave(s, write_announcement(s, a, &id, err), err);
	if (rc == 0) {
		a->id = id;
	}
	return rc;
}

static int delete_announcement(struct store *s, int64_t id, struct error *err) {
	char user[STORE_USER_SIZE];
	int rc = store_user_of(s,
			       "SELECT format('announcement ''%!.60s'' is used by "
			       "schedule %d (%!.60s)', a.title, p.id, p.rule)"
			       " FROM announcement a JOIN schedule p"
			       " ON p.announcement = a.id WHERE a.id = ?"
			       " ORDER BY p.id LIMIT 1",
			       id, user, err);
	if (rc > 0) {
		return error_set(err, EBUSY,
				 "%s; delete that schedule, or give it another "
				 "announcement, first",
				 user);
	}
	rc = rc < 0 ? rc
		    : store_user_of(
			      s,
			      "SELECT format('announcement ''%!.60s'' stands in for "
			      "another, just once, in schedule %d (%!.60s)',"
			      " a.title, p.id, p.rule)"
			      " FROM announcement a JOIN schedule_override o"
			      " ON o.announcement = a.id"
			      " JOIN schedule p ON p.id = o.schedule"
			      " WHERE a.id = ? AND max(o.due_us,"
			      " coalesce(o.to_us, o.due_us)) > coalesce((SELECT"
			      " value FROM fact WHERE name = 'newest'), 0)"
			      " ORDER BY p.id LIMIT 1",
			      id, user, err);
	if (rc > 0) {
		return error_set(err, EBUSY,
				 "%s; delete that override (GET /schedules/ID/overrides "
				 "shows it) first",
				 user);
	}
	return rc < 0 ? rc
		      : store_delete_row(s, "DELETE FROM announcement WHERE id = ?",
					 "announcement", id, err);
}

int store_announcement_delete(struct store *s, int64_t id, struct error *err) {
	int rc = store_enter(s, err);
	return rc < 0 ? rc : store_leave(s, delete_announcement(s, id, err), err);
}
