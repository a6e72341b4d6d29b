/* test_gpio.c - a GPIO line, on a chip of paper in the place of libgpiod's. */
#include "daemon/gpio.h"

#include <gpiod.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LINES 4

/* What the paper chip knows of its lines. */
static struct {
	const char *name;
	bool used; /* by another */
	bool taken;
	bool active_low;
	bool high; /* the level on the wire */
} lines[LINES];
static int chips_open;
static bool gone;

static int fail_with(int code) {
	errno = code;
	return -1;
}

static void drive(unsigned int i, bool on) {
	lines[i].high = on != lines[i].active_low;
}

static int take(unsigned int i, const char *consumer, bool active_low, bool on) {
	assert_string_equal(consumer, "dalaba");
	if (i >= LINES) {
		return fail_with(EINVAL);
	}
	if (lines[i].used || lines[i].taken) {
		return fail_with(EBUSY);
	}
	lines[i].taken = true;
	lines[i].active_low = active_low;
	drive(i, on);
	return 0;
}

static int find(const char *name) {
	for (int i = 0; i < LINES; i++) {
		if (strcmp(lines[i].name, name) == 0) {
			return i;
		}
	}
	return fail_with(ENOENT);
}

struct gpiod_chip *gpiod_chip_open(const char *path) {
	if (strcmp(path, "/dev/gpiochip0") != 0) {
		errno = ENOENT;
		return NULL;
	}
	chips_open++;
	return (struct gpiod_chip *)&chips_open;
}

#if DALABA_GPIOD == 1

void gpiod_chip_close(struct gpiod_chip *chip) {
	assert_ptr_equal(chip, &chips_open);
	chips_open--;
	for (int i = 0; i < LINES; i++) {
		lines[i].taken = false;
	}
}

struct gpiod_line *gpiod_chip_get_line(struct gpiod_chip *chip, unsigned int offset) {
	(void)chip;
	if (offset >= LINES) {
		errno = EINVAL;
		return NULL;
	}
	return (struct gpiod_line *)&lines[offset];
}

struct gpiod_line *gpiod_chip_find_line(struct gpiod_chip *chip, const char *name) {
	int i = find(name);
	return i < 0 ? NULL : gpiod_chip_get_line(chip, (unsigned int)i);
}

unsigned int gpiod_line_offset(struct gpiod_line *line) {
	return (unsigned int)(((char *)line - (char *)lines) /
			      (ptrdiff_t)sizeof(lines[0]));
}

int gpiod_line_request_output_flags(struct gpiod_line *line, const char *consumer,
				    int flags, int value) {
	assert_int_equal(flags & ~GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW, 0);
	return take(gpiod_line_offset(line), consumer, flags != 0, value != 0);
}

int gpiod_line_set_value(struct gpiod_line *line, int value) {
	drive(gpiod_line_offset(line), value != 0);
	return gone ? fail_with(ENODEV) : 0;
}

#else

static int others; /* settings and configs that were not freed */
static struct {
	bool output;
	bool active_low;
	bool on;
	unsigned int offset;
	const char *consumer;
} asked;

void gpiod_chip_close(struct gpiod_chip *chip) {
	assert_ptr_equal(chip, &chips_open);
	chips_open--;
	assert_int_equal(others, 0);
}

int gpiod_chip_get_line_offset_from_name(struct gpiod_chip *chip, const char *name) {
	(void)chip;
	return find(name);
}

struct gpiod_line_settings *gpiod_line_settings_new(void) {
	others++;
	return (struct gpiod_line_settings *)&others;
}

void gpiod_line_settings_free(struct gpiod_line_settings *s) {
	(void)s;
	others--;
}

int gpiod_line_settings_set_direction(struct gpiod_line_settings *s,
				      enum gpiod_line_direction direction) {
	(void)s;
	asked.output = direction == GPIOD_LINE_DIRECTION_OUTPUT;
	return 0;
}

void gpiod_line_settings_set_active_low(struct gpiod_line_settings *s, bool active_low) {
	(void)s;
	asked.active_low = active_low;
}

int gpiod_line_settings_set_output_value(struct gpiod_line_settings *s,
					 enum gpiod_line_value value) {
	(void)s;
	asked.on = value == GPIOD_LINE_VALUE_ACTIVE;
	return 0;
}

struct gpiod_line_config *gpiod_line_config_new(void) {
	others++;
	return (struct gpiod_line_config *)&others;
}

void gpiod_line_config_free(struct gpiod_line_config *c) {
	(void)c;
	others--;
}

int gpiod_line_config_add_line_settings(struct gpiod_line_config *c,
					const unsigned int *offsets, size_t n,
					struct gpiod_line_settings *s) {
	(void)c;
	(void)s;
	assert_int_equal(n, 1);
	asked.offset = offsets[0];
	return 0;
}

struct gpiod_request_config *gpiod_request_config_new(void) {
	others++;
	return (struct gpiod_request_config *)&others;
}

void gpiod_request_config_free(struct gpiod_request_config *r) {
	(void)r;
	others--;
}

void gpiod_request_config_set_consumer(struct gpiod_request_config *r,
				       const char *consumer) {
	(void)r;
	asked.consumer = consumer;
}

struct gpiod_line_request *gpiod_chip_request_lines(struct gpiod_chip *chip,
						    struct gpiod_request_config *r,
						    struct gpiod_line_config *c) {
	(void)chip;
	(void)r;
	(void)c;
	assert_true(asked.output);
	if (take(asked.offset, asked.consumer, asked.active_low, asked.on) < 0) {
		return NULL;
	}
	return (struct gpiod_line_request *)&lines[asked.offset];
}

int gpiod_line_request_set_value(struct gpiod_line_request *request, unsigned int offset,
				 enum gpiod_line_value value) {
	assert_ptr_equal(request, &lines[offset]);
	drive(offset, value == GPIOD_LINE_VALUE_ACTIVE);
	return gone ? fail_with(ENODEV) : 0;
}

void gpiod_line_request_release(struct gpiod_line_request *request) {
	(void)request;
	for (int i = 0; i < LINES; i++) {
		lines[i].taken = false;
	}
}

#endif

static int setup(void **state) {
	(void)state;
	memset(lines, 0, sizeof(lines));
	for (int i = 0; i < LINES; i++) {
		lines[i].name = (const char *[]){"", "", "AMP", "FAN"}[i];
	}
	lines[3].used = true;
	gone = false;
	return 0;
}

static void a_line_is_driven_from_the_first_moment(void **state) {
	(void)state;
	static const struct {
		const char *chip;
		const char *line;
		bool active_low;
		unsigned int want;
	} cases[] = {
		{"gpiochip0", "1", false, 1},
		{"/dev/gpiochip0", "1", true, 1},
		{"gpiochip0", "AMP", false, 2},
		{"/dev/gpiochip0", "AMP", true, 2},
	};
	struct error err = {0};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int on = 0; on < 2; on++) {
			struct gpio *g = NULL;
			int rc = gpio_open(cases[i].chip, cases[i].line,
					   cases[i].active_low, on == 1, &g, &err);
			assert_int_equal(rc, 0);
			assert_true(lines[cases[i].want].taken);
			bool high = (on == 1) != cases[i].active_low;
			assert_int_equal(lines[cases[i].want].high, high);
			assert_int_equal(gpio_set(g, on == 0, &err), 0);
			assert_int_equal(lines[cases[i].want].high, !high);
			gpio_free(g);
			assert_false(lines[cases[i].want].taken);
			assert_int_equal(chips_open, 0);
		}
	}
}

static void what_is_not_there_is_named(void **state) {
	(void)state;
	static const struct {
		const char *chip;
		const char *line;
		int code;
		const char *words;
	} cases[] = {
		{"gpiochip7", "1", ENOENT,
		 "cannot open the GPIO chip '/dev/gpiochip7': No such file"},
		{"gpiochip0", "HORN", ENOENT,
		 "there is no GPIO line HORN of /dev/gpiochip0; `gpioinfo`"},
		{"gpiochip0", "4", EINVAL,
		 "cannot use the GPIO line 4 of /dev/gpiochip0: "},
		{"gpiochip0", "FAN", EBUSY,
		 "cannot use the GPIO line FAN of /dev/gpiochip0: Device or resource "
		 "busy"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gpio *g = NULL;
		struct error err = {0};
		assert_int_equal(
			gpio_open(cases[i].chip, cases[i].line, false, false, &g, &err),
			-cases[i].code);
		if (strstr(err.text, cases[i].words) == NULL) {
			fail_msg("'%s'", err.text);
		}
		assert_null(g);
		assert_int_equal(chips_open, 0);
	}
	struct gpio *g = NULL;
	struct error err = {0};
	assert_int_equal(gpio_open("gpiochip0", "AMP", false, false, &g, &err), 0);
	gone = true;
	assert_int_equal(gpio_set(g, true, &err), -ENODEV);
	assert_string_equal(err.text,
			    "cannot switch the GPIO line AMP of /dev/gpiochip0: No such "
			    "device");
	gpio_free(g);
	gpio_free(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_line_is_driven_from_the_first_moment, setup),
		cmocka_unit_test_setup(what_is_not_there_is_named, setup),
	};
	return cmocka_run_group_tests_name("gpio", tests, NULL, NULL);
}
