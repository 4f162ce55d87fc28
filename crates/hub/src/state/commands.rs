//! Commands: accepted once, sent by others, and followed until their outcome is known or nobody can know it any more.
//!
//! A command is in the log before it may be sent. So whatever dies, it is never sent twice: what was accepted and has no
//! outcome when the gateway starts again is failed as `unknown`.

use std::{collections::HashMap, sync::Arc, time::Duration};

use model::{
    Change, Command, CommandState, Data, EntityId, EventType, Native, Now, OriginKind, SourceId,
    Text, observation::CommandOutcome,
};

use super::{
    State,
    keep::Saying,
    mark::{Mark, Turn},
    source::is_up,
    timers::Due,
};
use crate::{
    command::{Accepted, CommandChange, CommandRecord, KEPT, Rejected, Request},
    draft::Draft,
    state::Archive,
};

/// Commands whose outcome is not known yet.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    by_id: HashMap<EntityId, Waiting>,
    changes: Vec<CommandChange>,
}

/// What is known of a command beside its entity.
#[derive(Debug)]
struct Waiting {
    deadline: Duration,
    record: CommandRecord,
}

/// The most commands of a source whose outcome is not known.
const MAX_IN_FLIGHT: usize = 64;

impl State {
    /// Accepts a command, or says why not. What is accepted is sent by the caller, after the events are committed.
    ///
    /// # Errors
    /// When it cannot be done now, or not any more.
    pub fn command(
        &mut self,
        request: &Request,
        now: Now,
        archive: &mut dyn Archive,
        out: &mut Vec<Draft>,
    ) -> Result<Accepted, Rejected> {
        if let Some(known) = self.known_command(request, now, archive)? {
            return Ok(known);
        }
        let source = self
            .view
            .sources
            .get(&super::source::entity_id(&request.source));
        if !source.is_some_and(|stored| is_up(stored.entity.state)) {
            return Err(Rejected::NotConnected);
        }
        let target = match &request.target {
            None => None,
            Some(id) => {
                let call = self.view.calls.get(id);
                let theirs = call.filter(|call| call.source == request.source);
                Some(theirs.ok_or(Rejected::TargetEnded)?)
            }
        };
        let settings = self.settings(&request.source);
        let tenant = match target {
            Some(call) => call.tenant.clone(),
            None => settings
                .tenant
                .as_ref()
                .map(|native| settings.tenant(native)),
        };
        if let Some(visible) = &request.tenants
            && !tenant
                .as_ref()
                .is_some_and(|tenant| visible.contains(tenant))
        {
            return Err(Rejected::Hidden);
        }
        if let (Some(wanted), Some(call)) = (request.if_version, target)
            && call.version != wanted
        {
            return Err(Rejected::Moved {
                version: call.version,
            });
        }
        let theirs = |stored: &&Arc<super::Stored<Command>>| stored.source == request.source;
        if self.view.commands.values().filter(theirs).count() >= MAX_IN_FLIGHT {
            return Err(Rejected::Busy);
        }
        let call = target.map(|stored| Arc::clone(&stored.entity));
        let mut mark = Mark::own(
            &request.source,
            now,
            OriginKind::Gateway,
            "command.accepted",
        );
        mark.tenant = tenant.clone();
        let mut turn = Turn {
            now,
            mark,
            archive,
            out,
        };
        let command = self.accept(&mut turn, request, tenant);
        Ok(Accepted::New {
            command,
            target: call,
        })
    }

    /// What changed of the records of commands since it was last taken.
    pub fn take_commands(&mut self) -> Vec<CommandChange> {
        std::mem::take(&mut self.in_flight.changes)
    }

    /// The PBX, or the connection to it, says what became of a command.
    pub(super) fn command_fact(
        &mut self,
        turn: &mut Turn<'_>,
        id: &Text,
        outcome: &CommandOutcome,
    ) {
        let id = EntityId::from_text(id);
        let known = self.view.commands.get(&id);
        // No source has a say in what another was told to do.
        if known.is_some_and(|stored| stored.source == turn.mark.source) {
            self.finish_command(turn, &id, outcome);
        }
    }

    /// The PBX did not say anything about a command for as long as it may take.
    pub(super) fn command_due(
        &mut self,
        now: Now,
        id: &EntityId,
        archive: &mut dyn Archive,
        out: &mut Vec<Draft>,
    ) {
        let Some(source) = self
            .view
            .commands
            .get(id)
            .map(|stored| stored.source.clone())
        else {
            return;
        };
        let mark = Mark::own(&source, now, OriginKind::Gateway, "command.timeout");
        let mut turn = Turn {
            now,
            mark,
            archive,
            out,
        };
        let reason = "timeout".into();
        self.finish_command(&mut turn, id, &CommandOutcome::Unknown { reason });
    }

    /// Nobody will tell any more what became of the commands of the source that speaks.
    pub(super) fn lose_commands(&mut self, turn: &mut Turn<'_>, reason: &str) {
        let source = &turn.mark.source;
        let theirs = self.view.commands.iter();
        let theirs = theirs.filter(|(_, stored)| stored.source == *source);
        let ids: Vec<EntityId> = theirs.map(|(id, _)| id.clone()).collect();
        let mark = Mark::own(source, turn.now, OriginKind::Gateway, "command.lost");
        turn.under(mark, |turn| {
            for id in ids {
                let reason = reason.into();
                self.finish_command(turn, &id, &CommandOutcome::Unknown { reason });
            }
        });
    }

    /// The gateway was restarted: whether what it was sending arrived, it cannot know.
    pub(super) fn lose_all_commands(&mut self, turn: &mut Turn<'_>) {
        let commands = self.view.commands.values();
        let sources: std::collections::BTreeSet<SourceId> =
            commands.map(|stored| stored.source.clone()).collect();
        for source in sources {
            let mark = Mark::own(&source, turn.now, OriginKind::Gateway, "restart");
            turn.under(mark, |turn| self.lose_commands(turn, "unknown"));
        }
    }

    /// The command that was accepted under the same key.
    fn known_command(
        &self,
        request: &Request,
        now: Now,
        archive: &mut dyn Archive,
    ) -> Result<Option<Accepted>, Rejected> {
        let Some(key) = &request.key else {
            return Ok(None);
        };
        let waiting = self.in_flight.by_id.values().map(|waiting| &waiting.record);
        let mut same = waiting.filter(|record| record.owner == request.owner);
        let found = same.find(|record| {
            record
                .key
                .as_ref()
                .is_some_and(|known| known.key == key.key)
        });
        let known = match found {
            Some(record) => Some(record.clone()),
            None => archive
                .command(&request.owner, &key.key)
                .map_err(|_| Rejected::Unavailable)?,
        };
        let is_kept = |record: &CommandRecord| record.command.created_at.after(KEPT) > now.wall;
        let Some(record) = known.filter(is_kept) else {
            return Ok(None);
        };
        if record
            .key
            .as_ref()
            .is_some_and(|known| known.digest != key.digest)
        {
            return Err(Rejected::KeyReused);
        }
        Ok(Some(Accepted::Known(Arc::new(record.as_accepted()))))
    }

    fn accept(
        &mut self,
        turn: &mut Turn<'_>,
        request: &Request,
        tenant: Option<Text>,
    ) -> Arc<Command> {
        let id = EntityId::from_text(&request.id);
        let command = Command {
            id: Text::clone(&request.id),
            source: request.source.clone(),
            kind: Text::clone(&request.kind),
            target: request.target.as_ref().map(EntityId::text),
            state: CommandState::Accepted,
            reason: None,
            detail: None,
            created_at: turn.now.wall,
            finished_at: None,
            version: 1,
            native: Native::new(),
        };
        let saying = Saying {
            change: Change {
                to: Some(CommandState::Accepted.as_str().into()),
                ..Change::default()
            },
            ..Saying::default()
        };
        self.publish(
            turn,
            EventType::CommandAccepted,
            &id,
            command.clone(),
            saying,
        );
        let record = CommandRecord {
            owner: Text::clone(&request.owner),
            key: request.key.clone(),
            tenant,
            command: command.clone(),
        };
        let deadline = turn.now.mono + request.patience;
        self.in_flight
            .changes
            .push(CommandChange::New(record.clone()));
        self.in_flight
            .by_id
            .insert(id.clone(), Waiting { deadline, record });
        self.timers.arm(deadline, Due::Command(id));
        Arc::new(command)
    }

    fn finish_command(&mut self, turn: &mut Turn<'_>, id: &EntityId, outcome: &CommandOutcome) {
        let Some(known) = self.get::<Command>(id) else {
            return;
        };
        let mut command = (*known).clone();
        command.finished_at = Some(turn.now.wall);
        let kind = match outcome {
            CommandOutcome::Succeeded { native } => {
                command.state = CommandState::Succeeded;
                command.native = native.clone();
                EventType::CommandSucceeded
            }
            CommandOutcome::Failed { reason, detail } => {
                command.state = CommandState::Failed;
                command.reason = Some(Text::clone(reason));
                command.detail.clone_from(detail);
                EventType::CommandFailed
            }
            CommandOutcome::Unknown { reason } => {
                command.state = CommandState::Unknown;
                command.reason = Some(Text::clone(reason));
                EventType::CommandFailed
            }
        };
        let saying = Saying {
            change: Change {
                from: Some(CommandState::Accepted.as_str().into()),
                to: Some(command.state.as_str().into()),
                ..Change::default()
            },
            data: Data {
                reason: command.reason.clone(),
                ..Data::default()
            },
            closes: true,
        };
        let draft = self.publish(turn, kind, id, command, saying);
        // Nothing ever follows, and the record has all that is asked for.
        draft.closes = None;
        if let Some(command) = draft.data.command.clone() {
            self.in_flight
                .changes
                .push(CommandChange::Finished((*command).clone()));
        }
        if let Some(waiting) = self.in_flight.by_id.remove(id) {
            self.timers
                .disarm(waiting.deadline, Due::Command(id.clone()));
        }
    }
}
