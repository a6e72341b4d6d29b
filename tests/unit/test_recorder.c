/* test_recorder.c - recordings: what lies on tapes is found in the file, in its place, at
 * every rate; a disk that is slow leaves silence and is told of; one that is full leaves
 * no file. */
#include "audio/recorder.h"

#include "audio/clip.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define SOUND_HZ 600.0

static char folder[] = "/tmp/dalaba-recorder-XXXXXX";
static struct error err;

static const char *path_of(const char *name) {
	static char path[200];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static float sound_at(int64_t k, int rate) {
	return (float)(0.4 * sin(2 * M_PI * SOUND_HZ * (double)k / rate));
}

/* Puts [from, from + n) of the sound onto a tape, in pieces, as an output would. */
static void send(struct tape *t, int64_t from, int64_t n, int rate) {
	float frames[480];
	for (int64_t k = from; k < from + n; k += 480) {
		for (int64_t i = 0; i < 480; i++) {
			frames[i] = sound_at(k + i, rate);
		}
		int64_t piece = from + n - k < 480 ? from + n - k : 480;
		tape_write(t, k, frames, piece);
		tape_settle(t, k + piece);
	}
}

static struct tape *send_whole(int rate, double seconds) {
	struct tape *t = tape_new(rate, seconds + 1.0);
	assert_non_null(t);
	tape_place(t, 0, rate);
	send(t, 0, (int64_t)(rate * seconds), rate);
	tape_end(t);
	return t;
}

static struct recorder_end wait_end(struct recorder *r, int64_t recording) {
	struct recorder_end end;
	for (int i = 0; i < 100; i++) {
		while (recorder_next_end(r, &end) > 0) {
			if (end.recording == recording) {
				return end;
			}
		}
		struct pollfd fd = {.fd = recorder_fd(r), .events = POLLIN};
		(void)poll(&fd, 1, 100);
	}
	fail_msg("recording %d has no end", (int)recording);
	return end;
}

/* RMS of the file over [from_s, to_s), and of what of it is not the sound. */
static double rms_of(const char *path, double from_s, double to_s, double *ret_off,
		     int64_t *ret_frames) {
	AUTO(clip_free) struct clip *c = NULL;
	float frames[4800];
	double re = 0.0;
	double im = 0.0;
	double all = 0.0;
	int64_t n = 0;
	int64_t at = 0;
	assert_int_equal(clip_open(path, NULL, 0, 0, &c, &err), 0);
	for (;;) {
		int got = clip_read(c, frames, 4800, &err);
		assert_true(got >= 0);
		if (got == 0) {
			break;
		}
		for (int i = 0; i < got; i++, at++) {
			double s = (double)at / 48000.0;
			if (s < from_s || s >= to_s) {
				continue;
			}
			double x = (double)frames[i];
			re += x * cos(2 * M_PI * SOUND_HZ * s);
			im += x * sin(2 * M_PI * SOUND_HZ * s);
			all += x * x;
			n++;
		}
	}
	*ret_frames = at;
	assert_true(n > 0);
	*ret_off = sqrt(fmax(
		all / (double)n - 2 * (re * re + im * im) / (double)n / (double)n, 0.0));
	return sqrt(all / (double)n);
}

static void check_sound(const char *path, double from_s, double to_s, double length_s) {
	double off = 0.0;
	int64_t frames = 0;
	double rms = rms_of(path, from_s, to_s, &off, &frames);
	if (fabs(rms - 0.4 / sqrt(2)) > 0.01 || off > 0.03) {
		fail_msg("%s [%.1f, %.1f): RMS %.4f, of it off %.4f", path, from_s, to_s,
			 rms, off);
	}
	assert_true(fabs((double)frames / 48000 - length_s) < 0.001);
}

struct rate_case {
	int rates[2]; /* of one tape and the next; 0: none */
	double seconds;
};

static const struct rate_case rates[] = {
	{{48000, 0}, 3.0},     {{44100, 0}, 3.0},     {{96000, 0}, 1.5},
	{{8000, 0}, 2.0},      {{48000, 48000}, 2.0}, {{44100, 48000}, 2.0},
	{{48000, 32000}, 2.0},
};

static void finds_what_was_sent(void **state) {
	(void)state;
	struct recorder *r = NULL;
	assert_int_equal(recorder_new(&r, &err), 0);
	for (size_t i = 0; i < LENGTH(rates); i++) {
		const struct rate_case *c = &rates[i];
		char name[32];
		struct stat st;
		double length_s = 0.0;
		snprintf(name, sizeof(name), "%d.opus", (int)i);
		const char *path = path_of(name);
		assert_int_equal(recorder_begin(r, 10 + (int64_t)i, path, 32, &err), 0);
		for (size_t k = 0; k < 2 && c->rates[k] != 0; k++) {
			/* Whole periods: the second goes on where the first ended. */
			struct tape *t = send_whole(c->rates[k], c->seconds);
			assert_int_equal(recorder_add(r, 10 + (int64_t)i, t, &err), 0);
			length_s += c->seconds;
		}
		recorder_finish(r, 10 + (int64_t)i);
		struct recorder_end end = wait_end(r, 10 + (int64_t)i);
		print_message("%d then %d Hz: %lld ms, %lld bytes\n", c->rates[0],
			      c->rates[1], (long long)end.duration_ms,
			      (long long)end.size_bytes);
		assert_int_equal(end.error, 0);
		assert_int_equal(end.lost_ms, 0);
		assert_in_range(end.duration_ms, (int64_t)(length_s * 1000) - 1,
				(int64_t)(length_s * 1000) + 1);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, end.size_bytes);
		assert_true((double)st.st_size < length_s * 32000 / 8 * 1.5 + 1000);
		check_sound(path, 0.1, length_s - 0.1, length_s);
	}
	recorder_free(r, NULL, NULL);
}

static _Atomic bool disk_hangs;
static _Atomic int disk_errno;

static int before_write(void *arg) {
	(void)arg;
	while (disk_hangs) {
		usleep(1000);
	}
	return disk_errno;
}

/* The disk hangs for 3 s while the sound goes on: what the tape holds comes through, for
 * the rest there is silence of its length. */
static void a_slow_disk_leaves_a_gap(void **state) {
	(void)state;
	struct recorder *r = NULL;
	assert_int_equal(recorder_new(&r, &err), 0);
	recorder_hook(r, before_write, NULL);
	struct tape *t = tape_new(48000, 1.0);
	assert_non_null(t);
	tape_hold(t);
	tape_place(t, 0, 48000);
	assert_int_equal(recorder_begin(r, 1, path_of("slow.opus"), 32, &err), 0);
	assert_int_equal(recorder_add(r, 1, t, &err), 0);
	disk_hangs = true;
	for (int i = 0; i < 100; i++) {
		send(t, i * 2400LL, 2400, 48000);
		usleep(2000);
	}
	disk_hangs = false;
	usleep(600000);
	for (int i = 100; i < 140; i++) {
		send(t, i * 2400LL, 2400, 48000);
		usleep(20000);
	}
	tape_end(t);
	tape_release(t);
	recorder_finish(r, 1);
	struct recorder_end end = wait_end(r, 1);
	print_message("%lld ms, %lld lost\n", (long long)end.duration_ms,
		      (long long)end.lost_ms);
	assert_int_equal(end.error, 0);
	assert_in_range(end.lost_ms, 2000, 4900);
	assert_in_range(end.duration_ms, 6998, 7001);
	check_sound(path_of("slow.opus"), 5.5, 6.9, 7.0);
	recorder_free(r, NULL, NULL);
}

static void a_full_disk_leaves_nothing(void **state) {
	(void)state;
	struct recorder *r = NULL;
	struct stat st;
	assert_int_equal(recorder_new(&r, &err), 0);
	recorder_hook(r, before_write, NULL);
	disk_errno = ENOSPC;
	const char *path = path_of("full.opus");
	assert_int_equal(recorder_begin(r, 1, path, 32, &err), 0);
	assert_int_equal(recorder_add(r, 1, send_whole(48000, 2.0), &err), 0);
	recorder_finish(r, 1);
	struct recorder_end end = wait_end(r, 1);
	disk_errno = 0;
	assert_int_equal(end.error, ENOSPC);
	assert_non_null(strstr(end.text, "full.opus"));
	assert_non_null(strstr(end.text, "No space left"));
	assert_int_equal(stat(path, &st), -1);
	/* A file that is there is not touched. */
	path = path_of("0.opus");
	assert_int_equal(recorder_begin(r, 2, path, 32, &err), 0);
	assert_int_equal(recorder_add(r, 2, send_whole(48000, 0.5), &err), 0);
	recorder_finish(r, 2);
	end = wait_end(r, 2);
	assert_int_equal(end.error, EEXIST);
	check_sound(path, 0.1, 2.9, 3.0);
	recorder_free(r, NULL, NULL);
}

static void count_end(void *arg, const struct recorder_end *end) {
	struct recorder_end *ends = arg;
	assert_in_range(end->recording, 1, 3);
	ends[end->recording] = *end;
}

/* A job that never sounded leaves no file; and what is open when the box stops is ended
 * from what there is. */
static void ends_with_the_recorder(void **state) {
	(void)state;
	struct recorder *r = NULL;
	struct recorder_end ends[4] = {{0}};
	struct stat st;
	assert_int_equal(recorder_new(&r, &err), 0);
	struct tape *silent = tape_new(48000, 1.0);
	struct tape *open = tape_new(48000, 2.0);
	assert_true(silent != NULL && open != NULL);
	tape_end(silent);
	tape_place(open, 0, 48000);
	send(open, 0, 48000, 48000);
	assert_int_equal(recorder_begin(r, 1, path_of("silent.opus"), 32, &err), 0);
	assert_int_equal(recorder_add(r, 1, silent, &err), 0);
	assert_int_equal(recorder_begin(r, 2, path_of("open.opus"), 32, &err), 0);
	assert_int_equal(recorder_add(r, 2, open, &err), 0);
	assert_int_equal(recorder_begin(r, 3, path_of("nothing.opus"), 32, &err), 0);
	assert_int_equal(recorder_add(r, 9, send_whole(48000, 0.1), &err), -ENOENT);
	recorder_free(r, count_end, ends);
	assert_int_equal(ends[1].duration_ms, 0);
	assert_int_equal(stat(path_of("silent.opus"), &st), -1);
	assert_int_equal(ends[2].duration_ms, 1000);
	check_sound(path_of("open.opus"), 0.1, 0.9, 1.0);
	assert_int_equal(ends[3].recording, 3);
	assert_int_equal(ends[3].duration_ms, 0);
}

static int make_folder(void **state) {
	(void)state;
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state) {
	(void)state;
	char command[200];
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return system(command);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_sent),
		cmocka_unit_test(a_slow_disk_leaves_a_gap),
		cmocka_unit_test(a_full_disk_leaves_nothing),
		cmocka_unit_test(ends_with_the_recorder),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
