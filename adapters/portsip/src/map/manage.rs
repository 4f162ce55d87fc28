//! Configuration of extensions and queues.

use model::{
    Fact,
    observation::{ExtensionPatch, QueuePatch},
    source::Action,
};

use super::{
    Translator, read,
    tell::{self, Telling},
    words,
};
use crate::wire::{Change, ExtensionManaged, QueueManaged};

impl Translator {
    /// `extension_created` and its like. New numbers are subscribed to.
    pub(super) fn extension_managed(
        &mut self,
        tell: &mut Telling,
        change: Change,
        extension: &ExtensionManaged<'_>,
    ) {
        let id = read::id(&extension.extension_id);
        let Some(number) = read::text(&extension.extension_number) else {
            return tell.missing("extension_number");
        };
        let tenant = tell.tenant.clone();
        let at = self.directory.note_extension(tenant.as_ref(), number, id);
        let gone = change == Change::Destroyed;
        if gone {
            self.directory.forget_extension(tenant.as_ref(), number);
        }
        let enabled = extension.enabled.as_deref().and_then(words::truth);
        let fact = Fact::Extension {
            at,
            action: Some(action(change)),
            patch: Box::new(ExtensionPatch {
                name: read::text(&extension.disp_name).map(Into::into),
                enabled,
                native: tell::native(&[
                    ("extension_id", id),
                    ("tenant_id", tenant.as_deref()),
                    ("username", read::text(&extension.username)),
                    ("email", read::text(&extension.email)),
                    ("department", read::text(&extension.department)),
                ]),
                ..ExtensionPatch::default()
            }),
        };
        let rule = match change {
            Change::Created => "extension_created",
            Change::Updated => "extension_updated",
            Change::Destroyed => "extension_destroyed",
        };
        tell.native(rule, fact);
        let memo = self.sync.extension_managed(number, !gone, tell.now);
        tell.memo.extend(memo);
    }

    /// `queue_created` and its like. On subscription the PBX lists all queues it has in this form.
    pub(super) fn queue_managed(
        &mut self,
        tell: &mut Telling,
        change: Change,
        queue: &QueueManaged<'_>,
    ) {
        let Some(number) = read::text(&queue.queue_number) else {
            return tell.missing("queue_number");
        };
        let tenant = tell.tenant.clone();
        let known = self.directory.is_queue(tenant.as_ref(), number);
        let listed = change == Change::Created && (known || self.sync.lists_queues(tell.now));
        let at = self
            .directory
            .note_queue(tenant.as_ref(), Some(number), None);
        let gone = change == Change::Destroyed;
        if gone {
            self.directory.forget_queue(tenant.as_ref(), number);
        }
        let fact = Fact::Queue {
            at,
            action: (!listed).then(|| action(change)),
            patch: Box::new(QueuePatch {
                kind: Some(model::QueueKind::Queue),
                native: tell::native(&[("tenant_id", tenant.as_deref())]),
                ..QueuePatch::default()
            }),
        };
        let rule = match change {
            Change::Created if listed => "queue_created.listed",
            Change::Created => "queue_created",
            Change::Updated => "queue_updated",
            Change::Destroyed => "queue_destroy",
        };
        tell.native(rule, fact);
        let memo = self.sync.queue_managed(number, !gone, tell.now);
        tell.memo.extend(memo);
    }
}

fn action(change: Change) -> Action {
    match change {
        Change::Created => Action::Created,
        Change::Updated => Action::Updated,
        Change::Destroyed => Action::Deleted,
    }
}
