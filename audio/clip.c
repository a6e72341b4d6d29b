/* clip.c - see clip.h. */
#include "clip.h"

#include "mix/trim.h"

#include <assert.h>
#include <fcntl.h>
#include <opusfile.h>
#include <string.h>
#include <sys/stat.h>

#define PIECE 5760 /* frames in the longest Opus packet: 120 ms */
#define SLACK 2400 /* frames that a conversion may have rounded off: 50 ms */
/* Decoded before the frame that is sought, so that decoder and limiter have forgotten
 * where they began: a second and a half. RFC 7845 (4.6) asks for 80 ms, which is near
 * enough, not equal; the limiter's way back has a time constant of 150 ms.
 */
#define CONVERGE 72000

struct clip {
	OggOpusFile *of;
	char *title;
	int channels;
	int64_t length;
	int64_t due;   /* frames there must be */
	int64_t at;    /* decoded */
	int64_t given; /* read */
	double gain_db;
	struct trim trim;
	float stereo[2 * PIECE];
};

static const char *opus_words(int code) {
	switch (code) {
	case OP_HOLE:
		return "part of it is missing or damaged";
	case OP_EREAD:
		return "it cannot be read from the disk";
	case OP_ENOTFORMAT:
		return "it is not Ogg Opus";
	case OP_EBADHEADER:
	case OP_EVERSION:
		return "its header is damaged or of an unknown version";
	case OP_EBADPACKET:
	case OP_EBADLINK:
	case OP_EBADTIMESTAMP:
		return "it is damaged";
	case OP_EFAULT:
		return "no memory";
	default:
		return "the decoder refuses it";
	}
}

/* opusfile says only that it cannot open a file; the reason is the system's. */
static int check_readable(const char *path, const char *title, struct error *err) {
	AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		int code = errno;
		return error_set(err, code, "cannot open the file of clip '%s': %s%s",
				 title, strerror(code),
				 code == ENOENT ? "; upload it again" : "");
	}
	struct stat st;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		return error_set(err, EINVAL,
				 "what should be the file of clip '%s' is no file; "
				 "upload it again",
				 title);
	}
	return 0;
}

int clip_open(const char *path, const char *title, int64_t frames, double gain_db,
	      struct clip **ret, struct error *err) {
	title = title != NULL ? title : path;
	int rc = check_readable(path, title, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(clip_free) struct clip *c = calloc(1, sizeof(*c));
	if (c == NULL || (c->title = strdup(title)) == NULL) {
		return error_set(err, ENOMEM, "no memory for clip '%s'", title);
	}
	int op_rc = 0;
	c->of = op_open_file(path, &op_rc);
	if (c->of == NULL) {
		return error_set(err, EINVAL,
				 "cannot play clip '%s': %s (%d); upload it again", title,
				 opus_words(op_rc), op_rc);
	}
	/* A chained file may change its channel count midway; a broadcast must not
	 * change shape in the air. */
	if (op_link_count(c->of) != 1) {
		return error_set(err, ENOTSUP,
				 "cannot play clip '%s': it is a chained file", title);
	}
	ogg_int64_t length = op_pcm_total(c->of, -1);
	if (length < 0) {
		return error_set(err, EINVAL,
				 "cannot play clip '%s': it has no length (%d); upload "
				 "it again",
				 title, (int)length);
	}
	c->length = length;
	c->due = frames > length + SLACK ? frames : length;
	c->channels = op_channel_count(c->of, -1);
	c->gain_db = gain_db;
	trim_init(&c->trim, gain_db);
	*ret = MOVE(c);
	return 0;
}

void clip_free(struct clip *c) {
	if (c == NULL) {
		return;
	}
	if (c->of != NULL) {
		op_free(c->of);
	}
	free(c->title);
	free(c);
}

int64_t clip_frames(const struct clip *c) {
	return c->length;
}

static int decode(struct clip *c, float *frames, size_t n, struct error *err) {
	n = n < PIECE ? n : PIECE;
	int got = c->channels == 1 ? op_read_float(c->of, frames, (int)n, NULL)
				   : op_read_float_stereo(c->of, c->stereo, 2 * (int)n);
	double seconds = (double)c->at / CLIP_RATE;
	if (got < 0) {
		return error_set(err, EBADMSG,
				 "clip '%s' fails at %.2f s: %s (%d); upload it again",
				 c->title, seconds, opus_words(got), got);
	}
	if (got == 0 && c->at < c->due) {
		return error_set(
			err, EBADMSG,
			"clip '%s' is cut off: it ends at %.2f of %.2f s; upload "
			"it again",
			c->title, seconds, (double)c->due / CLIP_RATE);
	}
	if (c->channels != 1) {
		for (int i = 0; i < got; i++) {
			frames[i] = 0.5F * (c->stereo[2 * i] + c->stereo[2 * i + 1]);
		}
	}
	c->at += got;
	return got;
}

int clip_read(struct clip *c, float *frames, size_t n, struct error *err) {
	size_t out = 0;
	while (out == 0 && n > 0) {
		int got = decode(c, frames, n, err);
		if (got < 0) {
			return got;
		}
		out = got > 0 ? trim_frames(&c->trim, frames, (size_t)got)
			      : trim_rest(&c->trim, frames, n);
		if (got == 0) {
			break;
		}
	}
	c->given += (int64_t)out;
	return (int)out;
}

int clip_seek(struct clip *c, int64_t frame, struct error *err) {
	assert(frame >= 0 && frame <= c->length);
	int64_t from = frame > CONVERGE ? frame - CONVERGE : 0;
	int code = op_pcm_seek(c->of, from);
	if (code < 0) {
		return error_set(err, EBADMSG,
				 "clip '%s' cannot be played from %.2f s: %s (%d); "
				 "upload it again",
				 c->title, (double)frame / CLIP_RATE, opus_words(code),
				 code);
	}
	c->at = from;
	c->given = from;
	trim_init(&c->trim, c->gain_db);
	while (c->given < frame) {
		float frames[PIECE];
		int64_t left = frame - c->given;
		int got = clip_read(c, frames, left < PIECE ? (size_t)left : PIECE, err);
		if (got <= 0) {
			return got < 0 ? got
				       : error_set(err, EBADMSG,
						   "clip '%s' ends before %.2f s; "
						   "upload it again",
						   c->title, (double)frame / CLIP_RATE);
		}
	}
	return 0;
}
