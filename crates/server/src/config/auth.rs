//! `[auth]`: who may use the API.

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf};

use model::EventType;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::{
    net::Url,
    pem,
    reader::{Read, Reader, Slot, cut},
    sources,
    suggest::nearest,
};

/// Who may use the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Whether anybody needs a token.
    pub mode: Mode,
    /// Static tokens, by name.
    pub tokens: BTreeMap<String, Token>,
    /// Tokens of an identity provider.
    pub jwt: Option<Jwt>,
}

/// Whether anybody needs a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nobody; on a loopback listener only.
    None,
    /// Everybody: static tokens and JWT side by side.
    Tokens,
}

/// A static token. The token itself is known to its bearer only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its name, for logs and webhooks.
    pub name: String,
    /// The SHA-256 of the whole token text.
    pub sha256: Digest,
    /// What its bearer may do.
    pub scopes: Vec<Scope>,
    /// Only these tenants; all when absent, none when empty.
    pub tenants: Option<Vec<String>>,
    /// Only these sources; all when absent, none when empty.
    pub sources: Option<Vec<String>>,
    /// Only event types that match one of these globs; all when absent, none when empty.
    pub types: Option<Vec<String>>,
}

/// An identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwt {
    /// The required `iss`.
    pub issuer: String,
    /// The required `aud`.
    pub audience: String,
    /// Where its keys are: https, or http on loopback.
    pub jwks_url: Url,
    /// Certificates that are trusted beside the system's when they are fetched.
    pub ca_file: Option<PathBuf>,
}

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// A right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the scope of that name")]
pub enum Scope {
    EventsRead,
    StateRead,
    WebhooksWrite,
    CommandsWrite,
    SourcesOperate,
    MetricsRead,
    PiiRead,
    Admin,
}

impl Scope {
    /// Every scope by its name.
    pub const ALL: [(&str, Self); 8] = [
        ("events:read", Self::EventsRead),
        ("state:read", Self::StateRead),
        ("webhooks:write", Self::WebhooksWrite),
        ("commands:write", Self::CommandsWrite),
        ("sources:operate", Self::SourcesOperate),
        ("metrics:read", Self::MetricsRead),
        ("pii:read", Self::PiiRead),
        ("admin", Self::Admin),
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let named = Self::ALL.iter().find(|(_, scope)| *scope == self);
        named.map_or("", |(name, _)| name)
    }

    /// The scope of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let named = Self::ALL.iter().find(|(known, _)| *known == name);
        named.map(|(_, scope)| *scope)
    }
}

impl Auth {
    /// Reads the rules; `given` are the names of the sources in the file.
    pub(super) fn read(reader: &mut Reader<'_>, given: &[&str]) -> Self {
        let modes = [("none", Mode::None), ("tokens", Mode::Tokens)];
        let mode = reader.word("mode", &modes);
        let mut tokens: BTreeMap<String, Token> = BTreeMap::new();
        reader.tables("tokens", |reader| {
            let token = Token::read(reader, given)?;
            if tokens.contains_key(&token.name) {
                let wrong = format!("a token named {:?} is already there", cut(&token.name));
                reader.complain("name", wrong, "give each token a name of its own");
            } else if let Some(twin) = tokens.values().find(|twin| twin.sha256 == token.sha256) {
                let wrong = format!("this is the same token as {:?}", cut(&twin.name));
                let mend = "make another one: `switchhook token new`";
                reader.complain("sha256", wrong, mend);
            } else {
                tokens.insert(token.name.clone(), token);
            }
            Some(())
        });
        Self {
            mode: mode.unwrap_or(Mode::None),
            tokens,
            jwt: reader.optional_table("jwt", Jwt::read),
        }
    }

    /// What is wrong with these rules on this listener, and how to mend it.
    pub(super) fn misplaced(&self, listen: SocketAddr) -> Option<(String, &'static str)> {
        (self.mode == Mode::None && !listen.ip().is_loopback()).then(|| {
            let wrong = format!("auth.mode \"none\" lets everybody in, and {listen} is not loopback");
            let mend = "write mode = \"tokens\" and add a token (`switchhook token new`), or listen on 127.0.0.1";
            (wrong, mend)
        })
    }
}

impl Token {
    fn read(reader: &mut Reader<'_>, given: &[&str]) -> Option<Self> {
        let name = reader.required("name", "write name = \"…\": it appears in logs");
        let sha256 = reader.required(
            "sha256",
            "`switchhook token new --name … --scopes …` prints a token and these lines",
        );
        let mend = "write scopes = [\"events:read\", \"state:read\"]";
        let scopes: Option<Vec<Scope>> = reader.required("scopes", mend);
        if scopes.as_ref().is_some_and(Vec::is_empty) {
            reader.complain("scopes", "a token without scopes may do nothing", mend);
        }
        let tenants = reader.optional("tenants");
        let sources: Option<Vec<String>> = reader.optional("sources");
        for source in sources.iter().flatten() {
            sources::refuse_unknown(source, given, |wrong, mend| {
                reader.complain("sources", wrong, mend);
            });
        }
        let types: Option<Vec<TypeGlob>> = reader.optional("types");
        Some(Self {
            name: name?,
            sha256: sha256?,
            scopes: scopes?,
            tenants,
            sources,
            types: types.map(|globs| globs.into_iter().map(|glob| glob.0).collect()),
        })
    }
}

impl Jwt {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let issuer = reader.required("issuer", "write the `iss` of the provider's tokens");
        let audience = reader.required("audience", "write the `aud` of the tokens meant for us");
        let mend = "write the https URL of the provider's keys (its `jwks_uri`)";
        let jwks_url: Option<Url> = reader.required("jwks_url", mend);
        if let Some(url) = &jwks_url {
            let legal = url.scheme() == "https" || (url.scheme() == "http" && url.is_loopback());
            if !legal {
                reader.complain(
                    "jwks_url",
                    "keys come by https, or by http on loopback",
                    mend,
                );
            }
        }
        let ca_file = pem::path(reader, "ca_file", "CERTIFICATE");
        Some(Self {
            issuer: issuer?,
            audience: audience?,
            jwks_url: jwks_url?,
            ca_file,
        })
    }
}

/// A glob that matches at least one event type.
struct TypeGlob(String);

impl Read for TypeGlob {
    fn read(slot: &Slot<'_>) -> Option<Self> {
        let text = slot.text("\"call.*\"")?;
        if EventType::ALL.iter().any(|kind| glob(&text, kind.as_str())) {
            return Some(Self(text.into_owned()));
        }
        let names = EventType::ALL.iter().map(|kind| kind.as_str());
        let mend = match nearest(&text, names) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => "write an event type or a glob, such as \"call.*\"".to_owned(),
        };
        slot.wrong(format!("{:?} matches no event type", cut(&text)), mend)
    }
}

/// Whether a text matches a pattern in which `*` stands for any characters.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    let found = parts.try_fold(rest, |rest, part| {
        rest.find(part).map(|at| &rest[at + part.len()..])
    });
    found.is_some_and(|rest| rest.ends_with(last))
}

impl Read for Scope {
    fn read(slot: &Slot<'_>) -> Option<Self> {
        slot.word(&Self::ALL)
    }

    fn schema() -> Value {
        json!({"enum": Self::ALL.map(|(name, _)| name)})
    }
}

impl Digest {
    /// The digest of a whole token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
        let mut bytes = [0; 32];
        for (byte, of) in bytes.iter_mut().zip(digest.as_ref()) {
            *byte = *of;
        }
        Self(bytes)
    }

    /// True when both are the same; takes as long when they are not.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl Read for Digest {
    /// Without the text in the complaint: it may be a token put in the wrong place.
    fn read(slot: &Slot<'_>) -> Option<Self> {
        let mend = "`switchhook token new` prints the line; of a token you have, `printf %s TOKEN | sha256sum`";
        let text = slot.text("\"9f86d081…\"")?;
        Self::parse(&text).or_else(|| slot.wrong("a SHA-256 has 64 hex digits", mend))
    }

    fn schema() -> Value {
        json!({"type": "string", "pattern": "^[0-9A-Fa-f]{64}$"})
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, matches) in [
            ("call.*", "call.started", true),
            ("*", "call.started", true),
            ("*.ringing", "leg.ringing", true),
            ("queue.caller_*", "queue.updated", false),
            ("c*l*d", "call.started", true),
            ("call", "call.started", false),
            ("call.started", "call.started", true),
            ("call.started*started", "call.started", false),
            ("", "call.started", false),
        ] {
            assert_eq!(glob(pattern, text), matches, "{pattern} {text}");
        }
    }
}
