/* faults.c - see faults.h. */
#include "faults.h"

#include "base/str.h"
#include "log.h"

#include <string.h>

struct faults {
	struct fault items[FAULTS_MAX];
	size_t n;
	faults_fn fn;
	void *arg;
};

int faults_new(struct faults **ret, struct error *err) {
	struct faults *f = calloc(1, sizeof(*f));
	if (f == NULL) {
		return error_set(err, ENOMEM, "no memory for the list of faults");
	}
	*ret = f;
	return 0;
}

void faults_free(struct faults *f) {
	free(f);
}

void faults_listen(struct faults *f, faults_fn fn, void *arg) {
	f->fn = fn;
	f->arg = arg;
}

static struct fault *find(struct faults *f, const char *source) {
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->items[i].source, source) == 0) {
			return &f->items[i];
		}
	}
	return NULL;
}

static void tell(const struct faults *f, const struct fault *fault, bool over) {
	if (f->fn != NULL) {
		f->fn(f->arg, fault, over);
	}
}

void faults_set(struct faults *f, const char *source, const char *text, int64_t now_us) {
	struct fault *fault = find(f, source);
	if (fault != NULL && strncmp(fault->text, text, sizeof(fault->text) - 1) == 0) {
		return;
	}
	log_warning("fault: %s: %s", source, text);
	if (fault == NULL) {
		if (f->n == FAULTS_MAX) {
			log_err("more than %d faults at once; '%s' is only here",
				FAULTS_MAX, source);
			return;
		}
		fault = &f->items[f->n++];
		*fault = (struct fault){.since_us = now_us};
		str_copy(fault->source, sizeof(fault->source), source);
	}
	str_copy(fault->text, sizeof(fault->text), text);
	tell(f, fault, false);
}

void faults_clear(struct faults *f, const char *source) {
	struct fault *fault = find(f, source);
	if (fault == NULL) {
		return;
	}
	log_notice("fault over: %s: %s", source, fault->text);
	struct fault gone = *fault;
	size_t behind = f->n - (size_t)(fault - f->items) - 1;
	memmove(fault, fault + 1, behind * sizeof(*fault));
	f->n--;
	tell(f, &gone, true);
}

size_t faults_list(const struct faults *f, const struct fault **ret) {
	*ret = f->items;
	return f->n;
}
