//! Registrations of phones and trunks. They are repeated on every renewal, and nobody tells when one runs out.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use adapter::Output;
use model::{
    Device, DeviceKind, Fact, Now, Text,
    observation::{DevicePatch, Registration},
};

use super::{
    Translator,
    read::{self, number, text},
    tell::{self, Telling},
    words,
};
use crate::wire::{Register, RegisterStep};

/// Registrations remembered; further ones are told each time and run out unnoticed.
const MAX_KNOWN: usize = 100_000;
/// How much later than announced a renewal may come.
const GRACE: Duration = Duration::from_secs(60);
/// How long a registration lasts when nobody says.
const USUAL: Duration = Duration::from_secs(3600);

/// Registrations that stand.
#[derive(Default)]
pub(super) struct Registrations {
    known: HashMap<Text, Known>,
    ends: BTreeSet<(Duration, Text)>,
}

struct Known {
    address: Option<Text>,
    tenant: Option<Text>,
    end: Duration,
}

impl Registrations {
    pub(super) fn next(&self) -> Option<Duration> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// A registration that stood when the gateway stopped. It is given the time of one that is new.
    pub(super) fn resume(&mut self, device: &Device, now: Now) {
        let key: Text = device.id.key().into();
        let expires = device.native.text("expires").and_then(|s| s.parse().ok());
        let lasts = expires.map_or(USUAL, Duration::from_secs);
        let tenant = device.native.text("customer").map(Into::into);
        self.stands(key, device.address.clone(), tenant, now.mono + lasts);
    }

    /// A registration was made or renewed. True when that is news.
    fn stands(
        &mut self,
        key: Text,
        address: Option<Text>,
        tenant: Option<Text>,
        until: Duration,
    ) -> bool {
        let end = until + GRACE;
        let before = self.known.remove(&key);
        if let Some(before) = &before {
            self.ends.remove(&(before.end, key.clone()));
        }
        let news = before.is_none_or(|before| before.address != address);
        if self.known.len() < MAX_KNOWN {
            self.ends.insert((end, key.clone()));
            let known = Known {
                address,
                tenant,
                end,
            };
            self.known.insert(key, known);
        }
        news
    }

    fn gone(&mut self, key: &Text) {
        if let Some(known) = self.known.remove(key) {
            self.ends.remove(&(known.end, key.clone()));
        }
    }
}

impl Translator {
    /// `REGISTER`, `UNREGISTER`, `ERROR`.
    pub(super) fn registration(
        &mut self,
        tell: &mut Telling,
        step: RegisterStep,
        body: &Register<'_>,
    ) {
        let phone = text(&body.sip_phone);
        let account = text(&body.sip_account);
        let ip = text(&body.ip);
        let Some(key) = phone.or(account).or(text(&body.username)).or(ip) else {
            return tell.missing("data.sipphone");
        };
        let key: Text = key.into();
        let address: Option<Text> = match (ip, text(&body.port)) {
            (Some(ip), Some(port)) => Some(format!("{ip}:{port}").into()),
            (ip, _) => ip.map(Into::into),
        };
        let source = text(&body.source).map(words::normal);
        let kind = match (phone, source.as_deref()) {
            (Some(_), _) | (None, Some("PBX")) => DeviceKind::Phone,
            (None, Some("TRUNK" | "GW")) => DeviceKind::Trunk,
            (None, _) if account.is_some() => DeviceKind::Trunk,
            (None, _) => DeviceKind::Unknown,
        };
        let happened = match step {
            RegisterStep::Register => {
                let lasts = number(&body.expires).map_or(USUAL, Duration::from_secs);
                // Longer than a month is no registration.
                let lasts = lasts.min(Duration::from_secs(31 * 24 * 3600));
                let until = tell.now.mono + lasts;
                let tenant = tell.tenant.clone();
                if !self
                    .registrations
                    .stands(key.clone(), address.clone(), tenant, until)
                {
                    return;
                }
                Registration::Registered
            }
            RegisterStep::Unregister => {
                self.registrations.gone(&key);
                Registration::Unregistered
            }
            RegisterStep::Error => Registration::Failed,
        };
        let rule = match step {
            RegisterStep::Register => "REGISTER",
            RegisterStep::Unregister => "UNREGISTER",
            RegisterStep::Error => "ERROR",
        };
        let fact = Fact::Device {
            key,
            registration: happened,
            patch: Box::new(DevicePatch {
                kind: Some(kind),
                extension: None,
                address: address.filter(|_| happened != Registration::Unregistered),
                user_agent: None,
                // It would be wrong again with the next renewal, of which nothing is told.
                expires_at: None,
                native: tell::native(&[
                    ("customer", tell.tenant.as_deref()),
                    ("sipphone", phone),
                    ("sip_account", account),
                    ("username", text(&body.username)),
                    ("expires", text(&body.expires)),
                    ("source", text(&body.source)),
                    ("country", text(&body.country)),
                    ("error", text(&body.error)),
                    ("ip", ip.filter(|_| happened == Registration::Failed)),
                    ("pbx_server", text(&body.pbx_server)),
                    ("trunk_server", text(&body.trunk_server)),
                ]),
            }),
        };
        tell.native(rule, fact);
    }

    /// Registrations that were not renewed.
    pub(super) fn registrations_due(&mut self, now: Now, out: &mut Output) {
        let due = |registrations: &Registrations| {
            let first = registrations.ends.first();
            first
                .filter(|(at, _)| *at <= now.mono)
                .map(|(_, key)| key.clone())
        };
        while let Some(key) = due(&self.registrations) {
            let tenant = self
                .registrations
                .known
                .get(&key)
                .and_then(|known| known.tenant.clone());
            self.registrations.gone(&key);
            let mut tell = Telling::by_timer("UNREGISTER", now);
            tell.tenant = tenant;
            let fact = Fact::Device {
                key: read::cut(&key).into(),
                registration: Registration::Unregistered,
                patch: Box::default(),
            };
            tell.inferred("REGISTER.expired", fact);
            tell.finish_bare(out);
        }
    }
}
