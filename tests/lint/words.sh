#!/bin/sh
# SPDX-License-Identifier: MIT
# Nothing of the machine that a file was written on is left in it, and each
# file says its licence.
. "$(dirname "$0")/tap.sh"

machine_paths='/work/\|/home/[a-z]\|/Users/'

# A distribution has no debian/.
debian=
[ ! -d debian ] || debian=debian

texts() {
	# shellcheck disable=SC2086 # there, or not
	find configure.ac Makefile.am bootstrap .ci m4 completions $debian \
		src tests systemd man ./*.md -type f \
		! -path '*/corpus/*' ! -path '*/__pycache__/*' \
		! -name words.sh ! -name '*.log' ! -name '*.trs' ! -name '*.o' \
		-exec grep -Il '' {} + | LC_ALL=C sort
}

no_machine_path() {
	# shellcheck disable=SC2046 # names are words
	! grep -Hn -e "$machine_paths" $(texts)
}

# Of debian/ debian/copyright says it.
licence_said() {
	# shellcheck disable=SC2046 # names are words
	awk '
	FNR == 1 { file[++count] = FILENAME }
	FNR <= 5 && /SPDX-License-Identifier: MIT/ { said[FILENAME] = 1 }
	END {
		for (i = 1; i <= count; i++)
			if (!(file[i] in said)) {
				print file[i] ": no SPDX-License-Identifier"
				bad = 1
			}
		exit bad
	}' $(texts | grep -v -e '\.md$' -e '\.socket$' -e '\.in$' \
		-e '\.catalog$' -e '\.[0-9]$' -e '^debian/')
}

check "no path of a machine" no_machine_path
check "every source says its licence" licence_said
report
