/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/privilege.h"

#include "echod/log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
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

int privilege_drop(const char *user)
{
	const struct passwd *entry;
	int error;

	errno = 0;
	entry = getpwnam(user);
	if (!entry) {
		error = errno == 0 ? -ENOENT : -errno;
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "cannot change to user '%.100s': there is no such "
			    "user (create it, or leave --user out)",
			    user);
		return error;
	}
	error = become(entry);
	if (error < 0)
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "cannot change to user '%.100s': %s (--user is for "
			    "echod started as root)",
			    user, strerrordesc_np(-error));
	return error;
}
