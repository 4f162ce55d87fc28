//! The workers: they read the log and ask for pages of state, so that shards never wait for a disk.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use super::{
    History, HistoryError,
    core::{Found, Job, Task, append},
    shard::{Input, Shard},
};
use crate::{catch_up, tail::Tail};

/// Where shards leave jobs. The queue is bounded by the streams: each has at most one job out. Workers end when the
/// last shard is gone.
#[derive(Clone)]
pub(super) struct Pool(Sender<(Arc<Shard>, Job)>);

impl Pool {
    pub(super) fn start(
        workers: usize,
        tail: &Tail,
        history: &Arc<dyn History>,
    ) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for n in 0..workers.max(1) {
            let (queue, tail, history) = (Arc::clone(&queue), tail.clone(), Arc::clone(history));
            thread::Builder::new()
                .name(format!("replay-{n}"))
                .spawn(move || work(&queue, &tail, &*history))?;
        }
        Ok(Self(jobs))
    }

    pub(super) fn send(&self, shard: &Arc<Shard>, job: Job) {
        // Workers are there as long as a sender is.
        let _ = self.0.send((Arc::clone(shard), job));
    }
}

fn work(queue: &Mutex<Receiver<(Arc<Shard>, Job)>>, tail: &Tail, history: &dyn History) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((shard, Job { key, pull, task })) = next else {
            return;
        };
        // A log or a page that panics costs the stream that asked for it, not the worker.
        let found = catch_unwind(AssertUnwindSafe(|| perform(task, tail, history)));
        let found = found.unwrap_or_else(|_| {
            Found::Failed(HistoryError::Unavailable("the reader panicked".into()))
        });
        shard.send(Input::Pulled { key, pull, found });
    }
}

pub(super) fn perform(task: Task, tail: &Tail, history: &dyn History) -> Found {
    match task {
        Task::Snapshot(mut pages) => Found::Snapshot(pages.next().map(|page| (page, pages))),
        Task::Replay {
            after,
            filter,
            variant,
            max_bytes,
        } => {
            let (mut frames, mut events) = (Vec::new(), 0);
            let read = catch_up::read(tail, history, after, &filter, max_bytes, |block, entry| {
                append(block, entry, variant, &mut frames);
                events += 1;
            });
            match read {
                Ok(to) => Found::Replay { frames, events, to },
                Err(error) => {
                    tracing::warn!(%after, error = &error as &dyn std::error::Error, "replay failed");
                    Found::Failed(error)
                }
            }
        }
    }
}
