# SPDX-License-Identifier: MIT
"""As much of JSON Schema as man/echoping.schema.json needs; what it does not
know in a schema is an error, and so is a member that no schema tells of."""

import json
import os

_TOP = os.environ.get("top_srcdir") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../..")

with open(os.path.join(_TOP, "man/echoping.schema.json"),
          encoding="utf-8") as _file:
    SCHEMA = json.load(_file)

_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool,
          "null": type(None), "integer": int, "number": (int, float)}
_REMARKS = {"description", "title", "$comment", "$schema", "$defs"}


class Invalid(Exception):
    """What does not fit, and where."""


def _has_type(value, name):
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name])


def _check_plain(value, schema, path):
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(_has_type(value, name) for name in types):
        raise Invalid(f"{path}: {value!r} is not {types}")
    if "const" in schema and value != schema["const"]:
        raise Invalid(f"{path}: {value!r} is not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        raise Invalid(f"{path}: {value!r} is not of {schema['enum']}")
    if value is not None and "minimum" in schema and (
            value < schema["minimum"]):
        raise Invalid(f"{path}: {value!r} is too small")
    if value is not None and "maximum" in schema and (
            value > schema["maximum"]):
        raise Invalid(f"{path}: {value!r} is too large")


def _check_array(value, schema, path):
    if len(value) < schema.get("minItems", 0) or (
            len(value) > schema.get("maxItems", len(value))):
        raise Invalid(f"{path}: {len(value)} elements")
    for number, item in enumerate(value):
        check(item, schema["items"], f"{path}[{number}]")


def _check_object(value, schema, path):
    """Returns the members that it tells of."""
    for name in schema.get("required", ()):
        if name not in value:
            raise Invalid(f"{path}: no {name}")
    for name, member in schema.get("properties", {}).items():
        if name in value:
            check(value[name], member, f"{path}.{name}")
    return set(schema.get("properties", ()))


def _check_any(value, schemas, path):
    reasons = []
    for schema in schemas:
        try:
            return check(value, schema, path)
        except Invalid as reason:
            reasons.append(str(reason))
    raise Invalid(f"{path}: fits nothing: " + "; ".join(reasons))


def _known(value, schema, path):
    """Check against all of one schema; returns the members it tells of."""
    known = set()
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        known |= _known(value, SCHEMA["$defs"][name], path)
    for part in schema.get("allOf", ()):
        known |= _known(value, part, path)
    if "anyOf" in schema:
        _check_any(value, schema["anyOf"], path)
        known |= set(value) if isinstance(value, dict) else set()
    _check_plain(value, schema, path)
    if "items" in schema:
        _check_array(value, schema, path)
    if isinstance(value, dict):
        known |= _check_object(value, schema, path)
    strange = set(schema) - _REMARKS - {
        "$ref", "allOf", "anyOf", "type", "const", "enum", "minimum",
        "maximum", "minItems", "maxItems", "items", "required", "properties"}
    assert not strange, f"the schema has {strange}"
    return known


def check(value, schema=None, path="$"):
    """Raise Invalid unless the value fits the schema, to its last member."""
    known = _known(value, SCHEMA if schema is None else schema, path)
    if isinstance(value, dict) and set(value) - known:
        raise Invalid(f"{path}: no schema has {sorted(set(value) - known)}")
