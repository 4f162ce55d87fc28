//! Frames on their way from the socket to the gateway: bounded in number and bytes, with an end.
//!
//! The reader never waits here for long: it has a heartbeat to keep.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use adapter::LinkError;
use bytes::Bytes;
use tokio::sync::Notify;

/// Frames that may wait.
pub(super) const FRAMES: usize = 65_536;
/// Bytes that may wait. A single frame above it is still taken by an empty queue.
const BYTES: usize = 64 << 20;
/// Frames handed on at once.
const BATCH: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    readable: Notify,
    writable: Notify,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Bytes>,
    bytes: usize,
    most: usize,
    end: Option<LinkError>,
    ended: bool,
}

impl Queue {
    /// Whether more may wait.
    pub(super) fn has_room(&self) -> bool {
        self.lock().has_room()
    }

    /// Adds frames, whether or not there is room: ask before.
    pub(super) fn push(&self, frames: impl IntoIterator<Item = Bytes>) {
        let mut state = self.lock();
        for frame in frames {
            state.bytes += frame.len();
            state.frames.push_back(frame);
        }
        state.most = state.most.max(state.frames.len());
        drop(state);
        self.readable.notify_one();
    }

    /// Waits until more may wait.
    pub(super) async fn room(&self) {
        loop {
            let notified = self.writable.notified();
            if self.has_room() {
                return;
            }
            notified.await;
        }
    }

    /// No frame follows: after those that wait comes this.
    pub(super) fn end(&self, error: LinkError) {
        let mut state = self.lock();
        if !state.ended {
            state.end = Some(error);
            state.ended = true;
        }
        drop(state);
        self.readable.notify_one();
        self.writable.notify_waiters();
    }

    /// Waits for frames and takes some, or yields why there will be none. Safe to cancel.
    pub(super) async fn take(&self, frames: &mut Vec<Bytes>) -> Result<(), Option<LinkError>> {
        loop {
            {
                let mut state = self.lock();
                if !state.frames.is_empty() {
                    let count = state.frames.len().min(BATCH);
                    let taken = state.frames.drain(..count);
                    let from = frames.len();
                    frames.extend(taken);
                    let bytes: usize = frames.iter().skip(from).map(Bytes::len).sum();
                    state.bytes -= bytes;
                    drop(state);
                    self.writable.notify_waiters();
                    return Ok(());
                }
                if state.ended {
                    return Err(state.end.take());
                }
            }
            self.readable.notified().await;
        }
    }

    /// How many frames wait, and the most that ever did.
    pub(super) fn depth(&self) -> (usize, usize) {
        let state = self.lock();
        (state.frames.len(), state.most)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.ended || (self.frames.len() < FRAMES && self.bytes < BYTES)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use adapter::LinkErrorKind;

    use super::*;

    #[tokio::test]
    async fn what_waits_comes_before_the_end() {
        let queue = Queue::default();
        queue.push([Bytes::from_static(b"one"), Bytes::from_static(b"two")]);
        queue.end(LinkError::new(LinkErrorKind::Transient, "stay", "gone"));
        let mut frames = Vec::new();
        queue.take(&mut frames).await.unwrap();
        assert_eq!(frames, ["one", "two"]);
        let error = queue.take(&mut frames).await.unwrap_err().unwrap();
        assert_eq!(error.chain(), "cannot stay: gone");
        assert!(queue.take(&mut frames).await.unwrap_err().is_none());
    }

    #[tokio::test]
    async fn a_full_queue_has_room_when_somebody_takes() {
        let queue = Arc::new(Queue::default());
        queue.push((0..FRAMES).map(|_| Bytes::from_static(b"x")));
        assert!(!queue.has_room());
        let waiting = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.room().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        queue.take(&mut Vec::new()).await.unwrap();
        waiting.await.unwrap();
        assert_eq!(queue.depth(), (FRAMES - BATCH, FRAMES));
    }

    #[tokio::test]
    async fn bytes_are_bounded_too() {
        let queue = Queue::default();
        queue.push([Bytes::from(vec![0; BYTES])]);
        assert!(!queue.has_room());
        queue.take(&mut Vec::new()).await.unwrap();
        assert!(queue.has_room());
    }
}
