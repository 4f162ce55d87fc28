//! PEM files that the config refers to: looked at when the config is read, so that a wrong path is not found at night.

use std::path::PathBuf;

use super::reader::Reader;

/// The path of a file in which there is at least one PEM section whose label ends with `label`.
pub(super) fn path(reader: &mut Reader<'_>, key: &'static str, label: &str) -> Option<PathBuf> {
    let path: PathBuf = reader.optional(key)?;
    let mend = format!("give the path of a PEM file with a {label}");
    let marker = format!("{label}-----");
    let is_start =
        |line: &str| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&marker);
    match reader.outside(&path) {
        Ok(text) if text.lines().any(is_start) => {}
        Ok(_) => reader.complain(key, format!("{} holds no {label}", path.display()), mend),
        Err(error) => {
            let wrong = format!("cannot read {}: {error}", path.display());
            reader.complain(key, wrong, mend);
        }
    }
    Some(path)
}
