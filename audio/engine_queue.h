/* engine_queue.h - bounded queue of plain values between two threads: one pushes, one
 * pops, neither ever waits. Allocates in queue_init only. */
#pragma once

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct queue {
	unsigned char *slots;
	size_t size; /* of one slot, bytes */
	size_t n;
	char pad0[40];
	_Atomic size_t pushed; /* written by the one that pushes */
	char pad1[56];
	_Atomic size_t popped; /* written by the one that pops */
	char pad2[56];
};

static inline int queue_init(struct queue *q, size_t n, size_t size) {
	*q = (struct queue){.size = size, .n = n};
	q->slots = calloc(n, size);
	return q->slots == NULL ? -ENOMEM : 0;
}

static inline void queue_done(struct queue *q) {
	free(q->slots);
	q->slots = NULL;
}

/* False where it is full. */
static inline bool queue_push(struct queue *q, const void *value) {
	size_t at = atomic_load_explicit(&q->pushed, memory_order_relaxed);
	if (at - atomic_load_explicit(&q->popped, memory_order_acquire) == q->n) {
		return false;
	}
	memcpy(q->slots + at % q->n * q->size, value, q->size);
	atomic_store_explicit(&q->pushed, at + 1, memory_order_release);
	return true;
}

/* False where it is empty. */
static inline bool queue_pop(struct queue *q, void *value) {
	size_t at = atomic_load_explicit(&q->popped, memory_order_relaxed);
	if (at == atomic_load_explicit(&q->pushed, memory_order_acquire)) {
		return false;
	}
	memcpy(value, q->slots + at % q->n * q->size, q->size);
	atomic_store_explicit(&q->popped, at + 1, memory_order_release);
	return true;
}
