/* amplifier.c - see amplifier.h. For each amplifier: `on` is what it should be, `state`
 * what it is as far as we know. Whatever happens, turn() compares the two and does the
 * next thing; a command that still runs is let end first, so that on and off keep their
 * order. One that switches off is not let keep it from being on for long. */
#include "amplifier.h"

#include "base/str.h"
#include "clock.h"
#include "gpio.h"
#include "log.h"

#include <string.h>

#define COMMAND_TIMEOUT_MS 5000
#define OFF_S 1               /* so long it may take where it is to be on again */
#define AGAIN_NS 5000000000LL /* what failed is tried again after so long */
#define LAST_TIMEOUT_MS 1000  /* of all commands at the end */

enum state { STATE_UNKNOWN, STATE_OFF, STATE_ON };

struct amplifier {
	struct amplifiers *all;
	const struct amplifier_config *config;
	struct gpio *gpio; /* NULL while it could not be taken */
	struct loop_source *timer;
	int64_t from_ns;     /* needed from then on */
	int64_t released_ns; /* not needed since; 0: it is, or is off */
	int64_t again_ns;    /* not before; 0: nothing has failed */
	bool on;
	bool running; /* a command */
	enum state doing;
	int64_t doing_ns; /* since then */
	bool stopped;     /* by us: it kept the amplifier from being on */
	enum state state;
};

struct amplifiers {
	struct loop *loop;
	struct jobs *jobs;
	struct faults *faults;
	struct amplifier *items;
	size_t n;
};

static void source_of(const struct amplifier *amp, char ret[FAULT_SOURCE_SIZE]) {
	str_format(ret, FAULT_SOURCE_SIZE, "amplifier %s", amp->config->name);
}

static void succeeded(struct amplifier *amp, enum state state) {
	char source[FAULT_SOURCE_SIZE];
	source_of(amp, source);
	log_info("%s is %s", source, state == STATE_ON ? "on" : "off");
	amp->state = state;
	amp->again_ns = 0;
	faults_clear(amp->all->faults, source);
}

static void failed(struct amplifier *amp, const char *text) {
	char source[FAULT_SOURCE_SIZE];
	source_of(amp, source);
	amp->state = STATE_UNKNOWN;
	amp->again_ns = clock_mono_ns() + AGAIN_NS;
	faults_set(amp->all->faults, source, text, clock_now_us());
}

static int drive_line(struct amplifier *amp, bool on, struct error *err) {
	const struct amplifier_config *c = amp->config;
	if (amp->gpio == NULL) {
		return gpio_open(c->gpio_chip, c->gpio_line, c->active_low, on,
				 &amp->gpio, err);
	}
	int rc = gpio_set(amp->gpio, on, err);
	if (rc < 0) {
		gpio_free(MOVE(amp->gpio));
	}
	return rc;
}

static struct jobs_child command_of(const struct amplifier *amp, bool on) {
	return (struct jobs_child){
		.argv = on ? amp->config->command_on : amp->config->command_off,
		.fds = {-1, -1, -1, -1},
		.timeout_ms = COMMAND_TIMEOUT_MS,
	};
}

static void turn(void *arg);

static void on_command_end(void *arg, const struct jobs_end *end) {
	struct amplifier *amp = arg;
	bool on = amp->doing == STATE_ON;
	char *const *argv = command_of(amp, on).argv;
	char text[FAULT_TEXT_SIZE];
	amp->running = false;
	if (end->exit_code == 0) {
		succeeded(amp, amp->doing);
		turn(amp);
		return;
	}
	if (amp->stopped) {
		str_format(text, sizeof(text),
			   "'%s' had not switched it off after %d s, when it was to be "
			   "on again, and was stopped; try it by hand",
			   argv[0], OFF_S);
	} else if (end->timed_out) {
		str_format(text, sizeof(text),
			   "'%s' did not end within %d s and was stopped; try it by hand",
			   argv[0], COMMAND_TIMEOUT_MS / 1000);
	} else if (end->exit_code < 0) {
		str_format(text, sizeof(text), "'%s' was ended by signal %d", argv[0],
			   end->signal_number);
	} else {
		str_format(text, sizeof(text),
			   "'%s', to switch it %s, ended with %d; try it by hand",
			   argv[0], on ? "on" : "off", end->exit_code);
	}
	failed(amp, text);
	if (on != amp->on) {
		amp->again_ns = 0; /* it is not what is wanted now */
	}
	turn(amp);
}

static void switch_now(struct amplifier *amp) {
	struct error err = {0};
	int rc = 0;
	if (amp->config->gpio_chip != NULL) {
		rc = drive_line(amp, amp->on, &err);
		if (rc >= 0) {
			succeeded(amp, amp->on ? STATE_ON : STATE_OFF);
		}
	} else {
		struct jobs_child child = command_of(amp, amp->on);
		amp->doing = amp->on ? STATE_ON : STATE_OFF;
		amp->doing_ns = clock_mono_ns();
		amp->stopped = false;
		rc = jobs_spawn(amp->all->jobs, &child, on_command_end, amp, &err);
		amp->running = rc >= 0;
	}
	if (rc < 0) {
		failed(amp, err.text);
	}
}

/* On from from_ns; off when that has lain ahead, or has never been, for the hold time. */
static int64_t decide(struct amplifier *amp, int64_t now_ns) {
	if (amp->from_ns <= now_ns) {
		/* What was tried in vain to switch off is tried at once to switch on. */
		amp->again_ns = amp->on ? amp->again_ns : 0;
		amp->on = true;
		amp->released_ns = 0;
		return INT64_MAX;
	}
	if (!amp->on) {
		return amp->from_ns;
	}
	amp->released_ns = amp->released_ns == 0 ? now_ns : amp->released_ns;
	int64_t off_ns = amp->released_ns + amp->config->hold_s * 1000000000LL;
	if (off_ns <= now_ns) {
		amp->on = false;
		amp->released_ns = 0;
		return amp->from_ns;
	}
	return off_ns < amp->from_ns ? off_ns : amp->from_ns;
}

/* Stops a command that keeps it from being on; when it will, INT64_MAX where none does.
 */
static int64_t overtake(struct amplifier *amp, int64_t now_ns) {
	if (!amp->running || !amp->on || amp->doing != STATE_OFF || amp->stopped) {
		return INT64_MAX;
	}
	int64_t due_ns = amp->doing_ns + OFF_S * 1000000000LL;
	if (due_ns > now_ns) {
		return due_ns;
	}
	amp->stopped = true;
	jobs_kill(amp->all->jobs, amp);
	return INT64_MAX;
}

/* Does what is to be done now, and comes again when there is more. */
static void turn(void *arg) {
	struct amplifier *amp = arg;
	int64_t now_ns = clock_mono_ns();
	int64_t next_ns = decide(amp, now_ns);
	bool there = amp->state == (amp->on ? STATE_ON : STATE_OFF);
	if (!there && !amp->running && amp->again_ns <= now_ns) {
		switch_now(amp);
		there = amp->state == (amp->on ? STATE_ON : STATE_OFF);
	}
	if (!there && !amp->running && amp->again_ns < next_ns) {
		next_ns = amp->again_ns;
	}
	int64_t stop_ns = overtake(amp, now_ns);
	next_ns = stop_ns < next_ns ? stop_ns : next_ns;
	/* A microsecond late rather than early, or it would come for nothing. */
	loop_timer_arm_us(amp->timer,
			  next_ns == INT64_MAX ? INT64_MAX : next_ns / 1000 + 1);
}

void amplifiers_need(struct amplifiers *a, size_t i, int64_t from_ns) {
	struct amplifier *amp = &a->items[i];
	if (amp->from_ns == from_ns) {
		return;
	}
	amp->from_ns = from_ns;
	turn(amp);
}

size_t amplifiers_count(const struct amplifiers *a) {
	return a != NULL ? a->n : 0;
}

const char *amplifiers_name(const struct amplifiers *a, size_t i) {
	return a->items[i].config->name;
}

int amplifiers_new(struct loop *loop, struct jobs *jobs, struct faults *faults,
		   const struct amplifier_configs *configs, struct amplifiers **ret,
		   struct error *err) {
	AUTO(amplifiers_free) struct amplifiers *a = calloc(1, sizeof(*a));
	if (a == NULL || (a->items = calloc(configs->n + 1, sizeof(*a->items))) == NULL) {
		return error_set(err, ENOMEM, "no memory for the amplifiers");
	}
	a->loop = loop;
	a->jobs = jobs;
	a->faults = faults;
	for (; a->n < configs->n; a->n++) {
		struct amplifier *amp = &a->items[a->n];
		*amp = (struct amplifier){
			.all = a, .config = &configs->items[a->n], .from_ns = INT64_MAX};
		int rc = loop_add_timer(loop, CLOCK_MONOTONIC, turn, amp, &amp->timer,
					err);
		if (rc < 0) {
			return rc;
		}
	}
	for (size_t i = 0; i < a->n; i++) {
		turn(&a->items[i]);
	}
	*ret = MOVE(a);
	return 0;
}

/* What is off stays; the commands of the others run side by side. */
static void all_off(struct amplifiers *a) {
	struct jobs_child last[AMPLIFIERS_MAX];
	size_t n = 0;
	for (size_t i = 0; i < a->n; i++) {
		struct amplifier *amp = &a->items[i];
		bool ran = amp->running;
		jobs_drop(a->jobs, amp);
		if (amp->state == STATE_OFF && !ran) {
			continue;
		}
		struct error err = {0};
		if (amp->config->gpio_chip == NULL) {
			last[n++] = command_of(amp, false);
		} else if (drive_line(amp, false, &err) < 0) {
			log_err("amplifier %s stays as it is: %s", amp->config->name,
				err.text);
		}
	}
	struct error err = {0};
	if (n > 0 && jobs_finish(last, n, LAST_TIMEOUT_MS, &err) < 0) {
		log_err("an amplifier may stay on: %s", err.text);
	}
}

void amplifiers_free(struct amplifiers *a) {
	if (a == NULL) {
		return;
	}
	all_off(a);
	for (size_t i = 0; i < a->n; i++) {
		loop_source_free(a->items[i].timer);
		gpio_free(a->items[i].gpio);
	}
	free(a->items);
	free(a);
}
