//! Both documents as one page for people: plain HTML, no script, nothing from elsewhere.

use std::fmt::Write as _;

use model::{EventType, example};
use serde_json::Value;

use super::{
    asyncapi,
    markup::{code, escaped, inline, prose},
    openapi,
};

/// The style sheet of the page.
pub const STYLE: &str = include_str!("page.css");

/// The page.
#[must_use]
pub fn page() -> String {
    let (requests, streams) = (openapi(), asyncapi());
    let mut html = String::from(HEAD);
    navigation(&mut html, &requests);
    html.push_str("<main><header><h1>Switchhook API</h1>");
    prose(&mut html, text(&requests["info"]["description"]));
    html.push_str(BEGIN);
    html.push_str("</header>");
    operations(&mut html, &requests);
    stream(&mut html, &streams);
    catalogue(&mut html);
    problems(&mut html, &requests);
    schemas(&mut html, &requests);
    html.push_str("</main></html>\n");
    html
}

const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>Switchhook API</title>\
<link rel=\"stylesheet\" href=\"/docs/page.css\">";

const BEGIN: &str = "<pre><code># events as they happen\n\
curl -N -H 'Accept: text/event-stream' 'http://127.0.0.1:7575/v1/events?types=call.*'\n\n\
# what is true now\n\
curl 'http://127.0.0.1:7575/v1/calls'</code></pre>\
<p>The same for programs: <a href=\"/openapi.json\">openapi.json</a>, <a href=\"/asyncapi.json\">asyncapi.json</a>.</p>";

fn navigation(html: &mut String, document: &Value) {
    html.push_str("<nav><a class=\"home\" href=\"#\">Switchhook</a>");
    let named = members(&document["paths"]).flat_map(|(_, item)| members(item));
    let used: Vec<_> = named.map(|(_, operation)| &operation["tags"][0]).collect();
    for tag in list(&document["tags"]) {
        if used.contains(&&tag["name"]) {
            let name = text(&tag["name"]);
            let _ = write!(html, "<a href=\"#{name}\">{name}</a>");
        }
    }
    for (id, name) in [
        ("streams", "Streams"),
        ("types", "Event types"),
        ("problems", "Problems"),
        ("schemas", "Schemas"),
    ] {
        let _ = write!(html, "<a href=\"#{id}\">{name}</a>");
    }
    html.push_str("</nav>");
}

fn operations(html: &mut String, document: &Value) {
    let all: Vec<_> = members(&document["paths"])
        .flat_map(|(path, item)| {
            members(item).map(move |(method, operation)| (path, method, operation))
        })
        .collect();
    for tag in list(&document["tags"]) {
        let theirs = all
            .iter()
            .filter(|(.., operation)| operation["tags"][0] == tag["name"]);
        let mut theirs = theirs.peekable();
        if theirs.peek().is_none() {
            continue;
        }
        let name = text(&tag["name"]);
        let _ = write!(html, "<section id=\"{name}\"><h2>{name}</h2>");
        prose(html, text(&tag["description"]));
        for (path, method, operation) in theirs {
            one(html, path, method, operation);
        }
        html.push_str("</section>");
    }
}

fn one(html: &mut String, path: &str, method: &str, operation: &Value) {
    let id = text(&operation["operationId"]);
    let _ = write!(
        html,
        "<article id=\"{id}\"><h3><b>{}</b> <code>{}</code></h3><p class=\"what\">{}</p>",
        method.to_uppercase(),
        escaped(path),
        escaped(text(&operation["summary"])),
    );
    prose(html, text(&operation["description"]));
    if let Some(scopes) = operation["security"][0]["bearer"].as_array() {
        let scopes: Vec<_> = scopes.iter().map(|scope| code(text(scope))).collect();
        let needs = if scopes.is_empty() {
            "any valid token".to_owned()
        } else {
            scopes.join(", ")
        };
        let _ = write!(html, "<p class=\"scope\">Needs {needs}</p>");
    }
    let parameters = list(&operation["parameters"]);
    if !parameters.is_empty() {
        html.push_str("<table><caption>Parameters</caption>");
        for parameter in parameters {
            let _ = write!(
                html,
                "<tr><th scope=\"row\">{}<small>{}</small></th><td>{}{}</td></tr>",
                code(text(&parameter["name"])),
                escaped(text(&parameter["in"])),
                inline(text(&parameter["description"])),
                limits(&parameter["schema"]),
            );
        }
        html.push_str("</table>");
    }
    html.push_str("<table><caption>Answers</caption>");
    for (status, answer) in members(&operation["responses"]) {
        match answer["$ref"].as_str() {
            Some(_) => {}
            None => {
                let content: Vec<_> = members(&answer["content"])
                    .map(|(media, content)| {
                        format!("{} {}", code(media), shape(&content["schema"]))
                    })
                    .collect();
                let _ = write!(
                    html,
                    "<tr><th scope=\"row\">{}</th><td>{} {}</td></tr>",
                    code(status),
                    inline(text(&answer["description"])),
                    content.join(" "),
                );
            }
        }
    }
    let failures: Vec<_> = members(&operation["responses"])
        .filter(|(_, answer)| answer["$ref"].is_string())
        .map(|(status, _)| format!("<a href=\"#problem-{status}\">{status}</a>"))
        .collect();
    let _ = write!(
        html,
        "<tr><th scope=\"row\">Problems</th><td>{}</td></tr></table></article>",
        failures.join(" ")
    );
}

fn stream(html: &mut String, document: &Value) {
    html.push_str("<section id=\"streams\"><h2>Streams</h2>");
    prose(html, text(&document["info"]["description"]));
    for (prefix, caption) in [
        ("stream.", "What a stream says about itself"),
        ("op.", "What a client may say"),
    ] {
        let _ = write!(html, "<table><caption>{caption}</caption>");
        for (name, message) in members(&document["components"]["messages"])
            .filter(|(name, _)| name.starts_with(prefix))
        {
            let payload = &message["payload"];
            let data = if prefix == "op." {
                payload
            } else {
                &payload["properties"]["data"]
            };
            let shown = name.strip_prefix("op.").unwrap_or(name);
            let names: Vec<_> = members(&data["properties"])
                .map(|(name, _)| code(name))
                .collect();
            let _ = write!(
                html,
                "<tr><th scope=\"row\">{}</th><td>{}<small>{}</small></td></tr>",
                code(shown),
                inline(text(&message["summary"])),
                names.join(" "),
            );
        }
        html.push_str("</table>");
    }
    html.push_str("</section>");
}

fn catalogue(html: &mut String) {
    html.push_str("<section id=\"types\"><h2>Event types</h2>");
    for kind in EventType::ALL {
        let example = serde_json::to_string_pretty(example::of(*kind)).unwrap_or_default();
        let _ = write!(
            html,
            "<details id=\"{kind}\"><summary>{} <span>{}</span> <small>{}</small></summary>\
             <p>Schema of <code>data</code>: <a href=\"/schemas/v1/{schema}.json\">{schema}</a></p><pre><code>{}</code></pre></details>",
            code(kind.as_str()),
            inline(kind.description()),
            kind.class(),
            escaped(&example),
            schema = kind.schema(),
        );
    }
    html.push_str("</section>");
}

fn problems(html: &mut String, document: &Value) {
    html.push_str("<section id=\"problems\"><h2>Problems</h2>");
    for (status, problem) in members(&document["components"]["responses"]) {
        let _ = write!(html, "<h3 id=\"problem-{status}\">{status}</h3>");
        prose(html, text(&problem["description"]));
    }
    html.push_str("</section>");
}

fn schemas(html: &mut String, document: &Value) {
    html.push_str("<section id=\"schemas\"><h2>Schemas</h2>");
    for (name, schema) in members(&document["components"]["schemas"]) {
        let properties: Vec<_> = members(&schema["properties"]).collect();
        if properties.is_empty() {
            continue;
        }
        let required = list(&schema["required"]);
        let _ = write!(
            html,
            "<details id=\"schema-{name}\"><summary>{}</summary>",
            code(name)
        );
        prose(html, text(&schema["description"]));
        html.push_str("<table>");
        for (member, schema) in properties {
            let mark = if required.iter().any(|known| *known == *member) {
                ""
            } else {
                "<small>may be absent</small>"
            };
            let _ = write!(
                html,
                "<tr><th scope=\"row\">{}{mark}</th><td>{} {}</td></tr>",
                code(member),
                shape(schema),
                inline(text(&schema["description"])),
            );
        }
        html.push_str("</table></details>");
    }
    html.push_str("</section>");
}

/// What a schema is, in a few words.
fn shape(schema: &Value) -> String {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
    {
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let known = any.iter().filter(|schema| schema["type"] != "null");
        return known.map(shape).collect::<Vec<_>>().join(" or ");
    }
    if !schema["items"].is_null() {
        return format!("list of {}", shape(&schema["items"]));
    }
    match &schema["type"] {
        Value::String(word) => escaped(word),
        Value::Array(words) => {
            let known = words
                .iter()
                .filter(|word| *word != "null")
                .map(|word| escaped(text(word)));
            known.collect::<Vec<_>>().join(" or ")
        }
        _ => String::new(),
    }
}

/// What a parameter may be.
fn limits(schema: &Value) -> String {
    let mut all = Vec::new();
    if let Some(words) = schema["enum"].as_array() {
        all.push(
            words
                .iter()
                .map(|word| code(text(word)))
                .collect::<Vec<_>>()
                .join(" "),
        );
    }
    if let (Some(least), Some(most)) = (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        all.push(format!("{least} to {most}"));
    }
    if !schema["default"].is_null() {
        all.push(format!("default {}", code(&schema["default"].to_string())));
    }
    if all.is_empty() {
        String::new()
    } else {
        format!("<small>{}</small>", all.join(", "))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
