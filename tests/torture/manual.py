# SPDX-License-Identifier: MIT
"""What each system call may answer: the errnos of its manual page, written down
by hand, and of ip(7), tcp(7), udp(7), unix(7) where it is one of a socket.

Behind the bar are those that only a bug of the caller brings about (a
descriptor that is closed, an address that is wrong).  They are injected all the
same: whatever a kernel says, the service neither spins nor lies.
"""

_RECEIVE = ("EAGAIN ECONNREFUSED ECONNRESET EINTR ENOBUFS ENOMEM ENOTCONN "
            "EHOSTUNREACH ENETDOWN ETIMEDOUT | EBADF EFAULT EINVAL ENOTSOCK")
_SEND = ("EACCES EAGAIN ECONNREFUSED ECONNRESET EHOSTUNREACH EINTR EIO "
         "EMSGSIZE ENETDOWN ENETUNREACH ENOBUFS ENOMEM ENOTCONN EPERM EPIPE "
         "ETIMEDOUT ETOOMANYREFS | EALREADY EBADF EDESTADDRREQ EFAULT EINVAL "
         "EISCONN ENOTSOCK EOPNOTSUPP")

_PAGES = {
    # accept(2), "Error handling": errors of the new connection, too.
    "accept4": "EAGAIN ECONNABORTED EHOSTDOWN EHOSTUNREACH EINTR EMFILE ENETDOWN "
               "ENETUNREACH ENFILE ENOBUFS ENOMEM ENONET ENOPROTOOPT ENOSR "
               "EOPNOTSUPP EPERM EPROTO EPROTONOSUPPORT ESOCKTNOSUPPORT "
               "ETIMEDOUT | EBADF EFAULT EINVAL ENOTSOCK",
    "brk": "ENOMEM",
    # Not EBADF: it would be a lie about a descriptor that was open.
    "close": "EDQUOT EINTR EIO ENOSPC",
    "clock_nanosleep": "EINTR | EFAULT EINVAL ENOTSUP",
    "connect": "EACCES EADDRNOTAVAIL EAGAIN ECONNREFUSED EINTR ENETUNREACH "
               "EPERM ETIMEDOUT | EADDRINUSE EAFNOSUPPORT EALREADY EBADF EFAULT "
               "EINPROGRESS EISCONN ENOTSOCK EPROTOTYPE",
    "epoll_ctl": "ENOMEM ENOSPC | EBADF EEXIST EINVAL ELOOP ENOENT EPERM",
    "epoll_wait": "EINTR | EBADF EFAULT EINVAL",
    "fcntl": "EAGAIN EINTR EMFILE ENOLCK EPERM | EACCES EBADF EBUSY EDEADLK "
             "EFAULT EINVAL ENOTDIR",
    "fstat": "ENOMEM EOVERFLOW | EACCES EBADF EFAULT EINVAL",
    "futex": "EAGAIN EINTR ETIMEDOUT | EACCES EDEADLK EFAULT EINVAL ENFILE "
             "ENOMEM ENOSYS EPERM ESRCH",
    "getpeername": "ENOBUFS ENOTCONN | EBADF EFAULT EINVAL ENOTSOCK",
    "getsockname": "ENOBUFS | EBADF EFAULT EINVAL ENOTSOCK",
    "getsockopt": "ENOBUFS ENOMEM ENOPROTOOPT | EBADF EFAULT EINVAL ENOTSOCK",
    "ioctl": "ENOTTY | EBADF EFAULT EINVAL",
    "madvise": "EAGAIN EIO ENOMEM | EACCES EBADF EBUSY EHWPOISON EINVAL EPERM",
    "memfd_create": "EMFILE ENFILE ENOMEM | EFAULT EINVAL",
    "mmap": "EAGAIN ENFILE ENOMEM EPERM | EACCES EBADF EEXIST EINVAL ENODEV "
            "EOVERFLOW ETXTBSY",
    "mprotect": "ENOMEM | EACCES EINVAL",
    "munmap": "ENOMEM | EINVAL",
    "poll": "EINTR ENOMEM | EFAULT EINVAL",
    "read": "EAGAIN EINTR EIO | EBADF EFAULT EINVAL EISDIR",
    "recvfrom": _RECEIVE,
    "recvmmsg": _RECEIVE,
    "recvmsg": "EMFILE " + _RECEIVE,
    "rt_sigaction": "| EFAULT EINVAL",
    "rt_sigprocmask": "| EFAULT EINVAL",
    "sched_yield": "| ENOSYS",
    "sendmmsg": _SEND,
    "sendmsg": _SEND,
    "sendto": _SEND,
    "setsockopt": "ENOBUFS ENOMEM ENOPROTOOPT EPERM | EBADF EDOM EFAULT EINVAL "
                  "ENOTSOCK",
    "shutdown": "ENOTCONN | EBADF EINVAL ENOTSOCK",
    "socket": "EACCES EMFILE ENFILE ENOBUFS ENOMEM | EAFNOSUPPORT EINVAL "
              "EPROTONOSUPPORT",
    "socketpair": "EMFILE ENFILE ENOBUFS ENOMEM | EAFNOSUPPORT EFAULT "
                  "EOPNOTSUPP EPROTONOSUPPORT",
    "write": "EAGAIN EDQUOT EFBIG EINTR EIO ENOSPC EPERM EPIPE | EBADF "
             "EDESTADDRREQ EFAULT EINVAL",
}

# The same under another name, where the C library prefers it.
_ALIASES = {"accept": "accept4", "epoll_pwait": "epoll_wait",
            "epoll_pwait2": "epoll_wait", "ppoll": "poll",
            "recvmmsg_time64": "recvmmsg", "futex_time64": "futex",
            "newfstatat": "fstat", "fcntl64": "fcntl"}

# They never fail, or never return.
NO_ERRNO = {"exit", "exit_group", "getegid", "geteuid", "getgid", "getpid",
            "gettid", "getuid", "restart_syscall", "rt_sigreturn"}

# What a start makes of what an earlier process left.  That others fail at a
# start, the loader's among them, is nobody's loss: no connection is open yet.
RECOVERY = {"close", "connect", "epoll_ctl", "fcntl", "getpeername",
            "getsockname", "getsockopt", "ioctl", "memfd_create", "poll",
            "recvfrom", "recvmsg", "sendmsg", "sendto", "setsockopt",
            "shutdown", "socket", "socketpair"}


def _page(call):
    return _ALIASES.get(call, call)


def errnos(call):
    """All of its manual page; None if nobody has written them down."""
    text = _PAGES.get(_page(call))
    return text and text.replace("|", " ").split()


def is_possible(call, errno):
    """Whether a caller without bugs may see it."""
    return errno in _PAGES[_page(call)].partition("|")[0].split()


# Each signal interrupts only one call, or is in the way of one at the urgent
# mark; and what epoll(7) and poll(2) say to be there, or writable, is so.
_NOW_AND_THEN = {("accept4", "EAGAIN"), ("read", "EAGAIN"),
                 ("recvfrom", "EAGAIN"), ("write", "EAGAIN")}


def persists(call, errno):
    """Whether every call can fail with it for as long as a fault lasts, or only
    every third one."""
    # Without futex(2) the C library asks again and again.
    return (errno != "EINTR" and _page(call) != "futex" and
            (_page(call), errno) not in _NOW_AND_THEN)


# The thread cannot go on; the process ends, by SIGABRT or by its exit status,
# and the service manager starts another.
_FATAL = {
    # Without events nothing can be served: worker.c, worker_run().
    "epoll_wait": lambda errno: errno != "EINTR",
    # The C library aborts when it cannot wait for a lock, or wake who does.
    "futex": lambda errno: True,
}


def is_fatal(call, errno):
    """Whether the only right answer may be an orderly end."""
    rule = _FATAL.get(_page(call))
    return bool(rule and rule(errno))


def is_undone(call):
    """Whether what the call should have ended goes on, without anybody's fault:
    an injected one is not made."""
    return call == "shutdown"


def silences(call, errno):
    """Whether the log may say nothing any more: its writer sleeps on that
    should have been woken, or signals wait that were told not to be there, and
    are sent in vain again."""
    return _page(call) == "futex" or (call, errno) == ("read", "EAGAIN")
