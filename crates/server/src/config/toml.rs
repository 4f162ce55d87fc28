//! A source written as TOML again: what another program needs to know of it, and no secret.

use super::sources::{Setting, Source};

impl Source {
    /// The keys that its adapter reads. Secrets are `"***"`; what matters to a connection alone is left out.
    #[must_use]
    pub fn without_secrets(&self) -> String {
        let mut lines = String::new();
        let mut line = |key: &str, value: toml_edit::Value| {
            lines.push_str(&format!("{key} = {}\n", value.to_string().trim()));
        };
        line("url", self.url.as_str().into());
        for (key, setting) in self.settings.iter() {
            line(
                key,
                match setting {
                    Setting::Text(text) => text.as_str().into(),
                    Setting::Secret(_) => "***".into(),
                    Setting::Texts(texts) => texts.iter().collect(),
                    Setting::Flag(flag) => (*flag).into(),
                },
            );
        }
        if let Some(region) = &self.region {
            line("region", region.as_str().into());
        }
        if self.allow_plaintext {
            line("allow_plaintext", true.into());
        }
        if !self.include_native {
            line("include_native", false.into());
        }
        lines
    }
}
