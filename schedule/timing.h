/* timing.h - the moments at which the director settles who sounds, and how long it waits:
 * for the director, and for whoever foretells what it will do (plan.h). Constants. */
#pragma once

/* Who may sound is decided this long before. */
#define JUDGE_US (300 * 1000LL)
/* Late by less is not late: a wake-up takes its time. */
#define ON_TIME_US (2 * 1000000LL)
/* The longest wait for a zone. */
#define WAIT_MAX_US (1800 * 1000000LL)
/* Ahead, so that several outputs can start as one. */
#define TOGETHER_US (60 * 1000LL)
/* Fade of what is interrupted or stopped. */
#define RAMP_MS 200
/* Between passes, while the last echo dies away. */
#define PASS_PAUSE_US (2 * 1000000LL)
