//! A case: one parameter at one value over the baseline.

use serde::{Deserialize, Serialize};

use crate::schema::KnownAnswer;
use crate::settings::{Settings, Value};

/// One parameter at one value over the baseline, or the baseline itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Unique, stable and ASCII: `<backend>::<path>=<value>`, `<backend>::!<path>=<value>` for a
    /// negative case, `<backend>::@baseline`.
    pub name: String,
    /// The backend that runs it.
    pub backend: String,
    /// What is expected of it.
    pub kind: Kind,
    /// Dotted path of the parameter; none for the baseline.
    pub parameter: Option<String>,
    /// The value under test, as it is given to the backend. Strings `@token.N` and `@text.N`
    /// anywhere in it stand for the N-th token (or its text) of the reference output, `@model` for
    /// the directory of the model.
    pub value: Option<Value>,
    /// Everything that is set: the companions and the value. For a negative case of a misspelt
    /// name this holds the misspelt name.
    pub settings: Settings,
    /// What the output is compared with: the companions alone, without the value.
    pub reference: Settings,
    /// The paths in `settings` that belong to loading: two cases with the same model and equal
    /// values here share one loaded engine.
    pub load_paths: Vec<String>,
    /// What must hold between this output and the reference output.
    pub relation: Relation,
    /// What the machine, the model and the build must have; checked when the case runs.
    pub requirements: Vec<Requirement>,
    /// The other name by which the parameter is given, where that is what is tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// What the engine is known to do with the value, where that is not what it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<KnownAnswer>,
}

impl Case {
    /// The settings as a person would give them: by the alias under test, where there is one.
    pub fn given(&self) -> Settings {
        let mut given = self.settings.clone();
        if let (Some(alias), Some(path)) = (&self.alias, &self.parameter)
            && let Some(value) = given.remove(path)
        {
            given.set(alias.clone(), value);
        }
        given
    }

    /// The settings that decide which engine is loaded.
    pub fn load_settings(&self) -> Settings {
        self.settings.only(|path| self.load_paths.iter().any(|load| load == path))
    }
}

/// What is expected of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// All parameters at their baseline.
    Baseline,
    /// A value that the engine must accept.
    Valid,
    /// A value or name that the engine must refuse before any work is done.
    Negative,
}

/// When a parameter acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Read when the model is loaded.
    Load,
    /// Read when the engine is made.
    Engine,
    /// Read when an engine file is built.
    Build,
    /// Read with each request, without a bearing on which tokens are right.
    Runtime,
    /// Read with each request: which tokens are chosen.
    Sampling,
}

impl Section {
    /// All of them, in the order of listings.
    pub const ALL: [Self; 5] =
        [Self::Load, Self::Engine, Self::Build, Self::Runtime, Self::Sampling];

    /// Whether a parameter of this section is part of the load key.
    pub fn is_load(self) -> bool {
        matches!(self, Self::Load | Self::Engine | Self::Build)
    }

    /// As it stands in files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Engine => "engine",
            Self::Build => "build",
            Self::Runtime => "runtime",
            Self::Sampling => "sampling",
        }
    }
}

/// What must hold between the output of a case and the output of its reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The same tokens, row for row.
    SameTokens,
    /// Other tokens, or other processed scores.
    Changes,
    /// Every row is the reference row or a beginning of it, and at least one is shorter.
    Limits,
    /// The same tokens as another case gives (its full name).
    Equals(String),
    /// Nothing is claimed.
    None,
}

/// What only some models have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelTrait {
    /// Every layer attends to all positions before.
    FullAttention,
    /// Layers that attend to their newest positions alone, fewer than a row may have.
    SlidingWindow,
}

/// A condition on machine, model and build that is checked when the case runs; where it does not
/// hold, the case is skipped with what was found instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Requirement {
    /// At least this many accelerators.
    Devices(u32),
    /// At least this CUDA compute capability, as `major.minor`.
    ComputeCapability(String),
    /// A cargo feature of this build.
    Feature(String),
    /// A `model_type` of `config.json`, one of these.
    Architecture(Vec<String>),
    /// A trait of the model, read off its `config.json`.
    Model(ModelTrait),
    /// At least this many processors for this process.
    Processors(u32),
    /// A package that the interpreter of the engines in Python could import.
    Package(String),
    /// A feature of the processor, as `/proc/cpuinfo` names it.
    Cpu(String),
    /// An operating system, as Rust names it: `linux`, `macos`.
    System(String),
}
