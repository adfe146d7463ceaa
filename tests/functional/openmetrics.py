# SPDX-License-Identifier: MIT
"""Reads OpenMetrics 1.0 text, and refuses what its grammar does: families in
one piece, TYPE, UNIT and HELP before samples, suffixes by type, # EOF."""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = rf'({NAME})="((?:[^"\\\n]|\\[\\"n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL}(?:,{LABEL})*)?)\}})? (\S+)")
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "info": ("_info",),
            "summary": ("", "_count", "_sum")}


class Family:
    """What the lines before its samples say, and the samples: a list of
    (suffix, labels, value)."""

    def __init__(self, name):
        self.name = name
        self.type = self.unit = self.help = None
        self.samples = []

    def describe(self, what, text):
        assert not self.samples, f"{what} of {self.name} after its samples"
        assert getattr(self, what) is None, f"{what} of {self.name} twice"
        setattr(self, what, text)

    def add(self, line):
        match = SAMPLE.fullmatch(line)
        assert match, f"not a sample: {line!r}"
        name, labels, value = match[1], match[2] or "", match.groups()[-1]
        assert name.startswith(self.name), f"{line!r} in {self.name}"
        suffix = name[len(self.name):]
        assert suffix in SUFFIXES[self.type], f"{line!r} of a {self.type}"
        found = dict(re.findall(LABEL, labels))
        assert ("quantile" in found) == (self.type == "summary" and
                                         suffix == ""), line
        assert (suffix, found) not in [it[:2] for it in self.samples], line
        self.samples.append((suffix, found, float(value)))


def parse(text):
    """The families by name."""
    lines = text.split("\n")
    assert lines[-2:] == ["# EOF", ""], f"ends with {lines[-2:]}"
    families = {}
    family = None
    for line in lines[:-2]:
        match = re.fullmatch(rf"# (TYPE|UNIT|HELP) ({NAME}) (.*)", line)
        if not match:
            assert family, f"a sample of nothing: {line!r}"
            family.add(line)
            continue
        what, name, value = match.groups()
        if family is None or family.name != name:
            assert name not in families, f"{name} is in two pieces"
            family = families[name] = Family(name)
        family.describe(what.lower(), value)
    for family in families.values():
        assert family.samples and family.help, family.name
        assert not family.unit or family.name.endswith("_" + family.unit)
    return families
