//! What the cloud says about other keys.

use crate::config::Cloud;
use crate::config::kind::Typed;
use crate::config::settings::Settings;
use crate::config::view::View;
use crate::destination;

/// The cloud that the configuration names; a wrong name is a problem of its own.
pub(super) fn named(settings: &Settings) -> Cloud {
    View::new(settings, &[]).cloud()
}

/// Gives namespaces without dots the rest of their host names.
pub(super) fn complete_namespace(settings: &mut Settings, source: &str, cloud: Cloud) {
    let path = View::new(settings, &["sources", source]).path("namespace");
    if let Some(setting) = settings.values.get_mut(&path)
        && let Typed::Text(name) = &mut setting.typed
        && !name.contains('.')
    {
        *name = format!("{name}.{}", cloud.event_hubs_suffix());
        setting.written.clone_from(name);
    }
}

/// Warns of names that belong to another cloud: tokens are asked for at the login of the named
/// one, which the other does not know.
pub(super) fn check(settings: &Settings, cloud: Cloud, warnings: &mut Vec<String>) {
    for name in settings.names_in("sources") {
        let view = View::new(settings, &["sources", &name]);
        if !view.is_tried("connection_string") {
            warn(&view, "namespace", view.text("namespace"), cloud, warnings);
        }
    }
    let sinks = settings.names_in("sinks");
    let archives = sinks
        .iter()
        .map(|name| View::new(settings, &["sinks", name, destination::AZURE_BLOB]));
    let stores = ["checkpoints", "dead_letters"].map(|section| View::new(settings, &[section]));
    for view in stores.into_iter().chain(archives) {
        let url = view
            .secret("container_url")
            .and_then(|url| url::Url::parse(url.expose()).ok());
        let host = url.and_then(|url| url.host_str().map(str::to_owned));
        warn(&view, "container_url", host, cloud, warnings);
    }
}

fn warn(
    view: &View<'_>,
    key: &str,
    host: Option<String>,
    cloud: Cloud,
    warnings: &mut Vec<String>,
) {
    let Some(other) = host.as_deref().and_then(Cloud::of_host) else {
        return;
    };
    if other != cloud {
        warnings.push(format!(
            "{} is in cloud \"{}\" and cloud is \"{}\": set cloud = \"{}\", unless this is meant",
            view.shown(key),
            other.word(),
            cloud.word(),
            other.word()
        ));
    }
}
