/* SPDX-License-Identifier: MIT */
/*
 * Calls that fail on purpose.  A test names each with INJECTED(), is linked
 * with -Wl,--wrap=NAME, and sets `NAME_fault`, which is a call as any other
 * while it is all zero:
 *
 *	bind_fault = (struct fault){ .skip = 1, .times = 1, .error = EACCES };
 *
 * Only calls from what is linked statically come by here, Check's own among
 * them: set the fault just before the call that it is for.
 */
#ifndef ECHOD_TESTS_UNIT_INJECTION_H
#define ECHOD_TESTS_UNIT_INJECTION_H

#include <errno.h>
#include <stdbool.h>

struct fault {
	unsigned skip;	/* let so many calls pass */
	unsigned times; /* then let so many fail */
	int error;	/* with this errno */
	unsigned calls; /* seen so far */
};

/* For `times`. */
#define FOR_EVER (~0U)

static inline bool fault_strikes(struct fault *fault)
{
	fault->calls++;
	if (fault->times == 0)
		return false;
	if (fault->skip > 0) {
		fault->skip--;
		return false;
	}
	if (fault->times != FOR_EVER)
		fault->times--;
	errno = fault->error;
	return true;
}

/* Declare a wrapper, to be written out, and what it wraps. */
#define WRAPPED(type, name, parameters)                                        \
	type __real_##name parameters;                                         \
	type __wrap_##name parameters

/* The whole wrapper of a function that returns `failure` on failure. */
#define INJECTED(type, failure, name, parameters, arguments)                   \
	WRAPPED(type, name, parameters);                                       \
	static struct fault name##_fault;                                      \
	type __wrap_##name parameters                                          \
	{                                                                      \
		if (fault_strikes(&name##_fault))                              \
			return failure;                                        \
		return __real_##name arguments;                                \
	}

#endif
