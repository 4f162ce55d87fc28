//! The config of a gateway under test.

use std::fmt::Write as _;

use ring::digest::{SHA256, digest};

use crate::{Pbx, log};

/// What `switchhook.toml` is to say; `listen` and the log's path are added by the gateway.
#[derive(Clone, Debug)]
pub struct Setup {
    server: String,
    log: String,
    auth: String,
    rest: String,
    tenants: String,
    sources: String,
}

impl Setup {
    /// No source, no token, everybody on this machine is let in.
    #[must_use]
    pub fn new() -> Self {
        Self {
            server: String::new(),
            log: String::new(),
            auth: "mode = \"none\"\n".into(),
            rest: String::new(),
            tenants: String::new(),
            sources: String::new(),
        }
    }

    /// One source `hq`; its tenant is called `acme`.
    #[must_use]
    pub fn with(pbx: &Pbx) -> Self {
        Self::new().source("hq", pbx, "").tenant("acme", "hq", pbx)
    }

    /// A PortSIP 22 source at `pbx`, with further lines of its table.
    #[must_use]
    pub fn source(mut self, id: &str, pbx: &Pbx, more: &str) -> Self {
        let url = pbx.url();
        let _ = write!(
            self.sources,
            "
[sources.{id}]
adapter = \"portsip\"
url = \"{url}\"
dialect = \"v22\"
username = \"supervisor\"
password = \"{}\"
domain = \"test.com\"
topics = [\"extension_events\", \"cdr_events\", \"queue_events\"]
extensions = [\"101\", \"102\"]
queues = [\"8000\"]
service_numbers = [\"5000\"]
region = \"GB\"
reconnect = {{ initial = \"50ms\", max = \"500ms\", budget_per_min = 600 }}
{more}
",
            Pbx::PASSWORD
        );
        self
    }

    /// Sources of other kinds, as tables.
    #[must_use]
    pub fn sources(mut self, tables: &str) -> Self {
        self.sources.push_str(tables);
        self
    }

    /// A canonical name for native tenants, each at its source, in place of those named before.
    #[must_use]
    pub fn tenants(mut self, name: &str, natives: &[(&str, &str)]) -> Self {
        let natives: Vec<String> = natives
            .iter()
            .map(|(source, id)| format!("{source} = \"{id}\""))
            .collect();
        self.tenants = format!("{name} = {{ {} }}\n", natives.join(", "));
        self
    }

    /// A canonical name for the tenant of `pbx` at a source.
    #[must_use]
    pub fn tenant(mut self, name: &str, source: &str, pbx: &Pbx) -> Self {
        let id = &pbx.tenant().id;
        let _ = writeln!(self.tenants, "{name} = {{ {source} = \"{id}\" }}");
        self
    }

    /// Lines for `[log]`.
    #[must_use]
    pub fn log(mut self, lines: &str) -> Self {
        let _ = writeln!(self.log, "{lines}");
        self
    }

    /// Lines for `[server]`.
    #[must_use]
    pub fn server(mut self, lines: &str) -> Self {
        let _ = writeln!(self.server, "{lines}");
        self
    }

    /// Further tables.
    #[must_use]
    pub fn table(mut self, lines: &str) -> Self {
        let _ = writeln!(self.rest, "{lines}");
        self
    }

    /// A static token, known by its name, which switches authentication on; `more` are further lines, such as `tenants = ["acme"]`.
    #[must_use]
    pub fn token(mut self, token: &str, scopes: &[&str], more: &str) -> Self {
        self.auth = self.auth.replace("\"none\"", "\"tokens\"");
        let sha256: String = digest(&SHA256, secret(token).as_bytes())
            .as_ref()
            .iter()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        let _ = write!(
            self.auth,
            "[[auth.tokens]]\nname = \"{token}\"\nsha256 = \"{sha256}\"\nscopes = {scopes:?}\n{more}\n"
        );
        self
    }

    pub(crate) fn text(&self, port: u16) -> String {
        let Self {
            server,
            log,
            auth,
            rest,
            tenants,
            sources,
        } = self;
        format!(
            "[server]\nlisten = \"127.0.0.1:{port}\"\n{server}\n[log]\npath = \"switchhook.db\"\n{log}\n[auth]\n{auth}\n{rest}\n[tenants]\n{tenants}\n{sources}"
        )
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

/// The text of the token of this name, as its bearer sends it. It must not appear in any log.
#[must_use]
pub fn secret(token: &str) -> String {
    format!("{}{token}", log::SECRET)
}
