/* store_sql.c - statements: prepared once, bound and read in order; see store_internal.h.
 */
#include "store_internal.h"

#include "base/str.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* The place of a statement in the cache: its own, or the free one where it belongs. */
static size_t statement_find(const struct store *s, const char *sql) {
	size_t i = ((uintptr_t)sql >> 3) * 31 % STORE_STATEMENTS;
	for (size_t tried = 0; tried < STORE_STATEMENTS; tried++) {
		if (s->statements[i].sql == sql || s->statements[i].sql == NULL) {
			return i;
		}
		i = (i + 1) % STORE_STATEMENTS;
	}
	/* There are more statements than STORE_STATEMENTS. */
	assert(false);
	return 0;
}

struct query query_new(struct store *s, const char *sql) {
	struct query q = {.store = s, .cached = true};
	size_t i = statement_find(s, sql);
	if (s->statements[i].statement == NULL) {
		q.code = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
					    &s->statements[i].statement, NULL);
		if (q.code == SQLITE_OK) {
			s->statements[i].sql = sql;
		}
	}
	q.statement = s->statements[i].statement;
	assert(q.statement == NULL || !sqlite3_stmt_busy(q.statement));
	return q;
}

struct query query_new_once(struct store *s, const char *sql) {
	struct query q = {.store = s};
	q.code = sqlite3_prepare_v2(s->db, sql, -1, &q.statement, NULL);
	return q;
}

void query_done(struct query q) {
	if (q.statement == NULL) {
		return;
	}
	if (q.cached) {
		/* The statement's own result was told where it happened. */
		(void)sqlite3_reset(q.statement);
		(void)sqlite3_clear_bindings(q.statement);
	} else {
		(void)sqlite3_finalize(q.statement);
	}
}

static void keep_code(struct query *q, int code) {
	if (q->code == SQLITE_OK && code != SQLITE_OK) {
		q->code = code;
	}
}

void query_bind_int(struct query *q, int64_t value) {
	q->bound++;
	if (q->code == SQLITE_OK) {
		keep_code(q, sqlite3_bind_int64(q->statement, q->bound, value));
	}
}

static void bind_null(struct query *q) {
	/* Nothing bound is NULL. */
	q->bound++;
}

void query_bind_real(struct query *q, double value) {
	if (value == -HUGE_VAL) {
		bind_null(q);
		return;
	}
	q->bound++;
	if (q->code == SQLITE_OK) {
		keep_code(q, sqlite3_bind_double(q->statement, q->bound, value));
	}
}

void query_bind_text(struct query *q, const char *text) {
	if (text == NULL || text[0] == '\0') {
		bind_null(q);
		return;
	}
	q->bound++;
	if (q->code == SQLITE_OK) {
		keep_code(q, sqlite3_bind_text(q->statement, q->bound, text, -1,
					       SQLITE_STATIC));
	}
}

void query_bind_blob(struct query *q, const void *bytes, size_t len) {
	q->bound++;
	if (q->code == SQLITE_OK) {
		keep_code(q, sqlite3_bind_blob64(q->statement, q->bound, bytes, len,
						 SQLITE_STATIC));
	}
}

void query_bind_time(struct query *q, int64_t time_us) {
	if (time_us == TIME_NONE) {
		bind_null(q);
	} else {
		query_bind_int(q, time_us);
	}
}

void query_bind_ref(struct query *q, int64_t id) {
	if (id == 0) {
		bind_null(q);
	} else {
		query_bind_int(q, id);
	}
}

void query_bind_filter(struct query *q, const struct store_filter *f, const char *state) {
	if (f->zone != 0) {
		query_bind_int(q, f->zone);
	}
	if (f->from_us != TIME_NONE) {
		query_bind_int(q, f->from_us);
	}
	if (f->until_us != TIME_NONE) {
		query_bind_int(q, f->until_us);
	}
	if (state != NULL) {
		query_bind_text(q, state);
	}
	if (f->before != 0) {
		query_bind_int(q, f->before);
	}
	query_bind_int(q, f->limit);
}

int64_t query_int(struct query *q) {
	return sqlite3_column_int64(q->statement, q->column++);
}

double query_real(struct query *q) {
	int i = q->column++;
	if (sqlite3_column_type(q->statement, i) == SQLITE_NULL) {
		return -HUGE_VAL;
	}
	return sqlite3_column_double(q->statement, i);
}

const char *query_peek(struct query *q) {
	int i = q->column++;
	const char *text = (const char *)sqlite3_column_text(q->statement, i);
	/* No text where there is one: it could not be brought into memory. */
	if (text == NULL && sqlite3_column_type(q->statement, i) != SQLITE_NULL) {
		keep_code(q, SQLITE_NOMEM);
	}
	/* Only UTF-8 was ever written; whoever reads on relies on it. */
	if (text != NULL &&
	    !utf8_valid(text, (size_t)sqlite3_column_bytes(q->statement, i))) {
		query_damaged(q);
		return NULL;
	}
	return text;
}

const char *query_words(struct query *q) {
	const char *words = query_peek(q);
	return words == NULL ? "?" : words;
}

char *query_text(struct query *q) {
	const char *text = query_peek(q);
	if (text == NULL) {
		return NULL;
	}
	char *copy = strdup(text);
	if (copy == NULL) {
		keep_code(q, SQLITE_NOMEM);
	}
	return copy;
}

int64_t query_time(struct query *q) {
	int i = q->column++;
	if (sqlite3_column_type(q->statement, i) == SQLITE_NULL) {
		return TIME_NONE;
	}
	return sqlite3_column_int64(q->statement, i);
}

void query_damaged(struct query *q) {
	keep_code(q, SQLITE_CORRUPT);
}

int query_fault(struct query *q, struct error *err) {
	return q->code == SQLITE_OK ? 0 : store_fault(q->store, q->code, err);
}

int query_row(struct query *q, struct error *err) {
	if (q->code == SQLITE_OK) {
		int code = sqlite3_step(q->statement);
		q->column = 0;
		if (code == SQLITE_ROW) {
			return 1;
		}
		if (code == SQLITE_DONE) {
			return 0;
		}
		q->code = code;
	}
	return store_fault(q->store, q->code, err);
}

int query_run(struct query *q, struct error *err) {
	int rc = 0;
	do {
		rc = query_row(q, err);
	} while (rc > 0);
	return rc < 0 ? rc : sqlite3_changes(q->store->db);
}

int query_insert(struct query *q, int64_t *ret_id, struct error *err) {
	int rc = query_run(q, err);
	if (rc < 0) {
		return rc;
	}
	*ret_id = sqlite3_last_insert_rowid(q->store->db);
	return 0;
}

int query_change(struct query *q, const char *thing, int64_t id, struct error *err) {
	int rc = query_run(q, err);
	if (rc < 0) {
		return rc;
	}
	if (rc == 0) {
		return error_set(err, ENOENT, "there is no %s %lld", thing,
				 (long long)id);
	}
	return 0;
}

int store_exists(struct store *s, const char *sql, int64_t id, struct error *err) {
	AUTO(query_done) struct query q = query_new(s, sql);
	query_bind_int(&q, id);
	return query_row(&q, err);
}

int store_taken(struct store *s, const char *sql, const char *name, int64_t self,
		struct error *err) {
	AUTO(query_done) struct query q = query_new(s, sql);
	query_bind_text(&q, name);
	query_bind_int(&q, self);
	return query_row(&q, err);
}

int store_user_of(struct store *s, const char *sql, int64_t id, char ret[STORE_USER_SIZE],
		  struct error *err) {
	AUTO(query_done) struct query q = query_new(s, sql);
	query_bind_int(&q, id);
	int rc = query_row(&q, err);
	if (rc > 0) {
		snprintf(ret, STORE_USER_SIZE, "%s", query_words(&q));
	}
	return rc;
}

int store_delete_row(struct store *s, const char *sql, const char *thing, int64_t id,
		     struct error *err) {
	AUTO(query_done) struct query q = query_new(s, sql);
	query_bind_int(&q, id);
	return query_change(&q, thing, id, err);
}

int query_one(struct query *q, const struct row_type *type, void *ret,
	      struct error *err) {
	int rc = query_row(q, err);
	if (rc <= 0) {
		return rc;
	}
	AUTO(free) void *value = calloc(1, type->size);
	if (value == NULL) {
		return store_no_memory(err);
	}
	rc = type->load(q, value, err);
	if (rc < 0) {
		return rc;
	}
	rc = type->children != NULL ? type->children(q->store, value, 1, err) : 0;
	if (rc < 0) {
		type->done(value);
		return rc;
	}
	memcpy(ret, value, type->size);
	return 1;
}

int query_by_id(struct store *s, const char *sql, int64_t id, const char *thing,
		const struct row_type *type, void *ret, struct error *err) {
	AUTO(query_done) struct query q = query_new(s, sql);
	query_bind_int(&q, id);
	int rc = query_one(&q, type, ret, err);
	if (rc == 0) {
		return error_set(err, ENOENT, "there is no %s %lld", thing,
				 (long long)id);
	}
	return rc < 0 ? rc : 0;
}

int query_all(struct query *q, const struct row_type *type, void **ret, size_t *n,
	      struct error *err) {
	char *items = NULL;
	size_t count = 0;
	size_t size = 0;
	int rc = 0;
	while ((rc = query_row(q, err)) > 0) {
		if (count == size) {
			size = size == 0 ? 16 : 2 * size;
			char *more = reallocarray(items, size, type->size);
			if (more == NULL) {
				rc = store_no_memory(err);
				break;
			}
			items = more;
		}
		void *item = items + count * type->size;
		memset(item, 0, type->size);
		rc = type->load(q, item, err);
		if (rc < 0) {
			break;
		}
		count++;
	}
	if (rc == 0 && type->children != NULL) {
		rc = type->children(q->store, items, count, err);
	}
	if (rc < 0) {
		rows_free(type, items, count);
		return rc;
	}
	*ret = items;
	*n = count;
	return 0;
}

int query_page(struct store *s, const char *sql, struct store_page page,
	       const struct row_type *type, void **ret, size_t *n, struct error *err) {
	int rc = check_page(page.limit, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done) struct query q = query_new(s, sql);
	query_bind_int(&q, page.after);
	query_bind_int(&q, page.limit);
	return query_all(&q, type, ret, n, err);
}

void rows_free(const struct row_type *type, void *items, size_t n) {
	for (size_t i = 0; i < n; i++) {
		type->done((char *)items + i * type->size);
	}
	free(items);
}
