/* escapes.h - what a decoder that was taken over would try, for the tests of what shuts
 * it in. Every attempt is made in a child of its own. */
#pragma once

#include <stddef.h>

/* Once, before and after all attempts: a folder with a file, and a socket at which
 * somebody listens as the daemon does. For cmocka; NULL as state. */
int escapes_setup(void **state);
int escapes_teardown(void **state);

/* In a child: enter(), then act(). Of act: the number of the signal that ended the child,
 * minus the errno it got, or 0 where it succeeded. What enter returns, where that is not
 * 0, as minus that; 200 and more tell it from an errno. The child has at 0 and 5
 * /dev/null, at 1 an empty file that can be written, at 3 /dev/null, at 7 a socket of the
 * Internet that could listen, at 8 the master of a terminal. */
int escape_attempt(int (*enter)(void), long (*act)(void));
int escape_enter_nothing(void);

/* Each is a raw system call, and returns what it gave. */
long try_open(void);      /* to read /etc/passwd */
long try_hosts(void);     /* to read /etc/hosts */
long try_create(void);    /* a file */
long try_overwrite(void); /* one that is there */
long try_unlink(void);
long try_chmod(void);
long try_device(void);     /* to read and write /dev/null */
long try_large_file(void); /* 200,000 bytes into fd 1 */
long try_memory(void);     /* 400 MB */
long try_socket(void);
long try_connect(void); /* UDP, on the loopback */
long try_listen(void);
long try_packets(void); /* needs a capability */
long try_daemon(void);  /* the Unix socket */
long try_pair(void);    /* of streams; try_letters: of datagrams */
long try_letters(void);
long try_route(void); /* netlink: addresses; try_uevents: devices */
long try_uevents(void);
long try_exec(void);
long try_fork(void);
long try_kill(void); /* the parent, with signal 0 */
long try_ptrace(void);
long try_limit(void);     /* the parent's limits */
long try_scheduler(void); /* the parent's */
long try_code(void);      /* memory that runs */
long try_make_code(void); /* the same later */
long try_unshare(void);
long try_chroot(void); /* needs a capability */
long try_io_uring(void);
long try_terminal(void); /* a request to a terminal */
long try_sound(void);    /* to a sound device, at what is none: ENOTTY */
long try_timer(void);
