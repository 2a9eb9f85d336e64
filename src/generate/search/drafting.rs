//! The drafts of a request: what makes them, how long they may be, what became of them.

use crate::generate::config::{AssistantSchedule, GenerationConfig};
use crate::generate::model::CausalLm;
use crate::generate::output::Drafts;

/// What is kept of drafts between the prompts of a request.
pub(crate) struct Drafting<'m> {
    /// The model that makes them; none where they are looked up.
    pub(super) assistant: Option<&'m dyn CausalLm>,
    schedule: AssistantSchedule,
    /// Most tokens of the first draft of a request.
    first: usize,
    /// Most tokens of the next one.
    limit: usize,
    drafts: Drafts,
    /// Whether the request has drafts at all.
    wanted: bool,
}

impl<'m> Drafting<'m> {
    pub(crate) fn new(config: &GenerationConfig, assistant: Option<&'m dyn CausalLm>) -> Self {
        let looked_up = config.prompt_lookup_num_tokens;
        let first = config.num_assistant_tokens.or(looked_up).unwrap_or(0);
        let schedule = config.num_assistant_tokens_schedule;
        Self {
            assistant,
            schedule: schedule.unwrap_or(AssistantSchedule::Constant),
            first,
            limit: first,
            drafts: Drafts::default(),
            wanted: config.is_assisted() || looked_up.is_some(),
        }
    }

    /// A prompt begins.
    pub(super) fn begin(&mut self) {
        if self.schedule == AssistantSchedule::HeuristicTransient {
            self.limit = self.first;
        }
    }

    /// Most tokens of the next draft.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A draft of `drafted` tokens was checked: the model chose `accepted` of them, and `chosen`
    /// tokens in all.
    ///
    /// The heuristic is that of transformers 5.23.0 (`update_candidate_strategy` of
    /// `generation/candidate_generator.py`): two more after a draft that was right to its end and
    /// left room for one token of the model, one less after any other. Nothing drafted is right.
    pub(super) fn checked(&mut self, drafted: usize, accepted: usize, chosen: usize) {
        self.drafts.rounds += 1;
        self.drafts.drafted += drafted as u64;
        self.drafts.accepted += accepted as u64;
        if self.schedule != AssistantSchedule::Constant {
            self.limit = match chosen > drafted {
                true => self.limit + 2,
                false => self.limit.saturating_sub(1).max(1),
            };
        }
    }

    /// What became of all drafts; none where the request has none.
    pub(crate) fn into_drafts(self) -> Option<Drafts> {
        self.wanted.then_some(Drafts { next_limit: self.limit, ..self.drafts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drafting(schedule: AssistantSchedule, first: usize) -> Drafting<'static> {
        let config = GenerationConfig {
            has_assistant: true,
            num_assistant_tokens: Some(first),
            num_assistant_tokens_schedule: Some(schedule),
            ..GenerationConfig::default()
        };
        Drafting::new(&config, None)
    }

    /// The limits after each of `rounds` of (drafted, accepted, chosen).
    fn limits(drafting: &mut Drafting<'_>, rounds: &[(usize, usize, usize)]) -> Vec<usize> {
        let mut after = |(drafted, accepted, chosen): &(usize, usize, usize)| {
            drafting.checked(*drafted, *accepted, *chosen);
            drafting.limit()
        };
        rounds.iter().map(&mut after).collect()
    }

    /// A draft of five all right, all wrong, half right, right but ended by its last token, and
    /// none at all.
    const ROUNDS: [(usize, usize, usize); 5] =
        [(5, 5, 6), (5, 0, 1), (5, 2, 3), (5, 5, 5), (0, 0, 1)];

    #[test]
    fn a_right_draft_makes_the_next_longer_by_two_and_a_wrong_one_shorter_by_one() {
        let heuristic = limits(&mut drafting(AssistantSchedule::Heuristic, 5), &ROUNDS);
        assert_eq!(heuristic, [7, 6, 5, 4, 6]);
        let transient = limits(&mut drafting(AssistantSchedule::HeuristicTransient, 5), &ROUNDS);
        assert_eq!(transient, heuristic);
        let constant = limits(&mut drafting(AssistantSchedule::Constant, 5), &ROUNDS);
        assert_eq!(constant, [5; 5]);
        let least = limits(&mut drafting(AssistantSchedule::Heuristic, 2), &[(2, 0, 1); 3]);
        assert_eq!(least, [1, 1, 1]);
    }

    #[test]
    fn only_what_is_transient_begins_anew_with_a_prompt() {
        for (schedule, expected) in [
            (AssistantSchedule::Constant, 5),
            (AssistantSchedule::Heuristic, 7),
            (AssistantSchedule::HeuristicTransient, 5),
        ] {
            let mut drafting = drafting(schedule, 5);
            drafting.checked(5, 5, 6);
            drafting.begin();
            assert_eq!(drafting.limit(), expected, "{schedule:?}");
        }
    }

    #[test]
    fn everything_is_counted() {
        let mut drafting = drafting(AssistantSchedule::Heuristic, 5);
        limits(&mut drafting, &ROUNDS);
        let expected = Drafts { rounds: 5, drafted: 20, accepted: 12, next_limit: 6 };
        assert_eq!(drafting.into_drafts(), Some(expected));
        assert_eq!(Drafting::new(&GenerationConfig::default(), None).into_drafts(), None);
    }
}
