//! One client of the simulated service: who it is, what it subscribed to, and what it is answered. Pure.

use serde_json::{Value, json};

use super::{account::Account, lever::Refusal, server::Told};
use crate::wire::Channel;

/// A client, from the moment on which it is in the namespace.
#[derive(Debug, Default)]
pub(super) struct Subscriber {
    pub(super) account: Option<Account>,
    pub(super) instance: Option<String>,
    subscriptions: Vec<Subscription>,
}

#[derive(Debug)]
struct Subscription {
    channel: Channel,
    customer: Option<String>,
    /// None: all.
    filter: Option<Vec<String>>,
}

/// What a client says, and what follows.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Events, in order.
    pub(super) events: Vec<Value>,
    /// The answer to an acknowledgement that was asked for.
    pub(super) ack: Option<Value>,
    /// The event of another client, with the employee and instance it is for.
    pub(super) relay: Option<Relay>,
    /// The client is to be treated thus.
    pub(super) refused: Option<Refusal>,
}

/// An event from client to client.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) employee: String,
    pub(super) instance: Option<String>,
    pub(super) event: Value,
}

/// What the service knows while it answers.
pub(super) struct Circumstances<'a> {
    /// Whose token that is.
    pub(super) account: &'a dyn Fn(&str) -> Option<Account>,
    pub(super) refusal: Refusal,
    pub(super) tell_refusals: bool,
    /// A number for requests.
    pub(super) n: u64,
}

impl Subscriber {
    /// Answers an event.
    pub(super) fn event(&mut self, args: &Value, around: &Circumstances<'_>) -> Answer {
        let body = args.get(1).unwrap_or(&Value::Null);
        match args.get(0).and_then(Value::as_str) {
            Some("authenticate") => self.authenticate(body, around),
            _ if self.account.is_none() => Answer::default(),
            Some("subscribe") => self.subscribe(body, around),
            Some("request") => self.request(body, around),
            Some("reply") => self.reply(body),
            _ => Answer::default(),
        }
    }

    /// How often it hears an event: once per subscription that fits, as from a server that publishes to rooms.
    pub(super) fn hears(&self, told: &Told) -> usize {
        let fits = |subscription: &&Subscription| subscription.fits(told);
        self.subscriptions.iter().filter(fits).count()
    }

    pub(super) fn channels(&self) -> usize {
        self.subscriptions.len()
    }

    fn authenticate(&mut self, body: &Value, around: &Circumstances<'_>) -> Answer {
        let token = text(body, "token").unwrap_or_default();
        let Some(account) = (around.account)(&token) else {
            let unauthorized = json!(["unauthorized", {"message": "invalid_token"}]);
            let says = around.refusal == Refusal::Unauthorized;
            return Answer {
                events: if says { vec![unauthorized] } else { Vec::new() },
                refused: Some(around.refusal),
                ..Answer::default()
            };
        };
        self.account = Some(account);
        self.instance = text(body, "instanceId");
        Answer {
            events: vec![json!(["authenticated"])],
            ..Answer::default()
        }
    }

    fn subscribe(&mut self, body: &Value, around: &Circumstances<'_>) -> Answer {
        let channel = text(body, "type").as_deref().and_then(Channel::parse);
        let customer = text(body, "customer");
        let allowed = channel.filter(|channel| {
            self.account
                .as_ref()
                .is_some_and(|who| who.may_hear(*channel, customer.as_deref()))
        });
        let Some(channel) = allowed else {
            let error = json!({"success": false, "error": "access_denied"});
            return Answer {
                ack: around.tell_refusals.then(|| json!([error])),
                ..Answer::default()
            };
        };
        let key = if channel == Channel::Admin {
            "types"
        } else {
            "events"
        };
        let filter = body
            .get(key)
            .and_then(|filter| serde_json::from_value(filter.clone()).ok());
        self.subscriptions.retain(|known| known.channel != channel);
        self.subscriptions.push(Subscription {
            channel,
            customer,
            filter,
        });
        Answer {
            events: vec![json!(["subscribed", {"type": channel.as_str()}])],
            ack: Some(json!([{"success": true}])),
            ..Answer::default()
        }
    }

    fn request(&self, body: &Value, around: &Circumstances<'_>) -> Answer {
        let id = format!("req-{}", around.n);
        let mut delivered = body.clone();
        delivered["requestId"] = json!(id);
        let relay = self.relay(body, &json!(["REQUEST", delivered]));
        Answer {
            ack: Some(json!([{"success": relay.is_some(), "requestId": id}])),
            relay,
            ..Answer::default()
        }
    }

    fn reply(&self, body: &Value) -> Answer {
        let relay = self.relay(body, &json!(["REPLY", body]));
        Answer {
            ack: Some(json!([{"success": relay.is_some()}])),
            relay,
            ..Answer::default()
        }
    }

    fn relay(&self, body: &Value, event: &Value) -> Option<Relay> {
        let to = body.get("to")?;
        Some(Relay {
            employee: text(to, "employee")?,
            instance: text(to, "instanceId"),
            event: event.clone(),
        })
    }
}

impl Subscription {
    fn fits(&self, told: &Told) -> bool {
        let admin = self.channel.is_admin();
        let of_customer = admin || (!told.admin && told.customer == self.customer);
        let iptv = self.channel == Channel::ConfigNotIptv && told.event.starts_with("IPTV_");
        let wanted = self.filter.as_ref().is_none_or(|wanted| {
            let name = if admin { told.kind } else { &told.event };
            wanted.iter().any(|wanted| wanted == name)
        });
        self.channel.delivers().contains(&told.kind) && of_customer && !iptv && wanted
    }
}

fn text(body: &Value, key: &str) -> Option<String> {
    body.get(key)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{super::account::Level, *};
    use crate::sim::Profile;

    fn around(account: &dyn Fn(&str) -> Option<Account>) -> Circumstances<'_> {
        Circumstances {
            account,
            refusal: Refusal::Unauthorized,
            tell_refusals: true,
            n: 7,
        }
    }

    fn known(level: Level) -> Subscriber {
        let profile = Profile::default();
        let who = profile.account(level).cloned();
        let mut subscriber = Subscriber::default();
        let answer = subscriber.event(
            &json!(["authenticate", {"token": "t"}]),
            &around(&|_| who.clone()),
        );
        assert_eq!(answer.events, [json!(["authenticated"])]);
        subscriber
    }

    fn told(kind: &'static str, event: &str, admin: bool) -> Told {
        Told {
            kind,
            customer: Some(Profile::default().customer),
            event: event.to_owned(),
            admin,
            body: json!({}),
        }
    }

    #[test]
    fn levels_decide_who_hears_what() {
        let customer = Profile::default().customer;
        for (level, heard) in [
            (Level::Personal, vec!["PBX", "CONFIG", "CONFIG-NOT-IPTV"]),
            (
                Level::Viewer,
                vec!["PBX", "CALL", "REGISTER", "CONFIG", "CONFIG-NOT-IPTV"],
            ),
            (Level::Admin, Channel::ALL.map(Channel::as_str).to_vec()),
        ] {
            let mut subscriber = known(level);
            for channel in Channel::ALL {
                let asked = json!(["subscribe", {"type": channel.as_str(), "customer": customer}]);
                let answer = subscriber.event(&asked, &around(&|_| None));
                let allowed = heard.contains(&channel.as_str());
                assert_eq!(!answer.events.is_empty(), allowed, "{level:?} {channel:?}");
                assert_eq!(answer.ack.unwrap()[0]["success"], allowed);
            }
            let asked = json!(["subscribe", {"type": "PBX", "customer": "another"}]);
            let answer = subscriber.event(&asked, &around(&|_| None));
            assert_eq!(
                !answer.events.is_empty(),
                level == Level::Admin,
                "{level:?}"
            );
        }
    }

    #[test]
    fn filters_are_heeded() {
        let customer = Profile::default().customer;
        let mut subscriber = known(Level::Viewer);
        for asked in [
            json!({"type": "PBX", "customer": customer, "events": ["CALL_END"]}),
            json!({"type": "CONFIG-NOT-IPTV", "customer": customer}),
        ] {
            subscriber.event(&json!(["subscribe", asked]), &around(&|_| None));
        }
        for (event, times) in [
            (told("PBX", "CALL_END", false), 1),
            (told("PBX", "CALL_RING", false), 0),
            (told("CONFIG", "EMPLOYEE_UPDATED", false), 1),
            (told("CONFIG", "IPTV_DEVICE_UPDATED", false), 0),
            (told("CALL", "START", false), 0),
        ] {
            assert_eq!(subscriber.hears(&event), times, "{event:?}");
        }
        let mut admin = known(Level::Admin);
        for asked in [
            json!({"type": "ADMIN", "types": ["PBX", "CALL"]}),
            json!({"type": "PBX", "customer": customer}),
        ] {
            admin.event(&json!(["subscribe", asked]), &around(&|_| None));
        }
        assert_eq!(
            admin.hears(&told("PBX", "CALL_END", false)),
            2,
            "once per subscription"
        );
        assert_eq!(admin.hears(&told("CALL", "MAXCHANNELS", true)), 1);
        assert_eq!(admin.hears(&told("REDIS", "SERVER_UP", true)), 0);
    }

    #[test]
    fn nobody_is_answered_before_they_are_known() {
        let mut subscriber = Subscriber::default();
        let asked = json!(["subscribe", {"type": "PBX"}]);
        let answer = subscriber.event(&asked, &around(&|_| None));
        assert!(answer.events.is_empty() && answer.ack.is_none());
        let refused = subscriber.event(
            &json!(["authenticate", {"token": "no"}]),
            &around(&|_| None),
        );
        assert_eq!(refused.refused, Some(Refusal::Unauthorized));
    }

    #[test]
    fn requests_are_handed_on() {
        let subscriber = &mut known(Level::Viewer);
        let asked =
            json!(["request", {"to": {"employee": "e", "instanceId": "i"}, "request": "Ping"}]);
        let answer = subscriber.event(&asked, &around(&|_| None));
        assert_eq!(
            answer.ack,
            Some(json!([{"success": true, "requestId": "req-7"}]))
        );
        let relay = answer.relay.unwrap();
        assert_eq!(
            (relay.employee.as_str(), relay.instance.as_deref()),
            ("e", Some("i"))
        );
        assert_eq!(relay.event[0], "REQUEST");
        assert_eq!(relay.event[1]["requestId"], "req-7");
    }
}
