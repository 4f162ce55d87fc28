//! The names of configuration events: a family and what happened to a member of it.

/// What created, changed and deleted are called, for most families.
const CUD: &[&str] = &["CREATED", "UPDATED", "DELETED"];
/// The same of which only the first and the last exist.
const CD: &[&str] = &["CREATED", "DELETED"];

/// Every family with its verbs.
pub const FAMILIES: &[(&str, &[&str])] = &[
    (
        "EMPLOYEE",
        &[
            "CREATED",
            "UPDATED",
            "DELETED",
            "AUTHENTICATED",
            "DISABLED",
            "ENABLED",
        ],
    ),
    (
        "CUSTOMER",
        &["CREATED", "UPDATED", "DELETED", "BLOCKED", "UNBLOCKED"],
    ),
    (
        "SIP_ACCOUNT",
        &["CREATED", "UPDATED", "DELETED", "DISABLED", "ENABLED"],
    ),
    (
        "MVNO_ACCOUNT",
        &[
            "CREATED",
            "UPDATED",
            "DELETED",
            "DISABLED",
            "ENABLED",
            "PROVISIONED",
            "RESTORED",
        ],
    ),
    (
        "PORTING",
        &[
            "CREATED",
            "UPDATED",
            "ORDERED",
            "CONTACT",
            "CONFIRMED",
            "CANCELLED",
            "REJECTED",
        ],
    ),
    ("NUMBER", CUD),
    ("PRODUCT", CUD),
    ("DESTINATION", CUD),
    ("SPECIAL_DESTINATION", CUD),
    ("ROAMING_VOICE", CUD),
    ("ROAMING_DATA", CUD),
    ("ROAMING_TEXT", CUD),
    ("SBC_PEER", CUD),
    ("SBC_SERVER", CUD),
    ("SBC_HOST", CUD),
    ("SBC_RULE", CUD),
    ("DK_SERVICE_OPERATOR", CUD),
    ("SBC_PEER_HOST", &["DOWN", "UP"]),
    ("DK_NUMBER", &["UPDATED"]),
    ("FRAUD_IP_BLACKLIST", CD),
    ("FRAUD_IP_WHITELIST", CD),
    ("FRAUD_NUMBER_BLACKLIST", CD),
    ("CURRENT_INVOICE", CUD),
    ("INVOICE", &["CREATED"]),
    ("TCE", CUD),
    ("PRESENCE_PROXY", CUD),
    ("IPTV_BASECHANNELS", CUD),
    ("IPTV_CHANNELS", CUD),
    ("IPTV_PACKAGES", CUD),
    ("IPTV_SETTINGS", CUD),
    ("IPTV_DRMACCOUNT", CUD),
    ("IPTV_SUBSCRIPTIONS", CUD),
    ("IPTV_RADIO_CHANNELS", CUD),
    ("IPTV_TABLET_PROFILE", CUD),
    (
        "IPTV_DEVICE",
        &[
            "CREATED",
            "UPDATED",
            "DELETED",
            "LOGIN",
            "LOGOUT",
            "UNREGISTERED",
            "RENAMED",
            "CHANNEL_PLAYING",
            "CHANNEL_STOPPED",
            "ARCHIVE_PLAYING",
            "ARCHIVE_STOPPED",
            "RECORDING_PLAYING",
            "RECORDING_STOPPED",
            "RECORDING_SCHEDULED",
            "RECORDING_DELETED",
            "RECORDING_FAVORITE",
            "REQUESTS_SERVED",
            "SPEEDTEST_COMPLETED",
            "TUNNEL_CONNECTING",
            "UI_LOADING",
            "DVB_UPDATING",
        ],
    ),
    ("INTERNET_REQUEST", &["CREATED", "OFFERED", "DELETED"]),
    ("INTERNET_ACCOUNT", &["CREATED", "UPDATED", "CANCELLED"]),
    ("PBX_AUDIO", CUD),
    ("PBX_GROUP", CUD),
    ("PBX_EXTENSION", CUD),
    ("PBX_CONFERENCE", CUD),
    ("PBX_TRUNK", CUD),
    ("PBX_DIAL", CUD),
    ("PBX_QUEUE", CUD),
    ("PBX_TIME_ROUTER", CUD),
    ("PBX_PLAYBACK", CUD),
    ("PBX_URL_ROUTER", CUD),
    ("PBX_SET_VALUE", CUD),
    ("PBX_VALUE_ROUTER", CUD),
    ("PBX_MENU_ROUTER", CUD),
    ("PBX_APP_DASHBOARD", CUD),
    ("MUSIC_ON_HOLD", CUD),
    ("SIP_PHONE_MODEL", CUD),
    ("DNS", CUD),
    ("PBX_EXTENSION_DND", &["UPDATED"]),
    (
        "PBX_PHONEBOOK",
        &["CREATED", "UPDATED", "DELETED", "DELETE_ALL"],
    ),
    (
        "PBX_CALENDAR",
        &["CREATED", "UPDATED", "DELETED", "DELETE_ALL"],
    ),
    ("SIP_PHONE", &["CREATED", "UPDATED", "DELETED", "CONFIG"]),
    ("JOB", &["CREATED", "SUCCEEDED", "FAILED"]),
    ("HELPCENTER", CUD),
    ("HELPCENTER_CASE", CUD),
    (
        "NETWORK_DEVICE",
        &["CREATED", "UPDATED", "DELETED", "PROVISIONED"],
    ),
    ("NETWORK_DEVICE_MODEL", CUD),
    ("ROUTER", &["CREATED", "UPDATED", "DELETED", "EVENT"]),
];

/// Takes a name apart: its family and its verb. None when there is no such event.
#[must_use]
pub fn split(name: &str) -> Option<(&'static str, &'static str)> {
    FAMILIES.iter().find_map(|(family, verbs)| {
        let told = name.strip_prefix(family)?.strip_prefix('_')?;
        let verb = verbs.iter().find(|verb| **verb == told)?;
        Some((*family, *verb))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_220_and_each_is_found_again() {
        let mut count = 0;
        for (family, verbs) in FAMILIES {
            for verb in *verbs {
                count += 1;
                assert_eq!(
                    split(&format!("{family}_{verb}")),
                    Some((*family, *verb)),
                    "{family} {verb}"
                );
            }
        }
        assert_eq!(count, 220);
    }

    #[test]
    fn what_is_no_name_is_none() {
        for name in [
            "",
            "EMPLOYEE",
            "EMPLOYEE_",
            "PBX_QUEUE_EXPLODED",
            "INVOICE_DELETED",
        ] {
            assert_eq!(split(name), None, "{name}");
        }
    }
}
