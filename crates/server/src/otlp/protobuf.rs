//! The request that carries spans (opentelemetry/proto/collector/trace/v1/trace_service.proto).

use telemetry::{Span, Stage, Value};

/// Who speaks, and what it has to say.
pub(super) fn request(spans: &[Span]) -> Vec<u8> {
    let mut resource_spans = Message::default();
    let mut resource = Message::default();
    resource.message(
        1,
        &attribute("service.name", &Value::Text("switchhook".into())),
    );
    let version = Value::Text(env!("CARGO_PKG_VERSION").into());
    resource.message(1, &attribute("service.version", &version));
    resource_spans.message(1, &resource);
    let mut scope = Message::default();
    scope.text(1, "switchhook");
    let mut scope_spans = Message::default();
    scope_spans.message(1, &scope);
    for span in spans {
        scope_spans.message(2, &self::span(span));
    }
    resource_spans.message(2, &scope_spans);
    let mut request = Message::default();
    request.message(1, &resource_spans);
    request.0
}

fn span(span: &Span) -> Message {
    // SpanKind: internal 1, client 3, producer 4, consumer 5.
    let kind = match span.stage {
        Stage::Link => 5,
        Stage::Webhook => 3,
        Stage::Send => 4,
        Stage::Decode | Stage::Fold | Stage::Commit | Stage::Publish => 1,
    };
    let begin = u64::try_from(span.begin.micros()).unwrap_or(0) * 1_000;
    let took = u64::try_from(span.took.as_nanos()).unwrap_or(u64::MAX);
    let mut message = Message::default();
    message.bytes(1, &span.context.trace.to_be_bytes());
    message.bytes(2, &span.context.span.to_be_bytes());
    if let Some(parent) = span.parent {
        message.bytes(4, &parent.to_be_bytes());
    }
    message.text(5, span.stage.as_str());
    message.varint(6, kind);
    message.fixed64(7, begin);
    message.fixed64(8, begin.saturating_add(took));
    for (name, value) in &span.attributes {
        message.message(9, &attribute(name, value));
    }
    if let Some(why) = &span.failed {
        // StatusCode: error 2.
        let mut status = Message::default();
        status.text(2, why);
        status.varint(3, 2);
        message.message(15, &status);
    }
    message
}

fn attribute(name: &str, value: &Value) -> Message {
    let mut any = Message::default();
    match value {
        Value::Text(text) => any.text(1, text),
        Value::Number(number) => any.varint(3, number.cast_unsigned()),
    }
    let mut pair = Message::default();
    pair.text(1, name);
    pair.message(2, &any);
    pair
}

/// A message in the making (protobuf.dev/programming-guides/encoding).
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, field: u32, value: u64) {
        self.tag(field, 0);
        self.number(value);
    }

    fn fixed64(&mut self, field: u32, value: u64) {
        self.tag(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u32, value: &[u8]) {
        self.tag(field, 2);
        self.number(value.len() as u64);
        self.0.extend(value);
    }

    fn text(&mut self, field: u32, value: &str) {
        self.bytes(field, value.as_bytes());
    }

    fn message(&mut self, field: u32, value: &Self) {
        self.bytes(field, &value.0);
    }

    fn tag(&mut self, field: u32, wire: u32) {
        self.number(u64::from(field << 3 | wire));
    }

    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}
