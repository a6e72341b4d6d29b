/* test_store_holidays.c - holiday files: one for a name and a year, the later ones over
 * the earlier. */
#include "store_rows.h"

static struct error err;

static int put(struct store *s, const char *name, int year, const char *content) {
	AUTO(holiday_file_done)
	struct holiday_file file = {.name = strdup(name),
				    .year = year,
				    .content = strdup(content),
				    .changed_us = NOON_US,
				    .author = strdup("clerk")};
	int rc = store_holidays_put(s, &file, &err);
	assert_true(rc < 0 || file.id > 0);
	return rc;
}

static void check_order(struct store *s, const char *name, const char *wanted) {
	struct holiday_file *files = NULL;
	size_t n = 0;
	char got[400] = "";
	assert_ok(store_holidays_list(s, name, &files, &n, &err));
	for (size_t i = 0; i < n; i++) {
		size_t used = strlen(got);
		snprintf(got + used, sizeof(got) - used, "%s %d %s;", files[i].name,
			 files[i].year, files[i].content);
		assert_int_equal(files[i].changed_us, NOON_US);
		assert_string_equal(files[i].author, "clerk");
	}
	assert_string_equal(got, wanted);
	holidays_list_free(files, n);
}

static void a_file_replaces_that_of_its_name_and_year(void **state) {
	struct store *s = *state;
	check_order(s, NULL, "");
	assert_int_equal(put(s, "cn", 2026, "a"), 1);
	assert_int_equal(put(s, "cn", 2025, "b"), 1);
	assert_int_equal(put(s, "宁夏", 2026, "c"), 1);
	check_order(s, NULL, "cn 2025 b;cn 2026 a;宁夏 2026 c;");
	/* Put again it lies over the others of its year. */
	assert_int_equal(put(s, "cn", 2026, "d"), 0);
	check_order(s, NULL, "cn 2025 b;宁夏 2026 c;cn 2026 d;");
	check_order(s, "cn", "cn 2025 b;cn 2026 d;");
	check_order(s, "us", "");
	int64_t newest_us = 0;
	assert_ok(store_newest_us(s, &newest_us, &err));
	assert_int_equal(newest_us, NOON_US);
}

static void files_go_by_year_or_all_at_once(void **state) {
	struct store *s = *state;
	for (int year = 2024; year <= 2026; year++) {
		assert_int_equal(put(s, "cn", year, "x"), 1);
	}
	assert_int_equal(put(s, "us", 2024, "y"), 1);
	assert_ok(store_holidays_delete(s, "cn", 2025, &err));
	check_order(s, NULL, "cn 2024 x;us 2024 y;cn 2026 x;");
	assert_refused(store_holidays_delete(s, "cn", 2025, &err), ENOENT,
		       "no file of 2025 was given to a calendar 'cn'");
	assert_ok(store_holidays_delete(s, "cn", 0, &err));
	check_order(s, NULL, "us 2024 y;");
	assert_refused(store_holidays_delete(s, "cn", 0, &err), ENOENT,
		       "no file was given to a calendar 'cn'");
}

static void heads_are_without_content(void **state) {
	struct store *s = *state;
	assert_int_equal(put(s, "us", 2026, "{\"days\":[1,2,3]}"), 1);
	assert_int_equal(put(s, "cn", 2026, "not JSON"), 1);
	assert_int_equal(put(s, "cn", 2025, "{\"days\":[]}"), 1);
	static const struct holiday_file want[] = {{.id = 3, .year = 2025},
						   {.id = 2, .year = 2026},
						   {.id = 1, .year = 2026, .n_days = 3}};
	struct holiday_file *files = NULL;
	size_t n = 0;
	assert_ok(store_holidays_heads(s, &files, &n, &err));
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(files[i].id, want[i].id);
		assert_int_equal(files[i].year, want[i].year);
		assert_int_equal(files[i].n_days, want[i].n_days);
		assert_string_equal(files[i].name, i < 2 ? "cn" : "us");
		assert_string_equal(files[i].author, "clerk");
		assert_null(files[i].content);
	}
	holidays_list_free(files, n);
}

static void what_cannot_be_is_refused(void **state) {
	struct store *s = *state;
	assert_refused(put(s, "", 2026, "x"), EINVAL, "'name'");
	assert_refused(put(s, "a\nb", 2026, "x"), EINVAL, "'name'");
	assert_refused(put(s, "cn", 1969, "x"), EINVAL, "'year'");
	assert_refused(put(s, "cn", 2201, "x"), EINVAL, "'year'");
	check_order(s, NULL, "");
	char name[20];
	for (int i = 0; i < STORE_HOLIDAYS_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(put(s, name, 2026, "x"), 1);
	}
	assert_refused(put(s, "more", 2026, "x"), EBUSY, "there are 100 holiday files");
	assert_int_equal(put(s, name, 2026, "y"), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_replaces_that_of_its_name_and_year,
						open_memory, close_memory),
		cmocka_unit_test_setup_teardown(files_go_by_year_or_all_at_once,
						open_memory, close_memory),
		cmocka_unit_test_setup_teardown(heads_are_without_content, open_memory,
						close_memory),
		cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, open_memory,
						close_memory),
	};
	return cmocka_run_group_tests_name("store_holidays", tests, NULL, NULL);
}
