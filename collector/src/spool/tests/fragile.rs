//! A disk that keeps only what was synced, tears what was not, and fails when told to.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::spool::disk::{Disk, DiskFile};

/// What a disk writes at once.
const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
struct State {
    names: BTreeMap<String, usize>,
    /// By inode.
    files: BTreeMap<usize, Vec<u8>>,
}

#[derive(Clone, Debug)]
enum Change {
    Create(String, usize, usize),
    Rename(String, String),
    Remove(String),
    Write(usize, usize, Vec<u8>),
}

#[derive(Debug, Default)]
struct Platter {
    now: State,
    lasting: State,
    pending: Vec<Change>,
    inodes: usize,
    /// Operations until one fails, and whether every later one does too.
    fails_in: Option<(usize, bool)>,
}

/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Fragile(Arc<Mutex<Platter>>);

#[derive(Debug)]
pub struct FragileFile(Fragile, usize);

impl State {
    /// Of each sector a write touches: the new content, the old one, or neither, all of it.
    fn tear(&mut self, inode: usize, offset: usize, bytes: &[u8], is_lucky: &mut impl FnMut() -> bool) {
        let Some(file) = self.files.get_mut(&inode) else { return };
        let end = offset + bytes.len();
        for sector in (offset / SECTOR * SECTOR..end).step_by(SECTOR) {
            let touched = sector.max(offset)..(sector + SECTOR).min(end);
            if is_lucky() {
                file[touched.clone()].copy_from_slice(&bytes[touched.start - offset..touched.end - offset]);
            } else if is_lucky() {
                file[sector..sector + SECTOR].fill(0xA5);
            }
        }
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Create(name, inode, size) => {
                self.names.insert(name.clone(), *inode);
                self.files.entry(*inode).or_insert_with(|| vec![0; *size]);
            }
            Change::Rename(from, to) => {
                if let Some(inode) = self.names.remove(from) {
                    self.names.insert(to.clone(), inode);
                }
            }
            Change::Remove(name) => {
                self.names.remove(name);
            }
            Change::Write(inode, offset, bytes) => {
                if let Some(file) = self.files.get_mut(inode) {
                    file[*offset..offset + bytes.len()].copy_from_slice(bytes);
                }
            }
        }
    }
}

impl Fragile {
    fn lock(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap()
    }

    /// The operation after so many more fails, once or as all that follow.
    pub fn fail_in(&self, operations: usize, for_good: bool) {
        self.lock().fails_in = Some((operations, for_good));
    }

    pub fn heal(&self) {
        self.lock().fails_in = None;
    }

    /// What a machine finds after it lost its power: names changed up to some point, and of unsynced writes any
    /// sectors.
    pub fn crash(&self, mut is_lucky: impl FnMut() -> bool) -> Self {
        let platter = self.lock();
        let mut found = platter.lasting.clone();
        let mut are_names_lost = false;
        for change in &platter.pending {
            if let Change::Write(inode, offset, bytes) = change {
                found.tear(*inode, *offset, bytes, &mut is_lucky);
            } else {
                are_names_lost |= !is_lucky();
                if !are_names_lost {
                    found.apply(change);
                } else if let Change::Create(_, inode, size) = change {
                    found.files.entry(*inode).or_insert_with(|| vec![0; *size]);
                }
            }
        }
        let inodes = platter.inodes;
        Self(Arc::new(Mutex::new(Platter { now: found.clone(), lasting: found, inodes, ..Platter::default() })))
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut platter = self.lock();
        platter.step()?;
        platter.now.apply(&change);
        if let Change::Create(_, inode, size) = &change {
            platter.lasting.files.insert(*inode, vec![0; *size]);
        }
        platter.pending.push(change);
        Ok(())
    }

    fn sync(&self, is_of: impl Fn(&Change) -> bool) -> io::Result<()> {
        let mut platter = self.lock();
        platter.step()?;
        let (synced, pending) = std::mem::take(&mut platter.pending).into_iter().partition(|change| is_of(change));
        platter.pending = pending;
        let synced: Vec<Change> = synced;
        synced.iter().for_each(|change| platter.lasting.apply(change));
        Ok(())
    }
}

impl Platter {
    fn step(&mut self) -> io::Result<()> {
        match self.fails_in {
            Some((0, for_good)) => {
                if !for_good {
                    self.fails_in = None;
                }
                Err(io::Error::other("the disk fails"))
            }
            Some((left, for_good)) => {
                self.fails_in = Some((left - 1, for_good));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Disk for Fragile {
    type File = FragileFile;

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.lock().now.names.keys().cloned().collect())
    }

    fn create(&self, name: &str, size: u64) -> io::Result<FragileFile> {
        let inode = {
            let mut platter = self.lock();
            platter.inodes += 1;
            platter.inodes
        };
        self.change(Change::Create(name.to_owned(), inode, size as usize))?;
        Ok(FragileFile(self.clone(), inode))
    }

    fn open(&self, name: &str) -> io::Result<FragileFile> {
        let inode = self.lock().now.names.get(name).copied().ok_or(io::ErrorKind::NotFound)?;
        Ok(FragileFile(self.clone(), inode))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(Change::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(Change::Remove(name.to_owned()))
    }

    fn sync(&self) -> io::Result<()> {
        Self::sync(self, |change| !matches!(change, Change::Write(..)))
    }
}

impl DiskFile for FragileFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.lock().now.files[&self.1].len() as u64)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let platter = self.0.lock();
        let file = &platter.now.files[&self.1];
        let from = (offset as usize).min(file.len());
        let count = bytes.len().min(file.len() - from);
        bytes[..count].copy_from_slice(&file[from..from + count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.change(Change::Write(self.1, offset as usize, bytes.to_vec()))
    }

    fn sync(&self) -> io::Result<()> {
        Fragile::sync(&self.0, |change| matches!(change, Change::Write(inode, ..) if *inode == self.1))
    }
}
