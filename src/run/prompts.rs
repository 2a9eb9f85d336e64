//! The prompts that every case continues.

use crate::backends::Prompt;

/// Texts of clearly different lengths, so that a batch needs padding; the second repeats itself,
/// so that controls over n-grams and prompt lookup have something to act on.
const TEXTS: [&str; 4] = [
    "The capital of France is",
    "The cat sat on the mat. The dog sat on the mat. The cat sat on the mat. The dog sat on",
    "Energy is measured in joules. A kettle that draws two kilowatts for three minutes uses \
     three hundred and sixty kilojoules, which is a tenth of a kilowatt-hour. A data centre \
     that serves a language model",
    "Once upon a time, in a village by the sea,",
];

/// The prompts, in the order of the outputs.
pub fn prompts() -> Vec<Prompt> {
    TEXTS.iter().map(|text| Prompt::Text((*text).to_owned())).collect()
}
