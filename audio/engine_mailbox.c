/* engine_mailbox.c - how the core speaks with the engine's threads: two bounded queues
 * and two eventfds for each. What a full queue does not take waits on the core's side, in
 * order, so that no command is lost and the core never waits. Thread: as each function in
 * engine_internal.h says. */
#include "engine_internal.h"

#include <sys/eventfd.h>
#include <fcntl.h>
#include <sched.h>
#include <time.h>

#define COMMANDS 256
#define NOTES 128

int64_t engine_now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void engine_wake(int fd) {
	uint64_t one = 1;
	/* It fails only where the counter is full, and then it is readable anyway. */
	ssize_t done = write(fd, &one, sizeof(one));
	(void)done;
}

void engine_drain(int fd) {
	uint64_t count = 0;
	ssize_t done = read(fd, &count, sizeof(count));
	(void)done;
}

int engine_be_urgent(const char *name, int priority) {
	/* A name that is too long is not set, and that is all. */
	(void)pthread_setname_np(pthread_self(), name);
	struct sched_param p = {.sched_priority = priority};
	return pthread_setschedparam(pthread_self(), SCHED_FIFO, &p);
}

int mailbox_init(struct mailbox *m, int event_fd) {
	*m = (struct mailbox){.wake_fd = -1, .notes_fd = -1};
	m->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	m->notes_fd = fcntl(event_fd, F_DUPFD_CLOEXEC, 0);
	if (m->wake_fd < 0 || m->notes_fd < 0) {
		int code = errno;
		mailbox_done(m);
		return -code;
	}
	int rc = queue_init(&m->commands, COMMANDS, sizeof(struct command));
	rc = rc < 0 ? rc : queue_init(&m->notes, NOTES, sizeof(struct note));
	if (rc < 0) {
		mailbox_done(m);
	}
	return rc;
}

void mailbox_done(struct mailbox *m) {
	while (m->overflow != NULL) {
		struct command *c = m->overflow;
		m->overflow = c->next;
		free(c);
	}
	queue_done(&m->commands);
	queue_done(&m->notes);
	fd_close(m->wake_fd);
	fd_close(m->notes_fd);
}

int mailbox_send(struct mailbox *m, const struct command *c) {
	mailbox_flush(m);
	if (m->overflow != NULL || !queue_push(&m->commands, c)) {
		struct command *copy = malloc(sizeof(*copy));
		if (copy == NULL) {
			return -ENOMEM;
		}
		*copy = *c;
		copy->next = NULL;
		struct command **end = &m->overflow;
		while (*end != NULL) {
			end = &(*end)->next;
		}
		*end = copy;
	}
	engine_wake(m->wake_fd);
	return 0;
}

void mailbox_flush(struct mailbox *m) {
	bool any = false;
	while (m->overflow != NULL && queue_push(&m->commands, m->overflow)) {
		struct command *c = m->overflow;
		m->overflow = c->next;
		free(c);
		any = true;
	}
	if (any) {
		engine_wake(m->wake_fd);
	}
}

bool mailbox_tell(struct mailbox *m, const struct note *note) {
	bool room = queue_push(&m->notes, note);
	engine_wake(m->notes_fd);
	return room;
}
