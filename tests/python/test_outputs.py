"""What engines answer, in the form of the host: no engine."""

import math
import struct
import sys
import types
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src/backends/python/engine"))

import outputs


class Rows(unittest.TestCase):
    def test_why_a_row_ended(self):
        ends = [("length", None), ("stop", None), ("stop", 5), ("stop", "."), ("repetition", "x")]
        self.assertEqual(
            [outputs.finish(*end) for end in ends],
            ["length", "end_token", "end_token", "stop_string", "stop_string"],
        )
        with self.assertRaisesRegex(RuntimeError, "`abort`"):
            outputs.finish("abort", None)

        said = [("length", None), ("stop", None), ("stop", 2), ("stop", "x"), ("timeout", None)]
        found = [outputs.finish(*one) for one in said]
        self.assertEqual(found, ["length", "end_token", "end_token", "stop_string", "time"])
        with self.assertRaisesRegex(RuntimeError, "cancelled"):
            outputs.finish("cancelled", None)

    def test_scores_are_those_left_possible_by_id(self):
        one = lambda value: types.SimpleNamespace(logprob=value)
        steps = [{9: one(-0.5), 2: one(-1.0), 4: one(-math.inf)}]
        self.assertEqual(outputs.scores(steps), [[[2, -1.0], [9, -0.5]]])
        self.assertIsNone(outputs.scores(None))

    def test_tables_go_beside_the_rest(self):
        """Rows without any, with none for a step, and with some."""
        row = lambda scores: {"tokens": [1], "scores": scores}
        of = [[row(None), row([[(1, -0.5), (7, -2.0)], []])], [row([])]]
        made = {"prompts": [{"prompt_tokens": [3], "rows": rows} for rows in of], "timings": {}}
        bare, beside = outputs.without_tables(made)
        self.assertEqual([one["rows"] for one in bare["prompts"]], [[row(None)] * 2, [row(None)]])
        self.assertEqual(struct.unpack("<IIIIfIfII", beside), (0, 3, 2, 1, -0.5, 7, -2.0, 0, 1))
        # What was given is as it was.
        self.assertEqual(made["prompts"][1]["rows"], [row([])])


if __name__ == "__main__":
    unittest.main()
