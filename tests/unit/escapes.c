/* escapes.c - see escapes.h. */
#include "escapes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sound/asound.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/dalaba-escapes-XXXXXX";
static char file[64];
static char fresh[64]; /* not there */
static struct sockaddr_un daemon_socket = {.sun_family = AF_UNIX};
static int listener = -1;

int escapes_setup(void **state) {
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/file", folder);
	snprintf(fresh, sizeof(fresh), "%s/fresh", folder);
	snprintf(daemon_socket.sun_path, sizeof(daemon_socket.sun_path), "%s/socket",
		 folder);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(listener, (struct sockaddr *)&daemon_socket, sizeof(daemon_socket)),
		0);
	assert_int_equal(listen(listener, 100), 0);
	return 0;
}

int escapes_teardown(void **state) {
	(void)state;
	close(listener);
	unlink(daemon_socket.sun_path);
	unlink(fresh);
	unlink(file);
	return rmdir(folder);
}

/* ---- files ---- */

long try_open(void) {
	return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
}
long try_hosts(void) {
	return syscall(SYS_openat, AT_FDCWD, "/etc/hosts", O_RDONLY, 0);
}
long try_create(void) {
	return syscall(SYS_openat, AT_FDCWD, fresh, O_WRONLY | O_CREAT, 0600);
}
long try_overwrite(void) {
	return syscall(SYS_openat, AT_FDCWD, file, O_WRONLY, 0);
}
long try_unlink(void) {
	return syscall(SYS_unlinkat, AT_FDCWD, file, 0);
}
long try_chmod(void) {
	return syscall(SYS_fchmodat, AT_FDCWD, file, 0666);
}
long try_device(void) {
	return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
}
long try_large_file(void) {
	static char piece[1000];
	long total = 0;
	for (int i = 0; i < 200; i++) {
		long n = write(1, piece, sizeof(piece));
		if (n < 0) {
			return n;
		}
		total += n;
	}
	return total;
}

/* ---- sockets ---- */

long try_socket(void) {
	return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}
long try_connect(void) {
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(9),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	return fd < 0 ? fd : connect(fd, (struct sockaddr *)&to, sizeof(to));
}
long try_listen(void) {
	return syscall(SYS_listen, 7, 1);
}
long try_packets(void) {
	return syscall(SYS_socket, AF_PACKET, SOCK_DGRAM, 0);
}
long try_daemon(void) {
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	return fd < 0 ? fd
		      : connect(fd, (struct sockaddr *)&daemon_socket,
				sizeof(daemon_socket));
}
long try_pair(void) {
	int fds[2];
	return syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
}
long try_letters(void) {
	int fds[2];
	return syscall(SYS_socketpair, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds);
}
long try_route(void) {
	return syscall(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}
long try_uevents(void) {
	return syscall(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
}

/* ---- processes ---- */

long try_exec(void) {
	char *argv[] = {NULL};
	return syscall(SYS_execve, "/bin/true", argv, argv);
}
long try_fork(void) {
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}
long try_kill(void) {
	return syscall(SYS_kill, getppid(), 0);
}
long try_ptrace(void) {
	return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
}
long try_limit(void) {
	struct rlimit limit;
	return syscall(SYS_prlimit64, getppid(), RLIMIT_CORE, NULL, &limit);
}
long try_scheduler(void) {
	struct sched_param param = {0};
	return syscall(SYS_sched_setscheduler, getppid(), SCHED_OTHER, &param);
}
long try_code(void) {
	return (long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
}
long try_make_code(void) {
	static char page[8192];
	uintptr_t at = ((uintptr_t)page + 4095) & ~(uintptr_t)4095;
	return syscall(SYS_mprotect, at, 4096, PROT_READ | PROT_EXEC);
}
long try_memory(void) {
	return (long)mmap(NULL, 400000000, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* ---- the kernel ---- */

long try_unshare(void) {
	return syscall(SYS_unshare, CLONE_NEWUSER);
}
long try_chroot(void) {
	return syscall(SYS_chroot, "/");
}
long try_io_uring(void) {
	return syscall(SYS_io_uring_setup, 1, NULL);
}
long try_terminal(void) {
	struct winsize size;
	return syscall(SYS_ioctl, 8, TIOCGWINSZ, &size);
}
long try_sound(void) {
	int version = 0;
	return syscall(SYS_ioctl, 1, SNDRV_PCM_IOCTL_PVERSION, &version);
}
long try_timer(void) {
	int version = 0;
	long rc = syscall(SYS_ioctl, 1, SNDRV_TIMER_IOCTL_PVERSION, &version);
	return rc < 0 && errno != ENOTTY ? rc
					 : syscall(SYS_ioctl, 1, SNDRV_TIMER_IOCTL_START);
}

/* ---- the attempt ---- */

int escape_enter_nothing(void) {
	return 0;
}

static void set_up_child(void) {
	signal(SIGXFSZ, SIG_DFL);
	close(open(file, O_WRONLY | O_CREAT, 0600));
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(open("/tmp", O_RDWR | O_TMPFILE, 0600), 1);
	dup2(open("/dev/null", O_WRONLY), 3);
	dup2(open("/dev/null", O_WRONLY), 5);
	dup2(socket(AF_INET, SOCK_STREAM, 0), 7);
	dup2(open("/dev/ptmx", O_RDWR | O_NOCTTY), 8);
}

int escape_attempt(int (*enter)(void), long (*act)(void)) {
	unlink(fresh);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		set_up_child();
		int rc = enter();
		if (rc == 0) {
			rc = act() < 0 ? errno : 0;
		}
		syscall(SYS_exit_group, rc);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}
