# SPDX-License-Identifier: MIT

# ECHOD_COMPLETION_DIR(SHELL, MODULE, BELOW): --with-SHELL-completion-dir, by
# default where MODULE of pkg-config says, moved below our own prefix (shells
# look below /usr/local, too), or else BELOW in $datadir.
AC_DEFUN([ECHOD_COMPLETION_DIR], [
	AC_ARG_WITH([$1-completion-dir],
		[AS_HELP_STRING([--with-$1-completion-dir=DIR],
			[where completions for $1 go [DATADIR/$3]])],
		[$1_completion_dir=$withval],
		[$1_completion_dir=
		 m4_ifval([$2], [AS_IF([$PKG_CONFIG --exists $2 2>/dev/null],
			[$1_completion_dir=`$PKG_CONFIG \
				--define-variable=prefix='${prefix}' \
				--define-variable=datadir='${datadir}' \
				--variable=completionsdir $2`])])
		 AS_IF([test -z "$$1_completion_dir"],
			[$1_completion_dir='${datadir}/$3'])])
	AC_SUBST([$1_completion_dir])
])
