//! What is wrong at the start is said at the start, all of it, and nothing is overwritten.

use std::fs;

use tests::{Gateway, gateway::Process, wait};

use crate::support::{calls, pair};

#[tokio::test]
async fn check_lists_every_mistake_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = "\
[server]
listen = \"everywhere\"

[auth]
mode = \"perhaps\"

[log]
retention = { hours = \"many\" }

[sources.hq]
adapter = \"portsip\"
url = \"wss://pbx.example.com:8887/wsi\"
pasword = \"x\"
username = \"supervisor\"
password = \"hunter2-secret\"
domain = \"test.io\"
topics = [\"cdr_events\", \"weather_events\"]
";
    fs::write(folder.path().join("switchhook.toml"), config).unwrap();
    let mut check = Process::switchhook(folder.path(), &["check", "-c", "switchhook.toml"]);
    assert_eq!(check.ended().await.code(), Some(78));
    let said = wait::until("the mistakes are told", || {
        let said = check.stderr() + &check.stdout();
        async move { said.contains("weather").then_some(said) }
    })
    .await;
    for line in [2, 5, 8, 13, 17] {
        assert!(
            said.contains(&format!("switchhook.toml:{line}")),
            "line {line}: {said}"
        );
    }
    assert!(said.contains("password"), "did you mean: {said}");
    assert!(!said.contains("hunter2"), "{said}");

    let mut serve = Process::switchhook(folder.path(), &["serve", "-c", "switchhook.toml"]);
    assert_eq!(serve.ended().await.code(), Some(78));
    assert!(!folder.path().join("switchhook.db").exists());
}

#[tokio::test]
async fn a_good_config_is_called_good_without_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let mut init = Process::switchhook(folder.path(), &["init"]);
    assert_eq!(init.ended().await.code(), Some(0));
    let mut check = Process::switchhook(folder.path(), &["check"]);
    assert_eq!(check.ended().await.code(), Some(0), "{}", check.stderr());
    let mut usage = Process::switchhook(folder.path(), &["dance"]);
    assert_eq!(usage.ended().await.code(), Some(2));
}

#[tokio::test]
async fn a_database_that_is_none_is_not_touched() {
    let (_pbx, mut gateway) = pair().await;
    gateway.terminate().await;
    let file = gateway.path("switchhook.db");
    let garbage: Vec<u8> = (0..64 * 1024_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    refused(&gateway, &garbage).await;

    let mut damaged = fs::read(&file).unwrap();
    damaged.truncate(damaged.len().min(50));
    refused(&gateway, &damaged).await;
}

#[tokio::test]
async fn two_gateways_do_not_share_a_log() {
    let (pbx, gateway) = pair().await;
    let config = fs::read_to_string(gateway.path("switchhook.toml")).unwrap();
    let other = config.replace(
        &gateway.address().to_string(),
        &format!("127.0.0.1:{}", tests::gateway::free_port()),
    );
    fs::write(gateway.path("other.toml"), other).unwrap();
    let mut second = Process::switchhook(&gateway.path(""), &["serve", "-c", "other.toml"]);
    let status = second.ended().await;
    assert!(
        status.code().is_some_and(|code| code == 69 || code == 70),
        "{status}: {}",
        second.stderr()
    );
    assert!(
        second.stderr().contains("switchhook.db"),
        "{}",
        second.stderr()
    );
    calls(&pbx, &gateway.client(), 1).await;
}

#[tokio::test]
async fn the_log_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_pbx, gateway) = pair().await;
    let mode = fs::metadata(gateway.path("switchhook.db"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Starts on a file that is no log: exit 70, a message that names it, and the file as it was.
async fn refused(gateway: &Gateway, content: &[u8]) {
    let file = gateway.path("switchhook.db");
    for side in ["switchhook.db-wal", "switchhook.db-shm"] {
        // There is none after a clean stop.
        let _ = fs::remove_file(gateway.path(side));
    }
    fs::write(&file, content).unwrap();
    let mut serve = Process::switchhook(&gateway.path(""), &["serve", "-c", "switchhook.toml"]);
    let status = serve.ended().await;
    assert_eq!(status.code(), Some(70), "{}", serve.stderr());
    assert!(
        serve.stderr().contains("switchhook.db"),
        "{}",
        serve.stderr()
    );
    assert!(fs::read(&file).unwrap() == content, "the file was changed");
}
