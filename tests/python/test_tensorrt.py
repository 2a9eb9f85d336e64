"""What the adapter of TensorRT-LLM gives to the engine, shown on a stand-in that runs no model."""

import json
import re
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src/backends/python/engine"), str(ROOT / "tests/fixtures/standin")]

import of_tensorrt
import tensorrt_llm
from tensorrt_llm import RECORD
from tensorrt_llm._recording import NAMES, SURFACE

# Names that no file can set: they take objects.
OBJECTS = {*of_tensorrt.OBJECTS, "speculative_config.drafter", "speculative_config.resource_manager"}
VALUES = {"bool": True, "int": 3, "float": 0.25, "string": "word", "list": [1], "map": {}, "enum": "word"}
SPECIAL = {
    "additional_model_outputs": [{"name": "hidden", "gather_context": True}],
    "backend": "pytorch",
    "build_config.auto_parallel_config": {"world_size": 2},
    "build_config.kv_cache_type": "paged",
    "build_config.speculative_decoding_mode": "MEDUSA",
    "embedding_bias": [0.5, 1.0],
    "lookahead_config": {"max_window_size": 2, "max_ngram_size": 3, "max_verification_set_size": 4},
    "quant_config.kv_cache_quant_algo": "INT8",
    "quant_config.quant_algo": "FP8",
    "speculative_config.decoding_type": "Eagle",
}
TYPE = re.compile(r"type: \[?(\w+)")
TEXT = SURFACE.read_text(encoding="utf-8")


def value_of(path):
    """A value to set `path` to: of the first type that the surface has for it."""
    if path in SPECIAL:
        return SPECIAL[path]
    starts = (f"- {{path: {path},", f'- {{path: "{path}",')
    line = next(one for one in TEXT.splitlines() if one.startswith(starts))
    return VALUES[TYPE.search(line)[1]]


def settings_of(path):
    """`path` at a value, with what it needs to be taken."""
    settings = {path: value_of(path)}
    if NAMES[path].owner == "TrtLlmArgs":
        settings["engine"] = "tensorrt"
    if path.startswith("speculative_config"):
        settings.setdefault("speculative_config.decoding_type", "Eagle")
    return settings


def flat(given, prefix=""):
    """What was recorded by dotted path, objects of the stand-in opened."""
    for name, value in given.items():
        path = f"{prefix}{name}"
        yield path, value
        inner = value if isinstance(value, dict) else getattr(value, "model_dump", dict)()
        yield from flat({key: one for key, one in inner.items() if one is not None}, f"{path}.")


class Adapter(unittest.TestCase):
    """The adapter over the stand-in."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.model = folder.name
        Path(cls.model, "config.json").write_text('{"model_type": "llama"}')

    def setUp(self):
        RECORD.clear()

    def made(self, cls):
        """What the last object of `cls` was given, by dotted path."""
        given = [one for name, one in RECORD if name == cls]
        return dict(flat(given[-1])) if given else {}

    def test_every_name_arrives(self):
        """Each name of the surface reaches the class that has it, under its name, as it was given."""
        for path, name in NAMES.items():
            if path in OBJECTS or path == "model":
                continue
            with self.subTest(path):
                RECORD.clear()
                settings = settings_of(path)
                engine = of_tensorrt.load(self.model, of_tensorrt.split(settings)[0])
                cls = "SamplingParams"
                if name.section == "sampling":
                    engine.generate([{"text": "a"}], settings)
                else:
                    cls = "TrtLlmArgs" if settings.get("engine") == "tensorrt" else "TorchLlmArgs"
                made = self.made(cls)
                own = path.removeprefix("sampling.")
                self.assertIn(own, made)
                told = made[own]
                if path == "additional_model_outputs":
                    self.assertEqual((told[0].name, told[0].gather_context), ("hidden", True))
                elif path in of_tensorrt.MEMBERS:
                    self.assertEqual(told.name.lower(), settings[path].lower())
                elif isinstance(settings[path], dict):
                    self.assertIsNotNone(told)
                else:
                    self.assertEqual(told, settings[path])

    def test_every_class_is_made(self):
        """A configuration is an object of its class, also where it is given whole."""
        whole = {
            "kv_cache_config": {"enable_block_reuse": False},
            "scheduler_config": {"dynamic_batch_config": {"enable_batch_size_tuning": True}},
            "build_config": {"plugin_config": {"gemm_plugin": "fp8"}, "kv_cache_type": "paged"},
            "build_config.lora_config.max_lora_rank": 8,
            "quant_config.quant_algo": "FP8",
            "enable_build_cache": {"max_records": 2},
            "cuda_graph_config": None,
        }
        without = {path: one for path, one in whole.items() if path != "cuda_graph_config"}
        of_tensorrt.load(self.model, without | {"engine": "tensorrt"})
        names = [name for name, _ in RECORD]
        for name in ("KvCacheConfig", "SchedulerConfig", "DynamicBatchConfig", "BuildConfig", "PluginConfig"):
            self.assertIn(name, names)
        for name in ("LoraConfig", "QuantConfig", "BuildCacheConfig"):
            self.assertIn(name, names)
        self.assertNotIn("engine", self.made("TrtLlmArgs"), "the choice of a class is no argument of it")
        of_tensorrt.load(self.model, {"cuda_graph_config": None, "enable_lora": True})
        self.assertIn("cuda_graph_config", self.made("TorchLlmArgs"))
        self.assertIsNone(self.made("TorchLlmArgs")["cuda_graph_config"])

    def test_the_table_of_classes_is_that_of_the_surface(self):
        """Every configuration with names of its own has a class, and nothing else has."""
        maps = {path for path in NAMES if any(one.startswith(f"{path}.") for one in NAMES)}
        taken = set(of_tensorrt.CLASSES)
        self.assertEqual(maps - taken, set())
        self.assertEqual(taken - maps, {"build_config.auto_parallel_config", "lookahead_config"})

    def test_the_engine_refuses(self):
        """Names that its classes do not have, and words that it does not know, before any load."""
        for settings, error, told in (
            ({"max_tokns": 1}, TypeError, "max_tokns"),
            ({"kv_cache_config.max_tokns": 1}, TypeError, "max_tokns"),
            ({"build_config.plugin_config.nonesuch": True, "engine": "tensorrt"}, AttributeError, "nonesuch"),
            ({"fast_build": True}, TypeError, "fast_build"),
            ({"attn_backend": "x", "engine": "tensorrt"}, TypeError, "attn_backend"),
            ({"speculative_config.max_draft_len": 2}, ValueError, "decoding type"),
            ({"quant_config.quant_algo": "W1", "engine": "tensorrt"}, ValueError, "quant_algo"),
            ({"build_config.kv_cache_type": "odd", "engine": "tensorrt"}, ValueError, "kv_cache_type"),
            ({"guided_decoding.nonesuch": 1}, TypeError, "nonesuch"),
            ({"sampling.nonesuch": 1}, TypeError, "nonesuch"),
            ({"engine": "steam"}, ValueError, "engine"),
            *(({name: True}, TypeError, name) for name in of_tensorrt.OBJECTS),
            ({"extra": {"nonesuch": 1}}, ValueError, "^extra: .*nonesuch"),
            ({"extra_build_args": {"nonesuch": 1}, "engine": "tensorrt"}, ValueError, "^extra_build_args: "),
            ({"extra_runtime_args": {"nonesuch": 1}}, ValueError, "^extra_runtime_args: .*nonesuch"),
            ({"extra": {"top_k": 1}, "top_k": 2}, ValueError, "top_k"),
            ({"extra": "top_k"}, TypeError, "extra"),
            ({"extra": {"max_batch_size": 1}}, ValueError, "^extra: .*max_batch_size"),
            ({"extra_runtime_args": {"dtype": "auto"}, "dtype": "float16"}, ValueError, "dtype"),
        ):
            with self.subTest(settings), self.assertRaisesRegex(error, told):
                of_tensorrt.check(settings, None)

    def test_check_makes_the_same_arguments_as_load(self):
        """What is checked is what is loaded, but for the model."""
        settings = {"kv_cache_config.enable_block_reuse": False, "max_batch_size": 2}
        of_tensorrt.check(settings | {"top_k": 4}, None)
        checked = self.made("TorchLlmArgs")
        of_tensorrt.load(self.model, settings)
        loaded = self.made("TorchLlmArgs")
        for made in (checked, loaded):
            made.pop("model")
            made.pop("kv_cache_config")
        self.assertEqual(checked, loaded)

    def test_generate(self):
        """The answer in the form of the host: rows, scores only where asked for, what was in force."""
        engine = of_tensorrt.load(self.model, {"max_batch_size": 2, "dtype": "auto"})
        self.assertEqual(engine.architecture, "llama")
        prompts = [{"tokens": [5, 6, 7]}, {"text": "ab"}]
        settings = {"max_batch_size": 2, "max_tokens": 3, "n": 2, "sampling.return_perf_metrics": True}
        answer = engine.generate(prompts, settings)
        self.assertEqual([len(one["rows"]) for one in answer["prompts"]], [2, 2])
        self.assertEqual(answer["prompts"][0]["prompt_tokens"], [5, 6, 7])
        row = answer["prompts"][0]["rows"][0]
        self.assertEqual((len(row["tokens"]), row["finish"]), (3, "length"))
        self.assertIsNone(row["scores"])
        self.assertIsNone(row["sequence_score"])
        self.assertEqual(answer, json.loads(json.dumps(answer)))
        effective = engine.effective() | answer["effective"]
        for path, value in settings.items():
            self.assertEqual(effective[path], value)
        self.assertEqual(effective["engine"], "pytorch")
        self.assertEqual(engine.generate(prompts, settings)["prompts"], answer["prompts"])
        scored = engine.generate(prompts, {"logprobs": 1, "max_tokens": 2, "use_beam_search": True})
        row = scored["prompts"][1]["rows"][0]
        self.assertEqual(row["scores"], [[[token, -0.5]] for token in row["tokens"]])
        self.assertEqual(row["sequence_score"], -1.0)
        self.assertEqual(engine.token_text(7), "t7")
        engine.close()
        engine.close()

    def test_mappings_of_settings(self):
        """Their names arrive where they would by themselves, and are read back."""
        settings = {
            "engine": "tensorrt",
            "extra_build_args": {"max_beam_width": 2, "plugin_config.gemm_plugin": "auto"},
            "extra_runtime_args": {"fast_build": True, "max_input_len": 9},
            "extra": {"top_k": 3, "guided_decoding.regex": "a"},
        }
        load, request = of_tensorrt.split(settings)
        self.assertEqual(request, {"sampling.top_k": 3, "sampling.guided_decoding.regex": "a"})
        engine = of_tensorrt.load(self.model, {path: one for path, one in settings.items() if path != "extra"})
        self.assertEqual(load["build_config.max_beam_width"], 2)
        made = self.made("TrtLlmArgs")
        self.assertEqual(made["build_config.max_beam_width"], 2)
        self.assertEqual(made["build_config.plugin_config.gemm_plugin"], "auto")
        self.assertTrue(made["fast_build"])
        self.assertEqual(made["max_input_len"], 9)
        effective = engine.effective() | engine.generate([{"text": "a"}], settings)["effective"]
        self.assertEqual(self.made("SamplingParams")["top_k"], 3)
        for path, value in settings.items():
            self.assertEqual(effective[path], value)

    def test_what_was_built_says_so(self):
        """The engine in force is told by the class of its arguments."""
        engine = of_tensorrt.load(
            self.model, {"engine": "tensorrt", "build_config.kv_cache_type": "paged", "quant_config.quant_algo": "FP8"}
        )
        effective = engine.effective()
        self.assertEqual(effective["engine"], "tensorrt")
        self.assertEqual(effective["build_config.kv_cache_type"], "PAGED")
        self.assertEqual(effective["quant_config.quant_algo"], "FP8")

    def test_a_mapping_is_read_back_as_far_as_it_was_set(self):
        """What the engine has beside it is its own."""
        whole = {"kv_cache_config": {"enable_block_reuse": False}, "kv_cache_config.max_tokens": 64}
        effective = of_tensorrt.load(self.model, whole).effective()
        self.assertEqual({path: effective[path] for path in whole}, whole)

    def test_the_stand_in_says_what_it_is(self):
        """By its version and its words: nobody takes its answers for the engine's."""
        self.assertTrue(tensorrt_llm.__version__.endswith("+standin"))
        self.assertIn("stand-in", tensorrt_llm.__doc__)


if __name__ == "__main__":
    unittest.main()
