/* pcm_line.c - an ALSA capture PCM that behaves like the line-in of a card with a clock
 * of its own: what comes in at an instant is what a file holds for that instant (`type
 * dalaba_line`, README.md beside this file). Owner: libasound, which loads it. Threads:
 * the application's, under the PCM's lock. Never blocks. */
#include "pcm.h"

#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS (2 * 1000000LL)

struct line {
	snd_pcm_ioplug_t io;
	char *sound_path;
	char *unplug_file;
	char *busy_file;
	char *stall_file;
	char *call_socket;
	long start_ns; /* CLOCK_MONOTONIC at which the file's first frame comes in */
	double ppm;
	const int16_t *sound; /* mono */
	size_t n_sound;
	int timer_fd;
	bool dead;
	int64_t begun_ns;
	int64_t stalled_at; /* frames that had come, -1 while it runs */
	int64_t taken;      /* frames read since then */
};

static double rate_of(const struct line *l) {
	return (double)l->io.rate * (1.0 + l->ppm * 1e-6);
}

static int64_t frames_come(struct line *l) {
	int64_t come = (int64_t)((double)(now_ns() - l->begun_ns) * rate_of(l) / 1e9);
	if (!exists(l->stall_file)) {
		l->stalled_at = -1;
	} else if (l->stalled_at < 0) {
		l->stalled_at = come;
	}
	return l->stalled_at >= 0 ? l->stalled_at : come;
}

static snd_pcm_sframes_t line_pointer(snd_pcm_ioplug_t *io) {
	struct line *l = io->private_data;
	l->dead = l->dead || exists(l->unplug_file);
	if (l->dead) {
		snd_pcm_ioplug_set_state(io, SND_PCM_STATE_DISCONNECTED);
		return -ENODEV;
	}
	int64_t come = io->state == SND_PCM_STATE_RUNNING ? frames_come(l) : l->taken;
	if (come - l->taken > (int64_t)io->buffer_size) {
		return -EPIPE;
	}
	return (snd_pcm_sframes_t)(come % (int64_t)io->buffer_size);
}

static int line_start(snd_pcm_ioplug_t *io) {
	struct line *l = io->private_data;
	struct itimerspec tick = {.it_value = {.tv_nsec = TICK_NS},
				  .it_interval = {.tv_nsec = TICK_NS}};
	l->begun_ns = now_ns();
	l->stalled_at = -1;
	l->taken = 0;
	return timerfd_settime(l->timer_fd, 0, &tick, NULL) < 0 ? -errno : 0;
}

static int line_stop(snd_pcm_ioplug_t *io) {
	struct line *l = io->private_data;
	struct itimerspec none = {{0, 0}, {0, 0}};
	return timerfd_settime(l->timer_fd, 0, &none, NULL) < 0 ? -errno : 0;
}

static int line_prepare(snd_pcm_ioplug_t *io) {
	struct line *l = io->private_data;
	l->taken = 0;
	return l->dead ? -ENODEV : 0;
}

static int16_t frame_at(const struct line *l, int64_t frame) {
	double since_ns = (double)(l->begun_ns - l->start_ns);
	int64_t at = (int64_t)(since_ns * rate_of(l) / 1e9) + frame;
	return at >= 0 && at < (int64_t)l->n_sound ? l->sound[at] : 0;
}

static snd_pcm_sframes_t line_transfer(snd_pcm_ioplug_t *io,
				       const snd_pcm_channel_area_t *areas,
				       snd_pcm_uframes_t offset, snd_pcm_uframes_t size) {
	struct line *l = io->private_data;
	for (snd_pcm_uframes_t i = 0; i < size; i++) {
		int16_t x = frame_at(l, l->taken + (int64_t)i);
		for (unsigned int c = 0; c < io->channels; c++) {
			char *at = (char *)areas[c].addr +
				   (areas[c].first + areas[c].step * (offset + i)) / 8;
			memcpy(at, &x, sizeof(x));
		}
	}
	l->taken += (int64_t)size;
	return (snd_pcm_sframes_t)size;
}

static int line_revents(snd_pcm_ioplug_t *io, struct pollfd *pfd, unsigned int n,
			unsigned short *revents) {
	struct line *l = io->private_data;
	uint64_t ticks = 0;
	(void)pfd;
	(void)n;
	(void)!read(l->timer_fd, &ticks, sizeof(ticks));
	snd_pcm_sframes_t avail = snd_pcm_avail_update(io->pcm);
	*revents = avail < 0 ? POLLERR | POLLIN : avail > 0 ? POLLIN : 0;
	return 0;
}

static void line_free(struct line *l) {
	if (l->sound != NULL) {
		munmap((void *)(uintptr_t)l->sound, l->n_sound * sizeof(*l->sound));
	}
	if (l->timer_fd >= 0) {
		close(l->timer_fd);
	}
	free(l->sound_path);
	free(l->unplug_file);
	free(l->busy_file);
	free(l->stall_file);
	free(l->call_socket);
	free(l);
}

static int line_close(snd_pcm_ioplug_t *io) {
	line_free(io->private_data);
	return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {
	.start = line_start,
	.stop = line_stop,
	.pointer = line_pointer,
	.transfer = line_transfer,
	.close = line_close,
	.prepare = line_prepare,
	.poll_revents = line_revents,
};

static int open_sound(struct line *l) {
	struct stat st;
	int fd = l->sound_path != NULL ? open(l->sound_path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < 2) {
		SNDERR("dalaba_line: cannot read '%s'", l->sound_path);
		return -EINVAL;
	}
	void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (at == MAP_FAILED) {
		return -errno;
	}
	l->sound = at;
	l->n_sound = (size_t)st.st_size / sizeof(*l->sound);
	l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return l->timer_fd < 0 ? -errno : 0;
}

static int read_option(void *pcm, const char *id, snd_config_t *node) {
	struct line *l = pcm;
	long long ns = 0;
	if (strcmp(id, "sound") == 0) {
		return read_text(node, &l->sound_path);
	}
	if (strcmp(id, "unplug_file") == 0) {
		return read_text(node, &l->unplug_file);
	}
	if (strcmp(id, "busy_file") == 0) {
		return read_text(node, &l->busy_file);
	}
	if (strcmp(id, "stall_file") == 0) {
		return read_text(node, &l->stall_file);
	}
	if (strcmp(id, "call_socket") == 0) {
		return read_text(node, &l->call_socket);
	}
	if (strcmp(id, "ppm") == 0) {
		return snd_config_get_ireal(node, &l->ppm);
	}
	if (strcmp(id, "start_ns") == 0) {
		int rc = snd_config_get_integer64(node, &ns);
		l->start_ns = (long)ns;
		return rc < 0 ? snd_config_get_integer(node, &l->start_ns) : rc;
	}
	return -ENOENT;
}

static int set_constraints(struct line *l) {
	static const unsigned int access[] = {SND_PCM_ACCESS_RW_INTERLEAVED};
	static const unsigned int format[] = {SND_PCM_FORMAT_S16_LE};
	static const unsigned int rate[] = {48000};
	snd_pcm_ioplug_t *io = &l->io;
	int rc = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 1, access);
	rc = rc < 0 ? rc
		    : snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, 1,
						    format);
	rc = rc < 0 ? rc
		    : snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_RATE, 1, rate);
	rc = rc < 0 ? rc
		    : snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_CHANNELS, 2,
						      2);
	rc = rc < 0 ? rc
		    : snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIOD_BYTES,
						      128, 65536);
	return rc < 0 ? rc
		      : snd_pcm_ioplug_set_param_minmax(
				io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 1024, 262144);
}

/* What a plugin of somebody else's may try: 0 where nobody could be reached. */
static int call(const struct line *l) {
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	if (l->call_socket == NULL || strlen(l->call_socket) >= sizeof(to.sun_path)) {
		return l->call_socket == NULL ? 0 : -ENAMETOOLONG;
	}
	memcpy(to.sun_path, l->call_socket, strlen(l->call_socket));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return 0;
	}
	int rc = connect(fd, (struct sockaddr *)&to, sizeof(to));
	close(fd);
	return rc == 0 ? -EISCONN : 0;
}

SND_PCM_PLUGIN_DEFINE_FUNC(dalaba_line) {
	(void)root;
	if (stream != SND_PCM_STREAM_CAPTURE) {
		return -EINVAL;
	}
	struct line *l = calloc(1, sizeof(*l));
	if (l == NULL) {
		return -ENOMEM;
	}
	l->timer_fd = -1;
	l->stalled_at = -1;
	int rc = read_options(conf, "dalaba_line", read_option, l);
	if (rc == 0) {
		rc = exists(l->unplug_file) ? -ENODEV : exists(l->busy_file) ? -EBUSY : 0;
	}
	rc = rc < 0 ? rc : call(l);
	rc = rc < 0 ? rc : open_sound(l);
	if (rc < 0) {
		line_free(l);
		return rc;
	}
	l->io.version = SND_PCM_IOPLUG_VERSION;
	l->io.name = "line-in with a clock of its own";
	l->io.flags = SND_PCM_IOPLUG_FLAG_MONOTONIC;
	l->io.poll_fd = l->timer_fd;
	l->io.poll_events = POLLIN;
	l->io.callback = &callbacks;
	l->io.private_data = l;
	rc = snd_pcm_ioplug_create(&l->io, name, stream, mode);
	if (rc < 0) {
		line_free(l);
		return rc;
	}
	rc = set_constraints(l);
	if (rc < 0) {
		snd_pcm_ioplug_delete(&l->io);
		return rc;
	}
	*pcmp = l->io.pcm;
	return 0;
}

SND_PCM_PLUGIN_SYMBOL(dalaba_line);
