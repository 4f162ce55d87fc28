//! What the command line wants of a simulated PBX, whatever its kind.

use std::{any::Any, fs};

use adapter::sim::{self, Scenario, Setting};
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;

use super::{Chaos, SimulateError, Simulation, Trouble, whole};

/// Ends the simulator with itself.
struct Playing(JoinHandle<()>);

impl Drop for Playing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The scenario that is to be played; without one the PBX lives by itself.
pub(super) fn scenario<P: Setting, A: DeserializeOwned>(
    wish: &Simulation,
) -> Result<Scenario<P, A>, SimulateError> {
    let Some(path) = &wish.scenario else {
        return Ok(Scenario {
            profile: P::default(),
            moments: Vec::new(),
        });
    };
    let text = fs::read_to_string(path).map_err(|error| SimulateError::Scenario(error.into()))?;
    Scenario::parse(&text).map_err(|error| SimulateError::Scenario(error.into()))
}

/// Makes it misbehave.
pub(super) fn misbehave(chaos: &mut sim::Chaos, troubles: &[Trouble]) {
    for trouble in troubles {
        let much = trouble.strength;
        match trouble.chaos {
            Chaos::Drop => chaos.drop_every_s = much,
            Chaos::Duplicate => chaos.duplicate = much,
            Chaos::Reorder => chaos.reorder = much,
            Chaos::HalfOpen => chaos.half_open_every_s = much,
            Chaos::Garbage => {
                chaos.garbage = much;
                chaos.unknown_event = much;
                chaos.unknown_field = much;
            }
            Chaos::Slow => chaos.slow_ms = whole(much),
            Chaos::Restart => {
                chaos.restart_every_s = much;
                chaos.restart_takes_s = f64::min(much / 2.0, 5.0);
            }
            Chaos::AuthFailure => chaos.refuse_login = much,
        }
    }
}

/// Plays until what this yields is dropped.
pub(super) fn play(play: impl Future<Output = ()> + Send + 'static) -> Box<dyn Any + Send> {
    Box::new(Playing(tokio::spawn(play)))
}
