//! Closed subjects: what is remembered of an entity after its last event.
//!
//! Most lookups ask for subjects that were never closed, and each call asks. Hashes of all keys are therefore kept in
//! memory, each with the row it stands for; the rows are in order of position, so closing calls only ever appends.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use bytes::Bytes;
use model::{Collection, EntityId, Position, Text, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    block::{blob, encode},
    commit::Archival,
    error::LogError,
    position::{from_row, to_row},
    sql,
    transaction::Transaction,
};
use crate::block::Key;

/// A subject that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Its kind.
    pub collection: Collection,
    /// Its id.
    pub id: EntityId,
    /// The version of its last event.
    pub version: u64,
    /// Its last event. No other subject has the same.
    pub position: Position,
    /// When it was closed, by the gateway's clock.
    pub closed_at: Timestamp,
    /// Other ids under which it can be looked up; those beyond [`Archived::ALIASES`] cannot.
    pub aliases: Vec<Text>,
    /// What of its last event outlives the event itself, which retention by bytes may take earlier.
    pub remains: Bytes,
}

/// Where each known key leads.
#[derive(Debug)]
pub(super) struct Index {
    places: Places,
    limit: usize,
    /// When the oldest row was closed.
    oldest: Option<Timestamp>,
}

/// The changes of one commit, which count once it has succeeded.
pub(super) struct Changes<'a> {
    index: &'a Index,
    places: HashMap<u64, Option<u64>, BuildHasherDefault<Identity>>,
    oldest: Option<Timestamp>,
}

/// What [`Changes`] leave to be taken over.
pub(super) struct Changed {
    places: HashMap<u64, Option<u64>, BuildHasherDefault<Identity>>,
    oldest: Option<Timestamp>,
}

type Places = HashMap<u64, u64, BuildHasherDefault<Identity>>;

impl Archived {
    /// The most aliases that lead to a subject.
    pub const ALIASES: usize = 16;

    fn keys(&self) -> impl Iterator<Item = u64> {
        let aliases = self.aliases.iter().take(Self::ALIASES);
        std::iter::once(key(self.collection, self.id.as_str()))
            .chain(aliases.map(|alias| key(self.collection, alias)))
    }
}

impl Index {
    /// Reads all keys: the only thing at opening whose cost grows with what is stored.
    pub(super) fn load(db: &Connection, limit: usize) -> Result<Self, LogError> {
        let mut index = Self {
            places: Places::default(),
            limit,
            oldest: None,
        };
        let mut select = db.prepare(sql::CLOSED_KEYS)?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let position = from_row(row.get(0)?);
            for key in keys(blob(row, 1)?) {
                index.places.insert(key, position);
            }
            if index.oldest.is_none() {
                index.oldest = Some(Timestamp::from_micros(row.get(2)?));
            }
        }
        Ok(index)
    }

    pub(super) fn place(&self, collection: Collection, id: &str) -> Option<Position> {
        self.places.get(&key(collection, id)).copied().map(Position)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn absorb(&mut self, changed: Changed) {
        self.oldest = changed.oldest;
        for (key, place) in changed.places {
            match place {
                Some(position) => self.places.insert(key, position),
                None => self.places.remove(&key),
            };
        }
    }
}

impl Changed {
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

impl<'a> Changes<'a> {
    pub(super) fn new(index: &'a Index) -> Self {
        Self {
            index,
            places: HashMap::default(),
            oldest: index.oldest,
        }
    }

    pub(super) fn finish(self) -> Changed {
        Changed {
            places: self.places,
            oldest: self.oldest,
        }
    }

    pub(super) fn write(
        &mut self,
        tx: &Transaction<'_>,
        change: &Archival,
    ) -> Result<(), LogError> {
        match change {
            Archival::Closed(archived) => self.close(tx, archived),
            Archival::Revived { collection, id } => self.drop(tx, *collection, id),
        }
    }

    /// Drops the oldest that were closed before `since` or that are too many, at most `rows`.
    pub(super) fn prune(
        &mut self,
        tx: &Transaction<'_>,
        since: Timestamp,
        rows: usize,
    ) -> Result<(), LogError> {
        // Changes may stand for keys that are counted already: then one row more or less goes, which nobody minds.
        let mut excess =
            (self.index.places.len() + self.places.len()).saturating_sub(self.index.limit);
        if excess == 0 && self.oldest.is_none_or(|oldest| oldest >= since) {
            return Ok(());
        }
        let mut last = None;
        {
            let mut select = tx.prepare_cached(sql::CLOSED_DUE)?;
            let mut due = select.query([to_row(rows as u64 + 1)])?;
            let mut left = rows;
            self.oldest = None;
            while let Some(row) = due.next()? {
                let (position, closed_at) =
                    (from_row(row.get(0)?), Timestamp::from_micros(row.get(2)?));
                if left == 0 || (excess == 0 && closed_at >= since) {
                    self.oldest = Some(closed_at);
                    break;
                }
                for key in keys(blob(row, 1)?) {
                    if self.at(key) == Some(position) {
                        self.places.insert(key, None);
                    }
                    excess = excess.saturating_sub(1);
                }
                last = Some(position);
                left -= 1;
            }
        }
        if let Some(last) = last {
            tx.prepare_cached(sql::CLOSED_PRUNE)?
                .execute([to_row(last)])?;
        }
        Ok(())
    }

    fn close(&mut self, tx: &Transaction<'_>, archived: &Archived) -> Result<(), LogError> {
        self.drop(tx, archived.collection, &archived.id)?;
        let position = archived.position.0;
        let mut stored = Vec::new();
        for (n, key) in archived.keys().enumerate() {
            stored.extend_from_slice(&key.to_le_bytes());
            // An alias never hides a subject of that very name.
            if n == 0 || self.at(key).is_none() {
                self.places.insert(key, Some(position));
            }
        }
        tx.prepare_cached(sql::CLOSED_PUT)?.execute(params![
            to_row(position),
            stored,
            archived.closed_at.micros(),
            to_row(archived.version),
            subject(archived.collection, archived.id.as_str()),
            encode(&archived.aliases),
            &archived.remains[..],
        ])?;
        self.oldest.get_or_insert(archived.closed_at);
        Ok(())
    }

    fn drop(
        &mut self,
        tx: &Transaction<'_>,
        collection: Collection,
        id: &EntityId,
    ) -> Result<(), LogError> {
        let Some(position) = self.at(key(collection, id.as_str())) else {
            return Ok(());
        };
        let Some(found) = fetch(tx, position)? else {
            return Ok(());
        };
        if found.collection != collection || found.id != *id {
            return Ok(());
        }
        for key in found.keys() {
            if self.at(key) == Some(position) {
                self.places.insert(key, None);
            }
        }
        tx.prepare_cached(sql::CLOSED_DROP)?
            .execute([to_row(position)])?;
        Ok(())
    }

    fn at(&self, key: u64) -> Option<u64> {
        match self.places.get(&key) {
            Some(place) => *place,
            None => self.index.places.get(&key).copied(),
        }
    }
}

/// The subject at `position`, if it goes by this id: hashes may collide, and rows may be gone by now.
pub(super) fn read(
    db: &Connection,
    position: Position,
    collection: Collection,
    id: &EntityId,
) -> Result<Option<Archived>, LogError> {
    let named = |archived: &Archived| {
        archived.collection == collection
            && (archived.id == *id || archived.aliases.iter().any(|alias| **alias == *id.as_str()))
    };
    Ok(fetch(db, position.0)?.filter(named))
}

pub(super) fn from_columns(row: &Row<'_>) -> Result<Archived, LogError> {
    let text: String = row.get(3)?;
    let (collection, id) = entity(&text)?;
    Ok(Archived {
        collection,
        id,
        version: from_row(row.get(2)?),
        position: Position(from_row(row.get(0)?)),
        closed_at: Timestamp::from_micros(row.get(1)?),
        aliases: postcard::from_bytes(blob(row, 4)?)
            .map_err(|error| LogError::corrupt(format!("the aliases of {text}: {error}")))?,
        remains: Bytes::copy_from_slice(blob(row, 5)?),
    })
}

/// `<collection>/<id>`.
pub(super) fn subject(collection: Collection, id: &str) -> String {
    format!("{collection}/{id}")
}

/// The parts of a subject.
pub(super) fn entity(subject: &str) -> Result<(Collection, EntityId), LogError> {
    subject
        .split_once('/')
        .and_then(|(word, id)| Some((Collection::parse(word)?, EntityId::from_text(id))))
        .ok_or_else(|| LogError::corrupt(format!("`{subject}` is no subject")))
}

fn fetch(db: &Connection, position: u64) -> Result<Option<Archived>, LogError> {
    let mut select = db.prepare_cached(sql::CLOSED)?;
    select
        .query_row([to_row(position)], |row| Ok(from_columns(row)))
        .optional()?
        .transpose()
}

fn keys(stored: &[u8]) -> impl Iterator<Item = u64> {
    let (words, _) = stored.as_chunks::<8>();
    words.iter().map(|word| u64::from_le_bytes(*word))
}

fn key(collection: Collection, id: &str) -> u64 {
    Key::of(&subject(collection, id)).0
}

/// The keys are hashes already.
#[derive(Default)]
pub(super) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}
