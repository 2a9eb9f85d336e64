//! `wattest run --requests`: requests answered by a backend in this process.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::fd::AsFd as _;

use wattest::capture::Redirect;
use wattest::run::requests::{self, RequestsError};
use wattest::settings::Settings;
use wattest_harness::Exit;

use crate::output::{Answer, Format, Stop};
use crate::run::{self, Run};

pub(crate) fn answer(command: &Run, requests: &str) -> Answer {
    if command.format == Some(Format::Text) {
        return Err(Stop::fault("answers are JSON; use --format json"));
    }
    let missing = |what: &str| Stop::fault(format!("--requests needs {what}"));
    let name = command.backend.as_ref().ok_or_else(|| missing("--backend NAME"))?;
    let model = command.model.as_ref().ok_or_else(|| missing("--model DIR"))?;
    let backend = run::backend(command, name)?;
    run::model(name, model)?;
    let names = run::table(command, name)?.map(|table| table.names()).unwrap_or_default();
    let settings: Settings = serde_json::from_str(command.settings.as_deref().unwrap_or("{}"))
        .map_err(|error| Stop::fault(format!("--settings is no JSON object: {error}")))?;
    let input: Box<dyn BufRead> = match requests {
        "-" => Box::new(io::stdin().lock()),
        file => Box::new(BufReader::new(
            File::open(file)
                .map_err(|error| Stop::fault(format!("{file}: cannot be read: {error}")))?,
        )),
    };
    // Engines log to standard output, where the answers go.
    let redirect = Redirect::install(io::stderr().as_fd(), io::stderr().as_fd())?;
    let output = File::from(redirect.stdout().try_clone_to_owned()?);
    match requests::serve(&*backend, model, &names, &settings, input, output) {
        Ok(tally) if tally.failed > 0 => Ok(Exit::Failed),
        Ok(_) => Ok(Exit::Ok),
        Err(RequestsError::Write { source, .. }) => Err(source.into()),
        Err(error) => Err(Stop::fault(error)),
    }
}
