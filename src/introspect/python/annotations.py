"""What a type annotation says of a value: its types, choices, bounds, and what lies within it."""

import ast
import collections.abc
import dataclasses
import enum
import types
import typing

PLAIN = {bool: "bool", int: "int", float: "float", str: "string"}
LISTS = (list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Iterable)
MAPS = (dict, collections.abc.Mapping)
BOUNDS = ("ge", "gt", "le", "lt")


@dataclasses.dataclass
class Said:
    """What is known of a value."""

    types: list = dataclasses.field(default_factory=list)
    choices: list = dataclasses.field(default_factory=list)
    bounds: dict = dataclasses.field(default_factory=dict)
    optional: bool = False
    # Whether it also takes what is no plain value: a function, a class, any object.
    opaque: bool = False
    # The classes whose fields it holds.
    nested: list = dataclasses.field(default_factory=list)

    def add(self, word):
        """One type more."""
        if word not in self.types:
            self.types.append(word)

    def take(self, other):
        """All that `other` says too."""
        for word in other.types:
            self.add(word)
        self.choices += [one for one in other.choices if one not in self.choices]
        self.bounds.update(other.bounds)
        self.optional |= other.optional
        self.opaque |= other.opaque
        self.nested += other.nested
        return self


def bounds_of(metadata):
    """The bounds among the constraints of a field, as pydantic keeps them."""
    found = {}
    for one in metadata:
        for bound in BOUNDS:
            value = getattr(one, bound, None)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                found[bound] = value
    return found


def read(annotation):
    """What the annotation, an object, says."""
    if isinstance(annotation, str):
        return read_text(annotation)
    said = Said()
    if annotation is None or annotation is type(None):
        said.optional = True
        return said
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        inner, *metadata = typing.get_args(annotation)
        said.take(read(inner))
        said.bounds.update(bounds_of(metadata))
    elif origin in (typing.Union, types.UnionType):
        for one in typing.get_args(annotation):
            said.take(read(one))
    elif origin is typing.Literal:
        literals(said, typing.get_args(annotation))
    elif origin is not None or annotation in LISTS or annotation in MAPS:
        container(said, origin or annotation)
    elif annotation in PLAIN:
        said.add(PLAIN[annotation])
    elif isinstance(annotation, type):
        of_class(said, annotation)
    elif isinstance(annotation, typing.TypeVar) or not hasattr(annotation, "__forward_arg__"):
        said.opaque = True
    else:
        said.take(read_text(annotation.__forward_arg__))
    return said


def literals(said, values):
    """Literal[...]: text and numbers are choices, None makes it optional, booleans a type."""
    for value in values:
        if value is None:
            said.optional = True
        elif isinstance(value, bool):
            said.add("bool")
        else:
            said.add("enum")
            said.choices.append(value.value if isinstance(value, enum.Enum) else value)


def container(said, origin):
    """A generic type, by what it is a type of."""
    if origin in LISTS:
        said.add("list")
    elif origin in MAPS:
        said.add("map")
    else:
        said.opaque = True


def of_class(said, cls):
    """A class: an enumeration, a class with fields, or something that is no plain value."""
    if issubclass(cls, enum.Enum):
        said.add("enum")
        plain = [one.value for one in cls if isinstance(one.value, (str, int))]
        # Members that stand for classes or functions are chosen by name.
        said.choices += plain if len(plain) == len(cls) else [one.name for one in cls]
    elif dataclasses.is_dataclass(cls) or hasattr(cls, "model_fields"):
        said.add("map")
        said.nested.append(cls)
    elif f"{cls.__module__}.{cls.__name__}" == "torch.dtype":
        said.add("string")
    elif cls.__name__ in ("Path", "PathLike"):
        said.add("string")
    else:
        said.opaque = True


TEXTS = {
    "bool": "bool", "int": "int", "float": "float", "str": "string", "Path": "string",
    "PositiveInt": "int", "NonNegativeInt": "int", "PositiveFloat": "float",
    "NonNegativeFloat": "float",
    "list": "list", "List": "list", "tuple": "list", "Tuple": "list", "set": "list", "Set": "list",
    "Sequence": "list", "Iterable": "list", "dict": "map", "Dict": "map", "Mapping": "map",
}  # fmt: skip
TEXT_BOUNDS = {
    "PositiveInt": {"gt": 0}, "NonNegativeInt": {"ge": 0},
    "PositiveFloat": {"gt": 0}, "NonNegativeFloat": {"ge": 0},
}  # fmt: skip


def read_text(text, known=()):
    """What an annotation says that is there as text alone. `known` are names of classes whose
    fields are read elsewhere; they come back in `nested`, by name."""
    try:
        return read_node(ast.parse(text.strip(), mode="eval").body, known)
    except SyntaxError:
        return Said(opaque=True)


def read_node(node, known=()):
    """As `read_text`, of a parsed annotation."""
    said = Said()
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return said.take(read_node(node.left, known)).take(read_node(node.right, known))
    if isinstance(node, ast.Constant):
        if node.value is None:
            said.optional = True
            return said
        return read_text(node.value, known) if isinstance(node.value, str) else Said(opaque=True)
    if isinstance(node, ast.Subscript):
        name = last_name(node.value)
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if name == "Optional":
            said.take(read_node(inner[0], known))
            said.optional = True
        elif name == "Union":
            for one in inner:
                said.take(read_node(one, known))
        elif name == "Literal":
            literals(said, [one.value for one in inner if isinstance(one, ast.Constant)])
        elif name == "Annotated":
            said.take(read_node(inner[0], known))
            for one in inner[1:]:
                if isinstance(one, ast.Call):
                    said.bounds.update(bounds_of_call(one))
        elif name in TEXTS:
            said.add(TEXTS[name])
        else:
            said.opaque = True
        return said
    name = last_name(node)
    if name in TEXTS:
        said.add(TEXTS[name])
        said.bounds.update(TEXT_BOUNDS.get(name, {}))
    elif name in known and isinstance(node, ast.Name):
        # A name in another module, as `bindings.X`, is another class.
        said.add("map")
        said.nested.append(name)
    else:
        said.opaque = True
    return said


def bounds_of_call(call):
    """The bounds among the arguments of a call as `Field(ge=1)`."""
    found = {}
    for keyword in call.keywords:
        if keyword.arg in BOUNDS:
            try:
                found[keyword.arg] = ast.literal_eval(keyword.value)
            except ValueError:
                continue
    return found


def last_name(node):
    """`c` of `a.b.c`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
