//! Lists that are merged item by item: sets, lists of objects with names, and threads of messages.

use std::cmp::Ordering;

use super::document::{Merging, Sides, Taken};
use super::order::compare;
use super::rule::Rule;
use crate::ordered::Ordered;
use crate::protocol::value::Value;

/// The items of one list, by what tells them apart: the text of the item, or of its name.
struct Items<'v> {
    list: &'v [Value],
    names: Vec<String>,
    /// Where in the list.
    places: Ordered<String, usize>,
}

impl<'v> Items<'v> {
    /// `None` where one has no name, or two have the same and may not. Of two that may the first counts.
    fn of(list: &'v [Value], id: Option<&[String]>, may_repeat: bool) -> Option<Items<'v>> {
        let mut items = Items { list, names: Vec::with_capacity(list.len()), places: Ordered::default() };
        for (place, item) in list.iter().enumerate() {
            let mut name = String::new();
            match (id.map_or(Some(item), |id| item.at(id))?, id) {
                (Value::String(text), Some(_)) => name.push_str(text),
                (value @ Value::Number(_), Some(_)) | (value, None) => value.write(&mut name),
                _ => return None,
            }
            items.names.push(name.clone());
            if items.places.contains_key(&name) {
                if !may_repeat {
                    return None;
                }
                continue;
            }
            items.places.insert(name, place);
        }
        Some(items)
    }

    fn get(&self, name: &String) -> Option<&'v Value> {
        self.places.get(name).and_then(|place| self.list.get(*place))
    }

    /// The names, each once, in order.
    fn each(&self) -> impl Iterator<Item = &String> {
        self.names.iter().enumerate().filter(|(place, name)| self.places.get(name) == Some(place)).map(|(_, name)| name)
    }

    /// The names that the other has, too, in order.
    fn shared(&self, other: &Items<'_>) -> Vec<&String> {
        self.each().filter(|name| other.places.contains_key(name)).collect()
    }
}

/// Merges two lists; `None` where they are none that this rule is for.
pub(super) fn merge<'v>(
    merging: &mut Merging<'v>,
    rule: &Rule,
    base: &'v [Value],
    mine: &'v [Value],
    theirs: &'v [Value],
) -> Option<Value> {
    let (id, time) = match rule {
        Rule::List(id) => (Some(id.tokens()), None),
        Rule::Messages { id, at } => (Some(id.tokens()), Some(at.tokens())),
        _ => (None, None),
    };
    let may_repeat = !matches!(rule, Rule::List(_));
    let items = |list: &'v [Value]| Items::of(list, id.as_deref(), may_repeat);
    let (base, mine, theirs) = (items(base)?, items(mine)?, items(theirs)?);
    let mut kept: Ordered<String, Value> = Ordered::default();
    for name in theirs.each().chain(mine.each()) {
        if !kept.contains_key(name)
            && let Some(item) = item(merging, rule, name, &base, &mine, &theirs)
        {
            kept.insert(name.clone(), item);
        }
    }
    let is_moved = |side: &Items<'_>| side.shared(&base) != base.shared(side);
    // Remote's order, unless local alone has changed it.
    let is_mine = matches!(rule, Rule::List(_)) && is_moved(&mine) && !is_moved(&theirs);
    let (order, guest) = if is_mine { (&mine, &theirs) } else { (&theirs, &mine) };
    let mut runs = runs(guest, order, &kept);
    let mut merged: Vec<(String, Value)> = Vec::new();
    let before = |one: &Value, other: &Value| {
        let at = time.as_ref().and_then(|time| compare(one.at(time)?, other.at(time)?));
        let by_name = id.as_ref().and_then(|id| compare(one.at(id)?, other.at(id)?));
        at.unwrap_or(Ordering::Equal).then(by_name.unwrap_or(Ordering::Equal)).is_lt()
    };
    let mut waiting = runs.remove(&String::new()).unwrap_or_default().into_iter().peekable();
    for name in order.each() {
        let is_shared = guest.places.contains_key(name);
        let Some(item) = kept.remove(name) else { continue };
        // What only one side has comes as times say, or remote's first; and all of it before what both have.
        while let Some((_, next)) = waiting.peek()
            && (is_shared || if time.is_some() { before(next, &item) } else { is_mine })
        {
            merged.extend(waiting.next());
        }
        merged.push((name.clone(), item));
        if is_shared {
            waiting = runs.remove(name).unwrap_or_default().into_iter().peekable();
        }
    }
    merged.extend(waiting);
    Some(Value::Array(merged.into_iter().map(|(_, item)| item).collect()))
}

/// What only one side has, by what it stands behind that both have; under an empty name what stands in front. Empty names of items
/// are taken for that, too, which does no more than move them.
fn runs(guest: &Items<'_>, order: &Items<'_>, kept: &Ordered<String, Value>) -> Ordered<String, Vec<(String, Value)>> {
    let mut runs: Ordered<String, Vec<(String, Value)>> = Ordered::default();
    let mut behind = &String::new();
    for name in guest.each() {
        if order.places.contains_key(name) {
            behind = name;
        } else if let Some(item) = kept.get(name) {
            runs.get_or_insert_with(behind.clone(), Vec::new).push((name.clone(), item.clone()));
        }
    }
    runs
}

/// What becomes of one item: merged where both have it, and gone where one side took it away, unless the other changed it meanwhile
/// and the rule is not that of messages.
fn item<'v>(
    merging: &mut Merging<'v>,
    rule: &Rule,
    name: &String,
    base: &Items<'v>,
    mine: &Items<'v>,
    theirs: &Items<'v>,
) -> Option<Value> {
    let known = base.get(name).filter(|_| merging.is_known);
    match (mine.get(name), theirs.get(name)) {
        (Some(local), Some(remote)) if local == remote => Some(local.clone()),
        (Some(local), Some(remote)) => merging.within(name, Sides { base: known, local: Some(local), remote: Some(remote) }),
        (local, remote) => {
            let there = local.or(remote)?;
            let Some(known) = known else { return Some(there.clone()) };
            if known != there {
                let keeps = local.is_some() && !matches!(rule, Rule::Messages { .. });
                let (taken, lost) = match (keeps, local.is_some()) {
                    (true, _) => (Taken::Local, None),
                    (false, true) => (Taken::Remote, Some(there)),
                    (false, false) => (Taken::Local, Some(there)),
                };
                merging.note_item(name, rule, taken, lost);
                return keeps.then(|| there.clone());
            }
            None
        }
    }
}
