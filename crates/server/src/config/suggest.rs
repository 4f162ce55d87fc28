//! "Did you mean …?": the known word nearest to an unknown one.

/// The nearest of `known`, if it is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Words from outside may be long; nothing that long is a slip of a known one.
    if word.len() > 64 {
        return None;
    }
    let scored = known.into_iter().map(|name| (distance(word, name), name));
    let (distance, name) = scored.min()?;
    let tolerance = (name.chars().count() / 3).max(1);
    (distance <= tolerance).then_some(name)
}

/// How many letters to insert, drop, change or swap with their neighbour to get from one to the other.
fn distance(a: &str, b: &str) -> usize {
    let fold = |text: &str| -> Vec<char> {
        let plain = text.chars().flat_map(char::to_lowercase);
        plain.map(|c| if c == '-' { '_' } else { c }).collect()
    };
    let (a, b) = (fold(a), fold(b));
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let change = last[j] + usize::from(a[i] != b[j]);
            let mut best = change.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognized_and_strangers_are_not() {
        let known = ["listen", "public_url", "trusted_proxies", "tls"];
        for (word, meant) in [
            ("lisen", Some("listen")),
            ("lsiten", Some("listen")),
            ("publicUrl", Some("public_url")),
            ("public-url", Some("public_url")),
            ("trusted_proxy", Some("trusted_proxies")),
            ("port", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }
}
