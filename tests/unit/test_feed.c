/* test_feed.c - what is written into a pipe is what comes out of the jitter buffer,
 * however it was cut; and the thread between the two ends when it is told to. */
#include "audio/feed.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define FRAMES 20000

static void nap(void) {
	const struct timespec t = {.tv_nsec = 1000000};
	(void)nanosleep(&t, NULL);
}

static struct jitter *new_jitter(void) {
	struct jitter_config config = {
		.rate = 48000, .least_ms = 10, .most_ms = 1000, .speed_ppm = 300};
	struct jitter *j = NULL;
	struct error err = {0};
	if (jitter_new(&config, &j, &err) < 0) {
		fail_msg("%s", err.text);
	}
	return j;
}

static void wait_frames(const struct feed *f, int64_t n) {
	for (int i = 0; i < 5000 && feed_frames(f) < n; i++) {
		nap();
	}
	assert_int_equal(feed_frames(f), n);
}

/* A rising line, in pieces that end within a frame as well. */
static void what_goes_in_comes_out(void **state) {
	(void)state;
	AUTO(jitter_unref) struct jitter *j = new_jitter();
	struct jitter_tap tap = {0};
	struct feed *f = NULL;
	struct error err = {0};
	static int16_t said[FRAMES];
	static float heard[FRAMES];
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	jitter_join(j, &tap);
	assert_int_equal(feed_new(fds[0], j, &f, &err), 0);
	for (int i = 0; i < FRAMES; i++) {
		said[i] = (int16_t)(i - FRAMES / 2);
	}
	const char *bytes = (const char *)said;
	for (size_t at = 0, n = 1; at < sizeof(said); at += n, n = n % 3001 + 97) {
		size_t left = sizeof(said) - at;
		n = n < left ? n : left;
		assert_int_equal(write(fds[1], bytes + at, n), n);
		wait_frames(f, (int64_t)(at + n) / 2); /* or it all comes at once */
	}
	wait_frames(f, FRAMES);
	size_t n = jitter_pull(j, &tap, heard, FRAMES - 4800);
	assert_int_equal(n, FRAMES - 4800);
	/* From where it is faded in, each frame follows the one before. */
	int good = 0;
	for (size_t i = 8000; i < n; i++) {
		good += heard[i] - heard[i - 1] > 0.99F / 32768.0F &&
			heard[i] - heard[i - 1] < 1.01F / 32768.0F;
	}
	assert_int_equal(good, n - 8000);
	close(fds[1]);
	jitter_leave(j, &tap);
	feed_free(f);
}

static void it_ends_when_it_is_told_to(void **state) {
	(void)state;
	AUTO(jitter_unref) struct jitter *j = new_jitter();
	struct error err = {0};
	for (int i = 0; i < 50; i++) {
		struct feed *f = NULL;
		int fds[2];
		assert_int_equal(pipe(fds), 0);
		assert_int_equal(feed_new(fds[0], j, &f, &err), 0);
		if (i % 2 == 0) {
			close(fds[1]); /* its end may come first */
		}
		feed_free(f);
		assert_int_equal(fcntl(fds[0], F_GETFD), -1);
		if (i % 2 == 1) {
			close(fds[1]);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(it_ends_when_it_is_told_to),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
