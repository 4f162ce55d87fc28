//! The little of Markdown that our own texts use, as HTML: paragraphs, lists, code.

use std::fmt::Write as _;

/// Writes paragraphs and lists.
pub(super) fn prose(html: &mut String, text: &str) {
    for block in text.split("\n\n").filter(|block| !block.is_empty()) {
        if block.starts_with("- ") {
            html.push_str("<ul>");
            for item in block.lines() {
                let _ = write!(html, "<li>{}</li>", inline(item.trim_start_matches("- ")));
            }
            html.push_str("</ul>");
        } else {
            let _ = write!(html, "<p>{}</p>", inline(block));
        }
    }
}

/// Text with code between backticks.
pub(super) fn inline(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(n, part)| {
            if n % 2 == 1 {
                code(part)
            } else {
                escaped(part)
            }
        })
        .collect()
}

pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_html_and_stay_texts() {
        let mut html = String::new();
        prose(&mut html, "Send `a<b>` & wait.\n\n- one\n- `two`");
        assert_eq!(
            html,
            "<p>Send <code>a&lt;b&gt;</code> &amp; wait.</p><ul><li>one</li><li><code>two</code></li></ul>"
        );
    }
}
