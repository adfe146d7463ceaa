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


@case("the lot is the same for what an edit does not touch")
def lot():
    every = mutate.all_mutants(["idle", "stream", "watch"])
    order = mutate.by_lot(every, 862)
    assert sorted(order) == sorted(every)
    rest = [it for it in order if it.file != "src/echod/stream.c"]
    assert mutate.by_lot(sorted(rest), 862) == rest
    assert mutate.by_lot(every, 863) != order


@case("what was found out is known when it goes on")
def resumed():
    mutate.results_path = scratch_directory()
    mutant = mutate.all_mutants(["watch"])[0]
    results = mutate.Results(False)
    results.add_passed("a key", "check_one")
    results.add_passed("another", "check_one")
    with contextlib.redirect_stdout(io.StringIO()):
        results.add(mutant, "a key", "survived")
    results = mutate.Results(False)
    assert results.known["a key"]["outcome"] == "survived"
    assert results.passed == {"another": {"check_one"}}, results.passed
    assert mutate.Results(True).known == {}


class Copy(bench.Bench):
    """One that is not built."""
    times = 0

    def _bring_up_to_date(self):
        Copy.times += 1


@case("a copy is built anew when the source changes, or was not left in order")
def prepared():
    source, path = scratch_directory(), scratch_directory()
    name = os.path.join(source, "configure")

    def prepare(expected):
        copy = Copy(source, path, [], float("inf"))
        copy.prepare()
        assert Copy.times == expected, (Copy.times, expected)
        return copy

    prepare(1).leave()
    prepare(1).leave()
    with open(name, "w", encoding="utf-8") as file:
        file.write("changed")
    prepare(2).leave()
    prepare(2)
    prepare(3)


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


def covered(lines, explained="", branches="", each="line({});", chance="0"):
    """coverage.py's status, and what it says, of lines in src/echod/f.c: how
    often each was executed, and each of its branches."""
    directory = scratch_directory()
    for folder in ("src/echod", "tests/analysis"):
        os.makedirs(os.path.join(directory, folder))
    text = "void f(void)\n{\n" + "".join(
        f"\t{each.format(number)}\n" for number in range(len(lines))) + "}\n"
    for name, content in (("src/echod/f.c", text),
                          (coverage.LINES, explained),
                          (coverage.BRANCHES, branches)):
        with open(os.path.join(directory, name), "w",
                  encoding="utf-8") as file:
            file.write(content)
    path = os.path.join(directory, "coverage.json")
    told = [{"line_number": number, "count": count,
             "branches": [{"count": it} for it in counts]}
            for number, (count, counts) in enumerate(lines, 3)]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"files": [{"file": "src/echod/f.c", "lines": told},
                             {"file": "src/echoping/g.c", "lines": [
                                 {"line_number": 1, "count": 0,
                                  "branches": []}]}]}, file)
    with contextlib.redirect_stdout(io.StringIO()) as output, \
            contextlib.redirect_stderr(output):
        status = coverage.main(path, directory, chance)
    return status, output.getvalue()


FULL = (1, [1, 1] * 20)


@case("coverage: every line of the daemon is executed or explained")
def lines_explained():
    assert covered([FULL, (1, [])])[0] == 0
    status, text = covered([FULL, (0, [])])
    assert status == 1 and "src/echod/f.c:4: not executed: line(1);" in text
    status, text = covered([FULL, (0, [])],
                           "src/echod/f.c @@ line(1); @@ a reason\n")
    assert status == 0 and "1 of 2 lines, 1 explained" in text, text
    assert covered([FULL, (0, [])],
                   "src/echod/f.c @@ f() @@ a reason\n")[0] == 0
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


def branches(*entries):
    return "a reason\n" + "".join(f"\tsrc/echod/f.c f() {it}\n"
                                  for it in entries)


@case("coverage: every branch of the daemon is taken or explained")
def branches_explained():
    missed = [FULL, (1, [0, 1, 0, 1])]
    status, text = covered(missed)
    assert status == 1 and "f.c:4: not taken:" in text, text
    assert "\tsrc/echod/f.c f() 1,3/4 line(1);\n" in text, text
    status, text = covered(missed, branches=branches("1,3/4 line(1);"))
    assert status == 0 and "42 of 44 branches (95.5 %), 2 ex" in text, text
    status, text = covered(missed, branches=branches("3/4 line(1);"))
    assert status == 1 and "f.c f() 1/4 line(1);" in text, text
    assert covered(missed, branches=branches(
        "1,3/4 line(0); // line(1);"))[0] == 0


@case("coverage: of a line that is not executed no branch is asked for")
def branches_of_no_line():
    status, text = covered([FULL, (0, [0, 0])],
                           "src/echod/f.c @@ line(1); @@ a reason\n")
    assert status == 0 and "40 of 42 branches (95.2 %), 2 ex" in text, text


@case("coverage: an explained branch is not taken, but by chance")
def branches_not_taken():
    taken = [FULL, (1, [1, 1])]
    status, text = covered(taken, branches=branches("1/2 line(1);"))
    assert status == 1 and "branch 1 of src/echod/f.c:4 is taken" in text, text
    by_chance = branches("1?/2 line(1);")
    assert covered(taken, branches=by_chance)[0] == 0
    assert covered([FULL, (1, [0, 1])], branches=by_chance)[0] == 0
    assert covered([FULL, (1, [1, 0])], branches=by_chance)[0] == 1


@case("coverage: so many lines may differ by chance, and no more")
def branches_by_chance():
    missed = [FULL, (1, [0, 1]), (1, [1, 0])]
    assert covered(missed, chance="1")[0] == 1
    status, text = covered(missed, chance="2")
    assert status == 0 and text.count("not taken:") == 2, text
    assert covered([FULL, (0, [])], chance="9")[0] == 1


@case("coverage: an explained branch is there, and one only")
def branches_are_there():
    for entry, problem in (
            ("1/2 line(7);", "has no line 'line(7);'"),
            ("1/4 line(1);", "f.c:4 has 2 branches, not 4"),
            ("1/2 line(2);", "has no line 'line(2);'")):
        status, text = covered([FULL, (1, [0, 1]), (0, [0, 0])],
                               "src/echod/f.c @@ line(2); @@ a reason\n",
                               branches(entry))
        assert status == 1 and problem in text, (entry, text)


@case("coverage: lines that are alike are told apart by what is before them")
def lines_alike():
    missed = [(1, [0, 1]), FULL]
    status, text = covered(missed, each="line();")
    assert status == 1 and "f() 1/2 { // line();\n" in text, text
    status, text = covered(missed, branches=branches("1/2 { // line();"),
                           each="line();")
    assert status == 0, text
    status, text = covered([missed[0]] * 2 + [FULL] * 2,
                           branches=branches("1/2 line();"), each="line();")
    assert status == 1 and "these are lines [3, 4, 5, 6]" in text, text


@case("coverage: few branches are not taken, also if they are explained")
def few_branches():
    lines = [FULL, (1, [0, 1]), (1, [0, 1]), (1, [0, 1])]
    status, text = covered(lines, branches=branches(
        "1/2 line(1);", "1/2 line(2);", "1/2 line(3);"))
    assert status == 1 and "93.5 % of the branches were taken" in text, text


main()
