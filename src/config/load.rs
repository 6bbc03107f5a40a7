//! From the file and the environment to a checked configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::given::Given;
use super::problem::{Origin, Problem, Problems};
use super::settings::Settings;
use super::show::Effective;
use super::{Config, build, rules, text};
use crate::record::ReplayId;

/// What the name of every variable that sets a key starts with. Two underscores, so that no
/// Kubernetes service link (`ENTRA_FORWARDER_PORT=tcp://...`) can match.
pub(super) const PREFIX: &str = "ENTRA_FORWARDER__";

/// The variable with the path of the file.
const PATH_VARIABLE: &str = "ENTRA_FORWARDER_CONFIG";

/// The variable with the text of the file.
const TEXT_VARIABLE: &str = "ENTRA_FORWARDER_CONFIG_TOML";

/// A configuration file, read. Not `Debug`: it may hold secrets.
#[derive(Clone)]
pub struct FileText {
    /// What problems call it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A configuration without mistakes.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the program runs by.
    pub config: Config,
    /// What is allowed, but may not be meant.
    pub warnings: Vec<String>,
    /// Every value with its origin, for `config show`.
    pub effective: Effective,
}

/// Checks a file, if there is one, and the environment, which wins. Variables that do not set a
/// key are passed over. Reads the files that `..._file` keys name.
///
/// # Errors
/// All mistakes at once. After a syntax error in the file that is the only one.
pub fn load(
    file: Option<FileText>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, Problems> {
    load_for_replay(file, env, None)
}

/// The same for sinks whose records are marked as those of a replay.
///
/// # Errors
/// As [`load`].
pub fn load_for_replay(
    file: Option<FileText>,
    env: impl IntoIterator<Item = (String, String)>,
    replay: Option<ReplayId>,
) -> Result<Loaded, Problems> {
    let mut given = Given::default();
    if let Some(file) = file {
        match text::read_toml(&file.name, &file.text) {
            Ok(root) => given.file(root),
            Err(problem) => return Err(Problems::new(vec![*problem])),
        }
    }
    given.environment(PREFIX, env.into_iter().collect::<BTreeMap<_, _>>());
    let mut problems = Vec::new();
    let mut settings = Settings::check(given, &mut problems);
    let warnings = rules::check(&mut settings, &mut problems);
    if problems.is_empty() {
        if let Some(config) = build::build(&settings, replay) {
            return Ok(Loaded {
                config,
                warnings,
                effective: Effective::new(settings),
            });
        }
        // Cannot happen as long as every rule reports what `build` needs; better said than hidden.
        problems.push(Problem {
            path: "the configuration".to_owned(),
            found: "incomplete in a way that no rule names".to_owned(),
            expected: "a complete one".to_owned(),
            hint: Some("please report this".to_owned()),
            origin: None,
        });
    }
    Err(Problems::new(problems))
}

/// Reads the configuration file: the one of `path` (`--config`), else the one that
/// `ENTRA_FORWARDER_CONFIG` names, or the text in `ENTRA_FORWARDER_CONFIG_TOML`. An empty
/// variable counts as none. Gives `None` when there is none of them.
///
/// # Errors
/// A file that cannot be read, or a path beside a text.
pub fn read_file(
    path: Option<&Path>,
    env: &[(String, String)],
) -> Result<Option<FileText>, Problems> {
    let variable = |wanted: &str| {
        env.iter()
            .find(|(name, value)| name == wanted && !value.is_empty())
            .map(|(_, value)| value)
    };
    let from_variable = variable(PATH_VARIABLE).map(PathBuf::from);
    let path = path.map(Path::to_path_buf).or(from_variable);
    let text = variable(TEXT_VARIABLE);
    let failed = |found: &str, expected: &str, hint: &str| {
        Err(Problems::new(vec![Problem {
            path: "the configuration file".to_owned(),
            found: found.to_owned(),
            expected: expected.to_owned(),
            hint: Some(hint.to_owned()),
            origin: None::<Origin>,
        }]))
    };
    match (path, text) {
        (None, None) => Ok(None),
        (None, Some(text)) => Ok(Some(FileText {
            name: TEXT_VARIABLE.to_owned(),
            text: text.clone(),
        })),
        (Some(_), Some(_)) => failed(
            "given twice",
            "a path or a text",
            "remove --config and ENTRA_FORWARDER_CONFIG, or ENTRA_FORWARDER_CONFIG_TOML",
        ),
        (Some(path), None) => match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(FileText {
                name: path.display().to_string(),
                text,
            })),
            Err(error) => failed(
                &format!(
                    "{}, which cannot be read ({})",
                    path.display(),
                    error.kind()
                ),
                "a readable TOML file",
                "give its path by --config or ENTRA_FORWARDER_CONFIG",
            ),
        },
    }
}

/// The environment of this process, for [`load`] and [`read_file`]. Names and values that are
/// not Unicode get replacement characters, which no key accepts silently: names do not match,
/// and texts of keys are checked.
pub fn process_environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        })
        .collect()
}
