//! The guide for production: its commands, run as they stand there.

use std::{env, path::Path, process::Command};

use tests::{binary, binary::workspace, wait};

use crate::support::{calls, check_log, pair};

/// The blocks of the guide that are marked as tested, in their order.
fn blocks() -> Vec<String> {
    let guide = std::fs::read_to_string(workspace().join("docs/production.md")).unwrap();
    let marked = guide.split("<!-- tested -->\n```sh\n").skip(1);
    let blocks = marked.map(|block| block.split("```").next().unwrap().to_owned());
    blocks.collect()
}

/// Runs a block in a folder, with `switchhook` on the path; what it prints.
fn run(block: &str, folder: &Path) -> String {
    let program = binary::switchhook().parent().unwrap().to_owned();
    let others = env::var_os("PATH").unwrap();
    let path = env::join_paths([program].into_iter().chain(env::split_paths(&others))).unwrap();
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", block])
        .env("PATH", path)
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{block}\n{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn the_commands_of_the_guide_do_what_it_says() {
    let (pbx, mut gateway) = pair().await;
    let folder = gateway.path("switchhook.toml").parent().unwrap().to_owned();
    let [check, tokens, backup, restore] = <[String; 4]>::try_from(blocks()).unwrap();

    run(&check, &folder);
    let tokens = run(&tokens, &folder);
    assert_eq!(tokens.matches("sha256 = ").count(), 2, "{tokens}");

    calls(&pbx, &gateway.client(), 2).await;
    let before = gateway.client().history("").await;
    assert_eq!(run(&backup, &folder).trim(), "ok");

    calls(&pbx, &gateway.client(), 2).await;
    let seen = gateway.client().history("").await;
    let last = seen.last().unwrap().id().to_owned();
    gateway.terminate().await;
    run(&restore, &folder);
    gateway.start_again().await;
    let client = gateway.client();
    wait::until("the source is in step again", async || {
        let source = client.json("/v1/sources/hq").await;
        (source["state"] == "synced").then_some(())
    })
    .await;

    // Whoever was further than the backup is told so, and no id is given again.
    let mut stream = client.stream(&format!("after={last}")).await;
    let reset = stream.skip_to("stream.reset").await;
    assert_eq!(reset.data()["reason"], "lost", "{}", reset.text());
    calls(&pbx, &client, 1).await;
    let after = client.history("").await;
    assert!(after.len() > before.len());
    for (kept, known) in after.iter().zip(&before) {
        assert_eq!(kept.id(), known.id());
    }
    for event in &after[before.len()..] {
        assert!(event.id() > last.as_str(), "{} again", event.id());
    }
    check_log(&after);
}
