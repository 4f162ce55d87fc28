//! Which fields the elements have. Their order is the readme's; on the wire it is another in every run.

use adapter::sim::Rng;

/// The elements in the order in which they are told after connecting.
pub(super) const ELEMENTS: [&str; 7] = [
    "domain",
    "user",
    "group",
    "group_member",
    "terminal",
    "channel",
    "channel_waiting",
];

/// The documented fields of an element.
pub(super) fn fields(element: &str) -> &'static [&'static str] {
    match element {
        "channel" => &[
            "uuid",
            "direction",
            "peer_location",
            "calling_name",
            "calling_number",
            "called_number",
            "offer_timestamp",
            "answer_timestamp",
            "hangup_timestamp",
            "other_uuid",
            "user_id",
            "state",
            "group_id",
            "target",
            "origination",
            "end_user",
            "tags",
            "last_bridged_user_id",
            "last_event",
            "last_event_data",
            "other_info",
            "call_id",
        ],
        "channel_waiting" => &[
            "uuid",
            "direction",
            "peer_location",
            "calling_name",
            "calling_number",
            "called_number",
            "offer_timestamp",
            "user_id",
            "state",
            "target",
            "end_user",
            "whoscall",
        ],
        "queued_channel" | "parked_channel" => &["uuid", "state", "peer_number", "end_user"],
        "user" => &[
            "id",
            "name",
            "fwd_always_status",
            "do_not_disturb_status",
            "language",
            "main_extension",
            "presence",
            "role",
            "park_group",
            "mwi_target",
            "flags",
            "followme",
            "email",
            "avatar",
            "label",
            "mwi",
        ],
        "group" => &[
            "id",
            "name",
            "type",
            "language",
            "main_extension",
            "queue",
            "label",
            "flags",
            "check_login_status",
            "mwi",
        ],
        "group_member" => &[
            "id",
            "group_id",
            "user_id",
            "priority",
            "login_status",
            "role",
        ],
        "terminal" => &[
            "id",
            "name",
            "assoc_user_id",
            "type",
            "user_agent",
            "registered",
        ],
        "domain" => &["id", "name", "status"],
        _ => &[],
    }
}

/// The fields of an element in some order.
pub(super) fn shuffled(element: &str, rng: &mut Rng) -> Vec<&'static str> {
    let mut fields = fields(element).to_vec();
    for n in (1..fields.len()).rev() {
        fields.swap(n, rng.below(n + 1));
    }
    fields
}
