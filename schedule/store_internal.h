/* store_internal.h - what the store's own files share: the open database, statements,
 * transactions, checks of values. Nobody outside schedule/store*.c includes it, but its
 * tests. Threads and blocking: as store.h. */
#pragma once

#include "store.h"

#include <sqlite3.h>

/* "DLBA", in the file's header: file(1) and we know our own. */
#define STORE_APPLICATION_ID 0x444c4241

/* A power of two, well above the number of statements there are. */
#define STORE_STATEMENTS 512

struct store {
	sqlite3 *db;
	char *path;
	bool opened; /* checked and migrated */
	bool joined; /* between store_begin and its end */
	int lost;    /* what made SQLite roll a joined transaction back, 0 */
	bool newest_known;
	int64_t newest_us; /* of every time ever written; meaningful where known */
	/* Prepared once, found by the address of their text. */
	struct {
		const char *sql;
		sqlite3_stmt *statement;
	} statements[STORE_STATEMENTS];
};

/* ---- store_migrations.c ---- */

/* Each brings the database from version i to i + 1. Never edited once released: a change
 * is a new one at the end. Ended by NULL. */
const char *const *store_migrations(void);

/* ---- store.c ---- */

/* As store_open, with other migrations. */
int store_open_with(const char *path, const char *const *migrations, struct store **ret,
		    struct error *err);

/* A sentence for a result code of SQLite; returns its negative errno. */
int store_fault(struct store *s, int code, struct error *err);

/* ---- store_changes.c ---- */

/* So that neither an end nor a way back ever needs memory that is not there. */
int store_prepare_ends(struct store *s, struct error *err);

/* Every change happens between these two. enter opens a transaction, or a savepoint where
 * one is joined; leave keeps everything where rc >= 0, else nothing, and returns rc or
 * what the commit failed with. */
int store_enter(struct store *s, struct error *err);
int store_leave(struct store *s, int rc, struct error *err);

/* Remembers the newest time written, inside the caller's transaction. */
int store_note_time(struct store *s, int64_t time_us, struct error *err);

/* ---- store_sql.c ---- */

/* One use of a prepared statement. Values are bound and columns read in the order they
 * stand in the SQL. The first fault sticks and is told by query_run, _row or _fault, so
 * that a row is written down as a plain list of its columns. */
struct query {
	struct store *store;
	sqlite3_stmt *statement; /* NULL where it could not be prepared */
	bool cached;
	int bound;
	int column;
	int code; /* of SQLite, SQLITE_OK while nothing failed */
};

/* sql: a literal, kept by its address. */
struct query query_new(struct store *s, const char *sql);
/* sql: made for this use. */
struct query query_new_once(struct store *s, const char *sql);
void query_done(struct query q);
DEFINE_AUTO(struct query, query_done)

/* Bound texts must live until query_done. */
void query_bind_int(struct query *q, int64_t value);
void query_bind_real(struct query *q, double value);     /* -HUGE_VAL is NULL */
void query_bind_text(struct query *q, const char *text); /* NULL and "" are NULL */
void query_bind_blob(struct query *q, const void *bytes, size_t len);
void query_bind_time(struct query *q, int64_t time_us); /* TIME_NONE is NULL */
void query_bind_ref(struct query *q, int64_t id);       /* 0 is NULL */
/* What is asked, in this order: zone, from_us, until_us, state (its name), before; and
 * the limit. */
void query_bind_filter(struct query *q, const struct store_filter *f, const char *state);

int64_t query_int(struct query *q); /* NULL is 0 */
double query_real(struct query *q); /* NULL is -HUGE_VAL */
char *query_text(struct query *q);  /* to be freed; NULL is NULL */
int64_t query_time(struct query *q);
/* A name, by the *_parse of its enum; anything else is damage. */
#define query_name(q, parse, ret)                                                        \
	do {                                                                             \
		const char *name_ = query_peek(q);                                       \
		if (name_ == NULL || parse(name_, ret) < 0) {                            \
			query_damaged(q);                                                \
		}                                                                        \
	} while (0)
const char *query_peek(struct query *q);  /* until the next row */
const char *query_words(struct query *q); /* for a sentence: never NULL */
void query_damaged(struct query *q);      /* what was read cannot be */

/* Runs a statement to its end; returns how many rows it changed. */
int query_run(struct query *q, struct error *err);
/* The next row: 1, 0 behind the last, or a negative errno. */
int query_row(struct query *q, struct error *err);
/* After reading columns: 0, or what failed meanwhile. */
int query_fault(struct query *q, struct error *err);

/* INSERTs: 0 and the new row's id. */
int query_insert(struct query *q, int64_t *ret_id, struct error *err);
/* UPDATEs and DELETEs of one row: 0, or -ENOENT "there is no THING ID". */
int query_change(struct query *q, const char *thing, int64_t id, struct error *err);

/* Whether the statement, which takes one id, answers a row. */
int store_exists(struct store *s, const char *sql, int64_t id, struct error *err);
/* As store_exists, for a statement that takes a name and the id of the row that may have
 * it. */
int store_taken(struct store *s, const char *sql, const char *name, int64_t self,
		struct error *err);
/* The words for what still uses a row: the one text the statement answers for an id.
 * Returns 1, or 0 where nothing uses it. */
#define STORE_USER_SIZE 1024
int store_user_of(struct store *s, const char *sql, int64_t id, char ret[STORE_USER_SIZE],
		  struct error *err);
/* Deletes the row `sql` names by its id. */
int store_delete_row(struct store *s, const char *sql, const char *thing, int64_t id,
		     struct error *err);

/* How the rows of one statement become values. load: 0 and fills a zeroed *ret, or leaves
 * nothing to release. */
struct row_type {
	size_t size;
	int (*load)(struct query *q, void *ret, struct error *err);
	void (*done)(void *value);
	/* Fills what n loaded values, ascending by id, have in other tables; NULL where
	 * they have nothing there. */
	int (*children)(struct store *s, void *items, size_t n, struct error *err);
};
/* Reads the one row there may be: 1, or 0 where there is none. */
int query_one(struct query *q, const struct row_type *type, void *ret, struct error *err);
/* The row of an id: 0, or -ENOENT "there is no THING ID". sql takes the id. */
int query_by_id(struct store *s, const char *sql, int64_t id, const char *thing,
		const struct row_type *type, void *ret, struct error *err);
/* Reads all rows into an array. */
int query_all(struct query *q, const struct row_type *type, void **ret, size_t *n,
	      struct error *err);
/* A page of a list. sql takes page.after and page.limit, in this order. */
int query_page(struct store *s, const char *sql, struct store_page page,
	       const struct row_type *type, void **ret, size_t *n, struct error *err);
void rows_free(const struct row_type *type, void *items, size_t n);

/* ---- store_overrides.c ---- */

/* Fills the overrides of n schedules, ascending by id. */
int store_overrides_load(struct store *s, struct schedule *items, size_t n,
			 struct error *err);

/* ---- store_check.c: -EINVAL names the field and says what to write ---- */

/* min, max: characters; lines: whether it may have several. NULL counts as empty. */
struct text_limits {
	size_t min;
	size_t max;
	bool lines;
};
int check_text(const char *thing, const char *field, const char *text,
	       struct text_limits limits, struct error *err);
int check_int(const char *thing, const char *field, int64_t value, int64_t min,
	      int64_t max, struct error *err);
int check_real(const char *thing, const char *field, double value, double min, double max,
	       struct error *err);
int check_page(int limit, struct error *err);
int check_clip_id(const char *thing, const char *field, const char *id,
		  struct error *err);
int check_content(const char *thing, const struct content *content, struct error *err);
int store_no_memory(struct error *err);
/* What may be repeated to the reader: the text itself where it is short and readable. */
const char *store_shown(const char *text);

#define NAME_LIMITS ((struct text_limits){1, 100, false})
#define TITLE_LIMITS ((struct text_limits){1, 200, false})
#define REMARK_LIMITS ((struct text_limits){0, 200, false})

/* ---- store_content.c: the parts of announcements and runs ---- */

/* Writes the parts of one owner; sql inserts (owner, place, kind, text, clip, voice,
 * silence_ms). */
int store_parts_write(struct store *s, const char *sql, int64_t owner,
		      const struct content *content, struct error *err);
/* Reads one part: kind, text, clip, voice, silence_ms are the next columns. */
int store_part_read(struct query *q, struct content *content, struct error *err);
