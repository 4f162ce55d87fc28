//! Another config while the gateway runs. A file with mistakes changes nothing.

use std::time::{Duration, SystemTime};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};
use tracing::{error, info, warn};

use super::{Gateway, settings, sources};
use crate::config::{self, Config, ConfigFile};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Configs as they change: on SIGHUP, and when the file does. None ever come without a file.
pub(super) fn follow(file: Option<ConfigFile>) -> mpsc::Receiver<Config> {
    let (sender, receiver) = mpsc::channel(1);
    if let Some(file) = file {
        tokio::spawn(async move {
            if let Err(reason) = watch(file, sender).await {
                warn!(
                    error = &reason as &dyn std::error::Error,
                    "SIGHUP cannot be listened to: no reload"
                );
            }
        });
    } else {
        // A closed channel would be ready at once, for ever.
        tokio::spawn(async move { sender.closed().await });
    }
    receiver
}

async fn watch(file: ConfigFile, sender: mpsc::Sender<Config>) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The file may have changed since it was read for the start, so the first look always reads it.
    let mut seen = None;
    loop {
        tokio::select! {
            () = sender.closed() => return Ok(()),
            _ = hangup.recv() => {}
            _ = look.tick() => {
                let now = changed_at(&file);
                if now == seen {
                    continue;
                }
                seen = now;
            }
        }
        match file.load() {
            Ok(config) => {
                // The gateway is gone when nobody takes it.
                let _ = sender.send(config).await;
            }
            Err(error) => error!(
                error = &error as &dyn std::error::Error,
                "the config stays as it was"
            ),
        }
    }
}

fn changed_at(file: &ConfigFile) -> Option<SystemTime> {
    std::fs::metadata(&file.path)
        .and_then(|metadata| metadata.modified())
        .ok()
}

impl Gateway {
    /// Takes over what can change in a running gateway, and says what cannot.
    pub(super) async fn reload(&mut self, new: Config) {
        if new == self.config {
            return;
        }
        let changes = config::diff(&self.config, &new);
        let mut adapters = sources::adapters(&new);
        for key in &changes.restart {
            warn!(key, "this change waits for the next start");
        }
        if changes.limits {
            warn!(key = "limits", "this change waits for the next start");
        }
        let exchanged = changes.sources_changed.iter();
        for id in changes.sources_removed.iter().chain(exchanged.clone()) {
            self.sources.stop(id).await;
        }
        if self
            .hub
            .configure(settings::sources(&new, &adapters))
            .await
            .is_err()
        {
            return;
        }
        for id in changes.sources_added.iter().chain(exchanged) {
            if let (Some(source), Some(adapter)) = (new.sources.get(id), adapters.remove(id)) {
                self.sources.start(source, adapter);
            }
        }
        self.surface.reload(settings::mode(&new.auth));
        info!(
            added = changes.sources_added.len(),
            removed = changes.sources_removed.len(),
            changed = changes.sources_changed.len(),
            "the config is reloaded"
        );
        self.config = new;
    }
}
