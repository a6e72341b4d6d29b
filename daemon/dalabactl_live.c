/* dalabactl_live.c - live: speaks what comes on standard input, as it comes. */
#include "dalabactl.h"

#include "base/str.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE_MS 20
#define RATE_MIN 8000
#define RATE_MAX 48000
#define PIECE_MAX (2 * RATE_MAX * PIECE_MS / 1000)
#define RATE_DEFAULT 16000
#define HEAD_SIZE 12 /* "RIFF", length, "WAVE" */
#define CHUNK_SIZE 8 /* name, length */
#define FORMAT_SIZE 16
#define FORMAT_PCM 1

/* What is read ahead of the pieces: the bytes by which a WAV file is known. */
struct input {
	unsigned char head[HEAD_SIZE];
	size_t n_head;
	size_t used;
	bool wav;
	int64_t rate;
	bool file; /* it would come faster than it is spoken */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
	(void)number;
	interrupted = 1;
}

/* Reads n bytes, fewer at the end or where it was interrupted. */
static int64_t read_all(unsigned char *to, size_t n, struct error *err) {
	size_t done = 0;
	while (done < n && !interrupted) {
		ssize_t got = read(STDIN_FILENO, to + done, n - done);
		if (got < 0 && errno != EINTR) {
			return error_set(err, errno, "cannot read standard input: %s",
					 strerror(errno));
		}
		if (got == 0) {
			break;
		}
		done += got > 0 ? (size_t)got : 0;
	}
	return (int64_t)done;
}

static uint32_t little(const unsigned char *bytes, size_t n) {
	uint32_t value = 0;
	for (size_t i = n; i-- > 0;) {
		value = value << 8 | bytes[i];
	}
	return value;
}

static int short_wav(struct error *err) {
	return error_set(err, EINVAL,
			 "standard input ends within the head of a WAV file");
}

static int read_format(struct input *in, uint32_t length, struct error *err) {
	unsigned char f[FORMAT_SIZE];
	int64_t got = length >= FORMAT_SIZE ? read_all(f, FORMAT_SIZE, err) : 0;
	if (got < FORMAT_SIZE) {
		return got < 0 ? (int)got : short_wav(err);
	}
	in->rate = little(f + 4, 4);
	if (little(f, 2) != FORMAT_PCM || little(f + 2, 2) != 1 ||
	    little(f + 14, 2) != 16) {
		return error_set(
			err, EINVAL,
			"the WAV file on standard input is not 16-bit PCM of one "
			"channel; convert it first: ffmpeg -i FILE -ac 1 -f s16le "
			"-ar 16000 -");
	}
	return 0;
}

static int pass_over(uint32_t n, struct error *err) {
	unsigned char waste[4096];
	while (n > 0) {
		size_t piece = n < sizeof(waste) ? n : sizeof(waste);
		int64_t got = read_all(waste, piece, err);
		if (got < (int64_t)piece) {
			return got < 0 ? (int)got : short_wav(err);
		}
		n -= (uint32_t)piece;
	}
	return 0;
}

/* Up to the first frame of a WAV file. */
static int read_wav(struct input *in, struct error *err) {
	for (;;) {
		unsigned char chunk[CHUNK_SIZE];
		int64_t got = read_all(chunk, sizeof(chunk), err);
		if (got < (int64_t)sizeof(chunk)) {
			return got < 0 ? (int)got : short_wav(err);
		}
		uint32_t length = little(chunk + 4, 4);
		if (memcmp(chunk, "data", 4) == 0) {
			return in->rate != 0 ? 0 : short_wav(err);
		}
		int rc = 0;
		if (memcmp(chunk, "fmt ", 4) == 0) {
			rc = read_format(in, length, err);
			length -= FORMAT_SIZE;
		}
		rc = rc < 0 ? rc : pass_over(length + length % 2, err);
		if (rc < 0) {
			return rc;
		}
	}
}

static int open_input(struct input *in, int64_t rate, struct error *err) {
	struct stat st;
	in->file = fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode);
	int64_t got = read_all(in->head, sizeof(in->head), err);
	if (got <= 0) {
		return got < 0 ? (int)got
			       : error_set(err, ENODATA, "standard input is empty");
	}
	in->n_head = (size_t)got;
	in->wav = got == HEAD_SIZE && memcmp(in->head, "RIFF", 4) == 0 &&
		  memcmp(in->head + 8, "WAVE", 4) == 0;
	if (!in->wav) {
		in->rate = rate;
		return 0;
	}
	in->used = in->n_head;
	return read_wav(in, err);
}

/* A piece, of whole frames; 0 at the end. */
static int64_t read_piece(struct input *in, unsigned char *to, struct error *err) {
	size_t n = 2U * (size_t)in->rate * PIECE_MS / 1000;
	size_t head = in->n_head - in->used;
	memcpy(to, in->head + in->used, head);
	in->used = in->n_head;
	int64_t got = read_all(to + head, n - head, err);
	got = got < 0 ? got : got + (int64_t)head;
	return got < 0 ? got : got - got % 2;
}

/* What lies on the disk is spoken no faster than it sounds. */
static void wait_for_turn(const struct timespec *start, int64_t seq) {
	int64_t ns = start->tv_nsec + seq * PIECE_MS * 1000000;
	struct timespec at = {.tv_sec = start->tv_sec + ns / 1000000000,
			      .tv_nsec = ns % 1000000000};
	while (!interrupted &&
	       clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
	}
}

static int speak(struct client *c, struct input *in, int64_t id, struct error *err) {
	unsigned char piece[PIECE_MAX];
	struct timespec start;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int64_t seq = 0; !interrupted; seq++) {
		int64_t n = read_piece(in, piece, err);
		if (n <= 0) {
			return (int)n;
		}
		if (in->file) {
			wait_for_turn(&start, seq + 1);
		}
		char path[80];
		snprintf(path, sizeof(path), "/live/%lld/audio?seq=%lld", (long long)id,
			 (long long)seq);
		AUTO(reply_done) struct reply reply = {0};
		int rc = client_send(c, path, piece, (size_t)n, &reply, err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static void tell_skipped(const json_t *call) {
	size_t i;
	json_t *zone;
	json_array_foreach(json_object_get(call, "zones"), i, zone) {
		if (strcmp(json_text(zone, "outcome"), "skipped") == 0) {
			fprintf(stderr, "dalabactl: zone '%s' is skipped: %s\n",
				json_text(zone, "name"), json_text(zone, "reason"));
		}
	}
}

static int open_call(struct client *c, const struct args *args, int64_t rate,
		     int64_t *ret, struct error *err) {
	AUTO(json_decref) json_t *body = json_object();
	int rc = dalabactl_put_targets(c, args, body, err);
	rc = rc < 0 ? rc
		    : dalabactl_put_text(body, "title", args_text(args, "title"), err);
	rc = rc < 0 ? rc
		    : dalabactl_put_text(body, "class", args_text(args, "class"), err);
	if (rc < 0) {
		return rc;
	}
	bool confirmed = args_flag(args, "quiet-confirmed");
	if (json_object_set_new(body, "rate", json_integer(rate)) < 0 ||
	    json_object_set_new(body, "quiet_confirmed", json_boolean(confirmed)) < 0) {
		return error_set(err, ENOMEM, "no memory for the request");
	}
	AUTO(reply_done) struct reply reply = {0};
	rc = client_call(c, "POST", "/live", body, &reply, err);
	if (rc < 0) {
		return rc;
	}
	*ret = json_number(reply.json, "id");
	if (args_flag(args, "json")) {
		puts(reply.body);
	} else {
		printf("%lld\n", (long long)*ret);
	}
	fflush(stdout);
	tell_skipped(reply.json);
	return 0;
}

int dalabactl_live(struct client *c, const struct args *args, struct error *err) {
	struct input in = {0};
	int64_t rate = RATE_DEFAULT;
	int64_t id = 0;
	int rc = dalabactl_need_targets(args, err);
	rc = rc < 0 ? rc : args_number(args, "rate", RATE_MIN, RATE_MAX, &rate, err);
	if (rc < 0) {
		return rc;
	}
	/* Not restarted: what is being read ends there, and then it hangs up. */
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	rc = open_input(&in, rate, err);
	if (rc >= 0 && (in.rate < RATE_MIN || in.rate > RATE_MAX)) {
		rc = error_set(err, EINVAL,
			       "the WAV file on standard input has %lld Hz; %d to %d "
			       "can be sent",
			       (long long)in.rate, RATE_MIN, RATE_MAX);
	}
	rc = rc < 0 ? rc : open_call(c, args, in.rate, &id, err);
	if (rc < 0) {
		return rc;
	}
	rc = speak(c, &in, id, err);
	char path[48];
	snprintf(path, sizeof(path), "/live/%lld", (long long)id);
	AUTO(reply_done) struct reply reply = {0};
	struct error late = {0};
	int end = client_call(c, "DELETE", path, NULL, &reply, rc < 0 ? &late : err);
	return rc < 0 ? rc : end;
}
