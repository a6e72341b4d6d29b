/* rule_ready.h - rules that a clerk picks by name. Threads: any. Pure, constant. */
#pragma once

struct rule_ready {
	const char *name;    /* in Chinese */
	const char *name_en; /* no two names are the same */
	const char *rule;    /* the text, to be changed as one likes */
};

/* Ended by a NULL name. */
const struct rule_ready *rule_ready_all(void);
/* By either name; NULL where there is none. */
const struct rule_ready *rule_ready_find(const char *name);
