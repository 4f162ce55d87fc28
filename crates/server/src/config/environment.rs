//! The environment: variables that override the file, and variables that hold secrets.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    mistake::Origin,
    tree::{self, Entry, Node, Table, Value},
};

/// The variables of the process, handed in.
pub type Variables = BTreeMap<String, String>;

/// What every variable that overrides the file begins with.
const PREFIX: &str = "SWITCHHOOK_";

/// Puts the variables `SWITCHHOOK_<SECTION>__<KEY>…` over the tree. Others, such as `SWITCHHOOK_TOKEN`, are no overrides.
pub(super) fn overlay(root: &mut Table, variables: &Variables) {
    let mut overrides: Vec<(Vec<&str>, &String, &String)> = variables
        .iter()
        .filter_map(|(name, text)| {
            let path = name.strip_prefix(PREFIX)?;
            let path: Vec<&str> = path.split("__").collect();
            (path.len() > 1).then_some((path, name, text))
        })
        .collect();
    // A whole table first, then the keys in it.
    overrides.sort_by_key(|(path, ..)| path.len());
    for (path, name, text) in overrides {
        let name: Arc<str> = name.as_str().into();
        let mut names = Vec::with_capacity(path.len());
        set(root, &mut names, &path, &name, text);
    }
}

fn set(table: &mut Table, above: &mut Vec<String>, path: &[&str], variable: &Arc<str>, text: &str) {
    let Some((spelt, below)) = path.split_first() else {
        return;
    };
    let name = key(table, above, spelt);
    let origin = Origin::Variable(Arc::clone(variable));
    if below.is_empty() {
        let node = tree::variable(variable, text);
        table.0.insert(name, Entry { origin, node });
        return;
    }
    let entry = table.0.entry(name.clone()).or_insert_with(|| Entry {
        origin: origin.clone(),
        node: Node {
            origin: origin.clone(),
            value: Value::Table(Table::default()),
            spelt: None,
        },
    });
    if !matches!(entry.node.value, Value::Table(_)) {
        entry.node = Node {
            origin,
            value: Value::Table(Table::default()),
            spelt: None,
        };
    }
    above.push(name);
    if let Value::Table(inner) = &mut entry.node.value {
        set(inner, above, below, variable, text);
    }
}

/// The key that a variable spells in capitals, with `_` for `-`: one that the file has, or else a new one.
fn key(table: &Table, above: &[String], spelt: &str) -> String {
    let same = |name: &&String| name.to_uppercase().replace('-', "_") == spelt.to_uppercase();
    if let Some(known) = table.0.keys().find(same) {
        return known.clone();
    }
    let name = spelt.to_lowercase();
    // Source ids hold no `_`: where one can stand, it is a `-`.
    let names_source = match above {
        [section] => section == "sources",
        [section, _tenant] => section == "tenants",
        _ => false,
    };
    if names_source {
        name.replace('_', "-")
    } else {
        name
    }
}
