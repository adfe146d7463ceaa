# SPDX-License-Identifier: MIT
# Completions of echoping(1) for bash, by the library of bash-completion.

# A scheme, the path or the host behind it; runs for --plot.
_echoping_targets()
{
	local schemes='tcp: udp: mptcp: unix: unix-dgram: unix-seqpacket: vsock:'
	local host

	case $cur in
	unix*:*)
		mapfile -t COMPREPLY < <(compgen -f -P "${cur%%:*}:" -- \
			"${cur#*:}")
		;;
	*)
		host=$cur
		[[ $cur != @(tcp|udp|mptcp):* ]] || host=${cur#*:}
		_known_hosts_real -- "$host"
		COMPREPLY=("${COMPREPLY[@]/#/${cur%"$host"}}")
		mapfile -t -O ${#COMPREPLY[@]} COMPREPLY \
			< <(compgen -W "$schemes" -- "$cur")
		;;
	esac
	[[ ${COMPREPLY-} != *: ]] || compopt -o nospace
	__ltrim_colon_completions "$cur"
	[[ " ${words[*]}" != *' --plot'[\ =]* ]] || _filedir json
}

_echoping()
{
	# shellcheck disable=SC2034 # set by the library
	local cur prev words cword split
	_init_completion -s -n : || return

	case $prev in
	-I | --source)
		_available_interfaces -a
		return
		;;
	--color)
		mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- \
			"$cur")
		return
		;;
	--threads)
		mapfile -t COMPREPLY < <(compgen -W 'auto' -- "$cur")
		return
		;;
	--hdr)
		_filedir
		return
		;;
	--plot)
		_filedir svg
		return
		;;
	-c | --count | -i | --interval | -W | --timeout | --deadline | \
		-s | --size | -f | --fill | --flows | -P | --tos | \
		-p | --priority | -n | --number | -w | --wait | \
		-t | --time-limit | --max-loss | --max-rtt-p99 | \
		--connections | --busy | --pipeline | --duration | --warmup | --rate)
		return
		;;
	esac
	$split && return

	if [[ $cur != -* ]]; then
		_echoping_targets
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W '
		-u --udp
		-4 --ipv4
		-6 --ipv6
		-I --source=
		-c --count=
		-i --interval=
		-W --timeout=
		--deadline=
		-s --size=
		-f --fill=
		--flows=
		--connect
		-P --tos=
		-p --priority=
		-n --number=
		-w --wait=
		-t --time-limit=
		-q --quiet
		-D --timestamps
		--json
		--openmetrics
		--hdr=
		--plot=
		--color=
		--max-loss=
		--max-rtt-p99=
		--load
		--connections=
		--threads=
		--pipeline=
		--duration=
		--warmup=
		--rate=
		--bulk
		--gso
		--busy-poll
		--hold
		--busy=
		--conformance
		-h --help
		-V --version
		' -- "$cur")
	[[ ${COMPREPLY-} != *= ]] || compopt -o nospace
} &&
	complete -F _echoping echoping
