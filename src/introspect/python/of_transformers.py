"""The surface of an installed transformers: `GenerationConfig`, `generate`, `from_pretrained`, and
the configurations that these take."""

import ast
import dataclasses
import inspect
import re
import textwrap

import annotations
import fields

LIMITATIONS = [
    "GenerationConfig declares no types: they are those of its documentation, and where that says "
    "none, of the default.",
    "Bounds are checked by code and are not seen.",
    "Keyword arguments of from_pretrained are those that its code takes out by name; what it hands "
    "on to the configuration or the model is not listed.",
]

# Tensors and objects that belong to one request, not settings.
REQUEST = (
    "inputs", "generation_config", "logits_processor", "stopping_criteria",
    "prefix_allowed_tokens_fn", "streamer", "assistant_model", "negative_prompt_attention_mask",
)  # fmt: skip

# Of a model class, not of a user: where the weights come from, and hooks of subclasses.
LOADING = ("pretrained_model_name_or_path", "config", "state_dict", "kwargs")


def surface():
    """The whole surface."""
    import transformers
    from transformers import GenerationConfig, GenerationMixin, PreTrainedModel

    entries = [*generation(GenerationConfig)]
    known = {one["path"] for one in entries}
    for one in fields.of_signature(GenerationMixin.generate, skip=REQUEST):
        if one["path"] not in known:
            entries.append(one | {"section": "runtime"})
    entries.append({"path": "assistant_model", "type": ["string"], "section": "load"})
    known = {one["path"] for one in entries}
    for one in loading(PreTrainedModel):
        if one["path"] not in known:
            entries.append(one | {"section": "load"})
    entries += quantization()
    return {
        "engine": "transformers",
        "version": transformers.__version__,
        "method": "introspection of GenerationConfig, generate, from_pretrained (signature and "
        "source) and the configurations of quantization and compilation",
        "limitations": LIMITATIONS,
        "params": entries,
    }


def generation(config):
    """Attributes of a fresh GenerationConfig, with the defaults that generate puts in."""
    fresh = config()
    attributes = {name: value for name, value in vars(fresh).items() if not name.startswith("_")}
    in_force = {}
    if hasattr(config, "_get_default_generation_params"):
        in_force = config._get_default_generation_params()
    documented = docstring(config)
    nested = nested_configs()
    for name in sorted(attributes):
        if name in ("transformers_version",):
            continue
        default = attributes[name]
        default = in_force.get(name) if default is None else default
        said = documented.get(name, annotations.Said())
        if not said.types and isinstance(default, (bool, int, float, str)):
            said = annotations.read(type(default))
        # generate looks at every attribute for None before it looks at its value.
        said.optional = attributes[name] is None
        if name in nested:
            said.add("map")
        yield fields.entry(name, said, default) | {"section": "sampling"}
        for cls in nested.get(name, ()):
            for one in fields.walk(cls, f"{name}.") if dataclasses.is_dataclass(cls) else (
                fields.of_signature(cls.__init__, f"{name}.")
            ):
                yield one | {"section": "sampling"}


def nested_configs():
    """The classes whose fields a map of GenerationConfig has."""
    from transformers.generation import configuration_utils as here

    names = {
        "watermarking_config": ("WatermarkingConfig", "SynthIDTextWatermarkingConfig"),
        "compile_config": ("CompileConfig",),
        "continuous_batching_config": ("ContinuousBatchingConfig",),
    }
    found = {name: [getattr(here, one, None) for one in ones] for name, ones in names.items()}
    return {name: [one for one in ones if one] for name, ones in found.items() if any(ones)}


def docstring(documented):
    """Types by the arguments of a docstring: "name (`type`, *optional*, defaults to x):"."""
    found = {}
    for name, text in re.findall(r"^ *(\w+) *\((.*)\):?", documented.__doc__ or "", re.MULTILINE):
        said = annotations.Said()
        text = text.replace("`", "").split(", *optional*")[0].split(", defaults to")[0]
        for word in re.split(r" or |, (?![^\[]*\])", text):
            word = re.sub(r"^(an?|one of) ", "", word.strip())
            said.take(annotations.read_text(word))
        if said.types:
            found[name] = said
    return found


def loading(model):
    """What from_pretrained takes: by its signature, and what its code takes out of **kwargs."""
    function = model.from_pretrained.__func__
    documented = docstring(function)
    for one in taken_out(function):
        said = documented.get(one["path"])
        if "type" not in one and said:
            one["type"] = said.types
        yield one


def taken_out(function):
    """What `function` names in its signature, and what it takes out of its keyword arguments."""
    yield from fields.of_signature(function, skip=LOADING)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    for node in ast.walk(tree):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if not called or node.func.attr not in ("pop", "get") or not node.args:
            continue
        if annotations.last_name(node.func.value) != "kwargs":
            continue
        name = node.args[0]
        if isinstance(name, ast.Constant) and not name.value.startswith("_"):
            said, default = annotations.Said(), fields.UNKNOWN
            if len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                default = node.args[1].value
                if default is not None:
                    said = annotations.read(type(default))
            yield fields.entry(name.value, said, default)


def quantization():
    """The configurations of quantization, by their method: only one of them is given at a time."""
    from transformers.utils import quantization_config as here

    for cls in vars(here).values():
        if not (isinstance(cls, type) and cls.__module__ == here.__name__):
            continue
        if not cls.__name__.endswith("Config") or cls.__name__ == "QuantizationConfigMixin":
            continue
        method = cls.__name__.removesuffix("Config")
        for one in fields.of_signature(cls.__init__, f"quantization_config.{method}."):
            yield one | {"section": "load"}
