//! `wattest model`: model directories for tests and measurements.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use wattest::model::{Architecture, tiny};
use wattest_harness::Exit;

use crate::output::{Answer, Stop};

#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// Write a random model: config, tokenizer and weights, the same for the same seed.
    New(New),
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// Architecture: llama, qwen2 or gpt2.
    #[arg(long, value_name = "ARCH")]
    arch: Architecture,
    /// Seed of the weights.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How big it is.
    #[arg(long, value_enum, default_value_t = Size::Tiny)]
    size: Size,
    /// Positions that every layer but the first sees; qwen2 alone.
    #[arg(long, value_name = "N")]
    sliding_window: Option<usize>,
    /// Where it is written.
    dir: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Size {
    /// 2 layers of width 256: a few megabytes, for tests.
    Tiny,
    /// 124 million parameters, for measurements.
    Small,
}

pub(crate) fn answer(command: &Model) -> Answer {
    let Model::New(New { arch, seed, size, sliding_window, dir }) = command;
    let size = match size {
        Size::Tiny => tiny::Size::Tiny,
        Size::Small => tiny::Size::Small,
    };
    let options = tiny::Options { size, seed: *seed, sliding_window: *sliding_window };
    tiny::write_with(*arch, options, dir).map_err(Stop::fault)?;
    writeln!(std::io::stdout().lock(), "{}", dir.display())?;
    Ok(Exit::Ok)
}
