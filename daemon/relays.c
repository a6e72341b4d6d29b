/* relays.c - see relays.h. The program is not trusted: what it says is bounded and
 * printed, what it sends is sound whatever its bytes. One that neither sends nor says why
 * is killed and started again. */
#include "relays.h"

#include "audio/feed.h"
#include "audio/relay/relay.h"
#include "base/str.h"
#include "clock.h"
#include "log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

/* A line is near, and is to be heard at once; a stream has its reserve at the sender's
 * side of the pipe. */
#define LINE_LEAST_MS 10
#define LINE_MOST_MS 180
#define STREAM_LEAST_MS 150
#define STREAM_MOST_MS 1000
#define LINE_SPEED_PPM 1000 /* its card's clock is not ours */
#define STREAM_SPEED_PPM 500
#define AGAIN_MS 500 /* after an end; then twice as long each time */
#define AGAIN_MAX_MS 10000
#define LOOK_MS 1000
#define MUTE_NS 6000000000LL
/* What it may say at once, in lines, and more with every look: whatever it says is in the
 * journal and among the events. The rest waits in the pipe, the end of it is heard. */
#define CREDIT_MAX 20

struct relay {
	struct relays *all;
	struct relay *next;
	int refs; /* 0: only its program is still to be waited for */
	enum part_kind kind;
	char *name;
	char source[FAULT_SOURCE_SIZE]; /* of its faults */
	char words[RELAY_TOLD_MAX];     /* what was wrong last */
	bool faulty;                    /* and is */
	int64_t said;                   /* how often something was */
	struct jitter *jitter;
	bool running;
	bool killed; /* by us, for it did not answer */
	bool given;  /* killed as nobody wanted it, and wanted again since */
	struct feed *feed;
	int told_fd;
	struct loop_source *told;
	char line[RELAY_TOLD_MAX];
	size_t in_line;
	int credit; /* where there is none, nothing is heard until the next look */
	struct loop_source *timer; /* to start it again, or to look after it */
	int again_ms;
	int64_t came_ns; /* something, last: sound, or a word */
	int64_t frames;  /* that had come by then */
};

struct relays {
	struct relays_config config;
	char *program;
	struct relay *first;
	int number; /* of the last that was taken */
};

static void start(struct relay *relay);

int relays_new(const struct relays_config *config, struct relays **ret,
	       struct error *err) {
	AUTO(relays_free) struct relays *r = calloc(1, sizeof(*r));
	char *program = strdup(config->program);
	if (r == NULL || program == NULL) {
		free(program);
		return error_set(err, ENOMEM, "no memory for relays");
	}
	r->config = *config;
	r->program = program;
	*ret = MOVE(r);
	return 0;
}

/* ---- what is wrong ---- */

static void set_fault(struct relay *relay, const char *words) {
	str_copy(relay->words, sizeof(relay->words), words);
	relay->faulty = true;
	relay->said++;
	if (relay->refs > 0) {
		faults_set(relay->all->config.faults, relay->source, words,
			   clock_now_us());
	}
}

static void clear_fault(struct relay *relay) {
	relay->faulty = false;
	faults_clear(relay->all->config.faults, relay->source);
}

static void on_line(struct relay *relay) {
	char *line = relay->line;
	for (char *c = line; *c != '\0'; c++) {
		*c = (unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c;
	}
	if (!utf8_valid(line, strlen(line))) {
		for (char *c = line; *c != '\0'; c++) {
			*c = (unsigned char)*c >= 0x80 ? '?' : *c;
		}
	}
	if (strncmp(line, RELAY_FAULT, strlen(RELAY_FAULT)) == 0) {
		set_fault(relay, line + strlen(RELAY_FAULT));
	} else if (strncmp(line, RELAY_OK, strlen(RELAY_OK)) == 0) {
		log_info("%s: there is sound", relay->source);
		clear_fault(relay);
		relay->again_ms = AGAIN_MS;
	}
}

/* Takes what was said, up to a few lines of it. */
static void hear(struct relay *relay) {
	char bytes[RELAY_TOLD_MAX];
	int lines = 0;
	ssize_t n = read(relay->told_fd, bytes, sizeof(bytes));
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (n <= 0) {
		/* Its end is told by the loop; the descriptor has nothing more. */
		loop_source_free(MOVE(relay->told));
		fd_close(MOVE_FD(relay->told_fd));
		return;
	}
	relay->came_ns = clock_mono_ns();
	for (ssize_t i = 0; i < n; i++) {
		if (bytes[i] == '\n') {
			relay->line[relay->in_line] = '\0';
			relay->in_line = 0;
			lines++;
			on_line(relay);
		} else if (relay->in_line < sizeof(relay->line) - 1) {
			relay->line[relay->in_line++] = bytes[i];
		}
	}
	relay->credit -= lines > 1 ? lines : 1;
}

static void on_told(void *arg, int fd, uint32_t events) {
	struct relay *relay = arg;
	(void)fd;
	(void)events;
	hear(relay);
	if (relay->credit <= 0) {
		loop_source_free(MOVE(relay->told));
	}
}

/* ---- the program ---- */

static void shut(struct relay *relay) {
	loop_source_free(MOVE(relay->told));
	fd_close(MOVE_FD(relay->told_fd));
	feed_free(MOVE(relay->feed));
	relay->in_line = 0;
}

static void relay_free(struct relay *relay) {
	struct relay **at = &relay->all->first;
	while (*at != NULL && *at != relay) {
		at = &(*at)->next;
	}
	if (*at == relay) {
		*at = relay->next;
	}
	shut(relay);
	loop_source_free(relay->timer);
	jitter_unref(relay->jitter);
	free(relay->name);
	free(relay);
}

static void again(struct relay *relay) {
	loop_timer_arm_in_us(relay->timer, relay->again_ms * 1000LL);
	relay->again_ms =
		relay->again_ms * 2 < AGAIN_MAX_MS ? relay->again_ms * 2 : AGAIN_MAX_MS;
}

static void on_ended(void *arg, const struct jobs_end *end) {
	struct relay *relay = arg;
	relay->running = false;
	if (relay->told_fd >= 0) {
		hear(relay); /* its last words */
	}
	shut(relay);
	if (relay->refs == 0) {
		relay_free(relay);
		return;
	}
	if (relay->given) {
		start(relay);
		return;
	}
	if (end->signal_number != 0 && !relay->killed) {
		char words[RELAY_TOLD_MAX];
		str_format(words, sizeof(words),
			   "dalaba-relay was ended by signal %d (%s), and is started "
			   "again",
			   end->signal_number, strsignal(end->signal_number));
		set_fault(relay, words);
	} else if (!relay->faulty) {
		char words[RELAY_TOLD_MAX];
		str_format(words, sizeof(words),
			   "dalaba-relay has ended (exit %d), and is started again",
			   end->exit_code);
		set_fault(relay, words);
	}
	again(relay);
}

static int listen_to(struct relay *relay, int sound, struct error *err) {
	struct relays *r = relay->all;
	int rc = feed_new(sound, relay->jitter, &relay->feed, err);
	if (rc < 0) {
		return rc;
	}
	if (fcntl(relay->told_fd, F_SETFL, O_NONBLOCK) < 0) {
		return error_set(err, errno, "cannot read a pipe: %s", strerror(errno));
	}
	return loop_add_fd(r->config.loop, relay->told_fd, EPOLLIN, on_told, relay,
			   &relay->told, err);
}

static int try_start(struct relay *relay, struct error *err) {
	struct relays *r = relay->all;
	AUTO(fd_close) int sound = -1;
	AUTO(fd_close) int sound_in = -1;
	AUTO(fd_close) int told_in = -1;
	char kind[16];
	str_copy(kind, sizeof(kind), part_kind_name(relay->kind));
	char *argv[] = {r->program, kind, relay->name, NULL};
	int rc = jobs_pipe(&sound, &sound_in, err);
	rc = rc < 0 ? rc : jobs_pipe(&relay->told_fd, &told_in, err);
	rc = rc < 0 ? rc : listen_to(relay, MOVE_FD(sound), err);
	if (rc < 0) {
		return rc;
	}
	struct jobs_child child = {.argv = argv, .fds = {-1, sound_in, -1, told_in}};
	rc = jobs_spawn(r->config.jobs, &child, on_ended, relay, err);
	if (rc == -ENOENT) {
		return error_set(err, EIO, "'%s' is missing: install dalaba again",
				 r->program);
	}
	return rc;
}

static void start(struct relay *relay) {
	struct error err = {0};
	int rc = try_start(relay, &err);
	if (rc < 0) {
		shut(relay);
		set_fault(relay, err.text);
		again(relay);
		return;
	}
	relay->running = true;
	relay->killed = relay->given = false;
	relay->came_ns = clock_mono_ns();
	relay->frames = 0;
	loop_timer_arm_in_us(relay->timer, LOOK_MS * 1000LL);
}

/* Hears what waits, and for it more than the loop has found time for. */
static void listen_again(struct relay *relay, int64_t now_ns) {
	struct error err;
	relay->credit += relay->credit < CREDIT_MAX ? 1 : 0;
	if (relay->told_fd >= 0 && relay->credit > 0) {
		hear(relay);
	}
	if (relay->told_fd < 0 || relay->told != NULL) {
		return;
	}
	relay->came_ns = now_ns; /* it says more than enough */
	if (relay->credit > 0 &&
	    loop_add_fd(relay->all->config.loop, relay->told_fd, EPOLLIN, on_told, relay,
			&relay->told, &err) < 0) {
		log_err("%s: %s", relay->source, err.text); /* at the next look */
	}
}

/* It runs: is it well? */
static void look(struct relay *relay) {
	int64_t now_ns = clock_mono_ns();
	listen_again(relay, now_ns);
	int64_t frames = feed_frames(relay->feed);
	relay->came_ns = frames != relay->frames ? now_ns : relay->came_ns;
	relay->frames = frames;
	if (now_ns - relay->came_ns > MUTE_NS) {
		set_fault(relay, "dalaba-relay neither sends sound nor says why, and is "
				 "started again");
		relay->killed = true;
		jobs_kill(relay->all->config.jobs, relay);
		return;
	}
	loop_timer_arm_in_us(relay->timer, LOOK_MS * 1000LL);
}

static void on_timer(void *arg) {
	struct relay *relay = arg;
	if (!relay->running) {
		start(relay);
	} else if (relay->given) {
		set_fault(relay,
			  "the dalaba-relay of an earlier run does not end, and is "
			  "waited for");
	} else {
		look(relay);
	}
}

/* ---- taken and given back ---- */

static void name_source(struct relay *relay, int number) {
	str_format(relay->source, sizeof(relay->source), "%s %s",
		   part_kind_name(relay->kind), relay->name);
	if (strlen(relay->name) > FAULT_SOURCE_SIZE - 16) {
		/* Two long addresses that begin alike are two sources all the same. */
		str_format(relay->source, sizeof(relay->source), "%s %d %.40s...",
			   part_kind_name(relay->kind), number, relay->name);
	}
}

static int relay_new(struct relays *r, enum part_kind kind, const char *name,
		     struct relay **ret, struct error *err) {
	bool line = kind == PART_LINE;
	struct jitter_config config = {.rate = RELAY_RATE,
				       .least_ms = line ? LINE_LEAST_MS : STREAM_LEAST_MS,
				       .most_ms = line ? LINE_MOST_MS : STREAM_MOST_MS,
				       .speed_ppm =
					       line ? LINE_SPEED_PPM : STREAM_SPEED_PPM};
	struct relay *relay = calloc(1, sizeof(*relay));
	if (relay == NULL) {
		return error_set(err, ENOMEM, "no memory for a relay");
	}
	*relay = (struct relay){.all = r,
				.refs = 1,
				.kind = kind,
				.told_fd = -1,
				.again_ms = AGAIN_MS,
				.credit = CREDIT_MAX};
	relay->name = strdup(name);
	int rc = relay->name == NULL ? error_set(err, ENOMEM, "no memory for a relay")
				     : jitter_new(&config, &relay->jitter, err);
	rc = rc < 0 ? rc
		    : loop_add_timer(r->config.loop, CLOCK_MONOTONIC, on_timer, relay,
				     &relay->timer, err);
	if (rc < 0) {
		relay_free(relay);
		return rc;
	}
	name_source(relay, ++r->number);
	relay->next = r->first;
	r->first = relay;
	*ret = relay;
	return 0;
}

/* One whose program is still ending has its device, and no second may have it too. */
static void revive(struct relay *relay) {
	relay->given = true;
	relay->again_ms = AGAIN_MS;
	loop_timer_arm_in_us(relay->timer, MUTE_NS / 1000);
}

int relays_take(struct relays *r, enum part_kind kind, const char *name,
		struct relay **ret, struct error *err) {
	for (struct relay *relay = r->first; relay != NULL; relay = relay->next) {
		if (relay->kind == kind && strcmp(relay->name, name) == 0) {
			if (relay->refs++ == 0) {
				revive(relay);
			}
			*ret = relay;
			return 0;
		}
	}
	struct relay *relay = NULL;
	int rc = relay_new(r, kind, name, &relay, err);
	if (rc < 0) {
		return rc;
	}
	start(relay);
	*ret = relay;
	return 0;
}

void relay_give(struct relay *relay) {
	if (relay == NULL || --relay->refs > 0) {
		return;
	}
	clear_fault(relay);
	loop_timer_arm_us(relay->timer, INT64_MAX);
	shut(relay);
	if (relay->running) {
		jobs_kill(relay->all->config.jobs, relay);
	} else {
		relay_free(relay);
	}
}

void relays_free(struct relays *r) {
	if (r == NULL) {
		return;
	}
	while (r->first != NULL) {
		struct relay *relay = r->first;
		if (relay->running) {
			jobs_drop(r->config.jobs, relay);
		}
		relay_free(relay);
	}
	free(r->program);
	free(r);
}

struct jitter *relay_jitter(const struct relay *relay) {
	return relay->jitter;
}

int64_t relay_said(const struct relay *relay) {
	return relay->said;
}

const char *relay_words(const struct relay *relay, int64_t said) {
	return relay->faulty || relay->said > said ? relay->words : "";
}
