/* store_access.c - bearer tokens, and the answers given to requests that carried a key;
 * see store.h. */
#include "store_internal.h"

#define HOUR_US (INT64_C(3600) * 1000000)
#define COLUMNS "SELECT id, name, created_us, last_used_us FROM token"

static int load(struct query *q, void *ret, struct error *err) {
	struct token *token = ret;
	token->id = query_int(q);
	token->name = query_text(q);
	token->created_us = query_int(q);
	token->last_used_us = query_time(q);
	int rc = query_fault(q, err);
	if (rc < 0) {
		token_done(token);
	}
	return rc;
}

static void done(void *value) {
	token_done(value);
}

static const struct row_type tokens = {sizeof(struct token), load, done, NULL};

static int add_token(struct store *s, const char *name, const uint8_t hash[32],
		     int64_t created_us, int64_t *id, struct error *err) {
	int rc = store_taken(s, "SELECT 1 FROM token WHERE name = ? AND id <> ?", name, 0,
			     err);
	if (rc > 0) {
		return error_set_field(err, EEXIST, "name",
				       "token: there is another one with the 'name' "
				       "'%s'",
				       name);
	}
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done)
	struct query q = query_new(s, "INSERT INTO token (name, hash, created_us)"
				      " VALUES (?, ?, ?)");
	query_bind_text(&q, name);
	query_bind_blob(&q, hash, 32);
	query_bind_int(&q, created_us);
	rc = query_insert(&q, id, err);
	return rc < 0 ? rc : store_note_time(s, created_us, err);
}

int store_token_add(struct store *s, const char *name, const uint8_t hash[32],
		    int64_t created_us, int64_t *ret_id, struct error *err) {
	int rc = check_text("token", "name", name, NAME_LIMITS, err);
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	if (rc < 0) {
		return rc;
	}
	int64_t id = 0;
	rc = store_leave(s, add_token(s, name, hash, created_us, &id, err), err);
	if (rc == 0) {
		*ret_id = id;
	}
	return rc;
}

static int note_use(struct store *s, int64_t id, int64_t now_us) {
	AUTO(query_done)
	struct query q = query_new(s, "UPDATE token SET last_used_us = ? WHERE id = ?");
	query_bind_int(&q, now_us);
	query_bind_int(&q, id);
	int rc = query_change(&q, "token", id, NULL);
	return rc < 0 ? rc : store_note_time(s, now_us, NULL);
}

int store_token_check(struct store *s, const uint8_t hash[32], int64_t now_us,
		      struct token *ret, struct error *err) {
	struct token token;
	{
		AUTO(query_done) struct query q = query_new(s, COLUMNS " WHERE hash = ?");
		query_bind_blob(&q, hash, 32);
		int rc = query_one(&q, &tokens, &token, err);
		if (rc == 0) {
			return error_set(err, ENOENT,
					 "this token is not known; make a new one with "
					 "dalabactl token add");
		}
		if (rc < 0) {
			return rc;
		}
	}
	bool noted = token.last_used_us != TIME_NONE &&
		     now_us / HOUR_US == token.last_used_us / HOUR_US;
	/* Whoever may come in still may where the disk is full: the hour of the last use
	 * is worth no refused alarm. */
	if (!noted && store_enter(s, NULL) == 0 &&
	    store_leave(s, note_use(s, token.id, now_us), NULL) == 0) {
		token.last_used_us = now_us;
	}
	*ret = token;
	return 0;
}

int store_token_list(struct store *s, struct store_page page, struct token **ret,
		     size_t *n, struct error *err) {
	void *items = NULL;
	int rc = query_page(s, COLUMNS " WHERE id > ? ORDER BY id LIMIT ?", page, &tokens,
			    &items, n, err);
	if (rc == 0) {
		*ret = items;
	}
	return rc;
}

int store_token_delete(struct store *s, int64_t id, struct error *err) {
	int rc = store_enter(s, err);
	if (rc < 0) {
		return rc;
	}
	rc = store_delete_row(s, "DELETE FROM token WHERE id = ?", "token", id, err);
	return store_leave(s, rc, err);
}

void token_list_free(struct token *items, size_t n) {
	rows_free(&tokens, items, n);
}

/* ---- answers ---- */

void answer_done(struct answer *answer) {
	free(answer->request_sha256);
	free(answer->location);
	free(answer->body);
	*answer = (struct answer){0};
}

static int load_answer(struct query *q, void *ret, struct error *err) {
	struct answer *answer = ret;
	answer->request_sha256 = query_text(q);
	answer->status = (int)query_int(q);
	answer->location = query_text(q);
	answer->body = query_text(q);
	int rc = query_fault(q, err);
	if (rc < 0) {
		answer_done(answer);
	}
	return rc;
}

static void answer_value_done(void *value) {
	answer_done(value);
}

static const struct row_type answers = {sizeof(struct answer), load_answer,
					answer_value_done, NULL};

static int put_answer(struct store *s, const char *who, const char *key,
		      const struct answer *answer, int64_t now_us, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "INSERT INTO answer (who, key, request_sha256,"
				      " status, location, body, created_us)"
				      " VALUES (?, ?, ?, ?, ?, coalesce(?, ''), ?)"
				      " ON CONFLICT DO NOTHING");
	query_bind_text(&q, who);
	query_bind_text(&q, key);
	query_bind_text(&q, answer->request_sha256);
	query_bind_int(&q, answer->status);
	query_bind_text(&q, answer->location);
	query_bind_text(&q, answer->body);
	query_bind_int(&q, now_us);
	int rc = query_run(&q, err);
	if (rc == 0) {
		return error_set_field(err, EEXIST, "Idempotency-Key",
				       "a request with this Idempotency-Key was answered "
				       "already");
	}
	return rc < 0 ? rc : store_note_time(s, now_us, err);
}

int store_answer_put(struct store *s, const char *who, const char *key,
		     const struct answer *answer, int64_t now_us, struct error *err) {
	static const struct text_limits key_limits = {1, 255, false};
	int rc = check_text("request", "Idempotency-Key", key, key_limits, err);
	if (rc == 0) {
		rc = check_text("request", "who", who, key_limits, err);
	}
	if (rc == 0) {
		rc = store_enter(s, err);
	}
	return rc < 0 ? rc
		      : store_leave(s, put_answer(s, who, key, answer, now_us, err), err);
}

static int change_answer(struct store *s, const char *who, const char *key,
			 const struct answer *answer, struct error *err) {
	AUTO(query_done)
	struct query q =
		query_new(s, "UPDATE answer SET status = ?, location = ?,"
			     " body = coalesce(?, '') WHERE who = ? AND key = ?");
	query_bind_int(&q, answer->status);
	query_bind_text(&q, answer->location);
	query_bind_text(&q, answer->body);
	query_bind_text(&q, who);
	query_bind_text(&q, key);
	int rc = query_run(&q, err);
	return rc == 0  ? error_set(err, ENOENT,
				    "this Idempotency-Key was not used before")
	       : rc < 0 ? rc
			: 0;
}

int store_answer_change(struct store *s, const char *who, const char *key,
			const struct answer *answer, struct error *err) {
	int rc = store_enter(s, err);
	return rc < 0 ? rc : store_leave(s, change_answer(s, who, key, answer, err), err);
}

int store_answer_get(struct store *s, const char *who, const char *key,
		     struct answer *ret, struct error *err) {
	AUTO(query_done)
	struct query q = query_new(s, "SELECT request_sha256, status, location, body"
				      " FROM answer WHERE who = ? AND key = ?");
	query_bind_text(&q, who);
	query_bind_text(&q, key);
	int rc = query_one(&q, &answers, ret, err);
	if (rc == 0) {
		return error_set(err, ENOENT, "this Idempotency-Key was not used before");
	}
	return rc < 0 ? rc : 0;
}

int store_answer_sweep(struct store *s, int64_t older_than_us, struct error *err) {
	int rc = store_enter(s, err);
	if (rc < 0) {
		return rc;
	}
	{
		AUTO(query_done)
		struct query q = query_new(s, "DELETE FROM answer WHERE created_us < ?");
		query_bind_int(&q, older_than_us);
		rc = query_run(&q, err);
	}
	return store_leave(s, rc < 0 ? rc : 0, err);
}
