/* stream.c - see stream.h.
 *
 * What is decoded lies in a ring, and leaves it at the pace of our clock. The ring is
 * what a slow network may take, and what is heard while a broken connection is made anew;
 * it begins to sound when there is BEGIN of it. Senders that give some seconds at once
 * fill it further, and are read no faster than it empties. It plays a little slower or
 * faster where the sender's clock has emptied or filled it over the hours. */
#include "stream.h"

#include "base/error.h"
#include "base/str.h"
#include "fetch.h"
#include "out.h"

#include <opus/opusfile.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define MS_FRAMES (RELAY_RATE / 1000)
#define RING (500 * RELAY_PIECE) /* 10 s */
#define BEGIN (1000LL * MS_FRAMES)
#define LOW (500LL * MS_FRAMES)
#define HIGH (8000LL * MS_FRAMES)
#define PIECE_NS (RELAY_PIECE * 1000000000LL / RELAY_RATE)
#define FOLLOW_NS (PIECE_NS / 1000) /* 0.1 % */
#define SLOW_MS 3000   /* so long nothing, and it is a fault without another reason */
#define STALL_MS 10000 /* nothing comes: a new connection */
#define UNHEARD_MAX 2000000 /* bytes without a sound in them */
#define DRIP_MS 20000       /* so long too few for sound come: a new connection too */
#define AGAIN_MS 500        /* after an end; then twice as long each time */
#define AGAIN_MAX_MS 15000
#define GIVE_UP_MS 120000 /* for the one that is started anew */
#define DECODED 5760      /* frames of the longest packet, 120 ms */

struct stream {
	const char *url;
	struct fetch *fetch;
	struct error err; /* why the last connection ended, until there is sound again */
	bool broken;      /* and that of this one is known: it was not the decoder */
	int64_t open_ms;  /* since when the connection is */
	int64_t came_ms;  /* bytes, last */
	int64_t unheard;  /* bytes since the last sound */
	int64_t decoded;  /* frames, of this connection */
	bool sounding;
	int64_t silent_ms; /* since when it does not */
	int64_t due_ns;    /* of the next piece */
	int64_t in;
	int64_t out; /* frames, all pieces whole */
	float ring[RING];
};

static int64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* ---- out of the ring ---- */

static void begin(struct stream *s) {
	if (s->in - s->out >= BEGIN) {
		s->sounding = true;
		s->due_ns = now_ns();
		s->err.code = 0;
		out_ok(s->url);
	}
}

static int64_t piece_ns(const struct stream *s) {
	int64_t fill = s->in - s->out;
	return fill < LOW    ? PIECE_NS + FOLLOW_NS
	       : fill > HIGH ? PIECE_NS - FOLLOW_NS
			     : PIECE_NS;
}

/* Gives what is due. */
static void pace(struct stream *s) {
	if (!s->sounding) {
		begin(s);
	}
	while (s->sounding && now_ns() >= s->due_ns) {
		if (s->in - s->out < RELAY_PIECE) {
			s->sounding = false;
			s->silent_ms = out_now_ms();
			return;
		}
		if (!out_sound(s->ring + s->out % RING, RELAY_PIECE)) {
			return; /* too slow to take it now */
		}
		s->due_ns += piece_ns(s);
		s->out += RELAY_PIECE;
	}
}

/* Milliseconds to the next piece, 1 to 20. */
static int pause_ms(const struct stream *s) {
	int64_t ms = s->sounding ? (s->due_ns - now_ns()) / 1000000 : 20;
	return ms < 1 ? 1 : ms > 20 ? 20 : (int)ms;
}

static void tell(const struct stream *s) {
	if (s->sounding) {
		return;
	}
	bool slow = out_now_ms() - s->silent_ms > SLOW_MS;
	if (s->err.code != 0) {
		char words[RELAY_TOLD_MAX];
		str_format(words, sizeof(words), "%s: %s", s->url, s->err.text);
		out_fault(words);
	} else if (slow) {
		char words[RELAY_TOLD_MAX];
		str_format(words, sizeof(words), "%s: no sound comes", s->url);
		out_fault(words);
	}
}

static void rest(struct stream *s, int ms) {
	int64_t until_ms = out_now_ms() + ms;
	while (!out_gone() && out_now_ms() < until_ms) {
		pace(s);
		tell(s);
		out_wait(pause_ms(s));
	}
}

/* ---- into it ---- */

/* Of this connection nothing is to be heard. */
static bool drips(const struct stream *s, int64_t now_ms) {
	int64_t since_ms = s->silent_ms > s->open_ms ? s->silent_ms : s->open_ms;
	return !s->sounding && now_ms - since_ms > DRIP_MS;
}

static int broken(struct stream *s, const char *words) {
	error_set(&s->err, EIO, "%s", words);
	s->broken = true;
	return -1;
}

/* For opusfile: bytes, 0 at the end, -1 where there is no use in going on. */
static int on_read(void *arg, unsigned char *bytes, int n) {
	struct stream *s = arg;
	while (!out_gone()) {
		pace(s);
		tell(s);
		struct error err = {0};
		int got = fetch_read(s->fetch, bytes, (size_t)n, pause_ms(s), &err);
		int64_t now_ms = out_now_ms();
		if (got == -ENODATA) {
			s->err = err;
			return 0;
		}
		if (got < 0) {
			return broken(s, err.text);
		}
		if (got > 0) {
			s->came_ms = now_ms;
			s->unheard += got;
		}
		if (s->unheard > UNHEARD_MAX) {
			return broken(s, "two megabytes came without a sound in them");
		}
		if (drips(s, now_ms)) {
			return broken(
				s, "too little has come to be heard for twenty seconds");
		}
		if (got > 0) {
			return got;
		}
		if (now_ms - s->came_ms > STALL_MS) {
			return broken(s, "nothing has come for ten seconds");
		}
	}
	return -1;
}

static void put(struct stream *s, const float *stereo, int n) {
	while (s->in + n - s->out > RING && !out_gone()) {
		pace(s);
		out_wait(pause_ms(s));
		s->came_ms = out_now_ms(); /* what waits is not late */
	}
	for (int i = 0; i < n; i++) {
		s->ring[s->in++ % RING] = (stereo[2 * i] + stereo[2 * i + 1]) / 2;
	}
	s->decoded += n;
	s->unheard = 0;
}

static const char *opus_words(int rc) {
	switch (rc) {
	case OP_ENOTFORMAT:
		return "what comes is no Ogg Opus";
	case OP_EVERSION:
	case OP_EIMPL:
		return "a kind of Opus that is not known";
	default:
		return "what comes is damaged Ogg Opus";
	}
}

static void no_opus(struct stream *s, int rc) {
	if (!s->broken) {
		error_set(&s->err, EIO, "%s", opus_words(rc));
	}
}

/* Decodes until the end of the connection. A chain of streams, which a server begins anew
 * with each title, is one sound. */
static void decode(struct stream *s, OggOpusFile *file) {
	float stereo[2 * DECODED];
	while (!out_gone()) {
		int n = op_read_float_stereo(file, stereo, 2 * DECODED);
		if (n == OP_HOLE) {
			continue;
		}
		if (n < 0) {
			no_opus(s, n);
		}
		if (n <= 0) {
			return;
		}
		put(s, stereo, n);
		pace(s);
	}
}

static void connect_once(struct stream *s) {
	static const OpusFileCallbacks callbacks = {.read = on_read};
	int rc = 0;
	s->open_ms = out_now_ms();
	s->came_ms = s->open_ms;
	s->unheard = 0;
	s->decoded = 0;
	s->broken = false;
	if (fetch_open(s->url, &s->fetch, &s->err) < 0) {
		return;
	}
	OggOpusFile *file = op_open_callbacks(s, &callbacks, NULL, 0, &rc);
	if (file == NULL) {
		no_opus(s, rc);
	} else {
		decode(s, file);
		op_free(file);
	}
	fetch_free(MOVE(s->fetch));
}

enum relay_exit stream_run(const char *url) {
	static struct stream stream;
	struct stream *s = &stream;
	*s = (struct stream){.url = url, .silent_ms = out_now_ms()};
	int again_ms = AGAIN_MS;
	int64_t good_ms = out_now_ms();
	while (!out_gone()) {
		connect_once(s);
		if (s->decoded > 0) {
			again_ms = AGAIN_MS;
			good_ms = out_now_ms();
		}
		if (out_now_ms() - good_ms > GIVE_UP_MS) {
			return RELAY_EXIT_AGAIN;
		}
		rest(s, again_ms);
		again_ms = again_ms * 2 < AGAIN_MAX_MS ? again_ms * 2 : AGAIN_MAX_MS;
	}
	return RELAY_EXIT_DONE;
}
