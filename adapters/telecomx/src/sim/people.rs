//! Who works at the simulated customer: people with their extensions and phones, queues, and people outside.

use adapter::sim::Rng;

use super::profile::Profile;

/// An extension, the person it belongs to, and the phone on the desk.
#[derive(Clone, Debug)]
pub(super) struct Extension {
    pub(super) id: String,
    pub(super) number: String,
    /// The number that reaches it from outside.
    pub(super) direct: String,
    pub(super) employee: String,
    pub(super) name: &'static str,
    pub(super) phone: String,
    pub(super) online: bool,
    pub(super) dnd: bool,
    pub(super) presence: &'static str,
    /// Calls it talks in.
    pub(super) calls: u32,
    /// Calls that ring it.
    pub(super) ringing: u32,
    pub(super) new_messages: u32,
    pub(super) old_messages: u32,
}

/// A queue, its members and who waits.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) id: String,
    pub(super) number: String,
    pub(super) name: &'static str,
    pub(super) members: Vec<Member>,
    pub(super) waiting: Vec<Waiting>,
}

/// An extension's part in a queue.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: String,
    /// Index of the extension.
    pub(super) extension: usize,
    pub(super) calls: u32,
    pub(super) talked_s: i64,
    pub(super) last_call_ended: Option<i64>,
}

/// A caller on hold music.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) session: String,
    pub(super) channel: String,
    pub(super) number: String,
    pub(super) name: String,
    pub(super) entered: i64,
}

const NAMES: [&str; 24] = [
    "Mette Frederiksen Holm",
    "Lars Bækgaard",
    "Sofie Nørgaard",
    "Jens Østergaard",
    "Camilla Lund",
    "Rasmus Skov",
    "Ida Kjær",
    "Peter Dam",
    "Freja Winther",
    "Mads Thorup",
    "Line Ravn",
    "Anders Friis",
    "Julie Bech",
    "Niels Overgaard",
    "Signe Krogh",
    "Henrik Vestergaard",
    "Astrid Juhl",
    "Kasper Bonde",
    "Maria Toft",
    "Søren Damgaard",
    "Nanna Birk",
    "Emil Hald",
    "Karen Mose",
    "Oliver Enevoldsen",
];

const QUEUES: [&str; 6] = [
    "Salg",
    "Support",
    "Bogholderi",
    "Reklamation",
    "Booking",
    "Presse",
];

const CALLERS: [&str; 10] = [
    "Hans Andersen",
    "Bageriet Nord ApS",
    "",
    "Grete Lorentzen",
    "Vejle Vinduer",
    "",
    "Birgit Mikkelsen",
    "Havnens Fiskehus",
    "Torben Olesen",
    "",
];

const PRESENCES: [&str; 4] = ["AVAILABLE", "MEETING", "OCCUPIED", "ABSENT"];

/// The extensions of a profile. The last of a large enough house is unplugged.
pub(super) fn extensions(profile: &Profile) -> Vec<Extension> {
    let count = usize::try_from(profile.extensions).unwrap_or(0);
    (0..count)
        .map(|index| Extension {
            id: id('e', index),
            number: (201 + index).to_string(),
            direct: format!("+45701020{:02}", index % 100),
            employee: id('a', 16 + index),
            name: NAMES[index % NAMES.len()],
            phone: id('d', index),
            online: !(count >= 6 && index + 1 == count),
            dnd: false,
            presence: PRESENCES[0],
            calls: 0,
            ringing: 0,
            new_messages: 0,
            old_messages: 0,
        })
        .collect()
}

/// The queues of a profile. Half of the extensions are members, every fourth of them of two queues.
pub(super) fn queues(profile: &Profile) -> Vec<Queue> {
    let count = usize::try_from(profile.queues).unwrap_or(0);
    let mut queues: Vec<Queue> = (0..count)
        .map(|index| Queue {
            id: id('b', index),
            number: (7001 + index).to_string(),
            name: QUEUES[index % QUEUES.len()],
            members: Vec::new(),
            waiting: Vec::new(),
        })
        .collect();
    let members = usize::try_from(profile.extensions.div_ceil(2)).unwrap_or(0);
    for extension in 0..members {
        for (nth, queue) in queues.iter_mut().enumerate() {
            let main = nth == extension % count;
            let second = extension % 4 == 3 && nth == (extension + 1) % count;
            if main || second {
                queue.members.push(Member {
                    id: id('9', nth * 256 + extension),
                    extension,
                    calls: 0,
                    talked_s: 0,
                    last_call_ended: None,
                });
            }
        }
    }
    queues
}

/// Somebody outside: number and name. The numbers are not given to anybody.
pub(super) fn outsider(rng: &mut Rng) -> (String, String) {
    let number = format!("+4520304{:03}", rng.below(1000));
    let name = rng.pick(&CALLERS).copied().unwrap_or_default();
    (number, name.to_owned())
}

/// What somebody might say about himself next.
pub(super) fn another_presence(rng: &mut Rng) -> &'static str {
    rng.pick(&PRESENCES).copied().unwrap_or("AVAILABLE")
}

/// An id as they look: 24 characters.
pub(super) fn id(kind: char, n: usize) -> String {
    format!("5f{kind}{n:021x}")
}

impl Extension {
    /// Could take a call now.
    pub(super) fn is_free(&self) -> bool {
        self.online && self.calls == 0 && self.ringing == 0 && !self.dnd
    }

    pub(super) fn state(&self) -> &'static str {
        if self.calls > 0 {
            "BUSY"
        } else if self.ringing > 0 {
            "RINGING"
        } else {
            "IDLE"
        }
    }
}
