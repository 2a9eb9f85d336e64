"""The surface of TensorRT-LLM from its source tree: the arguments of `LLM` with the models nested
in them, and `SamplingParams`. Nothing of it is imported: that would need a GPU and its libraries."""

import ast
from pathlib import Path

import annotations
import fields

LIMITATIONS = [
    "Taken from the source: what decorators, conditions or code at import time change is not seen.",
    "Defaults that are computed are not known.",
    "Bounds that validators check are not seen.",
]

# (file, class, prefix, section): where what a user sets is declared.
ROOTS = (
    ("tensorrt_llm/llmapi/llm_args.py", "TorchLlmArgs", "", "engine"),
    ("tensorrt_llm/llmapi/llm_args.py", "TrtLlmArgs", "", "engine"),
    ("tensorrt_llm/builder.py", "BuildConfig", "build_config.", "build"),
    ("tensorrt_llm/plugin/plugin.py", "PluginConfig", "build_config.plugin_config.", "build"),
    ("tensorrt_llm/models/modeling_utils.py", "QuantConfig", "quant_config.", "engine"),
    ("tensorrt_llm/sampling_params.py", "SamplingParams", "", "sampling"),
    ("tensorrt_llm/sampling_params.py", "GuidedDecodingParams", "guided_decoding.", "sampling"),
)


def surface(source):
    """The whole surface of the tree in directory `source`."""
    source = Path(source)
    version = {}
    exec((source / "tensorrt_llm/version.py").read_text(), version)
    trees, missing, entries, known = {}, [], [], set()
    for file, name, prefix, section in ROOTS:
        if file not in trees:
            path = source / file
            trees[file] = Classes(ast.parse(path.read_text())) if path.is_file() else None
        classes = trees[file]
        if classes is None or name not in classes.by_name:
            missing.append(f"{name} of {file}")
            continue
        for one in classes.walk(name, prefix):
            path = one["path"]
            if path in known and section == "sampling":
                path = f"sampling.{path}"
            if path not in known:
                known.add(path)
                entries.append(one | {"path": path, "section": section})
    limitations = [*LIMITATIONS]
    if missing:
        limitations.append(f"Not in this source tree: {', '.join(missing)}.")
    return {
        "engine": "tensorrt_llm",
        "version": version["__version__"],
        "method": "read from the source of its arguments and sampling parameters",
        "limitations": limitations,
        "params": entries,
    }


class Classes:
    """The classes of one file."""

    def __init__(self, tree):
        self.by_name = {one.name: one for one in tree.body if isinstance(one, ast.ClassDef)}

    def walk(self, name, prefix="", depth=0, within=()):
        """The entries of all fields of the class `name` and of its base classes in this file."""
        seen = set()
        for cls in self.lineage(name):
            for node in self.by_name[cls].body:
                if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
                    continue
                field = node.target.id
                if field.startswith("_") or field in seen or field == "model_config":
                    continue
                if annotations.last_name(getattr(node.annotation, "value", None)) == "ClassVar":
                    continue
                seen.add(field)
                said = annotations.read_node(node.annotation, self.by_name)
                default, bounds, deprecated, choices = declared(node.value)
                said.bounds.update(bounds)
                if choices:
                    said.choices += choices
                    said.types = ["enum" if word == "string" else word for word in said.types]
                self.enumerations(said)
                yield fields.entry(f"{prefix}{field}", said, default, deprecated)
                for inner in said.nested:
                    if depth < fields.DEEPEST and inner not in within:
                        path = f"{prefix}{field}."
                        yield from self.walk(inner, path, depth + 1, (*within, inner))

    def lineage(self, name):
        """`name` and its base classes, nearest first."""
        found = [name]
        for base in self.by_name[name].bases:
            base = annotations.last_name(base)
            if base in self.by_name:
                found += [one for one in self.lineage(base) if one not in found]
        return found

    def enumerations(self, said):
        """Classes among the nested ones that are enumerations become choices."""
        for name in list(said.nested):
            bases = {annotations.last_name(base) for base in self.by_name[name].bases}
            if not bases & {"Enum", "StrEnum", "IntEnum"}:
                continue
            said.nested.remove(name)
            said.types = ["enum" if word == "map" else word for word in said.types]
            for node in self.by_name[name].body:
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                    said.choices.append(node.value.value)


def declared(value):
    """(default, bounds, deprecation, choices) of the right side of a field."""
    if value is None:
        return fields.UNKNOWN, {}, None, []
    if isinstance(value, ast.Call) and annotations.last_name(value.func) in ("Field", "field"):
        arguments = {one.arg: one.value for one in value.keywords}
        default = arguments.get("default", value.args[0] if value.args else None)
        status = literal(arguments.get("status"))
        deprecated = literal(arguments.get("deprecated"))
        if deprecated is fields.UNKNOWN or not deprecated:
            deprecated = "yes" if status == "deprecated" else None
        elif deprecated is True:
            deprecated = "yes"
        choices = literal(arguments.get("choices"))
        choices = choices if isinstance(choices, list) else []
        return literal(default), annotations.bounds_of_call(value), deprecated, choices
    return literal(value), {}, None, []


def literal(node):
    """The value of a literal; UNKNOWN for anything that is computed."""
    try:
        value = ast.literal_eval(node) if node is not None else fields.UNKNOWN
    except ValueError:
        return fields.UNKNOWN
    return fields.UNKNOWN if value is Ellipsis else value
