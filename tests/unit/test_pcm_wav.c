/* test_pcm_wav.c - the WAV output: real time by the clock, a valid file after a kill at
 * any moment, never a recording overwritten. */
#include "audio/pcm.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define RATE 8000

static char folder[] = "/tmp/dalaba-wav-XXXXXX";
static char name[64];
static unsigned int seed = 31;

static int set_up(void **state) {
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(name, sizeof(name), "wav:%s/a.b.wav", folder);
	return 0;
}

static int tear_down(void **state) {
	(void)state;
	char command[96];
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command); /* NOLINT(cert-env33-c): our own folder */
}

/* Time is the test's own, where nobody is killed: a busy machine makes no sound run dry,
 * and nobody waits for a month. */
static bool real_time;
static int64_t passed_ns = 1000000000;

int clock_gettime(clockid_t clock, struct timespec *t) {
	if (real_time) {
		return (int)syscall(SYS_clock_gettime, clock, t);
	}
	*t = (struct timespec){passed_ns / 1000000000, passed_ns % 1000000000};
	return 0;
}

static void sleep_ms(int64_t ms) {
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	if (real_time) {
		nanosleep(&t, NULL);
	} else {
		passed_ns += ms * 1000000;
	}
}

static int64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct pcm *open_wav(void) {
	struct pcm_spec spec = {
		.name = name, .rate = RATE, .channels = 2, .buffer_ms = 200};
	struct pcm *p = NULL;
	struct error err = {0};
	if (pcm_wav_open(&spec, &p, &err) < 0) {
		fail_msg("%s", err.text);
	}
	return p;
}

/* Writes n frames; frame i of the file has the value i + 1 left, -i - 1 right. */
static int write_count(struct pcm *p, int64_t at, int64_t n) {
	int16_t frames[2 * RATE];
	for (int64_t i = 0; i < n; i++) {
		frames[2 * i] = (int16_t)((at + i) % 30000 + 1);
		frames[2 * i + 1] = (int16_t)-frames[2 * i];
	}
	return pcm_write(p, frames, n, NULL);
}

struct file {
	long data;  /* by the header */
	long there; /* bytes behind the header */
	int16_t frames[40 * RATE];
};

static struct file *read_wav(const char *path) {
	static struct file f;
	unsigned char h[44];
	uint32_t riff = 0;
	uint32_t data = 0;
	FILE *in = fopen(path, "re");
	if (in == NULL) {
		return NULL;
	}
	assert_int_equal(fread(h, 1, sizeof(h), in), sizeof(h));
	memcpy(&riff, h + 4, 4);
	memcpy(&data, h + 40, 4);
	assert_memory_equal(h, "RIFF", 4);
	assert_memory_equal(h + 8, "WAVEfmt ", 8);
	assert_memory_equal(h + 36, "data", 4);
	assert_int_equal(riff, data + 36);
	f.data = data;
	f.there = (long)fread(f.frames, 1, sizeof(f.frames), in);
	fclose(in);
	assert_true(f.data <= f.there);
	return &f;
}

static void plays_by_the_clock(void **state) {
	(void)state;
	struct pcm *p = open_wav();
	struct pcm_status st;
	struct error err = {0};
	assert_int_equal(write_count(p, 0, 3000), p->buffer_frames);
	assert_int_equal(write_count(p, 0, 10), 0); /* full */
	int64_t before_ns = now_ns();
	assert_int_equal(pcm_start(p, &err), 0);
	int64_t written = p->buffer_frames;
	for (int i = 0; i < 5; i++) {
		sleep_ms(50);
		assert_int_equal(pcm_status(p, &st, &err), 0);
		assert_int_equal(st.state, PCM_RUNNING);
		int64_t played = written - st.queued;
		int64_t wanted = (st.at_ns - before_ns) * RATE / 1000000000;
		assert_in_range(played, wanted > 8 ? wanted - 8 : 0, wanted + 1);
		written += write_count(p, written, 3000);
	}
	/* What was taken back is not in the file; what is written instead is. */
	int64_t back = pcm_rewind(p, 100000);
	assert_true(back > 0 && back < p->buffer_frames + 1);
	written -= back;
	written += write_count(p, written, 100);
	sleep_ms(150);
	assert_int_equal(pcm_status(p, &st, &err), 0);
	assert_int_equal(st.state, PCM_XRUN);
	/* A pause is silence of its length. */
	assert_int_equal(pcm_recover(p, &err), 0);
	sleep_ms(200);
	write_count(p, 7, 100);
	assert_int_equal(pcm_start(p, &err), 0);
	pcm_free(p);
	const struct file *f = read_wav(name + 4);
	assert_non_null(f);
	assert_in_range(f->data / 4, written + RATE / 5, written + RATE);
	for (int64_t i = 0; i < written; i++) {
		assert_int_equal(f->frames[2 * i], i % 30000 + 1);
		assert_int_equal(f->frames[2 * i + 1], -(i % 30000) - 1);
	}
	for (int64_t i = written; i < written + RATE / 5; i++) {
		assert_int_equal(f->frames[2 * i], 0);
	}
}

static void play_until_killed(_Atomic int64_t *played) {
	struct pcm *p = open_wav();
	struct pcm_status st;
	int64_t written = write_count(p, 0, 1000);
	(void)pcm_start(p, NULL);
	for (;;) {
		sleep_ms(2);
		(void)pcm_status(p, &st, NULL);
		*played = written - st.queued;
		written += write_count(p, written, 1000);
	}
}

static void is_valid_after_a_kill(void **state) {
	(void)state;
	_Atomic int64_t *played = mmap(NULL, sizeof(*played), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(played, MAP_FAILED);
	real_time = true;
	for (int i = 0; i < 12; i++) {
		unlink(name + 4);
		*played = -1;
		pid_t child = fork();
		if (child == 0) {
			play_until_killed(played);
		}
		assert_true(child > 0);
		struct timespec t = {0, (long)(rand_r(&seed) % 900000000U) + 30000000};
		do {
			nanosleep(&t, NULL);
		} while (*played < 0);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, NULL, 0), child);
		const struct file *f = read_wav(name + 4);
		assert_non_null(f);
		/* The header is at most a quarter of a second behind what was played,
		 * and every frame is there of which it says so. */
		assert_true(f->data / 4 >= *played - RATE / 4);
		for (long k = 0; k < f->data / 4; k++) {
			assert_int_equal(f->frames[2 * k], k % 30000 + 1);
		}
	}
	real_time = false;
	munmap(played, sizeof(*played));
}

static void play_a_while(struct pcm *p, int64_t at) {
	struct error err = {0};
	struct pcm_status st;
	int64_t begin_ns = now_ns();
	write_count(p, at, 1000);
	assert_int_equal(pcm_start(p, &err), 0);
	while (now_ns() - begin_ns < 600000000) {
		sleep_ms(10);
		assert_int_equal(pcm_status(p, &st, &err), 0);
		if (st.state == PCM_XRUN) {
			assert_int_equal(pcm_recover(p, &err), 0);
			write_count(p, at, 1000);
			assert_int_equal(pcm_start(p, &err), 0);
		}
		write_count(p, at, 1000);
	}
	assert_int_equal(pcm_recover(p, &err), 0);
}

static size_t count_files(void) {
	size_t n = 0;
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	for (struct dirent *e = NULL; (e = readdir(dir)) != NULL;) {
		n += e->d_name[0] != '.';
	}
	closedir(dir);
	return n;
}

static void empty_folder(void) {
	char path[320];
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	for (struct dirent *e = NULL; (e = readdir(dir)) != NULL;) {
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		(void)unlink(path);
	}
	closedir(dir);
}

/* A file that is taken away gets a successor, while it plays and while it stands. */
static void goes_on_in_another_file(void **state) {
	(void)state;
	char kept[96];
	empty_folder();
	snprintf(kept, sizeof(kept), "%s/kept", folder);
	struct pcm *p = open_wav();
	play_a_while(p, 0);
	assert_int_equal(rename(name + 4, kept), 0);
	play_a_while(p, 10000);
	assert_int_equal(unlink(name + 4), 0);
	struct pcm_status st;
	struct error err = {0};
	write_count(p, 20000, 1000);
	assert_int_equal(pcm_start(p, &err), 0);
	const struct file *f = read_wav(name + 4);
	assert_non_null(f);
	assert_int_equal(unlink(name + 4), 0);
	for (int i = 0; i < 4; i++) {
		sleep_ms(100);
		assert_int_equal(pcm_status(p, &st, &err), 0);
	}
	pcm_free(p);
	f = read_wav(name + 4);
	assert_non_null(f);
	f = read_wav(kept);
	assert_non_null(f);
	assert_true(f->data / 4 > RATE / 2);
	for (long k = 0; k < 1000; k++) {
		assert_int_equal(f->frames[2 * k], k + 1);
	}
}

/* Silence of a month is not written into dozens of files before a word is heard. */
static void stands_for_a_month(void **state) {
	(void)state;
	empty_folder();
	struct pcm *p = open_wav();
	play_a_while(p, 0);
	sleep_ms(30LL * 86400 * 1000);
	play_a_while(p, 10000);
	pcm_free(p);
	assert_int_equal(count_files(), 2);
	const struct file *f = read_wav(name + 4);
	assert_non_null(f);
	assert_int_equal(f->frames[0], 10001);
}

static void overwrites_nothing(void **state) {
	(void)state;
	char other[96];
	struct error err = {0};
	struct stat st;
	empty_folder();
	for (int i = 0; i < 3; i++) {
		struct pcm *p = open_wav();
		write_count(p, i * 100, 500);
		assert_int_equal(pcm_start(p, &err), 0);
		sleep_ms(30);
		pcm_free(p);
	}
	snprintf(other, sizeof(other), "%s/a.b-2.wav", folder);
	assert_int_equal(stat(other, &st), 0);
	assert_true(st.st_size > 44);
	/* One that holds nothing is taken again. */
	pcm_free(open_wav());
	unlink(name + 4);
	pcm_free(open_wav());
	pcm_free(open_wav());
	snprintf(other, sizeof(other), "%s/a.b-9.wav", folder);
	assert_int_equal(stat(other, &st), -1);
}

static void leaves_other_files_alone(void **state) {
	(void)state;
	char path[96];
	char text[64] = "";
	struct error err = {0};
	snprintf(path, sizeof(path), "wav:%s/notes.txt", folder);
	FILE *f = fopen(path + 4, "w");
	assert_non_null(f);
	fputs("not a sound, and not ours to rename or to write to", f);
	fclose(f);
	struct pcm_spec spec = {.name = path, .rate = 0, .channels = 1, .buffer_ms = 200};
	struct pcm *p = NULL;
	assert_int_equal(pcm_wav_open(&spec, &p, &err), -EEXIST);
	assert_non_null(strstr(err.text, "choose another name"));
	f = fopen(path + 4, "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "not a sound, and not ours to rename or to write to");
	unlink(path + 4);
}

static void refuses_what_is_no_file(void **state) {
	(void)state;
	static const struct {
		const char *name;
		int code;
		const char *words;
	} cases[] = {
		{"wav:", -EINVAL, "names no file"},
		{"wav:/nowhere/at/all.wav", -ENOENT, "/nowhere/at/all.wav"},
		{"wav:/dev/null", -EINVAL, "not a file"},
		{"wav:/tmp", -EINVAL, "not a file"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pcm_spec spec = {.name = cases[i].name,
					.rate = 0,
					.channels = 1,
					.buffer_ms = 200};
		struct pcm *p = NULL;
		struct error err = {0};
		assert_int_equal(pcm_wav_open(&spec, &p, &err), cases[i].code);
		assert_non_null(strstr(err.text, cases[i].words));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plays_by_the_clock),
		cmocka_unit_test(is_valid_after_a_kill),
		cmocka_unit_test(goes_on_in_another_file),
		cmocka_unit_test(stands_for_a_month),
		cmocka_unit_test(overwrites_nothing),
		cmocka_unit_test(leaves_other_files_alone),
		cmocka_unit_test(refuses_what_is_no_file),
	};
	print_message("seed %u\n", seed);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
