//! TLS: the chain that a server shows, in words, and which certificate of it is missing, expired or not trusted.

use std::{net::IpAddr, path::Path, time::Duration};

use adapter::{TlsOptions, socket::Place, tls::Shown};
use model::Timestamp;
use rustls::{
    CertificateError, Error,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{net::TcpStream, time::timeout};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer,
    time::ASN1Time,
};

use super::{Certificate, Finding, Status};
use crate::cli::Exit;

const STEP: &str = "tls";
/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// A certificate that ends within this is mentioned.
const SOON: Duration = Duration::from_secs(14 * 86_400);
/// The most certificates that are told of.
const MOST: usize = 10;

/// Shakes hands over a fresh connection and judges what is shown.
pub(super) async fn look(
    place: &Place,
    options: &TlsOptions,
    tcp: TcpStream,
    now: Timestamp,
) -> Finding {
    let name = match ServerName::try_from(place.host.clone()) {
        Ok(name) => name,
        Err(error) => {
            let detail = format!(
                "{} is no name that a certificate can have: {error}",
                place.host
            );
            return Finding::fail(STEP, detail, Exit::Config, "correct the host in `url`");
        }
    };
    match timeout(PATIENCE, options.look(name, tcp)).await {
        Err(_) => {
            let detail = format!(
                "{} takes the connection and does not answer the handshake in {} s",
                place.authority(),
                PATIENCE.as_secs()
            );
            let mend = "check the port in `url`: what listens there may speak no TLS, or hang";
            Finding::fail(STEP, detail, Exit::Unavailable, mend)
        }
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error);
            let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
            let mend = "give `ca_file` the path of a PEM file with certificates";
            Finding::fail(STEP, format!("{error}{cause}"), Exit::Config, mend)
        }
        Ok(Ok(shown)) => judge(place, options, &shown, now),
    }
}

fn judge(place: &Place, options: &TlsOptions, shown: &Shown, now: Timestamp) -> Finding {
    if shown.chain.is_empty() {
        let error = shown.handshake.as_ref().err();
        let error = error.map_or_else(String::new, |error| format!(": {error}"));
        let detail = format!("{} does not shake hands{error}", place.authority());
        let mend = "check the port in `url`: what listens there may speak no TLS (then ws:// or http://, with allow_plaintext = true)";
        return Finding::fail(STEP, detail, Exit::Unavailable, mend);
    }
    let read = |der: &'_ CertificateDer<'_>| Facts::of(der);
    let chain: Vec<Facts> = shown.chain.iter().take(MOST).filter_map(read).collect();
    let certificates = chain.iter().map(Facts::words).collect();
    let mut finding = match (&shown.verdict, options.insecure) {
        (Ok(()), _) => trusted(shown, &chain, now),
        (Err(error), insecure) => {
            let (detail, mend) = why(place, options.ca_file.as_deref(), &chain, error, now);
            let finding = Finding::fail(STEP, detail, Exit::Unavailable, mend);
            if insecure {
                finding.softened()
            } else {
                finding
            }
        }
    };
    if options.insecure {
        let detail = format!(
            "insecure_tls: any certificate will do, anybody in between can read and change everything; {}",
            finding.detail
        );
        finding.detail = detail;
        finding.status = Status::Warn;
        let mend = "take insecure_tls out, and put the PBX's CA into ca_file";
        finding.mend = Some(match finding.mend {
            Some(more) => format!("{mend}; {more}"),
            None => mend.to_owned(),
        });
    }
    finding.certificates = certificates;
    finding
}

fn trusted(shown: &Shown, chain: &[Facts], now: Timestamp) -> Finding {
    let version = shown
        .version
        .and_then(|version| version.as_str())
        .unwrap_or("TLS");
    if let Err(error) = &shown.handshake {
        let detail = format!("the certificate is trusted, but the handshake fails: {error}");
        let mend = "the PBX may want a certificate of its clients, or old versions of TLS: see its settings";
        return Finding::fail(STEP, detail, Exit::Unavailable, mend);
    }
    let ends = chain.iter().min_by_key(|facts| facts.not_after);
    let Some(first) = ends else {
        return Finding::ok(STEP, format!("{version}, trusted"));
    };
    let left = first.not_after.millis_since(now) / 86_400_000;
    let detail = format!("{version}, trusted; ends {} ({left} days)", first.not_after);
    if first.not_after < now.after(SOON) {
        return Finding::warn(
            STEP,
            detail,
            format!("renew the certificate of {}", first.subject),
        );
    }
    Finding::ok(STEP, detail)
}

/// Why a chain is not trusted, and what to mend.
fn why(
    place: &Place,
    ca_file: Option<&Path>,
    chain: &[Facts],
    error: &Error,
    now: Timestamp,
) -> (String, String) {
    let Error::InvalidCertificate(error) = error else {
        return (
            error.to_string(),
            "let the PBX show a certificate that can be read".to_owned(),
        );
    };
    if let Some(over) = chain.iter().find(|facts| facts.not_after < now) {
        let detail = format!(
            "the certificate of {} expired {}",
            over.subject, over.not_after
        );
        return (detail, "renew it on the PBX".to_owned());
    }
    if let Some(early) = chain.iter().find(|facts| facts.not_before > now) {
        let detail = format!(
            "the certificate of {} is valid from {} on",
            early.subject, early.not_before
        );
        return (detail, "check this machine's clock".to_owned());
    }
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = chain
                .first()
                .map(|own| own.names.join(", "))
                .unwrap_or_default();
            let detail = format!("the certificate is not for {}, but for {names}", place.host);
            (detail, "write one of these names into `url`, or let the PBX have a certificate for its name".to_owned())
        }
        CertificateError::UnknownIssuer => missing(ca_file, chain),
        error => {
            let trust = match ca_file {
                Some(path) => format!("check what is in {}", path.display()),
                None => "put the PBX's CA into `ca_file`".to_owned(),
            };
            (format!("the certificate is not accepted: {error:?}"), trust)
        }
    }
}

/// Which certificate is missing in between, or at the end.
fn missing(ca_file: Option<&Path>, chain: &[Facts]) -> (String, String) {
    for pair in chain.windows(2) {
        if let [lower, upper] = pair
            && lower.issuer != upper.subject
        {
            let detail = format!(
                "the chain is broken: {} is signed by {}, and the server shows {} instead",
                lower.subject, lower.issuer, upper.subject
            );
            let mend = format!(
                "let the PBX send the certificate of {}, or put it into `ca_file`",
                lower.issuer
            );
            return (detail, mend);
        }
    }
    let Some(top) = chain.last() else {
        return (
            "the chain cannot be read".to_owned(),
            "let the PBX show another".to_owned(),
        );
    };
    let trusted = match ca_file {
        Some(path) => format!(
            "neither among this machine's certificates nor in {}",
            path.display()
        ),
        None => "not among this machine's certificates".to_owned(),
    };
    let into = match ca_file {
        Some(path) => path.display().to_string(),
        None => "a file, and name it in `ca_file`".to_owned(),
    };
    if top.subject == top.issuer {
        let what = if chain.len() == 1 {
            "the certificate is signed by itself"
        } else {
            "the chain ends in a CA of its own"
        };
        let detail = format!("{what}: {} is {trusted}", top.subject);
        return (detail, format!("put its PEM into {into}"));
    }
    let detail = format!(
        "missing: the certificate of {}, which signed that of {}; the server does not send it, and it is {trusted}",
        top.issuer, top.subject
    );
    let mend = format!(
        "let the PBX send its whole chain, or put the PEM of {} into {into}",
        top.issuer
    );
    (detail, mend)
}

/// What a certificate says.
struct Facts {
    subject: String,
    issuer: String,
    not_before: Timestamp,
    not_after: Timestamp,
    names: Vec<String>,
}

impl Facts {
    /// None: it cannot be read.
    fn of(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der.as_ref()).ok()?;
        let at = |time: ASN1Time| Timestamp::from_secs(time.timestamp());
        let validity = certificate.validity();
        Some(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            not_before: at(validity.not_before),
            not_after: at(validity.not_after),
            names: names(&certificate),
        })
    }

    fn words(&self) -> Certificate {
        Certificate {
            subject: self.subject.clone(),
            issuer: self.issuer.clone(),
            expires: self.not_after.to_string(),
            names: self.names.clone(),
        }
    }
}

/// The names and addresses that a certificate is good for.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extensions = certificate.extensions().iter();
    let alternatives = extensions.filter_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
        _ => None,
    });
    let names = alternatives.flatten().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    });
    names.take(MOST).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}
