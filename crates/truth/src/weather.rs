//! What goes wrong between a PBX and the gateway, apart from what calls do.

use std::time::Duration;

/// A mix of troubles.
#[derive(Clone, Debug, PartialEq)]
pub struct Weather {
    /// For tables.
    pub name: String,
    /// Chance that a frame comes twice.
    pub duplicate: f64,
    /// Chance that a frame is overtaken, as far as the PBX may do that.
    pub disorder: f64,
    /// Chance that something is said, or added to what is said, that nobody knows.
    pub novelty: f64,
    /// A topic that is not subscribed to.
    pub without: Option<&'static str>,
    /// The connection is lost.
    pub outages: Option<Trouble>,
    /// The gateway is killed and started again.
    pub gateway_restarts: Option<Trouble>,
    /// The PBX is switched off and on.
    pub pbx_restarts: Option<Trouble>,
}

/// Something that happens every so often and lasts a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trouble {
    /// At most this long after the last.
    pub every: Duration,
    /// Lasts at most this long.
    pub lasts: Duration,
}

impl Weather {
    const OFTEN: Trouble = Trouble {
        every: Duration::from_secs(60),
        lasts: Duration::from_secs(15),
    };

    const RARELY: Trouble = Trouble {
        every: Duration::from_secs(240),
        lasts: Duration::from_secs(8),
    };

    /// Nothing goes wrong.
    #[must_use]
    pub fn clear() -> Self {
        Self {
            name: "clear".to_owned(),
            duplicate: 0.0,
            disorder: 0.0,
            novelty: 0.0,
            without: None,
            outages: None,
            gateway_restarts: None,
            pbx_restarts: None,
        }
    }

    /// Everything goes wrong.
    #[must_use]
    pub fn storm() -> Self {
        Self {
            name: "storm".to_owned(),
            duplicate: 0.2,
            disorder: 0.2,
            novelty: 0.02,
            without: None,
            outages: Some(Self::OFTEN),
            gateway_restarts: Some(Self::OFTEN),
            pbx_restarts: Some(Self::RARELY),
        }
    }

    /// Every kind of weather, for a source that can do without these topics.
    #[must_use]
    pub fn all(topics: &[&'static str]) -> Vec<Self> {
        let named = |name: &str| Self {
            name: name.to_owned(),
            ..Self::clear()
        };
        let mut all = vec![
            Self::clear(),
            Self {
                duplicate: 0.3,
                ..named("duplicates")
            },
            Self {
                disorder: 0.3,
                ..named("disorder")
            },
        ];
        all.extend(topics.iter().map(|topic| Self {
            without: Some(topic),
            ..named(&format!("no {topic}"))
        }));
        all.extend([
            Self {
                outages: Some(Self::OFTEN),
                ..named("outages")
            },
            Self {
                gateway_restarts: Some(Self::OFTEN),
                ..named("gateway restarts")
            },
            Self {
                pbx_restarts: Some(Self::RARELY),
                ..named("PBX restarts")
            },
            Self::storm(),
        ]);
        all
    }
}
