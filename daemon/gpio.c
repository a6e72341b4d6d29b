/* gpio.c - see gpio.h. The only place that speaks to libgpiod, whose two versions (1.6 in
 * Debian 12, 2 in Debian 13) share hardly a name: `struct line` is what differs. */
#include "gpio.h"

#include "base/str.h"

#include <gpiod.h>
#include <limits.h>
#include <string.h>

#define CONSUMER "dalaba" /* as `gpioinfo` shows it */
#define OFFSET_MAX 65535

struct gpio {
	struct gpiod_chip *chip;
	unsigned int offset;
#if DALABA_GPIOD == 1
	struct gpiod_line *line;
#else
	struct gpiod_line_request *request;
#endif
	char *name; /* "AMP of /dev/gpiochip0" */
};

#if DALABA_GPIOD == 1

static int find_line(struct gpio *g, const char *name) {
	struct gpiod_line *line = gpiod_chip_find_line(g->chip, name);
	if (line == NULL) {
		return -1;
	}
	g->offset = gpiod_line_offset(line);
	return 0;
}

static int take_line(struct gpio *g, bool active_low, bool on) {
	g->line = gpiod_chip_get_line(g->chip, g->offset);
	return g->line == NULL
		       ? -1
		       : gpiod_line_request_output_flags(
				 g->line, CONSUMER,
				 active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0, on);
}

static int set_line(struct gpio *g, bool on) {
	return gpiod_line_set_value(g->line, on);
}

/* Closing the chip gives its lines back. */
static void leave_line(struct gpio *g) {
	(void)g;
}

#else

static enum gpiod_line_value value_of(bool on) {
	return on ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE;
}

static int find_line(struct gpio *g, const char *name) {
	int offset = gpiod_chip_get_line_offset_from_name(g->chip, name);
	if (offset < 0) {
		return -1;
	}
	g->offset = (unsigned int)offset;
	return 0;
}

static int take_line(struct gpio *g, bool active_low, bool on) {
	struct gpiod_line_settings *settings = gpiod_line_settings_new();
	struct gpiod_line_config *lines = gpiod_line_config_new();
	struct gpiod_request_config *request = gpiod_request_config_new();
	errno = ENOMEM;
	if (settings != NULL && lines != NULL && request != NULL) {
		gpiod_line_settings_set_direction(settings, GPIOD_LINE_DIRECTION_OUTPUT);
		gpiod_line_settings_set_active_low(settings, active_low);
		gpiod_line_settings_set_output_value(settings, value_of(on));
		gpiod_request_config_set_consumer(request, CONSUMER);
		if (gpiod_line_config_add_line_settings(lines, &g->offset, 1, settings) ==
		    0) {
			g->request = gpiod_chip_request_lines(g->chip, request, lines);
		}
	}
	int code = errno;
	if (settings != NULL) {
		gpiod_line_settings_free(settings);
	}
	if (lines != NULL) {
		gpiod_line_config_free(lines);
	}
	if (request != NULL) {
		gpiod_request_config_free(request);
	}
	errno = code;
	return g->request != NULL ? 0 : -1;
}

static int set_line(struct gpio *g, bool on) {
	return gpiod_line_request_set_value(g->request, g->offset, value_of(on));
}

static void leave_line(struct gpio *g) {
	if (g->request != NULL) {
		gpiod_line_request_release(g->request);
	}
}

#endif

void gpio_free(struct gpio *g) {
	if (g == NULL) {
		return;
	}
	leave_line(g);
	if (g->chip != NULL) {
		gpiod_chip_close(g->chip);
	}
	free(g->name);
	free(g);
}

static int open_chip(struct gpio *g, const char *chip, const char *line,
		     struct error *err) {
	char path[PATH_MAX];
	str_format(path, sizeof(path), "%s%s", chip[0] == '/' ? "" : "/dev/", chip);
	AUTO(str_done) struct str name = STR_INIT;
	if (str_printf(&name, "%s of %s", line, path) < 0) {
		return error_set(err, ENOMEM, "no memory for a GPIO line");
	}
	g->name = MOVE(name.data);
	g->chip = gpiod_chip_open(path);
	if (g->chip == NULL) {
		return error_set(err, errno,
				 "cannot open the GPIO chip '%s': %s; `gpiodetect` lists "
				 "the chips, the daemon's user must be able to write it",
				 path, strerror(errno));
	}
	return 0;
}

static int find(struct gpio *g, const char *line, struct error *err) {
	int64_t offset = 0;
	if (parse_int64(line, 0, OFFSET_MAX, &offset) == 0) {
		g->offset = (unsigned int)offset;
		return 0;
	}
	return find_line(g, line) == 0
		       ? 0
		       : error_set(err, ENOENT,
				   "there is no GPIO line %s; `gpioinfo` lists the lines",
				   g->name);
}

int gpio_open(const char *chip, const char *line, bool active_low, bool on,
	      struct gpio **ret, struct error *err) {
	AUTO(gpio_free) struct gpio *g = calloc(1, sizeof(*g));
	if (g == NULL) {
		return error_set(err, ENOMEM, "no memory for a GPIO line");
	}
	int rc = open_chip(g, chip, line, err);
	rc = rc < 0 ? rc : find(g, line, err);
	if (rc < 0) {
		return rc;
	}
	if (take_line(g, active_low, on) < 0) {
		return error_set(err, errno,
				 "cannot use the GPIO line %s: %s; `gpioinfo` shows who "
				 "has it",
				 g->name, strerror(errno));
	}
	*ret = MOVE(g);
	return 0;
}

int gpio_set(struct gpio *g, bool on, struct error *err) {
	return set_line(g, on) == 0
		       ? 0
		       : error_set(err, errno, "cannot switch the GPIO line %s: %s",
				   g->name, strerror(errno));
}
