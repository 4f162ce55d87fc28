//! The writer's inbox: those who fill it are tasks, and it is emptied by a thread that has no runtime.

use std::{
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::Input;

pub(super) struct Inbox {
    receiver: mpsc::Receiver<Input>,
    waker: Waker,
}

struct Sleeper(Thread);

impl Inbox {
    /// To be emptied by the calling thread.
    pub(super) fn new(receiver: mpsc::Receiver<Input>) -> Self {
        Self {
            receiver,
            waker: Waker::from(Arc::new(Sleeper(thread::current()))),
        }
    }

    /// Adds what waits to `inputs`, at most so many, and says how many: 0 when nobody is left to bring more. None when
    /// nothing comes within the time.
    pub(super) fn take(
        &mut self,
        inputs: &mut Vec<Input>,
        most: usize,
        within: Duration,
    ) -> Option<usize> {
        let begun = Instant::now();
        let mut context = Context::from_waker(&self.waker);
        loop {
            match self.receiver.poll_recv_many(&mut context, inputs, most) {
                Poll::Ready(taken) => return Some(taken),
                Poll::Pending => {
                    let left = within.saturating_sub(begun.elapsed());
                    if left.is_zero() {
                        return None;
                    }
                    // It may return for no reason, and then there is nothing.
                    thread::park_timeout(left);
                }
            }
        }
    }

    /// Nobody may bring more; what waits stays.
    pub(super) fn close(&mut self) {
        self.receiver.close();
    }
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_comes_while_it_sleeps_wakes_it() {
        let (sender, receiver) = mpsc::channel(4);
        let (mut inbox, mut inputs) = (Inbox::new(receiver), Vec::new());
        assert_eq!(inbox.take(&mut inputs, 2, Duration::ZERO), None);
        let bringer = thread::spawn(move || {
            for _ in 0..3 {
                assert!(sender.blocking_send(Input::Stop).is_ok());
            }
        });
        while inputs.len() < 3 {
            let taken = inbox.take(&mut inputs, 2, LONG);
            assert!(matches!(taken, Some(1 | 2)), "{taken:?}");
        }
        assert!(bringer.join().is_ok());
        assert_eq!(inbox.take(&mut inputs, 2, LONG), Some(0), "nobody is left");
    }
}
