//! Commands beside the log.

use std::time::Duration;

use ::model::{Command, CommandState, Native, SourceId, Timestamp};

use super::support::Place;
use crate::{
    command::{CommandChange, CommandRecord, IdempotencyKey, KEPT},
    log::Commit,
};

#[test]
fn a_command_is_found_by_id_and_by_key_until_it_is_old() {
    let place = Place::new();
    let (mut log, reader) = place.open();
    let now = Timestamp::from_secs(1_700_000_000);
    let old = record("a", "k1", now.before(KEPT + Duration::from_secs(1)));
    let young = record("b", "k2", now.before(KEPT - Duration::from_secs(1)));
    let mut changes = [&old, &young].map(|record| CommandChange::New(record.clone()));
    append(&mut log, &changes);
    assert_eq!(reader.command("a").unwrap().as_ref(), Some(&old));
    assert_eq!(
        reader.command_of_key("crm", "k2").unwrap().as_ref(),
        Some(&young)
    );
    assert_eq!(reader.command_of_key("other", "k2").unwrap(), None);

    let finished = Command {
        state: CommandState::Succeeded,
        version: 2,
        finished_at: Some(now),
        ..young.command.clone()
    };
    changes[0] = CommandChange::Finished(finished.clone());
    append(&mut log, &changes[..1]);
    let kept = reader.command("b").unwrap().unwrap();
    assert_eq!(
        (&kept.command, kept.as_accepted()),
        (&finished, young.command)
    );

    log.maintain(now).unwrap();
    assert_eq!(reader.command("a").unwrap(), None);
    assert!(reader.command("b").unwrap().is_some());
    // A key that is forgotten may be used again, and so may one that is not swept away yet.
    let again = record("c", "k2", now);
    append(&mut log, &[CommandChange::New(again.clone())]);
    assert_eq!(reader.command_of_key("crm", "k2").unwrap(), Some(again));
}

fn append(log: &mut crate::log::Log, commands: &[CommandChange]) {
    log.append(&Commit {
        commands,
        ..Commit::default()
    })
    .unwrap();
}

fn record(id: &str, key: &str, created_at: Timestamp) -> CommandRecord {
    CommandRecord {
        owner: "crm".into(),
        key: Some(IdempotencyKey {
            key: key.into(),
            digest: [7; 32],
        }),
        tenant: Some("acme".into()),
        command: Command {
            id: id.into(),
            source: SourceId::new("hq").unwrap(),
            kind: "hangup".into(),
            target: None,
            state: CommandState::Accepted,
            reason: None,
            detail: None,
            created_at,
            finished_at: None,
            version: 1,
            native: Native::new(),
        },
    }
}
