//! Which page holds which document, and how documents become pages. A document that changes moves to a fresh page; a page
//! that nobody points at goes when the log is folded.

use super::record::{self, BaseHeader, DirectoryHeader, DirectoryRow, Kind};
use super::replica::Base;
use crate::ordered::{Ordered, OrderedSet};
use crate::protocol::Address;
use crate::protocol::member::{Member, text_of};

/// The directory.
#[derive(Debug, Default)]
pub struct Pages {
    page_of: Ordered<Address, u32>,
    documents: Ordered<u32, u32>,
    /// Pages that hold nothing any more and are still stored.
    empty: OrderedSet<u32>,
    next_page: u32,
}

impl Pages {
    /// Reads a directory, and where it is broken says why: then nothing is known of any page.
    pub fn parse(bytes: &[u8]) -> Result<Pages, &'static str> {
        let mut pages = Pages::default();
        for found in record::decode(bytes) {
            let record::Found::Record(record) = found else { return Err("it is broken or of a later build") };
            let header: DirectoryHeader = record.header()?;
            let rows: Vec<DirectoryRow> = Member::read(record.body).ok_or("its body has another shape")?;
            pages.next_page = pages.next_page.max(header.next_page);
            rows.iter().for_each(|row| pages.place(row));
        }
        Ok(pages)
    }

    /// The directory's bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Addresses come collection by collection: each page's row of one is complete before the next begins.
        let mut rows: Vec<DirectoryRow> = Vec::new();
        let mut row_of: Ordered<u32, usize> = Ordered::default();
        for (address, page) in self.page_of.iter() {
            let at = *row_of.get_or_insert_with(*page, || usize::MAX);
            match rows.get_mut(at).filter(|row| row.1 == address.collection) {
                Some(row) => row.2.push(address.key.clone()),
                None => {
                    row_of.insert(*page, rows.len());
                    rows.push((*page, address.collection.clone(), vec![address.key.clone()]));
                }
            }
        }
        let body = text_of(&rows);
        let mut bytes = Vec::new();
        record::encode(&mut bytes, Kind::Directory, 0, &DirectoryHeader { next_page: self.next_page }, &body);
        bytes
    }

    /// These documents are in that page from now on, and in no other.
    pub fn place(&mut self, (page, collection, keys): &DirectoryRow) {
        self.next_page = self.next_page.max(page.saturating_add(1));
        for key in keys {
            self.remove(&Address { collection: collection.clone(), key: key.clone() });
            self.page_of.insert(Address { collection: collection.clone(), key: key.clone() }, *page);
            *self.documents.get_or_insert_with(*page, || 0) += 1;
            self.empty.remove(page);
        }
    }

    /// This document is in no page any more.
    pub fn remove(&mut self, address: &Address) {
        let Some(page) = self.page_of.remove(address) else { return };
        let count = self.documents.get_or_insert_with(page, || 0);
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.documents.remove(&page);
            self.empty.insert(page, ());
        }
    }

    /// The page that holds `address`.
    pub fn page_of(&self, address: &Address) -> Option<u32> {
        self.page_of.get(address).copied()
    }

    /// All documents in pages.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.page_of.keys()
    }

    /// How many documents one page holds.
    pub fn count_of(&self, page: u32) -> u32 {
        self.documents.get(&page).copied().unwrap_or_default()
    }

    /// The documents of one page.
    pub fn documents_of(&self, page: u32) -> Vec<Address> {
        self.page_of.iter().filter(|(_, at)| **at == page).map(|(address, _)| address.clone()).collect()
    }

    /// Stored pages that hold nothing any more.
    pub fn empty(&self) -> impl Iterator<Item = u32> {
        self.empty.keys().copied()
    }

    /// Those pages are no longer stored.
    pub fn dropped(&mut self, pages: &[u32]) {
        self.empty.retain(|page, ()| !pages.contains(page));
    }

    /// Fresh pages with these documents, about `page_bytes` each, and their rows for the directory. The rows count only
    /// once the pages are stored: see [`Pages::place`].
    pub fn lay_out<'a>(
        &mut self,
        documents: impl Iterator<Item = (&'a Address, &'a Base)>,
        page_bytes: u64,
    ) -> (Vec<(u32, Vec<u8>)>, Vec<DirectoryRow>) {
        let (mut pages, mut rows): (Vec<(u32, Vec<u8>)>, Vec<DirectoryRow>) = (Vec::new(), Vec::new());
        for (address, base) in documents {
            if pages.last().is_none_or(|(_, bytes)| bytes.len() as u64 >= page_bytes) {
                self.next_page = self.next_page.max(1);
                pages.push((self.next_page, Vec::new()));
                self.next_page += 1;
            }
            let Some((page, bytes)) = pages.last_mut() else { continue };
            encode_base(bytes, 0, address, base);
            match rows.last_mut() {
                Some((at, collection, keys)) if at == page && *collection == address.collection => keys.push(address.key.clone()),
                _ => rows.push((*page, address.collection.clone(), vec![address.key.clone()])),
            }
        }
        (pages, rows)
    }
}

/// Appends the record of one document's base.
pub fn encode_base(bytes: &mut Vec<u8>, ordinal: u32, address: &Address, base: &Base) {
    let header = BaseHeader {
        collection: address.collection.clone(),
        key: address.key.clone(),
        version: base.version.clone(),
        seq: base.seq,
        generation: base.generation.clone(),
    };
    record::encode(bytes, Kind::Base, ordinal, &header, base.value.as_ref().map_or("", |value| value.as_str()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Json;

    #[test]
    fn documents_move_and_empty_pages_go() {
        let base = Base { version: "1".into(), seq: Some(1), generation: "g".into(), value: Some(Json::parse("{}").unwrap()) };
        let documents: Vec<Address> = ["a", "b", "c"].map(|key| Address::of("c", key)).into();
        let mut pages = Pages::default();
        let (stored, rows) = pages.lay_out(documents.iter().map(|address| (address, &base)), 1);
        assert_eq!(stored.iter().map(|(page, _)| *page).collect::<Vec<_>>(), [1, 2, 3]);
        rows.iter().for_each(|row| pages.place(row));
        let (_, rows) = pages.lay_out(documents[..1].iter().map(|address| (address, &base)), 1);
        rows.iter().for_each(|row| pages.place(row));
        assert_eq!((pages.page_of(&documents[0]), pages.empty().collect::<Vec<_>>()), (Some(4), vec![1]));
        let read = Pages::parse(&pages.encode()).unwrap();
        assert!(read.page_of == pages.page_of);
        assert_eq!(read.next_page, 5);
        assert!(Pages::parse(b"rubbish").is_err());
    }
}
