//! Groups, who belongs to them, and what these do.

use model::{
    AgentState, Fact, QueueKind, Text,
    observation::{AgentPatch, QueuePatch, Ref},
    source::Action,
};
use serde_json::{Map, Value};

use super::{
    Translator,
    directory::{Group, Member},
    people::unknown_fields,
    read,
    tell::{self, Telling},
};
use crate::wire::{self, Entity};

impl Translator {
    pub(super) fn group(
        &mut self,
        tell: &mut Telling,
        entity: &Entity<'_>,
        group: &wire::Group<'_>,
        action: Option<Action>,
    ) {
        let Some(id) = read::number_id(group.id) else {
            return tell.unrecognized("missing:group.id");
        };
        if action == Some(Action::Deleted) {
            let at = self.directory.queue(&id);
            tell.native(
                "group",
                Fact::Queue {
                    at,
                    action,
                    patch: Box::default(),
                },
            );
            return self.directory.forget_group(&id);
        }
        let name = read::text(&group.label).or_else(|| read::text(&group.name));
        let queue = group.queue.is_some_and(|queue| queue != 0);
        let number = read::text(&group.main_extension).map(Text::from);
        let known = Group {
            number: number.clone(),
            name: name.map(Into::into),
            queue,
        };
        self.directory.note_group(&id, known);
        let kind = match (group.kind, queue) {
            (Some(1), _) => Some(QueueKind::HuntGroup),
            (_, true) => Some(QueueKind::Queue),
            (Some(0), false) => Some(QueueKind::RingGroup),
            (Some(other), false) => {
                tell.strange("group.type", &other.to_string());
                None
            }
            (None, false) => None,
        };
        let mut native = tell::native(&[
            ("group_id", Some(&id)),
            ("name", read::text(&group.name)),
            ("mwi", read::text(&group.mwi)),
        ]);
        for (name, value) in [
            ("type", group.kind),
            ("language", group.language),
            ("queue", group.queue),
            ("flags", group.flags),
            ("check_login_status", group.check_login_status),
        ] {
            if let Some(value) = value {
                native.set(name, value);
            }
        }
        unknown_fields(&mut native, entity);
        let patch = QueuePatch {
            name: name.map(Into::into),
            kind,
            native,
        };
        let at = Ref {
            id: Some(id),
            number,
        };
        tell.native(
            "group",
            Fact::Queue {
                at,
                action,
                patch: Box::new(patch),
            },
        );
    }

    pub(super) fn group_member(
        &mut self,
        tell: &mut Telling,
        member: &wire::GroupMember,
        action: Option<Action>,
    ) {
        let Some(key) = member.key().map(|key| Text::from(&*key)) else {
            return tell.unrecognized("missing:group_member.id");
        };
        if action == Some(Action::Deleted) {
            if let Some(known) = self.directory.forget_member(&key) {
                self.left(tell, &known);
            }
            return;
        }
        let (Some(user), Some(group)) = (
            read::number_id(member.user_id),
            read::number_id(member.group_id),
        ) else {
            return tell.unrecognized("missing:group_member.user_id");
        };
        let now = Member {
            user,
            group,
            logged_in: member.login_status.is_none_or(|status| status != 0),
            kept: kept(member),
        };
        let before = self.directory.note_member(&key, now.clone());
        if let Some(before) = before
            && (&before.user, &before.group) != (&now.user, &now.group)
        {
            self.left(tell, &before);
        }
        self.agent(tell, &now);
    }

    fn left(&mut self, tell: &mut Telling, member: &Member) {
        let (extension, queue) = (
            self.directory.extension(&member.user),
            self.directory.queue(&member.group),
        );
        tell.native("group_member", Fact::AgentLeft { extension, queue });
    }

    /// What a member of a group is doing: logged out, or ready, or busy where a call of theirs says so.
    pub(super) fn agent(&mut self, tell: &mut Telling, member: &Member) {
        let busy = member
            .logged_in
            .then(|| self.calls.busy_with(&member.user, &member.group))
            .flatten();
        let extension = self.directory.extension(&member.user);
        let queue = self.directory.queue(&member.group);
        let fact = |patch| Fact::Agent {
            extension,
            queue,
            patch: Box::new(patch),
        };
        match busy {
            Some((kind, call)) => tell.inferred(
                "channel.user_busy",
                fact(AgentPatch {
                    state: Some(AgentState::Busy),
                    busy_kind: Some(kind),
                    call: Some(Some(call)),
                    stats: member.kept.clone(),
                    ..AgentPatch::default()
                }),
            ),
            None => {
                let state = if member.logged_in {
                    AgentState::Ready
                } else {
                    AgentState::LoggedOut
                };
                tell.native(
                    "group_member.login_status",
                    fact(AgentPatch {
                        state: Some(state),
                        call: Some(None),
                        stats: member.kept.clone(),
                        ..AgentPatch::default()
                    }),
                );
            }
        }
    }
}

fn kept(member: &wire::GroupMember) -> Map<String, Value> {
    let kept = [("priority", member.priority), ("role", member.role)].into_iter();
    kept.filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
        .collect()
}
