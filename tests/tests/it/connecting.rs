//! What the guides to connect a PBX say to write is right: `switchhook check` takes every config block of `docs/pbx` as it stands.

use std::{fs, path::Path};

use tests::gateway::Process;

#[tokio::test]
async fn every_config_block_is_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pbx");
    let mut adapters = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let blocks = blocks(&text);
        for block in &blocks {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("switchhook.toml"), with_secrets(block)).unwrap();
            let mut check = Process::switchhook(folder.path(), &["check"]);
            let code = check.ended().await.code();
            assert_eq!(
                code,
                Some(0),
                "{}: {block}{}",
                path.display(),
                check.stderr()
            );
        }
        if !blocks.is_empty() {
            adapters.push(name);
        }
    }
    adapters.sort();
    assert_eq!(adapters, ["basix", "portsip", "telecomx"]);
}

/// The TOML blocks of a page.
fn blocks(page: &str) -> Vec<&str> {
    let parts = page.split("```toml\n").skip(1);
    parts
        .map(|part| part.split("```").next().unwrap())
        .collect()
}

/// A check reads the environment, which is another one here: each `{ env = "NAME" }` is a text.
fn with_secrets(block: &str) -> String {
    let lines = block.lines().map(|line| match line.split_once("{ env = ") {
        Some((key, _)) => format!("{key}\"a secret\"\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}
