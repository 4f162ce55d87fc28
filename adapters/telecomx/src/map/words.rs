//! The words of Telecom X and what they mean.

use model::{CallerState, ExtensionCallState, PresenceStatus};

/// A word ready for comparison: trimmed, upper case, blanks and hyphens as underscores.
pub(super) fn normal(word: &str) -> String {
    word.trim()
        .chars()
        .map(|c| match c {
            ' ' | '-' => '_',
            other => other.to_ascii_uppercase(),
        })
        .collect()
}

/// `extensionState`. None for a word that is not known.
pub(super) fn extension_state(word: &str) -> Option<ExtensionCallState> {
    match normal(word).as_str() {
        "IDLE" => Some(ExtensionCallState::Idle),
        "RINGING" => Some(ExtensionCallState::Ringing),
        "BUSY" => Some(ExtensionCallState::Busy),
        _ => None,
    }
}

/// Presence. The list of states is not documented: these have been seen elsewhere.
pub(super) fn presence(word: &str) -> PresenceStatus {
    match normal(word).as_str() {
        "AVAILABLE" => PresenceStatus::Available,
        "MEETING" => PresenceStatus::Meeting,
        "OCCUPIED" | "BUSY" => PresenceStatus::Busy,
        "NOT_AVAILABLE" | "ABSENT" | "AWAY" => PresenceStatus::Away,
        "DND" | "DO_NOT_DISTURB" => PresenceStatus::Dnd,
        "LUNCH" => PresenceStatus::Lunch,
        "OFF_WORK" | "OFFLINE" => PresenceStatus::Offline,
        _ => PresenceStatus::Other,
    }
}

/// How a caller waits. None for a word that is not known.
pub(super) fn waits(word: &str) -> Option<CallerState> {
    match normal(word).as_str() {
        "QUEUED" => Some(CallerState::Waiting),
        "CALLBACK" => Some(CallerState::Callback),
        "VIP" => Some(CallerState::Vip),
        _ => None,
    }
}

/// Why a caller waits no more, in the words of `queue.caller_left`. None for a word that is not known. REST spells one
/// of them otherwise.
pub(super) fn left(word: &str) -> Option<&'static str> {
    match normal(word).as_str() {
        "ANSWERED" => Some("answered"),
        "CANCELLED" => Some("abandoned"),
        "TIMED_OUT" | "TIMEOUT" => Some("timeout"),
        "NO_MEMBERS" => Some("no_agents"),
        "ALL_BUSY" => Some("all_busy"),
        _ => None,
    }
}

/// Access levels, the lowest first. Some pages of the documentation spell them otherwise.
const LEVELS: [&[&str]; 8] = [
    &["NO_LOGIN"],
    &["PERSONAL"],
    &["VIEWER"],
    &["MANAGER", "MANAGE"],
    &["OWNER"],
    &["RESELLER"],
    &["RESELLER_ADMIN", "RESELER_ADMIN"],
    &["ADMIN"],
];

/// Whether a level sees every call there is.
pub(super) fn is_admin(level: &str) -> bool {
    rank(level) == Some(LEVELS.len() - 1)
}

/// Whether a level sees all people, extensions and queues of a customer, not only its own.
pub(super) fn sees_all(level: &str) -> bool {
    rank(level).is_some_and(|rank| rank >= 2)
}

fn rank(level: &str) -> Option<usize> {
    let level = normal(level);
    LEVELS
        .iter()
        .position(|names| names.contains(&level.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_timeout_are_one() {
        assert_eq!(left("TIMED_OUT"), left("TIMEOUT"));
        assert_eq!(left("dancing"), None);
    }

    #[test]
    fn only_the_highest_level_sees_all_calls() {
        assert!(is_admin("ADMIN"));
        for level in [
            "RESELLER_ADMIN",
            "RESELER_ADMIN",
            "MANAGE",
            "VIEWER",
            "x",
            "",
        ] {
            assert!(!is_admin(level), "{level}");
        }
    }
}
