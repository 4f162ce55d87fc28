//! Answers of REST as facts: lists of what exists, and single objects that changed.

mod calls;
mod conferences;
mod listed;
mod people;
mod queues;

use adapter::json::Json;
use model::{Collection, Fact, Text, observation::Scope, source::Action};

use self::listed::user_listed;
use super::{
    Translator,
    read::{self, number, text},
    sync::Ask,
    tell::Telling,
};
use crate::wire::{Rest, rest};

/// Conferences whose participants are asked for.
const MAX_CONFERENCES: usize = 64;
/// Facts of a list that comes in pages.
const MAX_LISTED: usize = 200_000;

/// Lists that come in pages, until the last one is there.
#[derive(Default)]
pub(super) struct Pages {
    extensions: Vec<(Text, Fact)>,
    users: Vec<(Text, Fact)>,
}

impl Translator {
    /// The answer to a request.
    pub(super) fn rest(&mut self, tell: &mut Telling, answer: Rest<'_>) {
        tell.conceal = true;
        let Some(path) = text(&answer.path) else {
            return;
        };
        let path = answer.path.as_deref().unwrap_or(path);
        let Some(ask) = self.sync.answered(path) else {
            return;
        };
        let status: Option<u16> = number(&answer.status);
        match status {
            Some(200..=299) => {
                if self.take(tell, &ask, answer.body).is_none() {
                    self.sync.failed(tell, &ask, "an answer of unknown shape");
                }
            }
            Some(404) if self.is_gone(tell, &ask) => {}
            Some(status) => {
                let word = text(&answer.error).or(text(&answer.text));
                let word = word.map(|word| format!(" {word}")).unwrap_or_default();
                self.sync
                    .failed(tell, &ask, &format!("status {status}{word}"));
            }
            None => {
                let error = text(&answer.error).unwrap_or("no answer");
                self.sync.failed(tell, &ask, error);
            }
        }
        self.sync.done(tell, &ask);
    }

    /// A single object that is not there any more.
    fn is_gone(&mut self, tell: &mut Telling, ask: &Ask) -> bool {
        match ask {
            Ask::Extension(id) => {
                let fact = Fact::Extension {
                    at: self.directory.extension_ref(id),
                    action: Some(Action::Deleted),
                    patch: Box::default(),
                };
                self.directory.forget_extension(id);
                tell.inferred("snapshot.gone", fact);
            }
            Ask::Queue(id) => self.queue_deleted(tell, id, "snapshot.gone"),
            Ask::User(id) => {
                let fact = Fact::User {
                    key: id.clone(),
                    action: Some(Action::Deleted),
                    patch: Box::default(),
                };
                tell.inferred("snapshot.gone", fact);
            }
            // It was over between the list and this.
            Ask::Conference(_) => {}
            _ => return false,
        }
        true
    }

    fn take(&mut self, tell: &mut Telling, ask: &Ask, body: Json<'_>) -> Option<()> {
        match ask {
            Ask::Extensions(from) => {
                let page = rest::page::<rest::Extension<'_>>(body, "extensions")?;
                self.extensions(tell, *from, &page);
            }
            Ask::Users(from) => {
                let page = rest::page::<rest::Employee<'_>>(body, "employees")?;
                self.users(tell, *from, &page);
            }
            Ask::Queues => {
                let page = rest::page::<rest::Queue<'_>>(body, "queues")?;
                self.queues(tell, page.items);
            }
            Ask::People => {
                let page = rest::page::<rest::Employee<'_>>(body, "employees")?;
                self.people(tell, page.items);
            }
            Ask::Conferences => {
                let page = rest::page::<rest::Conference<'_>>(body, "conferences")?;
                for conference in page.items.iter().take(MAX_CONFERENCES) {
                    if let Some(id) = read::shared(&conference.id) {
                        self.sync.want(Ask::Conference(id));
                    }
                }
            }
            Ask::Conference(id) => {
                let conference = rest::object::<rest::Conference<'_>>(body)?;
                self.participants(tell, id, conference);
            }
            Ask::Calls => self.live_calls(tell, body)?,
            Ask::Extension(_) => {
                let extension = rest::object::<rest::Extension<'_>>(body)?;
                let (_, fact) = self.extension_listed(&extension)?;
                tell.native("snapshot.extension", fact);
            }
            Ask::Queue(_) => {
                let queue = rest::object::<rest::Queue<'_>>(body)?;
                self.queue_listed(tell, queue)?;
            }
            Ask::User(_) => {
                let user = rest::object::<rest::Employee<'_>>(body)?;
                let (_, fact) = user_listed(&user)?;
                tell.native("snapshot.user", fact);
            }
        }
        Some(())
    }

    /// A list of all there is, where we see all there is.
    fn list(
        &self,
        tell: &mut Telling,
        collection: Collection,
        rule: &'static str,
        facts: impl Iterator<Item = Fact>,
    ) {
        let scope = Scope {
            collection,
            tenant: tell.tenant.clone(),
            within: None,
            complete: self.sync.sees_all() && !self.sync.is_overrun() && tell.tenant.is_some(),
        };
        bracket(tell, scope, rule, facts);
    }
}

fn bracket(
    tell: &mut Telling,
    scope: Scope,
    rule: &'static str,
    facts: impl Iterator<Item = Fact>,
) {
    tell.native(rule, Fact::SnapshotBegin(scope.clone()));
    for fact in facts {
        tell.native(rule, fact);
    }
    tell.native(rule, Fact::SnapshotEnd(scope));
}
