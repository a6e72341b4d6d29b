/* out.c - see out.h. */
#include "out.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SOUND_FD 1
#define AGAIN_MS 2000 /* a fault is said again, as a sign of life */

static bool gone;
static char said[RELAY_TOLD_MAX];
static int64_t said_ms;

int64_t out_now_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

void out_start(void) {
	(void)fcntl(SOUND_FD, F_SETFL, O_NONBLOCK);
	(void)fcntl(RELAY_TOLD_FD, F_SETFL, O_NONBLOCK);
}

static int16_t sample_of(float x) {
	float scaled = x * 32768.0F;
	/* Also for what is no number. */
	if (!(scaled > -32768.0F)) {
		return INT16_MIN;
	}
	return scaled < 32767.0F ? (int16_t)lrintf(scaled) : INT16_MAX;
}

bool out_sound(const float *frames, size_t n) {
	int16_t samples[RELAY_PIECE];
	n = n < RELAY_PIECE ? n : RELAY_PIECE;
	for (size_t i = 0; i < n; i++) {
		samples[i] = sample_of(frames[i]);
	}
	/* Less than PIPE_BUF bytes: never a part of them. */
	ssize_t rc = write(SOUND_FD, samples, n * sizeof(*samples));
	if (rc < 0 && errno != EAGAIN && errno != EINTR) {
		gone = true;
	}
	return rc > 0;
}

static void say(const char *kind, const char *words, int64_t again_ms) {
	char line[RELAY_TOLD_MAX];
	str_format(line, sizeof(line) - 1, "%s%s", kind, words);
	for (char *c = line; *c != '\0'; c++) {
		*c = (unsigned char)*c < ' ' ? ' ' : *c;
	}
	int64_t now_ms = out_now_ms();
	if (strcmp(line, said) == 0 && now_ms - said_ms < again_ms) {
		return;
	}
	size_t len = strlen(line);
	line[len] = '\n';
	/* Where it cannot be said now it is said next time. */
	if (write(RELAY_TOLD_FD, line, len + 1) == (ssize_t)len + 1) {
		line[len] = '\0';
		str_copy(said, sizeof(said), line);
		said_ms = now_ms;
	}
}

void out_ok(const char *words) {
	say(RELAY_OK, words, INT64_MAX);
}

void out_fault(const char *words) {
	say(RELAY_FAULT, words, AGAIN_MS);
}

bool out_gone(void) {
	struct pollfd fd = {.fd = SOUND_FD};
	if (!gone && poll(&fd, 1, 0) > 0) {
		gone = (fd.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
	}
	return gone;
}

void out_wait(int ms) {
	struct pollfd fd = {.fd = SOUND_FD};
	int64_t until_ms = out_now_ms() + ms;
	while (!out_gone() && out_now_ms() < until_ms) {
		(void)poll(&fd, 1, (int)(until_ms - out_now_ms()));
	}
}
