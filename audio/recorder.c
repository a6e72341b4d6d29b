/* recorder.c - see recorder.h. The core and the thread share one list of recordings under
 * a lock that neither holds for longer than it takes to change it: the thread takes what
 * is new out of it, and encodes and writes without it. */
#include "recorder.h"

#include "base/str.h"
#include "resample.h"

#include <fcntl.h>
#include <opusenc.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define RATE 48000
#define PIECE 4800   /* frames encoded at a time */
#define LOOK_MS 250  /* between looks at the tapes: a tenth of what they hold */
#define NICE 10      /* it has time */
#define COMPLEXITY 0 /* of the encoder: 2.9 ms of CPU a second, instead of 4.8 */
#define SERIAL 1     /* any does for a file of one stream */
#define FREE_S 1
#define GAP_MAX_MS 10000 /* of silence put in at a time; the rest is told only */

struct reel {
	struct tape *tape;
	struct reel *next;
};

struct finished {
	struct recorder_end end;
	struct finished *next;
};

struct recording {
	int64_t id;
	struct finished *finished; /* made in time, so that the end can be told */
	struct recording *next;
	/* Under the lock. */
	struct reel *reels; /* in order; the first is being read */
	bool finish;
	/* The thread's. */
	struct recorder *recorder;
	char *path;
	int kbps;
	int fd; /* -1: not made yet */
	OggOpusComments *comments;
	OggOpusEnc *enc;
	struct resample *resample; /* of the rate below, NULL at 48 kHz */
	int rate;
	int64_t taken;  /* frames at that rate, since it is */
	int64_t given;  /* and encoded of them */
	int64_t frames; /* at 48 kHz, encoded */
	int64_t lost_ms;
	int64_t bytes;
	int write_errno;
	struct error error; /* it failed; what is sent is thrown away */
};

struct recorder {
	pthread_t thread;
	pthread_mutex_t lock;
	int wake_fd;
	int ends_fd;
	/* Under the lock. */
	struct recording *recordings;
	struct finished *ends; /* oldest first */
	bool quit;
	bool exited;
	int (*before_write)(void *arg);
	void *hook_arg;
};

/* ---- a file ---- */

static int on_write(void *arg, const unsigned char *data, opus_int32 len) {
	struct recording *rec = arg;
	const struct recorder *r = rec->recorder;
	int hooked = r->before_write != NULL ? r->before_write(r->hook_arg) : 0;
	if (hooked != 0) {
		rec->write_errno = hooked;
		return 1;
	}
	while (len > 0) {
		ssize_t n = write(rec->fd, data, (size_t)len);
		if (n < 0) {
			rec->write_errno = errno;
			return 1;
		}
		data += n;
		len -= (opus_int32)n;
		rec->bytes += n;
	}
	return 0;
}

static int on_close(void *arg) {
	(void)arg;
	return 0;
}

static void close_file(struct recording *rec) {
	if (rec->enc != NULL) {
		ope_encoder_destroy(rec->enc);
		rec->enc = NULL;
	}
	if (rec->comments != NULL) {
		ope_comments_destroy(rec->comments);
		rec->comments = NULL;
	}
	resample_free(rec->resample);
	rec->resample = NULL;
	rec->rate = RATE;
	if (rec->fd >= 0) {
		close(rec->fd);
		rec->fd = -1;
	}
}

/* Half a recording is none: who looks for it is told why. */
static void give_up(struct recording *rec, int rc, const char *what) {
	if (rec->error.code != 0) {
		return;
	}
	int code = rec->write_errno != 0 ? rec->write_errno : rc;
	error_set(&rec->error, code, "the recording '%s' cannot be %s: %s", rec->path,
		  what, strerror(code));
	bool made = rec->fd >= 0;
	close_file(rec);
	if (made) {
		(void)unlink(rec->path);
	}
}

static int make_encoder(struct recording *rec) {
	static const OpusEncCallbacks callbacks = {on_write, on_close};
	int rc = OPE_OK;
	rec->comments = ope_comments_create();
	if (rec->comments == NULL) {
		return OPE_ALLOC_FAIL;
	}
	rec->enc = ope_encoder_create_callbacks(&callbacks, rec, rec->comments, RATE, 1,
						0, &rc);
	if (rec->enc == NULL) {
		return rc;
	}
	rc = ope_encoder_ctl(rec->enc, OPE_SET_SERIALNO(SERIAL));
	rc = rc != OPE_OK ? rc
			  : ope_encoder_ctl(rec->enc, OPUS_SET_BITRATE(rec->kbps * 1000));
	rc = rc != OPE_OK ? rc
			  : ope_encoder_ctl(rec->enc, OPUS_SET_COMPLEXITY(COMPLEXITY));
	rc = rc != OPE_OK ? rc : ope_encoder_ctl(rec->enc, OPE_SET_DECISION_DELAY(0));
	return rc != OPE_OK ? rc : ope_encoder_ctl(rec->enc, OPE_SET_COMMENT_PADDING(0));
}

static void make_file(struct recording *rec) {
	rec->fd = open(rec->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (rec->fd < 0) {
		give_up(rec, errno, "made");
		return;
	}
	int rc = make_encoder(rec);
	if (rc != OPE_OK) {
		give_up(rec, rc == OPE_ALLOC_FAIL ? ENOMEM : EIO, "encoded");
	}
}

static void encode(struct recording *rec, const float *frames, size_t n) {
	if (rec->error.code == 0 && rec->fd < 0) {
		make_file(rec);
	}
	if (rec->error.code != 0) {
		return;
	}
	if (ope_encoder_write_float(rec->enc, frames, (int)n) != OPE_OK ||
	    rec->write_errno != 0) {
		give_up(rec, EIO, "written");
		return;
	}
	rec->frames += (int64_t)n;
}

static void encode_silence(struct recording *rec, int64_t ms) {
	static const float silence[PIECE];
	int64_t left = (ms < GAP_MAX_MS ? ms : GAP_MAX_MS) * (RATE / 1000);
	while (left > 0) {
		size_t n = left < PIECE ? (size_t)left : PIECE;
		encode(rec, silence, n);
		left -= (int64_t)n;
	}
}

/* Frames at the tape's rate; gives no more than `most` at 48 kHz. */
static void convert(struct recording *rec, const float *frames, size_t n, int64_t most) {
	float out[PIECE];
	if (rec->resample == NULL) {
		encode(rec, frames, n);
		return;
	}
	for (size_t at = 0; rec->error.code == 0;) {
		size_t used = 0;
		int got = resample_process(rec->resample, frames + at, n - at, &used, out,
					   PIECE);
		if (got < 0) {
			give_up(rec, -got, "converted");
			return;
		}
		int64_t left = most - rec->given;
		left = left < got ? left : got;
		encode(rec, out, (size_t)left);
		rec->given += left;
		at += used;
		if (got < PIECE && at == n) {
			return;
		}
	}
}

/* What the conversion still holds. */
static void flush(struct recording *rec) {
	static const float silence[PIECE];
	int64_t due = rec->taken * RATE / rec->rate;
	while (rec->resample != NULL && rec->error.code == 0 && rec->given < due) {
		convert(rec, silence, PIECE, due);
	}
	rec->taken = 0;
	rec->given = 0;
}

static void set_rate(struct recording *rec, int rate) {
	if (rec->rate == rate) {
		return;
	}
	flush(rec);
	struct error err = {0};
	resample_free(rec->resample);
	rec->resample = NULL;
	rec->rate = rate;
	if (rate != RATE && resample_new(rate, RATE, &rec->resample, &err) < 0) {
		give_up(rec, err.code, "converted");
	}
}

/* ---- the thread ---- */

/* All that a tape has. True where it has ended. */
static bool read_tape(struct recording *rec, struct tape *tape) {
	int16_t frames[PIECE];
	float floats[PIECE];
	for (;;) {
		int64_t lost = 0;
		int rate = RATE;
		int64_t n = tape_read(tape, frames, PIECE, &lost, &rate);
		set_rate(rec, rate);
		if (lost > 0) {
			int64_t lost_ms = lost * 1000 / rate;
			rec->lost_ms += lost_ms;
			encode_silence(rec, lost_ms);
		}
		if (n <= 0) {
			return n < 0;
		}
		for (int64_t i = 0; i < n; i++) {
			floats[i] = (float)frames[i] / 32768.0F;
		}
		rec->taken += n;
		convert(rec, floats, (size_t)n, INT64_MAX);
	}
}

static struct reel *first_reel(struct recorder *r, const struct recording *rec) {
	pthread_mutex_lock(&r->lock);
	struct reel *reel = rec->reels;
	pthread_mutex_unlock(&r->lock);
	return reel;
}

static void drop_first_reel(struct recorder *r, struct recording *rec) {
	pthread_mutex_lock(&r->lock);
	struct reel *reel = rec->reels;
	rec->reels = reel->next;
	pthread_mutex_unlock(&r->lock);
	tape_release(reel->tape);
	free(reel);
}

/* quit: a tape that has not ended by now has, for us. */
static void read_reels(struct recorder *r, struct recording *rec, bool quit) {
	struct reel *reel = NULL;
	while ((reel = first_reel(r, rec)) != NULL) {
		if (!read_tape(rec, reel->tape) && !quit) {
			return;
		}
		drop_first_reel(r, rec);
	}
}

static void end_file(struct recording *rec) {
	flush(rec);
	if (rec->fd < 0 || rec->error.code != 0) {
		return;
	}
	if (ope_encoder_drain(rec->enc) != OPE_OK || rec->write_errno != 0) {
		give_up(rec, EIO, "written");
	} else if (fsync(rec->fd) < 0) {
		give_up(rec, errno, "written to the disk");
	}
	close_file(rec);
}

static void tell_end(struct recorder *r, struct recording *rec) {
	struct finished *f = rec->finished;
	f->end.recording = rec->id;
	f->end.error = rec->error.code;
	f->end.lost_ms = rec->lost_ms;
	if (rec->error.code == 0) {
		f->end.duration_ms = rec->frames * 1000 / RATE;
		f->end.size_bytes = rec->bytes;
	}
	str_copy(f->end.text, sizeof(f->end.text), rec->error.text);
	pthread_mutex_lock(&r->lock);
	struct recording **at = &r->recordings;
	while (*at != rec) {
		at = &(*at)->next;
	}
	*at = rec->next;
	struct finished **end = &r->ends;
	while (*end != NULL) {
		end = &(*end)->next;
	}
	*end = f;
	pthread_mutex_unlock(&r->lock);
	eventfd_write(r->ends_fd, 1);
	free(rec->path);
	free(rec);
}

/* Only the core puts recordings in, in front, and only this thread takes them out. */
static struct recording *next_of(struct recorder *r, const struct recording *rec) {
	pthread_mutex_lock(&r->lock);
	struct recording *next = rec != NULL ? rec->next : r->recordings;
	pthread_mutex_unlock(&r->lock);
	return next;
}

static bool is_over(struct recorder *r, const struct recording *rec, bool quit) {
	pthread_mutex_lock(&r->lock);
	bool over = rec->reels == NULL && (rec->finish || quit);
	pthread_mutex_unlock(&r->lock);
	return over;
}

static void serve(struct recorder *r, bool quit) {
	struct recording *rec = next_of(r, NULL);
	while (rec != NULL) {
		struct recording *next = next_of(r, rec);
		read_reels(r, rec, quit);
		if (is_over(r, rec, quit)) {
			end_file(rec);
			tell_end(r, rec);
		}
		rec = next;
	}
}

static void *run(void *arg) {
	struct recorder *r = arg;
	prctl(PR_SET_NAME, "recorder");
	(void)setpriority(PRIO_PROCESS, 0, NICE); /* of this thread alone */
	for (bool quit = false; !quit;) {
		struct pollfd fd = {.fd = r->wake_fd, .events = POLLIN};
		eventfd_t count = 0;
		if (poll(&fd, 1, next_of(r, NULL) != NULL ? LOOK_MS : -1) > 0) {
			(void)eventfd_read(r->wake_fd, &count);
		}
		pthread_mutex_lock(&r->lock);
		quit = r->quit;
		pthread_mutex_unlock(&r->lock);
		serve(r, quit);
	}
	return NULL;
}

/* ---- the core's side ---- */

static void free_all(struct recorder *r) {
	while (r->ends != NULL) {
		struct finished *f = r->ends;
		r->ends = f->next;
		free(f);
	}
	if (r->wake_fd >= 0) {
		close(r->wake_fd);
	}
	if (r->ends_fd >= 0) {
		close(r->ends_fd);
	}
	pthread_mutex_destroy(&r->lock);
	free(r);
}

int recorder_new(struct recorder **ret, struct error *err) {
	struct recorder *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		return error_set(err, ENOMEM, "no memory for the recorder");
	}
	pthread_mutex_init(&r->lock, NULL);
	r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->ends_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int rc = r->wake_fd < 0 || r->ends_fd < 0 ? errno : 0;
	rc = rc != 0 ? rc : pthread_create(&r->thread, NULL, run, r);
	if (rc != 0) {
		free_all(r);
		return error_set(err, rc, "cannot start the recorder: %s", strerror(rc));
	}
	*ret = r;
	return 0;
}

void recorder_free(struct recorder *r,
		   void (*ends)(void *arg, const struct recorder_end *end), void *arg) {
	if (r == NULL) {
		return;
	}
	pthread_mutex_lock(&r->lock);
	r->quit = true;
	pthread_mutex_unlock(&r->lock);
	eventfd_write(r->wake_fd, 1);
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FREE_S;
	bool joined = pthread_timedjoin_np(r->thread, NULL, &until) == 0;
	struct recorder_end end;
	while (ends != NULL && recorder_next_end(r, &end) > 0) {
		ends(arg, &end);
	}
	if (joined) {
		free_all(r);
	}
}

static struct recording *find(struct recorder *r, int64_t id) {
	struct recording *rec = r->recordings;
	while (rec != NULL && rec->id != id) {
		rec = rec->next;
	}
	return rec;
}

int recorder_begin(struct recorder *r, int64_t recording, const char *path, int kbps,
		   struct error *err) {
	struct recording *rec = calloc(1, sizeof(*rec));
	struct finished *finished = calloc(1, sizeof(*finished));
	char *copy = strdup(path);
	if (rec == NULL || finished == NULL || copy == NULL) {
		free(rec);
		free(finished);
		free(copy);
		return error_set(err, ENOMEM, "no memory to record a zone");
	}
	*rec = (struct recording){.id = recording,
				  .finished = finished,
				  .recorder = r,
				  .path = copy,
				  .kbps = kbps,
				  .fd = -1,
				  .rate = RATE};
	pthread_mutex_lock(&r->lock);
	rec->next = r->recordings;
	r->recordings = rec;
	pthread_mutex_unlock(&r->lock);
	return 0;
}

int recorder_add(struct recorder *r, int64_t recording, struct tape *tape,
		 struct error *err) {
	struct reel *reel = calloc(1, sizeof(*reel));
	if (reel == NULL) {
		tape_release(tape);
		return error_set(err, ENOMEM, "no memory to record a zone");
	}
	reel->tape = tape;
	pthread_mutex_lock(&r->lock);
	struct recording *rec = find(r, recording);
	if (rec != NULL) {
		struct reel **end = &rec->reels;
		while (*end != NULL) {
			end = &(*end)->next;
		}
		*end = reel;
	}
	pthread_mutex_unlock(&r->lock);
	if (rec == NULL) {
		tape_release(tape);
		free(reel);
		return error_set(err, ENOENT, "recording %lld is not open",
				 (long long)recording);
	}
	eventfd_write(r->wake_fd, 1);
	return 0;
}

void recorder_finish(struct recorder *r, int64_t recording) {
	pthread_mutex_lock(&r->lock);
	struct recording *rec = find(r, recording);
	if (rec != NULL) {
		rec->finish = true;
	}
	pthread_mutex_unlock(&r->lock);
	eventfd_write(r->wake_fd, 1);
}

int recorder_fd(const struct recorder *r) {
	return r->ends_fd;
}

int recorder_next_end(struct recorder *r, struct recorder_end *ret) {
	pthread_mutex_lock(&r->lock);
	struct finished *f = r->ends;
	if (f != NULL) {
		r->ends = f->next;
	}
	pthread_mutex_unlock(&r->lock);
	if (f == NULL) {
		eventfd_t count = 0;
		(void)eventfd_read(r->ends_fd, &count);
		return 0;
	}
	*ret = f->end;
	free(f);
	return 1;
}

void recorder_hook(struct recorder *r, int (*before_write)(void *arg), void *arg) {
	pthread_mutex_lock(&r->lock);
	r->hook_arg = arg;
	r->before_write = before_write;
	pthread_mutex_unlock(&r->lock);
}
