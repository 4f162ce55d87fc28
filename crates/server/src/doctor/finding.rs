//! What a step of an examination finds.

use serde::Serialize;

use crate::cli::Exit;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, but somebody should look.
    Warn,
    /// It does not work.
    Fail,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The step: `dns`, `tcp`, `tls`, `clock`, `login`, `permission`, `snapshot` or `events`.
    pub step: &'static str,
    /// How bad it is.
    pub status: Status,
    /// What was found. Never a secret.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    /// The certificates that the server shows, its own first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Certificate>,
    /// Where a failure is mended: in the config (78), or elsewhere (69).
    #[serde(skip)]
    pub exit: Option<Exit>,
}

/// A certificate in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Whom it is about: `CN=pbx.example.com`.
    pub subject: String,
    /// Who says so.
    pub issuer: String,
    /// Until when, RFC 3339.
    pub expires: String,
    /// The names and addresses it is good for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

impl Finding {
    pub(super) fn ok(step: &'static str, detail: impl Into<String>) -> Self {
        Self {
            step,
            status: Status::Ok,
            detail: detail.into(),
            mend: None,
            certificates: Vec::new(),
            exit: None,
        }
    }

    pub(super) fn warn(
        step: &'static str,
        detail: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Warn,
            mend: Some(mend.into()),
            ..Self::ok(step, detail)
        }
    }

    pub(super) fn fail(
        step: &'static str,
        detail: impl Into<String>,
        exit: Exit,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Fail,
            exit: Some(exit),
            ..Self::warn(step, detail, mend)
        }
    }

    /// The same where there is still another way.
    pub(super) fn softened(self) -> Self {
        Self {
            status: self.status.min(Status::Warn),
            exit: None,
            ..self
        }
    }
}
