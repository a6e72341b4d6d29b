/* out.h - what dalaba-relay gives to who started it: sound and words (relay.h). Owner:
 * the program. Threads: one. Never blocks but in out_wait. */
#pragma once

#include "relay.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes the descriptors fit. */
void out_start(void);
/* Up to RELAY_PIECE frames, whole or not at all: false where the other end is too slow to
 * take them. */
bool out_sound(const float *frames, size_t n);
/* There is sound, or there is none. The one is said where it has changed; the other also
 * every two seconds for which it is told, so that who started it knows it lives. */
void out_ok(const char *words);
void out_fault(const char *words);
/* The other end of the sound is gone. */
bool out_gone(void);
/* Waits so long, or until it is gone. */
void out_wait(int ms);

int64_t out_now_ms(void); /* CLOCK_MONOTONIC */
