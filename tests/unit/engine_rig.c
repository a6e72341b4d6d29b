/* engine_rig.c - see engine_rig.h. */
#include "engine_rig.h"

#include "audio/chime.h"
#include "base/str.h"
#include "tests/rig/alsa_clock.h"

#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SEGMENTS 256

static int64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

const char *rig_path(const struct rig *rig, const char *name) {
	static char paths[8][2 * RIG_PATH];
	static size_t next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof(paths[0]), "%s/%s", rig->dir, name);
	return path;
}

const char *rig_pcm(const struct rig *rig, int64_t output) {
	static char names[8][3 * RIG_PATH];
	static size_t next;
	char *name = names[next++ % 8];
	if (rig->cards[output - 1].wav) {
		snprintf(name, sizeof(names[0]), "wav:%s/out%d.wav", rig->dir,
			 (int)output);
	} else {
		snprintf(name, sizeof(names[0]), "card%d", (int)output);
	}
	return name;
}

static void write_cards(const struct rig *rig) {
	struct alsa_clock_card cards[RIG_OUTPUTS];
	static char text[RIG_OUTPUTS][5][3 * RIG_PATH];
	for (size_t i = 0; i < rig->n_cards; i++) {
		const struct rig_card *c = &rig->cards[i];
		size_t size = sizeof(text[i][0]);
		snprintf(text[i][0], size, "card%d", (int)i + 1);
		snprintf(text[i][1], size, "%s/out%d.raw", rig->dir, (int)i + 1);
		snprintf(text[i][2], size, "%d", c->rate);
		snprintf(text[i][3], size, "%d", c->channels);
		text[i][4][0] = '\0';
		if (c->more != NULL) {
			const char *folder = strstr(c->more, "%s");
			int before = folder != NULL ? (int)(folder - c->more)
						    : (int)strlen(c->more);
			snprintf(text[i][4], size, "%.*s%s%s", before, c->more,
				 folder != NULL ? rig->dir : "",
				 folder != NULL ? folder + 2 : "");
		}
		cards[i] = (struct alsa_clock_card){
			.name = text[i][0],
			.capture = text[i][1],
			.rates = text[i][2],
			.channels = text[i][3],
			.more = text[i][4],
		};
	}
	const char *conf = rig_path(rig, "asound.conf");
	assert_int_equal(alsa_clock_conf(conf, ALSA_CLOCK_PLUGIN, cards, rig->n_cards),
			 0);
	assert_int_equal(setenv("ALSA_CONFIG_PATH", conf, 1), 0);
}

void rig_start(struct rig *rig, const struct rig_card *cards, size_t n, int buffer_ms) {
	struct error err = {0};
	*rig = (struct rig){.n_cards = n};
	memcpy(rig->cards, cards, n * sizeof(*cards));
	str_copy(rig->dir, sizeof(rig->dir), "/tmp/dalaba-engine-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	write_cards(rig);
	struct engine_config config = {.buffer_ms = buffer_ms};
	if (engine_new(&config, &rig->engine, &err) < 0) {
		fail_msg("%s", err.text);
	}
	for (size_t i = 0; i < n; i++) {
		struct engine_output o = {
			.id = (int64_t)i + 1,
			.pcm = rig_pcm(rig, (int64_t)i + 1),
			.rate = cards[i].rate,
			.channels = cards[i].channels,
		};
		if (engine_output_set(rig->engine, &o, &err) < 0) {
			fail_msg("%s", err.text);
		}
	}
}

static int remove_one(const char *path, const struct stat *st, int kind,
		      struct FTW *walk) {
	(void)st;
	(void)kind;
	(void)walk;
	return remove(path);
}

void rig_stop(struct rig *rig) {
	engine_free(rig->engine);
	rig->engine = NULL;
	nftw(rig->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void rig_zone(struct rig *rig, int64_t zone, int64_t output, int channel,
	      double gain_db) {
	struct error err = {0};
	struct engine_zone z = {
		.id = zone,
		.output = output,
		.channels = &channel,
		.n_channels = 1,
		.gain_db = gain_db,
	};
	if (engine_zone_set(rig->engine, &z, &err) < 0) {
		fail_msg("%s", err.text);
	}
}

void rig_start_two(struct rig *rig, const struct rig_card cards[2],
		   const int64_t zones[2]) {
	rig_start(rig, cards, 2, 200);
	for (int i = 0; i < 2; i++) {
		rig_zone(rig, zones[i], i + 1, 0, 0.0);
	}
	assert_non_null(rig_wait_output(rig, ENGINE_OUTPUT_OK, 1, 5));
	assert_non_null(rig_wait_output(rig, ENGINE_OUTPUT_OK, 2, 5));
}

static struct job *new_job(int64_t id, const int64_t *zones, size_t n,
			   enum job_part_kind kind, const char *path) {
	struct job *job = job_new(1, n);
	assert_non_null(job);
	job->id = id;
	job->parts[0].kind = kind;
	job->parts[0].path = strdup(path);
	memcpy(job->zones, zones, n * sizeof(*zones));
	return job;
}

struct job *rig_chime(int64_t id, const int64_t *zones, size_t n, int repeat) {
	struct job *job = new_job(id, zones, n, JOB_PART_CHIME, CHIME_DEFAULT);
	job->repeat = repeat;
	return job;
}

struct job *rig_clip(int64_t id, const int64_t *zones, size_t n, const char *path) {
	return new_job(id, zones, n, JOB_PART_CLIP, path);
}

void rig_submit(struct rig *rig, struct job *job) {
	struct error err = {0};
	if (engine_submit(rig->engine, job, &err) < 0) {
		fail_msg("%s", err.text);
	}
}

void rig_touch(const struct rig *rig, const char *name) {
	int fd = open(rig_path(rig, name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

void rig_remove(const struct rig *rig, const char *name) {
	assert_int_equal(unlink(rig_path(rig, name)), 0);
}

/* ---- events ---- */

static void take_events(struct rig *rig) {
	while (rig->n_events < RIG_EVENTS &&
	       engine_next_event(rig->engine, &rig->events[rig->n_events]) > 0) {
		rig->n_events++;
	}
	assert_true(rig->n_events < RIG_EVENTS);
}

static bool fits(const struct engine_event *e, enum engine_event_kind kind, int64_t job,
		 int64_t zone, int64_t output) {
	return e->kind == kind && (job == 0 || e->job == job) &&
	       (zone == 0 || e->zone == zone) && (output == 0 || e->output == output);
}

static const struct engine_event *wait_event(struct rig *rig, enum engine_event_kind kind,
					     int64_t job, int64_t zone, int64_t output,
					     double seconds) {
	int64_t end_ns = now_ns() + (int64_t)(seconds * 1e9);
	size_t seen = 0;
	for (;;) {
		take_events(rig);
		for (; seen < rig->n_events; seen++) {
			if (fits(&rig->events[seen], kind, job, zone, output)) {
				return &rig->events[seen];
			}
		}
		int64_t rest_ms = (end_ns - now_ns()) / 1000000;
		if (rest_ms <= 0) {
			return NULL;
		}
		struct pollfd fd = {.fd = engine_event_fd(rig->engine), .events = POLLIN};
		(void)poll(&fd, 1, (int)rest_ms);
	}
}

const struct engine_event *rig_wait(struct rig *rig, enum engine_event_kind kind,
				    int64_t job, int64_t zone, double seconds) {
	return wait_event(rig, kind, job, zone, 0, seconds);
}

const struct engine_event *rig_wait_output(struct rig *rig, enum engine_event_kind kind,
					   int64_t output, double seconds) {
	return wait_event(rig, kind, 0, 0, output, seconds);
}

void rig_run(struct rig *rig, double seconds) {
	(void)wait_event(rig, ENGINE_JOB_ENDED, INT64_MAX, 0, 0, seconds);
}

size_t rig_count(const struct rig *rig, enum engine_event_kind kind, int64_t job,
		 int64_t zone) {
	size_t n = 0;
	for (size_t i = 0; i < rig->n_events; i++) {
		n += fits(&rig->events[i], kind, job, zone, 0);
	}
	return n;
}

/* ---- what was heard ---- */

static char *read_all(const char *path, size_t *n) {
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fail_msg("cannot open %s", path);
	}
	assert_int_equal(fstat(fd, &st), 0);
	char *bytes = malloc((size_t)st.st_size + 1);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
	close(fd);
	*n = (size_t)st.st_size;
	return bytes;
}

static void take_frames(const char *bytes, size_t n, int channel, int channels,
			float *to) {
	for (size_t i = 0; i < n; i++) {
		int16_t v = 0;
		memcpy(&v, bytes + 2 * (i * (size_t)channels + (size_t)channel),
		       sizeof(v));
		to[i] = (float)v / 32768.0F;
	}
}

static struct heard heard_wav(const struct rig *rig, int64_t output, int channel) {
	size_t size = 0;
	char *bytes = read_all(rig_pcm(rig, output) + strlen("wav:"), &size);
	uint16_t channels = 0;
	uint32_t rate = 0;
	uint32_t data = 0;
	assert_true(size >= 44);
	memcpy(&channels, bytes + 22, 2);
	memcpy(&rate, bytes + 24, 4);
	memcpy(&data, bytes + 40, 4);
	assert_true(data <= size - 44);
	struct heard h = {.rate = (int)rate, .n = data / (2U * channels), .whole = true};
	h.frames = calloc(h.n + 1, sizeof(*h.frames));
	assert_non_null(h.frames);
	take_frames(bytes + 44, h.n, channel, channels, h.frames);
	free(bytes);
	return h;
}

static struct heard heard_card(const struct rig *rig, int64_t output, int channel) {
	static struct alsa_clock_segment segments[SEGMENTS];
	char name[32];
	size_t size = 0;
	snprintf(name, sizeof(name), "out%d.raw", (int)output);
	const char *path = rig_path(rig, name);
	int n = alsa_clock_segments(path, segments, SEGMENTS);
	assert_true(n > 0 && n < SEGMENTS);
	char *bytes = read_all(path, &size);
	int channels = segments[0].channels;
	struct heard h = {.rate = segments[0].rate,
			  .start_ns = segments[0].start_ns,
			  .whole = n == 1};
	for (int i = 0; i < n; i++) {
		const struct alsa_clock_segment *s = &segments[i];
		size_t end = i + 1 < n ? (size_t)segments[i + 1].offset : size;
		size_t frames = (end - (size_t)s->offset) / (2U * (size_t)channels);
		double at = (double)(s->start_ns - h.start_ns) * h.rate / 1e9;
		size_t from = (size_t)llround(at);
		from = from < h.n ? h.n : from;
		float *grown = realloc(h.frames, (from + frames + 1) * sizeof(*grown));
		assert_non_null(grown);
		h.frames = grown;
		memset(h.frames + h.n, 0, (from - h.n) * sizeof(*grown));
		take_frames(bytes + s->offset, frames, channel, channels,
			    h.frames + from);
		h.n = from + frames;
	}
	free(bytes);
	return h;
}

struct heard rig_heard(const struct rig *rig, int64_t output, int channel) {
	return rig->cards[output - 1].wav ? heard_wav(rig, output, channel)
					  : heard_card(rig, output, channel);
}

float *rig_chime_frames(int repeat, size_t *n) {
	size_t length = (size_t)chime_frames(CHIME_DEFAULT);
	float *frames = calloc(length * (size_t)repeat, sizeof(*frames));
	assert_non_null(frames);
	for (int i = 0; i < repeat; i++) {
		assert_int_equal(chime_render(CHIME_DEFAULT, 0,
					      frames + length * (size_t)i, length),
				 length);
	}
	*n = length * (size_t)repeat;
	return frames;
}

/* ---- main ---- */

static int run_one(const struct CMUnitTest *tests, size_t n, const char *name) {
	for (size_t i = 0; i < n; i++) {
		if (strcmp(tests[i].name, name) == 0) {
			const struct CMUnitTest one[] = {tests[i]};
			return cmocka_run_group_tests(one, NULL, NULL);
		}
	}
	fprintf(stderr, "there is no test '%s'\n", name);
	return 2;
}

/* This program with a test's name; what it says goes to a file, which is returned. */
static FILE *start_one(const char *name, pid_t *pid) {
	FILE *said = tmpfile();
	if (said == NULL) {
		return NULL;
	}
	*pid = fork();
	if (*pid == 0) {
		(void)dup2(fileno(said), STDOUT_FILENO);
		(void)dup2(fileno(said), STDERR_FILENO);
		execl("/proc/self/exe", name, name, (char *)NULL);
		_exit(2);
	}
	return said;
}

/* Waits for it and says what it said. Returns whether it passed. */
static bool end_one(const char *name, pid_t pid, FILE *said) {
	char line[512];
	int status = 0;
	bool passed = waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		      WEXITSTATUS(status) == 0;
	rewind(said);
	while (fgets(line, sizeof(line), said) != NULL) {
		(void)fputs(line, stdout);
	}
	(void)fclose(said);
	printf("%s: %s, status %#x\n", name, passed ? "passed" : "failed", status);
	return passed;
}

int rig_main(const struct CMUnitTest *tests, size_t n, int argc, char **argv) {
	FILE *said[RIG_TESTS];
	pid_t pids[RIG_TESTS];
	size_t started = 0;
	size_t passed = 0;
	bool able = n <= RIG_TESTS;
	if (argc > 1) {
		return run_one(tests, n, argv[1]);
	}
	for (size_t i = 0; i < n && (able || i < started); i++) {
		for (; able && started < n && started < i + RIG_TESTS; started += able) {
			said[started] = start_one(tests[started].name, &pids[started]);
			able = said[started] != NULL && pids[started] >= 0;
		}
		passed += i < started && end_one(tests[i].name, pids[i], said[i]);
	}
	if (started < n) {
		fprintf(stderr, "only %zu of %zu tests could be started\n", started, n);
	}
	return passed < n;
}
