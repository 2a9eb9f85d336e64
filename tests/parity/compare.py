"""The judgement of a case: equal, or how the two answers differ."""

from dataclasses import dataclass

from reference import Answer

# Log-probabilities further apart than this differ.
TOLERANCE = 1e-3
# Scores nearer than this may change places by rounding alone.
TIE = 1e-4
# What `remove_invalid_values` makes of a masked token is the lowest float: no probability at all.
NOTHING = -1e30


@dataclass
class Result:
    """One comparison."""

    control: str
    equal: bool
    told: str = ""
    tells: bool = False


@dataclass
class Count:
    """The comparisons of one control on one architecture."""

    equal: int = 0
    different: int = 0
    tells: int = 0

    def add(self, result):
        """Counts one more."""
        self.equal += result.equal
        self.different += not result.equal
        self.tells += result.tells

    def __str__(self):
        verdict = f"{self.equal} equal" + (f", {self.different} DIFFERENT" if self.different else "")
        return f"{verdict} ({self.tells} tell) "


def answer(line, case):
    """An answer line of `wattest run`."""
    if "error" in line:
        error = line["error"]
        return Answer(error=f"{error['kind']}: {error['message']}")
    scores = line.get("row_scores", [line["scores"]] if "scores" in line else None)
    if scores is not None:
        scores = [[{token: log for token, log in step} for step in row] for row in scores]
    if case.mode == "beam":
        scores = None
    return Answer(line["tokens"], scores, line.get("sequence_scores"))


def same(control, own, other):
    """A comparison of plain values."""
    return Result(control, own == other, f"  wattest       {own}\n  transformers  {other}")


def judged(case, own, other, over):
    """Compares our answer with the reference's; `over` is its answer without the control."""
    if case.mode == "refused":
        return refused(case, own, other)
    if case.mode == "idle":
        return idle(case, own, other, over)
    tells = differ(over, other)
    if own.error or other.error:
        # A case that the reference does not answer tests nothing: it is wrong itself.
        told = both(case, own.error or own.tokens, other.error or other.tokens)
        return Result(case.control, False, told, tells)
    if case.mode != "sample" and own.tokens != other.tokens:
        told = both(case, own.tokens, other.tokens) + tie(own, other)
        return Result(case.control, False, told, tells)
    fault = scores_differ(own.scores, other.scores) if other.scores is not None else None
    fault = fault or ranking_differs(own.sequence_scores, other.sequence_scores)
    if fault:
        return Result(case.control, False, f"  {asked(case)}\n  {fault}", tells)
    return Result(case.control, True, tells=tells)


def refused(case, own, other):
    """What the reference refuses must be refused, not fail in some other way."""
    if other.error is None:
        return Result(case.control, False, f"  {asked(case)}\n  transformers does not refuse this")
    equal = own is other or (own.error or "").startswith("refused: ")
    told = both(case, own.error or own.tokens, other.error)
    return Result(case.control, equal, told, True)


def differ(over, other):
    """Whether two answers of the reference differ by more than rounding."""
    if (over.tokens, over.error) != (other.tokens, other.error):
        return True
    if over.scores and other.scores and scores_differ(over.scores, other.scores):
        return True
    return ranking_differs(over.sequence_scores, other.sequence_scores) is not None


def ranking_differs(own, other):
    """The first difference in the ranking scores of beam search, in words."""
    if other is None:
        return None
    if own is None or len(own) != len(other):
        return f"ranking scores {own}, in transformers {other}"
    for row, (mine, theirs) in enumerate(zip(own, other, strict=True)):
        if mine is None or abs(mine - theirs) > TOLERANCE:
            return f"row {row}: ranking score {mine}, in transformers {theirs}"
    return None


def idle(case, own, other, over):
    """What the reference passes over is refused here, so that no one takes it to be in force."""
    if differ(over, other):
        return Result(case.control, False, f"  {asked(case)}\n  transformers heeds this", True)
    equal = own is other or (own.error or "").startswith("refused: ")
    return Result(case.control, equal, both(case, own.error or own.tokens, other.tokens))


def scores_differ(own, other):
    """The first place where two sets of processed scores differ, in words; None where none does."""
    if own is None:
        return "wattest gave no scores"
    for row, (mine, theirs) in enumerate(zip(own, other, strict=True)):
        if len(mine) != len(theirs):
            return f"row {row}: {len(mine)} steps of scores, but {len(theirs)} in transformers"
        for step, (left, right) in enumerate(zip(mine, theirs, strict=True)):
            if left.keys() != right.keys():
                more, less = sorted(left.keys() - right.keys()), sorted(right.keys() - left.keys())
                return (
                    f"row {row}, step {step}: {len(left)} tokens left possible, {len(right)} in "
                    f"transformers; only here {more[:8]}, only there {less[:8]}" + edge(left, right)
                )
            for token, log in right.items():
                mine_is = left[token]
                if log < NOTHING and mine_is is not None and mine_is < NOTHING:
                    continue
                if mine_is is None or abs(mine_is - log) > TOLERANCE:
                    return f"row {row}, step {step}, token {token}: {mine_is}, in transformers {log}"
    return None


def edge(left, right):
    """A remark where the token in dispute is nearly tied with one at the edge of the other set."""
    more, less = left.keys() - right.keys(), right.keys() - left.keys()
    gaps = [
        abs(side[token] - side[last])
        for side, extra in ((left, more), (right, less))
        for token in extra
        for last in sorted(side.keys() - extra, key=side.get)[:1]
    ]
    return f" (near tie: gap {min(gaps):.1e})" if gaps and min(gaps) < TIE else ""


def tie(own, other):
    """A remark where the answers part at scores so near that rounding decides."""
    if other.scores is None:
        ours, theirs = own.sequence_scores, other.sequence_scores
        if ours and theirs and len(ours) == len(theirs):
            gap = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
            return f"\n  (near tie: beam scores within {gap:.1e})" if gap < TIE else (
                f"\n  beam scores {ours} and {theirs}"
            )
        return ""
    for row, (mine, theirs) in enumerate(zip(own.tokens, other.tokens, strict=False)):
        for step, (left, right) in enumerate(zip(mine, theirs, strict=False)):
            if left != right:
                scores = other.scores[row][step]
                gap = abs(scores.get(right, 0.0) - scores.get(left, float("-inf")))
                near = "near tie: " if gap < TIE else ""
                return f"\n  ({near}row {row} parts at step {step}, gap {gap:.1e} in transformers)"
    return ""


def asked(case):
    """What was asked."""
    lengths = [len(prompt) for prompt in case.prompts]
    return f"prompts of {lengths} tokens, {case.settings}"


def both(case, own, other):
    """Both answers, one under the other."""
    return f"  {asked(case)}\n  wattest       {own}\n  transformers  {other}"
