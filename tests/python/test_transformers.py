"""What the adapter of transformers reads back, and what looks on while `generate` works: no engine."""

import sys
import types
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "src/backends/python/engine"))

import of_transformers
import watching
from watching import Watch


def thing(kind="Thing", **fields):
    """An object of a class called `kind`."""
    return type(kind, (), fields)()


class Model:
    """What has the methods that are looked at, and a hook on its first run."""

    def __init__(self):
        self.hooks = []
        for name in Watch.METHODS:
            setattr(type(self), name, lambda self, *arguments, **named: (arguments, named))

    def register_forward_pre_hook(self, hook):
        self.hooks.append(hook)
        return types.SimpleNamespace(remove=self.hooks.clear)

    def __call__(self):
        for hook in list(self.hooks):
            hook(self, ())


def configured(**fields):
    """A configuration of generation with no limit but those in `fields`."""
    none = dict(eos_token_id=None, max_length=None, stop_strings=None, max_time=None, num_beams=1)
    return types.SimpleNamespace(**none | fields)


class Work(unittest.TestCase):
    """Whether an exception came before the model ran."""

    def raised(self, run):
        model = Model()
        with self.assertRaises(ValueError) as caught, Watch(model):
            if run:
                model()
            raise ValueError("no")
        self.assertEqual((model.hooks, vars(model).keys()), ([], {"hooks"}), "all is as before")
        return caught.exception.before_work

    def test_a_refusal_comes_before_the_first_run(self):
        self.assertTrue(self.raised(run=False))

    def test_what_comes_later_is_a_failure(self):
        self.assertFalse(self.raised(run=True))

    def test_the_outermost_call_is_looked_at(self):
        model = Model()
        own, inner = object(), object()
        with Watch(model) as watch:
            watch._after_prepare_generation_config((own, {}))
            watch._after_prepare_generation_config((inner, {}))
            watch._after_get_logits_processor([], (), {"generation_config": inner, "input_ids_seq_length": 1})
            watch._after_get_logits_processor([], (), {"generation_config": own, "input_ids_seq_length": 7})
        self.assertEqual((watch.config, watch.prompt), (own, 7))


class Endings(unittest.TestCase):
    """Where a row ends, and why."""

    def ending(self, row, beams=None, ended=None, **fields):
        watch = Watch(None)
        watch.config, watch.prompt = configured(**fields), 3
        watch.criteria = thing(ended=ended or {})
        return watch.ending(0, row, beams)

    def test_what_the_criteria_saw_goes_first(self):
        self.assertEqual(self.ending([5, 6, 0, 0], ended={0: (2, "stop_string")}), ([5, 6], "stop_string"))

    def test_an_end_token_is_the_last(self):
        self.assertEqual(self.ending([5, 9, 0], eos_token_id=9, max_length=6), ([5, 9], "end_token"))
        self.assertEqual(self.ending([5, 8, 0], eos_token_id=[9, 8]), ([5, 8], "end_token"))

    def test_a_full_row_ends_by_length(self):
        self.assertEqual(self.ending([5, 6, 7], max_length=6), ([5, 6, 7], "length"))

    def test_a_short_row_ends_by_what_was_asked_for(self):
        self.assertEqual(self.ending([5], max_length=6, max_time=1.0)[1], "time")
        self.assertEqual(self.ending([5], max_length=6, stop_strings="x")[1], "stop_string")

    def test_a_beam_is_as_long_as_its_places(self):
        places = [types.SimpleNamespace(tolist=lambda: [0, 2, -1, -1])]
        self.assertEqual(self.ending([5, 6, 1, 1], beams=places, max_length=5), ([5, 6], "length"))


class Times(unittest.TestCase):
    """The phases of a generation."""

    def test_the_first_logits_part_prefill_from_decoding(self):
        watch = Watch(None)
        second = 1_000_000_000
        watch.begun, watch.prefilled, watch.ended = second, 3 * second // 2, 4 * second
        watch.steps = [7 * second // 4, 2 * second, 3 * second]
        self.assertEqual(watch.times(), (0.5, 2.5, [0.25, 1.0]))
        self.assertEqual(
            watch.batch(), [{"begin_ns": second, "first_ns": 3 * second // 2, "end_ns": 4 * second}]
        )
        watch.prefilled = None
        self.assertEqual(watch.batch(), [])

    def test_without_a_run_there_is_no_time(self):
        self.assertEqual(Watch(None).times(), (0.0, 0.0, []))
        self.assertEqual(Watch(None).batch(), [])


class Drafts(unittest.TestCase):
    """What drafts are counted, and what they were made with."""

    def test_drafted_and_accepted(self):
        ids = types.SimpleNamespace
        generator = thing(num_assistant_tokens=5)
        generator.get_candidates = lambda given: (ids(shape=(1, given.shape[1] + 3)), None)
        generator.update_candidate_strategy = lambda *_: None
        told = {"rounds": 0, "drafted": 0, "accepted": 0, "next_limit": 0}
        watching._count_drafts(generator, told)
        generator.get_candidates(ids(shape=(1, 10)))
        generator.update_candidate_strategy(None, None, 2)
        self.assertEqual(told, {"rounds": 1, "drafted": 3, "accepted": 2, "next_limit": 5})

    def test_settings_are_those_of_the_draft_model(self):
        own = thing(num_assistant_tokens_schedule="constant", assistant_confidence_threshold=0.4)
        found = watching._of_drafts(thing(num_assistant_tokens=20, assistant_generation_config=own))
        self.assertEqual(
            found,
            {
                "num_assistant_tokens": 20,
                "num_assistant_tokens_schedule": "constant",
                "assistant_confidence_threshold": 0.4,
            },
        )


class ReadBack(unittest.TestCase):
    """Values in the form that a record has."""

    def test_a_cache_tells_its_kind(self):
        def kind(cache, asked=None):
            return watching._of_cache(cache, {"cache_implementation": asked})

        static = thing(layers=[thing("StaticLayer", max_cache_len=9), thing("StaticLayer", max_cache_len=4)])
        self.assertEqual(kind(static), {"cache_implementation": "static", "max_cache_len": 9})
        self.assertEqual(kind(thing("QuantizedCache", layers=[thing()]))["cache_implementation"], "quantized")
        dynamic = thing("DynamicCache", layers=[thing("DynamicLayer")], offloading=False)
        self.assertEqual(kind(dynamic), {}, "nobody asked for it")
        self.assertEqual(kind(dynamic, "hybrid"), {"cache_implementation": "dynamic"})
        offloaded = thing("DynamicCache", layers=[thing("DynamicLayer")], offloading=True)
        self.assertEqual(kind(offloaded)["cache_implementation"], "offloaded")
        self.assertEqual(kind(None), {})

    def test_attention_that_is_not_computed_is_not_there(self):
        self.assertFalse(watching._holds(((None, None), (None,))))
        self.assertFalse(watching._holds(()))
        self.assertTrue(watching._holds(((None, 1.0),)))

    def test_values_are_plain(self):
        config = thing(_private=1)
        config.__dict__.update(a={1: (2, 3)}, b="x", _c=4, transformers_version="5")
        self.assertEqual(watching.plain_config(config), {"a": {"1": [2, 3]}, "b": "x"})
        self.assertEqual(watching.several(7), [7])
        self.assertEqual(watching.several(None), [])

    def test_a_model_in_one_place_has_one_device(self):
        place = of_transformers._device_map
        self.assertEqual(place(thing(device="cpu")), "cpu")
        self.assertEqual(place(thing(hf_device_map={"": "cpu"}, device="cpu")), "cpu")
        self.assertEqual(place(thing(hf_device_map={"a": 0, "b": "cpu"}, device="cpu")), {"a": "0", "b": "cpu"})


if __name__ == "__main__":
    unittest.main()
