/* dalabactl.c - finds the command in the table, takes its options, runs it and turns the
 * outcome into an exit code. */
#include "dalabactl.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_SOCKET "/run/dalaba/dalaba.sock"

typedef int (*command_fn)(struct client *c, const struct args *args, struct error *err);

struct command {
	const char *name; /* one or two words */
	const char *words;
	const char *help;
	command_fn run;
	const struct args_option *options;
};

static const struct args_option common_options[] = {
	{"socket", "PATH",
	 "the daemon's socket (DALABA_SOCKET; " DEFAULT_SOCKET " otherwise)"},
	{"url", "URL", "ask over the network instead: http://box:8080"},
	{"token", "TOKEN", "for --url (DALABA_TOKEN)"},
	{"json", NULL, "print the answer of the API as it is"},
	{"help", NULL, "say how the command is used"},
	{NULL, NULL, NULL},
};

static const struct args_option no_options[] = {{NULL, NULL, NULL}};

#define ZONE_HELP "where it sounds: names or ids of zones"
#define AREA_HELP "where it sounds: all zones of these areas"

static const struct args_option play_options[] = {
	{"zone", "NAME...", ZONE_HELP},
	{"area", "CODE...", AREA_HELP},
	{"title", "TITLE", "of the recording (the file's name otherwise)"},
	{"class", "CLASS", "background, notice (the usual) or programme"},
	{"at", "TIME", "when, as 2026-12-01T08:00:00+08:00 (now otherwise)"},
	{"wait", NULL, "wait to the end; exit 1 if it did not play everywhere"},
	{NULL, NULL, NULL},
};

static const struct args_option say_options[] = {
	{"zone", "NAME...", ZONE_HELP},
	{"area", "CODE...", AREA_HELP},
	{"title", "TITLE", "of the run (the text otherwise)"},
	{"class", "CLASS", "background, notice (the usual) or programme"},
	{"at", "TIME", "when, as 2026-12-01T08:00:00+08:00 (now otherwise)"},
	{"wait", NULL, "wait to the end; exit 1 if it did not play everywhere"},
	{NULL, NULL, NULL},
};

static const struct args_option alert_options[] = {
	{"text", "TEXT", "what to say: these words instead of a recording"},
	{"headline", "TEXT", "said before it, and its name in every list"},
	{"zone", "NAME...", ZONE_HELP},
	{"area", "CODE...", AREA_HELP},
	{"severity", "SEVERITY", "extreme, severe (the usual), moderate or minor"},
	{"level", "LEVEL",
	 "who issues it: village (the usual), town, county, city, province or national"},
	{"repeat", "SECONDS", "from begin to begin; 0: once (20 s behind each end)"},
	{"expires", "TIME", "silent from then on (an hour from now)"},
	{"drill", NULL, "it says by voice that it is a drill"},
	{"updates", "ID", "the alert in force that it replaces"},
	{NULL, NULL, NULL},
};

static const struct args_option alert_list_options[] = {
	{"all", NULL, "also those that are over"},
	{NULL, NULL, NULL},
};

static const struct args_option live_options[] = {
	{"zone", "NAME...", ZONE_HELP},
	{"area", "CODE...", AREA_HELP},
	{"title", "TITLE", "of the call"},
	{"class", "CLASS", "live (the usual), notice or programme"},
	{"rate", "HZ", "of raw frames, 8000 to 48000 (16000 otherwise)"},
	{"quiet-confirmed", NULL, "it is meant to sound in quiet hours as well"},
	{NULL, NULL, NULL},
};

static const struct args_option add_options[] = {
	{"announcement", "ID", "what to say: an announcement that is there"},
	{"clip", "FILE|ID", "what to say: a recording, or a clip that is there"},
	{"text", "TEXT", "what to say: these words"},
	{"line", "NAME", "what to say: what comes in at this ALSA capture"},
	{"stream", "URL", "what to say: an Ogg Opus stream"},
	{"length", "SECONDS", "of --line or --stream"},
	{"fallback", "FILE|ID", "what sounds while nothing comes from --stream"},
	{"title", "TITLE", "of the announcement that is made here"},
	{"zone", "NAME...", ZONE_HELP},
	{"area", "CODE...", AREA_HELP},
	{"rule", "RULE|NAME", "when: \"0 8 * * mon-fri\", or one of dalabactl rules"},
	{"class", "CLASS", "background, notice (the usual) or programme"},
	{"missed", "skip|SECONDS", "how late it may still play"},
	{"conflict", "wait|skip", "where another one of its class is sounding"},
	{"from", "TIME", "valid from, as 2026-12-01T00:00:00+08:00"},
	{"until", "TIME", "valid until then, that instant not included"},
	{NULL, NULL, NULL},
};

static const struct args_option move_options[] = {
	{"announcement", "ID", "and it says this instead"},
	{NULL, NULL, NULL},
};

static const struct args_option replace_options[] = {
	{"to", "TIME", "and it sounds then instead"},
	{NULL, NULL, NULL},
};

static const struct args_option next_options[] = {
	{"count", "N", "how many (5 otherwise)"},
	{NULL, NULL, NULL},
};

static const struct args_option rule_options[] = {
	{"from", "TIME", "after this, as 2026-12-01T00:00:00+08:00 (now otherwise)"},
	{"count", "N", "how many (5 otherwise)"},
	{"timezone", "ZONE", "Asia/Shanghai otherwise"},
	{"calendar", "FILE...", "holidays; 'shipped': those that come with dalaba"},
	{NULL, NULL, NULL},
};

static const struct args_option plan_options[] = {
	{"days", "N", "today and the days behind it, 1 to 62 (7 otherwise)"},
	{"from", "TIME", "from then on, as 2026-12-01T00:00:00+08:00 (now otherwise)"},
	{"zone", "NAME", "in this zone alone"},
	{"ics", NULL, "as a calendar file (iCalendar) for other programs"},
	{NULL, NULL, NULL},
};

static const struct args_option runs_options[] = {
	{"from", "TIME", "due at or after"},
	{"to", "TIME", "due before"},
	{"zone", "NAME", "in this zone alone"},
	{"state", "STATE",
	 "planned, playing, played, cut, failed, missed, skipped or "
	 "cancelled"},
	{"limit", "N", "the newest N (50 otherwise, 0 for all)"},
	{NULL, NULL, NULL},
};

static const struct args_option stop_options[] = {
	{"zone", "NAME...", "in these zones alone"},
	{"run", "ID", "this run alone"},
	{NULL, NULL, NULL},
};

static const struct command commands[] = {
	{"status", "", "the clock, every zone, and what is wrong", dalabactl_status,
	 no_options},
	{"zones", "", "the zones and their settings", dalabactl_zones, no_options},
	{"play", "FILE", "upload a recording, play it, and print the run's id",
	 dalabactl_play, play_options},
	{"say", "TEXT", "speak a text and print the run's id", dalabactl_say,
	 say_options},
	{"alert cancel", "ID", "silence an emergency everywhere, for good",
	 dalabactl_alert_cancel, no_options},
	{"alert list", "", "the emergencies in force", dalabactl_alert_list,
	 alert_list_options},
	{"alert", "FILE|--text", "sound an emergency over everything, and print its id",
	 dalabactl_alert, alert_options},
	{"live", "", "speak what comes on standard input, as it comes", dalabactl_live,
	 live_options},
	{"schedule add", "", "plan an announcement and print the schedule's id",
	 dalabactl_schedule_add, add_options},
	{"schedule list", "", "the schedules", dalabactl_schedule_list, no_options},
	{"schedule remove", "ID", "delete a schedule; its runs stay on record",
	 dalabactl_schedule_remove, no_options},
	{"schedule next", "ID", "when a schedule is due next", dalabactl_schedule_next,
	 next_options},
	{"schedule skip", "ID DUE", "leave out what is due then, just this once",
	 dalabactl_schedule_skip, no_options},
	{"schedule move", "ID DUE TO", "let what is due then sound at another time",
	 dalabactl_schedule_move, move_options},
	{"schedule replace", "ID DUE ANNOUNCEMENT",
	 "let what is due then say another announcement", dalabactl_schedule_replace,
	 replace_options},
	{"schedule restore", "ID DUE", "let what is due then be as the rule has it",
	 dalabactl_schedule_restore, no_options},
	{"plan", "",
	 "what the next days will sound like, what clashes and what is skipped",
	 dalabactl_plan, plan_options},
	{"runs", "", "what was played, where, how late, and why not", dalabactl_runs,
	 runs_options},
	{"stop", "", "stop what sounds or waits, everywhere or in some zones",
	 dalabactl_stop, stop_options},
	{"next", "RULE", "when a rule is due; needs no daemon", dalabactl_next,
	 rule_options},
	{"rules", "", "rules to pick by name; needs no daemon", dalabactl_rules,
	 no_options},
	{"token add", "NAME", "make a token for --url; it is shown this once",
	 dalabactl_token_add, no_options},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

int dalabactl_wrong_use(struct error *err, const char *format, ...) {
	char text[ERROR_TEXT_SIZE];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return error_set_field(err, EINVAL, "usage", "%s", text);
}

static void print_options(FILE *out, const struct args_option *options) {
	for (const struct args_option *o = options; o->name != NULL; o++) {
		int used =
			fprintf(out, "  --%s%s%s", o->name, o->value != NULL ? " " : "",
				o->value != NULL ? o->value : "");
		fprintf(out, "%*s%s\n", used < 26 ? 26 - used : 1, "", o->help);
	}
}

static void print_overview(FILE *out) {
	fprintf(out, "usage: dalabactl COMMAND [WORDS] [OPTIONS]\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++) {
		int used = fprintf(out, "  %s %s", commands[i].name, commands[i].words);
		fprintf(out, "%*s%s\n", used < 26 ? 26 - used : 1, "", commands[i].help);
	}
	fprintf(out, "\nfor every command:\n");
	print_options(out, common_options);
	fprintf(out, "\nexit: 0 done, 1 refused, 2 wrong use, 3 no daemon\n");
}

static void print_usage(FILE *out, const struct command *command) {
	fprintf(out, "usage: dalabactl %s%s%s%s\n", command->name,
		command->words[0] != '\0' ? " " : "", command->words,
		command->options->name != NULL ? " OPTIONS" : "");
}

static void print_help(const struct command *command) {
	print_usage(stdout, command);
	printf("%s\n", command->help);
	if (command->options->name != NULL) {
		printf("\n");
		print_options(stdout, command->options);
	}
	printf("\nfor every command:\n");
	print_options(stdout, common_options);
}

/* How many of argv's first words are an option for every command, written before it. */
static int leading_options(int argc, char **argv) {
	int i = 0;
	while (i < argc && strncmp(argv[i], "--", 2) == 0) {
		const char *name = argv[i] + 2;
		bool value_follows =
			strchr(name, '=') == NULL &&
			(strcmp(name, "socket") == 0 || strcmp(name, "url") == 0 ||
			 strcmp(name, "token") == 0);
		i += value_follows ? 2 : 1;
	}
	return i < argc ? i : argc;
}

/* Finds the command whose words begin argv and says how many those are. */
static const struct command *find_command(int argc, char **argv, int *n_words) {
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const char *name = commands[i].name;
		size_t first = strcspn(name, " ");
		const char *second = name[first] == ' ' ? name + first + 1 : NULL;
		*n_words = second != NULL ? 2 : 1;
		if (argc >= *n_words && strlen(argv[0]) == first &&
		    memcmp(argv[0], name, first) == 0 &&
		    (second == NULL || strcmp(argv[1], second) == 0)) {
			return &commands[i];
		}
	}
	return NULL;
}

static int unknown_command(int argc, char **argv) {
	if (argc == 0) {
		fprintf(stderr, "dalabactl: which command? See dalabactl --help\n");
		return EXIT_WRONG_USE;
	}
	for (size_t i = 0; i < N_COMMANDS; i++) {
		size_t first = strlen(argv[0]);
		if (strncmp(commands[i].name, argv[0], first) == 0 &&
		    commands[i].name[first] == ' ') {
			fprintf(stderr, "dalabactl: %s what? See dalabactl --help\n",
				argv[0]);
			return EXIT_WRONG_USE;
		}
	}
	fprintf(stderr, "dalabactl: there is no command '%s'; see dalabactl --help\n",
		argv[0]);
	return EXIT_WRONG_USE;
}

static int client_of(const struct args *args, struct client **ret, struct error *err) {
	struct client_options options = {
		.socket = args_text(args, "socket"),
		.url = args_text(args, "url"),
		.token = args_text(args, "token"),
	};
	if (options.socket != NULL && options.url != NULL) {
		return dalabactl_wrong_use(err, "write --socket or --url, not both");
	}
	if (options.token != NULL && options.url == NULL) {
		return dalabactl_wrong_use(err, "--token is for --url; the socket knows "
						"who asks");
	}
	if (options.url == NULL && options.socket == NULL) {
		const char *set = getenv("DALABA_SOCKET");
		options.socket = set != NULL && set[0] != '\0' ? set : DEFAULT_SOCKET;
	}
	if (options.url != NULL && strncmp(options.url, "http://", 7) != 0 &&
	    strncmp(options.url, "https://", 8) != 0) {
		return dalabactl_wrong_use(err, "--url %s: write it as http://box:8080",
					   options.url);
	}
	if (options.url != NULL && options.token == NULL) {
		options.token = getenv("DALABA_TOKEN");
	}
	return client_new(&options, ret, err);
}

static int exit_code(const struct command *command, int rc, const struct error *err) {
	if (rc >= 0) {
		return EXIT_DONE;
	}
	fprintf(stderr, "dalabactl: %s\n", err->text);
	if (rc == -EINVAL && strcmp(err->field, "usage") == 0) {
		print_usage(stderr, command);
		fprintf(stderr, "see dalabactl %s --help\n", command->name);
		return EXIT_WRONG_USE;
	}
	return rc == -ENOTCONN ? EXIT_NO_DAEMON : EXIT_REFUSED;
}

static int run_command(const struct command *command, int argc, char **argv) {
	struct error err = {0};
	AUTO(args_done) struct args args = {0};
	int rc = args_parse(argc, argv, command->words, command->options, common_options,
			    &args, &err);
	if (rc < 0) {
		str_copy(err.field, sizeof(err.field), "usage");
		return exit_code(command, rc, &err);
	}
	if (args_flag(&args, "help")) {
		print_help(command);
		return EXIT_DONE;
	}
	AUTO(client_free) struct client *client = NULL;
	rc = client_of(&args, &client, &err);
	if (rc >= 0) {
		rc = command->run(client, &args, &err);
	}
	return exit_code(command, rc, &err);
}

static int dispatch(int argc, char **argv) {
	int before = leading_options(argc, argv);
	char **words = argv + before;
	int n_words = 0;
	const struct command *command =
		before < argc ? find_command(argc - before, words, &n_words) : NULL;
	if (command != NULL) {
		/* The options before the command are handed on as if they followed it. */
		memmove(argv + n_words, argv, (size_t)before * sizeof(*argv));
		return run_command(command, argc - n_words, argv + n_words);
	}
	for (int i = 0; i < before; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			print_overview(stdout);
			return EXIT_DONE;
		}
		if (strcmp(argv[i], "--version") == 0) {
			printf("dalabactl %s\n", DALABA_VERSION);
			return EXIT_DONE;
		}
	}
	return unknown_command(argc - before, words);
}

int main(int argc, char **argv) {
	int code = argc > 0 ? dispatch(argc - 1, argv + 1) : EXIT_WRONG_USE;
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "dalabactl: cannot write the answer: %s\n",
			strerror(errno));
		return code != EXIT_DONE ? code : EXIT_REFUSED;
	}
	return code;
}
