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
	bad=0
	for file in $(texts); do
		! grep -Hn -e "$machine_paths" "$file" || bad=1
	done
	return "$bad"
}

licence_said() {
	bad=0
	for file in $(texts); do
		case $file in
		*.md | *.socket | *.in | *.catalog | *.[0-9]) continue ;;
		debian/*) continue ;; # debian/copyright says it
		esac
		head -n 5 "$file" | grep -q 'SPDX-License-Identifier: MIT' ||
			{ echo "$file: no SPDX-License-Identifier"; bad=1; }
	done
	return "$bad"
}

check "no path of a machine" no_machine_path
check "every source says its licence" licence_said
report
