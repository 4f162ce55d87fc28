//! An identity provider: keys that it publishes over HTTP, and tokens signed with them by a library that is not ours.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use serde_json::{Value, json};
use server::config::Jwt;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// The time at which tests begin, in seconds since 1970.
pub(crate) const NOW: u64 = 1_700_000_000;

pub(crate) struct Issuer {
    address: SocketAddr,
    secure: bool,
    state: Arc<Mutex<State>>,
}

struct State {
    status: u16,
    body: String,
    asked: usize,
}

/// A private key, and the public one as it is published.
pub(crate) struct Signer {
    pub(crate) algorithm: Algorithm,
    pub(crate) private: EncodingKey,
    pub(crate) public: Value,
}

impl Issuer {
    /// Publishes keys.
    pub(crate) async fn start(signers: &[&Signer]) -> Self {
        Self::listen(signers, None).await
    }

    /// The same by https.
    pub(crate) async fn start_secure(signers: &[&Signer], tls: TlsAcceptor) -> Self {
        Self::listen(signers, Some(tls)).await
    }

    async fn listen(signers: &[&Signer], tls: Option<TlsAcceptor>) -> Self {
        let secure = tls.is_some();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            status: 200,
            body: set(signers),
            asked: 0,
        }));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let answer = {
                    let mut state = shared.lock().unwrap();
                    state.asked += 1;
                    let (status, length) = (state.status, state.body.len());
                    format!(
                        "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nLocation: /elsewhere\r\n\r\n{}",
                        state.body
                    )
                };
                match tls.clone() {
                    None => tokio::spawn(serve(socket, answer)),
                    Some(tls) => tokio::spawn(async move {
                        // Whoever does not believe the certificate is gone by now.
                        if let Ok(socket) = tls.accept(socket).await {
                            serve(socket, answer).await;
                        }
                    }),
                };
            }
        });
        Self {
            address,
            secure,
            state,
        }
    }

    pub(crate) fn settings(&self) -> Jwt {
        Jwt {
            issuer: "https://id.example.com".into(),
            audience: "switchhook".into(),
            jwks_url: if self.secure {
                format!("https://localhost:{}/jwks", self.address.port())
            } else {
                format!("http://{}/jwks", self.address)
            }
            .parse()
            .unwrap(),
            ca_file: None,
        }
    }

    /// From now on these keys.
    pub(crate) fn publish(&self, signers: &[&Signer]) {
        self.say(200, &set(signers));
    }

    /// From now on this answer.
    pub(crate) fn say(&self, status: u16, body: &str) {
        let mut state = self.state.lock().unwrap();
        state.status = status;
        body.clone_into(&mut state.body);
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S, answer: String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    // Whoever asked may not want the rest.
    let _ = socket.write_all(answer.as_bytes()).await;
}

fn set(signers: &[&Signer]) -> String {
    let keys: Vec<_> = signers.iter().map(|signer| &signer.public).collect();
    json!({ "keys": keys }).to_string()
}

impl Signer {
    pub(crate) fn rsa(kid: &str) -> Self {
        // ring makes no RSA keys; this one is used by nobody else.
        let private = EncodingKey::from_rsa_pem(include_bytes!("issuer.rsa.pem")).unwrap();
        let n = include_str!("issuer.rsa.n").trim();
        Self {
            algorithm: Algorithm::RS256,
            private,
            public: json!({"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": n, "e": "AQAB"}),
        }
    }

    pub(crate) fn ec(kid: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let point = pair.public_key_raw();
        let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        Self {
            algorithm: Algorithm::ES256,
            private: EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap(),
            public: json!({"kty": "EC", "kid": kid, "crv": "P-256", "x": x, "y": y}),
        }
    }

    pub(crate) fn ed(kid: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key_raw());
        Self {
            algorithm: Algorithm::EdDSA,
            private: EncodingKey::from_ed_pem(pair.serialize_pem().as_bytes()).unwrap(),
            public: json!({"kty": "OKP", "kid": kid, "crv": "Ed25519", "x": x}),
        }
    }

    pub(crate) fn kid(&self) -> &str {
        self.public["kid"].as_str().unwrap()
    }

    /// A token of these claims, which names the key.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.kid().to_owned());
        self.sign_as(&header, claims)
    }

    pub(crate) fn sign_as(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.private).unwrap()
    }
}

/// Claims that hold, changed by others; null takes one away.
pub(crate) fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": "https://id.example.com", "aud": "switchhook", "sub": "crm", "exp": NOW + 300,
        "scope": "events:read state:read",
    });
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}
