#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""What is made of coverage, and which mistakes are made on purpose:
tests/analysis, tests/mutation."""

import contextlib
import io
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("analysis", "mutation"):
    sys.path.append(os.path.join(HERE, "..", folder))
os.environ.setdefault("top_srcdir", os.path.join(HERE, "../.."))
os.environ.setdefault("top_builddir", os.path.join(HERE, "../../build"))

import bench  # noqa: E402
import coverage  # noqa: E402
import mutants  # noqa: E402
import mutate  # noqa: E402
from echodtest import case, main, scratch_directory  # noqa: E402

SNIPPETS = [
    # A statement of a function, its mutants.
    ("x = a < b;", ["x = a <= b;", "x = a >= b;", ";"]),
    ("x = a * b;", ["x = a / b;", ";"]),
    ("x = *b - c;", ["x = *b + c;", ";"]),
    ("x = -1;", ["x = -0;", ";"]),
    ("x = 0x0FUL;", ["x = 16UL;", ";"]),
    ("flags |= mask & ~bits;",
     ["flags &= mask & ~bits;", "flags |= mask | ~bits;",
      "flags |= mask & bits;", ";"]),
    ("if (a == b)\n\t\tcall();",
     ["if (a != b)\n\t\tcall();", "if (a == b)\n\t\t;"]),
    ("if (a)\n\t\tcall();",
     ["if (!(a))\n\t\tcall();", "if (a)\n\t\t;"]),
    ("if (a && !b)\n\t\treturn;",
     ["if (!(a && !b))\n\t\treturn;", "if (a || !b)\n\t\treturn;",
      "if (a && b)\n\t\treturn;", "if (a && !b)\n\t\t;"]),
    ("while (a) {\n\t\tb++;\n\t\tbreak;\n\t}",
     ["while (!(a)) {\n\t\tb++;\n\t\tbreak;\n\t}",
      "while (a) {\n\t\tb--;\n\t\tbreak;\n\t}",
      "while (a) {\n\t\t;\n\t\tbreak;\n\t}",
      "while (a) {\n\t\tb++;\n\t\t;\n\t}"]),
    ("(void)call(a, \"1 < 2\", '\\'');", [";"]),
    ("call(a, /* 1 < 2 */\n\t     true);",
     ["call(a, /* 1 < 2 */\n\t     false);", ";"]),
    # None: declarations, sizes of arrays, a result that is ignored.
    ("struct thing *a, **b;", []),
    ("char text[64];", []),
    ("sigset_t signals;", []),
    ("return;", []),
]


def mutants_of(statement):
    text = f"static void f(int a)\n{{\n\t{statement}\n}}\n"
    return [mutants.apply(it, text)[text.index("\t") + 1:-3]
            for it in mutants.mutants("f.c", text)]


@case("mistakes are made where a test could see them, and nowhere else")
def snippets():
    for statement, expected in SNIPPETS:
        got = mutants_of(statement)
        assert sorted(got) == sorted(expected), (statement, got)


@case("each mistake in the daemon is told as it is made, and only once")
def mutants_of_the_daemon():
    found = mutate.all_mutants(None)
    assert len(found) > 3000, len(found)
    assert len({(it.file, it.start, it.end, it.new) for it in found}) == \
        len(found)
    for it in found[::50]:
        text = mutate.read_text(mutate.top_srcdir, it.file)
        assert mutants.apply(it, text) != text
        assert text.splitlines()[it.line - 1].strip() == it.was
        assert it.was != it.now


@case("the tests of a module are asked first")
def order_of_tests():
    common = bench.words_in_common
    assert common("lot_look", "tests/unit/check_lot") == 1
    assert common("lot_look", "tests/unit/check_lot_look") == 2
    assert common("lot", "tests/unit/check_log") == 0
    assert common("options", "tests/fuzz/fuzz_options") == 1


@case("the interval of a share is Wilson's")
def interval():
    low, high = mutate.interval(90, 100)
    assert abs(low - 0.8256) < 1e-4 and abs(high - 0.9448) < 1e-4, (low, high)
    low, high = mutate.interval(100, 100)
    assert 0.96 < low < 0.97 and high > 0.9999, (low, high)


def verdict(**counts):
    """What the report says of so many outcomes."""
    results = [{"outcome": outcome.replace("_", " "), "kind": "logic",
                "file": "f.c", "line": 1, "was": "a", "now": "b"}
               for outcome, count in counts.items() for _ in range(count)]
    with contextlib.redirect_stdout(io.StringIO()) as output:
        good = mutate.report(results, 1000)
    return good, output.getvalue()


@case("nine of ten mistakes have to be killed; what is none does not count")
def threshold():
    good, text = verdict(killed=90, survived=10, equivalent=50,
                         same_program=3, does_not_compile=2)
    assert good and "155 of 1000 mutants: 90 of 100 mistakes" in text, text
    assert "f.c:1: a\n      -> b\n" in text, text
    good, _ = verdict(killed=89, survived=10)
    assert not good


def covered(lines, explained=""):
    """coverage.py's status, and what it says, of lines in src/echod/f.c: how
    often each was executed, and each of its branches."""
    directory = scratch_directory()
    for folder in ("src/echod", "tests/analysis"):
        os.makedirs(os.path.join(directory, folder))
    with open(os.path.join(directory, "src/echod/f.c"), "w",
              encoding="utf-8") as file:
        file.writelines(f"\tline({number});\n" for number in range(len(lines)))
    with open(os.path.join(directory, coverage.LIST), "w",
              encoding="utf-8") as file:
        file.write(explained)
    path = os.path.join(directory, "coverage.json")
    told = [{"line_number": number, "count": count,
             "branches": [{"count": it} for it in branches]}
            for number, (count, branches) in enumerate(lines, 1)]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"files": [{"file": "src/echod/f.c", "lines": told},
                             {"file": "src/echoping/g.c", "lines": [
                                 {"line_number": 1, "count": 0,
                                  "branches": []}]}]}, file)
    with contextlib.redirect_stdout(io.StringIO()) as output, \
            contextlib.redirect_stderr(output):
        status = coverage.main(path, directory)
    return status, output.getvalue()


FULL = (1, [1, 1] * 20)


@case("coverage: every line of the daemon is executed or explained")
def lines_explained():
    assert covered([FULL, (1, [])])[0] == 0
    status, text = covered([FULL, (0, [])])
    assert status == 1 and "src/echod/f.c:2: not executed: line(1);" in text
    status, text = covered([FULL, (0, [])],
                           "src/echod/f.c @@ line(1); @@ a reason\n")
    assert status == 0 and "1 of 2 lines, 1 explained" in text, text
    explained = "src/echod/f.c @@ line({}); // line(1); @@ a reason\n"
    assert covered([FULL, (0, [])], explained.format(0))[0] == 0
    assert covered([FULL, (0, [])], explained.format(2))[0] == 1


@case("coverage: a function is the lines from its name to its end")
def functions():
    text = """static int one(int a)
{
	two(a);
}

#define X(y) y
int
three(void)
{
}
int four;"""
    assert coverage.functions(text.splitlines()) == (
        ["one()"] * 4 + [""] * 3 + ["three()"] * 3 + [""])


@case("coverage: what is explained has to be there")
def explanations_are_there():
    status, text = covered([FULL], "src/echod/f.c @@ line(7); @@ a reason\n")
    assert status == 1 and "has no line 'line(7);'" in text, text


@case("coverage: branches that were not taken are told, and are few")
def few_branches():
    status, text = covered([FULL, (1, [0, 1])])
    assert status == 0 and "f.c:2: 1 of 2 branches: line(1);" in text, text
    assert "41 of 42 branches (97.6 %)" in text, text
    status, text = covered([FULL, (1, [0, 1]), (1, [0, 1]), (1, [0, 1])])
    assert status == 1 and "93.5 % of the branches were taken" in text, text


main()
