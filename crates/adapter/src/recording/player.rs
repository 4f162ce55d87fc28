//! Drives a translator through steps, timers included. Time is that of the steps.

use std::time::Duration;

use bytes::Bytes;
use model::{Collection, Now, Timestamp};

use super::{Loss, Step};
use crate::{Output, Translator};

/// What happens to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// It stands; with the dialect, where it is known, and what it sets right.
    Connected(Option<String>, Vec<Collection>),
    /// It is gone; how, and why, where that is known.
    Disconnected(Loss, Option<String>),
}

/// What a translator yielded at one moment.
#[derive(Debug)]
pub struct Moment {
    /// When.
    pub now: Now,
    /// The frame that made it speak; none for timers and the connection.
    pub frame: Option<Bytes>,
    /// What happened to the connection, when that made it speak.
    pub link: Option<Link>,
    /// What it said.
    pub output: Output,
}

/// A translator whose timer never ends: it asked for the same moment again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the timer at {0:?} never ends")]
pub struct Stuck(pub Duration);

/// Plays steps, one after another.
pub struct Player<'a> {
    translator: &'a mut dyn Translator,
    wall: Timestamp,
    mono: Duration,
}

impl<'a> Player<'a> {
    /// At second 0, which is 2026 until a step says otherwise.
    #[must_use]
    pub fn new(translator: &'a mut dyn Translator) -> Self {
        Self {
            translator,
            wall: Timestamp::from_secs(1_767_225_600),
            mono: Duration::ZERO,
        }
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Now {
        Now {
            mono: self.mono,
            wall: self.wall.after(self.mono),
        }
    }

    /// Goes through a step, and hands over what the translator says at each moment on the way.
    ///
    /// # Errors
    /// When the translator makes time stand still.
    pub fn step(&mut self, step: &Step, mut see: impl FnMut(Moment)) -> Result<(), Stuck> {
        let target = match step {
            Step::Frame(at, _) | Step::Until(at) => (*at).max(self.mono),
            Step::Advance(by) => self.mono.saturating_add(*by),
            Step::Wall(time) => {
                self.wall = *time;
                return Ok(());
            }
            Step::Connected { .. } | Step::Disconnected { .. } | Step::Restarted => self.mono,
        };
        self.timers(target, &mut see)?;
        self.mono = target;
        let now = self.now();
        let mut output = Output::default();
        let (mut frame, mut link) = (None, None);
        match step {
            Step::Frame(_, bytes) => {
                self.translator.frame(bytes, now, &mut output);
                frame = Some(bytes.clone());
            }
            Step::Connected {
                dialect,
                reconciles,
            } => {
                self.translator
                    .connected(dialect.as_deref(), now, &mut output);
                link = Some(Link::Connected(dialect.clone(), reconciles.clone()));
            }
            Step::Disconnected { .. } | Step::Restarted => {
                let (loss, reason) = match step {
                    Step::Disconnected { loss, reason } => (*loss, reason.clone()),
                    _ => (Loss::default(), None),
                };
                self.translator.disconnected(now, &mut output);
                link = Some(Link::Disconnected(loss, reason));
            }
            Step::Advance(_) | Step::Until(_) | Step::Wall(_) => return Ok(()),
        }
        see(Moment {
            now,
            frame,
            link,
            output,
        });
        Ok(())
    }

    fn timers(&mut self, target: Duration, see: &mut impl FnMut(Moment)) -> Result<(), Stuck> {
        while let Some(due) = self.translator.poll_timeout().filter(|due| *due <= target) {
            self.mono = self.mono.max(due);
            let now = self.now();
            let mut output = Output::default();
            self.translator.timeout(now, &mut output);
            let stuck = self.translator.poll_timeout() == Some(due);
            see(Moment {
                now,
                frame: None,
                link: None,
                output,
            });
            if stuck {
                return Err(Stuck(due));
            }
        }
        Ok(())
    }
}
