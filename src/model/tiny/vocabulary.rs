//! The vocabulary of a random model: three special tokens, every byte, and merges for common
//! English, as byte-level BPE.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::model::config::{Architecture, ModelConfig};

/// Number of tokens.
pub(super) const SIZE: usize = 512;
/// Begin of sequence.
pub(super) const BOS: u32 = 0;
/// End of sequence.
pub(super) const EOS: u32 = 1;
/// Padding.
pub(super) const PAD: u32 = 2;

/// Tokens before the first byte.
pub(super) const SPECIAL: usize = SPECIALS.len();

const SPECIALS: [&str; 3] = ["<|bos|>", "<|eos|>", "<|pad|>"];

/// Pieces that become tokens, one byte pair after the other from the left. More of them than
/// fit: the list ends where the vocabulary is full.
const PIECES: &str = " the| a|in|er|on| and| of| to|re|at|es|ing|ed| is| it| that| for| with| was| as|\
    en|or|an|al|ar|st|le|nd|ou|se|ve|ll|ion|ent|ation|th|ch|sh| be| he| she| they| we| you| I|\
    ow|om|ic|el|ter|ly|us|ri|ro|ra|la|li|ne|de|ce|me|te|ty|ry| not| on| by| at| or| an| but|\
    from| have| had| this| which| one| all| would| there| what| so| up| out| if| about| who|\
    get| when| make| can| like| time| no| just| him| know| take| people| year| your| good| some|\
    could| them| see| other| than| then| now| look| only| come| its| over| think| also| back|\
    after| use| two| how| our| work| first| well| way| even| new| want| any| these| give| day|\
    most| The| In| It| A| He| She| We| You| They|. |, |ness|ment|able|ful|less|ck|ss|tt|oo|ee";

/// Tokens and merges.
pub(super) struct Vocabulary {
    arch: Architecture,
    tokens: Vec<String>,
    merges: Vec<(String, String)>,
}

/// The vocabulary of a random model of `arch`.
pub(super) fn vocabulary(arch: Architecture) -> Vocabulary {
    let bytes = byte_alphabet();
    let mut tokens: Vec<String> = SPECIALS.map(str::to_owned).to_vec();
    tokens.extend(bytes.values().map(char::to_string));
    let mut known: BTreeSet<String> = tokens.iter().cloned().collect();
    let mut merges = Vec::new();
    let mut add = |left: &str, right: &str| {
        let token = format!("{left}{right}");
        if tokens.len() < SIZE && known.insert(token.clone()) {
            merges.push((left.to_owned(), right.to_owned()));
            tokens.push(token);
        }
    };
    for piece in PIECES.split('|') {
        let mut token = String::new();
        for letter in piece.bytes().map(|byte| bytes[&byte].to_string()) {
            if !token.is_empty() {
                add(&token, &letter);
            }
            token.push_str(&letter);
        }
    }
    // Should the list ever be too short, pairs of letters fill up.
    for left in 'a'..='z' {
        for right in 'a'..='z' {
            add(&left.to_string(), &right.to_string());
        }
    }
    Vocabulary { arch, tokens, merges }
}

impl Vocabulary {
    /// `tokenizer.json`. Only Llama puts a BOS before a text, as its real tokenizers do.
    pub(super) fn tokenizer(&self) -> Value {
        let added: Vec<Value> = SPECIALS
            .iter()
            .enumerate()
            .map(|(id, content)| {
                json!({"id": id, "content": content, "single_word": false, "lstrip": false,
                       "rstrip": false, "normalized": false, "special": true})
            })
            .collect();
        let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false,
                                "trim_offsets": true, "use_regex": true});
        let post_processor = if self.arch == Architecture::Llama {
            let bos = json!({"SpecialToken": {"id": SPECIALS[0], "type_id": 0}});
            let text = |id: &str| json!({"Sequence": {"id": id, "type_id": 0}});
            json!({
                "type": "TemplateProcessing",
                "single": [bos, text("A")],
                "pair": [bos, text("A"), bos, text("B")],
                "special_tokens": {
                    SPECIALS[0]: {"id": SPECIALS[0], "ids": [BOS], "tokens": [SPECIALS[0]]}
                },
            })
        } else {
            byte_level.clone()
        };
        let vocab: serde_json::Map<String, Value> =
            self.tokens.iter().zip(0..).map(|(token, id)| (token.clone(), json!(id))).collect();
        let merges: Vec<Value> =
            self.merges.iter().map(|(left, right)| json!([left, right])).collect();
        json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added,
            "normalizer": null,
            "pre_tokenizer": byte_level,
            "post_processor": post_processor,
            "decoder": byte_level,
            "model": {
                "type": "BPE",
                "dropout": null,
                "unk_token": null,
                "continuing_subword_prefix": null,
                "end_of_word_suffix": null,
                "fuse_unk": false,
                "byte_fallback": false,
                "ignore_merges": false,
                "vocab": vocab,
                "merges": merges,
            },
        })
    }

    /// `tokenizer_config.json`.
    pub(super) fn tokenizer_config(&self, config: &ModelConfig) -> Value {
        json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": SPECIALS[0],
            "eos_token": SPECIALS[1],
            "pad_token": SPECIALS[2],
            "padding_side": "left",
            "clean_up_tokenization_spaces": false,
            "model_max_length": config.max_positions(),
        })
    }
}

/// The visible character that byte-level BPE (GPT-2's `bytes_to_unicode`) uses for each byte:
/// printable Latin-1 stands for itself, the others follow from U+0100 on.
fn byte_alphabet() -> BTreeMap<u8, char> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut next = 0x100..;
    let visible = (0..=u8::MAX).filter_map(|byte| {
        let letter = if printable(byte) { u32::from(byte) } else { next.next()? };
        Some((byte, char::from_u32(letter)?))
    });
    visible.collect()
}
