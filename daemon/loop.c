/* loop.c - see loop.h. Every kind of source is one sd-event source and the callback it
 * leads to. */
#include "loop.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

struct loop {
	sd_event *event;
};

struct loop_source {
	sd_event_source *source;
	union {
		loop_fd_fn fd;
		loop_fn plain;
		loop_child_fn child;
	} fn;
	void *arg;
};

int loop_new(struct loop **ret, struct error *err) {
	AUTO(loop_free) struct loop *loop = calloc(1, sizeof(*loop));
	if (loop == NULL) {
		return error_set(err, ENOMEM, "no memory for the event loop");
	}
	int rc = sd_event_new(&loop->event);
	if (rc < 0) {
		return error_set(err, -rc, "cannot make the event loop: %s",
				 strerror(-rc));
	}
	/* WatchdogSec= of the unit; without one this does nothing. */
	rc = sd_event_set_watchdog(loop->event, true);
	if (rc < 0) {
		return error_set(err, -rc, "cannot feed the watchdog: %s", strerror(-rc));
	}
	*ret = MOVE(loop);
	return 0;
}

void loop_free(struct loop *loop) {
	if (loop == NULL) {
		return;
	}
	sd_event_unref(loop->event);
	free(loop);
}

static uint64_t monotonic_us(void) {
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void loop_ready(struct loop *loop) {
	(void)loop;
	sd_notify(0, "READY=1");
}

void loop_reloading(struct loop *loop) {
	(void)loop;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		   (unsigned long long)monotonic_us());
}

void loop_stopping(struct loop *loop) {
	(void)loop;
	sd_notify(0, "STOPPING=1");
}

int loop_run(struct loop *loop, struct error *err) {
	int rc = sd_event_loop(loop->event);
	if (rc < 0) {
		return error_set(err, -rc, "the event loop failed: %s", strerror(-rc));
	}
	return 0;
}

void loop_exit(struct loop *loop) {
	sd_event_exit(loop->event, 0);
}

static int source_new(struct loop_source **ret, void *arg, struct error *err) {
	struct loop_source *source = calloc(1, sizeof(*source));
	if (source == NULL) {
		return error_set(err, ENOMEM, "no memory for an event source");
	}
	source->arg = arg;
	*ret = source;
	return 0;
}

static int source_added(struct loop_source *source, int rc, const char *what,
			struct loop_source **ret, struct error *err) {
	if (rc < 0) {
		loop_source_free(source);
		return error_set(err, -rc, "cannot watch %s: %s", what, strerror(-rc));
	}
	*ret = source;
	return 0;
}

void loop_source_free(struct loop_source *source) {
	if (source == NULL) {
		return;
	}
	sd_event_source_disable_unref(source->source);
	free(source);
}

static int on_fd(sd_event_source *s, int fd, uint32_t events, void *arg) {
	(void)s;
	struct loop_source *source = arg;
	source->fn.fd(source->arg, fd, events);
	return 0;
}

int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn fn, void *arg,
		struct loop_source **ret, struct error *err) {
	struct loop_source *source = NULL;
	int rc = source_new(&source, arg, err);
	if (rc < 0) {
		return rc;
	}
	source->fn.fd = fn;
	rc = sd_event_add_io(loop->event, &source->source, fd, events, on_fd, source);
	return source_added(source, rc, "a file descriptor", ret, err);
}

static int on_timer(sd_event_source *s, uint64_t at_us, void *arg) {
	(void)s;
	(void)at_us;
	struct loop_source *source = arg;
	source->fn.plain(source->arg);
	return 0;
}

int loop_add_timer(struct loop *loop, clockid_t clock, loop_fn fn, void *arg,
		   struct loop_source **ret, struct error *err) {
	struct loop_source *source = NULL;
	int rc = source_new(&source, arg, err);
	if (rc < 0) {
		return rc;
	}
	source->fn.plain = fn;
	rc = sd_event_add_time(loop->event, &source->source, clock, UINT64_MAX, 1,
			       on_timer, source);
	if (rc >= 0) {
		rc = sd_event_source_set_enabled(source->source, SD_EVENT_OFF);
	}
	return source_added(source, rc, "a timer", ret, err);
}

void loop_timer_arm_us(struct loop_source *timer, int64_t at_us) {
	if (at_us == INT64_MAX) {
		sd_event_source_set_enabled(timer->source, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time(timer->source, at_us < 0 ? 0 : (uint64_t)at_us);
	sd_event_source_set_enabled(timer->source, SD_EVENT_ONESHOT);
}

void loop_timer_arm_in_us(struct loop_source *timer, int64_t delay_us) {
	sd_event_source_set_time_relative(timer->source,
					  delay_us < 0 ? 0 : (uint64_t)delay_us);
	sd_event_source_set_enabled(timer->source, SD_EVENT_ONESHOT);
}

static int on_defer(sd_event_source *s, void *arg) {
	(void)s;
	struct loop_source *source = arg;
	source->fn.plain(source->arg);
	return 0;
}

int loop_add_defer(struct loop *loop, loop_fn fn, void *arg, struct loop_source **ret,
		   struct error *err) {
	struct loop_source *source = NULL;
	int rc = source_new(&source, arg, err);
	if (rc < 0) {
		return rc;
	}
	source->fn.plain = fn;
	rc = sd_event_add_defer(loop->event, &source->source, on_defer, source);
	if (rc >= 0) {
		rc = sd_event_source_set_enabled(source->source, SD_EVENT_OFF);
	}
	return source_added(source, rc, "a deferred call", ret, err);
}

void loop_defer_arm(struct loop_source *defer) {
	sd_event_source_set_enabled(defer->source, SD_EVENT_ONESHOT);
}

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *info, void *arg) {
	(void)s;
	(void)info;
	struct loop_source *source = arg;
	source->fn.plain(source->arg);
	return 0;
}

static int block_signal(int signal_number) {
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal_number);
	return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : 0;
}

int loop_add_signal(struct loop *loop, int signal_number, loop_fn fn, void *arg,
		    struct loop_source **ret, struct error *err) {
	struct loop_source *source = NULL;
	int rc = source_new(&source, arg, err);
	if (rc < 0) {
		return rc;
	}
	source->fn.plain = fn;
	rc = block_signal(signal_number);
	if (rc >= 0) {
		rc = sd_event_add_signal(loop->event, &source->source, signal_number,
					 on_signal, source);
	}
	return source_added(source, rc, "a signal", ret, err);
}

static int on_child(sd_event_source *s, const siginfo_t *info, void *arg) {
	(void)s;
	struct loop_source *source = arg;
	bool exited = info->si_code == CLD_EXITED;
	source->fn.child(source->arg, exited ? info->si_status : -1,
			 exited ? 0 : info->si_status);
	return 0;
}

int loop_add_child(struct loop *loop, pid_t pid, loop_child_fn fn, void *arg,
		   struct loop_source **ret, struct error *err) {
	struct loop_source *source = NULL;
	int rc = source_new(&source, arg, err);
	if (rc < 0) {
		return rc;
	}
	source->fn.child = fn;
	/* sd-event wants SIGCHLD blocked in every thread; the core thread blocks it
	 * before any other is made. */
	rc = block_signal(SIGCHLD);
	if (rc >= 0) {
		rc = sd_event_add_child(loop->event, &source->source, pid, WEXITED,
					on_child, source);
	}
	return source_added(source, rc, "a child process", ret, err);
}
