#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""The command line: what may be listened on, and how a mistake is told."""

import os
import re
import socket

import client
import netspace
from daemon import Echod, KEEP_USER, LIMIT, sanitized
from echodtest import case, main, scratch_directory, Skip

VMADDR_CID_LOCAL = 1

OPTIONS = ("listen", "workers", "cpu-affinity", "max-connections",
           "max-connections-per-source", "min-progress", "idle-timeout",
           "drain-timeout", "exit-idle-time", "preserve", "preserve-after",
           "busy-poll", "buffer-limit", "udp-offload", "allow-source-ports",
           "loop-ttl", "udp-rate", "user", "log-level",
           "log-connections", "help", "version")
BAD_ADDRESSES = ("tcp:", "tcp:127.0.0.1", "tcp:127.0.0.1:", "70000",
                 "tcp:127.0.0.1:65536", "tcp:127.0.0.1:-1", "tcp:[::1:7",
                 "sctp:127.0.0.1:7", "unix:", "unix:relative/path",
                 "unix:@", "unix:/" + 150 * "x", "vsock:here:7", "")
BAD_VALUES = ("--idle-timeout=fast", "--idle-timeout=-1", "--idle-timeout=",
              "--drain-timeout=5 parsecs", "--exit-idle-time=1s",
              "--exit-idle-time=4999ms", "--preserve=maybe", "--preserve=",
              "--preserve-after=soon", "--buffer-limit=much",
              "--busy-poll=often", "--cpu-affinity=first", "--cpu-affinity=3-1",
              "--buffer-limit=1Q", "--workers=0", "--workers=some",
              "--workers=-1", "--max-connections=few", "--max-connections=-1",
              "--max-connections=99999999999999999999",
              "--max-connections-per-source=0", "--min-progress=some",
              "--min-progress=1K/0", "--min-progress=1K/soon",
              "--udp-offload=maybe", "--udp-offload=",
              "--allow-source-ports=domain", "--allow-source-ports=1-",
              "--udp-rate=fast", "--udp-rate=1/0", "--log-level=loud")


def _refused(status, culprit, *arguments, **keywords):
    """It ends with the status and one line that names the culprit and, in
    parentheses, the remedy."""
    with Echod(*arguments, ready=False, **keywords) as echod:
        got = echod.wait()
        assert got == status, f"{arguments}: exit status {got}"
        assert re.fullmatch(r"echod: .+ \(.+\)\n", echod.log), (
            f"{arguments}: not one line with a remedy: {echod.log!r}")
        assert culprit in echod.log, f"{arguments}: {echod.log!r}"
        assert echod.output() == "", "an error goes to standard error only"


@case("--help names every option and ends with 0")
def help_text():
    for option in ("-h", "--help"):
        with Echod(option, ready=False) as echod:
            assert echod.wait() == 0
            text = echod.output()
            assert echod.log == ""
            missing = [name for name in OPTIONS
                       if not re.search(rf"--{name}(?![\w-])", text)]
            assert not missing, f"{missing} missing in {text}"
            long_lines = [it for it in text.splitlines() if len(it) > 80]
            assert not long_lines, long_lines


@case("--version names program and version and ends with 0")
def version():
    for option in ("-V", "--version"):
        with Echod(option, ready=False) as echod:
            assert echod.wait() == 0
            assert re.match(r"echod \d+\.\d+", echod.output()), echod.output()


@case("closed standard descriptors: no other file takes their place")
def closed_standard():
    listener = socket.create_server(("127.0.0.1", 0))
    with Echod(sockets=[listener], ready=False, wrapper=(
            "sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")) as echod:
        client.assert_echo(client.connect(listener.getsockname()))
        for fd in range(3):
            file = os.readlink(f"/proc/{echod.pid}/fd/{fd}")
            assert file == "/dev/null", f"descriptor {fd} is {file}"


@case("what cannot be printed: 1")
def full_output():
    for option in ("--help", "--version"):
        with Echod(option, ready=False, wrapper=(
                "sh", "-c", 'exec "$@" >/dev/full', "sh")) as echod:
            assert echod.wait() == 1, f"{option}: {echod.status}"


@case("no thread for the log: 1, one line")
def no_thread():
    if KEEP_USER:
        raise Skip("root may have as many threads as it likes")
    if sanitized():
        raise Skip("the daemon is built with a sanitizer, which needs threads")
    _refused(1, "cannot start a thread", "-l", "127.0.0.1:0",
             wrapper=("prlimit", "--nproc=0"))


@case("an unknown option: 2, one line")
def unknown_option():
    _refused(2, "--frobnicate", "--frobnicate")
    _refused(2, "-Z", "-Z")
    _refused(2, "--listen", "--listen")
    _refused(2, "-l", "-l")
    _refused(2, "--help", "--help=me")
    _refused(2, "stray", "stray")


@case("an address that does not parse: 2, one line that names it")
def bad_address():
    for text in BAD_ADDRESSES:
        _refused(2, f"'{text}'", "-l", text)


@case("a value that does not parse: 2, one line that names it")
def bad_value():
    for text in BAD_VALUES:
        option, _, value = text.partition("=")
        _refused(2, value, "-l", "tcp:127.0.0.1:0", text)
        _refused(2, option, "-l", "tcp:127.0.0.1:0", text)


@case("an unknown user: 1, one line that names it")
def unknown_user():
    _refused(1, "nobody-of-that-name", "-l", "tcp:127.0.0.1:0",
             "--user=nobody-of-that-name")


@case("a port in use: 1, one line that names it, nothing half-started")
def port_in_use():
    for kind, scheme in ((socket.SOCK_STREAM, "tcp"),
                         (socket.SOCK_DGRAM, "udp")):
        with socket.socket(socket.AF_INET, kind) as sock:
            sock.bind(("127.0.0.1", 0))
            if scheme == "tcp":
                sock.listen()
            address = f"{scheme}:127.0.0.1:{sock.getsockname()[1]}"
            path = os.path.join(scratch_directory(), "echo")
            _refused(1, address, "-l", "tcp:127.0.0.1:0", "-l",
                     "unix:" + path, "-l", address)
            assert not os.path.exists(path)


@case("the same address twice: 1, one line")
def twice():
    with Echod("-l", "tcp:127.0.0.1:0") as echod:
        port = echod.address("tcp")[1]
    for scheme in ("tcp", "udp"):
        address = f"{scheme}:127.0.0.1:{port}"
        _refused(1, address, "-l", address, "-l", address)
        _refused(1, address, "-l", address, "-l", address, "--workers=2")


@case("an address that is not ours: 1, one line")
def not_local():
    _refused(1, "tcp:192.0.2.1:7007", "-l", "tcp:192.0.2.1:7007")


@case("a Unix path that cannot be: one line, 1 or 4 by its cause")
def bad_path():
    _refused(1, "/nonexistent/echo", "-l", "unix:/nonexistent/echo")
    if not KEEP_USER:
        _refused(4, "/proc/1/cwd/echo", "-l", "unix:/proc/1/cwd/echo")


@case("without sockets: port 7, which an ordinary user may not have: 4",
      keep_root=True)
def port_7_forbidden():
    netspace.isolate()
    _refused(4, ":7")


@case("without sockets: port 7, TCP and UDP, IPv4 and IPv6", keep_root=True)
def port_7():
    netspace.isolate()
    netspace.set_sysctl("ipv4/ip_unprivileged_port_start", "0")
    with Echod() as echod:
        assert sorted(echod.addresses("tcp")) == [("0.0.0.0", 7), ("::", 7)]
        assert sorted(echod.addresses("udp")) == [("0.0.0.0", 7), ("::", 7)]
        for host in ("127.0.0.1", "::1"):
            client.assert_echo(client.connect((host, 7)))
            client.assert_echo(client.datagrams((host, 7)))


@case("--user: root's port, then no longer root", keep_root=True)
def user():
    if os.geteuid() != 0:
        raise Skip("not root")
    netspace.isolate()
    os.setgroups([0, 1])  # which it must not keep
    with Echod("--user=nobody", keep_root=True) as echod:
        nobody = echod.user_ids()[0]
        assert nobody != 0 and echod.user_ids() == 4 * [nobody]
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert re.search(rf"^{name}:\s+0+$", echod.proc("status"), re.M)
        groups = re.search(r"^Groups:(.*)$", echod.proc("status"), re.M)[1]
        assert not {"0", "1"} & set(groups.split()), groups
        client.assert_echo(client.connect(("127.0.0.1", 7)))


@case("PORT alone, and HOST:PORT: TCP and UDP")
def both_transports():
    with Echod("-l", "0") as echod:
        for scheme in ("tcp", "udp"):
            hosts = [host for host, _ in echod.addresses(scheme)]
            assert sorted(hosts) in (["0.0.0.0", "::"], ["0.0.0.0"]), hosts
    with Echod("-l", "127.0.0.1:0") as echod:
        client.assert_echo(client.connect(echod.address("tcp")))
        client.assert_echo(client.datagrams(echod.address("udp")))


@case("several addresses, workers=auto")
def several():
    with Echod("-l", "tcp:127.0.0.1:0", "--listen=tcp:127.0.0.2:0",
               "-l", "udp:127.0.0.1:0", "-w", "auto") as echod:
        assert len(echod.addresses("tcp")) == 2
        for address in echod.addresses("tcp"):
            client.assert_echo(client.connect(address))
        client.assert_echo(client.datagrams(echod.address("udp")))


@case("a host name")
def name():
    try:
        socket.getaddrinfo("localhost", None)
    except socket.gaierror as error:
        raise Skip(f"localhost is not known here: {error}") from error
    with Echod("--listen=tcp:localhost:0") as echod:
        assert echod.addresses("tcp")
        for address in echod.addresses("tcp"):
            client.assert_echo(client.connect(address))


@case("the 'ready' line counts workers and sockets")
def ready_line():
    with Echod("-l", "127.0.0.1:0", "--workers=2") as echod:
        assert re.search(r"^echod: ready: 2 workers, \d+ sockets$",
                         echod.log, re.M), echod.log
        assert len(echod.addresses("tcp")) == 1, "one line an address"


@case("vsock")
def vsock():
    try:
        probe = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        probe.bind((VMADDR_CID_LOCAL, socket.VMADDR_PORT_ANY))
    except (AttributeError, OSError) as error:
        raise Skip(f"no vsock loopback: {error}") from error
    with Echod("-l", "vsock:1:0") as echod:
        port = int(re.search(r"listening on vsock:1:(\d+)", echod.log)[1])
        sock = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        sock.settimeout(LIMIT)
        sock.connect((VMADDR_CID_LOCAL, port))
        client.assert_echo(sock, client.pattern(1 << 20))


@case("MPTCP, for peers that speak it and for those that do not")
def mptcp():
    try:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM,
                             socket.IPPROTO_MPTCP)
    except OSError as error:
        raise Skip(f"no MPTCP: {error}") from error
    with Echod("-l", "mptcp:127.0.0.1:0") as echod:
        sock.settimeout(LIMIT)
        sock.connect(echod.address("mptcp"))
        client.assert_echo(sock, client.pattern(1 << 20))
        sock.shutdown(socket.SHUT_WR)
        assert client.ending(sock) == "FIN"
        client.assert_echo(client.connect(echod.address("mptcp")))


@case("an environment of the service manager for another process is ignored")
def foreign_environment():
    other = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    with Echod("-l", "tcp:127.0.0.1:0", environment=other) as echod:
        client.assert_echo(client.connect(echod.address("tcp")))


if __name__ == "__main__":
    main()
