/* test_store_relay.c - lines and streams as parts: kept as they were given, refused with
 * a sentence where they cannot be, and none in what an older form left. */
#include "store_rows.h"

#include "schedule/store_internal.h"

static struct error err;

static int put(struct store *s, enum part_kind kind, const char *name,
	       const char *fallback, int64_t length_ms, int64_t *id) {
	AUTO(announcement_done)
	struct announcement a = {.content.repeat = 2, .expires_us = TIME_NONE};
	a.title = strdup("radio");
	assert_int_equal(content_add(&a.content, PART_CHIME, "gong", NULL, 0), 0);
	assert_int_equal(content_add_relay(&a.content, kind, name, fallback, length_ms),
			 0);
	int rc = store_announcement_put(s, &a, &err);
	*id = a.id;
	return rc;
}

static void they_are_kept(void **state) {
	struct store *s = *state;
	int64_t line = 0;
	int64_t stream = 0;
	assert_int_equal(add_clip(s, 5, &err), 1);
	assert_ok(put(s, PART_LINE, "hw:CARD=Device,DEV=0", NULL, 86400000, &line));
	assert_ok(put(s, PART_STREAM, "https://a.b/c?d", clip_id(5), 1000, &stream));
	AUTO(announcement_done) struct announcement back = {0};
	assert_ok(store_announcement_get(s, stream, &back, &err));
	const struct part *part = &back.content.parts[1];
	assert_int_equal(back.content.n_parts, 2);
	assert_int_equal(part->kind, PART_STREAM);
	assert_string_equal(part->text, "https://a.b/c?d");
	assert_string_equal(part->fallback, clip_id(5));
	assert_int_equal(part->length_ms, 1000);
	assert_int_equal(back.content.parts[0].length_ms, 0);
	/* What would be its fallback is not deleted. */
	assert_refused(store_clip_delete(s, clip_id(5), &err), EBUSY, "'radio'");
	struct run_zone zone = {
		.zone = 1, .zone_name = back.title, .started_us = TIME_NONE};
	struct run run = {.source = back.title,
			  .title = back.title,
			  .content = back.content,
			  .class = CLASS_NOTICE,
			  .due_us = NOON_US,
			  .created_us = NOON_US,
			  .expires_us = TIME_NONE,
			  .author = back.title,
			  .zones = &zone,
			  .n_zones = 1};
	assert_ok(store_run_claim(s, &run, &err));
	AUTO(run_done) struct run told = {0};
	assert_ok(store_run_get(s, run.id, &told, &err));
	assert_string_equal(told.content.parts[1].fallback, clip_id(5));
	assert_int_equal(told.content.parts[1].length_ms, 1000);
	AUTO(announcement_done) struct announcement other = {0};
	assert_ok(store_announcement_get(s, line, &other, &err));
	assert_int_equal(other.content.parts[1].kind, PART_LINE);
	assert_null(other.content.parts[1].fallback);
}

static void others_are_refused(void **state) {
	static const struct {
		enum part_kind kind;
		const char *name;
		int64_t length_ms;
		const char *words;
	} cases[] = {
		{PART_LINE, "", 1000, "no name of an ALSA capture"},
		{PART_LINE, "hw:0 1", 1000, "no name of an ALSA capture"},
		{PART_LINE, "file:/etc/x,raw", 1000, "no name of an ALSA capture"},
		{PART_LINE, "tee:hw,'|sh'", 1000, "no name of an ALSA capture"},
		{PART_LINE, "{type hw}", 1000, "no name of an ALSA capture"},
		{PART_LINE, "-v", 1000, "no name of an ALSA capture"},
		{PART_LINE, "hw:0", 999, "'length_ms' is 999"},
		{PART_LINE, "hw:0", 86400001, "'length_ms' is 86400001"},
		{PART_STREAM, "ftp://a/b", 1000, "no address of a stream"},
		{PART_STREAM, "file:///etc/passwd", 1000, "no address of a stream"},
		{PART_STREAM, "http://", 1000, "no address of a stream"},
		{PART_STREAM, "https:///x", 1000, "no address of a stream"},
		{PART_STREAM, "http://a/b c", 1000, "no address of a stream"},
		{PART_STREAM, "http://a/\n", 1000, "no address of a stream"},
		{PART_STREAM, "http://me:secret@a/b", 1000, "name and password"},
		{PART_STREAM, "http://a/b@c", 0, "'length_ms' is 0"},
	};
	struct store *s = *state;
	int64_t id = 0;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_refused(put(s, cases[i].kind, cases[i].name, NULL,
				   cases[i].length_ms, &id),
			       EINVAL, cases[i].words);
		assert_string_equal(err.field, "parts");
	}
	assert_refused(put(s, PART_STREAM, "http://a/b", "ff", 1000, &id), EINVAL,
		       "64 hex");
	assert_refused(put(s, PART_STREAM, "http://a/b", clip_id(7), 1000, &id), EINVAL,
		       "there is no clip");
	assert_ok(put(s, PART_STREAM, "HTTP://a/b@c", NULL, 1000, &id));
}

/* Of the form before: its parts are what they were. */
static void an_older_form_keeps_its_parts(void **state) {
	(void)state;
	char path[] = "/tmp/dalaba-store-relay-XXXXXX";
	int fd = mkstemp(path);
	const char *old[MIGRATIONS_MAX] = {NULL};
	struct store *s = NULL;
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	for (size_t i = 0; i < 5; i++) {
		old[i] = store_migrations()[i];
	}
	assert_ok(store_open_with(path, old, &s, &err));
	assert_int_equal(
		sqlite3_exec(
			s->db,
			"INSERT INTO announcement (title, repeat, gap_ms, resume,"
			" created_us, changed_us) VALUES ('old', 1, 0, 'drop', 1, 1);"
			"INSERT INTO announcement_part VALUES (1, 0, 'silence', NULL,"
			" NULL, NULL, 700), (1, 1, 'text', 'hello', NULL, 'en', 0)",
			NULL, NULL, NULL),
		SQLITE_OK);
	store_close(s);
	s = NULL;
	assert_ok(store_open(path, &s, &err));
	AUTO(announcement_done) struct announcement back = {0};
	assert_ok(store_announcement_get(s, 1, &back, &err));
	assert_int_equal(back.content.n_parts, 2);
	assert_int_equal(back.content.parts[0].silence_ms, 700);
	assert_string_equal(back.content.parts[1].voice, "en");
	assert_int_equal(back.content.parts[1].length_ms, 0);
	int64_t id = 0;
	assert_ok(put(s, PART_LINE, "hw:0", NULL, 5000, &id));
	store_close(s);
	unlink(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_memory, close_memory)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(they_are_kept),
		TEST(others_are_refused),
		cmocka_unit_test(an_older_form_keeps_its_parts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
