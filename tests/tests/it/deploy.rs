//! What `deploy/` offers is held against the gateway as it is.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tests::{binary::workspace, peers};

use crate::metrics::{busy, page};

fn deploy(path: &str) -> PathBuf {
    workspace().join("deploy").join(path)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs a program that checks something; what it has said.
fn check(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

fn dashboard() -> Value {
    serde_json::from_str(&read(&deploy("grafana/switchhook.json"))).unwrap()
}

/// The expressions of every panel, without what only Grafana knows.
fn expressions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array());
    let expressions = targets.flatten().map(|target| {
        let text = target["expr"].as_str().unwrap();
        text.replace("$__rate_interval", "5m")
    });
    expressions.collect()
}

/// The families that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| {
        (word.starts_with("switchhook_") || word.starts_with("process_")) && *word != "process_"
    });
    ours.map(str::to_owned).collect()
}

/// Names of samples as an expression may use them, and of the families.
fn exported(page: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut samples, mut families) = (BTreeSet::new(), BTreeSet::new());
    for line in page.lines() {
        let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|line| line.split_once(' '))
        else {
            continue;
        };
        families.insert(name.to_owned());
        if kind == "histogram" {
            samples.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")));
        } else {
            samples.insert(name.to_owned());
        }
    }
    (samples, families)
}

#[tokio::test]
async fn dashboard_and_alerts_name_what_is_exported_and_all_of_it_is_shown() {
    let (_pbx, gateway) = busy().await;
    let page = page(&gateway.client()).await;
    let (samples, families) = exported(&page);
    let alerts = named(&read(&deploy("prometheus/alerts.yml")));
    let dashboard = dashboard();
    let shown = named(&expressions(&dashboard).join("\n"));
    let variables = named(&dashboard["templating"].to_string());
    for (place, names) in [
        ("alerts", &alerts),
        ("dashboard", &shown),
        ("variables", &variables),
    ] {
        let unknown: Vec<_> = names.difference(&samples).collect();
        assert!(
            names.len() > 1 && unknown.is_empty(),
            "{place}: nobody exports {unknown:?}"
        );
    }
    let guide = read(&workspace().join("docs/metrics.md"));
    for family in &families {
        let of = |name: &&String| {
            let rest = name.strip_prefix(family.as_str());
            rest.is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
        };
        assert!(shown.iter().any(|name| of(&name)), "{family} has no panel");
        assert!(guide.contains(&format!("| `{family}` |")), "{family}");
    }
}

#[test]
fn prometheus_takes_the_alerts_and_they_fire_when_they_should() {
    let rules = deploy("prometheus/alerts.yml");
    let said = check(
        Command::new(peers::promtool())
            .args(["check", "rules"])
            .arg(&rules),
    );
    assert!(said.contains("SUCCESS"), "{said}");
    let tests = deploy("prometheus/alerts_test.yml");
    check(
        Command::new(peers::promtool())
            .args(["test", "rules"])
            .arg(tests),
    );
}

#[test]
fn prometheus_takes_every_expression_of_the_dashboard() {
    let rule = |(n, expression): (usize, String)| {
        let quoted = serde_json::to_string(&expression).unwrap();
        format!("      - record: panel:{n}\n        expr: {quoted}\n")
    };
    let expressions = expressions(&dashboard());
    assert!(expressions.len() > 30, "{}", expressions.len());
    let rules: String = expressions.into_iter().enumerate().map(rule).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("panels.yml");
    fs::write(
        &path,
        format!("groups:\n  - name: panels\n    rules:\n{rules}"),
    )
    .unwrap();
    check(
        Command::new(peers::promtool())
            .args(["check", "rules"])
            .arg(&path),
    );
}

#[test]
fn every_panel_has_a_place_of_its_own_and_a_title() {
    let dashboard = dashboard();
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(!title.is_empty() && ids.insert(panel["id"].as_u64().unwrap()));
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(side("x") + side("w") <= 24, "{title}");
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "{title} lies upon another panel");
            }
        }
    }
}

#[test]
fn every_alert_is_explained() {
    let alerts = read(&deploy("prometheus/alerts.yml"));
    let guide = read(&workspace().join("docs/production.md"));
    let names: Vec<_> = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(names.len() > 10);
    for name in &names {
        let anchor = format!("runbook: docs/production.md#{}", name.to_lowercase());
        assert!(alerts.contains(&anchor), "{name} has no runbook");
        assert!(guide.contains(&format!("#### {name}\n")), "{name}");
    }
    for heading in guide.lines().filter_map(|line| line.strip_prefix("#### ")) {
        assert!(names.contains(&heading), "there is no alert {heading}");
    }
}

#[test]
fn systemd_takes_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let unit = read(&deploy("systemd/switchhook.service"));
    // The program of a unit has to exist where it is verified.
    let here = unit.replace("/usr/local/bin/switchhook", "/bin/true");
    assert_ne!(here, unit);
    let path = folder.path().join("switchhook.service");
    fs::write(&path, here).unwrap();
    let said = check(Command::new("systemd-analyze").arg("verify").arg(&path));
    assert!(!said.contains("switchhook"), "{said}");
    let rated = check(
        Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold=20"])
            .arg(&path),
    );
    assert!(rated.contains("OK"), "{rated}");
}

#[test]
fn hadolint_takes_the_dockerfile() {
    let said = check(peers::python("hadolint").arg(deploy("Dockerfile")));
    assert!(said.is_empty(), "{said}");
    let text = read(&deploy("Dockerfile"));
    let last_user = text.lines().rfind(|line| line.starts_with("USER "));
    assert_eq!(last_user, Some("USER 7575:7575"));
}
