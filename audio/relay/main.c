/* main.c - the program dalaba-relay: see relay.h. One sound from outside the box, until
 * nobody listens any more. */
#include "confine.h"
#include "line.h"
#include "out.h"
#include "stream.h"

#include "base/error.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if RELAY_SANITIZED
/* The search for leaks wants a second process, which is not to be had. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) {
	return 1;
}
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
	return "exitcode=99";
}
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void) {
	return "exitcode=99:halt_on_error=1";
}
#endif

int main(int argc, char **argv) {
	struct error err = {0};
	bool line = argc == 3 && strcmp(argv[1], "line") == 0;
	bool stream = argc == 3 && strcmp(argv[1], "stream") == 0;
	if (!line && !stream) {
		fputs("dalaba-relay is run by dalabad\n", stderr);
		return RELAY_EXIT_USE;
	}
	/* It goes with who started it, should that be killed while nothing is written. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)syscall(SYS_close_range, RELAY_TOLD_FD + 1, ~0U, 0);
	out_start();
	int rc = line ? confine_line(&err) : confine_stream(&err);
	if (rc < 0) {
		out_fault(err.text);
		return 1;
	}
	if (line) {
		line_run(argv[2]);
		return RELAY_EXIT_DONE;
	}
	return (int)stream_run(argv[2]);
}
