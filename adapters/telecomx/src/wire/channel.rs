//! Channels: what can be subscribed to, and the form of each subscription.

use serde_json::{Map, Value, json};

use crate::config::Config;

/// A channel, as it is called in `subscribe` and in the config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Everything, of all customers.
    Admin,
    /// Configuration of all customers.
    AdminConfig,
    /// Trunk calls of all customers.
    AdminCall,
    /// Registrations of all customers.
    AdminRegister,
    /// PBX events of all customers.
    AdminPbx,
    /// Realtime clients that come and go.
    AdminRealtime,
    /// Calls, queues, presence and the like of one customer.
    Pbx,
    /// Configuration of one customer.
    Config,
    /// Configuration of one customer, but nothing about television.
    ConfigNotIptv,
    /// Registrations of one customer.
    Register,
    /// Trunk calls of one customer.
    Call,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 11] = [
        Self::Pbx,
        Self::Call,
        Self::Register,
        Self::Config,
        Self::ConfigNotIptv,
        Self::Admin,
        Self::AdminPbx,
        Self::AdminCall,
        Self::AdminRegister,
        Self::AdminConfig,
        Self::AdminRealtime,
    ];

    /// The `type` of the subscription.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::AdminConfig => "ADMIN:CONFIG",
            Self::AdminCall => "ADMIN:CALL",
            Self::AdminRegister => "ADMIN:REGISTER",
            Self::AdminPbx => "ADMIN:PBX",
            Self::AdminRealtime => "ADMIN:REALTIME",
            Self::Pbx => "PBX",
            Self::Config => "CONFIG",
            Self::ConfigNotIptv => "CONFIG-NOT-IPTV",
            Self::Register => "REGISTER",
            Self::Call => "CALL",
        }
    }

    /// The channel of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|channel| channel.as_str() == name)
    }

    /// Whether it tells of all customers, so that none is named.
    #[must_use]
    pub const fn is_admin(self) -> bool {
        match self {
            Self::Admin
            | Self::AdminConfig
            | Self::AdminCall
            | Self::AdminRegister
            | Self::AdminPbx
            | Self::AdminRealtime => true,
            Self::Pbx | Self::Config | Self::ConfigNotIptv | Self::Register | Self::Call => false,
        }
    }

    /// The types that the channel delivers, by the names of their Socket.IO events.
    #[must_use]
    pub const fn delivers(self) -> &'static [&'static str] {
        match self {
            Self::Admin => &[
                "CONFIG", "CALL", "REGISTER", "PBX", "REALTIME", "TRUNK", "REDIS",
            ],
            Self::AdminConfig | Self::Config | Self::ConfigNotIptv => &["CONFIG"],
            Self::AdminCall | Self::Call => &["CALL"],
            Self::AdminRegister | Self::Register => &["REGISTER"],
            Self::AdminPbx | Self::Pbx => &["PBX"],
            Self::AdminRealtime => &["REALTIME"],
        }
    }

    /// The one argument of `subscribe`. ADMIN filters by `types`, PBX and CONFIG by `events`; no other channel is known
    /// to take a filter.
    #[must_use]
    pub fn subscription(self, config: &Config) -> Value {
        let mut subscription = Map::new();
        subscription.insert("type".to_owned(), self.as_str().into());
        if !self.is_admin() {
            subscription.insert("customer".to_owned(), json!(config.customer));
        }
        let (key, filter) = match self {
            Self::Admin => ("types", &config.types),
            Self::Pbx | Self::Config => ("events", &config.events),
            _ => return subscription.into(),
        };
        if !filter.is_empty() {
            subscription.insert(key.to_owned(), json!(filter));
        }
        subscription.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_has_its_filter() {
        let config: Config = serde_json::from_value(json!({
            "url": "https://api.telecomx.dk", "token": "t", "customer": "c1",
            "events": ["CALL_START"], "types": ["PBX"],
        }))
        .unwrap();
        let of = |channel: Channel| channel.subscription(&config);
        assert_eq!(
            of(Channel::Pbx),
            json!({"type": "PBX", "customer": "c1", "events": ["CALL_START"]})
        );
        assert_eq!(
            of(Channel::Config),
            json!({"type": "CONFIG", "customer": "c1", "events": ["CALL_START"]})
        );
        assert_eq!(
            of(Channel::ConfigNotIptv),
            json!({"type": "CONFIG-NOT-IPTV", "customer": "c1"})
        );
        assert_eq!(of(Channel::Call), json!({"type": "CALL", "customer": "c1"}));
        assert_eq!(
            of(Channel::Admin),
            json!({"type": "ADMIN", "types": ["PBX"]})
        );
        assert_eq!(of(Channel::AdminPbx), json!({"type": "ADMIN:PBX"}));
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for channel in Channel::ALL {
            assert_eq!(Channel::parse(channel.as_str()), Some(channel));
            assert!(!channel.delivers().is_empty());
        }
        assert_eq!(Channel::parse("pbx"), None);
    }
}
