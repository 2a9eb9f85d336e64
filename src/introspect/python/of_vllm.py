"""The surface of an installed vLLM: `EngineArgs` with the configurations nested in it, and
`SamplingParams`. Names of SamplingParams stand as they are; an engine argument of the same name
stands as `engine.<name>`."""

import dataclasses

import annotations
import fields

LIMITATIONS = [
    "Bounds that code checks, rather than a declaration, are not seen.",
    "Choices that are registered at run time (load formats, quantizations, parsers) are those of "
    "this installation, or are not seen.",
    "Fields of maps that are taken as they come (speculative_config, hf_overrides, "
    "additional_config) are not listed.",
]


def surface():
    """The whole surface."""
    import vllm
    from vllm import SamplingParams
    from vllm.engine.arg_utils import EngineArgs

    sampling = list(fields.walk(SamplingParams, skip=("output_kind",)))
    taken = {one["path"] for one in sampling}
    declared = constraints()
    options = command_line(EngineArgs)
    engine = []
    for one in fields.walk(EngineArgs):
        name = one["path"]
        if "." not in name:
            bounds = declared.get(name)
            if bounds and "bounds" not in one:
                one["bounds"] = bounds
            option = options.get(name)
            if option is not None and getattr(option, "deprecated", False):
                one["deprecated"] = "yes"
            if option is not None and option.choices and "choices" not in one:
                one["choices"] = [fields.plain(choice) for choice in option.choices]
                one["type"] = ["enum" if word == "string" else word for word in one["type"]]
        if name.split(".")[0] in taken:
            one["path"] = f"engine.{name}"
        one["section"] = "engine"
        engine.append(one)
    for one in sampling:
        one["section"] = "sampling"
    return {
        "engine": "vllm",
        "version": vllm.__version__,
        "method": "introspection of EngineArgs, its nested configurations, and SamplingParams",
        "limitations": LIMITATIONS,
        "params": engine + sampling,
    }


def constraints():
    """The bounds that the configuration classes declare, by field name: EngineArgs repeats the
    fields without them. Where two classes declare a name with different bounds, neither counts."""
    import vllm.config

    found, disputed = {}, set()
    for cls in vars(vllm.config).values():
        if not isinstance(cls, type) or not dataclasses.is_dataclass(cls):
            continue
        for name, info in (getattr(cls, "__pydantic_fields__", None) or {}).items():
            bounds = annotations.bounds_of(info.metadata)
            if found.setdefault(name, bounds) != bounds:
                disputed.add(name)
    return {name: bounds for name, bounds in found.items() if name not in disputed}


def command_line(engine_args):
    """The options of the command line by the field that they set: they know of choices and
    deprecations that the fields do not."""
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = engine_args.add_cli_args(FlexibleArgumentParser())
    return {action.dest: action for action in parser._actions}
