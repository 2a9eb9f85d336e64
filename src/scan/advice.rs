//! What libraries say of their own settings on lines that no logger rates: advice, and what became of
//! a value. Where Python's `logging` is not set up it prints warnings so, and transformers did.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::rules::compile_exact_bytes;

/// The rule on advice.
pub(super) const ADVICE: &str = "advice";

/// What is advised against, or may come of it.
static ADVISED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile_exact_bytes(
        r"(?x)
        ^You(?:'re|'ve|\ (?:are|have|should|passed|seem|set|need|must|did|didn't|don't|requested|cannot|can't|shouldn't|tried|asked|want|provided|called|specified))\b
        | ^It\ (?:looks\ like|seems)\b | \b[Yy]ou\ (?:should|might\ want|may\ want|need\ to|must|may\ need|can\ (?:safely\ )?ignore)\b
        | \b[Pp]lease\ (?:\w+ly\ )?(?:make|set|pass|use|install|update|upgrade|provide|specify|ensure|check|double|open|consider|see|note|refer|add|be|remove|rename|modify|report|file|call|switch|run|try|convert|verify|explicitly|increase|reduce|move)\b
        | \b(?:[Ww]e|[Ii]t\ is|[Ii]t's|[Ii]s|[Aa]re)\ (?:not\ )?(?:strongly\ |highly\ )?(?:recommend|suggest|advise|encouraged|discouraged)(?:ed)?\b
        | \b[Cc]onsider\ \w+ing\b
        | \b(?:may|might|could|will|would)\ (?:\w+ly\ |also\ )?(?:lead\ to|result\ in|cause|not\ \w+|produce\ \w+|behave|fail|break|degrade|hang|hurt|slow|raise|throw|have\ no)\b
        | \b(?:may|might|could|will)\ (?:\w+ly\ )?be\ (?:very\ |much\ )?(?:slow|slower|inaccurate|wrong|degraded|unexpected|sub-?optimal|incorrect|unstable|ignored|dropped|overridden|overwritten|skipped|truncated|randomly|disabled|missing|assumed|set\ to|changed)\b
        | \b[Uu]nexpected\ (?:behaviou?rs?|results?|outputs?|keys?|errors?)\b
        | \b(?:has|have|had)\ no\ effect\b
        | \bperformance\ (?:\w+\ ){1,3}(?:sub-?optimal|degraded|reduced|worse|poor)
        | \b(?:is|are|was|were|been)\ (?:now\ |being\ )?(?:ignored|overwritten|overridden|unused|dropped|truncated|not\ (?:set|used|valid|initialized|implemented|recognized|recognised|supported|expected|recommended|compatible|specified|passed|provided|found|available|installed|loaded|enabled))\b
        | \b(?:does\ not|doesn't|do\ not|don't|did\ not|didn't)\ (?:support|match|have|contain|exist|work|provide|specify|define|appear)\b
        | \b(?:experimental|deprecated|out\ of\ date|outdated|too\ old|longer\ than\ the)\b
        | \b(?:[Ii]gnoring|[Ss]kipping|[Oo]verriding|[Oo]verwriting|[Dd]efaulting\ to|[Ff]orcing)\b
        ",
    )
});

/// What a library speaks of, and a story does not.
static MATTER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile_exact_bytes(
        r"(?x)
        `[^`]+` | \b\w+_\w+\b | (?:^|\s)--[a-z][\w-]+ | \b[A-Z][a-z0-9]+[A-Z]\w* | \w\(\)
        | \b(?:[Tt]okenizers?|[Cc]heckpoints?|config|[Cc]onfigurations?|kernels?|GPUs?|CUDA|[Aa]ttention|dtype|embeddings?|[Qq]uantiz\w+|backend|PyTorch|torch|HF|argument|parameter|kwargs|padding|cached?)\b
        ",
    )
});

/// Whether `body`, which no logger rates, is advice of a library.
pub(super) fn is_advice(body: &str) -> bool {
    let sentence =
        body.starts_with(|first: char| first.is_ascii_uppercase() || "`'\"".contains(first));
    let words = body.split_ascii_whitespace().take(6).count();
    let holds = |pattern: &LazyLock<Option<Regex>>| {
        pattern.as_ref().is_some_and(|pattern| pattern.is_match(body.as_bytes()))
    };
    let hint =
        ["Hint:", "Tip:", "SKIPPED", "XFAIL", "PASSED"].iter().any(|start| body.starts_with(start));
    sentence && !hint && words >= 6 && !body.ends_with('?') && holds(&ADVISED) && holds(&MATTER)
}

/// What transformers says at INFO: its lines look like its warnings, and nothing of these is one.
static ROUTINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile_exact_bytes(
        r"(?x)^\W*(?:
        (?:[Ll]oading|[Ss]aving|[Ii]nitializing|Logging|Uploading|Deleting|Resuming|Continuing|Converting|Freezing|Warming|Waiting|Writing|Tuning|Adding|Assigning|Starting|Syncing|Fast-forwarding|Instantiating|Creating|Downloading|Pushing|Restoring|Training\ completed|Attempting\ to\ (?:create|resume|convert)|Save)\b
        | (?:Setting|Set)\ (?:`(?:config|return)|axis|graph|TF32) | Using\ cuda\ graphs | Paged\ cache | Memory\ available
        | Warmup | CPU\ swap | Detected\ (?:DeepSpeed|adapters|mistral) | Force\ dequantize | By\ default\ `
        | `?\w+`?\ is\ `?None`?[.,]\ [Ii]nitializing | Could\ not\ locate\ the\ [\w\ ]+\ configuration\ file
        | Generation\ config\ file\ not\ found
        | Offline\ mode | Model\ config\ [A-Z]\w+ | Generate\ config | Configuration\ saved | PyTorch:\ setting
        | (?:[Ii]mage\ |[Vv]ideo\ |[Ff]eature\ )?(?:processor|extractor|Processor)\ [\w.]+\ ?\{
        | Will\ use\ dtype | Since\ the\ `dtype` | Automatic\ | All\ (?:model\ checkpoint|the\ weights|keys\ matched)
        | [\w\ ]{1,40}\ saved\ in\ | [\w\ ]{1,60}\ (?:enabled|loaded|completed|successfully)\.?$
        | (?:Num|Number|Total|Instantaneous|Gradient|Batch)\ [\w\ ]+ | Running\ \w+\ \*
        | [\w\ ().,&]{1,80}\ =\
        )",
    )
});

/// Whether a line of transformers without a level is routine.
pub(super) fn is_routine(body: &str) -> bool {
    ROUTINE.as_ref().is_some_and(|pattern| pattern.is_match(body.as_bytes()))
}
