//! The PBX's words, in every spelling seen, and what they mean.

use model::{AgentState, BusyKind, Direction, ExtensionCallState, PresenceStatus};

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

/// `call_status`, or `on_call` before v16.2. None for a word that is not known.
pub(super) fn call_state(
    status: Option<&str>,
    on_call: Option<&str>,
) -> Option<ExtensionCallState> {
    let Some(status) = status else {
        return match on_call?.trim() {
            "true" | "1" => Some(ExtensionCallState::Busy),
            "false" | "0" => Some(ExtensionCallState::Idle),
            _ => None,
        };
    };
    match normal(status).as_str() {
        "" | "NONE" | "NULL" | "FALSE" => Some(ExtensionCallState::Idle),
        "RINGING" => Some(ExtensionCallState::Ringing),
        // `ON_ACLL` is a slip of the documentation that was never mended.
        "ON_CALL" | "ON_ACLL" | "OTHER_CALL" | "TRUE" => Some(ExtensionCallState::Busy),
        _ => None,
    }
}

/// Presence. `ONLINE` is available here, and logged out where agents are concerned.
pub(super) fn presence(word: &str) -> PresenceStatus {
    match normal(word).as_str() {
        "AVAILABLE" | "ONLINE" => PresenceStatus::Available,
        "AWAY" => PresenceStatus::Away,
        "DO_NOT_DISTURB" | "DND" => PresenceStatus::Dnd,
        "BUSINESS_TRIP" => PresenceStatus::BusinessTrip,
        "LUNCH" => PresenceStatus::Lunch,
        "OFFLINE" => PresenceStatus::Offline,
        "ON_CALL" | "OTHER_CALL" | "RINGING" => PresenceStatus::Busy,
        _ => PresenceStatus::Other,
    }
}

/// An agent's state as the PBX words it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AgentWord {
    pub(super) state: AgentState,
    pub(super) busy: Option<BusyKind>,
    /// Why not ready, or not there.
    pub(super) reason: Option<&'static str>,
}

/// An agent's state. None for a word that is not known.
pub(super) fn agent(word: &str) -> Option<AgentWord> {
    let (state, busy, reason) = match normal(word).as_str() {
        "READY" => (AgentState::Ready, None, None),
        "NOT_READY" => (AgentState::NotReady, None, None),
        "BREAK" => (AgentState::NotReady, None, Some("break")),
        "LUNCH" => (AgentState::NotReady, None, Some("lunch")),
        "QUEUE_CALL" => (AgentState::Busy, Some(BusyKind::Queue), None),
        "OTHER_CALL" | "ON_CALL" => (AgentState::Busy, Some(BusyKind::Other), None),
        "TRANSFER" | "CONSULT_TRANSFER" | "ON_HOLD" => (AgentState::Busy, None, None),
        "WRAP_UP" => (AgentState::AfterCallWork, None, None),
        // v22.3 calls it online: at the PBX, but logged out of the queue.
        "LOGOUT" | "LOGGED_OUT" | "ONLINE" => (AgentState::LoggedOut, None, None),
        "OFFLINE" => (AgentState::LoggedOut, None, Some("offline")),
        _ => return None,
    };
    Some(AgentWord {
        state,
        busy,
        reason,
    })
}

/// The direction of a call. None for a word that is not known.
pub(super) fn direction(word: &str) -> Option<Direction> {
    match normal(word).as_str() {
        "EXT" | "INTERNAL" | "EXTENSION_CALL" => Some(Direction::Internal),
        "IN" | "INBOUND" | "INBOUND_CALL" => Some(Direction::Inbound),
        "OUT" | "OUTBOUND" | "OUTBOUND_CALL" => Some(Direction::Outbound),
        "IN2OUT" | "INBOUND_OUTBOUND" | "INBOUND_OUTBOUND_CALL" => Some(Direction::Transit),
        _ => None,
    }
}

/// Why a caller waits no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallerMove {
    /// Waits.
    Enqueued,
    /// Left the line and keeps the place, to be called back.
    Callback,
    /// Left; in the words of `queue.caller_left`.
    Left(&'static str),
}

/// The `reason` of a caller's change. None for a word that is not known.
pub(super) fn caller_move(word: &str) -> Option<CallerMove> {
    Some(match normal(word).as_str() {
        "ENQUEUE" => CallerMove::Enqueued,
        "CALLBACK" => CallerMove::Callback,
        "AGENT_ANSWERED" => CallerMove::Left("answered"),
        "HANGUP" | "QUEUE_ABANDONED" => CallerMove::Left("abandoned"),
        "OVERFLOW" => CallerMove::Left("overflow"),
        "TIMEOUT" => CallerMove::Left("timeout"),
        "EXIT" | "QUEUE_EXIT" => CallerMove::Left("removed"),
        _ => return None,
    })
}

/// Yes or no.
pub(super) fn truth(word: &str) -> Option<bool> {
    match word.trim() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn online_is_two_things() {
        assert_eq!(presence("ONLINE"), PresenceStatus::Available);
        assert_eq!(agent("Online").unwrap().state, AgentState::LoggedOut);
    }

    #[test]
    fn every_spelling_of_a_call_status_is_known() {
        use ExtensionCallState::{Busy, Idle, Ringing};
        for (words, state) in [
            (["", "none", "NONE"].as_slice(), Idle),
            (&["Ringing", "RINGING"], Ringing),
            (
                &["On Call", "ON_CALL", "on_call", "ON_ACLL", "OTHER_CALL"],
                Busy,
            ),
        ] {
            for word in words {
                assert_eq!(call_state(Some(word), None), Some(state), "{word}");
            }
        }
        assert_eq!(call_state(None, Some("true")), Some(Busy));
        assert_eq!(call_state(None, Some("false")), Some(Idle));
        assert_eq!(call_state(Some("dancing"), None), None);
        assert_eq!(call_state(None, None), None);
    }

    #[test]
    fn a_list_of_choices_is_no_choice() {
        assert_eq!(caller_move("enqueue/agent_answered/overflow"), None);
    }

    #[test]
    fn both_vocabularies_of_direction_are_known() {
        for (words, meaning) in [
            (["ext", "internal"], Direction::Internal),
            (["in", "inbound"], Direction::Inbound),
            (["out", "OUTBOUND_CALL"], Direction::Outbound),
            (["in2out", "inbound_outbound"], Direction::Transit),
        ] {
            assert!(words.iter().all(|word| direction(word) == Some(meaning)));
        }
    }
}
