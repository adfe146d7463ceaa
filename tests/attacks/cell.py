# SPDX-License-Identifier: MIT
"""One attack on one service: what honest clients see of it, beside it.

attacks.py runs this file as the first process of a PID namespace: when it ends
the kernel ends whatever was started in there.  What was seen is printed, as
JSON.

Usage: cell.py ATTACK SECONDS [COMMAND...]    without a command it is echod
"""

import json
import os
import sys
import time

import stage as scenery
from scenes import ATTACKS
from service import Ours, Theirs


def run(name, seconds, command):
    begin = time.monotonic()
    attack = ATTACKS[name]
    stage = scenery.Stage()
    service = (Theirs(attack.transport, command) if command
               else Ours(*attack.options))
    seen = attack.scene(stage, service, seconds, command)
    seen["lines"] = service.lines()
    seen["runs"] = service.runs()
    seen["seconds"] = time.monotonic() - begin
    return seen


def main():
    name, seconds, *command = sys.argv[1:]
    print(json.dumps(run(name, float(seconds), command)), flush=True)
    os._exit(0)  # without waiting for anybody


if __name__ == "__main__":
    main()
