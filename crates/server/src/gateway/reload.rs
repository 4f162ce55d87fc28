//! Another config while the gateway runs. A file with mistakes changes nothing.

use std::{path::Path, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{Interval, MissedTickBehavior, interval},
};
use tracing::{error, info, warn};

use super::{Gateway, settings, sources, watch::Watch};
use crate::config::{self, Config, ConfigFile};

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(500);

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
    let mut look = looking();
    // The file may have changed since it was read for the start, so the first look always reads it.
    let mut watched = Watch::default();
    loop {
        tokio::select! {
            () = sender.closed() => return Ok(()),
            _ = hangup.recv() => {}
            _ = look.tick() => {
                if !watched.changed(&[&file.path]) {
                    continue;
                }
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

fn looking() -> Interval {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look
}

/// The files of the certificate in use.
pub(super) struct Certificate {
    look: Interval,
    watched: Watch,
}

impl Certificate {
    /// Those of a config, as they are now.
    pub(super) fn of(config: &Config) -> Self {
        Self {
            look: looking(),
            watched: Watch::new(&files(config)),
        }
    }

    /// Completes when they have changed. Safe to cancel.
    pub(super) async fn changes(&mut self, config: &Config) {
        loop {
            self.look.tick().await;
            if self.watched.changed(&files(config)) {
                return;
            }
        }
    }
}

fn files(config: &Config) -> Vec<&Path> {
    let files = config.server.tls.iter();
    files.flat_map(|tls| [&*tls.cert, &*tls.key]).collect()
}

impl Gateway {
    /// Takes over what can change in a running gateway, and says what cannot.
    pub(super) async fn reload(&mut self, new: Config) {
        if new == self.config {
            self.renew_certificate();
            return;
        }
        // Before all that takes time: whoever is shut out is shut out now.
        self.surface.reload(settings::policy(&new.auth));
        self.surface
            .allow(settings::rules(&new), settings::quota(&new.limits));
        let (streams, memory) = settings::carried(&new.limits);
        self.fanout.allow(streams, memory);
        let changes = config::diff(&self.config, &new);
        let mut adapters = sources::adapters(&new, self.build);
        for key in &changes.restart {
            warn!(key, "this change waits for the next start");
        }
        let exchanged = changes.sources_changed.iter();
        let ending = changes.sources_removed.iter().chain(exchanged.clone());
        self.sources.stop(ending).await;
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
        if self
            .webhooks
            .reload(settings::webhooks(&new))
            .await
            .is_err()
        {
            return;
        }
        info!(
            added = changes.sources_added.len(),
            removed = changes.sources_removed.len(),
            changed = changes.sources_changed.len(),
            "the config is reloaded"
        );
        self.config = new;
        self.renew_certificate();
    }

    /// Takes over the certificate as its files are now. One that cannot be used changes nothing.
    pub(super) fn renew_certificate(&self) {
        let (Some(tls), Some(files)) = (&self.tls, &self.config.server.tls) else {
            return;
        };
        match tls.reload(files) {
            Ok(()) => info!(cert = %files.cert.display(), "the certificate is read"),
            Err(error) => error!(
                error = &error as &dyn std::error::Error,
                "the certificate stays as it was"
            ),
        }
    }
}
