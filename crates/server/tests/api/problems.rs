//! Every problem that the code can name has a page, and every page is of one that it can name.

use std::{collections::BTreeSet, fs, path::Path};

use server::problem::Kind;

use super::world::{Setup, World};

#[tokio::test]
async fn every_kind_that_the_code_names_resolves_to_what_to_do() {
    let mut named = BTreeSet::new();
    kinds(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut named,
    );
    assert!(named.len() > 20, "{named:?}");
    let listed: BTreeSet<String> = Kind::ALL.iter().map(|kind| format!("{kind:?}")).collect();
    let unlisted: Vec<_> = named.difference(&listed).collect();
    assert!(unlisted.is_empty(), "missing in Kind::ALL: {unlisted:?}");
    let unused: Vec<_> = listed.difference(&named).collect();
    assert!(unused.is_empty(), "no code says {unused:?}");

    let world = World::start(Setup::tokens()).await;
    for kind in Kind::ALL {
        let facts = kind.facts();
        let page = world.get(&format!("/problems/{}", facts.slug)).await;
        assert_eq!(page.status, 200, "{}", facts.slug);
        let advice = page.json()["advice"].as_str().unwrap().to_owned();
        assert!(
            advice.len() > 8 && advice.ends_with('.'),
            "{}: {advice}",
            facts.slug
        );
        assert_eq!(page.json()["close_code"], facts.close);
        assert!((4400..4600).contains(&facts.close), "{}", facts.slug);
        assert!(facts.status.is_client_error() || facts.status.is_server_error());
    }
}

/// `Kind::Something` in the sources, but for the catalogue itself.
fn kinds(folder: &Path, named: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            kinds(&path, named);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("problem/kind.rs")
        {
            let text = fs::read_to_string(&path).unwrap();
            // Other modules have a `Kind` of their own.
            if !text.contains("Kind, Problem") && !text.contains("mod kind;") {
                continue;
            }
            for (at, mark) in text.match_indices("Kind::") {
                let before = text[..at].chars().next_back();
                if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                    continue;
                }
                let rest = &text[at + mark.len()..];
                let name: String = rest
                    .chars()
                    .take_while(char::is_ascii_alphanumeric)
                    .collect();
                if name.starts_with(|c: char| c.is_ascii_uppercase()) && name != "ALL" {
                    named.insert(name);
                }
            }
        }
    }
}
