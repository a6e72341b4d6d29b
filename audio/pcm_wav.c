/* pcm_wav.c - a "device" that plays into a WAV file by CLOCK_MONOTONIC, for a box without
 * a sound card and for listening to what a zone was sent. Owner: one output thread. It
 * touches the disk, which no real card does: a slow disk is heard on this output alone.
 *
 * The file is a true line of time: second n of the file is second n since it was opened,
 * silence included (left as a hole that takes no disk). Frames go into it when the clock
 * has passed them, the header follows a few times a second, so a kill at any moment
 * leaves a valid file that lacks less than half a second.
 *
 * A recording is never overwritten: when PATH exists and holds any sound it is first
 * renamed to PATH-1 (before the extension), PATH-2 and so on, the first that is free; the
 * same happens when the file reaches WAV_MAX_BYTES, well below what a 32 bit length can
 * say, and when it is taken away from PATH. So PATH is always the newest. */
#include "pcm.h"

#include "base/cleanup.h"
#include "timeline.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define WAV_HEADER 44
#define WAV_MAX_BYTES (2000LL * 1000 * 1000)
#define WAV_BITS 16
#define HEADER_EVERY_NS 250000000LL

struct wav {
	struct pcm pcm;
	int fd;
	char *path;
	size_t frame_bytes;
	unsigned char *ring; /* what is queued: frame f at f % buffer_frames */
	int64_t written;     /* frames, since it was opened */
	int64_t played;      /* of them, those that are in the file */
	int64_t start_ns;    /* when `start_frame` was played */
	int64_t start_frame;
	bool running;
	bool dry;            /* it ran dry and was not recovered */
	int64_t origin_ns;   /* of the line of time */
	int64_t line_frames; /* put into files since then */
	int64_t file_frames; /* in this file */
	int64_t header_ns;   /* when the header was written last */
};

static int64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int fail(const struct wav *w, const char *what, int code, struct error *err) {
	return error_set(err, code, "cannot %s '%s': %s", what, w->path, strerror(code));
}

static void put_le(unsigned char *to, uint32_t value, int bytes) {
	for (int i = 0; i < bytes; i++) {
		to[i] = (unsigned char)(value >> (8 * i));
	}
}

static int write_header(struct wav *w, struct error *err) {
	unsigned char h[WAV_HEADER] = "RIFF....WAVEfmt ";
	uint32_t data = (uint32_t)(w->file_frames * (int64_t)w->frame_bytes);
	uint32_t rate = (uint32_t)w->pcm.rate;
	put_le(h + 4, WAV_HEADER - 8 + data, 4);
	put_le(h + 16, 16, 4);
	put_le(h + 20, 1, 2); /* PCM */
	put_le(h + 22, (uint32_t)w->pcm.channels, 2);
	put_le(h + 24, rate, 4);
	put_le(h + 28, rate * (uint32_t)w->frame_bytes, 4);
	put_le(h + 32, (uint32_t)w->frame_bytes, 2);
	put_le(h + 34, WAV_BITS, 2);
	memcpy(h + 36, "data", 4); /* NOLINT(bugprone-not-null-terminated-result) */
	put_le(h + 40, data, 4);
	if (pwrite(w->fd, h, sizeof(h), 0) != (ssize_t)sizeof(h)) {
		return fail(w, "write", errno != 0 ? errno : EIO, err);
	}
	return 0;
}

/* Moves what stands at the path to the first free number. */
static int move_aside(const struct wav *w, struct error *err) {
	const char *slash = strrchr(w->path, '/');
	const char *dot = strrchr(w->path, '.');
	if (dot == NULL || (slash != NULL && dot < slash)) {
		dot = w->path + strlen(w->path);
	}
	for (int n = 1; n < INT_MAX; n++) {
		char to[PATH_MAX];
		int len = snprintf(to, sizeof(to), "%.*s-%d%s", (int)(dot - w->path),
				   w->path, n, dot);
		if (len >= (int)sizeof(to)) {
			return fail(w, "number", ENAMETOOLONG, err);
		}
		/* link refuses where the name is taken: nothing is ever replaced. */
		if (link(w->path, to) == 0) {
			return unlink(w->path) < 0 ? fail(w, "rename", errno, err) : 0;
		}
		if (errno != EEXIST) {
			return fail(w, "rename", errno, err);
		}
	}
	return fail(w, "number", EEXIST, err);
}

static bool begins_as_wav(const char *path) {
	char begin[4] = "";
	AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && read(fd, begin, sizeof(begin)) == sizeof(begin) &&
	       memcmp(begin, "RIFF", sizeof(begin)) == 0;
}

/* What stands at the path is kept under another name; what is no recording is not
 * touched at all: a mistyped path must not take a file away from its owner. */
static int make_room(const struct wav *w, struct error *err) {
	struct stat st;
	if (stat(w->path, &st) < 0) {
		return 0; /* open will say what is wrong */
	}
	if (!S_ISREG(st.st_mode)) {
		return error_set(err, EINVAL, "cannot record to '%s': it is not a file",
				 w->path);
	}
	if (st.st_size > 0 && !begins_as_wav(w->path)) {
		return error_set(err, EEXIST,
				 "cannot record to '%s': a file that is no WAV file "
				 "stands there; choose another name",
				 w->path);
	}
	return st.st_size > WAV_HEADER ? move_aside(w, err) : 0;
}

static int open_file(struct wav *w, struct error *err) {
	int rc = make_room(w, err);
	if (rc < 0) {
		return rc;
	}
	int fd = open(w->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		return fail(w, "record to", errno, err);
	}
	fd_close(w->fd);
	w->fd = fd;
	w->file_frames = 0;
	return write_header(w, err);
}

/* Somebody took the file away, for its sound or with its disk: it is ended and a new one
 * begun. One that stands in its place is left alone: two outputs that were given one
 * file under two names must not take it from each other for ever. */
static int follow_path(struct wav *w, struct error *err) {
	struct stat st;
	if (stat(w->path, &st) == 0 || errno != ENOENT) {
		return 0;
	}
	int rc = write_header(w, err);
	return rc < 0 ? rc : open_file(w, err);
}

static bool is_silent(const unsigned char *bytes, size_t n) {
	return n == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0);
}

static bool has_room(const struct wav *w, int64_t n) {
	return (w->file_frames + n) * (int64_t)w->frame_bytes <= WAV_MAX_BYTES;
}

/* Appends n frames; NULL is silence. */
static int append(struct wav *w, const unsigned char *frames, int64_t n,
		  struct error *err) {
	int64_t frame_bytes = (int64_t)w->frame_bytes;
	if (!has_room(w, n)) {
		int rc = write_header(w, err);
		rc = rc < 0 ? rc : open_file(w, err);
		if (rc < 0) {
			return rc;
		}
	}
	off_t at = WAV_HEADER + (off_t)(w->file_frames * frame_bytes);
	size_t bytes = (size_t)(n * frame_bytes);
	if (frames == NULL || is_silent(frames, bytes)) {
		if (ftruncate(w->fd, at + (off_t)bytes) < 0) {
			return fail(w, "write", errno, err);
		}
	} else {
		ssize_t done = pwrite(w->fd, frames, bytes, at);
		if (done != (ssize_t)bytes) {
			return fail(w, "write", done < 0 ? errno : ENOSPC, err);
		}
	}
	w->file_frames += n;
	w->line_frames += n;
	return 0;
}

static int append_queued(struct wav *w, int64_t n, struct error *err) {
	int rc = 0;
	while (n > 0 && rc == 0) {
		int64_t at = w->played % w->pcm.buffer_frames;
		int64_t piece =
			n < w->pcm.buffer_frames - at ? n : w->pcm.buffer_frames - at;
		rc = append(w, w->ring + (size_t)at * w->frame_bytes, piece, err);
		w->played += piece;
		n -= piece;
	}
	return rc;
}

/* Brings the file up to `ns`. Where the queue is too short for that it runs dry. */
static int advance(struct wav *w, int64_t ns, struct error *err) {
	int64_t to = w->start_frame + timeline_frames(ns - w->start_ns, w->pcm.rate);
	int64_t n = to - w->played;
	int64_t queued = w->written - w->played;
	int rc = 0;
	if (n > 0) {
		rc = append_queued(w, n < queued ? n : queued, err);
	}
	if (rc == 0 && n > queued) {
		w->running = false;
		w->dry = true;
	}
	if (rc == 0 && ns - w->header_ns >= HEADER_EVERY_NS) {
		w->header_ns = ns;
		rc = write_header(w, err);
		rc = rc < 0 ? rc : follow_path(w, err);
	}
	return rc;
}

static int wav_status(struct pcm *p, struct pcm_status *ret, struct error *err) {
	struct wav *w = (struct wav *)p;
	int64_t ns = now_ns();
	if (w->running) {
		int rc = advance(w, ns, err);
		if (rc < 0) {
			return rc;
		}
	}
	*ret = (struct pcm_status){
		.state = w->dry       ? PCM_XRUN
			 : w->running ? PCM_RUNNING
				      : PCM_READY,
		.at_ns = ns,
		.queued = w->written - w->played,
		.delay = w->written - w->played,
	};
	return 0;
}

static int wav_write(struct pcm *p, const void *frames, int64_t n, struct error *err) {
	struct wav *w = (struct wav *)p;
	(void)err;
	int64_t room = p->buffer_frames - (w->written - w->played);
	n = n < room ? n : room;
	const unsigned char *from = frames;
	for (int64_t done = 0; done < n;) {
		int64_t at = w->written % p->buffer_frames;
		int64_t piece = n - done < p->buffer_frames - at ? n - done
								 : p->buffer_frames - at;
		memcpy(w->ring + (size_t)at * w->frame_bytes,
		       from + (size_t)done * w->frame_bytes,
		       (size_t)piece * w->frame_bytes);
		w->written += piece;
		done += piece;
	}
	return (int)n;
}

static int wav_start(struct pcm *p, struct error *err) {
	struct wav *w = (struct wav *)p;
	int64_t ns = now_ns();
	if (w->origin_ns == 0) {
		w->origin_ns = ns;
	}
	int rc = follow_path(w, err);
	if (rc < 0) {
		return rc;
	}
	/* The time it stood still is silence in the file, so that the file stays true;
	 * where it does not fit, the next file begins now. */
	int64_t gap = timeline_frames(ns - w->origin_ns, p->rate) - w->line_frames;
	if (gap > 0 && has_room(w, gap)) {
		rc = append(w, NULL, gap, err);
	} else if (gap > 0) {
		rc = write_header(w, err);
		rc = rc < 0 ? rc : open_file(w, err);
		w->line_frames += gap;
	}
	if (rc < 0) {
		return rc;
	}
	w->start_ns = ns;
	w->start_frame = w->played;
	w->running = true;
	return 0;
}

static int wav_recover(struct pcm *p, struct error *err) {
	struct wav *w = (struct wav *)p;
	int rc = w->running ? advance(w, now_ns(), err) : 0;
	w->running = false;
	w->dry = false;
	w->played = w->written;
	return rc;
}

static int64_t wav_rewind(struct pcm *p, int64_t frames) {
	struct wav *w = (struct wav *)p;
	int64_t queued = w->written - w->played;
	frames = frames < queued ? frames : queued;
	w->written -= frames;
	return frames;
}

static void wav_free(struct pcm *p) {
	struct wav *w = (struct wav *)p;
	if (w->fd >= 0) {
		/* What the clock has passed belongs to the file; an error here has
		 * nobody left to hear it, and the header before this one is valid. */
		if (w->running) {
			(void)advance(w, now_ns(), NULL);
		}
		(void)write_header(w, NULL);
		fd_close(w->fd);
	}
	free(w->ring);
	free(w->path);
	free(w);
}

static const struct pcm_ops wav_ops = {
	.write = wav_write,
	.start = wav_start,
	.status = wav_status,
	.recover = wav_recover,
	.rewind = wav_rewind,
	.free = wav_free,
};

int pcm_wav_open(const struct pcm_spec *spec, struct pcm **ret, struct error *err) {
	const char *path = spec->name + strlen(PCM_WAV_PREFIX);
	if (path[0] == '\0') {
		return error_set(err, EINVAL,
				 "'%s' names no file; write wav:/path/to/file.wav",
				 spec->name);
	}
	struct wav *w = calloc(1, sizeof(*w));
	if (w == NULL) {
		return error_set(err, ENOMEM, "no memory to record to '%s'", path);
	}
	w->fd = -1;
	w->pcm.ops = &wav_ops;
	w->pcm.format = MIX_S16;
	w->pcm.rate = spec->rate > 0 ? spec->rate : 48000;
	w->pcm.channels = spec->channels;
	w->pcm.buffer_frames = (int64_t)w->pcm.rate * spec->buffer_ms / 1000;
	w->pcm.shallow_frames = w->pcm.rate / 50;
	w->pcm.rewind_margin = w->pcm.rate / 250;
	w->frame_bytes = mix_format_bytes(MIX_S16) * (size_t)spec->channels;
	w->ring = calloc((size_t)w->pcm.buffer_frames, w->frame_bytes);
	w->path = strdup(path);
	int rc = 0;
	if (w->ring == NULL || w->path == NULL) {
		rc = error_set(err, ENOMEM, "no memory to record to '%s'", path);
	} else {
		rc = open_file(w, err);
	}
	if (rc < 0) {
		wav_free(&w->pcm);
		return rc;
	}
	*ret = &w->pcm;
	return 0;
}
