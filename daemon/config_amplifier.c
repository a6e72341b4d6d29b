/* config_amplifier.c - see config_amplifier.h. A command comes from this file alone,
 * which only an administrator of the machine writes: one that could be set by the API
 * would be a way to run anything. */
#include "config_amplifier.h"

#include "base/str.h"

#include <string.h>

#define SECTION "amplifier"
#define NAME_MAX_BYTES 32 /* inih cuts sections at 49 */
#define WORDS_MAX 16
#define HOLD_DEFAULT_S 10
#define HOLD_MAX_S 3600

/* In the order of their lines. */
static const char *const keys[AMPLIFIER_KEYS] = {"command_on", "command_off", "gpio",
						 "active_low", "hold_s"};
enum { COMMAND_ON, COMMAND_OFF, GPIO, ACTIVE_LOW, HOLD_S };

static void words_free(char **words) {
	for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
		free(words[i]);
	}
	free(words);
}

void amplifier_configs_done(struct amplifier_configs *list) {
	for (size_t i = 0; i < list->n; i++) {
		free(list->items[i].name);
		words_free(list->items[i].command_on);
		words_free(list->items[i].command_off);
		free(list->items[i].gpio_chip);
		free(list->items[i].gpio_line);
	}
	free(list->items);
	*list = (struct amplifier_configs){0};
}

/* Words are parted by blanks; one that has blanks stands in double quotes. -EINVAL: a
 * quote stays open, or there are too many. */
static int split(const char *text, char ***ret) {
	char **words = calloc(WORDS_MAX + 1, sizeof(*words));
	size_t n = 0;
	int rc = words != NULL ? 0 : -ENOMEM;
	while (rc == 0 && *(text += strspn(text, " \t")) != '\0') {
		bool quoted = *text == '"';
		text += quoted;
		size_t len = strcspn(text, quoted ? "\"" : " \t");
		bool open = quoted && text[len] != '"';
		if (open || n == WORDS_MAX) {
			rc = -EINVAL;
		} else if ((words[n++] = strndup(text, len)) == NULL) {
			rc = -ENOMEM;
		} else {
			text += len + quoted;
		}
	}
	if (rc < 0) {
		words_free(words);
		return rc;
	}
	*ret = words;
	return 0;
}

static int take_command(const char *value, char ***ret, struct error *err) {
	char **words = NULL;
	int rc = split(value, &words);
	if (rc == -ENOMEM) {
		return error_set(err, ENOMEM, "no memory for the configuration");
	}
	if (rc < 0 || words[0] == NULL || words[0][0] != '/') {
		words_free(words);
		return error_set(err, EINVAL,
				 "write a program by its whole path and at most %d words "
				 "behind it, for example /usr/local/bin/amplifier on",
				 WORDS_MAX - 1);
	}
	*ret = words;
	return 0;
}

static int take_gpio(const char *value, struct amplifier_config *a, struct error *err) {
	char **words = NULL;
	int rc = split(value, &words);
	if (rc == 0 && words[0] != NULL && words[1] != NULL && words[2] == NULL &&
	    words[0][0] != '\0' && words[1][0] != '\0') {
		a->gpio_chip = words[0];
		a->gpio_line = words[1];
		free(words);
		return 0;
	}
	words_free(words);
	return error_set(err, EINVAL,
			 "write the chip and the line, by its number or its name, for "
			 "example gpiochip0 17");
}

static int take_value(struct amplifier_config *a, int key, const char *value,
		      struct error *err) {
	switch (key) {
	case COMMAND_ON:
		return take_command(value, &a->command_on, err);
	case COMMAND_OFF:
		return take_command(value, &a->command_off, err);
	case GPIO:
		return take_gpio(value, a, err);
	case ACTIVE_LOW:
		a->active_low = strcmp(value, "yes") == 0;
		return a->active_low || strcmp(value, "no") == 0
			       ? 0
			       : error_set(err, EINVAL, "write yes or no");
	default:
		return parse_int64(value, 0, HOLD_MAX_S, &a->hold_s) == 0
			       ? 0
			       : error_set(err, EINVAL,
					   "write a whole number of seconds from 0 to "
					   "%d, for example %d",
					   HOLD_MAX_S, HOLD_DEFAULT_S);
	}
}

/* The one of that name, made where it is new; NULL without memory. */
static struct amplifier_config *find(struct amplifier_configs *list, const char *name,
				     int line) {
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->items[i].name, name) == 0) {
			return &list->items[i];
		}
	}
	struct amplifier_config *items =
		reallocarray(list->items, list->n + 1, sizeof(*list->items));
	if (items == NULL) {
		return NULL;
	}
	list->items = items;
	struct amplifier_config *a = &items[list->n];
	*a = (struct amplifier_config){
		.name = strdup(name), .hold_s = HOLD_DEFAULT_S, .first_line = line};
	if (a->name == NULL) {
		return NULL;
	}
	list->n++;
	return a;
}

static int find_key(const char *name) {
	int key = 0;
	while (key < AMPLIFIER_KEYS && strcmp(keys[key], name) != 0) {
		key++;
	}
	return key;
}

int amplifier_configs_take(struct amplifier_configs *list, const char *section,
			   const char *name, const char *value, const char *file,
			   int line, struct error *err) {
	const char *own = section + strlen(SECTION);
	own += strspn(own, " \t");
	if (own[0] == '\0' || strlen(own) > NAME_MAX_BYTES) {
		return error_set(err, EINVAL,
				 "%s:%d: [%s] needs a name of 1 to %d bytes that zones "
				 "can say, for example [amplifier hall]",
				 file, line, section, NAME_MAX_BYTES);
	}
	int key = find_key(name);
	if (key == AMPLIFIER_KEYS) {
		return error_set(err, EINVAL,
				 "%s:%d: [%s] has no key '%s'; it has command_on, "
				 "command_off, gpio, active_low and hold_s",
				 file, line, section, name);
	}
	struct amplifier_config *a = find(list, own, line);
	if (a == NULL || list->n > AMPLIFIERS_MAX) {
		return a == NULL
			       ? error_set(err, ENOMEM, "no memory for the configuration")
			       : error_set(err, EINVAL,
					   "%s:%d: there are more than %d amplifiers",
					   file, line, AMPLIFIERS_MAX);
	}
	char field[ERROR_FIELD_SIZE];
	str_format(field, sizeof(field), "%s.%s", section, name);
	if (a->lines[key] != 0) {
		return error_set_field(err, EINVAL, field,
				       "%s:%d: [%s] %s is already written in line %d; "
				       "keep one of the two",
				       file, line, section, name, a->lines[key]);
	}
	a->lines[key] = line;
	struct error why = {0};
	int rc = take_value(a, key, value, &why);
	return rc == 0 ? 0
		       : error_set_field(err, -rc, field, "%s:%d: [%s] %s = '%s': %s",
					 file, line, section, name, value, why.text);
}

int amplifier_configs_check(const struct amplifier_configs *list, const char *file,
			    struct error *err) {
	for (size_t i = 0; i < list->n; i++) {
		const struct amplifier_config *a = &list->items[i];
		bool pair = a->command_on != NULL && a->command_off != NULL;
		bool any = a->command_on != NULL || a->command_off != NULL;
		char field[ERROR_FIELD_SIZE];
		str_format(field, sizeof(field), "%s %s", SECTION, a->name);
		if (any == (a->gpio_chip != NULL) || any != pair) {
			return error_set_field(
				err, EINVAL, field,
				"%s:%d: [amplifier %s] is switched by one of two things; "
				"write gpio, or command_on and command_off",
				file, a->first_line, a->name);
		}
		if (any && a->lines[ACTIVE_LOW] != 0) {
			return error_set_field(err, EINVAL, field,
					       "%s:%d: [amplifier %s] active_low is for "
					       "gpio; take it out",
					       file, a->lines[ACTIVE_LOW], a->name);
		}
	}
	return 0;
}

static bool text_equal(const char *a, const char *b) {
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool words_equal(char **a, char **b) {
	size_t i = 0;
	if (a == NULL || b == NULL) {
		return a == b;
	}
	while (a[i] != NULL && text_equal(a[i], b[i])) {
		i++;
	}
	return text_equal(a[i], b[i]);
}

bool amplifier_configs_equal(const struct amplifier_configs *a,
			     const struct amplifier_configs *b) {
	bool same = a->n == b->n;
	for (size_t i = 0; same && i < a->n; i++) {
		const struct amplifier_config *x = &a->items[i];
		const struct amplifier_config *y = &b->items[i];
		same = text_equal(x->name, y->name) &&
		       words_equal(x->command_on, y->command_on) &&
		       words_equal(x->command_off, y->command_off) &&
		       text_equal(x->gpio_chip, y->gpio_chip) &&
		       text_equal(x->gpio_line, y->gpio_line) &&
		       x->active_low == y->active_low && x->hold_s == y->hold_s;
	}
	return same;
}
