"""The classes of a source tree, read and never imported: their fields, enumerations, type aliases."""

import ast
import operator

import annotations
import fields

ENUMERATIONS = {"Enum", "StrEnum", "IntEnum", "IntFlag", "Flag"}
ARITHMETIC = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Pow: operator.pow,
}  # fmt: skip
# What a computed number may be made of: anything larger is no default of anything.
LARGEST = 1 << 62


class Tree:
    """The classes, aliases and constants of several files, by name."""

    def __init__(self):
        self.classes, self.aliases, self.constants = {}, {}, {}

    def read(self, text):
        """Takes in the top level of one file."""
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef):
                self.classes[node.name] = node
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                if annotations.last_name(node.annotation) == "TypeAlias":
                    self.aliases[node.target.id] = node.value
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.constants[node.targets[0].id] = node.value

    def walk(self, name, prefix="", depth=0, within=()):
        """The entries of all fields of the class `name` and of its base classes."""
        seen = set()
        for cls in self.lineage(name):
            for field, annotation, value in self.fields_of(self.classes[cls]):
                if field in seen:
                    continue
                seen.add(field)
                said = self.annotation(annotation, value)
                default, bounds, deprecated, choices = self.declared(value)
                said.bounds.update(bounds)
                if choices:
                    said.choices += choices
                    said.types = ["enum" if word == "string" else word for word in said.types]
                self.options(cls, field, said)
                self.enumerations(said)
                if isinstance(default, bool) and said.types == ["int"]:
                    said.add("bool")
                path = f"{prefix}{field}"
                yield fields.entry(path, said, default, deprecated)
                if depth >= fields.DEEPEST:
                    continue
                inner = [one for one in said.nested if one not in within]
                yield from self.dispatch(inner, f"{path}.")
                for one in inner:
                    yield from self.walk(one, f"{path}.", depth + 1, (*within, one))

    def lineage(self, name):
        """`name` and its base classes, nearest first."""
        found = [name]
        for base in self.classes[name].bases:
            base = annotations.last_name(base)
            if base in self.classes:
                found += [one for one in self.lineage(base) if one not in found]
        return found

    def fields_of(self, cls):
        """(name, annotation, right side) of each field that a user sets."""
        # Its metaclass makes a property `x` of each field `_x`, and refuses other fields.
        wrapped = any(annotations.last_name(one.value) == "PluginConfigMeta" for one in cls.keywords)
        for node in cls.body:
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                yield from arguments(node.args)
            if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
                continue
            name = node.target.id
            if annotations.last_name(getattr(node.annotation, "value", None)) == "ClassVar":
                continue
            if wrapped and isinstance(node.value, ast.Call):
                yield name.removeprefix("_"), node.annotation, node.value
            elif not name.startswith("_") and name != "model_config":
                yield name, node.annotation, node.value

    def annotation(self, node, value):
        """What the annotation says, or, where it is any object, what its documented type does."""
        said = annotations.read_node(self.expanded(node), self.classes)
        text = documented_type(value)
        if said.opaque and text:
            told = annotations.read_text(text, self.classes)
            if told.types:
                told.optional |= said.optional
                return told
        return said

    def expanded(self, node):
        """The annotation that an alias stands for."""
        return self.aliases.get(node.id, node) if isinstance(node, ast.Name) else node

    def options(self, cls, field, said):
        """The values that the settings of plugins take: they stand in lists of their own."""
        default = self.constants.get("DEFAULT_PLUGIN_DTYPE_OPTIONS")
        table = self.constants.get("PLUGIN_DTYPE_OPTIONS_MAP")
        if cls != "PluginConfig" or said.types != ["string"] or default is None or table is None:
            return
        values = ast.literal_eval(table).get(field, ast.literal_eval(default))
        said.types = ["enum"]
        said.choices += [one for one in values if one is not None]
        said.optional |= None in values

    def enumerations(self, said):
        """Classes among the nested ones that are enumerations become choices."""
        for name in list(said.nested):
            members = self.members(name)
            if members is None:
                continue
            said.nested.remove(name)
            said.types = ["enum" if word == "map" else word for word in said.types]
            said.choices += [one for one in members.values() if one not in said.choices]

    def members(self, name):
        """What each member of the enumeration `name` is called in a file; none for other classes.
        Numbers and flags stand for nothing outside the program, and go by their names."""
        if name not in self.classes:
            return None
        cls = self.classes[name]
        bases = {annotations.last_name(base) for base in cls.bases}
        if not bases & ENUMERATIONS:
            return None
        found = {}
        for node in cls.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                value = literal(node.value)
                member = node.targets[0].id
                found[member] = value if isinstance(value, str) else member
        return found

    def dispatch(self, classes, prefix):
        """Where one of several classes is meant, the key by which a mapping says which one."""
        for base in {base: None for one in classes for base in self.lineage(one)}:
            for node in ast.walk(self.classes[base]):
                if not isinstance(node, ast.Dict) or not node.values:
                    continue
                named = {annotations.last_name(one) for one in node.values}
                if len(classes) > 1 and named == set(classes):
                    said = annotations.Said(types=["enum"], choices=list(map(literal, node.keys)))
                    yield fields.entry(f"{prefix}decoding_type", said)
                    return

    def declared(self, value):
        """(default, bounds, deprecation, choices) of the right side of a field."""
        if value is None:
            return fields.UNKNOWN, {}, None, []
        if not is_field(value):
            return self.value(value), {}, None, []
        given = {one.arg: one.value for one in value.keywords}
        default = given.get("default", value.args[0] if value.args else None)
        deprecated = literal(given.get("deprecated"))
        if deprecated is fields.UNKNOWN or not deprecated:
            deprecated = "yes" if literal(given.get("status")) == "deprecated" else None
        elif deprecated is True:
            deprecated = "yes"
        choices = literal(given.get("choices"))
        choices = choices if isinstance(choices, list) else []
        return self.value(default), annotations.bounds_of_call(value), deprecated, choices

    def value(self, node):
        """The value of a literal, of arithmetic, or of a member of an enumeration."""
        if isinstance(node, ast.Attribute):
            members = self.members(annotations.last_name(node.value)) or {}
            return members.get(node.attr, fields.UNKNOWN)
        return literal(node)


def arguments(signature):
    """As the fields of a class, of the arguments of its constructor."""
    named = signature.args[1:] + signature.kwonlyargs
    missing = [None] * (len(signature.args[1:]) - len(signature.defaults))
    values = missing + signature.defaults + signature.kw_defaults
    for one, value in zip(named, values):
        if one.annotation is not None:
            yield one.arg, one.annotation, value


def is_field(node):
    """Whether it is a call of `Field` or `field`."""
    return isinstance(node, ast.Call) and annotations.last_name(node.func) in ("Field", "field")


def documented_type(value):
    """The type that a field shows in the documentation of its engine, as text."""
    if not is_field(value):
        return None
    for keyword in value.keywords:
        if keyword.arg != "json_schema_extra" or not isinstance(keyword.value, ast.Dict):
            continue
        for key, shown in zip(keyword.value.keys, keyword.value.values):
            if literal(key) != "type":
                continue
            if isinstance(shown, ast.JoinedStr):
                return "".join(part_text(one) for one in shown.values)
            return literal(shown) if isinstance(literal(shown), str) else None
    return None


def part_text(part):
    """A part of an f-string; a class that is named in a call stands for itself."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    call = getattr(part, "value", None)
    return ast.unparse(call.args[0]) if isinstance(call, ast.Call) and call.args else "object"


def literal(node):
    """The value of a literal, or of arithmetic on numbers; UNKNOWN for anything else."""
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        left, right = literal(node.left), literal(node.right)
        plain = all(type(one) in (int, float) and abs(one) < LARGEST for one in (left, right))
        if not plain or (isinstance(node.op, ast.Pow) and abs(right) > 64):
            return fields.UNKNOWN
        return ARITHMETIC[type(node.op)](left, right)
    try:
        value = ast.literal_eval(node) if node is not None else fields.UNKNOWN
    except ValueError:
        return fields.UNKNOWN
    return fields.UNKNOWN if value is Ellipsis else value
