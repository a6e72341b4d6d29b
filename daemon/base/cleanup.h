/* cleanup.h - release at the end of the scope, declared beside the type.
 * DEFINE_AUTO(struct clip *, clip_free) in the header of clip;
 * AUTO(clip_free) struct clip *c = ...; in a function; *ret = MOVE(c); to hand it on. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFINE_AUTO(type, free_function)                                                 \
	static inline void free_function##_auto(type *p) {                               \
		free_function(*p);                                                       \
	}

/* The same for values: DEFINE_AUTO_DONE(struct ids, ids_done); AUTO(ids_done) struct ids
 * ids = {0}; */
#define DEFINE_AUTO_DONE(type, done_function)                                            \
	static inline void done_function##_auto(type *p) {                               \
		done_function(p);                                                        \
	}

#define AUTO(free_function) __attribute__((cleanup(free_function##_auto)))

/* Hands a pointer on: its value, and the variable becomes NULL. */
#define MOVE(variable)                                                                   \
	__extension__({                                                                  \
		__typeof__(variable) moved_ = (variable);                                \
		(variable) = NULL;                                                       \
		moved_;                                                                  \
	})

/* Hands a file descriptor on: its value, and the variable becomes -1. */
#define MOVE_FD(variable)                                                                \
	__extension__({                                                                  \
		int moved_ = (variable);                                                 \
		(variable) = -1;                                                         \
		moved_;                                                                  \
	})

static inline void free_auto(void *p) {
	free(*(void **)p);
}

/* -1 is fine; errno is kept. */
void fd_close(int fd);
DEFINE_AUTO(int, fd_close)

/* NULL is fine. */
void file_close(FILE *file);
DEFINE_AUTO(FILE *, file_close)
