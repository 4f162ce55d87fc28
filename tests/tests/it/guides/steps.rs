//! What a guide tells to do: its fenced blocks, by the words after the language.

/// One fenced block.
#[derive(Debug)]
pub(super) enum Step {
    /// `sh`: runs and succeeds.
    Run(String),
    /// `sh keep ready=/readyz`: runs on until the guide ends; the next step waits until the gateway answers there.
    Keep { script: String, ready: String },
    /// `sh watch`: runs until it is stopped, and shows a call.
    Watch(String),
    /// `js console says=stream.live`: pasted into the console of a browser, which then shows that word.
    Console { script: String, says: String },
}

/// The steps of a guide, each with its line. Blocks of other languages are there to be read.
pub(super) fn steps(guide: &str) -> Vec<(usize, Step)> {
    let mut steps = Vec::new();
    let mut lines = guide.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let body: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| *line != "```")
            .collect();
        let step = step(info, body.join("\n"));
        steps.extend(step.map(|step| (number + 1, step)));
    }
    steps
}

fn step(info: &str, script: String) -> Option<Step> {
    let mut words = info.split(' ');
    let language = words.next();
    let words: Vec<&str> = words.collect();
    let told = |name: &str| {
        let found = words.iter().find_map(|word| word.strip_prefix(name));
        found.map(str::to_owned)
    };
    match (language, words.first()) {
        (Some("sh"), None) => Some(Step::Run(script)),
        (Some("sh"), Some(&"keep")) => Some(Step::Keep {
            script,
            ready: told("ready=").unwrap_or_else(|| panic!("`{info}`: ready= is missing")),
        }),
        (Some("sh"), Some(&"watch")) => Some(Step::Watch(script)),
        (Some("js"), Some(&"console")) => Some(Step::Console {
            script,
            says: told("says=").unwrap_or_else(|| panic!("`{info}`: says= is missing")),
        }),
        (Some("sh" | "js"), Some(other)) => panic!("`{info}`: nobody knows how to {other}"),
        _ => None,
    }
}
