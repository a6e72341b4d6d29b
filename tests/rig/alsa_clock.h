/* alsa_clock.h - for C tests: writes the configuration of cards of tests/alsa-clock, and
 * reads back what they played. Owner: the test. Threads: one at a time. Blocks: on files.
 *
 *	struct alsa_clock_card card = {.name = "horn", .capture = "/tmp/t/horn.raw"};
 *	alsa_clock_conf("/tmp/t/asound.conf", ALSA_CLOCK_PLUGIN, &card, 1);
 *	setenv("ALSA_CONFIG_PATH", "/tmp/t/asound.conf", 1);
 *
 * ALSA_CLOCK_PLUGIN is the module's path; a test that depends on alsa_clock_dep has it.
 */
#pragma once

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct alsa_clock_card {
	const char *name;     /* of the PCM */
	const char *capture;  /* NULL: nothing is kept */
	const char *rates;    /* "44100 48000"; NULL: "48000" */
	const char *formats;  /* "S16_LE"; NULL: that */
	const char *channels; /* "8"; NULL: "2" */
	double ppm;
	const char *more; /* further options as text, "fail_open 19 ..."; NULL: none */
};

/* 0 or a negative errno. The paths hold no quotes. */
static inline int alsa_clock_conf(const char *path, const char *plugin,
				  const struct alsa_clock_card *cards, size_t n) {
	FILE *f = fopen(path, "we");
	if (f == NULL) {
		return -errno;
	}
	fprintf(f, "</usr/share/alsa/alsa.conf>\npcm_type.dalaba_clock { lib \"%s\" }\n",
		plugin);
	for (size_t i = 0; i < n; i++) {
		const struct alsa_clock_card *c = &cards[i];
		fprintf(f, "pcm.%s {\n\ttype dalaba_clock\n", c->name);
		if (c->capture != NULL) {
			fprintf(f, "\tcapture \"%s\"\n", c->capture);
		}
		fprintf(f,
			"\trates [ %s ]\n\tformats [ %s ]\n\tchannels [ %s ]\n\tppm "
			"%.9g\n",
			c->rates != NULL ? c->rates : "48000",
			c->formats != NULL ? c->formats : "S16_LE",
			c->channels != NULL ? c->channels : "2", c->ppm);
		fprintf(f, "\t%s\n}\n", c->more != NULL ? c->more : "");
	}
	return fclose(f) == 0 ? 0 : -errno;
}

struct alsa_clock_segment {
	int64_t start_ns; /* CLOCK_MONOTONIC of its first frame at the sink */
	int rate;
	double ppm;
	char format[16];
	int channels;
	int64_t offset;  /* of its first byte in the capture */
	int64_t frames;  /* -1 where the process died in it: up to the next, or the end */
	char reason[16]; /* "" likewise */
};

/* Reads the segments of CAPTURE.jsonl, at most `max`. Returns how many, or a negative
 * errno; -EBADMSG where a line is not of this form. */
static inline int alsa_clock_segments(const char *capture, struct alsa_clock_segment *ret,
				      size_t max) {
	char line[1024];
	if (snprintf(line, sizeof(line), "%s.jsonl", capture) >= (int)sizeof(line)) {
		return -ENAMETOOLONG;
	}
	FILE *f = fopen(line, "re");
	if (f == NULL) {
		return -errno;
	}
	int n = 0;
	long long start, offset, end, frames;
	while (fgets(line, sizeof(line), f) != NULL) {
		struct alsa_clock_segment s = {.frames = -1};
		if (sscanf(line,
			   "{\"event\": \"start\", \"start_ns\": %lld, \"rate\": %d, "
			   "\"ppm\": %lf, \"format\": \"%15[^\"]\", \"channels\": %d, "
			   "\"offset\": %lld",
			   &start, &s.rate, &s.ppm, s.format, &s.channels,
			   &offset) == 6) {
			if ((size_t)n == max) {
				break;
			}
			s.start_ns = start;
			s.offset = offset;
			ret[n++] = s;
		} else if (n > 0 && sscanf(line,
					   "{\"event\": \"stop\", \"end_ns\": %lld, "
					   "\"frames\": %lld, \"reason\": \"%15[^\"]\"",
					   &end, &frames, ret[n - 1].reason) == 3) {
			ret[n - 1].frames = frames;
		} else {
			n = -EBADMSG;
			break;
		}
	}
	fclose(f);
	return n;
}
