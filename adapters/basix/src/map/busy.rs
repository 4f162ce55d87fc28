//! What calls make of extensions and agents: idle, ringing, busy.

use model::{BusyKind, ExtensionCallState, Fact, Text, observation::ExtensionPatch};

use super::{Translator, directory::Member, tell::Telling};

/// What was told of a user last.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    state: ExtensionCallState,
    /// For each place in a group, what keeps them busy.
    places: Vec<(Text, Option<(BusyKind, Text)>)>,
}

impl Translator {
    /// Tells what a user's calls make of them, when that is news. Nothing is concluded before all calls are listed.
    pub(super) fn tell_busy(&mut self, tell: &mut Telling, user: &Text) {
        if !self.sync.calls_are_listed() || self.directory.user(user).is_none() {
            return;
        }
        let members: Vec<Member> = self.directory.places(user).cloned().collect();
        let places = members
            .iter()
            .map(|member| {
                (
                    member.group.clone(),
                    self.calls.busy_with(user, &member.group),
                )
            })
            .collect();
        let now = Told {
            state: self.calls.state_of(user),
            places,
        };
        let before = self.told.get(user).cloned();
        if before.as_ref() == Some(&now) {
            return;
        }
        if before
            .as_ref()
            .is_none_or(|before| before.state != now.state)
        {
            let patch = ExtensionPatch {
                call_state: Some(now.state),
                ..ExtensionPatch::default()
            };
            let at = self.directory.extension(user);
            let fact = Fact::Extension {
                at,
                action: None,
                patch: Box::new(patch),
            };
            tell.inferred("channel.user", fact);
        }
        let changed: Vec<&Member> = members
            .iter()
            .zip(&now.places)
            .filter(|(_, place)| {
                before
                    .as_ref()
                    .is_none_or(|before| !before.places.contains(place))
            })
            .map(|(member, _)| member)
            .collect();
        for member in changed {
            self.agent(tell, member);
        }
        self.told.insert(user.clone(), now);
    }

    /// Tells it of everybody.
    pub(super) fn tell_all_busy(&mut self, tell: &mut Telling) {
        let mut users: Vec<Text> = self.directory.user_ids().cloned().collect();
        users.sort();
        for user in &users {
            self.tell_busy(tell, user);
        }
        self.told
            .retain(|user, _| users.binary_search(user).is_ok());
    }
}
