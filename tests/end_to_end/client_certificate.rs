//! An identity with a certificate: what users have, and what Microsoft Entra is sent.

use std::path::Path;

use crate::credentials::{HOUR, HUBS_SCOPE, by_entra, entra, principal, scene, settings};
use crate::identity::{CLIENT_ID, TENANT};
use crate::metrics_push::receiver::{Manner, Receiver};
use crate::trust::Trust;

/// Makes a certificate with OpenSSL's own tool, as users do.
fn certificate(folder: &Path) {
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new("openssl")
            .args(arguments)
            .current_dir(folder)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
    };
    run(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=forwarder",
        "-days",
        "2",
        "-keyout",
        "key.pem",
        "-out",
        "certificate.pem",
    ]);
    let pair = ["-inkey", "key.pem", "-in", "certificate.pem"];
    let export = |more: &[&str]| {
        run(&[&["pkcs12", "-export"], &pair[..], more].concat());
    };
    export(&["-out", "open.pfx", "-passout", "pass:"]);
    export(&["-out", "closed.pfx", "-passout", "pass:open sesame"]);
    let both = ["key.pem", "certificate.pem"].map(|name| std::fs::read(folder.join(name)).unwrap());
    std::fs::write(folder.join("both.pem"), both.concat()).unwrap();
}

/// The signature of an assertion, checked with OpenSSL's own tool.
fn check_assertion(folder: &Path, assertion: &str) {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    std::fs::write(folder.join("signed"), signed).unwrap();
    std::fs::write(folder.join("signature"), BASE64.decode(signature).unwrap()).unwrap();
    let script = "openssl x509 -in certificate.pem -pubkey -noout > public.pem && openssl dgst \
                  -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -verify \
                  public.pem -signature signature signed && openssl x509 -in certificate.pem \
                  -outform DER | openssl dgst -sha256 -binary > thumbprint";
    let output = std::process::Command::new("sh")
        .args(["-c", script])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let parts: Vec<serde_json::Value> = signed
        .split('.')
        .map(|part| serde_json::from_slice(&BASE64.decode(part).unwrap()).unwrap())
        .collect();
    let thumbprint = std::fs::read(folder.join("thumbprint")).unwrap();
    assert_eq!(parts[0]["alg"], "PS256");
    assert_eq!(parts[0]["x5t#S256"], BASE64.encode(thumbprint));
    assert_eq!(
        (&parts[1]["iss"], &parts[1]["sub"]),
        (&CLIENT_ID.into(), &CLIENT_ID.into())
    );
    let audience = parts[1]["aud"].as_str().unwrap();
    assert!(
        audience.ends_with(&format!("/{TENANT}/oauth2/v2.0/token")),
        "{audience}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn client_certificate() {
    let trust = Trust::new();
    let service = entra(&trust, &[HOUR]).await;
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let forms = [
        ("both.pem", None),
        ("open.pfx", None),
        ("closed.pfx", Some("open sesame")),
    ];
    for (round, (name, password)) in forms.into_iter().enumerate() {
        let scene = scene(1).await;
        let file = folder.path().join(name);
        let key = "credentials.principal.certificate";
        let mut settings = principal(
            by_entra(settings(&scene), &trust, &service),
            "client_certificate",
        )
        .set(&format!("{key}_file"), &file.to_string_lossy());
        if let Some(password) = password {
            settings = settings.set(&format!("{key}_password"), password);
        }
        let receiver = Receiver::start(Manner::Http).await;
        let forwarder = settings
            .variable("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url())
            .start();
        scene.produce(5, 3);
        scene.everything_arrives().await;
        forwarder.stop().await;
        let pushed = receiver.take();
        let left = |kind: &str, place: &str| {
            let name = "entra_forwarder_credential_expires_in_seconds";
            let place = format!("credentials.principal{place}");
            pushed.last().unwrap().numbers[&format!("{name}{{kind={kind},place={place}}}")]
        };
        let certificate = left("certificate", ".certificate");
        assert!(
            (86_400.0..=172_800.0).contains(&certificate),
            "{certificate}"
        );
        let token = left("token", " for eventhubs.azure.net");
        assert!((60.0..=3_600.0).contains(&token), "{token}");
        let asked = service.asked();
        assert!(asked.len() > round, "{name}");
        let asked = asked.last().unwrap();
        assert_eq!(asked.fields["scope"], HUBS_SCOPE);
        check_assertion(folder.path(), &asked.fields["client_assertion"]);
    }
    let scene = scene(1).await;
    let file = folder.path().join("closed.pfx");
    let mut wrong = principal(
        by_entra(settings(&scene), &trust, &service),
        "client_certificate",
    )
    .set(
        "credentials.principal.certificate_file",
        &file.to_string_lossy(),
    )
    .set("credentials.principal.certificate_password", "mellon")
    .start();
    assert_eq!(wrong.exit().await, Some(78), "{}", wrong.text());
    let expected = "credentials.principal: client certificate: it cannot be opened as PKCS#12: is \
                    certificate_password right?";
    assert!(wrong.text().contains(expected), "{}", wrong.text());
    assert!(!wrong.text().contains("mellon"));
}
