"""The fields of classes, whatever makes them: dataclasses, pydantic, msgspec, plain signatures."""

import dataclasses
import enum
import inspect

import annotations

# Nesting deeper than this is a configuration that holds itself.
DEEPEST = 4
UNKNOWN = object()


def plain(value):
    """`value` as it can be written down, or UNKNOWN where it is an object."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value) if isinstance(value.value, (str, int)) else value.name
    if isinstance(value, (int, float)):
        # Not a number, and infinity, have no form in JSON.
        return value if value == value and abs(value) != float("inf") else UNKNOWN
    if isinstance(value, (list, tuple)):
        items = [plain(one) for one in value]
        return UNKNOWN if any(one is UNKNOWN for one in items) else items
    if isinstance(value, (set, frozenset)):
        return plain(sorted(value, key=str))
    if isinstance(value, dict):
        items = {str(key): plain(one) for key, one in value.items()}
        return UNKNOWN if any(one is UNKNOWN for one in items.values()) else items
    if type(value).__module__ == "torch" and type(value).__name__ == "dtype":
        return str(value).removeprefix("torch.")
    return UNKNOWN


def entry(path, said, default=UNKNOWN, deprecated=None):
    """One parameter of a surface; what is not known of it is left out."""
    made = {"path": path, "type": list(said.types)}
    if "enum" not in made["type"]:
        said.choices = []
    default = plain(default) if default is not UNKNOWN else UNKNOWN
    if default is not UNKNOWN:
        made["default"] = default
    if said.optional or (default is None and default is not UNKNOWN):
        made["optional"] = True
    if said.choices:
        made["choices"] = said.choices
    if said.bounds:
        made["bounds"] = said.bounds
    if said.opaque:
        made["opaque"] = True
    if deprecated:
        made["deprecated"] = deprecated
    if not made["type"]:
        del made["type"]
    return made


def of_class(cls):
    """(name, annotation, default, constraints, deprecation) of each public field of `cls`."""
    pydantic = getattr(cls, "__pydantic_fields__", None) or {}
    if hasattr(cls, "__struct_fields__"):
        import msgspec

        for one in msgspec.structs.fields(cls):
            default = one.default
            if default is msgspec.NODEFAULT:
                default = UNKNOWN
                if one.default_factory is not msgspec.NODEFAULT:
                    default = one.default_factory()
            yield one.name, one.type, default, [], None
    elif dataclasses.is_dataclass(cls):
        for one in dataclasses.fields(cls):
            if not one.init:
                continue
            default = one.default
            if default is dataclasses.MISSING:
                default = UNKNOWN
                if one.default_factory is not dataclasses.MISSING:
                    default = made(one.default_factory)
            info = pydantic.get(one.name)
            if type(default).__name__ == "FieldInfo":
                default = made(default.get_default, call_default_factory=True)
            constraints = info.metadata if info else []
            yield one.name, one.type, default, constraints, deprecation(info)
    else:
        for name, info in pydantic.items():
            default = UNKNOWN
            if not info.is_required():
                default = made(info.get_default, call_default_factory=True)
            yield info.alias or name, info.annotation, default, info.metadata, deprecation(info)


def made(factory, **arguments):
    """What `factory` makes; UNKNOWN where it cannot here."""
    try:
        return factory(**arguments)
    except Exception:
        return UNKNOWN


def deprecation(info):
    """The words of a deprecated pydantic field."""
    text = getattr(info, "deprecated", None)
    return text if isinstance(text, str) else ("yes" if text else None)


def walk(cls, prefix="", depth=0, within=(), skip=()):
    """The entries of all fields of `cls`, those of nested classes by dotted path."""
    for name, annotation, default, constraints, deprecated in of_class(cls):
        if name.startswith("_") or name in skip:
            continue
        said = annotations.read(annotation)
        said.bounds.update(annotations.bounds_of(constraints))
        path = f"{prefix}{name}"
        yield entry(path, said, default, deprecated)
        for inner in said.nested:
            if depth < DEEPEST and inner not in within:
                yield from walk(inner, f"{path}.", depth + 1, (*within, inner))


def of_signature(function, prefix="", skip=()):
    """The entries of the parameters of `function`."""
    for name, one in inspect.signature(function).parameters.items():
        variadic = one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        if name in ("self", "cls") or variadic or name in skip:
            continue
        empty = one.annotation is inspect.Parameter.empty
        said = annotations.Said() if empty else annotations.read(one.annotation)
        default = UNKNOWN if one.default is inspect.Parameter.empty else one.default
        if empty and plain(default) is not UNKNOWN:
            word = {bool: "bool", int: "int", float: "float", str: "string"}.get(type(default))
            if word:
                said.add(word)
        yield entry(f"{prefix}{name}", said, default)
