/* dalabactl.h - the command line of dalaba: one process, one command, one answer.
 * Owner: main of dalabactl. Threads: one. Blocks: on the daemon's answer.
 *
 * dalabactl.c finds the command, dalabactl_args.c takes its words and options apart,
 * dalabactl_client.c asks the daemon, dalabactl_table.c lays out what people read, and
 * each dalabactl_SUBJECT.c holds commands. */
#pragma once

#include "dalabactl_args.h"
#include "dalabactl_client.h"

#include "schedule/rule_words.h"

#include <jansson.h>

/* What the process exits with. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,   /* the daemon said no, or a file could not be read */
	EXIT_WRONG_USE = 2, /* the command line cannot be meant */
	EXIT_NO_DAEMON = 3,
};

/* Each returns 0, or a negative errno and a sentence: -EINVAL with the field "usage" is
 * wrong use, -ENOTCONN is no daemon, anything else is refused. */
int dalabactl_status(struct client *c, const struct args *args, struct error *err);
int dalabactl_zones(struct client *c, const struct args *args, struct error *err);
int dalabactl_runs(struct client *c, const struct args *args, struct error *err);
int dalabactl_plan(struct client *c, const struct args *args, struct error *err);
int dalabactl_play(struct client *c, const struct args *args, struct error *err);
int dalabactl_say(struct client *c, const struct args *args, struct error *err);
int dalabactl_stop(struct client *c, const struct args *args, struct error *err);
int dalabactl_alert(struct client *c, const struct args *args, struct error *err);
int dalabactl_alert_cancel(struct client *c, const struct args *args, struct error *err);
int dalabactl_alert_list(struct client *c, const struct args *args, struct error *err);
int dalabactl_live(struct client *c, const struct args *args, struct error *err);
int dalabactl_schedule_add(struct client *c, const struct args *args, struct error *err);
int dalabactl_schedule_list(struct client *c, const struct args *args, struct error *err);
int dalabactl_schedule_remove(struct client *c, const struct args *args,
			      struct error *err);
int dalabactl_schedule_next(struct client *c, const struct args *args, struct error *err);
int dalabactl_schedule_skip(struct client *c, const struct args *args, struct error *err);
int dalabactl_schedule_move(struct client *c, const struct args *args, struct error *err);
int dalabactl_schedule_replace(struct client *c, const struct args *args,
			       struct error *err);
int dalabactl_schedule_restore(struct client *c, const struct args *args,
			       struct error *err);
int dalabactl_token_add(struct client *c, const struct args *args, struct error *err);

/* Works without a daemon: c is not used. */
int dalabactl_next(struct client *c, const struct args *args, struct error *err);
int dalabactl_rules(struct client *c, const struct args *args, struct error *err);
/* The rule picked by that name, else the text itself. */
const char *dalabactl_rule(const char *text);
/* Of the environment: LC_ALL, LC_MESSAGES, LANG. */
enum rule_lang dalabactl_lang(void);

/* Wrong use found by a command: -EINVAL. */
int dalabactl_wrong_use(struct error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* "/schedules/ID" + tail, of the word ID. */
int dalabactl_schedule_path(const struct args *args, const char *tail, char *ret,
			    size_t size, struct error *err);
/* Sets a member where text is not NULL. */
int dalabactl_put_text(json_t *body, const char *name, const char *text,
		       struct error *err);
/* Writes the value to stdout on one line. */
int dalabactl_print_json(const json_t *value, struct error *err);
/* -EINVAL where neither --zone nor --area is given. */
int dalabactl_need_targets(const struct args *args, struct error *err);
/* Puts "zones" (ids) of --zone into body. A zone is meant by its name, or by its id where
 * no zone has that name. */
int dalabactl_put_zones(struct client *c, const struct args *args, json_t *body,
			struct error *err);
/* The same, and "areas" (codes) of --area. */
int dalabactl_put_targets(struct client *c, const struct args *args, json_t *body,
			  struct error *err);
/* The id of one zone by name or id. */
int dalabactl_find_zone(struct client *c, const char *name, int64_t *ret,
			struct error *err);
/* Sends a file to /clips under its own name, or that of title, and sets *ret to the
 * clip's object (json_decref). Returns 1 where the clip is new, 0 where it was known. */
int dalabactl_upload(struct client *c, const char *file, const char *title, json_t **ret,
		     struct error *err);
