//! Who lives in the simulated PBX: extensions, queues, agents, and people outside.

use std::time::Duration;

use adapter::sim::Rng;

use super::profile::Profile;

/// An extension with one phone.
#[derive(Clone, Debug)]
pub(super) struct Extension {
    pub(super) number: String,
    pub(super) name: &'static str,
    pub(super) id: u64,
    /// Where its phone is: the part after the `@`.
    pub(super) contact: String,
    pub(super) online: bool,
    pub(super) presence: Presence,
    /// Calls it talks in.
    pub(super) calls: u32,
    /// Calls that ring it.
    pub(super) ringing: u32,
    /// What it last was said to do.
    pub(super) told: CallStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Available,
    Away,
    DoNotDisturb,
    Lunch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallStatus {
    Idle,
    Ringing,
    OnCall,
}

/// A queue, its agents and who waits.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) number: String,
    pub(super) name: &'static str,
    pub(super) id: u64,
    pub(super) agents: Vec<Agent>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) breaches: u64,
}

/// An extension's part in a queue.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    /// Index of the extension.
    pub(super) extension: usize,
    pub(super) state: AgentState,
    pub(super) since: i64,
    /// The call it talks in: session, number, name.
    pub(super) call: Option<(u64, String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AgentState {
    Ready,
    NotReady,
    QueueCall,
    OtherCall,
    WrapUp,
}

/// A caller on hold music.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) session: u64,
    pub(super) number: String,
    pub(super) name: String,
    pub(super) since: i64,
}

const NAMES: [&str; 24] = [
    "Amelia Hart",
    "Thomas Young",
    "Priya Raman",
    "Jonas Lindqvist",
    "Grace Okafor",
    "Mateo Alvarez",
    "Sofia Petrova",
    "Liam O'Brien",
    "Hana Suzuki",
    "Omar Haddad",
    "Clara Weiss",
    "Daniel Kim",
    "Ingrid Dahl",
    "Pedro Santos",
    "Zoe Bennett",
    "Arjun Mehta",
    "Lucie Moreau",
    "Kwame Mensah",
    "Elena Rossi",
    "Noah Fischer",
    "Mei Chen",
    "Freya Nielsen",
    "Samuel Adeyemi",
    "Ruth Cohen",
];

const QUEUES: [&str; 6] = [
    "Sales", "Support", "Billing", "Returns", "Bookings", "Press",
];

const CALLERS: [&str; 10] = [
    "Harriet Cole",
    "Victor Lange",
    "Northwind Ltd",
    "Maya Fraser",
    "",
    "Oakfield Surgery",
    "Peter Novak",
    "",
    "Bluebell Hotel",
    "Anna Kowalska",
];

/// The extensions of a profile. The last two of a large enough house are one phone that is unplugged and one person who
/// wants no calls.
pub(super) fn extensions(profile: &Profile) -> Vec<Extension> {
    let count = usize::try_from(profile.extensions).unwrap_or(0);
    profile
        .extension_numbers()
        .enumerate()
        .map(|(index, number)| {
            let special = |place: usize| count >= 6 && index + place == count;
            Extension {
                id: profile.tenant_id + 28 + index as u64,
                contact: format!("192.168.{}.{}:5060", 2 + index / 200, 10 + index % 200),
                name: NAMES[index % NAMES.len()],
                online: !special(1),
                presence: if special(2) {
                    Presence::DoNotDisturb
                } else {
                    Presence::Available
                },
                number,
                calls: 0,
                ringing: 0,
                told: CallStatus::Idle,
            }
        })
        .collect()
}

/// The queues of a profile. Half of the extensions are agents; every fourth of them of two queues.
pub(super) fn queues(profile: &Profile, since: i64) -> Vec<Queue> {
    let mut queues: Vec<Queue> = profile
        .queue_numbers()
        .enumerate()
        .map(|(index, number)| Queue {
            number,
            name: QUEUES[index % QUEUES.len()],
            id: profile.tenant_id + 5_000_000 + index as u64,
            agents: Vec::new(),
            waiting: Vec::new(),
            breaches: 0,
        })
        .collect();
    let agents = usize::try_from(profile.extensions.div_ceil(2)).unwrap_or(0);
    let count = queues.len().max(1);
    for extension in 0..agents {
        for (nth, queue) in queues.iter_mut().enumerate() {
            let main = nth == extension % count;
            let second = extension % 4 == 3 && nth == (extension + 1) % count;
            if main || second {
                queue.agents.push(Agent {
                    extension,
                    state: AgentState::Ready,
                    since,
                    call: None,
                });
            }
        }
    }
    queues
}

/// Somebody outside: number and name. The numbers are those set aside for fiction.
pub(super) fn outsider(rng: &mut Rng) -> (String, String) {
    let number = format!("07700900{:03}", rng.below(1000));
    let name = rng.pick(&CALLERS).copied().unwrap_or_default();
    (number, name.to_owned())
}

/// A number of ours that is dialled from outside.
pub(super) fn did(rng: &mut Rng) -> String {
    format!("0207946{:04}", rng.below(20))
}

impl Extension {
    /// Could take a call now.
    pub(super) fn is_free(&self) -> bool {
        self.online
            && self.calls == 0
            && self.ringing == 0
            && self.presence != Presence::DoNotDisturb
    }

    pub(super) fn status(&self) -> CallStatus {
        if self.calls > 0 {
            CallStatus::OnCall
        } else if self.ringing > 0 {
            CallStatus::Ringing
        } else {
            CallStatus::Idle
        }
    }

    pub(super) fn destination(&self) -> String {
        format!("sip:{}@{}", self.number, self.contact)
    }
}

/// Unix milliseconds at a point of the world's time.
pub(super) fn wall(start: i64, now: Duration) -> i64 {
    start.saturating_add(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}
