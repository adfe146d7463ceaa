/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/privilege.h"

#include "echod/log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static int become(const struct passwd *entry)
{
	if (initgroups(entry->pw_name, entry->pw_gid) < 0 ||
	    setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) < 0 ||
	    setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) < 0)
		return -errno;
	return 0;
}

/* getpwnam(3) names these for "there is no such user". */
static bool means_not_found(int error)
{
	return error == 0 || error == ENOENT || error == ESRCH ||
	       error == EBADF || error == EPERM;
}

static int look_up(const char *user, const struct passwd **entry)
{
	errno = 0;
	*entry = getpwnam(user);
	if (*entry)
		return 0;
	return means_not_found(errno) ? -ENOENT : -errno;
}

int privilege_drop(const char *user)
{
	const struct passwd *entry;
	int error = look_up(user, &entry);

	if (error == -ENOENT)
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "cannot change to user '%.100s': there is no such "
			    "user (create it, or leave --user out)",
			    user);
	else if (error < 0)
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "cannot change to user '%.100s': looking it up "
			    "failed: %s (see getent passwd)",
			    user, strerrordesc_np(-error));
	if (error < 0)
		return error;
	error = become(entry);
	if (error < 0)
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "cannot change to user '%.100s': %s (--user is for "
			    "echod started as root)",
			    user, strerrordesc_np(-error));
	return error;
}
