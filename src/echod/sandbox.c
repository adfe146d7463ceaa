/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/sandbox.h"

#include "echod/log.h"
#include "echod/sandbox_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <malloc.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Landlock as of its ABI 6 (Linux 6.12), of which the headers of Debian 12 know
 * the first two: linux/landlock.h.
 */
#define RIGHTS_OF_FILES	   ((1ULL << 13) - 1) /* all of ABI 1 */
#define RIGHT_REMOVE_FILE  (1ULL << 5)
#define RIGHT_REFER	   (1ULL << 13) /* ABI 2 */
#define RIGHT_TRUNCATE	   (1ULL << 14) /* ABI 3 */
#define RIGHT_IOCTL_DEVICE (1ULL << 15) /* ABI 5 */
#define RIGHTS_OF_TCP	   3ULL		/* ABI 4: bind, connect */
#define SCOPE_ABSTRACT	   1ULL		/* ABI 6: abstract Unix sockets */
#define SCOPE_SIGNAL	   2ULL

#define VERSION_WANTED 1U /* a flag of landlock_create_ruleset(2) */
#define PATH_BENEATH   1  /* a type of rule */

struct ruleset {
	uint64_t files, tcp, scope;
};

struct path_rule {
	uint64_t rights;
	int32_t fd;
} __attribute__((packed));

static long landlock_create(const struct ruleset *ruleset, unsigned flags)
{
	return syscall(SYS_landlock_create_ruleset, ruleset,
		       ruleset ? sizeof(*ruleset) : 0, flags);
}

/* Everything that this kernel can deny. */
static struct ruleset ruleset_of(long abi, bool abstract)
{
	struct ruleset ruleset = { .files = RIGHTS_OF_FILES };

	if (abi >= 2)
		ruleset.files |= RIGHT_REFER;
	if (abi >= 3)
		ruleset.files |= RIGHT_TRUNCATE;
	if (abi >= 4)
		ruleset.tcp = RIGHTS_OF_TCP;
	if (abi >= 5)
		ruleset.files |= RIGHT_IOCTL_DEVICE;
	if (abi >= 6)
		ruleset.scope = SCOPE_SIGNAL | (abstract ? 0 : SCOPE_ABSTRACT);
	return ruleset;
}

/* The file of a Unix socket that is ours, or NULL. */
static const char *file_of(const struct intake_socket *socket)
{
	const struct address *local = &socket->identity.local;

	if (socket->passed || local->any.sa_family != AF_UNIX ||
	    local->un.sun_path[0] == '\0')
		return NULL;
	return local->un.sun_path;
}

/* Clients of Unix datagram sockets have names, perhaps abstract ones. */
static bool has_abstract_clients(const struct intake *intake)
{
	for (size_t i = 0; i < intake->count; i++) {
		const struct socket_identity *identity =
			&intake->sockets[i].identity;

		if (identity->family == AF_UNIX &&
		    identity->kind == SOCKET_DATAGRAM)
			return true;
	}
	return false;
}

/* Without it the file stays, which the next instance replaces. */
static void permit_removal(int ruleset, const char *file)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct path_rule rule = { .rights = RIGHT_REMOVE_FILE };
	int fd;

	/* Of names that we bind the NUL is in there, too: unix_name.c. */
	memcpy(path, file, sizeof(path));
	fd = open(dirname(path), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	rule.fd = fd;
	(void)syscall(SYS_landlock_add_rule, ruleset, PATH_BENEATH, &rule, 0);
	close(fd);
}

/* 0, the ABI, or -errno; `intake`: NULL for nothing at all. */
static int enter_domain(const struct intake *intake)
{
	long abi = landlock_create(NULL, VERSION_WANTED);
	struct ruleset ruleset =
		ruleset_of(abi, intake && has_abstract_clients(intake));
	int fd, error = 0;

	/* The kernel has none, or somebody keeps it from us. */
	if (abi < 0)
		return 0;
	fd = (int)landlock_create(&ruleset, 0);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; intake && i < intake->count; i++) {
		const char *file = file_of(&intake->sockets[i]);

		if (file)
			permit_removal(fd, file);
	}
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		error = -errno;
	close(fd);
	return error < 0 ? error : (int)abi;
}

/*
 * Of the threads' own heaps each needs mprotect(2), and the ninth thread looks
 * for CPUs before it makes another one.
 */
void sandbox_prepare(void)
{
	(void)mallopt(M_ARENA_MAX, 1);
}

void sandbox_join(void)
{
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* What it could do with files the list of calls denies anyway. */
	(void)enter_domain(NULL);
}

int sandbox_give_up_files(const struct intake *intake)
{
	int abi, error = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		error = -errno;
	abi = error == 0 ? enter_domain(intake) : error;
	if (abi < 0)
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "cannot give up files and privileges: %s (allow "
			    "prctl and landlock_restrict_self, and nest fewer "
			    "sandboxes)",
			    strerrordesc_np(-abi));
	else
		log_message(LOG_DEBUG, NULL, "sandbox: Landlock ABI %d%s", abi,
			    abi == 0 ? " (this kernel has none)" : "");
	return MIN(abi, 0);
}

static bool has_files(const struct intake *intake)
{
	for (size_t i = 0; i < intake->count; i++) {
		if (file_of(&intake->sockets[i]))
			return true;
	}
	return false;
}

int sandbox_limit_calls(const struct intake *intake)
{
	int error;

	/* From now on the heap is all the memory there is. */
	(void)mallopt(M_MMAP_MAX, 0);
	error = sandbox_calls_limit(has_files(intake));
	if (error < 0)
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "cannot limit system calls: %s (the kernel needs "
			    "CONFIG_SECCOMP_FILTER, a service needs "
			    "SystemCallFilter=seccomp)",
			    strerrordesc_np(-error));
	else if (sandbox_calls_note)
		log_message(sandbox_calls_note_level, NULL, "%s",
			    sandbox_calls_note);
	return error;
}
