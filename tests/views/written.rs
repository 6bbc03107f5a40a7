//! Log lines that the program has really written: those of the demo, and of a run in which something
//! fails.

use std::collections::{BTreeMap, BTreeSet};

use crate::endpoint::{Endpoint, Reply};
use crate::eventually::eventually;
use crate::forwarder::Forwarder;
use crate::hub::HUB;
use crate::scene::Scene;

/// The fields of lines, by their event.
pub(crate) type Fields = BTreeMap<String, BTreeSet<String>>;

/// The fields of all lines of a process.
fn fields(of: &Forwarder) -> Fields {
    let mut fields = Fields::new();
    for line in of.log() {
        let line = line.as_object().unwrap();
        let Some(event) = line.get("event").and_then(|it| it.as_str()) else {
            continue;
        };
        let known = fields.entry(event.to_owned()).or_default();
        known.extend(line.keys().cloned());
    }
    fields
}

async fn demo(arguments: &[&str]) -> Fields {
    let base = ["demo", "--log", "info", "--seconds", "1", "--rate", "200"];
    let arguments: Vec<_> = base.iter().chain(arguments).copied().collect();
    let mut demo = Forwarder::start(&arguments, Vec::new());
    demo.exit().await;
    fields(&demo)
}

/// The demo, whose own endpoint accepts everything.
pub(crate) async fn by_the_demo() -> Fields {
    demo(&[]).await
}

/// The demo with an endpoint that refuses everything: sinks say why they do not accept.
pub(crate) async fn by_a_refused_demo() -> Fields {
    let endpoint = Endpoint::start().await;
    endpoint.answer_probes(403);
    endpoint.behave(Reply::Status(403));
    demo(&["--sink", &endpoint.url(), "--patience", "2"]).await
}

/// A run with a signature that ends, whose hub is made again.
pub(crate) async fn by_a_run() -> Fields {
    let scene = Scene::set(1).await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let ends = i64::try_from(now).unwrap() + 100 * 86_400;
    let signature = scene.hub.emulator.keys()[0].sign("sb://localhost/logs", ends);
    let text = format!(
        "Endpoint=sb://localhost:{};SharedAccessSignature={signature};EntityPath={HUB};\
         UseDevelopmentEmulator=true",
        scene.hub.emulator.address().port()
    );
    let settings = scene.settings();
    let forwarder = settings
        .set("sources.logs.connection_string", &text)
        .start();
    scene.produce(20, 3);
    scene.everything_arrives().await;
    eventually("the checkpoint", || scene.is_stored()).await;
    scene.hub.emulator.recreate_hub(HUB).unwrap();
    scene.produce(10, 3);
    forwarder.says("stale_position").await;
    scene.everything_arrives().await;
    fields(&forwarder.stop().await)
}
