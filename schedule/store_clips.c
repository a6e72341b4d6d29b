/* store_clips.c - clips, and the uploads and texts they came from; see store.h. */
#include "store_internal.h"

#include <math.h>
#include <string.h>

#define COLUMNS                                                                          \
	"SELECT id, title, duration_ms, size_bytes, channels, loudness_lufs,"            \
	" true_peak_dbtp, gain_db, output_lufs, level_limit, created_us, author FROM "   \
	"clip"

static int load(struct query *q, void *ret, struct error *err) {
	struct clip *clip = ret;
	const char *id = query_peek(q);
	if (id == NULL || strlen(id) >= sizeof(clip->id)) {
		query_damaged(q);
	} else {
		strcpy(clip->id, id);
	}
	clip->title = query_text(q);
	clip->duration_ms = query_int(q);
	clip->size_bytes = query_int(q);
	clip->channels = (int)query_int(q);
	clip->loudness_lufs = query_real(q);
	clip->true_peak_dbtp = query_real(q);
	clip->gain_db = query_real(q);
	clip->output_lufs = query_real(q);
	query_name(q, clip_limit_parse, &clip->limit);
	clip->created_us = query_int(q);
	clip->author = query_text(q);
	int rc = query_fault(q, err);
	if (rc < 0) {
		clip_done(clip);
	}
	return rc;
}

static void done(void *value) {
	clip_done(value);
}

static const struct row_type clips = {sizeof(struct clip), load, done, NULL};

int store_clip_get(struct store *s, const char *id, struct clip *ret, struct error *err) {
	AUTO(query_done) struct query q = query_new(s, COLUMNS " WHERE id = ?");
	query_bind_text(&q, id);
	int rc = query_one(&q, &clips, ret, err);
	if (rc == 0) {
		return error_set(err, ENOENT, "there is no clip %s", store_shown(id));
	}
	return rc < 0 ? rc : 0;
}

int store_clip_list(struct store *s, int64_t before_us, const char *before_id, int limit,
		    struct clip **ret, size_t *n, struct error *err) {
	int rc = check_page(limit, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done)
	struct query q =
		query_new(s, COLUMNS " WHERE (created_us, id) < (?, ?)"
				     " ORDER BY created_us DESC, id DESC LIMIT ?");
	query_bind_int(&q, before_us == TIME_NONE ? INT64_MAX : before_us);
	query_bind_text(&q, before_id == NULL ? "g" : before_id); /* above any hex */
	query_bind_int(&q, limit);
	void *items = NULL;
	rc = query_all(&q, &clips, &items, n, err);
	if (rc == 0) {
		*ret = items;
	}
	return rc;
}

void clip_list_free(struct clip *items, size_t n) {
	rows_free(&clips, items, n);
}

static int check_level(const char *field, double value, struct error *err) {
	/* Digital silence has none. */
	return value == -HUGE_VAL ? 0
				  : check_real("clip", field, value, -1000, 1000, err);
}

static int check_gain(double gain_db, double output_lufs, struct error *err) {
	int rc = check_real("clip", "gain_db", gain_db, -60, 30, err);
	return rc < 0 ? rc : check_level("output_lufs", output_lufs, err);
}

static int check_clip(const struct clip *clip, struct error *err) {
	int rc = check_clip_id("clip", "id", clip->id, err);
	if (rc == 0) {
		rc = check_text("clip", "title", clip->title, REMARK_LIMITS, err);
	}
	if (rc == 0) {
		rc = check_int("clip", "duration_ms", clip->duration_ms, 0, INT64_MAX,
			       err);
	}
	if (rc == 0) {
		rc = check_int("clip", "size_bytes", clip->size_bytes, 0, INT64_MAX, err);
	}
	if (rc == 0) {
		rc = check_int("clip", "channels", clip->channels, 1, 255, err);
	}
	if (rc == 0) {
		rc = check_level("loudness_lufs", clip->loudness_lufs, err);
	}
	if (rc == 0) {
		rc = check_level("true_peak_db", clip->true_peak_dbtp, err);
	}
	rc = rc < 0 ? rc : check_gain(clip->gain_db, clip->output_lufs, err);
	return rc < 0 ? rc
		      : check_text("clip", "author", clip->author, REMARK_LIMITS, err);
}

static int write_clip(struct store *s, const struct clip *clip, struct error *err) {
	AUTO(query_done)
	struct query q =
		query_new(s, "INSERT INTO clip (id, title, duration_ms, size_bytes,"
			     " channels, loudness_lufs, true_peak_dbtp, gain_db,"
			     " output_lufs, level_limit, created_us, author)"
			     " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
			     " ON CONFLICT (id) DO NOTHING");
	query_bind_text(&q, clip->id);
	query_bind_text(&q, clip->title);
	query_bind_int(&q, clip->duration_ms);
	query_bind_int(&q, clip->size_bytes);
	query_bind_int(&q, clip->channels);
	query_bind_real(&q, clip->loudness_lufs);
	query_bind_real(&q, clip->true_peak_dbtp);
	query_bind_real(&q, clip->gain_db);
	query_bind_real(&q, clip->output_lufs);
	query_bind_text(&q, clip_limit_name(clip->limit));
	query_bind_int(&q, clip->created_us);
	query_bind_text(&q, clip->author);
	int added = query_run(&q, err);
	if (added <= 0) {
		return added;
	}
	int rc = store_note_time(s, clip->created_us, err);
	return rc < 0 ? rc : 1;
}

int store_clip_add(struct store *s, const struct clip *clip, struct error *err) {
	int rc = check_clip(clip, err);
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	return rc < 0 ? rc : store_leave(s, write_clip(s, clip, err), err);
}

int store_clip_unmeasured(struct store *s, const char *after, char ret[CLIP_ID_SIZE],
			  struct error *err) {
	AUTO(query_done)
	struct query q =
		query_new(s, "SELECT id FROM clip WHERE level_limit = 'unmeasured'"
			     " AND id > coalesce(?, '') ORDER BY id LIMIT 1");
	query_bind_text(&q, after);
	int rc = query_row(&q, err);
	if (rc > 0) {
		snprintf(ret, CLIP_ID_SIZE, "%s", query_words(&q));
	}
	return rc;
}

static int write_level(struct store *s, const struct clip *clip, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "UPDATE clip SET gain_db = ?, output_lufs = ?,"
				      " level_limit = ? WHERE id = ?");
	query_bind_real(&q, clip->gain_db);
	query_bind_real(&q, clip->output_lufs);
	query_bind_text(&q, clip_limit_name(clip->limit));
	query_bind_text(&q, clip->id);
	int rc = query_run(&q, err);
	return rc != 0 ? rc
		       : error_set(err, ENOENT, "there is no clip %s",
				   store_shown(clip->id));
}

int store_clip_level(struct store *s, const struct clip *clip, struct error *err) {
	int rc = check_gain(clip->gain_db, clip->output_lufs, err);
	rc = rc < 0 ? rc : store_enter(s, err);
	rc = rc < 0 ? rc : store_leave(s, write_level(s, clip, err), err);
	return rc < 0 ? rc : 0;
}

/* What would fall silent without the clip: in words, for its deletion. */
static int user_of_clip(struct store *s, const char *id, char ret[STORE_USER_SIZE],
			struct error *err) {
	AUTO(query_done)
	struct query q = query_new(
		s, "SELECT format('clip ''%!.60s'' is used by announcement %d"
		   " (''%!.60s''); take it out of that announcement',"
		   " coalesce(c.title, substr(c.id, 1, 12)), a.id, a.title)"
		   " FROM clip c JOIN announcement_part p ON p.clip = c.id"
		   " JOIN announcement a ON a.id = p.announcement WHERE c.id = ?1"
		   " UNION ALL "
		   "SELECT format('clip ''%!.60s'' is about to sound in run %d; stop that"
		   " run', coalesce(c.title, substr(c.id, 1, 12)), r.id)"
		   " FROM run r JOIN run_part p ON p.run = r.id"
		   " JOIN clip c ON c.id = p.clip"
		   " WHERE r.state IN ('planned', 'playing') AND p.clip = ?1"
		   " UNION ALL "
		   "SELECT format('clip ''%!.60s'' is what alert %d sounds; cancel that"
		   " alert', c.title, a.id) FROM alert a JOIN clip c ON c.id = a.clip"
		   " WHERE a.state = 'active' AND a.clip = ?1 LIMIT 1");
	query_bind_text(&q, id);
	int rc = query_row(&q, err);
	if (rc > 0) {
		snprintf(ret, STORE_USER_SIZE, "%s", query_words(&q));
	}
	return rc;
}

static int delete_clip(struct store *s, const char *id, struct error *err) {
	char user[STORE_USER_SIZE];
	int rc = user_of_clip(s, id, user, err);
	if (rc > 0) {
		return error_set(err, EBUSY, "%s first", user);
	}
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done) struct query q = query_new(s, "DELETE FROM clip WHERE id = ?");
	query_bind_text(&q, id);
	rc = query_run(&q, err);
	if (rc == 0) {
		return error_set(err, ENOENT, "there is no clip %s", store_shown(id));
	}
	return rc < 0 ? rc : 0;
}

int store_clip_delete(struct store *s, const char *id, struct error *err) {
	int rc = store_enter(s, err);
	return rc < 0 ? rc : store_leave(s, delete_clip(s, id, err), err);
}

/* ---- sources ---- */

static int write_source(struct store *s, const char *source_sha256, const char *clip_id,
			struct error *err) {
	struct clip clip;
	int rc = store_clip_get(s, clip_id, &clip, err);
	if (rc == -ENOENT) {
		return error_set_field(err, EINVAL, "clip", "there is no clip %s",
				       store_shown(clip_id));
	}
	if (rc < 0) {
		return rc;
	}
	clip_done(&clip);
	AUTO(query_done)
	struct query q = query_new(s, "INSERT INTO source (sha256, clip) VALUES (?, ?)"
				      " ON CONFLICT (sha256) DO UPDATE"
				      " SET clip = excluded.clip");
	query_bind_text(&q, source_sha256);
	query_bind_text(&q, clip_id);
	rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_source_put(struct store *s, const char *source_sha256, const char *clip_id,
		     struct error *err) {
	int rc = check_clip_id("source", "sha256", source_sha256, err);
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	return rc < 0 ? rc
		      : store_leave(s, write_source(s, source_sha256, clip_id, err), err);
}

int store_source_get(struct store *s, const char *source_sha256, char ret[CLIP_ID_SIZE],
		     struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "SELECT clip FROM source WHERE sha256 = ?");
	query_bind_text(&q, source_sha256);
	int rc = query_row(&q, err);
	if (rc == 0) {
		return error_set(err, ENOENT, "no clip was made from this before");
	}
	if (rc < 0) {
		return rc;
	}
	const char *clip = query_peek(&q);
	if (clip == NULL || strlen(clip) >= CLIP_ID_SIZE) {
		query_damaged(&q);
		return query_fault(&q, err);
	}
	strcpy(ret, clip);
	return 0;
}
