//! Commands as processes of their own.

use crate::forwarder::{Forwarder, Settings};

/// How a command ended and what it said.
pub(crate) struct Told {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// Its standard output.
    pub(crate) out: String,
    /// Its sentences: lines of standard error that are no log lines.
    pub(crate) sentences: Vec<String>,
}

/// Runs a command with this configuration to its end.
pub(crate) async fn told(settings: &Settings, arguments: &[&str]) -> Told {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forwarder.toml");
    std::fs::write(&file, settings.toml()).unwrap();
    let file = file.to_string_lossy();
    let arguments = [arguments, &["--config", &file]].concat();
    let mut command = Forwarder::start(&arguments, Vec::new());
    let code = command.exit().await;
    let err = command.err_lines();
    let text = command.text();
    let lines: Vec<&str> = text.lines().collect();
    let sentences = err.iter().filter(|line| line.starts_with("error: "));
    Told {
        code,
        out: lines[..lines.len() - err.len()].join("\n"),
        sentences: sentences.cloned().collect(),
    }
}

impl Told {
    /// It did what it was asked to.
    pub(crate) fn done(self) -> String {
        assert_eq!(
            (self.code, &self.sentences),
            (Some(0), &vec![]),
            "{}",
            self.out
        );
        self.out
    }

    /// It refused in one sentence that has these words.
    pub(crate) fn refused(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{} {:?}", self.out, self.sentences);
        let [sentence] = self.sentences.as_slice() else {
            panic!("not one sentence: {:?}", self.sentences);
        };
        for word in words {
            assert!(sentence.contains(word), "{word:?} is not in {sentence:?}");
        }
    }
}
