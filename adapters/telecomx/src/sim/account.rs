//! Who may log in to the simulated service, and what they may hear.

use serde::{Deserialize, Serialize};

use crate::wire::Channel;

/// What somebody may do, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are those of Telecom X")]
pub enum Level {
    NoLogin,
    Personal,
    Viewer,
    Manager,
    Owner,
    Reseller,
    ResellerAdmin,
    Admin,
}

/// Somebody with credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The id of the employee.
    pub employee: String,
    /// The id of the customer whose employee it is.
    pub customer: String,
    /// What they may do.
    pub level: Level,
    /// The e-mail address to log in with.
    pub username: String,
    /// The password.
    pub password: String,
    /// A token made for machines. Admins have none.
    pub token: Option<String>,
}

impl Level {
    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoLogin => "NO_LOGIN",
            Self::Personal => "PERSONAL",
            Self::Viewer => "VIEWER",
            Self::Manager => "MANAGER",
            Self::Owner => "OWNER",
            Self::Reseller => "RESELLER",
            Self::ResellerAdmin => "RESELLER_ADMIN",
            Self::Admin => "ADMIN",
        }
    }

    /// The lowest that may subscribe to a channel.
    #[must_use]
    pub const fn needed(channel: Channel) -> Self {
        match channel {
            Channel::Pbx | Channel::Config | Channel::ConfigNotIptv => Self::Personal,
            Channel::Register | Channel::Call => Self::Viewer,
            Channel::Admin
            | Channel::AdminConfig
            | Channel::AdminCall
            | Channel::AdminRegister
            | Channel::AdminPbx
            | Channel::AdminRealtime => Self::Admin,
        }
    }
}

impl Account {
    /// Whether they may hear a channel of a customer.
    #[must_use]
    pub fn may_hear(&self, channel: Channel, customer: Option<&str>) -> bool {
        let of_theirs = customer == Some(&self.customer) || self.level >= Level::Reseller;
        self.level >= Level::needed(channel) && (channel.is_admin() || of_theirs)
    }
}
