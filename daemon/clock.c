/* clock.c - see clock.h. A timerfd that is cancelled by every clock_settime(2) tells of
 * jumps; slewing (adjtime) is not a jump and needs no answer. */
#include "clock.h"

#include "base/str.h"
#include "schedule/types.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/timex.h>

#define BACK_FORGIVEN_US (60 * 1000000LL)
/* How often it is looked at again: NTP may have come up, or the kernel given it up. */
#define REJUDGE_US (5 * 1000000LL)

#define REACH_US (INT64_MAX / 1000 - 86400000000LL)

struct clock {
	int fd;
	struct loop_source *step;
	struct loop_source *rejudge;
	loop_fn on_step;
	void *arg;
	int64_t newest_us;
	bool was_trusted;
};

static int64_t read_ns(clockid_t id) {
	struct timespec ts;
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t clock_now_us(void) {
	return read_ns(CLOCK_REALTIME) / 1000;
}

int64_t clock_mono_ns(void) {
	return read_ns(CLOCK_MONOTONIC);
}

/* Realtime minus monotonic, read where the two reads lay closest together. */
static int64_t clocks_apart_ns(void) {
	int64_t best_span = INT64_MAX;
	int64_t apart = 0;
	for (int i = 0; i < 5; i++) {
		int64_t before = read_ns(CLOCK_MONOTONIC);
		int64_t real = read_ns(CLOCK_REALTIME);
		int64_t after = read_ns(CLOCK_MONOTONIC);
		if (after - before < best_span) {
			best_span = after - before;
			apart = real - (before + (after - before) / 2);
		}
	}
	return apart;
}

int64_t clock_mono_ns_at(int64_t realtime_us) {
	int64_t at_us = realtime_us < REACH_US ? realtime_us : REACH_US;
	return at_us * 1000 - clocks_apart_ns();
}

int64_t clock_realtime_us_at(int64_t mono_ns) {
	return (mono_ns + clocks_apart_ns()) / 1000;
}

void clock_judge(const struct clock_facts *facts, struct clock_verdict *ret) {
	ret->trusted = true;
	if (facts->synchronised) {
		str_copy(ret->reason, sizeof(ret->reason),
			 "the kernel's clock is synchronised");
	} else if (facts->now_us < facts->build_us) {
		ret->trusted = false;
		str_copy(ret->reason, sizeof(ret->reason),
			 "the clock is earlier than this program was made; set it, or "
			 "connect "
			 "the box to a time server");
	} else if (facts->newest_us != TIME_NONE &&
		   facts->now_us < facts->newest_us - BACK_FORGIVEN_US) {
		ret->trusted = false;
		str_copy(ret->reason, sizeof(ret->reason),
			 "the clock is earlier than the newest record; set it, or "
			 "connect the box "
			 "to a time server");
	} else {
		str_copy(ret->reason, sizeof(ret->reason),
			 "not synchronised, but later than the program and every record");
	}
}

static bool kernel_synchronised(void) {
	struct timex timex = {0};
	int state = adjtimex(&timex);
	return state >= 0 && state != TIME_ERROR && (timex.status & STA_UNSYNC) == 0;
}

void clock_verdict_now(struct clock *clock, struct clock_verdict *ret) {
	struct clock_facts facts = {
		.now_us = clock_now_us(),
		.synchronised = kernel_synchronised(),
		.build_us = (int64_t)DALABA_BUILD_EPOCH * 1000000,
		.newest_us = clock->newest_us,
	};
	clock_judge(&facts, ret);
}

static int timer_watch(int fd) {
	/* Far enough away never to fire: only being cancelled is of interest. */
	struct itimerspec never = {.it_value = {.tv_sec = 4102444800}};
	int rc = timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never,
				 NULL);
	return rc < 0 ? -errno : 0;
}

static void judge_again(void *arg) {
	struct clock *clock = arg;
	struct clock_verdict verdict;
	clock_verdict_now(clock, &verdict);
	loop_timer_arm_in_us(clock->rejudge, REJUDGE_US);
	if (verdict.trusted != clock->was_trusted) {
		clock->was_trusted = verdict.trusted;
		clock->on_step(clock->arg);
	}
}

static void on_cancelled(void *arg, int fd, uint32_t events) {
	(void)events;
	struct clock *clock = arg;
	uint64_t expirations;
	ssize_t got = read(fd, &expirations, sizeof(expirations));
	if (got < 0 && errno == EAGAIN) {
		return;
	}
	timer_watch(fd);
	struct clock_verdict verdict;
	clock_verdict_now(clock, &verdict);
	clock->was_trusted = verdict.trusted;
	clock->on_step(clock->arg);
}

int clock_new(struct loop *loop, int64_t newest_us, loop_fn on_step, void *arg,
	      struct clock **ret, struct error *err) {
	AUTO(clock_free) struct clock *clock = calloc(1, sizeof(*clock));
	if (clock == NULL) {
		return error_set(err, ENOMEM, "no memory for the clock");
	}
	clock->on_step = on_step;
	clock->arg = arg;
	clock->newest_us = newest_us;
	clock->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	int rc = clock->fd < 0 ? -errno : timer_watch(clock->fd);
	if (rc < 0) {
		return error_set(err, -rc, "cannot watch the clock: %s", strerror(-rc));
	}
	rc = loop_add_fd(loop, clock->fd, EPOLLIN, on_cancelled, clock, &clock->step,
			 err);
	if (rc < 0) {
		return rc;
	}
	rc = loop_add_timer(loop, CLOCK_MONOTONIC, judge_again, clock, &clock->rejudge,
			    err);
	if (rc < 0) {
		return rc;
	}
	struct clock_verdict verdict;
	clock_verdict_now(clock, &verdict);
	clock->was_trusted = verdict.trusted;
	loop_timer_arm_in_us(clock->rejudge, REJUDGE_US);
	*ret = MOVE(clock);
	return 0;
}

void clock_free(struct clock *clock) {
	if (clock == NULL) {
		return;
	}
	loop_source_free(clock->step);
	loop_source_free(clock->rejudge);
	fd_close(clock->fd);
	free(clock);
}
