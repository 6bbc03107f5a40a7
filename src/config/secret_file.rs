//! Files that hold one secret each.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::kind::{Mistake, SecretRule, bytes};

/// Reads the file, without the line breaks at its end. Where its `rule` takes bytes and it is no
/// text, its bytes are given in base64.
///
/// # Errors
/// The mistake. It shows the path only when its directory exists: otherwise the text may be a
/// secret that was put at the wrong key.
pub(super) fn read(path: &str, rule: SecretRule) -> Result<String, Mistake> {
    let shown = shown(path);
    let failed = |reason: &str| Mistake::new(format!("{shown}, which {reason}"));
    let (mut content, largest) = (Vec::new(), rule.bytes_max());
    File::open(path)
        .and_then(|file| file.take(largest + 1).read_to_end(&mut content))
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => failed("does not exist"),
            std::io::ErrorKind::PermissionDenied => failed("may not be read by this process"),
            std::io::ErrorKind::IsADirectory => failed("is a directory"),
            kind => failed(&format!("cannot be read ({kind})")),
        })?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > largest {
        return Err(failed(&format!("is larger than {}", bytes(largest))));
    }
    let text = match String::from_utf8(content) {
        Ok(text) => text,
        Err(error) if rule.takes_bytes() => STANDARD.encode(error.as_bytes()),
        Err(_) => return Err(failed("is not UTF-8 text")),
    };
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(failed("is empty"));
    }
    Ok(secret.to_owned())
}

fn shown(path: &str) -> String {
    let parent = Path::new(path).parent();
    let known = parent.is_some_and(|parent| parent.parent().is_some() && parent.is_dir());
    if known {
        format!("the file {}", path.escape_debug())
    } else {
        "a file".to_owned()
    }
}
