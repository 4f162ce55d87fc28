//! Who we are to Telecom X: a token from the config, or one that a login gives and that is renewed in time.
//!
//! Nothing here logs out: that would end every session of the user, those of people among them.

use std::time::Duration;

use adapter::{LinkError, LinkErrorKind};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, sleep_until},
};

use super::http::{Answer, Http, escaped};
use crate::config::{Config, Credentials, Secret};

/// How long one question of a login may take.
const ANSWER: Duration = Duration::from_secs(5);
/// A renewal that was refused, or failed, is tried again after this.
const REFUSED: Duration = Duration::from_secs(60);
const FAILED: Duration = Duration::from_secs(10);
/// What the service says in an error is quoted up to here.
const QUOTE: usize = 200;

/// The token in use. Shared by all who ask for something.
pub(super) struct Access {
    http: Mutex<Http>,
    login: Option<Login>,
    current: Mutex<Token>,
    /// What the token allows: `VIEWER`, `ADMIN`, …, when the service says it.
    pub(super) level: Option<String>,
}

struct Login {
    username: String,
    password: Secret,
}

#[derive(Clone)]
struct Token {
    text: Secret,
    /// None: it lasts.
    renew_at: Option<Instant>,
}

/// What a login or a validation answers. Anything may be missing.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Said {
    success: Option<Value>,
    token: Option<String>,
    expires_in_minutes: Option<f64>,
    access_level: Option<String>,
}

impl Access {
    /// Logs in, or asks whether the configured token is good.
    pub(super) async fn gain(mut http: Http, config: &Config) -> Result<Self, LinkError> {
        let (login, token, level) = match config.credentials() {
            Some(Credentials::Token(token)) => {
                let level = validate(&mut http, token).await?;
                let token = Token {
                    text: token.clone(),
                    renew_at: None,
                };
                (None, token, level)
            }
            Some(Credentials::Login { username, password }) => {
                let login = Login {
                    username: username.to_owned(),
                    password: password.clone(),
                };
                let (token, level) = login.log_in(&mut http).await?;
                (Some(login), token, level)
            }
            None => {
                let error = "neither token nor username and password are configured";
                return Err(LinkError::new(LinkErrorKind::AuthRejected, "log in", error));
            }
        };
        Ok(Self {
            http: Mutex::new(http),
            login,
            current: Mutex::new(token),
            level,
        })
    }

    /// The token to use now.
    pub(super) async fn token(&self) -> Secret {
        self.current.lock().await.text.clone()
    }

    /// A token was refused. Yields another, if there is one.
    pub(super) async fn instead_of(&self, refused: &Secret) -> Option<Secret> {
        let login = self.login.as_ref()?;
        let mut http = self.http.lock().await;
        let current = self.token().await;
        if current != *refused {
            return Some(current);
        }
        match login.log_in(&mut http).await {
            Ok((token, _)) => {
                let text = token.text.clone();
                *self.current.lock().await = token;
                Some(text)
            }
            Err(error) => {
                tracing::warn!(reason = error.chain(), "the login is not renewed");
                None
            }
        }
    }

    /// Renews the login in time, for ever. The socket keeps the token that it has: only what is asked next uses it.
    pub(super) async fn keep(&self) {
        let Some(login) = &self.login else {
            return std::future::pending().await;
        };
        loop {
            let renew_at = self.current.lock().await.renew_at;
            match renew_at {
                Some(at) => sleep_until(at).await,
                None => return std::future::pending().await,
            }
            let mut http = self.http.lock().await;
            let renewed = login.log_in(&mut http).await;
            drop(http);
            match renewed {
                Ok((token, _)) => *self.current.lock().await = token,
                Err(error) => {
                    tracing::warn!(reason = error.chain(), "the login is not renewed");
                    let refused = error.kind == LinkErrorKind::AuthRejected;
                    sleep(if refused { REFUSED } else { FAILED }).await;
                }
            }
        }
    }
}

impl Login {
    async fn log_in(&self, http: &mut Http) -> Result<(Token, Option<String>), LinkError> {
        let doing = format!("log in to {} as {}", http.name(), self.username);
        let body = json!({"username": self.username, "password": self.password.expose()});
        let body = ("application/json", body.to_string().into());
        let answer = http.post("/auth/login", body, ANSWER).await?;
        let said = said(&answer);
        match said
            .token
            .filter(|token| answer.status.is_success() && !token.is_empty())
        {
            Some(token) => {
                let token = Token {
                    text: Secret::new(&token),
                    renew_at: renewal(said.expires_in_minutes),
                };
                Ok((token, said.access_level))
            }
            None if answer.status.is_success() => {
                let error = "the answer holds no token";
                Err(LinkError::new(LinkErrorKind::Protocol, doing, error))
            }
            None => Err(refused(doing, &answer, self.password.expose())),
        }
    }
}

/// Asks whether a token is good, and what it allows. A service that does not know the question leaves it open.
async fn validate(http: &mut Http, token: &Secret) -> Result<Option<String>, LinkError> {
    let query = escaped(token.expose());
    let path = format!("/auth/validateToken?token={query}");
    let answer = http.get(&path, ANSWER).await?;
    let said = said(&answer);
    let bad = matches!(&said.success, Some(Value::Bool(false)));
    let refusals = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    if bad || refusals.contains(&answer.status) {
        let doing = format!("use the token at {}", http.name());
        let mut error = refused(doing, &answer, token.expose());
        if bad {
            error.kind = LinkErrorKind::AuthRejected;
        }
        return Err(error);
    }
    Ok(said.access_level.filter(|_| answer.status.is_success()))
}

/// After two thirds of its life a token is renewed. One without an end is not.
fn renewal(minutes: Option<f64>) -> Option<Instant> {
    // Documented: 15 unless told otherwise, -1 for one that lasts.
    let minutes = minutes.unwrap_or(15.0);
    let life = Duration::try_from_secs_f64(minutes * 60.0 * 2.0 / 3.0).ok()?;
    Instant::now().checked_add(life.max(Duration::from_secs(1)))
}

fn said(answer: &Answer) -> Said {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// What a status other than success means, with what the service says but without the secret.
fn refused(doing: String, answer: &Answer, secret: &str) -> LinkError {
    let kind = match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::UNPROCESSABLE_ENTITY => {
            LinkErrorKind::AuthRejected
        }
        StatusCode::TOO_MANY_REQUESTS => LinkErrorKind::LimitReached,
        status if status.is_server_error() => LinkErrorKind::Unreachable,
        _ => LinkErrorKind::Protocol,
    };
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = ["error", "message", "name"]
        .iter()
        .find_map(|key| body.get(key)?.as_str());
    let mut text: String = text.unwrap_or("").chars().take(QUOTE).collect();
    if !secret.is_empty() {
        text = text.replace(secret, "***");
    }
    LinkError::new(
        kind,
        doing,
        format!("the service says {} {text}", answer.status),
    )
}
