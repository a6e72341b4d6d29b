/* test_store_file.c - what a file may be: new, ours, older, newer, another program's, in
 * use, damaged in any way. What is refused is left as it was. */
#include "schedule/store_internal.h"
#include "store_rows.h"
#include "store_steps.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct error err;
static char folder[] = "/tmp/test_store_file.XXXXXX";
static char path[64];

static int make_folder(void **state) {
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/dalaba.db", folder);
	return 0;
}

static int remove_file(void **state) {
	(void)state;
	static const char *const suffixes[] = {"", "-wal", "-journal", "-shm"};
	for (size_t i = 0; i < LENGTH(suffixes); i++) {
		char name[80];
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		(void)remove(name);
	}
	return 0;
}

static int remove_folder(void **state) {
	remove_file(state);
	return rmdir(folder);
}

struct bytes {
	unsigned char *data;
	size_t len;
};

static struct bytes read_bytes_of(const char *name) {
	FILE *f = fopen(name, "rb");
	assert_non_null(f);
	struct stat st;
	assert_int_equal(fstat(fileno(f), &st), 0);
	struct bytes b = {malloc((size_t)st.st_size + 1), (size_t)st.st_size};
	assert_non_null(b.data);
	assert_int_equal(fread(b.data, 1, b.len, f), b.len);
	fclose(f);
	return b;
}

static struct bytes read_bytes(void) {
	return read_bytes_of(path);
}

static void write_bytes_of(const char *name, const void *data, size_t len) {
	FILE *f = fopen(name, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void write_bytes(const void *data, size_t len) {
	remove_file(NULL);
	write_bytes_of(path, data, len);
}

/* Makes a whole database with every kind of row in it, closed cleanly. */
static struct bytes whole_database(void) {
	struct store *s = NULL;
	assert_ok(store_open(path, &s, &err));
	for (int i = 0; i < STORE_STEPS - 2; i++) {
		assert_ok(store_step(s, i, &err));
	}
	store_close(s);
	return read_bytes();
}

static void run_sql(const char *sql) {
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	char *message = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
		fail_msg("%s: %s", sql, message);
	}
	sqlite3_close(db);
}

static void what_was_written_is_there_after_a_start(void **state) {
	(void)state;
	char *dumps[STORE_STEPS + 1];
	store_dump_all(path, dumps);
	struct store *s = NULL;
	assert_ok(store_open(path, &s, &err));
	AUTO(str_done) struct str dump = STR_INIT;
	store_dump(s, &dump);
	assert_string_equal(dump.data, dumps[STORE_STEPS]);
	store_close(s);
	for (int i = 0; i <= STORE_STEPS; i++) {
		/* No step leaves everything as it was: the tests that stop in the midst
		 * could not tell. */
		assert_true(i == 0 || strcmp(dumps[i], dumps[i - 1]) != 0);
	}
	for (int i = 0; i <= STORE_STEPS; i++) {
		free(dumps[i]);
	}
}

static void the_settings_are_those_that_last(void **state) {
	(void)state;
	AUTO(store_close) struct store *s = NULL;
	assert_ok(store_open(path, &s, &err));
	static const struct {
		const char *pragma;
		const char *value;
	} cases[] = {
		{"PRAGMA journal_mode", "wal"},
		{"PRAGMA synchronous", "2"},
		{"PRAGMA locking_mode", "exclusive"},
		{"PRAGMA foreign_keys", "1"},
		{"PRAGMA cell_size_check", "1"},
		{"PRAGMA trusted_schema", "0"},
		{"PRAGMA temp_store", "2"},
		{"PRAGMA application_id", "1145848385"},
	};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		AUTO(query_done) struct query q = query_new_once(s, cases[i].pragma);
		assert_int_equal(query_row(&q, &err), 1);
		assert_string_equal(query_peek(&q), cases[i].value);
	}
	/* Every table is STRICT, or a wrong type could get in. */
	AUTO(query_done)
	struct query q = query_new_once(s, "SELECT group_concat(name) FROM"
					   " pragma_table_list WHERE schema = 'main' AND"
					   " NOT strict AND name NOT LIKE 'sqlite_%'");
	assert_int_equal(query_row(&q, &err), 1);
	assert_null(query_peek(&q));
}

/* Runs in another process: locks of one process do not stop itself. */
static int open_elsewhere(void) {
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store *s = NULL;
		struct error why = {0};
		int rc = store_open(path, &s, &why);
		bool told = strstr(why.text, "another program") != NULL;
		_exit(rc == 0 ? 0 : rc == -EAGAIN && told ? 1 : 2);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_second_process_is_sent_away(void **state) {
	(void)state;
	struct store *s = NULL;
	int64_t id = 0;
	assert_ok(store_open(path, &s, &err));
	assert_int_equal(open_elsewhere(), 1);
	assert_ok(add_output(s, "hall", 1, &id, &err));
	assert_int_equal(open_elsewhere(), 1);
	store_close(s);
	assert_int_equal(open_elsewhere(), 0);
	/* Also where it was only opened and nothing was written. */
	assert_ok(store_open(path, &s, &err));
	assert_int_equal(open_elsewhere(), 1);
	store_close(s);
}

static void what_is_not_ours_is_refused_and_left_alone(void **state) {
	(void)state;
	static const struct {
		const char *sql;
		int refused;
		const char *words;
	} cases[] = {
		{"CREATE TABLE a (b); INSERT INTO a VALUES (1)", EUCLEAN,
		 "another program"},
		{"PRAGMA application_id = 252006673", EUCLEAN, "another program"},
		{"PRAGMA user_version = 3; CREATE TABLE area (b)", EUCLEAN,
		 "another program"},
		{"PRAGMA journal_mode = WAL; CREATE TABLE a (b)", EUCLEAN,
		 "another program"},
		{"PRAGMA application_id = 1145848385; PRAGMA user_version = 99", EPROTO,
		 "newer dalaba (form 99, this one knows up to"},
		{"PRAGMA application_id = 1145848385; PRAGMA user_version = 0; CREATE "
		 "TABLE a (b)",
		 EUCLEAN, "no form"},
		{"PRAGMA application_id = 1145848385; PRAGMA user_version = -7", EUCLEAN,
		 "no form"},
	};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		remove_file(NULL);
		run_sql(cases[i].sql);
		struct bytes before = read_bytes();
		struct store *s = NULL;
		assert_refused(store_open(path, &s, &err), cases[i].refused,
			       cases[i].words);
		assert_null(s);
		struct bytes after = read_bytes();
		assert_int_equal(after.len, before.len);
		assert_memory_equal(after.data, before.data, before.len);
		free(before.data);
		free(after.data);
	}
}

/* What another program, killed in the midst, still has in its log is its own to fold in.
 */
static void the_log_of_another_program_is_left_alone(void **state) {
	(void)state;
	char log[80];
	snprintf(log, sizeof(log), "%s-wal", path);
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "PRAGMA journal_mode = WAL; CREATE TABLE a (b);"
				      "INSERT INTO a VALUES (1)",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	struct bytes file = read_bytes();
	struct bytes its_log = read_bytes_of(log);
	assert_true(its_log.len > 4096);
	sqlite3_close(db);
	write_bytes(file.data, file.len);
	write_bytes_of(log, its_log.data, its_log.len);
	struct store *s = NULL;
	assert_refused(store_open(path, &s, &err), EUCLEAN, "another program");
	struct bytes file_after = read_bytes();
	struct bytes log_after = read_bytes_of(log);
	assert_int_equal(file_after.len, file.len);
	assert_memory_equal(file_after.data, file.data, file.len);
	assert_int_equal(log_after.len, its_log.len);
	assert_memory_equal(log_after.data, its_log.data, its_log.len);
	free(file.data);
	free(its_log.data);
	free(file_after.data);
	free(log_after.data);
}

/* Ours by name and number, but not by its form. */
static void another_form_under_our_number_is_refused(void **state) {
	(void)state;
	static const char *const changes[] = {
		"DROP INDEX run_claim",
		"ALTER TABLE zone DROP COLUMN lead_ms",
		"ALTER TABLE clip ADD COLUMN extra TEXT",
		"CREATE TABLE extra (a)",
		"DROP TABLE answer",
		"CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM run; END",
		"CREATE VIEW v AS SELECT 1 AS one",
	};
	for (size_t i = 0; i < LENGTH(changes); i++) {
		remove_file(NULL);
		struct store *s = NULL;
		assert_ok(store_open(path, &s, &err));
		store_close(s);
		s = NULL;
		run_sql(changes[i]);
		assert_refused(store_open(path, &s, &err), EUCLEAN, "is damaged (it has");
		assert_null(s);
	}
}

static void a_place_that_cannot_be_opened_is_told(void **state) {
	(void)state;
	struct store *s = NULL;
	char name[96];
	snprintf(name, sizeof(name), "%s/none/dalaba.db", folder);
	assert_refused(store_open(name, &s, &err), EIO, "No such file or directory");
	assert_refused(store_open(folder, &s, &err), EISDIR, folder);
	assert_null(s);
}

/* ---- migrations ---- */

static int open_migrated(const char *second, struct store **ret) {
	const char *migrations[MIGRATIONS_MAX] = {NULL};
	migrations_and(second, migrations);
	memset(&err, 0, sizeof(err));
	return store_open_with(path, migrations, ret, &err);
}

static void a_migration_keeps_what_there_is(void **state) {
	(void)state;
	free(whole_database().data);
	struct store *s = NULL;
	assert_ok(open_migrated("ALTER TABLE zone ADD COLUMN remark TEXT;"
				"UPDATE zone SET remark = 'moved on'",
				&s));
	{
		AUTO(query_done)
		struct query q = query_new_once(s, "SELECT min(remark), count(*) FROM"
						   " zone");
		assert_int_equal(query_row(&q, &err), 1);
		assert_string_equal(query_peek(&q), "moved on");
		assert_int_equal(query_int(&q), 2);
	}
	assert_ok(store_read_all(s, &err));
	store_close(s);
	s = NULL;
	/* Once moved on, it is not for the program of before. */
	char words[64];
	snprintf(words, sizeof(words), "newer dalaba (form %zu", migrations_n() + 1);
	assert_refused(store_open(path, &s, &err), EPROTO, words);
}

static void a_migration_that_fails_changes_nothing(void **state) {
	(void)state;
	char failed[64];
	snprintf(failed, sizeof(failed), "form %zu, form %zu failed", migrations_n(),
		 migrations_n() + 1);
	const struct {
		const char *sql;
		const char *words;
	} cases[] = {
		{"ALTER TABLE zone ADD COLUMN remark TEXT; UPDATE none SET a = 1",
		 failed},
		{"UPDATE zone SET area = 77", "refer to missing rows"},
		{"UPDATE zone SET lead_ms = 'late'", failed},
	};
	struct bytes before = whole_database();
	free(before.data);
	struct store *s = NULL;
	AUTO(str_done) struct str old = STR_INIT;
	assert_ok(store_open(path, &s, &err));
	store_dump(s, &old);
	store_close(s);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		s = NULL;
		assert_int_equal(open_migrated(cases[i].sql, &s), -EIO);
		assert_non_null(strstr(err.text, cases[i].words));
		assert_null(s);
		assert_ok(store_open(path, &s, &err));
		AUTO(str_done) struct str now = STR_INIT;
		store_dump(s, &now);
		assert_string_equal(now.data, old.data);
		store_close(s);
	}
}

/* A box of an earlier release has no alerts or no recordings; its runs stay as they were.
 */
static void an_older_form_learns_what_is_new(void **state) {
	(void)state;
	for (size_t form = 1; store_migrations()[form] != NULL; form++) {
		const char *old[MIGRATIONS_MAX] = {NULL};
		struct store *s = NULL;
		memcpy(old, store_migrations(), form * sizeof(*old));
		unlink(path);
		assert_ok(store_open_with(path, old, &s, &err));
		assert_int_equal(
			sqlite3_exec(
				s->db,
				"INSERT INTO run (source, title, repeat, gap_ms, resume,"
				" class, due_us, created_us, state) VALUES ('push',"
				" 'old', 1, 0, 'drop', 'notice', 1, 1, 'played');"
				"INSERT INTO run_zone VALUES (1, 3, 'hill', 'played',"
				" NULL, 5, 0, 700)",
				NULL, NULL, NULL),
			SQLITE_OK);
		store_close(s);
		s = NULL;
		assert_ok(store_open(path, &s, &err));
		AUTO(run_done) struct run run = {0};
		assert_ok(store_run_get(s, 1, &run, &err));
		assert_string_equal(run.title, "old");
		assert_int_equal(run.alert, 0);
		assert_int_equal(run.zones[0].played_ms, 700);
		assert_int_equal(run.zones[0].recording, 0);
		int64_t last = -1;
		assert_ok(store_alert_last(s, &last, &err));
		assert_int_equal(last, 0);
		assert_ok(add_recording(s, 1, 3, 5, &err));
		store_close(s);
	}
}

/* Its zones have no amplifier, and one pass. */
static void form_two_keeps_its_zones(void **state) {
	(void)state;
	const char *const second[] = {store_migrations()[0], store_migrations()[1], NULL};
	struct store *s = NULL;
	unlink(path);
	assert_ok(store_open_with(path, second, &s, &err));
	assert_int_equal(
		sqlite3_exec(
			s->db,
			"INSERT INTO output (name, pcm, rate, channels) VALUES"
			" ('hall', 'hw:0', 0, 2);"
			"INSERT INTO zone (name, output, gain_db, max_gain_db, lead_ms)"
			" VALUES ('old', 1, -3, 6, 400);"
			"INSERT INTO zone_channel VALUES (1, 1, 1, 0)",
			NULL, NULL, NULL),
		SQLITE_OK);
	store_close(s);
	s = NULL;
	assert_ok(store_open(path, &s, &err));
	AUTO(zone_done) struct zone zone = {0};
	assert_ok(store_zone_get(s, 1, &zone, &err));
	assert_string_equal(zone.name, "old");
	assert_int_equal(zone.lead_ms, 400);
	assert_int_equal(zone.n_channels, 1);
	assert_null(zone.amplifier);
	assert_int_equal(zone.pass, 0);
	store_close(s);
}

/* Its clips play at the gain they had, and wait to be measured. */
static void form_eight_keeps_its_clips(void **state) {
	(void)state;
	const char *eighth[MIGRATIONS_MAX] = {NULL};
	struct store *s = NULL;
	memcpy(eighth, store_migrations(), 8 * sizeof(*eighth));
	unlink(path);
	assert_ok(store_open_with(path, eighth, &s, &err));
	assert_int_equal(
		sqlite3_exec(s->db,
			     "INSERT INTO clip (id, title, duration_ms, size_bytes,"
			     " channels, loudness_lufs, created_us) VALUES"
			     " (printf('%064d', 1), 'loud', 1, 1, 1, -10.5, 1),"
			     " (printf('%064d', 2), 'quiet', 1, 1, 1, -50, 1),"
			     " (printf('%064d', 3), 'silent', 1, 1, 1, NULL, 1)",
			     NULL, NULL, NULL),
		SQLITE_OK);
	store_close(s);
	s = NULL;
	assert_ok(store_open(path, &s, &err));
	static const double gains[] = {-5.5, 20.0, 0.0};
	for (int i = 0; i < 3; i++) {
		char id[CLIP_ID_SIZE];
		AUTO(clip_done) struct clip clip = {0};
		snprintf(id, sizeof(id), "%064d", i + 1);
		assert_ok(store_clip_get(s, id, &clip, &err));
		assert_true(clip.gain_db == gains[i]);
		assert_true(clip.output_lufs == -HUGE_VAL);
		assert_int_equal(clip.limit, CLIP_LIMIT_UNMEASURED);
	}
	store_close(s);
}

/* ---- damage ---- */

/* Whatever the file is: refused with a sentence, or open and every read answers; what is
 * read is never half. */
static bool survive(void) {
	struct store *s = NULL;
	memset(&err, 0, sizeof(err));
	int rc = store_open(path, &s, &err);
	if (rc < 0) {
		assert_null(s);
		assert_true(rc == -EUCLEAN || rc == -EPROTO || rc == -EIO);
		assert_true(strlen(err.text) > 20);
		return false;
	}
	rc = store_read_all(s, &err);
	if (rc < 0) {
		assert_true(rc == -EIO || rc == -ENOENT);
		assert_non_null(strchr(err.text, ' '));
	}
	/* Nor does writing on it crash. */
	int64_t id = 0;
	(void)add_output(s, "new", 2, &id, &err);
	(void)claim_run(s, 1, NOON_US, 1, &id, &err);
	store_close(s);
	return true;
}

static void garbage_is_refused(void **state) {
	(void)state;
	unsigned seed = 5;
	unsigned char noise[8192];
	for (size_t i = 0; i < sizeof(noise); i++) {
		noise[i] = (unsigned char)rand_r(&seed);
	}
	/* One byte is an empty file to SQLite. */
	static const size_t sizes[] = {2, 15, 16, 99, 100, 512, 4095, 4096, 8192};
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		write_bytes(noise, sizes[i]);
		struct store *s = NULL;
		assert_refused(store_open(path, &s, &err), EUCLEAN, "not a dalaba");
		struct bytes after = read_bytes();
		assert_int_equal(after.len, sizes[i]);
		assert_memory_equal(after.data, noise, sizes[i]);
		free(after.data);
	}
	/* The right first words and noise behind them. */
	memcpy(noise, "SQLite format 3", 16);
	write_bytes(noise, sizeof(noise));
	assert_false(survive());
}

/* What is missing is told at the start, or where it lay within one long text, when that
 * is read: the rows are never quietly fewer. */
static void a_file_cut_short_is_told(void **state) {
	(void)state;
	struct bytes whole = whole_database();
	assert_true(whole.len > 20 * 4096);
	int late = 0;
	for (size_t len = 2; len < whole.len; len += len < 4096 ? 331 : 2048) {
		write_bytes(whole.data, len);
		struct store *s = NULL;
		memset(&err, 0, sizeof(err));
		int rc = store_open(path, &s, &err);
		if (rc == 0) {
			late++;
			rc = store_read_all(s, &err) == -EIO ? -EUCLEAN : 0;
			store_close(s);
		}
		assert_int_equal(rc, -EUCLEAN);
		assert_non_null(strstr(err.text, path));
	}
	free(whole.data);
	assert_true(late <= 2);
}

static void flipped_bytes_never_crash(void **state) {
	(void)state;
	struct bytes whole = whole_database();
	unsigned seed = 20261123;
	int opened = 0;
	int refused = 0;
	for (size_t i = 0; i < 600; i++) {
		/* Each byte of the first header, then anywhere; one, or several. */
		size_t at = i < 100 ? i : (size_t)rand_r(&seed) % whole.len;
		size_t n = i < 350 ? 1 : 1 + (size_t)rand_r(&seed) % 64;
		unsigned char *copy = malloc(whole.len);
		assert_non_null(copy);
		memcpy(copy, whole.data, whole.len);
		for (size_t j = 0; j < n && at + j < whole.len; j++) {
			copy[at + j] ^= (unsigned char)(1 + rand_r(&seed) % 255);
		}
		write_bytes(copy, whole.len);
		free(copy);
		if (survive()) {
			opened++;
		} else {
			refused++;
		}
	}
	free(whole.data);
	/* Some hit free space or a text, some the form: both must have been seen. */
	assert_true(opened > 50 && refused > 50);
}

/* A text that is no text any more would end up in answers and logs. */
static void a_row_that_cannot_be_is_told_when_read(void **state) {
	(void)state;
	static const char *const damage[] = {
		"UPDATE schedule SET class = 'loud'",
		"UPDATE schedule SET rule = CAST(x'ff41' AS TEXT)",
		"UPDATE run SET state = 'asleep'",
		"UPDATE announcement SET resume = 'never'",
		"UPDATE announcement_part SET clip = NULL",
		"UPDATE announcement_part SET kind = 'song'",
		"UPDATE run_zone SET outcome = ''",
		"UPDATE run SET severity = NULL WHERE alert IS NOT NULL",
		"UPDATE alert SET level = 'planet'",
		"UPDATE holiday_file SET content = CAST(x'ff' AS TEXT)",
		"UPDATE alert SET state = CAST(x'ff' AS TEXT)",
	};
	struct bytes whole = whole_database();
	for (size_t i = 0; i < LENGTH(damage); i++) {
		write_bytes(whole.data, whole.len);
		run_sql(damage[i]);
		struct store *s = NULL;
		assert_ok(store_open(path, &s, &err));
		assert_refused(store_read_all(s, &err), EIO, "impossible value");
		store_close(s);
	}
	free(whole.data);
}

#define TEST(name) cmocka_unit_test_teardown(name, remove_file)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_there_after_a_start),
		TEST(the_settings_are_those_that_last),
		TEST(a_second_process_is_sent_away),
		TEST(what_is_not_ours_is_refused_and_left_alone),
		TEST(the_log_of_another_program_is_left_alone),
		TEST(another_form_under_our_number_is_refused),
		TEST(a_place_that_cannot_be_opened_is_told),
		TEST(a_migration_keeps_what_there_is),
		TEST(a_migration_that_fails_changes_nothing),
		TEST(form_two_keeps_its_zones),
		TEST(form_eight_keeps_its_clips),
		TEST(an_older_form_learns_what_is_new),
		TEST(garbage_is_refused),
		TEST(a_file_cut_short_is_told),
		TEST(flipped_bytes_never_crash),
		TEST(a_row_that_cannot_be_is_told_when_read),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
