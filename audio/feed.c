/* feed.c - see feed.h. */
#include "feed.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>

#define PIECE 960

struct feed {
	int fd;
	int stop_fd;
	struct jitter *jitter;
	pthread_t thread;
	bool running;
	_Atomic int64_t frames;
	size_t half; /* bytes of a frame that has not come whole */
	unsigned char bytes[PIECE * sizeof(int16_t)];
};

/* False at the end of the pipe. */
static bool take(struct feed *f) {
	float frames[PIECE];
	ssize_t got = read(f->fd, f->bytes + f->half, sizeof(f->bytes) - f->half);
	if (got <= 0) {
		return got < 0 && (errno == EAGAIN || errno == EINTR);
	}
	size_t bytes = f->half + (size_t)got;
	size_t n = bytes / sizeof(int16_t);
	for (size_t i = 0; i < n; i++) {
		int16_t sample = 0;
		memcpy(&sample, f->bytes + i * sizeof(sample), sizeof(sample));
		frames[i] = (float)sample / 32768.0F;
	}
	f->half = bytes % sizeof(int16_t);
	f->bytes[0] = f->bytes[bytes - 1]; /* of use where there is half a frame */
	(void)jitter_push(f->jitter, frames, n);
	atomic_fetch_add_explicit(&f->frames, (int64_t)n, memory_order_relaxed);
	return true;
}

static void *run(void *arg) {
	struct feed *f = arg;
	struct pollfd fds[] = {{.fd = f->stop_fd, .events = POLLIN},
			       {.fd = f->fd, .events = POLLIN}};
	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			return NULL;
		}
		if (fds[0].revents != 0 || (fds[1].revents != 0 && !take(f))) {
			return NULL;
		}
	}
}

static int start(struct feed *f, struct error *err) {
	sigset_t all;
	sigset_t before;
	sigfillset(&all);
	/* Signals are the core thread's. */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&f->thread, NULL, run, f);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		return error_set(err, rc, "cannot start a thread: %s", strerror(rc));
	}
	f->running = true;
	return 0;
}

int feed_new(int fd, struct jitter *jitter, struct feed **ret, struct error *err) {
	struct feed *made = calloc(1, sizeof(*made));
	if (made == NULL) {
		fd_close(fd);
		return error_set(err, ENOMEM, "no memory to relay a sound");
	}
	AUTO(feed_free) struct feed *f = made;
	f->fd = fd;
	f->jitter = jitter_ref(jitter);
	f->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (f->stop_fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		return error_set(err, errno, "cannot relay a sound: %s", strerror(errno));
	}
	int rc = start(f, err);
	if (rc < 0) {
		return rc;
	}
	*ret = MOVE(f);
	return 0;
}

void feed_free(struct feed *f) {
	if (f == NULL) {
		return;
	}
	if (f->running) {
		(void)eventfd_write(f->stop_fd, 1);
		pthread_join(f->thread, NULL);
	}
	fd_close(f->fd);
	fd_close(f->stop_fd);
	jitter_unref(f->jitter);
	free(f);
}

int64_t feed_frames(const struct feed *f) {
	return atomic_load_explicit(&f->frames, memory_order_relaxed);
}
