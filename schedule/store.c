/* store.c - the database as a whole: opening, its form, transactions, faults; see
 * store.h.
 *
 * One connection holds the file alone from the first read on, so WAL needs no shared
 * memory and nobody can ever see "database is locked" later. A file is looked at before
 * anything is written to it: what is not ours stays as it was. */
#include "store_internal.h"

#include <string.h>

static bool out_of_space(int system_errno) {
	return system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG;
}

static int fault_of_system(struct store *s, struct error *err) {
	int code = sqlite3_system_errno(s->db);
	if (out_of_space(code)) {
		return error_set(err, ENOSPC,
				 "the disk of '%s' is full and nothing was saved; free "
				 "some space on it and try again",
				 s->path);
	}
	if (code == 0) {
		code = EIO;
	}
	return error_set(err, code == ENOENT ? EIO : code,
			 "cannot read or write '%s': %s; check the disk and the "
			 "permissions of the folder",
			 s->path, strerror(code));
}

static int fault_of_damage(struct store *s, struct error *err) {
	/* A value that cannot be is our finding; SQLite's own words would be of before.
	 */
	bool theirs = (sqlite3_errcode(s->db) & 0xff) == SQLITE_CORRUPT;
	return error_set(err, s->opened ? EIO : EUCLEAN,
			 "the database '%s' is damaged (%s); stop dalaba, keep a copy of "
			 "the file and put a backup in its place",
			 s->path,
			 theirs ? sqlite3_errmsg(s->db)
				: "a row has an impossible value");
}

static int fault_in_words(struct store *s, int code, struct error *err) {
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return store_no_memory(err);
	case SQLITE_FULL:
		return error_set(err, ENOSPC,
				 "the disk of '%s' is full and nothing was saved; free "
				 "some space on it and try again",
				 s->path);
	case SQLITE_NOTADB:
		return error_set(err, s->opened ? EIO : EUCLEAN,
				 "'%s' is not a dalaba database, or its beginning is "
				 "damaged; move it away, or put a backup in its place",
				 s->path);
	case SQLITE_CORRUPT:
		return fault_of_damage(s, err);
	case SQLITE_BUSY:
		return error_set(err, EAGAIN,
				 "another program, perhaps a second dalabad, has '%s' "
				 "open; stop it, or use another data_dir",
				 s->path);
	case SQLITE_IOERR:
		if (code == SQLITE_IOERR_NOMEM) {
			return store_no_memory(err);
		}
		return fault_of_system(s, err);
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return fault_of_system(s, err);
	default:
		return error_set(err, EIO, "the database '%s' failed: %s", s->path,
				 sqlite3_errmsg(s->db));
	}
}

int store_fault(struct store *s, int code, struct error *err) {
	int rc = fault_in_words(s, code, err);
	/* Even a read that finds no memory can end the transaction around it. */
	if (s->joined && s->lost == 0 && sqlite3_get_autocommit(s->db)) {
		s->lost = -rc;
	}
	return rc;
}

/* ---- opening ---- */

/* Runs statements that answer nothing we need. */
static int exec(struct store *s, const char *sql, struct error *err) {
	int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : store_fault(s, code, err);
}

static int read_int(struct store *s, const char *sql, int64_t *ret, struct error *err) {
	AUTO(query_done) struct query q = query_new_once(s, sql);
	int rc = query_row(&q, err);
	if (rc > 0) {
		*ret = query_int(&q);
	}
	return rc < 0 ? rc : 0;
}

/* Sets a pragma that answers what it became; `memory` is what it becomes for ":memory:".
 */
static int set_pragma(struct store *s, const char *sql, const char *file,
		      const char *memory, struct error *err) {
	AUTO(query_done) struct query q = query_new_once(s, sql);
	int rc = query_row(&q, err);
	if (rc < 0) {
		return rc;
	}
	const char *became = rc > 0 ? query_peek(&q) : NULL;
	rc = query_fault(&q, err);
	if (rc < 0) {
		return rc;
	}
	const char *expected = strcmp(s->path, ":memory:") == 0 ? memory : file;
	if (became == NULL || strcmp(became, expected) != 0) {
		return error_set(err, EIO, "'%s' refuses %s (it is '%s')", s->path, sql,
				 became == NULL ? "" : became);
	}
	return 0;
}

/* Judges what the file is, without writing. */
static int judge_file(struct store *s, int64_t newest, int64_t *ret_version,
		      struct error *err) {
	int64_t application = 0;
	int64_t objects = 0;
	int rc = read_int(s, "PRAGMA application_id", &application, err);
	if (rc == 0) {
		rc = read_int(s, "SELECT count(*) FROM sqlite_schema", &objects, err);
	}
	if (rc == 0) {
		rc = read_int(s, "PRAGMA user_version", ret_version, err);
	}
	if (rc < 0) {
		return rc;
	}
	bool fresh = application == 0 && objects == 0 && *ret_version == 0;
	if (!fresh && application != STORE_APPLICATION_ID) {
		return error_set(err, EUCLEAN,
				 "'%s' is the database of another program, not of "
				 "dalaba; move it away, or use another data_dir",
				 s->path);
	}
	if (*ret_version > newest) {
		return error_set(err, EPROTO,
				 "the database '%s' was written by a newer dalaba (form "
				 "%lld, this one knows up to %lld); install that version "
				 "again, or put back a backup made before the upgrade",
				 s->path, (long long)*ret_version, (long long)newest);
	}
	if (!fresh && *ret_version < 1) {
		return error_set(err, EUCLEAN,
				 "the database '%s' is damaged (it has no form); put a "
				 "backup in its place",
				 s->path);
	}
	return 0;
}

/* One step, inside its own transaction. */
static int migrate_step(struct store *s, const char *sql, int64_t version,
			struct error *err) {
	char pragmas[128];
	snprintf(pragmas, sizeof(pragmas),
		 "PRAGMA application_id = %d; PRAGMA user_version = %lld",
		 STORE_APPLICATION_ID, (long long)version);
	int rc = exec(s, sql, err);
	if (rc == 0) {
		rc = exec(s, pragmas, err);
	}
	if (rc < 0) {
		return rc;
	}
	AUTO(query_done)
	struct query q = query_new_once(s, "PRAGMA foreign_key_check");
	rc = query_row(&q, err);
	if (rc > 0) {
		return error_set(err, EIO, "table %s would refer to missing rows",
				 query_words(&q));
	}
	return rc;
}

static int migrate(struct store *s, const char *const *migrations, int64_t version,
		   struct error *err) {
	for (; migrations[version] != NULL; version++) {
		int rc = exec(s, "BEGIN IMMEDIATE", err);
		if (rc == 0) {
			rc = migrate_step(s, migrations[version], version + 1, err);
		}
		if (rc == 0) {
			rc = exec(s, "COMMIT", err);
		}
		if (rc < 0) {
			/* On a full disk SQLite has rolled back by itself. */
			(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
			(void)error_prefix(
				err,
				"'%s' stays in form %lld, form %lld failed: ", s->path,
				(long long)version, (long long)version + 1);
			return rc;
		}
	}
	return 0;
}

/* Every table, index, column and whatever else there is, in one fixed order. */
#define SCHEMA_SQL                                                                       \
	"SELECT format('%s %s.%s %s', m.type, m.name, c.name, c.type)"                   \
	" FROM sqlite_schema m LEFT JOIN pragma_table_xinfo(m.name) c"                   \
	" WHERE m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"                                \
	" ORDER BY 1"

/* Compares the form with that of a database made new by the same migrations. */
static int compare_form(struct store *s, struct store *model, struct error *err) {
	AUTO(query_done) struct query have = query_new_once(s, SCHEMA_SQL);
	AUTO(query_done) struct query want = query_new_once(model, SCHEMA_SQL);
	for (;;) {
		int have_rc = query_row(&have, err);
		int want_rc = have_rc < 0 ? 0 : query_row(&want, err);
		if (have_rc < 0 || want_rc < 0) {
			return have_rc < 0 ? have_rc : want_rc;
		}
		const char *has = have_rc > 0 ? query_peek(&have) : "nothing more";
		const char *wants = want_rc > 0 ? query_peek(&want) : "nothing more";
		if (has == NULL || wants == NULL) {
			return query_fault(has == NULL ? &have : &want, err);
		}
		if (strcmp(has, wants) != 0) {
			return error_set(err, EUCLEAN,
					 "the database '%s' is damaged (it has %s where "
					 "%s should be); put a backup in its place",
					 s->path, has, wants);
		}
		if (have_rc == 0) {
			return 0;
		}
	}
}

/* Pages, order, numbers of rows: all but whether indices agree with their tables. */
static int check_pages(struct store *s, struct error *err) {
	AUTO(query_done) struct query q = query_new_once(s, "PRAGMA quick_check(1)");
	int rc = query_row(&q, err);
	if (rc < 0) {
		return rc;
	}
	const char *verdict = rc > 0 ? query_peek(&q) : NULL;
	rc = query_fault(&q, err);
	if (rc < 0) {
		return rc;
	}
	if (verdict != NULL && strcmp(verdict, "ok") == 0) {
		return 0;
	}
	/* A disk that does not answer is no damaged file, and no reason for a backup. */
	static const char unread[] = "error code=";
	const char *at = verdict == NULL ? NULL : strstr(verdict, unread);
	int code = at == NULL ? SQLITE_CORRUPT : atoi(at + strlen(unread));
	if ((code & 0xff) != SQLITE_CORRUPT) {
		return store_fault(s, code, err);
	}
	return error_set(err, EUCLEAN,
			 "the database '%s' is damaged (%.200s); keep a copy of the file "
			 "and put a backup in its place",
			 s->path, verdict == NULL ? "" : verdict);
}

static int connect_file(const char *path, struct store **ret, struct error *err) {
	AUTO(store_close) struct store *s = calloc(1, sizeof(*s));
	if (s == NULL || (s->path = strdup(path)) == NULL) {
		return store_no_memory(err);
	}
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
		    SQLITE_OPEN_EXRESCODE;
	int code = sqlite3_open_v2(path, &s->db, flags, NULL);
	if (s->db == NULL) {
		return store_no_memory(err);
	}
	if (code != SQLITE_OK) {
		return store_fault(s, code, err);
	}
	/* Nothing in a file somebody handed us may run code or rewrite the schema. */
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* Until it is judged, its log is not ours to fold in. */
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	*ret = MOVE(s);
	return 0;
}

/* The form and the pages of a file that is ours. */
static int open_form(struct store *s, const char *const *migrations, struct error *err) {
	int64_t newest = 0;
	int64_t version = 0;
	while (migrations[newest] != NULL) {
		newest++;
	}
	/* Foreign keys are off while a migration may rebuild a table, and checked by it.
	 */
	int rc = exec(s,
		      "PRAGMA foreign_keys = OFF; PRAGMA cell_size_check = ON;"
		      "PRAGMA temp_store = MEMORY",
		      err);
	if (rc == 0) {
		rc = set_pragma(s, "PRAGMA locking_mode = EXCLUSIVE", "exclusive",
				"exclusive", err);
	}
	if (rc == 0) {
		rc = judge_file(s, newest, &version, err);
	}
	if (rc == 0) {
		sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
		rc = set_pragma(s, "PRAGMA journal_mode = WAL", "wal", "memory", err);
	}
	if (rc == 0) {
		rc = exec(s,
			  "PRAGMA synchronous = FULL;"
			  "PRAGMA journal_size_limit = 16777216",
			  err);
	}
	if (rc == 0 && version > 0) {
		rc = check_pages(s, err);
	}
	if (rc == 0) {
		rc = migrate(s, migrations, version, err);
	}
	return rc < 0 ? rc : exec(s, "PRAGMA foreign_keys = ON", err);
}

int store_open_with(const char *path, const char *const *migrations, struct store **ret,
		    struct error *err) {
	AUTO(store_close) struct store *s = NULL;
	AUTO(store_close) struct store *model = NULL;
	int rc = connect_file(path, &s, err);
	if (rc == 0) {
		rc = open_form(s, migrations, err);
	}
	if (rc == 0) {
		rc = connect_file(":memory:", &model, err);
	}
	if (rc == 0) {
		rc = open_form(model, migrations, err);
	}
	if (rc == 0) {
		rc = compare_form(s, model, err);
	}
	if (rc == 0) {
		rc = store_prepare_ends(s, err);
	}
	if (rc < 0) {
		return rc;
	}
	s->opened = true;
	*ret = MOVE(s);
	return 0;
}

int store_open(const char *path, struct store **ret, struct error *err) {
	return store_open_with(path, store_migrations(), ret, err);
}

void store_close(struct store *s) {
	if (s == NULL) {
		return;
	}
	for (size_t i = 0; i < STORE_STATEMENTS; i++) {
		sqlite3_finalize(s->statements[i].statement);
	}
	sqlite3_close(s->db);
	free(s->path);
	free(s);
}
