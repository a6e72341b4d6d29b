/* faults.h - what is wrong right now: one sentence a source, shown on status, events and
 * in the journal. Owner: main. Threads: the core thread alone. Never blocks. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define FAULT_SOURCE_SIZE 64
#define FAULT_TEXT_SIZE 256
#define FAULTS_MAX 128

struct fault {
	char source[FAULT_SOURCE_SIZE]; /* "output Hall", "clock", "disk" */
	char text[FAULT_TEXT_SIZE];
	int64_t since_us;
};

struct faults;

/* Told of every fault that is new, changed or (over) gone. */
typedef void (*faults_fn)(void *arg, const struct fault *fault, bool over);

int faults_new(struct faults **ret, struct error *err);
void faults_free(struct faults *f); /* NULL is fine */
DEFINE_AUTO(struct faults *, faults_free)
void faults_listen(struct faults *f, faults_fn fn, void *arg);

/* Saying the same again changes nothing. */
void faults_set(struct faults *f, const char *source, const char *text, int64_t now_us);
void faults_clear(struct faults *f, const char *source);
/* The current ones, oldest first; borrowed until the next call. */
size_t faults_list(const struct faults *f, const struct fault **ret);
