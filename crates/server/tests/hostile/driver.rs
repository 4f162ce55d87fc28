//! A whole gateway in this process, and whatever somebody sends it. Used by the test beside this file and by the fuzz
//! target in `fuzz/`.

use std::{
    io::{Read, Write},
    mem::ManuallyDrop,
    net::{Shutdown, SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use server::{
    adapters,
    config::{Config, Outside, Variables},
    gateway::Gateway,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// A gateway that is sent things.
pub(crate) struct Target {
    address: SocketAddr,
    _folder: TempDir,
    /// Never ended: the gateway runs as long as the process.
    _runtime: ManuallyDrop<Runtime>,
}

/// The token that opens everything: `reader`.
const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
[auth]
mode = "tokens"
[[auth.tokens]]
name = "reader"
sha256 = "3d0941964aa3ebdcb00ccef58b1bb399f9f898465e9886d5aec7f31090a0fb30"
scopes = ["admin"]
[limits]
header_time = "1s"
requests_per_s = 1000000
[log]
path = "PATH"
"#;

/// Longer than anything here takes: a gateway that does not answer by then hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long nothing may come until the answer counts as read.
const QUIET: Duration = Duration::from_millis(200);
/// How long an input that may deserve no answer waits for one.
const MOMENT: Duration = Duration::from_millis(5);

impl Target {
    /// Starts the gateway.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log.db");
        let text = CONFIG.replace("PATH", path.to_str().expect("a readable path"));
        let variables = Variables::new();
        let outside = Outside {
            variables: &variables,
            read_file: &|path: &Path| std::fs::read_to_string(path),
        };
        let config = Config::read(Path::new("fuzz.toml"), &text, outside, adapters::ALL);
        let runtime = Runtime::new().expect("a runtime");
        let gateway = runtime
            .block_on(Gateway::start(config.expect("a config")))
            .expect("a gateway");
        let address = gateway.address();
        runtime.spawn(gateway.run(None, CancellationToken::new()));
        Self {
            address,
            _folder: folder,
            _runtime: ManuallyDrop::new(runtime),
        }
    }

    /// Sends an input and reads what comes back.
    ///
    /// The first byte says how: `h` the rest is sent as it is; `w` it follows the handshake of a WebSocket; `t` each of
    /// its lines is a text frame of one; `u` the same on a WebSocket that owes its token.
    pub(crate) fn throw(&self, input: &[u8]) {
        let Some((way, rest)) = input.split_first() else {
            return;
        };
        let bytes = match way {
            b'h' => rest.to_vec(),
            b'w' => [handshake(true).as_bytes(), rest].concat(),
            b't' => frames(true, rest),
            b'u' => frames(false, rest),
            _ => return,
        };
        let answer = self.exchange(&bytes, MOMENT);
        let known = answer.is_empty() || answer.starts_with(b"HTTP/1.");
        assert!(known, "no HTTP: {}", String::from_utf8_lossy(&answer));
    }

    /// Insists that others are still served.
    pub(crate) fn lives(&self) {
        let request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let answer = self.exchange(request, PATIENCE);
        let text = String::from_utf8_lossy(&answer);
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    }

    /// Sends bytes, gives the gateway a moment to begin its answer, ends sending, and reads the rest.
    fn exchange(&self, bytes: &[u8], moment: Duration) -> Vec<u8> {
        let mut socket = TcpStream::connect(self.address).expect("a connection");
        // Whoever is refused early cannot send the rest.
        let _ = socket.write_all(bytes);
        let mut answer = vec![0; 64 * 1024];
        socket.set_read_timeout(Some(moment)).expect("a timeout");
        let begun = socket.read(&mut answer).unwrap_or(0);
        answer.truncate(begun);
        let _ = socket.shutdown(Shutdown::Write);
        // Some answers have no end: what matters is that the gateway goes on, which `lives` asks.
        socket.set_read_timeout(Some(QUIET)).expect("a timeout");
        let _ = socket.read_to_end(&mut answer);
        answer
    }
}

fn handshake(known: bool) -> String {
    let credential = if known {
        "Authorization: Bearer reader\r\n"
    } else {
        ""
    };
    format!(
        "GET /v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{credential}\r\n"
    )
}

/// The lines as masked text frames; the mask is zero, so that the bytes are what the fuzzer made.
fn frames(known: bool, lines: &[u8]) -> Vec<u8> {
    let mut bytes = handshake(known).into_bytes();
    for line in lines.split(|byte| *byte == b'\n') {
        bytes.push(0x81);
        match line.len() {
            length @ 0..126 => bytes.push(0x80 | length as u8),
            length => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&(length.min(65_535) as u16).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&line[..line.len().min(65_535)]);
    }
    bytes
}
