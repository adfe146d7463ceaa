# SPDX-License-Identifier: MIT
# Completions of echod(8) for fish.

complete -c echod -f
complete -c echod -s l -l listen -x -a 'tcp: udp: mptcp: unix: unix-dgram: unix-seqpacket: vsock:' -d 'Serve this address'
complete -c echod -s w -l workers -x -a auto -d 'Threads that serve'
complete -c echod -l cpu-affinity -x -a 'auto no' -d 'Keep each worker on one CPU'
complete -c echod -s c -l max-connections -x -a auto -d 'Streams at a time'
complete -c echod -s t -l idle-timeout -x -d 'End a stream on which nothing happens for this long'
complete -c echod -l drain-timeout -x -d 'When stopping, echo for at most this long'
complete -c echod -l exit-idle-time -x -d 'Exit when there was nothing to do for this long'
complete -c echod -l preserve -x -a 'auto yes no' -d 'Leave streams to the next instance'
complete -c echod -l preserve-after -x -d 'Keep a stream from being lost when it is this old'
complete -c echod -l busy-poll -x -d 'Spin for this long before blocking'
complete -c echod -l buffer-limit -x -d 'Hold back at most this much'
complete -c echod -l udp-offload -x -a 'yes no' -d 'Take and send datagrams in trains'
complete -c echod -l allow-source-ports -x -a all -d 'Answer datagrams from these ports of services, too'
complete -c echod -l loop-ttl -d 'Answer datagrams with their TTL less one'
complete -c echod -l user -x -a '(__fish_complete_users)' -d 'Become this user when the sockets are bound'
complete -c echod -l log-level -x -a 'err warning notice info debug' -d 'Log this and what is worse'
complete -c echod -l log-connections -d 'Log each stream when it ends'
complete -c echod -s h -l help -d 'Print a short help'
complete -c echod -s V -l version -d 'Print the version'
