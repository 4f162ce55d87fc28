//! What the map wants to know, asked over REST: two questions at a time, never in step with others, and none for ever.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    time::Duration,
};

use adapter::{Direction, LinkError, LinkErrorKind, Tap, redact::redact};
use bytes::Bytes;
use serde_json::{Value, json, value::RawValue};
use tokio::{
    sync::{Mutex, mpsc},
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    http::{Answer, Http, escaped},
    login::Access,
    queue::Queue,
};

/// Questions in flight.
const WORKERS: usize = 2;
/// Questions that may wait.
const WAITING: usize = 4096;
const ANSWER: Duration = Duration::from_secs(30);
/// The longest pause before a question, so that sources which connect together do not ask together.
const STAGGER: Duration = Duration::from_millis(60);
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// A service that wants to be left alone for longer gets its way by not being asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Asks, and puts the answers among the frames. Stops when dropped.
pub(super) struct Rest {
    questions: mpsc::Sender<String>,
    queue: Arc<Queue>,
    _workers: Vec<AbortOnDropHandle<()>>,
}

struct Worker {
    http: Http,
    access: Arc<Access>,
    questions: Arc<Mutex<mpsc::Receiver<String>>>,
    queue: Arc<Queue>,
    tap: Arc<dyn Tap>,
}

impl Rest {
    pub(super) fn start(
        client: impl Fn() -> Http,
        access: &Arc<Access>,
        queue: &Arc<Queue>,
        tap: &Arc<dyn Tap>,
    ) -> Self {
        let (questions, asked) = mpsc::channel(WAITING);
        let asked = Arc::new(Mutex::new(asked));
        let mut workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                let worker = Worker {
                    http: client(),
                    access: Arc::clone(access),
                    questions: Arc::clone(&asked),
                    queue: Arc::clone(queue),
                    tap: Arc::clone(tap),
                };
                AbortOnDropHandle::new(tokio::spawn(worker.run()))
            })
            .collect();
        let access = Arc::clone(access);
        let keeper = tokio::spawn(async move { access.keep().await });
        workers.push(AbortOnDropHandle::new(keeper));
        Self {
            questions,
            queue: Arc::clone(queue),
            _workers: workers,
        }
    }

    /// Asks for a path. When too many questions wait, the answer is that.
    pub(super) fn ask(&self, path: String) {
        if let Err(
            mpsc::error::TrySendError::Full(path) | mpsc::error::TrySendError::Closed(path),
        ) = self.questions.try_send(path)
        {
            let error = format!("{WAITING} questions wait already");
            self.queue.push([failed(&path, &error)]);
        }
    }
}

impl Worker {
    async fn run(mut self) {
        loop {
            let Some(path) = self.questions.lock().await.recv().await else {
                return;
            };
            sleep(up_to(STAGGER)).await;
            let asked = json!({"get": path}).to_string();
            self.tap.frame(Direction::Sent, asked.as_bytes());
            let frame = match self.ask(&path).await {
                Ok(answer) => answered(&path, &answer),
                Err(error) => failed(&path, &error.chain()),
            };
            self.queue.room().await;
            self.queue.push([redact(frame)]);
        }
    }

    async fn ask(&mut self, path: &str) -> Result<Answer, LinkError> {
        let mut token = self.access.token().await;
        let (mut renewed, mut tries) = (false, 1);
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let full = format!("{path}{joint}token={}", escaped(token.expose()));
            let answer = self.http.get(&full, ANSWER).await;
            let pause = match &answer {
                Ok(refused) if refused.status.as_u16() == 401 && !renewed => {
                    renewed = true;
                    let Some(another) = self.access.instead_of(&token).await else {
                        return answer;
                    };
                    token = another;
                    continue;
                }
                Ok(answer) if answer.status.as_u16() == 429 || answer.status.is_server_error() => {
                    answer.retry_after.unwrap_or(PAUSE * tries)
                }
                Ok(_) => return answer,
                // What the service says will not be another thing for being asked again.
                Err(error) if error.kind == LinkErrorKind::Protocol => return answer,
                Err(_) => PAUSE * tries,
            };
            if tries == TRIES || pause > LONGEST_PAUSE {
                return answer;
            }
            tries += 1;
            sleep(pause + up_to(PAUSE)).await;
        }
    }
}

fn answered(path: &str, answer: &Answer) -> Bytes {
    let (path, status) = (Value::from(path), answer.status.as_u16());
    // JSON stays the text that it is.
    match serde_json::from_slice::<&RawValue>(&answer.body) {
        Ok(body) => format!(r##"["#rest",{{"path":{path},"status":{status},"body":{body}}}]"##),
        Err(_) => {
            let text: String = String::from_utf8_lossy(&answer.body)
                .chars()
                .take(1000)
                .collect();
            json!(["#rest", {"path": path, "status": status, "text": text}]).to_string()
        }
    }
    .into()
}

fn failed(path: &str, error: &str) -> Bytes {
    json!(["#rest", {"path": path, "error": error}])
        .to_string()
        .into()
}

/// A random span.
fn up_to(span: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) >> 48;
    span * u32::try_from(random).unwrap_or(0) / 0x1_0000
}
