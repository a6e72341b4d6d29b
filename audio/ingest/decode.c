/* decode.c - see decode.h. Opus goes to opusfile, everything else to libsndfile; both
 * read from memory, so that the same code runs in the sandbox and under the fuzzer. */
#include "decode.h"
#include "streams.h"

#include <math.h>
#include <opusfile.h>
#include <sndfile.h>
#include <stdio.h>
#include <string.h>

#define TAKEN "send WAV, FLAC, MP3, Ogg Vorbis or Ogg Opus"
#define CHANNELS_MAX 64
#define RATE_MIN 4000
#define RATE_MAX 384000
/* Beyond this no codec's arithmetic is safe; 6 dB above full scale is a hot recording,
 * more is a mistake. */
#define SAMPLE_MAX 2.0F
#define SAMPLE_FAR 4.0F /* what a coder makes of +-SAMPLE_MAX stays below */
#define OPUS_OVER 2304  /* frames that a file may have beyond its time stamps: 48 ms */

struct memory {
	const unsigned char *data;
	sf_count_t size;
	sf_count_t at;
	bool endless; /* as a pipe is: nobody can look from its end */
};

struct decoder {
	struct memory memory;
	OggOpusFile *opus; /* one of opus, sound */
	SNDFILE *sound;
	SF_INFO sound_info;
	struct decode_info info;
	int channels_in; /* of the file */
	bool mix_links;  /* opus of several links: opusfile makes stereo of each */
	int64_t frames;  /* read so far */
	int64_t frames_max;
	bool held;    /* a sample was beyond SAMPLE_FAR */
	float *block; /* DECODE_FRAMES of channels_in */
};

/* What people send by mistake, told apart by its first bytes. */
static const struct magic {
	size_t at;
	size_t len;
	const char *bytes;
	const char *name;
} magics[] = {
	{0, 4, "\x89PNG", "a PNG picture"},
	{0, 3, "\xff\xd8\xff", "a JPEG picture"},
	{0, 4, "GIF8", "a GIF picture"},
	{0, 4, "PK\x03\x04", "a ZIP archive or an office document"},
	{0, 4, "Rar!", "a RAR archive"},
	{0, 2, "\x1f\x8b", "a gzip archive"},
	{0, 4, "%PDF", "a PDF document"},
	{0, 4,
	 "\x7f"
	 "ELF",
	 "a program"},
	{4, 4, "ftyp", "M4A or MP4 (AAC)"},
	{0, 4, "#!AM", "AMR"},
	{0, 4, "\x30\x26\xb2\x75", "WMA or WMV"},
	{0, 4, "\x1a\x45\xdf\xa3", "WebM or Matroska"},
	{8, 4, "AVI ", "an AVI video"},
	{0, 4, "MThd", "MIDI"},
};

static const struct format {
	int major;
	const char *name;
	int lack_ms; /* how much may be missing of the length it says; -1: it says none */
} formats[] = {
	{SF_FORMAT_WAV, "WAV", -1},    {SF_FORMAT_WAVEX, "WAV", -1},
	{SF_FORMAT_RF64, "RF64", -1},  {SF_FORMAT_W64, "W64", -1},
	{SF_FORMAT_AIFF, "AIFF", -1},  {SF_FORMAT_CAF, "CAF", -1},
	{SF_FORMAT_AU, "AU", -1},      {SF_FORMAT_FLAC, "FLAC", 0},
	{SF_FORMAT_MPEG, "MP3", 1000}, {SF_FORMAT_OGG, "Ogg Vorbis", 100},
};

static const struct format *format_find(int format) {
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if ((format & SF_FORMAT_TYPEMASK) == formats[i].major) {
			return &formats[i];
		}
	}
	return NULL;
}

static int refuse_by_magic(const unsigned char *data, size_t size, struct error *err) {
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		const struct magic *m = &magics[i];
		if (size >= m->at + m->len &&
		    memcmp(data + m->at, m->bytes, m->len) == 0) {
			return error_set(
				err, EINVAL,
				"the upload is %s, which cannot be played: " TAKEN,
				m->name);
		}
	}
	return 0;
}

static sf_count_t memory_length(void *arg) {
	const struct memory *m = arg;
	return m->size;
}

static sf_count_t memory_seek(sf_count_t offset, int whence, void *arg) {
	struct memory *m = arg;
	if (whence == SEEK_END && m->endless) {
		return -1;
	}
	sf_count_t base = whence == SEEK_CUR ? m->at : whence == SEEK_END ? m->size : 0;
	sf_count_t at = 0;
	if (__builtin_add_overflow(base, offset, &at) || at < 0) {
		return -1;
	}
	m->at = at;
	return at;
}

static sf_count_t memory_read(void *to, sf_count_t n, void *arg) {
	struct memory *m = arg;
	if (n <= 0 || m->at >= m->size) {
		return 0;
	}
	if (n > m->size - m->at) {
		n = m->size - m->at;
	}
	memcpy(to, m->data + m->at, (size_t)n);
	m->at += n;
	return n;
}

static sf_count_t memory_write(const void *from, sf_count_t n, void *arg) {
	(void)from;
	(void)n;
	(void)arg;
	return 0;
}

static sf_count_t memory_tell(void *arg) {
	const struct memory *m = arg;
	return m->at;
}

static SF_VIRTUAL_IO memory_io = {memory_length, memory_seek, memory_read, memory_write,
				  memory_tell};

static const char *opus_words(int rc) {
	switch (rc) {
	case OP_HOLE:
		return "pages are missing or damaged";
	case OP_EREAD:
		return "it ends in the middle of a page";
	case OP_EFAULT:
		return "out of memory";
	case OP_EIMPL:
		return "it uses a feature that is not supported";
	case OP_ENOTFORMAT:
		return "no Opus stream in it";
	case OP_EBADHEADER:
		return "its header is damaged";
	case OP_EVERSION:
		return "its version is not known";
	case OP_EBADPACKET:
		return "a packet does not decode";
	case OP_EBADLINK:
		return "data after its end, or a damaged link";
	case OP_EBADTIMESTAMP:
		return "its time stamps are damaged";
	default:
		return "it does not decode";
	}
}

static int refuse_length(const struct decoder *d, struct error *err) {
	return error_set(err, EFBIG,
			 "the recording is longer than %lld minutes: cut it into pieces",
			 (long long)(d->frames_max / d->info.rate / 60));
}

/* Rate and channels are known: settles what decode_read gives. */
static int decode_prepare(struct decoder *d, const char *name, int64_t frames,
			  int64_t max_ms, struct error *err) {
	if (d->info.rate < RATE_MIN || d->info.rate > RATE_MAX) {
		return error_set(err, EINVAL,
				 "the %s file has %d Hz: send one with %d to %d Hz", name,
				 d->info.rate, RATE_MIN, RATE_MAX);
	}
	if (d->channels_in < 1 || d->channels_in > CHANNELS_MAX) {
		return error_set(err, EINVAL,
				 "the %s file has %d channels: send one with 1 to %d",
				 name, d->channels_in, CHANNELS_MAX);
	}
	d->info.channels = d->channels_in > 2 ? 1 : d->channels_in;
	snprintf(d->info.input, sizeof(d->info.input), "%s, %d Hz, %d channel%s", name,
		 d->info.rate, d->channels_in, d->channels_in == 1 ? "" : "s");
	d->frames_max = max_ms * d->info.rate / 1000;
	/* Unknown lengths are told as a very large one, or 0: decode_read counts. */
	if (frames > d->frames_max && frames < SF_COUNT_MAX) {
		return refuse_length(d, err);
	}
	d->block = calloc((size_t)d->channels_in * DECODE_FRAMES, sizeof(*d->block));
	if (d->block == NULL) {
		return error_set(err, ENOMEM, "no memory to decode");
	}
	return 0;
}

static int open_opus(struct decoder *d, int64_t max_ms, struct error *err) {
	int rc = 0;
	d->opus = op_open_memory(d->memory.data, (size_t)d->memory.size, &rc);
	if (d->opus == NULL) {
		return error_set(err, EINVAL, "the Ogg Opus file cannot be decoded: %s",
				 opus_words(rc));
	}
	d->info.rate = 48000;
	d->channels_in = op_channel_count(d->opus, 0);
	d->mix_links = op_link_count(d->opus) != 1;
	if (d->mix_links) {
		d->channels_in = 2;
	}
	d->info.keepable = !d->mix_links && d->channels_in <= 2;
	return decode_prepare(d, "Ogg Opus", op_pcm_total(d->opus, -1), max_ms, err);
}

static void open_memory(struct decoder *d) {
	d->memory.at = 0;
	d->sound_info = (SF_INFO){0};
	d->sound = sf_open_virtual(&memory_io, SFM_READ, &d->sound_info, &d->memory);
}

static int open_sound(struct decoder *d, int64_t max_ms, struct error *err) {
	open_memory(d);
	if (d->sound != NULL &&
	    (d->sound_info.format & SF_FORMAT_TYPEMASK) == SF_FORMAT_MPEG) {
		/* Where an MP3 does not say how long it is, libmpg123 guesses from the
		 * size and its first frame, and libsndfile reads no further: of a
		 * variable bit rate most would be lost. Without an end in sight it reads
		 * all there is, and a length that is given was in the file. */
		sf_close(d->sound);
		d->memory.endless = true;
		open_memory(d);
	}
	if (d->sound == NULL) {
		return error_set(
			err, EINVAL,
			"the upload is not audio that can be decoded (%s): " TAKEN,
			sf_strerror(NULL));
	}
	const struct format *format = format_find(d->sound_info.format);
	if (format == NULL) {
		SF_FORMAT_INFO words = {.format = d->sound_info.format &
						  SF_FORMAT_TYPEMASK};
		sf_command(d->sound, SFC_GET_FORMAT_INFO, &words, sizeof(words));
		return error_set(err, EINVAL,
				 "the upload is %s, which is not taken: " TAKEN,
				 words.name == NULL ? "of a rare kind" : words.name);
	}
	if (format->major == SF_FORMAT_OGG &&
	    streams_ogg_chained(d->memory.data, (size_t)d->memory.size)) {
		return error_set(err, EINVAL,
				 "the Ogg file holds several recordings, one behind the "
				 "other: export it as one");
	}
	d->info.rate = d->sound_info.samplerate;
	d->channels_in = d->sound_info.channels;
	return decode_prepare(d, format->name, d->sound_info.frames, max_ms, err);
}

int decode_open(const void *data, size_t size, int64_t max_ms, struct decoder **ret,
		struct error *err) {
	if (size == 0) {
		return error_set(err, EINVAL, "the upload is empty: " TAKEN);
	}
	int rc = refuse_by_magic(data, size, err);
	if (rc < 0) {
		return rc;
	}
	AUTO(decode_free) struct decoder *d = calloc(1, sizeof(*d));
	if (d == NULL) {
		return error_set(err, ENOMEM, "no memory to decode");
	}
	d->memory = (struct memory){.data = data, .size = (sf_count_t)size};
	rc = op_test(NULL, data, size) == 0 ? open_opus(d, max_ms, err)
					    : open_sound(d, max_ms, err);
	if (rc < 0) {
		return rc;
	}
	*ret = MOVE(d);
	return 0;
}

void decode_free(struct decoder *d) {
	if (d == NULL) {
		return;
	}
	op_free(d->opus);
	if (d->sound != NULL) {
		sf_close(d->sound);
	}
	free(d->block);
	free(d);
}

void decode_info(const struct decoder *d, struct decode_info *ret) {
	*ret = d->info;
}

int64_t decode_position_ms(const struct decoder *d) {
	return (d->frames * 1000 + d->info.rate / 2) / d->info.rate;
}

bool decode_keepable(const struct decoder *d) {
	/* Whoever plays the file hears it without our limit, and takes its length from
	 * its time stamps, which may leave out pauses. */
	int64_t says = d->opus != NULL ? op_pcm_total(d->opus, -1) : 0;
	return d->info.keepable && !d->held && says <= d->frames &&
	       d->frames - says < OPUS_OVER;
}

static int read_opus(struct decoder *d, struct error *err) {
	int n = d->mix_links ? op_read_float_stereo(d->opus, d->block, 2 * DECODE_FRAMES)
			     : op_read_float(d->opus, d->block,
					     d->channels_in * DECODE_FRAMES, NULL);
	if (n < 0) {
		return error_set(err, EINVAL,
				 "the Ogg Opus file is damaged at %lld ms: %s",
				 (long long)decode_position_ms(d), opus_words(n));
	}
	return n;
}

static int check_end(const struct decoder *d, int64_t frames, struct error *err) {
	const struct format *format = format_find(d->sound_info.format);
	int64_t all = d->sound_info.frames;
	int64_t rate = d->info.rate;
	if (format->lack_ms >= 0 && all < SF_COUNT_MAX &&
	    frames + format->lack_ms * rate / 1000 < all) {
		return error_set(err, EINVAL,
				 "the %s file is damaged or cut off: it decodes only to "
				 "%lld of %lld ms (%s)",
				 format->name, (long long)(frames * 1000 / rate),
				 (long long)(all * 1000 / rate),
				 sf_error(d->sound) != 0 ? sf_strerror(d->sound)
							 : "its end is missing");
	}
	/* Tags and rubbish behind the music are passed over, music is not. */
	const struct memory *m = &d->memory;
	if (format->major == SF_FORMAT_MPEG && m->at < m->size &&
	    streams_mpeg_within(m->data + m->at, (size_t)(m->size - m->at))) {
		return error_set(
			err, EINVAL,
			"the MP3 file decodes only to %lld ms, and more follows: "
			"it is damaged there, or several were joined; export it "
			"as one",
			(long long)(frames * 1000 / rate));
	}
	return 0;
}

/* Others end where they end: streams carry no true length, and MP3 files of real life
 * carry tags and rubbish behind the music. */
static int read_sound(struct decoder *d, struct error *err) {
	int n = (int)sf_readf_float(d->sound, d->block, DECODE_FRAMES);
	int rc = n < DECODE_FRAMES ? check_end(d, d->frames + n, err) : 0;
	return rc < 0 ? rc : n;
}

/* One frame of the file to what is given: as it is up to stereo, else the average. */
static bool convert_frames(struct decoder *d, float *frames, int n) {
	int mix = d->channels_in > 2 ? d->channels_in : 1;
	size_t values = (size_t)n * (size_t)d->info.channels;
	for (size_t i = 0; i < values; i++) {
		float sum = 0;
		for (int c = 0; c < mix; c++) {
			sum += d->block[i * (size_t)mix + (size_t)c];
		}
		if (!isfinite(sum)) {
			return false;
		}
		float value = sum / (float)mix;
		d->held = d->held || fabsf(value) > SAMPLE_FAR;
		frames[i] = fminf(fmaxf(value, -SAMPLE_MAX), SAMPLE_MAX);
	}
	return true;
}

int decode_read(struct decoder *d, float *frames, struct error *err) {
	int n = d->opus != NULL ? read_opus(d, err) : read_sound(d, err);
	if (n < 0) {
		return n;
	}
	if (n == 0 && d->frames == 0) {
		return error_set(err, EINVAL, "there is no sound in the upload (%s)",
				 d->info.input);
	}
	if (!convert_frames(d, frames, n)) {
		return error_set(err, EINVAL,
				 "the recording holds values that are not numbers after "
				 "%lld ms: export it again",
				 (long long)decode_position_ms(d));
	}
	d->frames += n;
	if (d->frames > d->frames_max) {
		return refuse_length(d, err);
	}
	return n;
}
