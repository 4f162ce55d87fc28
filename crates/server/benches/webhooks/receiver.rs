//! A receiver that answers everything at once, and counts.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// Says where it listens, and once more when it has got so many.
pub(crate) fn run(wanted: u64) -> super::Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    let got = Arc::new(AtomicU64::new(0));
    for socket in listener.incoming() {
        let (socket, got) = (socket?, Arc::clone(&got));
        // A connection that breaks is the gateway's to mend.
        thread::spawn(move || serve(socket, &got, wanted));
    }
    Ok(())
}

fn serve(mut socket: TcpStream, got: &AtomicU64, wanted: u64) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut held = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        while let Some(length) = whole(&held) {
            held.drain(..length);
            socket.write_all(ANSWER)?;
            if got.fetch_add(1, Ordering::Relaxed) + 1 == wanted {
                println!("all");
            }
        }
        let read = socket.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        held.extend_from_slice(&buffer[..read]);
    }
}

/// The length of the first request, when all of it is there.
fn whole(held: &[u8]) -> Option<usize> {
    const NAME: &str = "content-length:";
    let head = held.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&held[..head]).ok()?;
    let mut lines = text.lines();
    let body = lines.find_map(|line| {
        let value = line
            .get(..NAME.len())
            .filter(|name| name.eq_ignore_ascii_case(NAME))?;
        line[value.len()..].trim().parse::<usize>().ok()
    })?;
    (held.len() >= head + body).then_some(head + body)
}
