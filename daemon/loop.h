/* loop.h - the event loop of the core thread: file descriptors, timers, signals, children
 * (sd-event). Owner: main. Threads: the core thread alone. A source lives until
 * loop_source_free, or until the loop goes. Callbacks may free their own source. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stdint.h>
#include <time.h>
#include <sys/types.h>

struct loop;
struct loop_source;

typedef void (*loop_fd_fn)(void *arg, int fd,
			   uint32_t events); /* events as in epoll(7) */
typedef void (*loop_fn)(void *arg);
typedef void (*loop_child_fn)(
	void *arg, int exit_code,
	int signal_number); /* exit_code -1 where a signal ended it */

int loop_new(struct loop **ret, struct error *err);
void loop_free(struct loop *loop); /* NULL is fine */
DEFINE_AUTO(struct loop *, loop_free)

/* What the service manager is told (sd_notify(3)); without one they do nothing. */
void loop_ready(struct loop *loop);
void loop_reloading(struct loop *loop);
void loop_stopping(struct loop *loop);

int loop_run(struct loop *loop, struct error *err); /* until loop_exit; 0 then */
void loop_exit(struct loop *loop);

int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn fn, void *arg,
		struct loop_source **ret, struct error *err);
/* Timers start unarmed and fire once per arming. Realtime ones fire also when the clock
 * is set past their time. */
int loop_add_timer(struct loop *loop, clockid_t clock, loop_fn fn, void *arg,
		   struct loop_source **ret, struct error *err);
void loop_timer_arm_us(struct loop_source *timer,
		       int64_t at_us); /* of the timer's clock; INT64_MAX disarms */
void loop_timer_arm_in_us(struct loop_source *timer, int64_t delay_us);
/* Runs fn once per loop_defer_arm, after the callbacks that are ready now. Starts
 * unarmed. */
int loop_add_defer(struct loop *loop, loop_fn fn, void *arg, struct loop_source **ret,
		   struct error *err);
void loop_defer_arm(struct loop_source *defer);
/* The signal is blocked and taken by the loop. */
int loop_add_signal(struct loop *loop, int signal_number, loop_fn fn, void *arg,
		    struct loop_source **ret, struct error *err);
/* fn is called once the child has ended and was reaped; the source is then spent (free it
 * all the same). */
int loop_add_child(struct loop *loop, pid_t pid, loop_child_fn fn, void *arg,
		   struct loop_source **ret, struct error *err);
void loop_source_free(struct loop_source *source); /* NULL is fine */
DEFINE_AUTO(struct loop_source *, loop_source_free)
