//! The PBX's words: how a leg was hung up, by whom, and why.

use model::Cause;

/// Who hung a leg up, and how: the first half of `last_event_data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The party on this leg.
    Party,
    /// The PBX, towards this leg.
    Pbx,
}

/// How a leg was hung up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hangup<'a> {
    pub(super) who: Option<Who>,
    /// FreeSWITCH's name of the cause.
    pub(super) cause: &'a str,
}

/// Reads `recv_bye,NORMAL_CLEARING`. Either half may be missing.
pub(super) fn hangup(data: &str) -> Hangup<'_> {
    let (disposition, cause) = match data.split_once(',') {
        Some((disposition, cause)) => (disposition.trim(), cause.trim()),
        None if data.contains('_') && data.starts_with(['r', 's']) => (data.trim(), ""),
        None => ("", data.trim()),
    };
    let who = match disposition.split('_').next() {
        Some("recv") => Some(Who::Party),
        Some("send") => Some(Who::Pbx),
        _ => None,
    };
    Hangup { who, cause }
}

/// A cause of FreeSWITCH with its Q.850 value, where it has one. None for a name that is not known.
pub(super) fn cause(name: &str) -> Option<(Cause, Option<u8>)> {
    let of = |cause, q850: u8| Some((cause, Some(q850)));
    let own = |cause| Some((cause, None));
    match name {
        "NORMAL_CLEARING" => of(Cause::Normal, 16),
        "NORMAL_UNSPECIFIED" | "SUCCESS" | "NONE" => own(Cause::Normal),
        "ORIGINATOR_CANCEL" => own(Cause::Cancelled),
        "LOSE_RACE" => own(Cause::AnsweredElsewhere),
        "PICKED_OFF" => own(Cause::PickedUp),
        "NO_ANSWER" => of(Cause::NoAnswer, 19),
        "NO_USER_RESPONSE" => of(Cause::NoAnswer, 18),
        "PROGRESS_TIMEOUT" => own(Cause::NoAnswer),
        "USER_BUSY" => of(Cause::Busy, 17),
        "CALL_REJECTED" => of(Cause::Rejected, 21),
        "ALLOTTED_TIMEOUT" => own(Cause::MaxDuration),
        "UNALLOCATED_NUMBER" => of(Cause::InvalidNumber, 1),
        "INVALID_NUMBER_FORMAT" => of(Cause::InvalidNumber, 28),
        "NUMBER_CHANGED" => of(Cause::NumberChanged, 22),
        "NO_ROUTE_TRANSIT_NET" => of(Cause::NoRoute, 2),
        "NO_ROUTE_DESTINATION" => of(Cause::NoRoute, 3),
        "EXCHANGE_ROUTING_ERROR" => of(Cause::NoRoute, 25),
        "SUBSCRIBER_ABSENT" => of(Cause::Unreachable, 20),
        "DESTINATION_OUT_OF_ORDER" => of(Cause::Unreachable, 27),
        "USER_NOT_REGISTERED" | "GATEWAY_DOWN" => own(Cause::Unreachable),
        "REDIRECTION_TO_NEW_DESTINATION" => of(Cause::Redirected, 23),
        "OUTGOING_CALL_BARRED" => of(Cause::Barred, 52),
        "INCOMING_CALL_BARRED" => of(Cause::Barred, 54),
        "BEARERCAPABILITY_NOTAUTH" => of(Cause::Barred, 57),
        "DECLINE" => own(Cause::Rejected),
        "NORMAL_CIRCUIT_CONGESTION" => of(Cause::Congestion, 34),
        "SWITCH_CONGESTION" => of(Cause::Congestion, 42),
        "REQUESTED_CHAN_UNAVAIL" => of(Cause::Congestion, 44),
        "USER_CHALLENGE" | "CHAN_NOT_IMPLEMENTED" => own(Cause::NetworkError),
        "NETWORK_OUT_OF_ORDER" => of(Cause::NetworkError, 38),
        "NORMAL_TEMPORARY_FAILURE" => of(Cause::NetworkError, 41),
        "RECOVERY_ON_TIMER_EXPIRE" => of(Cause::NetworkError, 102),
        "PROTOCOL_ERROR" | "INTERWORKING" | "CRASH" => own(Cause::NetworkError),
        "BEARERCAPABILITY_NOTAVAIL" => of(Cause::Incompatible, 58),
        "BEARERCAPABILITY_NOTIMPL" => of(Cause::Incompatible, 65),
        "FACILITY_NOT_IMPLEMENTED" => of(Cause::Incompatible, 69),
        "SERVICE_NOT_IMPLEMENTED" => of(Cause::Incompatible, 79),
        "INCOMPATIBLE_DESTINATION" => of(Cause::Incompatible, 88),
        "MEDIA_TIMEOUT" => own(Cause::MediaError),
        "BLIND_TRANSFER" | "ATTENDED_TRANSFER" => own(Cause::Transferred),
        "MANAGER_REQUEST" => own(Cause::Admin),
        "SYSTEM_SHUTDOWN" => own(Cause::SystemRestart),
        _ => None,
    }
}

/// The values of `last_event` that are documented. The list is open.
pub(super) fn is_known_event(name: &str) -> bool {
    matches!(
        name,
        "NEW_CHANNEL"
            | "CHANNEL_ORIGINATE"
            | "CHANNEL_ANSWER"
            | "CHANNEL_BRIDGE"
            | "CHANNEL_PARK"
            | "CHANNEL_APPLICATION"
            | "STATE_CHANGE"
            | "CHANNEL_HANGUP"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_hangup_is_read() {
        for (data, who, meaning) in [
            (
                "recv_cancel,ORIGINATOR_CANCEL",
                Who::Party,
                Cause::Cancelled,
            ),
            ("send_cancel,ORIGINATOR_CANCEL", Who::Pbx, Cause::Cancelled),
            ("send_cancel,LOSE_RACE", Who::Pbx, Cause::AnsweredElsewhere),
            ("send_cancel,NO_ANSWER", Who::Pbx, Cause::NoAnswer),
            ("send_cancel,PICKED_OFF", Who::Pbx, Cause::PickedUp),
            ("recv_bye,NORMAL_CLEARING", Who::Party, Cause::Normal),
            ("send_bye,NORMAL_CLEARING", Who::Pbx, Cause::Normal),
            ("send_bye,ALLOTTED_TIMEOUT", Who::Pbx, Cause::MaxDuration),
            ("send_refuse,NO_ANSWER", Who::Pbx, Cause::NoAnswer),
            ("recv_refuse,USER_BUSY", Who::Party, Cause::Busy),
            ("recv_refuse,NO_USER_RESPONSE", Who::Party, Cause::NoAnswer),
        ] {
            let hangup = hangup(data);
            assert_eq!(hangup.who, Some(who), "{data}");
            assert_eq!(
                cause(hangup.cause).map(|(cause, _)| cause),
                Some(meaning),
                "{data}"
            );
        }
    }

    #[test]
    fn half_a_hangup_is_half_a_hangup() {
        assert_eq!(
            hangup("recv_bye"),
            Hangup {
                who: Some(Who::Party),
                cause: ""
            }
        );
        assert_eq!(
            hangup("USER_BUSY"),
            Hangup {
                who: None,
                cause: "USER_BUSY"
            }
        );
        assert_eq!(
            hangup(""),
            Hangup {
                who: None,
                cause: ""
            }
        );
        assert_eq!(cause("EATEN_BY_A_GRUE"), None);
    }

    #[test]
    fn values_agree_with_the_table_of_all() {
        for name in [
            "USER_BUSY",
            "CALL_REJECTED",
            "NUMBER_CHANGED",
            "NO_ROUTE_DESTINATION",
            "SWITCH_CONGESTION",
        ] {
            let (meaning, q850) = cause(name).unwrap();
            assert_eq!(Cause::from_q850(q850.unwrap()), meaning, "{name}");
        }
    }
}
