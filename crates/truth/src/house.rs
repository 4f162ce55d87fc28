//! A kind of PBX under test: one column of the table. Adding one is a file beside this and a line in [`houses`].

use std::{pin::Pin, sync::Arc};

use adapter::{
    Adapter,
    truth::{Stage, TrueCall},
};
use bytes::Bytes;
use model::{Event, Timestamp};
use serde_json::{Value, json};
use testkit::cases::{self, Encode, Notate};

use crate::{basix, judge::PRECISION, portsip, telecomx, weather::Weather};

/// A kind of PBX with its simulator and adapter.
pub trait House: Send + Sync {
    /// The adapter's name.
    fn name(&self) -> &'static str;

    /// The dialects it is played in.
    fn dialects(&self) -> Vec<&'static str>;

    /// The topics that a source can do without, for [`Weather::without`].
    fn topics(&self, dialect: &str) -> Vec<&'static str>;

    /// A simulated PBX in virtual time, with the adapter that listens to it.
    fn open(&self, dialect: &str, weather: &Weather, seed: u64, start: Timestamp) -> Opened;

    /// A simulated PBX on a real socket, living in real time with short calls.
    fn serve<'a>(&'a self, dialect: &'a str, seed: u64) -> Serving<'a>;

    /// The adapter for a case, out of the text of its `source.toml`.
    fn adapter(&self, source_toml: &str) -> Arc<dyn Adapter>;

    /// How far times may be off, milliseconds, where calls are heard of over a socket.
    fn precision_live(&self) -> i64 {
        PRECISION
    }

    /// Reads the frames of a case.
    fn encode(&self) -> Encode {
        cases::plain()
    }

    /// Writes them.
    fn notate(&self) -> Notate {
        cases::plainly()
    }

    /// Whether a frame says how others are to be read. Such frames stay when a fault is made small.
    fn is_grammar(&self, _: &Bytes) -> bool {
        false
    }

    /// What nobody knew, out of a `source.unrecognized`, as the frames of a case. None when it carries none.
    fn sample(&self, event: &Event) -> Option<Vec<Value>> {
        let origin = &event.data.origin;
        let frame = match (&origin.payload, &origin.payload_base64) {
            (Some(payload), _) => {
                let frame: Value = serde_json::from_str(payload.as_str()).ok()?;
                json!({"at": 1, "frame": frame})
            }
            (None, Some(base64)) => json!({"at": 1, "base64": &**base64}),
            (None, None) => return None,
        };
        Some(vec![frame])
    }
}

/// A PBX that is about to be served.
pub type Serving<'a> = Pin<Box<dyn Future<Output = Box<dyn Served>> + Send + 'a>>;

/// A simulated PBX on a real socket.
pub trait Served: Send + Sync {
    /// The adapter, configured for it.
    fn adapter(&self) -> Arc<dyn Adapter>;

    /// Cuts every connection without a word.
    fn cut(&self);

    /// Switches it off and on: connections and calls are gone.
    fn restart(&self);

    /// From here on no call begins by itself.
    fn last_orders(&self);

    /// All its calls so far.
    fn truth(&self) -> Vec<TrueCall>;
}

/// A PBX that is ready to be played.
pub struct Opened {
    /// The PBX.
    pub stage: Box<dyn Stage>,
    /// The adapter, configured for it.
    pub adapter: Arc<dyn Adapter>,
    /// The adapter's config as a case has it.
    pub source_toml: String,
}

/// Every kind of PBX.
#[must_use]
pub fn houses() -> Vec<Box<dyn House>> {
    vec![
        Box::new(portsip::Portsip),
        Box::new(basix::Basix),
        Box::new(telecomx::TelecomX),
    ]
}
