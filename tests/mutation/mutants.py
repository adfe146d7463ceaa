# SPDX-License-Identifier: MIT
"""Mistakes in C source, one at a time: what a test should notice.

The text is taken apart into tokens, not parsed.  What a parser would have to
know is seen by how clang-format sets it: `a * b` multiplies, `char *b` does
not; a statement begins a line.  A mutant that does not compile is no loss.
"""

import bisect
import collections
import re

# Of a file: the mistake's kind, where, what is there and what instead; `was`
# and `now` are the line (the first one, if there are several).
Mutant = collections.namedtuple(
    "Mutant", "file line column kind start end new was now")

REPLACED = {
    "relation": {"<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="],
                 ">=": [">", "<"], "==": ["!="], "!=": ["=="]},
    "arithmetic": {"+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"],
                   "%": ["*"], "+=": ["-="], "-=": ["+="], "*=": ["/="],
                   "/=": ["*="], "++": ["--"], "--": ["++"]},
    "logic": {"&&": ["||"], "||": ["&&"], "!": [""]},
    "bits": {"&": ["|"], "|": ["&"], "^": ["&"], "<<": [">>"], ">>": ["<<"],
             "&=": ["|="], "|=": ["&="], "~": [""]},
    "constant": {"true": ["false"], "false": ["true"]},
}
KIND = {old: kind for kind, table in REPLACED.items() for old in table}
# These are something else unless there is a blank on both sides.
BINARY = {"+", "-", "*", "&", "<", ">"}

TOKEN = re.compile(r"""
    (?P<skip>/\*.*?\*/ | //[^\n]* | \s+ | \\\n |
        ^\#\s*define\s+\w+(?:\([^)]*\))? | ^\#(?:[^\n\\]|\\.)*)
    | (?P<text>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*')
    | (?P<number>\b(?:0[xX][0-9a-fA-F]+|\d+)[uUlL]*\b)
    | (?P<name>\w+)
    | (?P<sign>->|\.\.\.|<<=|>>=|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||
        [-+*/%&|^]=|.)
    """, re.X | re.S | re.M)

OPENING = {"(": ")", "[": "]", "{": "}"}
CONTROL = re.compile(r"if|for|while|switch|list_for_each\w*")
# Words that begin what is no statement to be left out.
KEPT = re.compile(
    r"if|else|for|while|do|switch|case|default|list_for_each\w*|struct|union|"
    r"enum|static|extern|const|unsigned|signed|int|long|short|char|bool|void|"
    r"float|double|typedef|_Alignas|_Atomic|\w+_t|START_TEST")
TYPE = re.compile(
    r"struct|union|enum|static|const|unsigned|int|long|char|bool|\w+_t")


class _Source:
    """The tokens of a text, and which bracket belongs to which."""

    def __init__(self, text):
        self.text = text
        self.tokens = [(match.lastgroup, match.group(), match.start())
                       for match in TOKEN.finditer(text)
                       if match.lastgroup != "skip"]
        self.lines = [match.start() for match in re.finditer("^", text, re.M)]
        self.partner, self.depth = {}, []
        stack = []
        for index, (_, token, _) in enumerate(self.tokens):
            if token in OPENING.values() and stack:
                opened = stack.pop()
                self.partner[opened], self.partner[index] = index, opened
            self.depth.append(len(stack))
            if token in OPENING:
                stack.append(index)

    def token(self, index):
        return self.tokens[index][1] if 0 <= index < len(self.tokens) else ""

    def start(self, index):
        return self.tokens[index][2]

    def end(self, index):
        return self.start(index) + len(self.token(index))

    def line(self, position):
        """The number of its line, from 0."""
        return bisect.bisect_right(self.lines, position) - 1

    def line_text(self, position, text=None):
        text = self.text if text is None else text
        begin = text.rfind("\n", 0, position) + 1
        end = text.find("\n", position)
        return text[begin:end if end >= 0 else len(text)].strip()

    def begins_line(self, index):
        begin = self.lines[self.line(self.start(index))]
        return not self.text[begin:self.start(index)].strip()


def _operators(source):
    for index, (group, token, start) in enumerate(source.tokens):
        if group == "text" or token not in KIND:
            continue
        around = source.text[start - 1] + source.text[start + len(token)]
        if token in BINARY and not re.fullmatch(r"\s\s", around):
            continue
        if token == "!" and source.token(index - 1) == ")":
            continue  # (void)!call(): a result that is ignored
        for new in REPLACED[KIND[token]][token]:
            yield KIND[token], index, index, new


def _is_size(source, index):
    """In the declaration of an array: one element more changes nothing."""
    line = source.line_text(source.start(index))
    return (source.token(index - 1) == "[" and
            source.token(index + 1) == "]" and bool(TYPE.match(line)))


def _constants(source):
    for index, (group, token, _) in enumerate(source.tokens):
        if group != "number" or _is_size(source, index):
            continue
        digits = token.rstrip("uUlL")
        value = int(digits, 16 if digits[:2].lower() == "0x" else
                    8 if len(digits) > 1 and digits[0] == "0" else 10)
        new = 0 if value == 1 else value + 1
        yield "constant", index, index, str(new) + token[len(digits):]


def _is_negated_by_operator(source, first, last):
    """Whether one operator decides, whose mutants are its negation, too."""
    top = source.depth[first]
    signs = [source.token(index) for index in range(first, last)
             if source.depth[index] == top]
    relations = sum(sign in REPLACED["relation"] for sign in signs)
    return (not {"&&", "||", "?"} & set(signs) and
            (relations == 1 or (relations == 0 and signs[0] == "!")))


def _conditions(source):
    """Of if and while, and between the semicolons of for."""
    for index, (_, token, _) in enumerate(source.tokens):
        last = source.partner.get(index + 1)
        if token not in ("if", "while", "for") or last is None:
            continue
        first = index + 2
        if token == "for":
            ends = [i for i in range(first, last)
                    if source.token(i) == ";" and
                    source.depth[i] == source.depth[first]]
            if len(ends) != 2 or ends[0] + 1 == ends[1]:
                continue
            first, last = ends[0] + 1, ends[1]
        if _is_negated_by_operator(source, first, last):
            continue
        yield ("condition", first, last - 1,
               f"!({source.text[source.start(first):source.end(last - 1)]})")


def _may_begin(source, index):
    """Whether what is before the token ends a statement."""
    before = source.token(index - 1)
    if before == ")":
        opened = source.partner.get(index - 1, 0)
        return bool(CONTROL.fullmatch(source.token(opened - 1)))
    if before == ":":
        line = source.line_text(source.start(index - 1))
        return bool(re.match(r"case\b|default\b|\w+:$", line))
    return before in ("{", "}", ";", "else", "do")


def _is_declaration(source, index):
    following = source.token(index + 1)
    return (bool(KEPT.fullmatch(source.token(index))) or
            (source.tokens[index][0] == "name" and
             source.token(index) not in ("return", "goto") and
             (source.tokens[index + 1][0] == "name" or
              (following == "*" and
               source.text[source.end(index + 1)] not in " \n"))))


def _statements(source):
    """Left out: calls, assignments, jumps, and returns but a function's
    last."""
    for index, (group, token, _) in enumerate(source.tokens):
        depth = source.depth[index]
        if (depth == 0 or not source.begins_line(index) or
                not (group == "name" or token in ("(", "*", "++", "--")) or
                not _may_begin(source, index) or
                _is_declaration(source, index) or
                (token == "return" and depth == 1 and
                 source.token(index - 1) != ")")):
            continue
        last = index
        while source.token(last) != ";" or source.depth[last] != depth:
            last += 1
            if last == len(source.tokens) or source.depth[last] < depth:
                break
        else:
            yield "statement", index, last, ";"


def mutants(name, text):
    """All of this file, in the order of the text."""
    source = _Source(text)
    found = set()
    for finder in (_operators, _constants, _conditions, _statements):
        for kind, first, last, new in finder(source):
            start, end = source.start(first), source.end(last)
            line = source.line(start)
            changed = text[:start] + new + text[end:]
            found.add(Mutant(name, line + 1, start - source.lines[line] + 1,
                             kind, start, end, new,
                             source.line_text(start),
                             source.line_text(start, changed)))
    return sorted(found, key=lambda it: (it.start, it.end, it.new))


def apply(mutant, text):
    return text[:mutant.start] + mutant.new + text[mutant.end:]
