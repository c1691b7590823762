//! Objects of one kind by the resource they belong to, never behind what was answered or watched.
//!
//! Comes in: watch events, and answers to writes. Goes out: what belongs to a resource, without a look at anything else,
//! and which resources an event is news for: an event that says what an answer has said is none. Pure. Bounded by the
//! objects there are.
//!
//! Versions are the API server's: one number that grows over all objects of a kind, and a watch tells of changes in its
//! order. So whatever is not newer than the last event is in the events already.
//!
//! A list that is begun anew tells no version of its own, so it is not known whether it is older than a write that was
//! under way meanwhile: what it does not hold may be made since, or deleted since, and of that no event would tell. An answer
//! to such a write is not believed; where its object is there, the watch tells of it in a moment.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kube::{Resource, ResourceExt as _, runtime::watcher};

/// Namespace and name, as `namespace/name`.
pub type Place = Arc<str>;

pub fn place(namespace: &str, name: &str) -> Place {
    format!("{namespace}/{name}").into()
}

/// One object, and whom it belongs to.
#[derive(Clone, Debug)]
pub struct Item<T> {
    pub place: Place,
    pub version: u64,
    pub owners: Vec<Place>,
    pub value: T,
}

#[derive(Debug)]
pub struct Shelf<T>(Mutex<Content<T>>);

#[derive(Debug)]
struct Content<T> {
    items: HashMap<Place, Item<T>>,
    owned: HashMap<Place, BTreeSet<Place>>,
    /// The version of the last event.
    seen: u64,
    /// How often a list was begun.
    lists: u64,
    /// What a list that is under way has found.
    found: Option<Vec<Item<T>>>,
}

/// When a write was sent, in lists: none where one was under way.
#[derive(Clone, Copy, Debug)]
pub struct Sent(Option<u64>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::new(Content { items: HashMap::new(), owned: HashMap::new(), seen: 0, lists: 0, found: None }))
    }
}

impl<T: Clone> Item<T> {
    pub fn new(object: &impl Resource, owners: Vec<Place>, value: T) -> Self {
        let place = place(&object.namespace().unwrap_or_default(), &object.name_any());
        Self { place, version: version(object), owners, value }
    }
}

impl<T: Clone> Shelf<T> {
    /// Everything of an owner, by name.
    pub fn of(&self, owner: &str) -> Vec<T> {
        let content = self.lock();
        let places = content.owned.get(owner).into_iter().flatten();
        places.filter_map(|place| Some(content.items.get(place)?.value.clone())).collect()
    }

    pub fn get(&self, place: &str) -> Option<T> {
        self.lock().items.get(place).map(|item| item.value.clone())
    }

    /// Before a write is sent.
    pub fn sends(&self) -> Sent {
        self.lock().quiet()
    }

    /// The answer to a write.
    pub fn wrote(&self, item: Item<T>, sent: Sent) {
        let mut content = self.lock();
        let is_known_to_be_newer = sent.0.is_some() && sent.0 == content.quiet().0;
        if is_known_to_be_newer && item.version > content.seen && content.is_newer(&item) {
            content.put(item);
        }
    }

    /// The owners for whom an event is news.
    pub fn take_in<K: Resource>(&self, event: &watcher::Event<K>, shelve: impl FnOnce(&K) -> Item<T>) -> Vec<Place> {
        let mut content = self.lock();
        match event {
            watcher::Event::Apply(object) => {
                let item = shelve(object);
                content.seen = content.seen.max(item.version);
                if content.is_newer(&item) { content.put(item) } else { Vec::new() }
            }
            watcher::Event::Delete(object) => {
                let item = shelve(object);
                content.seen = content.seen.max(item.version);
                // One made anew under the same name stays.
                let is_another = content.items.get(&item.place).is_some_and(|known| known.version > item.version);
                if is_another { Vec::new() } else { content.remove(&item.place) }
            }
            watcher::Event::Init => {
                content.lists += 1;
                content.found = Some(Vec::new());
                Vec::new()
            }
            watcher::Event::InitApply(object) => {
                let item = shelve(object);
                if let Some(found) = &mut content.found {
                    found.push(item);
                }
                Vec::new()
            }
            watcher::Event::InitDone => content.replace(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Content<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Content<T> {
    fn quiet(&self) -> Sent {
        Sent(self.found.is_none().then_some(self.lists))
    }

    fn is_newer(&self, item: &Item<T>) -> bool {
        self.items.get(&item.place).is_none_or(|known| known.version < item.version)
    }

    /// Whoever it belongs to, and whoever it belonged to.
    fn put(&mut self, item: Item<T>) -> Vec<Place> {
        let mut owners = self.remove(&item.place);
        for owner in &item.owners {
            self.owned.entry(owner.clone()).or_default().insert(item.place.clone());
            if !owners.contains(owner) {
                owners.push(owner.clone());
            }
        }
        self.items.insert(item.place.clone(), item);
        owners
    }

    fn remove(&mut self, place: &Place) -> Vec<Place> {
        let Some(item) = self.items.remove(place) else { return Vec::new() };
        for owner in &item.owners {
            if let Some(places) = self.owned.get_mut(owner) {
                places.remove(place);
                if places.is_empty() {
                    self.owned.remove(owner);
                }
            }
        }
        item.owners
    }

    /// By what a list has found.
    fn replace(&mut self) -> Vec<Place> {
        let Some(found) = self.found.take() else { return Vec::new() };
        let there: HashSet<_> = found.iter().map(|item| item.place.clone()).collect();
        let is_gone = |place: &&Place| !there.contains(*place);
        let gone: Vec<_> = self.items.keys().filter(is_gone).cloned().collect();
        let mut owners: Vec<_> = gone.iter().flat_map(|place| self.remove(place)).collect();
        for item in found {
            self.seen = self.seen.max(item.version);
            if self.is_newer(&item) {
                owners.extend(self.put(item));
            }
        }
        owners.sort();
        owners.dedup();
        owners
    }
}

/// What has none is older than everything.
fn version(object: &impl Resource) -> u64 {
    object.resource_version().and_then(|version| version.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
