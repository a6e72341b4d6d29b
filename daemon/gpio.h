/* gpio.h - one output line of a GPIO chip (libgpiod). Owner: amplifier.c. Threads: the
 * core thread alone. Blocks: for an ioctl. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stdbool.h>

struct gpio;

/* Takes the line and drives it at once. chip: "gpiochip0" or a path; line: its offset, or
 * its name; active_low: on is the low level. The line is ours until gpio_free.
 * -ENOENT: no such chip or line; -EBUSY: another has the line; -EACCES, ... */
int gpio_open(const char *chip, const char *line, bool active_low, bool on,
	      struct gpio **ret, struct error *err);
/* Where it fails the chip may have gone: open it anew. */
int gpio_set(struct gpio *g, bool on, struct error *err);
/* What the line does from then on is the chip's affair. NULL is fine. */
void gpio_free(struct gpio *g);
DEFINE_AUTO(struct gpio *, gpio_free)
