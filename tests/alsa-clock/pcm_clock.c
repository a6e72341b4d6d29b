/* pcm_clock.c - an ALSA playback PCM that behaves like a sound card with a clock of its
 * own and keeps every frame it played: `type dalaba_clock` (README.md beside this file).
 * Owner: libasound, which loads it. Threads: the application's, under the PCM's lock.
 * Blocks: on the capture file, and for as long as hang_write_file exists.
 *
 * The ring is libasound's pseudo-mmap buffer (mmap_rw). There is no thread: each call
 * first moves the card to where its clock says it is, and takes from the ring what the
 * DMA would have taken meanwhile; what lies there cannot have changed, since the
 * application writes only where a call has told it that the card is through. A little is
 * taken ahead (fifo_frames), as real cards do, so that a rewind up to the very pointer is
 * heard as the fault it is. libasound stamps no report of a plugin; so the delay is read
 * last of all, with nothing between it and the return that takes time: told late it would
 * be that of a card whose clock goes wrong whenever the machine is busy. */
#include "pcm.h"

#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define LIST_MAX 16
/* The longest sleep of a waiting application: how soon it notices that the card was
 * pulled out, and how much of what was played a SIGKILL may cost the capture. */
#define LOOK_NS (50 * 1000000LL)
/* Between looks at the files of its faults: a call to this card is not to cost more than
 * one to a driver. */
#define SEE_NS 2000000LL
#define BUSY_NS (4 * NS_PER_S)    /* of delay_late_us: so long it is on time */
#define SETTLED_NS (2 * NS_PER_S) /* from then on it tells how near to dry it came */

struct list {
	unsigned int items[LIST_MAX];
	unsigned int n;
};

struct card {
	snd_pcm_ioplug_t io;
	/* As configured. */
	char *capture;
	char *unplug_file;
	char *hang_file;
	char *stall_file;
	char *suspend_file;
	struct list rates, formats, channels;
	long period_min, period_max, buffer_min, buffer_max; /* frames */
	long fifo_frames;
	long fail_open;
	long fail_resume;
	long stall_after_ms; /* -1: never */
	long delay_late_us;
	double ppm;
	/* The file and its list of segments, -1 where nothing is kept. */
	int data_fd;
	int side_fd;
	int timer_fd;
	int64_t armed_ns; /* what it was set to last, 0: never */
	int64_t saw_ns;   /* when it looked at the files of its faults last */
	bool unplug_seen;
	bool stall_seen;
	/* The stream. Positions are frames since prepare. */
	snd_pcm_uframes_t avail_min;
	snd_pcm_uframes_t stop_threshold;
	snd_pcm_uframes_t silence_size;
	snd_pcm_uframes_t boundary;
	bool open_segment;
	bool standing;      /* paused or stalled */
	bool dead;          /* unplugged while open: this handle never works again */
	int64_t started_ns; /* of the stream, for stall_after_ms and delay_late_us */
	int64_t base_ns;    /* when base_frames left */
	int64_t base_frames;
	int64_t segment_frames; /* played of this segment */
	int64_t least;          /* the fewest that were queued in it, -1: not known */
	int64_t position;       /* the hardware pointer */
	int64_t kept;           /* played and in the file, kept <= position */
	int64_t fetched;        /* taken from the ring, position <= fetched */
	char *staging;          /* fetched, and not yet in the file */
	size_t staging_frames;  /* its size */
	size_t frame_bytes;
};

static double frames_per_ns(const struct card *c) {
	return (double)c->io.rate * (1.0 + c->ppm * 1e-6) / 1e9;
}

/* The capture is the whole point of this card, so it does not play on without it. */
static void give_up(struct card *c, const char *what) {
	fprintf(stderr, "dalaba_clock: %s '%s': %s\n", what, c->capture, strerror(errno));
	c->dead = true;
}

static void write_all(struct card *c, int fd, const void *bytes, size_t len) {
	const char *at = bytes;
	while (fd >= 0 && len > 0) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			give_up(c, "cannot write");
			return;
		}
		at += n;
		len -= (size_t)n;
	}
}

__attribute__((format(printf, 2, 3))) static void note(struct card *c, const char *format,
						       ...) {
	char line[512];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n > 0 && (size_t)n < sizeof(line)) {
		write_all(c, c->side_fd, line, (size_t)n);
	}
}

/* What was played goes to the file. */
static void keep(struct card *c) {
	size_t bytes = (size_t)(c->position - c->kept) * c->frame_bytes;
	if (bytes == 0) {
		return;
	}
	write_all(c, c->data_fd, c->staging, bytes);
	memmove(c->staging, c->staging + bytes,
		(size_t)(c->fetched - c->position) * c->frame_bytes);
	c->kept = c->position;
}

static void segment_open(struct card *c, int64_t at_ns, int64_t at_frame) {
	c->base_ns = at_ns;
	c->base_frames = at_frame;
	c->segment_frames = 0;
	c->least = -1;
	c->open_segment = true;
	off_t offset = c->data_fd >= 0 ? lseek(c->data_fd, 0, SEEK_END) : 0;
	note(c,
	     "{\"event\": \"start\", \"start_ns\": %lld, \"rate\": %u, \"ppm\": %.9g, "
	     "\"format\": \"%s\", \"channels\": %u, \"offset\": %lld, \"buffer\": %lu, "
	     "\"pid\": %d}\n",
	     (long long)at_ns, c->io.rate, c->ppm, snd_pcm_format_name(c->io.format),
	     c->io.channels, (long long)offset, c->io.buffer_size, (int)getpid());
}

static void segment_close(struct card *c, const char *reason) {
	if (!c->open_segment) {
		return;
	}
	c->open_segment = false;
	keep(c);
	int64_t end_ns =
		c->base_ns + (int64_t)((double)c->segment_frames / frames_per_ns(c));
	note(c,
	     "{\"event\": \"stop\", \"end_ns\": %lld, \"frames\": %lld, \"reason\": "
	     "\"%s\", \"least\": %lld}\n",
	     (long long)end_ns, (long long)c->segment_frames, reason,
	     (long long)c->least);
}

/* Takes frames from the ring up to `until`, as the DMA does. */
static void fetch(struct card *c, int64_t until) {
	const snd_pcm_channel_area_t *areas = snd_pcm_ioplug_mmap_areas(&c->io);
	if (areas == NULL || c->staging == NULL) {
		return;
	}
	char *ring = (char *)areas[0].addr + areas[0].first / 8;
	int64_t size = (int64_t)c->io.buffer_size;
	while (c->fetched < until) {
		int64_t at = c->fetched % size;
		int64_t n =
			until - c->fetched < size - at ? until - c->fetched : size - at;
		int64_t room = (int64_t)c->staging_frames - (c->fetched - c->kept);
		n = n < room ? n : room;
		char *from = ring + at * (int64_t)c->frame_bytes;
		memcpy(c->staging + (c->fetched - c->kept) * (int64_t)c->frame_bytes,
		       from, (size_t)n * c->frame_bytes);
		/* As the kernel does where an application asked for silence behind the
		 * pointer. */
		if (c->silence_size >= c->boundary && c->boundary > 0) {
			memset(from, 0, (size_t)n * c->frame_bytes);
		}
		c->fetched += n;
		if (n == 0) {
			return;
		}
	}
}

/* Plays up to `until`, in order. */
static void play(struct card *c, int64_t until) {
	int64_t running_dry = (int64_t)c->io.appl_ptr;
	bool free_running = c->stop_threshold > c->io.buffer_size;
	while (c->position < until) {
		int64_t step = (int64_t)c->io.buffer_size;
		int64_t next = until - c->position < step ? until : c->position + step;
		int64_t ahead = next + c->fifo_frames;
		if (!free_running && ahead > running_dry) {
			ahead = running_dry > next ? running_dry : next;
		}
		if (ahead - c->kept > (int64_t)c->staging_frames) {
			keep(c);
		}
		fetch(c, ahead);
		c->segment_frames += next - c->position;
		c->position = next;
	}
}

/* Where the clock is now, whatever the application has written. */
static int64_t clock_position(const struct card *c, int64_t at_ns) {
	if (c->standing || !c->open_segment) {
		return c->position;
	}
	if (c->stall_after_ms >= 0) {
		int64_t stall_ns = c->started_ns + c->stall_after_ms * 1000000;
		at_ns = at_ns < stall_ns ? at_ns : stall_ns;
	}
	int64_t frames = c->base_frames +
			 (int64_t)((double)(at_ns - c->base_ns) * frames_per_ns(c));
	return frames > c->position ? frames : c->position;
}

static void arm_at(struct card *c, int64_t at_ns) {
	/* Earlier than wanted does no harm: who waits asks for the events, and is sent
	 * back to wait. An application that never waits then costs no timer. */
	if (c->armed_ns != 0 && c->armed_ns <= at_ns) {
		return;
	}
	c->armed_ns = at_ns;
	struct itimerspec when = {0};
	when.it_value.tv_sec = at_ns / NS_PER_S;
	when.it_value.tv_nsec = at_ns % NS_PER_S;
	timerfd_settime(c->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* The position at which an application that waits is woken. */
static int64_t wake_position(const struct card *c) {
	int64_t appl = (int64_t)c->io.appl_ptr;
	if (c->io.state == SND_PCM_STATE_DRAINING) {
		return appl;
	}
	return appl - (int64_t)c->io.buffer_size + (int64_t)c->avail_min;
}

/* Makes the descriptor readable when an application that waits is to be woken. */
static void arm(struct card *c) {
	int64_t wake = wake_position(c);
	bool sounding = c->io.state == SND_PCM_STATE_RUNNING ||
			c->io.state == SND_PCM_STATE_DRAINING;
	if (c->dead || wake <= c->position ||
	    (!sounding && c->io.state != SND_PCM_STATE_PREPARED)) {
		arm_at(c, 1);
		return;
	}
	int64_t look = now_ns() + LOOK_NS;
	if (!sounding || !c->open_segment) {
		arm_at(c, look);
		return;
	}
	double ns = (double)(wake - c->base_frames) / frames_per_ns(c);
	int64_t at = c->base_ns + (int64_t)ns + 1;
	arm_at(c, at < look ? at : look);
}

/* Looks at the files of its faults, now and then. */
static void see(struct card *c) {
	int64_t at_ns = now_ns();
	if (at_ns - c->saw_ns < SEE_NS) {
		return;
	}
	c->saw_ns = at_ns;
	while (exists(c->hang_file)) {
		poll(NULL, 0, 5);
	}
	c->unplug_seen = exists(c->unplug_file);
	c->stall_seen = exists(c->stall_file);
}

/* What a driver would notice before anything else. */
static int look_around(struct card *c) {
	see(c);
	if (!c->dead && c->unplug_seen) {
		segment_close(c, "unplugged");
		c->dead = true;
	}
	return c->dead ? -ENODEV : 0;
}

/* Put to sleep: what it had queued is not played, whatever it is told then. */
static bool falls_asleep(struct card *c) {
	if (!c->open_segment || !exists(c->suspend_file)) {
		return false;
	}
	int64_t at = clock_position(c, now_ns());
	play(c, at < (int64_t)c->io.appl_ptr ? at : (int64_t)c->io.appl_ptr);
	segment_close(c, "suspended");
	unlink(c->suspend_file);
	return true;
}

static void look_for_stall(struct card *c) {
	if (c->io.state == SND_PCM_STATE_PAUSED) {
		return;
	}
	if (c->stall_seen && c->open_segment) {
		play(c, clock_position(c, now_ns()));
		segment_close(c, "stalled");
		c->standing = true;
	} else if (!c->stall_seen && c->standing) {
		c->standing = false;
		segment_open(c, now_ns(), c->position);
	}
}

/* Plays up to now, or as far as there is something to play. True where it ran dry. */
static bool catch_up(struct card *c) {
	look_for_stall(c);
	keep(c);
	int64_t at_ns = now_ns();
	int64_t at = clock_position(c, at_ns);
	int64_t appl = (int64_t)c->io.appl_ptr;
	int64_t queued = appl > at ? appl - at : 0;
	bool draining = c->io.state == SND_PCM_STATE_DRAINING;
	if (!draining && at_ns - c->base_ns > SETTLED_NS) {
		c->least = c->least < 0 || queued < c->least ? queued : c->least;
	}
	bool dry = at >= appl && c->open_segment &&
		   (draining || c->stop_threshold <= c->io.buffer_size);
	play(c, dry ? appl : at);
	return dry;
}

static snd_pcm_sframes_t clock_pointer(snd_pcm_ioplug_t *io) {
	struct card *c = io->private_data;
	/* libasound takes a negative position for an xrun; pulled out is a state. */
	if (look_around(c) < 0) {
		snd_pcm_ioplug_set_state(io, SND_PCM_STATE_DISCONNECTED);
		arm(c);
		return c->position;
	}
	bool sounding =
		io->state == SND_PCM_STATE_RUNNING || io->state == SND_PCM_STATE_DRAINING;
	if (sounding && falls_asleep(c)) {
		snd_pcm_ioplug_set_state(io, SND_PCM_STATE_SUSPENDED);
		sounding = false;
	}
	if (!sounding) {
		return c->position;
	}
	if (catch_up(c) && io->state == SND_PCM_STATE_RUNNING) {
		segment_close(c, "xrun");
		arm_at(c, 1);
		return -EPIPE;
	}
	arm(c);
	return c->position;
}

static int clock_delay(snd_pcm_ioplug_t *io, snd_pcm_sframes_t *ret) {
	struct card *c = io->private_data;
	if (c->delay_late_us > 0 && now_ns() - c->started_ns > BUSY_NS) {
		usleep((useconds_t)c->delay_late_us);
	}
	int64_t at = clock_position(c, now_ns());
	int64_t appl = (int64_t)io->appl_ptr;
	*ret = appl > at ? appl - at : 0;
	return 0;
}

static int clock_start(snd_pcm_ioplug_t *io) {
	struct card *c = io->private_data;
	if (look_around(c) < 0) {
		return -ENODEV;
	}
	int64_t at_ns = now_ns();
	c->started_ns = at_ns;
	c->standing = false;
	segment_open(c, at_ns, c->position);
	arm(c);
	return 0;
}

static int clock_stop(snd_pcm_ioplug_t *io) {
	struct card *c = io->private_data;
	if (c->open_segment && look_around(c) == 0) {
		bool draining = io->state == SND_PCM_STATE_DRAINING;
		int64_t at = clock_position(c, now_ns());
		int64_t appl = (int64_t)io->appl_ptr;
		bool dry = at > appl && c->stop_threshold <= io->buffer_size;
		play(c, dry || (draining && at > appl) ? appl : at);
		segment_close(c, draining ? "drain" : dry ? "xrun" : "drop");
	}
	c->standing = false;
	return 0;
}

static int clock_prepare(snd_pcm_ioplug_t *io) {
	struct card *c = io->private_data;
	if (look_around(c) < 0) {
		return -ENODEV;
	}
	segment_close(c, "prepare");
	c->position = 0;
	c->kept = 0;
	c->fetched = 0;
	c->standing = false;
	arm_at(c, 1);
	return 0;
}

static int clock_resume(snd_pcm_ioplug_t *io) {
	struct card *c = io->private_data;
	if (look_around(c) < 0) {
		return -ENODEV;
	}
	if (c->fail_resume != 0) {
		return -(int)c->fail_resume;
	}
	snd_pcm_ioplug_set_state(io, SND_PCM_STATE_RUNNING);
	segment_open(c, now_ns(), c->position);
	return 0;
}

static int clock_pause(snd_pcm_ioplug_t *io, int enable) {
	struct card *c = io->private_data;
	if (look_around(c) < 0) {
		return -ENODEV;
	}
	if (enable) {
		int64_t at = clock_position(c, now_ns());
		play(c, at < (int64_t)io->appl_ptr ? at : (int64_t)io->appl_ptr);
		segment_close(c, "pause");
		c->standing = true;
	} else {
		c->standing = false;
		segment_open(c, now_ns(), c->position);
		arm(c);
	}
	return 0;
}

static int clock_hw_params(snd_pcm_ioplug_t *io, snd_pcm_hw_params_t *params) {
	struct card *c = io->private_data;
	(void)params;
	if (look_around(c) < 0) {
		return -ENODEV;
	}
	c->frame_bytes =
		(size_t)snd_pcm_format_physical_width(io->format) / 8 * io->channels;
	c->staging_frames = 2 * io->buffer_size + (size_t)c->fifo_frames;
	free(c->staging);
	c->staging = calloc(c->staging_frames, c->frame_bytes);
	return c->staging == NULL ? -ENOMEM : 0;
}

static int clock_sw_params(snd_pcm_ioplug_t *io, snd_pcm_sw_params_t *params) {
	struct card *c = io->private_data;
	snd_pcm_sw_params_get_avail_min(params, &c->avail_min);
	snd_pcm_sw_params_get_stop_threshold(params, &c->stop_threshold);
	snd_pcm_sw_params_get_silence_size(params, &c->silence_size);
	snd_pcm_sw_params_get_boundary(params, &c->boundary);
	return 0;
}

static int clock_poll_revents(snd_pcm_ioplug_t *io, struct pollfd *pfd, unsigned int nfds,
			      unsigned short *revents) {
	struct card *c = io->private_data;
	(void)pfd;
	(void)nfds;
	*revents = 0;
	c->armed_ns = 0;
	if (look_around(c) < 0) {
		snd_pcm_ioplug_set_state(io, SND_PCM_STATE_DISCONNECTED);
		arm(c);
		*revents = POLLERR;
		return 0;
	}
	bool dry = false;
	if (io->state == SND_PCM_STATE_RUNNING || io->state == SND_PCM_STATE_DRAINING) {
		dry = catch_up(c);
		keep(c);
	}
	if (io->state == SND_PCM_STATE_XRUN || io->state == SND_PCM_STATE_SETUP) {
		*revents = POLLOUT | POLLERR;
	} else if (dry || c->position >= wake_position(c)) {
		*revents = POLLOUT;
	} else {
		arm(c);
	}
	return 0;
}

static void card_free(struct card *c) {
	if (c->data_fd >= 0) {
		close(c->data_fd);
	}
	if (c->side_fd >= 0) {
		close(c->side_fd);
	}
	if (c->timer_fd >= 0) {
		close(c->timer_fd);
	}
	free(c->capture);
	free(c->unplug_file);
	free(c->hang_file);
	free(c->stall_file);
	free(c->suspend_file);
	free(c->staging);
	free(c);
}

static int clock_close(snd_pcm_ioplug_t *io) {
	struct card *c = io->private_data;
	segment_close(c, "close");
	card_free(c);
	return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {
	.start = clock_start,
	.stop = clock_stop,
	.pointer = clock_pointer,
	.delay = clock_delay,
	.close = clock_close,
	.hw_params = clock_hw_params,
	.sw_params = clock_sw_params,
	.prepare = clock_prepare,
	.pause = clock_pause,
	.resume = clock_resume,
	.poll_revents = clock_poll_revents,
};

static int read_list(const char *id, snd_config_t *node, bool formats,
		     struct list *list) {
	snd_config_iterator_t i, next;
	if (snd_config_get_type(node) != SND_CONFIG_TYPE_COMPOUND) {
		SNDERR("%s must be a list: [ ... ]", id);
		return -EINVAL;
	}
	list->n = 0;
	snd_config_for_each(i, next, node) {
		snd_config_t *item = snd_config_iterator_entry(i);
		const char *text;
		long value;
		if (list->n == LIST_MAX) {
			SNDERR("%s has more than %d values", id, LIST_MAX);
			return -EINVAL;
		}
		if (formats) {
			if (snd_config_get_string(item, &text) < 0 ||
			    (value = snd_pcm_format_value(text)) < 0) {
				SNDERR("%s: not a format, write S16_LE", id);
				return -EINVAL;
			}
		} else if (snd_config_get_integer(item, &value) < 0 || value < 1) {
			SNDERR("%s: not a number above 0", id);
			return -EINVAL;
		}
		list->items[list->n++] = (unsigned int)value;
	}
	return list->n > 0 ? 0 : -EINVAL;
}

static int read_option(void *pcm, const char *id, snd_config_t *node) {
	struct card *c = pcm;
	const struct {
		const char *name;
		char **text;
		long *number;
		struct list *list;
	} options[] = {
		{"capture", &c->capture, NULL, NULL},
		{"unplug_file", &c->unplug_file, NULL, NULL},
		{"hang_write_file", &c->hang_file, NULL, NULL},
		{"stall_file", &c->stall_file, NULL, NULL},
		{"suspend_file", &c->suspend_file, NULL, NULL},
		{"stall_after_ms", NULL, &c->stall_after_ms, NULL},
		{"delay_late_us", NULL, &c->delay_late_us, NULL},
		{"fail_open", NULL, &c->fail_open, NULL},
		{"fail_resume", NULL, &c->fail_resume, NULL},
		{"fifo_frames", NULL, &c->fifo_frames, NULL},
		{"period_min", NULL, &c->period_min, NULL},
		{"period_max", NULL, &c->period_max, NULL},
		{"buffer_min", NULL, &c->buffer_min, NULL},
		{"buffer_max", NULL, &c->buffer_max, NULL},
		{"rates", NULL, NULL, &c->rates},
		{"formats", NULL, NULL, &c->formats},
		{"channels", NULL, NULL, &c->channels},
	};
	if (strcmp(id, "hint") == 0) {
		return 0;
	}
	if (strcmp(id, "ppm") == 0) {
		return snd_config_get_ireal(node, &c->ppm);
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(id, options[i].name) != 0) {
			continue;
		}
		if (options[i].text != NULL) {
			return read_text(node, options[i].text);
		}
		if (options[i].number != NULL) {
			return snd_config_get_integer(node, options[i].number);
		}
		return read_list(id, node, strcmp(id, "formats") == 0, options[i].list);
	}
	return -ENOENT;
}

static unsigned int least(const struct list *list) {
	unsigned int value = list->items[0];
	for (unsigned int i = 1; i < list->n; i++) {
		value = list->items[i] < value ? list->items[i] : value;
	}
	return value;
}

static unsigned int most(const struct list *list) {
	unsigned int value = list->items[0];
	for (unsigned int i = 1; i < list->n; i++) {
		value = list->items[i] > value ? list->items[i] : value;
	}
	return value;
}

static int set_constraints(struct card *c) {
	static const unsigned int access[] = {SND_PCM_ACCESS_RW_INTERLEAVED,
					      SND_PCM_ACCESS_MMAP_INTERLEAVED};
	unsigned int width_min = 64, width_max = 8;
	for (unsigned int i = 0; i < c->formats.n; i++) {
		int width = snd_pcm_format_physical_width(
			(snd_pcm_format_t)c->formats.items[i]);
		width_min =
			(unsigned int)width < width_min ? (unsigned int)width : width_min;
		width_max =
			(unsigned int)width > width_max ? (unsigned int)width : width_max;
	}
	unsigned int small = width_min / 8 * least(&c->channels);
	unsigned int large = width_max / 8 * most(&c->channels);
	snd_pcm_ioplug_t *io = &c->io;
	const struct {
		int type;
		unsigned int n;
		const unsigned int *list;
	} lists[] = {
		{SND_PCM_IOPLUG_HW_ACCESS, 2, access},
		{SND_PCM_IOPLUG_HW_FORMAT, c->formats.n, c->formats.items},
		{SND_PCM_IOPLUG_HW_CHANNELS, c->channels.n, c->channels.items},
		{SND_PCM_IOPLUG_HW_RATE, c->rates.n, c->rates.items},
	};
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		int rc = snd_pcm_ioplug_set_param_list(io, lists[i].type, lists[i].n,
						       lists[i].list);
		if (rc < 0) {
			return rc;
		}
	}
	int rc = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIOD_BYTES,
						 (unsigned int)c->period_min * small,
						 (unsigned int)c->period_max * large);
	if (rc < 0) {
		return rc;
	}
	rc = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_BUFFER_BYTES,
					     (unsigned int)c->buffer_min * small,
					     (unsigned int)c->buffer_max * large);
	if (rc < 0) {
		return rc;
	}
	return snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIODS, 2, 1024);
}

static int open_files(struct card *c) {
	c->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (c->timer_fd < 0) {
		return -errno;
	}
	if (c->capture == NULL) {
		return 0;
	}
	char side[4096];
	snprintf(side, sizeof(side), "%s.jsonl", c->capture);
	c->side_fd = open(side, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	c->data_fd = open(c->capture, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (c->side_fd < 0 || c->data_fd < 0) {
		SNDERR("dalaba_clock: cannot open '%s'", c->capture);
		return -EACCES;
	}
	/* A card has one player. */
	return flock(c->side_fd, LOCK_EX | LOCK_NB) < 0 ? -EBUSY : 0;
}

static struct card *card_new(void) {
	struct card *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return NULL;
	}
	c->data_fd = c->side_fd = c->timer_fd = -1;
	c->rates = (struct list){{48000}, 1};
	c->formats = (struct list){{SND_PCM_FORMAT_S16_LE}, 1};
	c->channels = (struct list){{2}, 1};
	c->period_min = 32;
	c->period_max = 65536;
	c->buffer_min = 64;
	c->buffer_max = 262144;
	c->fifo_frames = 32;
	c->stall_after_ms = -1;
	return c;
}

SND_PCM_PLUGIN_DEFINE_FUNC(dalaba_clock) {
	(void)root;
	if (stream != SND_PCM_STREAM_PLAYBACK) {
		return -EINVAL;
	}
	struct card *c = card_new();
	if (c == NULL) {
		return -ENOMEM;
	}
	int rc = read_options(conf, "dalaba_clock", read_option, c);
	if (rc == 0 && c->fail_open != 0) {
		rc = -(int)c->fail_open;
	}
	if (rc == 0 && exists(c->unplug_file)) {
		rc = -ENODEV;
	}
	if (rc == 0) {
		rc = open_files(c);
	}
	if (rc < 0) {
		card_free(c);
		return rc;
	}
	c->io.version = SND_PCM_IOPLUG_VERSION;
	c->io.name = "card with a clock of its own";
	c->io.flags = SND_PCM_IOPLUG_FLAG_MONOTONIC | SND_PCM_IOPLUG_FLAG_BOUNDARY_WA;
	c->io.mmap_rw = 1;
	c->io.poll_fd = c->timer_fd;
	c->io.poll_events = POLLIN;
	c->io.callback = &callbacks;
	c->io.private_data = c;
	rc = snd_pcm_ioplug_create(&c->io, name, stream, mode);
	if (rc < 0) {
		card_free(c);
		return rc;
	}
	rc = set_constraints(c);
	if (rc < 0) {
		snd_pcm_ioplug_delete(&c->io);
		return rc;
	}
	*pcmp = c->io.pcm;
	return 0;
}

SND_PCM_PLUGIN_SYMBOL(dalaba_clock);
