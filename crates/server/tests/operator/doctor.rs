//! `doctor` against PBXs that are well, and against the faults that an operator meets.

use std::net::{Ipv4Addr, SocketAddr};

use futures_util::future::join_all;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    house::{ADAPTERS, House, keys, url},
    pki::Ca,
    stage::{Ran, Stage},
};

/// What the doctor finds: a source in a folder of its own, with `more` keys.
async fn examined(stage: &Stage, source: &str, more: &str) -> (Ran, Vec<Value>) {
    let text = format!("[sources.hq]\n{source}{more}");
    stage.write("switchhook.toml", &text);
    let ran = stage.run(&["doctor", "hq", "--json", "--for", "30s"]).await;
    let report: Value = serde_json::from_str(&ran.out)
        .unwrap_or_else(|error| panic!("{error}: {}{}", ran.err, ran.out));
    let findings = report["sources"][0]["findings"].as_array().unwrap().clone();
    (ran, findings)
}

/// The only failure, and what to do about it.
fn failure(findings: &[Value]) -> (&str, &str, &str) {
    let failed: Vec<&Value> = findings
        .iter()
        .filter(|finding| finding["status"] == "fail")
        .collect();
    let [failed] = failed[..] else {
        panic!("one failure: {findings:#?}");
    };
    assert_eq!(findings.last(), Some(failed), "nothing is tried after it");
    let text = |key: &str| failed[key].as_str().unwrap();
    (text("step"), text("detail"), text("mend"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pbx_that_is_well() {
    for adapter in ADAPTERS {
        let stage = Stage::new();
        let house = House::start(adapter, None).await;
        let (ran, findings) = examined(&stage, &house.source, "").await;
        assert_eq!(ran.code, 0, "{findings:#?}");
        let steps: Vec<&str> = findings
            .iter()
            .map(|finding| finding["step"].as_str().unwrap())
            .collect();
        for step in ["dns", "tcp", "clock", "login", "permission", "events"] {
            assert!(steps.contains(&step), "{adapter}: {step}: {findings:#?}");
        }
        assert!(
            findings.iter().all(|finding| finding["status"] != "fail"),
            "{findings:#?}"
        );
        let text = stage.run(&["doctor", "--for", "30s"]).await.well().out;
        assert!(text.starts_with(&format!("hq: {adapter} at ")), "{text}");
        assert!(text.contains("\n  ok    login"), "{text}");
        assert!(!text.contains('\x1b'), "no colours in a pipe: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_to_be_mended_in_the_config() {
    for adapter in ADAPTERS {
        let stage = Stage::new();
        let house = House::start(adapter, None).await;
        let wrong: String = house
            .source
            .lines()
            .map(|line| match line.split_once(" = ") {
                Some((key @ ("password" | "token"), _)) => format!("{key} = \"wrong-one\"\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let (ran, findings) = examined(&stage, &wrong, "").await;
        assert_eq!(ran.code, 78, "{findings:#?}");
        let (step, detail, mend) = failure(&findings);
        assert_eq!(step, "login", "{adapter}: {detail}");
        let key = if adapter == "portsip" {
            "password"
        } else {
            "token"
        };
        assert!(
            mend.contains(key) && mend.contains("[sources.hq]"),
            "{adapter}: {mend}"
        );
        assert!(!ran.out.contains("wrong-one"), "{adapter}: {}", ran.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens() {
    for adapter in ADAPTERS {
        let stage = Stage::new();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let source = keys(adapter, &url(adapter, false, address));
        let (ran, findings) = examined(&stage, &source, "").await;
        assert_eq!(ran.code, 69);
        let (step, _, mend) = failure(&findings);
        assert_eq!(step, "tcp");
        assert!(
            mend.contains(&format!("nothing listens on port {}", address.port())),
            "{mend}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_nobody_knows() {
    for adapter in ADAPTERS {
        let stage = Stage::new();
        let there = SocketAddr::from((Ipv4Addr::LOCALHOST, 4430));
        let source = keys(adapter, &url(adapter, true, there)).replace("localhost", "pbx.invalid");
        let (ran, findings) = examined(&stage, &source, "").await;
        assert_eq!(ran.code, 69);
        let (step, detail, mend) = failure(&findings);
        assert_eq!(step, "dns");
        assert!(detail.contains("pbx.invalid"), "{detail}");
        assert!(mend.contains("`url`"), "{mend}");
    }
}

/// The connection is taken, and then nothing more is said.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_silent() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = silent.local_addr().unwrap();
    let kept = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((socket, _)) = silent.accept().await {
            kept.push(socket);
        }
    });
    let all = ADAPTERS
        .iter()
        .flat_map(|adapter| [(adapter, false), (adapter, true)]);
    join_all(all.map(|(adapter, tls)| async move {
        let stage = Stage::new();
        let source = keys(adapter, &url(adapter, tls, address));
        let (ran, findings) = examined(&stage, &source, "").await;
        assert_eq!(ran.code, 69);
        let (step, detail, mend) = failure(&findings);
        assert_eq!(
            step,
            if tls { "tls" } else { "login" },
            "{adapter}: {detail}"
        );
        assert!(
            detail.contains("not answer") || detail.contains(" s"),
            "{adapter}: {detail}"
        );
        assert!(
            mend.contains("look whether") || mend.contains("check"),
            "{adapter}: {mend}"
        );
    }))
    .await;
    kept.abort();
}

/// A web server tells the time with each answer; this one's is an hour ahead.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
            let answer = format!(
                "HTTP/1.1 404 Not Found\r\ndate: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                later.strftime("%a, %d %b %Y %H:%M:%S GMT")
            );
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match socket.read_u8().await {
                        Ok(byte) => request.push(byte),
                        Err(_) => return,
                    }
                }
                // Whoever asked may have gone.
                let _ = socket.write_all(answer.as_bytes()).await;
            });
        }
    });
    for adapter in ADAPTERS {
        let stage = Stage::new();
        let source = keys(adapter, &url(adapter, false, address));
        let (ran, findings) = examined(&stage, &source, "").await;
        assert_ne!(ran.code, 0, "no PBX is there");
        let clock = findings.iter().find(|finding| finding["step"] == "clock");
        let clock = clock.unwrap_or_else(|| panic!("{adapter}: {findings:#?}"));
        assert_eq!(clock["status"], "warn", "{clock}");
        let detail = clock["detail"].as_str().unwrap();
        assert!(detail.contains("ahead of ours"), "{detail}");
        assert!(clock["mend"].as_str().unwrap().contains("NTP"), "{clock}");
    }
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates() {
    let root = Ca::new("Test Root");
    let middle = root.below("Test Middle");
    let other = Ca::new("Another Root");
    for adapter in ADAPTERS {
        let stage = Stage::new();
        let (right, wrong) = (
            root.write(&stage, "root.pem"),
            other.write(&stage, "other.pem"),
        );
        let ca = |path: &std::path::Path| format!("ca_file = {path:?}\n");

        let whole = middle.localhost(2040).with(&middle).tls();
        let house = House::start(adapter, Some(whole)).await;
        let (ran, findings) = examined(&stage, &house.source, &ca(&right)).await;
        assert_eq!(ran.code, 0, "{adapter}: {findings:#?}");
        let tls = findings
            .iter()
            .find(|finding| finding["step"] == "tls")
            .unwrap();
        assert_eq!(tls["status"], "ok");
        let shown = &tls["certificates"];
        assert_eq!(shown[0]["subject"], "CN=localhost");
        assert_eq!(shown[0]["issuer"], "CN=Test Middle");
        assert_eq!(shown[0]["expires"], "2040-12-31T00:00:00Z");
        assert_eq!(shown[0]["names"][0], "localhost");
        assert_eq!(shown[1]["issuer"], "CN=Test Root");

        let (ran, findings) = examined(&stage, &house.source, &ca(&wrong)).await;
        assert_eq!(ran.code, 69);
        let (step, detail, mend) = failure(&findings);
        assert_eq!(step, "tls");
        assert!(
            detail.starts_with("missing: the certificate of CN=Test Root"),
            "{detail}"
        );
        assert!(mend.contains("other.pem"), "{mend}");

        let broken = middle.localhost(2040).tls();
        let house = House::start(adapter, Some(broken)).await;
        let (_, findings) = examined(&stage, &house.source, &ca(&right)).await;
        let (_, detail, mend) = failure(&findings);
        assert!(
            detail.starts_with("missing: the certificate of CN=Test Middle"),
            "{detail}"
        );
        assert!(mend.contains("send its whole chain"), "{mend}");

        let expired = root.localhost(2020).tls();
        let house = House::start(adapter, Some(expired)).await;
        let (ran, findings) = examined(&stage, &house.source, &ca(&right)).await;
        assert_eq!(ran.code, 69);
        let (step, detail, mend) = failure(&findings);
        assert_eq!(step, "tls");
        assert!(
            detail.contains("CN=localhost expired 2020-12-31"),
            "{detail}"
        );
        assert!(mend.contains("renew"), "{mend}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_somebody_else_and_one_that_is_not_looked_at() {
    let root = Ca::new("Test Root");
    let stage = Stage::new();
    let ca = format!("ca_file = {:?}\n", root.write(&stage, "root.pem"));
    let elsewhere = root.server("pbx.example.com", 2040).tls();
    let house = House::start("portsip", Some(elsewhere)).await;
    let (ran, findings) = examined(&stage, &house.source, &ca).await;
    assert_eq!(ran.code, 69);
    let (_, detail, _) = failure(&findings);
    assert!(
        detail.contains("not for localhost, but for pbx.example.com"),
        "{detail}"
    );
    let (ran, findings) = examined(&stage, &house.source, "insecure_tls = true\n").await;
    assert_eq!(ran.code, 0, "{findings:#?}");
    let tls = findings
        .iter()
        .find(|finding| finding["step"] == "tls")
        .unwrap();
    assert_eq!(tls["status"], "warn");
}

/// What is asked for and not granted is named.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_refused() {
    let stage = Stage::new();
    let house = House::denying("queue_events").await;
    let (ran, findings) = examined(&stage, &house.source, "").await;
    assert_eq!(ran.code, 78, "{findings:#?}");
    let failed: Vec<&Value> = findings
        .iter()
        .filter(|finding| finding["status"] == "fail")
        .collect();
    let [failed] = failed[..] else {
        panic!("one failure: {findings:#?}");
    };
    assert_eq!(failed["step"], "permission");
    let detail = failed["detail"].as_str().unwrap();
    assert!(detail.starts_with("queue_events refused: "), "{detail}");
}

#[tokio::test]
async fn a_config_that_is_wrong_is_78() {
    let stage = Stage::new();
    stage.write("switchhook.toml", "");
    let ran = stage.run(&["doctor"]).await;
    assert_eq!(ran.code, 78);
    assert!(ran.err.contains("no source"), "{}", ran.err);
    stage.write("switchhook.toml", "[sources.hq]\nadapter = \"portsip\"\n");
    assert_eq!(stage.run(&["doctor"]).await.code, 78);
}
