//! What was published about calls, as a subscriber who keeps everything would know it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use model::{
    Call, Data, EntityId, EventType, LegRole, OriginKind, Party, Timestamp,
    event::{Missed, Transfer},
};

/// All that was published about one call.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// How often it started.
    pub started: u32,
    /// How often it ended.
    pub ended: u32,
    /// Events other than corrections and records after its end.
    pub after_end: u32,
    /// The call as it was published last.
    pub call: Option<Arc<Call>>,
    /// Each `leg.ringing` of the called side.
    pub rang: Vec<Told>,
    /// Each `call.answered`.
    pub answered: Vec<Told>,
    /// Each `call.held`.
    pub held: Vec<Told>,
    /// Each `call.transferred`.
    pub transfers: Vec<(Transfer, Told)>,
    /// `call.missed`.
    pub missed: Option<Missed>,
    /// `call.ended`.
    pub end: Option<Told>,
}

/// One telling of a fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Of whom.
    pub number: Option<String>,
    /// When it happened.
    pub at: Timestamp,
    /// When it was published.
    pub published: Timestamp,
    /// How the gateway knew.
    pub kind: OriginKind,
}

/// The accounts of all calls.
#[derive(Debug, Default)]
pub struct Accounts {
    open: HashMap<EntityId, Account>,
    /// Calls whose account was taken: what is said of them from then on is too late or too much.
    taken: HashSet<EntityId>,
    /// Calls that started or ended again after their account was taken.
    pub again: u64,
}

impl Accounts {
    /// Takes note of an event about a call.
    pub fn hear(
        &mut self,
        kind: EventType,
        time: Timestamp,
        published: Timestamp,
        data: &Data,
        origin: OriginKind,
    ) {
        let Some(call) = &data.call else {
            return;
        };
        if self.taken.contains(&call.id) {
            self.again += u64::from(matches!(
                kind,
                EventType::CallStarted | EventType::CallEnded
            ));
            return;
        }
        let account = self.open.entry(call.id.clone()).or_default();
        let told = |party: Option<&Party>| Told {
            number: party.and_then(number),
            at: time,
            published,
            kind: origin,
        };
        let over = account.ended > 0;
        match kind {
            EventType::CallStarted => account.started += 1,
            EventType::CallEnded => {
                account.ended += 1;
                account.end.get_or_insert(told(None));
            }
            EventType::CallAnswered => {
                account.answered.push(told(call.answered_by.as_ref()));
            }
            EventType::CallHeld => account.held.push(told(None)),
            EventType::CallTransferred => {
                if let Some(transfer) = &data.transfer {
                    account.transfers.push(((**transfer).clone(), told(None)));
                }
            }
            EventType::CallMissed => account.missed = data.missed.as_deref().cloned(),
            EventType::LegRinging => {
                if let Some(leg) = data.leg.as_ref().filter(|leg| leg.role == LegRole::Callee) {
                    account.rang.push(told(Some(&leg.party)));
                }
            }
            _ => {}
        }
        account.after_end += u32::from(over && kind != EventType::CallAmended);
        account.call = Some(Arc::clone(call));
    }

    /// Takes the account of a call out, for good.
    pub fn take(&mut self, id: &EntityId) -> Option<Account> {
        self.taken.insert(id.clone());
        self.open.remove(id)
    }

    /// The account of a call so far.
    #[must_use]
    pub fn get(&self, id: &EntityId) -> Option<&Account> {
        self.open.get(id)
    }

    /// Every call with an account that nobody took, in the order of ids.
    #[must_use]
    pub fn rest(&self) -> Vec<EntityId> {
        let mut ids: Vec<EntityId> = self.open.keys().cloned().collect();
        ids.sort();
        ids
    }
}

/// The bare number of a party: as people dial it.
#[must_use]
pub fn number(party: &Party) -> Option<String> {
    let raw = match (&party.extension, &party.number) {
        (Some(extension), _) => &extension.number,
        (None, Some(number)) => &number.raw,
        (None, None) => return None,
    };
    Some(bare(raw))
}

/// What was dialled to reach a party: its number, which may be another than that of the extension behind it.
#[must_use]
pub fn dialled(party: &Party) -> Option<String> {
    let number = party.number.as_ref().map(|number| bare(&number.raw));
    number.or_else(|| self::number(party))
}

fn bare(raw: &str) -> String {
    let bare = raw.strip_prefix("sip:").unwrap_or(raw);
    bare.split('@').next().unwrap_or(bare).to_owned()
}
