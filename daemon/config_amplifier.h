/* config_amplifier.h - the sections [amplifier NAME] of the configuration file. Owner:
 * the configuration. Threads: constant after loading. Never blocks. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define AMPLIFIERS_MAX 32
#define AMPLIFIER_KEYS 5

/* Switched by a line or by a pair of commands. */
struct amplifier_config {
	char *name;         /* at most 32 bytes */
	char **command_on;  /* argv, the program by its whole path; NULL: by a line */
	char **command_off; /* the same */
	char *gpio_chip;    /* "gpiochip0", or a path; NULL: by commands */
	char *gpio_line;    /* its offset or its name */
	bool active_low;
	int64_t hold_s;            /* 0 to 3600, on for so long after the last sound */
	int lines[AMPLIFIER_KEYS]; /* where each key was written, 0: nowhere */
	int first_line;
};

struct amplifier_configs {
	struct amplifier_config *items;
	size_t n;
};
void amplifier_configs_done(struct amplifier_configs *list);

/* One key of section [amplifier NAME], whose text stands in `section`; file and line are
 * for the sentence. */
int amplifier_configs_take(struct amplifier_configs *list, const char *section,
			   const char *name, const char *value, const char *file,
			   int line, struct error *err);
/* What only the keys of a section together can get wrong. */
int amplifier_configs_check(const struct amplifier_configs *list, const char *file,
			    struct error *err);
bool amplifier_configs_equal(const struct amplifier_configs *a,
			     const struct amplifier_configs *b);
