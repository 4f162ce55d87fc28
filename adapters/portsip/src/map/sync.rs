//! Subscriptions: which snapshots are due, what was refused, and what else to subscribe to.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use adapter::{Output, Resume};
use bytes::Bytes;
use model::{
    Collection, Fact, MemoChange, Now, Text,
    observation::{Scope, SourceFact},
};

use super::{read, tell::Telling, words};
use crate::{
    config::Config,
    wire::{
        Dialect, Reply, Topic,
        request::{self, Lists},
    },
};

/// How long a snapshot is waited for. A refusal may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long new numbers are gathered before they are subscribed to in one request.
const GATHER: Duration = Duration::from_millis(200);
/// Numbers named in a reason.
const MAX_NAMED: usize = 8;

/// The memo's keys: numbers learnt beside those that are configured.
const EXTENSIONS: &str = "extensions";
const QUEUES: &str = "queues";

pub(super) struct Sync {
    topics: Vec<Topic>,
    fallback: Dialect,
    dialect: Dialect,
    lists: Lists,
    /// Configured numbers are subscribed to by the link, these by the map.
    learnt_extensions: BTreeSet<String>,
    learnt_queues: BTreeSet<String>,
    /// Subscriptions whose answer has not come, oldest first.
    asked: VecDeque<Topic>,
    refused: Vec<Text>,
    connected_at: Option<Duration>,
    due: Option<Due>,
    ask_again: Option<(Duration, Vec<Topic>)>,
    in_extensions: bool,
}

/// Snapshots that have not come.
struct Due {
    extensions: BTreeSet<Text>,
    queues: BTreeSet<Text>,
    /// None once it has been said that they are late.
    deadline: Option<Duration>,
}

impl Sync {
    pub(super) fn new(config: &Config, resume: &Resume) -> Self {
        let learnt = |key: &str| -> BTreeSet<String> {
            let memo = resume.memo.get(key);
            memo.and_then(|memo| serde_json::from_slice(memo).ok())
                .unwrap_or_default()
        };
        Self {
            topics: config.known_topics(),
            fallback: config.dialect.unwrap_or(Dialect::V22),
            dialect: config.dialect.unwrap_or(Dialect::V22),
            lists: Lists {
                extensions: config.extensions.clone(),
                queues: config.queues.clone(),
                tenants: config.tenants.clone(),
            },
            learnt_extensions: learnt(EXTENSIONS),
            learnt_queues: learnt(QUEUES),
            asked: VecDeque::new(),
            refused: Vec::new(),
            connected_at: None,
            due: None,
            ask_again: None,
            in_extensions: false,
        }
    }

    pub(super) fn connected(&mut self, dialect: Option<Dialect>, now: Now, out: &mut Output) {
        self.dialect = dialect.unwrap_or(self.fallback);
        self.topics_of_dialect();
        self.refused.clear();
        self.in_extensions = false;
        self.connected_at = Some(now.mono);
        self.ask_again = None;
        let gives = self.dialect.gives_snapshots();
        let wanted = |topic: Topic, list: &[String]| -> BTreeSet<Text> {
            let due = gives && self.topics.contains(&topic);
            let numbers = list.iter().filter(|_| due);
            numbers.map(|number| number.as_str().into()).collect()
        };
        let due = Due {
            extensions: wanted(Topic::Extensions, &self.lists.extensions),
            queues: wanted(Topic::Queues, &self.lists.queues),
            deadline: Some(now.mono + PATIENCE),
        };
        let mut tell = Telling::by_timer("subscribed", now);
        self.due = Some(due);
        self.settle(&mut tell);
        tell.finish_bare(out);
        if !self.learnt_extensions.is_empty() {
            self.ask(Topic::Extensions, now);
        }
        if !self.learnt_queues.is_empty() {
            self.ask(Topic::Queues, now);
        }
    }

    pub(super) fn disconnected(&mut self) {
        self.connected_at = None;
        self.due = None;
        self.ask_again = None;
        self.asked.clear();
        self.in_extensions = false;
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        let late = self.due.as_ref().and_then(|due| due.deadline);
        let ask = self.ask_again.as_ref().map(|(at, _)| *at);
        [late, ask].into_iter().flatten().min()
    }

    pub(super) fn timeout(&mut self, now: Now, out: &mut Output) {
        if let Some((at, _)) = &self.ask_again
            && *at <= now.mono
        {
            let topics = self.ask_again.take().map(|(_, topics)| topics);
            for topic in topics.into_iter().flatten() {
                self.asked.push_back(topic);
                out.requests.push(self.request(topic));
            }
        }
        let Some(due) = &mut self.due else {
            return;
        };
        if due.deadline.is_some_and(|deadline| deadline <= now.mono) {
            due.deadline = None;
            let reason = due.missing();
            let mut tell = Telling::by_timer("silence", now);
            if self.in_extensions {
                self.in_extensions = false;
                tell.native("extension_status", Fact::SnapshotEnd(all_extensions()));
            }
            let reason = reason.as_str().into();
            tell.inferred(
                "snapshot.missing",
                Fact::Source(SourceFact::Degraded { reason }),
            );
            tell.finish_bare(out);
        }
    }

    /// The answer to a command. Subscriptions are answered in the order in which they were made, but for those of
    /// tenants and those of the system administrator, which have a connection each.
    pub(super) fn reply(&mut self, reply: &Reply<'_>, now: Now, out: &mut Output) {
        let command = read::text(&reply.command).map(words::normal);
        if command
            .as_deref()
            .is_some_and(|command| command != "SUBSCRIBE")
        {
            out.no_ops += 1;
            return;
        }
        let mixed = self.asked.iter().any(|topic| topic.is_global())
            && self.asked.iter().any(|topic| !topic.is_global());
        let topic = self.asked.pop_front();
        if reply.status == 0 {
            out.no_ops += 1;
            return;
        }
        let name = match topic {
            Some(topic) if !mixed => topic.as_str().to_owned(),
            Some(topic) => {
                let others = self.asked.iter().map(|topic| topic.as_str());
                let names: Vec<_> = std::iter::once(topic.as_str()).chain(others).collect();
                format!("one of {}", names.join(", "))
            }
            None => "a subscription".to_owned(),
        };
        let error = read::text(&reply.error).unwrap_or("no reason given");
        let reason: Text = format!("{name} refused: {error}").into();
        if self.refused.len() < Topic::ALL.len() {
            self.refused.push(reason.clone());
        }
        let mut tell = Telling::by_timer("subscribe", now);
        tell.native(
            "subscribe.refused",
            Fact::Source(SourceFact::Degraded { reason }),
        );
        if !mixed && let Some(due) = &mut self.due {
            match topic {
                Some(Topic::Extensions) => due.extensions.clear(),
                Some(Topic::Queues) => due.queues.clear(),
                _ => {}
            }
            self.settle(&mut tell);
        }
        tell.finish_bare(out);
    }

    /// Opens the list of extensions before the first of them, when one is due.
    pub(super) fn begin_extensions(&mut self, tell: &mut Telling) {
        // Once it is late, the rest comes one by one and is no list.
        let due = self
            .due
            .as_ref()
            .is_some_and(|due| due.deadline.is_some() && !due.extensions.is_empty());
        if due && !self.in_extensions {
            self.in_extensions = true;
            tell.native("extension_status", Fact::SnapshotBegin(all_extensions()));
        }
    }

    pub(super) fn extension_came(&mut self, number: &str) {
        if let Some(due) = &mut self.due {
            due.extensions.remove(number);
        }
    }

    /// Closes the list when all have come.
    pub(super) fn end_extensions(&mut self, tell: &mut Telling) {
        let all = self
            .due
            .as_ref()
            .is_none_or(|due| due.extensions.is_empty());
        if all && self.in_extensions {
            self.in_extensions = false;
            tell.native("extension_status", Fact::SnapshotEnd(all_extensions()));
        }
        self.settle(tell);
    }

    pub(super) fn queue_came(&mut self, number: &str, tell: &mut Telling) {
        if let Some(due) = &mut self.due {
            due.queues.remove(number);
            self.settle(tell);
        }
    }

    /// True while `queue_created` is how the PBX lists the queues that it has.
    pub(super) fn lists_queues(&self, now: Now) -> bool {
        self.connected_at
            .is_some_and(|at| now.mono.saturating_sub(at) < PATIENCE)
    }

    /// An extension came into being or is gone.
    pub(super) fn extension_managed(
        &mut self,
        number: &str,
        exists: bool,
        now: Now,
    ) -> Option<MemoChange> {
        let managed = self.topics.contains(&Topic::Extensions);
        let changed = managed
            && learn(
                &self.lists.extensions,
                &mut self.learnt_extensions,
                number,
                exists,
            );
        self.learnt(changed, exists, Topic::Extensions, now)
    }

    /// A queue came into being or is gone.
    pub(super) fn queue_managed(
        &mut self,
        number: &str,
        exists: bool,
        now: Now,
    ) -> Option<MemoChange> {
        let managed = self.topics.contains(&Topic::Queues);
        let changed = managed && learn(&self.lists.queues, &mut self.learnt_queues, number, exists);
        self.learnt(changed, exists, Topic::Queues, now)
    }

    fn learnt(
        &mut self,
        changed: bool,
        exists: bool,
        topic: Topic,
        now: Now,
    ) -> Option<MemoChange> {
        if !changed {
            return None;
        }
        if exists {
            self.ask(topic, now);
        }
        let (key, numbers) = match topic {
            Topic::Queues => (QUEUES, &self.learnt_queues),
            _ => (EXTENSIONS, &self.learnt_extensions),
        };
        let value = (!numbers.is_empty()).then(|| serde_json::to_vec(numbers).unwrap_or_default());
        Some(MemoChange {
            key: key.into(),
            value: value.map(Bytes::from),
        })
    }

    fn ask(&mut self, topic: Topic, now: Now) {
        if self.connected_at.is_none() || !self.topics.contains(&topic) {
            return;
        }
        let (_, topics) = self
            .ask_again
            .get_or_insert_with(|| (now.mono + GATHER, Vec::new()));
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }

    fn request(&self, topic: Topic) -> Bytes {
        let union = |list: &[String], learnt: &BTreeSet<String>| {
            let extra = learnt.iter().filter(|number| !list.contains(number));
            list.iter().chain(extra).cloned().collect()
        };
        let lists = Lists {
            extensions: union(&self.lists.extensions, &self.learnt_extensions),
            queues: union(&self.lists.queues, &self.learnt_queues),
            tenants: self.lists.tenants.clone(),
        };
        request::subscribe(topic, self.dialect, &lists)
    }

    /// The answers to expect, in the order in which the link asks.
    fn topics_of_dialect(&mut self) {
        let exist = |topic: &&Topic| topic.exists_in(self.dialect);
        self.asked = self.topics.iter().filter(exist).copied().collect();
    }

    /// Says that all has come, when it has.
    fn settle(&mut self, tell: &mut Telling) {
        let done = self
            .due
            .as_ref()
            .is_some_and(|due| due.extensions.is_empty() && due.queues.is_empty());
        if !done {
            return;
        }
        self.due = None;
        tell.native("snapshot.complete", Fact::Source(SourceFact::Synced));
        for reason in &self.refused {
            let reason = reason.clone();
            tell.native(
                "subscribe.refused",
                Fact::Source(SourceFact::Degraded { reason }),
            );
        }
    }
}

impl Due {
    fn missing(&self) -> String {
        let mut parts = Vec::new();
        for (topic, what, numbers) in [
            (Topic::Extensions, "extension_status for", &self.extensions),
            (Topic::Queues, "queue_status for", &self.queues),
        ] {
            if !numbers.is_empty() {
                let named: Vec<_> = numbers.iter().take(MAX_NAMED).map(|n| &**n).collect();
                let more = numbers.len() - named.len();
                let more = if more > 0 {
                    format!(" and {more} more")
                } else {
                    String::new()
                };
                parts.push(format!(
                    "{}: no {what} {}{more}",
                    topic.as_str(),
                    named.join(", ")
                ));
            }
        }
        parts.join("; ")
    }
}

/// What is not listed need not be gone: only the subscribed numbers are.
fn all_extensions() -> Scope {
    Scope {
        collection: Collection::Extensions,
        tenant: None,
        within: None,
        complete: false,
    }
}

/// Adds a number to those subscribed to, or takes it out. True when that changed something.
fn learn(configured: &[String], learnt: &mut BTreeSet<String>, number: &str, exists: bool) -> bool {
    if !exists {
        return learnt.remove(number);
    }
    let room = configured.len() + learnt.len() < Config::MAX_LIST;
    let known = configured.iter().any(|other| other == number);
    room && !known && learnt.insert(number.to_owned())
}
