//! Which keys fit which type of credential, and whether a named credential exists.

use crate::config::problem::Problem;
use crate::config::view::View;

/// The keys of a credential beside its type.
const KEYS: [&str; 5] = [
    "tenant_id",
    "client_id",
    "client_secret",
    "certificate",
    "certificate_password",
];

/// Checks one credential.
pub(super) fn check(view: &View<'_>, problems: &mut Vec<Problem>) {
    let Some(kind) = view.word("type") else {
        return;
    };
    let (needs, allows): (&[&str], &[&str]) = match kind {
        "client_secret" => (&["tenant_id", "client_id", "client_secret"], &[]),
        "client_certificate" => (
            &["tenant_id", "client_id", "certificate"],
            &["certificate_password"],
        ),
        "workload_identity" => (&[], &["tenant_id", "client_id"]),
        "azure_cli" => (&[], &[]),
        _ => (&[], &["client_id"]),
    };
    check_keys(view, kind, &KEYS, (needs, allows), problems);
}

/// Checks that of `keys` there are those that the type needs, and none but those and the ones that
/// it allows. A key may be a table.
pub(super) fn check_keys(
    view: &View<'_>,
    kind: &str,
    keys: &[&str],
    (needs, allows): (&[&str], &[&str]),
    problems: &mut Vec<Problem>,
) {
    let fits = [needs, allows].concat();
    for key in keys.iter().copied() {
        let is_there = view.is_tried(key) || view.below(key).next().is_some();
        if is_there && !fits.contains(&key) {
            let mut problem = view.problem(
                key,
                "not a key of this type",
                match fits.as_slice() {
                    [] => format!("no other key beside type = \"{kind}\""),
                    _ => format!("only {} beside type = \"{kind}\"", fits.join(" and ")),
                },
            );
            problem.hint = Some("remove it or change the type".to_owned());
            problems.push(problem);
        }
        if needs.contains(&key) && !view.is_tried(key) {
            problems.push(view.missing(key));
        }
    }
}

/// Checks that the credential which a section names is there.
pub(super) fn check_reference(view: &View<'_>, problems: &mut Vec<Problem>) {
    let Some(name) = view.text("credential") else {
        return;
    };
    let known = view.settings.names_in("credentials");
    if known.contains(&name) {
        return;
    }
    let mut problem = view.problem(
        "credential",
        crate::config::node::shown_text(&name),
        match known.as_slice() {
            [] => "the name of one of [credentials.<name>], of which there are none".to_owned(),
            _ => format!("one of the names in [credentials]: {}", known.join(", ")),
        },
    );
    problem.hint = Some("add that credential or name another".to_owned());
    problems.push(problem);
}
