//! The way to a container, and by whose right.

use url::Url;

use super::super::address::Address;
use super::super::network::{self, Way};
use super::{BlobPart, Cause, Claims, Config, Log, Point, Role, expiry, signatures, token};

/// Goes to a container as far as it comes: gives the claims of the token, if there is one that can
/// be read, or the point at which it ended.
pub(crate) async fn reach(
    log: &Log,
    config: &Config,
    part: &BlobPart,
    place: &str,
) -> Result<Option<Claims>, Point> {
    let Some(address) = Address::of_text(part.url.expose()) else {
        let seen = format!("{place} names no host");
        log.failed(
            Point::Name,
            Cause::Configuration,
            seen,
            "give the container's URL",
        );
        return Err(Point::Name);
    };
    if let Err(failed) = network::walk(log, &Way::to(address)).await {
        let behind = [Point::Tcp, Point::Tls, Point::Credential];
        let reached = behind.iter().position(|it| *it == failed);
        let behind = behind.get(reached.map_or(0, |it| it + 1)..);
        log.skipped(behind.unwrap_or_default(), failed);
        return Err(failed);
    }
    match &part.credential {
        Some(credential) => token::ask(log, credential, token::STORAGE)
            .await
            .map_err(|()| Point::Credential),
        None => signature(log, config, place).map(|()| None),
    }
}

fn signature(log: &Log, config: &Config, place: &str) -> Result<(), Point> {
    let mut known = signatures::signatures(config).into_iter();
    let Some(known) = known.find(|known| known.place == place) else {
        let seen = format!("the signature in {place} does not say when it ends");
        let remedy = "look at the stored access policy that it belongs to";
        log.note(Point::Credential, seen, remedy);
        return Ok(());
    };
    let what = format!("the signature in {place}");
    match expiry::report(log, &what, place, known.ends) {
        true => Ok(()),
        false => Err(Point::Credential),
    }
}

/// The command that gives the role on a container, where an identity is used.
pub(crate) fn role_command(part: &BlobPart, claims: Option<&Claims>) -> Option<String> {
    part.credential.as_ref()?;
    let url = Url::parse(part.url.expose()).ok()?;
    let mut names: Vec<&str> = url.path_segments()?.filter(|it| !it.is_empty()).collect();
    let container = names.pop()?;
    // Emulators have the account in the path.
    let account = match names.pop() {
        Some(account) => account,
        None => url.host_str()?.split('.').next()?,
    };
    let role = Role::Blobs { account, container };
    Some(role.command(claims))
}

/// Whether the right is known not to allow to delete: a signature that lists others only.
pub(crate) fn may_not_delete(part: &BlobPart) -> bool {
    let Ok(url) = Url::parse(part.url.expose()) else {
        return false;
    };
    if part.credential.is_some() {
        return false;
    }
    let permissions = url.query_pairs().find(|(name, _)| name == "sp");
    permissions.is_none_or(|(_, listed)| !listed.contains('d'))
}
