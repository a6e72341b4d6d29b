/* dalabactl_args.h - takes a command line apart by the table of the command.
 * Owner: main of dalabactl. Threads: one. Values point into argv. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARGS_OPTIONS_MAX 24
#define ARGS_WORDS_MAX 4

struct args_option {
	const char *name;  /* without the dashes; NULL ends a table */
	const char *value; /* "NAME"; NULL: a flag; "NAME...": it may be repeated, and
			      takes all words up to the next option */
	const char *help;
};

struct args_list {
	const char **items;
	size_t n;
	bool many; /* of a "NAME..." option */
};

struct args {
	const char *words[ARGS_WORDS_MAX];
	size_t n_words;
	const struct args_option *tables[2]; /* the command's, then the common one */
	struct args_list lists[ARGS_OPTIONS_MAX];
};

/* argv: what follows the command, without it. words: what the command wants besides
 * options, "FILE" or "ID TEXT", "" for nothing; each one is needed, "FILE|--text" where
 * that option is not given. A word that is
 * missing is taken from the end of a "NAME..." option that took more than one: `play
 * --zone A FILE` means what it seems to. -EINVAL with a sentence about the use. */
int args_parse(int argc, char **argv, const char *words,
	       const struct args_option *own_options,
	       const struct args_option *common_options, struct args *ret,
	       struct error *err);
void args_done(struct args *args);
static inline void args_done_auto(struct args *args) {
	args_done(args);
}

/* The name must stand in one of the tables. */
bool args_flag(const struct args *args, const char *name);
const char *args_text(const struct args *args, const char *name); /* NULL: not given */
struct args_list args_list(const struct args *args, const char *name);
/* A whole number within [min, max]; *ret is left alone where the option is not given. */
int args_number(const struct args *args, const char *name, int64_t min, int64_t max,
		int64_t *ret, struct error *err);
