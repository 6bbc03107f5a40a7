//! What a request carries to say by whose right it comes.

use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::BuildError;
use super::connection::{Connection, Fixed, sensitive};
use super::entra::Entra;
use super::tokens::{Token, TokenSource, Tokens};
use super::{TransportError, oauth2};
use crate::config::{Digits, SignatureConfig, SinkAuth, SinkConnection};

/// What a request carries to say by whose right it comes.
#[derive(Debug)]
pub(super) enum Auth {
    /// Nothing.
    None,
    /// The same in every request.
    Fixed(HeaderValue),
    /// A token that is renewed.
    Tokens(Arc<Tokens>),
    /// A signature of the body.
    Signature(Box<Signer>),
}

impl Auth {
    /// Goes on with the tokens of the connection `before`, if nothing that they depend on is
    /// another: a server may allow few of them.
    ///
    /// # Errors
    /// When something cannot be used as configured.
    pub(super) fn build(
        connection: &SinkConnection,
        fixed: &Fixed,
        before: Option<&Connection>,
    ) -> Result<Self, BuildError> {
        let before = before.filter(|it| it.material.connection.auth == connection.auth);
        let known = before.and_then(|it| match &it.auth {
            Self::Tokens(tokens) => Some((tokens, &it.material.connection)),
            _ => None,
        });
        let tokens = |source: Box<dyn TokenSource>| {
            let token = known.and_then(|(tokens, _)| tokens.current());
            Self::Tokens(Arc::new(Tokens::new(fixed.sink(), source, token)))
        };
        if let Some((tokens, known)) = known
            && (&known.tls, &known.proxy) == (&connection.tls, &connection.proxy)
        {
            return Ok(Self::Tokens(Arc::clone(tokens)));
        }
        let value = |key: &str, text: &str| {
            sensitive(text)
                .ok_or_else(|| BuildError(format!("auth.{key} has a value no header can have")))
        };
        Ok(match &connection.auth {
            SinkAuth::None => Self::None,
            SinkAuth::Token { scheme, token } => {
                Self::Fixed(value("token", &format!("{scheme} {}", token.expose()))?)
            }
            SinkAuth::Basic { user, password } => Self::Fixed(value(
                "user",
                &oauth2::basic(user.expose(), password.expose()),
            )?),
            SinkAuth::OAuth2(config) => {
                tokens(Box::new(oauth2::Client::build(config, connection, fixed)?))
            }
            SinkAuth::Entra { scope, .. } => {
                let credentials = fixed.credentials.clone();
                let credentials = credentials
                    .ok_or_else(|| BuildError("auth.credential is not there".to_owned()))?;
                tokens(Box::new(Entra::new(credentials, scope)))
            }
            SinkAuth::Hmac(config) => Self::Signature(Box::new(Signer::build(config)?)),
        })
    }

    /// Adds it to the headers of a request with this body; gives the token that was used, if any.
    ///
    /// # Errors
    /// When there is no token: as if the endpoint itself had refused, or could not be reached.
    pub(super) async fn add(
        &self,
        headers: &mut HeaderMap,
        body: &[u8],
    ) -> Result<Option<Token>, TransportError> {
        match self {
            Self::None => {}
            Self::Fixed(value) => {
                headers.insert(AUTHORIZATION, value.clone());
            }
            Self::Tokens(tokens) => {
                let token = tokens.get().await?;
                headers.insert(AUTHORIZATION, token.header().clone());
                return Ok(Some(token));
            }
            Self::Signature(signer) => {
                headers.insert(signer.header.clone(), signer.sign(body));
            }
        }
        Ok(None)
    }

    /// Whether there is another token than the one that was refused, asking for a new one if need
    /// be.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub(super) async fn renew(&self, refused: Option<&Token>) -> Result<bool, TransportError> {
        match (self, refused) {
            (Self::Tokens(tokens), Some(refused)) => tokens.renew(refused).await,
            _ => Ok(false),
        }
    }
}

/// Signs bodies.
pub(super) struct Signer {
    key: hmac::Key,
    header: HeaderName,
    encoding: Digits,
    prefix: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.header)
    }
}

impl Signer {
    fn build(config: &SignatureConfig) -> Result<Self, BuildError> {
        let key = config.key_encoding.decode(&config.key).ok_or_else(|| {
            BuildError("auth.key is not written as auth.key_encoding says".to_owned())
        })?;
        let header = HeaderName::try_from(&config.header)
            .map_err(|_| BuildError("auth.header is no header name".to_owned()))?;
        if HeaderValue::try_from(&config.prefix).is_err() {
            let problem = "auth.prefix is nothing that a header can hold";
            return Err(BuildError(problem.to_owned()));
        }
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            header,
            encoding: config.encoding,
            prefix: config.prefix.clone(),
        })
    }

    fn sign(&self, body: &[u8]) -> HeaderValue {
        let tag = hmac::sign(&self.key, body);
        let digits = match self.encoding {
            Digits::Base64 => STANDARD.encode(tag.as_ref()),
            Digits::Hex => tag.as_ref().iter().map(|it| format!("{it:02x}")).collect(),
        };
        let text = format!("{}{digits}", self.prefix);
        // The prefix was tried, and digits fit into any header.
        sensitive(&text).unwrap_or_else(|| HeaderValue::from_static(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{KeyEncoding, Secret};

    /// RFC 4231, section 4.3.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let signed = |encoding, prefix: &str| {
            let config = SignatureConfig {
                key: Secret::new("4a656665"),
                key_encoding: KeyEncoding::Hex,
                header: "x-signature-256".to_owned(),
                encoding,
                prefix: prefix.to_owned(),
            };
            let signer = Signer::build(&config).unwrap();
            let value = signer.sign(b"what do ya want for nothing?");
            value.to_str().unwrap().to_owned()
        };
        assert_eq!(
            signed(Digits::Hex, "sha256="),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            signed(Digits::Base64, ""),
            "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
        );
    }
}
