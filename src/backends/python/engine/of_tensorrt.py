"""TensorRT-LLM 1.1 as an engine: flat settings in, `LLM` and `SamplingParams` out.

Written from the source of TensorRT-LLM 1.1.0rc6, and so far run on a stand-in for it alone, never on
the engine itself. Nothing is checked here that the engine does not check.
"""

import contextlib
import dataclasses
import enum
import importlib
import json
import os
import time

import outputs
from host import nest
from outputs import rows

PACKAGE = "tensorrt_llm"

# The setting that chooses between the two engines, and its values. It is this project's own: they are
# two classes, with arguments of their own.
ENGINE, ENGINES = "engine", ("pytorch", "tensorrt")

# Nested configurations, by where they stand, and the class that each becomes: (module, class).
ARGS = "llmapi.llm_args"
CLASSES = {
    "attention_dp_config": (ARGS, "AttentionDpConfig"),
    "build_config": ("builder", "BuildConfig"),
    "build_config.auto_parallel_config": ("auto_parallel", "AutoParallelConfig"),
    "build_config.lora_config": ("lora_helper", "LoraConfig"),
    "build_config.plugin_config": ("plugin.plugin", "PluginConfig"),
    "cache_transceiver_config": (ARGS, "CacheTransceiverConfig"),
    "calib_config": (ARGS, "CalibConfig"),
    "cuda_graph_config": (ARGS, "CudaGraphConfig"),
    "enable_build_cache": ("llmapi.build_cache", "BuildCacheConfig"),
    "extended_runtime_perf_knob_config": (ARGS, "ExtendedRuntimePerfKnobConfig"),
    "guided_decoding": ("sampling_params", "GuidedDecodingParams"),
    "kv_cache_config": (ARGS, "KvCacheConfig"),
    "kv_connector_config": (ARGS, "KvCacheConnectorConfig"),
    "lookahead_config": (ARGS, "LookaheadDecodingConfig"),
    "lora_config": ("lora_helper", "LoraConfig"),
    "moe_config": (ARGS, "MoeConfig"),
    "peft_cache_config": (ARGS, "PeftCacheConfig"),
    "quant_config": ("models.modeling_utils", "QuantConfig"),
    "scheduler_config": (ARGS, "SchedulerConfig"),
    "scheduler_config.dynamic_batch_config": (ARGS, "DynamicBatchConfig"),
    "speculative_config": (ARGS, "DecodingBaseConfig"),
    "torch_compile_config": (ARGS, "TorchCompileConfig"),
}
# Classes of C++ and dataclasses take members of enumerations, and make none of a word.
MEMBERS = {
    "build_config.kv_cache_type": ("bindings", "KVCacheType"),
    "build_config.speculative_decoding_mode": ("models.modeling_utils", "SpeculativeDecodingMode"),
    "quant_config.quant_algo": ("quantization.mode", "QuantAlgo"),
    "quant_config.kv_cache_quant_algo": ("quantization.mode", "QuantAlgo"),
}
# Arguments that take objects alone, and the engine would hold anything for one.
OBJECTS = (
    "batched_logits_processor",
    "checkpoint_loader",
    "decoding_config",
    "logits_processor",
    "mpi_session",
)
# What is always read back: what the engine decides for itself.
TELLING = ("dtype", "max_batch_size", "max_num_tokens", "max_seq_len", "max_beam_width")
# Request settings whose names an engine's arguments have too stand below this.
SAMPLING = "sampling."
# Mappings of settings by name, and what their names stand below.
HATCHES = {"extra": SAMPLING, "extra_build_args": "build_config.", "extra_runtime_args": ""}


def environment():
    """What must stand in the environment before anything is imported."""
    return {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        # The engine in this process: else it starts the program anew, under MPI.
        "TLLM_WORKER_USE_SINGLE_PROCESS": "1",
    }


def check(settings, model):
    """Has TensorRT-LLM refuse what its classes refuse, before anything is built or loaded."""
    try:
        verify(settings, model)
    except Exception as error:
        told = str(error)
        for hatch in HATCHES:
            names = settings.get(hatch)
            if isinstance(names, dict) and any(name.split(".")[-1] in told for name in names):
                # The engine knows the name alone, and not the mapping that it came by.
                raise ValueError(f"{hatch}: {error}") from error
        raise


def verify(settings, model):
    """As `check`, with the exceptions of the engine."""
    load, request = split(settings)
    given = constructor(load)
    classes = module(ARGS)
    cls = classes.TrtLlmArgs if is_built(load) else classes.TorchLlmArgs
    if not is_built(load):
        # `LLM` fills it in, and its arguments decide by it what they check.
        given.setdefault("backend", "pytorch")
    # Of a model that is no directory yet, nothing is read.
    cls.from_kwargs(model=model or "unknown-model", **given)
    sampling_params(request)


def load(model, settings):
    """Loads the model directory `model`, or builds an engine of it."""
    given = constructor(settings)
    if is_built(settings):
        llm = module("_tensorrt_engine").LLM(model=model, **given)
    else:
        llm = module("").LLM(model=model, **given)
    return Engine(llm, model, settings)


def reset():
    """Nothing is known that the engine keeps from case to case."""


class Engine:
    """An open `LLM`."""

    def __init__(self, llm, model, settings):
        self.llm = llm
        self.settings = dict(settings)
        self.architecture = architecture(model)

    def effective(self):
        """What was asked for and what is telling, as it stands in the arguments of the engine."""
        values = read_back(self.llm.args, dict.fromkeys(TELLING) | spread(self.settings))
        built = isinstance(self.llm.args, module(ARGS).TrtLlmArgs)
        values[ENGINE] = ENGINES[built]
        return gathered(values, self.settings)

    def token_text(self, token):
        """The text of one token; empty without a tokenizer."""
        tokenizer = self.llm.tokenizer
        return "" if tokenizer is None else tokenizer.decode([token])

    def generate(self, prompts, settings):
        """Continues `prompts`, all of them in the engine at once.

        The engine answers when it is done and does not say when the first token came: all of the
        time is that of decoding, and there are no steps.
        """
        _, request = split(settings)
        params = sampling_params(request)
        inputs = [one["tokens"] if "tokens" in one else one["text"] for one in prompts]
        begin = time.perf_counter()
        answers = self.llm.generate(inputs, sampling_params=params, use_tqdm=False)
        taken = time.perf_counter() - begin
        ranked, scored = params.use_beam_search, bool(params.logprobs)
        below = {path: path.removeprefix(SAMPLING) for path in request}
        told = read_back(params, {name: request[path] for path, name in below.items()})
        effective = {path: told[name] for path, name in below.items() if name in told}
        return {
            "prompts": [
                {"prompt_tokens": list(one.prompt_token_ids), "rows": rows(one, ranked, scored)}
                for one in answers
            ],
            "effective": gathered(effective, settings),
            "timings": {"prefill_s": 0.0, "decode_s": taken, "steps_s": []},
        }

    def close(self):
        """Shuts the engine down; the process goes on to the next."""
        if self.llm is not None:
            self.llm.shutdown()
            self.llm = None


def module(name):
    """A module of the package."""
    return importlib.import_module(f"{PACKAGE}.{name}" if name else PACKAGE)


def architecture(model):
    """What the model is: `model_type` of a checkpoint, the architecture of a built engine."""
    with open(os.path.join(model, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    config = config.get("pretrained_config", config)
    return config.get("model_type") or config.get("architecture") or ""


def is_built(settings):
    """Whether `settings` ask for built engines."""
    engine = settings.get(ENGINE, ENGINES[0])
    if engine not in ENGINES:
        raise ValueError(f"{ENGINE}: {engine!r} is none of {', '.join(ENGINES)}")
    return engine == ENGINES[1]


def spread(settings):
    """`settings` with what came by a mapping among the others."""
    found = {path: value for path, value in settings.items() if path not in HATCHES}
    for hatch, prefix in HATCHES.items():
        given = settings.get(hatch) or {}
        if not isinstance(given, dict):
            raise TypeError(f"{hatch} takes settings by name, and got {given!r}")
        for name, value in given.items():
            path = f"{prefix}{name}"
            if path in found and found[path] != value:
                raise ValueError(f"{hatch}: {path} is set to {found[path]!r} as well")
            found[path] = value
    return found


def gathered(values, settings):
    """`values` with the mappings among `settings`, as far as all of their names are in force."""
    for hatch, prefix in HATCHES.items():
        names = settings.get(hatch) or {}
        if names and all(f"{prefix}{name}" in values for name in names):
            values[hatch] = {name: values[f"{prefix}{name}"] for name in names}
    return values


def split(settings):
    """(load settings, request settings). What neither has goes to the load, which refuses it."""
    settings = spread(settings)
    args = module(ARGS)
    of_load = {*args.TorchLlmArgs.model_fields, *args.TrtLlmArgs.model_fields}
    fields = dataclasses.fields(module("sampling_params").SamplingParams)
    of_request = {one.name for one in fields if one.init} - of_load
    request = {
        path: value
        for path, value in settings.items()
        if path.startswith(SAMPLING) or path.split(".")[0] in of_request
    }
    return {path: settings[path] for path in settings if path not in request}, request


def constructor(load):
    """The arguments of `LLM`, with nested configurations as objects of their classes."""
    given = nest(spread(load))
    given.pop(ENGINE, None)
    return {name: converted(name, value) for name, value in given.items()}


def sampling_params(request):
    """`SamplingParams` of request settings."""
    given = {}
    for path, value in request.items():
        name = path.removeprefix(SAMPLING)
        if name in given and given[name] != value:
            raise ValueError(f"{name} is set to {given[name]!r} and to {value!r}")
        given[name] = value
    given = nest(given)
    given = {name: converted(name, value) for name, value in given.items()}
    outputs = given.get("additional_model_outputs")
    if isinstance(outputs, list):
        wrap = module("sampling_params").AdditionalModelOutput
        given["additional_model_outputs"] = [
            wrap(**one) if isinstance(one, dict) else one for one in outputs
        ]
    return module("sampling_params").SamplingParams(**given)


def converted(path, value):
    """`value` as the engine takes it: an object where `path` is that of a configuration."""
    if path in OBJECTS and value is not None:
        raise TypeError(f"{path} takes an object of Python, and {value!r} is none")
    if path in MEMBERS and isinstance(value, str):
        return member(path, value)
    if path not in CLASSES or not isinstance(value, dict):
        return value
    fields = {name: converted(f"{path}.{name}", one) for name, one in value.items()}
    place, name = CLASSES[path]
    cls = getattr(module(place), name)
    if path == "speculative_config":
        # Its word for the algorithm, `decoding_type`, decides on the class.
        return cls.from_dict(fields)
    if path == "lookahead_config":
        return cls(**fields)._to_pybind()
    if path == "build_config.plugin_config":
        # Its constructor takes nothing; its setters check what they are given.
        plugins = cls()
        for field, one in fields.items():
            setattr(plugins, field, one)
        return plugins
    return cls(**fields)


def member(path, word):
    """The member of an enumeration that `word` names."""
    place, name = MEMBERS[path]
    cls = getattr(module(place), name)
    try:
        return cls.from_string(word) if hasattr(cls, "from_string") else cls[word]
    except KeyError:
        # The engine never sees the word: that it is none of its own is its declaration's answer.
        raise ValueError(f"{path}: {word!r} is not a member of {name}") from None


def read_back(source, asked):
    """The values of the paths in `asked` in an object of the engine; those that cannot be read are
    left out. Of a mapping that was set to some names, only these are told."""
    values = {}
    for path, given in asked.items():
        if path == ENGINE:
            continue
        with contextlib.suppress(AttributeError, LookupError, TypeError):
            value = source
            for step in path.split("."):
                value = value[step] if isinstance(value, dict) else getattr(value, step)
            values[path] = narrowed(plain(value), given)
    return values


def narrowed(value, given):
    """`value` without what `given`, a mapping like it, does not name."""
    if not isinstance(value, dict) or not isinstance(given, dict):
        return value
    return {name: narrowed(value[name], given[name]) for name in given if name in value}


def plain(value):
    """A value as JSON has it. Raises `TypeError` for what JSON has not."""

    def other(one):
        if isinstance(one, enum.Enum):
            return one.value if isinstance(one.value, str) else one.name
        if dataclasses.is_dataclass(one):
            return {field.name: plain(getattr(one, field.name)) for field in dataclasses.fields(one)}
        if hasattr(one, "model_dump"):
            return plain(one.model_dump())
        # Enumerations of compiled code.
        if hasattr(type(one), "__members__"):
            return one.name
        raise TypeError(f"a {type(one).__name__} has no form in a file")

    return outputs.plain(value, other)
