//! Which page holds which document, and how documents become pages. A document that changes moves to a fresh page; a page
//! that nobody points at goes when the log is folded.

use super::config::Config;
use super::header::{self, Header};
use super::record::{self, DirectoryRow, Kind};
use super::replica::{Base, Replica};
use crate::ordered::{Ordered, OrderedSet};
use crate::protocol::member::{Member, text_of};
use crate::protocol::{Address, Json};

/// The directory.
#[derive(Debug, Default)]
pub struct Pages {
    page_of: Ordered<Address, u32>,
    /// How many documents each stored page holds.
    counts: Ordered<u64, u32>,
    next_page: u32,
}

/// Pages with their bytes, or with none where they go.
pub type PageWrites = Vec<(u32, Option<Vec<u8>>)>;

impl Pages {
    /// Takes up a stored directory; where it is broken, says why.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        for found in record::decode(bytes) {
            let record::Found::Record(record) = found else { return Err("it is broken or of a later build") };
            record.header()?.take("next_page", &mut self.next_page).check()?;
            let mut rows = Vec::<DirectoryRow>::new();
            if !rows.fill(record.body) {
                return Err("its body has another shape");
            }
            for row in &rows {
                self.place(row);
            }
        }
        Ok(())
    }

    /// The directory's bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Addresses come collection by collection: each page's row of one is complete before the next begins.
        let mut rows: Vec<DirectoryRow> = Vec::new();
        let mut row_of: Ordered<u64, u32> = Ordered::default();
        for (address, page) in self.page_of.iter() {
            let at = row_of.get_or_insert_with((*page).into(), || u32::MAX);
            *at = add_to_row(&mut rows, *at as usize, *page, address) as u32;
        }
        let mut bytes = Vec::new();
        record::encode(&mut bytes, Kind::Directory, 0, &header::directory(self.next_page), &text_of(&rows));
        bytes
    }

    /// These documents are in that page from now on, and in no other.
    pub fn place(&mut self, (page, collection, keys): &DirectoryRow) {
        self.next_page = self.next_page.max(page.saturating_add(1));
        for key in keys {
            let address = Address::new(collection.clone(), key.clone());
            if let Some(earlier) = self.page_of.insert(address, *page) {
                self.count(earlier, 0, 1);
            }
        }
        self.count(*page, keys.len() as u32, 0);
    }

    /// This document is in no page any more.
    pub fn remove(&mut self, address: &Address) {
        if let Some(page) = self.page_of.remove(address) {
            self.count(page, 0, 1);
        }
    }

    fn count(&mut self, page: u32, more: u32, fewer: u32) {
        let count = self.counts.get_or_insert_with(page.into(), u32::default);
        *count = (*count + more).saturating_sub(fewer);
    }

    /// The page that holds `address`.
    pub fn page_of(&self, address: &Address) -> Option<u32> {
        self.page_of.get(address).copied()
    }

    /// How many documents are in pages.
    pub fn len(&self) -> usize {
        self.page_of.len()
    }

    /// All documents in pages.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.page_of.keys()
    }

    /// The documents in pages from this one on, in order.
    pub fn from(&self, address: &Address) -> impl Iterator<Item = &Address> {
        self.page_of.from(address).map(|(address, _)| address)
    }

    /// How many documents one page holds.
    pub fn count_of(&self, page: u32) -> u32 {
        self.counts.get(&page.into()).copied().unwrap_or_default()
    }

    /// The documents of one page.
    pub fn documents_of(&self, page: u32) -> Vec<Address> {
        let mut documents = Vec::new();
        for (address, at) in self.page_of.iter() {
            if *at == page {
                documents.push(address.clone());
            }
        }
        documents
    }

    /// Stored pages that hold nothing any more.
    pub fn empty(&self) -> Vec<u32> {
        let mut empty = Vec::new();
        for (page, count) in self.counts.iter() {
            if *count == 0 {
                empty.push(*page as u32);
            }
        }
        empty
    }

    /// Those pages are no longer stored.
    pub fn dropped(&mut self, pages: &[u32]) {
        for page in pages {
            self.counts.remove(&(*page).into());
        }
    }

    /// Fresh pages with the bases of these documents, about `page_bytes` of the options each, and their rows for the directory. The rows
    /// count only once the pages are stored: see [`Pages::place`].
    pub fn lay_out(&mut self, documents: &OrderedSet<Address>, replica: &Replica, config: &Config) -> (PageWrites, Vec<DirectoryRow>) {
        let mut pages = PageWrites::new();
        let (mut rows, mut at) = (Vec::new(), usize::MAX);
        let mut bytes = Vec::new();
        for address in documents.keys() {
            let Some(base) = replica.base(address) else { continue };
            if pages.is_empty() || bytes.len() as u64 >= config.page_bytes {
                self.next_page = self.next_page.max(1);
                fill(&mut pages, &mut bytes);
                pages.push((self.next_page, None));
                self.next_page += 1;
            }
            encode_base(&mut bytes, 0, address, base, config);
            at = add_to_row(&mut rows, at, self.next_page - 1, address);
        }
        fill(&mut pages, &mut bytes);
        (pages, rows)
    }
}

/// A page holds one more document: its key goes into the row `at`, where that is the page's row of its collection, and
/// else into a new one. Says which.
fn add_to_row(rows: &mut Vec<DirectoryRow>, at: usize, page: u32, address: &Address) -> usize {
    let key = address.key.clone();
    match rows.get_mut(at) {
        Some((of, collection, keys)) if *of == page && *collection == address.collection => {
            keys.push(key);
            at
        }
        _ => {
            rows.push((page, address.collection.clone(), vec![key]));
            rows.len() - 1
        }
    }
}

/// The last page has these bytes.
fn fill(pages: &mut PageWrites, bytes: &mut Vec<u8>) {
    if let Some((_, page)) = pages.last_mut() {
        *page = Some(std::mem::take(bytes));
    }
}

/// Bytes of a base's document.
pub fn size_of(base: &Base) -> usize {
    base.value.as_ref().map_or(0, |value| value.as_str().len())
}

/// A document's base, read from its record, and the app's version of its collection when that was written.
pub fn read_base(header: &mut Header<'_>, body: &str) -> Result<(Address, Box<Base>, u32), &'static str> {
    let mut of = 0_u32;
    let address = header.address();
    let mut base = Box::new(Base { version: Member::blank(), seq: None, generation: Member::blank(), value: None });
    header.take("version", &mut base.version);
    header.take("seq", &mut base.seq).take("generation", &mut base.generation);
    header.take_if_there("collection_version", &mut of).check()?;
    if !body.is_empty() {
        base.value = Some(Json::read(body).ok_or("its document cannot be read")?);
    }
    Ok((address, base, of))
}

/// Appends the record of one document's base.
pub fn encode_base(bytes: &mut Vec<u8>, ordinal: u32, address: &Address, base: &Base, config: &Config) {
    let header = header::base(address, &base.version, base.seq, &base.generation, config.version_of(&address.collection));
    record::encode(bytes, Kind::Base, ordinal, &header, base.value.as_ref().map_or("", |value| value.as_str()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_move_and_empty_pages_go() {
        let base = Base { version: "1".into(), seq: Some(1), generation: "g".into(), value: Some(Json::parse("{}").unwrap()) };
        let documents: Vec<Address> = ["a", "b", "c"].map(|key| Address::of("c", key)).into();
        let mut replica = Replica::default();
        let mut pages = Pages::default();
        let mut lay_out = |pages: &mut Pages, addresses: &[Address]| {
            let mut set = OrderedSet::default();
            for address in addresses {
                replica.rebase(address, false, Some(Box::new(base.clone())), &[]);
                set.insert(address.clone(), ());
            }
            let (stored, rows) = pages.lay_out(&set, &replica, &Config { page_bytes: 1, ..Config::default() });
            rows.iter().for_each(|row| pages.place(row));
            stored.iter().map(|(page, bytes)| (*page, bytes.is_some())).collect::<Vec<_>>()
        };
        assert_eq!(lay_out(&mut pages, &documents), [(1, true), (2, true), (3, true)]);
        lay_out(&mut pages, &documents[..1]);
        assert_eq!((pages.page_of(&documents[0]), pages.empty()), (Some(4), vec![1]));
        pages.dropped(&[1]);
        assert!(pages.empty().is_empty());
        let mut read = Pages::default();
        read.read(&pages.encode()).unwrap();
        assert!(read.page_of == pages.page_of);
        assert_eq!(read.next_page, 5);
        assert!(read.read(b"rubbish").is_err());
    }
}
