/* dalabactl_args.c - see dalabactl_args.h. Not getopt_long, because one table shall say
 * what a command takes, what its --help prints, and that --zone has several names. */
#include "dalabactl_args.h"

#include "base/str.h"

#include <assert.h>
#include <string.h>

/* Where an option stands, counted through both tables; -1: there is none. */
static int option_index(const struct args *args, const char *name, size_t len,
			const struct args_option **ret) {
	int index = 0;
	for (size_t t = 0; t < 2; t++) {
		for (const struct args_option *o = args->tables[t]; o->name != NULL;
		     o++, index++) {
			if (strlen(o->name) == len && memcmp(o->name, name, len) == 0) {
				assert(index < ARGS_OPTIONS_MAX);
				*ret = o;
				return index;
			}
		}
	}
	return -1;
}

static bool takes_many(const struct args_option *option) {
	size_t len = option->value != NULL ? strlen(option->value) : 0;
	return len > 3 && strcmp(option->value + len - 3, "...") == 0;
}

static int list_add(struct args_list *list, const char *item, int argc,
		    struct error *err) {
	if (list->items == NULL) {
		list->items = calloc((size_t)argc + 1, sizeof(*list->items));
		if (list->items == NULL) {
			return error_set(err, ENOMEM, "no memory for the command line");
		}
	}
	list->items[list->n++] = item;
	return 0;
}

static bool is_option(const char *word) {
	return strncmp(word, "--", 2) == 0;
}

/* Takes the option at argv[*at] with its values and leaves *at at the last of them. */
static int take_option(struct args *args, int argc, char **argv, int *at,
		       struct error *err) {
	const char *name = argv[*at] + 2;
	const char *equals = strchr(name, '=');
	size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
	const struct args_option *option = NULL;
	int index = option_index(args, name, len, &option);
	if (index < 0) {
		return error_set(err, EINVAL, "there is no option --%.*s", (int)len,
				 name);
	}
	struct args_list *list = &args->lists[index];
	list->many = takes_many(option);
	if (option->value == NULL) {
		return equals != NULL ? error_set(err, EINVAL, "--%s takes no value",
						  option->name)
				      : list_add(list, "", argc, err);
	}
	if (!list->many && list->n > 0) {
		return error_set(err, EINVAL, "--%s is given twice", option->name);
	}
	if (equals != NULL) {
		return list_add(list, equals + 1, argc, err);
	}
	int first = *at + 1;
	if (first >= argc || is_option(argv[first])) {
		return error_set(err, EINVAL, "--%s needs %s", option->name,
				 option->value);
	}
	do {
		(*at)++;
		int rc = list_add(list, argv[*at], argc, err);
		if (rc < 0) {
			return rc;
		}
	} while (list->many && *at + 1 < argc && !is_option(argv[*at + 1]));
	return 0;
}

/* The nth word of "FILE NAME", with its length; NULL where there are fewer. */
static const char *nth_word(const char *words, size_t n, size_t *len) {
	for (;;) {
		words += strspn(words, " ");
		*len = strcspn(words, " ");
		if (*len == 0) {
			return NULL;
		}
		if (n-- == 0) {
			return words;
		}
		words += *len;
	}
}

/* `--zone A FILE`: the last word went to the zones. */
static bool take_back_word(struct args *args) {
	for (size_t i = 0; i < ARGS_OPTIONS_MAX; i++) {
		if (args->lists[i].many && args->lists[i].n > 1) {
			struct args_list *list = &args->lists[i];
			args->words[args->n_words++] = list->items[--list->n];
			return true;
		}
	}
	return false;
}

/* "FILE|--text", and --text is given. */
static bool is_replaced(const struct args *args, const char *word, size_t len) {
	const char *bar = memchr(word, '|', len);
	const struct args_option *option = NULL;
	if (bar == NULL) {
		return false;
	}
	const char *name = bar + strlen("|--");
	int index = option_index(args, name, len - (size_t)(name - word), &option);
	assert(index >= 0);
	return args->lists[index].n > 0;
}

static int check_words(struct args *args, const char *words, struct error *err) {
	size_t len = 0;
	for (;;) {
		const char *missing = nth_word(words, args->n_words, &len);
		if (missing == NULL || is_replaced(args, missing, len)) {
			return 0;
		}
		if (!take_back_word(args)) {
			return error_set(err, EINVAL, "%.*s is missing", (int)len,
					 missing);
		}
	}
}

static int take_word(struct args *args, const char *word, const char *words,
		     struct error *err) {
	size_t len = 0;
	if (args->n_words == ARGS_WORDS_MAX ||
	    nth_word(words, args->n_words, &len) == NULL) {
		return error_set(err, EINVAL, "'%s' is one word too many", word);
	}
	args->words[args->n_words++] = word;
	return 0;
}

int args_parse(int argc, char **argv, const char *words,
	       const struct args_option *own_options,
	       const struct args_option *common_options, struct args *ret,
	       struct error *err) {
	AUTO(args_done) struct args args = {.tables = {own_options, common_options}};
	bool options_over = false;
	for (int i = 0; i < argc; i++) {
		int rc = 0;
		if (!options_over && strcmp(argv[i], "--") == 0) {
			options_over = true;
		} else if (!options_over && is_option(argv[i])) {
			rc = take_option(&args, argc, argv, &i, err);
		} else {
			rc = take_word(&args, argv[i], words, err);
		}
		if (rc < 0) {
			return rc;
		}
	}
	if (!args_flag(&args, "help")) {
		int rc = check_words(&args, words, err);
		if (rc < 0) {
			return rc;
		}
	}
	*ret = args;
	args = (struct args){0};
	return 0;
}

void args_done(struct args *args) {
	for (size_t i = 0; i < ARGS_OPTIONS_MAX; i++) {
		free(args->lists[i].items);
	}
	*args = (struct args){0};
}

struct args_list args_list(const struct args *args, const char *name) {
	const struct args_option *option = NULL;
	int index = option_index(args, name, strlen(name), &option);
	assert(index >= 0);
	return args->lists[index];
}

bool args_flag(const struct args *args, const char *name) {
	return args_list(args, name).n > 0;
}

const char *args_text(const struct args *args, const char *name) {
	struct args_list list = args_list(args, name);
	return list.n > 0 ? list.items[0] : NULL;
}

int args_number(const struct args *args, const char *name, int64_t min, int64_t max,
		int64_t *ret, struct error *err) {
	const char *text = args_text(args, name);
	if (text != NULL && parse_int64(text, min, max, ret) < 0) {
		return error_set_field(err, EINVAL, "usage",
				       "--%s %s: write a whole number from %lld to %lld",
				       name, text, (long long)min, (long long)max);
	}
	return 0;
}
