/* fake_engine.h - what fake_box.c drives: an engine (audio/engine.h) without sound. */
#pragma once

#include "fake_box.h"

/* Nothing sounds yet. */
void fake_engine_start(const struct fake_box *box);
/* The process is gone, and all its jobs. */
void fake_engine_forget(void);
/* Begins and ends what is due by the box's clock. */
void fake_engine_turn(void);
/* When that is next; INT64_MAX: never. */
int64_t fake_engine_next_us(void);
bool fake_engine_has_events(void);
/* Nobody listens to its events for a while. */
void fake_engine_stall(bool stalled);
/* The real-time clock was set. */
void fake_engine_step(int64_t us);
