//! Files that hold one secret each.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::kind::Mistake;

/// Largest file that is taken for a secret: more than any connection string, signature or
/// certificate chain needs.
const BYTES_MAX: u64 = 64 * 1024;

/// Reads the file, without the line breaks at its end. Where it may be `binary` and is no text,
/// its bytes are given in base64.
///
/// # Errors
/// The mistake. It shows the path only when its directory exists: otherwise the text may be a
/// secret that was put at the wrong key.
pub(super) fn read(path: &str, binary: bool) -> Result<String, Mistake> {
    let shown = shown(path);
    let failed = |reason: &str| Mistake::new(format!("{shown}, which {reason}"));
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => failed("does not exist"),
            std::io::ErrorKind::PermissionDenied => failed("may not be read by this process"),
            std::io::ErrorKind::IsADirectory => failed("is a directory"),
            kind => failed(&format!("cannot be read ({kind})")),
        })?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > BYTES_MAX {
        return Err(failed("is larger than 64KiB"));
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if binary => STANDARD.encode(error.as_bytes()),
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
