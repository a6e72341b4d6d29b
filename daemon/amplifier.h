/* amplifier.h - the amplifiers of [amplifier NAME]: on before a sound and as long as any
 * of their zones has one, off a while after. Owner: main. Threads: the core thread alone.
 * Blocks: for a GPIO ioctl; commands are children nobody waits for (but amplifiers_free,
 * a second at most).
 *
 * After a start each is switched off, whatever the last life left. What cannot be
 * switched is a fault, "amplifier NAME", and is tried again every few seconds; the sound
 * does not ask. A command that switches off is stopped after a second where the amplifier
 * is to be on again. */
#pragma once

#include "config_amplifier.h"
#include "faults.h"
#include "jobs.h"
#include "loop.h"

struct amplifiers;

/* configs is borrowed for its life. */
int amplifiers_new(struct loop *loop, struct jobs *jobs, struct faults *faults,
		   const struct amplifier_configs *configs, struct amplifiers **ret,
		   struct error *err);
/* Switches all off. NULL is fine. */
void amplifiers_free(struct amplifiers *a);
DEFINE_AUTO(struct amplifiers *, amplifiers_free)

size_t amplifiers_count(const struct amplifiers *a); /* NULL is fine: 0 */
const char *amplifiers_name(const struct amplifiers *a, size_t i);

/* The i-th is needed from then on (CLOCK_MONOTONIC; the past: now), until told otherwise;
 * INT64_MAX: not at all as far as is known. Saying the same again changes nothing. */
void amplifiers_need(struct amplifiers *a, size_t i, int64_t from_ns);
