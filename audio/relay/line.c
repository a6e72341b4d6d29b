/* line.c - see line.h.
 *
 * A card by its hw: name is opened as plughw:, so that ALSA makes mono at RELAY_RATE of
 * whatever it gives. The other end follows the card's clock (audio/jitter.h). */
#include "line.h"

#include "base/error.h"
#include "base/str.h"
#include "out.h"

#include <alsa/asoundlib.h>
#include <string.h>

#define PERIOD 240 /* frames, 5 ms: what a piece of it is late by */
#define BUFFER 9600
#define CHANNELS_MAX 32
#define READ 480
#define FDS_MAX 16
#define STILL_MS 2000
#define AGAIN_MS 200 /* after a fault; then twice as long each time */
#define AGAIN_MAX_MS 3000
/* Of a device that is not bound to time, such as ALSA's null. */
#define RACE_FRAMES (RELAY_RATE + RELAY_RATE / 2)
#define OVERRUNS_MAX 10 /* in ten seconds */
#define OVERRUNS_MS 10000

struct line {
	const char *name;
	snd_pcm_t *pcm;
	unsigned int channels;
	int64_t heard_ms; /* when it gave something last */
	int64_t second_ms;
	int64_t second_frames; /* since then */
	int64_t overruns_ms;
	int overruns; /* since then */
};

static void open_name(const char *name, char *ret, size_t size) {
	bool card = strncmp(name, "hw:", 3) == 0;
	str_format(ret, size, "%s%s", card ? "plug" : "", name);
}

static int refused(const struct line *l, int rc, const char *what, struct error *err) {
	return error_set(err, -rc, "'%s' cannot be captured%s: %s", l->name, what,
			 snd_strerror(rc));
}

static int set_hardware(struct line *l, struct error *err) {
	snd_pcm_hw_params_t *hw = NULL;
	snd_pcm_uframes_t period = PERIOD;
	snd_pcm_uframes_t buffer = BUFFER;
	snd_pcm_hw_params_alloca(&hw);
	l->channels = 1;
	int rc = snd_pcm_hw_params_any(l->pcm, hw);
	rc = rc < 0 ? rc
		    : snd_pcm_hw_params_set_access(l->pcm, hw,
						   SND_PCM_ACCESS_RW_INTERLEAVED);
	rc = rc < 0 ? rc : snd_pcm_hw_params_set_format(l->pcm, hw, SND_PCM_FORMAT_S16);
	rc = rc < 0 ? rc : snd_pcm_hw_params_set_channels_near(l->pcm, hw, &l->channels);
	rc = rc < 0 ? rc : snd_pcm_hw_params_set_rate(l->pcm, hw, RELAY_RATE, 0);
	if (rc < 0 || l->channels > CHANNELS_MAX) {
		return refused(l, rc < 0 ? rc : -EINVAL,
			       " as 16 bit at 48000 Hz (write plug: before it)", err);
	}
	rc = snd_pcm_hw_params_set_period_size_near(l->pcm, hw, &period, NULL);
	rc = rc < 0 ? rc : snd_pcm_hw_params_set_buffer_size_near(l->pcm, hw, &buffer);
	rc = rc < 0 ? rc : snd_pcm_hw_params(l->pcm, hw);
	return rc < 0 ? refused(l, rc, "", err) : 0;
}

static int start(struct line *l, struct error *err) {
	int rc = snd_pcm_prepare(l->pcm);
	rc = rc < 0 ? rc : snd_pcm_start(l->pcm);
	return rc < 0 ? refused(l, rc, "", err) : 0;
}

static int open_line(struct line *l, struct error *err) {
	char name[256];
	open_name(l->name, name, sizeof(name));
	int rc = snd_pcm_open(&l->pcm, name, SND_PCM_STREAM_CAPTURE, SND_PCM_NONBLOCK);
	if (rc < 0) {
		l->pcm = NULL;
		return refused(l, rc, "", err);
	}
	rc = set_hardware(l, err);
	if (rc == 0 && snd_pcm_poll_descriptors_count(l->pcm) > FDS_MAX) {
		rc = refused(l, -EINVAL, " (too many descriptors)", err);
	}
	l->heard_ms = l->second_ms = l->overruns_ms = out_now_ms();
	l->second_frames = l->overruns = 0;
	return rc < 0 ? rc : start(l, err);
}

/* Mono, the mean of all channels. */
static void give(const struct line *l, const int16_t *samples, size_t n) {
	float frames[READ];
	float share = 1.0F / (32768.0F * (float)l->channels);
	for (size_t i = 0; i < n; i++) {
		int sum = 0;
		for (unsigned int c = 0; c < l->channels; c++) {
			sum += samples[i * l->channels + c];
		}
		frames[i] = (float)sum * share;
	}
	/* What does not fit is too old by the time it would. */
	(void)out_sound(frames, n);
}

static int overrun(struct line *l, int rc, struct error *err) {
	int64_t now_ms = out_now_ms();
	if (now_ms - l->overruns_ms > OVERRUNS_MS) {
		l->overruns_ms = now_ms;
		l->overruns = 0;
	}
	if (++l->overruns > OVERRUNS_MAX) {
		return error_set(err, -rc,
				 "'%s' overflows again and again (%s): the box is too "
				 "busy to take its sound",
				 l->name, snd_strerror(rc));
	}
	return start(l, err);
}

static int count(struct line *l, int64_t n, struct error *err) {
	int64_t now_ms = out_now_ms();
	l->heard_ms = now_ms;
	l->second_frames += n;
	if (l->second_frames > RACE_FRAMES && now_ms - l->second_ms <= 1000) {
		return error_set(err, EINVAL,
				 "'%s' gives sound faster than time passes: it is no "
				 "capture of a card",
				 l->name);
	}
	if (now_ms - l->second_ms > 1000) {
		l->second_ms = now_ms;
		l->second_frames = 0;
	}
	return 0;
}

/* Takes what there is. */
static int take(struct line *l, struct error *err) {
	int16_t samples[READ * CHANNELS_MAX];
	for (;;) {
		snd_pcm_sframes_t n = snd_pcm_readi(l->pcm, samples, READ);
		if (n == -EAGAIN || n == 0) {
			return 0;
		}
		if (n == -EPIPE || n == -ESTRPIPE) {
			return overrun(l, (int)n, err);
		}
		if (n < 0) {
			return error_set(err, (int)-n, "'%s' gives no sound any more: %s",
					 l->name, snd_strerror((int)n));
		}
		give(l, samples, (size_t)n);
		int rc = count(l, n, err);
		if (rc < 0) {
			return rc;
		}
		out_ok(l->name);
	}
}

/* Until something is wrong. */
static int capture(struct line *l, struct error *err) {
	struct pollfd fds[FDS_MAX];
	int rc = 0;
	while (rc == 0 && !out_gone()) {
		int n = snd_pcm_poll_descriptors(l->pcm, fds, FDS_MAX);
		if (n < 0) {
			return refused(l, n, "", err);
		}
		int ready = poll(fds, (nfds_t)n, 100);
		unsigned short events = 0;
		if (ready > 0) {
			(void)snd_pcm_poll_descriptors_revents(l->pcm, fds,
							       (unsigned int)n, &events);
		}
		/* A pulled device may say it in its state alone. */
		bool gone = snd_pcm_state(l->pcm) == SND_PCM_STATE_DISCONNECTED;
		rc = events != 0 || gone ? take(l, err) : 0;
		if (rc == 0 && gone) {
			rc = error_set(err, ENODEV, "'%s' gives no sound any more: %s",
				       l->name, snd_strerror(-ENODEV));
		}
		if (rc == 0 && out_now_ms() - l->heard_ms > STILL_MS) {
			rc = error_set(err, ETIMEDOUT, "'%s' has given no sound for %d s",
				       l->name, STILL_MS / 1000);
		}
	}
	return rc;
}

void line_run(const char *name) {
	struct line line = {.name = name};
	int again_ms = AGAIN_MS;
	while (!out_gone()) {
		struct error err = {0};
		int64_t began_ms = out_now_ms();
		int rc = open_line(&line, &err);
		rc = rc < 0 ? rc : capture(&line, &err);
		if (line.pcm != NULL) {
			snd_pcm_close(line.pcm);
			line.pcm = NULL;
		}
		if (rc < 0) {
			out_fault(err.text);
		}
		/* What is plugged in anew is a card ALSA has not seen. */
		snd_config_update_free_global();
		again_ms = out_now_ms() - began_ms > 10000 ? AGAIN_MS : again_ms;
		out_wait(again_ms);
		again_ms = again_ms * 2 < AGAIN_MAX_MS ? again_ms * 2 : AGAIN_MAX_MS;
	}
}
