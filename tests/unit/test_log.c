/* test_log.c - a message is one line, whatever is in it. */
#include "log.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_message_is_one_line(void **state) {
	(void)state;
	static const struct {
		int priority;
		const char *text;
		const char *line;
	} cases[] = {
		{LOG_ERR, "no card", "<3>no card\n"},
		{LOG_DEBUG, "", "<7>\n"},
		{-1, "on a terminal", "on a terminal\n"},
		{LOG_INFO, "大喇叭 📢", "<6>大喇叭 📢\n"},
		{LOG_INFO, "a\n<0>b\r\tc", "<6>a\\n<0>b\\r\\tc\n"},
		{LOG_INFO, "\x1b[2J\x7f", "<6>\\x1b[2J\\x7f\n"},
		{LOG_INFO,
		 "\xc2\x9b"
		 "2J",
		 "<6>\\xc2\\x9b2J\n"},
		{LOG_INFO, "\xff\xe5\xb9", "<6>\\xff\\xe5\\xb9\n"},
		{LOG_INFO, "\xe5\xb9 x", "<6>\\xe5\\xb9 x\n"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[64];
		size_t len =
			log_format(cases[i].priority, cases[i].text, line, sizeof(line));
		assert_string_equal(line, cases[i].line);
		assert_int_equal(len, strlen(line));
	}
}

static void a_long_message_is_cut_at_a_character(void **state) {
	(void)state;
	for (size_t size = 17; size < 40; size++) {
		char line[40];
		memset(line, 'z', sizeof(line));
		size_t len =
			log_format(LOG_INFO, "广播广播广播广播\n\n\n\n\n", line, size);
		assert_true(len < size);
		assert_int_equal(line[len - 1], '\n');
		assert_int_equal(line[len], '\0');
		assert_int_equal(strchr(line, '\n') - line, len - 1);
		if (len <= 28) {
			assert_int_equal((len - 4) % 3, 0);
		}
	}
}

/* What log_at sends to stderr while fn runs. */
static void caught(void (*fn)(void), char *ret, size_t size) {
	int pipe_fds[2];
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	int saved = dup(STDERR_FILENO);
	dup2(pipe_fds[1], STDERR_FILENO);
	fn();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(pipe_fds[1]);
	ssize_t n = read(pipe_fds[0], ret, size - 1);
	close(pipe_fds[0]);
	assert_true(n >= 0);
	ret[n] = '\0';
}

static void log_some(void) {
	errno = ENOSPC;
	log_err("zone '%s'", "东\n村");
	assert_int_equal(errno, ENOSPC);
	log_info("ready");
	log_debug("left out");
	log_threshold_set(LOG_WARNING);
	log_notice("left out too");
	log_warning("late by %d ms", 5);
	log_threshold_set(LOG_INFO);
}

static void what_is_not_urgent_enough_is_left_out(void **state) {
	(void)state;
	char text[256];
	caught(log_some, text, sizeof(text));
	assert_string_equal(text, "<3>zone '东\\n村'\n<6>ready\n<4>late by 5 ms\n");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_one_line),
		cmocka_unit_test(a_long_message_is_cut_at_a_character),
		cmocka_unit_test(what_is_not_urgent_enough_is_left_out),
	};
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
