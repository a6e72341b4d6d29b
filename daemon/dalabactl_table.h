/* dalabactl_table.h - rows under each other, by the width a terminal gives each character
 * (a Chinese one takes two columns). Owner: whoever declared it. Threads: one. */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stddef.h>

#define TABLE_COLUMNS_MAX 10

struct table {
	struct str text; /* the cells, each ended by NUL, row by row */
	size_t n_columns;
	size_t n_cells;
	int widths[TABLE_COLUMNS_MAX];
	bool failed; /* no memory */
};

/* heads: "ID|NAME|STATE", at most TABLE_COLUMNS_MAX. */
void table_init(struct table *t, const char *heads);
void table_done(struct table *t);
static inline void table_done_auto(struct table *t) {
	table_done(t);
}

/* The next cell, left to right. Control characters and broken UTF-8 become "?"; the
 * terminal shall not obey a name. */
void table_cell(struct table *t, const char *text);
void table_cellf(struct table *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Writes the head and all rows to stdout. -ENOMEM. */
int table_print(const struct table *t, struct error *err);

/* Columns that a terminal uses for the text (wcwidth(3), in UTF-8). */
int text_width(const char *text);
