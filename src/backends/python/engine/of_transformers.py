"""The transformers library as an engine: `from_pretrained` of its auto classes, and `generate`.

Nothing is decided here that the library decides: settings go to it under their own names, and what it
refuses is its own exception. An exception that comes before any weight is read, or before the first
run of the model, carries `before_work = True`: that is a refusal, however deep it was raised.
"""


from host import nest
from watching import Watch, plain, plain_config, several

PACKAGE = "transformers"

# What any of these set makes `generate` draft, which it does for one prompt at a time.
DRAFTING = ("prompt_lookup_num_tokens", "assistant_early_exit", "use_mtp")

# Values of load settings that leave the choice to the library.
LEFT_TO_THE_LIBRARY = (None, "auto", "balanced", "balanced_low_0", "sequential")

def environment():
    """What is in the environment before the library is imported: nothing is ever downloaded."""
    return {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # Kernels that the compiler of torch writes go elsewhere only where somebody says so.
    }


def check(settings, _model):
    """What the library refuses without a model: the configurations are built, and their own checks run."""
    from transformers import GenerationConfig

    configured = {name for name in vars(GenerationConfig()) if not name.startswith("_")}
    nested = nest(settings)
    request, _ = _of_request({name: nested.pop(name) for name in configured & set(nested)})
    GenerationConfig(**request)
    _of_load(nested)


def load(model, settings):
    """The model in directory `model`, loaded."""
    return Engine(model, settings)


def reset():
    """Lets the library warn again of what it has warned of before."""
    from transformers.utils import logging

    for once in (logging.logging.Logger.warning_once, logging.logging.Logger.info_once):
        once.cache_clear()


class Engine:
    """A loaded model with its tokenizer, and a draft model where one is named."""

    def __init__(self, directory, settings):
        from transformers import AutoTokenizer

        self.settings = dict(settings)
        named = _of_load(nest(settings))
        assistant = named.pop("assistant_model", None)
        self.model, self.report = _load_model(directory, named)
        self.assistant = None
        if assistant is not None:
            alike = {name: named[name] for name in ("dtype", "torch_dtype", "device_map") if name in named}
            self.assistant, _ = _load_model(assistant, alike)
        self.tokenizer = AutoTokenizer.from_pretrained(directory)
        self.architecture = self.model.config.model_type

    def effective(self):
        """The load settings, read off what was loaded."""
        return self._of_model(self.settings)

    def token_text(self, token):
        """The text of one token."""
        return self.tokenizer.decode([token])

    def close(self):
        """Drops model, tokenizer and draft model, and what holds on to them."""
        self.model = self.assistant = self.tokenizer = None

    def generate(self, prompts, settings):
        """Continues `prompts` with those of `settings` that are no load settings of this engine."""
        import torch

        own = {name: value for name, value in settings.items() if name not in self.settings}
        request, batching = _of_request(nest(own))
        prompts = [self._tokens(prompt) for prompt in prompts]
        # Of two requests with the same settings the same is drawn.
        torch.manual_seed(0)
        answer = Answer(self, settings)
        paged = request.get("cache_implementation") == "paged"
        if batching is not None and not paged:
            answer.take_batched(prompts, request, batching)
            return answer.whole()
        if paged:
            # `generate` goes over to the other loop by itself.
            request["continuous_batching_config"] = batching
        drafts = self.assistant is not None or any(request.get(name) is not None for name in DRAFTING)
        for batch in [[one] for one in prompts] if drafts else [prompts]:
            answer.take(batch, request)
        return answer.whole()

    def _tokens(self, prompt):
        return prompt["tokens"] if "tokens" in prompt else self.tokenizer(prompt["text"])["input_ids"]

    def _of_model(self, settings):
        """What the loaded model says of the load settings."""
        model, config = self.model, self.model.config
        found = {
            "dtype": str(model.dtype).removeprefix("torch."),
            "attn_implementation": config._attn_implementation,
            "experts_implementation": getattr(config, "_experts_implementation", None),
            "use_kernels": bool(getattr(model, "use_kernels", False)),
            "output_loading_info": self.report is not None,
            "assistant_model": self.assistant and self.assistant.config._name_or_path,
            "tp_size": getattr(model, "_tp_size", None),
            "device_map": _device_map(model),
        }
        found["torch_dtype"] = found["dtype"]
        quantized = getattr(config, "quantization_config", None)
        found["quantization_config"] = None if quantized is None else plain(quantized)
        for name, asked in settings.items():
            first, *fields = name.split(".", 2)
            if name in ("dtype", "torch_dtype", "device_map") and asked in LEFT_TO_THE_LIBRARY:
                # What it came to does not tell whether that was followed.
                del found[name]
            elif name == "device_map" and isinstance(asked, dict) and isinstance(found[name], str):
                found[name] = {"": found[name]}
            elif name == "quantization_config" and isinstance(asked, dict) and quantized is not None:
                # The rest are defaults.
                found[name] = {field: plain(getattr(quantized, field, None)) for field in asked}
            elif first == "quantization_config" and len(fields) == 2:
                found[name] = None if quantized is None else plain(getattr(quantized, fields[1], None))
        return found


class Answer:
    """What `generate` gives for the batches of a request, put together."""

    def __init__(self, engine, settings):
        self.engine, self.settings = engine, settings
        self.prompts, self.effective, self.drafts = [], None, None
        self.timings = {"prefill_s": 0.0, "decode_s": 0.0, "steps_s": [], "batches": []}
        self.phases = True

    def whole(self):
        """In the form that the host reads."""
        timings = self.timings
        if not self.phases:
            # Of a part the phases are not known: they are not known of the whole.
            timings = {**timings, "batches": []}
        whole = {"prompts": self.prompts, "effective": self.effective or {}, "timings": timings}
        if self.drafts is not None:
            whole["drafts"] = self.drafts
        return whole

    def take(self, prompts, request):
        """Runs one batch, padded on the left."""
        import torch

        engine = self.engine
        model, device = engine.model, engine.model.device
        longest = max(map(len, prompts))
        pad = engine.tokenizer.pad_token_id or 0
        ids = torch.tensor([[pad] * (longest - len(one)) + one for one in prompts], device=device)
        mask = [[0] * (longest - len(one)) + [1] * len(one) for one in prompts]
        named = dict(request)
        if engine.assistant is not None:
            named["assistant_model"] = engine.assistant
        with Watch(model) as watch:
            negative = named.get("negative_prompt_ids")
            if negative is not None:
                # One for all: every row of the batch has it.
                named["negative_prompt_ids"] = torch.tensor([negative] * len(prompts), device=device)
            out = watch.run(
                model.generate,
                ids,
                attention_mask=torch.tensor(mask, device=device),
                tokenizer=engine.tokenizer,
                **named,
            )
        rows = self._rows(out, watch, longest)
        each = len(rows) // len(prompts)
        for index, one in enumerate(prompts):
            own = rows[index * each : (index + 1) * each]
            self.prompts.append({"prompt_tokens": one, "rows": own})
        self._time(watch)
        if watch.drafts is not None:
            told = self.drafts or dict.fromkeys(watch.drafts, 0)
            self.drafts = {name: told[name] + count for name, count in watch.drafts.items()}
            self.drafts["next_limit"] = watch.drafts["next_limit"]
        if self.effective is None:
            self.effective = watch.effective(out, each)

    def _time(self, watch):
        prefill, decode, steps = watch.times()
        self.timings["prefill_s"] += prefill
        self.timings["decode_s"] += decode
        self.timings["steps_s"] += steps
        batch = watch.batch()
        self.timings["batches"] += batch
        self.phases = self.phases and bool(batch)

    def _rows(self, out, watch, longest):
        """The rows of a batch: without prompt and padding, with scores where they were put out."""
        sequences = out if not hasattr(out, "sequences") else out.sequences
        if sequences.dim() == 3:
            # From continuous batching, one batch of all.
            sequences = sequences[0]
        if watch.prompt is None:
            watch.prompt = longest
        beams = getattr(out, "beam_indices", None)
        ranked = getattr(out, "sequences_scores", None)
        tables = getattr(out, "scores", None)
        tables = tables and [_possible(step) for step in tables]
        rows = []
        for index, row in enumerate(sequences[:, watch.prompt :].tolist()):
            tokens, finish = watch.ending(index, row, beams)
            scores = None
            if tables:
                of = range(len(tokens)) if beams is None else beams[index].tolist()
                place = (lambda step: index) if beams is None else of.__getitem__
                scores = [tables[step][place(step)] for step in range(min(len(tokens), len(tables)))]
            rows.append({
                "tokens": tokens,
                "text": self.engine.tokenizer.decode(tokens, skip_special_tokens=True),
                "finish": finish,
                "scores": scores,
                "sequence_score": None if ranked is None else ranked[index].item(),
            })  # fmt: skip
        return rows

    def take_batched(self, prompts, request, batching):
        """Runs all prompts by continuous batching, the library's other loop."""
        import torch

        model, tokenizer = self.engine.model, self.engine.tokenizer
        attention = model.config._attn_implementation
        try:
            with Watch(model) as watch:
                config = model._prepare_generation_config(None, **request)[0]
                answers = watch.run(
                    model.generate_batch, prompts, config, continuous_batching_config=batching
                )
        finally:
            # It takes another attention for as long as it works, and leaves it there where it fails.
            if model.config._attn_implementation != attention:
                model.set_attn_implementation(attention)
        self._time(watch)
        rows = list(answers.values())
        failed = [one.error for one in rows if one.error is not None]
        if failed:
            raise RuntimeError(failed[0])
        each = config.num_return_sequences or 1
        if len(rows) != len(prompts) * each:
            raise RuntimeError(f"{len(rows)} answers to {len(prompts) * each} requests")
        ends = several(config.eos_token_id)
        for index, one in enumerate(prompts):
            own = []
            for row in rows[index * each : (index + 1) * each]:
                tokens = row.generated_tokens
                own.append({
                    "tokens": tokens,
                    "text": tokenizer.decode(tokens, skip_special_tokens=True),
                    "finish": "end_token" if tokens and tokens[-1] in ends else "length",
                    "scores": None,
                    "sequence_score": None,
                })  # fmt: skip
            self.prompts.append({"prompt_tokens": one, "rows": own})
        self.effective = plain_config(config)
        # As the loop has resolved it.
        batching = getattr(watch.manager, "continuous_batching_config", batching)
        for name, asked in self.settings.items():
            first, _, rest = name.partition(".")
            if first != "continuous_batching_config":
                continue
            read = plain(batching)
            for field in rest.split(".") if rest else ():
                read = read.get(field) if isinstance(read, dict) else None
            if isinstance(asked, dict) and isinstance(read, dict):
                # The rest are defaults.
                read = {field: read.get(field) for field in asked}
            self.effective[name] = read


def _of_request(request):
    """The arguments of `generate`, where the library wants objects those; and the configuration of
    continuous batching, none where that is not asked for."""
    from transformers.generation import configuration_utils as configurations

    named = dict(request)
    compile_config = configurations.CompileConfig
    if isinstance(named.get("compile_config"), dict):
        named["compile_config"] = compile_config(**named["compile_config"])
    batching = named.pop("continuous_batching_config", None)
    if isinstance(batching, dict):
        batching = dict(batching)
        for name in ("varlen_compile_config", "decode_compile_config"):
            if isinstance(batching.get(name), dict):
                batching[name] = compile_config(**batching[name])
        batching = configurations.ContinuousBatchingConfig(**batching)
    return named, batching


def _of_load(load):
    """The arguments of `from_pretrained`, where the library wants objects those."""
    from transformers import GenerationConfig

    named = dict(load)
    quantization = named.get("quantization_config")
    if isinstance(quantization, dict):
        from transformers.utils import quantization_config as classes

        of_class = {name: getattr(classes, f"{name}Config", None) for name in quantization}
        if len(quantization) == 1 and all(of_class.values()):
            ((name, fields),) = quantization.items()
            named["quantization_config"] = of_class[name](**fields)
    if isinstance(named.get("generation_config"), dict):
        named["generation_config"] = GenerationConfig(**named["generation_config"])
    if isinstance(named.get("kernel_config"), dict):
        from transformers import KernelConfig

        named["kernel_config"] = KernelConfig(named["kernel_config"])
    if isinstance(named.get("distributed_config"), dict):
        from transformers.distributed import DistributedConfig

        named["distributed_config"] = DistributedConfig(**named["distributed_config"])
    if isinstance(named.get("max_memory"), dict):
        # Keys of JSON are text; those of devices are numbers.
        memory = named["max_memory"].items()
        named["max_memory"] = {int(key) if key.isdigit() else key: value for key, value in memory}
    return named


def _load_model(directory, named):
    """The model, and what was told of its loading where that was asked for."""
    from transformers import AutoModelForCausalLM, PreTrainedModel

    begun = []
    reading = PreTrainedModel.__dict__["_load_pretrained_model"]

    def watched(*arguments, **more):
        begun.append(True)
        return reading.__func__(*arguments, **more)

    PreTrainedModel._load_pretrained_model = staticmethod(watched)
    try:
        given = AutoModelForCausalLM.from_pretrained(directory, **({"use_safetensors": True} | named))
    except Exception as error:
        error.before_work = not begun
        raise
    finally:
        PreTrainedModel._load_pretrained_model = reading
    return given if isinstance(given, tuple) else (given, None)


def _device_map(model):
    """The device of every part, one name where it is one."""
    devices = getattr(model, "hf_device_map", None)
    if not devices:
        return str(model.device)
    named = {part: str(device) for part, device in devices.items()}
    return next(iter(named.values())) if set(named) == {""} else named


def _possible(scores):
    """Per row the tokens left possible with their log-probability: what is not finite is not."""
    import torch

    finite = torch.isfinite(scores)
    logs = scores.float().masked_fill(~finite, -torch.inf).log_softmax(-1)
    tables = []
    for left, row in zip(finite, logs):
        tokens = left.nonzero().flatten()
        tables.append(list(zip(tokens.tolist(), row[tokens].tolist())))
    return tables
