//! Who lives in the simulated PBX: users, groups, and people outside.

use adapter::sim::Rng;

use super::profile::Profile;

/// A user with one or two phones.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) label: &'static str,
    pub(super) number: String,
    pub(super) phones: u32,
    pub(super) registered: bool,
    pub(super) dnd: bool,
    /// Legs of theirs that are there now.
    pub(super) legs: u32,
}

/// A group and who is in it.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) number: String,
    pub(super) hunt: bool,
    pub(super) queue: bool,
    pub(super) members: Vec<Member>,
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: i64,
    pub(super) user: usize,
    pub(super) logged_in: bool,
}

impl User {
    pub(super) fn is_free(&self) -> bool {
        self.legs == 0 && self.registered && !self.dnd
    }
}

const LABELS: [&str; 10] = [
    "波也 太郎",
    "Hanako Sato",
    "Kenji Suzuki",
    "鈴木 一郎",
    "Yuki Tanaka",
    "Olive Oyl",
    "山田 花子",
    "Akira Mori",
    "Emi Ito",
    "José Müller",
];

pub(super) fn users(profile: &Profile) -> Vec<User> {
    (0..profile.users.max(3))
        .map(|n| User {
            id: 10_001_001 + i64::from(n),
            name: format!("user{}", n + 1),
            label: LABELS[usize::try_from(n).unwrap_or(0) % LABELS.len()],
            number: (1001 + n).to_string(),
            phones: 1 + n % 2,
            registered: true,
            dnd: false,
            legs: 0,
        })
        .collect()
}

pub(super) fn groups(profile: &Profile) -> Vec<Group> {
    let users = usize::try_from(profile.users.max(3)).unwrap_or(3);
    (0..profile.groups)
        .map(|n| {
            let at = usize::try_from(n).unwrap_or(0);
            let members = (0..users.min(6)).map(|k| Member {
                id: 110_001_001 + i64::from(n) * 1000 + i64::try_from(k).unwrap_or(0),
                user: (at * 4 + k) % users,
                logged_in: k != 5,
            });
            Group {
                id: 10_001_111 + i64::from(n),
                name: format!("group{}", n + 1),
                number: (2001 + n).to_string(),
                hunt: n % 3 == 2,
                queue: n % 3 == 0,
                members: members.collect(),
            }
        })
        .collect()
}

/// A number outside, and who is known to have it: `id*name*organization*avatar*prefecture`, percent-encoded.
pub(super) fn outsider(rng: &mut Rng) -> (String, Option<String>) {
    const KNOWN: [Option<&str>; 5] = [
        None,
        Some("12345678*%E6%B3%A2%E4%B9%9F+%E5%A4%AA%E9%83%8E*Thimble+Theatre**Tokyo"),
        Some("_MANY_:3|1*Olive*TT*a.png*|2*Popeye%2AS*TT**Kyoto"),
        Some("****"),
        Some("77*100%25+Fun*%26+Co*https%3A%2F%2Fexample.com%2Fa.png*Osaka"),
    ];
    let number = format!("0312{:06}", rng.below(1_000_000));
    (
        number,
        rng.pick(&KNOWN).copied().flatten().map(str::to_owned),
    )
}

/// A number of the PBX that people outside dial.
pub(super) fn did(rng: &mut Rng) -> String {
    format!("050686800{:02}", rng.below(20))
}
