/* dalabactl_table.c - see dalabactl_table.h. */
#include "dalabactl_table.h"

#include <assert.h>
#include <locale.h>
#include <stdarg.h>
#include <string.h>
#include <wchar.h>

/* wcwidth asks the locale; what we print is UTF-8 whatever the user's is. */
static void use_utf8(void) {
	static bool done;
	if (!done) {
		setlocale(LC_CTYPE, "C.UTF-8");
		done = true;
	}
}

/* The character at *p, and the step to the next; a broken or unprintable one is "?". */
static int next_char(const char **p, const char **ret, size_t *ret_len) {
	wchar_t wide = 0;
	mbstate_t shift = {0};
	size_t len = mbrtowc(&wide, *p, MB_CUR_MAX, &shift);
	int width = len != 0 && len < (size_t)-2 ? wcwidth(wide) : -1;
	if (width < 0) {
		*ret = "?";
		*ret_len = 1;
		*p += len != 0 && len < (size_t)-2 ? len : 1;
		return 1;
	}
	*ret = *p;
	*ret_len = len;
	*p += len;
	return width;
}

int text_width(const char *text) {
	use_utf8();
	int width = 0;
	while (*text != '\0') {
		const char *from;
		size_t len;
		width += next_char(&text, &from, &len);
	}
	return width;
}

void table_init(struct table *t, const char *heads) {
	use_utf8();
	*t = (struct table){0};
	for (const char *p = heads; *p != '\0'; p++) {
		t->n_columns += *p == '|';
	}
	t->n_columns++;
	assert(t->n_columns <= TABLE_COLUMNS_MAX);
	while (heads != NULL) {
		const char *end = strchrnul(heads, '|');
		table_cellf(t, "%.*s", (int)(end - heads), heads);
		heads = *end == '|' ? end + 1 : NULL;
	}
}

void table_done(struct table *t) {
	str_done(&t->text);
}

void table_cell(struct table *t, const char *text) {
	int width = 0;
	while (*text != '\0') {
		const char *from;
		size_t len;
		width += next_char(&text, &from, &len);
		t->failed |= str_append_bytes(&t->text, from, len) < 0;
	}
	t->failed |= str_append_bytes(&t->text, "", 1) < 0;
	int *widest = &t->widths[t->n_cells % t->n_columns];
	*widest = width > *widest ? width : *widest;
	t->n_cells++;
}

void table_cellf(struct table *t, const char *format, ...) {
	va_list args;
	va_start(args, format);
	char *cell = NULL;
	int rc = vasprintf(&cell, format, args);
	va_end(args);
	table_cell(t, rc >= 0 ? cell : "");
	t->failed |= rc < 0;
	if (rc >= 0) {
		free(cell);
	}
}

int table_print(const struct table *t, struct error *err) {
	if (t->failed) {
		return error_set(err, ENOMEM, "no memory for the table");
	}
	assert(t->n_cells % t->n_columns == 0);
	const char *cell = t->text.data;
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t column = i % t->n_columns;
		bool last = column + 1 == t->n_columns;
		int pad = last ? 0 : t->widths[column] - text_width(cell) + 2;
		printf("%s%*s%s", cell, pad, "", last ? "\n" : "");
		cell += strlen(cell) + 1;
	}
	return 0;
}
