//! Keys of an identity.

use super::text;
use crate::config::keys::Key;
use crate::config::keys::Need::{Optional, Required};
use crate::config::kind::{Kind, SecretRule, TextRule};

pub(super) static KEYS: &[Key] = &[
    Key {
        path: "credentials.*.type",
        kind: Kind::Word(&[
            "auto",
            "managed_identity",
            "workload_identity",
            "client_secret",
            "client_certificate",
            "azure_cli",
        ]),
        need: Required,
        doc: "Kind of the identity. `auto` takes the first that is there of workload identity, managed \
              identity and the Azure CLI; the others are what their names say. See \
              `docs/credentials.md`.",
        example: "auto",
    },
    Key {
        path: "credentials.*.client_id",
        kind: text(TextRule::ClientId),
        need: Optional(
            "required by `client_secret` and `client_certificate`; not for `azure_cli`; else \
             `AZURE_CLIENT_ID` if that is set",
        ),
        doc: "Client (application) id: of the user-assigned identity, or of the service principal.",
        example: "11111111-2222-3333-4444-555555555555",
    },
    Key {
        path: "credentials.*.tenant_id",
        kind: text(TextRule::Tenant),
        need: Optional(
            "required by `client_secret` and `client_certificate`; else only for \
             `workload_identity`",
        ),
        doc: "Tenant: its id or one of its domain names.",
        example: "66666666-7777-8888-9999-000000000000",
    },
    Key {
        path: "credentials.*.client_secret",
        kind: Kind::Secret(SecretRule::Any),
        need: Optional("required by `client_secret`, only for it"),
        doc: "Secret of the service principal.",
        example: "<client secret>",
    },
    Key {
        path: "credentials.*.certificate",
        kind: Kind::Secret(SecretRule::Certificate),
        need: Optional("required by `client_certificate`, only for it"),
        doc: "Certificate of the service principal with its RSA private key: PEM text, or PKCS#12 \
              (`.pfx`) in base64. A file may hold PEM text or PKCS#12 as it is.",
        example: "MIIJqQIBAzCCCW8G",
    },
    Key {
        path: "credentials.*.certificate_password",
        kind: Kind::Secret(SecretRule::Any),
        need: Optional("the PKCS#12 file has no password"),
        doc: "Password of the PKCS#12 file.",
        example: "<password>",
    },
];
