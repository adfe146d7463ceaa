# SPDX-License-Identifier: MIT
# Which flags the compiler and the linker take, tried with the user's flags
# behind them, as the Makefile passes them.

# ECHOD_APPEND_CFLAGS(VARIABLE, FLAGS): append each flag that compiles.
AC_DEFUN([ECHOD_APPEND_CFLAGS], [
	for echod_flag in $2; do
		AC_MSG_CHECKING([whether $CC takes $echod_flag])
		echod_saved_CFLAGS=$CFLAGS
		CFLAGS="-Werror $echod_flag $CFLAGS"
		AC_COMPILE_IFELSE([AC_LANG_PROGRAM],
			[$1="$$1 $echod_flag"
			 AC_MSG_RESULT([yes])],
			[AC_MSG_RESULT([no])])
		CFLAGS=$echod_saved_CFLAGS
	done
])

# ECHOD_APPEND_LDFLAGS(VARIABLE, FLAGS): append each flag that links.
AC_DEFUN([ECHOD_APPEND_LDFLAGS], [
	for echod_flag in $2; do
		AC_MSG_CHECKING([whether $CC links with $echod_flag])
		echod_saved_LDFLAGS=$LDFLAGS
		LDFLAGS="-Werror $AM_CFLAGS $echod_flag $LDFLAGS"
		AC_LINK_IFELSE([AC_LANG_PROGRAM],
			[$1="$$1 $echod_flag"
			 AC_MSG_RESULT([yes])],
			[AC_MSG_RESULT([no])])
		LDFLAGS=$echod_saved_LDFLAGS
	done
])

# ECHOD_REQUIRE_FLAGS(FLAGS, REMEDY): all flags together compile and link, and
# are then used for both; an error that names the remedy otherwise.
AC_DEFUN([ECHOD_REQUIRE_FLAGS], [
	AC_MSG_CHECKING([whether $CC builds with $1])
	echod_saved_CFLAGS=$CFLAGS
	CFLAGS="$1 $CFLAGS"
	AC_LINK_IFELSE([AC_LANG_PROGRAM],
		[AM_CFLAGS="$AM_CFLAGS $1"
		 AM_LDFLAGS="$AM_LDFLAGS $1"
		 AC_MSG_RESULT([yes])],
		[AC_MSG_RESULT([no])
		 AC_MSG_ERROR([$CC does not build with $1: $2])])
	CFLAGS=$echod_saved_CFLAGS
])

# ECHOD_FORTIFY: the highest _FORTIFY_SOURCE that compiler and C library take
# without a warning.  It stands in config.h, not on the command line, and only
# where it is neither set already nor useless (-O0), whatever CFLAGS or
# CPPFLAGS say, be it to configure or to make.
AC_DEFUN([ECHOD_FORTIFY], [
	AC_MSG_CHECKING([for the level of _FORTIFY_SOURCE])
	fortify_level=none
	echod_saved_CFLAGS=$CFLAGS
	CFLAGS="-O2 -Werror"
	for echod_level in 2 3; do
		AC_COMPILE_IFELSE([AC_LANG_PROGRAM([
			#undef _FORTIFY_SOURCE
			#define _FORTIFY_SOURCE $echod_level
			#include <stdlib.h>])],
			[fortify_level=$echod_level])
	done
	CFLAGS=$echod_saved_CFLAGS
	AC_MSG_RESULT([$fortify_level])
	AS_IF([test $fortify_level != none],
		[AC_DEFINE_UNQUOTED([FORTIFY_LEVEL], [$fortify_level],
			[_FORTIFY_SOURCE of optimized builds.])])
])
AH_BOTTOM([#if defined FORTIFY_LEVEL && defined __OPTIMIZE__ && \
	!defined _FORTIFY_SOURCE
#define _FORTIFY_SOURCE FORTIFY_LEVEL
#endif])
