//! One request on its way to a backend, and the answer on its way back.

use std::sync::Arc;

use http::{
    HeaderValue, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_TYPE, UPGRADE},
};
use hyper::{body::Incoming, upgrade::OnUpgrade};

use super::{
    attempts::{Exchange, Incident, try_backends},
    body::DoorBody,
    headers::strip_hop_by_hop,
    intake::Proxy,
    outgoing::Outgoing,
    relay::{Relay, UnderWay},
    tunnel::Tunnel,
    visitor::{Stream, Visitor},
};
use crate::state::{LiveLeg, Outcome, Visit};

/// On whose behalf a request is sent.
pub(crate) struct Client {
    pub(crate) visitor: Arc<Visitor>,
    pub(crate) stream: Stream,
    /// Set if the client asked for another protocol.
    pub(crate) upgrade: Option<OnUpgrade>,
}

impl Proxy {
    /// Sends a request to a backend of its release and passes the answer on.
    pub(super) async fn forward(
        &self,
        mut visit: Visit,
        leg: &LiveLeg,
        outgoing: Outgoing,
        client: Client,
    ) -> Response<DoorBody> {
        if let Some(upload) = &outgoing.upload {
            visit.uploads(upload.bytes());
        }
        let incident = match try_backends(&self.config, Some(&visit), leg, outgoing).await {
            Ok((response, exchange)) => {
                if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                    return self.relay(visit, response, exchange, client);
                }
                match client.upgrade {
                    Some(wanted) => {
                        return change_protocol(visit, response, exchange, client.visitor, wanted);
                    }
                    // Nobody asked for that: the door sent no wish to upgrade.
                    None => Incident::Reset,
                }
            }
            Err(incident) => incident,
        };
        match incident {
            Incident::Broken => visit.answered(Outcome::Broken),
            Incident::Reset => visit.answered(Outcome::Reset),
            Incident::Silent => visit.answered(Outcome::TimedOut),
            // The client's own doing says nothing about the release.
            Incident::TooLarge | Incident::ClientBroke | Incident::ClientStalled => {}
        }
        incident.words()
    }

    fn relay(
        &self,
        mut visit: Visit,
        response: Response<Incoming>,
        exchange: Exchange,
        client: Client,
    ) -> Response<DoorBody> {
        let (mut parts, body) = response.into_parts();
        strip_hop_by_hop(&mut parts.headers);
        parts.version = Version::HTTP_11;
        visit.answered(Outcome::Answered(parts.status.as_u16()));
        let lasts = is_event_stream(parts.headers.get(CONTENT_TYPE));
        let under_way = UnderWay {
            visit,
            backend: exchange.used,
            connection: exchange.connection,
            upload: exchange.upload,
            max_idle: self.config.max_idle_per_backend,
            _stream: client.stream,
        };
        let mut relay = Relay::new(body, under_way, self.config.stall_timeout);
        if lasts {
            relay = relay.lasting(&client.visitor);
        }
        Response::from_parts(parts, DoorBody::Relay(relay))
    }
}

fn is_event_stream(kind: Option<&HeaderValue>) -> bool {
    const KIND: &[u8] = b"text/event-stream";
    let start = kind.and_then(|kind| kind.as_bytes().get(..KIND.len()));
    start.is_some_and(|start| start.eq_ignore_ascii_case(KIND))
}

/// Passes on that the service agreed to another protocol, and lets the tunnel begin.
fn change_protocol(
    mut visit: Visit,
    mut response: Response<Incoming>,
    exchange: Exchange,
    visitor: Arc<Visitor>,
    client: OnUpgrade,
) -> Response<DoorBody> {
    visit.answered(Outcome::Answered(StatusCode::SWITCHING_PROTOCOLS.as_u16()));
    let service = hyper::upgrade::on(&mut response);
    let (mut parts, _) = response.into_parts();
    let protocol = parts.headers.remove(UPGRADE);
    strip_hop_by_hop(&mut parts.headers);
    parts.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    let framed =
        protocol.as_ref().is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if let Some(protocol) = protocol {
        parts.headers.insert(UPGRADE, protocol);
    }
    let tunnel = Tunnel { visit, backend: exchange.used, visitor, client, service, framed };
    tokio::spawn(tunnel.run());
    Response::from_parts(parts, DoorBody::Text(None))
}
