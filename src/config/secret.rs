//! Secrets: text that never shows itself, and the file that it may come from.

use std::fmt;

use super::kind::SecretRule;
use super::secret_file;

/// A value that never shows itself: `Debug` and `Display` print `REDACTED`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: String,
    file: Option<SecretFile>,
}

impl Secret {
    /// Takes the plain text.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            file: None,
        }
    }

    /// The plain text. Whatever it is put into must not be logged.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The file that it came from, which may have another content by now.
    pub fn file(&self) -> Option<&SecretFile> {
        self.file.as_ref()
    }

    /// The same with the file that it came from.
    pub(super) fn from_file(text: impl Into<String>, file: SecretFile) -> Self {
        Self {
            text: text.into(),
            file: Some(file),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("REDACTED")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("REDACTED")
    }
}

/// A file that holds one secret, and what the secret must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    path: String,
    rule: SecretRule,
}

/// Why a file gives no secret. Shows no part of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SecretFileError(String);

impl SecretFile {
    /// Whatever is in this file must be as `rule` says.
    pub(super) fn new(path: &str, rule: SecretRule) -> Self {
        Self {
            path: path.to_owned(),
            rule,
        }
    }

    /// Reads the file as it is now. Blocks for as long as the file system does.
    ///
    /// # Errors
    /// When there is no such file, or its content cannot be right.
    pub fn read(&self) -> Result<Secret, SecretFileError> {
        let read = secret_file::read(&self.path, self.rule);
        let text = read.map_err(|mistake| SecretFileError(mistake.found))?;
        match self.rule.check(&text) {
            Ok(()) => Ok(Secret::from_file(text, self.clone())),
            Err(mistake) => Err(SecretFileError(format!(
                "a file with {}, expected {}",
                mistake.found,
                self.rule.expected()
            ))),
        }
    }
}
