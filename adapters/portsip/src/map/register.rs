//! Registrations of devices, and trunks: v12 to v16.1.

use model::{
    DeviceKind, Fact, Text, TrunkState,
    observation::{DevicePatch, ExtensionPatch, Ref, Registration as Happened},
};

use super::{
    Translator,
    extension::user,
    read,
    tell::{self, Telling},
};
use crate::wire::{Contact, Registration, Trunk};

/// Contacts of one extension that are looked at.
const MAX_CONTACTS: usize = 64;

impl Translator {
    /// `extension_register`: all registrations of an extension, and those that just ended.
    pub(super) fn registration(&mut self, tell: &mut Telling, body: &Registration<'_>) {
        let Some(number) = user(&body.extension) else {
            return tell.missing("extension");
        };
        let tenant = tell.tenant.clone();
        let id = read::id(&body.extension_id);
        let at = self.directory.note_extension(tenant.as_ref(), &number, id);
        for contact in body.removed.iter().take(MAX_CONTACTS) {
            device(tell, &at, contact, Happened::Unregistered);
        }
        for contact in body.contacts.iter().take(MAX_CONTACTS) {
            device(tell, &at, contact, Happened::Registered);
        }
        let fact = Fact::Extension {
            at,
            action: None,
            patch: Box::new(ExtensionPatch {
                uri: read::text(&body.extension)
                    .filter(|uri| uri.contains('@'))
                    .map(Into::into),
                online: Some(!body.contacts.is_empty()),
                native: tell::native(&[("extension_id", id), ("tenant_id", tenant.as_deref())]),
                ..ExtensionPatch::default()
            }),
        };
        tell.native("extension_register", fact);
    }
}

/// `trunk_connected` and `trunk_disconnected`.
pub(super) fn trunk(tell: &mut Telling, connected: bool, trunk: &Trunk<'_>) {
    let (name, id) = read::text(&trunk.trunk_name).map_or((None, None), read::trunk);
    let at = Ref {
        id: read::id(&trunk.trunk_id).or(id).map(Into::into),
        number: name.map(Into::into),
    };
    if at.key().is_none() {
        return tell.missing("trunk_name");
    }
    let (rule, state) = if connected {
        ("trunk_connected", TrunkState::Connected)
    } else {
        ("trunk_disconnected", TrunkState::Disconnected)
    };
    let fact = Fact::Trunk {
        at,
        state,
        address: None,
        native: tell::native(&[
            ("trunk_name", read::text(&trunk.trunk_name)),
            ("trunk_id", read::id(&trunk.trunk_id)),
        ]),
    };
    tell.native(rule, fact);
}

fn device(tell: &mut Telling, extension: &Ref, contact: &Contact<'_>, happened: Happened) {
    let Some(key) = read::text(&contact.contact_uri).and_then(key) else {
        return tell.missing("contact_uri");
    };
    let fact = Fact::Device {
        key,
        registration: happened,
        patch: Box::new(DevicePatch {
            kind: read::text(&contact.user_agent).and_then(kind),
            extension: Some(extension.clone()),
            address: read::text(&contact.public_address)
                .or(read::text(&contact.received_from))
                .map(Into::into),
            user_agent: read::text(&contact.user_agent).map(Into::into),
            expires_at: read::time(&contact.expires).filter(|_| happened == Happened::Registered),
            native: tell::native(&[
                ("contact_uri", read::text(&contact.contact_uri)),
                ("instance", read::text(&contact.instance)),
                ("reg_id", read::text(&contact.reg_id)),
                ("received_from", read::text(&contact.received_from)),
            ]),
        }),
    };
    tell.native("extension_register.contact", fact);
}

/// The address alone: the parameters differ between coming and going.
fn key(contact: &str) -> Option<Text> {
    let uri = match contact.split_once('<') {
        Some((_, inner)) => inner.split('>').next()?,
        None => contact.split(';').next()?,
    };
    (!uri.is_empty()).then(|| uri.into())
}

/// What a device calls itself says what it is, where it names its system.
fn kind(user_agent: &str) -> Option<DeviceKind> {
    let agent = user_agent.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| agent.contains(word));
    if has(&["ios", "iphone", "android"]) {
        Some(DeviceKind::Mobile)
    } else if has(&[
        "windows",
        "macos",
        "mac os",
        "linux",
        "webrtc",
        "web client",
    ]) {
        Some(DeviceKind::App)
    } else {
        None
    }
}
