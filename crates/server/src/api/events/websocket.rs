//! Opening a WebSocket: the handshake here, the rest in the fan-out.

use std::sync::Arc;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::Request;
use hub::{
    fanout::{Opening, Start, Subscription},
    stream::Closing,
};

use super::{query, reader, subscribe, wish::Wish};
use crate::{
    api::{
        Surface, control,
        extract::client,
        subscribers::{Holder, Subscriber},
    },
    auth::{Principal, StreamSlot, is_credentialed},
    http::{Peer, origin::Sender, upgrade::Handshake},
    problem::Problem,
};

/// What the handshake came to.
enum Admission {
    /// Somebody with rights.
    Known(Principal, StreamSlot, Box<Subscription>),
    /// Somebody who owes a token.
    Owing(StreamSlot),
}

pub(super) async fn open(surface: &Arc<Surface>, mut request: Request<Body>) -> Response {
    let handshake = match Handshake::check(&mut request) {
        Ok(handshake) => handshake,
        Err(problem) => return problem.into_response(),
    };
    // A browser shows its page nothing of a refused handshake, but it does show close codes.
    let is_browser = request.extensions().get() == Some(&Sender::Allowed);
    let (parts, _) = request.into_parts();
    let (query, ticket) = query(&parts);
    let admitted = async {
        let wish = Wish::from_query(query)?;
        if surface.stop.is_cancelled() {
            return Err(Problem::shutting_down());
        }
        let owes = ticket.is_none() && !is_credentialed(&parts.headers);
        if owes && surface.authority.awaits_tokens() {
            let from = client(&parts)?.address;
            let slot = surface.authority.unknown_stream(from)?;
            return Ok((wish, Admission::Owing(slot)));
        }
        let principal = reader(surface, &parts, ticket.as_deref()).await?;
        let slot = surface.authority.stream(&principal)?;
        let (asker, wished) = (principal.clone(), wish.clone());
        let subscription = surface
            .blocking(move |surface| subscribe::subscription(surface, &asker, &wished, Start::Live))
            .await?;
        let admission = Admission::Known(principal, slot, Box::new(subscription));
        Ok((wish, admission))
    };
    let from = client(&parts).map(|client| client.address);
    let seat = parts.extensions.get::<Peer>();
    let seat = seat.and_then(|peer| peer.seat.clone());
    let outcome = match from {
        Ok(from) => admitted.await.map(|admitted| (from, admitted)),
        Err(problem) => Err(problem),
    };
    if let (Err(problem), false) = (&outcome, is_browser) {
        return problem.clone().into_response();
    }
    let (response, socket) = handshake.accept();
    let surface = Arc::clone(surface);
    let tasks = surface.tasks.clone();
    tasks.spawn(async move {
        let (socket, read_ahead) = match socket.await {
            Ok(socket) => socket,
            Err(error) => {
                tracing::debug!(%error, "a WebSocket broke off in its handshake");
                return;
            }
        };
        let connection = surface.fanout.next_id();
        let (opening, principal) = match outcome {
            Err(problem) => {
                surface.door.answered(problem.kind());
                (Opening::Refuse(closing(&problem)), None)
            }
            Ok((from, (wish, Admission::Owing(slot)))) => {
                let holder = Holder::Unknown(Box::new(wish));
                let subscriber = Subscriber::new(slot, (from, seat), holder);
                surface.subscribers.enter(connection, subscriber);
                let within = surface.pace.token_wait;
                (Opening::AwaitToken { within }, None)
            }
            Ok((from, (wish, Admission::Known(principal, slot, subscription)))) => {
                let holder = Holder::known(&principal, wish.spec);
                let subscriber = Subscriber::new(slot, (from, seat), holder);
                surface.subscribers.enter(connection, subscriber);
                (Opening::Stream(subscription), Some(principal))
            }
        };
        let adopted = surface
            .fanout
            .adopt(connection, socket, read_ahead, opening);
        if let Err(error) = adopted {
            tracing::debug!(%error, "a WebSocket is not carried");
            surface.subscribers.leave(connection);
        } else if let Some(principal) = principal {
            control::watch(&surface, connection, &principal);
        }
    });
    response
}

/// A problem as the end of a WebSocket.
pub(crate) fn closing(problem: &Problem) -> Closing {
    Closing::new(problem.close_code(), problem.detail().to_owned())
}
