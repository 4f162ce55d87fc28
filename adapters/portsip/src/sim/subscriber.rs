//! What the PBX knows of one connection: who it is, what it subscribed to, and what it is told. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    profile::Profile,
    voice::{Body, Emission, Topic},
    world::World,
};
use crate::wire::Dialect;

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Subscriber {
    role: Option<Role>,
    subscriptions: BTreeMap<String, Subscription>,
    commands: u64,
}

/// Who is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    System,
    Tenant,
    Extension,
}

#[derive(Debug)]
struct Subscription {
    topic: Topic,
    /// Tenant ids instead of numbers.
    global: bool,
    /// None where the topic has no scope.
    scope: Option<BTreeSet<String>>,
    /// The messages wanted, in v12.
    keys: Option<BTreeSet<String>>,
}

/// What a command led to.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) texts: Vec<String>,
    pub(super) login: Option<bool>,
    pub(super) subscribed: u64,
}

impl Subscriber {
    pub(super) fn is_logged_in(&self) -> bool {
        self.role.is_some()
    }

    /// Whether it gets a message.
    pub(super) fn hears(&self, profile: &Profile, emission: &Emission) -> bool {
        let tenant = profile.tenant_id.to_string();
        self.subscriptions.values().any(|subscription| {
            let in_scope = match &subscription.scope {
                None => true,
                Some(scope) if subscription.global => scope.contains(&tenant),
                Some(scope) => emission.about.iter().any(|number| scope.contains(number)),
            };
            let wanted = subscription
                .keys
                .as_ref()
                .is_none_or(|keys| keys.contains(emission.event()));
            subscription.topic == emission.topic && in_scope && wanted
        })
    }

    /// Does as the client says.
    pub(super) fn command(
        &mut self,
        text: &str,
        profile: &Profile,
        world: &World,
        refuse: bool,
    ) -> Answer {
        self.commands += 1;
        let mut answer = Answer::default();
        let command: Value = serde_json::from_str(text).unwrap_or_default();
        let name = command.get("command").and_then(Value::as_str);
        match (name, self.role) {
            (Some("auth"), _) => {
                self.role = if refuse {
                    None
                } else {
                    role(&command, profile)
                };
                let error = if profile.reply_with_command {
                    "access_token , username , domain or password error"
                } else {
                    "name or password error"
                };
                let error = self.role.is_none().then_some(error);
                answer.login = Some(error.is_none());
                answer
                    .texts
                    .push(self.reply("auth", &command, error, profile));
            }
            (Some("subscribe"), Some(role)) => {
                self.subscribe(role, &command, profile, world, &mut answer);
            }
            (Some("unsubscribe"), Some(_)) => {
                for (topic, _) in topics(&command, profile).unwrap_or_default() {
                    self.subscriptions.remove(&topic);
                }
                if profile.acknowledge {
                    answer
                        .texts
                        .push(self.reply("unsubscribe", &command, None, profile));
                }
            }
            (name, _) => {
                let error = if self.role.is_some() {
                    "unknown command"
                } else {
                    "not authenticated"
                };
                let name = name.unwrap_or_default();
                answer
                    .texts
                    .push(self.reply(name, &command, Some(error), profile));
            }
        }
        answer
    }

    fn subscribe(
        &mut self,
        role: Role,
        command: &Value,
        profile: &Profile,
        world: &World,
        answer: &mut Answer,
    ) {
        let Some(topics) = topics(command, profile) else {
            let error = Some("invalid topics");
            answer
                .texts
                .push(self.reply("subscribe", command, error, profile));
            return;
        };
        let permitted = topics
            .iter()
            .all(|(topic, _)| is_permitted(role, topic, profile));
        let error = (!permitted && !profile.silent_denial).then_some("permission denied");
        if profile.acknowledge || error.is_some() {
            answer
                .texts
                .push(self.reply("subscribe", command, error, profile));
        }
        if !permitted {
            return;
        }
        if profile.stray_event {
            answer
                .texts
                .push(r#"{"event_type":"extension_hold","extension":"sip:nobody@test.io"}"#.into());
        }
        for (name, keys) in topics {
            answer.subscribed += 1;
            self.add(&name, keys, command, profile);
            if !profile.snapshots {
                continue;
            }
            if let Some(subscription) = self.subscriptions.get(&name) {
                let wanted = |number: &str| match &subscription.scope {
                    Some(scope) if !subscription.global => scope.contains(number),
                    _ => true,
                };
                let pushed = world.snapshot(subscription.topic, wanted);
                let pushed = pushed.iter().filter(|e| self.hears(profile, e));
                answer.texts.extend(pushed.map(|e| text(&e.body)));
            }
        }
    }

    fn add(
        &mut self,
        name: &str,
        keys: Option<BTreeSet<String>>,
        command: &Value,
        profile: &Profile,
    ) {
        let global = name.strip_prefix("global_");
        let Some(topic) = Topic::parse(global.unwrap_or(name)) else {
            return;
        };
        let listed = |key: &str| {
            let members = command.get(key).and_then(Value::as_array);
            let members = members.into_iter().flatten().filter_map(Value::as_str);
            members.map(str::to_owned).collect::<BTreeSet<_>>()
        };
        let mut scope = match (global, topic) {
            (Some(_), _) => Some(listed("tenants")),
            (None, Topic::Extension) => Some(listed("extensions")),
            (None, Topic::Queue) => Some(listed("queues")),
            (None, _) => None,
        };
        if !profile.replace_scope
            && let (Some(scope), Some(before)) = (&mut scope, self.subscriptions.get(name))
        {
            scope.extend(before.scope.clone().unwrap_or_default());
        }
        let subscription = Subscription {
            topic,
            global: global.is_some(),
            scope,
            keys,
        };
        self.subscriptions.insert(name.to_owned(), subscription);
    }

    fn reply(
        &self,
        command: &str,
        request: &Value,
        error: Option<&str>,
        profile: &Profile,
    ) -> String {
        let mut reply = Body::new();
        if profile.reply_with_command {
            reply.insert("command", json!(command));
            let counted = json!(self.commands.to_string());
            reply.insert("id", request.get("id").cloned().unwrap_or(counted));
        }
        if let Some(error) = error {
            reply.insert("error", json!(error));
        }
        reply.insert("status", json!(if error.is_some() { -1 } else { 0 }));
        text(&reply)
    }
}

/// Compact JSON.
pub(super) fn text(body: &Body) -> String {
    json!(body).to_string()
}

/// Who an `auth` command says it is, if the password is right and the dialect knows that form.
fn role(command: &Value, profile: &Profile) -> Option<Role> {
    let given = |key: &str| command.get(key).and_then(Value::as_str);
    if given("password") != Some(profile.password.as_str()) {
        return None;
    }
    let known = |number: &str| profile.extension_numbers().any(|known| known == number);
    let domain = match given("domain") {
        Some(domain) if domain != profile.domain => return None,
        domain => domain,
    };
    if profile.dialect == Dialect::V12 {
        return match (given("extension"), given("name"), domain) {
            (Some(number), None, Some(_)) if known(number) => Some(Role::Extension),
            (None, Some(_), None) => Some(Role::Tenant),
            _ => None,
        };
    }
    match (given("extension_number"), given("username"), domain) {
        (Some(number), None, Some(_)) if known(number) => Some(Role::Extension),
        (None, Some(_), Some(_)) => Some(Role::Tenant),
        (None, Some(_), None) if profile.dialect >= Dialect::V22 => Some(Role::System),
        _ => None,
    }
}

fn is_permitted(role: Role, topic: &str, profile: &Profile) -> bool {
    if profile.denied_topics.iter().any(|denied| denied == topic) {
        return false;
    }
    let dialect = profile.dialect;
    match topic.strip_prefix("global_") {
        Some(topic) => {
            dialect >= Dialect::V22 && role == Role::System && Topic::parse(topic).is_some()
        }
        None => match (Topic::parse(topic), role) {
            (None, _) | (_, Role::System) => false,
            (Some(Topic::Extension | Topic::Queue), _) => true,
            (Some(Topic::Cdr), _) => role == Role::Tenant || dialect == Dialect::V12,
            (Some(Topic::QueueManagement), _) => role == Role::Tenant && dialect >= Dialect::V22,
            (Some(Topic::ExtensionManagement), _) => {
                role == Role::Tenant && dialect >= Dialect::V22_3
            }
            (Some(Topic::Trunk), _) => role == Role::Tenant && dialect == Dialect::V12,
        },
    }
}

/// The topics of a command with their keys, if they have the form that the dialect understands.
fn topics(command: &Value, profile: &Profile) -> Option<Vec<(String, Option<BTreeSet<String>>)>> {
    let topics = command.get("topics")?.as_array()?;
    topics
        .iter()
        .map(|topic| match (topic, profile.topic_objects) {
            (Value::String(name), false) => Some((name.clone(), None)),
            (Value::Object(topic), true) => {
                let keys = topic.get("keys")?.as_array()?.iter();
                let keys = keys.filter_map(Value::as_str).map(str::to_owned).collect();
                Some((topic.get("topic")?.as_str()?.to_owned(), Some(keys)))
            }
            _ => None,
        })
        .collect()
}
