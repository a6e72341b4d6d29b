/* encode.c - see encode.h. */
#include "encode.h"

#include <opusenc.h>
#include <string.h>
#include <unistd.h>

/* Speech and village music: transparent enough that nobody hears it on a horn. */
#define BITRATE_MONO 64000
#define BITRATE_STEREO 96000
/* Any number does for a file of one stream; a fixed one makes the bytes repeatable. */
#define SERIAL 1

struct encoder {
	OggOpusComments *comments;
	OggOpusEnc *enc;
	int fd;
	int64_t bytes;   /* written */
	int write_errno; /* of the first write that failed */
};

static int on_write(void *arg, const unsigned char *data, opus_int32 len) {
	struct encoder *e = arg;
	while (len > 0) {
		ssize_t n = write(e->fd, data, (size_t)len);
		if (n < 0) {
			e->write_errno = errno;
			return 1;
		}
		data += n;
		len -= (opus_int32)n;
		e->bytes += n;
	}
	return 0;
}

static int on_close(void *arg) {
	(void)arg;
	return 0;
}

static int encode_fail(const struct encoder *e, int rc, struct error *err) {
	if (e->write_errno != 0) {
		return error_set(err, e->write_errno,
				 "the Opus file cannot be written: %s",
				 strerror(e->write_errno));
	}
	return error_set(err, rc == OPE_ALLOC_FAIL ? ENOMEM : EIO, "Opus encoder: %s",
			 ope_strerror(rc));
}

int encode_new(int fd, int rate, int channels, struct encoder **ret, struct error *err) {
	static const OpusEncCallbacks callbacks = {on_write, on_close};
	AUTO(encode_free) struct encoder *e = calloc(1, sizeof(*e));
	if (e == NULL) {
		return error_set(err, ENOMEM, "no memory to encode");
	}
	e->fd = fd;
	e->comments = ope_comments_create();
	if (e->comments == NULL) {
		return error_set(err, ENOMEM, "no memory to encode");
	}
	int rc = 0;
	e->enc = ope_encoder_create_callbacks(&callbacks, e, e->comments, rate, channels,
					      0, &rc);
	if (e->enc == NULL) {
		return encode_fail(e, rc, err);
	}
	int bitrate = channels == 1 ? BITRATE_MONO : BITRATE_STEREO;
	rc = ope_encoder_ctl(e->enc, OPE_SET_SERIALNO(SERIAL));
	rc = rc != OPE_OK ? rc : ope_encoder_ctl(e->enc, OPUS_SET_BITRATE(bitrate));
	/* No room for tags to be edited: the file never changes. */
	rc = rc != OPE_OK ? rc : ope_encoder_ctl(e->enc, OPE_SET_COMMENT_PADDING(0));
	if (rc != OPE_OK) {
		return encode_fail(e, rc, err);
	}
	*ret = MOVE(e);
	return 0;
}

void encode_free(struct encoder *e) {
	if (e == NULL) {
		return;
	}
	if (e->enc != NULL) {
		ope_encoder_destroy(e->enc);
	}
	if (e->comments != NULL) {
		ope_comments_destroy(e->comments);
	}
	free(e);
}

int encode_add(struct encoder *e, const float *frames, int n, struct error *err) {
	int rc = ope_encoder_write_float(e->enc, frames, n);
	return rc == OPE_OK && e->write_errno == 0 ? 0 : encode_fail(e, rc, err);
}

int64_t encode_end(struct encoder *e, struct error *err) {
	int rc = ope_encoder_drain(e->enc);
	return rc == OPE_OK && e->write_errno == 0 ? e->bytes : encode_fail(e, rc, err);
}
