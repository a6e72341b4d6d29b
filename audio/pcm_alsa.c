/* pcm_alsa.c - see pcm.h: any ALSA PCM by its name. Non-blocking, read/write access; the
 * device never stops us, we sleep by the clock and keep it filled.
 *
 * What the card has is asked for first (its own rates, its own formats), so that the one
 * rate conversion is ours; a plug or a plugin takes what it is given. */
#include "pcm.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "pcm_alsa_cards.h"

#include <alsa/asoundlib.h>
#include <string.h>
#include <time.h>

#define PERIOD_US 10000
#define SHALLOW_MS 20
#define REWIND_MARGIN_MS 4

struct alsa {
	struct pcm pcm;
	snd_pcm_t *handle;
	snd_pcm_status_t *status;
	char *name;
	char device[PCM_DEVICE_SIZE]; /* what `name` means now */
	bool has_ring;                /* its frames can be mapped */
};

static int64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static const char *what_to_do(int code) {
	switch (code) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return "check that the card is plugged in, `aplay -l` lists the cards";
	case EBUSY:
		return "another program is using it, `fuser -v /dev/snd/*` shows which";
	case EACCES:
	case EPERM:
		return "the daemon's user must be in the group audio";
	default:
		return "check the name and the cable, `aplay -L` lists the names";
	}
}

static int fail(const char *name, const char *what, int rc, struct error *err) {
	return error_set(err, -rc, "cannot %s '%s': %s; %s", what, name, snd_strerror(rc),
			 what_to_do(-rc));
}

/* In the order of preference: what loses nothing first, and of those the common ones. */
static const struct {
	snd_pcm_format_t alsa;
	enum mix_format format;
} formats[] = {
	{SND_PCM_FORMAT_S32_LE, MIX_S32},    {SND_PCM_FORMAT_S24_LE, MIX_S24},
	{SND_PCM_FORMAT_S24_3LE, MIX_S24_3}, {SND_PCM_FORMAT_FLOAT_LE, MIX_FLOAT},
	{SND_PCM_FORMAT_S16_LE, MIX_S16},
};
#define FORMATS (sizeof(formats) / sizeof(formats[0]))

static int set_format(struct alsa *a, snd_pcm_hw_params_t *hw, struct error *err) {
	struct error tried = {0};
	error_set(&tried, EINVAL, "tried");
	for (size_t i = 0; i < FORMATS; i++) {
		if (snd_pcm_hw_params_set_format(a->handle, hw, formats[i].alsa) == 0) {
			a->pcm.format = formats[i].format;
			return 0;
		}
		struct error before = tried;
		error_set(&tried, EINVAL, "%s %s", before.text,
			  mix_format_name(formats[i].format));
	}
	return error_set(err, EINVAL,
			 "cannot use '%s': none of its sample formats is known (%s)",
			 a->name, tried.text);
}

static int set_channels(struct alsa *a, snd_pcm_hw_params_t *hw, int wanted,
			struct error *err) {
	unsigned int channels = (unsigned int)wanted;
	unsigned int least = 0;
	unsigned int most = 0;
	if (snd_pcm_hw_params_set_channels(a->handle, hw, channels) < 0) {
		snd_pcm_hw_params_get_channels_min(hw, &least);
		snd_pcm_hw_params_get_channels_max(hw, &most);
		/* More than wanted does no harm: the rest stays silent. */
		int rc = snd_pcm_hw_params_set_channels_near(a->handle, hw, &channels);
		if (rc < 0 || (int)channels < wanted || channels > PCM_CHANNELS_MAX) {
			return error_set(
				err, EINVAL,
				"cannot use '%s' with %d channels: it has %u to %u",
				a->name, wanted, least, most);
		}
	}
	a->pcm.channels = (int)channels;
	return 0;
}

static int set_rate(struct alsa *a, snd_pcm_hw_params_t *hw, int wanted,
		    struct error *err) {
	unsigned int rate = (unsigned int)(wanted > 0 ? wanted : 48000);
	unsigned int asked = rate;
	int rc = snd_pcm_hw_params_set_rate_near(a->handle, hw, &rate, NULL);
	if (rc < 0 || rate < 4000 || rate > 384000) {
		return error_set(
			err, EINVAL, "cannot use '%s' at %u Hz or a rate near it: %s",
			a->name, asked, rc < 0 ? snd_strerror(rc) : "out of range");
	}
	a->pcm.rate = (int)rate;
	return 0;
}

/* A plug over a card, without a converter that remembers or a mixer between them. */
static bool lies_on_card(snd_pcm_t *handle) {
	snd_output_t *out = NULL;
	char *words = NULL;
	if (snd_output_buffer_open(&out) < 0) {
		return false;
	}
	bool yes = snd_pcm_dump(handle, out) >= 0 && snd_output_putc(out, '\0') >= 0 &&
		   snd_output_buffer_string(out, &words) > 0 &&
		   strstr(words, "Hardware PCM card") != NULL &&
		   strstr(words, "Rate conversion") == NULL &&
		   strstr(words, "Direct ") == NULL;
	snd_output_close(out);
	return yes;
}

/* ALSA lets many PCMs take back frames that are gone all the same (a plugin that sends
 * what it gets to a server). Safe are a card, and a plugin that has the ring itself. */
static bool can_rewind(const struct alsa *a) {
	switch (snd_pcm_type(a->handle)) {
	case SND_PCM_TYPE_HW:
		return true;
	case SND_PCM_TYPE_IOPLUG:
		return a->has_ring;
	case SND_PCM_TYPE_PLUG:
		return lies_on_card(a->handle);
	default:
		return false;
	}
}

static int set_buffer(struct alsa *a, snd_pcm_hw_params_t *hw, int buffer_ms,
		      struct error *err) {
	unsigned int period_us = PERIOD_US;
	unsigned int buffer_us = (unsigned int)buffer_ms * 1000;
	snd_pcm_uframes_t period = 0;
	snd_pcm_uframes_t buffer = 0;
	/* Either may be refused where the device insists on its own: then what it has is
	 * read back below. */
	(void)snd_pcm_hw_params_set_buffer_time_near(a->handle, hw, &buffer_us, NULL);
	(void)snd_pcm_hw_params_set_period_time_near(a->handle, hw, &period_us, NULL);
	int rc = snd_pcm_hw_params(a->handle, hw);
	if (rc < 0) {
		return error_set(err, -rc,
				 "cannot use '%s' (%s, %d Hz, %d channels, %d ms): %s",
				 a->name, mix_format_name(a->pcm.format), a->pcm.rate,
				 a->pcm.channels, buffer_ms, snd_strerror(rc));
	}
	rc = snd_pcm_hw_params_get_buffer_size(hw, &buffer);
	rc = rc < 0 ? rc : snd_pcm_hw_params_get_period_size(hw, &period, NULL);
	if (rc < 0) {
		return fail(a->name, "read the buffer of", rc, err);
	}
	int64_t shallow = (int64_t)a->pcm.rate * SHALLOW_MS / 1000;
	/* Where the position moves a period at a time, less than two is none. */
	int64_t least = 2 * (int64_t)period + a->pcm.rate / 200;
	a->pcm.buffer_frames = (int64_t)buffer;
	a->pcm.shallow_frames = shallow > least ? shallow : least;
	if (a->pcm.shallow_frames > (int64_t)buffer) {
		a->pcm.shallow_frames = (int64_t)buffer;
	}
	a->pcm.rewind_margin =
		can_rewind(a) ? (int64_t)a->pcm.rate * REWIND_MARGIN_MS / 1000 : -1;
	if (a->pcm.rewind_margin >= 0 && snd_pcm_hw_params_is_batch(hw)) {
		a->pcm.rewind_margin += (int64_t)period;
	}
	return 0;
}

static int set_hardware(struct alsa *a, const struct pcm_spec *spec, struct error *err) {
	snd_pcm_hw_params_t *hw = NULL;
	snd_pcm_hw_params_alloca(&hw);
	int rc = snd_pcm_hw_params_any(a->handle, hw);
	if (rc < 0) {
		return fail(a->name, "configure", rc, err);
	}
	a->has_ring = snd_pcm_hw_params_test_access(a->handle, hw,
						    SND_PCM_ACCESS_MMAP_INTERLEAVED) == 0;
	rc = snd_pcm_hw_params_set_access(a->handle, hw, SND_PCM_ACCESS_RW_INTERLEAVED);
	if (rc < 0) {
		return error_set(err, -rc,
				 "cannot use '%s': it does not take interleaved "
				 "frames (%s); write plughw: for hw:",
				 a->name, snd_strerror(rc));
	}
	rc = set_channels(a, hw, spec->channels, err);
	rc = rc < 0 ? rc : set_rate(a, hw, spec->rate, err);
	rc = rc < 0 ? rc : set_format(a, hw, err);
	return rc < 0 ? rc : set_buffer(a, hw, spec->buffer_ms, err);
}

static int set_software(struct alsa *a, struct error *err) {
	snd_pcm_sw_params_t *sw = NULL;
	snd_pcm_uframes_t boundary = 0;
	snd_pcm_sw_params_alloca(&sw);
	int rc = snd_pcm_sw_params_current(a->handle, sw);
	rc = rc < 0 ? rc : snd_pcm_sw_params_get_boundary(sw, &boundary);
	/* We start it ourselves; it stops itself when it runs dry. */
	rc = rc < 0 ? rc : snd_pcm_sw_params_set_start_threshold(a->handle, sw, boundary);
	rc = rc < 0 ? rc
		    : snd_pcm_sw_params_set_stop_threshold(
			      a->handle, sw, (snd_pcm_uframes_t)a->pcm.buffer_frames);
	rc = rc < 0 ? rc
		    : snd_pcm_sw_params_set_tstamp_mode(a->handle, sw,
							SND_PCM_TSTAMP_ENABLE);
	if (rc == 0) {
		/* Old plugins know only the wall clock; status() then takes our own. */
		(void)snd_pcm_sw_params_set_tstamp_type(a->handle, sw,
							SND_PCM_TSTAMP_TYPE_MONOTONIC);
	}
	rc = rc < 0 ? rc : snd_pcm_sw_params(a->handle, sw);
	return rc < 0 ? fail(a->name, "configure", rc, err) : 0;
}

static int alsa_write(struct pcm *p, const void *frames, int64_t n, struct error *err) {
	struct alsa *a = (struct alsa *)p;
	snd_pcm_sframes_t done = snd_pcm_writei(a->handle, frames, (snd_pcm_uframes_t)n);
	if (done == -EAGAIN) {
		return 0;
	}
	/* A suspended device is handled as one that ran dry. */
	if (done == -ESTRPIPE) {
		done = -EPIPE;
	}
	return done < 0 ? fail(a->name, "write to", (int)done, err) : (int)done;
}

static int alsa_start(struct pcm *p, struct error *err) {
	struct alsa *a = (struct alsa *)p;
	if (snd_pcm_state(a->handle) == SND_PCM_STATE_RUNNING) {
		return 0;
	}
	int rc = snd_pcm_start(a->handle);
	return rc < 0 ? fail(a->name, "start", rc, err) : 0;
}

static int alsa_status(struct pcm *p, struct pcm_status *ret, struct error *err) {
	struct alsa *a = (struct alsa *)p;
	int rc = snd_pcm_status(a->handle, a->status);
	if (rc < 0) {
		return fail(a->name, "read the state of", rc, err);
	}
	snd_htimestamp_t stamp;
	snd_pcm_status_get_htstamp(a->status, &stamp);
	int64_t now = now_ns();
	/* A plugin reads the delay after its stamp, which would make the device early. */
	bool stamped = snd_pcm_type(a->handle) == SND_PCM_TYPE_HW;
	int64_t at = stamped ? stamp.tv_sec * 1000000000LL + stamp.tv_nsec : now;
	snd_pcm_state_t state = snd_pcm_status_get_state(a->status);
	ret->queued = p->buffer_frames - (int64_t)snd_pcm_status_get_avail(a->status);
	ret->delay = (int64_t)snd_pcm_status_get_delay(a->status);
	/* A stamp that is missing, or of another clock, is no stamp. */
	ret->at_ns = at > now || now - at > 1000000000LL ? now : at;
	switch (state) {
	case SND_PCM_STATE_RUNNING:
	case SND_PCM_STATE_DRAINING:
		ret->state = PCM_RUNNING;
		return 0;
	case SND_PCM_STATE_PREPARED:
		ret->state = PCM_READY;
		return 0;
	case SND_PCM_STATE_XRUN:
	case SND_PCM_STATE_SUSPENDED:
		ret->state = PCM_XRUN;
		return 0;
	case SND_PCM_STATE_DISCONNECTED:
		return fail(a->name, "go on with", -ENODEV, err);
	default:
		return error_set(err, EBADFD, "cannot go on with '%s': it is in state %s",
				 a->name, snd_pcm_state_name(state));
	}
}

static int alsa_recover(struct pcm *p, struct error *err) {
	struct alsa *a = (struct alsa *)p;
	if (snd_pcm_state(a->handle) == SND_PCM_STATE_SUSPENDED) {
		(void)snd_pcm_resume(a->handle);
	}
	/* Prepare works where resume does not, and nothing queued is worth keeping. */
	(void)snd_pcm_drop(a->handle);
	int rc = snd_pcm_prepare(a->handle);
	return rc < 0 ? fail(a->name, "prepare", rc, err) : 0;
}

static int64_t alsa_rewind(struct pcm *p, int64_t frames) {
	struct alsa *a = (struct alsa *)p;
	snd_pcm_sframes_t most = snd_pcm_rewindable(a->handle);
	frames = frames < most ? frames : (int64_t)most;
	if (frames <= 0) {
		return 0;
	}
	snd_pcm_sframes_t done = snd_pcm_rewind(a->handle, (snd_pcm_uframes_t)frames);
	return done > 0 ? (int64_t)done : 0;
}

static void alsa_free(struct pcm *p) {
	struct alsa *a = (struct alsa *)p;
	if (a->handle != NULL) {
		/* Closing a device that is gone fails and there is nothing to be done. */
		(void)snd_pcm_drop(a->handle);
		(void)snd_pcm_close(a->handle);
	}
	if (a->status != NULL) {
		snd_pcm_status_free(a->status);
	}
	free(a->name);
	free(a);
}

static const struct pcm_ops alsa_ops = {
	.write = alsa_write,
	.start = alsa_start,
	.status = alsa_status,
	.recover = alsa_recover,
	.rewind = alsa_rewind,
	.free = alsa_free,
};

/* First without ALSA's own conversions: what the card has is converted to here, better,
 * and nothing then stands between a rewind and the card. */
static int open_handle(struct alsa *a) {
	int rc = snd_pcm_open(&a->handle, a->device, SND_PCM_STREAM_PLAYBACK,
			      SND_PCM_NONBLOCK | SND_PCM_NO_AUTO_RESAMPLE |
				      SND_PCM_NO_AUTO_FORMAT);
	if (rc < 0) {
		a->handle = NULL;
	}
	return rc;
}

/* A card with a format that is not among ours is left to ALSA. */
static int open_converting(struct alsa *a) {
	(void)snd_pcm_close(a->handle);
	int rc = snd_pcm_open(&a->handle, a->device, SND_PCM_STREAM_PLAYBACK,
			      SND_PCM_NONBLOCK);
	if (rc < 0) {
		a->handle = NULL;
	}
	return rc;
}

int pcm_alsa_open(const struct pcm_spec *spec, struct pcm **ret, struct error *err) {
	pcm_alsa_be_quiet();
	struct alsa *a = calloc(1, sizeof(*a));
	if (a == NULL || (a->name = strdup(spec->name)) == NULL) {
		free(a);
		return error_set(err, ENOMEM, "no memory to open '%s'", spec->name);
	}
	a->pcm.ops = &alsa_ops;
	int rc = cards_resolve(CARDS_SYS, a->name, a->device, sizeof(a->device), err);
	if (rc < 0) {
		alsa_free(&a->pcm);
		return rc;
	}
	rc = snd_pcm_status_malloc(&a->status);
	rc = rc < 0 ? rc : open_handle(a);
	if (rc < 0) {
		rc = fail(spec->name, "open", rc, err);
		alsa_free(&a->pcm);
		return rc;
	}
	rc = set_hardware(a, spec, err);
	if (rc < 0 && snd_pcm_type(a->handle) == SND_PCM_TYPE_PLUG) {
		rc = open_converting(a);
		rc = rc < 0 ? fail(spec->name, "open", rc, err)
			    : set_hardware(a, spec, err);
	}
	rc = rc < 0 ? rc : set_software(a, err);
	if (rc < 0) {
		alsa_free(&a->pcm);
		return rc;
	}
	*ret = &a->pcm;
	return 0;
}
