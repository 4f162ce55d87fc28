//! What a Bell PBX says: a JSON object in each text frame.

use adapter::{
    json::Json,
    record,
    record::{Scalar, Unclaimed, read},
};

record! {
    /// A message. Every key is optional here: the map asks for those that its kind needs.
    Message {
        bell: Scalar<'a> = "bell",
        call: Scalar<'a> = "call" | "call_id",
        from: Scalar<'a> = "from",
        to: Scalar<'a> = "to",
        at: Scalar<'a> = "at",
        open: Json<'a> = "open",
    }
}

/// Reads a frame, with the keys that nobody knows. None when it is no message.
pub(crate) fn decode(frame: &[u8]) -> Option<(Message<'_>, Vec<String>)> {
    let Json::Object(pairs) = Json::parse(frame).ok()? else {
        return None;
    };
    let mut unclaimed = Unclaimed::default();
    let message: Message<'_> = read(pairs, &mut unclaimed);
    message.bell.is_some().then_some((message, unclaimed.names))
}
